"""Which records are worth comparing: those that share a key that is not too common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum, auto
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.features import WIDTH, Kind, Row
from leads.matching.features import Column as C

HUB: Final = 40  # a key that more records share says nothing by itself; combined keys still reach them

Ints = NDArray[np.int64]
Codes = NDArray[np.uint64]
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


Of = Callable[[C], Any]  # a feature of one record, or a column of them for many


class Part(IntEnum):
    """What keys are made of beside the features themselves."""

    SOLO = WIDTH  # an address, unless it is a team's
    SOLO2 = auto()
    TEAM = auto()
    TEAM2 = auto()
    YEAR = auto()
    DAY = auto()
    BASE = auto()  # what numbers of one switchboard begin with, where that is long enough to tell it from others
    BASE2 = auto()
    BASE_CUT = auto()
    BASE2_CUT = auto()
    PHONE_CUT = auto()
    PHONE2_CUT = auto()
    PHONE_STUMP = auto()
    PHONE2_STUMP = auto()


def _long(stump: Any) -> Any:
    return stump * (stump > 10_000_000)


MADE: Final[Mapping[Part, Callable[[Of], Any]]] = {  # the same for one record and for many at once
    Part.SOLO: lambda of: of(C.MAIL) * (of(C.KIND) != Kind.ROLE),
    Part.SOLO2: lambda of: of(C.MAIL2) * (of(C.KIND2) != Kind.ROLE),
    Part.TEAM: lambda of: of(C.MAIL) * (of(C.KIND) == Kind.ROLE),
    Part.TEAM2: lambda of: of(C.MAIL2) * (of(C.KIND2) == Kind.ROLE),
    Part.YEAR: lambda of: of(C.BORN) // 10_000,
    Part.DAY: lambda of: of(C.BORN) % 10_000,
    Part.BASE: lambda of: _long(of(C.BASE)),
    Part.BASE2: lambda of: _long(of(C.BASE2)),
    Part.BASE_CUT: lambda of: _long(of(C.BASE) // 10),
    Part.BASE2_CUT: lambda of: _long(of(C.BASE2) // 10),
    Part.PHONE_CUT: lambda of: _long(of(C.PHONE) // 100),
    Part.PHONE2_CUT: lambda of: _long(of(C.PHONE2) // 100),
    Part.PHONE_STUMP: lambda of: _long(of(C.PHONE) // 1000),
    Part.PHONE2_STUMP: lambda of: _long(of(C.PHONE2) // 1000),
}


def _alone(number: int, *parts: int) -> Iterator[tuple[int, ...]]:
    return ((number, part) for part in parts)


def _both(number: int, ones: Iterable[int], others: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return ((number, one, other) for one in ones for other in others)


_LETTERS: Final = (C.FIRST_LETTER, C.LAST_LETTER)
_NAMES: Final = (C.FIRST, C.LAST)
_WHOLE: Final = (C.FIRST_LAST, C.INITIAL_LAST)
_WORK: Final = (C.COMPANY, C.WORK, C.WORK2)
_STUMPS: Final = (
    *(Part.BASE, Part.PHONE_STUMP, Part.BASE_CUT, Part.PHONE_CUT),
    *(Part.BASE2, Part.PHONE2_STUMP, Part.BASE2_CUT, Part.PHONE2_CUT),
)
KINDS: Final[Sequence[Sequence[tuple[int, ...]]]] = [  # the number of the kind, and one feature or two
    list(kind)
    for kind in (
        _alone(1, Part.SOLO, Part.SOLO2),
        _both(2, (Part.TEAM, Part.TEAM2), _LETTERS),
        _alone(3, C.LOCAL, C.LOCAL2),
        _alone(4, C.STEM, C.STEM2, C.FIRST_LAST, C.LAST_FIRST, C.INITIAL_LAST, C.LAST_INITIAL),
        (*_both(5, (C.STEM, C.STEM2), (C.WORK, C.COMPANY)), *_both(5, _WHOLE, _WORK)),
        _alone(6, C.PHONE, C.PHONE2),
        _both(7, _STUMPS, _LETTERS),
        _both(8, _WHOLE, (C.POSTCODE, C.COUNTRY, C.CITY)),
        _both(9, _NAMES, _WORK),
        _both(10, _NAMES, (C.POSTCODE, C.BORN, C.STREET)),
        _both(15, _NAMES, (C.CITY,)),
        _both(19, _NAMES, (Part.YEAR,)),
        _both(20, _NAMES, (Part.DAY,)),
        _alone(16, C.BORN),
        _both(17, (C.BORN,), _LETTERS),
        _both(18, (C.STREET,), (C.CITY,)),
        _both(11, (C.POSTCODE,), (C.STREET,)),
        _both(12, (C.BORN,), (C.POSTCODE,)),
        _alone(13, C.NATIONAL_ID),
        _alone(14, C.CRM_ID, C.XREF),
    )
]
_EVERY: Final = [key for kind in KINDS for key in kind]
_NUMBERS: Final = np.array([[key[0]] for key in _EVERY], dtype=np.uint64)
_ONES: Final = np.array([key[1] for key in _EVERY])
_PAIRED: Final = np.array([len(key) == 3 for key in _EVERY])
_OTHERS: Final = np.array([key[-1] for key in _EVERY])


def mixed(kind: int, *parts: Ints) -> Ints:
    """One key of several features; 0 where one of them is missing."""
    key = np.full(len(parts[0]), kind + 1, dtype=np.uint64)
    missing = np.zeros(len(parts[0]), dtype=bool)
    for part in parts:
        missing |= part == 0
        key = _stirred(key, part)
    keys = (key >> np.uint64(1)).astype(np.int64)
    keys[missing] = 0
    return keys


def _stirred(key: Codes, part: Ints) -> Codes:
    key = (key ^ part.astype(np.uint64)) * _MIX
    return key ^ (key >> np.uint64(29))


def kinds(rows: Ints) -> Iterator[Iterator[Ints]]:
    """The blocking keys of records (rows of features), kind by kind, one column after the other; 0 is no key.

    Only keys of one kind can be equal, so that a kind at a time is all that has to be held.
    """

    def of(column: C) -> Ints:
        return rows[:, column]

    def part(which: int) -> Ints:
        return MADE[Part(which)](of) if which >= WIDTH else rows[:, which]

    return ((mixed(number, *map(part, parts)) for number, *parts in kind) for kind in KINDS)


def keys(rows: Sequence[Row]) -> Ints:
    """The same keys of a few records, all kinds at once, a row for each record: somebody is waiting."""
    parts = np.array([[*row, *(make(row.__getitem__) for make in MADE.values())] for row in rows], dtype=np.int64).T
    one, other = parts.take(_ONES, axis=0), parts.take(_OTHERS, axis=0)
    key = _stirred(_NUMBERS + np.uint64(1), one)
    key[_PAIRED] = _stirred(key[_PAIRED], other[_PAIRED])
    found = (key >> np.uint64(1)).astype(np.int64)
    found[(one == 0) | (other == 0)] = 0
    return found.T


def pairs(rows: Ints) -> tuple[Ints, Ints]:
    """Every pair of records with a common key, as two columns of row numbers, left < right, each once."""
    every = np.zeros(0, dtype=np.int64)
    for kind in kinds(rows):
        every = _united(every, _pairs_of(*_shared(kind)))
    return every >> 32, every & 0xFFFFFFFF


def _pairs_of(found: Ints, numbers: Ints) -> Ints:
    starts = starts_of(found)
    sizes = np.diff(np.r_[starts, len(found)])
    fits = (sizes > 1) & (sizes <= HUB)
    wanted = np.repeat(fits, sizes)
    left_in = np.repeat(starts + sizes, sizes)[wanted] - np.flatnonzero(wanted)  # how many of the group follow, and oneself
    numbers = numbers[wanted]
    codes: list[Ints] = []
    at = np.arange(len(numbers))
    for distance in range(1, HUB):
        at = at[left_in[at] > distance]
        if len(at) == 0:
            break
        codes.append(_code(numbers[at], numbers[at + distance]))
    return np.concatenate(codes) if codes else np.zeros(0, dtype=np.int64)


def _united(one: Ints, other: Ints) -> Ints:
    """Every number of both once, in order."""
    every = np.concatenate([one, other])
    every.sort(kind="stable")  # both are nearly sorted runs
    once: Ints = every[np.r_[True, every[1:] != every[:-1]][: len(every)]]
    return once


def starts_of(labels: Ints) -> Ints:
    """Where each run of equal labels begins."""
    return np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]][: len(labels)])


def _code(one: Ints, other: Ints) -> Ints:
    return (np.minimum(one, other) << 32) | np.maximum(one, other)


def _shared(kind: Iterable[Ints]) -> tuple[Ints, Ints]:
    """The keys of one kind and the records that have them, sorted by key; a record has a key once."""
    found, numbers = [], []
    for key in kind:
        at = np.flatnonzero(key)
        found.append(key[at])
        numbers.append(at.astype(np.int32))
    every, records = np.concatenate(found), np.concatenate(numbers)
    order = np.lexsort((records, every))
    every, records = every[order], records[order]
    again = np.r_[False, (every[1:] == every[:-1]) & (records[1:] == records[:-1])][: len(every)]
    return every[~again], records[~again].astype(np.int64)
