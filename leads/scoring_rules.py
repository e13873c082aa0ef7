"""The scoring file: what it may contain, and what is wrong with a given one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from math import isqrt
from typing import Any, Final

from leads import predicates
from leads.model import LEVELS, STAGES
from leads.predicates import DIMENSIONS as QUALIFICATION
from leads.predicates import Predicate
from leads.rulefile import Problem, RuleFileError, Table, is_whole, nearest, parse_toml, unique

FIT: Final = "fit"
ENGAGEMENT: Final = "engagement"


@dataclass(frozen=True, slots=True)
class Combine:
    method: str
    fit_weight: int  # per mille
    engagement_weight: int
    fit_grades: tuple[int, int]  # points from which a lead is B and A
    engagement_grades: tuple[int, int]  # points from which a lead is 2 and 1


@dataclass(frozen=True, slots=True)
class Dimension:
    id: str
    min: int
    max: int
    half_life: timedelta | None


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    dimension: str
    cap: int | None
    floor: int | None


@dataclass(frozen=True, slots=True)
class Contribution:
    rule: str
    group: str | None  # None for what a whole dimension was clamped by
    milli: int
    event: str | None = None
    decay: float | None = None
    dimension: str = field(default="", compare=False)
    told: str = field(default="", compare=False)  # for people: "decision maker +25"


@dataclass(frozen=True, slots=True)
class AttributeRule:
    id: str
    group: str
    when: Predicate
    gives: Contribution

    @property
    def points(self) -> int:
        return self.gives.milli // 1000


@dataclass(frozen=True, slots=True)
class LevelRule:
    id: str
    group: str
    field: str
    gives: Mapping[str, Contribution]  # by level, without those that give nothing


@dataclass(frozen=True, slots=True)
class EventRule:
    id: str
    label: str
    group: str
    points: int
    event: str
    where: Mapping[str, tuple[Any, ...]]
    half_life: timedelta | None
    window: timedelta | None
    cooldown: timedelta | None
    max_count: int | None


Rule = AttributeRule | LevelRule | EventRule


@dataclass(frozen=True, slots=True)
class StageRule:
    id: str
    enter: Mapping[str, int]
    exit: Mapping[str, int]
    min_dwell: timedelta
    decide: str  # auto or human
    requires_stage: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    id: str
    version: int
    hash: str
    combine: Combine
    dimensions: Mapping[str, Dimension]
    groups: Mapping[str, Group]
    rules: Mapping[str, tuple[Rule, ...]]  # by group, both in the order of the file
    stages: tuple[StageRule, ...]  # from the lowest up


def contribution(rule: str, group: Group, label: str, milli: int, event: str | None = None, decay: float | None = None) -> Contribution:
    return Contribution(rule, group.id, milli, event, decay, group.dimension, f"{label} {rounded(milli, 1000):+d}")


def rounded(value: int, by: int) -> int:
    """Divided and rounded to the nearest, halves away from zero."""
    quotient = (2 * abs(value) + by) // (2 * by)
    return quotient if value >= 0 else -quotient


def parse(text: str) -> Rules:
    """Raises one error that names every mistake."""
    data = parse_toml(text)
    problems: list[Problem] = []
    rules = _read(Table(data, "", problems), _hash(data))
    if not problems:
        problems.extend(_lint(rules))
    if problems:
        raise RuleFileError(problems)
    return rules


def _hash(data: Mapping[str, Any]) -> str:
    return sha256(json.dumps(data, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()[:16]


def _read(file: Table, digest: str) -> Rules:
    header = file.table("ruleset")
    header.choice("unit", ("milli",), "milli")
    identity = header.text("id"), header.whole("version", 1, least=1)
    header.done()
    combine, dimensions = _combine(file.table("combine")), _dimensions(file.table("dimension"))
    tables = file.tables("group"), file.tables("rule"), file.tables("stage")
    for entries in tables:
        unique(entries)
    groups = {group.id: group for group in (_group(entry) for entry in tables[0])}
    found = [_rule(entry, groups, dimensions) for entry in tables[1]]
    rules = {group: tuple(rule for rule in found if rule is not None and rule.group == group) for group in groups}
    stages = sorted((_stage(entry, groups) for entry in tables[2]), key=lambda stage: STAGES.index(stage.id))
    file.done()
    return Rules(*identity, digest, combine, dimensions, groups, rules, tuple(stages))


def _combine(table: Table) -> Combine:
    method = table.choice("method", ("geometric", "weighted", "matrix"), "geometric")
    weights = table.table("weights")
    shares = [weights.whole(name, 500, least=0) for name in (FIT, ENGAGEMENT)]
    weights.done()
    if sum(shares) != 1000:
        table.wrong("weights", "expected fit and engagement per mille, 1000 together")
    bounds = [_bounds(table, "matrix_fit", (30, 60)), _bounds(table, "matrix_engagement", (20, 50))]
    table.done()
    return Combine(method, shares[0], shares[1], bounds[0], bounds[1])


def _bounds(table: Table, name: str, default: tuple[int, int]) -> tuple[int, int]:
    found = table.raw(name, default)
    if isinstance(found, (list, tuple)) and len(found) == 2 and all(map(is_whole, found)) and found[0] < found[1]:
        return found[0], found[1]
    table.wrong(name, "expected two rising whole numbers")
    return default


def _dimensions(tables: Table) -> dict[str, Dimension]:
    found = {name: _dimension(name, tables.table(name)) for name in (FIT, ENGAGEMENT)}
    tables.done()
    return found


def _dimension(name: str, table: Table) -> Dimension:
    low, high = table.whole("min", 0), table.whole("max", 100)
    if low >= high:
        table.wrong("max", "expected more than min")
    half_life = table.duration("half_life")
    table.done()
    return Dimension(name, low, high, half_life)


def _group(table: Table) -> Group:
    found = Group(table.text("id"), table.choice("dimension", (FIT, ENGAGEMENT)), table.whole("cap", None), table.whole("floor", None))
    if found.cap is not None and found.cap <= (found.floor or 0):
        table.wrong("cap", "expected more than 0 and than the floor")
    if found.floor is not None and found.floor > 0:
        table.wrong("floor", "expected 0 or less")
    table.done()
    return found


_RULE_KINDS: Final = ("when", "levels", "event")


def _rule(table: Table, groups: Mapping[str, Group], dimensions: Mapping[str, Dimension]) -> Rule | None:
    given = [kind for kind in _RULE_KINDS if kind in table.data]
    name = table.text("id")
    label = table.text("label", name.replace("-", " ").replace("_", " "))
    group = groups.get(table.choice("group", groups), Group("", FIT, None, None))
    found: Rule | None = None
    if len(given) != 1:
        table.known.update(_RULE_KINDS)
        table.wrong("", "expected exactly one of when, levels and event", nearest(next(iter(table.data), ""), _RULE_KINDS))
        return None
    if given == ["when"]:
        when = predicates.parse_into(table.raw("when"), f"{table.key}.when", table.problems)
        found = AttributeRule(name, group.id, when, contribution(name, group, label, _points(table) * 1000))
        _forbid_own_fields(table, when)
    elif given == ["levels"]:
        found = _level_rule(name, label, group, table)
    else:
        found = _event_rule(name, label, group, table, dimensions[group.dimension].half_life)
    table.done()
    return found


def _points(table: Table) -> int:
    found = int(table.whole("points"))
    if found == 0 and table.data.get("points") == 0:
        table.wrong("points", "expected points above or below 0")
    return found


def _forbid_own_fields(table: Table, when: Predicate) -> None:
    for name in sorted(predicates.fields_of(when)):
        if name.startswith("score.") or name in ("stage", "owner"):
            table.wrong("when", f"must not depend on {name}, which follows from the score")


def _level_rule(name: str, label: str, group: Group, rule: Table) -> LevelRule:
    table = rule.table("levels")
    asked = table.choice("field", QUALIFICATION)
    levels = table.table("points")
    found = {level: int(levels.whole(level, 0)) for level in LEVELS}
    levels.done()
    table.done()
    if found["unknown"] < 0:
        levels.wrong("unknown", "must not be negative: nobody has asked yet")
    gives = {level: contribution(name, group, label, points * 1000) for level, points in found.items() if points != 0}
    return LevelRule(name, group.id, asked, gives)


def _event_rule(name: str, label: str, group: Group, table: Table, default: timedelta | None) -> EventRule:
    where = table.raw("where", {})
    if not isinstance(where, Mapping):
        table.wrong("where", "expected { name = value }")
        where = {}
    values = {key: tuple(value) if isinstance(value, list) else (value,) for key, value in where.items()}
    points = _points(table)
    limits = table.duration("window"), table.duration("cooldown"), table.whole("max_count", None, least=1)
    half_life = table.duration("half_life", default)
    if points < 0:
        # A fading penalty would make a score rise although nothing happened.
        for fading in ("half_life", "window"):
            if fading in table.data and table.data[fading] != "0":
                table.wrong(fading, "is not for negative points: they do not fade")
        half_life = None
    return EventRule(name, label, group.id, points, table.text("event"), values, half_life, *limits)


def _stage(table: Table, groups: Mapping[str, Group]) -> StageRule:
    measures = ("total", FIT, ENGAGEMENT, "qualification_coverage", *groups)
    stage = table.choice("id", STAGES[1:-1])
    enter, leave = (_thresholds(table.table(name), measures) for name in ("enter", "exit"))
    if not enter and "enter" in table.data:
        table.wrong("enter", "expected at least one threshold")
    for name, value in leave.items():
        if value >= enter.get(name, value + 1):
            table.wrong(f"exit.{name}", "expected less than under enter")
    requires = table.choice("requires_stage", STAGES[: STAGES.index(stage)]) if "requires_stage" in table.data else None
    dwell, decide = table.duration("min_dwell") or timedelta(), table.choice("decide", ("auto", "human"), "auto")
    if "enter" not in table.data:
        table.wrong("enter", "is missing")
    table.done()
    return StageRule(stage, enter, leave, dwell, decide, requires)


def _thresholds(table: Table, measures: Iterable[str]) -> dict[str, int]:
    measures = tuple(measures)
    for name in table.data:
        if name not in measures:
            table.wrong(name, f"expected one of {', '.join(measures)}", nearest(name, measures))
    return {name: int(table.whole(name)) for name in table.data if name in measures}


# What no single table shows


def _lint(rules: Rules) -> list[Problem]:
    best = {group: _best(rules.rules[group]) for group in rules.groups}
    problems = [
        Problem(f"group[{group.id}].cap", f"can never be reached: its rules give {best[group.id]} at most")
        for group in rules.groups.values()
        if group.cap is not None and best[group.id] is not None and (best[group.id] or 0) < group.cap
    ]
    problems += _duplicates(rules)
    reach = _reach(rules, best)
    for stage in rules.stages:
        for name, value in stage.enter.items():
            limit = reach.get(name)
            if limit is not None and value > limit:
                problems.append(Problem(f"stage[{stage.id}].enter.{name}", f"can never be reached: the highest is {limit}"))
    return problems


def _best(rules: Iterable[Rule]) -> int | None:
    """The most a group can give; None is without limit."""
    found = 0
    for rule in rules:
        if isinstance(rule, LevelRule):
            found += max([0, *(each.milli // 1000 for each in rule.gives.values())])
        elif rule.points > 0 and isinstance(rule, EventRule):
            if rule.max_count is None:
                return None
            found += rule.points * rule.max_count
        else:
            found += max(0, rule.points)
    return found


def _reach(rules: Rules, best: Mapping[str, int | None]) -> dict[str, int | None]:
    reach: dict[str, int | None] = {}
    for group in rules.groups.values():
        limits = [limit for limit in (best[group.id], group.cap) if limit is not None]
        reach[group.id] = min(limits) if limits else None
    tops = {}
    for dimension in rules.dimensions.values():
        parts = [reach[group.id] for group in rules.groups.values() if group.dimension == dimension.id]
        top = dimension.max if None in parts else min(dimension.max, sum(part for part in parts if part is not None))
        tops[dimension.id] = max(top, dimension.min)
    fit, engagement = max(tops[FIT], 0), max(tops[ENGAGEMENT], 0)
    weighted = (fit * rules.combine.fit_weight + engagement * rules.combine.engagement_weight) // 1000
    total = isqrt(fit * engagement) if rules.combine.method == "geometric" else weighted
    return {**reach, **tops, "total": total, "qualification_coverage": len(QUALIFICATION)}


def _duplicates(rules: Rules) -> list[Problem]:
    seen: dict[str, str] = {}
    problems = []
    for rule in (rule for group in rules.rules.values() for rule in group):
        what = _asks(rule)
        if what in seen:
            problems.append(Problem(f"rule[{rule.id}]", f"asks for the same as rule[{seen[what]}]"))
        seen.setdefault(what, rule.id)
    return problems


def _asks(rule: Rule) -> str:
    if isinstance(rule, AttributeRule):
        return repr(rule.when)
    return rule.field if isinstance(rule, LevelRule) else repr((rule.event, sorted(rule.where.items())))
