"""The status of consent: one pure function of the events, the key that is asked, the moment, the policy and the identity graph.

A grant matches finely: this very address, this channel, this purpose or a broader one. A restriction matches coarsely: the mailbox behind
the address, or the person, any purpose below. Whatever is uncertain about times counts for the restriction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from leads.consent.event import ANY, PERSONAL, UNKNOWN, Event, Kind, Provenance, Scope
from leads.consent.fold import Folded, Grant, fold
from leads.consent.grade import Grade, grade
from leads.consent.policy import Policy, Rule, is_within

One = TypeVar("One")
Links = Mapping[str, frozenset[str]]  # identifier -> persons it belongs to


class Status(StrEnum):
    NEVER_ASKED = "never_asked"
    PENDING = "pending"
    LAPSED = "lapsed"
    UNPROVEN = "unproven"
    GRANTED = "granted"
    CONFIRMED = "confirmed"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    OBJECTED = "objected"
    EXPIRED = "expired"
    ERASED = "erased"


WORST: Final = (Status.ERASED, Status.OBJECTED, Status.WITHDRAWN, Status.DENIED)
MEANS: Final = {
    Kind.ERASE: Status.ERASED,
    Kind.OBJECT: Status.OBJECTED,
    Kind.COMPLAINT: Status.OBJECTED,
    Kind.WITHDRAW: Status.WITHDRAWN,
    Kind.DENY: Status.DENIED,
}
PROFILING: Final = "profiling"
OBJECTED: Final = frozenset({"marketing", ANY})  # an objection to it is one to profiling for it (GDPR Art. 21(2)), by whatever channel
CONDITIONS: Final = ("address_from_sale", "own_similar_goods", "notice_at_collection", "notice_at_each_use")  # UWG 7(3)


@dataclass(frozen=True, slots=True)
class Key:
    """What is asked about: an address, a purpose and a channel. `mailbox` is where the address arrives."""

    identifier: str
    mailbox: str
    purpose: str
    channel: str
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`grade` is that of the best grant that covers the key, `because` names the events that decided."""

    status: Status
    permitted: bool
    grade: Grade | None
    flags: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


def status(events: Iterable[Event], key: Key, now: float, policy: Policy, links: Links) -> Answer:
    """May this address be written to, now, for this purpose? See `status_of` where many keys are asked of one set of events."""
    return status_of(fold(events, policy), key, now, policy, links)


def status_of(folded: Folded, key: Key, now: float, policy: Policy, links: Links) -> Answer:
    return _Case(folded, key, now, policy, links).answer()


class Ledger:
    """Folded events by whom they are about, for many questions: each is answered from what can bear on it."""

    def __init__(self, folded: Folded, links: Links) -> None:
        self.folded, self.links = folded, links
        self.grants = _by(folded.grants, lambda one: (one.event.identifier,))
        self.requests, self.bases, self.bounces = (
            _by(events, lambda event: (event.identifier,)) for events in (folded.requests, folded.bases, folded.bounces)
        )
        self.restrictions = _by(folded.restrictions, lambda event: (event.mailbox, *map(_person, _who_is_meant(event, links))))

    def about(self, key: Key) -> Folded:
        name, persons = key.identifier, _persons_of(key.mailbox, key.identifier, self.links)
        said = {id(event): event for place in (key.mailbox, *map(_person, sorted(persons))) for event in self.restrictions.get(place, ())}
        return Folded(
            tuple(self.grants.get(name, ())),
            tuple(self.requests.get(name, ())),
            tuple(said.values()),
            tuple(self.bases.get(name, ())),
            tuple(self.bounces.get(name, ())),
        )


def _by(rows: Iterable[One], places: Callable[[One], Iterable[str]]) -> dict[str, list[One]]:
    found: dict[str, list[One]] = {}
    for row in rows:
        for place in places(row):
            found.setdefault(place, []).append(row)
    return found


def _who_is_meant(event: Event, links: Links) -> frozenset[str]:
    return _who_said_it(event, links) if event.scope is Scope.PERSON else frozenset()


def _person(name: str) -> str:
    """A person among places; no address looks like it."""
    return f"\0{name}"


