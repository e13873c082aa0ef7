"""What was about to be written, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store import schema as t
from store.documents import dump_cells, instant, load_cells, seconds
from store.queries import Queries, chunks
from sync.journal import Entry, EntryState, PlannedWrite, Section
from sync.state import LinkState


class Journal(Queries):
    def journal(self, writes: Iterable[PlannedWrite], run: str) -> None:
        rows = [
            {
                "run": run,
                "account": write.account,
                "object": write.object,
                "id": "" if write.id is None else write.id,
                "lead_id": write.lead_id,
                "section": write.section,
                "key": write.key,
                "loser": write.loser,
                "cells": dump_cells(write.cells),
                "state": EntryState.PLANNED,
                "outcome": "",
                "cause": "",
                "message": "",
                "sent_at": None,
                "done_at": None,
                "clears": sum(cell.new is None and cell.old is not None and not cell.held for cell in write.cells),
            }
            for write in writes
        ]
        if rows:
            self._connection.execute(sa.insert(t.journal), rows)

    def entries(
        self,
        *,
        run: str | None = None,
        account: str | None = None,
        states: Sequence[EntryState] = (),
        section: Section | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        journal, query = t.journal.c, sa.select(t.journal).where(t.journal.c.op > after).order_by(t.journal.c.op)
        for column, value in ((journal.run, run), (journal.account, account), (journal.section, section)):
            query = query if value is None else query.where(column == value)
        query = query.where(journal.state.in_(list(states))) if states else query
        query = query if limit is None else query.limit(limit)
        return [_entry(row) for row in self._run(query)]

    def written_leads(self, run: str, lead_id: str, after: str, limit: int) -> list[str]:
        """Leads of which a run wrote something (or, given one, this lead if it did), by id."""
        journal = t.journal.c
        where = [journal.run == run, journal.state == EntryState.DONE, journal.lead_id > after]
        where += [journal.lead_id == lead_id] if lead_id else []
        query = sa.select(journal.lead_id).where(*where).distinct().order_by(journal.lead_id).limit(limit)
        return [row.lead_id for row in self._run(query)]

    def accounts_written(self, run: str) -> list[str]:
        """The accounts that a run wrote to, also where no answer came."""
        journal, sent = t.journal.c, [EntryState.DONE, EntryState.SENT, EntryState.UNKNOWN]
        query = sa.select(journal.account).where(journal.run == run, journal.state.in_(sent)).distinct()
        return sorted(row.account for row in self._run(query))

    def journal_of(self, lead_ids: Sequence[str]) -> dict[str, list[Entry]]:
        """Every write that ever concerned these leads, oldest first."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for row in self._in(t.journal, t.journal.c.lead_id, lead_ids):
            found[row.lead_id].append(_entry(row))
        return {lead_id: sorted(entries, key=lambda entry: entry.op) for lead_id, entries in found.items()}

    def mark(
        self, ops: Iterable[int], state: EntryState, *, outcome: str = "", cause: str = "", message: str = "", at: datetime, id: str = ""
    ) -> None:
        values: dict[str, Any] = {"state": state, "outcome": outcome, "cause": cause, "message": message}
        values["sent_at" if state is EntryState.SENT else "done_at"] = seconds(at)
        if id:
            values["id"] = id
        for chunk in chunks(list(ops)):
            self._run(sa.update(t.journal).where(t.journal.c.op.in_(chunk)).values(**values))

    def drop_planned(self) -> None:
        """Plans that no run carried out any more; what they owed is planned anew."""
        self._run(sa.delete(t.journal).where(t.journal.c.state == EntryState.PLANNED))

    def unplan(self, run: str, entries: Sequence[Entry]) -> None:
        """Take these out of what a run plans, as if they had not been planned; their leads owe only what else is planned for them."""
        for chunk in chunks([entry.op for entry in entries]):
            self._run(sa.delete(t.journal).where(t.journal.c.op.in_(chunk)))
        for chunk in chunks(sorted({entry.write.lead_id for entry in entries})):
            owing = sa.select(t.journal.c.lead_id).where(t.journal.c.run == run, t.journal.c.lead_id.in_(chunk))
            self._run(
                sa.update(t.lead).where(t.lead.c.id.in_(chunk), t.lead.c.id.not_in(owing)).values(open_debts=False, due=t.lead.c.later)
            )

    def skip_planned(self, run: str, account: str, sections: Sequence[Section] | None, cause: str, at: datetime) -> int:
        """Take what is still planned out of a run; it stays owed. Returns how many."""
        journal = t.journal.c
        where = [journal.run == run, journal.account == account, journal.state == EntryState.PLANNED]
        if sections is not None:
            where.append(journal.section.in_(list(sections)))
        values = {"state": EntryState.SKIPPED, "cause": cause, "done_at": seconds(at)}
        return self._run(sa.update(t.journal).where(*where).values(**values)).rowcount

    def linked(self) -> dict[tuple[str, str], int]:
        """(account, object) -> links that have not ended."""
        link = t.link.c
        query = sa.select(link.account, link.object, sa.func.count().label("n")).where(link.state != LinkState.ENDED)
        return {(row.account, row.object): row.n for row in self._run(query.group_by(link.account, link.object))}

    def keys_without_record(self, keys: Sequence[str]) -> dict[str, str]:
        """Of `keys`, those of our creates whose record is not known yet, with their leads. A clone carries a key that has one."""
        asked = [key for key in keys if key]
        ours = {row.key: row.lead_id for row in self._in_query(sa.select(t.journal.c.key, t.journal.c.lead_id), t.journal.c.key, asked)}
        taken = {row.key for row in self._in_query(sa.select(t.link.c.key), t.link.c.key, sorted(ours))}
        return {key: lead_id for key, lead_id in ours.items() if key not in taken}

    def keys_taken(self, keys: Sequence[str]) -> set[str]:
        """Of `keys`, those that a linked record has."""
        return {row.key for row in self._in_query(sa.select(t.link.c.key), t.link.c.key, keys)}

    def prove_creates(self, ids: Mapping[str, str], at: datetime) -> None:
        """Unanswered creates whose record turned up by its key."""
        journal = t.journal.c
        for key, id in ids.items():
            where = (journal.key == key, journal.state.in_([EntryState.SENT, EntryState.UNKNOWN]))
            self._run(sa.update(t.journal).where(*where).values(state=EntryState.DONE, outcome="turned_up", id=id, done_at=seconds(at)))

    def open_entries_of(self, lead_ids: Sequence[str]) -> dict[str, list[Entry]]:
        """Writes that were sent and have no proof, by lead."""
        found: dict[str, list[Entry]] = defaultdict(list)
        query = sa.select(t.journal).where(t.journal.c.state.in_([EntryState.SENT, EntryState.UNKNOWN]))
        for row in self._in_query(query, t.journal.c.lead_id, lead_ids):
            found[row.lead_id].append(_entry(row))
        return found

    def close_debts(self, run: str) -> None:
        """Leads all of whose writes of this run ended well owe nothing any more."""
        journal = t.journal.c
        ended = sa.select(journal.lead_id).where(journal.run == run).group_by(journal.lead_id)
        ended = ended.having(sa.func.sum(sa.case((journal.state.in_([EntryState.DONE, EntryState.HELD]), 0), else_=1)) == 0)
        self._run(sa.update(t.lead).where(t.lead.c.id.in_(ended)).values(open_debts=False, due=t.lead.c.later))

    def planned(self, run: str) -> dict[tuple[str, str], tuple[int, int]]:
        """(account, section) -> writes that a run plans or has done, and how many of them empty a field."""
        journal = t.journal.c
        clears = sa.func.sum(sa.case((journal.clears > 0, 1), else_=0))
        query = sa.select(journal.account, journal.section, sa.func.count().label("n"), clears.label("clears"))
        alive = [EntryState.PLANNED, EntryState.SENT, EntryState.UNKNOWN, EntryState.DONE]
        query = query.where(journal.run == run, journal.state.in_(alive)).group_by(journal.account, journal.section)
        return {(row.account, row.section): (row.n, int(row.clears)) for row in self._run(query)}


def _entry(row: Any) -> Entry:
    write = PlannedWrite(
        row.account,
        row.object,
        row.lead_id,
        Section(row.section),
        load_cells(row.cells),
        None if row.id == "" else row.id,
        row.key,
        row.loser,
    )
    return Entry(row.op, row.run, write, EntryState(row.state), instant(row.sent_at), row.outcome, instant(row.done_at), row.cause)
