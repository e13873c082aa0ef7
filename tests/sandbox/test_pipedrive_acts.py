"""A person's hand in Pipedrive, seed rows, and state that survives."""

from __future__ import annotations

import json
from typing import Any

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.wire import Clock

ROW = {
    "first_name": "Ada", "last_name": "Byron", "email": "ada@x.example", "email2": "a@home.example", "phone": "+49 30 1",
    "mobile": "+49 170 1", "company": "Acme", "owner": "ben@firma.example", "stage": "mql", "employees": "50", "city": "Bonn",
    "opt_out": "yes", "budget": "partial", "updated": "2025-06-01T10:00:00Z",
}  # fmt: skip


def plant(pipedrive: Caller, *rows: dict[str, str]) -> Any:
    return pipedrive.app.plant(rows)


def person(pipedrive: Caller, id: int = 1) -> Any:
    return next(row for row in pipedrive.app.records()["persons"] if row["id"] == id)


def custom(pipedrive: Caller, id: int = 1) -> dict[str, Any]:
    """Custom values by name, choices by label."""
    fields = {field["field_code"]: field for field in pipedrive.app.records()["personFields"]}
    named = {}
    for code, value in person(pipedrive, id)["custom_fields"].items():
        labels = {option["id"]: option["label"] for option in fields[code]["options"] or []}
        if value is not None:
            named[fields[code]["field_name"]] = labels.get(value, value)
    return named


def test_a_seed_row_becomes_a_person(pipedrive: Caller) -> None:
    assert plant(pipedrive, ROW).accepted == 1
    row = person(pipedrive)
    assert (row["name"], row["owner_id"], row["marketing_status"]) == ("Ada Byron", 102, "unsubscribed")
    assert row["update_time"] == "2025-06-01T10:00:00Z"
    assert [(mail["value"], mail["primary"]) for mail in row["emails"]] == [("ada@x.example", True), ("a@home.example", False)]
    assert [phone["label"] for phone in row["phones"]] == ["work", "mobile"]
    assert custom(pipedrive) == {
        "leadloom_stage": "mql",
        "leadloom_employees": 50,
        "leadloom_city": "Bonn",
        "leadloom_bant_budget": "partial",
    }


def test_seed_rows_of_one_company_share_an_organisation(pipedrive: Caller) -> None:
    plant(pipedrive, ROW, {"name": "Bo Li", "company": "Acme"}, {"name": "Cy"}, {"email": "nameless@x.example"})
    assert [row["org_id"] for row in pipedrive.app.records()["persons"]] == [1, 1, None]
    assert pipedrive.app.records()["organizations"][0]["name"] == "Acme"


def test_names_stay_as_given_and_whole_names_are_split(pipedrive: Caller) -> None:
    plant(pipedrive, {"last_name": "Berg"}, {"name": "Bo van Li"})
    names = [(row["first_name"], row["last_name"], row["name"]) for row in pipedrive.app.records()["persons"]]
    assert names == [(None, "Berg", "Berg"), ("Bo", "van Li", "Bo van Li")]


def test_a_deal_by_hand_shows_in_the_counts(pipedrive: Caller) -> None:
    plant(pipedrive, ROW)
    pipedrive.act("create", object="deals", fields={"title": "Big", "person_id": 1})
    assert pipedrive.ok("GET", "/api/v2/persons/1?include_fields=open_deals_count")["data"]["open_deals_count"] == 1


def test_a_row_without_a_name_is_refused(pipedrive: Caller) -> None:
    counts = plant(pipedrive, {"email": "nameless@x.example"})
    assert (counts.accepted, counts.refused) == (0, {"no name": 1})


def test_bare_has_none_of_our_fields(clock: Clock) -> None:
    app = sandbox.app("pipedrive", clock=clock, bare=True)
    app.plant([ROW])
    assert app.records()["persons"][0]["custom_fields"] == {}


def test_x_11_a_person_edits(pipedrive: Caller) -> None:
    plant(pipedrive, ROW)
    pipedrive.advance(5)
    fields = {"first_name": "Ada M", "emails": ["new@x.example"], "leadloom_stage": "hot", "org_name": "Beta", "leadloom_score": 7}
    pipedrive.act("edit", object="persons", id=1, fields=fields)
    row = person(pipedrive)
    assert (row["name"], row["emails"][0]["value"], row["org_id"], row["update_time"]) == (
        "Ada M Byron",
        "new@x.example",
        2,
        "2026-01-01T00:00:05Z",
    )
    assert (custom(pipedrive)["leadloom_stage"], custom(pipedrive)["leadloom_score"]) == ("hot", 7)


