"""Consents (shell): acts that are told to the hub go into the ledger, and what they restrict is denied at once.

A no reaches every CRM with the next sync. A yes changes no CRM: permissions are shown where they are proved, never spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from leads import suppression
from leads.consent.denial import EVERY_CHANNEL, MARKETING
from leads.consent.document import addressed
from leads.consent.event import ANY, RESTRICTIONS, Event, Kind, Scope
from leads.consent.fold import Orders, fold
from leads.consent.policy import Policy
from leads.consent.reading import read_events
from leads.consent.status import WORST, Answer, Key, Links, status_of
from sync.state import Base, Joining, Link, LinkState, Way
from sync.workspace import Stopped, Workspace

CHUNK: Final = 200

Noted = tuple[Event, Mapping[str, Any]]  # an event with its document


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many events are new, and how many were about erased people: those are not stored."""

    added: int
    parked: int


def record(workspace: Workspace, rows: Sequence[Mapping[str, Any]], actor: str) -> Recorded:
    """Add events that were told to the hub. Raises `ConsentFileWrong` before anything is written."""
    told = addressed(rows)
    now = workspace.now()
    with workspace.store.lease(), workspace.store.begin() as unit:
        erased = erased_among(workspace, unit, {place for event, _ in told for place in (event.identifier, event.mailbox)})
        events = [pair for pair in told if erased.isdisjoint((pair[0].identifier, pair[0].mailbox))]
        fresh = set(unit.add_events(events, actor, now))
        added = [pair for pair in events if pair[0].name in fresh]
        unit.add_events(list(_of_those_behind(unit, added)), actor, now)
        unit.touch(_concerned(unit, [event for event, _ in added]))
    return Recorded(len(fresh), len(told) - len(events))


def erased_among(workspace: Workspace, unit: Any, places: Iterable[str]) -> set[str]:
    """The addresses of erased people among these, also where the store is an older copy that does not know of it."""
    sealed = {place: suppression.seals(workspace.suppression.keys(), place) for place in places if place != ""}
    listed = {entry.seal for entry in workspace.suppression.entries()}
    known = listed | unit.suppressed({seal for found in sealed.values() for seal in found})
    return {place for place, found in sealed.items() if not known.isdisjoint(found)}


def invalidate(workspace: Workspace, run: str, by: str) -> int:
    """Take back what one run saw in the CRMs, never an act of a person; returns how many observations that were.

    Raises `Stopped` for a run that never was: what a later one will see must not be taken back before it is seen.
    """
    now, batch = workspace.now(), f"run:{run}"
    with workspace.store.begin() as unit:
        if unit.run(run) is None:
            raise Stopped(f"There is no run {run}. `leadloom runs` lists them.", exit_code=2)
        seen = len(unit.observed_in(batch))
    at = {"lo": now.isoformat(), "hi": now.isoformat()}
    order = {"kind": "invalidate", "occurred": at, "provenance": "operator", "refs": {"batch": batch}, "clock": "hub"}
    if seen:
        record(workspace, [order], by)
    return seen


def _of_those_behind(unit: Any, added: Iterable[Noted]) -> Iterator[Noted]:
    """What somebody said as a person holds for the leads that have the address when it is said, whatever becomes of the address."""
    personal = [pair for pair in added if pair[0].kind in RESTRICTIONS and pair[0].scope is Scope.PERSON]
    behind = unit.leads_at({event.mailbox for event, _ in personal})
    for event, document in personal:
        yield from retold([document], behind.get(event.mailbox, set()) - event.persons)


def retold(documents: Iterable[Mapping[str, Any]], lead_ids: Iterable[str]) -> list[Noted]:
    """The same noes, as those of these leads."""
    ids = sorted(lead_ids)
    return addressed([{**one, "identifier": f"lead:{id}", "scope": "person", "person": id} for one in documents for id in ids])


def _concerned(unit: Any, added: Sequence[Event]) -> set[str]:
    """The leads that have to be looked at again, also those whose noes were taken back. No CRM is loosened by that."""
    orders = Orders.among(added)
    taken = read_events([document for _, document in unit.every_event()] if orders.names or orders.batches else [])
    events = [*added, *(event for event in taken if orders.take_back(event))]
    mailboxes = {event.mailbox for event in events if event.mailbox}
    persons = {person for event in events for person in event.persons}
    leads = {lead for ids in unit.leads_at(mailboxes).values() for lead in ids} | persons
    if not any(event.scope is Scope.PERSON for event in events):
        return leads
    others = {place for lead in leads for place in unit.addresses_of(lead)}
    return leads | {lead for ids in unit.leads_at(others).values() for lead in ids}


def about(unit: Any, addresses: Mapping[str, str], lead_ids: Sequence[str]) -> tuple[list[Event], Links]:
    """The events that bear on these addresses (identifier -> mailbox), and whom the addresses belong to."""
    links = {name: frozenset(ids) for name, ids in unit.leads_at([*addresses, *addresses.values()]).items()}
    persons = {lead for ids in links.values() for lead in ids} | set(lead_ids)
    parted = [one for one in unit.joinings_of(persons) if one.way is Way.PART]
    everybody = {*persons, *_former_names(unit, persons), *(id for one in parted for id in (one.kept, one.gone))}
    others = {place for lead in everybody for place in unit.addresses_of(lead)}
    events = read_events(unit.events_about({*addresses.values(), *others}, everybody))
    every = {name: frozenset(ids) for name, ids in unit.leads_at([*others, *addresses, *addresses.values()]).items()}
    names = unit.survivors({id for event in events for id in event.persons})
    return [_of_whom_it_may_be(event, names, parted, every) for event in events], every


