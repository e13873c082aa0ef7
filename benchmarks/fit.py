"""Fits the shipped weights: logistic regression over the level tables, on labelled pairs.

`python -m benchmarks.fit FILE.csv:TRUTH.csv ... -o leads/tables/weights.json`. What labelled CRM leads never show (birth dates, numbers
of identity papers, generations) keeps the weights of `GIVEN`, which come from reasoning: agreement is worth what chance agreement is rare.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelled import Labelled, read
from leads.matching.blocking import pairs
from leads.matching.features import Reader
from leads.matching.levels import LEVELS, Levels, context, levels

ONE = ("email", "phone", "first", "last", "order", "spelled", "own", "rarity", "namesakes", "company", "place", "crm", "xref", "job")
TWO = [
    tuple(names.split())
    for names in (
        "first last",
        "email first",
        "email last",
        "email phone",
        "email company",
        "email spelled",
        "email own",
        "phone first",
        "phone last",
        "phone place",
        "phone company",
        "phone rarity",
        "company first",
        "company last",
        "company rarity",
        "rarity spelled",
        "rarity email",
        "rarity place",
        "rarity namesakes",
        "rarity crm",
        "crm email",
        "crm namesakes",
        "crm company",
        "spelled own",
        "spelled first",
        "spelled last",
        "spelled company",
        "place first",
        "place last",
        "job company",
    )
]
GIVEN: Mapping[str, Sequence[float]] = {
    "rank": (0, 1, -16),
    "born": (0, 9.5, 5, -9),
    "national_id": (0, 16, 8, -5),
}
PENALTY = 2.0

Names = tuple[str, ...]
Floats = NDArray[np.float64]


def fit(
    tables: Mapping[tuple[str, ...], NDArray[np.int32]], same: NDArray[np.bool_], sizes: Mapping[tuple[str, ...], int]
) -> tuple[float, dict[tuple[str, ...], Floats]]:
    """Bias and tables in bits, by penalised maximum likelihood."""
    columns, offset = [], 1
    places = {}
    for names, cells in tables.items():
        columns.append(cells + offset)
        places[names] = slice(offset, offset := offset + sizes[names])
    target = same.astype(np.float64)

    def loss(theta: Floats) -> tuple[float, Floats]:
        z = np.full(len(target), theta[0])
        for column in columns:
            z += theta[column]
        chance = 1 / (1 + np.exp(-z))
        value = float(np.logaddexp(0, z).sum() - (target * z).sum() + PENALTY / 2 * (theta[1:] ** 2).sum())
        gap = chance - target
        gradient = PENALTY * theta
        gradient[0] = gap.sum()
        for column in columns:
            gradient += np.bincount(column, gap, offset)
        return value, gradient

    theta = minimise(loss, np.zeros(offset))
    bits = theta / np.log(2)
    return float(bits[0]), {names: bits[place] for names, place in places.items()}


def minimise(loss: Callable[[Floats], tuple[float, Floats]], at: Floats, rounds: int = 150) -> Floats:
    """Limited-memory BFGS with a backtracking line search."""
    value, slope = loss(at)
    steps: list[tuple[Floats, Floats]] = []
    for _ in range(rounds):
        direction, kept = slope.copy(), []
        for s, y in reversed(steps):
            kept.append((s @ direction) / (y @ s))
            direction -= kept[-1] * y
        if steps:
            s, y = steps[-1]
            direction *= (s @ y) / (y @ y)
        else:
            direction /= max(np.abs(slope).sum(), 1)
        for (s, y), a in zip(steps, reversed(kept), strict=True):
            direction += s * (a - (y @ direction) / (y @ s))
        pace = 1.0
        while True:
            new = at - pace * direction
            new_value, new_slope = loss(new)
            if new_value <= value - 1e-4 * pace * (slope @ direction) or pace < 1e-8:
                break
            pace /= 2
        if (new - at) @ (new_slope - slope) > 1e-12:
            steps = [*steps[-9:], (new - at, new_slope - slope)]
        done = value - new_value < 1e-7 * value
        at, value, slope = new, new_value, new_slope
        if done:
            break
    return at


def sample(labelled: Labelled) -> tuple[dict[str, Levels], NDArray[np.bool_]]:
    reader = Reader()
    rows = np.array([reader.row(cells) for cells in labelled.rows], dtype=np.int64)
    left, right = pairs(rows)
    seen = context(rows)
    found = levels(rows[left], rows[right], seen.take(left), seen.take(right), reader.words)
    return without_crm(found), labelled.entities[left] == labelled.entities[right]


def fitted(samples: Sequence[tuple[Mapping[str, Levels], NDArray[np.bool_]]]) -> dict[str, object]:
    joined = {name: np.concatenate([levels[name] for levels, _ in samples]).astype(np.int32) for name in ONE}
    same = np.concatenate([same for _, same in samples])
    tables, sizes = {}, {}
    for names in [(name,) for name in ONE] + TWO:
        cells = joined[names[0]]
        sizes[names] = len(LEVELS[names[0]])
        if len(names) == 2:
            cells = cells * len(LEVELS[names[1]]) + joined[names[1]]
            sizes[names] *= len(LEVELS[names[1]])
        tables[names] = cells
    bias, bits = fit(tables, same, sizes)
    shaped = {names: table.reshape([len(LEVELS[name]) for name in names]) for names, table in bits.items()}
    bias = centred(bias, shaped)
    rounded = {" ".join(names): table.round(2).tolist() for names, table in shaped.items()}
    return {"bias": round(bias, 2), "tables": {**rounded, **{name: list(given) for name, given in GIVEN.items()}}}


def centred(bias: float, tables: dict[Names, Floats]) -> float:
    """The same scores, written so that the first level of every comparison ("not given") adds nothing. Returns the bias."""
    for names in [names for names in tables if len(names) == 2]:
        table = tables[names]
        corner, row, column = table[0, 0], table[0, :].copy(), table[:, 0].copy()
        tables[(names[0],)] = tables[(names[0],)] + column - corner
        tables[(names[1],)] = tables[(names[1],)] + row - corner
        tables[names] = table - column[:, None] - row[None, :] + corner
        bias += corner
    for names in [names for names in tables if len(names) == 1]:
        bias += tables[names][0]
        tables[names] = tables[names] - tables[names][0]
    return float(bias)


def without_crm(levels: Mapping[str, Levels]) -> dict[str, Levels]:
    """Every fifth pair as if it came from a file that does not tell its CRM."""
    hidden = np.arange(len(levels["crm"])) % 5 == 0
    return {**levels, "crm": np.where(hidden, 0, levels["crm"]).astype(np.int8)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("sets", nargs="+", metavar="FILE:TRUTH")
    parser.add_argument("--thresholds", type=float, nargs=3, default=(8.75, -1.0, -6.0), metavar="BITS", help="link, review, apart")
    parser.add_argument("-o", "--output", type=Path, default=Path("leads/tables/weights.json"))
    arguments = parser.parse_args()
    document = fitted([sample(read(*map(Path, each.split(":")))) for each in arguments.sets])
    document |= dict(zip(("link", "review", "apart"), arguments.thresholds, strict=True))
    arguments.output.write_text(_laid_out(document), "utf-8")


def _laid_out(document: Mapping[str, object]) -> str:
    """One table a line."""
    tables: Mapping[str, object] = document["tables"]  # type: ignore[assignment]
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(bits)}" for name, bits in tables.items())
    numbers = "".join(f"  {json.dumps(name)}: {value},\n" for name, value in document.items() if name != "tables")
    return f'{{\n{numbers}  "tables": {{\n{lines}\n  }}\n}}\n'


if __name__ == "__main__":
    main()
