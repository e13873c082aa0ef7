"""Pipedrive's records, lists, search, merges and deletes: the lines of the checklist, by number."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.wire import Clock, Request

V2 = "/api/v2/persons"


def new(pipedrive: Caller, name: str = "Ada Byron", **body: Any) -> int:
    id: int = pipedrive.ok("POST", V2, {"name": name, **body})["data"]["id"]
    return id


def emails(*values: str) -> list[dict[str, Any]]:
    return [{"value": value} for value in values]


def shown(pipedrive: Caller, id: int, query: str = "") -> Any:
    return pipedrive.ok("GET", f"{V2}/{id}{query}")["data"]


def key(pipedrive: Caller, name: str) -> str:
    fields = pipedrive.ok("GET", "/api/v2/personFields?limit=500")["data"]
    code: str = next(field["field_code"] for field in fields if field["field_name"] == name)
    return code


def listed(pipedrive: Caller, query: str = "") -> list[int]:
    return [row["id"] for row in pipedrive.ok("GET", f"{V2}?{query}")["data"]]


def refused(pipedrive: Caller, method: str, path: str, body: Any = None) -> tuple[int, str]:
    status, answer = pipedrive(method, path, body)
    return status, answer.get("code", "")


SCHEMA = (400, "ERR_SCHEMA_VALIDATION_FAILED")


# -- authentication and endpoints ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("accepted", "status"), [(False, 401), (True, 200)])
def test_pd_01_a_token_in_the_query(pipedrive: Caller, accepted: bool, status: int) -> None:
    pipedrive.set(token_in_query=accepted)
    reply = pipedrive.app.handle(Request("GET", f"{V2}?api_token={pipedrive.app.token}", {}))
    assert reply.status == status
    assert pipedrive("GET", V2)[0] == 200


def test_pd_02_wrong_token(pipedrive: Caller) -> None:
    reply = pipedrive.app.handle(Request("GET", V2, {"x-api-token": "nope"}))
    assert (reply.status, reply.headers["x-401-by-gw"]) == (401, "true")
    hint = "Please check developers.pipedrive.com"
    assert json.loads(reply.encode()) == {"success": False, "error": "unauthorized access", "errorCode": 401, "error_info": hint}


@pytest.mark.parametrize(("host", "status"), [("company", 200), ("api", 404)])
def test_pd_03_where_v1_lives(pipedrive: Caller, host: str, status: int) -> None:
    pipedrive.set(host=host)
    assert pipedrive("GET", "/api/v1/leads")[0] == status
    assert pipedrive("GET", "/v1/leads")[0] == 200
    assert pipedrive("GET", "/v2/persons")[0] == 404


@pytest.mark.parametrize(("mode", "status"), [("works", 200), ("404", 404), ("410", 410)])
def test_pd_04_retired_v1_endpoints(pipedrive: Caller, mode: str, status: int) -> None:
    pipedrive.set(retired_v1=mode)
    new(pipedrive)
    for path in ("persons", "persons/1", "organizations", "deals", "activities", "products", "pipelines", "stages", "itemSearch"):
        assert pipedrive("GET", f"/v1/{path}")[0] == status
    assert pipedrive("GET", "/v1/users/me")[0] == 200


def test_pd_04_retired_v1_writes_where_they_still_work(pipedrive: Caller) -> None:
    made = pipedrive.ok("POST", "/v1/persons", {"name": "Ada", "email": "ada@x.example"})["data"]
    assert made["email"] == [{"label": "work", "value": "ada@x.example", "primary": True}]
    assert pipedrive.ok("PUT", "/v1/persons/1", {"phone": "1"})["data"]["phone"][0]["value"] == "1"
    assert pipedrive.ok("DELETE", "/v1/persons/1")["data"] == {"id": 1}
    assert pipedrive("GET", "/v1/persons/1")[0] == 404


def oauth(pipedrive: Caller, **form: str) -> tuple[int, Any]:
    body = "&".join(f"{name}={quote(value)}" for name, value in {"grant_type": "refresh_token", **form}.items())
    basic = {"authorization": "Basic c2FuZGJveDpzYW5kYm94LXBpcGVkcml2ZS1zZWNyZXQ=", "content-type": "application/x-www-form-urlencoded"}
    reply = pipedrive.app.handle(Request("POST", "/oauth/token", {**basic, "host": "here"}, body.encode()))
    return reply.status, json.loads(reply.encode())


def test_pd_05_tokens(pipedrive: Caller) -> None:
    status, answer = oauth(pipedrive, refresh_token="sandbox-pipedrive-refresh")
    assert (status, answer["expires_in"], answer["api_domain"]) == (200, 3600, "http://here")
    bearer = {"authorization": f"Bearer {answer['access_token']}"}
    assert pipedrive.app.handle(Request("GET", V2, bearer)).status == 200
    pipedrive.advance(3601)
    assert pipedrive.app.handle(Request("GET", V2, bearer)).status == 401


def test_pd_05_a_refresh_token_dies_unused_and_the_host_may_move(pipedrive: Caller) -> None:
    pipedrive.set(api_domain="https://other.pipedrive.com")
    pipedrive.advance(59 * 86_400)
    assert oauth(pipedrive, refresh_token="sandbox-pipedrive-refresh")[1]["api_domain"] == "https://other.pipedrive.com"
    pipedrive.advance(61 * 86_400)
    assert oauth(pipedrive, refresh_token="sandbox-pipedrive-refresh")[0] == 400


def test_pd_05_client_credentials_are_required(pipedrive: Caller) -> None:
    assert pipedrive.app.handle(Request("POST", "/oauth/token", {}, b"grant_type=refresh_token")).status == 401


def test_pd_06_missing_scope(pipedrive: Caller) -> None:
    pipedrive.set(scopes=["contacts:read"])
    bearer = {"authorization": f"Bearer {oauth(pipedrive, refresh_token='sandbox-pipedrive-refresh')[1]['access_token']}"}
    assert pipedrive.app.handle(Request("GET", V2, bearer)).status == 200
    reply = pipedrive.app.handle(Request("POST", V2, bearer, b'{"name":"A"}'))
    assert (reply.status, json.loads(reply.encode())["error"]) == (403, "Scope and URL mismatch")


def test_pd_07_users(pipedrive: Caller) -> None:
    me = pipedrive.ok("GET", "/api/v1/users/me")["data"]
    assert (me["id"], me["email"], me["company_id"], me["company_domain"]) == (105, "hub@firma.example", 7001, "sandbox")
    users = pipedrive.ok("GET", "/v1/users")
    assert [user["active_flag"] for user in users["data"]] == [True, True, True, False, True]
    assert "additional_data" not in users
    assert pipedrive.ok("GET", "/v1/users/find?term=ben@&search_by_email=1")["data"][0]["id"] == 102
    assert pipedrive("GET", "/v1/users/999")[0] == 404


def test_pd_08_closed_company_and_missing_feature(pipedrive: Caller) -> None:
    pipedrive.set(features_off=["/leads"])
    assert pipedrive("GET", "/v1/leads")[0] == 415
    pipedrive.set(closed=True)
    assert pipedrive("GET", V2)[0] == 402


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A", "owner_id": "105"},
        {"name": "A", "emails": [{"value": "a@x.example", "primary": 1}]},
        {"name": "A", "visible_to": "3"},
        {"name": "A", "emails": "a@x.example"},
        {"name": "A", "surprise": 1},
        {"emails": []},
    ],
)
def test_pd_09_v2_is_strict(pipedrive: Caller, body: Any) -> None:
    assert refused(pipedrive, "POST", V2, body) == SCHEMA


@pytest.mark.parametrize("status", [404, 405])
def test_pd_09_no_forms_and_no_put(pipedrive: Caller, status: int) -> None:
    form = {"x-api-token": pipedrive.app.token, "content-type": "application/x-www-form-urlencoded"}
    assert pipedrive.app.handle(Request("POST", V2, form, b"name=Ada")).status == 400
    pipedrive.set(put_on_v2=status)
    assert pipedrive("PUT", f"{V2}/1", {"name": "B"})[0] == status


# -- records -------------------------------------------------------------------------------------------------------------------------------


def test_pd_10_a_name_is_enough(pipedrive: Caller) -> None:
    row = shown(pipedrive, new(pipedrive, "Ada van Byron"))
    assert (row["first_name"], row["last_name"], row["owner_id"], row["emails"]) == ("Ada", "van Byron", 105, [])
    other = pipedrive.ok("POST", V2, {"first_name": "Bo Li", "last_name": "Ng"})["data"]
    assert other["name"] == "Bo Li Ng"


def test_pd_10_times(pipedrive: Caller) -> None:
    id = new(pipedrive, add_time="2020-02-02T02:02:02Z")
    assert shown(pipedrive, id)["add_time"] == "2020-02-02T02:02:02Z"
    assert refused(pipedrive, "PATCH", f"{V2}/{id}", {"add_time": "2020-02-02T02:02:02Z"}) == SCHEMA
    assert refused(pipedrive, "POST", V2, {"name": "A", "update_time": "2020-02-02T02:02:02Z"}) == SCHEMA


def test_pd_11_arrays_replace(pipedrive: Caller) -> None:
    id = new(pipedrive, emails=emails("a@x.example", "b@x.example"))
    pipedrive.ok("PATCH", f"{V2}/{id}", {"emails": emails("c@x.example")})
    assert shown(pipedrive, id)["emails"] == [{"value": "c@x.example", "primary": True, "label": "work"}]
    two = [{"value": "a@x.example", "primary": True}, {"value": "b@x.example", "primary": True}]
    assert refused(pipedrive, "PATCH", f"{V2}/{id}", {"emails": two}) == SCHEMA


def test_pd_12_no_uniqueness_and_no_order(pipedrive: Caller) -> None:
    ids = {new(pipedrive, emails=emails("a@x.example")) for _ in range(3)}
    firsts = {found(pipedrive, "a@x.example")[0] for _ in range(3)}
    assert firsts == ids


def found(pipedrive: Caller, term: str, more: str = "&fields=email&exact_match=true") -> list[int]:
    items = pipedrive.ok("GET", f"{V2}/search?term={quote(term)}{more}")["data"]["items"]
    return [item["item"]["id"] for item in items]


@pytest.mark.parametrize(("feature", "status"), [(False, 403), (True, 200)])
def test_pd_13_contact_sync(pipedrive: Caller, feature: bool, status: int) -> None:
    pipedrive.set(contact_sync=feature)
    id = new(pipedrive)
    assert pipedrive("PATCH", f"{V2}/{id}", {"job_title": "CTO"})[0] == status
    assert shown(pipedrive, id).get("job_title") == ("CTO" if feature else None)
    assert ("notes" in shown(pipedrive, id)) is feature


def test_pd_13_marketing_status_is_asked_for(pipedrive: Caller) -> None:
    id = new(pipedrive)
    assert "marketing_status" not in shown(pipedrive, id)
    assert shown(pipedrive, id, "?include_fields=marketing_status,doi_status")["marketing_status"] == "no_consent"
    pipedrive.set(marketing=False)
    assert "marketing_status" not in shown(pipedrive, id, "?include_fields=marketing_status")
    assert pipedrive("PATCH", f"{V2}/{id}", {"marketing_status": "subscribed"})[0] == 403


def test_pd_14_custom_fields(pipedrive: Caller) -> None:
    grade, stage = key(pipedrive, "leadloom_grade"), key(pipedrive, "leadloom_stage")
    assert len(grade) == 40
    id = new(pipedrive, custom_fields={grade: "A1", stage: 2})
    assert shown(pipedrive, id)["custom_fields"][stage] == 2
    assert shown(pipedrive, id, "?include_option_labels=true")["custom_fields"][stage] == {"id": 2, "label": "mql"}
    pipedrive.ok("PATCH", f"{V2}/{id}", {"custom_fields": {grade: None}})
    assert shown(pipedrive, id)["custom_fields"][grade] is None


def test_pd_14_refusals(pipedrive: Caller) -> None:
    id, grade, stage = new(pipedrive), key(pipedrive, "leadloom_grade"), key(pipedrive, "leadloom_stage")
    made = pipedrive.ok("POST", "/api/v2/personFields", {"field_name": "Many", "field_type": "set", "options": [{"label": "a"}]})["data"]
    wrong: list[dict[str, Any]] = [{"0" * 40: "x", grade: "B"}, {made["field_code"]: []}, {stage: "mql"}, {stage: 999}, {grade: 5}]
    for values in wrong:
        assert refused(pipedrive, "PATCH", f"{V2}/{id}", {"custom_fields": values}) == SCHEMA
    assert shown(pipedrive, id)["custom_fields"][grade] is None
    nested = {"custom_fields": {"custom_fields": {grade: "x"}}}
    assert refused(pipedrive, "PATCH", f"{V2}/{id}", nested) == (500, "ERR_UNKNOWN")


def test_pd_14_keys_are_those_of_the_company(clock: Clock) -> None:
    def codes(company: int) -> set[str]:
        app = sandbox.app("pipedrive", clock=clock, settings={"company_id": company})
        return {row["field_code"] for row in app.records()["personFields"] if row["is_custom_field"]}

    assert codes(1) == codes(1)
    assert not codes(1) & codes(2)


def test_pd_15_limits_of_values(pipedrive: Caller) -> None:
    address = pipedrive.ok("POST", "/api/v2/personFields", {"field_name": "Home", "field_type": "address"})["data"]["field_code"]
    id = new(pipedrive, custom_fields={address: {"value": "1 Road", "locality": "Bonn"}})
    pipedrive.ok("PATCH", f"{V2}/{id}", {"custom_fields": {address: {"value": "2 Road"}}})
    assert shown(pipedrive, id)["custom_fields"][address]["locality"] is None
    grade = key(pipedrive, "leadloom_grade")
    assert refused(pipedrive, "PATCH", f"{V2}/{id}", {"custom_fields": {grade: "x" * 256}}) == SCHEMA
    assert refused(pipedrive, "GET", f"{V2}?custom_fields={','.join([grade] * 16)}") == SCHEMA
    assert list(pipedrive.ok("GET", f"{V2}?custom_fields={grade}")["data"][0]["custom_fields"]) == [grade]


def test_pd_16_fields_come_in_pages(pipedrive: Caller) -> None:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = pipedrive.ok("GET", f"/api/v2/personFields?limit=10&cursor={cursor}")
        seen += [field["field_name"] for field in page["data"]]
        cursor = page["additional_data"]["next_cursor"]
    assert "leadloom_country" in seen
    assert len(seen) == len(set(seen))
    assert pipedrive.ok("GET", "/v1/personFields?limit=10")["additional_data"]["pagination"]["more_items_in_collection"] is True


def test_pd_16_fields_are_made_and_removed(pipedrive: Caller) -> None:
    body = {"field_name": "Tier", "field_type": "enum", "options": [{"label": "gold"}]}
    made = pipedrive.ok("POST", "/api/v2/personFields", body)["data"]
    path = f"/api/v2/personFields/{made['field_code']}"
    added = pipedrive.ok("POST", f"{path}/options", [{"label": "silver"}])["data"]
    assert [option["label"] for option in pipedrive.ok("GET", path)["data"]["options"]] == ["gold", "silver"]
    pipedrive.ok("PATCH", f"{path}/options", [{"id": added[0]["id"], "label": "tin"}])
    pipedrive.ok("DELETE", f"{path}/options", [{"id": made["options"][0]["id"]}])
    assert [option["label"] for option in pipedrive.ok("GET", path)["data"]["options"]] == ["tin"]
    pipedrive.ok("DELETE", path)
    assert pipedrive("GET", path)[0] == 404
    assert refused(pipedrive, "POST", "/api/v2/personFields", {"field_name": "T", "field_type": "enum"}) == SCHEMA


def test_pd_17_organisation_zero(pipedrive: Caller) -> None:
    assert refused(pipedrive, "POST", V2, {"name": "A", "org_id": 0}) == SCHEMA
    assert shown(pipedrive, new(pipedrive, org_id=None))["org_id"] is None
    org = pipedrive.ok("POST", "/api/v2/organizations", {"name": "Acme"})["data"]["id"]
    assert shown(pipedrive, new(pipedrive, org_id=org))["org_id"] == org


def test_pd_17_organisations(pipedrive: Caller) -> None:
    ids = [pipedrive.ok("POST", "/api/v2/organizations", {"name": name})["data"]["id"] for name in ("Acme", "acme", "Acme Labs")]
    rows = pipedrive.ok("GET", f"/api/v2/organizations?ids={ids[0]},{ids[2]},99")["data"]
    assert [row["name"] for row in rows] == ["Acme", "Acme Labs"]
    pipedrive.ok("PATCH", f"/api/v2/organizations/{ids[2]}", {"website": "https://acme.example"})
    items = pipedrive.ok("GET", "/api/v2/organizations/search?term=ACME&exact_match=true")["data"]["items"]
    assert {item["item"]["id"] for item in items} == set(ids[:2])
    pipedrive.ok("DELETE", f"/api/v2/organizations/{ids[0]}")
    assert pipedrive("GET", f"/api/v2/organizations/{ids[0]}")[0] == 404


def test_pd_18_two_shapes(pipedrive: Caller) -> None:
    org = pipedrive.ok("POST", "/api/v2/organizations", {"name": "Acme"})["data"]["id"]
    id = new(pipedrive, org_id=org, emails=emails("a@x.example"), label_ids=[2, 3])
    modern, old = shown(pipedrive, id), pipedrive.ok("GET", f"/v1/persons/{id}")["data"]
    assert (modern["owner_id"], old["owner_id"]["value"]) == (105, 105)
    assert (modern["org_id"], old["org_id"]["value"], old["org_name"]) == (org, org, "Acme")
    assert (modern["is_deleted"], old["active_flag"]) == (False, True)
    assert (modern["visible_to"], old["visible_to"]) == (3, "3")
    assert (modern["update_time"], old["update_time"]) == ("2026-01-01T00:00:00Z", "2026-01-01 00:00:00")
    assert (modern["phones"], old["phone"]) == ([], [{"value": "", "primary": True}])
    assert key(pipedrive, "leadloom_grade") in old


# -- lists ---------------------------------------------------------------------------------------------------------------------------------


def test_pd_21_windows_tile(pipedrive: Caller) -> None:
    for _ in range(3):
        new(pipedrive)
        pipedrive.advance(1)
    first, middle = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"
    assert listed(pipedrive, f"updated_since={first}&updated_until={middle}") == [1]
    assert listed(pipedrive, f"updated_since={middle}") == [2, 3]
    assert listed(pipedrive, f"updated_since={quote('2026-01-01T01:00:01+01:00')}") == [2, 3]


def test_pd_21_whole_seconds_only(pipedrive: Caller) -> None:
    status, answer = pipedrive("GET", f"{V2}?updated_since=2026-01-01T00:00:00.000Z")
    assert (status, answer["code"]) == SCHEMA
    assert "not a valid datetime" in answer["error"]


def test_pd_22_cursors(pipedrive: Caller) -> None:
    for _ in range(5):
        new(pipedrive)
    seen, cursor = [], ""
    while cursor is not None:
        page = pipedrive.ok("GET", f"{V2}?limit=2&cursor={cursor}")
        seen += [row["id"] for row in page["data"]]
        cursor = page["additional_data"]["next_cursor"]
    assert seen == [1, 2, 3, 4, 5]
    for bad in ("limit=501", "limit=0", "limit=x", "cursor=garbage", "cursor=e30"):
        assert refused(pipedrive, "GET", f"{V2}?{bad}") == SCHEMA


@pytest.mark.parametrize(("life", "status"), [(None, 200), (60, 400)])
def test_pd_22_a_cursor_may_expire(pipedrive: Caller, life: int | None, status: int) -> None:
    pipedrive.set(cursor_life_s=life)
    new(pipedrive)
    new(pipedrive)
    cursor = pipedrive.ok("GET", f"{V2}?limit=1")["additional_data"]["next_cursor"]
    pipedrive.advance(61)
    assert pipedrive("GET", f"{V2}?limit=1&cursor={cursor}")[0] == status


def walk(pipedrive: Caller, query: str, edited: int) -> list[int]:
    """Page by page, while somebody edits a person between the first and the second."""
    seen: list[int] = []
    cursor, pages = "", 0
    while cursor is not None:
        page = pipedrive.ok("GET", f"{V2}?limit=2&{query}&cursor={cursor}")
        seen += [row["id"] for row in page["data"]]
        cursor, pages = page["additional_data"]["next_cursor"], pages + 1
        if pages == 1:
            pipedrive.advance(60)
            pipedrive.act("edit", id=edited, fields={"name": "Moved"})
    return seen


def test_pd_23_a_walk_by_update_time_repeats_and_skips(pipedrive: Caller) -> None:
    for _ in range(6):
        new(pipedrive)
        pipedrive.advance(1)
    assert walk(pipedrive, "sort_by=update_time", edited=1).count(1) == 2
    assert 3 not in walk(pipedrive, "sort_by=update_time&sort_direction=desc", edited=3)
    assert walk(pipedrive, "sort_by=id", edited=1) == [1, 2, 3, 4, 5, 6]


def test_pd_23_other_orders(pipedrive: Caller) -> None:
    new(pipedrive, add_time="2020-01-01T00:00:00Z")
    new(pipedrive, add_time="2019-01-01T00:00:00Z")
    assert listed(pipedrive, "sort_by=add_time") == [2, 1]
    assert listed(pipedrive, "sort_by=id&sort_direction=desc") == [2, 1]
    assert refused(pipedrive, "GET", f"{V2}?sort_by=name") == SCHEMA


def test_pd_24_filters(pipedrive: Caller) -> None:
    for owner in (101, 102, 101):
        new(pipedrive, owner_id=owner)
    pipedrive.set(filters={"7": [3, 2]})
    assert listed(pipedrive, "owner_id=101") == [1, 3]
    assert listed(pipedrive, "filter_id=7&owner_id=101&ids=1&updated_since=2030-01-01T00:00:00Z") == [2, 3]
    assert listed(pipedrive, "ids=3,1,77") == [1, 3]
    assert refused(pipedrive, "GET", f"{V2}?ids={','.join(['1'] * 101)}") == SCHEMA


def test_pd_25_nothing_is_counted(pipedrive: Caller) -> None:
    new(pipedrive)
    assert set(pipedrive.ok("GET", V2)["additional_data"]) == {"next_cursor"}


def recents(pipedrive: Caller, since: str, more: str = "") -> Any:
    return pipedrive.ok("GET", f"/v1/recents?since_timestamp={quote(since)}&items=person{more}")


def test_pd_26_recents_hold_a_month(pipedrive: Caller) -> None:
    new(pipedrive)
    pipedrive.advance(40 * 86_400)
    assert recents(pipedrive, "2020-01-01 00:00:00")["data"] is None
    new(pipedrive)
    new(pipedrive)
    page = recents(pipedrive, "2020-01-01 00:00:00", "&limit=1")
    assert [item["id"] for item in page["data"]] == [2]
    assert page["additional_data"]["pagination"] == {"start": 0, "limit": 1, "more_items_in_collection": True, "next_start": 1}
    assert pipedrive("GET", "/v1/recents?since_timestamp=yesterday")[0] == 400


# -- search --------------------------------------------------------------------------------------------------------------------------------


def test_pd_28_the_search_trails_behind(pipedrive: Caller) -> None:
    pipedrive.set(search_lag_s=60)
    id = new(pipedrive, emails=emails("a@x.example"))
    assert found(pipedrive, "a@x.example") == []
    pipedrive.advance(61)
    assert found(pipedrive, "A@X.example") == [id]


def test_pd_28_case(pipedrive: Caller) -> None:
    id = new(pipedrive, emails=emails("a@x.example"), custom_fields={key(pipedrive, "leadloom_key"): "Key-1"})

    def by_field(field: str, term: str, match: str = "exact") -> Any:
        return pipedrive.ok("GET", f"/api/v2/itemSearch/field?entity_type=person&field={field}&match={match}&term={term}")["data"]

    code = key(pipedrive, "leadloom_key")
    assert by_field(code, "Key-1") == [{"id": id, code: "Key-1"}]
    assert by_field(code, "key-1") == []
    assert by_field(code, "Key", "beginning") == [{"id": id, code: "Key-1"}]
    item = pipedrive.ok("GET", f"{V2}/search?term=KEY-1&exact_match=true")["data"]["items"][0]["item"]
    assert (item["emails"], item["custom_fields"]) == (["a@x.example"], ["Key-1"])


def test_pd_28_all_items(pipedrive: Caller) -> None:
    pipedrive.ok("POST", "/api/v2/organizations", {"name": "Byron Ltd"})
    new(pipedrive)
    items = pipedrive.ok("GET", "/api/v2/itemSearch?term=byron")["data"]["items"]
    assert [item["item"]["type"] for item in items] == ["person", "organization"]


def test_pd_29_short_terms_and_near_hits(pipedrive: Caller) -> None:
    ids = [new(pipedrive, emails=emails(address)) for address in ("a@x.example", "a@x.example.org")]
    assert refused(pipedrive, "GET", f"{V2}/search?term=a") == SCHEMA
    assert found(pipedrive, "a") == []
    assert found(pipedrive, "a@x.example") == ids[:1]
    pipedrive.set(near_hits=True)
    assert sorted(found(pipedrive, "a@x.example")) == ids
    pipedrive.set(search_limit=100)
    assert refused(pipedrive, "GET", f"{V2}/search?term=ab&limit=101") == SCHEMA


def test_pd_29_pages_of_hits(pipedrive: Caller) -> None:
    pipedrive.set(unstable_search=False)
    for _ in range(3):
        new(pipedrive)
    first = pipedrive.ok("GET", f"{V2}/search?term=byron&limit=2")
    cursor = first["additional_data"]["next_cursor"]
    assert len(first["data"]["items"]) == 2
    assert found(pipedrive, "byron", f"&limit=2&cursor={cursor}") == [3]


def test_pd_30_hidden_records_look_deleted(pipedrive: Caller) -> None:
    id = new(pipedrive, emails=emails("a@x.example"))
    pipedrive.act("hide", object="persons", id=id)
    assert listed(pipedrive) == []
    assert listed(pipedrive, f"ids={id}") == []
    assert found(pipedrive, "a@x.example") == []
    assert pipedrive("GET", f"{V2}/{id}")[0] == 404
    pipedrive.act("hide", object="persons", id=id, hidden=False)
    assert listed(pipedrive) == [id]


# -- merge and delete ----------------------------------------------------------------------------------------------------------------------


def test_pd_31_the_person_in_the_path_loses(pipedrive: Caller) -> None:
    loser = new(pipedrive, "Lo Ser", emails=emails("l@x.example"), phones=[{"value": "1"}])
    survivor = new(pipedrive, "Sur Vivor", emails=emails("s@x.example"))
    answer = pipedrive.ok("PUT", f"/v1/persons/{loser}/merge", {"merge_with_id": survivor})["data"]
    assert (answer["id"], answer["merge_what_id"], answer["active_flag"]) == (survivor, loser, True)
    row = shown(pipedrive, survivor)
    assert ([mail["value"] for mail in row["emails"]], row["phones"][0]["value"]) == (["s@x.example"], "1")
    assert listed(pipedrive) == [survivor]
    assert pipedrive("PUT", f"/v1/persons/{survivor}/merge", {"merge_with_id": loser})[0] == 400


@pytest.mark.parametrize(("mode", "status"), [("404", 404), ("is_deleted", 200)])
def test_pd_32_nothing_names_the_loser(pipedrive: Caller, mode: str, status: int) -> None:
    pipedrive.set(get_deleted=mode)
    loser, survivor = new(pipedrive), new(pipedrive)
    pipedrive.act("merge", object="persons", id=loser, into=survivor)
    got, answer = pipedrive("GET", f"{V2}/{loser}")
    assert got == status
    assert got == 404 or answer["data"]["is_deleted"] is True
    assert "merge_what_id" not in shown(pipedrive, survivor)


def test_pd_33_deletes_are_soft_for_a_month(pipedrive: Caller) -> None:
    pipedrive.set(get_deleted="is_deleted")
    id = new(pipedrive)
    assert pipedrive.ok("DELETE", f"{V2}/{id}") == {"success": True, "data": {"id": id}}
    assert listed(pipedrive) == []
    assert pipedrive("PATCH", f"{V2}/{id}", {"name": "B"})[0] == 404
    assert [item["data"]["active_flag"] for item in recents(pipedrive, "2026-01-01 00:00:00")["data"]] == [False]
    pipedrive.set(recents_show_deleted=False)
    assert recents(pipedrive, "2026-01-01 00:00:00")["data"] is None
    pipedrive.advance(30 * 86_400)
    assert pipedrive("GET", f"{V2}/{id}")[0] == 404


@pytest.mark.parametrize("status", [404, 410])
def test_pd_34_no_bulk_deletes(pipedrive: Caller, status: int) -> None:
    pipedrive.set(bulk_delete=status)
    assert pipedrive("DELETE", f"{V2}?ids=1,2")[0] == status


# -- consent -------------------------------------------------------------------------------------------------------------------------------


def marketing(pipedrive: Caller, id: int) -> str:
    status: str = shown(pipedrive, id, "?include_fields=marketing_status")["marketing_status"]
    return status


def test_pd_35_marketing_status_moves_once(pipedrive: Caller) -> None:
    id = new(pipedrive, emails=emails("a@x.example"))
    for wanted, then in (("subscribed", "subscribed"), ("unsubscribed", "unsubscribed"), ("subscribed", "unsubscribed")):
        assert pipedrive("PATCH", f"{V2}/{id}", {"marketing_status": wanted})[0] == 200
        assert marketing(pipedrive, id) == then


def test_pd_35_a_second_change_is_ignored(pipedrive: Caller) -> None:
    id = new(pipedrive, emails=emails("a@x.example"), marketing_status="subscribed")
    for wanted in ("archived", "subscribed", "unsubscribed"):
        pipedrive.ok("PATCH", f"{V2}/{id}", {"marketing_status": wanted})
    assert marketing(pipedrive, id) == "subscribed"


def test_pd_35_no_address_no_consent(pipedrive: Caller) -> None:
    id = new(pipedrive, marketing_status="subscribed")
    assert marketing(pipedrive, id) == "no_consent"
    pipedrive.ok("PATCH", f"{V2}/{id}", {"emails": emails("a@x.example")})
    assert marketing(pipedrive, id) == "no_consent"
    assert refused(pipedrive, "PATCH", f"{V2}/{id}", {"marketing_status": "maybe"}) == SCHEMA


def test_pd_36_flow_and_changelog(pipedrive: Caller) -> None:
    id = new(pipedrive, emails=emails("a@x.example"))
    pipedrive.ok("PATCH", f"{V2}/{id}", {"marketing_status": "unsubscribed", "emails": emails("b@x.example")})
    pipedrive.act("edit", object="persons", id=id, fields={"name": "By Hand"})
    assert [item["object"] for item in pipedrive.ok("GET", f"/v1/persons/{id}/flow")["data"]] == ["marketing_status_change"]
    assert len(pipedrive.ok("GET", f"/v1/persons/{id}/flow?all_changes=1")["data"]) == 5
    lines = pipedrive.ok("GET", f"/v1/persons/{id}/changelog?limit=500")["data"]
    changes = {line["field_key"]: (line["old_value"], line["new_value"], line["change_source"]) for line in lines}
    assert changes["email"] == ("a@x.example", "b@x.example", "api")
    assert changes["name"] == ("Ada Byron", "By Hand", "app")
