"""Pipedrive's field endpoints: v2 by cursor, v1 by offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.messages import Reply, Request
from sandbox.pipedrive_answers import invalid, missing, ok, v1, v2
from sandbox.pipedrive_fields import TYPES, Field, Fields
from sandbox.pipedrive_lists import limit_of
from sandbox.pipedrive_rows import plain_time
from sandbox.pipedrive_writes import body_of

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

NAME_LENGTH = 255


@v2("GET", "/personFields", cost=10)
def list_person_fields(app: Pipedrive, request: Request) -> Reply:
    return _page(app.person_fields, request)


@v2("GET", "/organizationFields", cost=10)
def list_organization_fields(app: Pipedrive, request: Request) -> Reply:
    return _page(app.organization_fields, request)


@v2("GET", "/personFields/{code}", cost=1)
def get_person_field(app: Pipedrive, _request: Request, code: str) -> Reply:
    return ok(_field(app, code).v2())


@v2("POST", "/personFields", cost=5)
def post_person_field(app: Pipedrive, request: Request) -> Reply:
    return ok(_create(app.person_fields, body_of(request)).v2())


@v2("POST", "/organizationFields", cost=5)
def post_organization_field(app: Pipedrive, request: Request) -> Reply:
    return ok(_create(app.organization_fields, body_of(request)).v2())


@v2("PATCH", "/personFields/{code}", cost=5)
def patch_person_field(app: Pipedrive, request: Request, code: str) -> Reply:
    found, body = _custom(app, code), body_of(request)
    if "field_name" in body:
        found.name = _name(body["field_name"])
    return ok(found.v2())


@v2("DELETE", "/personFields/{code}", cost=3)
def delete_person_field(app: Pipedrive, _request: Request, code: str) -> Reply:
    found = _custom(app, code)
    del app.person_fields.by_code[code]
    for row in list(app.persons.rows.values()):
        if code in row.custom:
            with app.persons.changing(row):
                row.custom = {key: value for key, value in row.custom.items() if key != code}
    return ok(found.v2())


@v2("POST", "/personFields/{code}/options", cost=5)
def post_options(app: Pipedrive, request: Request, code: str) -> Reply:
    found = _custom(app, code)
    return ok(app.person_fields.add_options(found, _labels(_items(request))))


@v2("PATCH", "/personFields/{code}/options", cost=5)
def patch_options(app: Pipedrive, request: Request, code: str) -> Reply:
    found = _custom(app, code)
    wanted = {item.get("id"): item.get("label") for item in _items(request)}
    if not wanted.keys() <= {option["id"] for option in found.options}:
        raise missing("option")
    for option in found.options:
        option["label"] = wanted.get(option["id"], option["label"])
    return ok([dict(option) for option in found.options if option["id"] in wanted])


@v2("DELETE", "/personFields/{code}/options", cost=3)
def delete_options(app: Pipedrive, request: Request, code: str) -> Reply:
    found = _custom(app, code)
    gone = {item.get("id") for item in _items(request)}
    removed = [option for option in found.options if option["id"] in gone]
    found.options = [option for option in found.options if option["id"] not in gone]
    return ok(removed)


@v1("GET", "/personFields", cost=20)
def list_person_fields_v1(app: Pipedrive, request: Request) -> Reply:
    """The default page of 100 hides fields (n8n-io/n8n#2761)."""
    start, limit = int(request.param("start", "0") or 0), int(request.param("limit", "100") or 100)
    fields = list(app.person_fields.by_code.values())
    more = len(fields) > start + limit
    pagination: dict[str, Any] = {"start": start, "limit": limit, "more_items_in_collection": more}
    if more:
        pagination["next_start"] = start + limit
    time = plain_time(int(app.founded))
    return ok([found.v1(time) for found in fields[start : start + limit]], pagination=pagination)


def _page(fields: Fields, request: Request) -> Reply:
    limit, cursor = limit_of(request), request.param("cursor") or "f0"
    if not cursor.startswith("f") or not cursor[1:].isdigit():
        raise invalid("cursor: not a valid cursor")
    start, found = int(cursor[1:]), list(fields.by_code.values())
    following = f"f{start + limit}" if len(found) > start + limit else None
    shown = found[start : start + limit]
    return ok([one.v2() for one in shown], rows=len(shown), next_cursor=following)


def _create(fields: Fields, body: dict[str, Any]) -> Field:
    name, type = _name(body.get("field_name")), body.get("field_type")
    if type not in TYPES:
        raise invalid("field_type: unknown type")
    options = body.get("options")
    if type in ("enum", "set") and not options:
        raise invalid("options: required for enum and set")
    return fields.create(name, type, _labels(options or []), body.get("description"))


def _name(name: Any) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH:
        raise invalid(f"field_name: must be 1 to {NAME_LENGTH} characters long")
    return name


def _labels(options: Any) -> list[str]:
    if not isinstance(options, list) or not all(isinstance(item, dict) and isinstance(item.get("label"), str) for item in options):
        raise invalid("options: expected an array of objects with a label")
    return [item["label"] for item in options]


def _items(request: Request) -> list[dict[str, Any]]:
    try:
        items = request.json()
    except ValueError as error:
        raise invalid("body: expected a JSON array") from error
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise invalid("body: expected a non-empty array of objects")
    return items


def _field(app: Pipedrive, code: str) -> Field:
    found = app.person_fields.by_code.get(code)
    if found is None:
        raise missing("field")
    return found


def _custom(app: Pipedrive, code: str) -> Field:
    found = _field(app, code)
    if not found.custom:
        raise invalid("field_code: a system field cannot be changed")
    return found
