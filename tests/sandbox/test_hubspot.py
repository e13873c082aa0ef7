"""HubSpot's records, batches and merges: the lines of the checklist, by number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.inprocess import Caller

V3 = "/crm/v3/objects/contacts"


def new(hubspot: Caller, **properties: Any) -> str:
    id: str = hubspot.ok("POST", V3, {"properties": properties})["id"]
    return id


def batch(hubspot: Caller, what: str, *inputs: dict[str, Any], **more: Any) -> tuple[int, Any]:
    return hubspot("POST", f"{V3}/batch/{what}", {"inputs": list(inputs), **more})


def problems(answer: Any) -> list[tuple[str, str]]:
    found = json.loads(answer["message"].removeprefix("Property values were not valid: "))
    return [(problem["error"], problem["name"]) for problem in found]


# -- authentication and endpoints ----------------------------------------------------------------------------------------------------------


def test_hs_01_wrong_token(hubspot: Caller) -> None:
    status, body = hubspot("GET", V3, authorization="Bearer nope")
    assert (status, body["category"], len(body["correlationId"])) == (401, "INVALID_AUTHENTICATION", 36)


@pytest.mark.parametrize("path", ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token"])
def test_hs_02_tokens_are_refreshed_and_expire(hubspot: Caller, path: str) -> None:
    reply = token(hubspot, path, refresh_token="sandbox-hubspot-refresh")
    assert (reply["expires_in"], reply["hub_id"]) == (1800, 20000001)
    bearer = f"Bearer {reply['access_token']}"
    assert hubspot("GET", V3, authorization=bearer)[0] == 200
    hubspot.advance(1801)
    assert hubspot("GET", V3, authorization=bearer)[1]["category"] == "EXPIRED_AUTHENTICATION"


def token(hubspot: Caller, path: str, **form: str) -> Any:
    from urllib.parse import urlencode

    from sandbox.wire import Request

    fields = {"grant_type": "refresh_token", "client_id": "sandbox", "client_secret": "sandbox-hubspot-secret", **form}
    reply = hubspot.app.handle(Request("POST", path, {}, urlencode(fields).encode()))
    return json.loads(reply.encode())


@pytest.mark.parametrize(("mode", "status"), [("refused", 400), ("accepted", 200)])
def test_hs_03_token_parameters_in_the_query(hubspot: Caller, mode: str, status: int) -> None:
    hubspot.set(query_parameters_for_tokens=mode)
    query = "grant_type=refresh_token&client_id=sandbox&client_secret=sandbox-hubspot-secret&refresh_token=sandbox-hubspot-refresh"
    assert hubspot("POST", f"/oauth/v3/token?{query}")[0] == status


def test_hs_04_bad_refresh_token(hubspot: Caller) -> None:
    reply = token(hubspot, "/oauth/v3/token", refresh_token="old")
    assert (reply["error"], reply["status"]) == ("invalid_grant", "BAD_REFRESH_TOKEN")


def test_hs_05_missing_scopes_and_removed_creator(hubspot: Caller) -> None:
    hubspot.set(missing_scopes=["crm.objects.contacts.write"])
    assert hubspot("GET", V3)[0] == 200
    status, body = hubspot("POST", V3, {"properties": {}})
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert body["errors"][0]["context"]["requiredScopes"] == ["crm.objects.contacts.write"]
    hubspot.set(creator_removed=True)
    assert hubspot("GET", V3)[1]["category"] == "USER_DOES_NOT_HAVE_PERMISSIONS"


def test_hs_06_malformed_token_is_a_html_page(hubspot: Caller) -> None:
    hubspot.set(malformed_token_530=True)
    status, body = hubspot("GET", V3, authorization="Bearer a b")
    assert (status, "<html>" in body) == (530, True)


@pytest.mark.parametrize(
    "path", ["/crm/objects/2026-03/contacts", "/crm/objects/2026-09/contacts", "/crm/objects/2026-09/0-1", "/crm/v3/objects/0-1"]
)
def test_hs_07_dated_paths_and_type_ids(hubspot: Caller, path: str) -> None:
    id = new(hubspot, email="a@b.io")
    assert hubspot.ok("GET", f"{path}/{id}")["id"] == id
    assert hubspot.ok("POST", f"{path}/batch/read", {"inputs": [{"id": id}]})["results"][0]["id"] == id


def test_hs_08_account(hubspot: Caller) -> None:
    assert hubspot.ok("GET", "/account-info/v3/details")["portalId"] == 20000001


def test_hs_09_owners(hubspot: Caller) -> None:
    active = hubspot.ok("GET", "/crm/v3/owners/?limit=100")["results"]
    assert [owner["email"].split("@")[0] for owner in active] == ["anna", "ben", "clara", "hub"]
    (archived,) = hubspot.ok("GET", "/crm/v3/owners?archived=true")["results"]
    assert (archived["userId"], archived["userIdIncludingInactive"], archived["firstName"]) == (None, 71004, "")


def test_hs_10_owner_id_is_not_the_user_id(hubspot: Caller) -> None:
    owner = hubspot.ok("GET", "/crm/v3/owners")["results"][0]
    id = new(hubspot, email="a@b.io", hubspot_owner_id=owner["id"])
    assert hubspot("PATCH", f"{V3}/{id}", {"properties": {"hubspot_owner_id": owner["userId"]}})[0] == 400


# -- reading -------------------------------------------------------------------------------------------------------------------------------

DEFAULT = {"firstname", "lastname", "email", "createdate", "lastmodifieddate", "hs_object_id"}


def test_hs_11_properties_shown(hubspot: Caller) -> None:
    new(hubspot, email="a@b.io", city="Ulm")
    assert set(hubspot.ok("GET", V3)["results"][0]["properties"]) == DEFAULT
    shown = hubspot.ok("GET", f"{V3}?properties=city")["results"][0]["properties"]
    assert set(shown) == {"city", "createdate", "lastmodifieddate", "hs_object_id"}


def test_hs_12_unknown_and_empty_properties(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    shown = hubspot.ok("GET", f"{V3}/{id}?properties=city,nonsense")["properties"]
    assert ("nonsense" in shown, shown["city"]) == (False, None)
    dated = f"/crm/objects/2026-03/contacts/{id}?properties=city"
    assert "city" not in hubspot.ok("GET", dated)["properties"]
    hubspot.set(dated_empty="null")
    assert hubspot.ok("GET", dated)["properties"]["city"] is None


def test_hs_13_repeated_properties_and_capital_true(hubspot: Caller) -> None:
    new(hubspot, email="a@b.io", city="Ulm", zip="89073")
    shown = hubspot.ok("GET", f"{V3}?properties=city&properties=zip")["results"][0]["properties"]
    assert (shown["city"], shown["zip"]) == ("Ulm", "89073")
    assert hubspot.ok("GET", f"{V3}?archived=True")["results"] == []


def test_hs_14_paging(hubspot: Caller) -> None:
    ids = [new(hubspot, firstname=str(n)) for n in range(5)]
    first = hubspot.ok("GET", f"{V3}?limit=3")
    assert ([row["id"] for row in first["results"]], first["paging"]["next"]["after"]) == (ids[:3], ids[3])
    last = hubspot.ok("GET", f"{V3}?limit=3&after={ids[3]}")
    assert ([row["id"] for row in last["results"]], "paging" in last) == (ids[3:], False)
    assert hubspot("GET", f"{V3}?limit=101")[0] == 400
    assert hubspot("GET", f"{V3}?limit=51&propertiesWithHistory=email")[0] == 400
    hubspot.set(list_limit_over="clamped")
    assert hubspot("GET", f"{V3}?limit=500")[0] == 200


def test_hs_14_property_history(hubspot: Caller) -> None:
    id = new(hubspot, city="Ulm")
    hubspot.advance(5)
    hubspot.act("edit", id=id, fields={"city": "Bonn"})
    history = hubspot.ok("GET", f"{V3}/{id}?propertiesWithHistory=city")["propertiesWithHistory"]["city"]
    assert [(entry["value"], entry["sourceType"]) for entry in history] == [("Bonn", "CRM_UI"), ("Ulm", "CRM_UI")]


def test_hs_15_long_urls(hubspot: Caller) -> None:
    status, body = hubspot("GET", f"{V3}?properties={'x' * 17000}")
    assert (status, "<html>" in body) == (414, True)


def test_hs_16_archived_list(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    hubspot.ok("DELETE", f"{V3}/{id}")
    (row,) = hubspot.ok("GET", f"{V3}?archived=true&createdAfter=2030")["results"]
    assert (row["id"], row["archived"], "archivedAt" in row) == (id, True, True)


def test_hs_17_get_of_an_archived_record(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    hubspot.ok("DELETE", f"{V3}/{id}")
    status, body = hubspot("GET", f"{V3}/{id}")
    assert (status, body["category"]) == (404, "OBJECT_NOT_FOUND")
    assert hubspot.ok("GET", f"{V3}/{id}?archived=true")["archived"] is True


def test_hs_18_values_are_text_and_times_have_milliseconds(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io", leadloom_score=7)
    row = hubspot.ok("GET", f"{V3}/{id}?properties=leadloom_score")
    assert row["createdAt"] == "2026-01-01T00:00:00.000Z"
    assert row["properties"]["leadloom_score"] == "7"


# -- writing -------------------------------------------------------------------------------------------------------------------------------


def test_hs_31_known_address_conflicts(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    hubspot.act("edit", id=id, add_emails=["second@b.io"])
    for address in ("A@B.io", "Second@b.io"):
        status, body = hubspot("POST", V3, {"properties": {"email": address}})
        assert (status, body["category"], body["message"]) == (409, "CONFLICT", f"Contact already exists. Existing ID: {id}")
        assert set(body) == {"status", "message", "correlationId", "category"}


def test_hs_32_no_dedupe_without_address(hubspot: Caller) -> None:
    assert new(hubspot, firstname="A") != new(hubspot, firstname="A")
    for _ in range(2):
        hubspot.ok("POST", "/crm/v3/objects/companies", {"properties": {"domain": "firma.example"}})


def test_hs_33_batch_sizes(hubspot: Caller) -> None:
    assert batch(hubspot, "create", *({"properties": {"firstname": "x"}} for _ in range(101)))[0] == 400
    rows = [{"id": "1"}] * 1001
    assert hubspot("POST", "/crm/v4/associations/contacts/companies/batch/read", {"inputs": rows})[0] == 400
    assert hubspot("POST", "/crm/v4/associations/contacts/companies/batch/create", {"inputs": rows * 2})[0] == 400


def test_hs_34_batch_create_with_and_without_trace_ids(hubspot: Caller) -> None:
    good, bad = {"properties": {"email": "a@b.io"}}, {"properties": {"email": "nonsense"}}
    status, body = batch(hubspot, "create", good, bad, {"properties": {"missing": "1"}})
    assert (status, problems(body)) == (400, [("INVALID_EMAIL", "email")])
    assert hubspot.ok("GET", V3)["results"] == []
    status, body = batch(hubspot, "create", {**good, "objectWriteTraceId": "g"}, {**bad, "objectWriteTraceId": "b"})
    assert (status, body["results"][0]["objectWriteTraceId"]) == (207, "g")
    assert body["errors"][0]["context"] == {"objectWriteTraceId": ["b"]}


def test_hs_35_missing_ids_share_one_error(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    status, body = batch(hubspot, "read", {"id": id}, {"id": "9001"}, {"id": "9002"})
    assert (status, body["status"], body["numErrors"], len(body["results"])) == (207, "COMPLETE", 1, 1)
    assert body["errors"][0]["context"] == {"ids": ["9001", "9002"]}
    assert {"startedAt", "completedAt"} <= set(body)


@pytest.mark.parametrize("key", [{}, {"idProperty": "hs_object_id"}, {"idProperty": "firstname"}])
def test_hs_36_upsert_needs_a_unique_property(hubspot: Caller, key: dict[str, str]) -> None:
    status, body = batch(hubspot, "upsert", {"id": "1", "properties": {}, **key})
    assert (status, body["message"]) == (400, "Unable to perform update/upsert by non-unique 0-1 property")


def test_hs_37_one_conflict_fails_the_whole_upsert(hubspot: Caller) -> None:
    new(hubspot, email="a@b.io")
    rows = [
        {"id": key, "idProperty": "leadloom_key", "objectWriteTraceId": key, "properties": {"email": email}}
        for key, email in (("k1", "new@b.io"), ("k2", "a@b.io"))
    ]
    status, body = batch(hubspot, "upsert", *rows)
    assert (status, body["category"]) == (409, "CONFLICT")
    assert len(hubspot.ok("GET", V3)["results"]) == 1


def test_hs_38_repeats_in_one_batch(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    assert batch(hubspot, "update", *({"id": id, "properties": {"city": "Ulm"}} for _ in range(2)))[0] == 400
    assert batch(hubspot, "create", *({"properties": {"email": email}} for email in ("x@b.io", "X@b.io")))[0] == 400


@pytest.mark.parametrize(("mode", "status"), [("partial", 207), ("refused", 400)])
def test_hs_39_upsert_by_address_with_a_bad_row(hubspot: Caller, mode: str, status: int) -> None:
    hubspot.set(upsert_by_email=mode)
    rows = [
        {"id": f"{name}@b.io", "idProperty": "email", "objectWriteTraceId": name, "properties": properties}
        for name, properties in (("good", {"city": "Ulm"}), ("bad", {"missing": "1"}))
    ]
    got, body = batch(hubspot, "upsert", *rows)
    assert got == status
    if status == 207:
        assert [(row["new"], row["objectWriteTraceId"]) for row in body["results"]] == [(True, "good")]


def test_hs_40_batch_update_of_a_merged_away_id_is_silent(hubspot: Caller) -> None:
    old, _ = merged(hubspot)
    status, body = batch(hubspot, "update", {"id": old, "properties": {"city": "Ulm"}})
    assert (status, body["results"], "errors" in body) == (200, [], False)


def test_hs_41_address_as_id_changes_nothing(hubspot: Caller) -> None:
    new(hubspot, email="a@b.io")
    status, body = batch(hubspot, "update", {"id": "a@b.io", "properties": {"city": "Ulm"}})
    assert (status, body["results"]) == (200, [])
    assert hubspot.ok("GET", f"{V3}/a%40b.io?idProperty=email&properties=city")["properties"]["city"] is None


def test_hs_42_batch_read_of_archived_records(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    hubspot.ok("DELETE", f"{V3}/{id}")
    status, body = batch(hubspot, "read", {"id": id})
    assert (status, body["results"], body["errors"][0]["context"]["ids"]) == (207, [], [id])
    assert hubspot("POST", f"{V3}/batch/read?archived=true", {"inputs": [{"id": id}]})[0] == 200


def test_hs_43_status_codes(hubspot: Caller) -> None:
    status, row = hubspot("POST", V3, {"properties": {"email": "a@b.io"}})
    assert status == 201
    id = row["id"]
    other = new(hubspot, email="c@b.io")
    assert hubspot("PATCH", f"{V3}/{id}", {"properties": {"city": "Ulm"}})[0] == 200
    assert batch(hubspot, "create", {"properties": {"firstname": "x"}})[0] == 201
    assert batch(hubspot, "read", {"id": id})[0] == 200
    assert batch(hubspot, "update", {"id": id, "properties": {"city": "Bonn"}})[0] == 200
    assert batch(hubspot, "upsert", {"id": "a@b.io", "idProperty": "email", "properties": {"city": "Ulm"}})[0] == 200
    status, survivor = hubspot("POST", f"{V3}/merge", {"primaryObjectId": id, "objectIdToMerge": other})
    assert status == 200
    assert hubspot("POST", f"{V3}/gdpr-delete", {"objectId": survivor["id"]})[0] == 204
    third = new(hubspot, email="d@b.io")
    assert hubspot("DELETE", f"{V3}/{third}")[0] == 204
    assert batch(hubspot, "archive", {"id": third})[0] == 204


def test_hs_44_batches_do_not_keep_their_order(hubspot: Caller) -> None:
    rows = [{"properties": {"firstname": name}} for name in "abc"]
    _, body = batch(hubspot, "create", *rows)
    assert [row["properties"]["firstname"] for row in body["results"]] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("email", "nonsense", "INVALID_EMAIL"),
        ("missing", "1", "PROPERTY_DOESNT_EXIST"),
        ("lifecyclestage", "nope", "INVALID_OPTION"),
        ("createdate", "2020-01-01", "READ_ONLY_VALUE"),
    ],
)
def test_hs_45_bad_values(hubspot: Caller, name: str, value: str, code: str) -> None:
    status, body = hubspot("POST", V3, {"properties": {name: value}})
    assert (status, body["category"], problems(body)) == (400, "VALIDATION_ERROR", [(code, name)])


@pytest.mark.parametrize(
    "name",
    ["createdate", "hs_email_optout", "hs_email_optout_1001", "hs_marketable_status", "hs_merged_object_ids", "hs_additional_emails"],
)
def test_hs_46_read_only_properties(hubspot: Caller, name: str) -> None:
    status, body = hubspot("POST", V3, {"properties": {name: "true"}})
    assert (status, problems(body)) == (400, [("READ_ONLY_VALUE", name)])


@pytest.mark.parametrize(
    ("mode", "status", "stage"), [("refused", 400, "customer"), ("ignored", 200, "customer"), ("accepted", 200, "lead")]
)
def test_hs_47_lifecycle_stage_goes_forward_only(hubspot: Caller, mode: str, status: int, stage: str) -> None:
    hubspot.set(lifecycle_backwards=mode)
    id = new(hubspot, lifecyclestage="customer")
    assert hubspot("PATCH", f"{V3}/{id}", {"properties": {"lifecyclestage": "lead"}})[0] == status
    assert read(hubspot, id, "lifecyclestage") == stage


def test_hs_47_a_cleared_stage_can_be_lower(hubspot: Caller) -> None:
    id = new(hubspot, lifecyclestage="customer")
    for stage in ("", "lead"):
        hubspot.ok("PATCH", f"{V3}/{id}", {"properties": {"lifecyclestage": stage}})
    assert read(hubspot, id, "lifecyclestage") == "lead"


def read(hubspot: Caller, id: str, name: str) -> str | None:
    value: str | None = hubspot.ok("GET", f"{V3}/{id}?properties={name}")["properties"][name]
    return value


def test_hs_48_checkboxes_replace_or_append_and_empty_text_clears(hubspot: Caller) -> None:
    first, second = "Not applicable", "Performance of a contract"
    id = new(hubspot, hs_legal_basis=first, city="Ulm")
    hubspot.ok("PATCH", f"{V3}/{id}", {"properties": {"hs_legal_basis": f";{second}", "city": ""}})
    assert (read(hubspot, id, "hs_legal_basis"), read(hubspot, id, "city")) == (f"{first};{second}", None)
    hubspot.ok("PATCH", f"{V3}/{id}", {"properties": {"hs_legal_basis": second}})
    assert read(hubspot, id, "hs_legal_basis") == second


@pytest.mark.parametrize(("clears", "left"), [(True, None), (False, "Ulm")])
def test_hs_48_null_clears_or_not(hubspot: Caller, clears: bool, left: str | None) -> None:
    hubspot.set(null_clears=clears)
    id = new(hubspot, city="Ulm")
    hubspot.ok("PATCH", f"{V3}/{id}", {"properties": {"city": None}})
    assert read(hubspot, id, "city") == left


def test_hs_49_dates(hubspot: Caller) -> None:
    id = new(hubspot, date_of_birth="86400000", closedate="2026-01-31T12:00:00Z")
    assert (read(hubspot, id, "date_of_birth"), read(hubspot, id, "closedate")) == ("1970-01-02", "2026-01-31T12:00:00.000Z")
    assert hubspot("PATCH", f"{V3}/{id}", {"properties": {"date_of_birth": "86400001"}})[0] == 400
    assert hubspot("PATCH", f"{V3}/{id}", {"properties": {"closedate": "1769860800000"}})[0] == 200


@pytest.mark.parametrize("status", [400, 409])
def test_hs_50_unique_properties(hubspot: Caller, status: int) -> None:
    hubspot.set(unique_conflict_status=status)
    new(hubspot, leadloom_key="k1")
    assert hubspot("POST", V3, {"properties": {"leadloom_key": "k1"}})[0] == status
    codes = [hubspot("POST", "/crm/v3/properties/contacts", unique(n))[0] for n in range(10)]
    assert codes == [201] * 9 + [400]


def unique(n: int) -> dict[str, Any]:
    name = f"key_{n}"
    return {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation", "hasUniqueValue": True}


def test_hs_51_leads_need_their_contact(hubspot: Caller) -> None:
    contact = new(hubspot, email="a@b.io")
    lead = {"properties": {"hs_lead_name": "A"}}
    assert hubspot("POST", "/crm/v3/objects/leads", lead)[0] == 400
    link = {"to": {"id": contact}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}]}
    id = hubspot.ok("POST", "/crm/v3/objects/leads", {**lead, "associations": [link]})["id"]
    hubspot.ok("DELETE", f"/crm/v4/objects/leads/{id}/associations/contacts/{contact}")
    assert hubspot("GET", f"/crm/v3/objects/leads/{id}")[0] == 404


def test_hs_52_options_change_between_runs(hubspot: Caller) -> None:
    hubspot.act("edit", object="properties", id="hs_lead_status", fields={"options": ["FRESH"]})
    assert hubspot("POST", V3, {"properties": {"hs_lead_status": "NEW"}})[0] == 400
    assert hubspot("POST", V3, {"properties": {"hs_lead_status": "FRESH"}})[0] == 201


def test_custom_properties_are_there_unless_bare(hubspot: Caller) -> None:
    import sandbox

    names = {row["name"]: row for row in hubspot.ok("GET", "/crm/v3/properties/contacts")["results"]}
    assert (names["leadloom_key"]["hasUniqueValue"], names["leadloom_stage"]["type"]) == (True, "enumeration")
    bare = sandbox.app("hubspot", bare=True)
    assert not [name for name in bare.objects("contacts").properties if name.startswith("leadloom")]  # type: ignore[attr-defined]


def test_partial_fault_answers_some_rows_only(hubspot: Caller) -> None:
    hubspot.fault("partial", path="*/batch/create")
    rows = [{"properties": {"email": f"{n}@b.io"}, "objectWriteTraceId": n} for n in "abcd"]
    status, body = batch(hubspot, "create", *rows)
    assert (status, len(body["results"]), body["numErrors"]) == (207, 2, 2)


# -- merge, ids, deletes -------------------------------------------------------------------------------------------------------------------


def merged(hubspot: Caller) -> tuple[str, str]:
    """(an old id, the new id)"""
    one, two = new(hubspot, email="one@b.io", city="Ulm"), new(hubspot, email="two@b.io", zip="89073", lifecyclestage="customer")
    answer = hubspot.ok("POST", f"{V3}/merge", {"primaryObjectId": one, "objectIdToMerge": two})
    return one, answer["id"]


def test_hs_53_old_ids_lead_to_a_new_one(hubspot: Caller) -> None:
    old, survivor = merged(hubspot)
    assert survivor not in (old, "")
    assert hubspot.ok("GET", f"{V3}/{old}")["id"] == survivor
    assert hubspot.ok("PATCH", f"{V3}/{old}", {"properties": {"city": "Bonn"}})["id"] == survivor
    hubspot.set(patch_follows_merges=False)
    assert hubspot("PATCH", f"{V3}/{old}", {"properties": {"city": "Bonn"}})[0] == 404


def test_hs_54_what_the_survivor_knows(hubspot: Caller) -> None:
    _, survivor = merged(hubspot)
    third = new(hubspot, email="three@b.io")
    final = hubspot.ok("POST", f"{V3}/merge", {"primaryObjectId": survivor, "objectIdToMerge": third})["id"]
    assert len((read(hubspot, final, "hs_merged_object_ids") or "").split(";")) == 4
    assert len((read(hubspot, final, "hs_calculated_merged_vids") or "").split(";")) == 2
    assert (read(hubspot, final, "email"), read(hubspot, final, "hs_additional_emails")) == ("one@b.io", "two@b.io;three@b.io")
    assert hubspot.ok("GET", f"{V3}/two%40b.io?idProperty=email")["id"] == final


def test_hs_55_merged_ids_cannot_be_merged_again(hubspot: Caller) -> None:
    old, survivor = merged(hubspot)
    status, body = hubspot("POST", f"{V3}/merge", {"primaryObjectId": survivor, "objectIdToMerge": old})
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")
    assert "forward reference" in body["message"]


def test_hs_56_at_most_250_merges(hubspot: Caller) -> None:
    survivor = new(hubspot, firstname="x")
    for _ in range(250):
        other = new(hubspot, firstname="x")
        survivor = hubspot.ok("POST", f"{V3}/merge", {"primaryObjectId": survivor, "objectIdToMerge": other})["id"]
    status, body = hubspot("POST", f"{V3}/merge", {"primaryObjectId": survivor, "objectIdToMerge": new(hubspot, firstname="x")})
    assert (status, body["message"]) == (414, "Cannot have more than 250 identities on a profile")


@pytest.mark.parametrize(("fills", "zip"), [(True, "89073"), (False, None)])
def test_hs_57_furthest_stage_and_blank_values(hubspot: Caller, fills: bool, zip: str | None) -> None:
    hubspot.set(merge_fills_blanks=fills)
    _, survivor = merged(hubspot)
    assert (read(hubspot, survivor, "lifecyclestage"), read(hubspot, survivor, "zip")) == ("customer", zip)


def test_hs_58_a_merge_may_happen_without_us(hubspot: Caller) -> None:
    one, two = new(hubspot, email="one@b.io"), new(hubspot, email="two@b.io")
    survivor = hubspot.act("merge", id=two, into=one)["id"]
    assert hubspot.ok("GET", f"{V3}/{two}")["id"] == survivor


def test_hs_59_archived_records_come_back_for_90_days(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    hubspot.ok("DELETE", f"{V3}/{id}")
    hubspot.act("restore", id=id)
    assert hubspot.ok("GET", f"{V3}/{id}")["archived"] is False
    hubspot.ok("DELETE", f"{V3}/{id}")
    hubspot.advance(91 * 86400)
    assert hubspot("GET", f"{V3}/{id}?archived=true")[0] == 404


def test_hs_60_privacy_deletion(hubspot: Caller) -> None:
    id = new(hubspot, email="a@b.io")
    assert hubspot("POST", f"{V3}/gdpr-delete", {"objectId": id})[0] == 204
    assert hubspot.ok("GET", f"{V3}?archived=true")["results"] == []
    assert hubspot("POST", f"{V3}/gdpr-delete", {"objectId": "never@b.io", "idProperty": "email"})[0] == 204
    assert hubspot("POST", V3, {"properties": {"email": "never@b.io"}})[0] == 400


def test_a_workflow_reacts_to_a_write(hubspot: Caller) -> None:
    hubspot.act("workflow", object="contacts", when={"field": "city", "value": "Ulm"}, fields={"state": "BW"})
    id = new(hubspot, city="Ulm")
    assert read(hubspot, id, "state") == "BW"


def test_state_survives_a_restart(hubspot: Caller) -> None:
    import sandbox

    old, survivor = merged(hubspot)
    gone = new(hubspot, email="gone@b.io")
    hubspot.ok("DELETE", f"{V3}/{gone}")
    hubspot.ok("POST", "/communication-preferences/v4/statuses/one@b.io/unsubscribe-all?channel=EMAIL")
    again = sandbox.app("hubspot", clock=hubspot.app.clock)
    again.restore(json.loads(json.dumps(hubspot.app.snapshot())))
    caller = Caller(again, **hubspot.headers)
    assert caller.ok("GET", f"{V3}/{old}")["id"] == survivor
    assert read(caller, survivor, "hs_email_optout") == "true"
    assert caller("POST", V3, {"properties": {"email": "two@b.io"}})[0] == 409
    assert [row["id"] for row in caller.ok("GET", f"{V3}?archived=true")["results"]] == [gone]


def test_seed_refuses_what_hubspot_refuses(hubspot: Caller) -> None:
    rows = [
        {
            "first_name": "Ada",
            "email": "Ada@b.io",
            "stage": "hot",
            "owner": "anna@firma.example",
            "opt_out": "yes",
            "updated": "2025-03-01",
        },
        {"name": "Ada Byron", "email": "ada@b.io"},
        {"first_name": "Bob", "email": "bob@"},
        {"name": "Cy Young", "email2": "cy@b.io", "timing": "yes"},
    ]
    counts = hubspot.app.plant(rows)
    assert (counts.accepted, dict(counts.refused)) == (2, {"duplicate email": 1, "invalid email (email)": 1})
    ada, cy = hubspot.control("records", method="GET")["contacts"]
    assert (ada["properties"]["email"], ada["properties"]["leadloom_stage"], ada["properties"]["hs_email_optout"]) == (
        "ada@b.io",
        "hot",
        "true",
    )
    assert (ada["updatedAt"], ada["properties"]["hubspot_owner_id"]) == ("2025-03-01T00:00:00.000Z", "51001")
    assert (cy["properties"]["lastname"], cy["properties"]["hs_additional_emails"]) == ("Young", "cy@b.io")
