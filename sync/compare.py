"""Compare: what of a record is news since it was last seen, row by row. Pure.

What is read again unchanged is none, so the hub's own writes do not come back as edits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from leads.model import ABSENT, CLEARED, OnBlank, Value
from leads.values import blank, dump_value, same
from sync.policy import Policy
from sync.state import Base, Change, LeadState, Pair, Problem, Review
from sync.view import SETS, View, channel_of, every_row, is_no, latest_moment, set_of, went_with_its_address

LIFTED = "restriction_lifted"
TO_BE_ERASED = "erasure"
LEFT_ALONE = "left_alone"  # a person decided that this record keeps its own value
FLIP_WINDOW = timedelta(days=1)  # a record that takes back what we wrote after longer than that has simply been edited
AGAIN_OR_LEAVE = (
    {"answer": "again", "says": "Leadloom goes on writing it."},
    {"answer": "leave", "says": "This record keeps what stands there; Leadloom writes this field there no more."},
)


def compare(view: View, lead: LeadState, policy: Policy, now: datetime) -> tuple[Base, list[Change], list[Problem], list[Review]]:
    """Compare one record with its base, row by row; sets are merged elsewhere but their base moves here."""
    if view.record is None:
        return view.base, [], [], []
    pairs, changes, problems, reviews = dict(view.base.pairs), list[Change](), list[Problem](), list[Review]()
    for row in every_row(view.dialect):
        if row.remote not in view.record.fields or policy.of(row.lead).direction == "off":
            continue
        theirs, pair = view.record.fields[row.remote], view.base.pair(row.id)
        if theirs == pair.seen:
            pairs.setdefault(row.id, pair)
            continue
        if pair.late is not None and pair.is_own(theirs, latest_moment(view.record, now)):
            pairs[row.id] = Pair(theirs, pair.late.meant)
            continue
        if row.lead in SETS:
            pairs[row.id] = Pair(seen=theirs, late=pair.late)
            continue
        meaning = row.parse(theirs, pair.meant)
        if row.direction == "out" or policy.of(row.lead).direction == "out":
            pairs[row.id] = _foreign_edit(view, row, pair, theirs, meaning, policy, problems, reviews)
            continue
        flips = _flips(view, lead, row, pair, now)
        pairs[row.id] = Pair(theirs, meaning, pair.refused if same(meaning, pair.meant) else None, flips, pair.late)
        if is_no(row.lead):
            if pair.meant is True and meaning is not True and not went_with_its_address(row, view.dialect, view.record.fields, view.base):
                problems.append(_lifted(view, row))
            if row.forgets and meaning is True and pair.meant is not True:
                reviews.append(_erasure(view))
            continue
        if same(meaning, pair.meant):
            continue
        first = not view.base.knows(row.id)
        tug = flips >= policy.flips
        if blank(meaning) and (first or (policy.of(row.lead).blank == OnBlank.KEEP and not tug)):
            continue
        new = CLEARED if blank(meaning) else meaning
        lo = _latest(view.since, view.record.created_at if first else view.base.read_at)
        hi = latest_moment(view.record, now)
        changes.append(Change(row.lead, pair.meant, new, view.ref, row.id, lo, hi, first, tug, partial(row.fits, theirs)))
    return Base(_asked_again(view, pairs), now, view.record.changed_at), changes, problems, reviews


def _asked_again(view: View, pairs: dict[str, Pair]) -> dict[str, Pair]:
    """A record that could not show a no may be able to, now that its addresses, or what else it says about them, have changed."""
    about = {
        row.id: row.lead if row.lead in SETS else set_of(channel_of(row.lead)) for row in every_row(view.dialect) if _bears_on_a_no(row)
    }
    moved = {about[id] for id in about if id in pairs and pairs[id].seen != view.base.pair(id).seen}
    for row in view.dialect.rows:
        if is_no(row.lead) and row.id in pairs and about[row.id] in moved:
            pairs[row.id] = replace(pairs[row.id], refused=None)
    return pairs


def _bears_on_a_no(row: Any) -> bool:
    return row.lead in SETS or is_no(row.lead)


def _flips(view: View, lead: LeadState, row: Any, pair: Pair, now: datetime) -> int:
    """How often in a row this record has taken back a value that came to it from elsewhere."""
    origin, value = lead.origins.get(row.lead), lead.fields.get(row.lead, ABSENT)
    if origin is None or origin.ref == view.ref or blank(pair.meant) or not same(pair.meant, value):
        return pair.flips
    recent = view.base.read_at is not None and now - view.base.read_at <= FLIP_WINDOW
    return pair.flips + 1 if recent else 1


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _lifted(view: View, row: Any) -> Problem:
    where = f"{view.ref.object} {view.ref.id}"
    message = f"{row.lead} of {where} was taken back in the CRM; Leadloom never loosens a no and sets it again."
    fix = "If the person agreed anew, keep the proof of it: only documented consent can lift a no."
    return Problem(view.ref.account, LIFTED, message, fix, view.ref, view.link.lead_id, row.lead)


def _erasure(view: View) -> Review:
    """Deleting cannot be taken back and reaches every CRM, so that no flag alone does it."""
    where, lead = f"{view.ref.account} {view.ref.object} {view.ref.id}", view.link.lead_id
    question = f"{where} says that the person is to be forgotten. Nobody writes to them any more. Are they to be erased?"
    return Review(TO_BE_ERASED, f"{TO_BE_ERASED}:{where.replace(' ', ':')}", question, lead, (view.ref,), choices=_erase_or_not(lead))


def _erase_or_not(lead: str) -> tuple[Mapping[str, Any], ...]:
    here = f"`leadloom privacy erase {lead} --reason TEXT` erases them; the question goes with the person."
    return ({"answer": "keep_person", "says": f"No: something else obliges us to keep them. Else {here}"},)


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
