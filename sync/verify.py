"""Verify (shell): the store against the CRMs. Every linked record is read, in batches, and nothing is written or remembered.

Three tellers are compared: what the base says a record shows, what it shows, and what its lead says it should show. What is held, undone,
asked about or waiting for an answer is no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.base import Record
from leads.model import ABSENT
from leads.values import same
from mappings.sets import shown
from mappings.values import Held, is_nothing
from sync.plan import address, lead_address, plan
from sync.settle import is_spelling
from sync.state import Base, LeadState, Link, LinkState, Pair, Ref, Role
from sync.view import SETS, View, every_row
from sync.workspace import Door, Workspace

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one record. `kind`: `unread` (the CRM moved on since it was read), `owed` (the lead says otherwise), `gone`."""

    ref: Ref
    lead_id: str
    kind: str
    field: str = ""
    base: Any = None
    shown: Any = None
    lead: Any = None


@dataclass(frozen=True, slots=True)
class Checked:
    """How many records were read and how many values are held, by account, and every difference."""

    records: Mapping[str, int]
    held: Mapping[str, int]
    differences: Sequence[Difference]


@dataclass
class _Chunk:
    """What the store knows about some records of an object."""

    links: Sequence[tuple[Link, Base]]
    leads: Mapping[str, LeadState]
    restricted: frozenset[tuple[str, str]]
    waiting: frozenset[Ref]
    waits: frozenset[str]
    held: Counter[str] = field(default_factory=Counter)


def verify(workspace: Workspace, doors: Sequence[Door]) -> Checked:
    """Compare every linked record of `doors`; raises what the connectors raise."""
    records: Counter[str] = Counter()
    held: Counter[str] = Counter()
    found: list[Difference] = []
    for door in doors:
        for object, dialect in door.objects():
            for chunk in _chunks(workspace, door.name, object):
                records_now = {
                    record.id: record for record in door.connector.get(object, [link.ref.id for link, _ in chunk.links], dialect.fetch)
                }
                for link, base in chunk.links:
                    found += compare(link, base, records_now.get(link.ref.id), dialect, chunk, workspace)
                records[door.name] += len(chunk.links)
                held.update(chunk.held)
    return Checked(records, held, found)


def _chunks(workspace: Workspace, account: str, object: str) -> Iterator[_Chunk]:
    after = ""
    while True:
        with workspace.store.begin() as unit:
            links = unit.links_after(account, object, after, CHUNK)
            if not links:
                return
            leads = unit.leads([link.lead_id for link, _ in links])
            addresses = {key for lead in leads.values() for key in _addresses(lead)}
            waiting = {
                Ref(entry.write.account, entry.write.object, entry.write.id or "")
                for entries in unit.open_entries_of(list(leads)).values()
                for entry in entries
            }
            waits = frozenset(unit.rebased(account).get(object, ()))
            chunk = _Chunk(links, leads, frozenset(unit.restricted(addresses)), frozenset(waiting), waits)
        yield chunk
        after = links[-1][0].ref.id


def _addresses(lead: LeadState) -> Iterator[str]:
    yield lead_address(lead.id)
    for name in SETS:
        value = lead.fields.get(name, ABSENT)
        yield from (address(name, item.key) for item in value) if isinstance(value, tuple) else ()


def compare(link: Link, base: Base, record: Record | None, dialect: Any, chunk: _Chunk, workspace: Workspace) -> Iterable[Difference]:
    """What the three tellers disagree about in one record."""
    if record is None or record.ending is not None:
        if link.state is LinkState.WITHHELD:
            return []
        ending = "missing" if record is None else str(record.ending)
        return [Difference(link.ref, link.lead_id, "gone", shown=ending)]
    lead = chunk.leads.get(link.lead_id, LeadState(link.lead_id))
    rows = {row.id: row for row in every_row(dialect) if row.remote in record.fields}
    unread = [
        Difference(link.ref, lead.id, "unread", row.lead, base.pair(row.id).seen, record.fields[row.remote])
        for row in rows.values()
        if base.knows(row.id) and _means_else(row, base.pair(row.id), record.fields[row.remote])
    ]
    if link.role is not Role.MAIN or link.ref in chunk.waiting:
        return unread
    known = {difference.field for difference in unread}
    return [*unread, *(one for one in _owed(link, base, rows, record, lead, dialect, chunk, workspace) if one.field not in known)]


def _means_else(row: Any, pair: Pair, theirs: Any) -> bool:
    """Another spelling of the same is no difference: a new record shows what its CRM filled in by itself."""
    if theirs == pair.seen:
        return False
    if row.lead in SETS:
        now, before = ({item.key for item in shown([row], {row.remote: value})} for value in (theirs, pair.seen))
        return now != before
    now = row.parse(theirs, pair.meant)
    return not same(now, pair.meant) and not (is_nothing(now) and is_nothing(pair.meant))


def _owed(
    link: Link,
    base: Base,
    rows: Mapping[str, Any],
    record: Record,
    lead: LeadState,
    dialect: Any,
    chunk: _Chunk,
    workspace: Workspace,
) -> Iterator[Difference]:
    """What would have to be written if nothing was known but what the record shows now."""
    pairs = {id: _pair(row, record.fields[row.remote], lead, base.pair(id)) for id, row in rows.items()}
    view = View(link, Base({**base.pairs, **pairs}, base.read_at), dialect, waits=chunk.waits)
    owed = plan(lead, [view], (), chunk.restricted, workspace.policy, frozenset())
    chunk.held[link.ref.account] += len(owed.problems)
    for write in owed.writes:
        for cell in write.cells:
            if cell.row_id in rows:
                yield Difference(link.ref, lead.id, "owed", cell.field, base.pair(cell.row_id).seen, cell.old, cell.new)


def _pair(row: Any, theirs: Any, lead: LeadState, pair: Pair) -> Pair:
    if row.lead in SETS:
        return replace(pair, seen=theirs)
    value = lead.fields.get(row.lead, ABSENT)
    formatted = None if value is ABSENT else row.format(value, None)
    spelled = not isinstance(formatted, Held) and is_spelling(formatted, theirs)
    fits = value is not ABSENT and (row.fits(theirs, value) or spelled)
    return replace(pair, seen=theirs, meant=value if fits else row.parse(theirs, ABSENT))
