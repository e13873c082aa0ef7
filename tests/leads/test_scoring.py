from datetime import UTC, datetime, timedelta
from math import isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads import rules as shipped
from leads import scoring
from leads.model import Item
from leads.predicates import facts, flatten
from leads.rulefile import RuleFileError
from leads.scoring import Event, parse, reason, score

DAY_0 = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = """
[ruleset]
id = "laws"
[combine]
method = "geometric"
[dimension.fit]
min = -20
max = 60
[dimension.engagement]
half_life = "14d"
[[group]]
id = "company"
dimension = "fit"
cap = 40
floor = -10
[[group]]
id = "answers"
dimension = "fit"
[[group]]
id = "web"
dimension = "engagement"
cap = 50
[[group]]
id = "mail"
dimension = "engagement"
floor = -15
[[rule]]
id = "size"
group = "company"
when = { field = "company.employees", op = "gte", value = 50 }
points = 30
[[rule]]
id = "domain"
group = "company"
when = { field = "company.domain", op = "exists" }
points = 25
[[rule]]
id = "freemail"
group = "company"
when = { field = "email.is_freemail", op = "eq", value = true }
points = -30
[[rule]]
id = "budget"
group = "answers"
levels = { field = "qualification.budget", points = { no = -15, partial = 10, yes = 30 } }
[[rule]]
id = "form"
group = "web"
event = "form.submit"
where = { kind = ["demo", "quote"] }
points = 30
max_count = 2
[[rule]]
id = "view"
group = "web"
event = "page.view"
points = 7
cooldown = "1h"
half_life = "3d"
[[rule]]
id = "click"
group = "mail"
event = "email.click"
points = 5
window = "30d"
[[rule]]
id = "gone"
group = "mail"
event = "consent.withdrawn"
points = -20
max_count = 1
[[stage]]
id = "mql"
enter = { total = 30, fit = 20 }
exit = { total = 20 }
"""
RULES = parse(TEXT)
EVENT = st.builds(
    Event,
    st.integers(0, 30).map(str),
    st.sampled_from(["form.submit", "page.view", "email.click", "consent.withdrawn", "other"]),
    st.integers(0, 90 * 24 * 60).map(lambda minutes: DAY_0 + timedelta(minutes=minutes)),
    st.sampled_from([{}, {"kind": "demo"}, {"kind": "quote"}, {"kind": "other"}]),
)
EVENTS = st.lists(EVENT, max_size=15)
FACTS = st.fixed_dictionaries(
    {"qualification.budget": st.sampled_from(["no", "unknown", "partial", "yes"])},
    optional={"company.employees": st.integers(1, 99), "company.domain": st.just("firma.example"), "email.is_freemail": st.booleans()},
)
MOMENT = st.integers(0, 120 * 24).map(lambda hours: DAY_0 + timedelta(hours=hours))
LAW = settings(max_examples=200, deadline=None)


@LAW
@given(FACTS, EVENTS, MOMENT)
def test_s1_the_contributions_add_up_to_each_dimension(known, events, at):
    found = score(known, events, at, RULES)
    sums = {name: sum(part.milli for part in found.contributions if part.dimension == name) for name in ("fit", "engagement")}
    assert sums == {"fit": found.fit, "engagement": found.engagement}


@LAW
@given(FACTS, EVENTS, EVENTS, MOMENT)
def test_s2_rules_that_have_scored_before_score_as_fresh_ones(known, first, second, at):
    score(known, first, at, RULES)
    assert score(known, [*first, *second], at, RULES).contributions == score(known, [*first, *second], at, parse(TEXT)).contributions


@LAW
@given(FACTS, EVENTS, MOMENT, st.randoms())
def test_s3_repeated_and_reordered_events_change_nothing(known, events, at, random):
    again = [*events, *events]
    random.shuffle(again)
    assert score(known, again, at, RULES) == score(known, events, at, RULES)


@LAW
@given(FACTS, EVENTS, EVENT, MOMENT)
def test_s4_a_welcome_event_never_lowers_the_total(known, events, event, at):
    event = Event("new", event.type if event.type != "consent.withdrawn" else "page.view", event.at, event.attributes)
    assert score(known, [*events, event], at, RULES).total >= score(known, events, at, RULES).total


@LAW
@given(FACTS, EVENTS, MOMENT, MOMENT)
def test_s5_engagement_never_rises_while_nothing_happens(known, events, one, other):
    before, after = sorted((one, other))
    events = [event for event in events if event.at <= before]
    assert score(known, events, after, RULES).engagement <= score(known, events, before, RULES).engagement


