"""HubSpot's subscriptions: one state per address behind two generations of endpoints and the mirrored properties."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.inprocess import Caller

V3, V4 = "/communication-preferences/v3", "/communication-preferences/v4"
CONTACTS = "/crm/v3/objects/contacts"


def states(hubspot: Caller, email: str = "a@b.io") -> list[str]:
    return [row["status"] for row in hubspot.ok("GET", f"{V4}/statuses/{email}?channel=EMAIL")["results"]]


def choose(hubspot: Caller, state: str, **more: Any) -> Any:
    body = {"subscriptionId": 1001, "statusState": state, "channel": "EMAIL", **more}
    return hubspot.ok("POST", f"{V4}/statuses/a%40b.io", body)["results"][0]


def test_hs_61_two_generations_one_state(hubspot: Caller) -> None:
    (first, _) = hubspot.ok("GET", f"{V3}/definitions")["subscriptionDefinitions"]
    assert (first["id"], hubspot.ok("GET", f"{V4}/definitions")["results"][0]["id"]) == ("1001", 1001)
    answer = hubspot.ok("POST", f"{V3}/subscribe", {"emailAddress": "a@b.io", "subscriptionId": "1001"})
    assert answer["status"] == "SUBSCRIBED"
    assert states(hubspot) == ["SUBSCRIBED", "NOT_SPECIFIED"]


def test_hs_62_legal_basis_where_privacy_is_on(hubspot: Caller) -> None:
    hubspot.set(data_privacy=True)
    body = {"subscriptionId": 1001, "statusState": "SUBSCRIBED", "channel": "EMAIL"}
    assert hubspot("POST", f"{V4}/statuses/a@b.io", body)[0] == 400
    basis = {"legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "form"}
    assert hubspot("POST", f"{V4}/statuses/a@b.io", body | basis)[0] == 200


def test_hs_63_opting_out_of_everything_beats_each_type(hubspot: Caller) -> None:
    choose(hubspot, "SUBSCRIBED")
    path = f"{V4}/statuses/a@b.io/unsubscribe-all?channel=EMAIL"
    assert hubspot.ok("GET", path)["results"] == []
    hubspot.ok("POST", path)
    assert hubspot.ok("GET", path)["results"][0]["status"] == "UNSUBSCRIBED"
    assert states(hubspot) == ["UNSUBSCRIBED", "UNSUBSCRIBED"]
    assert states(hubspot, "other@b.io") == ["NOT_SPECIFIED", "NOT_SPECIFIED"]


def test_hs_64_reasons(hubspot: Caller) -> None:
    reasons = [choose(hubspot, state)["setStatusSuccessReason"] for state in ("UNSUBSCRIBED", "UNSUBSCRIBED", "SUBSCRIBED")]
    assert reasons == ["REQUESTED_CHANGE_OCCURRED", "NO_STATUS_CHANGE", "RESUBSCRIBE_OCCURRED"]


def test_hs_65_mirrored_properties_follow_the_primary_address(hubspot: Caller) -> None:
    id = hubspot.ok("POST", CONTACTS, {"properties": {"email": "a@b.io"}})["id"]
    hubspot.advance(5)
    hubspot.ok("POST", f"{V4}/statuses/a@b.io/unsubscribe-all?channel=EMAIL")
    path = f"{CONTACTS}/{id}?properties=hs_email_optout,hs_email_optout_1001"
    row = hubspot.ok("GET", path)
    assert (row["properties"]["hs_email_optout"], row["properties"]["hs_email_optout_1001"]) == ("true", "true")
    assert row["updatedAt"] == "2026-01-01T00:00:05.000Z"
    hubspot.ok("PATCH", f"{CONTACTS}/{id}", {"properties": {"email": "new@b.io"}})
    assert hubspot.ok("GET", path)["properties"]["hs_email_optout"] is None


@pytest.mark.parametrize(("enterprise", "status"), [(False, 403), (True, 200)])
def test_hs_66_batches_are_for_enterprise(hubspot: Caller, enterprise: bool, status: int) -> None:
    hubspot.set(enterprise=enterprise)
    got, body = hubspot("POST", f"{V4}/statuses/batch/unsubscribe-all?channel=EMAIL", {"inputs": ["a@b.io"]})
    assert got == status
    assert enterprise or body["category"] == "MISSING_SCOPES"


def test_a_person_can_opt_out_by_a_click(hubspot: Caller) -> None:
    id = hubspot.ok("POST", CONTACTS, {"properties": {"email": "a@b.io"}})["id"]
    hubspot.act("edit", id=id, opt_out=True)
    assert states(hubspot) == ["UNSUBSCRIBED", "UNSUBSCRIBED"]
