"""Bulk API 2.0: ingest jobs and query jobs, carried out at once when their upload is complete."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import Fault, not_found, refuse
from sandbox.salesforce_objects import Table, require
from sandbox.salesforce_plan import Plan
from sandbox.salesforce_records import change, insert, key_field, upsert_row
from sandbox.salesforce_values import stamp_text
from sandbox.soql import Malformed, parse
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

csv.field_size_limit(1 << 24)
CSV = {"Content-Type": "text/csv"}  # without a charset, as the vendor sends it


@dataclass(slots=True)
class Job:
    id: str
    kind: str  # ingest or query
    object: str
    operation: str
    created: str
    key: str | None = None
    state: str = "Open"
    upload: str = ""
    done: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    unprocessed: list[dict[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    error: str = ""

    def as_json(self, version: str) -> dict[str, Any]:
        return {
            "id": self.id, "operation": self.operation, "object": self.object, "createdDate": self.created, "systemModstamp": self.created,
            "state": self.state, "externalIdFieldName": self.key, "concurrencyMode": "Parallel", "contentType": "CSV",
            "apiVersion": float(version), "lineEnding": "LF", "columnDelimiter": "COMMA",
            "jobType": "V2Ingest" if self.kind == "ingest" else "V2Query",
            "contentUrl": f"services/data/v{version}/jobs/ingest/{self.id}/batches",
            "numberRecordsProcessed": len(self.done) + len(self.failed), "numberRecordsFailed": len(self.failed),
            **({"errorMessage": self.error} if self.error else {}),
        }  # fmt: skip


@route("POST", "/vXX/jobs/ingest")
def open_ingest(app: Salesforce, request: Request) -> Reply:
    body = app.body(request)
    table = app.require_table(str(body.get("object")))
    operation = str(body.get("operation"))
    if operation not in OPERATIONS:
        raise refuse(400, "INVALIDOPERATION", f"unknown operation {operation}")
    job = _new(app, "ingest", table.name, operation)
    job.key = body.get("externalIdFieldName")
    return Reply(200, job.as_json(app.version))


@route("PUT", "/vXX/jobs/ingest/{id}/batches")
def upload(app: Salesforce, request: Request, id: str) -> Reply:
    job = _job(app, id)
    if job.state != "Open":
        raise refuse(400, "INVALIDJOBSTATE", f"the job is {job.state}")
    job.upload = request.body.decode("utf-8")
    return Reply(201)


@route("PATCH", "/vXX/jobs/ingest/{id}")
def close_ingest(app: Salesforce, request: Request, id: str) -> Reply:
    job, state = _job(app, id), app.body(request).get("state")
    rows = list(csv.DictReader(io.StringIO(job.upload.replace("\x00", ""))))
    job.names = list(rows[0]) if rows else []
    if state == "Aborted":
        job.state, job.unprocessed = "Aborted", rows
    elif state == "UploadComplete":
        job.state = "UploadComplete"
        shown = job.as_json(app.version)
        _ingest(app, job, rows, request)
        return Reply(200, shown)
    return Reply(200, job.as_json(app.version))


def _ingest(app: Salesforce, job: Job, rows: list[dict[str, str]], request: Request) -> None:
    table = app.require_table(job.object)
    work = OPERATIONS[job.operation]
    for index, row in enumerate(rows):
        given = {name: None if value == "#N/A" else value for name, value in row.items() if value}  # an empty cell: unchanged
        try:
            if app.row_fails(index):
                raise app.struck_row()
            id, created = work(app, table, job, given, request)
            job.done.append({"sf__Id": id, "sf__Created": str(created).lower(), **row})
        except Fault as fault:
            job.failed.append({"sf__Id": "", "sf__Error": f"{fault.code}:{fault.message}:{' '.join(fault.fields)} --", **row})
    job.done.reverse()  # the order of results is not that of the upload
    job.state = "InProgress"


def _insert(app: Salesforce, table: Table, _job: Job, given: dict[str, Any], request: Request) -> tuple[str, bool]:
    return insert(app, table, given, request).id, True


def _update(app: Salesforce, table: Table, _job: Job, given: dict[str, Any], request: Request) -> tuple[str, bool]:
    row = require(table, str(given.pop("Id", "")))
    change(app, table, row, given, request)
    return row.id, False


def _upsert(app: Salesforce, table: Table, job: Job, given: dict[str, Any], request: Request) -> tuple[str, bool]:
    key = key_field(table, job.key or "Id")
    found = upsert_row(app, table, key, str(given.pop(key.name, "")), given, request)
    if isinstance(found, list):
        raise Fault("DUPLICATE_EXTERNAL_ID", f"{key.name}: more than one record found")
    return found[0].id, found[1]


def _delete(_app: Salesforce, table: Table, _job: Job, given: dict[str, Any], _request: Request) -> tuple[str, bool]:
    row = require(table, str(given.get("Id", "")))
    table.delete(row)
    return row.id, False


def _hard_delete(_app: Salesforce, table: Table, _job: Job, given: dict[str, Any], _request: Request) -> tuple[str, bool]:
    row = require(table, str(given.get("Id", "")))
    table.purge(row)
    return row.id, False


OPERATIONS = {"insert": _insert, "update": _update, "upsert": _upsert, "delete": _delete, "hardDelete": _hard_delete}


@route("GET", "/vXX/jobs/ingest/{id}")
@route("GET", "/vXX/jobs/query/{id}")
def job_state(app: Salesforce, _request: Request, id: str) -> Reply:
    """The first look still sees the work in progress."""
    job = _job(app, id)
    shown = job.as_json(app.version)
    if job.state == "InProgress":
        job.state = "JobComplete"
    return Reply(200, shown)


@route("GET", "/vXX/jobs/ingest/{id}/{which}")
def results(app: Salesforce, _request: Request, id: str, which: str) -> Reply:
    job = _job(app, id)
    heads = {"successfulResults": ["sf__Id", "sf__Created"], "failedResults": ["sf__Id", "sf__Error"], "unprocessedrecords": []}
    rows = {"successfulResults": job.done, "failedResults": job.failed, "unprocessedrecords": job.unprocessed}.get(which)
    if rows is None:
        raise not_found()
    return Reply(200, _csv([*heads[which], *job.names], rows), dict(CSV), rows=len(rows))


@route("DELETE", "/vXX/jobs/ingest/{id}")
def drop(app: Salesforce, _request: Request, id: str) -> Reply:
    del app.jobs[_job(app, id).id]
    return Reply(204)


@route("POST", "/vXX/jobs/query")
def open_query(app: Salesforce, request: Request) -> Reply:
    body = app.body(request)
    operation, text = str(body.get("operation")), str(body.get("query", ""))
    try:
        asked = parse(text)
        table = app.require_table(asked.object)
        plan = Plan(app, table, operation == "queryAll")
        readers = [(name, plan.value(name)) for name in asked.fields]
        rows = [table.rows[id] for id in plan.rows(asked)]
    except Malformed as malformed:
        raise refuse(400, "API_ERROR", f"MALFORMED_QUERY: {malformed}") from None
    except Fault as fault:
        raise fault.refused() from None
    job = _new(app, "query", table.name, operation)
    job.names = [name for name, _ in readers]
    job.done = [{name: _cell(read(row)) for name, read in readers} for row in rows]
    job.state = "UploadComplete"
    shown = job.as_json(app.version)
    job.state = "InProgress"
    return Reply(200, shown)


@route("GET", "/vXX/jobs/query/{id}/results")
def query_results(app: Salesforce, request: Request, id: str) -> Reply:
    job = _job(app, id)
    start, most = int(request.param("locator") or 0), int(request.param("maxRecords") or 50_000)
    page = job.done[start : start + most]
    following = start + most
    headers = {**CSV, "Sforce-Locator": str(following) if following < len(job.done) else "null", "Sforce-NumberOfRecords": str(len(page))}
    return Reply(200, _csv(job.names, page), headers, rows=len(page))


def _new(app: Salesforce, kind: str, object: str, operation: str) -> Job:
    app.queries += 1
    job = Job(f"7505g{app.queries:010d}AAA", kind, object, operation, stamp_text(app.now_s()))
    app.jobs[job.id] = job
    return job


def _job(app: Salesforce, id: str) -> Job:
    job = app.jobs.get(id)
    if job is None:
        raise not_found()
    return job


def _csv(names: list[str], rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, quoting=csv.QUOTE_ALL, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
