"""Salesforce's JSON, read: describes, rows, ids, times, and why a row was refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.base import Ending, Field, Json, NewField, Option, Record, Schema

OPT_OUTS: Final[Mapping[str, str]] = {"opt_out:email": "HasOptedOutOfEmail", "opt_out:phone": "DoNotCall"}
RESTRICTING: Final = (*OPT_OUTS, *OPT_OUTS.values(), "HasOptedOutOfFax")  # a no that is never taken back, by whichever name
COMPANY: Final = "Account.Name"
STAMPS: Final = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
ALWAYS: Final = ("CreatedDate", "IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId")

CAUSES: Final[Mapping[str, str]] = {
    "INVALID_EMAIL_ADDRESS": "invalid_email",
    "STRING_TOO_LONG": "too_long",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "invalid_option",
    "REQUIRED_FIELD_MISSING": "required_missing",
    "NUMBER_OUTSIDE_VALID_RANGE": "invalid_number",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "invalid_type",
    "INVALID_FIELD": "unknown_field",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "read_only",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "validation_rule",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "automation_failed",
    "DUPLICATES_DETECTED": "duplicate_rule",
    "DUPLICATE_VALUE": "not_unique",
    "DUPLICATE_EXTERNAL_ID": "not_unique",
    "INACTIVE_OWNER_OR_USER": "inactive_owner",
    "INVALID_CROSS_REFERENCE_KEY": "invalid_reference",
    "UNABLE_TO_LOCK_ROW": "locked",
    "INSUFFICIENT_ACCESS_OR_READONLY": "no_access",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "no_access",
}
ENDED: Final = frozenset({"ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
HOLDER: Final = re.compile(r"record with id: (\w{15,18})")

TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "email": "text",
    "phone": "text",
    "url": "text",
    "textarea": "long_text",
    "picklist": "option",
    "combobox": "option",
    "multipicklist": "options",
    "boolean": "bool",
    "int": "int",
    "double": "float",
    "currency": "float",
    "percent": "float",
    "date": "date",
    "datetime": "datetime",
    "reference": "reference",
}
NEW_TYPES: Final[Mapping[str, Mapping[str, Json]]] = {
    "text": {"type": "Text", "length": 255},
    "long_text": {"type": "LongTextArea", "length": 32_768, "visibleLines": 3},
    "int": {"type": "Number", "precision": 18, "scale": 0},
    "float": {"type": "Number", "precision": 18, "scale": 4},
    "bool": {"type": "Checkbox", "defaultValue": "false"},
    "date": {"type": "Date"},
    "datetime": {"type": "DateTime"},
    "option": {"type": "Picklist"},
    "options": {"type": "MultiselectPicklist", "visibleLines": 4},
}
CHECKSUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def long_id(id: str) -> str:
    """The 18-character form of an id. The 15-character one differs in letter case only, which joins and databases forget."""
    if len(id) != 15:
        return id
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, letter in enumerate(id[start : start + 5]) if "A" <= letter <= "Z")
        suffix += CHECKSUM[bits]
    return id + suffix


def is_id(id: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", id) is not None


def custom_name(name: str) -> str:
    """leadloom_lead_id is Leadloom_Lead_Id__c in an org."""
    return "_".join(part.capitalize() for part in name.split("_")) + "__c"


def stamp_of(described: Mapping[str, Any]) -> str:
    """The time stamp to walk by: on some objects SystemModstamp is missing or cannot be filtered by."""
    usable = {row["name"] for row in described["fields"] if row.get("filterable", True)}
    return next((name for name in STAMPS if name in usable), STAMPS[-1])


def wire_name(schema: Schema, name: str) -> str | None:
    """The field's name in queries and bodies, or None where this org (or its integration user) does not have it."""
    for candidate in (OPT_OUTS.get(name, name), custom_name(name)):
        if candidate in schema.fields:
            return candidate
    return None


def schema_of(described: Mapping[str, Any]) -> Schema:
    fields = {row["name"]: _field_of(row) for row in described["fields"]}
    for virtual, real in OPT_OUTS.items():
        if real in fields:
            fields[virtual] = Field(virtual, fields[real].label, "bool", writable=fields[real].writable)
    if "AccountId" in fields:
        fields[COMPANY] = Field(COMPANY, "Account name", "text", length=255, writable=False)
    return Schema(described["name"], fields)


