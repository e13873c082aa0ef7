"""Fields of your own: named in the settings, kept as `custom.NAME` in the lead, mapped like any other without code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mappings.schema import Mapping as Dictionary
from mappings.schema import MappingProblems, RowSpec

TYPES = {"text": "text", "number": "figure", "yes_no": "yes_no"}  # as the settings call them -> the converter


@dataclass(frozen=True, slots=True)
class CustomRow:
    """One field of one CRM that stands for a field of your own. `remote` is its API name, or what people call it."""

    remote: str
    type: str = "text"
    direction: str = "both"


def extended(mapping: Dictionary, wanted: Mapping[str, CustomRow]) -> Dictionary:
    """The mapping with rows for `wanted` (by full name, `custom.NAME`); raises `MappingProblems` where a field is mapped already."""
    taken = {row.remote: row.lead for row in mapping.rows}
    twice = [f"{row.remote!r} is mapped to {taken[row.remote] or 'our key'} already." for row in wanted.values() if row.remote in taken]
    if twice:
        raise MappingProblems(f"{mapping.crm} {mapping.object}: {problem}" for problem in twice)
    rows = (RowSpec(row.remote, name, convert=TYPES[row.type], direction=row.direction) for name, row in wanted.items())
    return replace(mapping, rows=(*mapping.rows, *rows))
