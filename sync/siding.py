"""Siding: what one lead says that two have become, and what each of two says that were one.

Pure. Two leads that become one are a contest of their values by the rules of every field. When they part, a value goes with the
records that gave it: the history of the lead says which those were, and where it says nothing, what the records themselves mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

from leads.model import ABSENT, CLEARED, Items, Value, Winner
from leads.values import blank, same
from sync.contest import IN_ORDER, merge_field
from sync.merge import UNION, Decided, decide_fields
from sync.plan import address
from sync.policy import Policy
from sync.state import Candidate, Change, Joining, LeadState, Origin, Ref, Revision
from sync.view import RESTRICTIONS, SETS

ABSENT_YET = Candidate(ABSENT, Origin(""))
NO_ANSWERS: Mapping[str, Any] = MappingProxyType({})
BOTH_WERE_ASKED = "a no of either"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one record was last held to mean, by field of the lead; its addresses and numbers; and when it was read last."""

    ref: Ref
    values: Mapping[str, Value]
    addresses: frozenset[str]
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sides:
    kept: LeadState
    gone: LeadState


# One of two


def joined(kept: LeadState, gone: LeadState, policy: Policy, answers: Mapping[str, Any] = NO_ANSWERS) -> Decided:
    """`kept` with what `gone` says: sets are united, a no of either stays, every other field is contested by its own rule."""
    changes = {
        name: [_claim(name, value, gone)]
        for name, value in sorted(gone.fields.items())
        if _is_contested(name, policy) and not blank(value) and not same(value, kept.fields.get(name, ABSENT))
    }
    asked = {
        name: (*kept.asked.get(name, ()), *gone.asked.get(name, ()))
        for name in dict.fromkeys((*kept.asked, *gone.asked))
        if name in policy.fields
    }
    decided = decide_fields(replace(kept, asked=asked), changes, policy, answers)
    fields, origins = dict(decided.lead.fields), dict(decided.lead.origins)
    for name in changes:
        if same(fields.get(name, ABSENT), gone.fields[name]) and name in gone.origins:
            origins[name] = replace(gone.origins[name], rule=origins[name].rule)
    united = [step for name in (*SETS, *RESTRICTIONS) if (step := _united(name, kept, gone)) is not None]
    fields |= {step.name: step.new for step in united}
    origins |= {step.name: replace(step.origin, rule=step.rule) for step in united}
    created = min((at for at in (kept.created_at, gone.created_at) if at is not None), default=None)
    lead = replace(decided.lead, fields=fields, origins=origins, created_at=created, version=kept.version + 1)
    return replace(decided, lead=_with_stage_of(gone, lead, kept), revisions=(*decided.revisions, *united))


def _is_contested(name: str, policy: Policy) -> bool:
    return name in policy.fields and name not in (*SETS, *RESTRICTIONS) and policy.fields[name].winner != Winner.OURS


def _claim(name: str, value: Value, gone: LeadState) -> Change:
    """A value of a lead as one more opinion about the field: as old as it is, and from where it came."""
    origin = gone.origins.get(name, Origin(""))
    ref = origin.ref if origin.ref is not None else Ref(origin.account, "lead", gone.id)
    return Change(name, ABSENT, value, ref, "", origin.lo, origin.hi, first_contact=True)


def _united(name: str, kept: LeadState, gone: LeadState) -> Revision | None:
    ours, theirs = kept.fields.get(name, ABSENT), gone.fields.get(name, ABSENT)
    origin = gone.origins.get(name, Origin(""))
    if name in RESTRICTIONS:
        return Revision(name, ours, True, origin, BOTH_WERE_ASKED) if theirs is True and ours is not True else None
    new = _with_items(ours, _items(theirs))
    return None if same(new, ours) else Revision(name, ours, new, origin, UNION)


def _with_stage_of(gone: LeadState, lead: LeadState, kept: LeadState) -> LeadState:
    stage = lead.fields.get("stage", ABSENT)
    if same(stage, kept.fields.get("stage", ABSENT)):
        return lead
    return replace(lead, stage_since=gone.stage_since, stage_held=gone.stage_held)


