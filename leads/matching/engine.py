"""Rows of features in, people out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from leads.matching.blocking import Ints, pairs
from leads.matching.clustering import Joints, components, grouped, joints, missing_pairs
from leads.matching.context import Context, context
from leads.matching.deciding import NOTHING, Decided, agreed, imposed
from leads.matching.estimating import estimated, guarded
from leads.matching.levels import ages, levels
from leads.matching.resembling import Levels
from leads.matching.scoring import Bits, Weights, score, two_generations

AT_ONCE: Final = 1 << 15
ENOUGH: Final = 500_000  # pairs to estimate weights from


@dataclass(frozen=True, slots=True)
class Evidence:
    """Records with what is known about them: everything that the comparison of two of them needs."""

    rows: Ints
    context: Context
    words: Mapping[int, str]

    def levels(self, left: Ints, right: Ints) -> dict[str, Levels]:
        return levels(self.rows[left], self.rows[right], self.context.take(left), self.context.take(right), self.words)

    def bits(self, left: Ints, right: Ints, weights: Weights, learned: Weights | None = None) -> Bits:
        """The scores of pairs, computed a slice at a time to bound memory."""
        found = np.empty(len(left), dtype=np.float32)
        for start in range(0, len(left), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            levels = self.levels(left[part], right[part])
            found[part] = score(levels, weights)
            if learned is not None:
                found[part] = guarded(found[part], score(levels, learned), weights.review)
        return found

    def most(self, left: Ints, right: Ints, weights: Weights) -> Bits:
        """What a joint across each pair is worth at most: who may be parent and child is not joined unasked by way of others either."""
        found = np.full(len(left), np.inf, dtype=np.float32)
        for start in range(0, len(left), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            found[part][two_generations(ages(self.rows[left[part]], self.rows[right[part]]))] = weights.unsure
        return found


@dataclass(frozen=True, slots=True)
class Matched:
    evidence: Evidence
    joints: Joints
    groups: Ints  # of every record the first record of its lead

    def regrouped(self, threshold: float) -> Matched:
        """The same with another threshold for linking unasked."""
        return replace(self, groups=grouped(len(self.groups), self.joints, threshold))


def match(rows: Ints, words: Mapping[int, str], weights: Weights, decided: Decided = NOTHING, learn: bool = False) -> Matched:
    evidence = Evidence(rows, context(rows), words)
    found = join(evidence, weights, decided, learn)
    return Matched(evidence, found, grouped(len(rows), found, weights.link))


def join(evidence: Evidence, weights: Weights, decided: Decided = NOTHING, learn: bool = False) -> Joints:
    """`decided` must be free of contradictions. With `learn` the weights are first estimated from these records, unsupervised."""
    left, right = pairs(evidence.rows)
    learned = _learned(evidence, left, right, weights) if learn else None
    left, right, bits = imposed(left, right, evidence.bits(left, right, weights, learned), decided)
    good = bits >= weights.review
    label = components(len(evidence.rows), left[good], right[good])
    inside = label[left] == label[right]
    left, right, bits = left[inside], right[inside], bits[inside]
    more_left, more_right = missing_pairs(label, left, right)
    bits = np.concatenate([bits, evidence.bits(more_left, more_right, weights, learned)])
    left, right = np.concatenate([left, more_left]), np.concatenate([right, more_right])
    bits, most = agreed(len(label), left, right, bits, decided), evidence.most(left, right, weights)
    return joints(label, left, right, bits, weights.apart, weights.review, most)


def _learned(evidence: Evidence, left: Ints, right: Ints, weights: Weights) -> Weights:
    step = len(left) // ENOUGH + 1
    parts = [slice(start, start + AT_ONCE * step, step) for start in range(0, len(left), AT_ONCE * step)]
    return estimated(weights, [evidence.levels(left[part], right[part]) for part in parts])
