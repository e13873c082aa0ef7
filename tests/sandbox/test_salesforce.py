"""Salesforce's rows: authentication, single records, upsert, collections, duplicate rules; the lines of the checklist, by number."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.wire import Request

DATA = "/services/data/v59.0"
LEAD = f"{DATA}/sobjects/Lead"
CONTACT = f"{DATA}/sobjects/Contact"
KEY = "Leadloom_Key__c"
BYRON = {"LastName": "Byron", "Company": "Analytical"}


def new(salesforce: Caller, object: str = "Lead", **fields: Any) -> str:
    defaults = BYRON if object == "Lead" else {"LastName": "Byron"}
    id: str = salesforce.ok("POST", f"{DATA}/sobjects/{object}", {**defaults, **fields})["id"]
    return id


def get(salesforce: Caller, id: str, object: str = "Lead") -> Any:
    return salesforce.ok("GET", f"{DATA}/sobjects/{object}/{id}")


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1][0]["errorCode"]


def form(salesforce: Caller, host: str = "firma.my.salesforce.com", **fields: str) -> tuple[int, Any]:
    reply = salesforce.app.handle(Request("POST", "/services/oauth2/token", {"host": host}, urlencode(fields).encode()))
    return reply.status, json.loads(reply.encode())


CLIENT = {"client_id": "sandbox", "client_secret": "sandbox-salesforce-secret"}


# -- authentication ----------------------------------------------------------------------------------------------------------------------


def test_sf_01_client_credentials_on_my_domain_only(salesforce: Caller) -> None:
    status, body = form(salesforce, grant_type="client_credentials", **CLIENT)
    assert (status, set(body) >= {"access_token", "instance_url", "id", "token_type", "issued_at", "signature"}) == (200, True)
    assert "expires_in" not in body
    assert salesforce("GET", f"{DATA}/limits", authorization=f"Bearer {body['access_token']}")[0] == 200
    status, body = form(salesforce, "login.salesforce.com", grant_type="client_credentials", **CLIENT)
    assert (status, set(body)) == (400, {"error", "error_description"})


def test_sf_01_password_jwt_and_refresh(salesforce: Caller) -> None:
    import base64

    password = {"username": "hub@firma.example", "password": "sandbox-salesforce-password"}
    assert form(salesforce, grant_type="password", **CLIENT, **password)[0] == 200
    assert form(salesforce, grant_type="refresh_token", refresh_token="sandbox-salesforce-refresh", **CLIENT)[0] == 200
    for lives, status in ((100, 200), (900, 400), (-5, 400)):
        claims = {"iss": "sandbox", "sub": "hub@firma.example", "exp": str(int(salesforce.app.clock.now()) + lives)}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "RS256"}, claims)]
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert form(salesforce, grant_type=grant, assertion=".".join([*parts, "x"]))[0] == status


def test_sf_03_refresh_tokens_rotate(salesforce: Caller) -> None:
    salesforce.set(refresh_rotation=True)
    first = form(salesforce, grant_type="refresh_token", refresh_token="sandbox-salesforce-refresh", **CLIENT)[1]
    second = form(salesforce, grant_type="refresh_token", refresh_token=first["refresh_token"], **CLIENT)[1]
    assert salesforce("GET", f"{DATA}/limits", authorization=f"Bearer {second['access_token']}")[0] == 200
    assert form(salesforce, grant_type="refresh_token", refresh_token=first["refresh_token"], **CLIENT)[0] == 400
    assert salesforce("GET", f"{DATA}/limits", authorization=f"Bearer {second['access_token']}")[0] == 401


def test_sf_04_expired_session_in_three_shapes(salesforce: Caller) -> None:
    token = form(salesforce, grant_type="client_credentials", **CLIENT)[1]["access_token"]
    salesforce.advance(7201)
    expected = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert salesforce("GET", f"{DATA}/limits", authorization=f"Bearer {token}") == (401, expected)
    salesforce.fault("401", body="html")
    salesforce.fault("401", body="dict")
    assert "<html>" in salesforce("GET", f"{DATA}/limits")[1]
    assert isinstance(salesforce("GET", f"{DATA}/limits")[1], dict)


def test_sf_05_versions(salesforce: Caller) -> None:
    versions = salesforce.ok("GET", "/services/data", authorization="")
    assert {"label", "url", "version"} == set(versions[0])
    assert code(salesforce("GET", "/services/data/v20.0/limits")) == (400, "UNSUPPORTED_API_VERSION")


def test_sf_06_expired_password(salesforce: Caller) -> None:
    salesforce.set(password_expired=True)
    assert code(salesforce("GET", f"{DATA}/limits")) == (403, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD")


# -- records -----------------------------------------------------------------------------------------------------------------------------


def test_sf_07_create_update_delete(salesforce: Caller) -> None:
    status, body = salesforce("POST", LEAD, {"LastName": "Byron"})
    assert (status, body[0]) == (
        400,
        {"message": "Required fields are missing: [Company]", "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["Company"]},
    )
    status, body = salesforce("POST", LEAD, BYRON)
    assert (status, body) == (201, {"id": body["id"], "success": True, "errors": []})
    assert len(body["id"]) == 18
    assert salesforce("PATCH", f"{LEAD}/{body['id']}", {"City": "Ulm"}) == (204, "")
    assert salesforce("DELETE", f"{LEAD}/{body['id']}") == (204, "")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("City", "x" * 41, "STRING_TOO_LONG"),
        ("Leadloom_Stage__c", "boiling", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Email", "nonsense", "INVALID_EMAIL_ADDRESS"),
        ("Nonsense__c", "x", "INVALID_FIELD"),
        ("OwnerId", "005000000000999AAA", "INVALID_CROSS_REFERENCE_KEY"),
    ],
)
def test_sf_08_bad_values(salesforce: Caller, field: str, value: str, expected: str) -> None:
    assert code(salesforce("POST", LEAD, {**BYRON, field: value})) == (400, expected)


def test_sf_09_null_and_empty_text_clear(salesforce: Caller) -> None:
    id = new(salesforce, City="Ulm", Phone="1", State="BW")
    salesforce.ok("PATCH", f"{LEAD}/{id}", {"City": None, "Phone": ""})
    row = get(salesforce, id)
    assert (row["City"], row["Phone"], row["State"]) == (None, None, "BW")
    assert salesforce("PATCH", f"{LEAD}/{id}", {"DoNotCall": None})[0] == 400


def test_sf_10_lower_case_and_trimmed(salesforce: Caller) -> None:
    row = get(salesforce, new(salesforce, Email=" Ada@Example.ORG ", City="  Ulm "))
    assert (row["Email"], row["City"]) == ("ada@example.org", "Ulm")


def test_sf_11_compound_and_audit_fields(salesforce: Caller) -> None:
    id = new(salesforce, FirstName="Ada", City="Ulm")
    row = get(salesforce, id)
    assert (row["Name"], row["Address"]["city"]) == ("Ada Byron", "Ulm")
    for field in ("Address", "Name", "CreatedDate", "SystemModstamp"):
        assert code(salesforce("PATCH", f"{LEAD}/{id}", {field: "x"})) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


def test_sf_12_hidden_fields(salesforce: Caller) -> None:
    salesforce.set(hidden_fields=["Lead.HasOptedOutOfEmail"])
    names = {field["name"] for field in salesforce.ok("GET", f"{LEAD}/describe")["fields"]}
    assert ("HasOptedOutOfEmail" in names, "DoNotCall" in names) == (False, True)
    assert code(salesforce("GET", f"{DATA}/query?q=SELECT+HasOptedOutOfEmail+FROM+Lead")) == (400, "INVALID_FIELD")


def test_sf_13_describe(salesforce: Caller) -> None:
    fields = {field["name"]: field for field in salesforce.ok("GET", f"{LEAD}/describe")["fields"]}
    assert (fields["City"]["length"], fields["Email"]["idLookup"], fields["Address"]["createable"]) == (40, True, False)
    assert (fields[KEY]["externalId"], fields[KEY]["unique"], fields["LastName"]["nillable"]) == (True, True, False)
    assert fields["Status"]["defaultedOnCreate"] is True
    assert [option["value"] for option in fields["Leadloom_Stage__c"]["picklistValues"]][:2] == ["raw", "mql"]
    assert {row["name"] for row in salesforce.ok("GET", f"{DATA}/sobjects")["sobjects"]} >= {"Lead", "Contact", "Account", "User", "Group"}
    bare = Caller(sandbox.app("salesforce", bare=True), **salesforce.headers)
    assert not [field for field in bare.ok("GET", f"{LEAD}/describe")["fields"] if field["custom"]]


def test_sf_14_assignment_rules_and_owners(salesforce: Caller) -> None:
    users = {row["Email"]: row["Id"] for row in query(salesforce, "SELECT Id, Email FROM User")}
    anna, ivo = users["anna@firma.example"], users["ivo@firma.example"]
    (queue,) = query(salesforce, "SELECT Id FROM Group WHERE Type = 'Queue'")
    salesforce.set(assignment_rule="ben@firma.example")
    assert get(salesforce, new(salesforce, OwnerId=anna))["OwnerId"] == users["ben@firma.example"]
    answer = salesforce.ok("POST", LEAD, {**BYRON, "OwnerId": anna}, sforce_auto_assign="FALSE")
    assert get(salesforce, answer["id"])["OwnerId"] == anna
    salesforce.set(assignment_rule=None)
    assert get(salesforce, new(salesforce, OwnerId=queue["Id"]))["OwnerId"].startswith("00G")
    assert code(salesforce("POST", LEAD, {**BYRON, "OwnerId": ivo})) == (400, "INACTIVE_OWNER_OR_USER")
    assert salesforce("POST", CONTACT, {"LastName": "B", "OwnerId": queue["Id"]})[0] == 400


def query(salesforce: Caller, soql: str, path: str = "query") -> list[Any]:
    rows: list[Any] = salesforce.ok("GET", f"{DATA}/{path}?{urlencode({'q': soql})}")["records"]
    return rows


def test_sf_15_only_if_unmodified(salesforce: Caller) -> None:
    id = new(salesforce)
    salesforce.advance(60)
    salesforce.ok("PATCH", f"{LEAD}/{id}", {"City": "Ulm"})
    old, now = "Thu, 01 Jan 2026 00:00:30 GMT", "Thu, 01 Jan 2026 00:02:00 GMT"
    assert salesforce("PATCH", f"{LEAD}/{id}", {"City": "Bonn"}, if_unmodified_since=old)[0] == 412
    assert salesforce("PATCH", f"{LEAD}/{id}", {"City": "Bonn"}, if_unmodified_since=now)[0] == 204


@pytest.mark.parametrize("kind", ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "UNABLE_TO_LOCK_ROW"])
def test_sf_16_triggers_and_locks(salesforce: Caller, kind: str) -> None:
    salesforce.fault("400", "POST", "*/Lead", code=kind)
    assert code(salesforce("POST", LEAD, BYRON)) == (400, kind)
    salesforce.fault("partial", code=kind)
    rows = collection(salesforce, "POST", BYRON, BYRON)
    assert [row["success"] for row in rows] == [True, False]
    assert rows[1]["errors"][0]["statusCode"] == kind


def test_sf_39_delete_of_a_contact_with_dependants(salesforce: Caller) -> None:
    id = new(salesforce, "Contact")
    salesforce.fault("400", "DELETE", code="DELETE_FAILED")
    assert code(salesforce("DELETE", f"{CONTACT}/{id}")) == (400, "DELETE_FAILED")


# -- upsert ------------------------------------------------------------------------------------------------------------------------------


def test_sf_17_upsert_by_external_id(salesforce: Caller) -> None:
    status, body = salesforce("PATCH", f"{LEAD}/{KEY}/k1", BYRON)
    assert (status, body["created"]) == (201, True)
    assert salesforce("PATCH", f"{LEAD}/{KEY}/K1", {"City": "Ulm"})[1] == {**body, "created": False}
    assert salesforce("PATCH", f"/services/data/v45.0/sobjects/Lead/{KEY}/k1", {"City": "Ulm"}) == (204, "")
    assert salesforce("PATCH", f"{LEAD}/{KEY}/new?updateOnly=true", BYRON)[0] == 404


def test_sf_18_keys_in_the_path(salesforce: Caller) -> None:
    for name in ("Id", KEY):
        assert code(salesforce("PATCH", f"{LEAD}/{KEY}/k1", {**BYRON, name: "x"})) == (400, "INVALID_FIELD")
    assert salesforce("PATCH", f"{LEAD}/{KEY}/a%2Fb%20c%2Bd", BYRON)[0] == 201
    assert salesforce.ok("GET", f"{LEAD}/{KEY}/A%2FB%20c%2Bd")[KEY] == "a/b c+d"


def test_sf_19_upsert_by_address(salesforce: Caller) -> None:
    assert salesforce("PATCH", f"{CONTACT}/Email/a%40b.example", {"LastName": "B"})[0] == 201
    new(salesforce, "Contact", Email="a@b.example")
    status, urls = salesforce("PATCH", f"{CONTACT}/Email/a%40b.example", {"City": "x", "LastName": "C"})
    assert (status, len(urls), urls[0].startswith(f"{CONTACT}/003")) == (300, 2, True)
    assert salesforce("PATCH", f"{CONTACT}/Email/a@firma.inc", {"LastName": "B"})[0] == 404


def test_sf_20_unique_external_id(salesforce: Caller) -> None:
    id = new(salesforce, Leadloom_Key__c="k1")
    status, body = salesforce("POST", LEAD, {**BYRON, KEY: "k1"})
    assert (status, body[0]["errorCode"], body[0]["fields"], id[:15] in body[0]["message"]) == (400, "DUPLICATE_VALUE", [], True)


def test_sf_20_external_id_that_is_not_unique(salesforce: Caller) -> None:
    field = {"FullName": "Lead.Old__c", "Metadata": {"type": "Text", "label": "Old", "length": 50, "externalId": True}}
    salesforce.ok("POST", f"{DATA}/tooling/sobjects/CustomField", field)
    salesforce.set(field_level_security=False)
    assert new(salesforce, Old__c="k") != new(salesforce, Old__c="k")
    assert salesforce("PATCH", f"{LEAD}/Old__c/k", {"City": "Ulm"})[0] == 300


# -- collections -------------------------------------------------------------------------------------------------------------------------


def collection(salesforce: Caller, method: str, *rows: dict[str, Any], path: str = "", **options: Any) -> Any:
    records = [{"attributes": {"type": "Lead"}, **row} for row in rows]
    return salesforce.ok(method, f"{DATA}/composite/sobjects{path}", {"records": records, **options})


def test_sf_21_collections_answer_row_by_row(salesforce: Caller) -> None:
    good, bad = collection(salesforce, "POST", BYRON, {"LastName": "X"})
    assert (good["success"], "id" in bad, bad["errors"][0]["statusCode"]) == (True, False, "REQUIRED_FIELD_MISSING")
    missing, done = collection(salesforce, "PATCH", {"id": "00Q000000000999AAA"}, {"id": good["id"], "City": "Ulm"})
    assert missing == {
        "success": False,
        "errors": [{"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "invalid cross reference id", "fields": []}],
    }
    assert done == {"id": good["id"], "success": True, "errors": []}
    first, second = collection(salesforce, "PATCH", {KEY: "k1", **BYRON}, {KEY: "k2", "LastName": "X"}, path=f"/Lead/{KEY}")
    assert (first["created"], second["created"], second["success"]) == (True, False, False)
    ids = f"{good['id']},{first['id']}"
    rows = salesforce.ok("POST", f"{DATA}/composite/sobjects/Lead", {"ids": [good["id"], "00Q000000000999AAA"], "fields": ["City"]})
    assert (rows[0]["City"], rows[1]) == ("Ulm", None)
    assert [row["success"] for row in salesforce.ok("DELETE", f"{DATA}/composite/sobjects?ids={ids}&allOrNone=false")] == [True, True]


def test_sf_21_attributes_first_and_at_most_200(salesforce: Caller) -> None:
    body = {"records": [{"LastName": "B", "attributes": {"type": "Lead"}}]}
    (answer,) = salesforce.ok("POST", f"{DATA}/composite/sobjects", body)
    assert answer["errors"][0]["statusCode"] == "JSON_PARSER_ERROR"
    assert answer["errors"][0]["message"].startswith("Nested object for polymorphic foreign key")
    assert salesforce("POST", f"{DATA}/composite/sobjects", {"records": [{"attributes": {"type": "Lead"}}] * 201})[0] == 400


def test_sf_22_all_or_none(salesforce: Caller) -> None:
    rows = collection(salesforce, "POST", BYRON, {"LastName": "X"}, {**BYRON, KEY: "k"}, allOrNone=True)
    codes = [row["errors"][0]["statusCode"] for row in rows]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]
    assert query(salesforce, "SELECT Id FROM Lead") == []
    assert salesforce("GET", f"{LEAD}/{KEY}/k")[0] == 404


@pytest.mark.parametrize(("mode", "successes"), [("refused", [False, False]), ("accepted", [True, True])])
def test_sf_23_one_key_twice(salesforce: Caller, mode: str, successes: list[bool]) -> None:
    salesforce.set(repeated_keys=mode)
    rows = collection(salesforce, "PATCH", {KEY: "k", **BYRON}, {KEY: "k", **BYRON}, path=f"/Lead/{KEY}")
    assert [row["success"] for row in rows] == successes


def test_sf_24_composite_with_references(salesforce: Caller) -> None:
    parts = [
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": "a", "body": {"Name": "Firma"}},
        {"method": "POST", "url": CONTACT, "referenceId": "c", "body": {"LastName": "B", "AccountId": "@{a.id}"}},
        {"method": "GET", "url": f"{CONTACT}/@{{c.id}}", "referenceId": "g"},
    ]
    answers = salesforce.ok("POST", f"{DATA}/composite", {"compositeRequest": parts})["compositeResponse"]
    assert [answer["httpStatusCode"] for answer in answers] == [201, 201, 200]
    assert set(answers[0]) == {"body", "httpHeaders", "httpStatusCode", "referenceId"}
    assert answers[2]["body"]["AccountId"] == answers[0]["body"]["id"]
    assert len([entry for entry in salesforce.app.requests() if entry["path"].startswith(DATA)]) == 1
    assert salesforce("POST", f"{DATA}/composite", {"compositeRequest": parts * 9})[0] == 400


def test_sf_24_composite_all_or_none(salesforce: Caller) -> None:
    parts = [
        {"method": "POST", "url": LEAD, "referenceId": "a", "body": BYRON},
        {"method": "POST", "url": LEAD, "referenceId": "b", "body": {}},
    ]
    answers = salesforce.ok("POST", f"{DATA}/composite", {"allOrNone": True, "compositeRequest": parts})["compositeResponse"]
    assert answers[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert query(salesforce, "SELECT Id FROM Lead") == []


def test_sf_25_a_repeated_create_makes_two(salesforce: Caller) -> None:
    assert new(salesforce) != new(salesforce)


# -- duplicate rules, custom fields, limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "status"), [("off", 201), ("alert", 201), ("block", 400)])
def test_sf_26_duplicate_rules(salesforce: Caller, mode: str, status: int) -> None:
    id = new(salesforce, Email="a@b.io")
    salesforce.set(duplicate_rule=mode)
    again = {**BYRON, "Email": "A@b.io"}
    got, body = salesforce("POST", LEAD, again)
    if mode != "off":
        assert (got, body[0]["errorCode"]) == (400, "DUPLICATES_DETECTED")
        matched = body[0]["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]
        assert matched["Id"] == id
        (entry,) = collection(salesforce, "POST", again)
        assert set(entry["errors"][0]) == {"statusCode", "message", "fields"}
    assert salesforce("POST", LEAD, again, sforce_duplicate_rule_header="allowSave=true")[0] == status


def test_sf_44_limit_header_and_resource(clock: Any) -> None:
    app = sandbox.app("salesforce", clock=clock, limits="vendor", settings={"daily_limit": 3})
    caller = Caller(app, authorization=f"Bearer {app.token}")
    reply = app.handle(Request("GET", f"{DATA}/limits", caller.headers))
    assert reply.headers["Sforce-Limit-Info"] == "api-usage=1/3"
    assert caller.ok("GET", f"{DATA}/limits")["DailyApiRequests"] == {"Max": 3, "Remaining": 2}
    id = new(caller)
    expected = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    assert caller("DELETE", f"{LEAD}/{id}") == (403, expected)
    caller.advance(86401)
    caller.set(others_spent=2)
    reply = app.handle(Request("DELETE", f"{LEAD}/{id}", caller.headers))
    assert (reply.status, "Sforce-Limit-Info" in reply.headers) == (204, False)
    assert caller("GET", f"{DATA}/limits")[0] == 403


def test_sf_45_too_many_long_requests(salesforce: Caller) -> None:
    salesforce.fault("403", message="ConcurrentPerOrgLongTxn Limit exceeded.")
    status, body = salesforce("GET", f"{DATA}/limits")
    assert (status, body[0]["errorCode"], "ConcurrentPerOrgLongTxn" in body[0]["message"]) == (403, "REQUEST_LIMIT_EXCEEDED", True)


def test_sf_46_privacy_objects_exist_only_with_the_feature(salesforce: Caller) -> None:
    path = f"{DATA}/sobjects/ContactPointTypeConsent"
    assert salesforce("GET", f"{path}/describe")[0] == 404
    salesforce.set(privacy_objects=True)
    status, body = salesforce("POST", path, {"Name": "x"})
    assert (status, {"CaptureDate", "CaptureSource", "CaptureContactPointType"} <= set(body[0]["fields"])) == (400, True)
    assert get(salesforce, new(salesforce))["HasOptedOutOfEmail"] is False


def test_custom_fields_need_a_permission_before_they_are_seen(salesforce: Caller) -> None:
    metadata = {"type": "Text", "label": "Shoe", "length": 10}
    made = salesforce.ok("POST", f"{DATA}/tooling/sobjects/CustomField", {"FullName": "Lead.Shoe__c", "Metadata": metadata})
    assert made["id"].startswith("00N")
    assert code(salesforce("POST", f"{DATA}/tooling/sobjects/CustomField", {"FullName": "Lead.Shoe__c", "Metadata": metadata}))[1] == (
        "DUPLICATE_DEVELOPER_NAME"
    )
    assert code(salesforce("POST", LEAD, {**BYRON, "Shoe__c": "x"})) == (400, "INVALID_FIELD")
    set_id = salesforce.ok("POST", f"{DATA}/sobjects/PermissionSet", {"Name": "Hub", "Label": "Hub"})["id"]
    grant = {"ParentId": set_id, "SobjectType": "Lead", "Field": "Lead.Shoe__c", "PermissionsRead": True, "PermissionsEdit": True}
    salesforce.ok("POST", f"{DATA}/sobjects/FieldPermissions", grant)
    (hub,) = query(salesforce, "SELECT Id FROM User WHERE Email = 'hub@firma.example'")
    salesforce.ok("POST", f"{DATA}/sobjects/PermissionSetAssignment", {"PermissionSetId": set_id, "AssigneeId": hub["Id"]})
    assert get(salesforce, new(salesforce, Shoe__c="x"))["Shoe__c"] == "x"
    names = [row["DeveloperName"] for row in query(salesforce, "SELECT DeveloperName FROM CustomField", "tooling/query")]
    assert {"Shoe", "Leadloom_Key"} <= set(names)


def test_a_workflow_reacts_to_a_write(salesforce: Caller) -> None:
    salesforce.act("workflow", object="Lead", when={"field": "City", "value": "Ulm"}, fields={"State": "BW"})
    assert get(salesforce, new(salesforce, City="Ulm"))["State"] == "BW"


def test_seed_makes_leads_and_contacts_and_counts_refusals(salesforce: Caller) -> None:
    rows = [
        {"name": "Ada Byron", "email": "Ada@b.io", "stage": "hot", "owner": "anna@firma.example", "opt_out": "1", "updated": "2025-03-01"},
        {"first_name": "Bob", "last_name": "Ray", "email": "bob@b.io", "company": "Firma", "stage": "customer", "city": "Ulm"},
        {"first_name": "Cy", "email": "cy@"},
        {"last_name": "x" * 90},
    ]
    counts = salesforce.app.plant(rows)
    assert (counts.accepted, dict(counts.refused)) == (2, {"invalid email address (Email)": 1, "string too long (LastName)": 1})
    shown = salesforce.control("records", method="GET")
    (lead,), (contact,) = shown["Lead"], shown["Contact"]
    assert (lead["Email"], lead["Company"], lead["HasOptedOutOfEmail"]) == ("ada@b.io", "[not provided]", True)
    assert lead["Leadloom_Stage__c"] == "hot"
    assert lead["SystemModstamp"] == "2025-03-01T00:00:00.000+0000"
    assert (contact["MailingCity"], contact["AccountId"]) == ("Ulm", shown["Account"][0]["Id"])


def test_state_survives_a_restart(salesforce: Caller) -> None:
    id = new(salesforce, Email="a@b.io", Leadloom_Key__c="k")
    gone = new(salesforce)
    salesforce.ok("DELETE", f"{LEAD}/{gone}")
    again = sandbox.app("salesforce", clock=salesforce.app.clock)
    again.restore(json.loads(json.dumps(salesforce.app.snapshot())))
    caller = Caller(again, **salesforce.headers)
    assert caller.ok("GET", f"{LEAD}/{KEY}/k")["Id"] == id
    assert [row["Id"] for row in query(caller, "SELECT Id FROM Lead WHERE IsDeleted = true", "queryAll")] == [gone]
    assert new(caller) not in (id, gone)
