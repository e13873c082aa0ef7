"""Merge: what changed at the CRMs since they last agreed with the lead, and what the lead becomes.

Pure. Per mapped row the record is compared with `seen` only; what is read again unchanged cannot change a lead, so the hub's own
writes do not come back as news. Every value that loses is named in the revision of its field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

from leads.model import ABSENT, CLEARED, FIELDS, Items, Kind, OnBlank, Value, Winner
from leads.stages import furthest
from mappings.sets import shown
from sync.ask import must_ask, park
from sync.state import (
    Base,
    Candidate,
    Change,
    LeadState,
    Link,
    Origin,
    Pair,
    Policy,
    Problem,
    Ref,
    Review,
    Revision,
    Role,
    blank,
    dump_value,
    same,
)

IMPORT = "import"  # the account under which imported tables are known
LEFT_ALONE = "left_alone"  # a person decided that this record keeps its own value
FLIP_WINDOW = timedelta(days=1)  # a record that takes back what we wrote after longer than that has simply been edited
AGAIN_OR_LEAVE = (
    {"answer": "again", "says": "Leadloom goes on writing it."},
    {"answer": "leave", "says": "This record keeps what stands there; Leadloom writes this field there no more."},
)
UNION = "union of what the records show"
SKEW = timedelta(minutes=1)  # how far the clocks of two CRMs may be apart
SETS = tuple(name for name, spec in FIELDS.items() if spec.kind in (Kind.EMAILS, Kind.PHONES))
RESTRICTIONS = tuple(name for name, spec in FIELDS.items() if spec.winner is Winner.RESTRICTIVE)


class Evidence(IntEnum):
    """The rank of evidence, the best first."""

    PERSON = 0
    FORM = 1
    IMPORT = 2
    AUTOMATION = 3


class Observed(Protocol):
    """A record as it was read: only the fields that were looked at."""

    @property
    def fields(self) -> Mapping[str, Any]: ...
    @property
    def changed_at(self) -> datetime | None: ...
    @property
    def created_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class View:
    """One record of the lead: its link, its base, its dialect, and what was read now (None: nothing new)."""

    link: Link
    base: Base
    dialect: Any
    record: Observed | None = None
    since: datetime | None = None  # up to when the record is known not to have changed
    waits: frozenset[str] = frozenset()  # rows that are not written now: their mapping changed and nobody has looked yet

    @property
    def ref(self) -> Ref:
        return self.link.ref

    def seen(self) -> dict[str, Any]:
        """What the base says the record shows, under the account's own field names."""
        return {row.remote: self.base.pair(row.id).seen for row in every_row(self.dialect) if self.base.knows(row.id)}


def every_row(dialect: Any) -> tuple[Any, ...]:
    """The rows of one value and those that show parts of a set."""
    return (*dialect.rows, *dialect.sets["emails"], *dialect.sets["phones"])


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
    for name in SETS:
        _merge_set(name, ordered, fields, origins, revisions, policy, now)
    after = []
    for view in ordered:
        base, found, told, asked = _read(view, lead, policy, now)
        after.append(replace(view, base=base))
        problems += told
        reviews += asked
        for change in found:
            changes.setdefault(change.name, []).append(change)
    waiting: dict[str, tuple[Candidate, ...]] = {}
    closed: list[str] = []
    for name in dict.fromkeys((*changes, *lead.asked)):
        found, ours = changes.get(name, []), Candidate(fields.get(name, ABSENT), origins.get(name, Origin("")))
        if must_ask(name, ours.value, found, lead.asked.get(name, ()), policy):
            parked = park(lead.id, name, ours, found, lead.asked.get(name, ()), answers)
            revision = parked.revision
            closed += parked.closed
            reviews += [parked.review] if parked.review is not None else []
            after = [_left_alone(view, name, ours.value) if view.ref in parked.left_alone else view for view in after]
            if parked.waiting:
                waiting[name] = parked.waiting
        else:
            revision = merge_field(name, ours.value, origins.get(name), found, policy)
        if revision is not None:
            revisions.append(revision)
            fields[name], origins[name] = revision.new, replace(revision.origin, rule=revision.rule)
    moved = any(not same(revision.old, revision.new) for revision in revisions)
    state = replace(lead, fields=fields, origins=origins, version=lead.version + 1 if moved else lead.version, asked=waiting)
    return Merged(_hold_stage(lead, state, changes, now), tuple(after), tuple(revisions), tuple(problems), tuple(reviews), tuple(closed))


