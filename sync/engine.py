"""Engine (shell): the only place where the steps meet.

    lease -> doors (identity, dialects) -> settle what is open -> pull -> weave -> guard -> push -> report

A rehearsal (plan, dry run) keeps the inbox and the cursors and nothing else: what it shows is worked out in a transaction that never
happens. Lead ids and create keys are digests of what founded them, so that a plan and its apply name the same things.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from connectors.base import Connector, NewField, Page
from connectors.errors import ConnectorError
from leads.model import ABSENT
from mappings.schema import MappingProblems
from sync.census import Census
from sync.document import PlanDocument, row_of
from sync.erase import Person, delete_pending, erase, owed, recall
from sync.guard import WRITES, Tally, guard, having_looked
from sync.intake import IMPORT_OBJECT, ImportedTable
from sync.merge import IMPORT
from sync.pull import account_problem, pull, store_page
from sync.push import push, settle_open
from sync.rebase import Shift, differs, marks, rebase, shift
from sync.state import UNDONE, Base, Entry, EntryState, Pair, PlannedWrite, Problem, Ref, Section
from sync.undo import Left, Undoing, released
from sync.unweave import Taken, release, unweave
from sync.verify import Checked, verify
from sync.weave import Sink, weave
from sync.workspace import Account, Door, Guards, Stopped, Workspace

CHUNK = 500  # links rebased at once


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
    undone: Mapping[str, Any] | None = None

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


def sync(workspace: Workspace, names: Iterable[str] | None = None) -> Report:
    """One run: read, decide, write, prove."""
    with workspace.store.lease(), _running(workspace, "sync", names) as run:
        run.recall_erased()
        run.leave_rebased()
        run.read()
        run.delete_erased()
        run.weave(workspace.store.begin)
        run.guard()
        push(workspace, run.doors, run.id, run.census)
        if run.has_hints():
            run.meet_again()
        return run.report()


def dry_run(workspace: Workspace, names: Iterable[str] | None = None) -> Report:
    """A run that writes to no CRM: what it would do is counted and said."""
    with workspace.store.lease(), _running(workspace, "dry-run", names) as run:
        run.leave_rebased()
        run.read()
        run.rehearse([])
        return run.report()


def make_plan(workspace: Workspace, names: Iterable[str] | None = None) -> tuple[PlanDocument, Report]:
    """Everything a `sync` would write now, as a document."""
    with workspace.store.lease(), _running(workspace, "plan", names) as run:
        run.read()
        rows: list[PlannedWrite] = []
        run.rehearse(rows)
        document = PlanDocument.of(rows, workspace, run.doors, run.id)
        return document, run.report()


def apply(workspace: Workspace, document: PlanDocument) -> Report:
    """Carry out the rows of a plan that still stand; a row whose record or lead has moved on is skipped and said."""
    if document.undo is not None:
        return _undo(workspace, document.undo, document)
    with workspace.store.lease(), _running(workspace, "apply", document.accounts) as run:
        document.check(workspace, run.doors)
        run.read()
        run.weave(workspace.store.begin)
        run.keep_only(document)
        run.guard(trusting=False, by=having_looked(workspace.guards))
        if not run.census.guarded:
            run.trust_all()
        push(workspace, run.doors, run.id, run.census)
        return run.report()


def undo(workspace: Workspace, undoing: Undoing) -> Report:
    """Take back what a run wrote, as far as nobody has moved on since; the report names everything that stays, and why."""
    return _undo(workspace, undoing, None)


def plan_undo(workspace: Workspace, undoing: Undoing) -> tuple[PlanDocument, Report]:
    """Everything an `undo` would write now, as a document for `apply`."""
    with workspace.store.lease(), _running(workspace, "plan", _written_accounts(workspace, undoing)) as run:
        run.read()
        rows: list[PlannedWrite] = []
        run.rehearse_undo(undoing, rows)
        return PlanDocument.of(rows, workspace, run.doors, run.id, undoing, run.left()), run.report()


def _undo(workspace: Workspace, undoing: Undoing, document: PlanDocument | None) -> Report:
    with workspace.store.lease(), _running(workspace, "undo", _written_accounts(workspace, undoing)) as run:
        if document is not None:
            document.check(workspace, run.doors)
        run.read()
        run.take_back(undoing, workspace.store.begin)
        if document is not None:
            run.keep_only(document)  # somebody has read it: no guard knows better
        else:
            run.guard(trusting=False)
        push(workspace, run.doors, run.id, run.census)
        return run.report()


def _written_accounts(workspace: Workspace, undoing: Undoing) -> list[str]:
    with workspace.store.begin() as unit:
        if unit.run(undoing.run) is None:
            raise Stopped(f"There is no run {undoing.run}. `leadloom runs` lists them.", exit_code=2)
        return [name for name in unit.accounts_written(undoing.run) if name in workspace.accounts]


def adopt(workspace: Workspace, names: Iterable[str] | None = None) -> Report:
    """Take over records that carry the ids of a lost store: leads get these ids again, nothing is written."""
    with workspace.store.lease(), _running(workspace, "adopt", names) as run:
        run.read()
        run.weave(workspace.store.begin)
        run.skip_all("adopted; the next sync writes")
        return run.report()


def import_leads(workspace: Workspace, table: ImportedTable) -> Report:
    """Take in a table of leads as if it were one more account that is only read; the next sync carries it to the CRMs."""
    census = Census({IMPORT: None})
    door = table.door()
    with workspace.store.lease():
        with workspace.store.begin() as unit:
            id = unit.start_run("import", workspace.now())
        run = _Run(workspace, id, [door], census, {})
        store_page(workspace, door, IMPORT_OBJECT, Page(table.records(), ""), id, workspace.now(), census)
        run.weave(workspace.store.begin)
        return run.report()


def erase_lead(workspace: Workspace, lead_id: str, reason: str) -> tuple[Person, Report]:
    """Forget a person, delete the records in every CRM that can be reached, and see to it that nothing brings them back."""
    with workspace.store.lease(), _running(workspace, "erase", None) as run:
        person = erase(workspace, run.doors, lead_id, reason, f"erase:{run.id}", run.census)
        return person, run.report()


def retry(workspace: Workspace, problem: int) -> int:
    """Forget why the records of one cause are held, so that the next sync tries again; returns how many records."""
    with workspace.store.lease(), workspace.store.begin() as unit:
        found = unit.problems_like(problem)
        refs = [Ref(row["account"], row["object"], row["record"]) for row in found if row["record"]]
        links = [unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id) for ref in refs]
        unit.put_links([(released(link), _released(base)) for link, base in filter(None, links)])
        unit.touch(row["lead_id"] for row in found if row["lead_id"])
        unit.drop_problems(row["id"] for row in found)
    return len(found)


def _released(base: Base) -> Base:
    return replace(base, pairs={row_id: _released_pair(pair) for row_id, pair in base.pairs.items()})


def _released_pair(pair: Pair) -> Pair:
    """What was undone means the lead's value already; it is owed again once it means nothing."""
    is_undone = pair.refused is not None and pair.refused[1] == UNDONE
    return replace(pair, meant=ABSENT if is_undone else pair.meant, refused=None, flips=0)


