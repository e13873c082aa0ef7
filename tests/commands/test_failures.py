"""A user's mistake, or a CRM's, is a sentence and an exit code; our own are not hidden."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from commands.exits import MEANINGS, Exit, Stop
from commands.failures import told
from commands.files import private_file
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
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)",  # a shell's background jobs ignore it
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['leadloom', 'sync']",
        "import cli; from sync import engine",
        "engine.sync = lambda *_: (print('busy', flush=True), time.sleep(60))",
        "cli.main()",
    )
    command = [sys.executable, "-c", "\n".join(lines)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "settled by the next run" in err
    assert time.monotonic() - begin < 10


def test_a_full_disk_is_a_sentence_and_no_trace(leadloom, configured, crms, monkeypatch):
    """The store may grow by nothing: SQLite says the same as where the disk is full."""
    configured()
    assert leadloom("runs").code == 2
    leadloom("plan")
    connect = sqlite3.connect

    def full(*args, **options):
        connection = connect(*args, **options)
        connection.execute("pragma max_page_count=1")
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", full)
    said = leadloom("sync")
    assert said.code == 1
    assert "The store cannot be used: database or disk is full" in said.err
    assert "Traceback" not in said.err


def test_a_wrong_statement_of_ours_keeps_its_trace(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as raised:
        connection.execute(sa.text("select * from nowhere"))
    engine.dispose()
    assert told(raised.value) is None


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    file = tmp_path / "plan.json"
    file.write_text("old", encoding="utf-8")

    def fill_the_disk() -> None:
        with private_file(file) as out:
            out.write("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(Stop, match="cannot be written: No space left on device"):
        fill_the_disk()
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_with_personal_data_is_its_owners_alone(tmp_path):
    file = tmp_path / "plan.json"
    file.write_text("old", encoding="utf-8")
    file.chmod(0o644)
    with private_file(file) as out:
        out.write("new")
    assert (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777) == ("new", 0o600)


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path):
    with pytest.raises(Stop, match="cannot be written: No such file"), private_file(tmp_path / "none" / "plan.json"):
        pass
