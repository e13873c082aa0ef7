"""What is kept about one person, as a document to hand over (GDPR Art. 15), and what the person provided (Art. 20)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from commands.paper import sheet, value
from commands.plainly import moment, plain_fields, source
from leads.consent.document import answer_of
from leads.consent.event import Event, Kind
from leads.consent.reading import read_events
from leads.consent.retention import Clocks, Due, of_events, of_prospect
from sync.retention import CUSTOMER

if TYPE_CHECKING:
    from leads.consent.status import Answer, Key
    from store.unit import Unit
    from sync.state import Base, LeadState, Link, Origin

VERSION = 1
# Concluded by us or set by a person of the company: not provided by the person.
DERIVED = ("score", "grade", "reason", "lead_id", "stage", "owner", "source")
INTERNAL = ("qualification.", "opt_out.")


def access(unit: Unit, lead: LeadState, zone: ZoneInfo, answers: Sequence[tuple[Key, Answer]], clocks: Clocks) -> dict[str, Any]:
    """Every value with its source, its history, who received what, what was concluded and why, and what is known of consent."""
    fields = plain_fields(lead)
    links = unit.links_of([lead.id]).get(lead.id, [])
    events, others = _own_events(unit, lead, [key.mailbox for key, _ in answers], links)
    return {
        "version": VERSION,
        "article": 15,
        "lead_id": lead.id,
        "kept_since": moment(lead.created_at, zone),
        "fields": [{"field": name, "value": value, **_origin(lead.origins.get(name), zone)} for name, value in fields.items()],
        "quarantined": _in_quarantine(links),
        "concluded": {name: fields.get(name) for name in ("score", "grade", "reason", "stage")},
        "routing": [{name: row[name] for name in ("rule", "owner", "queue", "reason")} for row in unit.assignments(lead.id)],
        "recipients": [
            {"account": link.ref.account, "object": link.ref.object, "id": link.ref.id, "last_read": moment(base.read_at, zone)}
            for link, base in links
        ],
        "sent": _sent(unit, lead.id, zone),
        "history": _history(unit, lead.id, zone),
        "consent": {
            "status": [answer_of(key, answer) for key, answer in answers],
            "events": [{"event_id": event.name, **document} for event, document in events],
            "left_out": others,
        },
        "sources": sorted({*map(source, lead.origins.values()), *(_source_of(document) for _, document in events)}),
        "retention": [_due(one, zone) for one in _kept_until(lead, [event for event, _ in events], clocks)],
    }


def _own_events(
    unit: Unit, lead: LeadState, mailboxes: Sequence[str], links: Sequence[tuple[Link, Base]]
) -> tuple[list[tuple[Event, Mapping[str, Any]]], int]:
    """The events about the person, and how many more there are at addresses that others have as well: those may be about them."""
    names = {lead.id, *unit.also_called([lead.id]).get(lead.id, ())}
    refs = {tuple(link.ref) for link, _ in links}
    found = [(event, document) for document in unit.events_about(mailboxes, sorted(names)) for event in read_events([document])]
    about = [pair for pair in found if pair[0].kind is not Kind.INVALIDATE]
    holders = unit.leads_at({event.mailbox for event, _ in about})
    own = [
        (event, document)
        for event, document in about
        if not holders.get(event.mailbox, set()) - names or event.persons & names or _record_of(document) in refs
    ]
    return own, len(about) - len(own)


def _record_of(document: Mapping[str, Any]) -> tuple[Any, ...]:
    remote = document.get("refs", {}).get("remote") or {}
    return tuple(remote.get(name) for name in ("system", "object", "id"))


def _source_of(document: Mapping[str, Any]) -> str:
    """Where an event comes from: a record of a CRM, a file, or who told it."""
    refs = document.get("refs", {})
    record = _record_of(document)
    if None not in record:
        return " ".join(map(str, record))
    return (
        f"import {refs['import_id']}"
        if document["provenance"] in ("import", "purchased") and "import_id" in refs
        else document["provenance"]
    )


def _kept_until(lead: LeadState, events: Sequence[Event], clocks: Clocks) -> Iterator[Due]:
    for _, group in groupby(sorted(events, key=lambda event: event.mailbox), key=lambda event: event.mailbox):
        yield from of_events(list(group), clocks)
    if lead.fields.get("stage") != CUSTOMER and lead.created_at is not None:
        due = of_prospect(lead.id, lead.created_at.timestamp(), events, clocks)
        yield from [] if due is None else [due]


def _due(one: Due, zone: ZoneInfo) -> dict[str, Any]:
    since, until = (moment(datetime.fromtimestamp(at, UTC), zone) for at in (one.since, one.at))
    return {"clock": one.clock, "about": one.about, "since": since, "until": until}


def page(document: Mapping[str, Any]) -> str:
    """The same document as a page to print."""
    article = "What is kept about you" if document["article"] == 15 else "What you provided"
    return sheet(f"{article} (GDPR Art. {document['article']})", [(name.replace("_", " "), value(part)) for name, part in document.items()])


def _in_quarantine(links: Sequence[tuple[Link, Base]]) -> list[dict[str, Any]]:
    """What bought lists say of the person: it is kept with the record, and no value of the lead comes from it."""
    from sync.state import Role

    return [
        {"account": link.ref.account, "object": link.ref.object, "id": link.ref.id, "says": _shown(base)}
        for link, base in links
        if link.role is Role.QUARANTINED
    ]


def _shown(base: Base) -> dict[str, Any]:
    return {row: pair.seen for row, pair in sorted(base.pairs.items()) if pair.seen is not None}


def portable(lead: LeadState) -> dict[str, Any]:
    """What the person provided, without what others concluded from it."""
    fields = plain_fields(lead)
    given = {name: value for name, value in fields.items() if name not in DERIVED and not name.startswith(INTERNAL) and value is not None}
    return {"version": VERSION, "article": 20, "lead_id": lead.id, "fields": given}


def _sent(unit: Unit, lead_id: str, zone: ZoneInfo) -> list[Mapping[str, Any]]:
    return [
        {
            "account": entry.write.account,
            "object": entry.write.object,
            "id": entry.write.id,
            "at": moment(entry.sent_at, zone),
            "state": entry.state.value,
            "fields": sorted({cell.field for cell in entry.write.cells if cell.held == ""}),
        }
        for entry in unit.journal_of([lead_id]).get(lead_id, [])
        if entry.sent_at is not None
    ]


def _history(unit: Unit, lead_id: str, zone: ZoneInfo) -> list[Mapping[str, Any]]:
    from leads.values import plain

    names = [*sorted(unit.also_called([lead_id]).get(lead_id, ())), lead_id]  # what a merged lead was belongs to the same person
    return [
        {"at": moment(at, zone), "field": one.name, "old": plain(one.old), "new": plain(one.new), "rule": one.rule}
        for name in names
        for _, at, revisions in unit.revisions(name)
        for one in revisions
    ]


def _origin(origin: Origin | None, zone: ZoneInfo) -> dict[str, Any]:
    if origin is None:
        return {"from": None, "at": None}
    return {"from": source(origin), "at": moment(origin.hi, zone)}
