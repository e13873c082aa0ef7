"""The laws of consent, over random ledgers. A law that names two answers compares what is permitted, never how it is worded."""

from __future__ import annotations

import os
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.consent.event import RESTRICTIONS, Kind
from leads.consent.reading import read_events
from leads.consent.status import Ledger
from tests.leads.consent.acts import DE, Event, at, flag
from tests.leads.consent.worlds import (
    ADDRESSES,
    CLOCKS,
    PERSONS,
    Asked,
    ask,
    asked,
    days,
    distinct,
    grants,
    ledgers,
    others,
    permitted,
    restrictions,
)

EXAMPLES = 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 200
law = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@law
@given(ledgers, asked)
def test_what_can_bear_on_a_question_answers_it_as_the_whole_ledger_does(events: list[Event], key: Asked) -> None:
    with patch.object(Ledger, "about", lambda self, _: self.folded):
        whole = ask(events, key)
    assert ask(events, key) == whole


@law
@given(ledgers, ledgers, ledgers, asked)
def test_merging_is_commutative_associative_and_idempotent(x: list[Event], y: list[Event], z: list[Event], key: Asked) -> None:
    unique = {event["id"]: event for event in [*x, *y, *z]}
    x, y, z = ([unique[event["id"]] for event in part] for part in (x, y, z))
    assert ask([*x, *y, *z], key) == ask([*z, *y, *x], key) == ask([*y, *z, *x, *y], key)


@law
@given(ledgers, asked, st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_what_is_seen_again_do_not_matter(events: list[Event], key: Asked, dice: object) -> None:
    unique = list({event["id"]: event for event in events}.values())
    shuffled = [*unique, *unique[:2]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    again = [{**event, "observed_at": at(50)} for event in unique]
    assert ask(unique, key) == ask(shuffled, key) == ask([*shuffled, *again], key)


@law
@given(ledgers, restrictions(), asked)
def test_a_further_no_permits_nothing_that_was_not_permitted(events: list[Event], more: list[Event], key: Asked) -> None:
    assert permitted(events, key) or not permitted([*events, *more], key)


@law
@given(ledgers, asked)
def test_a_no_is_lost_only_to_a_proved_and_certainly_later_grant(events: list[Event], key: Asked) -> None:
    answer = ask(events, key)
    grade = {"E0": 0, "E1": 1, "E2": 2, "E3": 3, None: -1}[answer["grade"]]
    events = distinct(events)
    noes = [event for event in read_events(events) if event.kind in RESTRICTIONS]
    covering = [one for one in noes if one.identifier == key["who"] and _is_about(one, key)]
    if answer["permitted"] and covering:
        assert grade >= (2 if key["channel"] == "phone" else 3)
        granted = [one for one in read_events(events) if one.name in answer["because"]]
        assert min(one.occurred.lo for one in granted) > max(one.occurred.hi for one in covering)


def _is_about(event: object, key: Asked) -> bool:
    channels, purposes = event.channels, event.purposes  # type: ignore[attr-defined]
    return not channels.isdisjoint({"any", key["channel"]}) and any(
        one == "any" or key["purpose"] == one or key["purpose"].startswith(f"{one}.") for one in purposes
    )


@law
@given(ledgers, days, asked)
def test_a_weak_grant_is_powerless_against_a_no(events: list[Event], day: float, key: Asked) -> None:
    before = ask(events, key)
    if before["status"] in ("denied", "withdrawn", "objected", "erased"):
        after = ask([*events, flag("weak", key["who"], day + 50)], key)
        assert (after["status"], after["permitted"]) == (before["status"], False)


@law
@given(ledgers, asked)
def test_joining_two_people_never_widens(events: list[Event], key: Asked) -> None:
    joined = {address: list(PERSONS) for address in ADDRESSES}
    assert permitted(events, key) or not permitted(events, key, links=joined)


@law
@given(ledgers, grants(), asked)
def test_a_grant_is_about_its_own_address_channel_and_purpose(events: list[Event], more: list[Event], key: Asked) -> None:
    given_ = more[0]
    about = given_["identifier"] == key["who"] and key["channel"] in given_["channels"]
    within = any(key["purpose"] == one or key["purpose"].startswith(f"{one}.") for one in given_["purposes"])
    if not (about and within):
        assert ask(events, key) == ask([*events, *more], key)


@law
@given(ledgers, restrictions(), asked)
def test_a_no_holds_for_everything_below_it(events: list[Event], more: list[Event], key: Asked) -> None:
    broad = [{**more[0], "purposes": ["marketing"]}]
    narrow = [{**more[0], "purposes": [key["purpose"]]}]
    if key["purpose"].startswith("marketing."):
        assert permitted([*events, *broad], key) == permitted([*events, *narrow], key)


@law
@given(ledgers, st.integers(0, 20), asked, st.sampled_from(("lo", "hi")))
def test_more_uncertainty_never_permits_more(events: list[Event], which: int, key: Asked, side: str) -> None:
    if not events:
        return
    unique = list({event["id"]: event for event in events}.values())
    chosen = unique[which % len(unique)]
    wider = {**chosen, "occurred": {"lo": None, "hi": chosen["occurred"]["hi"]}}
    if side == "hi":
        wider = {**chosen, "occurred": {**chosen["occurred"], "hi": at(11)}} if chosen["occurred"]["hi"] < at(11) else chosen
    after = [wider if event is chosen else event for event in unique]
    assert permitted(unique, key) or not permitted(after, key)


@law
@given(ledgers, asked)
def test_a_larger_skew_never_permits_more(events: list[Event], key: Asked) -> None:
    skewed = {**DE, "clock": {"default_skew": "5m", "skew": dict.fromkeys(CLOCKS, "2d")}}
    assert permitted(events, key) or not permitted(events, key, policy=skewed)


@law
@given(ledgers, grants(), asked)
def test_a_bought_list_contributes_nothing(events: list[Event], more: list[Event], key: Asked) -> None:
    bought = [{**event, "provenance": "purchased"} for event in more]
    assert permitted(events, key) == permitted([*events, *bought], key)


@law
@given(ledgers, others(), asked)
def test_a_bounce_changes_no_status(events: list[Event], more: list[Event], key: Asked) -> None:
    bounces = [event for event in more if event["kind"] == "bounce"]
    before, after = ask(events, key), ask([*events, *bounces], key)
    assert (before["status"], before["permitted"]) == (after["status"], after["permitted"])


@law
@given(ledgers, asked, st.integers(0, 2000))
def test_permissions_only_shrink_as_time_passes(events: list[Event], key: Asked, more_days: int) -> None:
    settled = {**key, "now": 60.0}
    assert permitted(events, settled) or not permitted(events, settled, now=60.0 + more_days)


@law
@given(ledgers, grants(), days, asked)
def test_who_was_erased_comes_back_by_an_own_act_only(events: list[Event], more: list[Event], day: float, key: Asked) -> None:
    erased = {
        **flag("gone", key["who"], day), "kind": "erase", "provenance": "operator", "purposes": ["any"], "channels": ["any"],
    }  # fmt: skip
    foreign = [{**event, "provenance": "sync"} for event in [*events, *more] if event["kind"] not in Kind.INVALIDATE]
    assert not permitted([*foreign, erased], key)


@law
@given(ledgers, asked)
def test_equal_questions_have_equal_answers(events: list[Event], key: Asked) -> None:
    assert ask(events, key) == ask(list(events), dict(key))
