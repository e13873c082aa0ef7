"""The lease on PostgreSQL. Runs where LEADLOOM_TEST_POSTGRES names a database of its own: postgresql+psycopg://USER@HOST/DB."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.lease import LeaseHeld
from store.store import Store, open_store

URL = os.environ.get("LEADLOOM_TEST_POSTGRES", "")
ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.skipif(URL == "", reason="LEADLOOM_TEST_POSTGRES names no database"),
    pytest.mark.xdist_group("postgres"),
]
HOLD = """
import sys
from store.store import open_store
with open_store(sys.argv[1]).lease():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(URL)
    yield opened
    opened.close()


def test_of_two_processes_one_works_and_the_other_says_who_does_and_since_when(store: Store) -> None:
    script = "import sys\nfrom store.store import open_store\nwith open_store(sys.argv[1]).lease(): pass"
    with store.lease():
        other = subprocess.run([sys.executable, "-c", script, URL], cwd=ROOT, capture_output=True, text=True, check=False)
        assert f"LeaseHeld: Another Leadloom works on this store: process {os.getpid()} on " in other.stderr
        assert ", since 2" in other.stderr
    assert subprocess.run([sys.executable, "-c", script, URL], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_the_lease_is_free_again_after_an_error_and_can_be_taken_again(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.lease():
        raise ZeroDivisionError
    with store.lease(), pytest.raises(LeaseHeld, match="since"), store.lease():
        pass


def test_a_killed_process_leaves_the_lease_free(store: Store) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, URL], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LeaseHeld, match=f"process {other.pid} on"), store.lease():
            pass
        other.kill()
        other.wait()
        taken = any(_is_free(store) for _ in range(100_000))
    assert taken


def _is_free(store: Store) -> bool:
    """The server notices the end of a session a moment later."""
    try:
        with store.lease():
            return True
    except LeaseHeld:
        return False


def test_what_is_written_under_the_lease_is_there_for_the_next_process(store: Store) -> None:
    with store.lease(), store.begin() as unit:
        unit.put_meta("leased", "yes")
    with store.lease(), store.begin() as unit:
        assert unit.meta("leased") == "yes"
