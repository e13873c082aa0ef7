"""Retention: how long what is kept about people may be kept. Clocks over events and leads; nothing is deleted here.

Instants are UTC seconds. A clock without a duration never ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from leads.consent.event import RESTRICTIONS, UNKNOWN, Event, Kind
from leads.consent.times import Duration

ACTS: Final = frozenset({Kind.REQUEST, Kind.GRANT, Kind.CONFIRM, Kind.DENY, Kind.WITHDRAW, Kind.OBJECT, Kind.COMPLAINT})
PROOFS: Final = (Kind.GRANT, Kind.CONFIRM)


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long: from the request; from the person's last act; from the no to the end of that year; from grant and use; from the entry."""

    unconfirmed: Duration | None
    prospect: Duration | None
    email_proof: Duration | None
    phone_proof: Duration | None
    suppression_review: Duration | None


@dataclass(frozen=True, slots=True)
class Due:
    """What a clock says about one thing: `about` names it, `since` is when the clock began, `at` when it ends."""

    clock: str
    about: str
    since: float
    at: float


def of_events(events: Sequence[Event], clocks: Clocks) -> Iterator[Due]:
    """What the clocks say about the events of one mailbox: requests that nobody confirmed, and proofs that nobody needs any more."""
    confirmed = {event.request for event in events if event.kind is Kind.CONFIRM}
    last_no = max((event.occurred.hi for event in events if event.kind in RESTRICTIONS), default=UNKNOWN)
    for event in events:
        if event.kind is Kind.REQUEST and event.name not in confirmed and clocks.unconfirmed is not None:
            yield Due("unconfirmed", event.name, event.occurred.hi, clocks.unconfirmed.after(event.occurred.hi))
        elif event.kind in PROOFS and event.identifier.startswith("phone:"):
            yield from _phone_proof(event, clocks.phone_proof)
        elif event.kind in PROOFS and last_no != UNKNOWN and last_no >= event.occurred.lo and clocks.email_proof is not None:
            yield Due("email_proof", event.name, last_no, _end_of_year(clocks.email_proof.after(last_no)))


def _phone_proof(event: Event, kept: Duration | None) -> Iterator[Due]:
    used = event.evidence.get("last_used_at")
    since = max(event.occurred.hi, float(used) if isinstance(used, int | float) else UNKNOWN)
    if kept is not None:
        yield Due("phone_proof", event.name, since, kept.after(since))


def of_prospect(lead_id: str, created_at: float, events: Iterable[Event], clocks: Clocks) -> Due | None:
    """When somebody who never became a customer has been silent for too long."""
    if clocks.prospect is None:
        return None
    since = max([created_at, *(event.occurred.hi for event in events if event.kind in ACTS)])
    return Due("prospect", lead_id, since, clocks.prospect.after(since))


def _end_of_year(at: float) -> float:
    return datetime(datetime.fromtimestamp(at, UTC).year + 1, 1, 1, tzinfo=UTC).timestamp()
