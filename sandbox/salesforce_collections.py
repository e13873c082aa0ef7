"""Salesforce's requests for many rows at once: sObject collections and composite."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import Fault, failed, refuse, succeeded
from sandbox.salesforce_objects import Table, record, require
from sandbox.salesforce_records import change, insert, key_field, upsert_row
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

MOST = 200
MOST_SUBREQUESTS = 25
POLYMORPHIC = "Nested object for polymorphic foreign key must have an attributes field before any other fields."
ROLLED_BACK = "Record rolled back because not all records were valid and the request was using AllOrNone header"
HALTED = "The transaction was rolled back since another operation in the same transaction failed."
Work = Callable[[int, Any], dict[str, Any]]


@route("POST", "/vXX/composite/sobjects")
def create_many(app: Salesforce, request: Request) -> Reply:
    body = app.body(request)

    def work(_index: int, row: dict[str, Any]) -> dict[str, Any]:
        table = _table(app, row)
        return succeeded(insert(app, table, row, request).id)

    return _each(app, _records(body), work, all_or_none=bool(body.get("allOrNone")))


@route("PATCH", "/vXX/composite/sobjects")
def update_many(app: Salesforce, request: Request) -> Reply:
    body = app.body(request)

    def work(_index: int, row: dict[str, Any]) -> dict[str, Any]:
        table = _table(app, row)
        id = str(row.get("id") or row.get("Id") or "")
        found = table.find(id)
        if found is None:
            raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if found.deleted_at is not None:
            raise Fault("ENTITY_IS_DELETED", "entity is deleted")
        change(app, table, found, {name: value for name, value in row.items() if name not in ("id", "Id")}, request)
        return succeeded(found.id)

    return _each(app, _records(body), work, all_or_none=bool(body.get("allOrNone")))


@route("PATCH", "/vXX/composite/sobjects/{object}/{field}")
def upsert_many(app: Salesforce, request: Request, object: str, field: str) -> Reply:
    table, body = app.require_table(object), app.body(request)
    key, rows = key_field(table, field), _records(body)
    repeated = {value for value, times in Counter(str(row.get(key.name)).lower() for row in rows).items() if times > 1}

    def work(_index: int, row: dict[str, Any]) -> dict[str, Any]:
        _table(app, row, key.name)
        value = row.get(key.name)
        if value is None:
            raise Fault("MISSING_ARGUMENT", f"{key.name} not specified")
        if str(value).lower() in repeated and app.settings["repeated_keys"] == "refused":
            raise Fault("DUPLICATE_VALUE", f"Duplicate external id specified: {value}")
        given = {name: one for name, one in row.items() if name != key.name}
        found = upsert_row(app, table, key, str(value), given, request)
        if isinstance(found, list):
            raise Fault("DUPLICATE_EXTERNAL_ID", f"{key.name}: more than one record found for external id field: [{', '.join(found)}]")
        return succeeded(found[0].id, created=found[1])

    return _each(app, rows, work, all_or_none=bool(body.get("allOrNone")), created=False)


@route("DELETE", "/vXX/composite/sobjects")
def delete_many(app: Salesforce, request: Request) -> Reply:
    ids = [id for id in (request.param("ids") or "").split(",") if id]
    _limit(ids)

    def work(_index: int, id: str) -> dict[str, Any]:
        table = app.table_of(id)
        if table is None:
            raise Fault("MALFORMED_ID", f"malformed id {id}")
        row = require(table, id)
        table.delete(row)
        return succeeded(row.id)

    return _each(app, ids, work, all_or_none=(request.param("allOrNone") or "").lower() == "true")


@route("GET", "/vXX/composite/sobjects/{object}")
def read_many(app: Salesforce, request: Request, object: str) -> Reply:
    ids, names = ((request.param(name) or "").split(",") for name in ("ids", "fields"))
    return _read(app, object, ids, names)


@route("POST", "/vXX/composite/sobjects/{object}")
def read_many_by_post(app: Salesforce, request: Request, object: str) -> Reply:
    body = app.body(request)
    return _read(app, object, [str(id) for id in body.get("ids") or []], [str(name) for name in body.get("fields") or []])


def _read(app: Salesforce, object: str, ids: list[str], names: list[str]) -> Reply:
    table = app.require_table(object)
    if len(ids) > 2000:
        raise refuse(400, "EXCEEDED_ID_LIMIT", "record limit reached. cannot retrieve more than 2000 records in this operation")
    fields = []
    for name in filter(None, names):
        field = table.field(name)
        if field is None:
            raise refuse(400, "INVALID_FIELD", f"No such column '{name}' on entity '{table.name}'.")
        fields.append(field.name)
    if "Id" not in fields:
        fields.append("Id")
    rows = [table.find(id) for id in ids]
    shown = [None if row is None or row.deleted_at is not None else record(table, row, fields, app.base) for row in rows]
    return Reply(200, shown, rows=sum(row is not None for row in shown))


def _records(body: dict[str, Any]) -> list[dict[str, Any]]:
    rows = body.get("records")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise refuse(400, "JSON_PARSER_ERROR", "records must be a list of objects")
    _limit(rows)
    kinds = [(row.get("attributes") or {}).get("type") for row in rows]
    chunks = sum(one != other for one, other in zip([None, *kinds], kinds, strict=False))
    if chunks > 10:
        raise refuse(400, "LIMIT_EXCEEDED", "the request holds more than 10 chunks of different types")
    return rows


def _limit(rows: list[Any]) -> None:
    if len(rows) > MOST:
        raise refuse(400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MOST} records in this operation")


def _table(app: Salesforce, row: dict[str, Any], key: str | None = None) -> Table:
    """The table of a row, whose first field is `attributes`; only the key of an upsert may stand before (jsforce sends it so)."""
    kind = (row.get("attributes") or {}).get("type")
    if next((name for name in row if name != key), None) != "attributes" or kind is None:
        raise Fault("JSON_PARSER_ERROR", POLYMORPHIC)
    return app.require_table(str(kind))


def _each(app: Salesforce, rows: list[Any], work: Work, *, all_or_none: bool, **always: Any) -> Reply:
    """One entry per row, in order; with `all_or_none` a bad row undoes the others."""
    answers: list[dict[str, Any]] = []
    with app.transaction() as undo:
        for index, row in enumerate(rows):
            try:
                if app.row_fails(index):
                    raise app.struck_row()
                answers.append(work(index, row))
            except Fault as fault:
                answers.append(failed(fault, **always))
        if all_or_none and not all(answer["success"] for answer in answers):
            undo()
            rolled = Fault("ALL_OR_NONE_OPERATION_ROLLED_BACK", ROLLED_BACK)
            answers = [failed(rolled, **always) if answer["success"] else answer for answer in answers]
    return Reply(200, answers, rows=len(answers))


# -- composite -----------------------------------------------------------------------------------------------------------------------------


@route("POST", "/vXX/composite")
def composite(app: Salesforce, request: Request) -> Reply:
    body = app.body(request)
    parts = body.get("compositeRequest") or []
    if len(parts) > MOST_SUBREQUESTS:
        raise refuse(400, "LIMIT_EXCEEDED", f"The limit of {MOST_SUBREQUESTS} subrequests is exceeded")
    answers: list[dict[str, Any]] = []
    known: dict[str, Any] = {}
    with app.transaction() as undo:
        for part in parts:
            reply = app.inner(_subrequest(request, part, known))
            known[part["referenceId"]] = reply.body
            headers = {"Location": f"{part['url'].split('?')[0]}/{reply.body['id']}"} if reply.status == 201 else {}
            answers.append({"body": reply.body, "httpHeaders": headers, "httpStatusCode": reply.status, "referenceId": part["referenceId"]})
        if body.get("allOrNone") and any(answer["httpStatusCode"] >= 300 for answer in answers):
            undo()
            halted = [{"errorCode": "PROCESSING_HALTED", "message": HALTED}]
            answers = [
                answer if answer["httpStatusCode"] >= 300 else {**answer, "body": halted, "httpStatusCode": 400} for answer in answers
            ]
    return Reply(200, {"compositeResponse": answers}, rows=len(answers))


@route("POST", "/vXX/composite/batch")
def composite_batch(app: Salesforce, request: Request) -> Reply:
    parts = app.body(request).get("batchRequests") or []
    if len(parts) > MOST_SUBREQUESTS:
        raise refuse(400, "LIMIT_EXCEEDED", f"The limit of {MOST_SUBREQUESTS} subrequests is exceeded")
    asked = [{"method": part["method"], "url": f"/services/data/{part['url']}", "body": part.get("richInput")} for part in parts]
    replies = [app.inner(_subrequest(request, part, {})) for part in asked]
    results = [{"statusCode": reply.status, "result": reply.body} for reply in replies]
    return Reply(200, {"hasErrors": any(reply.status >= 400 for reply in replies), "results": results}, rows=len(results))


def _subrequest(request: Request, part: dict[str, Any], known: dict[str, Any]) -> Request:
    """One part as a request of its own, with @{ref.field} filled in."""

    def fill(text: str) -> str:
        return re.sub(r"@\{(\w+)\.([\w.\[\]]+)\}", lambda found: str(_reach(known.get(found[1]), found[2])), text)

    body = fill(json.dumps(part["body"])).encode() if part.get("body") is not None else b""
    return Request(str(part["method"]).upper(), fill(part["url"]).replace(" ", "+"), request.headers, body, scheme=request.scheme)


def _reach(value: Any, path: str) -> Any:
    for step in re.findall(r"\w+", path):
        value = value[int(step)] if isinstance(value, list) and step.isdigit() else value.get(step) if isinstance(value, dict) else None
    return value
