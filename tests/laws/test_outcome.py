"""What a history says of a write that was never answered: only what cannot be read otherwise is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Step, Writer
from sync.journal import Cell
from sync.outcome import Became, became, is_untouched, never_landed
from sync.state import Base

SENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
CELL = Cell("title", "Title", "job_title", "Clerk", "CTO", "CTO", "")


def step(value: str | None, seconds: float, by: Writer = Writer.UNTOLD, *, told: bool = True) -> Step:
    return Step(SENT + timedelta(seconds=seconds), value, by, told)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (None, Became.UNKNOWN),
        ([], Became.NEVER_LANDED),
        ([step("CTO", 1), step("Clerk", 60, Writer.PERSON)], Became.SET_BACK),
        ([step("CTO", 1, Writer.US), step("Clerk", 60)], Became.SET_BACK),
        ([step("CTO", -30), step("Clerk", 60)], Became.SET_BACK),  # the CRM's clock may be behind ours
        ([step("CTO", -3600), step("Clerk", -1800)], Became.NEVER_LANDED),
        ([step("CTO", 30, Writer.PERSON), step("Clerk", 60, Writer.PERSON)], Became.NEVER_LANDED),
        ([step("Boss", 30, Writer.OTHER), step("Clerk", 60, Writer.OTHER)], Became.NEVER_LANDED),
        ([step(None, 30, Writer.US, told=False), step(None, 60, Writer.PERSON, told=False)], Became.UNKNOWN),
        ([step(None, 30, Writer.PERSON, told=False)], Became.NEVER_LANDED),
        ([step("CTO!", 1), step("Clerk", 60, Writer.PERSON)], Became.UNKNOWN),  # perhaps ours, spelled by the CRM
        ([step("Clerk", -40, Writer.US)], Became.NEVER_LANDED),  # an older write of ours
    ],
)
def test_a_history_is_believed_where_it_can_mean_one_thing_only(steps: list[Step] | None, expected: Became) -> None:
    assert became(CELL, SENT, steps) is expected


@pytest.mark.parametrize(
    ("before", "now", "untouched"),
    [
        (SENT, SENT, True),
        (SENT - timedelta(days=1), SENT - timedelta(hours=1), True),
        (None, SENT - timedelta(hours=1), True),
        (None, SENT - timedelta(seconds=30), False),
        (SENT, SENT + timedelta(seconds=1), False),
        (SENT, None, False),
    ],
)
def test_a_stamp_proves_that_nothing_was_written(before: datetime | None, now: datetime | None, untouched: bool) -> None:
    assert is_untouched(Base({}, None, before), now, SENT) is untouched


@pytest.mark.parametrize(
    ("cells", "never"),
    [
        ([Became.NEVER_LANDED], True),
        ([Became.NEVER_LANDED, Became.EDITED], True),  # somebody has written over one field; the other tells
        ([Became.NEVER_LANDED, Became.NO_SIGN], True),
        ([Became.EDITED], False),
        ([Became.NEVER_LANDED, Became.LANDED], False),
        ([Became.NEVER_LANDED, Became.UNKNOWN], False),
        ([Became.NO_SIGN], False),
        ([Became.SET_BACK], False),
        ([], False),
    ],
)
def test_a_write_never_happened_where_no_field_shows_it(cells: list[Became], never: bool) -> None:
    written = [Cell(f"row{place}", "field", "job_title", "Clerk", "CTO", "CTO", "") for place in range(len(cells))]
    found = {cell.row_id: became for cell, became in zip(written, cells, strict=True)}
    assert never_landed(written, found) is never
    said_anyway = Cell("no", "opt_out", "opt_out.email", "yes", "yes", True, "")
    assert never_landed([*written, said_anyway], {**found, "no": Became.LANDED}) is never
