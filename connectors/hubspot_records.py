"""HubSpot's JSON, read: contacts, properties, owners, and why a row was refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.base import Ending, Field, Json, NewField, Option, Owner, Record

OPT_OUT: Final = "opt_out:email"
OPT_OUT_PROPERTY: Final = "hs_email_optout"
LEGAL_BASIS: Final = "hs_legal_basis"
OPT_OUT_OF_ONE: Final = re.compile(r"hs_email_optout_(\d+)")  # a mirror of the status of one subscription type
MERGED: Final = "hs_merged_object_ids"
ALWAYS: Final = (MERGED,)
TEXT_LENGTH: Final = 65_536

CAUSES: Final[Mapping[str, str]] = {
    "INVALID_EMAIL": "invalid_email",
    "PROPERTY_DOESNT_EXIST": "unknown_field",
    "INVALID_OPTION": "invalid_option",
    "READ_ONLY_VALUE": "read_only",
    "INVALID_INTEGER": "invalid_number",
    "INVALID_LONG": "invalid_number",
    "INVALID_NUMERIC": "invalid_number",
    "INVALID_NUMBER": "invalid_number",
    "INVALID_DATE": "invalid_date",
    "INVALID_OWNER_ID": "invalid_owner",
    "INVALID_OWNER": "invalid_owner",
    "PROPERTY_TOO_LONG": "too_long",
    "VALUE_TOO_LONG": "too_long",
    "STRING_TOO_LONG": "too_long",
    "UNIQUE_VALUE_CONFLICT": "not_unique",
}
EVERY_ROW: Final = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})  # they concern the property, not its value
EXISTING: Final = re.compile(r"Existing ID: (\d+)")


def asked(fields: Sequence[str]) -> list[str]:
    """The properties to ask for so that `fields` can be shown."""
    return list(dict.fromkeys([*(OPT_OUT_PROPERTY if name == OPT_OUT else name for name in fields), *ALWAYS]))


def record_of(object: str, row: Mapping[str, Any], fields: Iterable[str]) -> Record:
    shown = row.get("properties") or {}
    return Record(
        object=object,
        id=str(row["id"]),
        fields={name: value_of(shown, name) for name in fields if (OPT_OUT_PROPERTY if name == OPT_OUT else name) in shown},
        version=row.get("updatedAt"),
        changed_at=moment(row.get("updatedAt")),
        created_at=moment(row.get("createdAt")),
        ending=Ending.ARCHIVED if row.get("archived") else None,
        aliases=merged_ids(shown),
    )


def value_of(shown: Mapping[str, Any], name: str) -> Json:
    """A property's value. What v3 leaves out was not asked for or is unknown to the portal; what is empty it shows as null."""
    if name == OPT_OUT:
        return shown.get(OPT_OUT_PROPERTY) == "true"
    value: Json = shown.get(name)
    return None if value == "" else value


def property_value(value: Json) -> str:
    """A value as HubSpot takes it: text, and empty text to clear."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def merged_ids(shown: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(part for part in str(shown.get(MERGED) or "").split(";") if part.isdigit())


def moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


def addresses(shown: Mapping[str, Any]) -> set[str]:
    """Every address of a contact; HubSpot keeps each unique over all contacts, whatever its letter case."""
    several = f"{shown.get('email') or ''};{shown.get('hs_additional_emails') or ''}"
    return {part.strip().lower() for part in several.split(";") if part.strip() != ""}


def existing_id(message: str) -> str | None:
    found = EXISTING.search(message)
    return None if found is None else found.group(1)


def property_errors(message: str) -> list[tuple[str, str]]:
    """(code, property) of each error that HubSpot wraps as JSON into the text of a message."""
    start = message.find("[")
    if start < 0:
        return []
    try:
        listed, _ = json.JSONDecoder().raw_decode(message[start:])
    except ValueError:
        return []
    return [(str(item.get("error", "")), str(item.get("name", ""))) for item in listed if isinstance(item, dict)]


def cause_of(code: str) -> str:
    return CAUSES.get(code, code.lower() if re.fullmatch(r"[A-Z_]{1,60}", code) else "refused")


def field_of(row: Mapping[str, Any]) -> Field:
    kind = _kind(row)
    choices = tuple(Option(str(option["value"]), str(option["label"])) for option in row.get("options") or () if not option.get("archived"))
    settings = row.get("modificationMetadata") or {}
    return Field(
        name=row["name"],
        label=row.get("label") or row["name"],
        type=kind,
        length=TEXT_LENGTH if kind in ("text", "long_text") else None,
        options=choices if kind in ("option", "options") else (),
        custom=not row.get("hubspotDefined", False),
        writable=is_opt_out(row["name"]) or not (settings.get("readOnlyValue", False) or row.get("calculated", False)),
        unique=bool(row.get("hasUniqueValue", False)) or row["name"] == "email",
        restricted=kind in ("option", "options"),
    )


def permits(name: str) -> bool:
    """Whether this says on which basis somebody may be processed: nothing but a claim, and never made by us."""
    return name == LEGAL_BASIS


def is_opt_out(name: str) -> bool:
    """Whether this is written by communication preferences, and not as a property."""
    return name == OPT_OUT or OPT_OUT_OF_ONE.fullmatch(name) is not None


def opt_out_field() -> Field:
    return Field(name=OPT_OUT, label="Opted out of all email", type="bool")


def new_property(field: NewField) -> dict[str, Json]:
    kind, widget = WIRE_TYPES[field.type]
    return {
        "name": field.name,
        "label": field.label,
        "type": kind,
        "fieldType": widget,
        "groupName": "contactinformation",
        "hasUniqueValue": field.unique,
        "options": _new_options(field),
    }


WIRE_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("string", "text"),
    "long_text": ("string", "textarea"),
    "int": ("number", "number"),
    "float": ("number", "number"),
    "bool": ("bool", "booleancheckbox"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
    "option": ("enumeration", "select"),
    "options": ("enumeration", "checkbox"),
}


def owner_of(row: Mapping[str, Any]) -> Owner:
    name = " ".join(part for part in (row.get("firstName"), row.get("lastName")) if part)
    email = row.get("email") or None
    return Owner(id=str(row["id"]), email=email, name=name or email or str(row["id"]), active=not row.get("archived", False))


def _kind(row: Mapping[str, Any]) -> str:
    kind, widget = row.get("type"), row.get("fieldType")
    if row.get("referencedObjectType") == "OWNER" or row["name"] == "hubspot_owner_id":
        return "owner"
    if kind == "string":
        return "long_text" if widget in ("textarea", "html") else "text"
    if kind == "enumeration":
        return {"checkbox": "options", "booleancheckbox": "bool"}.get(str(widget), "option")
    return {"number": "float", "bool": "bool", "date": "date", "datetime": "datetime", "phone_number": "text"}.get(str(kind), "other")


def _new_options(field: NewField) -> list[Json]:
    if field.type == "bool":
        return [_new_option("Yes", "true", 0), _new_option("No", "false", 1)]
    return [_new_option(option, option, place) for place, option in enumerate(field.options)]


def _new_option(label: str, value: str, place: int) -> dict[str, Json]:
    return {"label": label, "value": value, "displayOrder": place, "hidden": False}
