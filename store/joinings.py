"""Leads that became one and leads that became two: under which names a lead is known, and which records changed hands."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from store import schema as t
from store.documents import dump_joining, dumps, load_joining, seconds
from store.likeness import Likenesses
from store.queries import chunks, where_of
from sync.state import Joining, LeadState, Ref, Way

BY_RECORD = (t.address, t.inbox, t.journal)  # what stands under the lead that a record belongs to; `put_links` moves the link itself


class Joinings(Likenesses):
    def keep_joining(self, joining: Joining) -> None:
        row = {"way": joining.way, "run": joining.run, "kept": joining.kept, "gone": joining.gone, "at": seconds(joining.at)}
        self._run(sa.insert(t.joining).values(**row, ended_at=seconds(joining.ended_at), document=dump_joining(joining)))

    def end_joining(self, n: int, at: datetime) -> None:
        self._run(sa.update(t.joining).where(t.joining.c.n == n).values(ended_at=seconds(at)))

    def hand_joining_over(self, n: int, run: str) -> None:
        """What a run began is another one's from now on."""
        self._run(sa.update(t.joining).where(t.joining.c.n == n).values(run=run))

    def joining_of_run(self, run: str) -> Joining | None:
        row = self._run(sa.select(t.joining).where(t.joining.c.run == run).order_by(t.joining.c.n).limit(1)).first()
        return None if row is None else load_joining(row)

    def joinings_of(self, lead_ids: Iterable[str]) -> list[Joining]:
        """Everything that ever joined these leads with others or parted them, oldest first."""
        ids = sorted(set(lead_ids))
        rows = {row.n: row for column in (t.joining.c.kept, t.joining.c.gone) for row in self._in(t.joining, column, ids)}
        return [load_joining(rows[n]) for n in sorted(rows)]

    def regrouped(self, lead_ids: Sequence[str]) -> dict[str, int]:
        """How often these leads were merged or split."""
        found: Counter[str] = Counter()
        for column in (t.joining.c.kept, t.joining.c.gone):
            query = sa.select(column.label("id"), sa.func.count().label("n")).group_by(column)
            found.update({row.id: row.n for row in self._in_query(query, column, lead_ids)})
        return dict(found)

    def survivors(self, ids: Iterable[str]) -> dict[str, str]:
        """Of these ids, those of leads that became part of another: the lead that they are now."""
        found = {id: id for id in ids}
        asked = sorted(found)
        while asked:
            query = sa.select(t.joining.c.gone, t.joining.c.kept).where(*_STANDING)
            into = {row.gone: row.kept for row in self._in_query(query, t.joining.c.gone, asked)}
            found = {id: into.get(now, now) for id, now in found.items()}
            asked = sorted(set(into.values()))
        return {id: now for id, now in found.items() if id != now}

    def also_called(self, lead_ids: Iterable[str]) -> dict[str, set[str]]:
        """The ids of the leads that became part of these, directly or by way of others."""
        found: dict[str, set[str]] = defaultdict(set)
        asked = {id: id for id in lead_ids}
        while asked:
            query = sa.select(t.joining.c.gone, t.joining.c.kept).where(*_STANDING)
            asked = {row.gone: asked[row.kept] for row in self._in_query(query, t.joining.c.kept, sorted(asked))}
            for gone, kept in asked.items():
                found[kept].add(gone)
        return found

    def lead_then(self, id: str, at: datetime) -> str:
        """The lead that went by this id at a moment: itself, or the one that it was part of."""
        while True:
            rows = self._run(
                sa.select(t.joining).where(t.joining.c.gone == id, t.joining.c.way == Way.JOIN, t.joining.c.at <= at.timestamp())
            )
            into = next((row.kept for row in rows if row.ended_at is None or row.ended_at > at.timestamp()), None)
            if into is None:
                return id
            id = into

    def lead_that_was(self, id: str) -> LeadState | None:
        """A lead as it was when it became part of another."""
        return next((one.gone_state for one in self.joinings_of([id]) if one.way is Way.JOIN and one.gone == id), None)

    def former_names(self, prefix: str) -> list[str]:
        """Ids that begin so, of leads that are part of others now."""
        query = sa.select(t.joining.c.gone).where(*_STANDING, t.joining.c.gone.startswith(prefix, autoescape=True))
        return sorted({row.gone for row in self._run(query)})

    def move_records(self, refs: Iterable[Ref], to: str) -> None:
        """What is kept about records goes to the lead that they belong to now."""
        rows = [{f"b_{name}": value for name, value in where_of(ref).items()} for ref in refs]
        for table in BY_RECORD if rows else ():
            where = [table.c[name] == sa.bindparam(f"b_{name}") for name in ("account", "object", "id")]
            self._connection.execute(sa.update(table).where(*where).values(lead_id=to), rows)

    def move_questions(self, gone: str, kept: str) -> None:
        """Open questions and problems of a lead are those of the lead that it became part of.

        What its fields conflict about is asked anew, of both at once; what people answered to that holds for both.
        """
        review = t.review.c
        of_fields = f"conflict:{gone}:"
        mine = (review.lead_id == gone, review.subject.startswith(of_fields, autoescape=True))
        self._run(sa.delete(t.review).where(*mine, review.answer.is_(None)))
        answered = [dict(row) for row in self._run(sa.select(t.review).where(*mine)).mappings()]
        subjects = {f"conflict:{kept}:" + row["subject"].removeprefix(of_fields): row for row in answered}
        known = {row.subject for row in self._in(t.review, review.subject, sorted(subjects))}
        copies = [
            {**{name: value for name, value in row.items() if name != "id"}, "subject": subject, "lead_id": kept}
            for subject, row in subjects.items()
            if subject not in known
        ]
        if copies:
            self._connection.execute(sa.insert(t.review), copies)
        self._run(sa.update(t.review).where(review.lead_id == gone, review.answer.is_(None)).values(lead_id=kept))
        self._run(sa.update(t.problem).where(t.problem.c.lead_id == gone).values(lead_id=kept))

    def close_pair(self, lead_ids: Sequence[str], keys: Iterable[str], verdict: str, by: str, at: datetime) -> None:
        """Open questions of these leads whether these sides are one person, and nothing else, are answered."""
        sides = set(keys)
        open_ones = self._in_query(sa.select(t.review).where(t.review.c.answer.is_(None)), t.review.c.lead_id, lead_ids)
        ids = [row.id for row in open_ones if _asks_only(row.choices, sides)]
        values = {"answer": dumps({"answer": verdict, "value": None}), "answered_at": seconds(at), "answered_by": by}
        for chunk in chunks(ids):
            self._run(sa.update(t.review).where(t.review.c.id.in_(chunk)).values(**values))

    def move_questions_about(self, refs: Iterable[Ref], lead_id: str, to: str) -> None:
        """Open questions of a lead that are about these records alone go with them."""
        moved = {tuple(ref) for ref in refs}
        asked = self._run(sa.select(t.review).where(t.review.c.lead_id == lead_id, t.review.c.answer.is_(None)))
        ids = [row.id for row in asked if (about := {tuple(ref) for ref in json.loads(row.refs)}) and about <= moved and row.field == ""]
        for chunk in chunks(ids):
            self._run(sa.update(t.review).where(t.review.c.id.in_(chunk)).values(lead_id=to))

    def forget_decisions(self, pairs: Iterable[tuple[str, str]]) -> None:
        for left, right in pairs:
            self._run(sa.delete(t.decision).where(t.decision.c.left == left, t.decision.c.right == right))

    def move_unwritten(self, gone: str, kept: str) -> None:
        """Creates of a lead that made no record."""
        self._run(sa.update(t.journal).where(t.journal.c.lead_id == gone, t.journal.c.id == "").values(lead_id=kept))

    def drop_lead(self, lead_id: str) -> None:
        self.forget_likeness(lead_id)
        self._run(sa.delete(t.lead).where(t.lead.c.id == lead_id))


_STANDING = (t.joining.c.way == Way.JOIN, t.joining.c.ended_at.is_(None))


def _asks_only(choices: str, keys: set[str]) -> bool:
    pairs = [pair for choice in json.loads(choices) for pair in choice.get("pairs", ())]
    return bool(pairs) and all({left, right} <= keys for left, right, _ in pairs)
