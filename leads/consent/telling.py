"""Telling: what a CRM is shown of the ledger about one address: the status in words, since when, and which event decided.

Pure, and for people to read and filter by. It is never read back: a value in a CRM proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from leads.consent.event import ANY, UNKNOWN, Event
from leads.consent.fold import fold
from leads.consent.policy import Policy, is_within
from leads.consent.status import Answer, Key, Links, status_of

MARKETING: Final = "marketing"


@dataclass(frozen=True, slots=True)
class Told:
    """`status` is that for all marketing, then of narrower purposes where it is another; `since` a UTC day, `event` an id of the ledger.

    `due` is when, in UTC seconds, it may be another although nothing happens. None: nothing of the kind.
    """

    status: str
    since: str | None = None
    event: str | None = None
    due: float | None = None


class Teller:
    """The ledger of many people, asked for one address after the other."""

    def __init__(self, events: Iterable[Event], links: Links, now: float, policy: Policy) -> None:
        self._events = tuple(events)
        self._folded = fold(self._events, policy)
        self._named = {event.name: event for event in self._events}
        self._links, self._now, self._policy = links, now, policy

    def of(self, identifier: str, mailbox: str, channel: str) -> Told:
        own = [event for event in self._events if event.mailbox == mailbox]
        answers = {purpose: self._ask(identifier, mailbox, purpose, channel) for purpose in (MARKETING, *_narrower(own, channel))}
        whole = answers.pop(MARKETING)
        others = [f"{purpose}: {answer.status.value}" for purpose, answer in answers.items() if answer.status is not whole.status]
        decided = next((answer.because for answer in (whole, *answers.values()) if answer.because), ())
        latest = max((self._named[name] for name in decided if name in self._named), key=lambda event: event.occurred.hi, default=None)
        due = min(self._turning_points(own, channel), default=None)
        if latest is None:
            return Told("; ".join((whole.status.value, *others)), due=due)
        since = datetime.fromtimestamp(latest.occurred.hi, UTC).date().isoformat()
        return Told("; ".join((whole.status.value, *others)), since, latest.name, due)

    def _ask(self, identifier: str, mailbox: str, purpose: str, channel: str) -> Answer:
        return status_of(self._folded, Key(identifier, mailbox, purpose, channel), self._now, self._policy, self._links)

    def _turning_points(self, events: Iterable[Event], channel: str) -> Iterator[float]:
        """The instants to come at which consent may end or a request lapse; looking once too often costs nothing."""
        rule = self._policy.rule(MARKETING, channel)
        for event in events:
            times = [event.valid_until, None if event.occurred.hi <= self._now else event.occurred.hi]
            if rule.max_age is not None:
                times.append(rule.max_age.after(event.evidence.get("last_used_at", event.occurred.hi)))
            if rule.doi_ttl is not None and event.occurred.lo != UNKNOWN:
                times.append(rule.doi_ttl.after(event.occurred.lo))
            yield from (at for at in times if at is not None and at > self._now)


def _narrower(events: Iterable[Event], channel: str) -> list[str]:
    """The purposes below all marketing that the events speak of."""
    said = {purpose for event in events if not event.channels.isdisjoint({channel, ANY}) for purpose in event.purposes}
    return sorted(purpose for purpose in said if purpose != MARKETING and is_within(purpose, MARKETING))
