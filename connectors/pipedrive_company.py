"""One Pipedrive company as this run knows it: its fields, which add-ons it has, its organisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors import pipedrive_persons as persons
from connectors.base import Field, NewField, Schema
from connectors.errors import Denied, Misconfigured
from connectors.http import Answer, Door
from connectors.pipedrive_calls import fetch, pages, readable, unexpected
from connectors.pipedrive_organizations import Organisations

PERSONS: Final = "/api/v2/persons"
FIELDS: Final = "/api/v2/personFields"
PAGE: Final = 500


class Company:
    """Shared by reading and writing."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.organisations = Organisations(door)
        self._schema: Schema | None = None

    def schema(self) -> Schema:
        if self._schema is None:
            rows = [row for body in pages(self.door, FIELDS, {"limit": PAGE}, kind="meta") for row in body]
            self._schema = persons.schema(rows, campaigns=self._has_campaigns(rows))
        return self._schema

    def look_again(self) -> None:
        """Forget the fields: one of them may have been removed or added."""
        self._schema = None

    def key_field(self) -> str:
        name = persons.labelled(self.schema(), persons.KEY)
        if name is None:
            raise self.misconfigured(f"there is no person field {persons.KEY}.", "missing_key_field", "Run setup.")
        return name

    def create_field(self, field: NewField) -> Field:
        existing = persons.labelled(self.schema(), field.name)
        if existing is not None:
            return self.schema().fields[existing]
        answer = self.door.send("POST", FIELDS, kind="meta", json=_new_field(field))
        if not answer.ok:
            message = f"Pipedrive refuses the new field {field.name} (status {answer.status})."
            raise self.misconfigured(message, "field_refused", "Create it by hand.")
        self.look_again()
        return persons.custom_field(self._made(answer))

    def asking(self, fields: Sequence[str]) -> dict[str, str]:
        """The marketing status comes only when asked for, and only where the company has the add-on."""
        wanted = len(fields) == 0 or persons.OPT_OUT in fields or persons.MARKETING in fields
        return {"include_fields": persons.MARKETING} if wanted and persons.MARKETING in self.schema().fields else {}

    def misconfigured(self, message: str, cause: str, fix: str) -> Misconfigured:
        return Misconfigured(message, account=self.door.account, cause=cause, fix=fix)

    def _has_campaigns(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether persons have a marketing status: the field list says so, else one person is looked at."""
        if any(row.get("field_code") == persons.MARKETING for row in rows):
            return True
        try:
            answer = fetch(self.door, PERSONS, kind="meta", params={"limit": 1, "include_fields": persons.MARKETING})
        except Denied:
            return False
        return answer.ok and any(persons.MARKETING in row for row in readable(self.door, answer)["data"])

    def _made(self, answer: Answer) -> Mapping[str, Any]:
        row = answer.json().get("data")
        if not isinstance(row, Mapping) or "field_code" not in row:
            raise unexpected(self.door, answer)
        return row


def _new_field(field: NewField) -> dict[str, Any]:
    kind = persons.NEW_TYPES.get(field.type, "varchar")
    labels = persons.YES_NO if field.type == "bool" else field.options
    options = {"options": [{"label": label} for label in labels]} if kind in ("enum", "set") else {}
    return {"field_name": field.name, "field_type": kind, **options}
