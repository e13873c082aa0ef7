"""HubSpot's property definitions: what each object has, what a value must look like, and the endpoints that show and change them."""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.custom_fields import CUSTOM_FIELDS, CustomField
from sandbox.hubspot_answers import invalid, not_found, refuse
from sandbox.wire import Reply, Request, iso_ms, route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot

LIFECYCLE = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other")
LEAD_STATUS = ("NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING")
LEGAL_BASIS = (
    "Legitimate interest – prospect/lead", "Legitimate interest – existing customer", "Legitimate interest - other",
    "Performance of a contract", "Freely given consent from contact", "Not applicable",
)  # fmt: skip
MAX_UNIQUE = 10
MAX_TEXT = 65536
EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


@dataclass(slots=True)
class Property:
    name: str
    label: str
    type: str = "string"  # string, number, enumeration, bool, date, datetime
    field_type: str = "text"
    options: list[dict[str, Any]] = field(default_factory=list)
    read_only: bool = False
    hidden: bool = False
    calculated: bool = False
    unique: bool = False
    native: bool = True
    group: str = "contactinformation"
    created_ms: int = 0
    archived: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "updatedAt": iso_ms(self.created_ms), "createdAt": iso_ms(self.created_ms), "name": self.name, "label": self.label,
            "type": self.type, "fieldType": self.field_type, "description": "", "groupName": self.group, "options": self.options,
            "displayOrder": -1, "calculated": self.calculated, "externalOptions": self.name == "hubspot_owner_id",
            "archived": self.archived, "hasUniqueValue": self.unique, "hidden": self.hidden, "hubspotDefined": self.native,
            "modificationMetadata": {
                "archivable": not self.native, "readOnlyDefinition": self.native, "readOnlyOptions": self.name != "hs_lead_status",
                "readOnlyValue": self.read_only,
            },
            "formField": not self.read_only, "dataSensitivity": "non_sensitive",
        }  # fmt: skip

    def allows(self, value: str) -> bool:
        return any(option["value"] == value for option in self.options)


def options_of(values: Iterable[str]) -> list[dict[str, Any]]:
    labels = ((value.replace("_", " ").capitalize(), value) for value in values)
    return [{"label": label, "value": value, "displayOrder": at, "hidden": False} for at, (label, value) in enumerate(labels)]


def _native(text: str, **flags: Any) -> list[Property]:
    return [Property(name, label, **flags) for name, _, label in (line.strip().partition(" ") for line in text.strip().splitlines())]


def contact_properties(subscription_ids: Iterable[int], *, bare: bool) -> dict[str, Property]:
    """Every contact property of a fresh portal; `bare` leaves out those of the hub."""
    made = [
        *_native(CONTACT_TEXTS),
        *_native("email Email\nhs_additional_emails Additional email addresses"),
        *_native("address Street Address", field_type="textarea"),
        *_native("date_of_birth Date of birth", type="date", field_type="date"),
        *_native("closedate Close Date", type="datetime", field_type="date"),
        *_native("createdate Create Date\nlastmodifieddate Last Modified Date", type="datetime", field_type="date", read_only=True),
        *_native("hs_lastmodifieddate Object last modified", type="datetime", field_type="date", read_only=True, hidden=True),
        *_native("hs_object_id Record ID", type="number", field_type="number", read_only=True),
        *_native("associatedcompanyid Primary Associated Company ID", type="number", field_type="number"),
        *_native("hubspot_owner_id Contact owner", type="enumeration", field_type="select"),
        *_native("hs_merged_object_ids Merged object IDs", type="enumeration", field_type="checkbox", read_only=True),
        *_native("hs_calculated_merged_vids Merged vids with timestamps", read_only=True, calculated=True),
        *_native("hs_all_contact_vids All vids for a contact", type="enumeration", field_type="checkbox", read_only=True, calculated=True),
        *_native("hs_email_optout Unsubscribed from all email", type="bool", field_type="booleancheckbox", read_only=True),
        *_native("hs_email_quarantined Email address quarantined", type="bool", field_type="booleancheckbox", read_only=True),
        *_native("hs_email_hard_bounce_reason_enum Email hard bounce reason", type="enumeration", field_type="select", read_only=True),
        *_native("hs_email_bounce Marketing emails bounced", type="number", field_type="number", read_only=True),
        *_native("hs_emailconfirmationstatus Email confirmation status", type="enumeration", field_type="select", read_only=True),
        *_native("hs_marketable_status Marketing contact status", type="enumeration", field_type="select", read_only=True),
        Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", options_of(LIFECYCLE)),
        Property("hs_lead_status", "Lead Status", "enumeration", "radio", options_of(LEAD_STATUS)),
        Property("hs_legal_basis", "Legal basis for processing contact's data", "enumeration", "checkbox", options_of(LEGAL_BASIS)),
        *(
            Property(f"hs_email_optout_{id}", f"Opted out of email: {id}", "bool", "booleancheckbox", read_only=True)
            for id in subscription_ids
        ),
    ]
    if not bare:
        made.extend(_of_hub(custom) for custom in CUSTOM_FIELDS if "hubspot" in custom.where)
    found = {property.name: property for property in made}
    found["hs_additional_emails"].read_only = True
    return found


