"""Salesforce's reading of many rows: SOQL with pages by locator, and the feeds of updated and deleted ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import Fault, error, refuse
from sandbox.salesforce_objects import Row, Table
from sandbox.salesforce_plan import Plan
from sandbox.salesforce_values import stamp_text
from sandbox.soql import Malformed, Query, parse
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

PAGE = 2000
LOCATOR_DAYS = 2
DELETED_DAYS, UPDATED_DAYS = 15, 30


@dataclass(frozen=True, slots=True)
class Result:
    """An open query: the ids it found and how to show them."""

    table: Table
    ids: list[str]
    show: Callable[[Row], dict[str, Any]]
    size: int
    page: int
    expires: float


# -- endpoints ---------------------------------------------------------------------------------------------------------------------------


@route("GET", "/vXX/query")
def query(app: Salesforce, request: Request) -> Reply:
    return _first_page(app, request, deleted=False)


@route("GET", "/vXX/queryAll")
def query_all(app: Salesforce, request: Request) -> Reply:
    return _first_page(app, request, deleted=True)


@route("GET", "/vXX/tooling/query")
def tooling_query(app: Salesforce, request: Request) -> Reply:
    return _first_page(app, request, deleted=False, tooling=True)


@route("GET", "/vXX/query/{locator}")
@route("GET", "/vXX/queryAll/{locator}")
def next_page(app: Salesforce, _request: Request, locator: str) -> Reply:
    name, _, start = locator.partition("-")
    result = app.locators.get(name)
    if result is None or not start.isdigit() or result.expires <= app.clock.now():
        raise refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(app, name, result, int(start))


def _first_page(app: Salesforce, request: Request, *, deleted: bool, tooling: bool = False) -> Reply:
    text = request.param("q")
    if text is None:
        raise refuse(400, "MALFORMED_QUERY", "A query string has to be specified")
    try:
        asked = parse(text)
        table = app.table(asked.object, tooling=tooling)
        if table is None:
            raise refuse(400, "INVALID_TYPE", f"sObject type '{asked.object}' is not supported.")
        plan = Plan(app, table, deleted)
        return _answer(app, request, plan, asked)
    except Malformed as malformed:
        return error(400, "MALFORMED_QUERY", f"\n{text[:200]}\n^\nERROR at Row:1:Column:1\n{malformed}")
    except Fault as fault:
        raise fault.refused() from None


def _answer(app: Salesforce, request: Request, plan: Plan, asked: Query) -> Reply:
    if asked.aggregates:
        return _aggregated(plan, asked)
    rows = plan.rows(asked)
    show = plan.show(asked.fields, app.base)
    result = Result(plan.table, rows, show, len(rows), _page_size(request), app.clock.now() + LOCATOR_DAYS * 86400)
    name = ""
    if len(rows) > result.page:
        app.queries += 1
        name = f"0r8{app.queries:015d}"
        app.locators[name] = result
        if len(app.locators) > 50:
            app.locators.pop(next(iter(app.locators)))
    return _page(app, name, result, 0)


def _page(app: Salesforce, name: str, result: Result, start: int) -> Reply:
    stop = start + result.page
    rows = (result.table.rows.get(id) for id in result.ids[start:stop])
    records = [result.show(row) for row in rows if row is not None]
    body: dict[str, Any] = {"totalSize": result.size, "done": stop >= result.size}
    if stop < result.size:
        body["nextRecordsUrl"] = f"{app.base}/query/{name}-{stop}"
    body["records"] = records
    return Reply(200, body, rows=len(records))


def _page_size(request: Request) -> int:
    """The wish of the client, within 200 to 2,000."""
    wish = re.search(r"batchSize\s*=\s*(\d+)", request.headers.get("sforce-query-options", ""))
    return PAGE if wish is None else min(max(int(wish[1]), 200), PAGE)


def _aggregated(plan: Plan, asked: Query) -> Reply:
    function, field, _ = asked.aggregates[0]
    if function == "count" and field == "" and not asked.fields:
        return Reply(200, {"totalSize": len(plan.rows(asked)), "done": True, "records": []}, rows=0)
    groups: dict[tuple[Any, ...], list[Row]] = {} if asked.group else {(): []}
    readers = [plan.value(name) for name in asked.group]
    for id in plan.rows(Query(asked.group or ("Id",), asked.object, asked.where)):
        row = plan.table.rows[id]
        groups.setdefault(tuple(read(row) for read in readers), []).append(row)
    records = []
    for key, rows in groups.items():
        shown: dict[str, Any] = {"attributes": {"type": "AggregateResult"}, **dict(zip(asked.group, key, strict=True))}
        for name, of, alias in asked.aggregates:
            shown[alias] = _aggregate(name, [value for row in rows if (value := plan.value(of or "Id")(row)) is not None])
        records.append(shown)
    records = records[asked.offset :][: asked.limit]
    return Reply(200, {"totalSize": len(records), "done": True, "records": records}, rows=len(records))


def _aggregate(name: str, values: list[Any]) -> Any:
    if name in ("count", "count_distinct"):
        return len(set(values)) if name == "count_distinct" else len(values)
    if not values:
        return None
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    return sum(values) / (1 if name == "sum" else len(values))


# -- replication feeds -------------------------------------------------------------------------------------------------------------------


@route("GET", "/vXX/sobjects/{object}/deleted")
def deleted(app: Salesforce, request: Request, object: str) -> Reply:
    table, start, end = _window(app, request, object)
    earliest = int(app.clock.now()) - DELETED_DAYS * 86400
    if start < earliest:
        raise refuse(400, "INVALID_REPLICATION_DATE", "startDate is before earliestDateAvailable")
    found = [
        {"id": row.id, "deletedDate": stamp_text(row.deleted_at)}
        for row in (table.rows[id] for id in table.changes.since(start))
        if row.deleted_at is not None and start <= row.deleted_at < end
    ]
    covered = min(end, int(app.clock.now()) - int(app.settings["open_transaction_s"]))
    body = {"deletedRecords": found, "earliestDateAvailable": stamp_text(earliest), "latestDateCovered": stamp_text(covered)}
    return Reply(200, body, rows=len(found))


@route("GET", "/vXX/sobjects/{object}/updated")
def updated(app: Salesforce, request: Request, object: str) -> Reply:
    table, start, end = _window(app, request, object)
    start -= start % 60  # the seconds are ignored
    if start < int(app.clock.now()) - UPDATED_DAYS * 86400:
        raise refuse(400, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
    covered = min(end, int(app.clock.now()) - int(app.settings["open_transaction_s"]))
    rows = (table.rows[id] for id in table.changes.since(start))
    ids = [row.id for row in rows if row.deleted_at is None and start <= row.stamp <= covered]
    if len(ids) > int(app.settings["updated_limit"]):
        raise refuse(400, "EXCEEDED_ID_LIMIT", "the number of ids returned exceeds the limit")
    return Reply(200, {"ids": ids, "latestDateCovered": stamp_text(covered)}, rows=len(ids))


def _window(app: Salesforce, request: Request, object: str) -> tuple[Table, int, int]:
    table = app.require_table(object)
    try:
        start, end = (int(datetime.fromisoformat((request.param(name) or "").replace(" ", "+")).timestamp()) for name in ("start", "end"))
    except ValueError:
        raise refuse(400, "INVALID_REPLICATION_DATE", "start and end must be dates with a time zone") from None
    if start >= end:
        raise refuse(400, "INVALID_REPLICATION_DATE", "startDate must be before endDate")
    return table, start, end
