"""Weights from the user's own data: what matches and strangers of this file or store look like, by expectation maximisation.

Unsupervised: nobody says which pairs are one person. How often each level occurs among pairs that the scores call one person, and among the
others, is counted, compared with how often it did where the shipped weights come from, and the difference is added, until nothing moves.
What is learned may ask about more pairs, and may ask instead of linking. No pair links what it would not under the shipped weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.resembling import Levels
from leads.matching.scoring import Bits, Weights, score

ROUNDS: Final = 8
USUAL: Final = 2000.0  # as many pairs of each kind are believed to look as they usually do
MOST: Final = 3.0  # bits by which one level can differ from the usual
SHARE: Final = 0.2  # of a difference that is believed: comparisons hang together, and each would count it again

Floats = NDArray[np.float64]


def estimated(weights: Weights, slices: Sequence[Mapping[str, Levels]], rounds: int = ROUNDS) -> Weights:
    """`slices` are the levels of all compared pairs, in pieces. Tables of two comparisons stay as they ship."""
    found = weights
    for _ in range(rounds):
        moved = _moved(weights, _counted(found, slices))
        if all(np.abs(moved.tables[names] - found.tables[names]).max() < 0.05 for names in found.tables):
            return moved
        found = moved
    return found


def guarded(shipped: Bits, learned: Bits, review: float) -> Bits:
    """The lower of both scores; pairs that only the learned one would ask about are asked about."""
    lower = np.minimum(shipped, learned)
    asked: Bits = np.where((learned >= review) & (lower < review) & (shipped >= review - MOST), np.float32(review), lower)
    return asked


def _counted(weights: Weights, slices: Sequence[Mapping[str, Levels]]) -> dict[str, Floats]:
    """How many pairs of one person and of two there are at each level."""
    counts = {name: np.zeros_like(usual, dtype=np.float64) for name, usual in weights.usual.items()}
    for levels in slices:
        chance = 1 / (1 + np.exp2(-np.clip(score(levels, weights).astype(np.float64), -60, 60)))
        for name, count in counts.items():
            count[0] += np.bincount(levels[name], chance, count.shape[1])
            count[1] += np.bincount(levels[name], 1 - chance, count.shape[1])
    return counts


def _moved(weights: Weights, counts: Mapping[str, Floats]) -> Weights:
    tables = dict(weights.tables)
    for name, count in counts.items():
        usual = weights.usual[name]
        share = (count + USUAL * usual) / (count.sum(axis=1, keepdims=True) + USUAL)
        bits = np.log2(share[0] / share[1]) - np.log2(usual[0] / usual[1])
        bits = SHARE * np.clip(bits - bits[0], -MOST, MOST)
        tables[(name,)] = (weights.tables[(name,)] + bits).astype(np.float32)
    return replace(weights, tables=tables)
