"""Which records are worth comparing: those that share a key that is not too common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.features import Column as C
from leads.matching.features import Kind

HUB: Final = 40  # a key that more records share says nothing by itself; combined keys still reach them

Ints = NDArray[np.int64]
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_ALL: Final = (1 << 64) - 1


def mixed(kind: int, *parts: Ints) -> Ints:
    """One key of several features; 0 where one of them is missing."""
    if len(parts[0]) == 1:
        return _mixed_one(kind, [int(part[0]) for part in parts])
    key = np.full(len(parts[0]), kind + 1, dtype=np.uint64)
    missing = np.zeros(len(parts[0]), dtype=bool)
    for part in parts:
        missing |= part == 0
        key = (key ^ part.astype(np.uint64)) * _MIX
        key ^= key >> np.uint64(29)
    keys = (key >> np.uint64(1)).astype(np.int64)
    keys[missing] = 0
    return keys


def _mixed_one(kind: int, parts: list[int]) -> Ints:
    """The same without the overhead of columns: one record is looked up while somebody waits."""
    if 0 in parts:
        return np.zeros(1, dtype=np.int64)
    key = kind + 1
    for part in parts:
        key = (key ^ (part & _ALL)) * int(_MIX) & _ALL
        key ^= key >> 29
    return np.array([key >> 1], dtype=np.int64)


def keys(rows: Ints) -> Iterator[Ints]:
    """The blocking keys of records (rows of features), one column after the other; 0 is no key."""
    for kind in kinds(rows):
        yield from kind


def kinds(rows: Ints) -> Iterator[Iterator[Ints]]:
    """The same, kind by kind: only keys of one kind can be equal, so that a kind at a time is all that has to be held."""

    def f(column: C) -> Ints:
        return rows[:, column]

    def both(kind: int, ones: Iterable[C], others: Iterable[C]) -> Iterator[Ints]:
        return (mixed(kind, f(one), f(other)) for one in ones for other in others)

    mails = ((C.MAIL, C.KIND), (C.MAIL2, C.KIND2))
    stumps = ((C.PHONE, C.BASE), (C.PHONE2, C.BASE2))
    letters, parts = (C.FIRST_LETTER, C.LAST_LETTER), (C.FIRST, C.LAST)
    names, work = (C.FIRST_LAST, C.INITIAL_LAST), (C.COMPANY, C.WORK, C.WORK2)
    yield (np.where(f(kind) != Kind.ROLE, mixed(1, f(mail)), 0) for mail, kind in mails)
    yield (np.where(f(kind) != Kind.ROLE, 0, mixed(2, f(mail), f(letter))) for mail, kind in mails for letter in letters)
    yield (mixed(3, f(local)) for local in (C.LOCAL, C.LOCAL2))
    yield (mixed(4, f(name)) for name in (C.STEM, C.STEM2, C.FIRST_LAST, C.LAST_FIRST, C.INITIAL_LAST, C.LAST_INITIAL))
    yield chain(both(5, (C.STEM, C.STEM2), (C.WORK, C.COMPANY)), both(5, names, work))
    yield (mixed(6, f(phone)) for phone, _ in stumps)
    yield (
        np.where(stump > 10_000_000, mixed(7, stump, f(letter)), 0)
        for phone, base in stumps
        for stump in (f(base), f(phone) // 1000, f(base) // 10, f(phone) // 100)
        for letter in letters
    )
    yield both(8, names, (C.POSTCODE, C.COUNTRY, C.CITY))
    yield both(9, parts, work)
    yield both(10, parts, (C.POSTCODE, C.BORN, C.STREET))
    yield both(15, parts, (C.CITY,))
    yield (mixed(19, f(name), f(C.BORN) // 10_000) for name in parts)
    yield (mixed(20, f(name), f(C.BORN) % 10_000) for name in parts)
    yield iter((mixed(16, f(C.BORN)),))
    yield both(17, (C.BORN,), letters)
    yield both(18, (C.STREET,), (C.CITY,))
    yield both(11, (C.POSTCODE,), (C.STREET,))
    yield both(12, (C.BORN,), (C.POSTCODE,))
    yield iter((mixed(13, f(C.NATIONAL_ID)),))
    yield (mixed(14, f(id)) for id in (C.CRM_ID, C.XREF))


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
