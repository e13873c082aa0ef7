"""Runs, and to whom leads were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store import schema as t
from store.documents import dumps, seconds
from store.queries import Queries, where_of
from sync.state import Ref


class Runs(Queries):
    def start_run(self, kind: str, at: datetime) -> str:
        values = {"kind": kind, "started": seconds(at), "finished": None, "status": "running", "summary": "{}"}
        result = self._connection.execute(sa.insert(t.run).values(**values))
        primary_key = result.inserted_primary_key
        assert primary_key is not None  # noqa: S101  # an insert of one row always has one
        return str(primary_key[0])

    def finish_run(self, id: str, status: str, summary: Mapping[str, Any], at: datetime) -> None:
        values = {"status": status, "summary": dumps(summary), "finished": seconds(at)}
        self._run(sa.update(t.run).where(t.run.c.id == int(id)).values(**values))

    def runs(self, limit: int) -> list[Mapping[str, Any]]:
        return [dict(row) for row in self._run(sa.select(t.run).order_by(t.run.c.id.desc()).limit(limit)).mappings()]

    def run(self, id: str) -> Mapping[str, Any] | None:
        return self._first(sa.select(t.run).where(t.run.c.id == int(id))) if id.isdecimal() else None

    def put_verdicts(self, verdicts: Iterable[tuple[Ref, str, str]], run: str) -> None:
        """What records were found to be in a run (new, changed, ended, parked), and why."""
        rows = [{**where_of(ref), "run": run, "verdict": verdict, "reason": reason} for ref, verdict, reason in verdicts]
        self._upsert(t.verdict, rows)

    def verdicts_of(self, refs: Iterable[Ref]) -> dict[Ref, Mapping[str, str]]:
        """The last verdict on each record: `run`, `verdict`, `reason`."""
        wanted = set(refs)
        found = self._in(t.verdict, t.verdict.c.id, sorted({ref.id for ref in wanted}))
        known = {Ref(row.account, row.object, row.id): row for row in found}
        return {ref: {"run": row.run, "verdict": row.verdict, "reason": row.reason} for ref, row in known.items() if ref in wanted}

    def verdicts_in(self, run: str) -> list[Mapping[str, str]]:
        """The records whose last verdict is of this run."""
        columns = t.verdict.c
        query = sa.select(t.verdict).where(columns.run == run).order_by(columns.account, columns.object, columns.id)
        return [dict(row) for row in self._run(query).mappings()]

    def put_assignments(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._upsert(t.assignment, rows)

    def assignments(self, lead_id: str) -> list[Mapping[str, Any]]:
        """How a lead was routed, epoch by epoch."""
        query = sa.select(t.assignment).where(t.assignment.c.lead_id == lead_id).order_by(t.assignment.c.epoch)
        return [dict(row) for row in self._run(query).mappings()]
