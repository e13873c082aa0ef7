"""Plan: what each CRM is owed so that it shows the lead in its own dialect.

Pure. A debt exists where the lead differs from what a record was last held to mean. Debts that cost no call are settled here: the
record already shows the value, or cannot show it (then it is held, with the reason, until something about it changes).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from leads.model import ABSENT, Items, Value
from leads.normal import Refused, email
from leads.values import dump_value, load_value, same
from mappings.consents import MARKETING, heard
from mappings.sets import project, shown
from mappings.values import Held
from sync.compare import LEFT_ALONE
from sync.journal import Cell, PlannedWrite, Section
from sync.policy import Policy
from sync.state import UNDONE, Base, LeadState, LinkState, Pair, Problem, Ref, Role
from sync.view import SETS, View, channel_of, every_row, is_no, set_of

LEAD = "lead:"

Restricted = frozenset[tuple[str, str]]  # (channel, address)


@dataclass(frozen=True, slots=True)
class Place:
    """An account where the lead has no record. `blocked` is (cause, sentence, fix) where none may be created.

    `wanted`: somebody waits for it, so that every run looks whether it can be created by now.
    """

    account: str
    object: str
    dialect: Any
    key: str
    blocked: tuple[str, str, str] | None = None
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class LeadPlan:
    writes: tuple[PlannedWrite, ...]
    views: tuple[View, ...]
    problems: tuple[Problem, ...]
    newly_held: tuple[Ref, ...]
    rebased: tuple[Ref, ...] = ()  # once per value that waits because its mapping changed


def plan(
    lead: LeadState, views: Sequence[View], places: Iterable[Place], restricted: Restricted, policy: Policy, waiting: frozenset[Ref]
) -> LeadPlan:
    """The writes that `lead` is owed. Records in `waiting` have an unanswered write and are left alone until it is settled."""
    writes: list[PlannedWrite] = []
    after: list[View] = []
    problems: list[Problem] = []
    newly_held: list[Ref] = []
    rebased: list[Ref] = []
    for view in views:
        if view.ref in waiting or view.link.state is LinkState.ENDED or view.link.state is LinkState.WITHHELD:
            after.append(view)
            if view.link.state is LinkState.WITHHELD:
                problems.append(_withheld_problem(lead, view.ref))
            continue
        draft = _Draft(lead, view.dialect, view.base, policy, view.waits)
        if view.link.role is Role.MAIN and view.link.state is LinkState.ACTIVE:
            draft.write_fields()
        restrict, with_update = draft.write_restrictions(restricted)
        if restrict and not with_update:
            writes.append(_write(lead, view.ref, Section.RESTRICT, restrict))
        cells = draft.cells + (restrict if with_update else [])
        if cells:
            writes.append(_write(lead, view.ref, Section.UPDATE, cells))
        after.append(replace(view, base=replace(view.base, pairs=draft.pairs)))
        problems += [_held_problem(lead, view.ref, held) for held in draft.held]
        if draft.new_held and not cells:
            newly_held.append(view.ref)
        rebased += [view.ref] * draft.waiting
    for place in places:
        if place.blocked is not None:
            cause, message, fix = place.blocked
            problems.append(Problem(place.account, cause, message, fix, None, lead.id))
            continue
        write, held = _create(lead, place, restricted, policy)
        if all(one.reason != NO_FIRST for one in held):
            writes.append(write)
        problems += [_held_problem(lead, Ref(place.account, place.object, ""), one) for one in held]
    return LeadPlan(tuple(writes), tuple(after), tuple(problems), tuple(newly_held), tuple(rebased))


def noes_left_behind(dialect: Any, cells: Iterable[Cell], shown: Mapping[str, Any], pairs: Mapping[str, Pair]) -> list[Any]:
    """The rows in which a record that shows `shown` says no by its address, which `cells` exchange: a CRM knows nothing of the new one."""
    moving = {cell.remote for cell in cells if cell.field in SETS and cell.new not in (None, "", [])}
    rows = [row for row in dialect.rows if is_no(row.lead) and row.written and row.needs in moving]
    return [row for row in rows if row.parse(shown.get(row.remote), pairs.get(row.id, Pair()).meant) is True]


def _write(lead: LeadState, ref: Ref, section: Section, cells: Sequence[Cell]) -> PlannedWrite:
    return PlannedWrite(ref.account, ref.object, lead.id, section, tuple(cells), ref.id)


def _create(lead: LeadState, place: Place, restricted: Restricted, policy: Policy) -> tuple[PlannedWrite, list[_HeldCell]]:
    draft = _Draft(lead, place.dialect, Base(), policy)
    draft.write_fields(creating=True)
    draft.fill()
    restrict, _ = draft.write_restrictions(restricted)
    cells = tuple(draft.cells + restrict + draft.held_cells)
    return PlannedWrite(place.account, place.object, lead.id, Section.CREATE, cells, None, place.key), draft.held


@dataclass(frozen=True, slots=True)
class _HeldCell:
    field: str
    reason: str
    message: str


class _Draft:
    """One record being brought up to the lead: cells to write, pairs that settle without a write, values that are held."""

    def __init__(self, lead: LeadState, dialect: Any, base: Base, policy: Policy, waits: frozenset[str] = frozenset()) -> None:
        self.lead, self.dialect, self.policy, self.waits = lead, dialect, policy, waits
        self.waiting = 0  # cells that are owed, in rows that wait
        self.pairs: dict[str, Pair] = dict(base.pairs)
        self.cells: list[Cell] = []
        self.held: list[_HeldCell] = []
        self.held_cells: list[Cell] = []
        self.new_held = False

    def write_fields(self, *, creating: bool = False) -> None:
        for name in SETS:
            self._set(name)
        for row in self.dialect.rows:
            if not is_no(row.lead) and self._may_write(row):
                self._row(row, creating=creating)

    def fill(self) -> None:
        """Fields that the CRM insists on and the lead lacks get a filler, which reads as nothing."""
        given = {cell.remote: cell.new for cell in self.cells}
        rows = {row.remote: row for row in self.dialect.rows}
        for remote, new in self.dialect.fill(given).items():
            if remote not in given:
                self.cells.append(Cell(rows[remote].id, remote, rows[remote].lead, None, new, ABSENT, "the CRM insists on a value"))

    def _may_write(self, row: Any) -> bool:
        return row.written and row.lead not in self.lead.asked and self.policy.of(row.lead).direction in ("both", "out")

    def _row(self, row: Any, *, creating: bool) -> None:
        value, pair = self.lead.fields.get(row.lead, ABSENT), self._pair(row)
        if value is ABSENT and not creating:
            return
        if row.id in self.pairs and same(value, pair.meant) and pair.refused is None:
            return
        if row.create_only and not creating:
            return
        formatted = row.format(value, pair.seen)
        if isinstance(formatted, Held):
            self._hold(row, pair, dump_value(value), formatted)
        elif formatted == pair.seen:
            if not creating:
                self.pairs[row.id] = replace(pair, meant=value, refused=None)
        elif pair.refused is not None and (pair.refused[0] == dump_value(value) or self._stays_theirs(row, pair)):
            self.held.append(_HeldCell(row.lead, pair.refused[1], pair.refused[1]))
        elif row.id in self.waits:
            self.waiting += 1
        else:
            self.cells.append(Cell(row.id, row.remote, row.lead, pair.seen, formatted, value, *self._why(row.lead)))

    def _stays_theirs(self, row: Any, pair: Pair) -> bool:
        """A field that we compute and a person left to the record: whatever we compute next."""
        return pair.refused is not None and pair.refused[1] == LEFT_ALONE and "out" in (row.direction, self.policy.of(row.lead).direction)

    def _set(self, name: str) -> None:
        rows = [row for row in self.dialect.sets[name] if self._may_write(row)]
        value = self.lead.fields.get(name, ABSENT)
        if value is ABSENT or not rows:
            return
        items: Items = value if isinstance(value, tuple) else ()
        by_remote = {row.remote: row for row in rows}
        for remote, formatted in project(self.dialect.sets[name], items, self._shown_fields()).items():
            row = by_remote.get(remote)
            if row is None:
                continue
            pair = self._pair(row)
            if isinstance(formatted, Held):
                self._hold(row, pair, formatted.reason, formatted)
            elif pair.refused is not None and pair.refused[0] == formatted and pair.refused[1] != NO_FIRST:
                self.held.append(_HeldCell(name, pair.refused[1], pair.refused[1]))
            elif row.id in self.waits:
                self.waiting += 1
            else:
                self.cells.append(Cell(row.id, remote, name, pair.seen, formatted, value, *self._why(name)))

    def write_restrictions(self, restricted: Restricted) -> tuple[list[Cell], bool]:
        """Cells that deny, and whether they have to travel with a change of address in one write."""
        cells: list[Cell] = []
        moves = {name: any(cell.field == name for cell in self.cells) for name in SETS}
        shown_channels, silent_channels = set[str](), set[str]()
        denied = self._denied(restricted)
        for row in self.dialect.rows:
            channel = channel_of(row.lead)
            if not is_no(row.lead) or not row.written or channel not in denied or self._lacks(row):
                continue
            pair, moved = self._pair(row), moves[set_of(channel)]
            formatted = self._no_in(row, pair)
            if row.parse(pair.seen, pair.meant) is True and not moved:
                self.pairs[row.id] = replace(pair, meant=True)
            elif isinstance(formatted, Held):
                self._hold(row, pair, True, formatted)
                silent_channels.add(channel)
                continue
            elif pair.refused is not None and pair.refused[0] is True and not moved:
                self.held.append(_HeldCell(row.lead, pair.refused[1], pair.refused[1]))
                silent_channels.add(channel)
                continue
            elif formatted != pair.seen or (moved and formatted is not None):
                cells.append(Cell(row.id, row.remote, row.lead, pair.seen, formatted, True, "the person said no", "", NO_SPREADS))
            shown_channels.add(channel)
        for channel in sorted(silent_channels - shown_channels):
            self._keep_back(set_of(channel))
        return cells, any(cell.field in SETS for cell in self.cells)

    def _no_in(self, row: Any, pair: Pair) -> Any:
        """What makes a field say no; None: nothing has to be written for it."""
        if row.reaches_nobody(pair.seen):
            return None
        if row.needs == "" or self._fields_after().get(row.needs) not in (None, "", []):
            return row.format(True, None)
        return Held("address_required", "This CRM keeps opt-outs by address, and the record shows none.")

    def _keep_back(self, name: str) -> None:
        """Where no field shows the no, no address that it may cover is written either. It is looked at again with every plan."""
        for cell in [cell for cell in self.cells if cell.field == name]:
            self.cells.remove(cell)
            pair = self.pairs.get(cell.row_id, Pair())
            self.new_held |= pair.refused is None
            self.pairs[cell.row_id] = replace(pair, refused=(cell.new, NO_FIRST))
            self.held.append(_HeldCell(name, NO_FIRST, "the opt-out of the person cannot be shown there"))

    def _denied(self, restricted: Restricted) -> frozenset[str]:
        """The channels, and narrower purposes on them, that this record has to deny: what somebody said no to, or the nearest to it."""
        fields = self._fields_after()
        said: set[str] = set()
        for name in SETS:
            places = [lead_address(self.lead.id), *(address(name, item.key) for item in shown(self.dialect.sets[name], fields))]
            said |= {channel for place in places for channel in _noes(restricted).get(place, ()) if set_of(channel) == name}
        rows = [row for row in self.dialect.rows if is_no(row.lead) and row.written and not self._lacks(row)] if said else []
        there = {channel_of(row.lead) for row in rows}
        still_yes = {channel_of(row.lead) for row in rows if channel_of(row.lead).partition("/")[0] in said and self._says_yes(row)}
        return frozenset(channel for channel in there for no in said if _stands_for(channel, no, there)) | still_yes | self._left_behind()

    def _left_behind(self) -> set[str]:
        return {channel_of(row.lead) for row in noes_left_behind(self.dialect, self.cells, self._shown_fields(), self.pairs)}

    def _says_yes(self, row: Any) -> bool:
        """Whether the record goes on saying yes to a part of what was refused as a whole: elsewhere the wide field speaks for it."""
        return bool(row.shown_only) and heard(row.hears, self._pair(row).seen) != ""

    def _lacks(self, row: Any) -> bool:
        """Whether the record has no such field: Salesforce keeps consent of an individual, and not every record names one."""
        return bool(row.shown_only) and self._pair(row).seen is None

    def _fields_after(self) -> dict[str, Any]:
        return {**self._shown_fields(), **{cell.remote: cell.new for cell in self.cells}}

    def _why(self, name: str) -> tuple[str, str, str]:
        """Where the value is from, nothing held, and the rule by which the lead has it."""
        origin = self.lead.origins.get(name)
        if origin is None:
            return ("", "", "")
        where = f"{origin.account} {origin.ref.object} {origin.ref.id}" if origin.ref is not None else origin.account or "Leadloom"
        return (f"from {where}", "", origin.rule)

    def _shown_fields(self) -> dict[str, Any]:
        return {row.remote: self.pairs[row.id].seen for row in every_row(self.dialect) if row.id in self.pairs}

    def _pair(self, row: Any) -> Pair:
        return self.pairs.get(row.id, Pair())

    def _hold(self, row: Any, pair: Pair, value: Any, held: Held) -> None:
        self.held_cells.append(Cell(row.id, row.remote, row.lead, pair.seen, value, load_value(value), "", held.reason))
        self.held.append(_HeldCell(row.lead, held.reason, held.message))
        if pair.refused is None or pair.refused[0] != value:
            self.new_held = True
        self.pairs[row.id] = replace(pair, refused=(value, held.reason))


def _held_problem(lead: LeadState, ref: Ref, held: _HeldCell) -> Problem:
    where = f"{ref.object} {ref.id}" if ref.id else f"the new {ref.object} of lead {lead.id}"
    message = f"{held.field} of {where} is held: {held.message}"
    return Problem(ref.account, f"held:{held.reason}", message, HELD_FIXES.get(held.reason, RETRY), ref, lead.id, held.field)


def _withheld_problem(lead: LeadState, ref: Ref) -> Problem:
    message = f"The create of {ref.object} {ref.id} for lead {lead.id} was undone; it is not created there again."
    fix = "Nothing is to be done. `leadloom problems retry ID` lets it be created again."
    return Problem(ref.account, "withheld", message, fix, ref, lead.id)


NO_FIRST = "no_first"
NO_SPREADS = "a no is written wherever the person is"
RETRY = "Correct the value in the lead or mend the CRM, then `leadloom problems retry ID`."
HELD_FIXES: Mapping[str, str] = {
    "no_owner": "Add or activate a user with this e-mail address in the CRM, or give the lead to somebody else.",
    "not_an_option": "Add the option to the field in the CRM, or change the value of the lead.",
    "too_precise": "Let the field keep more decimals in the CRM, then `leadloom problems retry ID`; or round the number where it is from.",
    "not_understood": "Correct what stands in the field in the CRM; it is read again with the next sync.",
    NO_FIRST: "Let the CRM show the opt-out of this record, for example by giving it an e-mail address; the rest follows by itself.",
    "address_required": "Add an e-mail address to the lead in any CRM.",
    "ignored": "The CRM accepted the write without applying it; change the value there by hand if it is to move.",
    "tug_of_war": "Take the field out of the workflow that edits it; then answer in `leadloom review list`, or, if that was done, "
    "`leadloom problems retry ID`.",
    "left_alone": "Nothing is to be done: somebody decided that this record keeps its value.",
    UNDONE: "Nothing is to be done: it is written again once the lead or the CRM changes, or with `leadloom problems retry ID`.",
}


@lru_cache(maxsize=8)
def _noes(restricted: Restricted) -> Mapping[str, tuple[str, ...]]:
    """What is denied, by address."""
    found: dict[str, tuple[str, ...]] = {}
    for channel, place in restricted:
        found[place] = (*found.get(place, ()), channel)
    return found


def _stands_for(field: str, no: str, fields: Collection[str]) -> bool:
    """Whether a field shows a no: it is about the same or less, or, where no field is, about the least that holds it."""
    if field == no or field.startswith(f"{no}."):
        return True
    channel, _, purpose = no.partition("/")
    if purpose == "" or any(other == no or other.startswith(f"{no}.") for other in fields):
        return False
    while "." in purpose:
        purpose = purpose.rpartition(".")[0]
        wider = channel if purpose == MARKETING else f"{channel}/{purpose}"
        if wider in fields:
            return field == wider
    return False


def lead_address(lead_id: str) -> str:
    """The address of a restriction on a record that showed none: all that is the person's."""
    return f"{LEAD}{lead_id}"


def person_at(place: str) -> str:
    """The lead whose person said no at `place`; nothing if it is an address or a number."""
    return place.removeprefix(LEAD) if place.startswith(LEAD) else ""


def address(set_name: str, key: str) -> str:
    """What a restriction on a member of a set is filed under: e-mails by mailbox (tags and dots do not escape a no)."""
    if set_name != "emails":
        return f"phone:{key}"
    found = email(key)
    return f"email:{key if isinstance(found, Refused) else found.mailbox}"


def restricted_value(lead: LeadState, channel: str, restricted: Restricted) -> Value:
    """Whether the lead as a whole shows a no on `channel`: any of its addresses is restricted."""
    name = set_of(channel)
    items = lead.fields.get(name, ABSENT)
    keys = {address(name, item.key) for item in items} if isinstance(items, tuple) else set()
    keys.add(lead_address(lead.id))
    return True if any((channel, key) in restricted for key in keys) else lead.fields.get(f"opt_out.{channel}", ABSENT)
