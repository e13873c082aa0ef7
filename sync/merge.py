"""Merge: what changed at the CRMs since they last agreed with the lead, and what the lead becomes.

Pure. Records are compared with their bases, fields that several of them changed are contests, sets are unions in which what was removed
stays removed. Every value that loses is named in the revision of its field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from leads.model import ABSENT, CLEARED, Items, OnBlank, Value
from leads.values import dump_value, same
from sync.ask import must_ask, park
from sync.compare import LEFT_ALONE, compare
from sync.contest import merge_field
from sync.policy import Policy
from sync.quarantine import noes_only
from sync.state import Candidate, Change, LeadState, Lost, Origin, Problem, Ref, Review, Revision, Role
from sync.view import SETS, View, latest_moment, shown_items

UNION = "union of what the records show"


@dataclass(frozen=True, slots=True)
class Merged:
    lead: LeadState
    views: tuple[View, ...]
    revisions: tuple[Revision, ...] = ()
    problems: tuple[Problem, ...] = ()
    reviews: tuple[Review, ...] = ()
    closed: tuple[str, ...] = ()  # subjects of questions that have answered themselves


def merge(
    lead: LeadState, views: Sequence[View], policy: Policy, now: datetime, answers: Mapping[str, Any] = MappingProxyType({})
) -> Merged:
    """The lead after everything that was read, and the views with the bases that follow from it.

    `answers` are what people answered about this lead, by the subject of the question.
    """
    ordered = sorted(views, key=lambda view: (policy.rank(view.ref.account), view.link.role is Role.TWIN, view.ref))
    changes: dict[str, list[Change]] = {}
    problems: list[Problem] = []
    reviews: list[Review] = []
    fields, origins, revisions = dict(lead.fields), dict(lead.origins), list[Revision]()
    heard = [view for view in ordered if view.link.role is not Role.QUARANTINED]
    for name in SETS:
        _merge_set(name, heard, fields, origins, revisions, policy, now)
    after = []
    for view in ordered:
        base, found, told, asked = compare(view, lead, policy, now) if view in heard else noes_only(view, lead, policy, now)
        after.append(replace(view, base=base))
        problems += told
        reviews += asked
        for change in found:
            changes.setdefault(change.name, []).append(change)
    decided = decide_fields(replace(lead, fields=fields, origins=origins), changes, policy, answers)
    revisions += decided.revisions
    for name, refs in decided.left_alone.items():
        after = [_left_alone(view, name, fields.get(name, ABSENT)) if view.ref in refs else view for view in after]
    moved = any(not same(revision.old, revision.new) for revision in revisions)
    state = replace(decided.lead, version=lead.version + 1 if moved else lead.version)
    reviews += decided.reviews
    return Merged(_hold_stage(lead, state, changes, now), tuple(after), tuple(revisions), tuple(problems), tuple(reviews), decided.closed)


@dataclass(frozen=True, slots=True)
class Decided:
    """The lead after its contests. `closed` are subjects of questions that have answered themselves, `left_alone` records by field."""

    lead: LeadState
    revisions: tuple[Revision, ...]
    reviews: tuple[Review, ...]
    closed: tuple[str, ...]
    left_alone: Mapping[str, frozenset[Ref]]


def decide_fields(lead: LeadState, changes: Mapping[str, Sequence[Change]], policy: Policy, answers: Mapping[str, Any]) -> Decided:
    """Every field with changes, and every one that waits for a person, is decided, asked about, or goes on waiting."""
    fields, origins, revisions = dict(lead.fields), dict(lead.origins), list[Revision]()
    waiting: dict[str, tuple[Candidate, ...]] = {}
    reviews: list[Review] = []
    closed: list[str] = []
    left_alone: dict[str, frozenset[Ref]] = {}
    for name in dict.fromkeys((*changes, *lead.asked)):
        found, ours = changes.get(name, ()), Candidate(fields.get(name, ABSENT), origins.get(name, Origin("")))
        if must_ask(name, ours.value, found, lead.asked.get(name, ()), policy):
            parked = park(lead.id, name, ours, found, lead.asked.get(name, ()), answers)
            revision = parked.revision
            closed += parked.closed
            reviews += [parked.review] if parked.review is not None else []
            left_alone[name] = parked.left_alone
            if parked.waiting:
                waiting[name] = parked.waiting
        else:
            revision = merge_field(name, ours.value, origins.get(name), found, policy)
        if revision is not None:
            revisions.append(revision)
            fields[name], origins[name] = revision.new, replace(revision.origin, rule=revision.rule)
    return Decided(
        replace(lead, fields=fields, origins=origins, asked=waiting), tuple(revisions), tuple(reviews), tuple(closed), left_alone
    )


def _left_alone(view: View, name: str, ours: Value) -> View:
    """The record keeps what it insists on, and is not written the value again that it took back."""
    pairs = dict(view.base.pairs)
    for row in view.dialect.rows:
        if row.lead == name and row.id in pairs:
            pairs[row.id] = replace(pairs[row.id], refused=(dump_value(ours), LEFT_ALONE))
    return replace(view, base=replace(view.base, pairs=pairs))


def _merge_set(
    name: str,
    views: Iterable[View],
    fields: dict[str, Value],
    origins: dict[str, Origin],
    revisions: list[Revision],
    policy: Policy,
    now: datetime,
) -> None:
    """An observed-remove set: what a record newly shows is added, what it no longer shows is removed, nothing else moves."""
    ours = fields.get(name, ABSENT)
    items: Items = ours if isinstance(ours, tuple) else ()
    added: list[Any] = []
    removed: dict[str, Ref] = {}
    steps: list[Revision] = []
    value: Value = ours
    for view in views:
        if view.record is None:
            continue
        before, after = shown_items(view, name, view.seen()), shown_items(view, name, {**view.seen(), **_written_there(view, name, now)})
        old, new = {item.key for item in before}, {item.key for item in after}
        added += [item for item in after if item.key not in old]
        removed.update(dict.fromkeys(old - new, view.ref))
        steps = [_with_who_did_it_too(step, view.ref, new - old, old - new) for step in steps]
        result = _without_and_with(items, removed, added)
        if old != new and not same(result, value):
            steps.append(_set_revision(name, value, result, view.ref, removed, now))
            value = result
    if same(value, ours) or (value is CLEARED and policy.fields[name].blank == OnBlank.KEEP):
        return
    fields[name], origins[name] = value, replace(steps[-1].origin, rule=UNION)
    revisions += steps


def _written_there(view: View, name: str, now: datetime) -> dict[str, Any]:
    """What a record shows, without writes of ours to parts of the set that landed late."""
    record, base = view.record, view.base
    if record is None:
        return {}
    by = latest_moment(record, now)
    own = {row.remote for row in view.dialect.sets[name] if base.pair(row.id).is_own(record.fields.get(row.remote), by)}
    return {remote: value for remote, value in record.fields.items() if remote not in own}


def _without_and_with(items: Items, removed: Mapping[str, Ref], added: Sequence[Any]) -> Value:
    """What is newly shown somewhere stays, whoever removed it elsewhere."""
    fresh = {item.key for item in added}
    kept = {item.key: item for item in items if item.key not in removed or item.key in fresh}
    for item in added:
        kept.setdefault(item.key, item)
    return tuple(kept.values()) if kept else CLEARED


def _set_revision(name: str, before: Value, after: Value, ref: Ref, removed: Mapping[str, Ref], now: datetime) -> Revision:
    """One step of a set, with the record that it comes from; several records may change it at once."""
    were: Items = before if isinstance(before, tuple) else ()
    have = {item.key for item in after} if isinstance(after, tuple) else set()
    dropped = tuple(Lost((item,), removed[item.key].account) for item in were if item.key not in have and item.key in removed)
    return Revision(name, before, after, Origin(ref.account, ref, "", None, now), UNION, dropped)


def _with_who_did_it_too(step: Revision, ref: Ref, added: set[str], removed: set[str]) -> Revision:
    old, new = ({item.key for item in side} if isinstance(side, tuple) else set() for side in (step.old, step.new))
    did_it = new - old <= added and old - new <= removed
    return replace(step, also=(*step.also, replace(step.origin, account=ref.account, ref=ref))) if did_it else step


def _hold_stage(before: LeadState, after: LeadState, changes: Mapping[str, Sequence[Change]], now: datetime) -> LeadState:
    """A stage that a person set in a CRM stands until a rule proposes a higher one; first contact is no such act."""
    if same(before.fields.get("stage", ABSENT), after.fields.get("stage", ABSENT)):
        return after
    by_person = any(not change.first_contact for change in changes.get("stage", ()))
    return replace(after, stage_since=now, stage_held=by_person or before.stage_held)
