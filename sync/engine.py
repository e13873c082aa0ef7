"""Engine (shell): what can be done with a workspace; each is a run over the same steps.

lease -> doors (identity, dialects) -> settle what is open -> pull -> weave -> guard -> push -> report
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import NewField, Page
from connectors.errors import ConnectorError
from leads.model import ABSENT
from sync.census import Census
from sync.contest import IMPORT
from sync.document import PlanDocument
from sync.doors import chosen, open_doors
from sync.erase import Person, erase
from sync.guard import APPLY, Way, having_looked
from sync.intake import IMPORT_OBJECT, ImportedTable
from sync.joining import join, told
from sync.parting import part
from sync.pull import store_page
from sync.push import push
from sync.running import Report, Run, running
from sync.state import UNDONE, Base, Joining, Pair, Ref
from sync.undo import Undoing
from sync.undone import released
from sync.uniting import ask_once
from sync.verify import Checked, verify
from sync.workspace import Account, Stopped, Workspace


def sync(workspace: Workspace, names: Iterable[str] | None = None) -> Report:
    """One run: read, decide, write, prove."""
    with workspace.store.lease(), running(workspace, "sync", names) as run:
        run.recall_erased()
        run.leave_rebased()
        run.count_linked()
        run.read()
        run.delete_erased()
        run.weave(workspace.store.begin)
        run.guard()
        clinging = push(workspace, run.doors, run.id, run.census)
        if clinging or run.is_unfinished():
            run.go_on(clinging)
        return run.report()


def dry_run(workspace: Workspace, names: Iterable[str] | None = None) -> Report:
    """A run that writes to no CRM: what it would do is counted and said."""
    with workspace.store.lease(), running(workspace, "dry-run", names) as run:
        run.leave_rebased()
        run.read()
        run.rehearse()
        return run.report()


def make_plan(workspace: Workspace, names: Iterable[str] | None = None) -> tuple[PlanDocument, Report]:
    """Everything a `sync` would write now, as a document."""
    with workspace.store.lease(), running(workspace, "plan", names) as run:
        run.read()
        document = PlanDocument.of(run.rehearse(), workspace, run.doors, run.id)
        return document, run.report()


def apply(workspace: Workspace, document: PlanDocument) -> Report:
    """Carry out the rows of a plan that still stand; a row whose record or lead has moved on is skipped and said."""
    if document.undo is not None:
        return _undo(workspace, document.undo, document)
    with workspace.store.lease(), running(workspace, "apply", document.accounts) as run:
        document.check(workspace, run.doors)
        run.count_linked()
        run.read()
        run.weave(workspace.store.begin)
        run.keep_only(document)
        run.guard(trusting=False, by=having_looked(workspace.guards), way=APPLY)
        if not run.census.guarded:
            run.trust_all()
        push(workspace, run.doors, run.id, run.census)
        return run.report()


def undo(workspace: Workspace, undoing: Undoing) -> Report:
    """Take back what a run wrote, as far as nobody has moved on since; the report names everything that stays, and why."""
    return _undo(workspace, undoing, None)


def plan_undo(workspace: Workspace, undoing: Undoing) -> tuple[PlanDocument, Report]:
    """Everything an `undo` would write now, as a document for `apply`."""
    with workspace.store.lease(), running(workspace, "plan", _written_accounts(workspace, undoing)) as run:
        run.read()
        rows = run.rehearse_undo(undoing)
        return PlanDocument.of(rows, workspace, run.doors, run.id, undoing, run.left()), run.report()


def _undo(workspace: Workspace, undoing: Undoing, document: PlanDocument | None) -> Report:
    with workspace.store.lease(), running(workspace, "undo", _written_accounts(workspace, undoing)) as run:
        if document is not None:
            document.check(workspace, run.doors)
        run.count_linked()
        run.read()
        run.take_back(undoing, workspace.store.begin)
        if document is not None:
            run.keep_only(document)
            run.guard(trusting=False, by=having_looked(workspace.guards), way=APPLY)
        else:
            run.guard(trusting=False, way=_way_of(undoing))
        push(workspace, run.doors, run.id, run.census)
        return run.report()


def _way_of(undoing: Undoing) -> Way:
    command = f"leadloom undo {undoing.run}"
    command += f" --lead {undoing.lead_id}" if undoing.lead_id else ""
    command += f" --field {undoing.field}" if undoing.field else ""
    return Way(f"{command} -o FILE", "leadloom apply FILE", command)


def _written_accounts(workspace: Workspace, undoing: Undoing) -> list[str] | None:
    """The accounts that an undo is about; None: all, because leads change hands."""
    with workspace.store.begin() as unit:
        if unit.run(undoing.run) is None:
            raise Stopped(f"There is no run {undoing.run}. `leadloom runs` lists them.", exit_code=2)
        if unit.joining_of_run(undoing.run) is not None:
            return None
        return [name for name in unit.accounts_written(undoing.run) if name in workspace.accounts]


def adopt(workspace: Workspace, names: Iterable[str] | None = None) -> Report:
    """Take over records that carry the ids of a lost store: leads get these ids again, nothing is written."""
    with workspace.store.lease(), running(workspace, "adopt", names) as run:
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
        run = Run(workspace, id, [door], census, {})
        store_page(workspace, door, IMPORT_OBJECT, Page(table.records(), ""), id, workspace.now(), census)
        run.weave(workspace.store.begin)
        return run.report()


def erase_lead(workspace: Workspace, lead_id: str, reason: str) -> tuple[Person, Report]:
    """Forget a person, delete the records in every CRM that can be reached, and see to it that nothing brings them back."""
    with workspace.store.lease(), running(workspace, "erase", None) as run:
        person = erase(workspace, run.doors, lead_id, reason, f"erase:{run.id}", run.census)
        return person, run.report()


def merge_leads(workspace: Workspace, kept: str, gone: str, by: str) -> Mapping[str, Any]:
    """Make two leads one, as a run of its own, and report; the next plan shows what this means for the CRMs."""
    return _regroup(workspace, "merge", lambda unit, run: join(unit, workspace, kept, gone, run, by))


def split_lead(workspace: Workspace, lead: str, refs: Sequence[Ref], by: str) -> Mapping[str, Any]:
    """Take records out of a lead for ever, as a run of its own, and report; the next plan shows what this means for the CRMs."""
    return _regroup(workspace, "split", lambda unit, run: part(unit, workspace, lead, refs, run, by))


def _regroup(workspace: Workspace, kind: str, change: Callable[[Any, str], Joining]) -> Mapping[str, Any]:
    with workspace.store.lease(), workspace.store.begin() as unit:
        run = unit.start_run(kind, workspace.now())
        report = {"run": run, "status": "done", **told(unit, change(unit, run))}
        ask_once(unit)
        unit.finish_run(run, "done", report, workspace.now())
    return report


def retry(workspace: Workspace, problem: str) -> int:
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
        doors, stopped = open_doors(workspace, chosen(workspace, names))
        why = {name: str(error) for name, error in stopped.items()}
        found: list[Checked] = []
        for door in doors:
            try:
                found.append(verify(workspace, [door]))
            except ConnectorError as error:
                why[door.name] = str(error)
    counts = [Counter(one.records) for one in found], [Counter(one.held) for one in found]
    records, held = (sum(each, Counter()) for each in counts)
    return Checked(records, held, [difference for one in found for difference in one.differences]), why


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