def record_of(object: str, row: Mapping[str, Any], names: Mapping[str, str], stamp: str) -> Record:
    """`names` maps the asked names to those of the query."""
    ending, moved_to = _ending(object, row)
    return Record(
        object=object,
        id=long_id(row["Id"]),
        fields={name: value_at(row, wire) for name, wire in names.items()},
        version=row.get(stamp),
        changed_at=moment(row.get(stamp)),
        created_at=moment(row.get("CreatedDate")),
        ending=ending,
        moved_to=moved_to,
    )


def value_at(row: Mapping[str, Any], path: str) -> Json:
    """A value, through relations: Account.Name is {"Account": {"Name": ...}}, or null as a whole."""
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    found: Json = value
    return found


def moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


def literal(value: str) -> str:
    """A time as SOQL takes it: with Z, for a plus sign would have to be escaped."""
    return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(values: Iterable[str]) -> str:
    from simple_salesforce.format import quote_soql_value

    return str(quote_soql_value(list(values)))


def cause_of(code: str) -> str:
    return CAUSES.get(code, code.lower() if re.fullmatch(r"[A-Za-z_]{1,80}", code) else "refused")


def holder_id(message: str) -> str | None:
    """The id of the record that has a unique value already stands in the text only."""
    found = HOLDER.search(message)
    return None if found is None else long_id(found.group(1))


def matched_ids(content: Any) -> list[tuple[str, str]]:
    """(object, id) of the records that a duplicate rule matched. The vendor misspells the key; newer versions may not."""
    found = []
    for error in content if isinstance(content, list) else []:
        told = error.get("duplicateResut") or error.get("duplicateResult") or {} if isinstance(error, dict) else {}
        for result in told.get("matchResults") or ():
            for match in result.get("matchRecords") or ():
                record = match.get("record") or {}
                kind = (record.get("attributes") or {}).get("type") or result.get("entityType")
                if "Id" in record:
                    found.append((str(kind), long_id(str(record["Id"]))))
    return found


def new_field(object: str, field: NewField) -> dict[str, Json]:
    shape: dict[str, Json] = {"label": field.label, **NEW_TYPES[field.type]}
    if field.unique:
        shape |= {"unique": True, "externalId": True, "caseSensitive": False}
    if field.type in ("option", "options"):
        values: list[Json] = [{"fullName": option, "label": option, "default": False} for option in field.options]
        shape["valueSet"] = {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}}
    return {"FullName": f"{object}.{custom_name(field.name)}", "Metadata": shape}


def _field_of(row: Mapping[str, Any]) -> Field:
    kind = TYPES.get(row["type"], "other")
    if row["name"] == "OwnerId":
        kind = "owner"
    if kind == "float" and row["type"] == "double" and row.get("scale") == 0:
        kind = "int"
    active = [choice for choice in row.get("picklistValues") or () if choice.get("active", True)]
    return Field(
        name=row["name"],
        label=row.get("label") or row["name"],
        type=kind,
        length=row.get("length") or None if kind in ("text", "long_text", "option") else None,
        options=tuple(Option(str(choice["value"]), str(choice.get("label") or choice["value"])) for choice in active),
        custom=bool(row.get("custom", False)),
        writable=bool(row.get("createable", False) or row.get("updateable", False)),
        required=bool(row.get("createable", False)) and not row.get("nillable", True) and not row.get("defaultedOnCreate", False),
        unique=bool(row.get("unique", False)),
        restricted=bool(row.get("restrictedPicklist", False)),
        decimals=row.get("scale") if kind == "float" else None,  # more are rounded on saving, without a word
    )


def _ending(object: str, row: Mapping[str, Any]) -> tuple[Ending | None, tuple[str, str] | None]:
    master, contact = row.get("MasterRecordId"), row.get("ConvertedContactId")
    if row.get("IsDeleted") is True and master is not None:
        return Ending.MERGED, (object, long_id(master))
    if row.get("IsDeleted") is True:
        return Ending.DELETED, None
    if row.get("IsConverted") is True:
        return Ending.CONVERTED, None if contact is None else ("Contact", long_id(contact))
    return None, None