def _former_names(unit: Any, leads: Iterable[str]) -> set[str]:
    return {name for names in unit.also_called(leads).values() for name in names}


def _of_whom_it_may_be(event: Event, names: Mapping[str, str], parted: Sequence[Joining], links: Links) -> Event:
    """A no of a lead that is part of another is that one's; one that was said before two leads parted is of both."""
    if event.kind not in RESTRICTIONS:
        return event
    named = frozenset(names.get(id, id) for id in event.persons)
    said = named or links.get(event.identifier, frozenset()) | links.get(event.mailbox, frozenset())
    for one in parted:
        both = {one.kept, one.gone}
        if event.observed_at <= one.at.timestamp() and not both.isdisjoint(said):
            named = said = said | both
    return event if named == event.persons else replace(event, persons=named)


def answers(
    unit: Any, addresses: Mapping[str, str], lead_ids: Sequence[str], purposes: Iterable[str], now: datetime, policy: Policy
) -> list[tuple[Key, Answer]]:
    """What holds for every address, purpose and channel that can be asked of it, and for further channels that somebody spoke of."""
    events, links = about(unit, addresses, lead_ids)
    folded = fold(events, policy)
    keys = [
        Key(identifier, mailbox, purpose, channel)
        for identifier, mailbox in sorted(addresses.items())
        for channel in (*_usual(identifier), *_spoken_of(events, mailbox))
        for purpose in purposes
    ]
    return [(key, status_of(folded, key, now.timestamp(), policy, links)) for key in keys]


def _usual(identifier: str) -> tuple[str, ...]:
    return ("email",) if identifier.startswith("email:") else ("phone", "sms")


def _spoken_of(events: Iterable[Event], mailbox: str) -> list[str]:
    """The further channels that events at this address, or of the person, are about."""
    about = {channel for event in events if event.mailbox == mailbox or event.scope is Scope.PERSON for channel in event.channels}
    return sorted(about - {ANY, *EVERY_CHANNEL})


def act(kind: Kind, identifier: str, at: datetime, **more: Any) -> dict[str, Any]:
    """An event as an operator tells it."""
    when = at.astimezone(UTC).isoformat()
    said = {"kind": kind.value, "identifier": identifier, "occurred": {"lo": when, "hi": when}, "clock": "hub", "observed_at": when}
    return {**said, "provenance": "operator", **more}


def purposes_about(unit: Any, addresses: Mapping[str, str], lead_ids: Sequence[str]) -> list[str]:
    """The purposes that the events on these addresses speak of, without those that are only about everything below them."""
    events, _ = about(unit, addresses, lead_ids)
    return sorted({purpose for event in events for purpose in event.purposes} - {ANY, MARKETING})


Flags = Mapping[tuple[str, str], Mapping[str, str]]  # (account, object) -> row of a mapping -> the channel that it denies


def conflicts(unit: Any, flags: Flags, now: datetime, policy: Policy) -> Iterator[dict[str, Any]]:
    """Records of CRMs that show "may contact" where the ledger does not permit it, lead by lead."""
    after = ""
    while ids := unit.lead_ids(after, CHUNK):
        links = unit.links_of(ids)
        for lead_id in ids:
            yield from _conflicts_of(unit, lead_id, links.get(lead_id, []), flags, now, policy)
        after = ids[-1]


def _conflicts_of(
    unit: Any, lead_id: str, links: Sequence[tuple[Link, Base]], flags: Flags, now: datetime, policy: Policy
) -> Iterator[dict[str, Any]]:
    shown = [(link, channel) for link, base in links for channel in _permissive(link, base, flags)]
    if not shown:
        return
    addresses = {place: place for place in unit.addresses_of(lead_id)}
    found = answers(unit, addresses, [lead_id], ["marketing"], now, policy)
    for link, channel in shown:
        denied = [answer for key, answer in found if key.channel == channel and not answer.permitted]
        if denied:
            worst = min(denied, key=lambda answer: answer.status not in WORST)
            yield {
                "account": link.ref.account,
                "object": link.ref.object,
                "id": link.ref.id,
                "lead_id": lead_id,
                "channel": channel,
                "status": worst.status.value,
                "refused": worst.status in WORST,
                "because": list(worst.because),
            }


def _permissive(link: Link, base: Base, flags: Flags) -> Iterator[str]:
    """The channels for which a record shows no restriction although it has a flag for one."""
    rows = flags.get((link.ref.account, link.ref.object), {})
    if link.state is LinkState.ENDED:
        return
    for channel in sorted(set(rows.values())):
        shown = [base.pair(row_id) for row_id, of in rows.items() if of == channel and base.knows(row_id)]
        if shown and not any(pair.meant is True for pair in shown):
            yield channel