def _left_alone(view: View, name: str, ours: Value) -> View:
    """The record keeps what it insists on, and is not written the value again that it took back."""
    pairs = dict(view.base.pairs)
    for row in view.dialect.rows:
        if row.lead == name and row.id in pairs:
            pairs[row.id] = replace(pairs[row.id], refused=(dump_value(ours), LEFT_ALONE))
    return replace(view, base=Base(pairs, view.base.read_at))


def merge_field(name: str, ours: Value, origin: Origin | None, changes: Sequence[Change], policy: Policy) -> Revision | None:
    """Decide one field. None: everybody agrees with what the lead has; a revision with new = old: ours stayed, others lost.

    Agreement is judged in the dialect of the record: a coarse value that could stand for ours is no other opinion. Ours takes part
    in the contest only if it moved away from what one of the changed records last agreed to.
    """
    differing = [change for change in changes if not same(change.new, ours) and not change.explained_by(ours)]
    if not differing:
        return None
    contenders = [_contender(change) for change in _first_of_each_value(differing)]
    moved = len(differing) < len(changes) or any(not same(change.old, ours) for change in differing)
    if ours is not ABSENT and moved:
        contenders.append(_Contender(ours, origin or Origin(""), None))
    contenders = [one for one in contenders if not any(_is_finer(other, one) for other in contenders)]
    best = _winner(name, contenders, policy)
    lost = tuple((one.value, one.origin.account or "hub") for one in contenders if not same(one.value, best.value))
    return Revision(name, ours, best.value, best.origin, _rule(name, contenders, best, policy), lost)


def _first_of_each_value(changes: Sequence[Change]) -> list[Change]:
    """Changes that say the same are one opinion; the first of them speaks (they come in the order of the accounts)."""
    distinct: list[Change] = []
    for change in changes:
        if not any(same(change.new, other.new) for other in distinct):
            distinct.append(change)
    return distinct


def _contender(change: Change) -> _Contender:
    return _Contender(change.new, Origin(change.ref.account, change.ref, "", change.lo, change.hi), change)


@dataclass(frozen=True, slots=True)
class _Contender:
    value: Value
    origin: Origin
    change: Change | None

    def explained_by(self, value: Value) -> bool:
        return self.change is not None and self.change.explained_by(value)


def _is_finer(one: _Contender, other: _Contender) -> bool:
    return one is not other and other.explained_by(one.value) and not one.explained_by(other.value)


def _winner(name: str, contenders: Sequence[_Contender], policy: Policy) -> _Contender:
    if _is_race_of_stages(name, contenders, policy):
        return max(contenders, key=lambda one: (_is_furthest(one, contenders), -policy.rank(one.origin.account)))
    spelled = _better_spelled(contenders, policy)
    if spelled is not None:
        return spelled
    contenders = _preferred(name, contenders, policy)
    newest = next(
        (one for one in contenders if all(other is one or _certainly_after(one.origin, other.origin) for other in contenders)), None
    )
    if newest is not None and (policy.fields[name].winner != Winner.PRECEDENCE or not _is_between_accounts(contenders)):
        return newest
    return min(contenders, key=lambda one: policy.rank(one.origin.account))


def _preferred(name: str, contenders: Sequence[_Contender], policy: Policy) -> Sequence[_Contender]:
    """Those among whom time and order decide: what the owner of the field says, or what has the best evidence; else all."""
    rule = policy.fields[name]
    if rule.winner == Winner.OWNER:
        return [one for one in contenders if one.origin.account == rule.owner] or contenders
    if rule.winner == Winner.RANK:
        best = min(evidence(one.origin) for one in contenders)
        return [one for one in contenders if evidence(one.origin) == best]
    return contenders


def evidence(origin: Origin) -> Evidence:
    """Who gave a value. Where a CRM does not tell, its values are taken for a person's."""
    if origin.account == "":
        return Evidence.AUTOMATION
    return Evidence.IMPORT if origin.account == IMPORT else Evidence.PERSON


def _better_spelled(contenders: Sequence[_Contender], policy: Policy) -> _Contender | None:
    """Records that meet for the first time with one text in several spellings: the one that is spelled out and does not shout."""
    texts = [one.value for one in contenders if isinstance(one.value, str)]
    met = all(one.change is None or one.change.first_contact for one in contenders)
    if not met or len(texts) < max(2, len(contenders)) or not _is_one_text(texts):
        return None
    return min(contenders, key=lambda one: (_is_initial(one.value), _is_uniform(one.value), policy.rank(one.origin.account)))


