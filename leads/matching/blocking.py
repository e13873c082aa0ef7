"""Which records are worth comparing: those that share a key that is not too common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.features import Column as C
from leads.matching.features import Kind

HUB: Final = 40  # a key that more records share says nothing by itself; combined keys still reach them

Ints = NDArray[np.int64]
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def mixed(kind: int, *parts: Ints) -> Ints:
    """One key of several features; 0 where one of them is missing."""
    key = np.full(len(parts[0]), kind + 1, dtype=np.uint64)
    missing = np.zeros(len(parts[0]), dtype=bool)
    for part in parts:
        missing |= part == 0
        key = (key ^ part.astype(np.uint64)) * _MIX
        key ^= key >> np.uint64(29)
    keys = (key >> np.uint64(1)).astype(np.int64)
    keys[missing] = 0
    return keys


def keys(rows: Ints) -> Iterator[Ints]:
    """The blocking keys of records (rows of features), one column after the other; 0 is no key."""

    def f(column: C) -> Ints:
        return rows[:, column]

    for mail, kind, local, stem in ((C.MAIL, C.KIND, C.LOCAL, C.STEM), (C.MAIL2, C.KIND2, C.LOCAL2, C.STEM2)):
        personal = f(kind) != Kind.ROLE
        yield np.where(personal, mixed(1, f(mail)), 0)
        for letter in (C.FIRST_LETTER, C.LAST_LETTER):
            yield np.where(personal, 0, mixed(2, f(mail), f(letter)))
        yield mixed(3, f(local))
        yield mixed(4, f(stem))
        for part in (C.WORK, C.COMPANY):
            yield mixed(5, f(stem), f(part))
    for phone, base in ((C.PHONE, C.BASE), (C.PHONE2, C.BASE2)):
        yield mixed(6, f(phone))
        for stump in (f(base), f(phone) // 1000, f(base) // 10, f(phone) // 100):
            long = stump > 10_000_000
            for letter in (C.FIRST_LETTER, C.LAST_LETTER):
                yield np.where(long, mixed(7, stump, f(letter)), 0)
    for name in (C.FIRST_LAST, C.LAST_FIRST, C.INITIAL_LAST, C.LAST_INITIAL):
        yield mixed(4, f(name))
    for name in (C.FIRST_LAST, C.INITIAL_LAST):
        for part in (C.COMPANY, C.WORK, C.WORK2):
            yield mixed(5, f(name), f(part))
        for part in (C.POSTCODE, C.COUNTRY, C.CITY):
            yield mixed(8, f(name), f(part))
    for name in (C.FIRST, C.LAST):
        for part in (C.COMPANY, C.WORK, C.WORK2):
            yield mixed(9, f(name), f(part))
        for part in (C.POSTCODE, C.BORN, C.STREET):
            yield mixed(10, f(name), f(part))
        yield mixed(19, f(name), f(C.BORN) // 10_000)
        yield mixed(20, f(name), f(C.BORN) % 10_000)
    for name in (C.FIRST, C.LAST):
        yield mixed(15, f(name), f(C.CITY))
    yield mixed(16, f(C.BORN))
    for letter in (C.FIRST_LETTER, C.LAST_LETTER):
        yield mixed(17, f(C.BORN), f(letter))
    yield mixed(18, f(C.STREET), f(C.CITY))
    yield mixed(11, f(C.POSTCODE), f(C.STREET))
    yield mixed(12, f(C.BORN), f(C.POSTCODE))
    yield mixed(13, f(C.NATIONAL_ID))
    yield mixed(14, f(C.CRM_ID))
    yield mixed(14, f(C.XREF))


def pairs(rows: Ints) -> tuple[Ints, Ints]:
    """Every pair of records with a common key, as two columns of row numbers, left < right, each once."""
    found, numbers = _shared(rows)
    starts = starts_of(found)
    sizes = np.diff(np.r_[starts, len(found)])
    fits = (sizes > 1) & (sizes <= HUB)
    wanted = np.repeat(fits, sizes)
    left_in = np.repeat(starts + sizes, sizes) - np.arange(len(found))  # how many of the group follow, and oneself
    numbers, left_in = numbers[wanted], left_in[wanted]
    codes: list[Ints] = []
    at = np.arange(len(numbers))
    for distance in range(1, HUB):
        at = at[left_in[at] > distance]
        if len(at) == 0:
            break
        codes.append(np.unique(_code(numbers[at], numbers[at + distance])))
    every = np.unique(np.concatenate(codes)) if codes else np.zeros(0, dtype=np.int64)
    return every >> 32, every & 0xFFFFFFFF


def starts_of(labels: Ints) -> Ints:
    """Where each run of equal labels begins."""
    return np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]][: len(labels)])


def _code(one: Ints, other: Ints) -> Ints:
    return (np.minimum(one, other) << 32) | np.maximum(one, other)


def _shared(rows: Ints) -> tuple[Ints, Ints]:
    """Keys and the records that have them, sorted by key; a record has a key once."""
    found, numbers = [], []
    for key in keys(rows):
        at = np.flatnonzero(key)
        found.append(key[at])
        numbers.append(at.astype(np.int32))
    every, records = np.concatenate(found), np.concatenate(numbers)
    order = np.lexsort((records, every))
    every, records = every[order], records[order]
    again = np.r_[False, (every[1:] == every[:-1]) & (records[1:] == records[:-1])][: len(every)]
    return every[~again], records[~again].astype(np.int64)
