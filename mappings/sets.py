"""Addresses and numbers of a lead, and the fields of one record that show parts of them.

A record keeps what is its own: a slot whose item still belongs to the lead is never changed, whatever the lead's first one is. What a
person typed and nobody can read (a key that begins with `raw:`) stays where it is shown and goes nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from leads.model import Item, Items, Value
from leads.normal import item_email, item_phone
from mappings.values import Held, Json, clean

_LABELS: Final = ("work", "mobile", "home", "fax", "other")
_BETWEEN: Final = {"emails": re.compile(r"[;,\n]"), "phones": re.compile(r"\n|;(?!\s*ext)", re.IGNORECASE)}


@dataclass(frozen=True, slots=True)
class SetRow:
    """One field that shows one item (slots first, work, mobile, fax, any), several as text (rest), or an array of them (all)."""

    id: str
    remote: str
    lead: str
    slot: str
    direction: str = "both"
    region: str | None = None
    limit: int | None = None
    clear: bool = True

    @property
    def written(self) -> bool:
        return self.direction != "in"

    def item(self, text: str, label: str = "") -> Item:
        return item_email(text, label) if self.lead == "emails" else item_phone(text, self.region, label)


def shown(rows: Sequence[SetRow], fields: Mapping[str, Json]) -> Items:
    """What a record shows in all `rows` of one set, in order, each item once. Fields that were not observed show nothing."""
    found: dict[str, Item] = {}
    for row in rows:
        for item in _items(row, fields.get(row.remote)):
            found.setdefault(item.key, item)
    return tuple(found.values())


def project(rows: Sequence[SetRow], golden: Value, fields: Mapping[str, Json]) -> dict[str, Json | Held]:
    """The rows that must change, by remote name, so that the record shows `golden`; nothing if it does already.

    `fields` is what the record shows now (empty for one that is to be created).
    """
    wanted = tuple(item for item in golden if not item.is_raw) if isinstance(golden, tuple) else ()
    out: dict[str, Json | Held] = {}
    there = _readonly_keys(rows, fields)
    for row in rows:
        if row.slot == "all" and row.written:
            out |= _array(row, wanted, fields.get(row.remote), there)
    slots = [row for row in rows if row.slot not in ("all", "rest") and row.written]
    kept, filled = _fill(slots, wanted, fields, there, _overflow_keys(rows, fields))
    out |= filled
    rest = tuple(item for item in wanted if item.key not in there | kept)
    for row in [row for row in rows if row.slot == "rest" and row.written][:1]:
        out |= _rest(row, rest, fields.get(row.remote))
    return out


def unheld(rows: Sequence[SetRow], golden: Value, fields: Mapping[str, Json]) -> Items:
    """The members of `golden` that a record with these fields does not show."""
    there = {item.key for item in shown(rows, fields)}
    return tuple(item for item in golden if item.key not in there) if isinstance(golden, tuple) else ()


# Reading


def _items(row: SetRow, theirs: Json) -> Iterator[Item]:
    if row.slot == "all":
        return (row.item(text, label) for _, text, label in _entries(theirs))
    if row.slot == "rest":
        return (item for _, item in _pieces(row, theirs))
    text = clean(theirs)
    label = row.slot if row.slot in _LABELS else ""
    return iter(() if text is None or text == "" else (row.item(text, label),))


def _entries(theirs: Json) -> Iterator[tuple[Json, str, str]]:
    for entry in theirs if isinstance(theirs, Sequence) and not isinstance(theirs, str) else ():
        if isinstance(entry, Mapping):
            text = clean(entry.get("value"))
            label = str(entry.get("label") or "").casefold()
            if text is not None and text != "":
                yield entry, text, label if label in _LABELS or label == "" else "other"


def _pieces(row: SetRow, theirs: Json) -> list[tuple[str, Item]]:
    """Each piece of a joined text, as it is spelled there, with its item; a repeated item counts once."""
    found: dict[str, tuple[str, Item]] = {}
    for piece in _BETWEEN[row.lead].split(clean(theirs) or ""):
        if piece.strip() != "":
            item = row.item(piece.strip())
            found.setdefault(item.key, (piece.strip(), item))
    return list(found.values())


def _readonly_keys(rows: Iterable[SetRow], fields: Mapping[str, Json]) -> frozenset[str]:
    return frozenset(item.key for row in rows if not row.written for item in _items(row, fields.get(row.remote)))


def _overflow_keys(rows: Iterable[SetRow], fields: Mapping[str, Json]) -> frozenset[str]:
    return frozenset(item.key for row in rows if row.slot == "rest" and row.written for item in _items(row, fields.get(row.remote)))


# Slots: one item each


def _fill(
    slots: Sequence[SetRow], wanted: Items, fields: Mapping[str, Json], there: frozenset[str], overflow: frozenset[str]
) -> tuple[frozenset[str], dict[str, Json | Held]]:
    """The keys that the slots show afterwards, and the slots that change."""
    now = {row.remote: next(_items(row, fields.get(row.remote)), None) for row in slots}
    golden = {item.key for item in wanted}
    kept = {item.key for item in now.values() if item is not None and (item.is_raw or item.key in golden)}
    out: dict[str, Json | Held] = {}
    for row in slots:
        item = now[row.remote]
        if item is not None and item.key in kept:
            continue
        chosen = _choose(row, slots, [item for item in wanted if item.key not in kept], there, overflow)
        if chosen is not None:
            kept.add(chosen.key)
            out[row.remote] = chosen.text
        elif not row.clear:
            out[row.remote] = Held("address_required", "This CRM needs an address here, and the lead has none to offer.")
        elif item is not None:
            out[row.remote] = None
    return frozenset(kept), out


def _choose(row: SetRow, slots: Sequence[SetRow], items: Iterable[Item], there: frozenset[str], overflow: frozenset[str]) -> Item | None:
    """The first that is shown nowhere yet, else one from the overflow; what stands in a read-only field only before leaving none."""
    fitting = [item for item in items if _belongs(item, row, slots) and (row.limit is None or len(item.text) <= row.limit)]
    fitting = [item for item in fitting if item.key not in there] or (fitting if row.slot == "first" else [])
    return min(fitting, key=lambda item: (item.key in overflow, item.label != row.slot), default=None)


def _belongs(item: Item, row: SetRow, slots: Sequence[SetRow]) -> bool:
    if row.slot in ("mobile", "fax"):
        return item.label == row.slot
    if row.slot == "any":
        return item.label != "fax" and item.label not in [other.slot for other in slots]
    return row.slot == "first" or item.label not in ("mobile", "fax")


# The overflow: what the record shows nowhere else, as one text


def _rest(row: SetRow, wanted: Items, theirs: Json) -> dict[str, Json | Held]:
    pieces = _pieces(row, theirs)
    if {item.key for _, item in pieces if not item.is_raw} == {item.key for item in wanted}:
        return {}
    spelled = {item.key: piece for piece, item in pieces}
    raw = [piece for piece, item in pieces if item.is_raw]
    text = "; ".join(_within(row.limit, [spelled.get(item.key, item.text) for item in wanted], raw))
    return {} if text == (clean(theirs) or "") else {row.remote: text if text != "" else None}


def _within(limit: int | None, pieces: list[str], raw: list[str]) -> list[str]:
    """Whole pieces only: half an address is another address. What a person typed is never what gives way."""
    while limit is not None and pieces and len("; ".join([*pieces, *raw])) > limit:
        pieces = pieces[:-1]
    return [*pieces, *raw]


# Arrays of {value, primary, label}: written as a whole, so everything that is not ours to change goes back as it came


def _array(row: SetRow, wanted: Items, theirs: Json, there: frozenset[str]) -> dict[str, Json | Held]:
    entries = [(entry, row.item(text)) for entry, text, _ in _entries(theirs)]
    golden = {item.key for item in wanted}
    kept = [entry for entry, item in entries if item.is_raw or item.key in golden]
    held = {item.key for _, item in entries} | there
    new: list[Json] = [{"value": item.text, "primary": False, "label": item.label or "work"} for item in wanted if item.key not in held]
    if len(kept) == len(entries) and not new:
        return {}
    return {row.remote: _with_primary([*kept, *new])}


def _with_primary(entries: list[Json]) -> list[Json]:
    if not entries or any(isinstance(entry, Mapping) and entry.get("primary") is True for entry in entries):
        return entries
    first = entries[0]
    return [{**first, "primary": True} if isinstance(first, Mapping) else first, *entries[1:]]