CONTACT_TEXTS = """
firstname First Name
lastname Last Name
salutation Salutation
phone Phone Number
mobilephone Mobile Phone Number
fax Fax Number
jobtitle Job Title
company Company Name
website Website URL
industry Industry
city City
state State/Region
zip Postal Code
country Country/Region
message Message
"""


def company_properties() -> dict[str, Property]:
    made = [
        *_native("name Company name\ndomain Company Domain Name\nphone Phone Number\nwebsite Website URL\ncity City\ncountry Country"),
        *_native("createdate Create Date\nhs_lastmodifieddate Last Modified Date", type="datetime", field_type="date", read_only=True),
        *_native("hs_object_id Record ID", type="number", field_type="number", read_only=True),
    ]
    return {property.name: property for property in made}


def lead_properties() -> dict[str, Property]:
    made = [
        *_native("hs_lead_name Lead name\nhs_lead_type Lead type\nhs_lead_label Lead label\nhs_pipeline Pipeline\nhs_pipeline_stage Stage"),
        *_native("hs_createdate Create Date\nhs_lastmodifieddate Last Modified Date", type="datetime", field_type="date", read_only=True),
        *_native("hs_object_id Record ID", type="number", field_type="number", read_only=True),
    ]
    return {property.name: property for property in made}


def _of_hub(custom: CustomField) -> Property:
    type, field_type = {
        "text": ("string", "text"),
        "long_text": ("string", "textarea"),
        "int": ("number", "number"),
        "bool": ("bool", "booleancheckbox"),
        "option": ("enumeration", "select"),
    }[custom.type]
    options = options_of(("true", "false") if custom.type == "bool" else custom.options)
    return Property(custom.name, custom.label, type, field_type, options, unique=custom.unique, native=False)


# -- values ------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BadValue(Exception):
    code: str
    message: str


def checked(property: Property, value: str, old: str | None) -> str:
    """The value as HubSpot stores it; raises BadValue. The empty text clears and is always allowed."""
    if value == "":
        return value
    if property.name == "email":
        return _email(value)
    check = CHECKS.get(property.type)
    return value[:MAX_TEXT] if check is None else check(property, value, old)


def _email(value: str) -> str:
    value = value.strip()
    if not EMAIL.fullmatch(value) or ".." in value:
        raise BadValue("INVALID_EMAIL", f"Email address {value} is invalid")
    return value.lower()


def _option(property: Property, value: str, old: str | None) -> str:
    if not property.options:
        return value
    if property.field_type != "checkbox":
        chosen = [value]
    else:
        chosen = [part for part in value.split(";") if part]
        if value.startswith(";"):  # appends; anything else replaces
            kept = (old or "").split(";")
            value = ";".join(part for part in [*kept, *(new for new in chosen if new not in kept)] if part)
    for part in chosen:
        if not property.allows(part):
            known = ", ".join(option["value"] for option in property.options)
            raise BadValue("INVALID_OPTION", f"{part} was not one of the allowed options: [{known}]")
    return value


def _number(_property: Property, value: str, _old: str | None) -> str:
    if not NUMBER.fullmatch(value):
        raise BadValue("INVALID_INTEGER", f"{value} was not a valid number.")
    return value


def _bool(_property: Property, value: str, _old: str | None) -> str:
    if value.lower() not in ("true", "false"):
        raise BadValue("INVALID_OPTION", f"{value} was not one of the allowed options: [true, false]")
    return value.lower()


