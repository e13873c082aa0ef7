"""What two records have in common, field by field, each as one of a few levels. Pure functions over columns of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching import reaching
from leads.matching.blocking import Ints
from leads.matching.context import Context
from leads.matching.features import Column as C
from leads.matching.features import Kind
from leads.matching.resembling import Levels, against, alike, dates_alike, digit_apart, digits_swapped, related

GENERATION: Final = 120_000  # twelve years of a date written as yyyymmdd

LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": (
        "no e-mail address on one side",
        "the same e-mail address",
        "the same address, which two people use",
        "the same address, which many use",
        "the same role mailbox",
        "the same name before the @, another domain",
        "a slip in the address",
        "other digits in the same address",
        "different private addresses",
        "different addresses at one company",
        "different addresses",
        "a role mailbox of the same domain",
        "a role mailbox elsewhere",
    ),
    "phone": (
        "no number on one side",
        "the same number",
        "the same number, which a few records have",
        "the same number, which many records have",
        "the same switchboard",
        "the same number without an extension",
        "one digit apart",
        "different numbers",
        "the same number, different extensions",
    ),
    "mobile": ("no mobile number on one side", "the same mobile number", "different mobile numbers"),
    "first": (
        "no first name on one side",
        "the same first name",
        "a short form of it",
        "an initial of it",
        "a slip in the first name",
        "a part of the first name",
        "a similar first name",
        "another first name",
        "another initial",
    ),
    "last": (
        "no last name on one side",
        "the same last name",
        "a short form of it",
        "an initial of it",
        "a slip in the last name",
        "a part of the last name",
        "a similar last name",
        "another last name",
        "another initial",
    ),
    "order": ("names in the same order", "first and last name swapped", "the first name of one is the last name of the other"),
    "spelled": (
        "no name in an address to compare",
        "an address spells the whole name of the other",
        "an address spells initial and last name",
        "an address has the last name",
        "an address has another name",
    ),
    "own": (
        "addresses unknown",
        "both names fit their addresses",
        "one name fits its address",
        "a first name alone fits",
        "a name contradicts its address",
        "a name with the address of a relative",
    ),
    "rarity": (
        "no name in common",
        "a very rare name",
        "a rare name",
        "a name seldom shared",
        "a name sometimes shared",
        "a name often shared",
        "a common name",
        "a very common name",
    ),
    "namesakes": (
        "one in each CRM",
        "two in one CRM",
        "a few in one CRM",
        "many in one CRM",
        "a numbered address, as of a namesake in the company",
    ),
    "holder": (
        "no address in common",
        "the same first name behind the address in common",
        "a form of the first name behind it, at one company",
        "a form of the first name behind it, no company in common",
        "a last name alone behind it, at one company",
        "a last name alone behind it, as relatives have it",
        "no name in common behind it, but the company",
        "nothing in common behind it",
        "another first name behind it",
        "the same name before the @, and one company",
        "the same name before the @, and no company in common",
        "the same name before the @, which another has in one of the CRMs",
    ),
    "company": (
        "no company on one side",
        "the same small company",
        "the same company",
        "the same large company",
        "a slip in the company",
        "different companies",
    ),
    "place": (
        "no place on one side",
        "the same street and postcode",
        "the same postcode",
        "the same city, not the same postcode",
        "different places",
        "the same street elsewhere",
        "a slip in the city",
        "two digits swapped in the postcode of one city",
    ),
    "crm": ("CRM unknown", "different CRMs", "the same CRM"),
    "xref": ("no cross id", "one names the id of the other", "both name the same id"),
    "rank": ("generation unknown", "the same generation", "different generations"),
    "born": (
        "no birth date on one side",
        "the same birth date",
        "almost the same birth date",
        "different birth dates",
        "birth dates of two generations",
    ),
    "national_id": ("no such number on one side", "the same number", "almost the same number", "different numbers"),
    "job": ("no job title on one side", "the same job title", "different job titles"),
}


def levels(a: Ints, b: Ints, ca: Context, cb: Context, words: Mapping[int, str]) -> dict[str, Levels]:
    """The level of every comparison for pairs of records: rows of features and their context, left and right."""
    first, last, order = _names(a, b, words)
    email, company = reaching.email(a, b, ca, cb), _company(a, b, ca, cb)
    namesakes = _namesakes(a, b, ca, cb, email, company)
    return {
        "email": email,
        "phone": reaching.phone(a, b, ca, cb),
        "mobile": reaching.mobile(a, b),
        "first": first,
        "last": last,
        "order": order,
        "spelled": reaching.spelled(a, b),
        "own": reaching.own(a, b),
        "rarity": _rarity(first, last, ca, cb),
        "namesakes": namesakes,
        "holder": reaching.holder(email, first, last, company, namesakes),
        "company": company,
        "place": _place(a, b),
        "crm": _same(a, b, C.CRM, same=2, different=1),
        "xref": _xref(a, b),
        **ages(a, b),
        "job": _same(a, b, C.JOB, same=1, different=2),
    }


def ages(a: Ints, b: Ints) -> dict[str, Levels]:
    """Of these comparisons those that tell parents from children."""
    return {"rank": _same(a, b, C.RANK, same=1, different=2), "born": _born(a, b), "national_id": _national_id(a, b)}


def _same(a: Ints, b: Ints, column: C, same: int, different: int) -> Levels:
    one, other = a[:, column], b[:, column]
    found = np.where(one == other, same, different)
    found[(one == 0) | (other == 0)] = 0
    return found.astype(np.int8)


def _born(a: Ints, b: Ints) -> Levels:
    found = _same(a, b, C.BORN, same=1, different=3)
    for at in np.flatnonzero(found == 3):
        one, other = int(a[at, C.BORN]), int(b[at, C.BORN])
        if dates_alike(one, other):
            found[at] = 2
        elif abs(one - other) >= GENERATION:
            found[at] = 4
    return found


def _national_id(a: Ints, b: Ints) -> Levels:
    found = _same(a, b, C.NATIONAL_ID, same=1, different=3)
    differ = np.flatnonzero(found == 3)
    found[differ[digit_apart(a[differ, C.NATIONAL_ID], b[differ, C.NATIONAL_ID], 1000)]] = 2
    return found


def _namesakes(a: Ints, b: Ints, ca: Context, cb: Context, email: Levels, company: Levels) -> Levels:
    found = _steps(np.maximum(ca.namesakes, cb.namesakes), (2, 3, 6))
    numbered = ((a[:, [C.KIND, C.KIND2]] == Kind.NUMBERED) | (b[:, [C.KIND, C.KIND2]] == Kind.NUMBERED)).any(axis=1)
    found[numbered & (email != 1) & (email != 2) & (email != 6) & (company > 0) & (company < 5)] = 4
    return found


def _steps(numbers: NDArray[np.generic], borders: tuple[float, ...]) -> Levels:
    found: Levels = np.searchsorted(np.array(borders), numbers, side="right").astype(np.int8)
    return found


def _names(a: Ints, b: Ints, words: Mapping[int, str]) -> tuple[Levels, Levels, Levels]:
    first = related(a[:, C.FIRST], b[:, C.FIRST], words)
    last = related(a[:, C.LAST], b[:, C.LAST], words)
    order = np.zeros(len(a), dtype=np.int8)
    doubtful = np.flatnonzero(((first >= 7) | (first == 0)) & ((last >= 6) | (last == 0)))
    if len(doubtful):
        cross = related(a[doubtful, C.FIRST], b[doubtful, C.LAST], words)
        back = related(a[doubtful, C.LAST], b[doubtful, C.FIRST], words)
        better, worse = np.minimum(cross, back), np.maximum(cross, back)
        alone = better == 0  # one side has a single name
        better, worse = np.where(alone, worse, better), np.where(alone, 0, worse)
        whole = (better > 0) & (better < 6) & (worse < 6)
        half = ~whole & ~alone & ((better == 1) | (better == 4))
        for good, level in ((whole, 1), (half, 2)):
            at = doubtful[good]
            first[at], last[at], order[at] = better[good], worse[good], level
    return first, last, order


def _rarity(first: Levels, last: Levels, ca: Context, cb: Context) -> Levels:
    """The number of other people in the store who would carry by chance what these names have in common."""
    whole = np.array([0, 1, 0.9, 0, 1, 0.7, 0.7, 0, 0])
    first_bits = np.minimum(ca.first_bits, cb.first_bits) * whole[first] + np.where(first == 3, 4, 0)
    last_bits = np.minimum(ca.last_bits, cb.last_bits) * whole[last] + np.where(last == 3, 4, 0)
    bits = first_bits + last_bits
    level = 1 + _steps(ca.records_log2 - bits, (-8, -5, -2.5, 0, 2.5, 5))
    level[bits == 0] = 0
    return level.astype(np.int8)


def _company(a: Ints, b: Ints, ca: Context, cb: Context) -> Levels:
    one, other = against(a, b, C.COMPANY, 3)
    known = (one != 0).any(axis=(0, 1)) & (other != 0).any(axis=(0, 1))
    agree = ((one == other) & (one != 0)).any(axis=(0, 1))
    slip = alike(*against(a, b, C.COMPANY_LETTERS)).any(axis=(0, 1))
    size = np.minimum(ca.company, cb.company)
    level = np.where(agree, np.where(size > 60, 3, np.where(size > 12, 2, 1)), np.where(slip, 4, 5)).astype(np.int8)
    level[~known] = 0
    return level


def _place(a: Ints, b: Ints) -> Levels:
    street, postcode, city = (_same(a, b, column, 1, 2) for column in (C.STREET, C.POSTCODE, C.CITY))
    slip = (city == 2) & alike(a[:, C.CITY_LETTERS], b[:, C.CITY_LETTERS])
    level = np.full(len(a), 4, dtype=np.int8)
    level[slip] = 6
    level[city == 1] = 3
    level[((city == 1) | slip) & (postcode == 2) & digits_swapped(a[:, C.POSTCODE], b[:, C.POSTCODE])] = 7
    level[postcode == 1] = 2
    level[street == 1] = 5
    level[(street == 1) & ((postcode == 1) | (city == 1))] = 1
    level[(street == 0) & (postcode == 0) & (city == 0)] = 0
    return level


def _xref(a: Ints, b: Ints) -> Levels:
    level: Levels = np.zeros(len(a), dtype=np.int8)
    level[(a[:, C.XREF] == b[:, C.XREF]) & (a[:, C.XREF_CRM] == b[:, C.XREF_CRM]) & (a[:, C.XREF] != 0)] = 2
    for one, other in ((a, b), (b, a)):
        there = (one[:, C.XREF_CRM] == other[:, C.CRM]) | (one[:, C.XREF_CRM] == 0)
        level[(one[:, C.XREF] == other[:, C.CRM_ID]) & there & (one[:, C.XREF] != 0)] = 1
    return level
