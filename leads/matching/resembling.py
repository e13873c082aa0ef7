"""How two written names go together, and whether two words, dates or numbers are one with a slip."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.identity import nicknames, one_slip
from leads.matching.blocking import Ints

Levels = NDArray[np.int8]
FEW: Final = 64  # pairs; among more it pays to look at each pair of names once


def against(a: Ints, b: Ints, first: int, count: int = 2) -> tuple[Ints, Ints]:
    """So many columns of the left and of the right side, shaped so that comparing the two compares each with each."""
    columns = slice(first, first + count)
    return a.T[columns, None], b.T[None, columns]


def related(one: Ints, other: Ints, words: Mapping[int, str]) -> Levels:
    level: Levels = (one == other).astype(np.int8)
    level[(one == 0) | (other == 0)] = 0
    unequal = np.flatnonzero((one != other) & (one != 0) & (other != 0))
    if len(unequal) == 0:
        return level
    low, high = np.minimum(one[unequal], other[unequal]), np.maximum(one[unequal], other[unequal])
    if len(unequal) < FEW:
        level[unequal] = [relation(words[x], words[y]) for x, y in zip(low.tolist(), high.tolist(), strict=True)]
        return level
    order = np.lexsort((high, low))
    low, high = low[order], high[order]
    new = np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])]
    found = np.fromiter((relation(words[x], words[y]) for x, y in zip(low[new].tolist(), high[new].tolist(), strict=True)), np.int8)
    level[unequal[order]] = found[np.cumsum(new) - 1]
    return level


@lru_cache(1 << 17)
def relation(one: str, other: str) -> int:
    """How two different name fields go together: 2 short form, 3 initial, 4 slip, 5 part, 6 similar, 7 another name, 8 another initial."""
    if len(one) == 1 or len(other) == 1:
        initial, name = (one, other) if len(one) == 1 else (other, one)
        return 3 if name[0] == initial or f" {initial}" in name else 8
    if " " not in one and " " not in other:
        return _one_word(one, other)
    a, b = one.split(), other.split()
    joined_a, joined_b = "".join(a), "".join(b)
    if joined_a == joined_b:
        return 1
    if any(_short_form(x, y) for x in a for y in b if len(x) > 1 and len(y) > 1):
        return 2
    if not set(a).isdisjoint(b):
        return 5
    if len(joined_a) > 3 and len(joined_b) > 3:
        if one_slip(joined_a, joined_b):
            return 4
        if any(len(x) > 3 and len(y) > 3 and one_slip(x, y) for x in a for y in b):
            return 5
    return _spelled_alike(joined_a, joined_b)


def _one_word(one: str, other: str) -> int:
    if _short_form(one, other):
        return 2
    if one[:2] != other[:2] and one[-2:] != other[-2:] and (len(one) > 4 or len(other) > 4):
        return 7  # a slip or two leave two letters at one end; most pairs of names end here
    if len(one) > 3 and len(other) > 3 and one_slip(one, other):
        return 4
    return _spelled_alike(one, other)


def _short_form(one: str, other: str) -> bool:
    known = nicknames()
    groups = known.get(one)
    if groups is None:
        return False
    others = known.get(other)
    return others is not None and not groups.isdisjoint(others)


def _spelled_alike(one: str, other: str) -> int:
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    if len(short) > 2 and long.startswith(short):
        return 5
    return 6 if _similar(one, other) else 7


def _similar(one: str, other: str) -> bool:
    """Two slips, in words long enough."""
    if min(len(one), len(other)) < 5 or abs(len(one) - len(other)) > 2:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    return max(len(one), len(other)) - start - end <= 3 and start + end >= 4


# Slips


@lru_cache(1 << 16)
def dates_alike(one: int, other: int) -> bool:
    a, b = f"{one:08}", f"{other:08}"
    swapped = a[:4] == b[:4] and a[4:6] == b[6:] and a[6:] == b[4:6]
    parts = (a[:4] == b[:4]) + (a[4:6] == b[4:6]) + (a[6:] == b[6:])
    return swapped or parts >= 2 or one_slip(a, b)


def alike(one: Ints, other: Ints) -> NDArray[np.bool_]:
    """Whether two sketches are those of one word with a slip or two: no more than two letters occur more or less often."""
    gap = (one ^ other).astype(np.uint64)
    letters = np.bitwise_count((gap | (gap >> np.uint64(1))) & _LETTERS)
    long = np.minimum(np.bitwise_count(one & _ALL_LETTERS), np.bitwise_count(other & _ALL_LETTERS)) >= 4
    close: NDArray[np.bool_] = (letters <= 2) & (gap < _DIGITS) & long
    return close


_LETTERS: Final = np.uint64(0x5555555555555)
_ALL_LETTERS: Final = np.int64((1 << 52) - 1)
_DIGITS: Final = np.uint64(1 << 52)


_ONE_DIGIT: Final = sorted({0} | {times * digit * 10**at for times in (1, 9) for digit in range(1, 10) for at in range(17)})
_GAPS: Final = np.array([gap for gap in _ONE_DIGIT if gap < 10**18], dtype=np.int64)


def digit_apart(one: Ints, other: Ints, least: int = 10_000_000) -> NDArray[np.bool_]:
    """One digit differs, or two neighbours changed places: the difference is d·10^k or 9·d·10^k."""
    gap = np.abs(one - other)
    close: NDArray[np.bool_] = _GAPS.take(np.searchsorted(_GAPS, gap), mode="clip") == gap
    return close & (one > least) & (other > least) & (one < 10**17) & (other < 10**17)


def digits_swapped(one: Ints, other: Ints) -> NDArray[np.bool_]:
    """Two neighbouring digits of a number of no more than eight changed places; hashes of texts are larger."""
    found = np.zeros(len(one), dtype=bool)
    for power in _POWERS:
        low, high = one // power % 10, one // (10 * power) % 10
        found |= (low != high) & (other - one == 9 * power * (low - high))
    return found & (one < _NINE_DIGITS) & (other < _NINE_DIGITS)


_NINE_DIGITS: Final = 10**8
_POWERS: Final = tuple(10**at for at in range(7))
