"""Which records are from a bought list: those that say so in a field that the settings name."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.described import FieldLike, SchemaLike


@dataclass(frozen=True, slots=True)
class Purchased:
    """A record was bought if its field `remote` shows one of `values`, which are folded."""

    remote: str
    values: frozenset[str]

    @property
    def id(self) -> str:
        """Changes with what is looked for, so that all records are read again for it."""
        return f"purchased:{hashlib.sha256(repr((self.remote, sorted(self.values))).encode()).hexdigest()[:16]}"

    def shown(self, theirs: Any) -> bool:
        said = theirs if isinstance(theirs, list) else [theirs]
        return any(str(one).strip().casefold() in self.values for one in said if one is not None)


def purchased_rows(schema: SchemaLike, wanted: Mapping[str, Collection[str]]) -> dict[str, Purchased | None]:
    """By the name in the settings, which is the field's API name or what people call it; None where the object has no such field."""
    found: dict[str, Purchased | None] = {}
    for name, values in wanted.items():
        field = schema.fields.get(name) or next((one for one in schema.fields.values() if one.label.casefold() == name.casefold()), None)
        found[name] = None if field is None or not values else Purchased(field.name, _spellings(field, values))
    return found


def _spellings(field: FieldLike, values: Collection[str]) -> frozenset[str]:
    """The values as people call them, and as the CRM keeps its options."""
    folded = {value.strip().casefold() for value in values}
    return frozenset(folded | {option.value.casefold() for option in field.options if option.label.casefold() in folded})
