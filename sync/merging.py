"""Merging: duplicates of one account become one record inside the CRM, where the settings say so. It is final.

Pure. The main record stays and wins; what a further record showed is kept with the write, so that a split can create it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.base import Ending, Record
from leads.model import Value
from sync.journal import Cell, PlannedWrite, Section
from sync.link import twin_subject
from sync.state import Base, Late, Link, LinkState, Pair, Ref, Role
from sync.view import SETS, View, every_row, shown_items
from sync.workspace import Door

MERGED_BY_US = f"{Ending.MERGED}:ours"  # the ending of a record that we merged into another one
SPLIT_OFF = f"{Ending.MERGED}:split:recreate"  # somebody says that it was another person's: it is created again
NOT_MERGED = "not merged"  # a twin that its CRM would not merge: left alone until somebody asks for it again
FINAL = "a merge inside the CRM is final; `leadloom leads split` creates the record again from what it showed"


def merges(views: Sequence[View], doors: Iterable[Door], waiting: frozenset[Ref]) -> Iterator[PlannedWrite]:
    """For each account that merges its duplicates: the first further record of the lead becomes part of the main one.

    One at a time, because the survivor may have a new id.
    """
    for door in doors:
        if not (door.account.merge_duplicates and door.connector.capabilities.merges):
            continue
        here = [one for one in views if one.ref.account == door.name and one.link.state is LinkState.ACTIVE and one.ref not in waiting]
        main = next((one for one in here if one.link.role is Role.MAIN), None)
        twins = sorted((one for one in here if one.link.role is Role.TWIN and one.link.ending != NOT_MERGED), key=lambda one: one.ref)
        twin = next((one for one in twins if main is not None and one.ref.object == main.ref.object), None)
        if main is not None and twin is not None:
            yield _merge(main, twin)


def _merge(main: View, twin: View) -> PlannedWrite:
    """Both as they are, field by field: what the record shows that goes, and what the one shows that stays."""
    kept, gone = main.seen(), twin.seen()
    why = f"{twin.ref.id} becomes part of it"
    cells = tuple(
        Cell(row.id, row.remote, row.lead, gone.get(row.remote), kept.get(row.remote), _meant(twin, row), why)
        for row in every_row(twin.dialect)
        if gone.get(row.remote) is not None or kept.get(row.remote) is not None
    )
    ref = main.ref
    return PlannedWrite(ref.account, ref.object, main.link.lead_id, Section.MERGE, cells, ref.id, loser=twin.ref.id)


def _meant(view: View, row: Any) -> Value:
    return shown_items(view, row.lead, view.seen()) if row.lead in SETS else view.base.pair(row.id).meant


def merged(links: Mapping[Ref, tuple[Link, Base]], write: PlannedWrite, survivor: Ref, until: datetime) -> dict[Ref, tuple[Link, Base]]:
    """The links after a merge: the survivor leads, under the id that it has now; the other one has ended, with all that it showed."""
    stays, goes = (Ref(write.account, write.object, id) for id in (write.id or "", write.loser))
    (link, base), (lost, lost_base) = links[stays], links[goes]
    before = {} if survivor == stays else {stays: (replace(link, state=LinkState.ENDED, ending=str(Ending.MERGED)), base)}
    return {
        **before,
        goes: (replace(lost, state=LinkState.ENDED, ending=MERGED_BY_US), lost_base),
        survivor: (replace(link, ref=survivor), surviving(base, lost_base, until)),
    }


def keep_merged(unit: Any, write: PlannedWrite, survivor: Ref, now: datetime) -> None:
    """Old ids lead to the survivor, whether the two are one person is no question any more, and the survivor is read next."""
    for id in (write.id or "", write.loser):
        if id != survivor.id:
            unit.put_alias(Ref(write.account, write.object, id), survivor)
    if survivor.id != write.id:
        unit.put_addresses({Ref(write.account, write.object, write.id or ""): (write.lead_id, ())})  # the new id has them
    unit.drop_reviews([twin_subject(Ref(write.account, write.object, write.loser))])
    unit.put_hints([survivor], now)


def survivor_of(write: PlannedWrite, records: Mapping[str, Record], *, told: bool) -> Ref | None:
    """Whether an unanswered merge has happened, by what the two records are now; `told`: the CRM says what became of merged ones."""
    kept, gone = records[write.id or ""], records[write.loser]
    if gone.ending is Ending.MERGED and gone.moved_to is not None and gone.moved_to in (kept.moved_to, (write.object, kept.id)):
        return Ref(write.account, *gone.moved_to)
    if not told and gone.ending in (Ending.MISSING, Ending.DELETED) and kept.ending is None:
        return Ref(write.account, write.object, kept.id)
    return None


def surviving(kept: Base, lost: Base, until: datetime) -> Base:
    """The base of a survivor until it is read: that of the record which stays.

    Where it shows what the other one showed, the CRM took it over: nobody typed it, and the lead owes what it says itself.
    """
    pairs = dict(kept.pairs)
    for row_id, other in lost.pairs.items():
        pair = pairs.get(row_id, Pair())
        if other.seen is not None and other.seen != pair.seen:
            pairs[row_id] = replace(pair, late=Late(other.seen, other.meant, until))
    return replace(kept, pairs=pairs)
