"""What an error means to the person who typed the command. Imported once something went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.exits import Exit, Stop

if TYPE_CHECKING:
    from commands.reading import SettingsWrong


def told(error: Exception) -> tuple[str, Exit] | None:
    """A sentence and an exit code; None for what should not have happened."""
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
        return "A PostgreSQL store needs the extra `postgres`: pipx install 'leadloom[postgres]'.", Exit.USAGE
    if isinstance(error, ConnectorError):
        return str(error), Exit.FAILED
    return None


def _settings(error: SettingsWrong) -> str:
    number = len(error.mistakes)
    return str(error) if number == 1 else f"{error}\n{number} mistakes; nothing was contacted."
