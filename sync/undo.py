"""Undo: what of a run can be taken back, and why the rest cannot.

Pure. A field gets back what its record showed before, letter by letter, and only where the record still shows what we wrote and neither
a person nor the lead has moved on since. Consent is never loosened. A created record is deleted only if nobody has touched it and
nothing is attached to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leads.model import ABSENT
from leads.values import same
from sync.contest import SKEW
from sync.journal import Cell, Entry, EntryState, PlannedWrite, Section
from sync.plan import Restricted
from sync.policy import Policy
from sync.revert import Draft, Left, Now, TakenBack, as_written
from sync.state import LeadState, LinkState
from sync.view import SETS, every_row

NEVER_WRITTEN = ("adopted", "lost")  # outcomes of creates that made nothing
LOOKED_UP = "looked_up"
FOUND_LATER = (LOOKED_UP, "turned_up")  # outcomes of writes whose answer was lost
NEVER_LANDED = "never_landed"  # of a write that, by all that its record shows, did not happen


@dataclass(frozen=True, slots=True)
class Undoing:
    """What is to be taken back: a run, or of it one lead or one field of leads (empty: all)."""

    run: str
    lead_id: str = ""
    field: str = ""


def undo(
    undoing: Undoing,
    entries: Sequence[Entry],
    history: Iterable[Entry],
    now: Now | None,
    lead: LeadState,
    dialect: Any,
    policy: Policy,
    restricted: Restricted,
) -> TakenBack:
    """Take back what `entries` (the run's, of one record) wrote. `history` is the journal of the lead; `now` None: it is not linked."""
    cells = _net(entries, undoing.field)
    all_left = _AllLeft(entries[0].write, len(cells))
    if not cells:
        return TakenBack(None, (), 0)
    why = _out_of_reach(now, entries[0].write)
    if now is None or why != "":
        return all_left(why)
    mine = [entry for entry in history if _happened(entry) and _record(entry.write) == _record(entries[0].write)]
    if entries[0].write.section is Section.CREATE and undoing.field == "":
        why = _why_kept(now, mine, dialect)
        return TakenBack(_deletion(undoing, lead, now, dialect), (), len(cells)) if why == "" else all_left(why)
    last = entries[-1].op
    later = {cell.row_id: entry.run for entry in mine if entry.op > last for cell in entry.write.cells if not cell.held}
    draft = Draft(undoing.run, lead, now, dialect, policy, later)
    for old, cell, section in cells.values():
        draft.take_back(old, cell, section)
    draft.keep_denied_addresses_away(restricted)
    draft.take_noes_along()
    return draft.taken_back()


def undo_regrouping(
    undoing: Undoing,
    entries: Sequence[Entry],
    now: Now | None,
    then: LeadState,
    lead: LeadState,
    dialect: Any,
    policy: Policy,
    restricted: Restricted,
) -> TakenBack:
    """Two leads are as they were: a record gives back what it was written of the other one since, and shows what it showed before.

    `entries` are all writes to one record since the leads were merged or split, `then` its lead just before that was taken back, `lead`
    the one that it has now. The lead has gone back as well, so nothing is held: what it owes the record it goes on owing.
    """
    cells = not_its_own(entries, then, lead)
    if not cells:
        return TakenBack(None, (), 0)
    why = _out_of_reach(now, entries[0].write)
    if now is None or why != "":
        return _AllLeft(entries[0].write, len(cells))(why)
    draft = Draft(undoing.run, lead, now, dialect, policy, {}, then)
    for old, cell, section in cells.values():
        draft.take_back(old, cell, section)
    draft.keep_denied_addresses_away(restricted)
    draft.take_noes_along()
    return draft.taken_back()


class _AllLeft:
    def __init__(self, write: PlannedWrite, count: int) -> None:
        self._write, self._count = write, count

    def __call__(self, reason: str) -> TakenBack:
        write = self._write
        return TakenBack(None, (Left(write.account, write.object, write.id or "", write.lead_id, "", reason, self._count),), self._count)


def written(entry: Entry) -> bool:
    """Whether an entry may have changed a record."""
    write = entry.write
    return entry.state is EntryState.DONE and write.id is not None and entry.outcome not in NEVER_WRITTEN


def _happened(entry: Entry) -> bool:
    """Whether a record was written, as far as anybody knows; an undo that died before its request left is no later write."""
    return entry.state is EntryState.DONE and entry.outcome != NEVER_LANDED


def _record(write: PlannedWrite) -> tuple[str, str, str | None]:
    return (write.account, write.object, write.id)


def _net(entries: Sequence[Entry], field: str) -> dict[str, tuple[Any, Cell, Section]]:
    """Per mapped row: what it showed before the first write of the run, and the last cell written there."""
    net: dict[str, tuple[Any, Cell, Section]] = {}
    for entry in entries:
        for cell in entry.write.cells:
            if cell.held == "" and field in ("", cell.field):
                old = net[cell.row_id][0] if cell.row_id in net else cell.old
                net[cell.row_id] = (old, cell, entry.write.section)
    return net


def not_its_own(entries: Sequence[Entry], then: LeadState, lead: LeadState) -> dict[str, tuple[Any, Cell, Section]]:
    """Per mapped row: the last cell that says what the lead no longer says, and what the row showed before it said nothing else."""
    net: dict[str, tuple[Any, Cell, Section]] = {}
    for entry in entries:
        for cell in entry.write.cells:
            now = lead.fields.get(cell.field, ABSENT)
            if cell.held != "" or same(then.fields.get(cell.field, ABSENT), now):
                continue
            if not same(cell.meant, now):
                net[cell.row_id] = (net[cell.row_id][0] if cell.row_id in net else cell.old, cell, entry.write.section)
            elif _happened(entry):
                net.pop(cell.row_id, None)
    return net


def _out_of_reach(now: Now | None, write: PlannedWrite) -> str:
    if now is None or now.link.state is LinkState.ENDED or now.record is None or now.record.ending is not None:
        return "the record is not there any more"
    if now.link.ref.id != write.id:
        return "the record was merged into another one"
    if now.link.lead_id != write.lead_id:
        return "the record belongs to another lead now"
    return "" if now.link.state is LinkState.ACTIVE else f"the link to the record is {now.link.state}"


# A create


def _why_kept(now: Now, mine: Sequence[Entry], dialect: Any) -> str:
    """Why a created record has to stay; nothing: it may be deleted."""
    shown = now.record.fields
    edited = any(
        now.base.knows(row.id) and shown.get(row.remote, seen) != seen for row in every_row(dialect) for seen in [_seen(now, row)]
    ) or _shows_what_we_never_wrote(shown, mine, dialect)
    last = max((at for entry in mine if (at := _written_at(entry)) is not None), default=None)
    if now.record.changed_at is None or last is None or _is_covered_up(now, mine, last, dialect):
        return "whether somebody has touched the record cannot be told; delete it by hand if nobody has"
    if edited or now.record.changed_at > last + SKEW or _gave_something(now, _written_at(mine[0])):
        return "somebody has edited the record since it was created"
    if now.attached is None:
        return "whether deals or activities are attached to the record cannot be seen; delete it by hand if there are none"
    return "deals, activities or notes are attached to the record" if now.attached else ""


def _written_at(entry: Entry) -> datetime | None:
    """When it changed the record: one whose answer was lost, when it left, and not when it was found to have happened."""
    return entry.sent_at if entry.outcome in FOUND_LATER else entry.done_at


def _shows_what_we_never_wrote(shown: Mapping[str, Any], mine: Sequence[Entry], dialect: Any) -> bool:
    """Whether a field holds another value than our last one, or an address or number stands where we put none."""
    ours = {cell.row_id: (cell, entry.write.section) for entry in mine for cell in entry.write.cells if not cell.held}
    for row in every_row(dialect):
        theirs = shown.get(row.remote)
        if row.id in ours and row.remote in shown and not as_written(row, *ours[row.id], theirs):
            return True
        if row.id not in ours and row.lead in SETS and theirs not in (None, "", []):
            return True
    return False


def _is_covered_up(now: Now, mine: Sequence[Entry], last: datetime, dialect: Any) -> bool:
    """Whether a write of ours may have hidden an edit: it moved the stamp of a record that nobody had read since we created it."""
    created = _written_at(mine[0])
    unread = [row for row in every_row(dialect) if now.record.fields.get(row.remote) is not None and not now.base.knows(row.id)]
    return created is not None and last > created + SKEW and len(unread) > 0


def _gave_something(now: Now, created: datetime | None) -> bool:
    """Whether somebody ever typed into the record after we created it, whatever became of the value since."""
    return now.gave_at is not None and (created is None or now.gave_at > created)


def _seen(now: Now, row: Any) -> Any:
    return now.base.pair(row.id).seen


def _deletion(undoing: Undoing, lead: LeadState, now: Now, dialect: Any) -> PlannedWrite:
    reason = f"undo of run {undoing.run}"
    cells = tuple(
        Cell(row.id, row.remote, row.lead, seen, None, ABSENT, reason)
        for row in every_row(dialect)
        if (seen := _seen(now, row)) is not None
    )
    ref = now.link.ref
    return PlannedWrite(ref.account, ref.object, lead.id, Section.DELETE, cells, ref.id, now.link.key)
