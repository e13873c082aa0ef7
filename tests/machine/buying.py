"""Worlds in which lists are bought: records come from them, turn out to be from one, or turn out not to be.

Of a record that says so only noes count, and only noes are written to it; who is known from nowhere else is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from connectors.base import Receipt, Write
from leads.model import ABSENT, Value
from leads.values import blank, same
from store import schema
from store.unit import Unit
from sync import engine
from sync.journal import Section
from sync.state import GONE, Ref, Role
from sync.view import is_no
from tests.machine.laws import bought, demand
from tests.machine.watch import OPEN, is_about
from tests.machine.world import RandomWorld


@dataclass(frozen=True, slots=True)
class Mark:
    """The field of a CRM that tells of a bought record, and a value that says otherwise."""

    remote: str
    bought: str
    own: str


MARKS = {
    "salesforce": Mark("LeadSource", "Purchased List", "Web"),
    "hubspot": Mark("hs_lead_status", "BAD_TIMING", "OPEN"),
}
OURS_TO_SAY = ("reason", "lead_id")  # what the hub says of a lead that is known from bought lists only, beside noes


@dataclass
class BuyingWorld(RandomWorld):
    """Beside everything else, people take bought lists into their CRMs."""

    offered: set[str] = field(default_factory=set)  # what stood in a record that was not bought when the hub could look, or in two

    def __post_init__(self) -> None:
        super().__post_init__()
        self.purchased = {crm: {mark.remote: [mark.bought]} for crm, mark in MARKS.items()}
        self.watchers = self._watchers()
        if not self.rows:
            self._have_bought()

    def _have_bought(self) -> None:
        """Some of those who are there, and somebody whom nobody knows."""
        for ref in sorted(self.look(*MARKS))[1::4]:
            self.say_bought(ref)
        self.bring()
        self.bring()

    def bring(self) -> None:
        """Somebody types in who stands on a bought list."""
        there = set(self.made)
        self.create(self.rng.choice(sorted(MARKS)))
        for ref in self.made - there:
            self.say_bought(ref)

    def create(self, crm: str = "") -> None:
        there = set(self.made)
        super().create(crm)
        live = self.look()
        for ref in self.made - there:  # it may have an address that somebody else's record shows
            shown = json.dumps(dict(live[ref].fields))
            self.offered |= {typed.token for typed in self.typed if typed.ref != ref and typed.token in shown}

    def buy(self) -> None:
        """A record turns out to be from a bought list."""
        there = sorted(self.look(*MARKS))
        if there:
            self.say_bought(self.rng.choice(there))

    def correct(self) -> None:
        """A record turns out not to be from a bought list."""
        there = sorted(bought(self, self.look(*MARKS)))
        if there:
            self.say_own(self.rng.choice(there))

    def say_bought(self, ref: Ref) -> None:
        self._say(ref, MARKS[ref.account].bought)

    def say_own(self, ref: Ref) -> None:
        self._say(ref, MARKS[ref.account].own)

    def _say(self, ref: Ref, where_from: str) -> None:
        self.do(ref.account, "edit", ref.object, ref.id, fields={MARKS[ref.account].remote: where_from})

    def run(self, what: Any, name: str) -> Any:
        self.note_what_is_offered()
        return super().run(what, name)

    def note_what_is_offered(self) -> None:
        new = [typed for typed in self.typed if typed.token not in self.offered]
        silent = bought(self, self.look(*MARKS)) if new else set()
        self.offered |= {typed.token for typed in new if typed.ref not in silent}

    def _account(self, crm: str) -> Any:
        account = super()._account(crm)
        return replace(account, connector=OnlyNoes(account.connector, self, crm))

    def full_sync(self) -> engine.Report | None:
        hits, before = self.strikes(), fields_of_leads(self)
        report = super().full_sync()
        nothing_is_said_by_a_bought_list(self)
        if report is not None:
            who_is_bought_is_left_alone(self, before)
            if self.strikes() == hits and not report.stopped:
                roles_are_as_the_records_say(self)
        return report


class OnlyNoes:
    """A connector to which nothing but noes goes for a record in quarantine, and no create of a lead that is known from nowhere else."""

    def __init__(self, connector: Any, world: BuyingWorld, crm: str) -> None:
        self.inner, self.world, self.crm = connector, world, crm

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        with self.world.mortal.inner.engine.connect() as connection:
            unit = Unit(connection)
            links = unit.links_at(self.crm, object, [write.id for write in writes if write.id is not None])
            sent = unit.entries(account=self.crm, states=OPEN)
            unheard = quarantined_leads(unit, [entry.write.lead_id for entry in sent])
        noes = {row.remote for row in self.world.dialect(Ref(self.crm, object, "")).rows if is_no(row.lead)}
        for write in writes:
            mine = [entry.write for entry in sent if is_about(entry.write, write)]
            if any(one.section is Section.UNDO for one in mine):
                continue  # somebody asked for it
            if write.id is None:
                demand(not {one.lead_id for one in mine} & unheard, f"{self.crm} gets a new record of who is on a bought list: {mine}")
            elif write.id in links and links[write.id][0].role is Role.QUARANTINED:
                more = set(write.fields) - noes
                demand(not more, f"{self.crm} {object} {write.id} is bought and gets {sorted(more)}")
        receipts: list[Receipt] = self.inner.write(object, writes)
        return receipts


def quarantined_leads(unit: Unit, ids: Sequence[str]) -> set[str]:
    """Those of these leads that nothing but bought lists ever told of."""
    links = unit.links_of(sorted(set(ids)))
    return {id for id, found in links.items() if found and all(link.role is Role.QUARANTINED for link, _ in found)}


def fields_of_leads(world: BuyingWorld) -> dict[str, Mapping[str, Value]]:
    with world.mortal.inner.begin() as unit:
        return {id: lead.fields for id, lead in unit.leads(unit.lead_ids("", 10_000)).items()}


def who_is_bought_is_left_alone(world: BuyingWorld, before: Mapping[str, Mapping[str, Value]]) -> None:
    """Who is known from bought lists only has no score, and is not told anything by a run: no stage, no owner, no field.

    `before` is what the leads said before the run; what one of them said that is gone by now, the other one says.
    """
    with world.mortal.inner.begin() as unit:
        ids = unit.lead_ids("", 10_000)
        leads, unheard = unit.leads(ids), quarantined_leads(unit, ids)
    gone = [fields for id, fields in before.items() if id not in leads]
    for id in sorted(unheard):
        said = [before.get(id, {}), *gone]
        for name, value in leads[id].fields.items():
            if name in ("score", "grade"):
                demand(blank(value), f"lead {id} is known from a bought list and has the {name} {value}")
            elif not (is_no(name) or name in OURS_TO_SAY):
                known = any(same(value, one.get(name, ABSENT)) for one in said)
                demand(known, f"lead {id} is known from a bought list and was given the {name} {value!r}")


def roles_are_as_the_records_say(world: BuyingWorld) -> None:
    """After everything was read, whoever says that it was bought is in quarantine, and nobody else."""
    live = world.look()
    says = bought(world, live)
    with world.mortal.inner.begin() as unit:
        links = [link for found in unit.links_of(unit.lead_ids("", 10_000)).values() for link, _ in found]
    wrong = [link for link in links if link.ref in live and link.state not in GONE]
    wrong = [link for link in wrong if (link.role is Role.QUARANTINED) is not (link.ref in says)]
    demand(not wrong, f"in quarantine and not bought, or bought and not in quarantine: {wrong}")


def nothing_is_said_by_a_bought_list(world: BuyingWorld) -> None:
    """What was never offered but by bought records stands in no lead, in no history of one, and in no other CRM."""
    silent = [typed for typed in world.typed if typed.token not in world.offered]
    if not silent:
        return
    columns = (schema.lead.c.fields, schema.lead.c.asked, schema.revision.c.changes)
    with world.mortal.inner.engine.connect() as connection:
        heard = "\n".join(str(value) for column in columns for (value,) in connection.execute(sa.select(column)))
    shown = {crm: json.dumps(app.records()) for crm, app in world.apps.items()}
    for typed in silent:
        demand(typed.token not in heard, f"only a bought record says it, and a lead does: {typed}")
        where = [crm for crm, records in shown.items() if crm != typed.ref.account and typed.token in records]
        demand(not where, f"only a bought record says it, and {where} shows it: {typed}")
