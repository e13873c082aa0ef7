"""What an error means to the person who typed the command. Imported once something went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.exits import Exit, Stop

if TYPE_CHECKING:
    from sqlalchemy.exc import OperationalError

    from commands.reading import SettingsWrong

CARRIES_ON = "what was under way is settled by the next run"


def told(error: Exception) -> tuple[str, Exit] | None:
    """A sentence and an exit code; None for what should not have happened."""
    from sqlalchemy.exc import OperationalError

    from commands.reading import SettingsWrong
    from connectors.errors import ConnectorError
    from mappings.schema import MappingProblems
    from store.database import StoreError
    from store.lease import LeaseHeld
    from sync.workspace import Stopped

    if isinstance(error, Stop):
        return str(error), error.code
    if isinstance(error, SettingsWrong):
        return _settings(error), Exit.USAGE
    if isinstance(error, MappingProblems):
        return f"{error}\nFields of ours are created by `leadloom setup`. Nothing was written.", Exit.USAGE
    if isinstance(error, StoreError):
        return str(error), Exit.USAGE
    if isinstance(error, LeaseHeld):
        return str(error), Exit.LEASED
    if isinstance(error, Stopped):
        return str(error), Exit(error.exit_code)
    if isinstance(error, ModuleNotFoundError) and error.name in ("psycopg", "psycopg2"):
        return "A PostgreSQL store needs the extra `postgres`. From a clone: pipx install --force '.[postgres]'.", Exit.USAGE
    if isinstance(error, ConnectorError):
        return str(error), Exit.FAILED
    if isinstance(error, OperationalError) and not _is_our_sql(error):
        return f"The store cannot be used: {error.orig}. Put that right and run again; {CARRIES_ON}.", Exit.FAILED
    return None


def _is_our_sql(error: OperationalError) -> bool:
    """SQLite calls a mistake in a statement operational too, such as a table that is not there (https://www.sqlite.org/rescode.html)."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == 1


def _settings(error: SettingsWrong) -> str:
    number = len(error.mistakes)
    return str(error) if number == 1 else f"{error}\n{number} mistakes; nothing was contacted."
