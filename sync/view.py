"""Views: one record of a lead as a run sees it, with its link, its base, its dialect and what was read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from leads.model import ABSENT, FIELDS, Items, Kind, Winner
from mappings.sets import shown
from sync.state import PROFILING, Base, Link, Ref

SETS: Final = tuple(name for name, spec in FIELDS.items() if spec.kind in (Kind.EMAILS, Kind.PHONES))
RESTRICTIONS: Final = tuple(name for name, spec in FIELDS.items() if spec.winner is Winner.RESTRICTIVE)


class Observed(Protocol):
    """A record as it was read: only the fields that were looked at."""

    @property
    def fields(self) -> Mapping[str, Any]: ...
    @property
    def changed_at(self) -> datetime | None: ...
    @property
    def created_at(self) -> datetime | None: ...


def is_no(name: str) -> bool:
    """Whether a field says no: to all marketing on a channel, or to a narrower purpose on it (`opt_out.email/marketing.newsletter`)."""
    return name.startswith("opt_out.")


def channel_of(name: str) -> str:
    """The channel of a field that says no, with its purpose where it is a narrower one."""
    return name.partition(".")[2]


def set_of(channel: str) -> str:
    """The addresses that a no on `channel` covers; one to being profiled is filed under those of e-mail."""
    return "emails" if channel.partition("/")[0] in ("email", PROFILING) else "phones"


@dataclass(frozen=True, slots=True)
class View:
    """One record of the lead: its link, its base, its dialect, and what was read now (None: nothing new)."""

    link: Link
    base: Base
    dialect: Any
    record: Observed | None = None
    since: datetime | None = None  # up to when the record is known not to have changed
    waits: frozenset[str] = frozenset()  # rows that are not written now: their mapping changed and nobody has looked yet

    @property
    def ref(self) -> Ref:
        return self.link.ref

    def seen(self) -> dict[str, Any]:
        """What the base says the record shows, under the account's own field names."""
        return {row.remote: self.base.pair(row.id).seen for row in every_row(self.dialect) if self.base.knows(row.id)}


def every_row(dialect: Any) -> tuple[Any, ...]:
    """The rows of one value and those that show parts of a set."""
    return (*dialect.rows, *dialect.sets["emails"], *dialect.sets["phones"])


def shown_items(view: View, name: str, fields: Mapping[str, Any]) -> Items:
    """The members of set field `name` that a record with these `fields` shows."""
    return shown(view.dialect.sets[name], fields)


def went_with_its_address(row: Any, dialect: Any, fields: Mapping[str, Any], base: Base) -> bool:
    """Whether a record says no no more since its CRM keeps noes by address, and the address was exchanged: nobody took anything back."""
    if row.needs == "" or not base.knows(row.id) or row.parse(base.pair(row.id).seen, ABSENT) is not True:
        return False
    rows = dialect.sets[set_of(channel_of(row.lead))]
    before = {one.remote: base.pair(one.id).seen for one in rows}
    was, now = (next((item.key for item in shown(rows, shows)), "") for shows in (before, {**before, **fields}))
    return row.parse(fields.get(row.remote), ABSENT) is not True and now not in ("", was)


def latest_moment(record: Observed, now: datetime) -> datetime:
    """The latest moment at which what a record shows can have been written."""
    return record.changed_at if record.changed_at is not None else now
