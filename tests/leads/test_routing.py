from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads import rules as shipped
from leads.routing import State, pack, parse, route, unpack
from leads.rulefile import RuleFileError

LAW = settings(max_examples=200, deadline=None)
TEXT = """
[[owner]]
id = "anna"
email = "anna@firma.example"
aliases = ["a.berg@firma.example"]
weight = 3
daily_cap = 4
skills = ["de", "enterprise"]
[[owner]]
id = "ben"
email = "ben@firma.example"
open_cap = 6
skills = ["de"]
[[owner]]
id = "clara"
email = "clara@firma.example"
away = [{ from = "2026-01-31", to = "2026-02-02" }]
[[owner]]
id = "ivo"
email = "ivo@firma.example"
active = false
[[pool]]
id = "inbound"
owners = ["anna", "ben", "clara", "ivo"]
[[rule]]
id = "large"
priority = 10
when = { field = "company.employees", op = "gte", value = 1000 }
assign = "pool:inbound"
require_skill = ["enterprise"]
[[rule]]
id = "own"
priority = 20
when = { field = "source", op = "eq", value = "clara" }
assign = "owner:clara"
[[rule]]
id = "catch-all"
priority = 999
assign = "pool:inbound"
"""
RULES = parse(TEXT)
OWNERS = {"anna@firma.example", "ben@firma.example", "clara@firma.example"}


def pool_of(weights, method):
    owners = "".join(f'[[owner]]\nid = "{name}"\nemail = "{name}@firma.example"\nweight = {weight}\n' for name, weight in weights.items())
    pool = f'[[pool]]\nid = "p"\nmethod = "{method}"\nowners = {list(weights)}\n'
    return parse(f'{owners}{pool}[[rule]]\nid = "all"\nassign = "pool:p"\n')


def names(rules, count, at, state=None):
    state, found = State() if state is None else state, []
    for _ in range(count):
        assignment = route({}, None, state, rules, at)
        state = assignment.state
        found.append(assignment.owner.partition("@")[0])
    return found


def test_v1_smooth_weighted_round_robin(noon):
    assert names(pool_of({"a": 5, "b": 1, "c": 1}, "swrr"), 7, noon) == list("aabacaa")


WEIGHTS = st.lists(st.integers(1, 20), min_size=2, max_size=8).map(lambda weights: dict(zip("abcdefgh", weights, strict=False)))


@LAW
@given(WEIGHTS, st.data())
def test_r3_quota_keeps_everybody_within_one_lead_of_the_fair_share(weights, data):
    total = sum(weights.values())
    given_out = names(pool_of(weights, "quota"), data.draw(st.integers(1, min(2 * total, 60))), datetime(2026, 1, 31, tzinfo=UTC))
    for count in range(1, len(given_out) + 1):
        for name, weight in weights.items():
            assert abs(given_out[:count].count(name) - Fraction(count * weight, total)) < 1


def test_least_open_goes_by_open_leads_per_weight(noon):
    rules = pool_of({"a": 2, "b": 1}, "least_open")
    assert names(rules, 6, noon) == ["a", "b", "a", "a", "b", "a"]
    assert names(rules, 1, noon, State(open={"a": 5, "b": 2})) == ["b"]


def test_nobody_is_flooded_after_an_absence(noon):
    rules = pool_of({"a": 1, "b": 1}, "quota")
    state, home = (
        State(),
        replace(rules, owners={**rules.owners, "b": replace(rules.owners["b"], away=((date(2026, 1, 1), date(2026, 1, 31)),))}),
    )
    for _ in range(10):
        state = route({}, None, state, home, noon).state
    back = names(rules, 6, noon, state)
    assert sorted(back) == ["a", "a", "a", "b", "b", "b"]


FACTS = st.fixed_dictionaries({}, optional={"company.employees": st.sampled_from([5, 5000]), "source": st.just("clara")})
NOW = st.sampled_from([None, None, "ben@firma.example", "A.Berg@firma.example", "ivo@firma.example", "dora@firma.example"])
DAY = st.integers(0, 4).map(lambda days: datetime(2026, 1, 30, 12, tzinfo=UTC) + timedelta(days=days))
TRIED = st.frozensets(st.sampled_from(["anna", "ben", "clara"]))
CALLS = st.lists(st.tuples(FACTS, NOW, DAY, TRIED), max_size=20).map(lambda calls: sorted(calls, key=lambda call: call[2]))


