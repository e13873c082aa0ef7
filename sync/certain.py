"""Certain (shell): where the settings say so, leads that the evidence makes one person beyond reasonable doubt become one unasked.

By the rules of a file: the best pairs first, and none by way of what another pair, or a person, holds apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from leads.matching.clustering import components, joints, missing_pairs
from leads.matching.scoring import shipped
from sync.joining import concerned
from sync.matching import between
from sync.state import pair_key
from sync.uniting import ask_once, joined, may_unite
from sync.workspace import Begin, Pass


def join_certain(turn: Pass, begin: Begin, asked: Mapping[tuple[str, str], float]) -> list[str]:
    """Of the leads that a person has just been asked about, join those that the evidence alone makes one.

    Returns what they are now, and whom that concerns; what this run has planned for them already is taken out.
    """
    if not turn.workspace.joins_certain or not any(bits >= shipped().link for bits in asked.values()):
        return []
    now_in: dict[str, str] = {}
    with begin() as unit:
        before = sum(unit.open_reviews().values())
        open_ones = {frozenset(pair) for pairs in unit.pairs_in_doubt().values() for pair in pairs}  # not what was taken back
        for pair, bits in _certain(unit, asked):
            now = sorted({now_in.get(id, id) for id in pair})
            if frozenset(map(pair_key, pair)) not in open_ones or len(now) == 1 or not may_unite(unit, now):
                continue
            turn.unplan(unit, now)
            done = joined(turn, unit, now, f"the evidence ({bits:+.1f} bits)")
            now_in |= dict.fromkeys((done.gone, *(old for old, new in now_in.items() if new == done.gone)), done.kept)
        ask_once(unit)
        turn.census.reviews -= before - sum(unit.open_reviews().values())
        anew = sorted(concerned(unit, now_in.values()))
        turn.unplan(unit, anew)
    return anew


def _certain(unit: Any, asked: Mapping[tuple[str, str], float]) -> list[tuple[tuple[str, str], float]]:
    """The pairs that join two groups from `link` bits on, the best first, as in a file: none by way of what some pair holds apart."""
    names = sorted({id for pair in asked for id in pair})
    number = {id: at for at, id in enumerate(names)}
    left, right = (np.array([number[pair[side]] for pair in asked], dtype=np.int64) for side in (0, 1))
    label = components(len(names), left, right)
    more_left, more_right = missing_pairs(label, left, right)
    left, right = np.concatenate([left, more_left]), np.concatenate([right, more_right])
    compared, weights = between(unit, [(names[one], names[other]) for one, other in zip(left, right, strict=True)]), shipped()
    bits, most = (np.array(each, dtype=np.float32) for each in (compared.bits, compared.most(weights)))
    found = joints(label, left, right, bits, weights.apart, weights.review, most)
    sure = np.flatnonzero(found.allowed & (found.bits >= weights.link))
    best = sure[np.lexsort((found.right[sure], found.left[sure], -found.bits[sure]))]
    return [((names[found.left[at]], names[found.right[at]]), float(found.bits[at])) for at in best]
