"""The v1 endpoints that are out of support since August 2026: they may still answer, in their old shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.messages import Refused, Reply, Request
from sandbox.pipedrive_answers import bad_request, ok, v1
from sandbox.pipedrive_persons import live_organization, live_person
from sandbox.pipedrive_v1 import organization, person
from sandbox.pipedrive_writes import change_person, create_organization, create_person, delete_person, organization_values, person_values

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive


@v1("GET", "/persons", cost=20)
def list_persons(app: Pipedrive, request: Request) -> Reply:
    _alive(app)
    start, limit = int(request.param("start", "0") or 0), min(int(request.param("limit", "100") or 100), 500)
    ids = app.persons.ids[start : start + limit]
    more = len(app.persons.ids) > start + limit
    pagination = {"start": start, "limit": limit, "more_items_in_collection": more} | ({"next_start": start + limit} if more else {})
    return ok([person(app, app.persons.rows[id]) for id in ids] or None, rows=len(ids), pagination=pagination)


@v1("GET", "/persons/{id}", cost=2)
def get_person(app: Pipedrive, _request: Request, id: str) -> Reply:
    _alive(app)
    return ok(person(app, live_person(app, id)))


@v1("POST", "/persons", cost=10)
def post_person(app: Pipedrive, request: Request) -> Reply:
    _alive(app)
    body = _body(request)
    if not body.get("name"):
        raise bad_request("Name must be given.")
    values = person_values(app, _modern(app, body), creating=True)
    return ok(person(app, create_person(app, values, user=app.user_of(request), source="api")), status=201)


@v1("PUT", "/persons/{id}", cost=10)
def put_person(app: Pipedrive, request: Request, id: str) -> Reply:
    _alive(app)
    row = live_person(app, id)
    change_person(app, row, person_values(app, _modern(app, _body(request)), creating=False), user=app.user_of(request), source="api")
    return ok(person(app, row))


@v1("DELETE", "/persons/{id}", cost=6)
def remove_person(app: Pipedrive, _request: Request, id: str) -> Reply:
    _alive(app)
    row = live_person(app, id)
    delete_person(app, row)
    return ok({"id": row.id})


@v1("GET", "/organizations/{id}", cost=2)
def get_organization(app: Pipedrive, _request: Request, id: str) -> Reply:
    _alive(app)
    return ok(organization(app, live_organization(app, id)))


@v1("POST", "/organizations", cost=10)
def post_organization(app: Pipedrive, request: Request) -> Reply:
    _alive(app)
    body = _body(request)
    if not body.get("name"):
        raise bad_request("Name must be given.")
    values = organization_values(app, {"name": body["name"]}, creating=True)
    return ok(organization(app, create_organization(app, values, user=app.user_of(request))), status=201)


@v1("GET", "/organizations", cost=20)
@v1("GET", "/deals", cost=20)
@v1("GET", "/activities", cost=20)
@v1("GET", "/products", cost=20)
@v1("GET", "/pipelines", cost=20)
@v1("GET", "/stages", cost=20)
@v1("GET", "/itemSearch", cost=40)
@v1("GET", "/persons/search", cost=40)
def gone(app: Pipedrive, _request: Request) -> Reply:
    _alive(app)
    return ok(None, pagination={"start": 0, "limit": 100, "more_items_in_collection": False})


def _alive(app: Pipedrive) -> None:
    mode = app.settings["retired_v1"]
    if mode != "works":
        raise Refused(Reply(int(mode), {"success": False, "error": "This endpoint is no longer available", "data": None}))


def _body(request: Request) -> dict[str, Any]:
    if "json" not in request.headers.get("content-type", ""):
        return dict(request.form())
    try:
        body = request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _modern(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    """The old names and lax types, as v2 has them."""
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name in ("email", "phone"):
            values[f"{name}s"] = _points(value)
        elif name in ("owner_id", "org_id", "visible_to") and value is not None:
            values[name] = int(value)
        elif name in ("name", "first_name", "last_name", "org_id", "marketing_status", "add_time"):
            values[name] = value
        elif name in app.person_fields.by_code:
            values.setdefault("custom_fields", {})[name] = value
    return values


def _points(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, dict) else {"value": str(item)} for item in items if item not in (None, "")]
