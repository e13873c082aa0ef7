"""Running (shell): the steps of one run, and the account that it gives of itself.

A rehearsal (plan, dry run) keeps the inbox and the cursors and nothing else: what it shows is worked out in a transaction that never
happens. Lead ids and create keys are digests of what founded them, so that a plan and its apply name the same things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from sync.census import Census
from sync.document import PlanDocument, row_of
from sync.doors import chosen, open_doors
from sync.erase import delete_pending, owed, recall
from sync.guard import SYNC, Way
from sync.guarding import hold_back, trust_all
from sync.joining import told
from sync.journal import Entry, EntryState, PlannedWrite, Section
from sync.lookup import settle_open
from sync.merging import FINAL
from sync.parting import merged_for_ever, take_back
from sync.pull import account_problem, pull
from sync.push import push
from sync.revert import Left
from sync.state import Joining, Problem
from sync.undo import NEVER_LANDED, Undoing
from sync.unweave import Taken, release, unweave, unweave_regrouped
from sync.weave import weave
from sync.workspace import Door, Guards, Pass, Stopped, Workspace


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, in the shape of `sync --json`."""

    run: str
    status: str
    accounts: Mapping[str, Any]
    leads: Mapping[str, int]
    reviews: int
    problems: Sequence[Mapping[str, Any]]
    stopped: Mapping[str, str]
    guarded: Mapping[str, Sequence[str]]
    stale: Sequence[tuple[str, str]] = ()
    carried_out: Mapping[str, int] = field(default_factory=dict)
    undone: Mapping[str, Any] | None = None
    in_doubt: int = 0

    @property
    def exit_code(self) -> int:
        return {"guarded": 7, "partial": 1}.get(self.status, 0)

    def document(self) -> dict[str, Any]:
        undone = {} if self.undone is None else {"undone": dict(self.undone)}
        return {
            "run": self.run,
            "status": self.status,
            "accounts": self.accounts,
            "leads": dict(self.leads),
            "reviews": self.reviews,
            "problems": list(self.problems),
            **undone,
        }


