"""Denial: what has to be known at once of the ledger, place by place: which channels are denied there.

A place is a mailbox, a number, or a lead: `lead:ID` for everything that belongs to it. Each event gives its denials alone, so that the
view of all of them is a union, which can be kept up event by event, or made anew from the whole ledger, with the same result.
"""

from __future__ import annotations

from typing import Final

from leads.consent.event import ANY, RESTRICTIONS, Event, Scope
from leads.consent.policy import is_within
from leads.consent.status import PROFILING, restricts_profiling

MARKETING: Final = "marketing"
EVERY_CHANNEL: Final = ("email", "phone", "sms")  # those that a CRM has a word for


def denials(event: Event) -> frozenset[tuple[str, str]]:
    """(channel, place) of everything that a standing event denies, whatever was said later: lifting is not for the fast lane."""
    if event.kind not in RESTRICTIONS:
        return frozenset()
    return frozenset((channel, place) for channel in channels(event) for place in places(event))


def channels(event: Event) -> frozenset[str]:
    """Channels for all marketing, or with a narrower purpose behind a slash, and being profiled."""
    by = EVERY_CHANNEL if ANY in event.channels else event.channels
    wide = not event.purposes.isdisjoint({ANY, MARKETING})
    narrow = [purpose for purpose in event.purposes if not is_within(purpose, PROFILING)]
    denied = by if wide else [f"{channel}/{purpose}" for channel in by for purpose in narrow]
    return frozenset({*denied, *([PROFILING] if restricts_profiling(event) else [])})


def places(event: Event) -> frozenset[str]:
    """Where it holds: at the address, and where it is the person's, for the lead that the person is known as."""
    persons = event.persons if event.scope is Scope.PERSON else frozenset[str]()
    return frozenset({event.mailbox, *(f"lead:{person}" for person in persons)})
