"""What must hold in every random world once it has fallen quiet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from leads.model import ABSENT
from mappings.sets import project, shown
from mappings.values import Held
from store import schema
from sync import engine
from sync.plan import address
from sync.settle import is_spelling
from sync.state import LinkState, Ref, Role
from sync.view import SETS, is_no
from tests.sync.rig import totals

if TYPE_CHECKING:
    from connectors.base import Record
    from tests.machine.world import RandomWorld


class Broken(AssertionError):
    """A law does not hold."""


def demand(holds: bool, message: str) -> None:
    if not holds:
        raise Broken(message)


def check(world: RandomWorld) -> None:
    reports = world.settle_down()
    out = totals(reports[-1])
    demand(not any(out.values()), f"not quiet in round 3: {[totals(report) for report in reports]}")
    live = world.look()
    no_is_loosened(world, world.denied)
    nothing_typed_is_lost(world)
    what_is_denied_is_what_the_ledger_says(world)
    nothing_is_created_twice(world, live)
    leads_are_shown(world, live)
    verify_finds_nothing(world, live)


def verify_finds_nothing(world: RandomWorld, live: Mapping[Ref, Record]) -> None:
    """`verify` has nothing to tell but records that are there no more, and bounces: those move no time stamp of a contact."""
    with world.calm():
        checked, stopped = engine.check(world.workspace())
    demand(not stopped, f"verify could not ask: {stopped}")
    for found in checked.differences:
        bounced = found.kind == "unread" and is_no(found.field) and found.ref in live and has_bounced(live[found.ref])
        demand((found.kind == "gone" and found.ref not in live) or bounced, f"verify tells of {found}")


def has_bounced(record: Record) -> bool:
    """Whether an ActiveCampaign contact's list says so."""
    return any(value == "3" for name, value in record.fields.items() if name.startswith("list:"))


def what_is_denied_is_what_the_ledger_says(world: RandomWorld) -> None:
    with world.mortal.inner.begin() as unit:
        demand(not (wrong := list(unit.misread())), f"what is denied is not what the ledger says: {wrong}")


def nothing_read_is_lost(world: RandomWorld) -> None:
    """After every complete run: what was read is in a lead, in its history, in or in a question."""
    known = remembered(world)
    for typed in world.typed:
        demand(not typed.exposed or typed.token in known, f"read and lost: {typed}")


def nothing_typed_is_lost(world: RandomWorld) -> None:
    """In a lead, in its history, in a question to a person, or in a record that is left alone and named among the problems.

    What a record says that was bought is not heard. What it had said before it was known to be bought is.
    """
    known, alone, silent = remembered(world), left_alone(world), bought(world, world.look())
    for typed in world.typed:
        if (typed.excuse == "" or typed.exposed) and typed.ref not in alone and (typed.exposed or typed.ref not in silent):
            demand(typed.token in known, f"lost{'' if typed.exposed else ', and never read'}: {typed}")


def bought(world: RandomWorld, live: Mapping[Ref, Record]) -> set[Ref]:
    """The records that say that they are from a bought list."""
    return {ref for ref, record in live.items() if world.dialect(ref).is_purchased(record.fields)}


def left_alone(world: RandomWorld) -> set[Ref]:
    """Records that carry the id of a lead which the store does not know."""
    problem = schema.problem.c
    query = sa.select(problem.account, problem.object, problem.record).where(problem.cause == "foreign_keys")
    with world.mortal.inner.engine.connect() as connection:
        return {Ref(*row) for row in connection.execute(query)}


def remembered(world: RandomWorld) -> str:
    columns = (schema.lead.c.fields, schema.revision.c.changes, schema.review.c.question)
    with world.mortal.inner.engine.connect() as connection:
        return "\n".join(str(value) for column in columns for (value,) in connection.execute(sa.select(column)))


def mailboxes(world: RandomWorld, ref: Ref, record: Record) -> set[str]:
    return {address("emails", item.key) for item in shown(world.dialect(ref).sets["emails"], record.fields)}


def no_is_loosened(world: RandomWorld, denied: set[str]) -> None:
    """No record shows "may contact" for an address that some CRM denied before a complete run, unless its CRM refuses and that is told."""
    live = world.look()
    denying = world.denying(live) | {ref for ref in alarmed(world) if world.may_refuse(ref)}
    for ref, record in live.items():
        loose = mailboxes(world, ref, record) & denied if ref not in denying else set()
        demand(not loose, f"{ref} may contact {sorted(loose)}")


