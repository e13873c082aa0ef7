"""Rows of features in, people out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from leads.matching.blocking import Ints, pairs
from leads.matching.clustering import Joints, components, grouped, joints, missing_pairs
from leads.matching.levels import Context, Levels, context, levels
from leads.matching.scoring import Bits, Weights, score

AT_ONCE: Final = 1 << 15


@dataclass(frozen=True, slots=True)
class Evidence:
    """Records with what is known about them: everything that the comparison of two of them needs."""

    rows: Ints
    context: Context
    words: Mapping[int, str]

    def levels(self, left: Ints, right: Ints) -> dict[str, Levels]:
        return levels(self.rows[left], self.rows[right], self.context.take(left), self.context.take(right), self.words)

    def bits(self, left: Ints, right: Ints, weights: Weights) -> Bits:
        """The scores of pairs, computed a slice at a time to bound memory."""
        found = np.empty(len(left), dtype=np.float32)
        for start in range(0, len(left), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            found[part] = score(self.levels(left[part], right[part]), weights)
        return found


@dataclass(frozen=True, slots=True)
class Matched:
    evidence: Evidence
    joints: Joints
    groups: Ints  # of every record the first record of its lead


def match(rows: Ints, words: Mapping[int, str], weights: Weights) -> Matched:
    evidence = Evidence(rows, context(rows), words)
    found = join(evidence, weights)
    return Matched(evidence, found, grouped(len(rows), found, weights.link))


def join(evidence: Evidence, weights: Weights) -> Joints:
    left, right = pairs(evidence.rows)
    bits = evidence.bits(left, right, weights)
    good = bits >= weights.review
    label = components(len(evidence.rows), left[good], right[good])
    inside = label[left] == label[right]
    left, right, bits = left[inside], right[inside], bits[inside]
    more_left, more_right = missing_pairs(label, left, right)
    bits = np.concatenate([bits, evidence.bits(more_left, more_right, weights)])
    return joints(label, np.concatenate([left, more_left]), np.concatenate([right, more_right]), bits, weights.apart, weights.review)
