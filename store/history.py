"""How leads came to be what they are, what needs a person, and what people answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from store import schema as t
from store.documents import dump_revisions, dumps, instant, load_revisions, seconds
from store.queries import Queries, chunks
from sync.state import Problem, Ref, Review, Revision, problem_id


class History(Queries):
    def add_revisions(self, revisions: Mapping[str, Sequence[Revision]], run: str, at: datetime) -> None:
        rows = [
            {"lead_id": lead_id, "run": run, "at": seconds(at), "changes": dump_revisions(found)}
            for lead_id, found in revisions.items()
            if found
        ]
        if rows:
            self._connection.execute(sa.insert(t.revision), rows)

    def revisions(self, lead_id: str) -> list[tuple[str, datetime | None, list[Revision]]]:
        rows = self._run(sa.select(t.revision).where(t.revision.c.lead_id == lead_id).order_by(t.revision.c.n))
        return [(row.run, instant(row.at), load_revisions(row.changes)) for row in rows]

    def revisions_of(self, lead_ids: Sequence[str]) -> list[tuple[datetime, Revision]]:
        """Everything that ever changed in these leads, each with when it was kept."""
        rows = self._in(t.revision, t.revision.c.lead_id, lead_ids)
        return [(datetime.fromtimestamp(row.at, UTC), one) for row in rows for one in load_revisions(row.changes)]

    def replace_problems(
        self, lead_ids: Sequence[str], problems: Iterable[Problem], run: str, at: datetime, keep: Sequence[str] = ()
    ) -> None:
        """These are the problems of the leads now, beside what this run has told already of the kinds to `keep`: how a cause begins."""
        problem = t.problem.c
        told = [sa.and_(problem.run == run, problem.cause.startswith(cause, autoescape=True)) for cause in keep]
        for ids in chunks(list(lead_ids)):
            self._run(sa.delete(t.problem).where(problem.lead_id.in_(ids), *(~one for one in told)))
        self.add_problems(problems, run, at)

    def add_problems(self, problems: Iterable[Problem], run: str, at: datetime) -> None:
        rows = [_problem_row(problem, run, at) for problem in problems]
        if rows:
            self._connection.execute(sa.insert(t.problem), rows)

    def drop_problems(self, ids: Iterable[int]) -> None:
        for chunk in chunks(list(ids)):
            self._run(sa.delete(t.problem).where(t.problem.c.id.in_(chunk)))

    def drop_account_problems(self, account: str) -> None:
        self._run(sa.delete(t.problem).where(t.problem.c.account == account, t.problem.c.lead_id == ""))

    def leads_with_problem(self, cause: str) -> list[str]:
        query = sa.select(t.problem.c.lead_id).where(t.problem.c.cause == cause).distinct().order_by(t.problem.c.lead_id)
        return [row.lead_id for row in self._run(query)]

    def problem_groups(self) -> list[Mapping[str, Any]]:
        problem = t.problem.c
        columns = (
            problem.account,
            problem.cause,
            sa.func.count().label("count"),
            sa.func.min(problem.message).label("example"),
            sa.func.min(problem.fix).label("fix"),
        )
        query = sa.select(*columns).group_by(problem.account, problem.cause).order_by(sa.desc("count"), problem.account, problem.cause)
        return [{"id": problem_id(row["account"], row["cause"]), **row} for row in self._run(query).mappings()]

    def problems_like(self, id: str) -> list[Mapping[str, Any]]:
        """All problems of the account and cause that `id` names."""
        problem = t.problem.c
        known = self._run(sa.select(problem.account, problem.cause).distinct())
        meant = [(row.account, row.cause) for row in known if problem_id(row.account, row.cause) == id]
        same = sa.or_(sa.false(), *(sa.and_(problem.account == account, problem.cause == cause) for account, cause in meant))
        return [dict(row) for row in self._run(sa.select(t.problem).where(same).order_by(problem.id)).mappings()]

    def ask(self, reviews: Iterable[Review], run: str, at: datetime) -> int:
        """Put questions that were not asked before; returns how many are new."""
        unique = {review.subject: review for review in reviews}
        asked = {row.subject for row in self._in(t.review, t.review.c.subject, sorted(unique))}
        rows = [_review_row(review, run, at) for subject, review in unique.items() if subject not in asked]
        if rows:
            self._connection.execute(sa.insert(t.review), rows)
        return len(rows)

    def pairs_asked(self, subjects: Sequence[str]) -> set[tuple[str, str]]:
        """The pairs of leads or records that these questions are or were about."""
        rows = self._in_query(sa.select(t.review.c.choices), t.review.c.subject, subjects)
        return {(left, right) for row in rows for one in json.loads(row.choices) for left, right, _ in one.get("pairs", ())}

    def pairs_in_doubt(self) -> dict[str, list[tuple[str, str]]]:
        """Subject -> the pairs of leads or records of which a person is asked whether they are one and has not said; the oldest first."""
        review = t.review.c
        query = sa.select(review.subject, review.choices).where(review.answer.is_(None), review.choices.contains('"pairs"'))
        said = ((row.subject, json.loads(row.choices)) for row in self._run(query.order_by(review.id)))
        return {subject: sorted({(left, right) for one in choices for left, right, _ in one.get("pairs", ())}) for subject, choices in said}

    def answers_of(self, lead_ids: Sequence[str]) -> dict[str, Any]:
        """What people answered about these leads, by the subject of the question."""
        query = sa.select(t.review.c.subject, t.review.c.answer).where(t.review.c.answer.is_not(None))
        return {row.subject: json.loads(row.answer) for row in self._in_query(query, t.review.c.lead_id, lead_ids)}

    def reviews(self, *, answered: bool, limit: int, kind: str = "") -> list[Mapping[str, Any]]:
        """Questions of one kind, or of all, the newest first: the open ones, or with `answered` all."""
        query = sa.select(t.review).order_by(t.review.c.id.desc()).limit(limit)
        query = query.where(t.review.c.kind == kind) if kind else query
        return [_review(row._mapping) for row in self._run(query if answered else query.where(t.review.c.answer.is_(None)))]

    def review(self, id: int) -> Mapping[str, Any] | None:
        row = self._first(sa.select(t.review).where(t.review.c.id == id))
        return None if row is None else _review(row)

    def open_reviews(self) -> dict[str, int]:
        """Kind of question -> how many wait for an answer."""
        query = sa.select(t.review.c.kind, sa.func.count().label("n")).where(t.review.c.answer.is_(None)).group_by(t.review.c.kind)
        return {row.kind: row.n for row in self._run(query.order_by(t.review.c.kind))}

    def answer(self, id: int, answer: Any, by: str, at: datetime) -> None:
        values = {"answer": dumps(answer), "answered_at": seconds(at), "answered_by": by}
        self._run(sa.update(t.review).where(t.review.c.id == id).values(**values))

    def drop_reviews(self, subjects: Iterable[str]) -> None:
        """Open questions that have answered themselves: the sides agree by now."""
        for chunk in chunks(sorted(subjects)):
            self._run(sa.delete(t.review).where(t.review.c.subject.in_(chunk), t.review.c.answer.is_(None)))

    def drop_reviews_about(self, kind: str, refs: Iterable[Ref]) -> None:
        """Open questions of a kind that are about one of these records."""
        review = t.review.c
        for chunk in chunks(sorted(dumps([list(ref)]) for ref in refs)):
            self._run(sa.delete(t.review).where(review.kind == kind, review.refs.in_(chunk), review.answer.is_(None)))

    def decide_pair(self, one: str, other: str, verdict: str, by: str, at: datetime) -> None:
        """Remember for ever that two leads or records are the `same` person or `different` ones; see `sync.state.pair_key`."""
        left, right = sorted((one, other))
        self._upsert(t.decision, [{"left": left, "right": right, "verdict": verdict, "by": by, "at": seconds(at)}])

    def said_to_be_one(self) -> list[tuple[str, str, str]]:
        """(left, right, by whom) of all that are the same person, in the order in which it was said."""
        query = sa.select(t.decision).where(t.decision.c.verdict == "same").order_by(t.decision.c.at, t.decision.c.left, t.decision.c.right)
        return [(row.left, row.right, row.by) for row in self._run(query)]

    def decisions_about(self, keys: Sequence[str]) -> dict[tuple[str, str], str]:
        """(left, right) -> verdict, for all pairs of which a side is among `keys`."""
        found = [row for column in (t.decision.c.left, t.decision.c.right) for row in self._in(t.decision, column, keys)]
        return {(row.left, row.right): row.verdict for row in found}


def _problem_row(problem: Problem, run: str, at: datetime) -> dict[str, Any]:
    return {
        "account": problem.account,
        "cause": problem.cause,
        "object": "" if problem.ref is None else problem.ref.object,
        "record": "" if problem.ref is None else problem.ref.id,
        "lead_id": problem.lead_id,
        "field": problem.field,
        "message": problem.message,
        "fix": problem.fix,
        "run": run,
        "at": seconds(at),
    }


def _review(row: Any) -> dict[str, Any]:
    answer = None if row["answer"] is None else json.loads(row["answer"])
    refs = [Ref(*ref) for ref in json.loads(row["refs"])]
    return {**row, "open": row["answer"] is None, "answer": answer, "refs": refs, "choices": json.loads(row["choices"])}


def _review_row(review: Review, run: str, at: datetime) -> dict[str, Any]:
    return {
        "kind": review.kind,
        "subject": review.subject,
        "lead_id": review.lead_id,
        "refs": dumps([list(ref) for ref in review.refs]),
        "question": review.question,
        "run": run,
        "at": seconds(at),
        "answer": None,
        "field": review.field,
        "choices": dumps(list(review.choices)),
    }
