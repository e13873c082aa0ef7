"""Undo: what of a run can be taken back, and why the rest cannot.

Pure. A field gets back what its record showed before, letter by letter, and only where the record still shows what we wrote and neither
a person nor the lead has moved on since. Consent is never loosened. A created record is deleted only if nobody has touched it and
nothing is attached to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from leads.model import ABSENT, Items, Value
from mappings.sets import project
from mappings.sets import shown as shown_in
from mappings.values import Held
from sync.contest import SKEW
from sync.merging import NOT_MERGED
from sync.plan import NO_SPREADS, Restricted, address, noes_left_behind
from sync.settle import is_spelling
from sync.state import (
    RELEASED,
    UNDONE,
    Base,
    Cell,
    Entry,
    EntryState,
    LeadState,
    Link,
    LinkState,
    Pair,
    PlannedWrite,
    Policy,
    Section,
    dump_value,
    same,
)
from sync.view import SETS, every_row, is_no

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
    draft = _Draft(undoing, lead, now, dialect, policy, later)
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
    draft = _Draft(undoing, lead, now, dialect, policy, {}, then)
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
        if row.id in ours and row.remote in shown and not _as_written(row, *ours[row.id], theirs):
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


# Fields


class _Draft:
    """One record on its way back; `then`: its lead goes back with it, and was this one before."""

    def __init__(
        self,
        undoing: Undoing,
        lead: LeadState,
        now: Now,
        dialect: Any,
        policy: Policy,
        later: Mapping[str, str],
        then: LeadState | None = None,
    ) -> None:
        self.undoing, self.lead, self.now, self.dialect, self.policy, self.later = undoing, lead, now, dialect, policy, later
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
        self.cells.append(Cell(cell.row_id, cell.remote, cell.field, theirs, old, value, f"undo of run {self.undoing.run}"))

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
        if theirs != pair.seen or not _as_written(row, cell, section, theirs):
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


def _as_written(row: Any, cell: Cell, section: Section, theirs: Any) -> bool:
    """Whether the record shows what we wrote, in its own spelling."""
    if theirs == cell.new or is_spelling(cell.new, theirs):
        return True
    if cell.field in SETS:
        wanted, there = ({item.key for item in shown_in([row], {row.remote: value})} for value in (cell.new, theirs))
        return wanted == there
    return section is not Section.UNDO and bool(row.fits(theirs, cell.meant))


def _keys(dialect: Any, name: str, fields: Mapping[str, Any]) -> set[str]:
    return {item.key for item in shown_in(dialect.sets[name], fields)}


# Afterwards


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
