"""ActiveCampaign's contacts, values, lists and deletes: the lines of the checklist, by number.

The clock of these tests begins at 2025-12-31 18:00 in US Central.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

import sandbox
from sandbox.activecampaign_rows import central
from sandbox.inprocess import Caller
from sandbox.wire import Clock, Request

V3 = "/api/3"


def new(ac: Caller, email: str = "ada@x.example", **more: Any) -> str:
    id: str = ac.ok("POST", f"{V3}/contacts", {"contact": {"email": email, **more}})["contact"]["id"]
    return id


def shown(ac: Caller, id: str) -> Any:
    return ac.ok("GET", f"{V3}/contacts/{id}")["contact"]


def listed(ac: Caller, query: str = "") -> list[str]:
    return [row["id"] for row in ac.ok("GET", f"{V3}/contacts?{query}")["contacts"]]


def join(ac: Caller, id: str, status: int, list_id: int = 1) -> tuple[int, Any]:
    return ac("POST", f"{V3}/contactLists", {"contactList": {"contact": id, "list": list_id, "status": status}})


def membership(ac: Caller, id: str) -> Any:
    return ac.ok("GET", f"{V3}/contacts/{id}/contactLists")["contactLists"][0]


def field(ac: Caller, tag: str) -> str:
    fields = ac.ok("GET", f"{V3}/fields?limit=100")["fields"]
    id: str = next(one["id"] for one in fields if one["perstag"] == tag)
    return id


def values(ac: Caller, id: str) -> dict[str, str]:
    return {value["field"]: value["value"] for value in ac.ok("GET", f"{V3}/contacts/{id}/fieldValues")["fieldValues"]}


@pytest.fixture
def ac(activecampaign: Caller) -> Caller:
    return activecampaign


DUPLICATE = {
    "errors": [
        {
            "title": "Email address already exists in the system",
            "detail": "",
            "code": "duplicate",
            "source": {"pointer": "/data/attributes/email"},
        }
    ]
}


# -- authentication and shapes -------------------------------------------------------------------------------------------------------------


def test_ac_01_a_bad_token_is_forbidden(ac: Caller) -> None:
    reply = ac.app.handle(Request("GET", f"{V3}/users/me", {"api-token": "nope"}))
    assert (reply.status, json.loads(reply.encode())) == (403, {"message": "Forbidden"})
    assert ac("GET", "/contacts")[0] == 404


def test_ac_01_plans_and_passing_refusals(ac: Caller) -> None:
    ac.set(crm_plan=False, flaky_403=1)
    assert [ac("GET", f"{V3}/users/me")[0] for _ in range(2)] == [403, 200]
    assert ac("GET", f"{V3}/deals") == (403, {"message": "Upgrade your account to enable the CRM"})


def test_ac_02_me(ac: Caller) -> None:
    assert ac.ok("GET", f"{V3}/users/me")["user"]["email"] == "hub@firma.example"
    assert [user["username"] for user in ac.ok("GET", f"{V3}/users")["users"]] == ["anna", "ben", "clara", "hub"]
    assert ac.ok("GET", f"{V3}/users/email/ben@firma.example")["user"]["id"] == "2"


def test_ac_03_wrapped_and_text(ac: Caller) -> None:
    row = shown(ac, new(ac))
    scalars = {name: value for name, value in row.items() if not isinstance(value, (list, dict)) and value is not None}
    assert all(isinstance(value, str) for value in scalars.values())
    page = ac.ok("GET", f"{V3}/contacts")
    assert {"contacts", "meta"} <= set(page)
    assert type(join(ac, row["id"], 1)[1]["contactList"]["status"]) is int


# -- reading -------------------------------------------------------------------------------------------------------------------------------


def test_ac_04_pages(ac: Caller) -> None:
    ac.app.plant({"email": f"a{at}@x.example"} for at in range(130))
    assert [len(listed(ac, query)) for query in ("", "limit=50", "limit=500", "limit=100&offset=100")] == [20, 50, 100, 30]
    meta = ac.ok("GET", f"{V3}/contacts?limit=500&offset=2&listid=1&orders[id]=ASC&id_greater=5&email_like=a")["meta"]
    assert meta["total"] == "125"
    echo = meta["page_input"]
    assert (echo["limit"], echo["offset"], echo["listid"], echo["status"], echo["sort"]) == (100, 2, 1, -1, None)
    assert not {"orders", "filters", "id_greater", "email"} & set(echo)


@pytest.mark.parametrize("query", ["emial=b@x.example", "filter[email]=b@x.example", "orders[udate]=DESC", "filters[nix]=1"])
def test_ac_05_what_is_not_understood_is_ignored(ac: Caller, query: str) -> None:
    new(ac, "a@x.example")
    new(ac, "b@x.example")
    assert listed(ac, query) == ["1", "2"]


def test_ac_06_keyset_and_orders(ac: Caller) -> None:
    for email, last in (("c@x.example", "A"), ("a@x.example", "C"), ("b@x.example", "B")):
        new(ac, email, lastName=last)
    assert listed(ac, "orders[id]=ASC&id_greater=1&limit=1") == ["2"]
    assert listed(ac, "orders[id]=DESC") == ["3", "2", "1"]
    assert listed(ac, "orders[email]=ASC") == ["2", "3", "1"]
    assert listed(ac, "orders[last_name]=DESC") == ["2", "3", "1"]
    assert listed(ac, "id_less=3&id_greater=1") == ["2"]


def test_ac_07_filters_by_time(ac: Caller) -> None:
    first = new(ac, "a@x.example")
    ac.advance(10)
    second = new(ac, "b@x.example")
    assert listed(ac, "filters[updated_after]=2026-01-01T00:00:05Z") == [second]
    assert listed(ac, f"filters[created_after]={quote('2026-01-01T01:00:05+01:00')}") == [second]
    assert listed(ac, "filters[updated_before]=2026-01-01T00:00:05Z") == [first]
    assert listed(ac, "filters[updated_after]=2040-01-01T00:00:00Z") == []


@pytest.mark.parametrize(("zone", "found"), [("central", 0), ("utc", 1)])
def test_ac_07_the_zone_of_a_naive_time(ac: Caller, zone: str, found: int) -> None:
    ac.set(naive_zone=zone)
    new(ac)
    assert len(listed(ac, f"filters[updated_after]={quote('2025-12-31 20:00:00')}")) == found


def test_ac_08_filters(ac: Caller) -> None:
    ids = [new(ac, email, firstName=email[0]) for email in ("ada@x.example", "bo@y.example", "cy@x.example")]
    join(ac, ids[0], 1)
    join(ac, ids[1], 2)
    tag = ac.ok("POST", f"{V3}/tags", {"tag": {"tag": "vip", "tagType": "contact"}})["tag"]["id"]
    ac.ok("POST", f"{V3}/contactTags", {"contactTag": {"contact": ids[2], "tag": tag}})
    assert listed(ac, "email=ADA@x.example") == ids[:1]
    assert listed(ac, "email=nobody@x.example") == []
    assert listed(ac, "email_like=x.exam") == [ids[0], ids[2]]
    assert listed(ac, "listid=1") == ids[:2]
    assert listed(ac, "listid=1&status=2") == [ids[1]]
    assert listed(ac, f"tagid={tag}") == [ids[2]]
    assert listed(ac, "ids=3,1,9") == [ids[0], ids[2]]
    assert listed(ac, "search=bo") == [ids[1]]


def test_ac_09_a_clock_of_its_own(ac: Caller) -> None:
    row = shown(ac, new(ac))
    assert (row["cdate"], row["updated_utc_timestamp"]) == ("2025-12-31T18:00:00-06:00", "2025-12-31 18:00:00")
    assert (row["sms_consent_updated_at"], row["deleted_at"]) == ("0000-00-00 00:00:00", None)
    ac.advance(181 * 86_400)
    assert shown(ac, new(ac, "b@x.example"))["cdate"] == "2026-06-30T19:00:00-05:00"


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (1772956799, "2026-03-08T01:59:59-06:00"),
        (1772956800, "2026-03-08T03:00:00-05:00"),
        (1793516399, "2026-11-01T01:59:59-05:00"),
        (1793516400, "2026-11-01T01:00:00-06:00"),
    ],
)
def test_ac_09_summer_begins_and_ends(second: int, text: str) -> None:
    assert central(second) == text


def test_ac_09_udate_may_be_null(ac: Caller) -> None:
    ac.set(null_udate=True)
    id = new(ac)
    assert shown(ac, id)["udate"] is None
    ac.advance(1)
    ac.ok("PUT", f"{V3}/contacts/{id}", {"contact": {"phone": "1"}})
    assert shown(ac, id)["udate"] == "2025-12-31T18:00:01-06:00"


def moved(ac: Caller, id: str, do: Any) -> bool:
    before = shown(ac, id)["udate"]
    ac.advance(5)
    do()
    return bool(shown(ac, id)["udate"] != before)


@pytest.mark.parametrize("switch", [True, False])
def test_ac_10_what_moves_udate(ac: Caller, switch: bool) -> None:
    ac.set(list_change_bumps=switch, engagement_bumps=switch)
    id, tag = new(ac), ac.ok("POST", f"{V3}/tags", {"tag": {"tag": "vip"}})["tag"]["id"]
    value = {"fieldValue": {"contact": id, "field": field(ac, "LEADLOOM_GRADE"), "value": "A"}}
    assert moved(ac, id, lambda: ac.ok("POST", f"{V3}/contactTags", {"contactTag": {"contact": id, "tag": tag}}))
    assert moved(ac, id, lambda: ac.ok("POST", f"{V3}/fieldValues", value))
    assert moved(ac, id, lambda: join(ac, id, 1)) is switch
    for what in ("open", "click", "score"):
        assert moved(ac, id, lambda what=what: ac.act(what, id=id)) is switch


def test_ac_11_what_a_single_contact_shows(ac: Caller) -> None:
    answer = ac.ok("GET", f"{V3}/contacts/{new(ac, fieldValues=[{'field': field(ac, 'LEADLOOM_GRADE'), 'value': 'A'}])}")
    parts = {"contactAutomations", "contactLists", "deals", "fieldValues", "geoIps", "accountContacts", "contact"}
    assert set(answer) == parts
    assert answer["fieldValues"][0]["value"] == "A"
    assert not {"contactTags", "scoreValues"} & set(answer["contact"])


def test_ac_12_filters_that_do_nothing(ac: Caller) -> None:
    ids = [new(ac, f"{name}@x.example") for name in "ab"]
    for id in ids:
        join(ac, id, 1)
    for query in ("", "filters[contact]=2", "filters[list]=2", "filters[updated_since]=2040-01-01"):
        assert [row["contact"] for row in ac.ok("GET", f"{V3}/contactLists?{query}")["contactLists"]] == ids
    assert membership(ac, ids[1])["contact"] == ids[1]
    assert len(ac.ok("GET", f"{V3}/activities?filters[contact]=1")["activities"]) == 2
    assert ac.ok("GET", f"{V3}/activities?after=2040-01-01T00:00:00Z")["activities"] == []


@pytest.mark.parametrize("works", [True, False])
def test_ac_13_side_loads(ac: Caller, works: bool) -> None:
    ac.set(side_loads=works)
    id = new(ac, fieldValues=[{"field": field(ac, "LEADLOOM_GRADE"), "value": "A"}])
    join(ac, id, 1)
    page = ac.ok("GET", f"{V3}/contacts?include=fieldValues,contactTags,scoreValues,contactLists")
    assert ("fieldValues" in page) is works
    assert [value["contact"] for value in page.get("fieldValues", [])] == ([id] if works else [])
    assert ("contactLists" in page, "contactTags" in page) == (works, works)
    assert "fieldValues" not in ac.ok("GET", f"{V3}/contacts")


def test_ac_14_fields_come_in_pages_of_20(ac: Caller) -> None:
    first = ac.ok("GET", f"{V3}/fields")
    assert (len(first["fields"]), first["meta"]["total"]) == (20, "29")
    assert {one["perstag"] for one in first["fields"]} >= {"LEADLOOM_KEY", "LEADLOOM_STAGE"}
    stage = field(ac, "LEADLOOM_STAGE")
    assert [option["value"] for option in first["fieldOptions"] if option["field"] == stage][:2] == ["raw", "mql"]


def test_ac_14_ids_differ_and_tags_do_not(clock: Clock) -> None:
    def fields(number: int) -> dict[str, str]:
        app = sandbox.app("activecampaign", clock=clock, settings={"account_number": number})
        return {one["perstag"]: one["id"] for one in app.records()["fields"]}

    assert fields(1).keys() == fields(2).keys()
    assert not set(fields(1).values()) & set(fields(2).values())


def test_ac_14_fields_are_made(ac: Caller) -> None:
    made = ac.ok("POST", f"{V3}/fields", {"field": {"title": "Likes", "type": "listbox"}})["field"]
    options = [{"field": made["id"], "value": name, "label": name} for name in "ab"]
    ac.ok("POST", f"{V3}/fieldOption/bulk", {"fieldOptions": options})
    ac.ok("POST", f"{V3}/fieldRels", {"fieldRel": {"field": made["id"], "relid": 0}})
    got = ac.ok("GET", f"{V3}/fields/{made['id']}")
    assert (got["field"]["perstag"], len(got["field"]["options"]), len(got["fieldRels"])) == ("LIKES", 2, 1)
    assert ac("POST", f"{V3}/fields", {"field": {"title": "likes", "type": "text"}})[0] == 422
    id = new(ac, fieldValues=[{"field": made["id"], "value": ["a", "b"]}])
    assert values(ac, id) == {made["id"]: "||a||b||"}
    ac.ok("DELETE", f"{V3}/fields/{made['id']}")
    assert values(ac, id) == {}


# -- writing -------------------------------------------------------------------------------------------------------------------------------


def sync(ac: Caller, **contact: Any) -> tuple[int, Any]:
    return ac("POST", f"{V3}/contact/sync", {"contact": contact})


def test_ac_15_sync(ac: Caller) -> None:
    grade = field(ac, "LEADLOOM_GRADE")
    status, answer = sync(ac, email="ada@x.example", firstName="Ada", phone="1", fieldValues=[{"field": grade, "value": "A"}])
    assert (status, answer["fieldValues"][0]["value"]) == (201, "A")
    status, answer = sync(ac, email="ADA@x.example", phone="")
    assert (status, answer["contact"]["firstName"], answer["contact"]["phone"]) == (200, "Ada", "")
    assert answer["contact"]["email"] == "ada@x.example"
    assert values(ac, answer["contact"]["id"]) == {grade: "A"}
    sync(ac, email="ada@x.example", fieldValues=[{"field": grade, "value": ""}])
    assert values(ac, answer["contact"]["id"]) == {grade: ""}


def test_ac_15_other_codes(ac: Caller) -> None:
    ac.set(sync_status="always_201")
    assert [sync(ac, email="ada@x.example")[0] for _ in range(2)] == [201, 201]
    assert sync(ac, firstName="Ada")[1]["errors"][0]["code"] == "field_missing"
    assert ac("POST", f"{V3}/contact/sync", {"email": "ada@x.example"}) == (400, {})


def test_ac_15_lists_and_tags_stay(ac: Caller) -> None:
    sync(ac, email="ada@x.example", tags=["vip"], contactLists=[{"list": 1, "status": 1}])
    answer = ac.ok("GET", f"{V3}/contacts/1")
    assert (answer["contactLists"], ac.ok("GET", f"{V3}/contacts/1/contactTags")["contactTags"]) == ([], [])


def test_ac_16_addresses_are_unique(ac: Caller) -> None:
    new(ac, "ada@x.example")
    second = new(ac, "bo@x.example")
    assert ac("POST", f"{V3}/contacts", {"contact": {"email": "Ada@X.example"}}) == (422, DUPLICATE)
    assert ac("PUT", f"{V3}/contacts/{second}", {"contact": {"email": "ada@x.example"}}) == (422, DUPLICATE)
    assert ac.ok("PATCH", f"{V3}/contacts/{second}", {"contact": {"email": "cy@x.example"}})["contact"]["email"] == "cy@x.example"
    assert new(ac, "bo@x.example") == "3"


def test_ac_16_addresses_that_will_not_do(ac: Caller) -> None:
    for contact, code in (({"email": "no address"}, "email_invalid"), ({"firstName": "A"}, "field_missing")):
        status, answer = ac("POST", f"{V3}/contacts", {"contact": contact})
        assert (status, answer["errors"][0]["code"]) == (422, code)
    assert ac("POST", f"{V3}/contacts?allowNullEmail=1", {"contact": {"phone": "1"}})[0] == 201


@pytest.mark.parametrize(("strict", "status"), [(False, 422), (True, 201)])
def test_ac_16_case_of_addresses(ac: Caller, strict: bool, status: int) -> None:
    ac.set(email_case_sensitive=strict)
    new(ac, "ada@x.example")
    assert ac("POST", f"{V3}/contacts", {"contact": {"email": "Ada@x.example"}})[0] == status


def test_ac_17_values_are_upserted(ac: Caller) -> None:
    id, grade, reason = new(ac), field(ac, "LEADLOOM_GRADE"), field(ac, "LEADLOOM_REASON")
    body = {"fieldValue": {"contact": id, "field": grade, "value": "A"}}
    assert ac("POST", f"{V3}/fieldValues", body)[0] == 201
    ac.advance(60)
    status, answer = ac("POST", f"{V3}/fieldValues", {"fieldValue": {"contact": id, "field": grade, "value": "B"}})
    ac.ok("POST", f"{V3}/fieldValues", {"fieldValue": {"contact": id, "field": reason, "value": "why"}})
    assert (status, values(ac, id)) == (200, {grade: "B", reason: "why"})
    assert (answer["fieldValue"]["cdate"], answer["fieldValue"]["udate"]) == ("2025-12-31T18:00:00-06:00", "2025-12-31T18:01:00-06:00")
    ac.ok("PUT", f"{V3}/fieldValues/{answer['fieldValue']['id']}", {"fieldValue": {"value": "C"}})
    assert ac.ok("GET", f"{V3}/fieldValues/{answer['fieldValue']['id']}")["fieldValue"]["value"] == "C"
    assert ac("POST", f"{V3}/fieldValues", {"fieldValue": {"contact": id, "field": 999, "value": "A"}})[0] == 422


def test_ac_17_long_texts_may_be_cut(ac: Caller) -> None:
    ac.set(truncate_at=3)
    grade = field(ac, "LEADLOOM_GRADE")
    assert values(ac, new(ac, fieldValues=[{"field": grade, "value": "abcdef"}])) == {grade: "abc"}


def tag(ac: Caller, name: str) -> tuple[int, Any]:
    return ac("POST", f"{V3}/tags", {"tag": {"tag": name, "tagType": "contact", "description": ""}})


def test_ac_18_tags(ac: Caller) -> None:
    vip = tag(ac, "vip")[1]["tag"]["id"]
    tag(ac, "vip gold")
    status, answer = tag(ac, "VIP")
    assert status == 422
    assert "Duplicate entry" in answer["errors"][0]["title"]
    assert "typetag" in answer["errors"][0]["title"]
    assert len(ac.ok("GET", f"{V3}/tags?search=vip")["tags"]) == 2
    assert [one["id"] for one in ac.ok("GET", f"{V3}/tags?filters[search][eq]=vip")["tags"]] == [vip]


def test_ac_18_associations(ac: Caller) -> None:
    id, vip = new(ac), tag(ac, "vip")[1]["tag"]["id"]
    body = {"contactTag": {"contact": id, "tag": vip}}
    first, again = ac("POST", f"{V3}/contactTags", body), ac("POST", f"{V3}/contactTags", body)
    assert (first[0], again[0]) == (201, 200)
    assert first[1]["contactTag"] == again[1]["contactTag"]
    association = ac.ok("GET", f"{V3}/contacts/{id}/contactTags")["contactTags"][0]["id"]
    ac.ok("DELETE", f"{V3}/contactTags/{association}")
    assert ac("DELETE", f"{V3}/contactTags/{association}")[0] == 404
    assert ac.ok("GET", f"{V3}/contacts/{id}/contactTags")["contactTags"] == []


def test_ac_19_one_account_per_contact(ac: Caller) -> None:
    id = new(ac)
    accounts = [ac.ok("POST", f"{V3}/accounts", {"account": {"name": name}})["account"]["id"] for name in ("Acme", "Beta")]
    link = {"accountContact": {"contact": id, "account": accounts[0], "jobTitle": "CTO"}}
    made = ac.ok("POST", f"{V3}/accountContacts", link)["accountContact"]
    assert made["jobTitle"] == "CTO"
    link["accountContact"]["account"] = accounts[1]
    status, answer = ac("POST", f"{V3}/accountContacts", link)
    assert (status, answer["errors"][0]["code"]) == (422, "field_invalid")
    status, answer = ac("POST", f"{V3}/accounts", {"account": {"name": "ACME"}})
    assert (status, answer["errors"][0]["code"]) == (422, "duplicate")
    ac.ok("DELETE", f"{V3}/accountContacts/{made['id']}")
    assert ac("POST", f"{V3}/accountContacts", link)[0] == 201


def test_ac_21_scores_are_read_only(ac: Caller) -> None:
    id = new(ac)
    ac.act("score", id=id)
    assert ac.ok("GET", f"{V3}/contacts/{id}/scoreValues")["scoreValues"][0]["scoreValue"] == "1"
    for method, path in (("POST", "scores"), ("POST", "scoreValues"), ("PUT", "scoreValues/1")):
        assert ac(method, f"{V3}/{path}", {})[0] == 403


def test_ac_21_deals_may_be_stubs(ac: Caller) -> None:
    deal = ac.ok("POST", f"{V3}/deals", {"deal": {"title": "Big", "value": 100, "contact": new(ac)}})["deal"]
    assert (deal["value"], deal["status"]) == ("100", "0")
    assert shown(ac, "1")["deals"] == [deal["id"]]
    ac.set(deals_visible=False)
    assert ac.ok("GET", f"{V3}/deals")["deals"] == [{"title": "Big", "status": "0", "id": "1", "isDisabled": True}]


def test_ac_22_a_bulk_delete_that_deletes_nothing(ac: Caller) -> None:
    assert ac("DELETE", f"{V3}/campaigns?ids[]=1") == (200, {"succeeded": 0, "failed": 0})


# -- consent -------------------------------------------------------------------------------------------------------------------------------


def test_ac_23_status_one_subscribes_again_in_silence(ac: Caller) -> None:
    id = new(ac)
    assert join(ac, id, 1)[0] == 201
    first = membership(ac, id)
    assert (first["status"], first["udate"]) == ("1", None)
    ac.advance(60)
    assert join(ac, id, 2)[0] == 200
    assert (membership(ac, id)["status"], membership(ac, id)["udate"]) == ("2", "2025-12-31T18:01:00-06:00")
    status, answer = join(ac, id, 1)
    again = membership(ac, id)
    assert (status, answer["contactList"]["status"], "channel" in answer["contactList"]) == (200, 1, False)
    assert (again["status"], again["sdate"], again["udate"]) == ("1", first["sdate"], None)


def test_ac_23_bounces_and_refusals(ac: Caller) -> None:
    id = new(ac)
    join(ac, id, 1)
    ac.act("bounce", id=id)
    assert (membership(ac, id)["status"], shown(ac, id)["bounced_hard"]) == ("3", "1")
    assert [join(ac, id, 7)[0], join(ac, id, 1, 9)[0], join(ac, "99", 1)[0]] == [422, 422, 422]
    assert [one["name"] for one in ac.ok("GET", f"{V3}/lists")["lists"]] == ["Newsletter", "Offers"]


# -- deletes and merges --------------------------------------------------------------------------------------------------------------------


def test_ac_25_deleted_means_gone(ac: Caller) -> None:
    id = new(ac)
    assert ac("DELETE", f"{V3}/contacts/{id}") == (200, {})
    missing = {"message": f"No Result found for Subscriber with id {id}"}
    assert [ac(method, f"{V3}/contacts/{id}") for method in ("DELETE", "GET")] == [(404, missing), (404, missing)]
    assert listed(ac) == []
    assert new(ac) == "2"


def test_ac_26_a_merge_leaves_no_pointer(ac: Caller) -> None:
    loser, survivor = new(ac, "l@x.example", phone="1"), new(ac, "s@x.example", firstName="Sue")
    ac.advance(5)
    ac.act("merge", object="contacts", id=loser, into=survivor)
    row = shown(ac, survivor)
    assert (row["email"], row["phone"], row["udate"]) == ("s@x.example", "1", "2025-12-31T18:00:05-06:00")
    assert "l@x.example" not in json.dumps(ac.app.records())
    assert ac("GET", f"{V3}/contacts/{loser}")[0] == 404
    assert ac("POST", f"{V3}/contacts/{loser}/merge", {})[0] == 404


def test_ac_27_mass_disappearance(ac: Caller) -> None:
    ac.app.plant({"email": f"a{at}@x.example"} for at in range(10))
    ac.act("hide", object="contacts", ids=["1", "2", "3", "4", "5", "6"])
    assert listed(ac) == ["7", "8", "9", "10"]
    assert ac("POST", f"{V3}/contacts", {"contact": {"email": "a0@x.example"}})[0] == 422
    ac.act("hide", object="contacts", ids="*", hidden=False)
    assert len(listed(ac)) == 10


# -- limits --------------------------------------------------------------------------------------------------------------------------------


def test_ac_28_five_requests_a_second(clock: Clock) -> None:
    app = sandbox.app("activecampaign", clock=clock, limits="vendor")
    replies = [app.handle(Request("GET", f"{V3}/users/me", {"api-token": app.token})) for _ in range(6)]
    assert [reply.status for reply in replies] == [200] * 5 + [429]
    headers = [replies[-1].headers[name] for name in ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining")]
    assert (int(headers[0]) >= 1, headers[1:]) == (True, ["5", "0"])
    clock.advance(int(headers[0]))
    assert app.handle(Request("GET", f"{V3}/users/me", {"api-token": app.token})).status == 200


@pytest.mark.parametrize("kind", ["503", "502", "504"])
def test_ac_29_trouble_on_a_long_crawl(ac: Caller, kind: str) -> None:
    new(ac)
    ac.fault(kind, path=f"{V3}/contacts", after=1)
    assert [ac("GET", f"{V3}/contacts")[0] for _ in range(3)] == [200, int(kind), 200]
    ac.fault("empty", path=f"{V3}/contacts")
    assert ac("GET", f"{V3}/contacts") == (200, "")
