"""What one value of the settings must look like. Each check returns the value or says what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from leads.consent.times import duration
from leads.model import FIELDS

WinnerName = Literal["newest", "precedence", "owner", "rank", "union", "restrictive", "furthest", "ours", "ask"]
NOT_A_FIELD = ("precedence", "flips")  # keys of [fields] itself

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def expected(what: str) -> PydanticCustomError:
    return PydanticCustomError("leadloom", "{what}", {"what": what})


def nearest(word: str, known: list[str]) -> str:
    """A sentence naming the known word that was probably meant, or all of them if there are few."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Known: {', '.join(known)}." if len(known) <= 15 else ""


def account_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise expected("an account name starts with a small letter and holds small letters, digits and _ only")
    return value


def age(value: str) -> str:
    try:
        duration(value)
    except ValueError as error:
        raise expected(str(error)) from None
    return value


def field_name(value: str) -> str:
    if value not in FIELDS and not re.fullmatch(r"custom\.[a-z][a-z0-9_]*", value):
        raise expected(f"no such field of a lead. {nearest(value, list(FIELDS))}".rstrip())
    return value


def custom_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise expected("the name of a field of your own starts with a small letter and holds small letters, digits and _ only")
    return value


def base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise expected("expected an address such as https://example.com")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise expected("expected https: the token would travel in clear. Plain http is for servers on this machine only")
    if parts.username is not None or parts.query != "" or parts.fragment != "":
        raise expected("expected an address without user name, query or fragment")
    return value.rstrip("/")


def store_url(value: str) -> str:
    if value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        return value
    raise expected("expected sqlite:///FILE or postgresql+psycopg://user@host/database")


def region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS

    if value not in SUPPORTED_REGIONS:
        raise expected('expected a country of two capital letters, such as "DE"')
    return value


def timezone(value: str) -> str:
    from zoneinfo import available_timezones

    if value not in available_timezones():
        raise expected(f'expected a time zone such as "Europe/Berlin". {nearest(value, sorted(available_timezones()))}'.rstrip())
    return value


def listed(value: Any) -> Any:
    """The environment has no lists: there, items are separated by commas."""
    return [item.strip() for item in value.split(",")] if isinstance(value, str) else value


def gathered(value: Any) -> Any:
    """`[fields.emails]`, `[fields."company.name"]` and `[fields.company.name]` all become one rule per field."""
    if not isinstance(value, Mapping):
        return value
    rules = {name: table for name, table in value.items() if name not in NOT_A_FIELD}
    return {**{name: kept for name, kept in value.items() if name in NOT_A_FIELD}, "rules": dict(_rules(rules, ""))}


def _rules(tables: Mapping[str, Any], above: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, table in tables.items():
        path = above + name
        inner = isinstance(table, Mapping) and (path == "custom" or any(field.startswith(path + ".") for field in FIELDS))
        found += _rules(table, path + ".") if inner and path not in FIELDS else [(path, table)]
    return found


def predicate(value: dict[str, Any]) -> dict[str, Any]:
    from leads import predicates
    from leads.rulefile import RuleFileError

    try:
        predicates.parse(value)
    except RuleFileError as error:
        raise expected("; ".join(map(str, error.problems))) from None
    return value
