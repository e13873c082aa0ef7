"""From a set of events to what can be asked: grants (a request and its confirmation are one), restrictions, bases, open requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from leads.consent.event import RESTRICTIONS, UNKNOWN, Event, Interval, Kind, Provenance, union
from leads.consent.grade import confirms
from leads.consent.policy import Policy, is_within
from leads.consent.times import has_time, instant

OBSERVED: Final = (Provenance.SYNC, Provenance.IMPORT)  # what an operator may take back: what was seen, never what a person did
WEAKEST: Final = (Provenance.PURCHASED, Provenance.IMPORT, Provenance.SYNC, Provenance.OPERATOR, Provenance.SUBJECT)


@dataclass(frozen=True, slots=True)
class Orders:
    """What operators have taken back: single observations, and batches of them, each as far as it had been seen when it was ordered."""

    names: frozenset[str]
    batches: Mapping[str, float]

    @classmethod
    def among(cls, events: Iterable[Event]) -> Orders:
        orders = [event for event in events if event.kind is Kind.INVALIDATE and event.provenance is Provenance.OPERATOR]
        names = frozenset(name for order in orders for name in order.invalidates)
        latest = sorted((order.observed_at, order.batch) for order in orders if order.batch != "")
        return cls(names, {batch: at for at, batch in latest})

    def take_back(self, event: Event) -> bool:
        observed = event.provenance in OBSERVED and event.kind is not Kind.INVALIDATE
        return observed and (event.name in self.names or event.observed_at <= self.batches.get(event.batch, UNKNOWN))


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as it is judged: one event, or a request with the confirmation that followed it after `took` seconds at most."""

    event: Event
    because: frozenset[str]
    took: float | None = None


@dataclass(frozen=True, slots=True)
class Folded:
    grants: tuple[Grant, ...]
    requests: tuple[Event, ...]
    restrictions: tuple[Event, ...]
    bases: tuple[Event, ...]
    bounces: tuple[Event, ...]


def fold(events: Iterable[Event], policy: Policy) -> Folded:
    """Copies joined, what is invalidated dropped, times clamped, confirmations joined with their requests."""
    named = union(events)
    orders = Orders.among(named.values())
    standing = {name: event.clamped(policy.default_skew) for name, event in named.items() if not orders.take_back(event)}
    by_kind: dict[Kind, list[Event]] = {kind: [] for kind in Kind}
    for event in sorted(standing.values(), key=lambda event: event.name):
        by_kind[event.kind].append(event)
    plain = [Grant(_as_old_as_its_request(event), frozenset({event.name})) for event in by_kind[Kind.GRANT]]
    return Folded(
        (*plain, *_confirmed(by_kind[Kind.CONFIRM], standing)),
        tuple(by_kind[Kind.REQUEST]),
        tuple(event for kind in sorted(RESTRICTIONS) for event in by_kind[kind]),
        tuple(by_kind[Kind.BASIS]),
        tuple(by_kind[Kind.BOUNCE]),
    )


def _as_old_as_its_request(grant: Event) -> Event:
    """A double opt-in that is told as one event spans both acts, too."""
    asked, clicked = (_stamp(grant, part) for part in ("request", "confirm"))
    if not (has_time(asked) and has_time(clicked)):
        return grant
    return replace(grant, occurred=Interval(min(grant.occurred.lo, instant(str(asked))), grant.occurred.hi))


def _stamp(event: Event, part: str) -> Any:
    found = event.evidence.get(part)
    return found.get("at") if isinstance(found, Mapping) else None


def _confirmed(confirms_: Iterable[Event], standing: Mapping[str, Event]) -> list[Grant]:
    found = []
    for confirm in confirms_:
        request = standing.get(confirm.request)
        if request is None or request.kind is not Kind.REQUEST or request.identifier != confirm.identifier:
            continue
        if confirm.occurred.hi < request.occurred.lo or not confirms(confirm.evidence):
            continue
        found.append(_double(request, confirm))
    return found


def _double(request: Event, confirm: Event) -> Grant:
    """The grant spans both: the declaration is as old as the request, and it holds from the confirmation on."""
    lo, hi = request.occurred.lo, max(confirm.occurred.hi, request.occurred.hi)
    event = replace(
        request,
        kind=Kind.GRANT,
        occurred=Interval(lo, hi),
        provenance=min(request.provenance, confirm.provenance, key=WEAKEST.index),
        purposes=_in_both(confirm.purposes, request.purposes) if confirm.purposes else request.purposes,
        channels=confirm.channels & request.channels if confirm.channels else request.channels,
        valid_until=min((at for at in (request.valid_until, confirm.valid_until) if at is not None), default=None),
        evidence={**request.evidence, **confirm.evidence},
        notice={**confirm.notice, **request.notice},
    )
    return Grant(event, frozenset({request.name, confirm.name}), _took(request, confirm))


def _in_both(ours: frozenset[str], theirs: frozenset[str]) -> frozenset[str]:
    """What two sets of purposes have in common: of a broader and a narrower one the narrower."""
    within = {one for one in ours if any(is_within(one, other) for other in theirs)}
    return frozenset(within | {other for other in theirs if any(is_within(other, one) for one in ours)})


def _took(request: Event, confirm: Event) -> float:
    """How long the confirmation took at most. Where the clock of the request was wrong, its own evidence tells."""
    if request.occurred.lo != UNKNOWN:
        return confirm.occurred.hi - request.occurred.lo
    stamps = [_stamp(request, "request"), _stamp(confirm, "confirm")]
    if not all(has_time(stamp) for stamp in stamps):
        return -UNKNOWN
    return max(0.0, instant(str(stamps[1])) - instant(str(stamps[0])))
