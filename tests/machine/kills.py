"""The kill matrix: one command over four CRMs, killed before and after every commit, every step of its journal and every request.

The command is a first sync, a later one, the undo of a sync, or that of a merge of leads.

    python -m tests.machine.kills [--real N]

prints it as a table. Without `--real` the deaths are exceptions in process, one for every kill point; with it, N processes are
killed by SIGKILL at points spread over the run, against the servers on sockets.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from commands.starter import for_sandbox
from sandbox.running import Running
from tests.machine.laws import Broken, demand
from tests.machine.stage import STAGES, Stage
from tests.sync.rig import totals

ROOT = Path(__file__).resolve().parents[2]
SOON, LATER = 20, 400  # seconds until the next runs: one at once, one when nothing can land any more


@dataclass(frozen=True)
class Death:
    """A kill point, what the process was doing, and what was wrong afterwards (nothing: empty)."""

    point: int
    where: str
    wrong: str


def in_process(stage: Stage, *, part: int = 0, parts: int = 1) -> Iterator[Death]:
    """Die at every kill point (or at every `parts`-th, from `part` on)."""
    stage.begin(stage.sync)
    stage.put_back()
    stage.world.fate.steps.clear()
    points = _points(stage)
    for point, where in points[part::parts]:
        stage.put_back()
        stage.world.doom = point
        yield Death(point, where, _wrong(stage, stage.carry_out(stage.sync)))
    stage.world.mortal.inner.close()


def _points(stage: Stage) -> list[tuple[int, str]]:
    counting = stage.world.fate
    kept: list[tuple[int, str]] = []
    stage.world.counted = lambda: kept.extend(counting.points())
    stage.carry_out(stage.sync)
    stage.world.counted = lambda: None
    return kept


def _wrong(stage: Stage, report: Any) -> str:
    try:
        demand(report is None, "the process lived on")
        stage.carry_out(stage.sync)
        stage.world.clock.advance(LATER)
        stage.sync()
        last = stage.sync()
        demand(last is not None, "the process died again")
        stage.check(totals(last))
    except Broken as broken:
        return str(broken)
    return ""


# real processes


def real(folder: Path, kills: int) -> Iterator[Death]:
    """Kill `kills` processes by SIGKILL at points spread over the run."""
    stage = Stage(folder, met=True)
    with Running(stage.world.apps, dict.fromkeys(stage.world.apps, 0), seed=None, state=None, tls=False) as running:
        settings = folder / "leadloom.toml"
        settings.write_text(for_sandbox(running.ready), encoding="utf-8")
        with _victims(settings) as order:
            stage.begin(lambda: order(stage, None))
            stage.put_back()
            steps = order(stage, None)["steps"]
            for number in range(kills):
                point = round((number + 0.5) * 2 * steps / kills)
                stage.put_back()
                yield _really_die(stage, order, point)
    stage.world.mortal.inner.close()


def _really_die(stage: Stage, order: Any, point: int) -> Death:
    died = order(stage, point)
    try:
        demand(died["signal"] == signal.SIGKILL, f"the process was not killed: {died}")
        stage.world.clock.advance(LATER)
        order(stage, None)
        last = order(stage, None)
        demand(last["status"] == "done", f"the last run: {last}")
        stage.check(last["out"])
    except Broken as broken:
        return Death(point, died["where"], str(broken))
    return Death(point, died["where"], "")


@contextmanager
def _victims(settings: Path) -> Iterator[Any]:
    """A process that forks victims: `order(stage, point)` runs one sync in a fork and tells what became of it."""
    command = [sys.executable, "-m", "tests.machine.victim", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert process.stdin is not None
    assert process.stdout is not None
    to, back = process.stdin, process.stdout

    def order(stage: Stage, point: int | None) -> dict[str, Any]:
        stage.world.mortal.inner.close()
        stage.world.clock.advance(SOON)
        to.write(json.dumps({"at": stage.world.clock.now(), "point": point}) + "\n")
        to.flush()
        answer: dict[str, Any] = json.loads(back.readline())
        return answer

    try:
        yield order
    finally:
        to.close()
        process.wait()
        back.close()


# as a table


def table(deaths: Iterable[Death]) -> str:
    """Kinds of step -> how many deaths before and after it, and how many ended well."""
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for death in deaths:
        when, _, step = death.where.partition(" ")
        row = counted[step]
        row[0 if when == "before" else 1] += 1
        row[2] += death.wrong == ""
    width = max(map(len, counted), default=4)
    lines = [f"{'step':{width}}  before  after   well"]
    lines += [f"{step:{width}}  {before:6} {after:6} {well:6}" for step, (before, after, well) in sorted(counted.items())]
    sums = [sum(row[column] for row in counted.values()) for column in range(3)]
    return "\n".join([*lines, f"{'all':{width}}  {sums[0]:6} {sums[1]:6} {sums[2]:6}"])


def _within(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.machine.kills")
    options.add_argument("--real", type=int, metavar="N", help="kill N processes by SIGKILL")
    chosen = options.parse_args()
    with TemporaryDirectory(prefix="leadloom-kills-") as folder:
        if chosen.real is not None:
            deaths = list(real(Path(folder), chosen.real))
        else:
            deaths = [death for name, stage in STAGES.items() for death in in_process(stage(_within(folder, name)))]
    print(table(deaths))
    wrong = [death for death in deaths if death.wrong]
    for death in wrong:
        print(f"{death.point} {death.where}: {death.wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
