"""What all named queries stand on: one connection inside one transaction, lists cut into chunks, rows put or replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sync.state import Ref

CHUNK = 400  # values of one IN list, below every engine's limit


class Queries:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def _run(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        result = self._connection.execute(statement)
        assert isinstance(result, sa.CursorResult)  # noqa: S101  # every statement here is a Core statement
        return result

    def _scalar(self, statement: sa.Select[Any]) -> Any:
        return self._connection.execute(statement).scalar()

    def _first(self, statement: sa.Select[Any]) -> Mapping[str, Any] | None:
        row = self._connection.execute(statement).mappings().first()
        return None if row is None else dict(row)

    def _in(self, table: sa.Table, column: sa.Column[Any], values: Sequence[Any]) -> Iterator[sa.Row[Any]]:
        return self._in_query(sa.select(table), column, values)

    def _in_query(self, query: sa.Select[Any], column: sa.Column[Any], values: Sequence[Any]) -> Iterator[sa.Row[Any]]:
        for chunk in chunks(values):
            yield from self._run(query.where(column.in_(chunk)))

    def _at(self, table: sa.Table, refs: Iterable[Ref], id: str = "id") -> Iterator[sa.Row[Any]]:
        """The rows of these records; `id` names the column with their ids."""
        for (account, object), group in groupby(sorted(set(refs)), key=lambda ref: (ref.account, ref.object)):
            named = sa.select(table).where(table.c.account == account, table.c["now_object" if id == "now_id" else "object"] == object)
            yield from self._in_query(named, table.c[id], [ref.id for ref in group])

    def _delete(self, table: sa.Table, refs: Iterable[Ref]) -> None:
        rows = [{f"b_{name}": value for name, value in where_of(ref).items()} for ref in refs]
        if rows:
            where = [table.c[name] == sa.bindparam(f"b_{name}") for name in ("account", "object", "id")]
            self._connection.execute(sa.delete(table).where(*where), rows)

    def _upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        insert = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(table)
        keys = [column.name for column in table.primary_key]
        others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
        if others:
            self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), rows)
        else:
            self._connection.execute(statement.on_conflict_do_nothing(index_elements=keys), rows)

    def _add(self, table: sa.Table, column: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add to a number, which is 0 where there is no row."""
        if not rows:
            return
        insert = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(table)
        keys = [one.name for one in table.primary_key]
        total = {column: table.c[column] + statement.excluded[column]}
        self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=total), rows)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def where_of(ref: Ref) -> dict[str, str]:
    return {"account": ref.account, "object": ref.object, "id": ref.id}
