"""Bulk API 2.0, line by line."""

from __future__ import annotations

import csv
import io
from typing import Any

from sandbox.inprocess import Caller
from sandbox.wire import Request

JOBS = "/services/data/v59.0/jobs"
LEAD = "/services/data/v59.0/sobjects/Lead"


def job(salesforce: Caller, text: str, operation: str = "upsert") -> str:
    body = {"object": "Lead", "operation": operation, "externalIdFieldName": "Leadloom_Key__c"}
    id: str = salesforce.ok("POST", f"{JOBS}/ingest", body)["id"]
    reply = salesforce.app.handle(Request("PUT", f"{JOBS}/ingest/{id}/batches", salesforce.headers, text.encode()))
    assert reply.status == 201
    return id


def closed(salesforce: Caller, id: str, state: str = "UploadComplete") -> list[str]:
    states = [salesforce.ok("PATCH", f"{JOBS}/ingest/{id}", {"state": state})["state"]]
    return [*states, *(salesforce.ok("GET", f"{JOBS}/ingest/{id}")["state"] for _ in range(2))]


def result(salesforce: Caller, id: str, which: str) -> list[dict[str, str]]:
    reply = salesforce.app.handle(Request("GET", f"{JOBS}/ingest/{id}/{which}", salesforce.headers))
    assert reply.headers["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(reply.encode().decode())))


def test_sf_40_states_and_results_in_another_order(salesforce: Caller) -> None:
    id = job(salesforce, "Leadloom_Key__c,LastName,Company\nk1,A,F\nk2,B,\nk3,C,F\n")
    assert closed(salesforce, id) == ["UploadComplete", "InProgress", "JobComplete"]
    done, failed = result(salesforce, id, "successfulResults"), result(salesforce, id, "failedResults")
    assert [(row["Leadloom_Key__c"], row["sf__Created"]) for row in done] == [("k3", "true"), ("k1", "true")]
    assert (failed[0]["sf__Id"], failed[0]["sf__Error"]) == (
        "",
        "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --",
    )
    aborted = job(salesforce, "Leadloom_Key__c,LastName,Company\nk1,A,F\n")
    assert closed(salesforce, aborted, "Aborted")[0] == "Aborted"
    assert len(result(salesforce, aborted, "unprocessedrecords")) == 1


def test_sf_41_empty_cells_keep_and_na_clears(salesforce: Caller) -> None:
    first = 'Leadloom_Key__c,LastName,Company,City,Street\nk1,Müller,F,Ulm,"Line 1\nLine 2"\n'
    closed(salesforce, job(salesforce, first))
    closed(salesforce, job(salesforce, "Leadloom_Key__c,LastName,City,Street\nk1,,,#N/A\n"))
    row: Any = salesforce.ok("GET", f"{LEAD}/Leadloom_Key__c/k1")
    assert (row["LastName"], row["City"], row["Street"]) == ("Müller", "Ulm", None)


def test_sf_42_query_results_by_locator(salesforce: Caller) -> None:
    salesforce.app.plant({"last_name": f"L{n}"} for n in range(5))
    id = salesforce.ok("POST", f"{JOBS}/query", {"operation": "query", "query": "SELECT Id, IsDeleted FROM Lead"})["id"]
    seen, locator = [], ""
    while locator != "null":
        reply = salesforce.app.handle(Request("GET", f"{JOBS}/query/{id}/results?maxRecords=2&locator={locator}", salesforce.headers))
        seen.append(int(reply.headers["Sforce-NumberOfRecords"]))
        locator = reply.headers["Sforce-Locator"]
    assert seen == [2, 2, 1]


def test_sf_43_a_session_may_end_within_a_job(salesforce: Caller) -> None:
    id = job(salesforce, "Leadloom_Key__c,LastName,Company\nk1,A,F\n")
    salesforce.fault("401", "GET", "*/jobs/ingest/*")
    closed_state = salesforce.ok("PATCH", f"{JOBS}/ingest/{id}", {"state": "UploadComplete"})["state"]
    assert (closed_state, salesforce("GET", f"{JOBS}/ingest/{id}")[0]) == ("UploadComplete", 401)
