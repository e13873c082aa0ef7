"""`sync`, `plan`, `apply`, `undo` and `adopt`: the commands that run the engine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.exits import Exit, Stop
from commands.files import private_file
from commands.options import Accounts, Allow, Config, Json, Limit, Yes

if TYPE_CHECKING:
    from sync.document import PlanDocument
    from sync.running import Report
    from sync.workspace import Workspace


MOVED = 20  # rows of a plan that are named, of those that have moved since


def sync(
    account: Accounts = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="read and decide, write to no CRM")] = False,
    yes: Yes = False,
    allow: Allow = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """One run: read what changed in every CRM, merge it, and write back what each of them is owed."""
    from sync import engine

    title = "Looking, nothing is written" if dry_run else "Syncing"
    with _working(config, yes, title, _allowed(allow)) as workspace:
        report = engine.dry_run(workspace, account) if dry_run else engine.sync(workspace, account)
    _tell(report, as_json)
    raise typer.Exit(report.exit_code)


def plan(
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="keep the plan, for `leadloom apply FILE`")] = None,
    account: Accounts = None,
    limit: Limit = 100,
    diff: Annotated[bool, typer.Option("--diff", help="one line per field: what goes and what comes")] = False,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="exit code 3 if there is anything to write")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show every write that a sync would make now, field by field, and write nothing."""
    from sync import engine

    with _working(config, False, "Looking, nothing is written") as workspace:
        document, report = engine.make_plan(workspace, account)
    _show_plan(document, report, output, limit, as_json, diff)
    raise typer.Exit(Exit.CHANGES if report.exit_code == 0 and detailed_exitcode and len(document.rows) > 0 else report.exit_code)


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a plan of `leadloom plan -o FILE`")],
    yes: Yes = False,
    allow: Allow = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Carry out a plan: exactly its writes, and no other. What has moved since is skipped and said.

    You have read it, so only two guards are left: deletions beyond their number, and a CRM that has been emptied since.
    """
    from sync import engine

    document = _load(file)
    with _working(config, yes, "Applying", _allowed(allow)) as workspace:
        report = engine.apply(workspace, document)
    _tell(report, as_json)
    raise typer.Exit(report.exit_code)


def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a number of `leadloom runs`")],
    lead: Annotated[str | None, typer.Option("--lead", metavar="LEAD", help="only this lead: beginning of its id, or an address")] = None,
    field: Annotated[str | None, typer.Option("--field", metavar="FIELD", help="only this field, such as job_title")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would go back, write to no CRM")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="keep the plan, for `leadloom apply FILE`")] = None,
    limit: Limit = 100,
    yes: Yes = False,
    allow: Allow = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take back what a run wrote, where nobody has moved on since. What stays is listed, with the reason."""
    from commands.finding import check_field, lead_called
    from sync import engine
    from sync.undo import Undoing

    check_field(field)
    allowed = _allowed(allow)
    undoing = Undoing(run, "" if lead is None else lead_called(lead, config), field or "")
    if dry_run or output is not None:
        with _working(config, False, "Looking, nothing is written") as workspace:
            document, report = engine.plan_undo(workspace, undoing)
        _show_plan(document, report, output, limit, as_json)
    else:
        with _working(config, yes, "Undoing", allowed) as workspace:
            report = engine.undo(workspace, undoing)
        _tell(report, as_json, limit)
    raise typer.Exit(report.exit_code)


def adopt(account: Accounts = None, as_json: Json = False, config: Config = None) -> None:
    """Take over CRMs that carry Leadloom's keys although the store is new: leads get their ids back, nothing is written."""
    from dataclasses import replace

    from sync import engine

    with _working(config, False, "Adopting, nothing is written") as workspace:
        report = engine.adopt(replace(workspace, adopting=True), account)
    _tell(report, as_json)
    raise typer.Exit(report.exit_code)


def _allowed(given: list[str] | None) -> dict[str, int]:
    """`--allow creates=6000` as {"creates": 6000}."""
    from commands.checks import nearest
    from sync.guard import KINDS

    allowed = {}
    for each in given or ():
        kind, _, number = each.partition("=")
        if kind not in KINDS:
            raise Stop(f"--allow {each}: there is no guard {kind}. {nearest(kind, list(KINDS))}".rstrip())
        if not number.isdecimal():
            raise Stop(f"--allow {each}: expected a number, such as {kind}=100.")
        allowed[kind] = int(number)
    return allowed


@contextmanager
def _working(config: Path | None, yes: bool, title: str, allow: Mapping[str, int] = MappingProxyType({})) -> Iterator[Workspace]:
    from commands.workspace import open_workspace, settings_of

    with open_workspace(settings_of(config), yes=yes, allow=allow) as workspace, busy(title):
        yield workspace


@contextmanager
def busy(title: str) -> Iterator[None]:
    """Something moves on a terminal while work is done; a pipe stays quiet."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{title} …"):
        yield


def _show_plan(document: PlanDocument, report: Report, output: Path | None, limit: int, as_json: bool, diff: bool = False) -> None:
    from commands import showing

    if output == Path("-"):  # the usual name of standard output
        output, as_json = None, True
    if output is not None:
        _keep(document, output)
    if as_json:
        showing.print_json(document.dump())
    elif document.undo is not None and len(document.rows) == len(document.left) == 0:
        showing.show(f"Run {document.undo.run} wrote nothing that could be taken back.")
    else:
        showing.show(*(showing.of_diff if diff else showing.of_plan)(document.dump(), limit))
    if report.in_doubt:
        showing.say(
            f"Creates that are not in it: {report.in_doubt}. Each may be somebody whom the CRM has already; a sync asks who they are."
        )
    _tell_troubles(report)
    if output is not None:
        showing.say(f"Kept in {output}. It holds personal data. Carry it out with: leadloom apply {output}")


def _tell(report: Report, as_json: bool, limit: int = 100) -> None:
    from commands import showing

    document = report.document()
    if as_json:
        showing.print_json(document)
    elif showing.is_nothing_undone(document):
        showing.show(f"Run {document['undone']['run']} wrote nothing that could be taken back.")
    else:
        undone = showing.of_undone(document, limit) if "undone" in document else []
        showing.show(*showing.of_run(document), *undone)
    _tell_troubles(report)


def _tell_troubles(report: Report) -> None:
    from commands.showing import counted, say

    for sentence in report.stopped.values():
        say(sentence)
    for sentences in report.guarded.values():
        for sentence in sentences:
            say(sentence)
    for run, number in report.carried_out.items():
        say(f"Of the plan, {counted(number, 'write')} {'was' if number == 1 else 'were'} carried out by run {run} already.")
    for account, target in report.stale[:MOVED]:
        say(f"{account}: {target} has moved since the plan was made, and was left alone.")
    if len(report.stale) > MOVED:
        say(f"So were {len(report.stale) - MOVED} more. Make a new plan for them.")


def _keep(document: PlanDocument, file: Path) -> None:
    with private_file(file) as out:
        json.dump(document.dump(), out, ensure_ascii=False, indent=1)


def _load(file: Path) -> PlanDocument:
    from sync.document import PlanDocument

    try:
        raw: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise Stop(f"{file} is not a plan. Make one with `leadloom plan -o FILE`.") from None
    return PlanDocument.load(raw)
