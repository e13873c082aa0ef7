"""What the other records of a file or store say about the values of one: how many share a number, how rare a name is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.blocking import Ints, mixed
from leads.matching.features import Column as C

USUAL_WEIGHT: Final = 300
FIRST_USUAL: Final = 9.0  # bits that a first name tells where nothing is known of its share
LAST_USUAL: Final = 11.0
FEW: Final = 1000  # records; what a smaller file holds says less about chance than about whoever cut it out


@dataclass(frozen=True, slots=True)
class Context:
    """What the other records say about a value of this one. One row per record."""

    mail: Ints  # columns: people seen behind the first and the second address
    phone: Ints  # records that have the first and the second number
    company: Ints  # records of the company (the larger of its name and its domain)
    first_bits: NDArray[np.float32]
    last_bits: NDArray[np.float32]
    namesakes: Ints  # records of this name in the CRM that has most of them
    records_log2: float

    def take(self, at: Ints) -> Context:
        return Context(
            self.mail[at], self.phone[at], self.company[at], self.first_bits[at], self.last_bits[at], self.namesakes[at], self.records_log2
        )


def context(rows: Ints) -> Context:
    people = mixed(20, rows[:, C.FIRST_LETTER] + 1, rows[:, C.LAST_LETTER] + 1)
    named = (rows[:, C.FIRST] != 0) & (rows[:, C.LAST] != 0)
    person = np.where(named, people, 0)
    mail = np.stack([_people_behind(rows[:, column], rows[:, [C.MAIL, C.MAIL2]], person) for column in (C.MAIL, C.MAIL2)], 1)
    phone = _counts(rows[:, [C.PHONE, C.PHONE2]])
    company = _counts(rows[:, [C.COMPANY, C.WORK, C.WORK2]]).max(axis=1)
    total = np.log2(max(len(rows), FEW))
    name = mixed(21, rows[:, C.FIRST_LAST], rows[:, C.CRM])  # of records without a CRM it says nothing
    in_crm = _counts(name[:, None])[:, 0]
    return Context(
        mail,
        phone,
        company,
        _bits(rows[:, C.FIRST], FIRST_USUAL),
        _bits(rows[:, C.LAST], LAST_USUAL),
        _largest(rows[:, C.FIRST_LAST], in_crm),
        float(total),
    )


def _counts(columns: Ints) -> Ints:
    """How many cells of all these columns hold the value of a cell; 0 for an empty one."""
    _, inverse, counts = np.unique(columns, return_inverse=True, return_counts=True)
    found = counts[inverse].reshape(columns.shape)
    found[columns == 0] = 0
    return found


def _people_behind(values: Ints, every: Ints, person: Ints) -> Ints:
    """How many differently named people stand behind a value, in whichever of its columns."""
    named = person != 0
    value = np.concatenate([column[named] for column in every.T])
    person = np.concatenate([person[named]] * every.shape[1])
    unique = _unique_rows(value, person)
    holders, counts = np.unique(unique, return_counts=True)
    if len(holders) == 0:
        return np.zeros(len(values), dtype=np.int64)
    at = np.clip(np.searchsorted(holders, values), 0, len(holders) - 1)
    behind: Ints = np.where((holders[at] == values) & (values != 0), counts[at], 0)
    return behind


def _unique_rows(value: Ints, person: Ints) -> Ints:
    order = np.lexsort((person, value))
    value, person = value[order], person[order]
    first = np.r_[True, (value[1:] != value[:-1]) | (person[1:] != person[:-1])][: len(value)]
    unique: Ints = value[first]
    return unique


def _bits(values: Ints, usual: float) -> NDArray[np.float32]:
    return told(values, _counts(values[:, None])[:, 0], int((values != 0).sum()), usual)


def told(values: Ints, counts: Ints, total: int, usual: float) -> NDArray[np.float32]:
    """How much a name tells: -log2 of its share. A small store says little about shares, so `usual` counts like some hundred names."""
    bits = -np.log2((counts + USUAL_WEIGHT * 2**-usual) / (total + USUAL_WEIGHT))
    bits[values == 0] = 0
    return bits.astype(np.float32)


def _largest(group: Ints, numbers: Ints) -> Ints:
    unique, inverse = np.unique(group, return_inverse=True)
    best = np.zeros(len(unique), dtype=np.int64)
    np.maximum.at(best, inverse, numbers)
    found = best[inverse]
    found[group == 0] = 0
    return found
