"""Where to link without asking, learned from what people decided about pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.scoring import Bits

PRECISION: Final = 0.999
ENOUGH: Final = 50  # decisions below which nothing moves
CAUTION: Final = 0.6  # bits by which doubts alone may raise the threshold
TAIL: Final = 4.0  # as many times more often than their scores say were the best pairs false in made-up files that no weight had seen
TRUST: Final = 30.0  # how firmly the shipped scores are believed: as many decisions as it takes to move them half way, about

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said about a pair that was given this score."""

    bits: float
    same: bool


def calibrated(decisions: Sequence[Decision], joined: Bits, link: float, precision: float = PRECISION) -> float:
    """The lowest score from which joints may be made unasked, expected false ones being fewer than 1 - `precision` of all of them.

    `joined` are the scores of all joints of the store or file, `link` the threshold that ships. Decisions tell how far scores are off:
    their odds are read as a + b * bits, believed to be 0 + 1 * bits until enough of them say otherwise, and doubted where few were asked
    for. That raises the threshold. To lower it takes more: decisions about pairs below it, so many of them and so few against that the
    joints made in addition keep the precision even if luck was with them.
    """
    if len(decisions) < ENOUGH:
        return link
    bits, same = np.array([one.bits for one in decisions]), np.array([one.same for one in decisions])
    scores = np.sort(joined.astype(np.float64))[::-1]
    middle, spread = _corrected(bits, same)
    wrong = _wrong(scores, middle, spread)
    above = int((scores >= link).sum())
    if above and wrong[:above].mean() > 1 - precision:
        likely = _raised(scores[:above], _wrong(scores[:above], middle, spread * 0), precision)
        return max(likely, min(_raised(scores[:above], wrong[:above], precision), link + CAUTION))
    return _lowered(scores, float(wrong[:above].sum()), bits, same, link, precision)


def _raised(scores: Floats, wrong: Floats, precision: float) -> float:
    good = np.flatnonzero(np.cumsum(wrong) / np.arange(1, len(scores) + 1) <= 1 - precision)
    return float(scores[good[-1]]) if len(good) else float(scores[0]) + 1


def _lowered(scores: Floats, wrong_above: float, bits: Floats, same: NDArray[np.bool_], link: float, precision: float) -> float:
    """Down to the lowest decision in favour from which everything above can be answered for."""
    found = link
    for low in np.sort(bits[(bits < link) & same])[::-1].tolist():
        asked = (bits >= low) & (bits < link)
        against = int((asked & ~same).sum())
        more = int(((scores >= low) & (scores < link)).sum())
        share = (against + 2) / (int(asked.sum()) + 2)
        if wrong_above + more * share <= (1 - precision) * int((scores >= low).sum()):
            found = low
    return found


def _wrong(scores: Floats, middle: Floats, spread: Floats) -> Floats:
    """The chance that a joint of each score is false, doubts included."""
    inputs = np.stack([np.ones_like(scores), scores], axis=1)
    doubt = np.sqrt(np.einsum("ij,jk,ik->i", inputs, spread, inputs))
    chance: Floats = TAIL / (1 + np.exp2(np.clip(inputs @ middle - doubt, -60, 60)))
    return np.minimum(chance, 1.0)


def _corrected(bits: Floats, same: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Shift and slope of the scores by penalised maximum likelihood, in bits, and how much both are in doubt (a covariance)."""
    at, middle = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    trust = np.array([1.0, TRUST]) * np.log(2)
    inputs = np.stack([np.ones_like(bits), bits], axis=1) * np.log(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ at, -40, 40)))
        slope = inputs.T @ (chance - same) + trust * (at - middle)
        curve = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + np.diag(trust)
        step = np.linalg.solve(curve, slope)
        at = at - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    at[1] = max(at[1], 0.1)
    return at, np.linalg.inv(curve)
