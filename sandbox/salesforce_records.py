"""Salesforce's endpoints for single rows: by id, and by external id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import Fault, not_found, refuse, succeeded
from sandbox.salesforce_fields import Field
from sandbox.salesforce_objects import Row, Table, record, require
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce


@route("POST", "/vXX/sobjects/{object}")
def create(app: Salesforce, request: Request, object: str) -> Reply:
    table = app.require_table(object, tooling=True)
    try:
        row = insert(app, table, app.body(request), request)
    except Fault as fault:
        raise fault.refused() from None
    return Reply(201, succeeded(row.id), rows=1)


@route("GET", "/vXX/sobjects/{object}/{id}")
def read(app: Salesforce, request: Request, object: str, id: str) -> Reply:
    table = app.require_table(object)
    try:
        row = require(table, id)
        _unmodified(request, row)
        return Reply(200, record(table, row, _names(table, request), "/vXX"), rows=1)
    except Fault as fault:
        raise fault.refused() from None


@route("PATCH", "/vXX/sobjects/{object}/{id}")
def update(app: Salesforce, request: Request, object: str, id: str) -> Reply:
    table = app.require_table(object)
    try:
        row = require(table, id)
        _unmodified(request, row)
        change(app, table, row, app.body(request), request)
    except Fault as fault:
        raise fault.refused() from None
    return Reply(204)


@route("DELETE", "/vXX/sobjects/{object}/{id}")
def delete(app: Salesforce, _request: Request, object: str, id: str) -> Reply:
    table = app.require_table(object)
    try:
        table.delete(require(table, id))
    except Fault as fault:
        raise fault.refused() from None
    return Reply(204)


@route("GET", "/vXX/sobjects/{object}/{field}/{value}")
def read_by_key(app: Salesforce, request: Request, object: str, field: str, value: str) -> Reply:
    table = app.require_table(object)
    ids = sorted(_holders(table, _key(table, field), value))
    if not ids:
        raise not_found()
    if len(ids) > 1:
        return Reply(300, [f"{app.base}/sobjects/{table.name}/{id}" for id in ids])
    return Reply(200, record(table, table.rows[ids[0]], _names(table, request), app.base), rows=1)


@route("PATCH", "/vXX/sobjects/{object}/{field}/{value}")
def upsert(app: Salesforce, request: Request, object: str, field: str, value: str) -> Reply:
    table, body = app.require_table(object), app.body(request)
    key = _key(table, field)
    for name in ("Id", key.name):
        if name in body and not (key.name == "Id"):
            raise refuse(400, "INVALID_FIELD", f"The {name} field should not be specified in the sobject data.")
    only_update = (request.param("updateOnly") or "").lower() == "true"
    try:
        found = upsert_row(app, table, key, value, body, request, only_update=only_update)
    except Fault as fault:
        raise fault.refused() from None
    if isinstance(found, list):
        return Reply(300, [f"{app.base}/sobjects/{table.name}/{id}" for id in found])
    row, created = found
    if created:
        return Reply(201, succeeded(row.id, created=True), rows=1)
    return Reply(204) if float(app.version) < 46 else Reply(200, succeeded(row.id, created=False), rows=1)


@route("POST", "/vXX/sobjects/{object}/{field}")
def create_under_key(app: Salesforce, request: Request, object: str, field: str) -> Reply:
    if field != "Id":
        raise not_found()
    return create(app, request, object)


@route("DELETE", "/vXX/sobjects/{object}/{field}/{value}")
def delete_by_key(app: Salesforce, _request: Request, object: str, field: str, value: str) -> Reply:
    table = app.require_table(object)
    ids = sorted(_holders(table, _key(table, field), value))
    if not ids:
        raise not_found()
    if len(ids) > 1:
        return Reply(300, [f"{app.base}/sobjects/{table.name}/{id}" for id in ids])
    table.delete(table.rows[ids[0]])
    return Reply(204)


# -- what single rows and collections share ------------------------------------------------------------------------------------------------


def insert(app: Salesforce, table: Table, body: Mapping[str, Any], request: Request) -> Row:
    values = table.check(body, None)
    _duplicate_rule(app, table, values, request)
    app.check_special(table, values)
    return table.create(_assigned(app, table, values, request, creating=True))


def change(app: Salesforce, table: Table, row: Row, body: Mapping[str, Any], request: Request) -> None:
    if row.values.get("IsConverted") and not app.settings["edit_converted_leads"]:
        raise Fault("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    values = table.check(body, row)
    table.update(row, _assigned(app, table, values, request, creating=False))


def upsert_row(
    app: Salesforce, table: Table, key: Field, value: str, body: Mapping[str, Any], request: Request, *, only_update: bool = False
) -> tuple[Row, bool] | list[str]:
    """(row, whether it is new), or the ids of several matches, of which none is written."""
    ids = sorted(_holders(table, key, value))
    if len(ids) > 1:
        return ids
    if ids:
        change(app, table, table.rows[ids[0]], body, request)
        return table.rows[ids[0]], False
    if only_update:
        raise Fault("NOT_FOUND", "The requested resource does not exist", status=404)
    if key.name == "Id":
        raise Fault("NOT_FOUND", "Provided external ID field does not exist or is not accessible: Id", status=404)
    return insert(app, table, {**body, key.name: value}, request), True


def _key(table: Table, name: str) -> Field:
    field = table.field(name)
    if field is None or not (field.external_id or field.id_lookup or field.name == "Id"):
        raise refuse(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def key_field(table: Table, name: str) -> Field:
    return _key(table, name)


def _holders(table: Table, key: Field, value: str) -> set[str]:
    if value.lower().endswith(".inc"):
        raise not_found()  # the vendor warns of values that end like this
    if key.name == "Id":
        row = table.find(value)
        return {row.id} if row is not None and row.deleted_at is None else set()
    ids = table.holders(key.name, value)
    return {id for id in ids if table.rows[id].values.get(key.name) == value} if key.case_sensitive else ids


def _assigned(app: Salesforce, table: Table, values: dict[str, Any], request: Request, *, creating: bool) -> dict[str, Any]:
    """An active assignment rule overwrites the owner of a lead unless the header forbids it (REST Assignment Rule Header)."""
    rule, wish = app.settings["assignment_rule"], request.headers.get("sforce-auto-assign", "TRUE").upper()
    explicit = "sforce-auto-assign" in request.headers
    if table.name != "Lead" or rule is None or wish == "FALSE" or not (creating or explicit):
        return values
    return {**values, "OwnerId": app.owner_id(rule)}


def _duplicate_rule(app: Salesforce, table: Table, values: Mapping[str, Any], request: Request) -> None:
    mode, email = app.settings["duplicate_rule"], values.get("Email")
    if mode == "off" or email is None or table.name not in ("Lead", "Contact"):
        return
    matches = sorted(table.holders("Email", email))
    header = re.sub(r"\s", "", request.headers.get("sforce-duplicate-rule-header", "")).lower()
    if not matches or (mode == "alert" and "allowsave=true" in header):
        return
    message = "Use one of these records?"
    records = [
        {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100,
         "record": {"attributes": {"type": table.name, "url": f"/services/data/v59.0/sobjects/{table.name}/{id}"}, "Id": id}}
        for id in matches
    ]  # fmt: skip
    result = {
        "allowSave": mode == "alert", "duplicateRule": f"Standard_{table.name}_Duplicate_Rule", "duplicateRuleEntityType": table.name,
        "errorMessage": message,
        "matchResults": [{"entityType": table.name, "errors": [], "matchEngine": "ExactMatchEngine", "matchRecords": records,
                          "rule": f"Standard_{table.name}_Match_Rule", "size": len(records), "success": True}],
    }  # fmt: skip
    raise Fault("DUPLICATES_DETECTED", message, more={app.settings["duplicate_result_key"]: result})


def _unmodified(request: Request, row: Row) -> None:
    since = request.headers.get("if-unmodified-since")
    if since is not None and row.modified > int(parsedate_to_datetime(since).timestamp()):
        raise Fault("PRECONDITION_FAILED", "The record was modified after the given time", status=412)


def _names(table: Table, request: Request) -> list[str]:
    asked = request.param("fields")
    if asked is None:
        return list(table.visible())
    names = []
    for name in asked.split(","):
        field = table.field(name.strip())
        if field is None:
            raise Fault("INVALID_FIELD", f"No such column '{name.strip()}' on entity '{table.name}'.")
        names.append(field.name)
    return names if "Id" in names else [*names, "Id"]
