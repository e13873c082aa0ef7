"""Restricting (shell): a no that a record shows is filed before any lead is worked on, whatever the scope says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import Record
from leads.consent.document import addressed
from leads.model import ABSENT
from mappings.sets import shown
from sync.observe import withdrawals
from sync.plan import address, lead_address
from sync.state import Base, Link, Ref, Restriction
from sync.view import RESTRICTIONS, SETS, set_of
from sync.workspace import Pass


def restrict(turn: Pass, unit: Any, dialect: Any, records: Mapping[Ref, Record]) -> None:
    """File every no that a record shows and its base has not seen.

    It covers the addresses shown now and those shown before: the address may have been changed after the no. An address that is
    typed into a record that says no is denied with it: a corrected address is no consent.
    """
    known: dict[tuple[str, str], list[str]] = {}
    for ref in records:
        known.setdefault((ref.account, ref.object), []).append(ref.id)
    links = {
        Ref(account, object, id): found
        for (account, object), ids in known.items()
        for id, found in unit.links_at(account, object, ids).items()
    }
    found: list[Restriction] = []
    for ref, record in records.items():
        link, base = links.get(ref, (None, Base()))
        for channel, name, is_new in _denied(dialect, record, base):
            before = {row.remote: base.pair(row.id).seen for row in dialect.sets[name]}
            now_shown, shown_before = (shown(dialect.sets[name], fields) for fields in ({**before, **record.fields}, before))
            had = {item.key for item in shown_before}
            items = [*now_shown, *shown_before] if is_new else [item for item in now_shown if item.key not in had]
            places = [address(name, item.key) for item in items]
            if is_new and link is not None and all(item.is_raw for item in items):
                places.append(lead_address(link.lead_id))
            found += [
                Restriction(channel, place, ref, record.changed_at if record.changed_at is not None else turn.now) for place in places
            ]
    fresh = unit.restrict(found, turn.run)
    unit.touch(id for ids in unit.leads_at(fresh).values() for id in ids)
    since = {ref: base.read_at for ref, (_, base) in links.items()}
    unit.add_events(addressed(withdrawals(found, since, turn.run, turn.now)), f"run:{turn.run}", turn.now)


def restrict_nameless(turn: Pass, unit: Any, dialect: Any, placed: Sequence[tuple[Link, Record]]) -> None:
    """A no on a record without an address that can be read holds for the lead."""
    found = [
        Restriction(channel, lead_address(link.lead_id), link.ref, record.changed_at if record.changed_at is not None else turn.now)
        for link, record in placed
        for channel, name, _ in _denied(dialect, record, Base())
        if all(item.is_raw for item in shown(dialect.sets[name], record.fields))
    ]
    unit.restrict(found, turn.run)


def _denied(dialect: Any, record: Record, base: Base) -> Iterator[tuple[str, str, bool]]:
    """The channels for which a record says no, the set that it covers, and whether the base has not seen it yet."""
    for row in dialect.rows:
        if row.lead not in RESTRICTIONS:
            continue
        seen = base.pair(row.id).seen
        theirs = record.fields.get(row.remote, seen)
        if row.parse(theirs, ABSENT) is True:
            channel = row.lead.partition(".")[2]
            yield channel, set_of(channel), theirs != seen


def addresses_of(dialect: Any, fields: Mapping[str, Any]) -> set[str]:
    """What a record with these fields is filed under: its e-mail addresses and phone numbers."""
    return {address(name, item.key) for name in SETS for item in shown(dialect.sets[name], fields)}