def alarmed(world: RandomWorld) -> set[Ref]:
    """The records of which a problem says that a no could not be shown there."""
    problem = schema.problem.c
    query = sa.select(problem.account, problem.object, problem.record).where(problem.field.startswith("opt_out.email"))
    with world.mortal.inner.engine.connect() as connection:
        return {Ref(*row) for row in connection.execute(query)}


def nothing_is_created_twice(world: RandomWorld, live: dict[Ref, Record]) -> None:
    """Every record is somebody's or our own, and ours exists once, even where it has ended."""
    keys: Counter[tuple[str, str]] = Counter()
    for crm in world.apps:
        for object, records in world.apps[crm].records().items():
            if (crm, object) in world.watchers:
                key = world.watchers[crm, object][1].key_name
                for record in records:
                    found = json.dumps(record)
                    keys.update((crm, part.split('"')[0]) for part in found.split('"lk_')[1:2])
                    demand(key != "", "a key has a name")
    twice = [key for key, number in keys.items() if number > 1 and not carried_over(world, *key)]
    demand(not twice, f"created twice: {twice}")
    for ref, record in live.items():
        ours = str(record.fields.get(world.dialect(ref).key_name) or "").startswith("lk_")
        demand(ours or ref in world.made, f"nobody made {ref}")


def carried_over(world: RandomWorld, crm: str, key: str) -> bool:
    """A merge or a conversion leaves the key in the record that ended, too, and the undo of an undone create makes it again."""
    return world.undone or any(f"person in {crm}" in line and (": merge" in line or ": convert" in line) for line in world.story)


def leads_are_shown(world: RandomWorld, live: dict[Ref, Record]) -> None:
    """Every main record shows its lead in its CRM's way, except what is held; and the base knows what is shown, in quarantine too."""
    with world.mortal.inner.begin() as unit:
        ids = unit.lead_ids("", 10_000)
        leads, links = unit.leads(ids), unit.links_of(ids)
    unlinked = set(live) - {link.ref for found in links.values() for link, _ in found if link.state is not LinkState.ENDED}
    unlinked -= left_alone(world)
    demand(not unlinked, f"live, but linked to nobody: {sorted(unlinked)}")
    for id, found in links.items():
        for link, base in found:
            if link.role is Role.MAIN and link.state is LinkState.ACTIVE and link.ref in live:
                record_shows(world, leads[id], link.ref, live[link.ref], base)
            if link.role is Role.QUARANTINED and link.state is LinkState.ACTIVE and link.ref in live:
                base_knows(world, link.ref, live[link.ref], base)


def base_knows(world: RandomWorld, ref: Ref, record: Record, base: Any) -> None:
    for row in world.dialect(ref).rows:
        pair, theirs = base.pair(row.id), record.fields.get(row.remote)
        if row.remote not in record.fields:
            continue
        # A bounce moves no time stamp of an ActiveCampaign contact: it is read with the next change.
        bounced = row.remote.startswith(("list:", "opt_out:")) and has_bounced(record)
        # A no that could not be written is held also where the field was never read: without an objection it says nothing then.
        unread = is_no(row.lead) and pair.seen is None and row.parse(theirs) is not True
        demand(
            not base.knows(row.id) or pair.seen == theirs or bounced or unread,
            f"{ref} {row.id}: the base says {pair.seen!r}, the CRM shows {theirs!r}",
        )


def record_shows(world: RandomWorld, lead: Any, ref: Ref, record: Record, base: Any) -> None:
    base_knows(world, ref, record, base)
    dialect = world.dialect(ref)
    for row in dialect.rows:
        value, pair, theirs = lead.fields.get(row.lead, ABSENT), base.pair(row.id), record.fields.get(row.remote)
        if row.remote not in record.fields:
            continue
        if row.lead in lead.asked or is_no(row.lead) or not row.written or row.create_only or value is ABSENT or pair.refused is not None:
            continue
        expected = row.format(value, theirs)
        demand(
            isinstance(expected, Held) or expected == theirs or row.fits(theirs, value) or is_spelling(expected, theirs),
            f"{ref} {row.id} shows {theirs!r}, the lead {lead.id} has {value!r}; {pair}",
        )
    for name in SETS:
        value = lead.fields.get(name, ABSENT)
        if value is ABSENT:
            continue
        for remote, owed in project(dialect.sets[name], value, record.fields).items():
            row = next(row for row in dialect.sets[name] if row.remote == remote)
            demand(
                isinstance(owed, Held) or base.pair(row.id).refused is not None,
                f"{ref} {row.id} shows {record.fields.get(remote)!r} instead of {owed!r} for {value}",
            )
