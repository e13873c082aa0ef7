"""How a write to Pipedrive is checked and carried out, whether the API or a person makes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.messages import Request
from sandbox.pipedrive_answers import forbidden, invalid, unknown_error
from sandbox.pipedrive_fields import PARTS, Fields, Invalid, Nested, kind, whole
from sandbox.pipedrive_rows import CONTACT_SYNC, ORGANIZATION_EXTRA, Organization, Person, Point

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

MARKETING = ("no_consent", "unsubscribed", "subscribed", "archived")
VISIBLE_TO = (1, 3, 5, 7)
NAME_LENGTH = 255
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a record's changelog."""

    at: float
    field: str
    old: Any
    new: Any
    user: int
    source: str  # app | api


def body_of(request: Request) -> dict[str, Any]:
    """v2 takes JSON objects only: a form is refused."""
    try:
        body = request.json()
    except ValueError as error:
        raise invalid("body: expected a JSON object") from error
    if "json" not in request.headers.get("content-type", "") or not isinstance(body, dict):
        raise invalid("body: expected a JSON object")
    return body


def person_values(app: Pipedrive, body: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    """What a body says, by attribute of Person; anything the schema does not know is refused."""
    if not app.settings["contact_sync"] and any(name in body for name in CONTACT_SYNC):
        raise forbidden()
    values = _checked(app, body, PERSON_CHECKS, app.person_fields, CONTACT_SYNC, creating)
    if creating and not (values.get("name") or values.get("first_name") or values.get("last_name")):
        raise invalid("name: required")
    if values.get("org_id") is not None and app.organizations.get(values["org_id"]) is None:
        raise invalid("org_id: organization does not exist")
    return values


def organization_values(app: Pipedrive, body: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    values = _checked(app, body, ORGANIZATION_CHECKS, app.organization_fields, ORGANIZATION_EXTRA, creating)
    if creating and not values.get("name"):
        raise invalid("name: required")
    return values


def create_person(app: Pipedrive, values: Mapping[str, Any], *, user: int, source: str) -> Person:
    now = app.clock.now()
    row = Person(
        app.persons.next_id(), "", None, None, user, None, values.get("added", now), now, visible_to=app.settings["default_visible_to"]
    )
    _set_names(row, values)
    marketing = values.get("marketing_status")
    for name in ("owner_id", "org_id", "emails", "phones", "visible_to", "label_ids"):
        if name in values:
            setattr(row, name, values[name])
    row.custom = {code: value for code, value in values.get("custom", {}).items() if value is not None}
    row.extra = dict(values["extra"]) if "extra" in values else None
    if marketing is not None and app.settings["marketing"] and any("@" in value for value, _, _ in row.emails):
        row.marketing = marketing
    app.persons.add(row)
    _react(app, "persons", row, values, user, source)
    return row


def change_person(app: Pipedrive, row: Person, values: Mapping[str, Any], *, user: int, source: str, react: bool = True) -> list[Change]:
    """Write `values`; the changes that came of it, which may be fewer than asked for."""
    now = app.clock.now()
    before = _state(row)
    with app.persons.changing(row):
        _set_names(row, values)
        for name in ("owner_id", "org_id", "emails", "phones", "visible_to", "label_ids"):
            if name in values:
                setattr(row, name, values[name])
        _set_custom(row, values)
        if "marketing_status" in values and app.settings["marketing"]:
            _set_marketing(row, values["marketing_status"])
        after = _state(row)
        changes = [
            Change(now, name, before.get(name), after.get(name), user, source)
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]
        if changes or app.settings["touch_without_change"]:
            row.updated = now
    if changes:
        app.history.setdefault(row.id, []).extend(changes)
    if changes and react:
        _react(app, "persons", row, values, user, source)
    return changes


def create_organization(app: Pipedrive, values: Mapping[str, Any], *, user: int) -> Organization:
    now = app.clock.now()
    row = Organization(app.organizations.next_id(), values["name"], user, values.get("added", now), now)
    for name in ("owner_id", "visible_to", "label_ids"):
        if name in values:
            setattr(row, name, values[name])
    row.custom = {code: value for code, value in values.get("custom", {}).items() if value is not None}
    row.extra = dict(values["extra"]) if "extra" in values else None
    app.organizations.add(row)
    return row


def change_organization(app: Pipedrive, row: Organization, values: Mapping[str, Any]) -> None:
    with app.organizations.changing(row):
        for name in ("name", "owner_id", "visible_to", "label_ids"):
            if name in values:
                setattr(row, name, values[name])
        _set_custom(row, values)
        row.updated = app.clock.now()


def delete_person(app: Pipedrive, row: Person) -> None:
    """Soft: the record leaves every list at once and is purged after 30 days."""
    now = app.clock.now()
    with app.persons.changing(row):
        row.deleted_at = row.updated = now
    app.deleted.append((now, row.id))


def merge_persons(app: Pipedrive, loser: Person, survivor: Person) -> None:
    """The survivor's values win; the loser's fill what is empty there."""
    now = app.clock.now()
    with app.persons.changing(survivor):
        for name in ("org_id", "emails", "phones", "last_name", "first_name"):
            if not getattr(survivor, name):
                setattr(survivor, name, getattr(loser, name))
        for code, value in loser.custom.items():
            survivor.custom.setdefault(code, value)
        survivor.updated = now
    for deal in app.deals.values():
        if deal["person_id"] == loser.id:
            deal["person_id"] = survivor.id
    for lead in app.leads.values():
        if lead["person_id"] == loser.id:
            lead["person_id"] = survivor.id
    delete_person(app, loser)


def _react(app: Pipedrive, object: str, row: Person, values: Mapping[str, Any], user: int, source: str) -> None:
    if not app.workflows:
        return
    written = {**values, **values.get("custom", {})}
    written.update((app.person_fields.by_code[code].name, value) for code, value in values.get("custom", {}).items())
    wanted = app.reactions(object, written)
    if wanted:
        change_person(app, row, person_values(app, app.by_key(wanted), creating=False), user=user, source=source, react=False)


def _set_names(row: Person, values: Mapping[str, Any]) -> None:
    if "first_name" in values or "last_name" in values:
        row.first_name = values.get("first_name", row.first_name) or None
        row.last_name = values.get("last_name", row.last_name) or None
        row.name = " ".join(part for part in (row.first_name, row.last_name) if part) or row.name
    elif "name" in values:
        row.name = values["name"]
        row.first_name, row.last_name = split_name(row.name)


def split_name(name: str) -> tuple[str | None, str | None]:
    first, _, last = name.strip().partition(" ")
    return first or None, last.strip() or None


def _set_custom(row: Person | Organization, values: Mapping[str, Any]) -> None:
    if "custom" in values:
        merged = {**row.custom, **values["custom"]}
        row.custom = {code: value for code, value in merged.items() if value is not None}
    if "extra" in values:
        row.extra = {**(row.extra or {}), **values["extra"]}


def _set_marketing(row: Person, wanted: str) -> None:
    """Only one change away from each status is allowed, and none back from unsubscribed; others are ignored with 200."""
    if wanted == row.marketing or not any("@" in value for value, _, _ in row.emails):
        return
    if row.marketing == "unsubscribed" or row.marketing in row.marketing_left:
        return
    row.marketing_left = (*row.marketing_left, row.marketing)
    row.marketing = wanted


def _state(row: Person) -> dict[str, Any]:
    """What the changelog compares, under its keys."""
    return {
        "name": row.name,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "owner_id": row.owner_id,
        "org_id": row.org_id,
        "email": row.emails,
        "phone": row.phones,
        "visible_to": row.visible_to,
        "label_ids": row.label_ids,
        "marketing_status": row.marketing,
        **row.custom,
        **(row.extra or {}),
    }


# -- the schema ---------------------------------------------------------------------------------------------------------------------

Check = Callable[["Pipedrive", str, Any], Any]


def _checked(
    app: Pipedrive,
    body: Mapping[str, Any],
    checks: Mapping[str, tuple[str, Check]],
    fields: Fields,
    extras: tuple[str, ...],
    creating: bool,
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    try:
        for name, value in body.items():
            if name == "custom_fields":
                values["custom"] = fields.check(_object(name, value))
            elif name in extras:
                values.setdefault("extra", {})[name] = _extra(name, value)
            elif name in checks and (creating or name != "add_time"):
                attribute, check = checks[name]
                values[attribute] = check(app, name, value)
            else:
                raise Invalid(f"{name}: not allowed")
    except Invalid as problem:
        raise invalid(str(problem)) from problem
    except Nested as nested:
        raise unknown_error() from nested
    return values


def _name(_app: Pipedrive, where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"{where}: expected a non-empty string, received {kind(value)}")
    if len(value) > NAME_LENGTH:
        raise Invalid(f"{where}: must be at most {NAME_LENGTH} characters long")
    return value.strip()


def _part_of_name(app: Pipedrive, where: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    return _name(app, where, value)


def _owner(app: Pipedrive, where: str, value: Any) -> int:
    owner = app.users.get(whole(where, value))
    if owner is None or (not owner["active_flag"] and not app.settings["inactive_owners"]):
        raise Invalid(f"{where}: user does not exist or is not active")
    return int(owner["id"])


def _organization(_app: Pipedrive, where: str, value: Any) -> int | None:
    if value is None:
        return None
    if whole(where, value) < 1:
        raise Invalid(f"{where}: must be a positive integer")
    return whole(where, value)


def _points(_app: Pipedrive, where: str, value: Any) -> tuple[Point, ...]:
    if not isinstance(value, list):
        raise Invalid(f"{where}: expected array, received {kind(value)}")
    held = [_point(f"{where}.{at}", item) for at, item in enumerate(value)]
    if sum(first for _, first, _ in held) > 1:
        raise Invalid(f"{where}: only one item can be primary")
    held = [point for point in held if point[0]]
    if held and not any(first for _, first, _ in held):
        held[0] = (held[0][0], True, held[0][2])
    return tuple(held)


def _point(where: str, item: Any) -> Point:
    if not isinstance(item, dict) or not set(item) <= {"value", "primary", "label"}:
        raise Invalid(f"{where}: expected an object of value, primary and label")
    value, first, label = item.get("value"), item.get("primary", False), item.get("label", "work")
    if not isinstance(value, str) or not isinstance(first, bool) or not isinstance(label, str):
        raise Invalid(f"{where}: value and label must be strings, primary a boolean")
    return value.strip(), first, label or "work"


def _visible_to(_app: Pipedrive, where: str, value: Any) -> int:
    if whole(where, value) not in VISIBLE_TO:
        raise Invalid(f"{where}: must be one of 1, 3, 5, 7")
    return int(value)


def _labels(_app: Pipedrive, where: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise Invalid(f"{where}: expected array, received {kind(value)}")
    return tuple(whole(where, item) for item in value)


def _marketing(app: Pipedrive, where: str, value: Any) -> str:
    if not app.settings["marketing"]:
        raise forbidden()
    if value not in MARKETING:
        raise Invalid(f"{where}: must be one of {', '.join(MARKETING)}")
    return str(value)


def _time(_app: Pipedrive, where: str, value: Any) -> float:
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        raise Invalid(f"{where}: not a valid datetime")
    text = value.replace(" ", "T")
    zoned = text if text.endswith("Z") or "+" in text or "-" in text[11:] else text + "Z"
    return float(int(datetime.fromisoformat(zoned).timestamp()))


def _object(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{where}: expected object, received {kind(value)}")
    return value


EXTRA_TYPES: dict[str, type | tuple[type, ...]] = {
    "notes": str, "im": list, "birthday": str, "job_title": str, "postal_address": dict, "address": dict, "website": str, "linkedin": str,
    "industry": int, "annual_revenue": (int, float), "employee_count": int,
}  # fmt: skip


def _extra(where: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, EXTRA_TYPES[where]):
        raise Invalid(f"{where}: unexpected {kind(value)}")
    if isinstance(value, dict):
        return {part: value.get(part) for part in PARTS["address"]}
    return value


PERSON_CHECKS: dict[str, tuple[str, Check]] = {
    "name": ("name", _name),
    "first_name": ("first_name", _part_of_name),
    "last_name": ("last_name", _part_of_name),
    "owner_id": ("owner_id", _owner),
    "org_id": ("org_id", _organization),
    "add_time": ("added", _time),
    "emails": ("emails", _points),
    "phones": ("phones", _points),
    "visible_to": ("visible_to", _visible_to),
    "label_ids": ("label_ids", _labels),
    "marketing_status": ("marketing_status", _marketing),
}
ORGANIZATION_CHECKS: dict[str, tuple[str, Check]] = {
    name: PERSON_CHECKS[name] for name in ("name", "owner_id", "add_time", "visible_to", "label_ids")
}
