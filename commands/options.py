"""Options that several commands share."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="settings; else LEADLOOM_CONFIG, else ./leadloom.toml")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]
Yes = Annotated[bool, typer.Option("--yes", help="go on where a guard would stop, and ask nothing")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="KIND=N", help="let so many go that a guard would stop, such as creates=6000; may be repeated"),
]
Accounts = Annotated[
    list[str] | None, typer.Option("--account", metavar="NAME", help="only this account, read and written; may be repeated")
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="show at most N lines")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="who decided (default: the user of this machine)")]


def user(given: str | None) -> str:
    """Who decides: the name that was given, else the user of this machine."""
    if given is not None:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
