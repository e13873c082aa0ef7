"""Salesforce's endpoints about the org: tokens, versions, describe, limits, custom fields through the Tooling API."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import error, not_found, refuse, succeeded
from sandbox.salesforce_fields import HIDDEN_OBJECTS, OBJECTS, describe, describe_summary, from_metadata
from sandbox.salesforce_objects import Table
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-salesforce-secret"  # noqa: S105 (the fixed secret of a local imitation)
USERNAME = "hub@firma.example"
PASSWORD = "sandbox-salesforce-password"  # noqa: S105
REFRESH_TOKEN = "sandbox-salesforce-refresh"  # noqa: S105
FIRST_LIVING, NEWEST = 31, 66


@route("POST", "/services/oauth2/token")
def token(app: Salesforce, request: Request) -> Reply:
    form = request.form()
    grant = GRANTS.get(form.get("grant_type", ""))
    if grant is None:
        return _refused("unsupported_grant_type", "grant type not supported")
    return grant(app, request, form)


def _client(request: Request, form: dict[str, str]) -> bool:
    scheme, _, basic = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(basic).decode("utf-8", "replace") == f"{CLIENT_ID}:{CLIENT_SECRET}"
    return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)


def _client_credentials(app: Salesforce, request: Request, form: dict[str, str]) -> Reply:
    if request.headers.get("host", "").split(".")[0] in ("login", "test"):
        return _refused("invalid_grant", "request not supported on this domain")
    if not _client(request, form):
        return _refused("invalid_client", "invalid client credentials")
    return _granted(app, request, "client_credentials")


def _password(app: Salesforce, request: Request, form: dict[str, str]) -> Reply:
    if not _client(request, form):
        return _refused("invalid_client_id", "client identifier invalid")
    if form.get("username") != USERNAME or not form.get("password", "").startswith(PASSWORD):
        return _refused("invalid_grant", "authentication failure")
    return _granted(app, request, "password")


def _jwt(app: Salesforce, request: Request, form: dict[str, str]) -> Reply:
    """The signature is not verified: this server holds no certificate of a connected app."""
    try:
        head, claims, _ = form.get("assertion", "").split(".")
        algorithm, named = _decoded(head)["alg"], _decoded(claims)
        expires = float(named["exp"])
    except (ValueError, KeyError, TypeError):
        return _refused("invalid_grant", "invalid assertion")
    now = app.clock.now()
    if algorithm != "RS256" or named.get("iss") != CLIENT_ID or named.get("sub") != USERNAME:
        return _refused("invalid_grant", "user hasn't approved this consumer")
    if not now < expires <= now + 300:
        return _refused("invalid_grant", "expired authorization code")
    return _granted(app, request, "jwt")


def _refresh(app: Salesforce, request: Request, form: dict[str, str]) -> Reply:
    if form.get("refresh_token") != app.refresh_token:
        if app.settings["refresh_rotation"] and str(form.get("refresh_token", "")).startswith(REFRESH_TOKEN):
            app.sessions.clear()  # a used token comes back: whoever refreshed before is logged out too
        return _refused("invalid_grant", "expired access/refresh token")
    if app.settings["refresh_rotation"]:
        app.rotations += 1
        return _granted(app, request, "refresh", refresh_token=app.refresh_token)
    return _granted(app, request, "refresh")


GRANTS = {
    "client_credentials": _client_credentials,
    "password": _password,
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _jwt,
    "refresh_token": _refresh,
}


def _granted(app: Salesforce, request: Request, how: str, **more: str) -> Reply:
    access = app.open_session(how)
    body = {
        "access_token": access, "signature": "c2FuZGJveA==", "scope": "api", "instance_url": request.origin,
        "id": f"{request.origin}/id/{app.org_id}/{app.user_id}", "token_type": "Bearer", "issued_at": str(int(app.clock.now() * 1000)),
    }  # fmt: skip
    return Reply(200, {**body, **more})


def _refused(code: str, description: str) -> Reply:
    return Reply(400, {"error": code, "error_description": description})


def _decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@route("GET", "/services/oauth2/userinfo")
@route("GET", "/id/{org}/{user}")
def who(app: Salesforce, request: Request, **_ids: str) -> Reply:
    return Reply(200, {
        "sub": f"{request.origin}/id/{app.org_id}/{app.user_id}", "id": f"{request.origin}/id/{app.org_id}/{app.user_id}",
        "user_id": app.user_id, "organization_id": app.org_id, "preferred_username": USERNAME, "username": USERNAME, "email": USERNAME,
        "name": "Hub User", "display_name": "Hub User", "active": True, "user_type": "STANDARD", "zoneinfo": "Europe/Berlin",
    })  # fmt: skip


@route("GET", "/services/data")
def versions(_app: Salesforce, _request: Request) -> Reply:
    return Reply(
        200, [{"label": f"Release {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in range(FIRST_LIVING, NEWEST + 1)]
    )


@route("GET", "/vXX")
def resources(app: Salesforce, _request: Request) -> Reply:
    names = ("sobjects", "query", "queryAll", "composite", "limits", "tooling", "jobs")
    return Reply(200, {name: f"{app.base}/{name}" for name in names})


@route("GET", "/vXX/limits")
def limits(app: Salesforce, _request: Request) -> Reply:
    most = app.daily_limit()
    return Reply(200, {
        "DailyApiRequests": {"Max": most, "Remaining": max(0, most - app.limits_shown())},
        "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000}, "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000},
    })  # fmt: skip


# -- describe ----------------------------------------------------------------------------------------------------------------------------


@route("GET", "/vXX/sobjects")
def describe_global(app: Salesforce, _request: Request) -> Reply:
    shown = [describe_summary(name, app.base) for name in OBJECTS if name not in HIDDEN_OBJECTS and app.table(name) is not None]
    return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown}, rows=len(shown))


@route("GET", "/vXX/sobjects/{object}")
def basic_information(app: Salesforce, _request: Request, object: str) -> Reply:
    table = app.require_table(object)
    return Reply(200, {"objectDescribe": describe_summary(table.name, "/vXX"), "recentItems": []})


@route("GET", "/vXX/sobjects/{object}/describe")
def describe_object(app: Salesforce, _request: Request, object: str) -> Reply:
    table = app.require_table(object)
    unfilterable = app.settings["unfilterable"]
    fields = [field.describe(filterable=f"{table.name}.{field.name}" not in unfilterable) for field in table.visible().values()]
    return Reply(200, describe(table.name, fields, "/vXX"), rows=len(fields))


# -- tooling -----------------------------------------------------------------------------------------------------------------------------


@route("POST", "/vXX/tooling/sobjects/CustomField")
def create_field(app: Salesforce, request: Request) -> Reply:
    body = app.body(request)
    object, _, name = str(body.get("FullName", "")).partition(".")
    table = app.require_table(object)
    metadata = body.get("Metadata") or {}
    if not name.endswith("__c") or not metadata.get("label"):
        raise refuse(400, "FIELD_INTEGRITY_EXCEPTION", "FullName must end with __c and a label is required")
    if name in table.fields:
        raise refuse(400, "DUPLICATE_DEVELOPER_NAME", f"There is already a field named {name} on {object}.")
    field = from_metadata(name, metadata)
    if not field.type:
        raise refuse(400, "INVALID_FIELD_TYPE", f"Unknown field type {metadata.get('type')}")
    table.fields[name] = field
    row = app.register_field(table, name)
    app.write_metadata(table, name, metadata)
    return Reply(201, {**succeeded(row.id), "warnings": [], "infos": []})


@route("DELETE", "/vXX/tooling/sobjects/CustomField/{id}")
def drop_field(app: Salesforce, _request: Request, id: str) -> Reply:
    row = app.tables["CustomField"].find(id)
    if row is None:
        raise not_found()
    table: Table = app.tables[row.values["TableEnumOrId"]]
    name = row.values["DeveloperName"] + "__c"
    table.fields.pop(name, None)
    table.index.pop(name, None)
    for other in table.rows.values():
        other.values.pop(name, None)
    app.tables["CustomField"].purge(row)
    return Reply(204)


@route("GET", "/vXX/tooling/sobjects/CustomField/{id}")
def read_field(app: Salesforce, _request: Request, id: str) -> Reply:
    row = app.tables["CustomField"].find(id)
    if row is None:
        return error(404, "NOT_FOUND", "The requested resource does not exist")
    return Reply(200, {"Id": row.id, **row.values, "Metadata": app.metadata.get(row.values["FullName"], {})})
