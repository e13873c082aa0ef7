"""One lead at a time against all others: the same keys, the same counts and so the same evidence as for a file at once.

A store keeps the likeness of every lead, who has which key, and how often each counted value occurs; what it answers is what `blocking`
and `levels.context` would find in a table of all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from struct import pack
from typing import Final

import numpy as np

from leads.matching.blocking import Ints, keys, starts_of
from leads.matching.context import FEW, FIRST_USUAL, LAST_USUAL, Context, told
from leads.matching.engine import Evidence
from leads.matching.explaining import evidence_of, reasons
from leads.matching.features import WIDTH, Row
from leads.matching.features import Column as C
from leads.matching.scoring import Weights

VERSION: Final = "3"  # of rows, keys and counts: what was kept under another one is made anew


@dataclass(frozen=True, slots=True)
class Likeness:
    """What of a lead is compared. More addresses and numbers than a row holds make more rows; `crms` are the accounts it has records in.

    `words` are the names in the rows by their hash.
    """

    rows: tuple[Row, ...]
    words: Mapping[int, str]
    crms: frozenset[str]


class Counted(IntEnum):
    """What is counted, because it says less the more leads have it."""

    FIRST = 1
    LAST = 2
    PHONE = 3
    COMPANY = 4
    NAME = 5  # by CRM
    MAIL = 6  # by the initials of whoever has it
    LEAD = 7


Value = tuple[int, int]  # what is counted, and which; 0 for all of them
Share = tuple[int, int, int]  # the same with a part: the CRM or the initials


def table(rows: Iterable[Row]) -> Ints:
    return np.array(list(rows), dtype=np.int64).reshape(-1, WIDTH)


def keys_of(likenesses: Sequence[Likeness]) -> list[frozenset[int]]:
    """The blocking keys of each."""
    every = keys([row for one in likenesses for row in one.rows]).tolist()
    found, at = [], 0
    for one in likenesses:
        found.append(frozenset(key for row in every[at : at + len(one.rows)] for key in row) - {0})
        at += len(one.rows)
    return found


def counted(likeness: Likeness) -> Counter[Share]:
    """What a lead adds to the counts."""
    first, *others = likeness.rows
    found: Counter[Share] = Counter({(Counted.LEAD, 0, 0): 1})
    for kind, column in ((Counted.FIRST, C.FIRST), (Counted.LAST, C.LAST)):
        if first[column]:
            found[(kind, first[column], 0)] += 1
            found[(kind, 0, 0)] += 1
    for kind, columns in ((Counted.PHONE, (C.PHONE, C.PHONE2)), (Counted.COMPANY, (C.COMPANY, C.WORK, C.WORK2))):
        found.update((kind, first[column], 0) for column in columns if first[column])
        further = {(kind, row[column], 0) for row in others for column in columns if row[column]}
        found.update(further - found.keys())
    if first[C.FIRST_LAST]:
        found.update((Counted.NAME, first[C.FIRST_LAST], _code(crm)) for crm in likeness.crms)
    if first[C.FIRST] and first[C.LAST]:
        initials = first[C.FIRST_LETTER] << 8 | first[C.LAST_LETTER]
        found.update({(Counted.MAIL, row[column], initials) for row in likeness.rows for column in (C.MAIL, C.MAIL2) if row[column]})
    return found


def _code(crm: str) -> int:
    return int.from_bytes(blake2b(crm.encode(), digest_size=3).digest(), "big")


def weighed(likeness: Likeness) -> set[Value]:
    """The values whose counts are needed to compare a lead."""
    found: set[Value] = {(Counted.LEAD, 0), (Counted.FIRST, 0), (Counted.LAST, 0)}
    for row in likeness.rows:
        found |= {(kind, row[column]) for kind, columns in WEIGHED.items() for column in columns if row[column]}
    return found


WEIGHED: Final[Mapping[Counted, tuple[C, ...]]] = {
    Counted.FIRST: (C.FIRST,),
    Counted.LAST: (C.LAST,),
    Counted.PHONE: (C.PHONE, C.PHONE2),
    Counted.COMPANY: (C.COMPANY, C.WORK, C.WORK2),
    Counted.NAME: (C.FIRST_LAST,),
    Counted.MAIL: (C.MAIL, C.MAIL2),
}
Counts = Mapping[Value, Mapping[int, int]]  # value -> part -> how many leads


def context_of(rows: Ints, counts: Counts) -> Context:
    """What `levels.context` finds for these rows among all leads."""

    def among(kind: Counted, column: C, of: Callable[[Mapping[int, int]], int]) -> Ints:
        found = (of(counts.get((kind, value), NONE)) if value else 0 for value in rows[:, column].tolist())
        return np.fromiter(found, dtype=np.int64, count=len(rows))

    def number(kind: Counted, column: C) -> Ints:
        return among(kind, column, _total)

    def total(kind: Counted) -> int:
        return _total(counts.get((kind, 0), NONE))

    return Context(
        np.stack([among(Counted.MAIL, column, len) for column in (C.MAIL, C.MAIL2)], 1),
        np.stack([number(Counted.PHONE, column) for column in (C.PHONE, C.PHONE2)], 1),
        np.stack([number(Counted.COMPANY, column) for column in WEIGHED[Counted.COMPANY]], 1).max(axis=1),
        told(rows[:, C.FIRST], number(Counted.FIRST, C.FIRST), total(Counted.FIRST), FIRST_USUAL),
        told(rows[:, C.LAST], number(Counted.LAST, C.LAST), total(Counted.LAST), LAST_USUAL),
        among(Counted.NAME, C.FIRST_LAST, _largest),
        float(np.log2(max(total(Counted.LEAD), FEW))),
    )


NONE: Final[Mapping[int, int]] = {}


def _total(parts: Mapping[int, int]) -> int:
    return sum(parts.values())


def _largest(parts: Mapping[int, int]) -> int:
    return max(parts.values(), default=0)


@dataclass(frozen=True, slots=True)
class Compared:
    """Pairs of leads with their scores in bits; of leads with several rows the two that go together best."""

    evidence: Evidence
    at: Ints  # of each pair the place of its better row on the left; the one on the right follows it
    bits: tuple[float, ...]

    def most(self, weights: Weights) -> tuple[float, ...]:
        """What a joint across each pair is worth at most, whatever other pairs say."""
        return tuple(self.evidence.most(self.at, self.at + 1, weights).tolist())

    def reasons(self, pairs: Sequence[int], weights: Weights) -> list[str]:
        """One line for each of these pairs: the weightiest evidence, for and against."""
        at = self.at[list(pairs)]
        return list(reasons(self.evidence, at, at + 1, np.zeros(len(at), dtype=bool), weights))

    def parts(self, pair: int, weights: Weights) -> list[tuple[str, float]]:
        """Every summand of the score of one pair, in words and bits."""
        return evidence_of(self.evidence, int(self.at[pair]), int(self.at[pair]) + 1, weights)


def compare(pairs: Sequence[tuple[Likeness, Likeness]], counts: Counts, weights: Weights) -> Compared:
    """The score of every pair among all leads, of which `counts` says how often they share what is theirs."""
    first_row: dict[int, int] = {}  # where the rows of a likeness begin
    rows: list[Row] = []
    words: dict[int, str] = {}
    for likeness in (each for pair in pairs for each in pair):
        if id(likeness) not in first_row:
            first_row[id(likeness)] = len(rows)
            rows += likeness.rows
            words.update(likeness.words)
    sides = np.array(
        [
            (number, first_row[id(one)] + left, first_row[id(other)] + right, *_side_by_side(one.crms, other.crms))
            for number, (one, other) in enumerate(pairs)
            for left in range(len(one.rows))
            for right in range(len(other.rows))
        ],
        dtype=np.int64,
    ).reshape(-1, 5)
    at = sides[:, 1:3].reshape(-1)  # left and right of each pair follow each other
    every = table(rows)
    beside = every[at]
    beside[:, C.CRM] = sides[:, 3:5].reshape(-1)
    evidence = Evidence(beside, context_of(every, counts).take(at), words)
    left = np.arange(0, len(at), 2)
    bits = evidence.bits(left, left + 1, weights)
    order = np.lexsort((left, -bits, sides[:, 0]))
    best = order[starts_of(sides[order, 0])]
    return Compared(evidence, left[best], tuple(bits[best].tolist()))


def _side_by_side(one: frozenset[str], other: frozenset[str]) -> tuple[int, int]:
    """A person is seldom twice in one CRM: two leads with records in a common one are told apart by it."""
    if not one or not other:
        return 0, 0
    return (1, 2) if one.isdisjoint(other) else (1, 1)


class Seal:
    """Hashes what is kept with a secret, so that nobody can try out names and numbers without it."""

    def __init__(self, secret: str) -> None:
        self._begun = blake2b(key=secret.encode()[:64], digest_size=8)

    def __call__(self, *parts: int) -> int:
        sealed = self._begun.copy()
        sealed.update(pack(f">{len(parts)}q", *parts))
        return int.from_bytes(sealed.digest(), "big", signed=True)
