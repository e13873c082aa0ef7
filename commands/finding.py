"""Which lead, field or moment somebody means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from commands.exits import Stop

if TYPE_CHECKING:
    from store.unit import Unit
    from sync.state import LeadState

LeadArgument = Annotated[str, typer.Argument(metavar="LEAD", help="the beginning of a lead's id, or one of its e-mail addresses")]
FieldArgument = Annotated[str | None, typer.Argument(metavar="[FIELD]", help="one field only, such as job_title")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="TIME", help="as it was then: a date (its end) or a time, such as 2026-01-31T12:00")
]


@contextmanager
def one(wanted: str, config: Path | None, as_of: str | None = None) -> Iterator[tuple[Unit, LeadState, ZoneInfo]]:
    """The lead that somebody means: now, or the one that it was at a moment, if it has been merged or split since."""
    from commands.workspace import open_memory, settings_of

    zone = ZoneInfo(settings_of(config).defaults.timezone)
    at = moment_meant(as_of, zone)
    with open_memory(config) as store, store.begin() as unit:
        yield unit, _lead(unit, wanted, at), zone


def _lead(unit: Unit, wanted: str, at: datetime | None) -> LeadState:
    now = _found(unit, wanted)
    if at is not None:
        former = unit.former_names(wanted) if "@" not in wanted else []
        then = unit.lead_then(former[0] if former else now, at)
        known = unit.leads([then]).get(then) or unit.lead_that_was(then)
        if known is not None:
            return known
    return unit.leads([now])[now]


def check_field(field: str | None) -> None:
    from commands.checks import nearest
    from leads.model import FIELDS, is_field

    if field is not None and not is_field(field):
        raise Stop(f"A lead has no field {field}. {nearest(field, list(FIELDS))}".rstrip())


def lead_called(wanted: str, config: Path | None) -> str:
    """The id of the lead that somebody names by the beginning of its id or by an address."""
    from commands.workspace import open_memory

    with open_memory(config) as store, store.begin() as unit:
        return _found(unit, wanted)


def _found(unit: Unit, wanted: str) -> str:
    from leads import normal
    from sync.plan import address

    norm = normal.email(wanted)
    ids = unit.find_leads("" if "@" in wanted else wanted, "" if isinstance(norm, normal.Refused) else address("emails", norm.norm))
    if len(ids) == 0:
        raise Stop(f"No lead is known as {wanted}. `leadloom leads list` shows them.")
    if len(ids) > 1:
        raise Stop(f"Several leads fit {wanted}: {', '.join(ids)}. Name one of them.")
    return ids[0]


def moment_meant(text: str | None, zone: ZoneInfo) -> datetime | None:
    """The moment that somebody names; a date means its end, a time without zone is in the zone of the settings."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time.max, zone)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(f"{text} is no date or time. Write it as 2026-01-31 or 2026-01-31T12:00.") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)
