"""Random ledgers over few addresses, days and clocks, so that events meet; and the question asked of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from leads.consent.document import evaluate
from tests.leads.consent.acts import A, B, Event, at, basis, doi, file, flag, no, request, single

TAGGED, PHONE = "email:a+x@x.de", "phone:+493023125000"
ADDRESSES = (A, B, TAGGED, PHONE)
PERSONS = ("p1", "p2")
CLOCKS = ("hub", "hubspot", "salesforce")
PROVENANCES = ("subject", "operator", "sync", "import", "purchased")
NOWS = (15.0, 40.0, 400.0)

days = st.integers(0, 40).map(lambda number: number / 4)
addresses = st.sampled_from(ADDRESSES)
clocks = st.sampled_from(CLOCKS)
provenances = st.sampled_from(PROVENANCES)
purposes = st.sampled_from((["marketing"], ["marketing.newsletter"], ["marketing.offers"]))
channels = st.sampled_from((["email"], ["phone"]))


@st.composite
def grants(draw: st.DrawFn) -> list[Event]:
    make = draw(st.sampled_from((doi, single, flag, request)))
    more = {"clock": draw(clocks), "provenance": draw(provenances), "purposes": draw(purposes), "channels": draw(channels)}
    made = make(f"g{draw(st.integers(0, 10**6))}", draw(addresses), draw(days), **more)  # type: ignore[operator]
    return made if isinstance(made, list) else [made]


@st.composite
def restrictions(draw: st.DrawFn) -> list[Event]:
    kind = draw(st.sampled_from(("withdraw", "deny", "object", "erase", "complaint")))
    day = draw(days)
    more = {
        "clock": draw(clocks),
        "provenance": draw(provenances),
        "purposes": draw(st.one_of(purposes, st.just(["any"]))),
        "channels": draw(st.one_of(channels, st.just(["any"]))),
        "person": draw(st.sampled_from(PERSONS)),
    }
    if draw(st.booleans()):
        return [no(f"n{draw(st.integers(0, 10**6))}", draw(addresses), None, kind, hi=at(day), **more)]
    return [no(f"n{draw(st.integers(0, 10**6))}", draw(addresses), day, kind, **more)]


@st.composite
def others(draw: st.DrawFn) -> list[Event]:
    id = f"o{draw(st.integers(0, 10**6))}"
    if draw(st.booleans()):
        return [{**flag(id, draw(addresses), draw(days)), "kind": "bounce"}]
    return [basis(id, draw(addresses), draw(days), notice_at_collection=draw(st.booleans()))]


acts = st.one_of(grants(), restrictions(), others())
ledgers = st.lists(acts, max_size=5).map(lambda parts: [event for part in parts for event in part])
links = st.dictionaries(addresses, st.lists(st.sampled_from(PERSONS), unique=True, max_size=2))
asked = st.fixed_dictionaries(
    {
        "who": addresses,
        "purpose": st.sampled_from(("marketing.newsletter", "marketing.offers", "profiling.scoring", "service")),
        "channel": st.sampled_from(("email", "phone")),
        "now": st.sampled_from(NOWS),
        "links": links,
    }
)
Asked = dict[str, Any]


def ask(events: list[Event], key: Asked, **instead: Any) -> dict[str, Any]:
    """The answer to `key`."""
    (found,) = evaluate(file(distinct(events), **{**key, **instead}))
    return found


def distinct(events: list[Event]) -> list[Event]:
    """An id that was drawn for two different events keeps the first; further sights of one event stay."""
    first: dict[str, Event] = {}
    for event in events:
        first.setdefault(event["id"], event)
    return [event for event in events if _said(event) == _said(first[event["id"]])]


def _said(event: Event) -> Event:
    return {name: value for name, value in event.items() if name != "observed_at"}


def permitted(events: list[Event], key: Asked, **instead: Any) -> bool:
    return bool(ask(events, key, **instead)["permitted"])
