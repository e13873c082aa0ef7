"""Salesforce's privacy objects: what an individual agreed to or refused is heard, and what was refused elsewhere is written to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from leads.consent.event import Kind
from sandbox.inprocess import ask
from sync import engine
from sync.answers import decide
from sync.consents import act, record
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna.schmidt@acme.example", "company": "ACME"}
REST = "/services/data/v59.0"
NEWSLETTER = "marketing.newsletter"


class Org:
    """A person's hand in the org: an individual behind Anna's lead, and what it agreed to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = world.apps["salesforce"]
        self.purpose = self.made("DataUsePurpose", Name="Newsletter")
        self.person = self.made("Individual", LastName="Schmidt")
        self.lead = next(row["Id"] for row in world.records("salesforce", "Lead"))
        self.world.act("salesforce", "edit", "Lead", self.lead, fields={"IndividualId": self.person})

    def send(self, method: str, path: str, body: Any = None) -> Any:
        token = self.app.credentials()["token"]
        status, answer = ask(self.app, method, f"{REST}/{path}", body, authorization=f"Bearer {token}")
        assert status < 300, answer
        return answer

    def made(self, object: str, **fields: Any) -> str:
        return str(self.send("POST", f"sobjects/{object}", fields)["id"])

    def consents(self, status: str, purpose: str | None = None) -> str:
        captured = {"CaptureDate": "2026-01-01T00:00:00Z", "CaptureSource": "form", "CaptureContactPointType": "Web"}
        about = {"Name": "c", "PartyId": self.person, "ContactPointType": "Email", "PrivacyConsentStatus": status}
        return self.made("ContactPointTypeConsent", **captured, **about, **({} if purpose is None else {"DataUsePurposeId": purpose}))

    def edit(self, object: str, id: str, **fields: Any) -> None:
        self.world.clock.advance(3600)
        self.send("PATCH", f"sobjects/{object}/{id}", fields)

    def statuses(self) -> list[tuple[str | None, str]]:
        rows = self.world.records("salesforce", "ContactPointTypeConsent")
        return sorted((row["DataUsePurposeId"] or "", row["PrivacyConsentStatus"]) for row in rows)


@pytest.fixture
def org(world: Build) -> Org:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "salesforce")])
    built.apps["salesforce"].settings["privacy_objects"] = True
    found = Org(built)
    built.purposes = {"hubspot": {"1001": NEWSLETTER}, "salesforce": {found.purpose: NEWSLETTER}}
    return found


def told(world: World) -> list[tuple[str, list[str], list[str]]]:
    with world.store.begin() as unit:
        events = [document for _, document in unit.every_event()]
    return sorted((one["kind"], one["purposes"], one["channels"]) for one in events)


def contact(world: World) -> dict[str, Any]:
    return world.records("hubspot", "contacts")[0]["properties"]


def lead(world: World) -> dict[str, Any]:
    return next(row for row in world.records("salesforce", "Lead"))


def says(world: World, kind: Kind, **what: Any) -> None:
    at = datetime.fromtimestamp(world.clock.now(), UTC)
    record(world.workspace(), [act(kind, f"email:{ANNA['email']}", at, **what)], "anna")


def test_a_no_of_an_individual_to_one_purpose_is_the_type_left_in_hubspot(org: Org) -> None:
    consent = org.consents("OptIn", org.purpose)
    org.world.sync()
    org.edit("ContactPointTypeConsent", consent, PrivacyConsentStatus="OptOut")
    org.world.sync()
    assert told(org.world) == [("withdraw", [NEWSLETTER], ["email"])]
    assert (contact(org.world)["hs_email_optout_1001"], contact(org.world)["hs_email_optout"]) == ("true", None)
    assert lead(org.world)["HasOptedOutOfEmail"] is False


def test_a_no_to_one_purpose_is_written_to_the_individual(org: Org) -> None:
    org.consents("OptIn", org.purpose)
    org.world.sync()
    org.world.act("hubspot", "unsubscribe", "contacts", org.world.records("hubspot", "contacts")[0]["id"], subscription=1001)
    org.world.sync()
    assert org.statuses() == [(org.purpose, "OptOut")]
    assert lead(org.world)["HasOptedOutOfEmail"] is False
    assert all(not out for out in totals(org.world.sync()).values())


def test_an_individual_who_was_never_asked_gets_a_row_that_says_no(org: Org) -> None:
    org.world.sync()
    says(org.world, Kind.WITHDRAW, purposes=[NEWSLETTER], channels=["email"])
    org.world.sync()
    assert org.statuses() == [(org.purpose, "OptOut")]
    assert all(not out for out in totals(org.world.sync()).values())


