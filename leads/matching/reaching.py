"""What two records have in common of addresses and numbers, and whose an address in common is. Each answer is one of `levels.LEVELS`."""

from __future__ import annotations

import numpy as np

from leads.matching.blocking import Ints
from leads.matching.context import Context
from leads.matching.features import MOBILE, Kind, Own
from leads.matching.features import Column as C
from leads.matching.resembling import Levels, against, alike, digit_apart


def email(a: Ints, b: Ints, ca: Context, cb: Context) -> Levels:
    best: Levels = np.zeros(len(a), dtype=np.int8)
    rank = np.array([0, 13, 12, 11, 8, 10, 9, 7, 2, 6, 1, 5, 4])
    for i, j in _given(a, b, C.MAIL):
        level = _two_emails(a, b, i, j, np.maximum(ca.mail[:, i], cb.mail[:, j]))
        best = np.where(rank[level] > rank[best], level, best)
    return best


def _two_emails(a: Ints, b: Ints, i: int, j: int, people: Ints) -> Levels:
    mail_a, mail_b = a[:, C.MAIL + i], b[:, C.MAIL + j]
    kind_a, kind_b = a[:, C.KIND + i], b[:, C.KIND + j]
    same_domain = a[:, C.DOMAIN + i] == b[:, C.DOMAIN + j]
    role = (kind_a == Kind.ROLE) | (kind_b == Kind.ROLE)
    local, stem_a, stem_b = a[:, C.LOCAL + i], a[:, C.STEM + i], b[:, C.STEM + j]
    same_stem = (stem_a == stem_b) & (stem_a != 0)
    same_local = (local == b[:, C.LOCAL + j]) & (local != 0)
    level = np.full(len(a), 10, dtype=np.int8)
    level[same_domain] = 9
    level[(kind_a == Kind.FREE) & (kind_b == Kind.FREE)] = 8
    level[alike(a[:, C.MAIL_LETTERS + i], b[:, C.MAIL_LETTERS + j])] = 6
    level[same_stem & ~same_domain] = 5
    level[same_local & ~same_domain & (stem_a != 0)] = 5
    level[same_stem & same_domain] = 7
    level[role] = np.where(same_domain[role], 11, 12)
    same = mail_a == mail_b
    few = np.where((people > 1) | (kind_a == Kind.DISPOSABLE), 2, 1)
    level[same] = np.where(people[same] > 3, 3, few[same])
    level[same & role] = 4
    level[(mail_a == 0) | (mail_b == 0)] = 0
    return level


def phone(a: Ints, b: Ints, ca: Context, cb: Context) -> Levels:
    best: Levels = np.zeros(len(a), dtype=np.int8)
    rank = np.array([0, 9, 8, 6, 4, 5, 7, 1, 3])
    for i, j in _given(a, b, C.PHONE):
        level = _two_phones(a, b, i, j, np.maximum(ca.phone[:, i], cb.phone[:, j]))
        best = np.where(rank[level] > rank[best], level, best)
    return best


def _two_phones(a: Ints, b: Ints, i: int, j: int, holders: Ints) -> Levels:
    one, other = a[:, C.PHONE + i], b[:, C.PHONE + j]
    base_a, base_b = a[:, C.BASE + i], b[:, C.BASE + j]
    level = np.full(len(a), 7, dtype=np.int8)
    low, high = np.minimum(one, other), np.maximum(one, other)
    prefix = np.zeros(len(a), dtype=bool)
    for power in (10, 100, 1000, 10_000):
        prefix |= high // power == low
        prefix |= high // power == low // 10
    prefix &= low > 10_000_000
    level[(one // 1000 == other // 1000) & (one // 1000 > 1_000_000)] = 4
    level[digit_apart(one, other)] = 6
    level[prefix] = 5
    both = (a[:, C.EXTENSION + i] > 0) & (b[:, C.EXTENSION + j] > 0)
    same_base = (base_a == base_b) & (one != other)
    level[same_base] = np.where(both[same_base], 8, 5)
    same = one == other
    level[same] = np.where(holders[same] > 12, 3, np.where(holders[same] > 5, 2, 1))
    level[(one == 0) | (other == 0)] = 0
    return level


def mobile(a: Ints, b: Ints) -> Levels:
    """A number that one side keeps as a mobile one, and the other wherever."""
    one, other = against(a, b, C.PHONE)
    mine, theirs = (extensions == MOBILE for extensions in against(a, b, C.EXTENSION))
    same = (one == other) & (one != 0)
    level: Levels = np.zeros(len(a), dtype=np.int8)
    level[(mine & theirs & ~same).any(axis=(0, 1))] = 2
    level[((mine | theirs) & same).any(axis=(0, 1))] = 1
    return level


def _given(a: Ints, b: Ints, column: C) -> list[tuple[int, int]]:
    """Which of two columns to compare with which of two: where one is empty throughout, there is nothing to see."""
    ours, theirs = ([at for at in (0, 1) if side[:, column + at].any()] for side in (a, b))
    return [(i, j) for i in ours for j in theirs]


def spelled(a: Ints, b: Ints) -> Levels:
    """Does one record's address spell the name of the other? Best of all addresses, both ways."""
    best: Levels = np.zeros(len(a), dtype=np.int8)
    for one, other in ((a, b), (b, a)):
        stems = one[:, (C.STEM, C.STEM2)].T
        known = (stems != 0) & (other[:, C.INITIAL_LAST] != 0)
        initial = known & ((stems == other[:, C.INITIAL_LAST]) | (stems == other[:, C.LAST_INITIAL]))
        whole = known & ((stems == other[:, C.FIRST_LAST]) | (stems == other[:, C.LAST_FIRST]))
        best[known.any(axis=0) & (best == 0)] = 4
        best[initial.any(axis=0) & (best != 1)] = 2
        best[whole.any(axis=0)] = 1
    return best


def own(a: Ints, b: Ints) -> Levels:
    one, other = a[:, C.OWN], b[:, C.OWN]
    full = np.array([0, 1, 1, 0, 0, 0], dtype=bool)
    level: Levels = np.zeros(len(a), dtype=np.int8)
    level[(one == Own.FIRST) | (other == Own.FIRST)] = 3
    level[full[one] | full[other]] = 2
    level[full[one] & full[other]] = 1
    level[(one == Own.OTHER) | (other == Own.OTHER)] = 4
    level[(one == Own.RELATIVE) | (other == Own.RELATIVE)] = 5
    return level


def holder(email: Levels, first: Levels, last: Levels, company: Levels, namesakes: Levels) -> Levels:
    """Whose address two records have in common, or nearly: relatives share one, colleagues seldom do."""
    together = (company > 0) & (company < 5)
    surname = (last > 0) & (last < 7)
    alone = np.where(surname, np.where(together, 4, 5), np.where(together, 6, 7))
    named = np.where(first == 1, 1, np.where(first < 7, np.where(together, 2, 3), 8))
    elsewhere = np.where(namesakes > 0, 11, np.where(together, 9, 10))
    level = np.where(np.isin(email, (1, 2)), np.where(first == 0, alone, named), np.where(email == 5, elsewhere, 0))
    return level.astype(np.int8)
