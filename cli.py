"""The front door of `leadloom`: which commands there are, and what an error means for the exit code.

Commands live in `commands/`, one module per group. Nothing heavy is imported before a command needs it, so that `leadloom --help` is
quick: the database, the HTTP library and the vendors' clients are imported inside the commands' bodies.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from commands import consent, dedupe, demo, health, importing, init, leads, looking, privacy, review, sandbox, setup, syncing
from commands.exits import Exit

TRY, CONNECT, WORK, LOOK = "Try it", "Connect your CRMs", "Work", "Look"


class Grouped(TyperGroup):
    """Shows the commands under headings, in the order in which one meets them."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        headings: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.commands[name]
            headings.setdefault(str(command.rich_help_panel), []).append((name, command.get_short_help_str(limit=130)))
        for heading, rows in headings.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


app = typer.Typer(
    name="leadloom",
    help="Keeps the leads of HubSpot, Salesforce, Pipedrive and ActiveCampaign one and the same.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: half the start-up time, and fit for a pipe
    cls=Grouped,
)


app.command(rich_help_panel=TRY)(demo.demo)
app.command(rich_help_panel=TRY)(sandbox.sandbox)
app.command(rich_help_panel=CONNECT)(init.init)
app.command(rich_help_panel=CONNECT)(setup.setup)
app.command(rich_help_panel=CONNECT)(health.doctor)
app.command(rich_help_panel=CONNECT)(syncing.adopt)
app.command(rich_help_panel=WORK)(syncing.sync)
app.command(rich_help_panel=WORK)(syncing.plan)
app.command(rich_help_panel=WORK)(syncing.apply)
app.command(rich_help_panel=WORK)(syncing.undo)
app.command(rich_help_panel=WORK)(dedupe.dedupe)
app.command("import", rich_help_panel=WORK)(importing.import_leads)
app.command(rich_help_panel=LOOK)(health.status)
app.command(rich_help_panel=LOOK)(looking.runs)
app.command(rich_help_panel=LOOK)(health.verify)
app.add_typer(looking.problems, name="problems", rich_help_panel=LOOK)
app.add_typer(review.review, name="review", rich_help_panel=LOOK)
app.add_typer(leads.leads, name="leads", rich_help_panel=LOOK)
app.add_typer(consent.consent, name="consent", rich_help_panel=LOOK)
app.add_typer(privacy.privacy, name="privacy", rich_help_panel=LOOK)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"leadloom {version('leadloom')}")
        raise typer.Exit


@app.callback()
def leadloom(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="settings; else LEADLOOM_CONFIG, else ./leadloom.toml")] = None,
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and stop")] = False,
) -> None:
    if config is not None:
        os.environ["LEADLOOM_CONFIG"] = str(config)


def main() -> None:
    try:
        app()
    except SystemExit as ended:
        if ended.code == Exit.INTERRUPTED:
            typer.echo("Interrupted. Nothing is lost: what was under way is settled by the next run.", err=True)
        raise
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        sentence, code = told
        typer.echo(sentence, err=True)
        sys.exit(code)


def _told(error: Exception) -> tuple[str, Exit] | None:
    """What to tell a person, and the exit code; None for an error of ours, which deserves its trace."""
    from commands.failures import told

    return told(error)


if __name__ == "__main__":
    main()
