"""`runs` and `problems`: what happened, and what needs a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from commands.exits import Stop
from commands.options import Config, Json, Limit

Row = Mapping[str, Any]


def runs(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="one run, in full")] = None,
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
    if run is None:
        listed = [summary(one, zone) for one in found]
        showing.print_json(listed) if as_json else showing.show(showing.of_runs(listed))
        return
    if len(found) == 0:
        raise Stop(f"There is no run {run}. `leadloom runs` lists them.")
    report = json.loads(found[0]["summary"])
    if as_json:
        showing.print_json({**summary(found[0], zone), **report})
    else:
        leads = [showing.regrouped(report)] if "merged" in report or "split" in report else []
        showing.show(showing.of_runs([summary(found[0], zone)]), *(showing.of_run(report) if "accounts" in report else ()), *leads)


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
        showing.show(showing.of_problems(groups))


@problems.command("show")
def show_one(
    id: Annotated[int, typer.Argument(metavar="ID", help="a number of `leadloom problems`")],
    limit: Limit = 100,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Every record that has this problem."""
    from commands import showing
    from commands.workspace import open_memory

    with open_memory(config) as store, store.begin() as unit:
        rows = [{key: row[key] for key in SHOWN} for row in unit.problems_like(id)]
    if len(rows) == 0:
        raise Stop(f"There is no problem {id} any more. `leadloom problems` lists them.")
    if as_json:
        showing.print_json(rows)
    else:
        showing.show(showing.table("", SHOWN, ([row[key] for key in SHOWN] for row in rows[:limit])))


@problems.command()
def retry(
    id: Annotated[int, typer.Argument(metavar="ID", help="a number of `leadloom problems`")], as_json: Json = False, config: Config = None
) -> None:
    """Forget why these records are held: the next sync tries them again."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from sync import engine

    with open_workspace(settings_of(config)) as workspace:
        number = engine.retry(workspace, id)
    if number == 0:
        raise Stop(f"There is no problem {id} any more. `leadloom problems` lists them.")
    showing.print_json({"retried": number}) if as_json else showing.show(f"{number} records will be tried again by the next sync.")


SHOWN = ("id", "account", "object", "record", "lead_id", "field", "message", "fix")