def test_x_11_a_person_clears(pipedrive: Caller) -> None:
    plant(pipedrive, ROW)
    pipedrive.act("clear", object="persons", id=1, fields=["phones", "leadloom_city", "org_id"])
    assert (person(pipedrive)["phones"], person(pipedrive)["org_id"]) == ([], None)
    assert "leadloom_city" not in custom(pipedrive)


def test_x_11_create_delete_restore_purge(pipedrive: Caller) -> None:
    id = pipedrive.act("create", object="persons", fields={"name": "Di", "emails": "d@x.example"})["id"]
    pipedrive.act("delete", object="persons", id=id)
    assert pipedrive.app.records()["persons"] == []
    pipedrive.act("restore", object="persons", id=id)
    assert person(pipedrive, id)["name"] == "Di"
    pipedrive.act("purge", object="persons", id=id)
    with pytest.raises(AssertionError, match="no deleted person"):
        pipedrive.act("restore", object="persons", id=id)


def test_x_11_opt_out_by_hand(pipedrive: Caller) -> None:
    plant(pipedrive, ROW | {"opt_out": "no"})
    assert person(pipedrive)["marketing_status"] == "no_consent"
    pipedrive.act("edit", object="persons", id=1, opt_out=True)
    assert person(pipedrive)["marketing_status"] == "unsubscribed"
    pipedrive.set(marketing=False)
    with pytest.raises(AssertionError, match="Campaigns add-on"):
        pipedrive.act("edit", object="persons", id=1, opt_out=True)


@pytest.mark.parametrize(
    "body", [{"do": "dance"}, {"do": "edit", "id": 9}, {"do": "edit", "id": 1, "fields": {"nix": 1}}, {"do": "clear", "id": 1}]
)
def test_an_act_that_makes_no_sense_is_refused(pipedrive: Caller, body: dict[str, Any]) -> None:
    plant(pipedrive, ROW)
    with pytest.raises(AssertionError):
        pipedrive.control("act", body)


def test_x_11_a_workflow_answers_a_write_with_another(pipedrive: Caller) -> None:
    plant(pipedrive, ROW)
    when = {"field": "first_name", "value": "Bea"}
    pipedrive.act("workflow", object="persons", when=when, fields={"leadloom_grade": "Z"})
    pipedrive.ok("PATCH", "/api/v2/persons/1", {"first_name": "Eve"})
    assert "leadloom_grade" not in custom(pipedrive)
    pipedrive.ok("PATCH", "/api/v2/persons/1", {"first_name": "Bea"})
    assert custom(pipedrive)["leadloom_grade"] == "Z"


def test_x_12_unknown_fields_appear(pipedrive: Caller) -> None:
    plant(pipedrive, ROW)
    pipedrive.set(extra_fields={"brand_new": 1})
    assert pipedrive.ok("GET", "/api/v2/persons")["data"][0]["brand_new"] == 1


def test_x_14_ids_are_integers(pipedrive: Caller) -> None:
    plant(pipedrive, ROW)
    assert type(pipedrive.ok("GET", "/api/v2/persons")["data"][0]["id"]) is int


def test_state_survives(pipedrive: Caller, clock: Clock) -> None:
    plant(pipedrive, ROW, {"name": "Bo"}, {"name": "Cy"})
    pipedrive.ok("PATCH", "/api/v2/persons/2", {"marketing_status": "subscribed", "label_ids": [4], "name": "Bob"})
    pipedrive.ok("POST", "/v1/leads", {"title": "L", "person_id": 2})
    pipedrive.ok("DELETE", "/api/v2/persons/3")
    other = sandbox.app("pipedrive", clock=clock)
    other.restore(json.loads(json.dumps(pipedrive.app.snapshot())))
    assert other.records() == pipedrive.app.records()
    again = Caller(other, x_api_token=other.token)
    assert again.ok("GET", "/v1/persons/2/changelog") == pipedrive.ok("GET", "/v1/persons/2/changelog")
    assert again.ok("POST", "/api/v2/persons", {"name": "Di"})["data"]["id"] == 4


def test_reset_returns_to_the_seed(pipedrive: Caller) -> None:
    plant(pipedrive, ROW)
    pipedrive.act("edit", object="persons", id=1, fields={"name": "Other"})
    pipedrive.control("reset")
    assert person(pipedrive)["name"] == "Ada Byron"
