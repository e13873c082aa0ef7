"""The proof of consent for one person: as JSON, in the shape of ISO/IEC TS 27560, and as a page to print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from commands.paper import sheet, table, text, value
from leads.consent.receipts import principal

if TYPE_CHECKING:
    from leads.consent.status import Answer, Key

Bundle = Mapping[str, Any]
VERSION = 1
OF_A_REQUEST = ("purposes", "channels", "notice", "legal_basis", "controller")
STATUS = ("identifier", "purpose", "channel", "status", "permitted", "grade")
EVENT_STATES = {
    "request": "requested",
    "grant": "given",
    "confirm": "given",
    "deny": "refused",
    "withdraw": "withdrawn",
    "object": "objected",
    "complaint": "objected",
    "erase": "withdrawn",
    "invalidate": "invalidated",
}


def bundle(
    lead_id: str, answers: Iterable[tuple[Key, Answer]], events: Mapping[str, Mapping[str, Any]], head: tuple[int, str], now: datetime
) -> dict[str, Any]:
    """Everything that proves, or disproves, consent of one person at `now`."""
    from leads.consent.document import answer_of

    return {
        "version": VERSION,
        "lead_id": lead_id,
        "made_at": now.isoformat(timespec="seconds"),
        "trail": {"rows": head[0], "head": head[1]},
        "status": [answer_of(key, answer) for key, answer in answers],
        "events": [{"event_id": name, **event} for name, event in events.items()],
    }


def iso27560(proof: Bundle, controller: str, secret: bytes) -> dict[str, Any]:
    """Consent records with the field names of ISO/IEC TS 27560; the person stands there as a keyed hash of the address."""
    return {
        "schema_version": "ISO/IEC TS 27560:2023",
        "records": [_record(event, controller, secret) for event in _as_meant(proof["events"])],
    }


def _record(event: Mapping[str, Any], controller: str, secret: bytes) -> dict[str, Any]:
    answers_for = event.get("controller") or controller
    return {
        "record_id": event["event_id"],
        "pii_principal_id": principal(event["identifier"], secret) if "identifier" in event else None,
        "pii_controllers": [answers_for] if answers_for else [],
        "privacy_notice": event.get("notice", {}),
        "language": event.get("notice", {}).get("language"),
        "purposes": [{"purpose": one, "lawful_basis": event.get("legal_basis", "consent")} for one in event.get("purposes", [])],
        "collection_method": event.get("provenance"),
        "validity_duration": event.get("valid_until"),
        "events": [{"event_time": latest(event), "event_state": EVENT_STATES.get(event["kind"], event["kind"])}],
    }


def latest(event: Mapping[str, Any]) -> str:
    """The latest moment at which it can have happened, as it was told."""
    found: str = event.get("occurred", {}).get("hi") or event["observed_at"]
    return found


def _as_meant(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A confirmation means what its request meant, by the same text."""
    listed = list(events)
    known = {event["event_id"]: event for event in listed}
    asked = [known.get(event.get("refs", {}).get("request"), {}) if event["kind"] == "confirm" else {} for event in listed]
    return [{**event, **_unsaid(event, request)} for event, request in zip(listed, asked, strict=True)]


def _unsaid(event: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: request[name] for name in OF_A_REQUEST if name in request and event.get(name) in (None, [], {})}


def receipt(proof: Bundle, controller: str, withdrawal: str, secret: bytes) -> dict[str, Any]:
    """The person's copy: what was agreed to, what holds now, who holds it and how to take it back. Nothing internal is in it."""
    return {
        **iso27560(proof, controller, secret),
        "made_at": proof["made_at"],
        "pii_controller": controller,
        "withdrawal_method": withdrawal,
        "status": [{name: row[name] for name in ("identifier", "purpose", "channel", "status")} for row in proof["status"]],
    }


def about(proof: Bundle, purpose: str | None, channel: str | None) -> dict[str, Any]:
    """The part of a proof that concerns a purpose and a channel; None: any."""
    status = [row for row in proof["status"] if purpose in (None, row["purpose"]) and channel in (None, row["channel"])]
    asked = {row["purpose"] for row in status}
    meant = zip(proof["events"], _as_meant(proof["events"]), strict=True)
    events = [event for event, said in meant if _concerns(said, asked, channel)]
    return {**proof, "status": status, "events": events}


def _concerns(event: Mapping[str, Any], purposes: set[str], channel: str | None) -> bool:
    said = event.get("purposes") or ["any"]
    within = any(one == "any" or asked == one or asked.startswith(f"{one}.") for one in said for asked in purposes)
    return within and (channel is None or not {channel, "any"}.isdisjoint(event.get("channels") or ["any"]))


def page(proof: Bundle) -> str:
    """A page that a browser prints: status first, then every event with its evidence."""
    said = [(event["kind"], f"<p>{text(event['event_id'])}</p>{value(_without(event, 'kind', 'event_id'))}") for event in proof["events"]]
    trail = f"Trail: {proof['trail']['rows']} rows, {text(proof['trail']['head'])}."
    intro = f"<p>Lead {text(proof['lead_id'])}, made {text(proof['made_at'])}. {trail}</p>"
    return sheet("Proof of consent", [("", intro + table(STATUS, ([row[name] for name in STATUS] for row in proof["status"]))), *said])


def _without(event: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return {name: part for name, part in event.items() if name not in names}
