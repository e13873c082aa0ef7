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
from leads.matching.scoring import Weights, papers_alone, score, two_generations

SHOWN: Final = 6
LEAST: Final = 0.5  # bits that a line of reasons mentions
TWICE: Final = "what of this says the same twice"
MORE: Final = "what of this says more together than one by one"
PAPERS: Final = "one number of papers beside two first names is asked about"
HALF: Final = "half a name alone is asked about"
GENERATIONS: Final = "who may be parent and child is asked about"
NAMED: Final = "one names the id of the other, and the rest fits"
HELD: Final = "another record of the same lead speaks against it"


def own_bits(levels: Mapping[str, Levels], weights: Weights) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """What every comparison says by itself, the same beside whatever else is said; and what all of them together say more than that, or
    less: a name and an address made of it are not two witnesses."""
    alone = {name: weights.tables[(name,)][level] for name, level in levels.items()}
    together = weights.summed(levels) - np.float32(weights.bias) - np.stack(list(alone.values())).sum(axis=0)
    return alone, together


def evidence_of(evidence: Evidence, left: int, right: int, weights: Weights) -> list[tuple[str, float]]:
    """Every summand of one pair, the weightiest first; their sum is the score."""
    levels = evidence.levels(np.array([left]), np.array([right]))
    alone, together = own_bits(levels, weights)
    parts = [(LEVELS[name][levels[name][0]], float(bits[0])) for name, bits in alone.items()]
    over = float(score(levels, weights)[0] - weights.summed(levels)[0])
    held = [(_why_held(levels, over), over)] if over != 0 else []
    both = (_together(float(together[0])), float(together[0]))
    return [("before any evidence", weights.bias), *sorted(parts, key=lambda part: -abs(part[1])), both, *held]


def _why_held(levels: Mapping[str, Levels], over: float) -> str:
    if over > 0:
        return NAMED
    return GENERATIONS if two_generations(levels)[0] else PAPERS if papers_alone(levels)[0] else HALF


def reasons(evidence: Evidence, left: Ints, right: Ints, held: NDArray[np.bool_], weights: Weights) -> Iterator[str]:
    """One line for each pair: the weightiest evidence, for and against."""
    levels = evidence.levels(left, right)
    alone, together = own_bits(levels, weights)
    names = list(alone)
    bits = np.stack([alone[name] for name in names], axis=1)
    order = np.argsort(-np.abs(bits), axis=1, kind="stable")[:, :SHOWN]
    for at in range(len(left)):
        parts = [(LEVELS[names[n]][levels[names[n]][at]], bits[at, n]) for n in order[at].tolist()]
        both = (_together(float(together[at])), together[at])
        said = [f"{what} ({worth:+.1f})" for what, worth in (*parts, both) if abs(worth) >= LEAST]
        yield "; ".join([*said, HELD] if held[at] else said)


def _together(bits: float) -> str:
    return TWICE if bits < 0 else MORE