def check(workspace: Workspace, names: Iterable[str] | None = None) -> tuple[Checked, Mapping[str, str]]:
    """The store against the CRMs: what differs, and why accounts could not be asked. Nothing is written."""
    with workspace.store.lease():
        doors, stopped = _open_doors(workspace, _chosen(workspace, names))
        told = {name: str(error) for name, error in stopped.items()}
        found: list[Checked] = []
        for door in doors:
            try:
                found.append(verify(workspace, [door]))
            except ConnectorError as error:
                told[door.name] = str(error)
    counts = [Counter(one.records) for one in found], [Counter(one.held) for one in found]
    records, held = (sum(each, Counter()) for each in counts)
    return Checked(records, held, [difference for one in found for difference in one.differences]), told


def set_up(account: Account, wanted: Mapping[str, Sequence[NewField]]) -> dict[str, list[str]]:
    """Create our custom fields in one account; returns the names that were missing, by object."""
    created: dict[str, list[str]] = {}
    for object, fields in wanted.items():
        before = account.connector.describe(object).fields
        labels = {field.label for field in before.values()} | set(before)
        for field in fields:
            made = account.connector.create_field(object, field)
            if made.name not in before and field.label not in labels:
                created.setdefault(object, []).append(field.name)
    return created


# One run


class _Run:
    def __init__(
        self, workspace: Workspace, id: str, doors: Sequence[Door], census: Census, before: Mapping[str, Mapping[str, int]]
    ) -> None:
        self.workspace, self.id, self.doors, self.census, self._before = workspace, id, doors, census, before
        self.linked: Mapping[tuple[str, str], int] = {}
        self.waits: Mapping[tuple[str, str], frozenset[str]] = {}  # rows that are not written: their mapping changed
        self._undoing: tuple[Undoing, Taken] | None = None

    def read(self) -> None:
        with self.workspace.store.begin() as unit:
            self.linked = unit.linked()
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

    def meet_again(self) -> None:
        """Link and bring up to date what creates of this run met instead of creating: only what was just looked at, once."""
        pull(self.workspace, self._going(), self.id, self.census, hints_only=True)
        weave(self.workspace, self.doors, self.id, self.census, self.workspace.store.begin, news_only=True, waits=self.waits)
        self.guard()
        push(self.workspace, self.doors, self.id, self.census)

    def weave(self, begin: Any) -> None:
        weave(self.workspace, self.doors, self.id, self.census, begin, waits=self.waits)

    def rehearse(self, rows: list[PlannedWrite]) -> None:
        with self.workspace.store.rehearse() as unit:
            weave(self.workspace, self.doors, self.id, self.census, partial(_same, unit), rows.append, waits=self.waits)
            writes = unit.journal_states(self.id)
        for (account, _state, _section), number in writes.items():
            self.census.outcome(account, "skipped", number)

    def take_back(self, undoing: Undoing, begin: Any, sink: Sink | None = None) -> None:
        """Bring the leads up to date, set aside what they are owed, and plan what takes `undoing` back."""
        freed = release(undoing, begin)
        self.weave(begin)
        self.census.forget_plans()
        with begin() as unit:
            again = [entry.write for entry in unit.entries(run=self.id, states=(EntryState.PLANNED,)) if _is_created_anew(entry, freed)]
            unit.drop_planned()
            unit.journal(again, self.id)
        for write in again:
            self.census.plan(write.account)
            if sink is not None:
                sink(write)
        self._undoing = (undoing, unweave(self.workspace, self.doors, self.id, self.census, undoing, begin, sink))

    def rehearse_undo(self, undoing: Undoing, rows: list[PlannedWrite]) -> None:
        with self.workspace.store.rehearse() as unit:
            self.take_back(undoing, partial(_same, unit), rows.append)
            writes = unit.journal_states(self.id)
        for (account, _state, _section), number in writes.items():
            self.census.outcome(account, "skipped", number)

    def left(self) -> tuple[Left, ...]:
        return () if self._undoing is None else tuple(self._undoing[1].left)

    def undone(self) -> dict[str, Any] | None:
        """What was asked to be undone, how many fields that were, and what of it stays."""
        if self._undoing is None:
            return None
        undoing, tally = self._undoing
        left = [asdict(one) for one in tally.left]
        return {"run": undoing.run, "fields": tally.fields, "back": tally.back, "stay": tally.fields - tally.back, "left": left}

    def guard(self, *, trusting: bool = True, by: Guards | None = None) -> None:
        """Hold back what a guard does not let pass; an account where none tripped is trusted from now on (unless not `trusting`)."""
        with self.workspace.store.begin() as unit:
            tallies = {door.name: self._tally(unit, door) for door in self.doors}
            trips = {name: guard(name, tally, by or self.workspace.guards) for name, tally in tallies.items()}
            emptied = [name for name, found in trips.items() if any(trip.everywhere for trip in found)]
            for door in self.doors:
                for trip in trips[door.name]:
                    self.census.guard(door.name, trip.kind, trip.sentence)
                    self._hold(unit, door, trip.sections, f"guard:{trip.kind}")
                self._remember_emptied(unit, door, tallies[door.name], door.name in emptied)
                if emptied and door.name not in emptied:
                    self._hold(unit, door, WRITES, f"guard:emptied {', '.join(emptied)}")
                if trusting and not trips[door.name] and not emptied:
                    self.trust(unit, door)

    def _tally(self, unit: Any, door: Door) -> Tally:
        name, planned, known = door.name, unit.planned(self.id), unit.account(door.name)
        number = {section: planned.get((name, section), (0, 0)) for section in Section}
        linked, lost = self._lost(unit, name)
        scope_changed = known["scope"] not in ("", door.account.scope.fingerprint)
        return Tally(
            creates=number[Section.CREATE][0],
            updates=number[Section.UPDATE][0] + number[Section.UNDO][0],
            clears=number[Section.UPDATE][1] + number[Section.UNDO][1],
            deletes=number[Section.DELETE][0],
            restrictions=number[Section.RESTRICT][0],
            linked=linked,
            lost=lost,
            unseen=number[Section.CREATE][0] if scope_changed else 0,
            rebased=self.census.rebased[name],
            trusted=known["trusted_at"] is not None,
        )

    def _lost(self, unit: Any, account: str) -> tuple[int, int]:
        """How many records of an account were linked before, and how many of them are not there now."""
        before = {object: n for (name, object), n in self.linked.items() if name == account}
        fully = [object for (name, object) in self.census.read_fully if name == account and account not in self.census.stopped]
        not_shown = sum(max(0, before.get(object, 0) - self.census.shown[(account, object)]) for object in fully)
        linked, lost = sum(before.values()), max(self.census.lost[account], not_shown)
        earlier = unit.emptied(account)
        if earlier is None:
            return linked, lost
        there = sum(n for (name, _), n in unit.linked().items() if name == account)
        return earlier[0], max(lost, earlier[0] - there)

    def _remember_emptied(self, unit: Any, door: Door, tally: Tally, tripped: bool) -> None:
        """What was missing is looked for again: the next run reads in full what this one did, until it is back or allowed."""
        unit.put_emptied(door.name, (tally.linked, tally.lost) if tripped else None)
        for account, object in self.census.read_fully if tripped else ():
            if account == door.name:
                unit.drop_cursor(account, object)

    def _hold(self, unit: Any, door: Door, sections: Sequence[Section], why: str) -> None:
        if sections:
            self.census.outcome(door.name, "skipped", unit.skip_planned(self.id, door.name, sections, why, self.workspace.now()))

    def trust(self, unit: Any, door: Door) -> None:
        """From now on `sync` writes here by itself, with this scope and these mappings."""
        unit.trust_account(door.name, self.workspace.now())
        unit.put_scope(door.name, door.account.scope.fingerprint)
        unit.put_rebased(door.name, {})

    def trust_all(self) -> None:
        with self.workspace.store.begin() as unit:
            for door in self.doors:
                self.trust(unit, door)
                unit.put_emptied(door.name, None)

    def keep_only(self, document: PlanDocument) -> None:
        """Of what is planned now, only the rows of the document stay; rows of it that are not planned any more are stale."""
        with self.workspace.store.begin() as unit:
            entries = unit.entries(run=self.id, states=(EntryState.PLANNED,))
            current = {row_of(entry.write).digest: entry for entry in entries}
            extra = [entry for digest, entry in current.items() if digest not in document.digests]
            unit.mark([entry.op for entry in extra], EntryState.SKIPPED, cause="not_in_plan", at=self.workspace.now())
            for entry in extra:
                self.census.outcome(entry.write.account, "skipped")
        self.census.stale += [(row.account, row.target) for row in document.rows if row.digest not in current]

    def skip_all(self, why: str) -> None:
        with self.workspace.store.begin() as unit:
            for door in self.doors:
                number = unit.skip_planned(self.id, door.name, None, why, self.workspace.now())
                self.census.outcome(door.name, "skipped", number)

    def has_hints(self) -> bool:
        with self.workspace.store.begin() as unit:
            return any(unit.hints(door.name) for door in self._going())

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
                self.undone(),
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