def played(calls, state=None, rules=RULES):
    state, found = State() if state is None else state, []
    for known, owner, at, tried in calls:
        found.append(route(known, owner, state, rules, at, tried=tried))
        state = found[-1].state
    return found


@LAW
@given(CALLS)
def test_r1_r2_the_same_leads_in_the_same_order_get_the_same_owners(calls):
    assert played(calls) == played(calls, rules=parse(TEXT))


@LAW
@given(CALLS, st.integers(0, 20))
def test_r2_kept_counters_go_on_where_they_stopped(calls, cut):
    whole, before = played(calls), played(calls[:cut])
    state = before[-1].state if before else State()
    assert before + played(calls[cut:], unpack(pack(state))) == whole


@LAW
@given(CALLS)
def test_r4_no_cap_is_exceeded(calls):
    for assignment in played([(known, None, at, tried) for known, _, at, tried in calls]):
        assert assignment.state.today.get("anna", 0) <= 4
        assert assignment.state.open.get("ben", 0) <= 6


@LAW
@given(CALLS)
def test_r5_every_lead_has_exactly_one_target(calls):
    for assignment in played(calls):
        assert (assignment.owner is None) != (assignment.queue is None)
        assert assignment.reason != ""


@LAW
@given(CALLS)
def test_r6_nobody_away_or_inactive_is_assigned(calls):
    for (_, _, at, _), assignment in zip(calls, played([(known, None, at, tried) for known, _, at, tried in calls]), strict=True):
        assert assignment.owner != "ivo@firma.example"
        assert assignment.owner != "clara@firma.example" or at.date() in (date(2026, 1, 30), date(2026, 2, 3))


@LAW
@given(CALLS)
def test_r7_a_reroute_never_returns_to_somebody_tried(calls):
    for (_, _, _, tried), assignment in zip(calls, played(calls), strict=True):
        assert assignment.owner is None or assignment.owner.partition("@")[0] not in tried


def test_the_first_rule_with_somebody_eligible_decides_and_the_rest_is_told(noon):
    found = route({"source": "clara"}, None, State(), RULES, noon)
    assert (found.rule, found.owner, found.pool) == ("catch-all", "anna@firma.example", "inbound")
    assert [(seen.rule, seen.name, seen.verdict) for seen in found.candidates] == [
        ("own", "clara", "away"),
        ("own", "clara", "no_eligible_owner"),
        ("catch-all", "anna", "eligible"),
        ("catch-all", "ben", "eligible"),
        ("catch-all", "clara", "away"),
        ("catch-all", "ivo", "inactive"),
    ]
    assert found.reason == "rule catch-all: anna was next in pool inbound (1 so far)"


def test_skills_are_required(noon):
    found = route({"company.employees": 5000}, None, State(), RULES, noon, tried=frozenset({"anna"}))
    assert (found.rule, found.owner) == ("catch-all", "ben@firma.example")
    assert ("large", "ben", "lacks a skill") in [(seen.rule, seen.name, seen.verdict) for seen in found.candidates]


def test_without_anybody_a_lead_goes_to_the_queue(noon):
    found = route({}, None, State(), RULES, noon, tried=frozenset({"anna", "ben", "clara"}))
    assert (found.owner, found.queue, found.rule) == (None, "triage", "no-match")


@pytest.mark.parametrize(
    ("policy", "owner", "kept"),
    [
        ("keep", "BEN@firma.example", "ben@firma.example"),
        ("keep", "a.berg@firma.example", "anna@firma.example"),
        ("keep", "dora@firma.example", "dora@firma.example"),
        ("keep", "clara@firma.example", "clara@firma.example"),
        ("keep", "ivo@firma.example", None),
        ("keep_if_active", "dora@firma.example", None),
        ("keep_if_active", "clara@firma.example", None),
        ("keep_if_active", "ben@firma.example", "ben@firma.example"),
        ("rebalance", "ben@firma.example", None),
    ],
)
def test_the_policy_for_an_owner_there_is(policy, owner, kept, noon):
    found = route({}, owner, State(), replace(RULES, existing_owner=policy), noon)
    assert found.owner == kept if kept is not None else found.rule != "existing-owner"


