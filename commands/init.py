"""`leadloom init`: a starter settings file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.exits import Stop


def init(
    file: Annotated[Path, typer.Argument(help="where to write it")] = Path("leadloom.toml"),
    crm: Annotated[list[str] | None, typer.Option("--crm", help="hubspot, salesforce, pipedrive or activecampaign; repeatable")] = None,
) -> None:
    """Write a starter settings file. Never overwrites one."""
    from commands.starter import ACCOUNTS, starter

    chosen = _asked(list(ACCOUNTS)) if crm is None or len(crm) == 0 else crm
    strangers = [name for name in chosen if name not in ACCOUNTS]
    if len(strangers) > 0:
        raise Stop(f"No such CRM: {', '.join(strangers)}. Known: {', '.join(ACCOUNTS)}.")
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(starter(chosen))
    except FileExistsError:
        raise Stop(f"{file} exists and is left as it is. Name another file: leadloom init FILE") from None
    except OSError as error:
        raise Stop(f"{file} cannot be written: {error.strerror}.") from None
    typer.echo(f"Wrote {file}. Fill in the addresses, set the variables it names, then run: leadloom setup", err=True)


def _asked(crms: list[str]) -> list[str]:
    """Asks a person at a terminal; a script gets all four."""
    if not sys.stdin.isatty():
        return crms
    answer = typer.prompt(f"Which CRMs? ({', '.join(crms)})", default="all", err=True)
    return crms if answer.strip() == "all" else [name.strip().lower() for name in answer.split(",")]
