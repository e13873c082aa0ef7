"""A person's hand in ActiveCampaign, seed rows, state that survives, and the shapes of recorded traffic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.wire import Clock

WIRE = Path(__file__).resolve().parents[2] / "../shared/wire"
recorded = pytest.mark.skipif(not WIRE.exists(), reason="the vendors' recordings are not beside this checkout")

ROW = {
    "first_name": "Ada", "last_name": "Byron", "email": "Ada@x.example", "email2": "a@home.example", "phone": "+49 30 1",
    "mobile": "+49 170 1", "company": "Acme", "owner": "ben@firma.example", "stage": "MQL", "employees": "50",
    "updated": "2025-06-01T10:00:00Z",
}  # fmt: skip


@pytest.fixture
def ac(activecampaign: Caller) -> Caller:
    return activecampaign


def contact(ac: Caller, id: str = "1") -> Any:
    return next(row for row in ac.app.records()["contacts"] if row["id"] == id)


def custom(ac: Caller, id: str = "1") -> dict[str, str]:
    return {value["perstag"]: value["value"] for value in contact(ac, id)["fieldValues"] if value["value"] != ""}


def statuses(ac: Caller, id: str = "1") -> dict[str, str]:
    return {held["list"]: held["status"] for held in contact(ac, id)["contactLists"]}


def test_a_seed_row_becomes_a_contact(ac: Caller) -> None:
    assert ac.app.plant([ROW]).accepted == 1
    row = contact(ac)
    assert (row["email"], row["firstName"], row["lastName"], row["phone"]) == ("Ada@x.example", "Ada", "Byron", "+49 30 1")
    assert row["udate"] == "2025-06-01T05:00:00-05:00"
    assert custom(ac) == {
        "LEADLOOM_STAGE": "mql",
        "LEADLOOM_EMPLOYEES": "50",
        "LEADLOOM_COMPANY": "Acme",
        "LEADLOOM_MOBILE": "+49 170 1",
        "LEADLOOM_OWNER": "ben@firma.example",
        "LEADLOOM_OTHER_EMAILS": "a@home.example",
    }
    assert statuses(ac) == {"1": "1"}


def test_seed_rows_that_are_refused(ac: Caller) -> None:
    rows = [ROW, {"name": "No Mail"}, {"email": "ada@X.example"}, {"email": "nonsense"}, {"name": "Bo Van Li", "email": "b@x.example"}]
    counts = ac.app.plant(rows)
    reasons = {"no e-mail address": 1, "e-mail address already exists": 1, "not a valid e-mail address": 1}
    assert (counts.accepted, counts.refused) == (2, reasons)
    assert (contact(ac, "2")["firstName"], contact(ac, "2")["lastName"]) == ("Bo Van", "Li")


def test_an_opted_out_row_is_unsubscribed(ac: Caller) -> None:
    ac.app.plant([ROW | {"opt_out": "1"}])
    assert statuses(ac) == {"1": "2"}
    assert contact(ac)["contactLists"][0]["udate"] == "2025-06-01T05:00:00-05:00"


def test_bare_has_none_of_our_fields(clock: Clock) -> None:
    app = sandbox.app("activecampaign", clock=clock, bare=True)
    app.plant([ROW])
    assert (app.records()["fields"], app.records()["contacts"][0]["fieldValues"]) == ([], [])


def test_x_11_a_person_edits_and_clears(ac: Caller) -> None:
    ac.app.plant([ROW, {"email": "b@x.example"}])
    ac.advance(60)
    ac.act("edit", object="contacts", id="1", fields={"email": "new@x.example", "LEADLOOM_SCORE": 7, "lastName": None})
    ac.act("clear", object="contacts", id="1", fields=["phone", "LEADLOOM_COMPANY"])
    row = contact(ac)
    assert (row["email"], row["lastName"], row["phone"], row["udate"]) == ("new@x.example", "", "", "2025-12-31T18:01:00-06:00")
    assert custom(ac)["LEADLOOM_SCORE"] == "7"
    assert "LEADLOOM_COMPANY" not in custom(ac)
    with pytest.raises(AssertionError, match="already exists"):
        ac.act("edit", object="contacts", id="2", fields={"email": "NEW@x.example"})


def test_x_11_create_delete_restore_purge(ac: Caller) -> None:
    id = ac.act("create", object="contacts", fields={"email": "a@x.example"})["id"]
    ac.act("delete", object="contacts", id=id)
    assert ac.app.records()["contacts"] == []
    ac.act("restore", object="contacts", id=id)
    assert ac.ok("GET", "/api/3/contacts?email=a@x.example")["contacts"][0]["id"] == str(id)
    ac.act("purge", object="contacts", id=id)
    with pytest.raises(AssertionError, match="no deleted contact"):
        ac.act("restore", object="contacts", id=id)


def test_x_11_opt_out_by_hand(ac: Caller) -> None:
    ac.app.plant([ROW])
    ac.ok("POST", "/api/3/contactLists", {"contactList": {"contact": 1, "list": 2, "status": 1}})
    ac.act("edit", object="contacts", id=1, opt_out=True)
    assert statuses(ac) == {"1": "2", "2": "2"}
    id = ac.act("create", object="contacts", fields={"email": "b@x.example"}, opt_out=True)["id"]
    assert statuses(ac, str(id)) == {"1": "2"}


@pytest.mark.parametrize(
    "body",
    [
        {"do": "dance"},
        {"do": "edit", "id": 9},
        {"do": "edit", "id": 1, "fields": {"nix": 1}},
        {"do": "clear", "id": 1, "fields": ["email"]},
    ],
)
def test_an_act_that_makes_no_sense_is_refused(ac: Caller, body: dict[str, Any]) -> None:
    ac.app.plant([ROW])
    with pytest.raises(AssertionError):
        ac.control("act", body)


def test_x_11_a_workflow_answers_a_write_with_another(ac: Caller) -> None:
    ac.app.plant([ROW])
    ac.act("workflow", object="contacts", when="LEADLOOM_STAGE", fields={"phone": "changed", "LEADLOOM_GRADE": "Z"})
    ac.ok("POST", "/api/3/contact/sync", {"contact": {"email": "ada@x.example", "lastName": "Q"}})
    assert contact(ac)["phone"] == "+49 30 1"
    ac.act("edit", object="contacts", id=1, fields={"LEADLOOM_STAGE": "hot"})
    assert (contact(ac)["phone"], custom(ac)["LEADLOOM_GRADE"]) == ("changed", "Z")


def test_x_14_ids_are_texts_of_digits(ac: Caller) -> None:
    ac.app.plant([ROW])
    assert ac.ok("GET", "/api/3/contacts")["contacts"][0]["id"] == "1"


def test_state_survives(ac: Caller, clock: Clock) -> None:
    ac.app.plant([ROW, {"email": "b@x.example", "opt_out": "1"}, {"email": "c@x.example"}])
    tag = ac.ok("POST", "/api/3/tags", {"tag": {"tag": "vip"}})["tag"]["id"]
    ac.ok("POST", "/api/3/contactTags", {"contactTag": {"contact": 1, "tag": tag}})
    ac.advance(9)
    ac.act("edit", object="contacts", id=1, fields={"LEADLOOM_GRADE": "B"})
    ac.ok("DELETE", "/api/3/contacts/3")
    other = sandbox.app("activecampaign", clock=clock)
    other.restore(json.loads(json.dumps(ac.app.snapshot())))
    assert other.records() == ac.app.records()
    again = Caller(other, api_token=other.token)
    assert again("POST", "/api/3/contacts", {"contact": {"email": "ada@x.example"}})[0] == 422
    assert again.ok("POST", "/api/3/contacts", {"contact": {"email": "c@x.example"}})["contact"]["id"] == "4"
    assert again("DELETE", "/api/3/contactTags/1")[0] == 200


def test_reset_returns_to_the_seed(ac: Caller) -> None:
    ac.app.plant([ROW])
    ac.ok("DELETE", "/api/3/contacts/1")
    ac.control("reset")
    assert contact(ac)["email"] == "Ada@x.example"


# -- recorded traffic ----------------------------------------------------------------------------------------------------------------------

# Named differently, or gone, in traffic that is five years younger.
OLD_NAMES = {"emailDomain", "email_empty", "adate", "ordernum", "automationEntryCounts"}


def missing(wanted: Any, got: Any, where: str = "") -> list[str]:
    """Keys of the recording that the answer lacks."""
    if isinstance(wanted, dict) and isinstance(got, dict) and not where.endswith(".links"):
        lost = [f"{where}.{name}" for name in wanted if name not in got and name not in OLD_NAMES]
        return lost + [line for name in wanted if name in got for line in missing(wanted[name], got[name], f"{where}.{name}")]
    if isinstance(wanted, list) and isinstance(got, list) and wanted and got:
        return missing(wanted[0], got[0], f"{where}[]")
    return []


@recorded
@pytest.mark.parametrize(("file", "path"), [("getContact.json", "contacts/1"), ("accountsList.json", "accounts")])
def test_answers_have_the_shape_of_recorded_traffic(ac: Caller, file: str, path: str) -> None:
    ac.app.plant([ROW])
    ac.ok("POST", "/api/3/accounts", {"account": {"name": "Acme"}})
    wanted = json.loads((WIRE / "recorded/activecampaign-java" / file).read_text(encoding="utf-8"))
    assert missing(wanted, ac.ok("GET", f"/api/3/{path}")) == []


@recorded
def test_documented_filters_are_all_known(ac: Caller) -> None:
    """Each filter of the published description changes the answer, or needs what the imitation has not."""
    text = (WIRE / "specs/activecampaign/activecampaign.openapi.yaml").read_text(encoding="utf-8")
    block = text[text.index("  /api/3/contacts:\n") : text.index("  /api/3/contacts/{contactId}:")]
    named = {line.split("name: ")[1].strip() for line in block.splitlines() if "name: " in line}
    absent = {"formid", "segmentid", "seriesid", "waitid", "in_group_lists", "forders[score]"}
    from sandbox.activecampaign_contacts import FILTERS, ORDERS

    known = {*FILTERS, *(f"orders[{name}]" for name in ORDERS), "id_greater", "id_less"}
    assert named - absent <= known
