"""Consent in words: what decided, and what did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from commands.proof import latest

if TYPE_CHECKING:
    from leads.consent.status import Answer, Key

MEANS = {
    "never_asked": "nobody ever asked",
    "pending": "asked, not confirmed yet",
    "lapsed": "asked, never confirmed in time",
    "unproven": "permitted somewhere, but not proved as the policy asks",
    "granted": "consent is documented",
    "confirmed": "consent is documented and confirmed",
    "denied": "the person refused",
    "withdrawn": "the person took it back",
    "objected": "the person objects",
    "expired": "the consent is too old",
    "erased": "the person was erased",
}


def sentences(answers: Iterable[tuple[Key, Answer]], events: Mapping[str, Mapping[str, Any]], zone: ZoneInfo) -> list[str]:
    """One sentence per address and channel; purposes with one answer share it."""
    grouped: dict[tuple[str, str, Answer], list[str]] = {}
    for key, answer in answers:
        grouped.setdefault((key.identifier, key.channel, answer), []).append(key.purpose)
    return [_sentence(identifier, channel, purposes, answer, events, zone) for (identifier, channel, answer), purposes in grouped.items()]


def _sentence(
    identifier: str, channel: str, purposes: list[str], answer: Answer, events: Mapping[str, Mapping[str, Any]], zone: ZoneInfo
) -> str:
    who = identifier.partition(":")[2]
    may = "may be contacted" if answer.permitted else "may not be contacted"
    parts = [f"{who} {may} by {channel} for {', '.join(purposes)}: {MEANS[answer.status.value]}"]
    decided = list(dict.fromkeys(_told(events[name], zone) for name in answer.because if name in events))  # what is held for a lead, once
    if decided:
        parts.append(" (" + "; ".join(decided) + ")")
    if "regrant_without_evidence" in answer.flags:
        parts.append(". Somebody set it to yes again, without the proof that a no asks for")
    if "undeliverable" in answer.flags:
        parts.append(". Mail to it bounces")
    return "".join(parts) + "."


def when(event: Mapping[str, Any], zone: ZoneInfo) -> str:
    """When it happened: a moment, or between which two, or until when at the latest."""
    last, first = latest(event), event.get("occurred", {}).get("lo")
    to = _moment(last, zone)
    if first == last:
        return to
    return f"until {to}" if first is None else f"{_moment(first, zone)} – {to}"


def _told(event: Mapping[str, Any], zone: ZoneInfo) -> str:
    remote = event.get("refs", {}).get("remote")
    where = event.get("clock", "") if remote is None else f"{remote['system']} {remote['object']} {remote['id']}"
    return f"{event['kind']} of {_moment(latest(event), zone)}, {where}"


def _moment(told: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(told).astimezone(zone):%Y-%m-%d %H:%M}"
