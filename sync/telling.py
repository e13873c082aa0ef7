"""Telling (shell): the ledger's answers for a chunk of leads, read in a few queries, as values of the lead's own fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from leads.consent.policy import Policy
from leads.consent.telling import Teller
from leads.model import ABSENT, CLEARED, Item, Value
from sync.consents import about
from sync.plan import address
from sync.state import LeadState
from sync.view import set_of

CHANNELS: Final = ("email", "phone")


class Telling:
    """What the ledger says about the first address of each kind that a lead has."""

    def __init__(self, unit: Any, items: Iterable[tuple[str, Item]], lead_ids: Iterable[str], now: datetime, policy: Policy) -> None:
        """`items` are (set, member) of every address that the leads may turn out to have."""
        places = {_identifier(name, item): address(name, item.key) for name, item in items if not item.is_raw}
        events, links = about(unit, places, list(lead_ids))
        self._teller = Teller(events, links, now.timestamp(), policy)

    def of(self, lead: LeadState) -> tuple[Mapping[str, Value], datetime | None]:
        """The values of the lead's fields, and when they may be others."""
        values: dict[str, Value] = {}
        due: list[float] = []
        for channel in CHANNELS:
            item = _first(lead, set_of(channel))
            told = None if item is None else self._teller.of(*item, channel)
            facts = (None, None, None) if told is None else (told.status, told.since, told.event)
            values |= {f"consent.{channel}.{name}": value for name, value in zip(("status", "since", "event"), facts, strict=True) if value}
            due += [] if told is None or told.due is None else [told.due]
        return values, datetime.fromtimestamp(min(due), UTC) if due else None


def cleared(fields: Mapping[str, Value], told: Mapping[str, Value]) -> dict[str, Value]:
    """What the lead was shown before and is not said any more, beside what is."""
    gone = {name: CLEARED for name in fields if name.startswith("consent.") and fields[name] is not CLEARED and name not in told}
    return {**gone, **told}


def _first(lead: LeadState, name: str) -> tuple[str, str] | None:
    items = lead.fields.get(name, ABSENT)
    found = next((item for item in items if not item.is_raw), None) if isinstance(items, tuple) else None
    return None if found is None else (_identifier(name, found), address(name, found.key))


def _identifier(name: str, item: Item) -> str:
    return f"{'email' if name == 'emails' else 'phone'}:{item.key}"
