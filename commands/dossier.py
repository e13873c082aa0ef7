"""What is kept about one person, as a document to hand over (GDPR Art. 15), and what the person provided (Art. 20)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from commands.plainly import moment, plain_fields, source

if TYPE_CHECKING:
    from store.unit import Unit
    from sync.state import Base, LeadState, Link, Origin

VERSION = 1
# Concluded by us or set by a person of the company: not provided by the person.
DERIVED = ("score", "grade", "reason", "lead_id", "stage", "owner", "source")
INTERNAL = ("qualification.", "opt_out.")


def access(unit: Unit, lead: LeadState, zone: ZoneInfo) -> dict[str, Any]:
    """Every value with its source, its history, who received what, what was concluded and why."""
    fields = plain_fields(lead)
    links = unit.links_of([lead.id]).get(lead.id, [])
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
    }


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
