"""Unweave (shell): one pass over what a run wrote. Its records are read anew, a batch of leads at a time, and the way back is planned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.errors import ConnectorError
from mappings.sets import shown
from sync.census import Census
from sync.journal import Entry, PlannedWrite, Section
from sync.merging import FINAL
from sync.plan import address
from sync.revert import Left, Now, TakenBack
from sync.state import Joining, LeadState, Link, Ref, Revision, Way
from sync.undo import Undoing, not_its_own, undo, undo_regrouping, written
from sync.undone import released
from sync.view import SETS
from sync.weave import LEADS
from sync.workspace import Begin, Door, Workspace, dialects_of


@dataclass
class Taken:
    """How many fields the run wrote, and what of them stays."""

    fields: int = 0
    left: list[Left] = field(default_factory=list)

    @property
    def back(self) -> int:
        return self.fields - sum(one.count for one in self.left)


def release(undoing: Undoing, begin: Begin) -> set[tuple[str, str]]:
    """Deletions that an undo made are themselves undone by letting the leads be created again; returns (lead, account)."""
    freed: set[tuple[str, str]] = set()
    for ids in _chunks_of_leads(undoing, begin):
        with begin() as unit:
            undone = {
                _ref(entry) for entries in unit.journal_of(ids).values() for entry in _of_run(entries, undoing) if _is_deletion(entry)
            }
            found = [pair for pairs in unit.links_of(ids).values() for pair in pairs]
            links = [(link, base) for link, base in found if link.ref in undone and undoing.field == ""]
            unit.put_links([(released(link), base) for link, base in links])
            unit.touch(link.lead_id for link, _ in links)
            freed |= {(link.lead_id, link.ref.account) for link, _ in links}
    return freed


def unweave(
    workspace: Workspace,
    doors: Sequence[Door],
    run: str,
    census: Census,
    undoing: Undoing,
    begin: Begin,
) -> Taken:
    """Journal what takes `undoing` back, as planned writes of `run`."""
    tally = Taken()
    for ids in _chunks_of_leads(undoing, begin):
        _Chunk(workspace, doors, run, census, undoing, begin, tally).work(ids)
    return tally


def unweave_regrouped(
    workspace: Workspace,
    doors: Sequence[Door],
    run: str,
    census: Census,
    undoing: Undoing,
    back: Joining,
    since: datetime,
    begin: Begin,
) -> Taken:
    """Journal what takes back what the records of two leads were written of each other `since`, now that the leads are as they were."""
    tally = Taken()
    _Regrouped(workspace, doors, run, census, undoing, begin, tally, back, since).work([back.kept, back.gone])
    return tally


def _chunks_of_leads(undoing: Undoing, begin: Begin) -> Iterator[list[str]]:
    after = ""
    while True:
        with begin() as unit:
            ids = unit.written_leads(undoing.run, undoing.lead_id, after, LEADS)
        if not ids:
            return
        yield ids
        after = ids[-1]


def _of_run(entries: Iterable[Entry], undoing: Undoing) -> list[Entry]:
    return [entry for entry in entries if entry.run == undoing.run and written(entry)]


def _is_deletion(entry: Entry) -> bool:
    return entry.write.section is Section.DELETE


def _is_create(entry: Entry) -> bool:
    return entry.write.section is Section.CREATE


def _gave(revisions: Iterable[tuple[datetime, Revision]]) -> dict[Ref, datetime]:
    """When each record last gave its lead a value."""
    found: dict[Ref, datetime] = {}
    for kept_at, one in revisions:
        if one.origin.ref is not None:
            at = kept_at if one.origin.hi is None else one.origin.hi
            found[one.origin.ref] = max(at, found.get(one.origin.ref, at))
    return found


def _ref(entry: Entry) -> Ref:
    return Ref(entry.write.account, entry.write.object, entry.write.id or "")


@dataclass
class _Chunk:
    """Some leads at once: a few queries, and one batch read per account and object."""

    workspace: Workspace
    doors: Sequence[Door]
    run: str
    census: Census
    undoing: Undoing
    begin: Begin
    tally: Taken

    def work(self, ids: Sequence[str]) -> None:
        self._load(ids)
        records, attached = self._read_anew()
        writes: list[PlannedWrite] = []
        for (lead_id, ref), entries in self.entries.items():
            found = self.links.get(ref)
            dialect = self.dialects.get((ref.account, ref.object))
            if dialect is None or lead_id not in self.leads or ref.account in self.census.stopped:
                self._leave_unread(ref, lead_id, entries)
                continue
            now = None if found is None else Now(*found, records.get(ref), attached.get(ref), self.gave.get(ref))
            back = self._taken_back(entries, now, self.leads[lead_id], dialect)
            writes += [] if back.write is None else [back.write]
            self._count(back.fields, back.left)
        self._keep(writes)

    def _taken_back(self, entries: Sequence[Entry], now: Now | None, lead: LeadState, dialect: Any) -> TakenBack:
        return undo(self.undoing, entries, self.journal[lead.id], now, lead, dialect, self.workspace.policy, self.restricted)

    def _chosen(self, entries: Iterable[Entry]) -> list[Entry]:
        return _of_run(entries, self.undoing)

    def _load(self, ids: Sequence[str]) -> None:
        with self.begin() as unit:
            self.leads = unit.leads(ids)
            self.journal: Mapping[str, list[Entry]] = unit.journal_of(ids)
            self.links = {link.ref: (link, base) for found in unit.links_of(ids).values() for link, base in found}
            self.dialects = dialects_of(self.doors)
            self.entries: dict[tuple[str, Ref], list[Entry]] = defaultdict(list)
            for lead_id, entries in self.journal.items():
                for entry in self._chosen(entries):
                    if entry.write.section is Section.MERGE:
                        self._leave_merged(entry)
                    elif not _is_deletion(entry):
                        self.entries[(lead_id, _ref(entry))].append(entry)
            created = sorted({lead_id for (lead_id, _), entries in self.entries.items() if any(map(_is_create, entries))})
            self.gave = _gave(unit.revisions_of(created))
            self.restricted: frozenset[tuple[str, str]] = frozenset(unit.restricted(self._addresses_before()))

    def _addresses_before(self) -> Iterator[str]:
        for (_, ref), entries in self.entries.items():
            dialect = self.dialects.get((ref.account, ref.object))
            if dialect is None:
                continue
            for cell in (cell for entry in entries for cell in entry.write.cells if cell.field in SETS):
                rows = [row for row in dialect.sets[cell.field] if row.id == cell.row_id]
                yield from (address(cell.field, item.key) for item in shown(rows, {cell.remote: cell.old}))

    def _read_anew(self) -> tuple[dict[Ref, Any], dict[Ref, bool | None]]:
        """What the records show now, and whether something is attached to those that we created."""
        records: dict[Ref, Any] = {}
        attached: dict[Ref, bool | None] = {}
        for door in self.doors:
            for object, dialect in door.objects():
                asked = [ref for _, ref in self.entries if (ref.account, ref.object) == (door.name, object) and ref in self.links]
                if not asked or door.name in self.census.stopped:
                    continue
                try:
                    found = door.connector.get(object, [ref.id for ref in asked], dialect.fetch)
                    records |= {Ref(door.name, object, record.id): record for record in found}
                    created = [ref.id for ref in asked if self._is_to_be_deleted(ref)]
                    known = door.connector.attached(object, created) if created else {}
                    attached |= {Ref(door.name, object, id): is_attached for id, is_attached in known.items()}
                except ConnectorError as error:
                    self.census.stop(door.name, error)
        return records, attached

    def _is_to_be_deleted(self, ref: Ref) -> bool:
        link: Link = self.links[ref][0]
        created = any(map(_is_create, self.entries.get((link.lead_id, ref), ())))
        return created and self.undoing.field == ""

    def _leave_unread(self, ref: Ref, lead_id: str, entries: Sequence[Entry]) -> None:
        rows = self._rows(lead_id, entries)
        if rows:
            self._count(len(rows), [Left(*ref, lead_id, "", f"{ref.account} cannot be read", len(rows))])

    def _rows(self, _lead_id: str, entries: Sequence[Entry]) -> set[str]:
        """What there would be to take back of a record."""
        return {cell.row_id for entry in entries for cell in entry.write.cells if not cell.held and self.undoing.field in ("", cell.field)}

    def _leave_merged(self, entry: Entry) -> None:
        if self.undoing.field == "":
            self._count(1, [Left(entry.write.account, entry.write.object, entry.write.loser, entry.write.lead_id, "", FINAL)])

    def _count(self, fields: int, left: Sequence[Left]) -> None:
        self.tally.fields += fields
        self.tally.left += left

    def _keep(self, writes: Sequence[PlannedWrite]) -> None:
        with self.begin() as unit:
            unit.journal(writes, self.run)
            unit.touch({lead_id for lead_id, _ in self.entries})
        for write in writes:
            self.census.plan(write.account)


@dataclass
class _Regrouped(_Chunk):
    """Two leads that were merged or split, and are as they were before."""

    back: Joining
    since: datetime

    def _chosen(self, entries: Iterable[Entry]) -> list[Entry]:
        later = [entry for entry in entries if written(entry) and entry.done_at is not None and entry.done_at >= self.since]
        return [entry for entry in later if entry.write.section not in (Section.MERGE, Section.DELETE)]

    def _taken_back(self, entries: Sequence[Entry], now: Now | None, lead: LeadState, dialect: Any) -> TakenBack:
        then = self._lead_then(entries)
        return undo_regrouping(self.undoing, entries, now, then, lead, dialect, self.workspace.policy, self.restricted)

    def _lead_then(self, entries: Sequence[Entry]) -> LeadState:
        """The lead of a record just before the two were regrouped."""
        came = self.back.way is Way.JOIN and _ref(entries[0]) in self.back.refs
        return self.back.gone_state if came else self.back.kept_before

    def _rows(self, lead_id: str, entries: Sequence[Entry]) -> set[str]:
        lead = self.leads.get(lead_id)
        return set() if lead is None else set(not_its_own(entries, self._lead_then(entries), lead))

    def _is_to_be_deleted(self, _ref: Ref) -> bool:
        return False