class Run:
    """One run at work: its steps, each of which keeps what it did; `report` closes it."""

    def __init__(
        self, workspace: Workspace, id: str, doors: Sequence[Door], census: Census, before: Mapping[str, Mapping[str, int]]
    ) -> None:
        self.workspace, self.id, self.doors, self.census, self._before = workspace, id, doors, census, before
        self.linked: Mapping[tuple[str, str], int] = {}
        self.waits: Mapping[tuple[str, str], frozenset[str]] = {}  # rows that are not written: their mapping changed
        self._undoing: tuple[Undoing, Taken] | None = None
        self._regrouped: Mapping[str, Any] = {}  # what an undo did to two leads

    def count_linked(self) -> None:
        """Before anything is read: what the guards weigh the writes against. A rehearsal has no use for it."""
        with self.workspace.store.begin() as unit:
            self.linked = unit.linked()

    def read(self) -> None:
        settle_open(self.workspace, self._going(), self.id, self.census)
        pull(self.workspace, self._going(), self.id, self.census)

    def recall_erased(self) -> None:
        """Nobody whom an older copy of the store has brought back takes part in a run."""
        recall(self.workspace, self.id)

    def delete_erased(self) -> None:
        """Deletions of erased people that a CRM still owes, and of those who turned up again just now."""
        delete_pending(self.workspace, self.doors, self.census)

    def leave_rebased(self) -> None:
        """What differs only by a changed mapping is not written before somebody looked at it."""
        if self.workspace.guards.yes:
            return
        with self.workspace.store.begin() as unit:
            self.waits = {
                (door.name, object): frozenset(rows) for door in self.doors for object, rows in unit.rebased(door.name).items() if rows
            }

    def go_on(self, again: Set[str]) -> None:
        """Look at what has come up, once: records that were met or gone, what a CRM knows of an address, who can be created by now.

        The leads `again` are planned anew, because a record kept an address.
        """
        pull(self.workspace, self._going(), self.id, self.census, hints_only=True)
        begin = self.workspace.store.begin
        weave(self.workspace, self.doors, self.id, self.census, begin, news_only=True, again=again, waits=self.waits)
        self.guard()
        push(self.workspace, self.doors, self.id, self.census)

    def weave(self, begin: Any) -> None:
        weave(self.workspace, self.doors, self.id, self.census, begin, waits=self.waits)

    def rehearse(self) -> list[PlannedWrite]:
        """What this run would write, had it not been a rehearsal."""
        return self._rehearse(self.weave)

    def rehearse_undo(self, undoing: Undoing) -> list[PlannedWrite]:
        return self._rehearse(partial(self.take_back, undoing))

    def _rehearse(self, step: Callable[[Any], None]) -> list[PlannedWrite]:
        with self.workspace.store.rehearse() as unit:
            step(partial(_same, unit))
            writes = [entry.write for entry in unit.entries(run=self.id, states=(EntryState.PLANNED,))]
        for write in writes:
            self.census.outcome(write.account, "skipped")
        return writes

    def take_back(self, undoing: Undoing, begin: Any) -> None:
        """Bring the leads up to date, set aside what they are owed, and plan what takes `undoing` back."""
        with begin() as unit:
            done = unit.joining_of_run(undoing.run)
        if done is not None:
            self._regroup(undoing, done, begin)
            return
        freed = release(undoing, begin)
        self.weave(begin)
        self._plan_only(lambda entry: _is_created_anew(entry, freed), begin)
        self._undoing = (undoing, unweave(self.workspace, self.doors, self.id, self.census, undoing, begin))

    def _regroup(self, undoing: Undoing, done: Joining, begin: Any) -> None:
        """Two leads that a run merged or split are as they were, with what was said since, and their records give back what came of it.

        Nothing else is written: what the leads owe their records waits for the next sync, as everything that it finds does.
        """
        if (undoing.lead_id, undoing.field) != ("", ""):
            raise Stopped(f"Run {undoing.run} merged or split leads; that is taken back as a whole.", exit_code=2)
        self._weave_only(begin)
        with begin() as unit:
            back = take_back(unit, self.workspace, done, self.id, "undo")
            final = [Left(*ref, back.kept, "", FINAL) for ref in merged_for_ever(unit, back)]
            self._regrouped = told(unit, back)
        self._weave_only(begin)
        taken = unweave_regrouped(self.workspace, self.doors, self.id, self.census, undoing, back, done.at, begin)
        self._undoing = (undoing, Taken(taken.fields + len(final), [*final, *taken.left]))

    def _weave_only(self, begin: Any) -> None:
        """Bring the leads up to date; what they are owed stays owed."""
        self.weave(begin)
        self._plan_only(lambda _: False, begin)

    def _plan_only(self, stays: Callable[[Entry], bool], begin: Any) -> None:
        """Of what is planned now, only this; the rest stays owed."""
        self.census.forget_plans()
        with begin() as unit:
            again = [entry.write for entry in unit.entries(run=self.id, states=(EntryState.PLANNED,)) if stays(entry)]
            unit.drop_planned()
            unit.journal(again, self.id)
        for write in again:
            self.census.plan(write.account)

    def left(self) -> tuple[Left, ...]:
        return () if self._undoing is None else tuple(self._undoing[1].left)

    def undone(self) -> dict[str, Any] | None:
        """What was asked to be undone, how many fields that were, and what of it stays."""
        if self._undoing is None:
            return None
        undoing, tally = self._undoing
        left = [asdict(one) for one in tally.left]
        counts = {"fields": tally.fields, "back": tally.back, "stay": tally.fields - tally.back}
        return {"run": undoing.run, **counts, "left": left, **self._regrouped}

    def guard(self, *, trusting: bool = True, by: Guards | None = None, way: Way = SYNC) -> None:
        hold_back(self._turn(), self.linked, trusting=trusting, by=by, way=way)

    def trust_all(self) -> None:
        trust_all(self._turn())

    def keep_only(self, document: PlanDocument) -> None:
        """Of what is planned now, only the rows of the document stay; those that are not planned any more were written, or are stale."""
        with self.workspace.store.begin() as unit:
            entries = unit.entries(run=self.id, states=(EntryState.PLANNED,))
            current = {row_of(entry.write).digest: entry for entry in entries}
            extra = [entry for digest, entry in current.items() if digest not in document.digests]
            unit.mark([entry.op for entry in extra], EntryState.SKIPPED, cause="not_in_plan", at=self.workspace.now())
            for entry in extra:
                self.census.outcome(entry.write.account, "skipped")
            gone = [row for row in document.rows if row.digest not in current]
            written = _written_since(unit, document, {row.lead_id for row in gone})
        for row in gone:
            if row.digest in written:
                self.census.carried_out[written[row.digest]] += 1
            else:
                self.census.stale.append((row.account, row.target))

    def skip_all(self, why: str) -> None:
        with self.workspace.store.begin() as unit:
            for door in self.doors:
                number = unit.skip_planned(self.id, door.name, None, why, self.workspace.now())
                self.census.outcome(door.name, "skipped", number)

    def is_unfinished(self) -> bool:
        """Whether the writes of this run have brought up records to look at, or have freed an address that somebody waits for."""
        going = {door.name for door in self._going()}
        with self.workspace.store.begin() as unit:
            return any(unit.hints(name) for name in going) or any(account in going for _, account in unit.freed())

    def _turn(self) -> Pass:
        return Pass(self.workspace, self.doors, self.id, self.census, self.workspace.now())

    def _going(self) -> list[Door]:
        return [door for door in self.doors if door.name not in self.census.stopped]

    def report(self) -> Report:
        census, now = self.census, self.workspace.now()
        self._skip_what_stopped()
        calls = {door.name: _since(door.connector.calls(), self._before.get(door.name, {})) for door in self.doors}
        with self.workspace.store.begin() as unit:
            for name, error in census.stopped.items():
                unit.drop_account_problems(name)
                unit.add_problems([account_problem(name, error)], self.id, now)
            for name in set(census.seen) - set(census.stopped):
                unit.drop_account_problems(name)
            unit.add_problems([*owed(unit, census.seen), *census.problems, *_guard_problems(census)], self.id, now)
            problems = [
                {"id": group["id"], "account": group["account"], "cause": group["cause"], "count": group["count"], "fix": group["fix"]}
                for group in unit.problem_groups()
            ]
            report = Report(
                self.id,
                census.status(),
                census.accounts(calls),
                {key: census.leads[key] for key in ("new", "changed", "merged")},
                census.reviews,
                problems,
                {name: str(error) for name, error in census.stopped.items()},
                {name: list(tripped.values()) for name, tripped in census.guarded.items()},
                tuple(census.stale),
                dict(census.carried_out),
                self.undone(),
                census.in_doubt,
            )
            unit.finish_run(self.id, report.status, report.document(), now)
        return report

    def _skip_what_stopped(self) -> None:
        """What was planned for an account that stopped is not lost: it stays owed, and the report says so."""
        with self.workspace.store.begin() as unit:
            for name, error in self.census.stopped.items():
                number = unit.skip_planned(self.id, name, None, error.cause, self.workspace.now())
                self.census.outcome(name, "skipped", number)


