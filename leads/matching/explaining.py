"""Why two records are one, or apart: the evidence of a pair in words and bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.blocking import Ints
from leads.matching.engine import Evidence
from leads.matching.levels import LEVELS
from leads.matching.resembling import Levels
from leads.matching.scoring import Weights, score, two_generations

SHOWN: Final = 6
HALF: Final = "half a name alone is asked about"
GENERATIONS: Final = "who may be parent and child is asked about"
NAMED: Final = "one names the id of the other, and the rest fits"
HELD: Final = "another record of the same lead speaks against it"


def shares(levels: Mapping[str, Levels], weights: Weights) -> dict[str, NDArray[np.float32]]:
    """What every comparison adds to each pair, in bits. What two comparisons say together counts half for each."""
    found = {name: np.zeros(len(level), dtype=np.float32) for name, level in levels.items()}
    for names, bits in weights.tables.items():
        worth = bits[tuple(levels[name] for name in names)] / len(names)
        for name in names:
            found[name] += worth
    return found


def evidence_of(evidence: Evidence, left: int, right: int, weights: Weights) -> list[tuple[str, float]]:
    """Every summand of one pair, the weightiest first; their sum is the score."""
    levels = evidence.levels(np.array([left]), np.array([right]))
    parts = [(LEVELS[name][levels[name][0]], float(bits[0])) for name, bits in shares(levels, weights).items()]
    over = float(score(levels, weights)[0] - weights.summed(levels)[0])
    why = NAMED if over > 0 else GENERATIONS if two_generations(levels)[0] else HALF
    held = [(why, over)] if over != 0 else []
    return [("before any evidence", weights.bias), *sorted(parts, key=lambda part: -abs(part[1])), *held]


def reasons(evidence: Evidence, left: Ints, right: Ints, held: NDArray[np.bool_], weights: Weights) -> Iterator[str]:
    """One line for each pair: the weightiest evidence, for and against."""
    levels = evidence.levels(left, right)
    found = shares(levels, weights)
    names = list(found)
    bits = np.stack([found[name] for name in names], axis=1)
    order = np.argsort(-np.abs(bits), axis=1, kind="stable")[:, :SHOWN]
    for at in range(len(left)):
        said = [f"{LEVELS[names[n]][levels[names[n]][at]]} ({bits[at, n]:+.1f})" for n in order[at].tolist() if abs(bits[at, n]) >= 0.5]
        yield "; ".join([*said, HELD] if held[at] else said)
