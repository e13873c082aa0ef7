"""What Pipedrive remembers of a person: the changelog, one walk per person, newest first (20 tokens a page)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors import pipedrive_persons as persons
from connectors.base import Field, History, Json, Schema, Step, Writer
from connectors.http import Door, escape
from connectors.pipedrive_calls import fetch, next_cursor, readable, stuck

PERSONS: Final = "/api/v1/persons"
PAGE: Final = 100
LOGGED_AS: Final = {"emails": "email", "phones": "phone", persons.ORGANISATION: "org_id"}  # else by the name that records have
TEXTS: Final = ("text", "long_text", "date", "option", "owner", "reference")
ENDED: Final = (404, 410)


def histories(door: Door, schema: Schema, us: Callable[[], str], ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
    wanted = [schema.fields[name] for name in fields if name in schema.fields and name != persons.OPT_OUT]
    found: dict[str, dict[str, list[Step]]] = {}
    for id in dict.fromkeys(ids):
        lines = _lines(door, id, since) if id.isdecimal() else None
        if lines is not None:
            found[id] = {field.name: [_step(line, field, us()) for line in lines if _is_of(line, field)] for field in wanted}
    return found


def _lines(door: Door, id: str, since: datetime) -> list[Mapping[str, Any]] | None:
    """The lines of a person since `since`, oldest first; None if the person is not there."""
    found: list[Mapping[str, Any]] = []
    for rows in _pages(door, f"{PERSONS}/{escape(id)}/changelog"):
        if rows is None:
            return None
        found += [row for row in rows if _moment(row["time"]) >= since]
        if len(rows) > 0 and _moment(rows[-1]["time"]) < since:
            break
    return found[::-1]


def _pages(door: Door, path: str) -> Iterator[Sequence[Mapping[str, Any]] | None]:
    cursor: str | None = None
    while True:
        answer = fetch(door, path, kind="read", params={"limit": PAGE, **({} if cursor is None else {"cursor": cursor})})
        if answer.status in ENDED:
            yield None
            return
        body = readable(door, answer)
        yield body["data"] or ()
        following = next_cursor(body)
        if following is None:
            return
        if following == cursor:
            raise stuck(door, answer)
        cursor = following


def _is_of(line: Mapping[str, Any], field: Field) -> bool:
    return bool(line["field_key"] == LOGGED_AS.get(field.name, field.name))


def _step(line: Mapping[str, Any], field: Field, us: str) -> Step:
    told = field.name not in LOGGED_AS and (field.type in TEXTS or field.type in ("int", "float"))
    return Step(_moment(line["time"]), _value(line["new_value"], field) if told else None, _writer(line, us), told)


def _value(text: Any, field: Field) -> Json:
    """The changelog writes every value as text."""
    if text is None or text == "":
        return None
    if field.type in ("int", "float"):
        number = float(text)
        return int(number) if number.is_integer() else number
    return str(text)


def _writer(line: Mapping[str, Any], us: str) -> Writer:
    """A line of the API is ours if it is our user's; people work in the app, whoever's user they share."""
    if line.get("change_source") == "app":
        return Writer.PERSON
    if line.get("change_source") == "api":
        return Writer.US if str(line.get("actor_user_id")) == us else Writer.OTHER
    return Writer.UNTOLD


def _moment(text: str) -> datetime:
    """`2026-01-31 12:00:00`, in UTC."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
