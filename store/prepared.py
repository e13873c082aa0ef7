"""What is asked and written about likenesses, for many values and rows at once. Statements are built once: while somebody waits for one
lead, building one takes longer than running it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

import sqlalchemy as sa

from leads.matching.blocking import HUB
from store.queries import Queries

AT_ONCE: Final = 5_000  # values of one list: hashes are many and short

_ASKED: Final = {"sqlite": "json_each(:values) as asked", "postgresql": "unnest(cast(:values as {type}[])) as asked(value)"}
_QUERIES: Final = {
    "by_lead": ("text", "select likeness.* from {asked} join likeness on likeness.lead_id = asked.value"),
    "by_number": ("bigint", "select likeness.* from {asked} join likeness on likeness.n = asked.value"),
    "counts": ("bigint", "select likeness_count.* from {asked} join likeness_count on likeness_count.value = asked.value"),
    "holders": (
        "bigint",
        "select likeness_key.key, likeness_key.lead from {asked} join likeness_key on likeness_key.key = asked.value"
        " where (select count(*) from (select 1 from likeness_key where key = asked.value limit {many}) as few) < {many}",
    ),
    "compared": ("bigint", "update likeness set due = false where n in (select value from {asked})"),
}


class Prepared(Queries):
    def _listed(self, name: str, values: Sequence[Any]) -> Iterator[sa.Row[Any]]:
        for start in range(0, len(values), AT_ONCE):
            yield from self._asked(name, values[start : start + AT_ONCE]).all()

    def _asked(self, name: str, values: Sequence[Any]) -> sa.CursorResult[Any]:
        text, by_place = _compiled(_query(name, self._connection.dialect.name), self._connection.dialect)
        found = self._list(values)
        return self._connection.exec_driver_sql(text, (found,) if by_place else {"values": found})

    def _list(self, values: Sequence[Any]) -> Any:
        return json.dumps(values) if self._connection.dialect.name == "sqlite" else list(values)

    def _write(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement for many rows by the driver alone: it costs half of what it costs by way of all types of their columns."""
        if rows:
            text, names = _compiled(statement, self._connection.dialect)
            self._connection.exec_driver_sql(text, [tuple(row[name] for name in names) for row in rows] if names else list(rows))


@cache
def _query(name: str, dialect: str) -> sa.TextClause:
    """A query for a list of values."""
    type, text = _QUERIES[name]
    return sa.text(text.format(asked=_ASKED[dialect].format(type=type), many=HUB + 1))


@lru_cache(64)
def _compiled(statement: Any, dialect: sa.Dialect) -> tuple[str, tuple[str, ...]]:
    """The text, and in which order it takes what; nothing where it takes it by name."""
    found = statement.compile(dialect=dialect)
    return str(found), tuple(found.positiontup or ())