class _Case:
    """One question, with everything that bears on it."""

    def __init__(self, folded: Folded, key: Key, now: float, policy: Policy, links: Links) -> None:
        self.folded, self.key, self.now, self.policy = folded, key, now, policy
        self.rule: Rule = policy.rule(key.purpose, key.channel, key.audience)
        self.ttl = None if self.rule.doi_ttl is None else self.rule.doi_ttl.after(0)
        persons = _persons_of(key.mailbox, key.identifier, links)
        self.restrictions = [one for one in folded.restrictions if _restricts(one, key, persons, links)]
        self.grants = [one for one in folded.grants if self._covers(one.event) and self._in_time(one) and one.event.occurred.hi <= now]
        self.grades = {id(one): grade(one.event, key.channel, self.ttl) for one in self.grants}

    def answer(self) -> Answer:
        qualified = [one for one in self.grants if self._qualifies(one)]
        live = [one for one in qualified if all(self._after(one, other) for other in self.restrictions)]
        fresh = [one for one in live if not self._expired(one)]
        unanswered = [other for other in self.restrictions if not any(self._after(one, other) for one in qualified)]
        open_ = unanswered or ([] if live else self.restrictions)
        if self.rule.mode == "opt_out":
            if open_:
                return self._restricted(open_)
            allowed = fresh or ()
            return self._say(Status.GRANTED if allowed else Status.NEVER_ASKED, True, _names(allowed))
        if fresh:
            best = max(self.grades[id(one)] for one in fresh)
            decided = [one for one in fresh if self.grades[id(one)] == best]
            return self._say(Status.CONFIRMED if best is Grade.E3 else Status.GRANTED, True, _names(decided))
        if live:
            return self._say(Status.EXPIRED, False, _names(live))
        if open_:
            return self._restricted(open_)
        return self._without_grant()

    def _without_grant(self) -> Answer:
        bases = [one for one in self.folded.bases if self._covers(one) and one.occurred.hi <= self.now and self._complete(one)]
        if bases:
            return self._say(Status.NEVER_ASKED, True, [one.name for one in bases], "basis")
        requests = [one for one in self.folded.requests if self._covers(one) and one.occurred.lo <= self.now and self._counts(one)]
        waiting = [one for one in requests if self.ttl is None or self.now - one.occurred.lo <= self.ttl]
        if waiting:
            return self._say(Status.PENDING, False, [one.name for one in waiting])
        if self.grants:
            return self._say(Status.UNPROVEN, False, _names(self.grants))
        if requests:
            return self._say(Status.LAPSED, False, [one.name for one in requests])
        return self._say(Status.NEVER_ASKED, False, ())

    # Grants

    def _covers(self, event: Event) -> bool:
        return (
            event.identifier == self.key.identifier
            and self.key.channel in event.channels
            and any(is_within(self.key.purpose, purpose) for purpose in event.purposes)
        )

    def _in_time(self, one: Grant) -> bool:
        """A confirmation that came too late confirms nothing: the request has lapsed."""
        return one.took is None or self.ttl is None or one.took <= self.ttl

    def _qualifies(self, one: Grant) -> bool:
        if one.event.provenance is Provenance.PURCHASED:
            return False
        if self.grades[id(one)] < self._least():
            return False
        return one.event.provenance is Provenance.SUBJECT or not any(other.kind in PERSONAL for other in self.restrictions)

    def _least(self) -> Grade:
        """A no never lowers what has to be proved."""
        return max(self.rule.min_evidence, self.rule.regrant_evidence) if self.restrictions else self.rule.min_evidence

    def _after(self, one: Grant, restriction: Event) -> bool:
        """Certainly after: the clocks of two systems may be apart, one clock cannot be."""
        mine, other = one.event.clocks, restriction.clocks
        same = len(mine) == 1 and mine == other
        skew = 0.0 if same else self.policy.skew_of(mine) + self.policy.skew_of(other)
        return one.event.occurred.lo - skew > restriction.occurred.hi

    def _expired(self, one: Grant) -> bool:
        event = one.event
        if event.valid_until is not None and self.now >= event.valid_until:
            return True
        if self.rule.max_age is None:
            return False
        return self.now >= self.rule.max_age.after(_anchor(event, self.now))

    def _counts(self, request: Event) -> bool:
        return request.provenance is not Provenance.PURCHASED

    # Bases

    def _complete(self, event: Event) -> bool:
        """Whether everything is documented that makes this basis permit this channel."""
        if event.provenance is Provenance.PURCHASED or (event.valid_until is not None and self.now >= event.valid_until):
            return False
        conditions = event.evidence.get("conditions")
        given: Mapping[str, object] = conditions if isinstance(conditions, Mapping) else {}
        match event.legal_basis:
            case "existing_customer":
                return self.key.channel == "email" and all(given.get(name) is True for name in CONDITIONS)
            case "presumed_b2b":
                return self.key.channel == "phone" and self.key.audience != "b2c" and _is_documented(given)
            case "legitimate_interest":
                return self.key.channel == "postal"  # where UWG 7 forbids a channel, no interest permits it
            case "contract" | "legal_obligation":
                return is_within(self.key.purpose, "service")
        return False

    # Answers

    def _restricted(self, open_: Sequence[Event]) -> Answer:
        meanings = {one.name: self._means(one) for one in open_}
        worst = next(status for status in WORST if status in meanings.values())
        flags = [flag for flag, holds in (("regrant_without_evidence", self._is_asked_back(open_)),) if holds]
        return self._say(worst, False, [name for name, status in meanings.items() if status is worst], *flags)

    def _means(self, restriction: Event) -> Status:
        """An explicit no after a grant takes it back."""
        found = MEANS[restriction.kind]
        proved = [one for one in self.grants if self.grades[id(one)] >= self.rule.min_evidence]
        earlier = any(one.event.occurred.lo <= restriction.occurred.hi and not self._after(one, restriction) for one in proved)
        return Status.WITHDRAWN if found is Status.DENIED and earlier else found

    def _is_asked_back(self, open_: Sequence[Event]) -> bool:
        """Somebody or something set it to yes again, without the proof that a no asks for."""
        weak = [one for one in self.grants if not self._qualifies(one)]
        return any(all(one.event.occurred.hi > other.occurred.hi for other in open_) for one in weak)

    def _say(self, status: Status, permitted: bool, because: Iterable[str], *flags: str) -> Answer:
        best = max(self.grades.values(), default=None)
        return Answer(status, permitted, best, tuple(sorted({*flags, *self._flags()})), tuple(sorted(set(because))))

    def _flags(self) -> Iterable[str]:
        if any(one.identifier == self.key.identifier and one.evidence.get("type") != "soft" for one in self.folded.bounces):
            yield "undeliverable"
        if any(_lacks_ip(one.event) for one in self.grants):
            yield "ip_missing"
        if any(
            one.event.occurred.lo == UNKNOWN < other.occurred.hi < one.event.occurred.hi
            for one in self.grants
            for other in self.restrictions
        ):
            yield "clock_uncertain"