def restored(lead: LeadState, kept: LeadState, gone: LeadState, parting: Joining) -> LeadState:
    """Two sides that are one again: what neither has changed since they parted is what it was before."""
    fields, origins = dict(lead.fields), dict(lead.origins)
    for name, value in parting.kept_before.fields.items():
        sides = ((kept, parting.kept_after), (gone, parting.gone_state))
        if all(same(now.fields.get(name, ABSENT), then.fields.get(name, ABSENT)) for now, then in sides):
            fields[name], origins[name] = value, parting.kept_before.origins.get(name, Origin(""))
    back = replace(lead, fields=fields, origins=origins)
    if same(fields.get("stage", ABSENT), parting.kept_before.fields.get("stage", ABSENT)):
        return replace(back, stage_since=parting.kept_before.stage_since, stage_held=parting.kept_before.stage_held)
    return back


# Two of one


def parted(
    lead: LeadState,
    gone: LeadState,
    steps: Sequence[tuple[str, Revision]],
    staying: Sequence[Meaning],
    leaving: Sequence[Meaning],
    policy: Policy,
    joining: Joining | None = None,
) -> Sides:
    """`lead` without the records that leave, and the lead that they make.

    `steps` is the history of `lead`, each with its run. `joining` is how `gone` once became part of `lead`: then it gets back what it
    said, with what its records have changed since. Without it `gone` is new and has nothing but its id.
    """
    moved = {one.ref for one in leaving} | set(() if joining is None else joining.refs)
    direct = joining if joining is not None and joining.kept == lead.id else None
    kept = _Staying(lead, moved, steps, staying, leaving, policy, direct).lead()
    if joining is None:
        left = _founded(gone, lead, moved, steps, leaving, policy)
    else:
        left = _returned(joining.gone_state, moved, _after(steps, joining.run), policy)
    return Sides(replace(kept, version=lead.version + 1), replace(left, version=left.version + 1))


def _after(steps: Sequence[tuple[str, Revision]], run: str) -> Sequence[Revision]:
    last = max((number for number, (of, _) in enumerate(steps) if of == run), default=-1)
    return [one for _, one in steps[last + 1 :]]


