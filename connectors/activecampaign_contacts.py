"""The shape of an ActiveCampaign contact: fields described, contacts read into records, writes turned into request bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from connectors.base import Ending, Field, Json, Option, Record, Schema, Write
from connectors.singly import Unfit

OBJECT: Final = "contacts"
KEY: Final = "leadloom_key"
OPT_OUT: Final = "opt_out:email"
LIST: Final = "list:"  # and the id of a list: the status of the contact there
UNSUBSCRIBED: Final = "2"
MAILABLE: Final = frozenset({"0", "1"})  # awaiting confirmation, active
NO_DATE: Final = "0000-00-00"

SCALARS: Final = (
    Field("email", "Email", "text", required=True, unique=True),
    Field("firstName", "First name", "text"),
    Field("lastName", "Last name", "text"),
    Field("phone", "Phone", "text"),
)
SMS: Final = "sms_consent"
SMS_AT: Final = "sms_consent_updated_at"
TEXTED: Final = Field(SMS, "SMS consent", "text", writable=False)
UNSUBSCRIBE: Final = Field(OPT_OUT, "Unsubscribed from every list", "bool")
TYPES: Final = {
    "text": "text",
    "textarea": "long_text",
    "hidden": "text",
    "date": "date",
    "datetime": "datetime",
    "dropdown": "option",
    "radio": "option",
    "listbox": "options",
    "checkbox": "options",
}
NEW_TYPES: Final = {
    "text": "text",
    "long_text": "textarea",
    "date": "date",
    "datetime": "datetime",
    "option": "dropdown",
    "options": "listbox",
    "bool": "dropdown",
}
YES_NO: Final = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of this account, and the ids of the custom ones by their personalisation tag (ids differ per account)."""

    schema: Schema
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one or more answers show of a contact: field values by field id, list statuses by list id; None where not looked at.

    `complete` says that a field without a value is empty; an answer to a write may show only what was written.
    """

    contact: Mapping[str, Any]
    values: Mapping[str, str | None] | None = None
    lists: Mapping[str, str] | None = None
    complete: bool = True
    said: Mapping[str, datetime] = field(default_factory=dict)  # by list id: when it took its status

    @property
    def id(self) -> str:
        return str(self.contact["id"])


# -- schema ----------------------------------------------------------------------------------------------------------------------------


def shape(rows: Iterable[Mapping[str, Any]], options: Iterable[Mapping[str, Any]], lists: Iterable[Mapping[str, Any]] = ()) -> Shape:
    by_field: dict[str, list[Option]] = defaultdict(list)
    for option in options:
        by_field[str(option["field"])].append(Option(str(option["value"]), str(option.get("label", option["value"]))))
    fields = {field.name: field for field in (*SCALARS, UNSUBSCRIBE, TEXTED, *map(_list_field, lists))}
    ids: dict[str, str] = {}
    for row in rows:
        field = custom_field(row, by_field[str(row["id"])])
        fields[field.name] = field
        ids[field.name] = str(row["id"])
    return Shape(Schema(OBJECT, fields), ids)


def _list_field(row: Mapping[str, Any]) -> Field:
    return Field(f"{LIST}{row['id']}", f"List {row.get('name', row['id'])}", "text")


def custom_field(row: Mapping[str, Any], options: Sequence[Option]) -> Field:
    kind = TYPES.get(str(row["type"]), "other")
    return Field(
        name=str(row["perstag"]).strip("%").upper(),
        label=str(row["title"]),
        type=kind,
        options=tuple(options),
        custom=True,
        restricted=kind in ("option", "options"),
    )


def is_opt_out(name: str) -> bool:
    """Whether this is written by leaving lists, and not as a field."""
    return name == OPT_OUT or name.startswith(LIST)


# -- reading ---------------------------------------------------------------------------------------------------------------------------


def record(seen: Seen, shape: Shape, wanted: Sequence[str] = ()) -> Record:
    """A contact as a record. No `wanted` means everything that was looked at."""
    names = shape.schema.fields if len(wanted) == 0 else [name for name in wanted if name in shape.schema.fields]
    contact = seen.contact
    return Record(
        OBJECT,
        seen.id,
        {name: value for name in names for value in _shown(seen, name, shape)},
        version=None if contact.get("udate") is None else str(contact["udate"]),
        changed_at=changed_at(contact),
        created_at=moment(contact.get("cdate")),
        ending=Ending.DELETED if str(contact.get("deleted")) == "1" else None,
        said={name: at for name in names for at in _said(seen, name)},
    )


def _said(seen: Seen, name: str) -> Iterable[datetime]:
    """When a list was joined or left; whoever left every list said so when the last one was left."""
    if name.startswith(LIST) and name.removeprefix(LIST) in seen.said:
        yield seen.said[name.removeprefix(LIST)]
    left = [seen.said.get(id) for id, status in (seen.lists or {}).items() if status == UNSUBSCRIBED] if name == OPT_OUT else []
    if left and None not in left:
        yield max(at for at in left if at is not None)


def _shown(seen: Seen, name: str, shape: Shape) -> Iterable[Json]:
    """The value of one field; nothing where the answers do not show it."""
    if name == OPT_OUT:
        statuses = set((seen.lists or {}).values())
        if not MAILABLE.isdisjoint(statuses) or UNSUBSCRIBED in statuses:  # on no list, or bounced from all: that says nothing
            yield MAILABLE.isdisjoint(statuses)
    elif name.startswith(LIST):
        if seen.lists is not None:
            yield seen.lists.get(name.removeprefix(LIST))
    elif name == SMS:
        if SMS in seen.contact:  # nobody who was never asked has a date of it
            never = str(seen.contact.get(SMS_AT) or NO_DATE).startswith(NO_DATE)
            yield None if never else str(seen.contact[SMS])
    elif name in shape.ids:
        if seen.values is not None and (seen.complete or shape.ids[name] in seen.values):
            yield _value(seen.values.get(shape.ids[name]), shape.schema.fields[name])
    elif name in seen.contact:
        yield _value(seen.contact[name], shape.schema.fields[name])


def _value(value: Any, field: Field) -> Json:
    """ActiveCampaign has no null: an empty text is an empty field. Several choices come as ||a||b||."""
    if value is None or value == "":
        return None
    if field.type == "options":
        return [part for part in str(value).split("||") if part != ""]
    return str(value)


def changed_at(contact: Mapping[str, Any]) -> datetime | None:
    """A contact that was never changed may have no udate."""
    changed = moment(contact.get("udate"))
    return moment(contact.get("cdate")) if changed is None else changed


def moment(value: Any) -> datetime | None:
    """A time with its offset. The fields named utc repeat the local time, and zero dates occur: neither is a moment."""
    if value is None or str(value) == "" or str(value).startswith(NO_DATE):
        return None
    at = datetime.fromisoformat(str(value))
    return None if at.tzinfo is None else at.astimezone(UTC)


def values_by_contact(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str | None]]:
    grouped: dict[str, dict[str, str | None]] = defaultdict(dict)
    for row in rows:
        grouped[str(row["contact"])][str(row["field"])] = row["value"]
    return grouped


def values_of(body: Mapping[str, Any]) -> dict[str, str | None] | None:
    """The field values in an answer about one contact, if it shows any."""
    rows = body.get("fieldValues")
    return None if rows is None else {str(row["field"]): row["value"] for row in rows}


def lists_by_contact(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    grouped: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        grouped[str(row["contact"])][str(row["list"])] = str(row["status"])
    return grouped


def said_by_contact(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, datetime]]:
    """When contacts joined or left lists: `udate` of a list is when it was left, and both have an offset."""
    grouped: dict[str, dict[str, datetime]] = defaultdict(dict)
    for row in rows:
        at = moment(row.get("udate" if str(row["status"]) == UNSUBSCRIBED else "sdate"))
        if at is not None:
            grouped[str(row["contact"])][str(row["list"])] = at
    return grouped


def same_address(contact: Mapping[str, Any], address: str) -> bool:
    return str(contact.get("email")).strip().casefold() == address.strip().casefold()


# -- writing ---------------------------------------------------------------------------------------------------------------------------


def body(write: Write, shape: Shape) -> dict[str, Any]:
    """The contact of a create or update; raises Unfit before anything is sent. Opt-outs travel by lists, not here."""
    for name, value in write.fields.items():
        _check(name, value, shape)
    sent: dict[str, Any] = {}
    values: list[dict[str, str]] = []
    for name, value in write.fields.items():
        if name in shape.ids:
            values.append({"field": shape.ids[name], "value": _sent(value)})
        elif not is_opt_out(name):
            sent[name] = _sent(value)
    if len(values) > 0:
        sent["fieldValues"] = values
    return sent


def _check(name: str, value: Json, shape: Shape) -> None:
    field = shape.schema.fields.get(name)
    if field is None:
        raise Unfit("unknown_field", name, "this account has no such field.")
    if is_opt_out(name) and value not in (True, UNSUBSCRIBED):
        raise Unfit("loosens_consent", name, "an opt-out is never taken back by a write.")
    if not field.writable:
        raise Unfit("read_only", name, "this field cannot be written.")
    if name == "email" and value in (None, ""):
        raise Unfit("email_required", name, "a contact needs an e-mail address.")
    if field.type == "option" and value not in (None, "") and all(option.value != value for option in field.options):
        raise Unfit("invalid_option", name, "the value is not among the field's options.")


def _sent(value: Json) -> str:
    """An empty text clears; leaving a field out would leave it as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    return "".join(f"||{part}" for part in value) + "||" if len(value) > 0 else ""
