"""Pipedrive's lead inbox: the lines of the checklist, by number."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.inprocess import Caller

LEADS = "/api/v1/leads"


@pytest.fixture
def person(pipedrive: Caller) -> int:
    id: int = pipedrive.ok("POST", "/api/v2/persons", {"name": "Ada"})["data"]["id"]
    return id


def lead(pipedrive: Caller, person: int, **body: Any) -> Any:
    return pipedrive.ok("POST", LEADS, {"title": "Ada lead", "person_id": person, **body})["data"]


def test_pd_19_what_a_lead_needs(pipedrive: Caller, person: int) -> None:
    assert pipedrive("POST", LEADS, {"person_id": person})[0] == 400
    assert pipedrive("POST", LEADS, {"title": "A"})[0] == 400
    assert pipedrive("POST", LEADS, {"title": "A", "person_id": 99})[0] == 404
    assert pipedrive("POST", LEADS, {"title": "A", "person_id": person, "visible_to": 3})[0] == 400
    assert pipedrive("POST", LEADS, {"title": "A", "person_id": person})[0] == 201


def test_pd_19_what_a_lead_shows(pipedrive: Caller, person: int) -> None:
    made = lead(pipedrive, person, origin_id="ours-1", visible_to="7", origin="Web")
    assert (made["origin"], made["origin_id"], made["visible_to"]) == ("API", "ours-1", "7")
    assert (made["add_time"], len(made["id"])) == ("2026-01-01T00:00:00.000Z", 36)
    changed = pipedrive.ok("PATCH", f"{LEADS}/{made['id']}", {"title": "B", "origin_id": "other"})["data"]
    assert (changed["title"], changed["origin_id"]) == ("B", "ours-1")
    pipedrive.ok("DELETE", f"{LEADS}/{made['id']}")
    assert pipedrive("GET", f"{LEADS}/{made['id']}")[0] == 404


def test_pd_19_labels(pipedrive: Caller, person: int) -> None:
    labels = pipedrive.ok("GET", "/v1/leadLabels")["data"]
    assert [label["name"] for label in labels] == ["Hot", "Warm", "Cold"]
    assert lead(pipedrive, person, label_ids=[labels[0]["id"]])["label_ids"] == [labels[0]["id"]]
    assert pipedrive("POST", LEADS, {"title": "A", "person_id": person, "label_ids": ["7"]})[0] == 400
    made = pipedrive.ok("POST", "/v1/leadLabels", {"name": "New", "color": "pink"})["data"]
    pipedrive.ok("PATCH", f"/v1/leadLabels/{made['id']}", {"name": "Newer"})
    pipedrive.ok("DELETE", f"/v1/leadLabels/{made['id']}")
    assert len(pipedrive.ok("GET", "/v1/leadLabels")["data"]) == 3
    assert {"name": "API"} in pipedrive.ok("GET", "/v1/leadSources")["data"]


def test_pd_20_conversion_takes_the_lead_away(pipedrive: Caller, person: int) -> None:
    id = lead(pipedrive, person)["id"]
    job = pipedrive.ok("POST", f"/api/v2/leads/{id}/convert/deal", {})["data"]["conversion_id"]
    status = f"/api/v2/leads/{id}/convert/status/{job}"
    assert pipedrive.ok("GET", status)["data"]["status"] == "running"
    assert pipedrive("GET", f"{LEADS}/{id}")[0] == 200
    pipedrive.advance(3)
    done = pipedrive.ok("GET", status)["data"]
    assert done["status"] == "completed"
    assert pipedrive.ok("GET", f"/api/v2/deals/{done['deal_id']}")["data"]["person_id"] == person
    assert pipedrive("GET", f"{LEADS}/{id}")[0] == 404
    assert pipedrive("POST", "/api/v2/leads/nope/convert/deal", {})[1]["error"] == "Entity was not found"


def test_pd_27_archived_leads_are_apart(pipedrive: Caller, person: int) -> None:
    ids = [lead(pipedrive, person)["id"] for _ in range(3)]
    pipedrive.ok("PATCH", f"{LEADS}/{ids[0]}", {"is_archived": True})
    assert [row["id"] for row in pipedrive.ok("GET", LEADS)["data"]] == ids[1:]
    archived = pipedrive.ok("GET", f"{LEADS}/archived?updated_since=2030-01-01T00:00:00Z")["data"]
    assert [row["id"] for row in archived] == ids[:1]
    assert pipedrive.ok("GET", f"{LEADS}?updated_since=2030-01-01T00:00:00Z")["data"] == []


def test_pd_27_pages_by_offset(pipedrive: Caller, person: int) -> None:
    for _ in range(3):
        lead(pipedrive, person)
    page = pipedrive.ok("GET", f"{LEADS}?limit=2&sort=update_time%20ASC")
    expected = {"start": 0, "limit": 2, "more_items_in_collection": True, "next_start": 2}
    assert page["additional_data"]["pagination"] == expected
    assert len(pipedrive.ok("GET", f"{LEADS}?limit=2&start=2")["data"]) == 1
    assert pipedrive.ok("GET", f"{LEADS}?person_id={person + 1}")["data"] == []