def _is_one_text(texts: Sequence[str]) -> bool:
    """Whether all are one text in other letter case, initials (`T.`) standing for what they begin."""
    whole = {text.casefold() for text in texts if not _is_initial(text)}
    return len(whole) == 1 and all(next(iter(whole))[:1] == text.casefold()[:1] for text in texts)


def _is_initial(value: Value) -> bool:
    return isinstance(value, str) and len(value.rstrip(".")) == 1


def _is_uniform(value: Value) -> bool:
    return isinstance(value, str) and (value.isupper() or value.islower())


def _is_between_accounts(contenders: Sequence[_Contender]) -> bool:
    """Two records changed at once; a later edit of what the lead already said is none."""
    return sum(one.change is not None for one in contenders) > 1


def _is_race_of_stages(name: str, contenders: Sequence[_Contender], policy: Policy) -> bool:
    met = any(one.change is not None and one.change.first_contact for one in contenders)
    return policy.fields[name].winner == Winner.FURTHEST and met and len(contenders) > 1


def _is_furthest(one: _Contender, contenders: Sequence[_Contender]) -> bool:
    return all(
        isinstance(other.value, str) and isinstance(one.value, str) and furthest(one.value, other.value) == one.value
        for other in contenders
    )


def _certainly_after(one: Origin, other: Origin) -> bool:
    return one.lo is not None and other.hi is not None and one.lo - SKEW >= other.hi


def _rule(name: str, contenders: Sequence[_Contender], best: _Contender, policy: Policy) -> str:
    others = [one for one in contenders if one is not best]
    if not others:
        return "the only change"
    if _is_race_of_stages(name, contenders, policy):
        return "the furthest stage"
    if _better_spelled(contenders, policy) is not None:
        return "the better spelling"
    preferred = _preferred(name, contenders, policy)
    if len(preferred) < len(contenders) and best in preferred:
        return f"{policy.fields[name].owner} owns this field" if policy.fields[name].winner == Winner.OWNER else "the better evidence"
    if all(_certainly_after(best.origin, one.origin) for one in others):
        return "certainly the newest change"
    return "order of the accounts"


def _read(view: View, lead: LeadState, policy: Policy, now: datetime) -> tuple[Base, list[Change], list[Problem], list[Review]]:
    """Compare one record with its base, row by row; sets are merged elsewhere but their base moves here."""
    if view.record is None:
        return view.base, [], [], []
    pairs, changes, problems, reviews = dict(view.base.pairs), list[Change](), list[Problem](), list[Review]()
    for row in every_row(view.dialect):
        if row.remote not in view.record.fields or policy.fields[row.lead].direction == "off":
            continue
        theirs, pair = view.record.fields[row.remote], view.base.pair(row.id)
        if theirs == pair.seen:
            pairs.setdefault(row.id, pair)
            continue
        if pair.late is not None and pair.is_own(theirs, _when(view.record, now)):
            pairs[row.id] = Pair(theirs, pair.late.meant)
            continue
        if row.lead in SETS:
            pairs[row.id] = Pair(seen=theirs, late=pair.late)
            continue
        meaning = row.parse(theirs, pair.meant)
        if row.direction == "out" or policy.fields[row.lead].direction == "out":
            pairs[row.id] = _foreign_edit(view, row, pair, theirs, meaning, policy, problems, reviews)
            continue
        flips = _flips(view, lead, row, pair, now)
        pairs[row.id] = Pair(theirs, meaning, pair.refused if same(meaning, pair.meant) else None, flips, pair.late)
        if row.lead in RESTRICTIONS:
            if pair.meant is True and meaning is not True:
                problems.append(_lifted(view, row))
            continue
        if same(meaning, pair.meant):
            continue
        first = not view.base.knows(row.id)
        tug = flips >= policy.flips
        if blank(meaning) and (first or (policy.fields[row.lead].blank == OnBlank.KEEP and not tug)):
            continue
        new = CLEARED if blank(meaning) else meaning
        lo = _latest(view.since, view.record.created_at if first else view.base.read_at)
        hi = _when(view.record, now)
        changes.append(Change(row.lead, pair.meant, new, view.ref, row.id, lo, hi, first, tug, partial(row.fits, theirs)))
    return Base(pairs, now), changes, problems, reviews


