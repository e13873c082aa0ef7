"""Pipedrive v1, the part that is alive: users, merge, recents, changelog, flow."""

from __future__ import annotations

import calendar
import json
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from sandbox.messages import Reply, Request
from sandbox.pipedrive_answers import bad_request, missing, ok, v1
from sandbox.pipedrive_persons import live_person
from sandbox.pipedrive_rows import Organization, Person, organization_v1, person_v1, plain_time, points
from sandbox.pipedrive_writes import Change, merge_persons

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

RECENTS_REACH_S = 31 * 86_400


@v1("GET", "/users", cost=20)
def list_users(app: Pipedrive, request: Request) -> Reply:
    return ok([_user(app, user, request) for user in app.users.values()])


@v1("GET", "/users/me", cost=2)
def me(app: Pipedrive, request: Request) -> Reply:
    user = _user(app, app.users[app.user_of(request)], request)
    company = app.settings["company_id"]
    user |= {"company_id": company, "company_name": "Sandbox", "company_domain": app.settings["company_domain"], "company_country": "DE"}
    return ok(user | {"company_industry": "IT Services", "language": {"language_code": "en", "country_code": "US"}})


@v1("GET", "/users/find", cost=20)
def find_users(app: Pipedrive, request: Request) -> Reply:
    term = (request.param("term") or "").casefold()
    key = "email" if request.param("search_by_email") in ("1", "true") else "name"
    return ok([_user(app, user, request) for user in app.users.values() if term in str(user[key]).casefold()])


@v1("GET", "/users/{id}", cost=2)
def get_user(app: Pipedrive, request: Request, id: str) -> Reply:
    user = app.users.get(int(id)) if id.isdigit() else None
    if user is None:
        raise missing("user")
    return ok(_user(app, user, request))


@v1("PUT", "/persons/{id}/merge", cost=40)
def merge(app: Pipedrive, request: Request, id: str) -> Reply:
    """The person in the path is the one that disappears."""
    loser, survivor_id = live_person(app, id), _body(request).get("merge_with_id")
    survivor = app.persons.get(survivor_id) if isinstance(survivor_id, int) else None
    if survivor is None or survivor is loser:
        raise bad_request("merge_with_id must be another existing person.")
    merge_persons(app, loser, survivor)
    return ok({**person(app, survivor), "merge_what_id": loser.id})


@v1("GET", "/recents", cost=20)
def recents(app: Pipedrive, request: Request) -> Reply:
    """One month at most, whatever is asked for (airbytehq/airbyte#58634); by offset, so that rows slip between pages."""
    since = _plain(request.param("since_timestamp"))
    low = max(since, app.clock.now() - RECENTS_REACH_S)
    start, limit = int(request.param("start", "0") or 0), min(int(request.param("limit", "100") or 100), 500)
    items = (request.param("items") or "person,organization").split(",")
    found = list(islice(_recent(app, low, items), start, start + limit + 1))
    more = len(found) > limit
    pagination = {"start": start, "limit": limit, "more_items_in_collection": more} | ({"next_start": start + limit} if more else {})
    shown = found[:limit]
    return ok(shown or None, rows=len(shown), since_timestamp=plain_time(int(since)), pagination=pagination)


@v1("GET", "/persons/{id}/changelog", cost=20)
def changelog(app: Pipedrive, request: Request, id: str) -> Reply:
    lines = list(reversed(app.history.get(live_person(app, id).id, [])))
    start, limit = int(request.param("cursor") or 0), min(int(request.param("limit", "100") or 100), 500)
    following = str(start + limit) if len(lines) > start + limit else None
    return ok([_log_line(line) for line in lines[start : start + limit]], next_cursor=following)


@v1("GET", "/persons/{id}/flow", cost=40)
def flow(app: Pipedrive, request: Request, id: str) -> Reply:
    """Custom fields, e-mail and name are left out unless all_changes=1 (client-nodejs#128)."""
    lines = app.history.get(live_person(app, id).id, [])
    all_changes = request.param("all_changes") == "1"
    items = [_flow_item(int(id), line) for line in lines if all_changes or line.field in ("marketing_status", "owner_id", "org_id")]
    return ok(items or None, pagination={"start": 0, "limit": 100, "more_items_in_collection": False})


def person(app: Pipedrive, row: Person) -> dict[str, Any]:
    org = None if row.org_id is None else app.organizations.rows.get(row.org_id)
    blank = {f.code: None for f in app.person_fields.custom()}
    return person_v1(row, app.settings["company_id"], app.users[row.owner_id], org, blank)


def organization(app: Pipedrive, row: Organization) -> dict[str, Any]:
    blank = {f.code: None for f in app.organization_fields.custom()}
    return organization_v1(row, app.settings["company_id"], app.users[row.owner_id], blank)


def _user(app: Pipedrive, user: dict[str, Any], request: Request) -> dict[str, Any]:
    """`nova` stands for the app names that appear without notice (client-php 17.5.1)."""
    access = [{"app": "sales", "admin": user["id"] == app.hub, "permission_set_id": "62cc4d7f-4038-4352-abf3-a8c1c822b631"}]
    if app.settings["new_enum_values"]:
        access.append({"app": "nova", "admin": False, "permission_set_id": "7b1f1ad0-0000-4000-8000-000000000001"})
    return {**user, "access": access, "is_you": user["id"] == app.user_of(request)}


def _recent(app: Pipedrive, low: float, items: list[str]) -> Any:
    if "person" in items:
        first, last = app.persons.between(low, None)
        for at in range(first, last):
            row = app.persons.rows[app.persons.times[at][1]]
            yield {"item": "person", "id": row.id, "data": person(app, row)}
        if app.settings["recents_show_deleted"]:
            for deleted_at, id in app.deleted:
                gone = app.persons.rows.get(id)
                if deleted_at >= low and gone is not None and gone.deleted_at is not None:
                    yield {"item": "person", "id": id, "data": person(app, gone)}
    if "organization" in items:
        first, last = app.organizations.between(low, None)
        for at in range(first, last):
            org = app.organizations.rows[app.organizations.times[at][1]]
            yield {"item": "organization", "id": org.id, "data": organization(app, org)}


def _log_line(line: Change) -> dict[str, Any]:
    return {
        "field_key": line.field,
        "old_value": _text(line.old),
        "new_value": _text(line.new),
        "actor_user_id": line.user,
        "time": plain_time(int(line.at)),
        "change_source": line.source,
        "change_source_user_agent": None,
        "is_bulk_update_flag": False,
    }


def _flow_item(id: int, line: Change) -> dict[str, Any]:
    kind = "marketing_status_change" if line.field == "marketing_status" else "personChange"
    data = {"id": None, "item_id": id, "user_id": line.user, **_log_line(line), "log_time": plain_time(int(line.at))}
    return {"object": kind, "timestamp": plain_time(int(line.at)), "data": data}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, tuple) and value and isinstance(value[0], (tuple, list)):
        return ", ".join(item["value"] for item in points(value))
    return json.dumps(value) if isinstance(value, (dict, list, tuple)) else str(value)


def _plain(text: str | None) -> float:
    try:
        return calendar.timegm(time.strptime(text or "", "%Y-%m-%d %H:%M:%S"))
    except ValueError as error:
        raise bad_request("since_timestamp must be of the form YYYY-MM-DD HH:MM:SS.") from error


def _body(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError:
        return dict(request.form())
    return body if isinstance(body, dict) else {}
