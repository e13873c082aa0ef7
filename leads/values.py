"""Values of a lead as the store keeps them, as a person reads them, and as they are compared."""

from __future__ import annotations

from typing import Any

from leads.model import ABSENT, CLEARED, Item, Value


def dump_value(value: Value) -> Any:
    """JSON form of a canonical value; `load_value` is its inverse."""
    if value is ABSENT:
        return None
    if value is CLEARED:
        return {"cleared": True}
    if isinstance(value, tuple):
        return [[item.key, item.text, item.label] for item in value]
    return value


def load_value(raw: Any) -> Value:
    if raw is None:
        return ABSENT
    if isinstance(raw, dict):
        return CLEARED
    if isinstance(raw, list):
        return tuple(Item(*parts) for parts in raw)
    if isinstance(raw, (str, int, float)):
        return raw
    raise TypeError(f"not a lead's value: {type(raw).__name__}")


def plain(value: Value) -> Any:
    """The value for a person's eyes and for other programs: blanks are None, sets are their texts."""
    if value is ABSENT or value is CLEARED:
        return None
    if isinstance(value, tuple):
        return [item.text for item in value]
    return value


def same(a: Value, b: Value) -> bool:
    """Equal in meaning: both blanks are alike, sets are compared by their keys."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return {item.key for item in a} == {item.key for item in b}
    if blank(a) or blank(b):
        return blank(a) and blank(b)
    return type(a) is type(b) and a == b


def blank(value: Value) -> bool:
    """Absent, cleared, or a set without a member."""
    return value is ABSENT or value is CLEARED or value == ()
