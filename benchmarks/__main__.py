"""`python -m benchmarks`: how long a sync takes, what it costs in calls, memory and disk, as a table and as JSON.

Every figure is of the command as people run it, against the sandbox over real HTTP with limits off; the forecast beside it says how
long the same calls would take at the vendors' limits. Seeded: the same numbers of calls and writes come out every time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.sync import Figures, measure, measure_linked


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--leads", type=int, nargs="*", default=[1000, 10000], help="people in each of the four CRMs")
    parser.add_argument("--linked", type=int, nargs="*", default=[1000, 10000, 100000], help="leads that are linked when edits are planned")
    parser.add_argument("--changes", type=int, default=100, help="edits between two runs")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    figures = []
    for leads in arguments.leads:
        with tempfile.TemporaryDirectory() as folder:
            figures += measure(Path(folder), leads, arguments.changes)
    linked = []
    if arguments.linked:
        with tempfile.TemporaryDirectory() as folder:
            linked = measure_linked(Path(folder), arguments.linked, arguments.changes)
    show("sync over four CRMs, limits off", figures)
    show("the same with more and more linked leads, all but the first made of the smaller store", linked)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps([one.document() for one in (*figures, *linked)], indent=2) + "\n", "utf-8")


def show(title: str, figures: list[Figures]) -> None:
    if not figures:
        return
    table = Table(title=title)
    for heading in ("leads", "run", "seconds", "of the processor", "MB", "read", "written", "calls", "at vendor limits", "bytes per lead"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for one in figures:
        table.add_row(
            f"{one.leads:,}", one.run, f"{one.seconds:.1f}", f"{one.processor:.1f}", f"{one.megabytes:.0f}", f"{one.read:,}",
            f"{one.written:,}", f"{sum(one.calls.values()):,}", one.forecast, f"{one.bytes_per_lead:,}",
        )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
