"""The score of a lead: a pure function of what is known, what happened, the moment and the rules, in whole milli-points.

Events of the future and repeated ones are left out. Points of an event fade by its half-life; negative ones do not fade, so that a score
never rises while nothing happens. What a cap or clamp takes away is a contribution of its own: the contributions always add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isqrt
from typing import Any, Final

from leads.predicates import DIMENSIONS as QUALIFICATION
from leads.predicates import Facts
from leads.scoring_rules import (
    ENGAGEMENT,
    FIT,
    AttributeRule,
    Combine,
    Contribution,
    EventRule,
    Group,
    LevelRule,
    Rule,
    Rules,
    StageRule,
    contribution,
    parse,
    rounded,
)

__all__ = ["Contribution", "Event", "Rules", "Score", "facts", "parse", "reason", "score"]


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    type: str
    at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    fit: int
    engagement: int
    total: int
    grade: str
    contributions: tuple[Contribution, ...]
    measures: Mapping[str, int]  # what stages ask for: total, the dimensions, every group, and the coverage in thousands
    due: datetime | None  # the next moment at which it may differ without anything new
    rules: Rules = field(repr=False)

    @property
    def points(self) -> int:
        """The total as a CRM shows it; rounded down, so that no lead shows a threshold it has not reached."""
        return self.total // 1000


def score(known: Facts, events: Iterable[Event], as_of: datetime, rules: Rules) -> Score:
    past, due = _past(events, as_of)
    found: list[Contribution] = []
    sums = dict.fromkeys(rules.dimensions, 0)
    measures: dict[str, int] = {}
    for group in rules.groups.values():
        own = [part for rule in rules.rules[group.id] for part in _contributions(rule, group, known, past, as_of)]
        measures[group.id] = _close(own, f"cap:{group.id}", group.id, group.dimension, group.floor, group.cap)
        sums[group.dimension] += measures[group.id]
        found += own
    for dimension in rules.dimensions.values():
        sums[dimension.id] = _close(found, f"clamp:{dimension.id}", None, dimension.id, dimension.min, dimension.max, sums[dimension.id])
    fit, engagement = sums[FIT], sums[ENGAGEMENT]
    total = _total(fit, engagement, rules.combine)
    coverage = sum(known.get(name, "unknown") != "unknown" for name in QUALIFICATION)
    measures |= {"total": total, **sums, "qualification_coverage": coverage * 1000}
    if past and any(part.decay is not None and part.decay > 0 for part in found):
        due = min(filter(None, (due, as_of + timedelta(days=1))))
    return Score(fit, engagement, total, _grade(fit, engagement, rules.combine), tuple(found), measures, due, rules)


def facts(found: Score) -> dict[str, Any]:
    """The score as facts for routing rules, in points."""
    return {
        "score.fit": found.fit / 1000,
        "score.engagement": found.engagement / 1000,
        "score.total": found.total / 1000,
        "score.grade": found.grade,
    }


def _past(events: Iterable[Event], as_of: datetime) -> tuple[list[Event], datetime | None]:
    """What has happened, newest first, each event once; and when the next one will count."""
    once: dict[str, Event] = {}
    for event in events:
        first = once.get(event.id)
        if first is None or _order(event) < _order(first):
            once[event.id] = event
    past = sorted((event for event in once.values() if event.at <= as_of), key=_order, reverse=True)
    return past, min((event.at for event in once.values() if event.at > as_of), default=None)


def _order(event: Event) -> tuple[datetime, str, str, str]:
    return event.at, event.id, event.type, repr(sorted(event.attributes.items()))


# Contributions


def _contributions(rule: Rule, group: Group, known: Facts, past: list[Event], as_of: datetime) -> Iterable[Contribution]:
    if isinstance(rule, AttributeRule):
        return (rule.gives,) if rule.when.holds(known) else ()
    if isinstance(rule, LevelRule):
        given = rule.gives.get(known.get(rule.field, "unknown"))
        return () if given is None else (given,)
    faded = [_faded(rule, group, event, as_of) for event in _counted(rule, past, as_of)] if past else ()
    return [part for part in faded if part.milli != 0]


def _counted(rule: EventRule, past: list[Event], as_of: datetime) -> list[Event]:
    """From the newest back: outside the cooldown of the one counted before, not older than the window, not more than the maximum."""
    found: list[Event] = []
    for event in past:
        if len(found) == rule.max_count or (rule.window is not None and as_of - event.at > rule.window):
            break
        if event.type != rule.event or not all(event.attributes.get(name) in values for name, values in rule.where.items()):
            continue
        if rule.cooldown is None or not found or found[-1].at - event.at >= rule.cooldown:
            found.append(event)
    return found


def _faded(rule: EventRule, group: Group, event: Event, as_of: datetime) -> Contribution:
    left = _ONE if rule.half_life is None else _halved(as_of - event.at, rule.half_life)
    decay = None if rule.half_life is None else rounded(left * 10_000, _ONE) / 10_000
    return contribution(rule.id, group, rule.label, rounded(rule.points * 1000 * left, _ONE), event.id, decay)


# 2^(-age/half_life) in whole numbers, because floating-point powers differ between machines in the last digit.

_BITS: Final = 64
_ONE: Final = 1 << 96


def _roots() -> tuple[int, ...]:
    """2^(-1/2), 2^(-1/4), 2^(-1/8) ..."""
    found = [_ONE // 2]
    for _ in range(_BITS):
        found.append(isqrt(found[-1] * _ONE))
    return tuple(found[1:])


_ROOTS: Final = _roots()
_INSTANT: Final = timedelta(microseconds=1)


def _halved(age: timedelta, half_life: timedelta) -> int:
    whole, rest = divmod(age // _INSTANT, half_life // _INSTANT)
    left, part = _ONE >> min(whole, 200), (rest << _BITS) // (half_life // _INSTANT)
    for at, root in enumerate(_ROOTS, start=1):
        if part >> (_BITS - at) & 1:
            left = left * root // _ONE
    return left


# Limits, total, grade


def _close(
    parts: list[Contribution], rule: str, group: str | None, dimension: str, low: int | None, high: int | None, total: int | None = None
) -> int:
    """The sum within its limits; what they change is added as a contribution of its own."""
    total = sum([part.milli for part in parts]) if total is None else total
    kept = total if low is None else max(total, low * 1000)
    kept = kept if high is None else min(kept, high * 1000)
    if kept != total:
        told = f"{group or dimension} limit {rounded(kept - total, 1000):+d}"
        parts.append(Contribution(rule, group, kept - total, dimension=dimension, told=told))
    return kept


def _total(fit: int, engagement: int, combine: Combine) -> int:
    fit, engagement = max(fit, 0), max(engagement, 0)
    if combine.method == "geometric":
        return isqrt(fit * engagement)
    return rounded(fit * combine.fit_weight + engagement * combine.engagement_weight, 1000)


def _grade(fit: int, engagement: int, combine: Combine) -> str:
    letter = "CBA"[sum(fit >= bound * 1000 for bound in combine.fit_grades)]
    return letter + "321"[sum(engagement >= bound * 1000 for bound in combine.engagement_grades)]


# What a sales person reads


def reason(found: Score, limit: int = 255) -> str:
    """Why the score is what it is, the weightiest first, and what is missing for the next stage."""
    ranked = sorted((part for part in found.contributions if abs(part.milli) >= 500), key=_by_weight)
    coming = _next(found)
    for count in range(len(ranked), -1, -1):
        text = _told(found, ranked[:count], coming)
        if len(text) <= limit:
            return text
    return _told(found, [], "")[:limit]


def _by_weight(part: Contribution) -> int:
    return -abs(part.milli)


def _told(found: Score, parts: list[Contribution], coming: str) -> str:
    told = f"Score {found.points}, grade {found.grade}."
    for name, dimension, milli in (("Fit", FIT, found.fit), ("Engagement", ENGAGEMENT, found.engagement)):
        own = ", ".join([part.told for part in parts if part.dimension == dimension])
        told += f" {name} {milli // 1000}." if own == "" else f" {name} {milli // 1000}: {own}."
    return told if coming == "" else f"{told} {coming}"


def _next(found: Score) -> str:
    for stage in found.rules.stages:
        gaps = missing(found, stage)
        if gaps:
            told = (f"{name.replace('_', ' ')} {gap}" for name, gap in gaps.items())
            return f"To {stage.id}: {', '.join(told)} more."
    return ""


def missing(found: Score, stage: StageRule) -> dict[str, int]:
    """What a lead lacks to enter a stage, in whole points, rounded up."""
    return {
        name: -((found.measures[name] - points * 1000) // 1000)
        for name, points in stage.enter.items()
        if found.measures[name] < points * 1000
    }
