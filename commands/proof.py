"""The proof of consent for one person: as JSON, in the shape of ISO/IEC TS 27560, and as a page to print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leads.consent.status import Answer, Key

Bundle = Mapping[str, Any]
VERSION = 1
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


def iso27560(proof: Bundle) -> dict[str, Any]:
    """Consent records with the field names of ISO/IEC TS 27560."""
    return {
        "schema_version": "ISO/IEC TS 27560:2023",
        "records": [
            {
                "record_id": event["event_id"],
                "pii_principal_id": event.get("identifier"),
                "pii_controllers": [event["controller"]] if event.get("controller") is not None else [],
                "privacy_notice": event.get("notice", {}),
                "language": event.get("notice", {}).get("language"),
                "purposes": [{"purpose": one, "lawful_basis": event.get("legal_basis", "consent")} for one in event.get("purposes", [])],
                "collection_method": event.get("provenance"),
                "validity_duration": event.get("valid_until"),
                "events": [
                    {"event_time": event["occurred"]["hi"], "event_state": EVENT_STATES.get(event["kind"], event["kind"])}
                ],
            }
            for event in proof["events"]
        ],
    }  # fmt: skip


def receipt(proof: Bundle, controller: str, withdrawal: str) -> dict[str, Any]:
    """The person's copy: what was agreed to, what holds now, who holds it and how to take it back. Nothing internal is in it."""
    return {
        **iso27560(proof),
        "made_at": proof["made_at"],
        "pii_controller": controller,
        "withdrawal_method": withdrawal,
        "status": [{name: row[name] for name in ("identifier", "purpose", "channel", "status")} for row in proof["status"]],
    }


def about(proof: Bundle, purpose: str | None, channel: str | None) -> dict[str, Any]:
    """The part of a proof that concerns a purpose and a channel; None: any."""
    status = [row for row in proof["status"] if purpose in (None, row["purpose"]) and channel in (None, row["channel"])]
    asked = {row["purpose"] for row in status}
    events = [event for event in proof["events"] if _concerns(event, asked, channel)]
    return {**proof, "status": status, "events": events}


def _concerns(event: Mapping[str, Any], purposes: set[str], channel: str | None) -> bool:
    said = event.get("purposes") or ["any"]
    within = any(one == "any" or asked == one or asked.startswith(f"{one}.") for one in said for asked in purposes)
    return within and (channel is None or not {channel, "any"}.isdisjoint(event.get("channels") or ["any"]))


def page(proof: Bundle) -> str:
    """A page that a browser prints: status first, then every event with its evidence."""
    rows = "".join(
        f"<tr><td>{_text(row['identifier'])}</td><td>{_text(row['purpose'])}</td><td>{_text(row['channel'])}</td>"
        f"<td>{_text(row['status'])}</td><td>{'yes' if row['permitted'] else 'no'}</td><td>{_text(row['grade'])}</td></tr>"
        for row in proof["status"]
    )
    events = "".join(_event(event) for event in proof["events"])
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Proof of consent</title>'
        "<style>body{font:11pt/1.4 sans-serif;margin:2cm}table{border-collapse:collapse;width:100%}"
        "td,th{border:1px solid #999;padding:2pt 6pt;text-align:left;vertical-align:top}"
        "dt{font-weight:bold}section{break-inside:avoid}</style>"
        f"<h1>Proof of consent</h1><p>Lead {_text(proof['lead_id'])}, made {_text(proof['made_at'])}. "
        f"Trail: {proof['trail']['rows']} rows, {_text(proof['trail']['head'])}.</p>"
        "<table><tr><th>address<th>purpose<th>channel<th>status<th>may be sent<th>grade</tr>"
        f"{rows}</table>{events}</html>\n"
    )


def _event(event: Mapping[str, Any]) -> str:
    said = "".join(f"<dt>{_text(name)}</dt><dd>{_value(value)}</dd>" for name, value in event.items() if name not in ("kind", "event_id"))
    return f"<section><h2>{_text(event['kind'])}</h2><p>{_text(event['event_id'])}</p><dl>{said}</dl></section>"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "<dl>" + "".join(f"<dt>{_text(name)}</dt><dd>{_value(part)}</dd>" for name, part in value.items()) + "</dl>"
    return ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    return "–" if value is None else escape(str(value))
