"""Uniting (shell): who was said to be one person is one lead, also where the two met only after it was said.

Where the settings say so, the evidence may say it alone, where it leaves no reasonable doubt.

An answer can be older than the leads that it is about: a record that was away comes back, a lead that was split off by an older version
is still there. What people said later, or about another name of the two, keeps them apart; so does a write whose outcome nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np

from leads.matching.clustering import components, joints, missing_pairs
from leads.matching.scoring import shipped
from sync.joining import between_leads, join, told
from sync.matching import bits_between
from sync.state import Joining, LeadState, Ref, pair_key
from sync.workspace import Pass, Workspace

A_LEAD = "lead:"  # how the key of a lead begins in a decided pair
FOUNDED = datetime.fromtimestamp(0, UTC)  # of leads of which nobody knows when

Begin = Callable[[], AbstractContextManager[Any]]


def unite(turn: Pass, begin: Begin) -> None:
    """Make one lead of every two that were said to be one person and are not yet."""
    with begin() as unit:
        said = unit.said_to_be_one()
        leads = leads_behind(unit, {side for left, right, _ in said for side in (left, right)})
        apart = [(left, right, by) for left, right, by in said if leads.get(left, "") != leads.get(right, "")]
        for left, right, by in apart:
            _unite(turn, unit, left, right, by)
        if apart:
            ask_once(unit)


def join_certain(turn: Pass, begin: Begin, asked: Mapping[tuple[str, str], float]) -> list[str]:
    """Of the leads that a person has just been asked about, join those that the evidence alone makes one; returns what they are now.

    What of them this run has planned already is planned anew.
    """
    if not turn.workspace.joins_certain or not any(bits >= shipped().link for bits in asked.values()):
        return []
    joined: dict[str, str] = {}
    with begin() as unit:
        before = sum(unit.open_reviews().values())
        open_ones = {frozenset(pair) for pairs in unit.pairs_in_doubt().values() for pair in pairs}  # not what was taken back
        for pair, bits in _certain(unit, asked):
            now = sorted({joined.get(id, id) for id in pair})
            if frozenset(map(pair_key, pair)) not in open_ones or len(now) == 1 or not _may_unite(unit, now):
                continue
            turn.unplan(unit, now)
            done = _joined(turn, unit, now, f"the evidence ({bits:+.1f} bits)")
            joined |= dict.fromkeys((done.gone, *(old for old, new in joined.items() if new == done.gone)), done.kept)
        ask_once(unit)
        turn.census.reviews -= before - sum(unit.open_reviews().values())
    return sorted(set(joined.values()))


def _certain(unit: Any, asked: Mapping[tuple[str, str], float]) -> list[tuple[tuple[str, str], float]]:
    """The pairs that join two groups from `link` bits on, the best first, as in a file: none by way of what some pair holds apart."""
    names = sorted({id for pair in asked for id in pair})
    number = {id: at for at, id in enumerate(names)}
    left, right = (np.array([number[pair[side]] for pair in asked], dtype=np.int64) for side in (0, 1))
    label = components(len(names), left, right)
    more_left, more_right = missing_pairs(label, left, right)
    more = bits_between(unit, [(names[one], names[other]) for one, other in zip(more_left, more_right, strict=True)])
    bits = np.array([*asked.values(), *more], dtype=np.float32)
    weights = shipped()
    left, right = np.concatenate([left, more_left]), np.concatenate([right, more_right])
    found = joints(label, left, right, bits, weights.apart, weights.review)
    sure = np.flatnonzero(found.allowed & (found.bits >= weights.link))
    best = sure[np.lexsort((found.right[sure], found.left[sure], -found.bits[sure]))]
    return [((names[found.left[at]], names[found.right[at]]), float(found.bits[at])) for at in best]


def _unite(turn: Pass, unit: Any, left: str, right: str, by: str) -> None:
    now = leads_behind(unit, (left, right))
    ids = [now.get(side, "") for side in (left, right)]
    if "" in ids or ids[0] == ids[1]:
        return
    if _may_unite(unit, ids):
        _joined(turn, unit, ids, by)


def _may_unite(unit: Any, ids: Sequence[str]) -> bool:
    """Not while a write of theirs is without an answer, and never against what a person said."""
    return not unit.open_entries_of(ids) and "different" not in between_leads(unit, *ids)


def _joined(turn: Pass, unit: Any, ids: Sequence[str], by: str) -> Joining:
    """Two leads become one by a run of its own, so that it can be taken back alone."""
    run = unit.start_run("merge", turn.now)
    done = as_one(unit, turn.workspace, ids, run, by)
    turn.census.leads["merged"] += 1
    unit.finish_run(run, "done", {"run": run, "status": "done", **told(unit, done)}, turn.now)
    return done


def as_one(unit: Any, workspace: Workspace, leads: Sequence[str], run: str, by: str) -> Joining:
    """Two leads become one; the older keeps its id."""
    known = unit.leads(leads)
    kept, gone = sorted(leads, key=lambda id: age_of(known[id]))
    return join(unit, workspace, kept, gone, run, by)


def ask_once(unit: Any) -> None:
    """Of questions that have come to ask about the same two leads, only the first is left."""
    asked = {subject: pairs[0] for subject, pairs in unit.pairs_in_doubt().items() if len(pairs) == 1}
    leads = leads_behind(unit, {side for pair in asked.values() for side in pair})
    seen: set[frozenset[str | None]] = set()
    again: list[str] = []
    for subject, pair in asked.items():
        now = frozenset(leads.get(side) for side in pair)
        again += [subject] if now in seen and len(now) == len(pair) else []
        seen.add(now)
    unit.drop_reviews(again)


def age_of(lead: LeadState) -> tuple[datetime, str]:
    """What leads are sorted by, the oldest first."""
    return (lead.created_at or FOUNDED, lead.id)


def leads_behind(unit: Any, sides: Iterable[str]) -> Mapping[str, str]:
    """The leads that sides of decided pairs stand for now; without those that have gone."""
    names = {side: side.removeprefix(A_LEAD) for side in sides if side.startswith(A_LEAD)}
    survivors = unit.survivors(names.values())
    found = {side: survivors.get(id, id) for side, id in names.items()}
    refs = sorted(Ref(*side.split(":", 2)) for side in sides if not side.startswith(A_LEAD))
    for (account, object), group in groupby(refs, key=lambda ref: (ref.account, ref.object)):
        links = unit.links_at(account, object, [ref.id for ref in group])
        found |= {f"{account}:{object}:{id}": str(link.lead_id) for id, (link, _) in links.items()}
    there = unit.leads(sorted(set(found.values())))
    return {side: id for side, id in found.items() if id in there}
