"""What recipients of mails do: unsubscribe, complain, bounce, come back. Each CRM keeps it in its own way."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.inprocess import Caller

V4 = "/communication-preferences/v4"
CONTACTS = "/crm/v3/objects/contacts"
LEADS = "/services/data/v59.0/sobjects"
AC = "/api/3"


# HubSpot


def contact(hubspot: Caller, email: str) -> str:
    id: str = hubspot.ok("POST", CONTACTS, {"properties": {"email": email}})["id"]
    return id


def mirrored(hubspot: Caller, id: str, name: str = "hs_email_optout") -> str | None:
    value: str | None = hubspot.ok("GET", f"{CONTACTS}/{id}?properties={name}")["properties"].get(name)
    return value


def statuses(hubspot: Caller, email: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = hubspot.ok("GET", f"{V4}/statuses/{email}?channel=EMAIL")["results"]
    return rows


def subscribe(hubspot: Caller, email: str) -> int:
    body = {"subscriptionId": 1001, "statusState": "SUBSCRIBED", "channel": "EMAIL"}
    return hubspot("POST", f"{V4}/statuses/{email}", body)[0]


def test_hubspot_one_type_is_left_and_the_other_is_not(hubspot: Caller) -> None:
    id = contact(hubspot, "a@b.io")
    hubspot.act("unsubscribe", id=id, subscription=1001)
    assert [row["status"] for row in statuses(hubspot, "a@b.io")] == ["UNSUBSCRIBED", "NOT_SPECIFIED"]
    assert (mirrored(hubspot, id, "hs_email_optout_1001"), mirrored(hubspot, id)) == ("true", None)


@pytest.mark.parametrize(("rule", "status"), [("refused", 400), ("accepted", 200)])
def test_hubspot_an_own_opt_out_and_the_api(hubspot: Caller, rule: str, status: int) -> None:
    hubspot.set(resubscribe_after_own_opt_out=rule)
    hubspot.act("unsubscribe", email="a@b.io", subscription=1001)
    assert subscribe(hubspot, "a@b.io") == status


def test_hubspot_an_opt_out_by_an_app_can_be_undone_by_one(hubspot: Caller) -> None:
    hubspot.ok("POST", f"{V4}/statuses/a@b.io/unsubscribe-all?channel=EMAIL")
    assert subscribe(hubspot, "a@b.io") == 200


def test_hubspot_a_person_comes_back(hubspot: Caller) -> None:
    id = contact(hubspot, "a@b.io")
    hubspot.act("unsubscribe", id=id)
    hubspot.act("resubscribe", id=id, subscription=1001)
    assert [(row["status"], row["source"]) for row in statuses(hubspot, "a@b.io")] == [
        ("SUBSCRIBED", "PERSON"),
        ("NOT_SPECIFIED", "PUBLIC_API"),
    ]
    assert mirrored(hubspot, id) is None


def test_hubspot_an_opt_out_stays_with_the_address_when_a_contact_gets_another(hubspot: Caller) -> None:
    id = contact(hubspot, "a@b.io")
    hubspot.act("unsubscribe", id=id)
    hubspot.act("edit", id=id, fields={"email": "new@b.io"})
    assert mirrored(hubspot, id) is None
    hubspot.act("edit", id=id, fields={"email": "a@b.io"})
    assert mirrored(hubspot, id) == "true"


def test_hubspot_a_merge_shows_the_survivors_address_alone(hubspot: Caller) -> None:
    left, stays = contact(hubspot, "left@b.io"), contact(hubspot, "stays@b.io")
    hubspot.act("unsubscribe", id=left)
    merged = hubspot.act("merge", id=left, into=stays)["id"]
    assert mirrored(hubspot, merged) is None
    assert [row["status"] for row in statuses(hubspot, "left@b.io")] == ["UNSUBSCRIBED", "UNSUBSCRIBED"]


def test_hubspot_complaint_and_bounce(hubspot: Caller) -> None:
    angry, gone = contact(hubspot, "angry@b.io"), contact(hubspot, "gone@b.io")
    hubspot.act("complaint", id=angry)
    hubspot.act("bounce", id=gone)
    assert (mirrored(hubspot, angry), mirrored(hubspot, angry, "hs_email_quarantined")) == ("true", "true")
    assert (mirrored(hubspot, gone), mirrored(hubspot, gone, "hs_email_hard_bounce_reason_enum")) == (None, "UNKNOWN_USER")


def test_hubspot_the_state_of_double_opt_in_is_shown_and_not_written(hubspot: Caller) -> None:
    id = contact(hubspot, "a@b.io")
    hubspot.act("confirm", id=id)
    assert mirrored(hubspot, id, "hs_emailconfirmationstatus") == "Confirmed"
    assert hubspot("PATCH", f"{CONTACTS}/{id}", {"properties": {"hs_emailconfirmationstatus": "Confirmed"}})[0] == 400


# Salesforce


def lead(salesforce: Caller, **fields: Any) -> str:
    id: str = salesforce.ok("POST", f"{LEADS}/Lead", {"LastName": "A", "Company": "B", "Email": "a@b.io", **fields})["id"]
    return id


def agreed(salesforce: Caller) -> tuple[str, str, str]:
    """A lead of an individual who consented to e-mail: the ids of the three."""
    salesforce.set(privacy_objects=True)
    person = salesforce.ok("POST", f"{LEADS}/Individual", {"LastName": "A"})["id"]
    body = {
        "Name": "mail", "PartyId": person, "ContactPointType": "Email", "PrivacyConsentStatus": "OptIn", "CaptureSource": "form",
        "CaptureDate": "2026-01-01T00:00:00.000+0000", "CaptureContactPointType": "Web",
        "DoubleConsentCaptureDate": "2026-01-01T00:10:00.000+0000",
    }  # fmt: skip
    consent = salesforce.ok("POST", f"{LEADS}/ContactPointTypeConsent", body)["id"]
    return lead(salesforce, IndividualId=person), person, consent


def test_salesforce_without_the_feature_there_is_no_individual(salesforce: Caller) -> None:
    body = {"LastName": "A", "Company": "B", "IndividualId": None}
    status, answer = salesforce("POST", f"{LEADS}/Lead", body)
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_FIELD")
    names = {field["name"] for field in salesforce.ok("GET", f"{LEADS}/Lead/describe")["fields"]}
    assert {"HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"} <= names
    assert "IndividualId" not in names


def test_salesforce_fields_of_the_individual_are_selected_through_the_lead(salesforce: Caller) -> None:
    id, person, _ = agreed(salesforce)
    salesforce.ok("PATCH", f"{LEADS}/Individual/{person}", {"HasOptedOutSolicit": True})
    query = f"SELECT+Id,Individual.HasOptedOutSolicit,Individual.ShouldForget+FROM+Lead+WHERE+Id='{id}'"
    (row,) = salesforce.ok("GET", f"/services/data/v59.0/query?q={query}")["records"]
    assert (row["Individual"]["HasOptedOutSolicit"], row["Individual"]["ShouldForget"]) == (True, False)


def test_salesforce_an_unsubscribe_reaches_flag_and_consent(salesforce: Caller) -> None:
    id, _, consent = agreed(salesforce)
    salesforce.act("unsubscribe", id=id)
    assert salesforce.ok("GET", f"{LEADS}/Lead/{id}")["HasOptedOutOfEmail"] is True
    assert salesforce.ok("GET", f"{LEADS}/ContactPointTypeConsent/{consent}")["PrivacyConsentStatus"] == "OptOut"


def test_salesforce_complaint_and_bounce(salesforce: Caller) -> None:
    id, person, _ = agreed(salesforce)
    salesforce.act("complaint", id=id)
    assert salesforce.ok("GET", f"{LEADS}/Individual/{person}")["HasOptedOutSolicit"] is True
    other = lead(salesforce)
    salesforce.act("bounce", id=other)
    row = salesforce.ok("GET", f"{LEADS}/Lead/{other}")
    assert (row["HasOptedOutOfEmail"], row["EmailBouncedReason"]) == (False, "550 unknown user")


# Pipedrive


def person(pipedrive: Caller, **more: Any) -> int:
    body = {"name": "A", "emails": [{"value": "a@b.io", "primary": True, "label": "work"}], **more}
    id: int = pipedrive.ok("POST", "/api/v2/persons", body)["data"]["id"]
    return id


def marketing(pipedrive: Caller, id: int) -> tuple[str, str | None]:
    row = pipedrive.ok("GET", f"/api/v2/persons/{id}?include_fields=marketing_status,doi_status")["data"]
    return row["marketing_status"], row["doi_status"]


def test_pipedrive_the_recipients_act_is_not_bound_to_the_apis_transitions(pipedrive: Caller) -> None:
    id = person(pipedrive, marketing_status="subscribed")
    pipedrive.act("unsubscribe", id=id)
    pipedrive.ok("PATCH", f"/api/v2/persons/{id}", {"marketing_status": "subscribed"})
    assert marketing(pipedrive, id)[0] == "unsubscribed"
    pipedrive.act("resubscribe", id=id)
    assert marketing(pipedrive, id)[0] == "subscribed"


def test_pipedrive_double_opt_in_is_shown_and_not_written(pipedrive: Caller) -> None:
    id = person(pipedrive)
    pipedrive.act("confirm", id=id)
    assert marketing(pipedrive, id) == ("no_consent", "confirmed")
    assert pipedrive("PATCH", f"/api/v2/persons/{id}", {"doi_status": "pending"})[0] == 400


def test_pipedrive_a_bounce_is_a_status_that_the_api_does_not_list(pipedrive: Caller) -> None:
    id = person(pipedrive)
    pipedrive.act("bounce", id=id)
    assert marketing(pipedrive, id)[0] == "bounced"


# ActiveCampaign


def subscriber(activecampaign: Caller, *lists: int) -> str:
    id: str = activecampaign.ok("POST", f"{AC}/contacts", {"contact": {"email": "a@b.io"}})["contact"]["id"]
    for list_id in lists:
        activecampaign.ok("POST", f"{AC}/contactLists", {"contactList": {"list": list_id, "contact": id, "status": 1}})
    return id


def lists_of(activecampaign: Caller, id: str) -> dict[str, str]:
    rows = activecampaign.ok("GET", f"{AC}/contacts/{id}/contactLists")["contactLists"]
    return {row["list"]: row["status"] for row in rows}


def test_activecampaign_one_list_is_left_with_time_and_reason(activecampaign: Caller) -> None:
    second = activecampaign.ok("POST", f"{AC}/lists", {"list": {"name": "Events", "stringid": "events"}})["list"]["id"]
    id = subscriber(activecampaign, 1, int(second))
    activecampaign.act("unsubscribe", id=id, list=second, reason="too many")
    assert lists_of(activecampaign, id) == {"1": "1", str(second): "2"}
    row = activecampaign.ok("GET", f"{AC}/contacts/{id}/contactLists")["contactLists"][1]
    assert (row["unsubreason"], row["ip4Unsub"], row["udate"] is None) == ("too many", "203.0.113.7", False)


def test_activecampaign_a_form_waits_for_its_confirmation(activecampaign: Caller) -> None:
    id = subscriber(activecampaign)
    activecampaign.act("request", id=id, list=1)
    assert lists_of(activecampaign, id) == {"1": "0"}
    activecampaign.act("resubscribe", id=id, list=1)
    assert lists_of(activecampaign, id) == {"1": "1"}


def test_ac_23_the_api_resubscribes_in_silence_whoever_left(activecampaign: Caller) -> None:
    id = subscriber(activecampaign, 1)
    activecampaign.act("complaint", id=id)
    assert lists_of(activecampaign, id) == {"1": "2"}
    activecampaign.ok("POST", f"{AC}/contactLists", {"contactList": {"list": 1, "contact": id, "status": 1}})
    assert lists_of(activecampaign, id) == {"1": "1"}


def test_activecampaign_bounces_and_text_messages(activecampaign: Caller) -> None:
    id = subscriber(activecampaign, 1)
    activecampaign.act("bounce", id=id)
    assert lists_of(activecampaign, id) == {"1": "3"}
    assert len(activecampaign.ok("GET", f"{AC}/contacts/{id}/bounceLogs")["bounceLogs"]) == 1
    activecampaign.act("sms", id=id, yes=True)
    row = activecampaign.ok("GET", f"{AC}/contacts/{id}")["contact"]
    assert (row["bounced_hard"], row["sms_consent"], row["sms_consent_updated_at"][:4]) == ("1", "1", "2025")
