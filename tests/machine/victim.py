"""A process that runs syncs and is really killed: `python -m tests.machine.victim SETTINGS`, one order per line on stdin.

An order is {"at": clock, "point": kill point or null}; the answer says where the process was killed, or what the run did. Everything
is imported once; each order is carried out by a fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter

from commands.reading import read_settings
from commands.workspace import open_workspace
from sync import engine
from tests.machine.dying import Fate, MortalAdapter, MortalStore
from tests.sync.rig import totals


def main(settings: Path) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _work(settings, order, writing)
        os.close(writing)
        with os.fdopen(reading) as answers:
            said = answers.read()
        _, status = os.waitpid(child, 0)
        answer = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, **json.loads(said or '{"where": "", "out": null}')}
        print(json.dumps(answer), flush=True)


def _work(settings: Path, order: dict[str, Any], answers: int) -> None:
    """Never returns."""
    fate = Fate(at=order["point"], kill=partial(_kill, answers))
    clock = lambda: float(order["at"])  # noqa: E731
    try:
        with open_workspace(read_settings(settings), adapter=MortalAdapter(HTTPAdapter(), fate), clock=clock) as workspace:
            report = engine.sync(replace(workspace, store=MortalStore(workspace.store, fate)))
        _say(answers, {"where": "", "out": totals(report), "steps": len(fate.steps), "status": report.status})
    except BaseException:  # noqa: BLE001  # said where the tests can see it
        traceback.print_exc()
    finally:
        os._exit(1)


def _kill(answers: int, where: str) -> None:
    _say(answers, {"where": where, "out": None})
    os.kill(os.getpid(), signal.SIGKILL)


def _say(answers: int, what: dict[str, Any]) -> None:
    os.write(answers, json.dumps(what).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
