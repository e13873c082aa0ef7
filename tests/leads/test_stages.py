from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads import rules as shipped
from leads import scoring
from leads.model import SIDE_STAGES, STAGES
from leads.stages import advance, furthest, rank

RULES = scoring.parse(shipped.text("scoring"))
STAGE = st.sampled_from((*STAGES, *SIDE_STAGES))


def measured(total=0, fit=50, coverage=0, intent=0, due=None):
    points = {"total": total * 1000, "fit": fit * 1000, "qualification_coverage": coverage * 1000, "intent": intent * 1000}
    return SimpleNamespace(measures=points, due=due)


def test_a_lead_enters_where_every_threshold_is_reached(noon):
    decision = advance("raw", noon, measured(total=40), RULES, noon)
    assert (decision.stage, decision.proposed) == ("mql", None)
    assert decision.reason == "mql: total 40 >= 40, fit 50 >= 25"
    assert advance("raw", noon, measured(total=40, fit=24), RULES, noon).stage == "raw"


def test_where_sales_decides_the_score_only_proposes(noon):
    decision = advance("mql", noon, measured(total=90, coverage=2, intent=40), RULES, noon)
    assert (decision.stage, decision.proposed) == ("mql", "sql")


def test_a_lead_may_rise_and_be_proposed_at_once(noon):
    decision = advance("raw", noon, measured(total=65, coverage=2), RULES, noon)
    assert (decision.stage, decision.proposed) == ("mql", "sql")


def test_hot_needs_sql_first(noon):
    assert advance("mql", noon, measured(total=90, intent=40), RULES, noon).stage == "mql"
    assert advance("sql", noon, measured(total=90, intent=40), RULES, noon).stage == "hot"


def test_between_exit_and_enter_a_lead_stays(noon):
    assert advance("mql", None, measured(total=30), RULES, noon).stage == "mql"
    assert advance("raw", None, measured(total=39), RULES, noon).stage == "raw"


def test_below_exit_a_lead_leaves_when_it_has_dwelt_long_enough(noon):
    early = advance("mql", noon, measured(total=29), RULES, noon + timedelta(days=6))
    assert (early.stage, early.due) == ("mql", noon + timedelta(days=7))
    late = advance("mql", noon, measured(total=29), RULES, early.due)
    assert (late.stage, late.reason) == ("raw", "below mql: total 29 < 30")


def test_from_sql_upwards_a_fall_is_only_proposed(noon):
    decision = advance("hot", None, measured(total=1), RULES, noon)
    assert (decision.stage, decision.proposed) == ("hot", "sql")
    assert advance("sql", None, measured(total=1), RULES, noon).stage == "sql"


def test_what_a_person_set_holds_until_its_time(noon):
    held = advance("raw", noon, measured(total=90), RULES, noon, held_until=noon + timedelta(days=30))
    assert (held.stage, held.proposed, held.due) == ("raw", "mql", noon + timedelta(days=30))
    assert advance("raw", noon, measured(total=90), RULES, held.due, held_until=held.due).stage == "mql"


@pytest.mark.parametrize("stage", [*SIDE_STAGES, "customer"])
def test_some_stages_belong_to_people(stage, noon):
    decision = advance(stage, None, measured(total=100, coverage=4, intent=60), RULES, noon)
    assert (decision.stage, decision.proposed) == (stage, None)


def test_due_is_the_next_moment_something_could_change(noon):
    tomorrow = noon + timedelta(days=1)
    assert advance("mql", noon, measured(total=29, due=tomorrow), RULES, noon).due == tomorrow
    assert advance("mql", noon, measured(total=35), RULES, noon).due is None


@settings(max_examples=200)
@given(STAGE, st.integers(0, 100), st.integers(0, 100), st.integers(0, 4), st.integers(0, 60))
def test_nobody_falls_silently_from_where_sales_decides(stage, total, fit, coverage, intent):
    decision = advance(stage, None, measured(total, fit, coverage, intent), RULES, None)
    assert decision.stage == stage or (stage, decision.stage) == ("mql", "raw") or rank(decision.stage) > rank(stage)
    assert decision.reason != ""


@settings(max_examples=200)
@given(st.sampled_from(STAGES), st.integers(0, 100), st.integers(0, 100), st.integers(0, 4), st.integers(0, 60))
def test_a_decision_is_final_until_something_changes(stage, total, fit, coverage, intent):
    score = measured(total, fit, coverage, intent)
    decision = advance(stage, None, score, RULES, None)
    again = advance(decision.stage, None, score, RULES, None)
    assert (again.stage, again.proposed) == (decision.stage, decision.proposed)


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        ("raw", "mql", "mql"),
        ("hot", "customer", "customer"),
        ("disqualified", "mql", "mql"),
        ("disqualified", "raw", "disqualified"),
        ("lost", "hot", "hot"),
        ("nurture", "raw", "nurture"),
        ("nurture", "mql", "mql"),
    ],
)
def test_the_furthest_stage_wins(one, other, kept):
    assert furthest(one, other) == furthest(other, one) == kept


@given(STAGE, STAGE, STAGE)
def test_furthest_does_not_depend_on_the_order_of_merging(one, other, third):
    assert furthest(furthest(one, other), third) == furthest(one, furthest(other, third))
