"""Decide: what the hub itself says about a lead: score, grade, reason, stage, owner, and whether it may be contacted.

Pure: the counters of the routing pools come in and go out. The order is fixed: restrictions, score, stage,
owner; each step sees what the one before decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from leads import routing, scoring, stages
from leads.model import ABSENT, CLEARED, Value
from leads.predicates import facts
from leads.scoring_rules import Rules as ScoringRules
from leads.values import blank, same
from sync.plan import Restricted, address, lead_address, restricted_value
from sync.state import PROFILING, LeadState, Origin, Revision
from sync.view import SETS

REASON_LENGTH = 255
CLOSED = ("customer", "lost", "disqualified")
OBJECTED = "Not scored: the person objected to marketing or profiling."
BOUGHT = "Not scored: known from a bought list only."
MANUAL_HOLD = timedelta(days=30)  # how long a stage set by a person in a CRM stands against the rules


@dataclass(frozen=True, slots=True)
class Rules:
    scoring: ScoringRules
    routing: routing.Rules


@dataclass(frozen=True, slots=True)
class Decision:
    """The lead as decided, what changed by it, and when it has to be decided anew although nothing happens."""

    lead: LeadState
    revisions: tuple[Revision, ...]
    assignment: Mapping[str, Any] | None
    pools: routing.State
    due: datetime | None


def decide(
    lead: LeadState,
    before: Mapping[str, Value],
    restricted: Restricted,
    rules: Rules,
    pools: routing.State,
    now: datetime,
    told: Mapping[str, Value] = MappingProxyType({}),
    *,
    quarantined: bool = False,
) -> Decision:
    """`lead` as merged; `before` is what its fields were when it was decided last; `told` is what the ledger of consent says of it.

    `quarantined`: nothing but bought lists is known of it.
    """
    draft = _Draft(lead, now)
    for name, value in told.items():
        draft.set(name, value, "the ledger of consent")
    for channel in ("email", "phone"):
        denied = restricted_value(lead, channel, restricted)
        if denied is True:
            draft.set(f"opt_out.{channel}", True, "a restriction on an address")
    if quarantined or _objects(draft, restricted):
        return _unprofiled(draft, BOUGHT if quarantined else OBJECTED, before, rules, pools)
    score = scoring.score(draft.facts(), (), now, rules.scoring)
    draft.set("score", score.points, "scoring")
    draft.set("grade", score.grade, "scoring")
    stage = _stage(draft, score, rules, now)
    assignment, pools = _owner(draft, score, rules, pools, now)
    draft.set("reason", _reason(score, stage), "scoring")
    draft.set("lead_id", lead.id, "identity")
    pools = _with_open_leads(pools, rules.routing, before, draft.fields, routed=assignment is not None and assignment["by_rule"])
    return Decision(draft.lead(), tuple(draft.revisions), assignment, pools, stage.due)


def _objects(draft: _Draft, restricted: Restricted) -> bool:
    """Whether the person, at any address, said no to being profiled (GDPR Art. 21(2); an objection to marketing is one to that)."""
    places = {lead_address(draft.before.id)}
    for name in SETS:
        items = draft.fields.get(name, ABSENT)
        places |= {address(name, item.key) for item in items} if isinstance(items, tuple) else set()
    return any((PROFILING, place) in restricted for place in places)


def _unprofiled(draft: _Draft, why: str, before: Mapping[str, Value], rules: Rules, pools: routing.State) -> Decision:
    """Nobody scores the lead, moves its stage or gives it to somebody; what people decided about it stays."""
    for name in ("score", "grade"):
        if not blank(draft.fields.get(name, ABSENT)):
            draft.set(name, CLEARED, why)
    draft.set("reason", why, why)
    draft.set("lead_id", draft.before.id, "identity")
    pools = _with_open_leads(pools, rules.routing, before, draft.fields, routed=False)
    return Decision(draft.lead(), tuple(draft.revisions), None, pools, None)


class _Draft:
    def __init__(self, lead: LeadState, now: datetime) -> None:
        self.before, self.now = lead, now
        self.fields: dict[str, Value] = dict(lead.fields)
        self.origins = dict(lead.origins)
        self.revisions: list[Revision] = []
        self.state: dict[str, Any] = {}

    def set(self, name: str, value: Value, rule: str) -> None:
        old = self.fields.get(name, ABSENT)
        if same(old, value):
            return
        origin = Origin("", None, rule, self.now, self.now)
        self.fields[name], self.origins[name] = value, origin
        self.revisions.append(Revision(name, old, value, origin, rule))

    def facts(self) -> dict[str, Any]:
        return facts(self.fields)

    def lead(self) -> LeadState:
        version = self.before.version + 1 if self.revisions else self.before.version
        return replace(self.before, fields=self.fields, origins=self.origins, version=version, **self.state)


def _stage(draft: _Draft, score: scoring.Score, rules: Rules, now: datetime) -> stages.StageDecision:
    lead = draft.before
    current = lead.fields.get("stage", ABSENT)
    stage = current if isinstance(current, str) else "raw"
    held_until = lead.stage_since + MANUAL_HOLD if lead.stage_held and lead.stage_since is not None else None
    decision = stages.advance(stage, lead.stage_since, score, rules.scoring, now, held_until)
    draft.set("stage", decision.stage, f"stage: {decision.reason}")
    if decision.stage != current:
        draft.state |= {"stage_since": now, "stage_held": False}
    return decision


def _reason(score: scoring.Score, stage: stages.StageDecision) -> str:
    """What a rep reads in the CRM: a proposal that waits for a person first, then why the score is what it is."""
    if stage.proposed is None:
        return scoring.reason(score)
    proposal = f"Ready for {stage.proposed}? "
    return proposal + scoring.reason(score, REASON_LENGTH - len(proposal))


def _owner(
    draft: _Draft, score: scoring.Score, rules: Rules, pools: routing.State, now: datetime
) -> tuple[Mapping[str, Any] | None, routing.State]:
    """Route a lead once per epoch; who already has an owner keeps it."""
    lead = draft.before
    if lead.routed_epoch == lead.epoch:
        return None, pools
    owner = draft.fields.get("owner", ABSENT)
    known = {**draft.facts(), **scoring.facts(score)}
    found = routing.route(known, owner if isinstance(owner, str) else None, pools, rules.routing, now, lead.epoch)
    draft.state |= {"routed_epoch": lead.epoch}
    if found.owner is not None:
        draft.set("owner", found.owner, f"routing: {found.rule}")
    row = {
        "lead_id": lead.id,
        "epoch": lead.epoch,
        "at": now.timestamp(),
        "rule": found.rule,
        "owner": found.owner or "",
        "queue": found.queue or "",
        "reason": found.reason,
        "by_rule": found.rule != "existing-owner" and found.owner is not None,
    }
    return row, found.state


def _with_open_leads(
    state: routing.State, rules: routing.Rules, before: Mapping[str, Value], after: Mapping[str, Value], *, routed: bool
) -> routing.State:
    """Open leads per owner, for caps and `least_open`. Routing has already counted the lead that it gave away itself."""
    counts = dict(state.open)
    old, new = (_open_for(rules, fields) for fields in (before, after))
    if routed:
        given = _owner_id(rules, after)
        counts[given] = counts.get(given, 0) - 1
    for owner, step in ((old, -1), (new, 1)):
        if owner != "":
            counts[owner] = max(0, counts.get(owner, 0) + step)
    return replace(state, open={owner: number for owner, number in counts.items() if owner != ""})


def _open_for(rules: routing.Rules, fields: Mapping[str, Value]) -> str:
    return "" if fields.get("stage", ABSENT) in CLOSED else _owner_id(rules, fields)


def _owner_id(rules: routing.Rules, fields: Mapping[str, Value]) -> str:
    address = fields.get("owner", ABSENT)
    return next((owner.id for owner in rules.owners.values() if address in owner.addresses), "")
