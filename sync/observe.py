"""Observe: what a CRM shows differently than before becomes an event in the ledger of consent.

Pure. Only a difference from what the base has seen is news, so that Leadloom's own writes never come back as somebody's act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from leads.consent.event import ANY
from leads.normal import Refused, email, phone
from sync.plan import person_at
from sync.state import PROFILING, Ref, Restriction

READERS: Final[Mapping[str, Callable[[str], Any]]] = {"email": email, "phone": phone}
MARKETING: Final = "marketing"


def withdrawals(found: Iterable[Restriction], since: Mapping[Any, datetime | None], run: str, now: datetime) -> Sequence[dict[str, Any]]:
    """The events of restrictions that records show now; `since` says up to when each record showed none (None: unknown).

    A no of a record without an address is one of its lead, and one beside an address that nobody can read is kept with that text.
    """
    return [_withdrawal(one, _since(one, since), run, now) for one in found]


def _since(one: Restriction | Heard, since: Mapping[Any, datetime | None]) -> datetime | None:
    """From when on it can have been said: where a CRM has the very time, at no other."""
    return one.seen_at if one.exact else since.get(one.ref)


def is_address(text: str) -> bool:
    kind, _, value = text.partition(":")
    read = READERS.get(kind)
    return read is not None and not isinstance(read(value), Refused)


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that a record tells beside a no: `kind` of event, about an address, a channel and a purpose."""

    kind: str
    channel: str
    identifier: str
    ref: Ref
    seen_at: datetime | None
    exact: bool = False


def acts(found: Iterable[Heard], since: Mapping[Any, datetime | None], run: str, now: datetime) -> Sequence[dict[str, Any]]:
    """The events of what records tell now. Nothing of it permits anything by itself: a value in a CRM proves little."""
    return [_event(one.kind, one.channel, one.identifier, one.ref, one.seen_at, _since(one, since), run, now) for one in found]


def _withdrawal(one: Restriction, since: datetime | None, run: str, now: datetime) -> dict[str, Any]:
    event = _event("withdraw", one.channel, one.address, one.ref, one.seen_at, since, run, now)
    if (person := person_at(one.address)) != "":
        return {**event, "scope": "person", "person": person}
    return event if is_address(one.address) else {**event, "identifier": f"unread:{one.address}"}


def _event(
    kind: str, channel: str, identifier: str, ref: Ref, seen_at: datetime | None, since: datetime | None, run: str, now: datetime
) -> dict[str, Any]:
    seen = seen_at if seen_at is not None else now
    by, _, purpose = channel.partition("/")
    if by == PROFILING:
        kind, by, purpose = "object", ANY, PROFILING
    earliest = since if since is not None and since <= seen else None
    return {
        "kind": kind,
        "identifier": identifier,
        "purposes": [purpose or MARKETING],
        "channels": [by],
        "occurred": {"lo": None if earliest is None else _iso(earliest), "hi": _iso(seen)},
        "clock": ref.account,
        "observed_at": _iso(now),
        "provenance": "sync",
        "refs": {"batch": f"run:{run}", "remote": {"system": ref.account, "object": ref.object, "id": ref.id, "changed_at": _iso(seen)}},
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
