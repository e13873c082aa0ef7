"""When what is kept about people has been kept for long enough, at the very edges."""

from __future__ import annotations

from datetime import UTC, datetime

from leads.consent.reading import read_events
from leads.consent.retention import Clocks, of_events, of_prospect
from leads.consent.times import duration, instant
from tests.leads.consent.acts import at, doi, no, request, single

CLOCKS = Clocks(*(duration(text) for text in ("14d", "3y", "3y", "5y", "3y")))
PHONE = "phone:+493023125000"


def due(events: list[dict[str, object]], clocks: Clocks = CLOCKS) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in of_events(read_events(events), clocks):
        found.setdefault(one.clock, []).append(one.at)
    return found


def test_a_sign_up_that_nobody_confirms_is_due_two_weeks_later() -> None:
    assert due([request("r", day=10)]) == {"unconfirmed": [instant(at(24))]}
    assert due(doi(day=10)) == {}


def test_the_proof_of_what_was_taken_back_is_kept_to_the_end_of_the_third_year() -> None:
    assert due([single(day=10)]) == {}
    assert due([single(day=10), no(day=20)]) == {"email_proof": [datetime(2029, 1, 1, tzinfo=UTC).timestamp()]}
    assert due([no(day=5), single(day=10)]) == {}, "a consent after the no is still in use"


def test_the_proof_for_a_phone_number_is_kept_for_five_years_from_the_last_use() -> None:
    grant = single(who=PHONE, day=0, channels=["phone"])
    used = {**grant, "evidence": {**grant["evidence"], "last_used_at": at(365)}}
    five = duration("5y")
    assert five is not None
    assert due([grant]) == {"phone_proof": [five.after(instant(at(0)))]}
    assert due([used]) == {"phone_proof": [five.after(instant(at(365)))]}


def test_a_silent_prospect_is_due_three_years_after_the_last_act() -> None:
    three = duration("3y")
    assert three is not None
    created = instant(at(0))
    acts = read_events([no(day=100)])
    found = [of_prospect("ld_1", created, events, CLOCKS) for events in ((), acts)]
    assert [one.at for one in found if one is not None] == [three.after(created), three.after(instant(at(100)))]


def test_a_clock_without_a_duration_never_ends() -> None:
    never = Clocks(None, None, None, None, None)
    assert due([request("r"), single(who=PHONE, day=0, channels=["phone"]), single(id="t"), no()], never) == {}
    assert of_prospect("ld_1", 0.0, (), never) is None