class _Staying:
    """The lead that keeps its id, field by field: what came with the records that leave goes with them."""

    def __init__(
        self,
        lead: LeadState,
        moved: set[Ref],
        steps: Sequence[tuple[str, Revision]],
        staying: Sequence[Meaning],
        leaving: Sequence[Meaning],
        policy: Policy,
        joining: Joining | None,
    ) -> None:
        self._lead, self._moved, self._policy, self._joining = lead, moved, policy, joining
        self._staying, self._leaving = staying, leaving
        self._steps = [one for _, one in steps] if joining is None else _after(steps, joining.run)
        self._since = [] if joining is None else [one for one in self._steps if any(origin.ref not in moved for origin in _sayers(one))]

    def lead(self) -> LeadState:
        fields, origins = dict(self._lead.fields), dict(self._lead.origins)
        for name in self._lead.fields:
            if name in SETS:
                fields[name] = self._set(name)
            elif name in RESTRICTIONS:
                fields[name] = self._no(name)
            elif self._is_theirs(name):
                fields[name], origins[name] = self._without(name)
        waiting = {name: tuple(one for one in those if one.origin.ref not in self._moved) for name, those in self._lead.asked.items()}
        after = replace(self._lead, fields=fields, origins=origins, asked={name: those for name, those in waiting.items() if those})
        return self._with_stage(after)

    def _is_theirs(self, name: str) -> bool:
        """Whether the value came with the records that leave, or with the lead that they were, or they had a say in it since."""
        origin, value = self._lead.origins.get(name), self._lead.fields[name]
        if not _is_contested(name, self._policy):
            return False
        if (origin is not None and origin.ref in self._moved) or self._joining is None:
            return origin is not None and origin.ref in self._moved
        before, after = (lead.fields.get(name, ABSENT) for lead in (self._joining.kept_before, self._joining.kept_after))
        return (same(value, after) and not same(before, after)) or name in self._disputed

    @cached_property
    def _disputed(self) -> set[str]:
        return {one.name for one in self._steps if any(origin.ref in self._moved for _, origin in _voices(one))}

    def _without(self, name: str) -> tuple[Value, Origin]:
        """What it would be had they never said anything; else what the records that stay mean. What only they said goes with them."""
        start = ABSENT_YET if self._joining is None else _of_lead(self._joining.kept_before, name)
        own = _replayed(name, start, self._steps, lambda ref: ref not in self._moved, self._policy)
        if own == ABSENT_YET and self._joining is None:
            own = _of_lead(self._meant, name)
        return (CLEARED, Origin("", None, "it went with other records")) if own.value is ABSENT else own

    @cached_property
    def _meant(self) -> LeadState:
        return _meant_by(LeadState(self._lead.id), self._staying, self._steps, self._policy)

    def _set(self, name: str) -> Value:
        """An address that both sides show stays with both."""
        if self._joining is not None:
            was = _stepped(self._joining.kept_before.fields.get(name, ABSENT), [one for one in self._since if one.name == name])
            return CLEARED if was is ABSENT else was  # the records may show what goes
        now, theirs, ours = self._lead.fields[name], _addresses(self._leaving), _addresses(self._staying)
        return _without_items(now, {item.key for item in _items(now) if (one := address(name, item.key)) in theirs and one not in ours})

    def _no(self, name: str) -> Value:
        """What it was; a restriction on an address, or on the lead itself, is found again when the lead is decided."""
        return self._lead.fields[name] if self._joining is None else self._joining.kept_before.fields.get(name, ABSENT)

    def _with_stage(self, after: LeadState) -> LeadState:
        if same(after.fields.get("stage", ABSENT), self._lead.fields.get("stage", ABSENT)) or self._joining is None:
            return after
        return replace(after, stage_since=self._joining.kept_before.stage_since, stage_held=self._joining.kept_before.stage_held)


def _returned(was: LeadState, moved: set[Ref], since: Sequence[Revision], policy: Policy) -> LeadState:
    """A lead as it was when it became part of another, with what its own records have said since."""
    fields, origins = dict(was.fields), dict(was.origins)
    for name in dict.fromkeys(one.name for one in since if one.name in policy.fields):
        theirs = [one for one in since if one.name == name and any(origin.ref in moved for origin in _sayers(one))]
        if name not in SETS:
            found = _replayed(name, _of_lead(was, name), since, lambda ref: ref in moved, policy)
        elif theirs:
            found = Candidate(_stepped(fields.get(name, ABSENT), theirs), replace(theirs[-1].origin, rule=theirs[-1].rule))
        else:
            continue
        if found != _of_lead(was, name):
            fields[name], origins[name] = found
    return replace(was, fields=fields, origins=origins)


def _founded(
    gone: LeadState, lead: LeadState, moved: set[Ref], steps: Sequence[tuple[str, Revision]], leaving: Sequence[Meaning], policy: Policy
) -> LeadState:
    """A new lead of records that were read before: what they mean, and of the lead that they leave what came from them."""
    meant = _meant_by(gone, leaving, [one for _, one in steps], policy)
    fields, origins = dict(meant.fields), dict(meant.origins)
    for name, value in lead.fields.items():
        origin = lead.origins.get(name)
        if name in SETS:
            theirs = _addresses(leaving)
            fields[name] = _without_items(value, {item.key for item in _items(value) if address(name, item.key) not in theirs})
            origins[name] = lead.origins.get(name, Origin(""))
        elif name in RESTRICTIONS or (origin is not None and origin.ref in moved and _is_contested(name, policy) and not blank(value)):
            fields[name], origins[name] = value, lead.origins.get(name, Origin(""))
    stage = same(fields.get("stage", ABSENT), lead.fields.get("stage", ABSENT))
    since = lead.stage_since if stage else None
    return replace(gone, fields=fields, origins=origins, stage_since=since, stage_held=stage and lead.stage_held)