def _flips(view: View, lead: LeadState, row: Any, pair: Pair, now: datetime) -> int:
    """How often in a row this record has taken back a value that came to it from elsewhere."""
    origin, value = lead.origins.get(row.lead), lead.fields.get(row.lead, ABSENT)
    if origin is None or origin.ref == view.ref or blank(pair.meant) or not same(pair.meant, value):
        return pair.flips
    recent = view.base.read_at is not None and now - view.base.read_at <= FLIP_WINDOW
    return pair.flips + 1 if recent else 1


def _when(record: Observed, now: datetime) -> datetime:
    """The latest moment at which what a record shows can have been written."""
    return record.changed_at if record.changed_at is not None else now


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _lifted(view: View, row: Any) -> Problem:
    where = f"{view.ref.object} {view.ref.id}"
    message = f"{row.lead} of {where} was taken back in the CRM; Leadloom never loosens a no and sets it again."
    fix = "If the person agreed anew, keep the proof of it: only documented consent can lift a no."
    return Problem(view.ref.account, "restriction_lifted", message, fix, view.ref, view.link.lead_id, row.lead)


def _foreign_edit(
    view: View, row: Any, pair: Pair, theirs: Any, meaning: Value, policy: Policy, problems: list[Problem], reviews: list[Review]
) -> Pair:
    """Somebody wrote a field that is ours. It is written again and said; after some rounds a person has to look."""
    if not view.base.knows(row.id) or same(meaning, pair.meant):
        return Pair(theirs, meaning if same(meaning, pair.meant) else ABSENT, None, pair.flips)
    if pair.refused is not None and pair.refused[1] == LEFT_ALONE:
        return replace(pair, seen=theirs, meant=ABSENT)
    flips = pair.flips + 1
    where = f"{view.ref.object} {view.ref.id}"
    if flips < policy.flips:
        problems.append(
            Problem(
                view.ref.account,
                "foreign_edit",
                f"{row.lead} of {where} was changed in the CRM; Leadloom computes it and writes it again.",
                "Exclude the field from the workflow or person that edits it.",
                view.ref,
                view.link.lead_id,
                row.lead,
            )
        )
        return Pair(theirs, ABSENT, None, flips)
    reviews.append(
        Review(
            "tug_of_war",
            f"flip:{view.ref.account}:{view.ref.object}:{view.ref.id}:{row.id}",
            f"{row.lead} of {view.ref.account} {where} was changed {flips} times after Leadloom wrote it. Who is to own it?",
            view.link.lead_id,
            (view.ref,),
            row.lead,
            tuple({**one, "rows": [row.id]} for one in AGAIN_OR_LEAVE),
        )
    )
    ours = pair.refused[0] if pair.refused is not None else dump_value(pair.meant)
    return Pair(theirs, ABSENT, (ours, "tug_of_war"), flips)


def _written_there(view: View, name: str, now: datetime) -> dict[str, Any]:
    """What a record shows, without writes of ours to parts of the set that landed late."""
    record, base = view.record, view.base
    if record is None:
        return {}
    own = {row.remote for row in view.dialect.sets[name] if base.pair(row.id).is_own(record.fields.get(row.remote), _when(record, now))}
    return {remote: value for remote, value in record.fields.items() if remote not in own}


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
        result = _without_and_with(items, removed, added)
        if old != new and not same(result, value):
            steps.append(_set_revision(name, value, result, view.ref, removed, now))
            value = result
    if same(value, ours) or (value is CLEARED and policy.fields[name].blank == OnBlank.KEEP):
        return
    fields[name], origins[name] = value, replace(steps[-1].origin, rule=UNION)
    revisions += steps


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
    dropped = tuple(((item,), removed[item.key].account) for item in were if item.key not in have and item.key in removed)
    return Revision(name, before, after, Origin(ref.account, ref, "", None, now), UNION, dropped)


def shown_items(view: View, name: str, fields: Mapping[str, Any]) -> Items:
    """The members of set field `name` that a record with these `fields` shows."""
    return shown(view.dialect.sets[name], fields)


def _hold_stage(before: LeadState, after: LeadState, changes: Mapping[str, Sequence[Change]], now: datetime) -> LeadState:
    """A stage that a person set in a CRM stands until a rule proposes a higher one; first contact is no such act."""
    if same(before.fields.get("stage", ABSENT), after.fields.get("stage", ABSENT)):
        return after
    by_person = any(not change.first_contact for change in changes.get("stage", ()))
    return replace(after, stage_since=now, stage_held=by_person or before.stage_held)
