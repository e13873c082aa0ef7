"""Where to link without asking, learned from what people decided about pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.scoring import Bits

PRECISION: Final = 0.999
TRUST: Final = 30.0  # how firmly the shipped scores are believed: as many decisions as it takes to move them half way, about


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said about a pair that was given this score."""

    bits: float
    same: bool


def calibrated(decisions: Sequence[Decision], joined: Bits, link: float, precision: float = PRECISION) -> float:
    """The lowest score from which joints may be made unasked, expected false ones being fewer than 1 - `precision` of all of them.

    `joined` are the scores of all joints of the store or file, `link` the threshold that ships. Decisions tell how far scores are off:
    their odds are read as a + b * bits, believed to be 0 + 1 * bits until enough of them say otherwise. A threshold is only ever lowered
    as far as a decision was asked for: nothing is known about what lies below.
    """
    if not decisions:
        return link
    bits = np.array([one.bits for one in decisions])
    same = np.array([one.same for one in decisions])
    shift, slope, doubt = _corrected(bits, same)
    scores = np.sort(joined[joined > bits.min()].astype(np.float64))[::-1]
    if len(scores) == 0:
        return link
    wrong = 1 / (1 + np.exp2(np.clip(shift - doubt + slope * scores, -60, 60)))
    share = np.cumsum(wrong) / np.arange(1, len(scores) + 1)
    good = np.flatnonzero(share <= 1 - precision)
    found = float(scores[good[-1]]) if len(good) else float(scores[0]) + 1
    worst = bits[~same].max(initial=-np.inf)
    return max(found, float(worst) + 0.01) if found < link else found


def _corrected(bits: NDArray[np.float64], same: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Shift and slope of the scores by penalised maximum likelihood, and the standard error of the shift; all in bits."""
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
    return float(at[0]), float(at[1]), float(np.sqrt(np.linalg.inv(curve)[0, 0]))
