"""Erasing: who must not come back, which records still have to be deleted, and everything that is forgotten with a person."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from leads.suppression import Suppressed
from store import schema as t
from store.documents import LEADS_OF_A_JOINING, dump_joining, dump_revisions, instant, load_joining, load_revisions, seconds
from store.likeness import Likenesses
from store.queries import chunks, where_of
from sync.journal import EntryState
from sync.state import LeadState, Ref, Revision

ABOUT_A_LEAD = (t.link, t.inbox, t.address, t.journal, t.revision, t.problem, t.review, t.assignment)
ON_THEIR_WAY = (EntryState.SENT, EntryState.UNKNOWN)
ABOUT_A_RECORD = (t.link, t.inbox, t.address, t.alias, t.hint, t.verdict)


@dataclass(frozen=True, slots=True)
class Deletion:
    """One recipient of an erasure: the record to be deleted in a CRM, and since when it is known to be gone."""

    erasure: str
    ref: Ref
    asked_at: datetime
    done_at: datetime | None
    why: str


class Erasures(Likenesses):
    # -- who must not come back ----------------------------------------------------------------------------------------------------

    def suppress(self, entries: Iterable[Suppressed]) -> set[str]:
        """Keep the entries; returns the seals that were not known."""
        unique = {entry.seal: entry for entry in entries}
        known = self.suppressed(unique)
        fresh = [entry for seal, entry in unique.items() if seal not in known]
        rows = [
            {"seal": one.seal, "key_id": one.key_id, "kind": one.kind, "since": seconds(one.since), "reason": one.reason} for one in fresh
        ]
        self._upsert(t.suppression, rows)
        return {entry.seal for entry in fresh}

    def suppressed(self, seals: Iterable[str]) -> set[str]:
        return {row.seal for row in self._in(t.suppression, t.suppression.c.seal, sorted(set(seals)))}

    def suppressions(self) -> list[Suppressed]:
        rows = self._run(sa.select(t.suppression).order_by(t.suppression.c.since, t.suppression.c.seal))
        return [Suppressed(row.seal, row.key_id, row.kind, _at(row.since), row.reason) for row in rows]

    def suppresses(self) -> bool:
        return self._scalar(sa.select(t.suppression.c.seal).limit(1)) is not None

    def every_address(self) -> Iterator[tuple[str, str]]:
        """(address, lead) of everybody, by address."""
        query = sa.select(t.address.c.address, t.address.c.lead_id).distinct().order_by(t.address.c.address)
        for row in self._run(query):
            yield row.address, row.lead_id

    def addresses_of(self, lead_id: str) -> list[str]:
        query = sa.select(t.address.c.address).where(t.address.c.lead_id == lead_id).distinct().order_by(t.address.c.address)
        return [row.address for row in self._run(query)]

    # -- records to be deleted -----------------------------------------------------------------------------------------------------

    def ask_deletions(self, erasure: str, refs: Iterable[Ref], at: datetime) -> None:
        known = {one.ref for one in self.deletions(open_only=True)}
        rows = [
            {"erasure": erasure, **where_of(ref), "asked_at": seconds(at), "done_at": None, "why": ""}
            for ref in sorted(set(refs))
            if ref not in known
        ]
        if rows:
            self._connection.execute(sa.insert(t.erasure), rows)

    def deletions(self, erasure: str | None = None, *, open_only: bool = False) -> list[Deletion]:
        query = sa.select(t.erasure).order_by(t.erasure.c.n)
        query = query if erasure is None else query.where(t.erasure.c.erasure == erasure)
        query = query.where(t.erasure.c.done_at.is_(None)) if open_only else query
        return [
            Deletion(row.erasure, Ref(row.account, row.object, row.id), _at(row.asked_at), instant(row.done_at), row.why)
            for row in self._run(query)
        ]

    def deleted(self, ref: Ref, at: datetime) -> None:
        self._settle_deletion(ref, done_at=seconds(at), why="")

    def not_deleted(self, ref: Ref, why: str) -> None:
        self._settle_deletion(ref, why=why)

    def _settle_deletion(self, ref: Ref, **values: object) -> None:
        erasure = t.erasure.c
        where = (erasure.account == ref.account, erasure.object == ref.object, erasure.id == ref.id, erasure.done_at.is_(None))
        self._run(sa.update(t.erasure).where(*where).values(**values))

    # -- forgetting ----------------------------------------------------------------------------------------------------------------

    def forget_lead(self, lead_id: str, refs: Sequence[Ref]) -> None:
        """Everything that is kept about a person, in every table."""
        for table in ABOUT_A_LEAD:
            self._run(sa.delete(table).where(table.c.lead_id == lead_id))
        self._run(sa.delete(t.joining).where(sa.or_(t.joining.c.kept == lead_id, t.joining.c.gone == lead_id)))
        self.forget_likeness(lead_id)
        self._run(sa.delete(t.lead).where(t.lead.c.id == lead_id))
        for table in ABOUT_A_RECORD:
            self._delete(table, refs)
        self._forget_decisions([f"lead:{lead_id}", *(":".join(ref) for ref in refs)])
        self._forget_questions(refs)

    def rewrite(
        self,
        lead_id: str,
        history: Callable[[list[Revision]], list[Revision]],
        lead: Callable[[LeadState], LeadState],
        mentions: Callable[[Any], bool],
    ) -> None:
        """What is kept about a lead's past without what somebody else said: steps, states in which it was, settled writes and questions."""
        for row in self._run(sa.select(t.revision).where(t.revision.c.lead_id == lead_id)).all():
            before = load_revisions(row.changes)
            after = history(before)
            one = t.revision.c.n == row.n
            if not after:
                self._run(sa.delete(t.revision).where(one))
            elif after != before:
                self._run(sa.update(t.revision).where(one).values(changes=dump_revisions(after)))
        for row in self._run(sa.select(t.joining).where(sa.or_(t.joining.c.kept == lead_id, t.joining.c.gone == lead_id))).all():
            found = load_joining(row)
            before_joining, after_joining, gone = (lead(getattr(found, name)) for name in LEADS_OF_A_JOINING)
            found = replace(found, kept_before=before_joining, kept_after=after_joining, gone_state=gone)
            self._run(sa.update(t.joining).where(t.joining.c.n == row.n).values(document=dump_joining(found)))
        written = sa.select(t.journal.c.op, t.journal.c.cells).where(t.journal.c.lead_id == lead_id, t.journal.c.state.not_in(ON_THEIR_WAY))
        entries = [row.op for row in self._run(written) if mentions(json.loads(row.cells))]
        asked = sa.select(t.review.c.id, t.review.c.question, t.review.c.choices, t.review.c.answer).where(t.review.c.lead_id == lead_id)
        told = [row.id for row in self._run(asked) if mentions([row.question, json.loads(row.choices), json.loads(row.answer or "null")])]
        for column, numbers in ((t.journal.c.op, entries), (t.review.c.id, told)):
            for chunk in chunks(numbers):
                self._run(sa.delete(column.table).where(column.in_(chunk)))

    def _forget_decisions(self, keys: Sequence[str]) -> None:
        for chunk in chunks(keys):
            self._run(sa.delete(t.decision).where(sa.or_(t.decision.c.left.in_(chunk), t.decision.c.right.in_(chunk))))

    def _forget_questions(self, refs: Sequence[Ref]) -> None:
        """Questions about other leads in which a record of this one stands."""
        gone = {tuple(ref) for ref in refs}
        rows = self._run(sa.select(t.review.c.id, t.review.c.refs))
        ids = [row.id for row in rows if not gone.isdisjoint(tuple(ref) for ref in json.loads(row.refs))]
        for chunk in chunks(ids):
            self._run(sa.delete(t.review).where(t.review.c.id.in_(chunk)))


def _at(at: float) -> datetime:
    found = instant(at)
    assert found is not None  # noqa: S101  # the column is never empty
    return found
