"""Outcome: what became of one cell of a write that was never answered. Pure.

Judged by what the record shows, by its own stamp, and by what its CRM remembers of the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from connectors.base import Step, Writer
from sync.contest import SKEW
from sync.journal import Cell
from sync.policy import Policy
from sync.state import Base
from sync.view import SETS, is_no

NOT_OURS = (Writer.OTHER, Writer.PERSON, Writer.FORM, Writer.IMPORT, Writer.AUTOMATION)


class Became(StrEnum):
    LANDED = "landed"
    EDITED = "edited"  # the record shows something else: a change, whatever became of ours
    NEVER_LANDED = "never_landed"  # proved by the record's stamp or by the history of the field
    NO_SIGN = "no_sign"  # the record shows what it showed before; whether somebody set it back makes no difference
    SET_BACK = "set_back"  # it landed, and somebody gave the field back what it had
    UNKNOWN = "unknown"


def at_sight(cell: Cell, shown: Any, dialect: Any) -> Became | None:
    """What the record alone tells. None: it shows what it showed before, which can mean two things."""
    if shown == cell.new:
        return Became.LANDED
    if shown == cell.old:
        return None
    fits = cell.field not in SETS and dialect.row(cell.row_id).fits(shown, cell.meant)
    return Became.LANDED if fits else Became.EDITED


def never_landed(cells: Iterable[Cell], found: Mapping[str, Became]) -> bool:
    """Whether what became of its cells (by row id) proves that a write never happened: it happens as a whole or not at all.

    A cell that says what the record showed anyway tells nothing.
    """
    told = {found[cell.row_id] for cell in cells if cell.row_id in found and cell.new != cell.old}
    return Became.NEVER_LANDED in told and told <= {Became.NEVER_LANDED, Became.NO_SIGN, Became.EDITED}


def may_be_written_again(cell: Cell, dialect: Any, policy: Policy) -> bool:
    """A no, and what is ours, are written again whoever took them back; so nobody has to know who did."""
    if cell.held or is_no(cell.field) or policy.of(cell.field).direction == "out":
        return True
    return cell.field not in SETS and dialect.row(cell.row_id).direction == "out"


def is_untouched(base: Base, changed_at: datetime | None, sent_at: datetime | None) -> bool:
    """Whether the record's own stamp proves that nothing was written since the request left."""
    if changed_at is None:
        return False
    return changed_at == base.changed_at or (sent_at is not None and changed_at < sent_at - SKEW)


def asked_since(sent_at: datetime | None, now: datetime) -> datetime:
    """From when on a history is of interest: a CRM's clock may be behind ours."""
    return (now if sent_at is None else sent_at) - SKEW


def became(cell: Cell, sent_at: datetime | None, steps: Sequence[Step] | None) -> Became:
    """What the history of a field says that shows what it showed before; None: there is none."""
    if steps is None or sent_at is None:
        return Became.UNKNOWN
    perhaps_ours = [step for step in steps if step.at >= sent_at - SKEW and step.by not in NOT_OURS]
    if any(step.told and step.value == cell.new for step in perhaps_ours):
        return Became.SET_BACK
    strange = [step for step in perhaps_ours if not step.told or step.value != cell.old]
    return Became.UNKNOWN if strange else Became.NEVER_LANDED
