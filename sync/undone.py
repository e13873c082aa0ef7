"""Undone: what an undo leaves behind in links and bases, so that it stays undone until somebody wants it otherwise. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from leads.model import Items, Value
from leads.values import dump_value
from mappings.sets import project
from mappings.values import Held
from sync.journal import PlannedWrite, Section
from sync.merging import NOT_MERGED
from sync.state import RELEASED, UNDONE, Base, Link, LinkState, Pair
from sync.view import SETS, every_row


def withheld(link: Link) -> Link:
    """The link of a create that was taken back: its lead is not created there again until somebody releases it."""
    return replace(link, state=LinkState.WITHHELD, ending=UNDONE)


def released(link: Link) -> Link:
    """A withheld link that stands in nobody's way any more (its key is free: the new create carries it again), or a twin to be merged."""
    if link.ending == NOT_MERGED:
        return replace(link, ending="")
    return replace(link, state=LinkState.ENDED, ending=RELEASED, key="") if link.state is LinkState.WITHHELD else link


def owed(dialect: Any, name: str, value: Value, base: Base) -> dict[str, Any]:
    """By row id: what plan would write so that the record shows the members of set `name`."""
    items: Items = value if isinstance(value, tuple) else ()
    fields = {row.remote: base.pair(row.id).seen for row in every_row(dialect) if base.knows(row.id)}
    ids = {row.remote: row.id for row in dialect.sets[name]}
    return {ids[remote]: formatted for remote, formatted in project(dialect.sets[name], items, fields).items()}


def hold_undone(base: Base, write: PlannedWrite, dialect: Any) -> Base:
    """The base after an undo: old spelling and the lead's value now, held until one of them changes.

    Both sides count as unchanged, so that what was undone stays undone; what the lead says anyway needs no holding.
    """
    if write.section is not Section.UNDO:
        return base
    pairs = dict(base.pairs)
    for cell in write.cells:
        pair = pairs.get(cell.row_id, Pair())
        if cell.field not in SETS and pair.refused is None and not dialect.row(cell.row_id).fits(pair.seen, cell.meant):
            pairs[cell.row_id] = replace(pair, meant=cell.meant, refused=(dump_value(cell.meant), UNDONE))
    for name, value in {cell.field: cell.meant for cell in write.cells if cell.field in SETS}.items():
        for row_id, formatted in owed(dialect, name, value, base).items():
            if isinstance(formatted, Held):
                continue
            pairs[row_id] = replace(pairs.get(row_id, Pair()), refused=(formatted, UNDONE))
    return replace(base, pairs=pairs)