def test_a_record_without_an_individual_says_no_with_its_flag(org: Org) -> None:
    org.world.act("salesforce", "edit", "Lead", org.lead, fields={"IndividualId": None})
    org.world.sync()
    says(org.world, Kind.WITHDRAW, purposes=[NEWSLETTER], channels=["email"])
    org.world.sync()
    assert lead(org.world)["HasOptedOutOfEmail"] is True
    assert org.statuses() == []


def test_a_no_to_all_marketing_is_in_the_flag_and_in_every_consent(org: Org) -> None:
    org.consents("OptIn")
    org.consents("OptIn", org.purpose)
    org.world.sync()
    says(org.world, Kind.WITHDRAW, purposes=["marketing"], channels=["email"])
    org.world.sync()
    assert org.statuses() == [("", "OptOut"), (org.purpose, "OptOut")]
    assert lead(org.world)["HasOptedOutOfEmail"] is True


@pytest.mark.parametrize("flag", ["HasOptedOutSolicit", "HasOptedOutProcessing", "ShouldForget"])
def test_whom_nobody_may_solicit_is_opted_out_everywhere(org: Org, flag: str) -> None:
    org.world.sync()
    org.edit("Individual", org.person, **{flag: True})
    org.world.sync()
    assert contact(org.world)["hs_email_optout"] == "true"


def test_who_is_to_be_forgotten_is_asked_about_once_and_not_erased_by_a_flag(org: Org) -> None:
    org.world.sync()
    org.edit("Individual", org.person, ShouldForget=True)
    assert org.world.sync().reviews == 1
    with org.world.store.begin() as unit:
        (review,) = [one for one in unit.reviews(answered=False, limit=10) if one["kind"] == "erasure"]
    assert "privacy erase" in review["choices"][0]["says"]
    assert len(org.world.records("hubspot", "contacts")) == 1
    decide(org.world.workspace(), review["id"], "keep_person", "anna")
    org.edit("Lead", org.lead, City="Kiel")
    assert org.world.sync().reviews == 0


def test_the_question_goes_with_who_is_erased(org: Org) -> None:
    org.world.sync()
    org.edit("Individual", org.person, ShouldForget=True)
    org.world.sync()
    with org.world.store.begin() as unit:
        (id,) = unit.lead_ids("", 10)
    engine.erase_lead(org.world.workspace(), id, "asked for")
    with org.world.store.begin() as unit:
        assert [one for one in unit.reviews(answered=False, limit=10) if one["kind"] == "erasure"] == []


def test_whom_nobody_may_profile_is_scored_no_more(org: Org) -> None:
    org.world.sync()
    org.edit("Individual", org.person, HasOptedOutProfiling=True)
    org.world.sync()
    assert told(org.world) == [("object", ["profiling"], ["any"])]
    assert (lead(org.world)["Leadloom_Score__c"], lead(org.world)["HasOptedOutOfEmail"]) == (None, False)


def test_an_objection_to_profiling_is_written_to_the_individual(org: Org) -> None:
    org.world.sync()
    says(org.world, Kind.OBJECT, purposes=["profiling"], channels=["any"])
    org.world.sync()
    (person,) = org.world.records("salesforce", "Individual")
    assert (person["HasOptedOutProfiling"], person["HasOptedOutSolicit"]) == (True, False)


def test_a_yes_without_proof_is_noted_and_permits_nothing(org: Org) -> None:
    consent = org.consents("OptOut", org.purpose)
    org.world.sync()
    org.edit("ContactPointTypeConsent", consent, PrivacyConsentStatus="OptIn")
    org.world.sync()
    assert ("grant", [NEWSLETTER], ["email"]) in told(org.world)
    assert org.statuses() == [(org.purpose, "OptOut")]


def test_a_quiet_sync_asks_twice_more_an_object_and_reads_nobody_again(org: Org) -> None:
    org.consents("OptIn", org.purpose)
    org.world.sync()
    org.world.clock.advance(3600)
    org.world.sync()
    org.world.clock.advance(3600)
    org.world.new_requests()
    org.world.sync()
    asked = [request["path"] for request in org.world.new_requests()["salesforce"] if "/query" in request["path"]]
    assert len([path for path in asked if "ContactPointTypeConsent" in path or "Individual" in path]) <= 4


def test_many_consents_cost_a_query_per_two_hundred(org: Org) -> None:
    for number in range(30):
        org.world.act("salesforce", "create", "Lead", "", fields={"LastName": f"L{number}", "Company": "C", "IndividualId": org.person})
    org.world.new_requests()
    org.world.sync()
    asked = [request["path"] for request in org.world.new_requests()["salesforce"]]
    assert len([path for path in asked if "FROM+ContactPointTypeConsent" in path]) <= 3
