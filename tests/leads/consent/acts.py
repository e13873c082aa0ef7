"""Acts and observations as a person would tell them, in days since day 0; what comes out is the JSON of an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

DAY0 = datetime(2025, 1, 1, tzinfo=UTC)
A, B, INFO = "email:a@x.de", "email:b@x.de", "email:info@x.de"
NEWSLETTER = "marketing.newsletter"
NOW = 400
DE: dict[str, Any] = {
    "clock": {"default_skew": "5m"},
    "rule": [
        {
            "channel": "email",
            "purpose": "marketing",
            "mode": "opt_in",
            "min_evidence": "E3",
            "regrant_evidence": "E3",
            "max_age": "24mo",
            "doi_ttl": "7d",
        },
        {"channel": "phone", "purpose": "marketing", "mode": "opt_in", "min_evidence": "E2", "regrant_evidence": "E2", "max_age": "24mo"},
    ],
}
TEXT = {"form_id": "nl", "form_version": "3", "text_sha256": "ab12"}

Event = dict[str, Any]


def at(day: float, minute: float = 0) -> str:
    return (DAY0 + timedelta(days=day, minutes=minute)).isoformat()


def event(id: str, kind: str, who: str, day: float | None, **more: Any) -> Event:
    when = {"lo": None if day is None else at(day), "hi": more.pop("hi", None if day is None else at(day))}
    return {"id": id, "kind": kind, "identifier": who, "occurred": when, "clock": "hub", "provenance": "subject", **more}


def request(id: str, who: str = A, day: float = 10, **more: Any) -> Event:
    evidence = {"request": {"at": at(day), "form_id": "nl", "ip": "192.0.2.1"}, "mail": {"sent_at": at(day, 1), "message_id": "<1@x>"}}
    usual = {"purposes": [NEWSLETTER], "channels": ["email"], "evidence": evidence, "notice": TEXT, "person": "p1"}
    return event(id, "request", who, day, **{**usual, **more})


def doi(id: str = "d", who: str = A, day: float = 10, after_minutes: float = 30, **more: Any) -> list[Event]:
    """A double opt-in: requested on `day`, clicked so many minutes later."""
    clicked = day + after_minutes / 1440
    evidence = {"confirm": {"at": at(clicked), "method": "post"}}
    confirm = event(f"{id}c", "confirm", who, clicked, evidence=evidence, refs={"request": f"{id}r"}, clock=more.get("clock", "hub"))
    return [request(f"{id}r", who, day, **more), {**confirm, "provenance": more.get("provenance", "subject")}]


def single(id: str = "s", who: str = A, day: float = 10, **more: Any) -> Event:
    """A documented single opt-in: act, time, form and text."""
    evidence = {"request": {"at": at(day), "form_id": "nl"}}
    usual = {"purposes": [NEWSLETTER], "channels": ["email"], "evidence": evidence, "notice": TEXT}
    return event(id, "grant", who, day, **{**usual, **more})


def flag(id: str = "f", who: str = A, day: float = 10, **more: Any) -> Event:
    """A bare "subscribed" seen in a CRM."""
    usual = {"purposes": ["marketing"], "channels": ["email"], "clock": "hubspot", "provenance": "sync"}
    return event(id, "grant", who, day, **{**usual, **more})


def no(id: str = "w", who: str = A, day: float | None = 20, kind: str = "withdraw", **more: Any) -> Event:
    return event(id, kind, who, day, **{"purposes": ["marketing"], "channels": ["email"], **more})


def basis(id: str = "b", who: str = A, day: float = 10, **conditions: bool) -> Event:
    complete = dict.fromkeys(("address_from_sale", "own_similar_goods", "notice_at_collection", "notice_at_each_use"), True)
    usual = {"purposes": ["marketing.similar_products"], "channels": ["email"], "legal_basis": "existing_customer"}
    return event(id, "basis", who, day, evidence={"conditions": {**complete, **conditions}}, **usual)


def file(
    events: list[Event],
    *,
    who: str = A,
    purpose: str = NEWSLETTER,
    channel: str = "email",
    now: float = NOW,
    policy: dict[str, Any] | None = None,
    links: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    return {
        "now": at(now),
        "policy": DE if policy is None else policy,
        "links": {A: ["p1"]} if links is None else links,
        "events": events,
        "ask": [{"identifier": who, "purpose": purpose, "channel": channel}],
    }