def _guard_problems(census: Census) -> list[Problem]:
    fix = "Look at `leadloom plan`, then go on as the message says."
    return [Problem(name, f"guard:{kind}", sentence, fix) for name, tripped in census.guarded.items() for kind, sentence in tripped.items()]


@contextmanager
def _running(workspace: Workspace, kind: str, names: Iterable[str] | None) -> Iterator[_Run]:
    accounts = _chosen(workspace, names)
    before = {account.name: dict(account.connector.calls()) for account in accounts}
    census = Census({account.name: None for account in accounts})
    doors, stopped = _open_doors(workspace, accounts)
    with workspace.store.begin() as unit:
        unit.drop_planned()
        _look_anew(unit, workspace)
        id = unit.start_run(kind, workspace.now())
    for name, error in stopped.items():
        census.stop(name, error)
    run = _Run(workspace, id, doors, census, before)
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


def _chosen(workspace: Workspace, names: Iterable[str] | None) -> list[Account]:
    if names is None:
        return list(workspace.accounts.values())
    unknown = [name for name in names if name not in workspace.accounts]
    if unknown:
        raise Stopped(f"No account is called {', '.join(unknown)}. The settings have: {', '.join(workspace.accounts)}.", exit_code=2)
    return [workspace.accounts[name] for name in names]


