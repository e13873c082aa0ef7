"""`python -m benchmarks.reading`: every record of every CRM through its connector, in a stream, and how long and how much memory it takes.

The CRM is a sandbox with limits off in this process; the reader is a process of its own, so that its memory is its own. "Waiting" is the
time in which the reader had nothing to do: the server's part and the wire's. The last row is HubSpot after a bulk job gave every
contact one and the same time of change, read by search: beyond its ceiling of 10,000 results there is no time left to go on from.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

import sandbox
from connectors import OBJECTS, Access, connect
from mappings.apply import bind
from mappings.schema import packaged
from sandbox.running import Running

PAGE: Final = {"hubspot": 100, "salesforce": 2000, "pipedrive": 500, "activecampaign": 100}
SEARCH_PAGE: Final = 200
STILL_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Figures:
    crm: str
    read: str
    records: int
    calls: int
    least_calls: int
    seconds: float
    waiting: float
    megabytes: float


def measure(crm: str, count: int) -> Figures:
    """All of `count` people, from nothing."""
    with _filled(crm, count) as running:
        return _figures(crm, "everything", count, _read(running, crm, None), ceil(count / PAGE[crm]))


def measure_tied(count: int) -> Figures:
    """All of `count` contacts of HubSpot, changed in one millisecond after the last walk."""
    with _filled("hubspot", count) as running:
        app = running.apps["hubspot"]
        before = json.dumps({"by": "search", "from": int((app.clock.now() + STILL_S) * 1000)})
        app.clock.advance(2 * STILL_S)
        app.act({"do": "edit", "object": "contacts", "all": True, "fields": {"jobtitle": "Head of Procurement"}})
        return _figures("hubspot", "one time of change", count, _read(running, "hubspot", before), ceil(count / SEARCH_PAGE))


def read(crm: str, ready: Mapping[str, str], cursor: str | None) -> dict[str, Any]:
    """What the reading process does: walk to the end, keep nothing but the number."""
    secrets = {name: value for name, value in ready.items() if name not in ("base_url", "token")}
    secrets["session_id" if crm == "salesforce" else "token"] = ready["token"]
    connector = connect(Access("bench", crm, ready["base_url"], secrets), pacing=False)
    object = OBJECTS[crm][0]
    fields = list(bind(packaged(crm, object), connector.describe(object), connector.owners(), region="DE").fetch)
    before, started, spent = sum(connector.calls().values()), time.perf_counter(), time.process_time()
    ids: set[int] = set()
    for page in connector.changes(object, cursor, fields):
        ids.update(hash(record.id) for record in page.records)
    return {
        "records": len(ids),
        "calls": sum(connector.calls().values()) - before,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - spent,
        "megabytes": _most_memory(),
    }


@contextmanager
def _filled(crm: str, count: int) -> Iterator[Running]:
    people = (
        {"name": f"Ada{number} Byron{number}", "email": f"ada{number}@firm.example", "company": f"Firm {number % 997}"}
        for number in range(count)
    )
    with sandbox.start(only=[crm], seed=people) as running:
        yield running


def _read(running: Running, crm: str, cursor: str | None) -> dict[str, Any]:
    """The figures of a process that does nothing but read."""
    job = json.dumps([crm, running.ready[crm], cursor])
    done = subprocess.run([sys.executable, "-m", "benchmarks.reading", "--job", job], stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _most_memory() -> float:
    """The most that this process ever held, in megabytes. The usual figure would count what its parent held when it began."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024


def _figures(crm: str, what: str, expected: int, told: Mapping[str, Any], least: int) -> Figures:
    if told["records"] != expected:
        raise SystemExit(f"{crm}: {told['records']:,} of {expected:,} records were read")
    seconds = told["seconds"]
    return Figures(
        crm, what, expected, told["calls"], least, round(seconds, 1), round(max(0.0, seconds - told["cpu"]), 1), round(told["megabytes"])
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="people in each CRM")
    parser.add_argument("--tied", type=int, default=250_000, help="contacts of HubSpot that changed at one time")
    parser.add_argument("--crm", nargs="*", choices=PAGE, default=list(PAGE))
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/reading.json"))
    arguments = parser.parse_args()
    if arguments.job is not None:
        print(json.dumps(read(*json.loads(arguments.job))))
        return
    figures = []
    for one in _measured(arguments.crm, arguments.records, arguments.tied):
        print(f"{one.crm}, {one.read}: {one.seconds} s", file=sys.stderr)
        figures.append(one)
    show(figures)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps([asdict(one) for one in figures], indent=2) + "\n", "utf-8")


def _measured(crms: list[str], records: int, tied: int) -> Iterator[Figures]:
    if records:
        yield from (measure(crm, records) for crm in crms)
    if tied:
        yield measure_tied(tied)


def show(figures: list[Figures]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="reading through the connectors, limits off")
    for heading in ("crm", "read", "records", "calls", "least", "seconds", "waiting", "records/s", "MB"):
        table.add_column(heading, justify="left" if heading in ("crm", "read") else "right")
    for one in figures:
        table.add_row(
            one.crm, one.read, f"{one.records:,}", f"{one.calls:,}", f"{one.least_calls:,}", f"{one.seconds:.1f}", f"{one.waiting:.1f}",
            f"{one.records / one.seconds:,.0f}", f"{one.megabytes:.0f}",
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
