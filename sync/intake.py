"""A table of leads (a CSV file, read elsewhere) as one more source: rows are records, its columns are a dialect that is only read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import cast

from connectors.base import Connector, Field, Identity, Record, Schema
from mappings.apply import bind
from mappings.schema import packaged
from sync.contest import IMPORT
from sync.workspace import Account, Door

IMPORT_OBJECT = "leads"
PURCHASED = "purchased"  # a column of ours: whether the row is from a bought list


@dataclass(frozen=True, slots=True)
class ImportedTable:
    """Rows of text by column (columns as in mappings/import_leads.toml; an empty cell says nothing).

    `source` says where the table comes from; together with `record_id`, or with the content of a row that has none, it makes a row
    known again, so that importing a file twice changes nothing. `purchased`: it is a bought list.
    """

    source: str
    rows: Sequence[Mapping[str, str]]
    region: str | None = None
    purchased: bool = False

    def door(self) -> Door:
        mapping = packaged(IMPORT, IMPORT_OBJECT)
        columns = [*(row.remote for row in mapping.rows), PURCHASED]
        schema = Schema(IMPORT_OBJECT, {column: Field(column, column, "text") for column in columns})
        dialect = bind(mapping, schema, (), region=self.region, purchased={PURCHASED: ["yes"]})
        account = Account(IMPORT, IMPORT, (IMPORT_OBJECT,), cast("Connector", _Nobody()), lambda *_: dialect)
        return Door(account, Identity(IMPORT, "imported tables"), {IMPORT_OBJECT: dialect})

    def records(self) -> list[Record]:
        return [Record(IMPORT_OBJECT, self._id(row), self._fields(row)) for row in self.rows]

    def _fields(self, row: Mapping[str, str]) -> dict[str, str]:
        return {**{name: text for name, text in row.items() if text != ""}, PURCHASED: "yes" if self.purchased else "no"}

    def _id(self, row: Mapping[str, str]) -> str:
        own = row.get("record_id", "")
        content = own if own != "" else json.dumps(sorted(row.items()), ensure_ascii=False)
        return f"{self.source}:{hashlib.sha256(content.encode()).hexdigest()[:20]}"


@cache
def column_meanings() -> Mapping[str, str]:
    """For which field of a lead each column of a table stands."""
    return {row.remote: row.lead for row in packaged(IMPORT, IMPORT_OBJECT).rows if row.lead != ""}


class _Nobody:
    """A table answers no calls."""

    def calls(self) -> Mapping[str, int]:
        return MappingProxyType({})

    def close(self) -> None:
        """Nothing is open."""