@LAW
@given(FACTS, EVENTS, MOMENT)
def test_s6_no_limit_is_ever_exceeded(known, events, at):
    found = score(known, events, at, RULES)
    assert -20_000 <= found.fit <= 60_000
    assert 0 <= found.engagement <= 100_000
    assert -10_000 <= found.measures["company"] <= 40_000
    assert found.measures["web"] <= 50_000
    assert found.measures["mail"] >= -15_000
    assert found.total == isqrt(max(found.fit, 0) * found.engagement)


@LAW
@given(FACTS, EVENTS, EVENTS, MOMENT)
def test_s7_merged_leads_score_the_union_of_their_events(known, one, other, at):
    union = {(event.id, event.at, event.type, repr(event.attributes)): event for event in (*one, *other)}
    assert score(known, [*one, *other], at, RULES) == score(known, union.values(), at, RULES)


@LAW
@given(FACTS, EVENTS, MOMENT)
def test_s8_the_same_inputs_give_the_same_bytes(known, events, at):
    one, other = score(dict(known), list(events), at, RULES), score(dict(reversed(known.items())), events[::-1], at, RULES)
    assert repr(one) == repr(other)
    assert reason(one) == reason(other)


@LAW
@given(FACTS, EVENTS, EVENTS, MOMENT)
def test_s9_what_happens_later_does_not_change_the_past(known, events, later, at):
    later = [Event(f"later-{number}", event.type, at + timedelta(minutes=1), event.attributes) for number, event in enumerate(later)]
    assert score(known, [*events, *later], at, RULES).contributions == score(known, events, at, RULES).contributions


@LAW
@given(FACTS, EVENTS, MOMENT)
def test_a_score_stays_as_it_is_until_it_is_due(known, events, at):
    found = score(known, events, at, RULES)
    if found.due is None:
        assert score(known, events, at + timedelta(days=3), RULES).contributions == found.contributions
    else:
        assert found.due > at


@pytest.mark.parametrize(("age", "points"), [(0, 30_000), (7, 21_213), (28, 7_500)])
def test_v3_points_fade_by_half_in_every_half_life(age, points):
    rules = parse("""
        ruleset = { id = "v3" }
        group = [{ id = "g", dimension = "engagement" }]
        rule = [{ id = "r", group = "g", event = "e", points = 30, half_life = "14d" }]
    """)
    assert score({}, [Event("1", "e", DAY_0)], DAY_0 + timedelta(days=age), rules).engagement == points


WORKED_LEAD = flatten(
    {
        "company": {"employees": 120, "industry": "software"},
        "email": {"is_freemail": False},
        "job_title": "Head of IT",
        "qualification": {"budget": "partial", "authority": "yes", "need": "unknown", "timing": "unknown"},
    }
)
WORKED_EVENTS = [
    Event(name, kind, DAY_0 + timedelta(minutes=minutes), detail)
    for name, kind, detail, minutes in (
        ("e1", "form.submit", {"form_kind": "lead_magnet"}, 0),
        ("e1", "form.submit", {"form_kind": "lead_magnet"}, 0),
        ("e2", "form.submit", {"form_kind": "lead_magnet"}, 30),
        ("e3", "page.view", {"page_kind": "pricing"}, 14_400),
        ("e4", "page.view", {"page_kind": "pricing"}, 15_840),
        ("e5", "form.submit", {"form_kind": "demo_request"}, 20_160),
    )
]


@pytest.mark.parametrize(("day", "expected"), [(28, (83_000, 46_665, 62_234, "A2")), (120, (83_000, 4_428, 19_170, "A3"))])
def test_v11_the_worked_example(example, day, expected):
    found = score(WORKED_LEAD, WORKED_EVENTS, DAY_0 + timedelta(days=day), parse(example("scoring")))
    assert (found.fit, found.engagement, found.total, found.grade) == expected


def test_v11_contributions(example):
    found = score(WORKED_LEAD, WORKED_EVENTS, DAY_0 + timedelta(days=28), parse(example("scoring")))
    assert [(part.rule, part.group, part.milli, part.event, part.decay) for part in found.contributions] == [
        ("size-50-500", "firmographics", 25_000, None, None),
        ("industry-icp", "firmographics", 20_000, None, None),
        ("title-decider", "firmographics", 20_000, None, None),
        ("cap:firmographics", "firmographics", -5_000, None, None),
        ("qual-budget", "qualification", 8_000, None, None),
        ("qual-authority", "qualification", 15_000, None, None),
        ("lead-magnet", "content", 3_754, "e2", 0.2503),
        ("pricing-view", "intent", 3_448, "e4", 0.431),
        ("pricing-view", "intent", 3_281, "e3", 0.4102),
        ("demo-request", "intent", 36_182, "e5", 0.7236),
    ]


def lead(**fields):
    return {
        "first_name": "Anna",
        "last_name": "Berg",
        "emails": (Item("anna@firma.example", "anna@firma.example"),),
        "phones": (Item("+49301234567", "+49301234567"),),
    } | {name.replace("__", "."): value for name, value in fields.items()}


