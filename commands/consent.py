"""`consent`: what may be sent to whom, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.exits import Stop
from commands.options import Json

consent = typer.Typer(help="What may be sent to whom, and why.", no_args_is_help=True, rich_markup_mode=None)

COLUMNS = ("identifier", "purpose", "channel", "status", "permitted", "grade", "flags", "because")


@consent.command()
def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="events, policy and questions, see docs/consent.md")],
    as_json: Json = False,
) -> None:
    """Answer the questions of a file from its events alone: no store, no clock, no settings."""
    from commands import showing
    from leads.consent.document import ConsentFileWrong
    from leads.consent.document import evaluate as evaluated

    try:
        answers = evaluated(_read(file))
    except ConsentFileWrong as wrong:
        raise Stop("\n".join(f"{file}: {mistake}" for mistake in wrong.mistakes)) from None
    if as_json:
        showing.print_json(answers)
    else:
        showing.show(showing.table("", COLUMNS, ([row[name] for name in COLUMNS] for row in answers)))


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Stop(f"{file} is not UTF-8 text.") from None
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Stop(f"{file} is not JSON{where}.") from None
