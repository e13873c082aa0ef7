"""One lease per workspace: whoever holds it may merge, write and settle; everybody else waits or reads.

The lock is the operating system's (SQLite) or the database session's (PostgreSQL), so a killed process leaves nothing to clean up.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

ADVISORY_KEY = 0x1EAD100


class LeaseHeld(Exception):
    """Another process works on this workspace; the message says who, and since when."""


@contextmanager
def lease(engine: sa.Engine) -> Iterator[None]:
    """Hold the workspace's lease; raises `LeaseHeld` at once if somebody else does."""
    database = engine.url.database
    if engine.dialect.name != "sqlite":
        with _session_lock(engine):
            yield
    elif database is None or database in ("", ":memory:"):
        yield
    else:
        with _file_lock(Path(f"{database}.lease")):
            yield


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode("utf-8", "replace").strip()
            raise LeaseHeld(f"Another Leadloom works on this store: {holder or 'it has just started'}. Wait for it to end.") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, _who().encode())
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _session_lock(engine: sa.Engine) -> Iterator[None]:
    with engine.connect() as connection:
        got = connection.execute(sa.text("select pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY}).scalar()
        connection.commit()
        if got is not True:
            raise LeaseHeld("Another Leadloom works on this store. Wait for it to end.")
        try:
            yield
        finally:
            connection.execute(sa.text("select pg_advisory_unlock(:key)"), {"key": ADVISORY_KEY})
            connection.commit()


def _who() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
