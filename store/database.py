"""Opening a store: the engine, the pragmas, private file rights, migrations.

SQLite runs in WAL with BEGIN IMMEDIATE: a transaction that reads first and writes later would otherwise fail with "database is
locked" as soon as a second process writes in between (https://www.sqlite.org/lang_transaction.html).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy as sa

HEAD = "0018"  # the newest migration; a test holds it against the folder


class StoreError(Exception):
    """The store cannot be used as it is; the message says why and what to do."""


class NewerStore(StoreError):
    """The store was written by a newer Leadloom."""


def connect(url: str) -> sa.Engine:
    """An engine for `url`, migrated to `HEAD`; a SQLite file is created private to its owner."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        _create_private(parsed.database)
    # hide_parameters: a traceback of the database must not print a lead.
    engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _pragmas)
        sa.event.listen(engine, "begin", _begin_immediate)
    try:
        _migrate(engine)
    except NewerStore:
        engine.dispose()
        raise
    except sa.exc.DatabaseError as error:
        engine.dispose()
        raise StoreError(
            f"The store {_shown(parsed)} cannot be opened: {_first_line(error)}. Check the path, the rights and [store] url."
        ) from None
    return engine


def _parse(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except sa.exc.ArgumentError:
        raise StoreError("[store] url is not a database URL. Expected sqlite:///FILE or postgresql+psycopg://USER@HOST/DB.") from None


def _shown(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)


def _first_line(error: sa.exc.DatabaseError) -> str:
    return str(error.orig).splitlines()[0] if error.orig is not None else "unknown database error"


def _create_private(database: str | None) -> None:
    if database is None or database in ("", ":memory:"):
        return
    path = Path(database)
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"The store {path} cannot be created: {error.strerror}. Choose another [store] url.") from None


def _pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000", "cache_size=-4000"):
        connection.execute(f"pragma {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: sa.Engine) -> None:
    version = _version(engine)
    if version == HEAD:
        return
    if version is not None and version not in _known_versions():
        raise NewerStore(
            f"The store {_shown(engine.url)} was written by a newer Leadloom (schema {version}, this one knows {HEAD}). Upgrade Leadloom."
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "store:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def _known_versions() -> set[str]:
    folder = resources.files("store") / "migrations" / "versions"
    return {entry.name.split("_")[0] for entry in folder.iterdir() if entry.name.endswith(".py")}


@contextmanager
def rolled_back(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that never happened: whatever is written inside is gone afterwards."""
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()
