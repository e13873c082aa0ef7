"""Pipedrive's person and organisation fields: the system ones, ours, and what a custom field accepts.

Custom fields are addressed by a 40-hex key that differs per company.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STAGES = ("raw", "mql", "sql", "hot", "customer", "nurture", "disqualified", "lost")
BANT = ("no", "unknown", "partial", "yes")
YES_NO = ("yes", "no")

# Pipedrive has no boolean custom field: a yes/no choice stands for it.
OUR_FIELDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("leadloom_key", "varchar", ()),
    ("leadloom_lead_id", "varchar", ()),
    ("leadloom_stage", "enum", STAGES),
    ("leadloom_score", "double", ()),
    ("leadloom_grade", "varchar", ()),
    ("leadloom_reason", "varchar", ()),
    ("leadloom_source", "varchar", ()),
    ("leadloom_bant_budget", "enum", BANT),
    ("leadloom_bant_authority", "enum", BANT),
    ("leadloom_bant_need", "enum", BANT),
    ("leadloom_bant_timing", "enum", BANT),
    ("leadloom_language", "varchar", ()),
    ("leadloom_employees", "double", ()),
    ("leadloom_do_not_call", "enum", YES_NO),
    ("leadloom_email_opt_out", "enum", YES_NO),
    ("leadloom_website", "varchar", ()),
    ("leadloom_industry", "varchar", ()),
    ("leadloom_salutation", "varchar", ()),
    ("leadloom_job_title", "varchar", ()),
    ("leadloom_street", "varchar", ()),
    ("leadloom_postal_code", "varchar", ()),
    ("leadloom_city", "varchar", ()),
    ("leadloom_region", "varchar", ()),
    ("leadloom_country", "varchar", ()),
)

PERSON_FIELDS = (
    ("name", "Name", "varchar"),
    ("label", "Labels", "set"),
    ("first_name", "First name", "varchar"),
    ("last_name", "Last name", "varchar"),
    ("phone", "Phone", "phone"),
    ("email", "Email", "varchar"),
    ("id", "ID", "int"),
    ("org_id", "Organization", "org"),
    ("owner_id", "Owner", "user"),
    ("open_deals_count", "Open deals", "int"),
    ("visible_to", "Visible to", "visible_to"),
    ("next_activity_date", "Next activity date", "date"),
    ("add_time", "Person created", "date"),
    ("update_time", "Update time", "date"),
    ("picture_id", "Profile picture", "picture"),
)
ORGANIZATION_FIELDS = (
    ("name", "Name", "varchar"),
    ("id", "ID", "int"),
    ("owner_id", "Owner", "user"),
    ("address", "Address", "address"),
    ("website", "Website", "varchar"),
    ("employee_count", "Number of employees", "int"),
    ("industry", "Industry", "enum"),
    ("visible_to", "Visible to", "visible_to"),
    ("add_time", "Organization created", "date"),
    ("update_time", "Update time", "date"),
)
MARKETING_FIELDS = (("marketing_status", "Marketing status", "enum"), ("doi_status", "Double opt-in", "enum"))

TYPES = frozenset(
    "varchar text double phone date daterange time timerange set enum varchar_auto address monetary org people user".split()  # noqa: SIM905
)
LENGTHS = {"varchar": 255, "varchar_auto": 255, "phone": 255, "text": 65_000}
PARTS = {
    "monetary": ("value", "currency"),
    "daterange": ("value", "until"),
    "timerange": ("value", "until", "timezone_id", "timezone_name"),
    "time": ("value", "timezone_id", "timezone_name"),
    "address": (
        "value",
        "country",
        "admin_area_level_1",
        "admin_area_level_2",
        "locality",
        "sublocality",
        "route",
        "street_number",
        "subpremise",
        "postal_code",
    ),
}
SEARCHABLE = frozenset({"address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Invalid(Exception):
    """A value that the vendor's schema check refuses."""


class Nested(Exception):
    """One object too many inside custom_fields: the vendor answers 500 (client-php#234)."""


@dataclass(slots=True)
class Field:
    code: str
    name: str
    type: str
    number: int
    custom: bool = False
    optional: bool = False
    description: str | None = None
    options: list[dict[str, Any]] = field(default_factory=list)

    def v2(self) -> dict[str, Any]:
        return {
            "field_name": self.name,
            "field_code": self.code,
            "description": self.description,
            "field_type": self.type,
            "options": [dict(option) for option in self.options] if self.type in ("enum", "set") else None,
            "subfields": None,
            "is_custom_field": self.custom,
            "is_optional_response_field": self.optional,
        }

    def v1(self, time: str) -> dict[str, Any]:
        return {
            "id": self.number,
            "key": self.code,
            "name": self.name,
            "order_nr": self.number,
            "field_type": self.type,
            "add_time": time,
            "update_time": time,
            "last_updated_by_user_id": None,
            "created_by_user_id": None,
            "active_flag": True,
            "edit_flag": self.custom,
            "index_visible_flag": True,
            "details_visible_flag": True,
            "add_visible_flag": self.code == "name",
            "important_flag": False,
            "bulk_edit_allowed": True,
            "searchable_flag": False,
            "filtering_allowed": True,
            "sortable_flag": True,
            "options": [dict(option) for option in self.options] if self.type in ("enum", "set") else None,
            "mandatory_flag": self.code == "name",
        }


