"""Stages: when a score moves a lead, when it only proposes, and when nothing may move it.

A lead enters at `enter` and leaves only below `exit` and after `min_dwell`. Where sales decides, and from there upwards, the score merely
proposes. What a person set holds until `held_until`; the side stages belong to people altogether.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from leads.model import SIDE_STAGES, STAGES
from leads.scoring import Score, missing
from leads.scoring_rules import Rules, StageRule

# From the least to the furthest. A lead that is only disqualified, resting or lost in one place is still alive in the other.
_ORDER: Final = ("raw", "disqualified", "nurture", "lost", *STAGES[1:])
_DECIDED_BY_SALES: Final = STAGES.index("sql")


@dataclass(frozen=True, slots=True)
class StageDecision:
    stage: str
    proposed: str | None
    reason: str
    due: datetime | None  # the next moment at which the answer may differ without anything new


def rank(stage: str) -> int:
    return _ORDER.index(stage)


def furthest(one: str, other: str) -> str:
    """Of two stages of one person the further one, never a disqualification above a stage that was reached."""
    return max(one, other, key=rank)


def advance(
    stage: str, since: datetime | None, score: Score, rules: Rules, now: datetime, held_until: datetime | None = None
) -> StageDecision:
    """Where the lead stands now. `since` is when it came to `stage`, None if that is not known and long ago."""
    if stage in SIDE_STAGES or stage == STAGES[-1]:
        return StageDecision(stage, None, f"{stage} is changed by people only", None)
    if held_until is not None and now < held_until:
        wanted = _moved(stage, since, score, rules, now)
        other = wanted.stage if wanted.stage != stage else wanted.proposed
        return StageDecision(stage, other, "set by a person", _earliest(held_until, score.due))
    return _moved(stage, since, score, rules, now)


def _moved(stage: str, since: datetime | None, score: Score, rules: Rules, now: datetime) -> StageDecision:
    reached, proposed, why = _promoted(stage, score, rules)
    if reached != stage or proposed is not None:
        return StageDecision(reached, proposed, why, score.due)
    return _demoted(stage, since, score, rules, now)


def _promoted(stage: str, score: Score, rules: Rules) -> tuple[str, str | None, str]:
    """As far up as the score carries by itself, and the first stage above that which a person has to confirm."""
    reached, why = stage, "no threshold reached"
    for rule in _above(stage, rules):
        if missing(score, rule) or not _has_passed(reached, rule):
            continue
        why = f"{rule.id}: {_told(score, rule)}"
        if rule.decide == "human":
            return reached, rule.id, why
        reached = rule.id
    return reached, None, why


def _above(stage: str, rules: Rules) -> Iterator[StageRule]:
    return (rule for rule in rules.stages if STAGES.index(rule.id) > STAGES.index(stage))


def _has_passed(stage: str, rule: StageRule) -> bool:
    return rule.requires_stage is None or STAGES.index(stage) >= STAGES.index(rule.requires_stage)


def _demoted(stage: str, since: datetime | None, score: Score, rules: Rules, now: datetime) -> StageDecision:
    rule = next((rule for rule in rules.stages if rule.id == stage), None)
    below = (
        []
        if rule is None
        else [f"{name} {score.measures[name] // 1000} < {least}" for name, least in rule.exit.items() if _under(score, name, least)]
    )
    if rule is None or not below:
        return StageDecision(stage, None, "no threshold reached", score.due)
    lower, why = STAGES[STAGES.index(stage) - 1], f"below {stage}: {', '.join(below)}"
    if rule.decide == "human" or STAGES.index(stage) >= _DECIDED_BY_SALES:
        return StageDecision(stage, lower, why, score.due)
    if since is not None and now < since + rule.min_dwell:
        return StageDecision(stage, None, f"{why}, stays for now", _earliest(since + rule.min_dwell, score.due))
    return StageDecision(lower, None, why, score.due)


def _under(score: Score, name: str, least: int) -> bool:
    return score.measures[name] < least * 1000


def _told(score: Score, rule: StageRule) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {score.measures[name] // 1000} >= {least}" for name, least in rule.enter.items())


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