def _of_lead(lead: LeadState, name: str) -> Candidate:
    return Candidate(lead.fields.get(name, ABSENT), lead.origins.get(name, Origin("")))


def _replayed(name: str, start: Candidate, steps: Iterable[Revision], is_own: Callable[[Ref | None], bool], policy: Policy) -> Candidate:
    """What a field that was `start` would be after these steps, had nobody said anything but whom `is_own` names.

    What won then wins now, unless only the order of the accounts made it win; what lost is contested anew, each as old as it is.
    """
    now = start
    for one in (one for one in steps if one.name == name):
        if is_own(one.origin.ref) and one.rule != IN_ORDER:
            now = Candidate(one.new, replace(one.origin, rule=one.rule))
            continue
        said = sorted((said for said in _voices(one) if is_own(said.origin.ref)), key=lambda said: policy.rank(said.origin.account))
        won = merge_field(name, now.value, now.origin, [_said_again(name, now.value, each) for each in said], policy)
        if won is not None:
            now = Candidate(won.new, replace(won.origin, rule=won.rule))
    return now


def _voices(step: Revision) -> Iterator[Candidate]:
    """Everything that was said when a field was decided, the winner first."""
    yield from (Candidate(step.new, origin) for origin in _sayers(step))
    yield from (Candidate(one.value, one.origin) for one in step.lost if one.origin is not None)


def _sayers(step: Revision) -> tuple[Origin, ...]:
    """Who said what won."""
    return (step.origin, *step.also)


def _said_again(name: str, old: Value, said: Candidate) -> Change:
    value, origin = said
    return Change(name, old, value, origin.ref or Ref(origin.account, "", ""), "", origin.lo, origin.hi)


def _said_at(name: str, value: Value, record: Meaning, steps: Sequence[Revision]) -> tuple[datetime | None, datetime | None]:
    """When a record came to mean a value: when it said so, else when anybody did; what no history tells is as old as it can be."""
    fitting = [said.origin for one in steps if one.name == name for said in _voices(one) if same(said.value, value)]
    own = [origin for origin in fitting if origin.ref == record.ref]
    found = next(reversed(own or fitting), None)
    return (None, record.read_at) if found is None else (found.lo, found.hi)


def _meant_by(lead: LeadState, records: Sequence[Meaning], steps: Sequence[Revision], policy: Policy) -> LeadState:
    """What these records say together, by the rules of the fields, as if they met for the first time, each value as old as it is."""
    changes: dict[str, list[Change]] = {}
    for one in sorted(records, key=lambda one: (policy.rank(one.ref.account), one.ref)):
        for name, value in one.values.items():
            if _is_contested(name, policy) and not blank(value):
                lo, hi = _said_at(name, value, one, steps)
                changes.setdefault(name, []).append(Change(name, ABSENT, value, one.ref, "", lo, hi, first_contact=True))
    return decide_fields(lead, changes, policy, NO_ANSWERS).lead


# Sets


def _items(value: Value) -> Items:
    return value if isinstance(value, tuple) else ()


def _addresses(records: Iterable[Meaning]) -> set[str]:
    return {one for record in records for one in record.addresses}


def _with_items(value: Value, more: Items) -> Value:
    have = {item.key for item in _items(value)}
    added = tuple(item for item in more if item.key not in have)
    return (*_items(value), *added) if added else value


def _without_items(value: Value, keys: set[str]) -> Value:
    if not isinstance(value, tuple) or not keys:
        return value
    return tuple(item for item in value if item.key not in keys) or CLEARED


def _stepped(value: Value, steps: Iterable[Revision]) -> Value:
    """A set after what each step added and removed."""
    for one in steps:
        old, new = ({item.key for item in _items(side)} for side in (one.old, one.new))
        value = _with_items(_without_items(value, old - new), tuple(item for item in _items(one.new) if item.key not in old))
    return value
