"""How well and how fast `leadloom dedupe` finds the people in files whose truth is known, measured from what it writes.

The groups of `lead_id` are what it joins by itself. A threshold sweep joins the pairs of the review file at or above each score to them;
the perfect reviewer says yes to exactly the pairs that are true.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelled import Quality, opened, quality
from leads.matching.clustering import components

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelledFile:
    name: str
    file: Path
    entities: Ints


@dataclass(frozen=True, slots=True)
class Result:
    """What one tool made of one file. `auto` is what it joins unasked, `best` the same at the threshold with the best F1."""

    tool: str
    data: str
    records: int
    auto: Quality
    best: Quality
    recall_at_99: float
    review_per_1000: float
    reviewed: Quality
    seconds: float
    megabytes: float


def files(data: Path, work: Path, largest: int) -> Iterator[LabelledFile]:
    """The labelled sets, those that need it rewritten as one CSV file."""
    leads = data / "crm-leads"
    for name, count in (("dev_1k", 1_000), ("dev_10k", 10_000), ("dev_100k", 100_000)):
        source = next((file for file in (leads / f"{name}.csv", leads / f"{name}.csv.gz") if file.exists()), None)
        if source is not None and count <= largest:
            truth = source.with_name(source.name.replace(".csv", ".truth.csv"))
            yield _copied(name, [source], work, _from(truth))
    for name, parts in (("febrl3", ["dataset3.csv"]), ("febrl4", ["dataset4a.csv", "dataset4b.csv"])):
        yield _copied(name, [data / "febrl" / part for part in parts], work, lambda row: row["rec_id"].split("-")[1])
    yield _copied("fake_1000", [data / "splink" / "fake_1000.csv"], work, lambda row: row["cluster"])
    senzing = data / "senzing"
    with (senzing / "actual_truthset_key.csv").open(encoding="utf-8") as lines:
        key = {(row["DATA_SOURCE"], row["RECORD_ID"]): row["CLUSTER_ID"] for row in csv.DictReader(lines)}
    yield _copied("senzing", [senzing / "customers.csv"], work, lambda row: key[row["DATA_SOURCE"], row["RECORD_ID"]])


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
    command = [sys.executable, "-m", "cli", "dedupe", str(labelled.file), "-o", str(out), "--review", str(review)]
    seconds, megabytes = timed(command)
    groups, left, right, bits = _read(out, review)
    return judged("leadloom", labelled, groups, left, right, bits, seconds, megabytes)


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Seconds and the peak of memory of a command in a process of its own."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


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
    seconds: float,
    megabytes: float,
) -> Result:
    truth = labelled.entities
    auto = quality(groups, truth)
    sweep = [auto, *(quality(_with(groups, left, right, bits >= at), truth) for at in np.unique(np.floor(bits * 2) / 2))]
    same = truth[left] == truth[right]
    return Result(
        tool,
        labelled.name,
        len(truth),
        auto,
        max(sweep, key=lambda one: one.f1),
        max((one.recall for one in sweep if one.precision >= 0.99), default=0.0),
        1000 * len(left) / len(truth),
        quality(_with(groups, left, right, same), truth),
        seconds,
        megabytes,
    )


def _with(groups: Ints, left: Ints, right: Ints, wanted: NDArray[np.bool_]) -> Ints:
    return components(int(groups.max()) + 1, groups[left[wanted]], groups[right[wanted]])[groups]
