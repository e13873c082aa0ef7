"""The shape of a Pipedrive person: fields described, persons read into records, writes turned into request bodies.

Ids (owner, organisation, option) are shown as text everywhere, as `Owner.id` and `Option.value` are; writes accept them as text and send
numbers, for v2 refuses numbers in quotes (pipedrive.readme.io, "Pipedrive API v2 migration guide").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from connectors.base import Ending, Field, Json, Option, Record, Schema, Write
from connectors.singly import Unfit

OBJECT: Final = "persons"
KEY: Final = "leadloom_key"
ORGANISATION: Final = "org_name"
OPT_OUT: Final = "opt_out:email"
MARKETING: Final = "marketing_status"
UNSUBSCRIBED: Final = "unsubscribed"

SYSTEM: Final = (
    Field("name", "Name", "text", length=255),
    Field("first_name", "First name", "text", length=255),
    Field("last_name", "Last name", "text", length=255),
    Field("emails", "Email", "list"),
    Field("phones", "Phone", "list"),
    Field("owner_id", "Owner", "owner"),
    Field("org_id", "Organization", "reference"),
    Field(ORGANISATION, "Organization name", "text", length=255),
)
CAMPAIGNS: Final = (
    Field(MARKETING, "Marketing status", "option", writable=False),
    Field(OPT_OUT, "Unsubscribed", "bool"),
)
TYPES: Final = {
    "varchar": "text",
    "varchar_auto": "text",
    "phone": "text",
    "text": "long_text",
    "int": "int",
    "double": "float",
    "boolean": "bool",
    "date": "date",
    "enum": "option",
    "set": "options",
    "user": "owner",
    "org": "reference",
    "people": "reference",
}
LENGTHS: Final = {"varchar": 255, "varchar_auto": 255, "phone": 255, "text": 65_000}
NEW_TYPES: Final = {
    "text": "varchar",
    "long_text": "text",
    "int": "double",
    "float": "double",
    "bool": "enum",  # there is no boolean custom field
    "date": "date",
    "option": "enum",
    "options": "set",
}
YES_NO: Final = ("yes", "no")
NOBODY: Final[Mapping[str, Any]] = {"name": "[erased]", "emails": [], "phones": [], "org_id": None}


# -- schema ----------------------------------------------------------------------------------------------------------------------------


def schema(rows: Iterable[Mapping[str, Any]], *, campaigns: bool) -> Schema:
    """What the field list of this company says, in the names that records have."""
    fields = {field.name: field for field in SYSTEM}
    if campaigns:
        fields.update((field.name, field) for field in CAMPAIGNS)
    fields.update((str(row["field_code"]), custom_field(row)) for row in rows if row.get("is_custom_field") is True)
    return Schema(OBJECT, fields)


def custom_field(row: Mapping[str, Any]) -> Field:
    kind = str(row["field_type"])
    options = row.get("options")
    return Field(
        name=str(row["field_code"]),
        label=str(row["field_name"]),
        type=TYPES.get(kind, "other"),
        length=LENGTHS.get(kind),
        options=() if options is None else tuple(Option(str(option["id"]), str(option["label"])) for option in options),
        custom=True,
        restricted=kind in ("enum", "set"),
    )


def labelled(schema: Schema, label: str) -> str | None:
    """The account's name of the custom field that is called `label`."""
    return next((field.name for field in schema.fields.values() if field.custom and field.label == label), None)


# -- reading ---------------------------------------------------------------------------------------------------------------------------


def person_id(row: Mapping[str, Any]) -> int:
    return int(row["id"])


def organisation_id(row: Mapping[str, Any]) -> int | None:
    value = row.get("org_id")
    return None if value is None else int(value)


def record(row: Mapping[str, Any], schema: Schema, wanted: Sequence[str], organisation: Callable[[int], str | None]) -> Record:
    """A person as a record. `organisation` gives the name of an organisation if it is known. No `wanted` means everything."""
    names = schema.fields if len(wanted) == 0 else [name for name in wanted if name in schema.fields]
    shown = {name: value for name in names for value in _shown(row, schema.fields[name], organisation)}
    return Record(
        OBJECT,
        str(row["id"]),
        shown,
        version=_text(row.get("update_time")),
        changed_at=moment(row.get("update_time")),
        created_at=moment(row.get("add_time")),
        ending=Ending.DELETED if row.get("is_deleted") is True else None,
    )