def _open_doors(workspace: Workspace, accounts: Sequence[Account]) -> tuple[list[Door], dict[str, ConnectorError]]:
    """Check who is behind every account and bind its dialects. An account that cannot be reached is left out, the others go on."""
    doors: list[Door] = []
    stopped: dict[str, ConnectorError] = {}
    lacking: list[str] = []
    for account in accounts:
        try:
            doors.append(_open_door(workspace, account))
        except ConnectorError as error:
            stopped[account.name] = error
        except MappingProblems as error:
            lacking += [f"{account.name}: {problem}" for problem in error.problems]
    if lacking:
        raise MappingProblems(lacking)
    return doors, stopped


def _open_door(workspace: Workspace, account: Account) -> Door:
    connector: Connector = account.connector
    identity = connector.identity()
    _check_identity(workspace, account, identity)
    owners = connector.owners()
    dialects = {object: account.bind(object, connector.describe(object), owners, identity) for object in account.objects}
    _rebase(workspace, account, dialects)
    return Door(account, identity, dialects)


def _check_identity(workspace: Workspace, account: Account, identity: Any) -> None:
    """The store knows whom it describes: another portal behind a known name would mix two companies' leads."""
    with workspace.store.begin() as unit:
        known, twin = unit.account(account.name), unit.account_of(identity.key)
        if known is not None and known["identity"] != identity.key:
            raise Stopped(
                f"{account.name} now leads to {identity.label}, but this store knows it as {known['label']}. Nothing was read or written. "
                "Correct the credentials, or give the other account a name of its own.",
                exit_code=2,
            )
        if known is None and twin is not None:
            raise Stopped(
                f"{account.name} leads to {identity.label}, which this store knows as {twin['name']}. "
                f"Call it [accounts.{twin['name']}] again, or start with a new store.",
                exit_code=2,
            )
        if known is None:
            unit.put_account(account.name, account.crm, identity.key, identity.label, workspace.now())