def _is_created_anew(entry: Entry, freed: set[tuple[str, str]]) -> bool:
    return entry.write.section is Section.CREATE and (entry.write.lead_id, entry.write.account) in freed


def _written_since(unit: Any, document: PlanDocument, lead_ids: Iterable[str]) -> dict[str, str]:
    """Digests of the rows that were written since the plan was made, with the run that did."""
    journal = unit.journal_of(sorted(lead_ids))
    written = [entry for found in journal.values() for entry in found if entry.state is EntryState.DONE and entry.outcome != NEVER_LANDED]
    return {row_of(_as_planned(entry.write)).digest: entry.run for entry in written if _is_later(entry.run, document.run)}


def _is_later(run: str, other: str) -> bool:
    return run.isdecimal() and other.isdecimal() and int(run) > int(other)


def _as_planned(write: PlannedWrite) -> PlannedWrite:
    """A create has no id before it is carried out."""
    return replace(write, id=None) if write.section is Section.CREATE else write


def _guard_problems(census: Census) -> list[Problem]:
    fix = "Look at what waits, then go on as the message says."
    return [Problem(name, f"guard:{kind}", sentence, fix) for name, tripped in census.guarded.items() for kind, sentence in tripped.items()]


@contextmanager
def running(workspace: Workspace, kind: str, names: Iterable[str] | None) -> Iterator[Run]:
    """A run over the accounts called `names`, or all, with their doors open; left by an exception, it is filed as interrupted."""
    accounts = chosen(workspace, names)
    before = {account.name: dict(account.connector.calls()) for account in accounts}
    census = Census({account.name: None for account in accounts})
    doors, stopped = open_doors(workspace, accounts)
    with workspace.store.begin() as unit:
        unit.drop_planned()
        _look_anew(unit, workspace)
        id = unit.start_run(kind, workspace.now())
    for name, error in stopped.items():
        census.stop(name, error)
    run = Run(workspace, id, doors, census, before)
    try:
        yield run
    except BaseException:
        with workspace.store.begin() as unit:
            unit.finish_run(id, "interrupted", {}, workspace.now())
        raise


def _look_anew(unit: Any, workspace: Workspace) -> None:
    """Other rules, another scope, one more account: every lead may be owed something now."""
    if unit.meta("settings") != workspace.fingerprint:
        unit.touch_all()
        unit.put_meta("settings", workspace.fingerprint)


def _since(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {kind: number - before.get(kind, 0) for kind, number in now.items() if number > before.get(kind, 0)}


@contextmanager
def _same(unit: Any) -> Iterator[Any]:
    yield unit
