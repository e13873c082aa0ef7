"""Rows in memory with the few orders that lists need: by id, by time of change, and by a text.

Nothing here copies or walks the whole table per request: 250,000 rows must answer a page in milliseconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

KEPT_RESULTS = 4


class Row(Protocol):
    id: int

    @property
    def stamp(self) -> int:
        """The whole second of the last change, as lists order and filter it."""

    @property
    def listed(self) -> bool:
        """Whether the API's user can see the row."""


R = TypeVar("R", bound=Row)
T = TypeVar("T")


class Index(Generic[R]):
    """Finds rows by a text; built at the first look-up, kept from then on."""

    def __init__(self, rows: Rows[R], texts: Callable[[R], Iterable[str]]) -> None:
        self._rows, self._texts = rows, texts
        self._ids: dict[str, int | tuple[int, ...]] | None = None

    def find(self, text: str) -> tuple[int, ...]:
        if self._ids is None:
            self._ids = {}
            for row in self._rows.listed():
                self.add(row)
        found = self._ids.get(text, ())
        return found if isinstance(found, tuple) else (found,)

    def add(self, row: R) -> None:
        if self._ids is None:
            return
        for text in self._texts(row):
            held = self._ids.setdefault(text, row.id)
            if held != row.id and not (isinstance(held, tuple) and row.id in held):
                self._ids[text] = (*held, row.id) if isinstance(held, tuple) else (held, row.id)

    def drop(self, row: R) -> None:
        if self._ids is None:
            return
        for text in self._texts(row):
            held = self._ids.get(text)
            if isinstance(held, tuple):
                self._ids[text] = tuple(id for id in held if id != row.id)
            elif held == row.id:
                del self._ids[text]


class Rows(Generic[R]):
    """Rows by id. `ids` and `times` hold the listed ones only, always sorted."""

    def __init__(self) -> None:
        self.rows: dict[int, R] = {}
        self.ids: list[int] = []
        self.times: list[tuple[int, int]] = []
        self.version = 0
        self.last_id = 0
        self._indexes: list[Index[R]] = []
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        self._loading = False

    def index(self, texts: Callable[[R], Iterable[str]]) -> Index[R]:
        index = Index(self, texts)
        self._indexes.append(index)
        return index

    def listed(self) -> Iterator[R]:
        return (self.rows[id] for id in self.ids)

    def get(self, id: int) -> R | None:
        """The row, if it is listed."""
        row = self.rows.get(id)
        return row if row is not None and row.listed else None

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def add(self, row: R) -> None:
        self.rows[row.id] = row
        self.last_id = max(self.last_id, row.id)
        self._list(row)

    def remove(self, row: R) -> None:
        self._unlist(row)
        del self.rows[row.id]

    @contextmanager
    def changing(self, row: R) -> Iterator[R]:
        """Every change of a stored row happens inside, so that no order goes stale."""
        self._unlist(row)
        try:
            yield row
        finally:
            self._list(row)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Many rows at once: the orders are made when the last one is in."""
        self._loading = True
        try:
            yield
        finally:
            self._loading = False
            self.ids.sort()
            self.times.sort()

    def between(self, low: float | None, high: float | None) -> tuple[int, int]:
        """Positions in `times` of the changes from `low` (included) up to `high` (excluded)."""
        first = 0 if low is None else bisect_left(self.times, (low, 0))
        last = len(self.times) if high is None else bisect_left(self.times, (high, 0))
        return first, max(first, last)

    def ids_between(self, low: float | None, high: float | None) -> Sequence[int] | None:
        """The ids changed in that time, sorted, if they are few; None if it is cheaper to walk all ids and look."""
        first, last = self.between(low, high)
        if (last - first) * 8 > len(self.ids):
            return None
        return sorted(id for _, id in self.times[first:last])

    def keep(self, name: Hashable, make: Callable[[], T]) -> T:
        """The result of `make`, kept until a row changes: a walk page by page asks for the same order again and again."""
        held = self._kept.get(name)
        if held is None or held[0] != self.version:
            held = (self.version, make())
            self._kept[name] = held
            if len(self._kept) > KEPT_RESULTS:
                self._kept.popitem(last=False)
        result: T = held[1]
        return result

    def _list(self, row: R) -> None:
        if not row.listed:
            return
        self.version += 1
        entry = (row.stamp, row.id)
        if self._loading or not self.ids or row.id > self.ids[-1]:
            self.ids.append(row.id)
        else:
            insort(self.ids, row.id)
        if self._loading or not self.times or entry > self.times[-1]:
            self.times.append(entry)
        else:
            insort(self.times, entry)
        for index in self._indexes:
            index.add(row)

    def _unlist(self, row: R) -> None:
        if not row.listed:
            return
        self.version += 1
        del self.ids[bisect_right(self.ids, row.id) - 1]
        del self.times[bisect_left(self.times, (row.stamp, row.id))]
        for index in self._indexes:
            index.drop(row)
