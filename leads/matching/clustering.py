"""From scored pairs to people. A chain of pairs never joins what a pair holds apart.

Pairs are taken from the best to the worst. Two groups are joined by their best pair unless some pair across them is `apart`; what the other
pairs across say lowers the score of the joint, so that a weak chain counts for less than its best link. The joints form a tree: those at or
above any threshold are the groups at that threshold. What a person decided comes first and bends to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.blocking import Ints, starts_of
from leads.matching.scoring import Bits

DECIDED: Final = 1000.0  # what a person called the same is worth more than any evidence, and different less
LARGEST: Final = 60  # of a larger component only the pairs that share a key are known


@dataclass(frozen=True, slots=True)
class Joints:
    """Pairs that join two groups, left < right. `bits` is the score of the joint, `allowed` whether nothing forbids it."""

    left: Ints
    right: Ints
    bits: Bits
    allowed: NDArray[np.bool_]

    def between(self, low: float, high: float) -> Joints:
        """The joints that a person is asked about."""
        at = (self.bits >= low) & (self.bits < high)
        return Joints(self.left[at], self.right[at], self.bits[at], self.allowed[at])


def components(count: int, left: Ints, right: Ints) -> Ints:
    """The smallest record number that can be reached from each record."""
    label = np.arange(count)
    while True:
        before = label.copy()
        low = np.minimum(label[left], label[right])
        np.minimum.at(label, left, low)
        np.minimum.at(label, right, low)
        np.minimum.at(label, before, label)
        label = label[label]
        if np.array_equal(before, label):
            return label


def missing_pairs(label: Ints, left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """The pairs inside components of three and more that no key has found."""
    order = np.argsort(label, kind="stable")
    starts = starts_of(label[order])
    sizes = np.diff(np.r_[starts, len(label)])
    fits = np.repeat((sizes > 2) & (sizes <= LARGEST), sizes)
    rest = np.repeat(starts + sizes, sizes) - np.arange(len(label))
    at = np.flatnonzero(fits)
    found: list[Ints] = []
    for distance in range(1, LARGEST):
        at = at[rest[at] > distance]
        if len(at) == 0:
            break
        found.append((order[at] << 32) | order[at + distance])
    codes = np.setdiff1d(np.concatenate(found) if found else np.zeros(0, dtype=np.int64), (left << 32) | right)
    return codes >> 32, codes & 0xFFFFFFFF


def joints(label: Ints, left: Ints, right: Ints, bits: Bits, apart: float, review: float, most: Bits | None = None) -> Joints:
    """`label` is the component of every record; the pairs are all that are known, in any order. A joint that is not allowed is worth
    `review` at most: a person may still be asked, but no threshold above it joins the two. `most` is what a joint of two groups is worth at
    most for each pair across them, whatever the other pairs say."""
    group = label[left]
    most = np.full(len(bits), np.inf, dtype=np.float32) if most is None else most
    order = np.lexsort((right, left, -bits, group))
    group, left, right, bits, most = group[order], left[order], right[order], bits[order], most[order]
    starts = starts_of(group)
    sizes = np.diff(np.r_[starts, len(group)])
    kept = [(int(at), float(bits[at]), True) for at in starts[sizes == 1]]
    ends = starts + sizes
    for start, end in zip(starts[sizes > 1].tolist(), ends[sizes > 1].tolist(), strict=True):
        part = slice(start, end)
        ones, others = left[part].tolist(), right[part].tolist()
        bounds = {(ones[at], others[at]): float(most[start + at]) for at in np.flatnonzero(most[part] < DECIDED).tolist()}
        found = _joined(ones, others, bits[part].tolist(), apart, bounds)
        kept.extend((start + at, worth, fine) for at, worth, fine in found)
    at = np.array([each[0] for each in kept], dtype=np.int64)
    worth = np.array([each[1] for each in kept], dtype=np.float32)
    allowed = np.array([each[2] for each in kept], dtype=bool)
    return Joints(left[at], right[at], np.where(allowed, worth, np.minimum(worth, review)).astype(np.float32), allowed)


def _joined(
    left: list[int], right: list[int], bits: list[float], apart: float, bounds: Mapping[tuple[int, int], float]
) -> Iterator[tuple[int, float, bool]]:
    known = {(one, other): score for one, other, score in zip(left, right, bits, strict=True)}
    home = {record: [record] for pair in known for record in pair}
    asked: set[tuple[int, int]] = set()
    for at, (one, other, best) in enumerate(zip(left, right, bits, strict=True)):
        ours, theirs = home[one], home[other]
        if ours is theirs or best < apart:
            continue
        across = [score for a in ours for b in theirs if (score := known.get((a, b) if a < b else (b, a))) is not None]
        if min(across) < apart:
            if min(across) <= -DECIDED:
                continue  # nobody is asked twice
            pair = (min(ours[0], theirs[0]), max(ours[0], theirs[0]))
            if pair not in asked:
                asked.add(pair)
                yield at, _worth(best, across), False
            continue
        bound = min((most for pair, most in bounds.items() if _across(pair, ours, theirs)), default=best) if best < DECIDED else best
        yield at, min(_worth(best, across), bound), True
        ours += theirs
        for record in theirs:
            home[record] = ours


def _across(pair: tuple[int, int], ours: list[int], theirs: list[int]) -> bool:
    one, other = pair
    return (one in ours and other in theirs) or (other in ours and one in theirs)


def _worth(best: float, across: list[float]) -> float:
    return min(best, (best + sum(across) / len(across)) / 2)


def grouped(count: int, joints: Joints, threshold: float) -> Ints:
    """The group of every record, named by its first record, at a threshold."""
    wanted = joints.allowed & (joints.bits >= threshold)
    return components(count, joints.left[wanted], joints.right[wanted])
