"""Revert: one record on its way back, field by field; what stays as it is says why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from leads.model import ABSENT
from leads.values import dump_value, same
from mappings.sets import shown as shown_in
from sync.journal import Cell, PlannedWrite, Section
from sync.plan import NO_SPREADS, Restricted, address, noes_left_behind
from sync.policy import Policy
from sync.settle import is_spelling
from sync.state import Base, LeadState, Link, Pair
from sync.undone import owed
from sync.view import SETS, every_row, is_no


@dataclass(frozen=True, slots=True)
class Left:
    """What stays as it is, and why: a field of a record, or (`field` empty) all `count` fields that we wrote there."""

    account: str
    object: str
    id: str
    lead_id: str
    field: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Now:
    """A record as it stands: link and base as remembered, `record` as just read.

    `attached` tells whether deals or activities hang on it; None: unknown. `gave_at` is when it last gave the lead a value (None: never).
    """

    link: Link
    base: Base
    record: Any
    attached: bool | None = None
    gave_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Of the `fields` that the run wrote to a record, those that are not counted in `left` are in `write`."""

    write: PlannedWrite | None
    left: tuple[Left, ...]
    fields: int


class Draft:
    """One record on its way back; `then`: its lead goes back with it, and was this one before."""

    def __init__(
        self,
        run: str,
        lead: LeadState,
        now: Now,
        dialect: Any,
        policy: Policy,
        later: Mapping[str, str],
        then: LeadState | None = None,
    ) -> None:
        self.run, self.lead, self.now, self.dialect, self.policy, self.later = run, lead, now, dialect, policy, later
        self.then = then
        self.cells: list[Cell] = []
        self.noes: list[Cell] = []
        self.left: list[Left] = []

    def take_back(self, old: Any, cell: Cell, section: Section) -> None:
        why = self._why_not(old, cell, section)
        if why != "":
            self._leave(cell.field, why)
            return
        value = self.lead.fields.get(cell.field, ABSENT)
        if self.then is not None and cell.field not in SETS:
            value = self.dialect.row(cell.row_id).parse(old, value)
        theirs = self.now.record.fields[cell.remote]
        self.cells.append(Cell(cell.row_id, cell.remote, cell.field, theirs, old, value, f"undo of run {self.run}"))

    def _why_not(self, old: Any, cell: Cell, section: Section) -> str:
        if is_no(cell.field):
            return "an opt-out is never taken back"
        row = next((row for row in every_row(self.dialect) if row.id == cell.row_id), None)
        if row is None or row.remote != cell.remote or cell.remote not in self.now.record.fields:
            return "the field is not mapped any more"
        if not row.written or getattr(row, "create_only", False) or self.policy.of(cell.field).direction not in ("both", "out"):
            return "the field is not written any more"
        pair, theirs = self.now.base.pair(row.id), self.now.record.fields[cell.remote]
        if theirs == old:
            return "it shows what it showed before"
        if cell.row_id in self.later:
            return f"run {self.later[cell.row_id]} has written it again"
        if theirs != pair.seen or not as_written(row, cell, section, theirs):
            return "somebody has edited it in the CRM since"
        moved = self._lead_has_moved(cell, pair) and not self._is_what_the_lead_says(row, old)
        if moved or self._would_lose(row, old):
            return "the lead has changed since, and the next sync writes what it says now"
        return "the CRM does not let the field be empty" if old is None and not row.clear else ""

    def _lead_has_moved(self, cell: Cell, pair: Pair) -> bool:
        value = (self.then or self.lead).fields.get(cell.field, ABSENT)
        if cell.field in SETS:
            return cell.row_id in owed(self.dialect, cell.field, value, self.now.base) and pair.refused is None
        return not same(value, pair.meant) and (pair.refused is None or pair.refused[0] != dump_value(value))

    def _is_what_the_lead_says(self, row: Any, old: Any) -> bool:
        """Whether a lead that goes back with its record says what the record showed before."""
        if self.then is None:
            return False
        value = self.lead.fields.get(row.lead, ABSENT)
        return same(shown_in([row], {row.remote: old}), value) if row.lead in SETS else bool(row.fits(old, value))

    def _would_lose(self, row: Any, old: Any) -> bool:
        """Whether a lead that goes back with its record has got an address or number since that the record would show no more."""
        value = self.lead.fields.get(row.lead, ABSENT)
        if self.then is None or row.lead not in SETS or not isinstance(value, tuple):
            return False
        fields = self.now.record.fields
        lost = _keys(self.dialect, row.lead, fields) - _keys(self.dialect, row.lead, {**fields, row.remote: old})
        return any(item.key in lost for item in value)

    def keep_denied_addresses_away(self, restricted: Restricted) -> None:
        """An address that comes back must not be free to be mailed where it is opted out: then it stays away."""
        fields = {**self.now.record.fields, **{cell.remote: cell.new for cell in self.cells}}
        for name, channel in (("emails", "email"), ("phones", "phone")):
            back = _keys(self.dialect, name, fields) - _keys(self.dialect, name, self.now.record.fields)
            if self._denies(channel) or not any((channel, address(name, key)) in restricted for key in back):
                continue
            for cell in [cell for cell in self.cells if cell.field == name]:
                self.cells.remove(cell)
                self._leave(name, "the address that would come back is opted out")

    def take_noes_along(self) -> None:
        """What a record says no to by its address is said of the one that comes back, too: the CRM knows nothing of that."""
        shown = self.now.record.fields
        for row in noes_left_behind(self.dialect, self.cells, shown, self.now.base.pairs):
            theirs = shown.get(row.remote)
            self.noes.append(Cell(row.id, row.remote, row.lead, theirs, row.format(True, None), True, "the person said no", "", NO_SPREADS))

    def _denies(self, channel: str) -> bool:
        rows = self.dialect.rows_of(f"opt_out.{channel}")
        return any(row.parse(self.now.record.fields.get(row.remote), ABSENT) is True for row in rows)

    def _leave(self, field: str, reason: str) -> None:
        ref = self.now.link.ref
        self.left.append(Left(ref.account, ref.object, ref.id, self.lead.id, field, reason))

    def taken_back(self) -> TakenBack:
        ref = self.now.link.ref
        cells = tuple(self.cells if self.then is None else map(self._with_what_is_shown, self.cells))
        write = PlannedWrite(ref.account, ref.object, self.lead.id, Section.UNDO, (*cells, *self.noes), ref.id) if cells else None
        return TakenBack(write, tuple(self.left), len(self.cells) + len(self.left))

    def _with_what_is_shown(self, cell: Cell) -> Cell:
        """Part of a set means what the record shows in all of its fields then."""
        if cell.field not in SETS:
            return cell
        fields = {**self.now.record.fields, **{one.remote: one.new for one in self.cells}}
        return replace(cell, meant=shown_in(self.dialect.sets[cell.field], fields))


def as_written(row: Any, cell: Cell, section: Section, theirs: Any) -> bool:
    """Whether the record shows what we wrote, in its own spelling."""
    if theirs == cell.new or is_spelling(cell.new, theirs):
        return True
    if cell.field in SETS:
        wanted, there = ({item.key for item in shown_in([row], {row.remote: value})} for value in (cell.new, theirs))
        return wanted == there
    return section is not Section.UNDO and bool(row.fits(theirs, cell.meant))


def _keys(dialect: Any, name: str, fields: Mapping[str, Any]) -> set[str]:
    return {item.key for item in shown_in(dialect.sets[name], fields)}
