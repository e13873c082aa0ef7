"""Routing: who gets a lead and why, as a pure function of the lead, the rules and the counters of before.

The first rule that matches and has somebody eligible decides; a queue takes what nobody can. The caller keeps the counters, in the same
transaction as the assignment, and asks once per lead and epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from leads import normal
from leads.predicates import Facts, holds
from leads.routing_rules import Owner, Pool, Rule, Rules, parse

__all__ = ["Assignment", "Candidate", "PoolState", "Rules", "State", "pack", "parse", "route", "unpack"]

NO_ELIGIBLE_OWNER: Final = "no_eligible_owner"


@dataclass(frozen=True, slots=True)
class PoolState:
    """Per owner: leads given, the exact share of the leads given while eligible, and the counter of swrr."""

    given: Mapping[str, int] = field(default_factory=dict)
    share: Mapping[str, Fraction] = field(default_factory=dict)
    level: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    pools: Mapping[str, PoolState] = field(default_factory=dict)
    day: date | None = None  # the day `today` counts
    today: Mapping[str, int] = field(default_factory=dict)
    open: Mapping[str, int] = field(default_factory=dict)  # the caller lowers it when a lead is closed


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody or something that was looked at, and why it was taken or not."""

    rule: str
    name: str  # owner id, or the target of the rule
    verdict: str


@dataclass(frozen=True, slots=True)
class Assignment:
    epoch: int
    rule: str
    owner: str | None  # e-mail
    queue: str | None
    pool: str | None
    reason: str
    candidates: tuple[Candidate, ...]
    state: State


def route(
    facts: Facts,
    owner_now: str | None,
    state: State,
    rules: Rules,
    at: datetime,
    epoch: int = 0,
    tried: frozenset[str] = frozenset(),
) -> Assignment:
    """`owner_now` is the e-mail of the owner the CRMs know; `tried` holds owner ids a re-route must not return to."""
    day = at.astimezone(_zone(rules.timezone)).date()
    state = state if state.day == day else replace(state, day=day, today={})
    kept = _kept(owner_now, rules, day, tried)
    if kept is not None:
        return Assignment(epoch, "existing-owner", kept, None, None, "keeps the owner there is", (), state)
    seen: list[Candidate] = []
    for rule in rules.rules:
        if not holds(rule.when, facts):
            continue
        if rule.target.kind == "queue":
            return Assignment(epoch, rule.id, None, rule.target.name, None, f"rule {rule.id}: queue", tuple(seen), state)
        found = _picked(rule, rules, state, day, tried, seen)
        if found is not None:
            owner, pool, state, why = found
            return Assignment(epoch, rule.id, owner.email, None, pool, f"rule {rule.id}: {why}", tuple(seen), state)
        seen.append(Candidate(rule.id, rule.target.name, NO_ELIGIBLE_OWNER))
    return Assignment(epoch, "no-match", None, rules.on_no_match, None, "nobody is eligible", tuple(seen), state)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _kept(owner_now: str | None, rules: Rules, day: date, tried: frozenset[str]) -> str | None:
    """The e-mail of the present owner, if the policy lets him stay."""
    if owner_now is None or rules.existing_owner == "rebalance":
        return None
    found = normal.email(owner_now)
    address = owner_now if isinstance(found, normal.Refused) else found.norm
    owner = next((owner for owner in rules.owners.values() if address in owner.addresses), None)
    if owner is None:
        # Somebody the file does not know was put there by a person.
        return address if rules.existing_owner == "keep" else None
    absent = not owner.active or (rules.existing_owner == "keep_if_active" and _is_away(owner, day))
    return None if absent or owner.id in tried else owner.email


def _is_away(owner: Owner, day: date) -> bool:
    return any(first <= day <= last for first, last in owner.away)


def _picked(
    rule: Rule, rules: Rules, state: State, day: date, tried: frozenset[str], seen: list[Candidate]
) -> tuple[Owner, str | None, State, str] | None:
    pool = rules.pools[rule.target.name] if rule.target.kind == "pool" else None
    names = (rule.target.name,) if pool is None else pool.owners
    eligible = []
    for owner in (rules.owners[name] for name in names):
        obstacle = _obstacle(owner, rule, state, day, tried)
        if obstacle is None:
            eligible.append(owner)
        seen.append(Candidate(rule.id, owner.id, obstacle or "eligible"))
    if not eligible:
        return None
    if pool is None:
        return eligible[0], None, _counted(state, eligible[0]), f"owner {eligible[0].id}"
    owner, counters = _METHODS[pool.method](eligible, state.pools.get(pool.id, PoolState()), state)
    state = _counted(replace(state, pools={**state.pools, pool.id: counters}), owner)
    return owner, pool.id, state, _why(pool, owner, counters, state)


