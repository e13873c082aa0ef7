"""Look-up (shell): what became of the writes that were never answered, before anything is read or merged.

A record is looked up by its id, a create by its key. Where a record shows what it showed before, its own stamp and its CRM's history of
the field tell a write that never landed from one that somebody took back; where nothing tells, a person is asked once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.base import History, Record
from connectors.errors import ConnectorError, Denied, Misconfigured
from sync.census import Census
from sync.journal import Cell, Entry, EntryState, PlannedWrite, Section
from sync.merging import keep_merged, merged, survivor_of
from sync.outcome import Became, asked_since, at_sight, became, is_untouched, may_be_written_again, never_landed
from sync.receipts import deleted_link
from sync.settle import UNKNOWN, Outcomes, mapped, settle_create, settle_unknown
from sync.state import Base, Link, Ref, Review, digest
from sync.undo import LOOKED_UP, NEVER_LANDED
from sync.undone import hold_undone
from sync.workspace import Door, Workspace

OPEN = (EntryState.SENT, EntryState.UNKNOWN)
Links = Mapping[str, tuple[Link, Base]]
AGAIN_OR_KEEP = (
    {"answer": "again", "says": "Nobody set it back: Leadloom writes it again."},
    {"answer": "keep", "says": "Somebody set it back in the CRM: the lead takes over what the record shows."},
)


def settle_open(workspace: Workspace, doors: Sequence[Door], run: str, census: Census) -> None:
    """Find out what became of writes without an answer, before anything is merged: a lost answer must not look like an edit."""
    for door in doors:
        with workspace.store.begin() as unit:
            entries = unit.entries(account=door.name, states=OPEN)
        if not entries:
            continue
        try:
            for object, dialect in door.objects():
                mine = [entry for entry in entries if entry.write.object == object]
                merges, others = ([entry for entry in mine if (entry.write.loser != "") is side] for side in (True, False))
                _settle_merges(workspace, door, object, merges)
                _settle_updates(workspace, door, object, dialect, [entry for entry in others if entry.write.id is not None], run, census)
                _settle_creates(workspace, door, object, dialect, [entry for entry in mine if entry.write.id is None], run)
        except ConnectorError as error:
            census.stop(door.name, error)


def _settle_merges(workspace: Workspace, door: Door, object: str, entries: Sequence[Entry]) -> None:
    """A merge is seen by the record that went; while it may still land, both are left alone."""
    if not entries:
        return
    now, notices = workspace.now(), door.connector.capabilities.merge_notices
    ids = sorted({id for entry in entries for id in (entry.write.id or "", entry.write.loser)})
    records = {record.id: record for record in door.connector.get(object, ids, ())}
    with workspace.store.begin() as unit:
        links = {link.ref: (link, base) for link, base in unit.links_at(door.name, object, ids).values()}
        for entry in entries:
            survivor = survivor_of(entry.write, records, told=notices)
            if survivor is not None:
                unit.put_links(merged(links, entry.write, survivor, now + workspace.settle_after).values())
                keep_merged(unit, entry.write, survivor, now)
                unit.mark([entry.op], EntryState.DONE, outcome=LOOKED_UP, id=survivor.id, at=now)
            elif entry.sent_at is None or now - entry.sent_at >= workspace.settle_after:
                unit.mark([entry.op], EntryState.FAILED, outcome="lost", at=now)
            else:
                unit.mark([entry.op], EntryState.UNKNOWN, outcome="unknown", at=now)
        unit.touch(entry.write.lead_id for entry in entries)


def _settle_updates(
    workspace: Workspace, door: Door, object: str, dialect: Any, entries: Sequence[Entry], run: str, census: Census
) -> None:
    ids = list(dict.fromkeys(entry.write.id for entry in entries if entry.write.id is not None))
    if not ids:
        return
    now = workspace.now()
    records = {record.id: record for record in door.connector.get(object, ids, dialect.fetch)}
    with workspace.store.begin() as unit:
        links = unit.links_at(door.name, object, ids)
    outcomes = _outcomes(workspace, door, object, [entry for entry in entries if _is_there(entry, records, links)], records, links)
    with workspace.store.begin() as unit:
        for entry in entries:
            id = entry.write.id or ""
            outcome = LOOKED_UP
            if entry.op in outcomes:
                link, base = links[id]
                if never_landed(entry.write.cells, outcomes[entry.op]):
                    outcome = NEVER_LANDED
                until = (now if entry.sent_at is None else entry.sent_at) + workspace.settle_after
                base = settle_unknown(base, entry.write, records[id].fields, dialect, until, outcomes[entry.op])
                links[id] = (link, hold_undone(base, entry.write, dialect))
            elif id in links and entry.write.section is Section.DELETE:
                links[id] = (deleted_link(links[id][0]), replace(links[id][1], read_at=now))
            unit.mark([entry.op], EntryState.DONE, outcome=outcome, at=now)
        unit.put_links(links.values())
        _to_inbox(unit, [(Ref(door.name, object, record.id), record) for record in records.values()], links, run, now)
        unit.touch(entry.write.lead_id for entry in entries)
        census.reviews += unit.ask(_questions(entries, outcomes), run, now)


def _is_there(entry: Entry, records: Mapping[str, Record], links: Links) -> bool:
    record = records.get(entry.write.id or "")
    return record is not None and record.ending is None and entry.write.id in links


def _outcomes(
    workspace: Workspace, door: Door, object: str, entries: Sequence[Entry], records: Mapping[str, Record], links: Links
) -> dict[int, Outcomes]:
    """What became of every cell, by entry. The history is asked for where neither the record nor its stamp tells.

    Of an undo nobody is asked: what it left as it was stays so, or is undone again.
    """
    dialect, found, doubtful = door.dialects[object], dict[int, dict[str, Became]](), list[tuple[Entry, Cell]]()
    for entry in entries:
        record, (_, base) = records[entry.write.id or ""], links[entry.write.id or ""]
        found[entry.op] = {}
        untouched = is_untouched(base, record.changed_at, entry.sent_at)
        for cell in (cell for cell in mapped(entry.write, dialect) if cell.remote in record.fields and not cell.held):
            seen = at_sight(cell, record.fields[cell.remote], dialect)
            if seen is None and untouched:
                seen = Became.NEVER_LANDED
            elif seen is None and may_be_written_again(cell, dialect, workspace.policy):
                seen = Became.NO_SIGN
            if seen is None:
                doubtful.append((entry, cell))
            else:
                found[entry.op][cell.row_id] = seen
    history = _history(door, object, doubtful, workspace.now())
    for entry, cell in doubtful:
        seen = became(cell, entry.sent_at, history.get(entry.write.id or "", {}).get(cell.remote))
        undoing = entry.write.section is Section.UNDO
        found[entry.op][cell.row_id] = Became.NO_SIGN if seen is Became.UNKNOWN and undoing else seen
    return dict(found)


def _history(door: Door, object: str, doubtful: Sequence[tuple[Entry, Cell]], now: datetime) -> History:
    """Asked once for all of an object; a user that may not ask is told nothing."""
    if not doubtful or not door.connector.capabilities.history:
        return {}
    ids = list(dict.fromkeys(entry.write.id or "" for entry, _ in doubtful))
    names = sorted({cell.remote for _, cell in doubtful})
    try:
        return door.connector.histories(object, ids, names, min(asked_since(entry.sent_at, now) for entry, _ in doubtful))
    except (Denied, Misconfigured):
        return {}


def _questions(entries: Sequence[Entry], outcomes: Mapping[int, Outcomes]) -> Iterator[Review]:
    """Once per write whose outcome nobody knows."""
    for entry in entries:
        told = outcomes.get(entry.op, {})
        cells = [cell for cell in entry.write.cells if told.get(cell.row_id) is Became.UNKNOWN]
        if cells:
            yield _question(entry.write, cells)


def _question(write: PlannedWrite, cells: Sequence[Cell]) -> Review:
    names, rows = ", ".join(dict.fromkeys(cell.field for cell in cells)), [cell.row_id for cell in cells]
    about = digest("unknown", *write.target, *rows, *(repr(cell.new) for cell in cells))
    question = (
        f"{write.account} did not answer when Leadloom wrote {names} of {write.object} {write.id} (lead {write.lead_id}), and the record "
        "shows what it showed before. Did somebody set it back? The record's own history in the CRM tells."
    )
    choices = tuple({**one, "rows": rows} for one in AGAIN_OR_KEEP)
    refs = (Ref(write.account, write.object, write.id or ""),)
    return Review(UNKNOWN, f"unknown:{about}", question, write.lead_id, refs, cells[0].field, choices)


def _to_inbox(unit: Any, records: Sequence[tuple[Ref, Record]], links: Links, run: str, now: datetime) -> None:
    unit.put_inbox(records, run, now)
    unit.give_to_leads({ref: links[ref.id][0].lead_id for ref, _ in records if ref.id in links and links[ref.id][0].ref == ref})


def _settle_creates(workspace: Workspace, door: Door, object: str, dialect: Any, entries: Sequence[Entry], run: str) -> None:
    """A create is found by its key, however late it landed; only after `settle_after` is it held not to have happened."""
    if not entries:
        return
    now = workspace.now()
    found = _find_created(door, object, dialect, entries)
    with workspace.store.begin() as unit:
        for entry in entries:
            record = found.get(entry.write.key)
            if record is not None:
                ref = Ref(door.name, object, record.id)
                unit.put_links([(Link(ref, entry.write.lead_id, key=entry.write.key), settle_create(entry.write, {}, dialect, now))])
                unit.put_inbox([(ref, record)], run, now)
                unit.give_to_leads({ref: entry.write.lead_id})
                unit.mark([entry.op], EntryState.DONE, outcome=LOOKED_UP, id=record.id, at=now)
                unit.touch([entry.write.lead_id])
            elif entry.sent_at is None or now - entry.sent_at >= workspace.settle_after:
                unit.mark([entry.op], EntryState.FAILED, outcome="lost", at=now)
                unit.touch([entry.write.lead_id])
            else:
                unit.mark([entry.op], EntryState.UNKNOWN, outcome="unknown", at=now)


def _find_created(door: Door, object: str, dialect: Any, entries: Sequence[Entry]) -> dict[str, Record]:
    keys = [entry.write.key for entry in entries]
    if door.connector.capabilities.settle_by == "email":
        values = [cell.new for entry in entries for cell in entry.write.cells if cell.field == "emails" and isinstance(cell.new, str)]
        found = door.connector.find(object, dialect.sets["emails"][0].remote, values, dialect.fetch)
    else:
        found = door.connector.find(object, dialect.key_name, keys, dialect.fetch)
    return {key: record for record in found if isinstance(key := record.fields.get(dialect.key_name), str) and key in keys}
