"""Real answers of the vendors, recorded by others: what a connector could meet must parse, or be refused with a reason."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from connectors.answers import Answer
from connectors.errors import Unreadable
from connectors.http import Busy
from connectors.hubspot_api import judge
from connectors.hubspot_records import record_of as contact_of
from connectors.salesforce_api import _errors
from connectors.salesforce_records import cause_of, long_id, moment, record_of, schema_of

RECORDED = Path(__file__).resolve().parents[2] / "../shared/wire/recorded"
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded traffic is not beside this repository")


def exchanges(name, part):
    with (RECORDED / "grouparoo" / name).open(encoding="utf-8") as lines:
        return [exchange for line in lines if part in (exchange := json.loads(line))["url"]]


def described(object):
    text = (RECORDED / f"cumulusci/GET_sobjects_{object}_describe.yaml").read_text(encoding="utf-8")
    return json.loads(re.sub(r"\n\s+", " ", text[text.index('{"actionOverrides"') :]).strip())


def restforce(name):
    return json.loads((RECORDED / f"restforce/{name}.json").read_text(encoding="utf-8"))


def test_hubspot_rows_of_batches_and_searches_parse():
    answers = exchanges("hubspot__export-objects__export-records-companies.jsonl", "/crm/v3/objects/")
    rows = [row for exchange in answers if exchange["status"] in (200, 201) for row in exchange["response"]["results"]]
    records = [contact_of("contacts", row, ["name", "website"]) for row in rows]
    assert len(records) > 50
    assert all(record.id.isdigit() and record.changed_at is not None for record in records)


def test_hubspot_repeats_a_cleared_value_as_empty_text():
    cleared = [
        row["properties"]
        for exchange in exchanges("hubspot__export-objects__export-records-companies.jsonl", "batch/update")
        for row in exchange["response"]["results"]
        if row["properties"].get("website") == ""
    ]
    assert cleared
    assert all(contact_of("contacts", {"id": "1", "properties": shown}, ["website"]).fields == {"website": None} for shown in cleared)


def test_hubspot_throttling_without_a_policy_waits_a_second_for_a_search():
    answers = exchanges("hubspot__export-objects__export-records-companies.jsonl", "/search")
    throttled = [exchange for exchange in answers if exchange["status"] == 429]
    assert throttled
    for exchange in throttled:
        answer = Answer("hub", 429, exchange["headers"], json.dumps(exchange["response"]).encode())
        assert judge("hub")(answer, "search") == Busy(1.0)


def test_a_salesforce_lead_is_described():
    fields = schema_of(described("Lead")).fields
    assert (fields["LastName"].required, fields["LastName"].length, fields["Company"].required) == (True, 80, True)
    assert (fields["OwnerId"].type, fields["Street"].type, fields["NumberOfEmployees"].type) == ("owner", "long_text", "int")
    assert fields["Name"].writable is False
    assert "opt_out:email" not in fields  # hidden from this recording's user by field-level security


def test_salesforce_rows_of_collections_succeed_or_name_their_field():
    answers = exchanges("salesforce__export-account__export-records-custom.jsonl", "composite/sobjects")
    rows = [row for exchange in answers for row in exchange["response"]]
    refused = [error for row in rows if not row["success"] for error in row["errors"]]
    assert all(len(long_id(row["id"])) == 18 for row in rows if row["success"])
    assert [(cause_of(error["statusCode"]), error["fields"]) for error in refused] == [("invalid_email", ["email_field__c"])]


def test_salesforce_pages_parse():
    body = restforce("sobject__query_paginated_first_page_response")
    assert body["nextRecordsUrl"].startswith("/services/data/")
    assert [record_of("Lead", {"Id": "00Q000000000001", **row}, {}, "SystemModstamp").id for row in body["records"]]


@pytest.mark.parametrize("name", ["expired_session_response", "sobject__query_error_response", "sobject__write_error_response"])
def test_salesforce_errors_have_a_code(name):
    assert all(code.isupper() for code, _, _ in _errors(restforce(name)))
    assert len(_errors(restforce(name))) == 1


def test_salesforce_times_parse():
    assert str(moment("2026-05-01T07:25:37.000+0000")) == "2026-05-01 07:25:37+00:00"


@pytest.mark.parametrize("body", [b"", b"<html>Sorry to interrupt</html>", b'[{"id": "00Q'])
def test_what_is_no_json_is_refused_with_a_reason(body):
    with pytest.raises(Unreadable, match="not JSON"):
        Answer("hub", 200, {}, body).json()
