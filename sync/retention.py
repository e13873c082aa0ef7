"""Retention (shell): what of the store is kept for too long, read in streams; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leads.consent.reading import read_events
from leads.consent.retention import Clocks, Due, of_events, of_prospect
from leads.model import ABSENT

LEADS = 200
CUSTOMER = "customer"


def overdue(unit: Any, clocks: Clocks, until: float) -> Iterator[Due]:
    """Everything that is due at `until`: events by mailbox, then leads by id."""
    for _, documents in unit.events_by_mailbox():
        yield from (due for due in of_events(read_events(documents), clocks) if due.at <= until)
    after = ""
    while ids := unit.lead_ids(after, LEADS):
        for id, lead in unit.leads(ids).items():
            if lead.fields.get("stage", ABSENT) != CUSTOMER and lead.created_at is not None:
                yield from _prospect(unit, id, lead.created_at.timestamp(), clocks, until)
        after = ids[-1]


def _prospect(unit: Any, id: str, created_at: float, clocks: Clocks, until: float) -> Iterator[Due]:
    """Only of a lead that is old enough the events are read."""
    due = of_prospect(id, created_at, (), clocks)
    if due is not None and due.at <= until:
        due = of_prospect(id, created_at, read_events(unit.events_about(unit.addresses_of(id), [id])), clocks)
    if due is not None and due.at <= until:
        yield due
