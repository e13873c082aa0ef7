"""Instants and durations as the rules and files write them."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
DURATION: Final = re.compile(r"(\d{1,9})(s|mo|m|h|d|w|y)")
DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, or whole months of the calendar."""

    seconds: int = 0
    months: int = 0

    def after(self, at: float) -> float:
        return _plus_months(at, self.months) if self.months else at + self.seconds


def duration(text: str) -> Duration | None:
    """`5m`, `7d`, `24mo`, `2y`; "0" means never and is None. Raises ValueError."""
    if text == "0":
        return None
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError("expected a number and one of s m h d w mo y, such as 7d or 24mo, or 0 for never")
    number, unit = int(found[1]), found[2]
    if unit in ("mo", "y"):
        return Duration(months=number * (12 if unit == "y" else 1))
    return Duration(seconds=number * SECONDS[unit])


def instant(text: str) -> float:
    """UTC seconds of an ISO time. Without a zone it is UTC; a date alone is its beginning. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def last_moment(text: Any) -> Any:
    """Until when something happened of which only the day is known: the end of it."""
    return f"{text}T23:59:59.999999Z" if isinstance(text, str) and DATE.fullmatch(text) else text


def has_time(text: Any) -> bool:
    """Whether a proof names a time of day and not only a date (AG Düsseldorf 23 C 3876/13)."""
    if not isinstance(text, str) or len(text) <= len("2026-01-31"):
        return False
    try:
        instant(text)
    except ValueError:
        return False
    return True


def _plus_months(at: float, months: int) -> float:
    if at == float("-inf"):
        return at
    try:
        start = datetime.fromtimestamp(at, UTC)
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        day = min(start.day, monthrange(year, month + 1)[1])
        return start.replace(year=year, month=month + 1, day=day).timestamp()
    except (ValueError, OverflowError):  # outside the calendar: never, or long ago
        return at if at < 0 else float("inf")
