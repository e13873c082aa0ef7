"""What a person does in one CRM reaches the others with the next sync, and the sync after that writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sync.rig import World, totals

ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna.schmidt@acme.example", "company": "Acme GmbH"}
EVERYWHERE = [{"crm": crm, **ANNA} for crm in ("hubspot", "salesforce", "pipedrive", "activecampaign")]
OBJECT = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}
JOB = {"hubspot": "jobtitle", "salesforce": "Title", "pipedrive": "leadloom_job_title", "activecampaign": "LEADLOOM_JOB_TITLE"}
CITY = {"hubspot": "city", "salesforce": "City", "pipedrive": "leadloom_city", "activecampaign": "LEADLOOM_CITY"}
CRMS = tuple(OBJECT)

Build = Callable[..., World]


def only(world: World, crm: str) -> str:
    (record,) = world.records(crm, OBJECT[crm])
    return str(record.get("id", record.get("Id")))


def shows(world: World, crm: str, names: dict[str, str]) -> Any:
    """What the one record of a CRM shows in a field, whatever the vendor's shape of it."""
    return world.value(crm, OBJECT[crm], only(world, crm), names[crm])


def quiet(world: World) -> None:
    assert all(not out for out in totals(world.sync()).values())


@pytest.fixture
def synced(world: Build) -> World:
    built = world(EVERYWHERE)
    report = built.sync()
    assert report.status == "done"
    assert report.leads["new"] == 1
    quiet(built)
    return built


@pytest.mark.parametrize("crm", CRMS)
def test_an_edit_in_one_crm_reaches_the_others(synced: World, crm: str) -> None:
    synced.act(crm, "edit", OBJECT[crm], only(synced, crm), fields={JOB[crm]: "Head of IT"})
    synced.sync()
    assert [shows(synced, other, JOB) for other in CRMS] == ["Head of IT"] * 4
    quiet(synced)


def test_edits_of_different_fields_in_two_crms_both_arrive(synced: World) -> None:
    synced.act("hubspot", "edit", "contacts", only(synced, "hubspot"), fields={JOB["hubspot"]: "CTO"})
    synced.act("pipedrive", "edit", "persons", only(synced, "pipedrive"), fields={CITY["pipedrive"]: "Kiel"})
    synced.sync()
    assert [(shows(synced, crm, JOB), shows(synced, crm, CITY)) for crm in CRMS] == [("CTO", "Kiel")] * 4
    quiet(synced)


@pytest.mark.parametrize("crm", CRMS)
def test_clearing_a_field_clears_it_everywhere(synced: World, crm: str) -> None:
    synced.act("hubspot", "edit", "contacts", only(synced, "hubspot"), fields={CITY["hubspot"]: "Kiel"})
    synced.sync()
    synced.act(crm, "clear", OBJECT[crm], only(synced, crm), fields=[CITY[crm]])
    synced.sync()
    assert [shows(synced, other, CITY) in (None, "") for other in CRMS] == [True] * 4
    quiet(synced)


@pytest.mark.parametrize("crm", CRMS)
def test_a_phone_in_another_spelling_and_a_shouted_address_move_nothing(synced: World, crm: str) -> None:
    phone = {"hubspot": "phone", "salesforce": "Phone", "pipedrive": "phones", "activecampaign": "phone"}
    email = {"hubspot": "email", "salesforce": "Email", "pipedrive": "emails", "activecampaign": "email"}
    number, address = "0431 / 12 34-56", "Anna.Schmidt@ACME.example"
    array = {
        "phones": [{"value": number, "primary": True, "label": "work"}],
        "emails": [{"value": address, "primary": True, "label": "work"}],
    }
    synced.act("hubspot", "edit", "contacts", only(synced, "hubspot"), fields={"phone": "+49 431 123456"})
    synced.sync()
    quiet(synced)
    fields = {phone[crm]: array.get(phone[crm], number), email[crm]: array.get(email[crm], address)}
    synced.act(crm, "edit", OBJECT[crm], only(synced, crm), fields=fields)
    quiet(synced)


def test_a_second_address_reaches_every_crm_and_replaces_none(synced: World) -> None:
    second = "a.schmidt@private.example"
    emails = [{"value": ANNA["email"], "primary": True, "label": "work"}, {"value": second, "primary": False, "label": "home"}]
    synced.act("pipedrive", "edit", "persons", only(synced, "pipedrive"), fields={"emails": emails})
    synced.sync()
    assert shows(synced, "hubspot", {"hubspot": "email"}) == ANNA["email"]
    assert shows(synced, "hubspot", {"hubspot": "leadloom_other_emails"}) == second
    assert shows(synced, "salesforce", {"salesforce": "Email"}) == ANNA["email"]
    assert shows(synced, "activecampaign", {"activecampaign": "LEADLOOM_OTHER_EMAILS"}) == second
    quiet(synced)


def test_a_corrected_address_is_corrected_everywhere(synced: World) -> None:
    synced.act("hubspot", "edit", "contacts", only(synced, "hubspot"), fields={"email": "anna.schmidt@new.example"})
    synced.sync()
    assert shows(synced, "salesforce", {"salesforce": "Email"}) == "anna.schmidt@new.example"
    assert shows(synced, "activecampaign", {"activecampaign": "email"}) == "anna.schmidt@new.example"
    assert [entry["value"] for entry in shows(synced, "pipedrive", {"pipedrive": "emails"})] == ["anna.schmidt@new.example"]
    quiet(synced)


def test_a_score_written_by_somebody_else_is_written_again_and_said(synced: World) -> None:
    before = shows(synced, "hubspot", {"hubspot": "leadloom_score"})
    synced.act("hubspot", "edit", "contacts", only(synced, "hubspot"), fields={"leadloom_score": "1"})
    report = synced.sync()
    assert shows(synced, "hubspot", {"hubspot": "leadloom_score"}) == before
    assert [problem["cause"] for problem in report.problems] == ["foreign_edit"]
    quiet(synced)


def test_a_tug_of_war_ends_in_review(synced: World) -> None:
    for _ in range(3):
        synced.act("hubspot", "edit", "contacts", only(synced, "hubspot"), fields={"leadloom_score": "1"})
        report = synced.sync()
    assert report.reviews == 1
    quiet(synced)


def test_a_stage_set_by_a_person_reaches_the_others_and_the_native_field(synced: World) -> None:
    synced.act("salesforce", "edit", "Lead", only(synced, "salesforce"), fields={"Leadloom_Stage__c": "sql"})
    synced.sync()
    assert shows(synced, "hubspot", {"hubspot": "leadloom_stage"}) == "sql"
    assert shows(synced, "hubspot", {"hubspot": "lifecyclestage"}) == "salesqualifiedlead"
    quiet(synced)