def _shown(row: Mapping[str, Any], field: Field, organisation: Callable[[int], str | None]) -> Iterable[Json]:
    """The value of one field; nothing where the answer does not show the field."""
    if field.custom:
        custom = row.get("custom_fields")
        if custom is not None:
            yield _value(custom.get(field.name), field)
    elif field.name == ORGANISATION:
        yield from _organisation_name(row, organisation)
    elif field.name == OPT_OUT:
        if MARKETING in row:
            yield row[MARKETING] == UNSUBSCRIBED
    elif field.name in row:
        yield _value(row[field.name], field)


def _organisation_name(row: Mapping[str, Any], organisation: Callable[[int], str | None]) -> Iterable[Json]:
    if "org_id" not in row:
        return
    id = organisation_id(row)
    name = None if id is None else organisation(id)
    if id is None or name is not None:
        yield name


def _value(value: Any, field: Field) -> Json:
    if value is None or value in ("", []):
        return None
    if field.type in ("option", "owner", "reference"):
        return str(value)
    if field.type == "options":
        return [str(item) for item in value]
    return value  # type: ignore[no-any-return]  # verbatim JSON


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def moment(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(str(value))


def addresses(row: Mapping[str, Any], field: str) -> set[str]:
    """The e-mail addresses or phone numbers of a person, for comparing."""
    items = row.get(field)
    return set() if items is None else {str(item["value"]).strip().casefold() for item in items}


# -- writing ---------------------------------------------------------------------------------------------------------------------------


def body(write: Write, schema: Schema, organisation: Callable[[str], int]) -> dict[str, Any]:
    """The request body of a create or update; raises Unfit before anything is sent. `organisation` finds or creates one by name."""
    for name, value in write.fields.items():
        _check(name, value, schema)
    sent: dict[str, Any] = {}
    custom = {name: _sent(value, schema.fields[name]) for name, value in write.fields.items() if schema.fields[name].custom}
    for name, value in write.fields.items():
        if name == OPT_OUT:
            sent[MARKETING] = UNSUBSCRIBED
        elif name != ORGANISATION and not schema.fields[name].custom:
            sent[name] = _sent(value, schema.fields[name])
    if ORGANISATION in write.fields:
        company = write.fields[ORGANISATION]
        sent["org_id"] = None if company is None else organisation(str(company))
    if len(custom) > 0:
        sent["custom_fields"] = custom
    return sent


def emptied(schema: Schema) -> dict[str, Any]:
    """The body that leaves nothing of a person in what the integration user sees."""
    custom = {name: None for name, field in schema.fields.items() if field.custom and field.writable}
    return {**NOBODY, **({"custom_fields": custom} if custom else {})}


def _check(name: str, value: Json, schema: Schema) -> None:
    if name not in schema.fields:
        raise Unfit("unknown_field", name, "this company has no such field.")
    field = schema.fields[name]
    if name == OPT_OUT and value is not True:
        raise Unfit("loosens_consent", name, "an opt-out is never taken back by a write.")
    if not field.writable:
        raise Unfit("read_only", name, "this field cannot be written.")
    if name == "owner_id" and value is None:
        raise Unfit("cannot_clear", name, "a person always has an owner.")
    if field.length is not None and isinstance(value, str) and len(value) > field.length:
        raise Unfit("too_long", name, f"the value has {len(value)} characters, the field holds {field.length}.")
    if name != OPT_OUT:
        _sent(value, field)


def _sent(value: Json, field: Field) -> Any:
    if value is None:
        return [] if field.type == "list" else None
    try:
        return _typed(value, field)
    except (TypeError, ValueError):
        raise Unfit("invalid_value", field.name, f"the value is not of the field's type ({field.type}).") from None


def _typed(value: Any, field: Field) -> Any:
    if field.type in ("option", "options"):
        return _options(value, field)
    if field.type in ("owner", "reference", "int"):
        return int(value)
    if field.type == "float":
        number = float(value)
        return int(number) if number.is_integer() else number
    if field.type in ("text", "long_text", "date") and not isinstance(value, str):
        raise TypeError
    return value


def _options(value: Any, field: Field) -> int | list[int] | None:
    if field.type == "option":
        return _option(value, field)
    # An empty list is refused as a value; null clears (API reference, addPerson, custom_fields).
    return None if len(value) == 0 else [_option(item, field) for item in value]


def _option(value: Any, field: Field) -> int:
    if all(option.value != str(value) for option in field.options):
        raise Unfit("invalid_option", field.name, "the value is not among the field's options.")
    return int(value)
