"""What people decided about pairs holds whatever the scores say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.blocking import Ints
from leads.matching.clustering import DECIDED, components
from leads.matching.scoring import Bits

NONE: Final = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Decided:
    """Pairs of record numbers, left < right, each once, and whether a person called them the same."""

    left: Ints
    right: Ints
    same: NDArray[np.bool_]


NOTHING: Final = Decided(NONE, NONE, NONE.astype(bool))


def contradictions(count: int, decided: Decided) -> list[tuple[int, int]]:
    """The pairs called different although other decisions make them one."""
    label = components(count, decided.left[decided.same], decided.right[decided.same])
    both = ~decided.same & (label[decided.left] == label[decided.right])
    return list(zip(decided.left[both].tolist(), decided.right[both].tolist(), strict=True))


def imposed(left: Ints, right: Ints, bits: Bits, decided: Decided) -> tuple[Ints, Ints, Bits]:
    """The pairs with what was decided in place of their scores."""
    codes, theirs = (left << 32) | right, (decided.left << 32) | decided.right
    free = ~np.isin(codes, theirs)
    worth = np.where(decided.same, DECIDED, -DECIDED).astype(np.float32)
    return (
        np.concatenate([left[free], decided.left]),
        np.concatenate([right[free], decided.right]),
        np.concatenate([bits[free], worth]),
    )


def agreed(count: int, left: Ints, right: Ints, bits: Bits, decided: Decided) -> Bits:
    """Records called the same speak with one voice: what one of them has in common with a stranger all of them have, and a stranger to
    one is a stranger to all."""
    if not decided.same.any():
        return bits
    person = components(count, decided.left[decided.same], decided.right[decided.same])
    one, other = person[left], person[right]
    _, voice = np.unique((np.minimum(one, other) << 32) | np.maximum(one, other), return_inverse=True)
    best, worst = np.full(voice.max(initial=-1) + 1, -DECIDED, bits.dtype), np.full(voice.max(initial=-1) + 1, DECIDED, bits.dtype)
    np.maximum.at(best, voice, bits)
    np.minimum.at(worst, voice, bits)
    return np.where(one == other, np.float32(DECIDED), np.where(worst[voice] <= -DECIDED, worst[voice], best[voice])).astype(np.float32)