class Fields:
    """The fields of one object in one company."""

    def __init__(
        self, company: int, object: str, system: Iterable[tuple[str, str, str]], optional: Iterable[tuple[str, str, str]] = ()
    ) -> None:
        self.company, self.object = company, object
        self.by_code: dict[str, Field] = {}
        self._created = 0
        self._options = 0
        for code, name, type in system:
            self.by_code[code] = Field(code, name, type, len(self.by_code) + 1)
        for code, name, type in optional:
            self.by_code[code] = Field(code, name, type, len(self.by_code) + 1, optional=True)

    def create(self, name: str, type: str, options: Iterable[str] = (), description: str | None = None) -> Field:
        self._created += 1
        code = hashlib.sha1(f"{self.company}:{self.object}:{name}:{self._created}".encode(), usedforsecurity=False).hexdigest()
        made = Field(code, name, type, 9000 + self._created, custom=True, description=description)
        self.by_code[code] = made
        self.add_options(made, options)
        return made

    def add_options(self, target: Field, labels: Iterable[str]) -> list[dict[str, Any]]:
        added = []
        for label in labels:
            self._options += 1
            added.append({"id": self._options, "label": label})
        target.options.extend(added)
        return added

    def custom(self) -> list[Field]:
        return [f for f in self.by_code.values() if f.custom]

    def named(self, name: str) -> Field | None:
        """A custom field by key or by what people call it."""
        found = self.by_code.get(name)
        if found is not None and found.custom:
            return found
        return next((f for f in self.by_code.values() if f.custom and f.name == name), None)

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The custom values of a write, as they will be stored."""
        if "custom_fields" in values:
            raise Nested
        return {code: self._check_one(code, value) for code, value in values.items()}

    def _check_one(self, code: str, value: Any) -> Any:
        found = self.by_code.get(code)
        if found is None or not found.custom:
            raise Invalid(f"custom_fields: unknown field {code}")
        return None if value is None else checked(found, value)

    def dump(self) -> dict[str, Any]:
        rows = [[f.code, f.name, f.type, f.number, f.description, f.options] for f in self.custom()]
        return {"company": self.company, "created": self._created, "options": self._options, "fields": rows}

    def load(self, state: Mapping[str, Any]) -> None:
        self.by_code = {code: f for code, f in self.by_code.items() if not f.custom}
        self.company, self._created, self._options = state["company"], state["created"], state["options"]
        for code, name, type, number, description, options in state["fields"]:
            self.by_code[code] = Field(code, name, type, number, True, False, description, options)


def checked(target: Field, value: Any) -> Any:
    where = f"custom_fields.{target.code}"
    if target.type in LENGTHS:
        return _text(where, value, LENGTHS[target.type])
    if target.type in PARTS:
        return _parts(where, target.type, value)
    if isinstance(value, dict):
        raise Nested
    if target.type == "double":
        return _number(where, value)
    if target.type == "enum":
        return _option(where, target, value)
    if target.type == "set":
        return _options(where, target, value)
    if target.type == "date":
        return _date(where, value)
    return whole(where, value)


def whole(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{where}: expected integer, received {kind(value)}")
    return value


def kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return {str: "string", int: "number", float: "number", list: "array", dict: "object"}.get(type(value), "unknown")


def _text(where: str, value: Any, length: int) -> str:
    if isinstance(value, dict):
        raise Nested
    if not isinstance(value, str):
        raise Invalid(f"{where}: expected string, received {kind(value)}")
    if len(value) > length:
        raise Invalid(f"{where}: must be at most {length} characters long")
    return value


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"{where}: expected number, received {kind(value)}")
    return value


def _option(where: str, target: Field, value: Any) -> int:
    number = whole(where, value)
    if all(option["id"] != number for option in target.options):
        raise Invalid(f"{where}: no such option")
    return number


def _options(where: str, target: Field, value: Any) -> list[int]:
    if not isinstance(value, list) or not value:
        raise Invalid(f"{where}: expected a non-empty array of option ids")
    return [_option(where, target, number) for number in value]


def _date(where: str, value: Any) -> str:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise Invalid(f"{where}: not a valid date")
    return value


def _parts(where: str, type: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{where}: expected object, received {kind(value)}")
    unknown = [part for part in value if part not in PARTS[type]]
    if unknown:
        raise Invalid(f"{where}: unknown part {unknown[0]}")
    # An address replaces as a whole: parts that are left out become null.
    return {part: value.get(part) for part in PARTS[type]}
