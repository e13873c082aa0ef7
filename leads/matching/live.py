"""One record at a time against an index: the same keys, and so the same candidates, as for a file at once.

A store implements `KeyIndex` with a table (key, record) in the order of the key; `MemoryIndex` is the model that it has to equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from leads.matching.blocking import HUB, Ints, keys
from leads.matching.features import WIDTH, Row


class KeyIndex(Protocol):
    """Where keys are kept: in memory, or as a table (key, record) of the store, in order of the key."""

    def put(self, record: int, row: Row, found: Iterable[int]) -> None:
        """Keeps a record with its features and its keys, in place of what was there."""

    def holders(self, found: Iterable[int], most: int) -> Mapping[int, Iterable[int]]:
        """For each key the records that have it, `most` + 1 of them at most."""

    def rows(self, records: Iterable[int]) -> Mapping[int, Row]:
        """The features of records."""


class MemoryIndex:
    """The index for one process, and the model that a store has to equal."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._keys: dict[int, frozenset[int]] = {}
        self._holders: dict[int, set[int]] = {}

    def put(self, record: int, row: Row, found: Iterable[int]) -> None:
        for key in self._keys.get(record, frozenset()):
            self._holders[key].discard(record)
        self._rows[record], self._keys[record] = row, frozenset(found)
        for key in self._keys[record]:
            self._holders.setdefault(key, set()).add(record)

    def holders(self, found: Iterable[int], most: int) -> Mapping[int, Iterable[int]]:
        return {key: sorted(self._holders.get(key, ()))[: most + 1] for key in found}

    def rows(self, records: Iterable[int]) -> Mapping[int, Row]:
        return {record: self._rows[record] for record in records}


def keys_of(row: Row) -> frozenset[int]:
    """The blocking keys of one record."""
    return frozenset(int(column[0]) for column in keys(np.array([row], dtype=np.int64).reshape(1, WIDTH))) - {0}


def candidates(index: KeyIndex, record: int, row: Row) -> list[int]:
    """The records worth comparing with this one: those that share a key that is no hub, counting itself."""
    found: set[int] = set()
    for holders in index.holders(keys_of(row), HUB).values():
        sharing = {*holders, record}
        if len(sharing) <= HUB:
            found |= sharing
    return sorted(found - {record})


def table(rows: Iterable[Row]) -> Ints:
    return np.array(list(rows), dtype=np.int64).reshape(-1, WIDTH)
