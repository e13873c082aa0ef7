"""`runs` and `problems`: what happened, and what needs a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from commands.exits import Stop
from commands.options import Config, Json, Limit

if TYPE_CHECKING:
    from store.unit import Unit

Row = Mapping[str, Any]


def runs(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="one run, in full")] = None,
    records: Annotated[bool, typer.Option("--records", help="with RUN: every record it concerned, with verdict and reason")] = False,
    limit: Limit = 20,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """What each run did, newest first; with a number: that run in full."""
    from commands import showing
    from commands.workspace import open_memory, settings_of

    zone = ZoneInfo(settings_of(config).defaults.timezone)
    with open_memory(config) as store, store.begin() as unit:
        found = unit.runs(limit) if run is None else [one for one in [unit.run(run)] if one is not None]
        verdicts = _verdicts(unit, run) if records and run is not None else []
    if run is None:
        listed = [summary(one, zone) for one in found]
        showing.print_json(listed) if as_json else showing.show(showing.of_runs(listed))
        return
    if len(found) == 0:
        raise Stop(f"There is no run {run}. `leadloom runs` lists them.")
    if records:
        showing.print_json(verdicts) if as_json else showing.show(showing.of_verdicts(verdicts, run))
        return
    report = json.loads(found[0]["summary"])
    if as_json:
        showing.print_json({**summary(found[0], zone), **report})
    else:
        leads = [showing.regrouped(report)] if "merged" in report or "split" in report else []
        showing.show(showing.of_runs([summary(found[0], zone)]), *(showing.of_run(report) if "accounts" in report else ()), *leads)


def _verdicts(unit: Unit, run: str) -> list[dict[str, Any]]:
    """Every record that a run concerned: what it was found to be (where no later run found something else), and what was written to it."""
    found = {(row["account"], row["object"], row["id"]): {**row, "written": "", "cause": ""} for row in unit.verdicts_in(run)}
    for entry in unit.entries(run=run):
        write = entry.write
        where = (write.account, write.object, write.id or f"(new) {write.lead_id}")
        row = {"account": where[0], "object": where[1], "id": where[2], "run": run, "verdict": "unchanged", "reason": "", "cause": ""}
        one = found.setdefault(where, row)
        one |= {"written": entry.verdict, "cause": entry.cause or one["cause"]}
    return [found[where] for where in sorted(found)]


def summary(run: Row, zone: ZoneInfo) -> dict[str, Any]:
    accounts = json.loads(run["summary"]).get("accounts", {}).values()
    return {
        "run": str(run["id"]),
        "kind": run["kind"],
        "started": moment(run["started"], zone),
        "seconds": None if run["finished"] is None else round(run["finished"] - run["started"], 1),
        "status": run["status"],
        "read": sum(account["in"]["read"] for account in accounts),
        "written": sum(account["out"][what] for account in accounts for what in ("created", "updated", "deleted")),
        "failed": sum(account["out"][what] for account in accounts for what in ("failed", "unknown")),
    }


def moment(seconds: float | None, zone: ZoneInfo) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, zone).isoformat(sep=" ", timespec="seconds")


problems = typer.Typer(help="What needs a person, by cause, with the next step.", invoke_without_command=True, rich_markup_mode=None)


@problems.callback()
def listed(context: typer.Context, as_json: Json = False, config: Config = None) -> None:
    """What needs a person, by cause, with the next step."""
    from commands import showing
    from commands.workspace import open_memory

    if context.invoked_subcommand is not None:
        return
    with open_memory(config) as store, store.begin() as unit:
        groups = [dict(group) for group in unit.problem_groups()]
    if as_json:
        showing.print_json(groups)
    elif len(groups) == 0:
        showing.show("No problems.")
    else:
        showing.show(*showing.of_problems(groups))


@problems.command("show")
def show_one(
    id: Annotated[str, typer.Argument(metavar="ID", help="an id of `leadloom problems`")],
    limit: Limit = 100,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Every record that has this problem."""
    from commands import showing
    from commands.workspace import open_memory

    with open_memory(config) as store, store.begin() as unit:
        rows = [{key: row[key] for key in SHOWN} for row in unit.problems_like(id.lower())]
    if len(rows) == 0:
        raise Stop(f"There is no problem {id} here. `leadloom problems` lists them, each with its id.")
    if as_json:
        showing.print_json(rows)
    else:
        showing.show(showing.table("", SHOWN, ([row[key] for key in SHOWN] for row in rows[:limit])))


@problems.command()
def retry(
    id: Annotated[str, typer.Argument(metavar="ID", help="an id of `leadloom problems`")], as_json: Json = False, config: Config = None
) -> None:
    """Forget why these records are held: the next sync tries them again."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from sync import engine

    with open_workspace(settings_of(config)) as workspace:
        number = engine.retry(workspace, id.lower())
    if number == 0:
        raise Stop(f"There is no problem {id} here. `leadloom problems` lists them, each with its id.")
    told = f"{showing.counted(number, 'record')} will be tried again by the next sync."
    showing.print_json({"retried": number}) if as_json else showing.show(told)


SHOWN = ("account", "object", "record", "lead_id", "field", "message", "fix")
