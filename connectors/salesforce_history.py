"""What Salesforce remembers of fields whose history an administrator has set to be tracked: one query per 200 records.

https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_associated_objects_history.htm
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.base import Field, History, Schema, Step, Writer
from connectors.errors import Denied, Misconfigured
from connectors.salesforce_reads import Reader, packed
from connectors.salesforce_records import is_id, literal, long_id, quoted, wire_name

LONGEST: Final = 255  # of longer texts the history holds only that they changed
TOLD: Final = ("text", "long_text", "option", "bool", "date", "int", "float")


class Histories:
    """The histories of one org. Which fields are tracked is asked once per object."""

    def __init__(self, reader: Reader, look: Callable[[str], Schema], us: Callable[[], str | None]) -> None:
        self._reader, self._look, self._us = reader, look, us
        self._tracked: dict[str, frozenset[str]] = {}

    def of(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        schema = self._look(object)
        names = {name: wire for name in fields if (wire := wire_name(schema, name)) in self._kept(object)}
        known = list(dict.fromkeys(long_id(id) for id in ids if is_id(id)))
        if not names or not known:
            return {}
        rows = [row for part in packed(known) for row in self._rows(object, part, sorted(set(names.values())), since)]
        us = self._us() if rows else None
        found: dict[str, dict[str, list[Step]]] = {id: {name: [] for name in names} for id in known}
        for row in rows:
            for name in (name for name, wire in names.items() if wire == row["Field"]):
                found[row[f"{object}Id"]][name].append(_step(row, schema.fields[names[name]], us))
        return found

    def _kept(self, object: str) -> frozenset[str]:
        """The fields of an object whose history is kept. A user that may not ask knows of none."""
        if object not in self._tracked:
            entity = quoted([object])[1:-1]
            asked = "SELECT QualifiedApiName, IsFieldHistoryTracked FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName ="
            try:
                rows = list(self._reader.select(f"{asked} {entity}", "which fields are tracked"))
            except (Denied, Misconfigured):
                rows = []
            self._tracked[object] = frozenset(row["QualifiedApiName"] for row in rows if row["IsFieldHistoryTracked"] is True)
        return self._tracked[object]

    def _rows(self, object: str, ids: Sequence[str], names: Sequence[str], since: datetime) -> list[Mapping[str, Any]]:
        within = (f"{object}Id IN {quoted(ids)}", f"Field IN {quoted(names)}", f"CreatedDate >= {literal(since.isoformat())}")
        select = ("SELECT", f"{object}Id, Field, NewValue, CreatedDate, CreatedById", "FROM", f"{object}History")
        soql = " ".join((*select, "WHERE", " AND ".join(within), "ORDER BY CreatedDate, Id"))
        return list(self._reader.select(soql, f"the history of {object}"))


def _step(row: Mapping[str, Any], field: Field, us: str | None) -> Step:
    told = field.type in TOLD and (field.length is None or field.length <= LONGEST)
    value = row["NewValue"] if told else None
    by = Writer.UNTOLD if us is None else Writer.US if long_id(row["CreatedById"]) == us else Writer.OTHER
    return Step(datetime.fromisoformat(row["CreatedDate"]).astimezone(UTC), None if value == "" else value, by, told)