def _names(grants: Iterable[Grant]) -> list[str]:
    return [name for one in grants for name in one.because]


def _anchor(event: Event, now: float) -> float:
    """Consent grows old from its last documented use; a use after now, or before the grant, is none."""
    used = event.evidence.get("last_used_at")
    at = float(used) if isinstance(used, int | float) else UNKNOWN
    return at if event.occurred.lo < at <= now else event.occurred.lo


def _restricts(event: Event, key: Key, persons: frozenset[str], links: Links) -> bool:
    same_mailbox = event.mailbox == key.mailbox
    same_person = not persons.isdisjoint(_who_is_meant(event, links))
    if not (same_mailbox or same_person):
        return False
    if _objects_to_marketing(event) and is_within(key.purpose, PROFILING):
        return True
    return not event.channels.isdisjoint({ANY, key.channel}) and any(
        purpose == ANY or is_within(key.purpose, purpose) for purpose in event.purposes
    )


def restricts_profiling(event: Event) -> bool:
    """Whether this ends profiling: an objection to it, or to the marketing that it is for (GDPR Art. 21(2)), or no to anything."""
    about = any(purpose == ANY or is_within(purpose, PROFILING) for purpose in event.purposes)
    return about or _objects_to_marketing(event)


def _objects_to_marketing(event: Event) -> bool:
    return MEANS[event.kind] is Status.OBJECTED and not OBJECTED.isdisjoint(event.purposes)


def _who_said_it(event: Event, links: Links) -> frozenset[str]:
    """Of several people behind one mailbox the one who is named; a name that nobody has (any more) may be that of any of them."""
    behind = _persons_of(event.mailbox, event.identifier, links)
    known = event.persons and all(one in behind or any(one in persons for persons in links.values()) for one in event.persons)
    return event.persons if known else event.persons | behind


def _persons_of(mailbox: str, identifier: str, links: Links) -> frozenset[str]:
    return links.get(identifier, frozenset()) | links.get(mailbox, frozenset())


def _is_documented(conditions: Mapping[str, object]) -> bool:
    """Something concrete is said, and nothing of it is missing."""
    return len(conditions) > 0 and all(value is True or (isinstance(value, str) and value.strip() != "") for value in conditions.values())


def _lacks_ip(event: Event) -> bool:
    """A proof that was meant to hold the address of the computer, and holds none."""
    request = event.evidence.get("request")
    return isinstance(request, Mapping) and "ip" in request and request["ip"] in (None, "")
