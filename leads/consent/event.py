"""Consent events: immutable acts and observations, each named by the hash of what it says.

Instants are UTC seconds since the epoch as floats; an unknown beginning is minus infinity. The time of an event is an interval, because
what one learns by looking at a CRM now and then happened somewhere between two looks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

UNKNOWN: Final = float("-inf")
CHANNELS: Final = ("email", "sms", "phone", "fax", "postal", "whatsapp", "push", "ads_audience")
ANY: Final = "any"
BASES: Final = ("consent", "contract", "legitimate_interest", "existing_customer", "presumed_b2b", "legal_obligation", "none")


class Kind(StrEnum):
    REQUEST = "request"
    GRANT = "grant"
    CONFIRM = "confirm"
    DENY = "deny"
    WITHDRAW = "withdraw"
    OBJECT = "object"
    ERASE = "erase"
    INVALIDATE = "invalidate"
    BASIS = "basis"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"


RESTRICTIONS: Final = frozenset({Kind.DENY, Kind.WITHDRAW, Kind.OBJECT, Kind.ERASE, Kind.COMPLAINT})
PERSONAL: Final = frozenset({Kind.OBJECT, Kind.ERASE, Kind.COMPLAINT})  # these hold for the person unless they say otherwise


class Provenance(StrEnum):
    SUBJECT = "subject"  # an act of the person, verified by us
    OPERATOR = "operator"
    SYNC = "sync"  # seen in a CRM
    IMPORT = "import"
    PURCHASED = "purchased"


class Scope(StrEnum):
    IDENTIFIER = "identifier"
    PERSON = "person"


SCOPES: Final[Mapping[Kind, Scope]] = {
    kind: Scope.PERSON if kind in PERSONAL else Scope.IDENTIFIER for kind in Kind
}  # for what an act holds that does not say it


@dataclass(frozen=True, slots=True)
class Interval:
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `identifier` is `email:` or `phone:` (or another kind) and the normal form; `mailbox` is where it arrives.

    `clocks` and `persons` are sets, and `observed_at` is the earliest, because copies of one event come from several systems.
    """

    name: str
    kind: Kind
    identifier: str
    mailbox: str
    occurred: Interval
    observed_at: float
    provenance: Provenance
    clocks: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()
    scope: Scope = Scope.IDENTIFIER
    purposes: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    legal_basis: str = "consent"
    valid_until: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    notice: Mapping[str, Any] = field(default_factory=dict)
    request: str = ""
    invalidates: frozenset[str] = frozenset()
    batch: str = ""
    source: bool = False  # whether a system, form or file is named from which it comes

    def clamped(self, tolerance: float) -> Event:
        """Nothing happens after it was seen; a beginning that lies after that is the stamp of a wrong clock and says nothing."""
        latest = self.observed_at + tolerance
        hi = min(self.occurred.hi, latest)
        lo = UNKNOWN if self.occurred.lo > latest else min(self.occurred.lo, hi)
        return replace(self, occurred=Interval(lo, hi))


HASHED: Final = (
    "kind",
    "controller",
    "identifier",
    "scope",
    "purposes",
    "channels",
    "legal_basis",
    "occurred",
    "valid_until",
    "provenance",
    "evidence",
    "refs",
    "notice",
)


def event_hash(facts: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of what an event says: neither who saw it when, nor by whose clock, nor in which record."""
    said = {name: facts[name] for name in HASHED if name in facts}
    if isinstance(said.get("refs"), Mapping):
        said["refs"] = {name: value for name, value in said["refs"].items() if name != "remote"}
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with sorted keys, without blanks, as UTF-8 (in the manner of RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def union(events: Iterable[Event]) -> dict[str, Event]:
    """One event per name; copies keep what is the same in all of them, the earliest sight, and every clock and person."""
    found: dict[str, Event] = {}
    for event in events:
        known = found.get(event.name)
        found[event.name] = event if known is None else _joined(known, event)
    return found


def _joined(one: Event, other: Event) -> Event:
    first, _ = sorted((one, other), key=_order)
    return replace(
        first,
        observed_at=min(one.observed_at, other.observed_at),
        clocks=one.clocks | other.clocks,
        persons=one.persons | other.persons,
    )


def _order(event: Event) -> tuple[float, str]:
    return event.observed_at, repr(event)