def test_a_day_begins_in_the_zone_of_the_file():
    late = datetime(2026, 1, 30, 22, 30, tzinfo=UTC)
    full = State(day=date(2026, 1, 30), today={"anna": 4})
    assert route({}, None, full, RULES, late).owner == "ben@firma.example"
    assert route({}, None, full, RULES, late + timedelta(hours=1)).state.today["anna"] == 1


def test_long_runs_stay_fair_however_people_come_and_go():
    random, state, rules = Random(7), State(), pool_of({"a": 3, "b": 2, "c": 1}, "quota")
    for _ in range(300):
        absent = frozenset(name for name in "abc" if random.random() < 0.2)
        state = route({}, None, state, rules, datetime(2026, 1, 31, tzinfo=UTC), tried=absent).state
    pool = state.pools["p"]
    assert all(abs(pool.given[name] - pool.share[name]) < 3 for name in "abc")


def test_the_shipped_file_sends_everybody_to_triage(noon):
    rules = parse(shipped.text("routing"))
    assert route({}, None, State(), rules, noon).queue == "triage"
    assert route({"contactable.email": False, "contactable.phone": False}, None, State(), rules, noon).queue == "no-contact"
    assert route({}, "anna@firma.example", State(), rules, noon).owner == "anna@firma.example"


def mistakes(text):
    with pytest.raises(RuleFileError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('rule = [{ id = "r", assign = "queue:x", when = { field = "stage", op = "eq", value = "raw" } }]', "expected a catch-all"),
        ('rule = [{ id = "r", assign = "owner:ana" }]', "there is no owner 'ana'; nearest is 'anna'"),
        ('rule = [{ id = "r", assign = "anna" }]', "expected owner:ID, pool:ID or queue:NAME; nearest is 'owner:anna'"),
        ('rule = [{ id = "r", assign = "queue:x" }, { id = "s", assign = "queue:y" }]', "rule[s]: is never reached"),
        ('rule = [{ id = "r", assign = "queue:x", sla = "hot" }]', "rule[r].sla: is not supported yet"),
        ('rule = [{ id = "r", assign = "account_owner" }]', "account_owner is not supported yet"),
        ('territory = [{ id = "south" }]', "territory: is not supported yet"),
        ('calendar = { de = {} }', "calendar: is not supported yet"),
        ('pool = [{ id = "p", owners = ["anna", "bob"] }]', "'bob' is not an owner"),
        ('pool = [{ id = "p", owners = ["anna"], method = "quotas" }]', "nearest is 'quota'"),
        ('defaults = { timezone = "Europe/Berlyn" }', "expected a zone"),
        ('defaults = { on_no_match = "pool:x" }', "expected a queue"),
        ('defaults = { existing_owners = "keep" }', "nearest is 'existing_owner'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_routing_file(text, told):
    owner = '[[owner]]\nid = "anna"\nemail = "anna@firma.example"\n'
    assert any(told in problem for problem in mistakes(f"{text}\n{owner}"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('email = "ben@firma.example"', "belongs to owner[ben] too"),
        ('email = "anna"', "expected an e-mail address"),
        ('email = "anna@firma.example"\nweight = 0', "at least 1"),
        ('email = "anna@firma.example"\naway = [{ from = "2026-02-01", to = "2026-01-01" }]', "before it begins"),
        ('email = "anna@firma.example"\naway = [{ from = "soon" }]', "expected [{ from"),
    ],
)
def test_mistakes_about_an_owner(line, told):
    ben = '[[owner]]\nid = "ben"\nemail = "ben@firma.example"\n'
    assert any(told in problem for problem in mistakes(f'{ben}[[owner]]\nid = "anna"\n{line}\n[[rule]]\nid = "r"\nassign = "queue:x"\n'))
