"""Example accounts: the schema each CRM describes once `setup` has run, and its users."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.base import Field, Option, Owner, Schema
from mappings.apply import Dialect, api_name, bind
from mappings.schema import Mapping, custom_fields, packaged

OBJECTS = (
    ("hubspot", "contacts"),
    ("salesforce", "Lead"),
    ("salesforce", "Contact"),
    ("pipedrive", "persons"),
    ("activecampaign", "contacts"),
)
OWNERS = (
    Owner("101", "Anna@Firma.example", "Anna Berg"),
    Owner("102", "ben@firma.example", "Ben Ito"),
    Owner("103", "ivo@firma.example", "Ivo", active=False),
    Owner("104", "hub@firma.example", "Hub"),
    Owner("105", None, "Inbound", kind="queue"),
)
LIFECYCLE = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "12345")


def _texts(*names: str, length: int | None = 255) -> list[Field]:
    return [Field(name, name, "text", length=length) for name in names]


def _options(name: str, *values: str, restricted: bool = True) -> Field:
    return Field(name, name, "option", options=tuple(Option(value, value.title()) for value in values), restricted=restricted)


def _hubspot() -> list[Field]:
    names = "firstname lastname salutation email phone mobilephone fax jobtitle company website industry address city state zip country"
    return [
        *_texts(*names.split(), length=65536),
        Field("hs_additional_emails", "Additional emails", "text", writable=False),
        Field("hubspot_owner_id", "Owner", "owner"),
        _options("lifecyclestage", *LIFECYCLE),
        Field("opt_out:email", "Opted out", "bool"),
    ]


def _salesforce(prefix: str) -> list[Field]:
    return [
        *_texts("FirstName", f"{prefix}City", length=40),
        *_texts("LastName", f"{prefix}State", f"{prefix}Country", "Email", length=80),
        *_texts("Phone", "MobilePhone", "Fax", length=40),
        *_texts("Title", "Company", "Website", f"{prefix}Street", f"{prefix}PostalCode"),
        _options("Salutation", "Mr.", "Ms.", restricted=False),
        _options("Industry", "Agriculture", "Banking", restricted=False),
        Field("Account.Name", "Account", "text", writable=False),
        Field("NumberOfEmployees", "Employees", "int"),
        Field("OwnerId", "Owner", "owner"),
        Field("opt_out:email", "Opted out", "bool"),
        Field("opt_out:phone", "Do not call", "bool"),
    ]


def _pipedrive() -> list[Field]:
    return [
        *_texts("first_name", "last_name", "org_name"),
        Field("emails", "Email", "list"),
        Field("phones", "Phone", "list"),
        Field("owner_id", "Owner", "owner"),
    ]


def _activecampaign() -> list[Field]:
    return [*_texts("firstName", "lastName", "email", "phone", length=None), Field("opt_out:email", "Opted out", "bool")]


NATIVE = {
    ("hubspot", "contacts"): _hubspot(),
    ("salesforce", "Lead"): _salesforce(""),
    ("salesforce", "Contact"): _salesforce("Mailing"),
    ("pipedrive", "persons"): _pipedrive(),
    ("activecampaign", "contacts"): _activecampaign(),
}
SPELLED: dict[str, Callable[[str], str]] = {"hubspot": str, "salesforce": api_name, "activecampaign": str.upper}


def _created(mapping: Mapping) -> list[Field]:
    """Our custom fields as this CRM describes them: types it lacks became others, options of Pipedrive have numbers."""
    fields = []
    for number, new in enumerate(custom_fields(mapping)):
        crm, kind, labels = mapping.crm, new.type, new.options
        if kind == "bool" and crm in ("pipedrive", "activecampaign"):
            kind, labels = "option", ("yes", "no")
        if kind == "int" and crm != "salesforce":
            kind = "text" if crm == "activecampaign" else "float"
        values = [str(100 * number + at) if crm == "pipedrive" else label for at, label in enumerate(labels)]
        options = tuple(Option(value, label) for value, label in zip(values, labels, strict=True))
        name = f"{number:040x}" if crm == "pipedrive" else SPELLED[crm](new.name)
        fields.append(Field(name, new.label, kind, 255 if kind == "text" else None, options, custom=True, restricted=labels != ()))
    return fields


def schema_of(crm: str, object: str) -> Schema:
    fields = [*NATIVE[crm, object], *_created(packaged(crm, object))]
    return Schema(object, {field.name: field for field in fields})


def dialect_of(crm: str, object: str) -> Dialect:
    return bind(packaged(crm, object), schema_of(crm, object), OWNERS, region="DE", api_user_email="hub@firma.example")


DIALECTS = {(crm, object): dialect_of(crm, object) for crm, object in OBJECTS}


@pytest.fixture(params=OBJECTS, ids="-".join)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


@pytest.fixture
def dialects() -> dict[tuple[str, str], Dialect]:
    return DIALECTS


@pytest.fixture(params=OBJECTS, ids="-".join)
def crm_object(request: pytest.FixtureRequest) -> tuple[str, str]:
    crm, object = request.param
    return crm, object


@pytest.fixture
def schemas() -> Callable[[str, str], Schema]:
    return schema_of
