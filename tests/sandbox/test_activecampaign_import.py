"""ActiveCampaign's bulk import: the lines of the checklist, by number."""

from __future__ import annotations

import json
from typing import Any

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.wire import Clock

V3 = "/api/3"
IMPORT = f"{V3}/import/bulk_import"


@pytest.fixture
def ac(activecampaign: Caller) -> Caller:
    return activecampaign


def send(ac: Caller, *contacts: dict[str, Any]) -> tuple[int, Any]:
    return ac("POST", IMPORT, {"contacts": list(contacts)})


def info(ac: Caller, batch_id: str) -> Any:
    return ac.ok("GET", f"{V3}/import/info?batchId={batch_id}")


def statuses(ac: Caller, id: str) -> dict[str, str]:
    held = ac.ok("GET", f"{V3}/contacts/{id}/contactLists")["contactLists"]
    return {one["list"]: one["status"] for one in held}


@pytest.mark.parametrize("word", ["Success", "success"])
def test_ac_20_an_import_is_queued(ac: Caller, word: str) -> None:
    ac.set(import_success=word)
    grade = next(one["id"] for one in ac.app.records()["fields"] if one["perstag"] == "LEADLOOM_GRADE")
    contact = {"email": "a@x.example", "first_name": "Ada", "tags": ["new"], "fields": [{"id": int(grade), "value": "A"}]}
    status, answer = send(ac, contact | {"subscribe": [{"listid": 1}], "unsubscribe": [{"listid": 2}]})
    assert (status, answer[word], answer["queued_contacts"]) == (200, 1, 1)
    assert info(ac, answer["batchId"])["status"] == "waiting"
    ac.advance(2)
    assert info(ac, answer["batchId"]) == {"status": "completed", "success": [1], "failure": []}
    assert ac.ok("GET", f"{V3}/contacts/1")["contact"]["firstName"] == "Ada"
    assert statuses(ac, "1") == {"1": "1", "2": "2"}
    assert [one["tag"] for one in ac.ok("GET", f"{V3}/tags")["tags"]] == ["new"]
    assert ac.ok("GET", IMPORT)["recentlyCompleted"] == [{"batchId": answer["batchId"]}]


def test_ac_20_one_bad_contact_refuses_all(ac: Caller) -> None:
    status, answer = send(ac, {"email": "a@x.example"}, {"email": "nope"}, {"email": "b@x.example", "firstName": "B"})
    assert (status, answer["success"]) == (400, 0)
    assert [failure["contact"] for failure in answer["failureReasons"]] == [1, 2]
    ac.advance(2)
    assert ac.app.records()["contacts"] == []


def test_ac_20_sizes(ac: Caller) -> None:
    assert send(ac, *({"email": f"a{at}@x.example"} for at in range(251)))[0] == 400
    assert send(ac, {"email": "a@x.example", "first_name": "x" * 400_000})[0] == 400
    assert send(ac)[0] == 400


def test_ac_20_too_many_imports_is_a_400(clock: Clock) -> None:
    app = sandbox.app("activecampaign", clock=clock, limits="vendor")
    ac = Caller(app, api_token=app.token)
    answers = []
    for at in range(21):
        answers.append(send(ac, {"email": f"a{at}@x.example"}))
        clock.advance(0.5)
    assert [status for status, _ in answers] == [200] * 20 + [400]
    assert answers[-1][1]["message"] == "Rate limit exceeded."


def test_ac_20_ids_do_not_follow_the_addresses(ac: Caller) -> None:
    batch = send(ac, {"email": "a@x.example"}, {"email": "b@x.example"})[1]["batchId"]
    ac.advance(2)
    assert info(ac, batch)["success"] == [2, 1]
    assert ac("GET", f"{V3}/import/info?batchId=nope")[0] == 400


def test_ac_20_nobody_is_subscribed_again(ac: Caller) -> None:
    ac.app.plant([{"email": "a@x.example", "opt_out": "yes"}, {"email": "b@x.example"}])
    send(ac, *({"email": f"{name}@x.example", "subscribe": [{"listid": 1}], "last_name": "Q"} for name in "ab"))
    ac.advance(2)
    assert (statuses(ac, "1"), statuses(ac, "2")) == ({"1": "2"}, {"1": "1"})
    assert ac.ok("GET", f"{V3}/contacts/1")["contact"]["lastName"] == "Q"


def test_ac_24_excluded_addresses_are_skipped(ac: Caller) -> None:
    ac.ok("POST", f"{V3}/lists/exclusions", {"exclusion": {"email": "A@x.example"}})
    batch = send(ac, {"email": "a@x.example"}, {"email": "b@x.example"})[1]["batchId"]
    ac.advance(2)
    assert info(ac, batch) == {"status": "completed", "success": [1], "failure": ["a@x.example"]}
    assert json.loads(json.dumps(ac.ok("GET", f"{V3}/exclusions")))["exclusions"][0]["email"] == "A@x.example"
