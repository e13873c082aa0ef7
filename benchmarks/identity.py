"""How well and how fast `leadloom dedupe` finds the people in files whose truth is known, measured from what it writes.

The groups of `lead_id` are what it joins by itself. A threshold sweep joins the pairs of the review file at or above each score to them;
the perfect reviewer says yes to exactly the pairs that are true.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.labelled import Quality, opened, quality
from benchmarks.noise import write
from leads.matching.clustering import components

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelledFile:
    name: str
    file: Path
    entities: Ints


MADE: Final[Mapping[str, tuple[int, int, float]]] = {  # records, seed, how noisy: none of them was seen by the fit
    **{f"made_100k_{seed}": (100_000, seed, 1.0) for seed in range(1, 6)},
    "made_100k_noisier": (100_000, 6, 1.8),
    "made_100k_cleaner": (100_000, 7, 0.4),
    "made_1m": (1_000_000, 8, 1.0),
}
FOR_FITTING: Final[Mapping[str, tuple[int, int, float]]] = {
    "fit_100k": (100_000, 101, 1.0),
    "fit_100k_noisier": (100_000, 102, 1.6),
    **{f"fit_100k_{seed}": (100_000, seed, noise) for seed, noise in ((103, 1.0), (104, 1.3), (105, 0.8), (106, 1.0))},
}
PUBLIC: Final = ("febrl3", "febrl4", "fake_1000", "senzing")
ANSWERS: Final = 300
ANSWERED: Final = ("made_100k_noisier", "made_100k_cleaner")


@dataclass(frozen=True, slots=True)
class Result:
    """What one tool made of one file. `auto` is what it joins unasked, `best` the same at the threshold with the best pairwise F1."""

    tool: str
    data: str
    records: int
    auto: Quality
    best: Quality
    best_from: float | None  # bits; none where it is `auto`
    recall_at_99: float
    review_per_1000: float
    reviewed: Quality
    cost: Cost
    answered: Quality | None = None  # what is joined unasked once the best pairs of the review file are answered
    without_ids: Quality | None = None  # what is joined unasked of the same file without its cross ids


@dataclass(frozen=True, slots=True)
class Cost:
    seconds: float
    cpu_seconds: float
    megabytes: float


MADE_OF_SEED: Final = re.compile(r"made_(\d+)k_(\d+)")


def made(name: str) -> tuple[int, int, float] | None:
    """Records, seed and noise of a made-up set: `made_100k_17` is one of seed 17 that is measured like the others."""
    if (found := MADE_OF_SEED.fullmatch(name)) is not None:
        return int(found[1]) * 1000, int(found[2]), 1.0
    return MADE.get(name) or FOR_FITTING.get(name)


def files(data: Path, work: Path, names: Sequence[str]) -> Iterator[LabelledFile]:
    """The labelled sets of these names, each written as one CSV file without its truth."""
    for name in names:
        if (recipe := made(name)) is not None:
            file = work / f"{name}.csv"
            yield LabelledFile(name, file, np.array(write(file, *recipe), dtype=np.int64))
        elif name.startswith("dev_"):
            source = next(file for ending in ("csv", "csv.gz") if (file := data / "crm-leads" / f"{name}.{ending}").exists())
            yield _copied(name, [source], work, _from(source.with_name(source.name.replace(".csv", ".truth.csv"))))
        elif name.startswith("febrl"):
            parts = sorted((data / "febrl").glob(f"dataset{name[5:]}*.csv"))
            yield _copied(name, parts, work, lambda row: row["rec_id"].split("-")[1])
        elif name == "fake_1000":
            yield _copied(name, [data / "splink" / "fake_1000.csv"], work, lambda row: row["cluster"])
        else:
            yield _copied(name, [data / "senzing" / "customers.csv"], work, _senzing(data / "senzing" / "actual_truthset_key.csv"))


def _senzing(truth: Path) -> Callable[[Mapping[str, str]], str]:
    with truth.open(encoding="utf-8") as lines:
        key = {(row["DATA_SOURCE"], row["RECORD_ID"]): row["CLUSTER_ID"] for row in csv.DictReader(lines)}
    return lambda row: key[row["DATA_SOURCE"], row["RECORD_ID"]]


def _from(truth: Path) -> Callable[[Mapping[str, str]], str]:
    with opened(truth) as lines:
        entity = {row["record_id"]: row["entity_id"] for row in csv.DictReader(lines)}
    return lambda row: entity[row["record_id"]]


def _copied(name: str, sources: Sequence[Path], work: Path, entity: Callable[[Mapping[str, str]], str]) -> LabelledFile:
    """One file without the column that holds the truth."""
    out = work / f"{name}.csv"
    found: list[str] = []
    writer = None
    with out.open("w", encoding="utf-8", newline="") as lines:
        for source in sources:
            with opened(source) as text:
                for row in csv.DictReader(text, skipinitialspace=True):
                    found.append(entity(row))
                    kept = {column: cell for column, cell in row.items() if column not in ("cluster", "rec_id")}
                    if writer is None:
                        writer = csv.DictWriter(lines, list(kept))
                        writer.writeheader()
                    writer.writerow(kept)
    return LabelledFile(name, out, np.unique(np.array(found), return_inverse=True)[1].astype(np.int64))


def measure(labelled: LabelledFile, work: Path) -> Result:
    out, review = work / "out.csv", work / "review.csv"
    command = dedupe(labelled.file, out, review)
    cost = timed(command)
    groups, left, right, bits = _read(out, review)
    answered = _answered(labelled, command, out, review) if labelled.name in ANSWERED else None
    return judged("leadloom", labelled, groups, left, right, bits, cost, answered, _without_ids(labelled, work))


def dedupe(file: Path, out: Path, review: Path) -> list[str]:
    return [sys.executable, "-m", "cli", "dedupe", str(file), "-o", str(out), "--review", str(review)]


def _without_ids(labelled: LabelledFile, work: Path) -> Quality | None:
    """What is joined unasked where no record names another; none where none does."""
    file, out, review = (work / name for name in ("without-ids.csv", "without-ids-out.csv", "without-ids-review.csv"))
    with labelled.file.open(encoding="utf-8", newline="") as lines, file.open("w", encoding="utf-8", newline="") as written:
        rows = csv.DictReader(lines)
        if rows.fieldnames is None or "xref" not in rows.fieldnames:
            return None
        writer = csv.DictWriter(written, [name for name in rows.fieldnames if name != "xref"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    timed(dedupe(file, out, review))
    return quality(_read(out, review)[0], labelled.entities)


def _answered(labelled: LabelledFile, command: Sequence[str], out: Path, review: Path) -> Quality:
    """The same with true answers to the pairs that stand first in the review file."""
    answers, truth = review.with_name("answers.csv"), labelled.entities
    with review.open(encoding="utf-8", newline="") as lines, answers.open("w", encoding="utf-8", newline="") as written:
        writer = csv.writer(written)
        writer.writerow(("left_row", "right_row", "score", "decision"))
        for row in islice(csv.DictReader(lines), ANSWERS):
            same = truth[int(row["left_row"]) - 1] == truth[int(row["right_row"]) - 1]
            writer.writerow((row["left_row"], row["right_row"], row["score"], "same" if same else "different"))
    timed([*command, "--decisions", str(answers)])
    return quality(_read(out, review)[0], truth)


def timed(command: Sequence[str]) -> Cost:
    """What a command takes in a process of its own. A small one starts it: a process is counted what its parent held when it began."""
    clock = Path(__file__).with_name("clock.py")
    told = subprocess.run([sys.executable, "-S", str(clock), *command], capture_output=True, text=True)
    if told.returncode != 0:
        sys.exit(told.stderr)
    return Cost(**json.loads(told.stdout))


def _read(out: Path, review: Path) -> tuple[Ints, Ints, Ints, NDArray[np.float64]]:
    with out.open(encoding="utf-8", newline="") as lines:
        ids = [row["lead_id"] for row in csv.DictReader(lines)]
    with review.open(encoding="utf-8", newline="") as lines:
        pairs = [(int(row["left_row"]) - 1, int(row["right_row"]) - 1, float(row["score"])) for row in csv.DictReader(lines)]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 3)
    groups = np.unique(np.array(ids), return_inverse=True)[1].astype(np.int64)
    return groups, table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2]


def judged(
    tool: str,
    labelled: LabelledFile,
    groups: Ints,
    left: Ints,
    right: Ints,
    bits: NDArray[np.float64],
    cost: Cost,
    answered: Quality | None = None,
    without_ids: Quality | None = None,
) -> Result:
    truth = labelled.entities
    auto = quality(groups, truth)
    thresholds = [None, *np.unique(np.floor(bits * 2) / 2).tolist()]
    sweep = [auto, *(quality(_with(groups, left, right, bits >= at), truth) for at in thresholds[1:])]
    best = max(range(len(sweep)), key=lambda at: sweep[at].f1)
    same = truth[left] == truth[right]
    return Result(
        tool,
        labelled.name,
        len(truth),
        auto,
        sweep[best],
        thresholds[best],
        max((one.recall for one in sweep if one.precision >= 0.99), default=0.0),
        1000 * len(left) / len(truth),
        quality(_with(groups, left, right, same), truth),
        cost,
        answered,
        without_ids,
    )


def _with(groups: Ints, left: Ints, right: Ints, wanted: NDArray[np.bool_]) -> Ints:
    return components(int(groups.max()) + 1, groups[left[wanted]], groups[right[wanted]])[groups]


# Peers: what they score goes through the same sweep, each with its own best threshold.


def plain_email(labelled: LabelledFile) -> Result:
    """The same e-mail address, in small letters and without blanks, is the same person."""
    begin = time.perf_counter()
    first: dict[str, int] = {}
    groups = []
    with labelled.file.open(encoding="utf-8", newline="") as lines:
        for at, row in enumerate(csv.DictReader(lines)):
            address = (row.get("email") or "").strip().lower()
            groups.append(first.setdefault(address, at) if address else at)
    none = np.zeros(0, dtype=np.int64)
    seconds = time.perf_counter() - begin
    return judged("plain e-mail", labelled, np.array(groups), none, none, none.astype(np.float64), Cost(seconds, seconds, float("nan")))


def peer(name: str, python: Path, labelled: LabelledFile, work: Path) -> Result:
    out = work / f"{name}.csv"
    script = Path(__file__).parent / "peers" / f"{name}_peer.py"
    cost = timed([str(python), str(script), str(labelled.file), str(out)])
    with out.open(encoding="utf-8", newline="") as lines:
        pairs = [(int(row["left"]), int(row["right"]), float(row["score"])) for row in csv.DictReader(lines)]
    found = np.array(pairs, dtype=np.float64).reshape(-1, 3)
    alone = np.arange(len(labelled.entities))
    return judged(name, labelled, alone, found[:, 0].astype(np.int64), found[:, 1].astype(np.int64), found[:, 2], cost)


def table(results: Sequence[Result]) -> Table:
    found = Table(title="who is the same person (P, R and F1 of pairs inside the groups written; B³ F1 of their records)")
    auto = ("auto P", "auto R", "auto F1", "auto B³ F1", "without cross ids")
    joined = (*auto, "best from", "best P", "best R", "best F1", "best B³ F1", "R at P .99", "largest false")
    asked = ("review per 1,000", "F1 reviewed", f"auto P, R after {ANSWERS} answers")
    for heading in ("data", "records", "tool", *joined, *asked, "seconds", "CPU s", "MB"):
        found.add_column(heading, justify="left" if heading in ("data", "tool") else "right")
    for one in results:
        asks = one.tool == "leadloom"
        found.add_row(
            one.data, f"{one.records:,}", one.tool,
            *(_unasked(one.auto) if asks else "––––"),
            _shown(one.without_ids),
            "–" if one.best_from is None else f"{one.best_from:.1f}",
            f"{one.best.precision:.3f}", f"{one.best.recall:.3f}", f"{one.best.f1:.4f}", f"{one.best.bcubed_f1:.4f}",
            f"{one.recall_at_99:.3f}",
            str(one.best.largest_false), *((f"{one.review_per_1000:.0f}", f"{one.reviewed.f1:.4f}") if asks else ("–", "–")),
            _shown(one.answered),
            f"{one.cost.seconds:.1f}", f"{one.cost.cpu_seconds:.1f}", "–" if np.isnan(one.cost.megabytes) else f"{one.cost.megabytes:.0f}",
        )  # fmt: skip
    return found


def _unasked(joined: Quality) -> list[str]:
    return [f"{joined.precision:.5f}", *(f"{share:.4f}" for share in (joined.recall, joined.f1, joined.bcubed_f1))]


def _shown(joined: Quality | None) -> str:
    return "–" if joined is None else f"{joined.precision:.5f} {joined.recall:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/wire/data"), help="where the labelled sets are")
    parser.add_argument("--sets", nargs="*", default=["dev_1k", "dev_10k", "dev_100k", *MADE, *PUBLIC])
    parser.add_argument("--seeds", nargs="*", type=int, default=[], metavar="SEED", help="in their place made-up leads of these seeds")
    parser.add_argument("--records", type=int, default=100, metavar="THOUSANDS", help="how many leads are made of each seed")
    parser.add_argument("--peers", type=Path, help="folder with one environment for each peer")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/identity.json"))
    arguments = parser.parse_args()
    sets = [f"made_{arguments.records}k_{seed}" for seed in arguments.seeds] or arguments.sets
    if not arguments.data.exists() and None in map(made, sets):
        sys.exit(f"The labelled sets are not there: {arguments.data}")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for labelled in files(arguments.data, Path(folder), sets):
            results.append(measure(labelled, Path(folder)))
            if arguments.peers is not None:
                results.append(plain_email(labelled))
                pythons = {one.name: one / "bin" / "python" for one in sorted(arguments.peers.iterdir()) if (one / "bin").is_dir()}
                results.extend(peer(name, python.absolute(), labelled, Path(folder)) for name, python in pythons.items())
    Console(width=250).print(table(results))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps([asdict(one) for one in results], indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