@pytest.fixture(scope="module")
def default():
    return parse(shipped.text("scoring"))


def test_the_shipped_file_tells_good_leads_from_poor_ones(default, noon):
    best = lead(
        company__name="Firma", company__employees=120, job_title="Geschäftsführerin", source="Demo request", qualification__budget="yes"
    )
    poor = {"emails": (Item("x@gmail.com", "x@gmail.com"),), "job_title": "Student"}
    good, middle, bad = (score(facts(each), (), noon, default) for each in (best, lead(job_title="IT-Leiter"), poor))
    assert good.points > middle.points > bad.points
    assert (good.grade, bad.grade) == ("A1", "C3")


def test_the_reason_says_why_and_what_is_missing(default, noon):
    found = score(facts(lead(company__name="Firma", company__employees=120, job_title="Head of IT")), (), noon, default)
    assert reason(found) == (
        "Score 43, grade B2. Fit 45: 50-1000 employees +15, leads a department +15, own domain +10, company known +5. "
        "Engagement 40: phone known +15, work e-mail +15, full name +10. To sql: total 17, qualification coverage 2 more."
    )


@LAW
@given(FACTS, EVENTS, MOMENT, st.integers(40, 255))
def test_a_reason_fits_its_field(known, events, at, limit):
    assert len(reason(score(known, events, at, RULES), limit)) <= limit


def test_a_reason_does_not_change_while_nothing_does(default, noon):
    texts = {reason(score(facts(lead()), (), noon + timedelta(days=day), default)) for day in range(5)}
    assert len(texts) == 1


def mistakes(text):
    with pytest.raises(RuleFileError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


BASE = """
ruleset = { id = "x" }
group = [{ id = "g", dimension = "fit" }, { id = "h", dimension = "engagement" }]
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('rule = [{ id = "r", group = "g", points = 5, when = { field = "stage", op = "eq", value = "raw" } }]', "not depend on stage"),
        ('rule = [{ id = "r", group = "gg", points = 5, event = "e" }]', "rule[r].group: expected one of g, h; nearest is 'g'"),
        ('rule = [{ id = "r", group = "g", points = 5 }]', "exactly one of when, levels and event"),
        ('rule = [{ id = "r", group = "g", points = 0, event = "e" }]', "above or below 0"),
        ('rule = [{ id = "r", group = "h", points = -5, event = "e", half_life = "7d" }]', "do not fade"),
        ('rule = [{ id = "r", group = "h", points = 5, event = "e", half_life = "7 days" }]', "expected a duration"),
        ('rule = [{ id = "r", group = "g", levels = { field = "qualification.need", points = { unknown = -1 } } }]', "not be negative"),
        ('rule = [{ id = "r", group = "g", levels = { field = "qualification.need", points = { maybe = 1 } } }]', "maybe: is not known"),
        ('stage = [{ id = "mql", enter = { total = 40 }, exit = { total = 40 } }]', "exit.total: expected less than under enter"),
        ('stage = [{ id = "mql", enter = { total = 40 } }]', "can never be reached: the highest is 0"),
        ('stage = [{ id = "hot", enter = { fit = 0 }, requires_stage = "hot" }]', "requires_stage: expected one of raw, mql, sql"),
        ('dimension = { fit = { min = 5, max = 5 } }', "expected more than min"),
        ('combine = { method = "weighted", weights = { fit = 500, engagement = 600 } }', "1000 together"),
        ('groups = []', "groups: is not known; nearest is 'group'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_scoring_file(text, told):
    assert any(told in problem for problem in mistakes(BASE + text))


def test_a_cap_nobody_reaches_and_rules_that_ask_twice():
    told = mistakes("""
        ruleset = { id = "x" }
        group = [{ id = "g", dimension = "fit", cap = 50 }]
        [[rule]]
        id = "a"
        group = "g"
        points = 20
        when = { field = "source", op = "exists" }
        [[rule]]
        id = "b"
        group = "g"
        points = 20
        when = { field = "source", op = "exists" }
    """)
    assert told == ["group[g].cap: can never be reached: its rules give 40 at most", "rule[b]: asks for the same as rule[a]"]


def test_what_is_no_toml_is_told_as_such():
    assert "expected TOML" in mistakes("ruleset = ")[0]


def test_the_hash_follows_the_content_not_the_layout():
    assert parse(BASE).hash == parse(f"# a remark\n{BASE}").hash
    assert parse(BASE).hash != parse(BASE.replace('"x"', '"y"')).hash


def test_scores_are_facts_for_routing(default, noon):
    found = scoring.facts(score(facts(lead()), (), noon, default))
    assert found.keys() == {"score.fit", "score.engagement", "score.total", "score.grade"}
