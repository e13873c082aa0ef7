"""Salesforce's values: ids, stamps, and what numbers, booleans and dates must look like."""

from __future__ import annotations

import re
import time
from calendar import timegm
from datetime import datetime
from functools import lru_cache
from typing import Any

from sandbox.salesforce_answers import Fault
from sandbox.salesforce_fields import Field

EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def make_id(prefix: str, number: int) -> str:
    """An id of 18 characters that sorts by its number."""
    return with_suffix(f"{prefix}5g{number:010d}")


def with_suffix(id: str) -> str:
    """18 characters of 15: the suffix tells which letters are upper-case."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << at for at, character in enumerate(id[start : start + 5]) if "A" <= character <= "Z")
        suffix += DIGITS[bits]
    return id + suffix


def long_id(id: Any) -> str:
    text = str(id)
    return with_suffix(text) if len(text) == 15 else text


@lru_cache(maxsize=8192)
def stamp_text(at: int) -> str:
    """Whole seconds, and an offset without a colon."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(at))


def not_writable(field: Field) -> Fault:
    message = (
        f"Unable to create/update fields: {field.name}. Please check the security settings of this field and verify that it is "
        "read/write for your profile or permission set."
    )
    return Fault("INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])


def boolean(field: Field, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    raise Fault("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: {raw}", [field.name])


def number(field: Field, raw: Any) -> int | float:
    try:
        number = float(raw)
    except (TypeError, ValueError):
        raise Fault("JSON_PARSER_ERROR", f"Cannot deserialize instance of {field.type} from VALUE_STRING value {raw}") from None
    if isinstance(raw, bool) or number != number:
        raise Fault("JSON_PARSER_ERROR", f"Cannot deserialize instance of {field.type} from {raw}")
    return int(number) if field.type == "int" else number


def moment(field: Field, text: str) -> str:
    try:
        if field.type == "date":
            return time.strftime("%Y-%m-%d", time.strptime(text[:10], "%Y-%m-%d"))
        return stamp_text(int(datetime.fromisoformat(text).timestamp()))
    except ValueError:
        raise Fault("JSON_PARSER_ERROR", f"Cannot deserialize instance of {field.type} from VALUE_STRING value {text}") from None


def seconds_of(text: str) -> int:
    """Epoch seconds of a stamp as Salesforce writes it, or of a date."""
    if len(text) == 10:
        return timegm(time.strptime(text, "%Y-%m-%d"))
    return int(datetime.fromisoformat(text).timestamp())