def _obstacle(owner: Owner, rule: Rule, state: State, day: date, tried: frozenset[str]) -> str | None:
    today, opened = state.today.get(owner.id, 0), state.open.get(owner.id, 0)
    checks = (
        (not owner.active, "inactive"),
        (_is_away(owner, day), "away"),
        (owner.id in tried, "tried before"),
        (not rule.skills <= owner.skills, "lacks a skill"),
        (owner.daily_cap is not None and today >= owner.daily_cap, f"daily cap reached ({today})"),
        (owner.open_cap is not None and opened >= owner.open_cap, f"open cap reached ({opened})"),
    )
    return next((why for stands, why in checks if stands), None)


def _counted(state: State, owner: Owner) -> State:
    return replace(state, today=_raised(state.today, owner.id), open=_raised(state.open, owner.id))


def _raised(counts: Mapping[str, int], name: str) -> dict[str, int]:
    return {**counts, name: counts.get(name, 0) + 1}


def _why(pool: Pool, owner: Owner, counters: PoolState, state: State) -> str:
    if pool.method == "least_open":
        return f"{owner.id} had the fewest open leads of pool {pool.id} ({state.open[owner.id] - 1})"
    return f"{owner.id} was next in pool {pool.id} ({counters.given[owner.id]} so far)"


# Methods: who of the eligible is next, and the counters after that. Ties go by id.


def _quota(eligible: Iterable[Owner], pool: PoolState, _state: State) -> tuple[Owner, PoolState]:
    """Among those below their exact share, the one whose next lead is due first.

    The share grows only with leads for which one was eligible: nobody is flooded after an absence.
    """
    reps = sorted(eligible, key=lambda owner: owner.id)
    weights = sum(owner.weight for owner in reps)
    share = {**pool.share, **{owner.id: pool.share.get(owner.id, Fraction()) + Fraction(owner.weight, weights) for owner in reps}}

    def missing(owner: Owner) -> Fraction:
        return pool.given.get(owner.id, 0) - share[owner.id]

    below = [owner for owner in reps if missing(owner) < 0]
    chosen = min(below or reps, key=lambda owner: ((missing(owner) + 1) / owner.weight, owner.id))
    return chosen, replace(pool, given=_raised(pool.given, chosen.id), share=share)


def _swrr(eligible: Iterable[Owner], pool: PoolState, _state: State) -> tuple[Owner, PoolState]:
    """Smooth weighted round robin: everybody gains his weight, the highest is taken and pays what all have gained."""
    reps = sorted(eligible, key=lambda owner: owner.id)
    level = {**pool.level, **{owner.id: pool.level.get(owner.id, 0) + owner.weight for owner in reps}}
    chosen = max(reps, key=lambda owner: level[owner.id])  # the first of equals, and they are in order of id
    level[chosen.id] -= sum(owner.weight for owner in reps)
    return chosen, replace(pool, given=_raised(pool.given, chosen.id), level=level)


def _least_open(eligible: Iterable[Owner], pool: PoolState, state: State) -> tuple[Owner, PoolState]:
    chosen = min(eligible, key=lambda owner: (Fraction(state.open.get(owner.id, 0), owner.weight), owner.id))
    return chosen, replace(pool, given=_raised(pool.given, chosen.id))


_METHODS: Final[Mapping[str, Callable[[Iterable[Owner], PoolState, State], tuple[Owner, PoolState]]]] = {
    "quota": _quota,
    "swrr": _swrr,
    "least_open": _least_open,
}


# The counters as JSON, for whoever keeps them


def pack(state: State) -> dict[str, Any]:
    pools = {
        name: {"given": dict(pool.given), "share": {owner: str(share) for owner, share in pool.share.items()}, "level": dict(pool.level)}
        for name, pool in state.pools.items()
    }
    day = None if state.day is None else state.day.isoformat()
    return {"pools": pools, "day": day, "today": dict(state.today), "open": dict(state.open)}


def unpack(data: Mapping[str, Any]) -> State:
    pools = {
        name: PoolState(pool["given"], {owner: Fraction(share) for owner, share in pool["share"].items()}, pool["level"])
        for name, pool in data.get("pools", {}).items()
    }
    day = None if data.get("day") is None else date.fromisoformat(data["day"])
    return State(pools, day, data.get("today", {}), data.get("open", {}))
