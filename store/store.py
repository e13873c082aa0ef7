"""The store as it is handed to the pipeline: transactions, rehearsals and the lease."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy as sa

from store.database import connect, rolled_back
from store.lease import lease
from store.unit import Unit


class Store:
    """One workspace's memory. Open it with `open_store`."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        with self.begin() as unit:
            if unit.meta("secret") is None:
                unit.put_meta("secret", secrets.token_hex(16))
            self.secret = unit.meta("secret") or ""

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        """A transaction: all of it is kept, or nothing."""
        with self.engine.begin() as connection:
            yield Unit(connection)

    @contextmanager
    def rehearse(self) -> Iterator[Unit]:
        """A transaction of which nothing is kept: for plans and dry runs."""
        with rolled_back(self.engine) as connection:
            yield Unit(connection)

    def scrub(self) -> None:
        """Leave nothing of what was deleted in the file: SQLite keeps the bytes of deleted rows until they are written over."""
        if self.engine.dialect.name != "sqlite":
            return  # PostgreSQL's autovacuum does it in its time
        connection = self.engine.raw_connection()
        try:
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.execute(statement)
        finally:
            connection.close()

    def lease(self) -> AbstractContextManager[None]:
        return lease(self.engine)

    def close(self) -> None:
        self.engine.dispose()


def open_store(url: str) -> Store:
    """The store at `url`, created and migrated as needed; raises `store.database.StoreError`."""
    return Store(connect(url))
