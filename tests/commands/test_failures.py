"""A user's mistake, or a CRM's, is a sentence and an exit code; our own are not hidden."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands.exits import MEANINGS, Exit, Stop
from commands.failures import told
from commands.reading import Mistake, SettingsWrong
from connectors.errors import Denied
from mappings.schema import MappingProblems
from store.database import NewerStore, StoreError
from store.lease import LeaseHeld
from sync.workspace import Stopped

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Stop("no"), Exit.USAGE),
        (SettingsWrong([Mistake("f", "k", "w")]), Exit.USAGE),
        (MappingProblems(["x"]), Exit.USAGE),
        (StoreError("x"), Exit.USAGE),
        (NewerStore("x"), Exit.USAGE),
        (LeaseHeld("x"), Exit.LEASED),
        (Stopped("x", exit_code=6), Exit.STALE),
        (Stopped("x", exit_code=7), Exit.GUARDED),
        (Denied("the token is wrong.", account="hub", fix="Take another."), Exit.FAILED),
        (ModuleNotFoundError("x", name="psycopg"), Exit.USAGE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_has_a_sentence_and_a_code(error, code):
    found = told(error)
    assert found is not None
    assert found[1] is code
    assert found[0] != ""


def test_an_error_of_ours_keeps_its_trace():
    assert told(KeyError("x")) is None
    assert told(ModuleNotFoundError("x", name="leads")) is None


def test_every_exit_code_is_explained():
    assert list(MEANINGS) == list(Exit)


def test_interrupted_is_130(leadloom, configured, crms, tmp_path):
    configured()
    lines = (
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['leadloom', 'sync']",
        "import cli; from sync import engine",
        "engine.sync = lambda *_: (print('busy', flush=True), time.sleep(60))",
        "cli.main()",
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert time.monotonic() - begin < 10
