"""Fits the shipped weights: logistic regression over the level tables, on labelled pairs.

`python -m benchmarks.fit` writes the file that ships, byte by byte. It reads the development seeds of the CRM leads, six made-up files of
other seeds than those that are measured, and, for birth dates and numbers of identity papers, which CRM leads hardly ever have, FEBRL 1 and
2 and half of fake_1000. Generations are too rare in all of them: their weights are given.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.identity import FOR_FITTING, LabelledFile, files
from commands.dedupe import read_heading, rows_of
from leads.matching.blocking import pairs
from leads.matching.context import context
from leads.matching.levels import LEVELS, levels
from leads.matching.reading.reader import Reader
from leads.matching.resembling import Levels

ONE = (
    "email",
    "phone",
    "mobile",
    "first",
    "last",
    "order",
    "spelled",
    "own",
    "rarity",
    "namesakes",
    "holder",
    "company",
    "place",
    "crm",
    "xref",
    "job",
)
RARE = (
    ("born",),
    ("national_id",),
    *(("born", other) for other in ("first", "last", "email", "place", "company", "rarity", "national_id")),
    *(("national_id", other) for other in ("first", "last", "place", "rarity")),
)
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
        "mobile email",
        "mobile phone",
        "mobile first",
        "namesakes email",
        "own first",
        "spelled own",
        "spelled first",
        "spelled last",
        "spelled company",
        "place first",
        "place last",
        "job company",
        "holder email",
        "holder own",
        "holder last",
        "holder phone",
        "holder mobile",
        "holder rarity",
        "holder crm",
        "holder spelled",
        "namesakes spelled",
        "namesakes own",
        "namesakes first",
        "namesakes last",
        "namesakes company",
        "namesakes phone",
        "namesakes holder",
        "holder company",
        "holder first",
    )
]
GIVEN: Mapping[str, Sequence[float]] = {
    "rank": (0, 1, -16),
    "born": (0, 9, 5, -1, -6),  # of one person in a hundred a date is somebody else's or made up; `score` links nobody across generations
    "national_id": (0, 18, 9, -3),
}
SETS = ("dev_100k", "dev_10k", *FOR_FITTING)
PUBLIC_SETS = ("febrl1", "febrl2", "fake_1000")
PUBLIC_COUNT = 4  # times that their few pairs count, beside so many of CRM leads
PENALTY, PENALTY_RARE = 2.0, 1.0  # of tables that few records have anything to say in, the little they say counts

Names = tuple[str, ...]
Floats = NDArray[np.float64]


def fit(
    cells: Mapping[Names, NDArray[np.int64]], same: NDArray[np.bool_], times: Floats, expected: Mapping[Names, Floats]
) -> tuple[float, dict[Names, Floats]]:
    """Bias and tables in bits, by penalised maximum likelihood around `expected`; every pair occurs so many `times`."""
    columns, places, offset = [], {}, 1
    for names, column in cells.items():
        columns.append(column + offset)
        places[names] = slice(offset, offset := offset + expected[names].size)
    target = same.astype(np.float64)
    penalty = np.zeros(offset)
    for names, place in places.items():
        penalty[place] = PENALTY_RARE if names in RARE else PENALTY
    middle = np.concatenate([[0.0], *(expected[names].ravel() for names in cells)]) * np.log(2)

    def loss(theta: Floats) -> tuple[float, Floats]:
        z = np.full(len(target), theta[0])
        for column in columns:
            z += theta[column]
        gap = times * (1 / (1 + np.exp(-z)) - target)
        away = theta - middle
        away[0] = 0
        value = float(times @ (np.logaddexp(0, z) - target * z) + (penalty * away**2).sum() / 2)
        gradient = penalty * away
        gradient[0] = gap.sum()
        for column in columns:
            gradient += np.bincount(column, gap, offset)
        return value, gradient

    bits = minimise(loss, middle.copy()) / np.log(2)
    return float(bits[0]), {names: bits[place].reshape(expected[names].shape) for names, place in places.items()}


def minimise(loss: Callable[[Floats], tuple[float, Floats]], at: Floats, rounds: int = 150) -> Floats:
    """Limited-memory BFGS with a backtracking line search. More rounds fit better what is fitted, and worse other files (fake_1000)."""
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


def sample(labelled: LabelledFile) -> tuple[dict[str, Levels], NDArray[np.bool_]]:
    heading, reader = read_heading(labelled.file), Reader()
    rows = np.array([reader.row(heading.cells(cells)) for cells in rows_of(labelled.file, heading)], dtype=np.int64)
    left, right = pairs(rows)
    seen = context(rows)
    found = levels(rows[left], rows[right], seen.take(left), seen.take(right), reader.words)
    same = labelled.entities[left] == labelled.entities[right]
    wanted = np.ones(len(left), dtype=bool)
    if labelled.name == "fake_1000":
        wanted = (labelled.entities[left] % 2 == 0) & (labelled.entities[right] % 2 == 0)
    return without_crm({name: level[wanted] for name, level in found.items()}), same[wanted]


Sample = tuple[Mapping[str, Levels], NDArray[np.bool_]]


def fitted(samples: Sequence[Sample]) -> dict[str, object]:
    names = [*((name,) for name in ONE), *TWO, *RARE]
    given = {(name,): np.array(bits, dtype=np.float64) for name, bits in GIVEN.items()}
    bias, tables = fit(*_joined(samples, names), {each: given.get(each, _zeros(each)) for each in names})
    bias = centred(bias, tables)
    _hold_apart(tables)
    rounded = {" ".join(each): table.round(2).tolist() for each, table in {**tables, ("rank",): given["rank",]}.items()}
    return {"bias": round(bias, 2), "usual": _usual(samples[0]), "tables": rounded}


def _usual(sample: Sample) -> dict[str, list[list[float]]]:
    """How often each level occurs, among pairs of one person and of two; one pair of each is made up, so that nothing never does."""
    levels, same = sample
    found = {}
    for name in ONE:
        counts = np.stack([np.bincount(levels[name][wanted], minlength=len(LEVELS[name])) for wanted in (same, ~same)]) + 1.0
        found[name] = [[round(share, 6) for share in row] for row in (counts / counts.sum(axis=1, keepdims=True)).tolist()]
    return found


def _hold_apart(tables: dict[Names, Floats]) -> None:
    """Different birth dates speak against a person whatever else is said: the public sets are full of mistyped ones, CRMs are not."""
    for names, table in tables.items():
        if names[0] == "born":
            table[3:] = GIVEN["born"][3:] if len(names) == 1 else 0
        if names == ("born", "national_id"):
            table[3:, 1], table[3:, 2] = (1, 9), (0, 4)  # the number of somebody's papers outweighs a date


def _zeros(names: Names) -> Floats:
    return np.zeros([len(LEVELS[name]) for name in names])


def _joined(samples: Sequence[Sample], tables: Sequence[Names]) -> tuple[dict[Names, NDArray[np.int64]], NDArray[np.bool_], Floats]:
    """The cell of every table that each kind of pair falls into, the answer, and how many pairs there are of the kind. Most are alike."""
    code = np.concatenate([same for _, same in samples]).astype(np.int64)
    for name in LEVELS:
        code = code * len(LEVELS[name]) + np.concatenate([levels[name] for levels, _ in samples])
    kinds, times = np.unique(code, return_counts=True)
    column = {}
    for name in reversed(LEVELS):
        kinds, column[name] = np.divmod(kinds, len(LEVELS[name]))
    cells = {
        names: column[names[0]] if len(names) == 1 else column[names[0]] * len(LEVELS[names[1]]) + column[names[1]] for names in tables
    }
    return cells, kinds == 1, times.astype(np.float64)


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
    parser.add_argument("--data", type=Path, default=Path("../shared/wire/data"))
    parser.add_argument("--thresholds", type=float, nargs=3, default=(9.3, -1.0, -8.0), metavar="BITS", help="link, review, apart")
    parser.add_argument("-o", "--output", type=Path, default=Path("leads/tables/weights.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        document = fitted([sample(one) for one in files(arguments.data, Path(work), (*SETS, *PUBLIC_SETS * PUBLIC_COUNT))])
    document |= dict(zip(("link", "review", "apart"), arguments.thresholds, strict=True))
    arguments.output.write_text(_laid_out(document), "utf-8")


def _laid_out(document: Mapping[str, object]) -> str:
    """One table a line."""
    parts = []
    for name, value in document.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"    {json.dumps(names)}: {json.dumps(table)}" for names, table in value.items())
            parts.append(f"  {json.dumps(name)}: {{\n{lines}\n  }}")
        else:
            parts.append(f"  {json.dumps(name)}: {value}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
