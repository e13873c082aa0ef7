"""Restricting (shell): what records tell about consent is filed before any lead is worked on; a no whatever the scope says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import Record
from leads.consent.document import addressed
from leads.model import ABSENT
from mappings.consents import heard
from mappings.sets import shown
from sync.observe import Heard, acts, is_address, withdrawals
from sync.plan import address, lead_address, person_at
from sync.state import Base, Link, Ref, Restriction
from sync.view import SETS, channel_of, is_no, set_of, went_with_its_address
from sync.workspace import Pass

Links = Mapping[Ref, tuple[Link, Base]]


def links_of(unit: Any, refs: Iterable[Ref]) -> Links:
    """The links of these records, with their bases, for those that have one."""
    ids: dict[tuple[str, str], list[str]] = {}
    for ref in refs:
        ids.setdefault((ref.account, ref.object), []).append(ref.id)
    found = {(account, object): unit.links_at(account, object, of) for (account, object), of in ids.items()}
    return {Ref(*where, id): link for where, links in found.items() for id, link in links.items()}


def restrict(turn: Pass, unit: Any, dialect: Any, records: Mapping[Ref, Record], links: Links) -> None:
    """File every no that a record shows and its base has not seen.

    It covers the addresses shown now and those shown before: the address may have been changed after the no. An address that is
    typed into a record that says no, or said it until then, is denied with it: a corrected address is no consent.
    """
    found: list[Restriction] = []
    for ref, record in records.items():
        link, base = links.get(ref, (None, Base()))
        for channel, name, is_new, said in _denied(dialect, record, base):
            before = {row.remote: base.pair(row.id).seen for row in dialect.sets[name]}
            now_shown, shown_before = (shown(dialect.sets[name], fields) for fields in ({**before, **record.fields}, before))
            had = {item.key for item in shown_before}
            items = [*now_shown, *shown_before] if is_new else [item for item in now_shown if item.key not in had]
            places = [address(name, item.key) for item in items]
            if is_new and link is not None and all(item.is_raw for item in items):
                places.append(lead_address(link.lead_id))
            seen_at = said or (record.changed_at if record.changed_at is not None else turn.now)
            found += [Restriction(channel, place, ref, seen_at, said is not None) for place in places]
    unit.touch(_covered(unit, found))
    unit.add_events(addressed(withdrawals(found, _read_at(links), turn.run, turn.now)), f"run:{turn.run}", turn.now)


def _covered(unit: Any, noes: Iterable[Restriction]) -> set[str]:
    """The leads that have an address which is denied now; a person's no denies all addresses that are the person's."""
    places = {one.address for one in noes}
    persons = {person for place in places if (person := person_at(place)) != ""}
    return set().union(unit.sharing(persons), *unit.leads_at(places).values())


def hear(turn: Pass, unit: Any, dialect: Any, records: Mapping[Ref, Record], links: Links) -> None:
    """File what else records tell about consent, and differently than before: asked, agreed, bounced, taken back a no."""
    found = [
        Heard(kind, channel, place, ref, said or record.changed_at, said is not None)
        for ref, record in records.items()
        if ref in links and record.ending is None
        for channel, kind, said in _told(dialect, record, links[ref][1])
        for place in _first_place(dialect, record, links[ref][1], channel)
    ]
    unit.add_events(addressed(acts(found, _read_at(links), turn.run, turn.now)), f"run:{turn.run}", turn.now)


def _read_at(links: Links) -> dict[Ref, datetime | None]:
    return {ref: base.read_at for ref, (_, base) in links.items()}


def _told(dialect: Any, record: Record, base: Base) -> Iterator[tuple[str, str, datetime | None]]:
    """(channel, kind of event, when it was said if the CRM tells) for every value that says something else than it did.

    What is seen for the first time is as found.
    """
    spelled_out = {channel_of(row.lead).partition("/")[0] for row in dialect.rows if "grant" in row.hears.values()}
    for row in dialect.rows:
        if not is_no(row.lead) or not base.knows(row.id) or row.remote not in record.fields:
            continue
        theirs, pair = record.fields[row.remote], base.pair(row.id)
        if theirs == pair.seen or row.parse(theirs, ABSENT) is True or went_with_its_address(row, dialect, record.fields, base):
            continue
        kind = heard(row.hears, theirs)
        by_itself = channel_of(row.lead) not in spelled_out  # where a CRM says more than a flag, the flag is no word of its own
        if kind == "" and by_itself and row.parse(pair.seen, ABSENT) is True and row.parse(theirs, ABSENT) is False:
            kind = "grant"
        if kind != "":
            yield channel_of(row.lead), kind, record.said.get(row.remote)


def _first_place(dialect: Any, record: Record, base: Base, channel: str) -> list[str]:
    """The very address that a CRM keeps such a status for: the first one of the record."""
    name = set_of(channel)
    before = {row.remote: base.pair(row.id).seen for row in dialect.sets[name]}
    kind = "email" if name == "emails" else "phone"
    items = [item for item in shown(dialect.sets[name], {**before, **record.fields}) if is_address(f"{kind}:{item.key}")]
    return [f"{kind}:{item.key}" for item in items[:1]]


def restrict_nameless(turn: Pass, unit: Any, dialect: Any, placed: Sequence[tuple[Link, Record]]) -> None:
    """A no on a record without an address that can be read holds for the lead."""
    found = [
        Restriction(channel, lead_address(link.lead_id), link.ref, record.changed_at if record.changed_at is not None else turn.now)
        for link, record in placed
        for channel, name, _, _ in _denied(dialect, record, Base())
        if all(item.is_raw for item in shown(dialect.sets[name], record.fields))
    ]
    unit.touch(_covered(unit, found))
    unit.add_events(addressed(withdrawals(found, {}, turn.run, turn.now)), f"run:{turn.run}", turn.now)


def _denied(dialect: Any, record: Record, base: Base) -> Iterator[tuple[str, str, bool, datetime | None]]:
    """The channels for which a record says no, the set that it covers, whether the base has not seen it yet, and when it was said.

    A no to all marketing says all that narrower ones would say: beside it they are no news. Where it follows from these, it is none
    itself unless one of them is: we left a list, and it was the last one.
    """
    now = {row.id: record.fields.get(row.remote, base.pair(row.id).seen) for row in dialect.rows if is_no(row.lead)}
    noes = [row for row in dialect.rows if row.id in now and row.parse(now[row.id], ABSENT) is True]
    wide = {channel_of(row.lead) for row in noes}
    new = {row.id for row in noes if now[row.id] != base.pair(row.id).seen}
    for row in noes:
        channel = channel_of(row.lead)
        implied = "/" in channel and channel.partition("/")[0] in wide
        others = {one.id for one in noes if one is not row and channel_of(one.lead).partition("/")[0] == channel} if row.derived else set()
        follows = len(others) > 0 and new.isdisjoint(others)
        yield channel, set_of(channel), row.id in new and not implied and not follows, record.said.get(row.remote)
    for row in dialect.rows:
        if is_no(row.lead) and row.remote in record.fields and went_with_its_address(row, dialect, record.fields, base):
            yield channel_of(row.lead), set_of(channel_of(row.lead)), False, None


def addresses_of(dialect: Any, fields: Mapping[str, Any]) -> set[str]:
    """What a record with these fields is filed under: its e-mail addresses and phone numbers."""
    return {address(name, item.key) for name in SETS for item in shown(dialect.sets[name], fields)}
