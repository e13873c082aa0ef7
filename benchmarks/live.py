"""One changed lead against a store of many: how long it takes to find whom it may be, and to keep what it is now.

Every made-up record is a lead of its own here, and the store holds nothing but what matching needs.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.noise import generate
from leads.matching.live import Likeness, compare
from leads.matching.of_leads import likeness_of
from leads.matching.reading.reader import Reader
from leads.matching.scoring import shipped
from store.store import Store, open_store

CHANGED = 2_000
CHUNK = 200  # leads of one transaction, as in a sync
SEED = 11
EDITED = ("email", "phone", "mobile", "last_name", "company", "job_title", "postcode", "city")


@dataclass(frozen=True, slots=True)
class LiveFigures:
    leads: int
    filling_s: float
    filling_cpu_s: float
    match_ms: float
    match_p99_ms: float
    match_cpu_ms: float
    both_ms: float
    both_p99_ms: float
    both_cpu_ms: float
    each_per_s: float
    chunks_per_s: float
    candidates: float
    bytes_per_lead: int

    def document(self) -> dict[str, Any]:
        return asdict(self)


def measure(folder: Path, leads: int) -> LiveFigures:
    """Fill a store, then change some leads: looked up only, kept and looked up one by one, and so in chunks."""
    file, reader = folder / "live.db", Reader()
    everybody = generate(leads + CHANGED, SEED)
    with closing(open_store(f"sqlite:///{file}")) as store:
        started, busy = time.perf_counter(), time.process_time()
        people = _fill(store, islice(everybody, leads), reader)
        filling, filling_cpu = time.perf_counter() - started, time.process_time() - busy
        size = sum(path.stat().st_size for path in folder.glob("live.db*"))
        edits = _edits(people, [record for record, _ in everybody], reader)
        _timed(store, dict(islice(edits, CHUNK)), keep=False)  # what a process does only once is not the time of a lead
        looked = _timed(store, dict(islice(edits, CHANGED)), keep=False)
        both = _timed(store, dict(islice(edits, CHANGED)), keep=True)
        chunked = _in_chunks(store, dict(islice(edits, CHANGED)))
    return LiveFigures(
        leads,
        round(filling, 1),
        round(filling_cpu, 1),
        *looked.figures(),
        *both.figures(),
        round(len(both.seconds) / sum(both.seconds)),
        round(chunked),
        round(looked.candidates / len(looked.seconds), 1),
        size // leads,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timed:
    seconds: list[float]  # of the clock, one for each lead
    cpu_s: float  # of this process, all of them together: what a shared machine does not change
    candidates: int

    def at(self, share: float) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * share)]

    def figures(self) -> tuple[float, float, float]:
        """Milliseconds: half of the leads take less; all but one in a hundred do; of the processor, on average."""
        half, most, busy = self.at(0.5), self.at(0.99), self.cpu_s / len(self.seconds)
        return round(half * 1000, 2), round(most * 1000, 2), round(busy * 1000, 2)


def _fill(store: Store, records: Iterator[Any], reader: Reader) -> dict[str, dict[str, str]]:
    """Fills the store; returns some of the leads anywhere in it, to be changed."""
    dice = random.Random(SEED)
    filled, some = 0, {}
    while chunk := list(islice(records, 20 * CHUNK)):
        found = {_name(filled + at): record for at, (record, _) in enumerate(chunk)}
        with store.begin() as unit:
            unit.put_likenesses({lead_id: _like(record, reader) for lead_id, record in found.items()})
        some.update(dice.sample(sorted(found.items()), min(len(found), 400)))
        filled += len(chunk)
    while True:
        with store.begin() as unit:
            if unit.file_likenesses() == 0:
                break
    with store.begin() as unit:
        unit.compared(list(range(filled + 1)))
    return some


def _name(number: int) -> str:
    return f"ld_{number:026}"


def _like(record: dict[str, str], reader: Reader) -> Likeness:
    return likeness_of([{name: text for name, text in record.items() if text != ""}], [record["crm"]], reader)


def _edits(people: dict[str, dict[str, str]], others: list[dict[str, str]], reader: Reader) -> Iterator[tuple[str, Likeness]]:
    """Leads of which somebody has changed a field to what another record says, without end."""
    dice = random.Random(SEED)
    while True:
        for lead_id in dice.sample(sorted(people), len(people)):
            name = dice.choice(EDITED)
            people[lead_id] = {**people[lead_id], name: dice.choice(others).get(name, "")}
            yield lead_id, _like(people[lead_id], reader)


def _timed(store: Store, changed: dict[str, Likeness], *, keep: bool) -> Timed:
    times, candidates, busy = [], 0, time.process_time()
    for lead_id, likeness in changed.items():
        started = time.perf_counter()
        with store.begin() if keep else store.rehearse() as unit:
            if keep:
                unit.put_likenesses({lead_id: likeness})
            candidates += _match(unit, {lead_id: likeness})
        times.append(time.perf_counter() - started)
    return Timed(times, time.process_time() - busy, candidates)


def _match(unit: Any, changed: dict[str, Likeness]) -> int:
    asked = list(unit.likenesses(changed).values())
    alike = unit.alike(asked)
    pairs = [(one.likeness, other.likeness) for one in asked for other in alike[one.n]]
    if pairs:
        compare(pairs, unit.counts_for({id(one): one for pair in pairs for one in pair}.values()), shipped())
    unit.compared([one.n for one in asked])
    return len(pairs)


def _in_chunks(store: Store, changed: dict[str, Likeness]) -> float:
    """Leads a second."""
    started, rest = time.perf_counter(), iter(changed.items())
    while chunk := dict(islice(rest, CHUNK)):
        with store.begin() as unit:
            unit.put_likenesses(chunk)
            _match(unit, chunk)
    return len(changed) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000, help="leads in the store")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/bench-live.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.leads)
    table = Table(title="one changed lead against the store")
    times = ("match, ms", "p99", "cpu", "match + keep, ms", "p99", "cpu", "per s", "per s in chunks")
    for heading in ("leads", "filled in s", "cpu", *times, "candidates", "bytes per lead"):
        table.add_column(heading, justify="right")
    looked = (figures.match_ms, figures.match_p99_ms, figures.match_cpu_ms)
    kept = (figures.both_ms, figures.both_p99_ms, figures.both_cpu_ms)
    filled = (f"{figures.filling_s:.1f}", f"{figures.filling_cpu_s:.1f}")
    speeds = (f"{figures.each_per_s:,}", f"{figures.chunks_per_s:,}", f"{figures.candidates:.1f}", f"{figures.bytes_per_lead:,}")
    table.add_row(f"{figures.leads:,}", *filled, *(f"{one:.2f}" for one in (*looked, *kept)), *speeds)
    Console(width=160).print(table)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(figures.document(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
