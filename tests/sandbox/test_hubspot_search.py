"""HubSpot's search: filters, ceiling, lag, and many records of one moment."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.inprocess import Caller

V3 = "/crm/v3/objects/contacts"
MS = 1767225600000


def new(hubspot: Caller, **properties: Any) -> str:
    id: str = hubspot.ok("POST", V3, {"properties": properties})["id"]
    return id


def search(hubspot: Caller, *filters: dict[str, Any], **more: Any) -> tuple[int, Any]:
    groups = [{"filters": list(filters)}] if filters else []
    return hubspot("POST", f"{V3}/search", {"filterGroups": groups, "limit": 100, **more})


def found(hubspot: Caller, name: str, operator: str, value: Any = None, **more: Any) -> list[str]:
    filter = {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}
    status, body = search(hubspot, filter)
    assert status == 200, body
    return [row["id"] for row in body["results"]]


def test_hs_19_the_index_lags(hubspot: Caller) -> None:
    hubspot.set(search_lag_s=20)
    id = new(hubspot, email="a@b.io")
    assert found(hubspot, "email", "EQ", "a@b.io") == []
    assert hubspot.ok("GET", f"{V3}/a%40b.io?idProperty=email")["id"] == id
    hubspot.advance(21)
    assert found(hubspot, "email", "EQ", "a@b.io") == [id]


def test_hs_20_not_found_but_there(hubspot: Caller) -> None:
    hubspot.set(search_lag_s=20)
    id = new(hubspot, email="a@b.io")
    assert found(hubspot, "email", "EQ", "a@b.io") == []
    status, body = hubspot("POST", V3, {"properties": {"email": "a@b.io"}})
    assert (status, body["message"].endswith(f"Existing ID: {id}")) == (409, True)


def test_hs_21_pages(hubspot: Caller) -> None:
    ids = [new(hubspot, firstname=str(n)) for n in range(12)]
    first = hubspot.ok("POST", f"{V3}/search", {})
    assert (first["total"], len(first["results"]), first["paging"]) == (12, 10, {"next": {"after": "10"}})
    last = hubspot.ok("POST", f"{V3}/search", {"after": "10"})
    assert ([row["id"] for row in last["results"]], "paging" in last) == (ids[10:], False)
    assert search(hubspot, limit=201)[0] == 400


def test_hs_22_ceiling(hubspot: Caller) -> None:
    assert search(hubspot, after="10000")[0] == 400
    assert search(hubspot, after="9950")[0] == 400
    hubspot.set(search_page_over_ceiling="short")
    assert search(hubspot, after="9950")[0] == 200


def test_hs_23_number_of_filters(hubspot: Caller) -> None:
    one = {"propertyName": "city", "operator": "EQ", "value": "Ulm"}
    statuses = [
        hubspot("POST", f"{V3}/search", {"filterGroups": [{"filters": [one] * filters}] * groups})[0]
        for groups, filters in ((5, 3), (6, 1), (1, 6), (1, 7), (4, 5))
    ]
    assert statuses == [200, 400, 200, 400, 400]
    assert search(hubspot, query="x" * 3001)[0] == 400


def test_hs_24_only_the_first_sort_counts(hubspot: Caller) -> None:
    a, b, c = (new(hubspot, city=city, zip=zip) for city, zip in (("A", "3"), ("A", "1"), ("B", "2")))
    sorts = [{"propertyName": "city", "direction": "DESCENDING"}, {"propertyName": "zip", "direction": "ASCENDING"}]
    _, body = search(hubspot, sorts=sorts)
    assert [row["id"] for row in body["results"]] == [c, b, a]


def test_hs_25_operators(hubspot: Caller) -> None:
    ada = new(hubspot, email="ada@b.io", firstname="Ada", leadloom_score=5, lifecyclestage="lead")
    bob = new(hubspot, email="bob@c.io", firstname="Bob", leadloom_score=9, city="Ulm")
    assert found(hubspot, "firstname", "EQ", "ADA") == [ada]
    assert found(hubspot, "firstname", "NEQ", "ada") == [bob]
    assert found(hubspot, "firstname", "IN", values=["ada", "bob"]) == [ada, bob]
    assert found(hubspot, "firstname", "IN", values=["Ada"]) == []
    assert found(hubspot, "lifecyclestage", "EQ", "LEAD") == []
    assert found(hubspot, "lifecyclestage", "EQ", "lead") == [ada]
    assert found(hubspot, "leadloom_score", "GT", "5") == [bob]
    assert found(hubspot, "leadloom_score", "BETWEEN", "5", highValue="8") == [ada]
    assert found(hubspot, "city", "HAS_PROPERTY") == [bob]
    assert found(hubspot, "city", "NOT_HAS_PROPERTY") == [ada]
    assert found(hubspot, "email", "CONTAINS_TOKEN", "*@b.io") == [ada]
    assert found(hubspot, "email", "NOT_CONTAINS_TOKEN", "ada*") == [bob]


def test_hs_25_times_in_milliseconds_or_iso(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    assert found(hubspot, "lastmodifieddate", "GTE", str(MS)) == [id]
    assert found(hubspot, "lastmodifieddate", "GT", str(MS)) == []
    assert found(hubspot, "lastmodifieddate", "LTE", "2026-01-01T00:00:00Z") == [id]
    hubspot.set(iso_in_search=False)
    assert search(hubspot, {"propertyName": "lastmodifieddate", "operator": "LTE", "value": "2026-01-01T00:00:00Z"})[0] == 400


@pytest.mark.parametrize("ghosts", [False, True])
def test_hs_26_archived_never_merged_perhaps(hubspot: Caller, ghosts: bool) -> None:
    hubspot.set(merged_ghosts=ghosts)
    one, two, gone = new(hubspot, city="Ulm"), new(hubspot, city="Ulm"), new(hubspot, city="Ulm")
    survivor = hubspot.act("merge", id=two, into=one)["id"]
    hubspot.act("delete", id=gone)
    assert set(found(hubspot, "city", "EQ", "Ulm")) == ({one, two, survivor} if ghosts else {survivor})


def test_hs_27_no_associations_in_search_and_batch_read(hubspot: Caller) -> None:
    contact = new(hubspot, email="a@b.io")
    company = hubspot.ok("POST", "/crm/v3/objects/companies", {"properties": {"name": "Firma"}})["id"]
    hubspot.ok("PUT", f"/crm/v4/objects/contact/{contact}/associations/default/company/{company}")
    assert "associations" in hubspot.ok("GET", f"{V3}/{contact}?associations=companies")
    assert "associations" not in hubspot.ok("POST", f"{V3}/search", {"associations": ["companies"]})["results"][0]
    rows = hubspot.ok("POST", f"{V3}/batch/read?associations=companies", {"inputs": [{"id": contact}]})["results"]
    assert "associations" not in rows[0]


def test_hs_29_more_than_a_search_can_show_share_one_moment(hubspot: Caller) -> None:
    hubspot.app.plant({"first_name": str(n)} for n in range(10_050))
    hubspot.advance(60)
    hubspot.act("edit", all=True, fields={"city": "Ulm"})
    _, body = search(hubspot, {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(MS + 60000)})
    assert (body["total"], {row["updatedAt"] for row in body["results"]}) == (10_050, {"2026-01-01T00:01:00.000Z"})


def test_hs_30_what_does_not_move_the_date(hubspot: Caller) -> None:
    contact = new(hubspot, email="a@b.io")
    company = hubspot.ok("POST", "/crm/v3/objects/companies", {"properties": {"name": "Firma"}})["id"]
    hubspot.advance(60)
    hubspot.ok("PUT", f"/crm/v4/objects/contact/{contact}/associations/default/company/{company}")
    hubspot.act("edit", id=contact, internal=True)
    shown = hubspot.ok("GET", f"{V3}/{contact}?properties=hs_lastmodifieddate")["properties"]
    assert shown["lastmodifieddate"] == "2026-01-01T00:00:00.000Z"
    assert shown["hs_lastmodifieddate"] == "2026-01-01T00:01:00.000Z"


def test_pages_of_a_large_portal_take_milliseconds(hubspot: Caller) -> None:
    hubspot.app.plant({"first_name": str(n), "email": f"p{n}@b.io"} for n in range(20_000))
    filters = [
        {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(MS)},
        {"propertyName": "hs_object_id", "operator": "GT", "value": "0"},
    ]
    search(hubspot, *filters)
    begin = time.perf_counter()
    for page in range(20):
        search(hubspot, *filters, after=str(page * 100))
        hubspot.ok("GET", f"{V3}?limit=100&after={10_000_001 + page * 100}")
    assert time.perf_counter() - begin < 5  # generous: it is about 0.1 s