def _rebase(workspace: Workspace, account: Account, dialects: Mapping[str, Any]) -> None:
    """A changed mapping is no edit by anybody: its rows mean something else now, and what differs by it waits until it was looked at."""
    now = {object: marks(dialect) for object, dialect in dialects.items()}
    with workspace.store.begin() as unit:
        before = unit.rows_of(account.name)
        shifts = {object: shift(before[object], rows) for object, rows in now.items() if object in before}
        waiting = {object: set(rows) for object, rows in unit.rebased(account.name).items()}
        for object, shifted in ((object, shifted) for object, shifted in shifts.items() if shifted):
            _rebase_links(unit, account.name, object, dialects[object], shifted)
            waiting[object] = (waiting.get(object, set()) | shifted.other | shifted.new) - shifted.gone
            if shifted.new:
                unit.drop_cursor(account.name, object)
                unit.touch_all()
            unit.put_rebased(account.name, {object: sorted(rows) for object, rows in waiting.items()})
        if before != now:
            unit.put_rows(account.name, now)


def _rebase_links(unit: Any, account: str, object: str, dialect: Any, shifted: Shift) -> None:
    """Worked out from what is remembered: no record is read for it."""
    after = ""
    while batch := unit.links_after(account, object, after, CHUNK):
        leads = unit.leads([link.lead_id for link, _ in batch])
        fields = {link.ref: leads[link.lead_id].fields if link.lead_id in leads else {} for link, _ in batch}
        rebased = [(link, rebase(base, fields[link.ref], dialect, shifted)) for link, base in batch]
        unit.put_links([(link, base) for link, base in rebased if base.pairs])
        unit.touch(link.lead_id for link, base in rebased if differs(base, fields[link.ref], dialect, shifted.other))
        after = batch[-1][0].ref.id


def _since(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {kind: number - before.get(kind, 0) for kind, number in now.items() if number > before.get(kind, 0)}


@contextmanager
def _same(unit: Any) -> Iterator[Any]:
    yield unit
