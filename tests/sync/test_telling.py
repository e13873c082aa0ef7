"""What the ledger says of a person is shown in every CRM that asks for it, and nothing that stands in these fields is ever believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from leads.consent.event import Kind
from sync import engine
from sync.consents import act, record
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna.schmidt@acme.example", "phone": "+49 89 1234567"}
PLACES = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}
NAMES = ("leadloom_consent_email", "leadloom_consent_email_since", "leadloom_consent_email_event")
SPELLED: dict[str, Callable[[str], str]] = {
    "salesforce": lambda name: "_".join(part.capitalize() for part in name.split("_")) + "__c",
    "activecampaign": str.upper,
}


@pytest.fixture
def told(world: Build) -> World:
    """Anna in four CRMs, all of which are told what the ledger says."""
    built = world([{"crm": crm, **ANNA} for crm in PLACES])
    built.telling = set(PLACES)
    built.purposes = {"hubspot": {"1001": "marketing.newsletter"}}
    built.set_up()
    built.sync()
    return built


def shown(world: World, crm: str, name: str) -> Any:
    (record,) = world.records(crm, PLACES[crm])
    return world.value(crm, PLACES[crm], str(record.get("id", record.get("Id"))), SPELLED.get(crm, str)(name))


def everywhere(world: World, name: str) -> set[Any]:
    return {shown(world, crm, name) for crm in PLACES}


def says(world: World, kind: Kind, **what: Any) -> str:
    at = datetime.fromtimestamp(world.clock.now(), UTC)
    record(world.workspace(), [act(kind, f"email:{ANNA['email']}", at, **what)], "anna")
    with world.store.begin() as unit:
        return list(unit.every_event())[-1][0]


def test_who_was_never_asked_is_shown_as_that(told: World) -> None:
    assert everywhere(told, "leadloom_consent_email") == {"never_asked"}
    assert everywhere(told, "leadloom_consent_email_since") <= {None, ""}


def test_a_withdrawal_is_shown_with_its_day_and_its_id_in_the_ledger(told: World) -> None:
    event = says(told, Kind.WITHDRAW, purposes=["marketing"], channels=["email"])
    told.sync()
    today = datetime.fromtimestamp(told.clock.now(), UTC).date().isoformat()
    assert [everywhere(told, name) for name in NAMES] == [{"withdrawn"}, {today}, {event}]


def test_a_narrower_purpose_is_told_where_it_is_another(told: World) -> None:
    says(told, Kind.WITHDRAW, purposes=["marketing.newsletter"], channels=["email"])
    told.sync()
    assert everywhere(told, "leadloom_consent_email") == {"never_asked; marketing.newsletter: withdrawn"}


def test_an_event_that_restricts_nobody_is_told_as_well(told: World) -> None:
    event = says(told, Kind.GRANT, purposes=["marketing"], channels=["email"])
    told.sync()
    assert everywhere(told, "leadloom_consent_email") == {"unproven"}
    assert everywhere(told, "leadloom_consent_email_event") == {event}


def test_nothing_is_written_when_nothing_changed(told: World) -> None:
    says(told, Kind.WITHDRAW, purposes=["marketing"], channels=["email"])
    told.sync()
    for _ in range(3):
        told.clock.advance(600)
        assert all(not out for out in totals(told.sync()).values())


def test_what_somebody_types_into_it_is_no_evidence_and_is_written_back(told: World) -> None:
    (person,) = told.records("hubspot", "contacts")
    told.act("hubspot", "edit", "contacts", person["id"], fields={"leadloom_consent_email": "confirmed"})
    told.sync()
    with told.store.begin() as unit:
        assert list(unit.every_event()) == []
    told.sync()
    assert everywhere(told, "leadloom_consent_email") == {"never_asked"}


def test_consent_that_lapses_by_time_alone_is_told_when_it_does(told: World) -> None:
    at = datetime.fromtimestamp(told.clock.now(), UTC).isoformat()
    more = {"purposes": ["marketing"], "channels": ["email"], "evidence": {"request": {"at": at, "form_id": "nl"}}}
    says(told, Kind.REQUEST, **more)
    told.sync()
    assert everywhere(told, "leadloom_consent_email") == {"pending"}
    told.clock.advance(8 * 86_400)
    told.sync()
    assert everywhere(told, "leadloom_consent_email") == {"lapsed"}


def test_a_crm_that_does_not_ask_is_told_nothing(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "salesforce")])
    built.telling = {"salesforce"}
    built.set_up()
    built.sync()
    assert shown(built, "salesforce", "leadloom_consent_email") == "never_asked"
    assert "leadloom_consent_email" not in built.records("hubspot", "contacts")[0]["properties"]


def test_a_new_record_is_created_with_it(told: World) -> None:
    says(told, Kind.OBJECT, purposes=["marketing"], channels=["any"])
    told.sync()
    (person,) = told.records("pipedrive", "persons")
    told.act("pipedrive", "create", "persons", "", fields={"name": "Ben Weber", "emails": [{"value": "ben@acme.example", "primary": True}]})
    told.sync()
    statuses = {row["Leadloom_Consent_Email__c"] for row in told.records("salesforce", "Lead")}
    assert statuses == {"objected", "never_asked"}
    assert person["id"] == 1


def test_nothing_of_the_ledger_is_left_in_a_crm_after_an_erasure(told: World) -> None:
    """Pipedrive keeps a deleted person for 30 days, and whoever restores it finds nothing."""
    says(told, Kind.WITHDRAW, purposes=["marketing"], channels=["email"])
    told.sync()
    (person,) = told.records("pipedrive", "persons")
    with told.store.begin() as unit:
        (id,) = unit.lead_ids("", 10)
    engine.erase_lead(told.workspace(), id, "ticket 7")
    assert [told.records(crm, PLACES[crm]) for crm in PLACES] == [[]] * len(PLACES)
    told.act("pipedrive", "restore", "persons", str(person["id"]))
    assert {shown(told, "pipedrive", name) for name in (*NAMES, "leadloom_lead_id", "leadloom_key")} == {None}
