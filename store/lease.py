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
HOST_LENGTH = 12  # so that the whole fits into the 63 bytes of an application_name
HOLDER = """
    select activity.application_name from pg_locks as lock join pg_stat_activity as activity on activity.pid = lock.pid
    where lock.locktype = 'advisory' and lock.granted and lock.objsubid = 1 and lock.classid = 0 and lock.objid = :key
    and lock.database = (select oid from pg_database where datname = current_database())
"""


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
    """The session that has the lock carries the holder's name; without transactions, which a long run would keep open."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.execute(sa.text("select pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY}).scalar() is not True:
            holder = connection.execute(sa.text(HOLDER), {"key": ADVISORY_KEY}).scalar()
            raise LeaseHeld(f"Another Leadloom works on this store: {holder or 'it has just started'}. Wait for it to end.")
        try:
            connection.execute(sa.text("select set_config('application_name', :who, false)"), {"who": _who(HOST_LENGTH)})
            yield
        finally:
            connection.execute(sa.text("select pg_advisory_unlock(:key)"), {"key": ADVISORY_KEY})
            connection.execute(sa.text("reset application_name"))


def _who(host_length: int | None = None) -> str:
    return f"process {os.getpid()} on {socket.gethostname()[:host_length]}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