def _date(_property: Property, value: str, _old: str | None) -> str:
    """`YYYY-MM-DD`, or milliseconds that must fall on midnight UTC."""
    if re.fullmatch(r"-?\d+", value):
        if int(value) % 86_400_000:
            raise BadValue("INVALID_DATE", f"{value} is not at midnight UTC.")
        return time.strftime("%Y-%m-%d", time.gmtime(int(value) / 1000))
    try:
        return datetime.strptime(value[:10], "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise BadValue("INVALID_DATE", f"{value} was not a valid date.") from None


def _datetime(_property: Property, value: str, _old: str | None) -> str:
    try:
        return iso_ms(to_ms(value))
    except ValueError:
        raise BadValue("INVALID_DATE", f"{value} was not a valid datetime.") from None


CHECKS = {"enumeration": _option, "number": _number, "bool": _bool, "date": _date, "datetime": _datetime}


def to_ms(value: str) -> int:
    """Epoch milliseconds of a datetime or date in either form; raises ValueError."""
    if re.fullmatch(r"-?\d+", value):
        return int(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return timegm(time.strptime(value, "%Y-%m-%d")) * 1000
    at = datetime.fromisoformat(value)
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)


# -- endpoints ---------------------------------------------------------------------------------------------------------------------------


@route("GET", "/crm/v3/properties/{type}")
def list_properties(app: HubSpot, request: Request, type: str) -> Reply:
    archived = (request.param("archived") or "false").lower() == "true"
    found = [property.as_json() for property in app.objects(type).properties.values() if property.archived == archived]
    return Reply(200, {"results": found}, rows=len(found))


@route("GET", "/crm/v3/properties/{type}/{name}")
def read_property(app: HubSpot, _request: Request, type: str, name: str) -> Reply:
    return Reply(200, _defined(app, type, name).as_json())


@route("POST", "/crm/v3/properties/{type}")
def create_property(app: HubSpot, request: Request, type: str) -> Reply:
    return Reply(201, _create(app, type, app.body(request)).as_json())


@route("POST", "/crm/v3/properties/{type}/batch/create")
def create_properties(app: HubSpot, request: Request, type: str) -> Reply:
    made = [_create(app, type, given).as_json() for given in app.body(request).get("inputs", [])]
    now = iso_ms(app.now_ms())
    return Reply(201, {"status": "COMPLETE", "results": made, "startedAt": now, "completedAt": now})


@route("PATCH", "/crm/v3/properties/{type}/{name}")
def change_property(app: HubSpot, request: Request, type: str, name: str) -> Reply:
    property, given = _defined(app, type, name), app.body(request)
    property.label = given.get("label", property.label)
    if "options" in given:
        property.options = [{"displayOrder": at, "hidden": False, **option} for at, option in enumerate(given["options"])]
    return Reply(200, property.as_json())


@route("DELETE", "/crm/v3/properties/{type}/{name}")
def archive_property(app: HubSpot, _request: Request, type: str, name: str) -> Reply:
    property = _defined(app, type, name)
    if property.native:
        raise invalid(f"Property {name} is defined by HubSpot and cannot be archived")
    del app.objects(type).properties[name]
    return Reply(204)


@route("GET", "/crm/v3/properties/{type}/groups")
def list_groups(app: HubSpot, _request: Request, type: str) -> Reply:
    names = {property.group for property in app.objects(type).properties.values()} | app.groups
    return Reply(200, {"results": [{"name": name, "label": name, "displayOrder": -1, "archived": False} for name in sorted(names)]})


@route("POST", "/crm/v3/properties/{type}/groups")
def create_group(app: HubSpot, request: Request, type: str) -> Reply:
    app.objects(type)
    given = app.body(request)
    name = str(given["name"])
    if name in app.groups:
        raise refuse(409, "OBJECT_ALREADY_EXISTS", f"A property group named '{name}' already exists.")
    app.groups.add(name)
    return Reply(201, {"name": name, "label": given.get("label", name), "displayOrder": -1, "archived": False})


def _defined(app: HubSpot, type: str, name: str) -> Property:
    property = app.objects(type).properties.get(name)
    if property is None:
        raise not_found(f"Property '{name}' does not exist")
    return property


def _create(app: HubSpot, type: str, given: dict[str, Any]) -> Property:
    objects = app.objects(type)
    name = str(given.get("name", ""))
    missing = [key for key in ("name", "label", "type", "fieldType", "groupName") if not given.get(key)]
    if missing:
        raise invalid(f"Invalid input JSON: required fields were not set: {missing}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise invalid(f"Property name '{name}' is invalid: lower-case letters, digits and underscores only")
    if name in objects.properties:
        raise refuse(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.", subCategory="Properties.PROPERTY_EXISTS")
    unique = bool(given.get("hasUniqueValue"))
    if unique and sum(property.unique and not property.native for property in objects.properties.values()) >= MAX_UNIQUE:
        raise invalid(f"{type} already has {MAX_UNIQUE} properties with unique values")
    options = [{"displayOrder": at, "hidden": False, **option} for at, option in enumerate(given.get("options") or [])]
    made = Property(name, given["label"], given["type"], given["fieldType"], options, unique=unique, native=False, group=given["groupName"])
    made.created_ms = app.now_ms()
    objects.properties[name] = made
    return made
