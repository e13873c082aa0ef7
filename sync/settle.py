"""Settle: the base moves only on proof.

Pure. A receipt, or what a record shows when it is looked at again, decides what became of each cell of a write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from leads.model import ABSENT
from leads.values import dump_value
from mappings.sets import shown as shown_items
from sync.journal import Cell, PlannedWrite
from sync.outcome import Became
from sync.state import Base, Late, Pair
from sync.view import SETS, every_row

IGNORED = "ignored"  # accepted, not applied
UNKNOWN = "unknown_outcome"  # nobody knows whether it was applied and taken back
Outcomes = Mapping[str, Became]  # by the id of the row


def settle(base: Base, write: PlannedWrite, fields: Mapping[str, Any], dialect: Any, changed_at: datetime | None = None) -> Base:
    """The base after a confirmed write; `fields` is what the CRM showed when it was read back (may be empty), `changed_at` its stamp."""
    pairs = dict(base.pairs)
    for cell in mapped(write, dialect):
        if cell.held:
            pairs[cell.row_id] = replace(pairs.get(cell.row_id, Pair()), refused=(_refused_value(cell), cell.held))
            continue
        pairs[cell.row_id] = _settle_cell(pairs.get(cell.row_id, Pair()), cell, fields.get(cell.remote, cell.new), dialect)
    return Base(pairs, base.read_at, changed_at)


def mapped(write: PlannedWrite, dialect: Any) -> list[Cell]:
    """The cells that still have a row: a field may have left the mapping while the answer was awaited."""
    rows = {row.id for row in every_row(dialect)}
    return [cell for cell in write.cells if cell.row_id in rows]


def settle_create(
    write: PlannedWrite, fields: Mapping[str, Any], dialect: Any, read_at: datetime, changed_at: datetime | None = None
) -> Base:
    """The base of a record that we created: what we wrote, and what the CRM filled in by itself."""
    pairs = {}
    for row in every_row(dialect):
        if row.remote in fields:
            seen = fields[row.remote]
            pairs[row.id] = Pair(seen, ABSENT if row.lead in SETS else row.parse(seen, ABSENT))
    return settle(Base(pairs, read_at), write, fields, dialect, changed_at)


def _settle_cell(pair: Pair, cell: Cell, shown: Any, dialect: Any) -> Pair:
    if cell.field in SETS:
        return replace(_settle_set(cell, shown, dialect), late=pair.late)
    row = dialect.row(cell.row_id)
    if shown == cell.new or row.fits(shown, cell.meant) or is_spelling(cell.new, shown):
        return Pair(shown, cell.meant, None, pair.flips, pair.late)
    if shown == cell.old:
        return replace(pair, seen=cell.old, refused=(dump_value(cell.meant), IGNORED))
    return Pair(cell.new, cell.meant, None, pair.flips, pair.late)  # somebody wrote after us: the next read takes it as their change


def is_spelling(sent: Any, shown: Any) -> bool:
    """Whether the answer to a write shows the text that was sent, in other case or with other blanks."""
    if not isinstance(sent, str) or not isinstance(shown, str):
        return False
    return " ".join(sent.split()).casefold() == " ".join(shown.split()).casefold()


def _settle_set(cell: Cell, shown: Any, dialect: Any) -> Pair:
    rows = [dialect.row(cell.row_id)]
    kept, wanted = ({item.key for item in shown_items(rows, {cell.remote: value})} for value in (shown, cell.new))
    if kept != wanted and shown == cell.old:
        return Pair(shown, ABSENT, (cell.new, IGNORED))
    return Pair(shown if kept == wanted else cell.new)


def refuse(base: Base, write: PlannedWrite, cause: str, remote: str | None) -> Base:
    """The base after a rejection: the field it names (or, if it names none, every cell) is held until something changes."""
    pairs = dict(base.pairs)
    for cell in write.cells:
        if remote is None or cell.remote == remote:
            pairs[cell.row_id] = replace(pairs.get(cell.row_id, Pair()), refused=(_refused_value(cell), cause))
    return replace(base, pairs=pairs)


def _refused_value(cell: Cell) -> Any:
    return cell.new if cell.field in SETS else dump_value(cell.meant)


def without(write: PlannedWrite, remote: str, cause: str) -> PlannedWrite:
    """The same write with one field held: a rejected write changed nothing, so the rest may be sent at once."""
    return replace(write, cells=tuple(replace(cell, held=cause) if cell.remote == remote else cell for cell in write.cells))


def settle_unknown(base: Base, write: PlannedWrite, fields: Mapping[str, Any], dialect: Any, until: datetime, found: Outcomes) -> Base:
    """The base after an unanswered update that may land `until` then, from what the record shows now and what became of each cell.

    It landed: the base has moved. It was set back: the base has moved too, and what the record shows is somebody's change. It never
    landed: the debt comes back by itself, and should the write land late it is recognised as ours. Nobody knows: it waits for a person.
    """
    pairs = dict(base.pairs)
    for cell in mapped(write, dialect):
        if cell.remote not in fields or cell.held:
            continue
        shown, pair = fields[cell.remote], pairs.get(cell.row_id, Pair())
        late = Late(cell.new, cell.meant, until)
        match found.get(cell.row_id, Became.NEVER_LANDED):
            case Became.LANDED:
                pairs[cell.row_id] = _agreed(cell, shown, pair)
            case Became.SET_BACK:
                pairs[cell.row_id] = _agreed(cell, cell.new, pair)
            case Became.UNKNOWN:
                pairs[cell.row_id] = replace(pair, refused=(_refused_value(cell), UNKNOWN), late=late)
            case _:
                pairs[cell.row_id] = replace(pair, late=late)
    return replace(base, pairs=pairs)


def _agreed(cell: Cell, shown: Any, pair: Pair) -> Pair:
    return Pair(shown) if cell.field in SETS else Pair(shown, cell.meant, None, pair.flips)


def is_in_doubt(base: Base) -> bool:
    """Whether a person is asked what became of a write to this record: it showed up late, or was edited since, and there is no doubt."""
    return any(pair.refused is not None and pair.refused[1] == UNKNOWN for pair in base.pairs.values())


def set_back(pair: Pair) -> Pair:
    """The pair after a person has said that a write whose outcome nobody knew had landed, and was taken back."""
    if pair.late is None or pair.refused is None or pair.refused[1] != UNKNOWN:
        return pair
    return Pair(pair.late.sent, pair.late.meant, None, pair.flips)
