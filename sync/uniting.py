"""Uniting (shell): who was said to be one person is one lead, also where the two met only after it was said.

An answer can be older than the leads that it is about: a record that was away comes back, a lead that was split off by an older version
is still there. What people said later, or about another name of the two, keeps them apart; so does a write whose outcome nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sync.joining import between_leads, join, told
from sync.state import Joining, LeadState, Ref
from sync.workspace import Begin, Pass, Workspace

A_LEAD = "lead:"  # how the key of a lead begins in a decided pair
FOUNDED = datetime.fromtimestamp(0, UTC)  # of leads of which nobody knows when


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


def _unite(turn: Pass, unit: Any, left: str, right: str, by: str) -> None:
    now = leads_behind(unit, (left, right))
    ids = [now.get(side, "") for side in (left, right)]
    if "" in ids or ids[0] == ids[1]:
        return
    if may_unite(unit, ids):
        joined(turn, unit, ids, by)


def may_unite(unit: Any, ids: Sequence[str]) -> bool:
    """Not while a write of theirs is without an answer, and never against what a person said."""
    return not unit.open_entries_of(ids) and "different" not in between_leads(unit, *ids)


def joined(turn: Pass, unit: Any, ids: Sequence[str], by: str) -> Joining:
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
