"""The v2 lists: filters, orders and cursors over 250,000 rows."""

from __future__ import annotations

import base64
import binascii
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sandbox.messages import Request
from sandbox.pipedrive_answers import invalid
from sandbox.pipedrive_rows import Organization, Person
from sandbox.rows import Rows

R = TypeVar("R", Person, Organization)

PAGE_LIMIT = 500
IDS_LIMIT = 100
ORDERS = ("id", "update_time", "add_time")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page, in the order of the walk."""

    order: str
    value: int
    descending: bool
    id: int
    at: float

    def text(self) -> str:
        direction = "desc" if self.descending else "asc"
        body = {"field": self.order, "fieldValue": self.value, "sortDirection": direction, "id": self.id, "at": self.at}
        return base64.urlsafe_b64encode(json.dumps(body, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str, now: float, life: float | None) -> Cursor:
    try:
        body = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        cursor = Cursor(body["field"], int(body["fieldValue"]), body["sortDirection"] == "desc", int(body["id"]), float(body["at"]))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise invalid("cursor: not a valid cursor") from error
    if cursor.order not in ORDERS or (life is not None and now - cursor.at > life):
        raise invalid("cursor: not a valid cursor")
    return cursor


def limit_of(request: Request, most: int = PAGE_LIMIT) -> int:
    text = request.param("limit", "100") or ""
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise invalid(f"limit: must be between 1 and {most}")
    return int(text)


def moment(request: Request, name: str) -> float | None:
    """Whole seconds in RFC 3339 only: fractions are refused."""
    text = request.param(name)
    if text is None:
        return None
    text = text.replace(" ", "+")  # an unescaped plus sign of an offset
    if _TIME.fullmatch(text) is None:
        raise invalid(f"{name}: not a valid datetime")
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise invalid(f"{name}: not a valid datetime") from error


def number(request: Request, name: str) -> int | None:
    text = request.param(name)
    if text is None:
        return None
    if not text.isdigit():
        raise invalid(f"{name}: expected integer")
    return int(text)


def words(request: Request, name: str) -> list[str]:
    return [word for word in (request.param(name) or "").split(",") if word]


def page(
    rows: Rows[R],
    request: Request,
    *,
    now: float,
    cursor_life: float | None,
    chosen: Sequence[int] | None,
    keep: Callable[[R], bool] | None,
) -> tuple[list[R], str | None]:
    """One page and the cursor of the next. `chosen` are the ids a filter allows, `keep` looks at the row."""
    limit = limit_of(request)
    order, descending = _order(request)
    low, high = (None, None) if "filter_id" in request.query else (moment(request, "updated_since"), moment(request, "updated_until"))
    text = request.param("cursor")
    cursor = None if not text else read_cursor(text, now, cursor_life)
    if cursor is not None:
        order, descending = cursor.order, cursor.descending
    walk = _walk(rows, order, descending, low, high, chosen, cursor)
    found = list(islice((row for row in walk if keep is None or keep(row)), limit + 1))
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], Cursor(order, _value(last, order), descending, last.id, now).text()


def _order(request: Request) -> tuple[str, bool]:
    order, direction = request.param("sort_by", "id"), request.param("sort_direction", "asc")
    if order not in ORDERS:
        raise invalid(f"sort_by: must be one of {', '.join(ORDERS)}")
    if direction not in ("asc", "desc"):
        raise invalid("sort_direction: must be one of asc, desc")
    return str(order), direction == "desc"


def _value(row: Person | Organization, order: str) -> int:
    return {"id": row.id, "update_time": row.stamp, "add_time": int(row.added)}[order]


def _walk(
    rows: Rows[R], order: str, descending: bool, low: float | None, high: float | None, chosen: Sequence[int] | None, cursor: Cursor | None
) -> Iterator[R]:
    def in_time(row: R) -> bool:
        return (low is None or row.stamp >= low) and (high is None or row.stamp < high)

    if order == "id" or chosen is not None:
        ids = sorted(id for id in chosen if rows.get(id) is not None) if chosen is not None else rows.ids_between(low, high)
        after = None if cursor is None else cursor.id
        return (row for row in _rows(rows, _from(rows.ids if ids is None else ids, after, descending)) if in_time(row))
    if order == "update_time":
        first, last = rows.between(low, high)
        mark = None if cursor is None else (cursor.value, cursor.id)
        return _rows(rows, (id for _, id in _from(rows.times, mark, descending, first, last)))
    added = rows.keep("add_time", lambda: sorted((int(row.added), row.id) for row in rows.listed()))
    mark = None if cursor is None else (cursor.value, cursor.id)
    return (row for row in _rows(rows, (id for _, id in _from(added, mark, descending))) if in_time(row))


def _rows(rows: Rows[R], ids: Iterable[int]) -> Iterator[R]:
    return (rows.rows[id] for id in ids)


def _from(order: Sequence[Any], after: Any, descending: bool, first: int = 0, last: int | None = None) -> Iterator[Any]:
    """The items past `after`, within the positions given, without copying the order."""
    end = len(order) if last is None else last
    if descending:
        top = end if after is None else min(end, bisect_left(order, after))
        return (order[at] for at in range(top - 1, first - 1, -1))
    start = first if after is None else max(first, bisect_right(order, after))
    return (order[at] for at in range(start, end))
