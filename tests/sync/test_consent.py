"""A no travels from the first day on: to every record that shows the address, into every create, and never back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from leads.consent.document import addressed
from leads.consent.event import Kind
from leads.consent.policy import Policy
from leads.consent.status import Status
from sync import engine
from sync.consents import act, answers, record
from sync.state import Ref
from sync.undo import Undoing
from sync.workspace import Scope
from tests.sync.rig import World, totals

Build = Callable[..., World]
ADDRESS = "anna.schmidt@acme.example"
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": ADDRESS}
BEN = {"first_name": "Ben", "last_name": "Weber", "email": "ben.weber@corp.example"}
OBJECT = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}


def denied(world: World, crm: str) -> list[bool]:
    """Per record of a CRM: does it show that the person may not be written to?"""
    return [world.denies(crm, one) for one in world.records(crm, OBJECT[crm])]


@pytest.mark.parametrize("crm", OBJECT)
def test_a_no_in_one_crm_is_written_to_the_others(world: Build, crm: str) -> None:
    built = world([{"crm": other, **ANNA} for other in OBJECT])
    built.sync()
    (one,) = built.records(crm, OBJECT[crm])
    built.say_no(crm, OBJECT[crm], str(one.get("id", one.get("Id"))))
    built.sync()
    assert {other: denied(built, other) for other in OBJECT} == {other: [True] for other in OBJECT}
    assert all(not out for out in totals(built.sync()).values())


@pytest.mark.parametrize("crm", OBJECT)
def test_a_create_comes_with_the_no(world: Build, crm: str) -> None:
    built = world([{"crm": crm, **ANNA, "opt_out": "true"}])
    built.sync()
    assert {other: denied(built, other) for other in OBJECT} == {other: [True] for other in OBJECT}
    assert all(not out for out in totals(built.sync()).values())


def test_a_no_beside_an_address_that_nobody_can_read_holds_for_the_person(world: Build) -> None:
    built = world([{"crm": "pipedrive", **ANNA, "email": "kein@mail"}])
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    built.act("pipedrive", "edit", "persons", str(person["id"]), opt_out=True)
    built.sync()
    built.act("pipedrive", "edit", "persons", str(person["id"]), fields={"emails": [{"value": ANNA["email"], "primary": True}]})
    built.sync()
    assert {other: denied(built, other) for other in OBJECT} == {other: [True] for other in OBJECT}


def test_where_a_no_cannot_be_shown_no_address_is_shown_that_it_covers(world: Build) -> None:
    """HubSpot keeps opt-outs by e-mail address: a contact without one has none."""
    built = world([{"crm": "pipedrive", **ANNA}])
    created = built.sync().run
    (person,) = built.records("pipedrive", "persons")
    (contact,) = built.records("hubspot", "contacts")
    engine.undo(built.workspace(), Undoing(created, field="emails"))
    built.say_no("pipedrive", "persons", str(person["id"]))
    more = [{"value": ANNA["email"], "primary": True}, {"value": "anna@other.example", "primary": False}]
    built.act("pipedrive", "edit", "persons", str(person["id"]), fields={"emails": more})
    for _ in range(2):
        report = built.sync()
    assert built.value("hubspot", "contacts", contact["id"], "leadloom_other_emails") in (None, "")
    assert "held:no_first" in [problem["cause"] for problem in report.problems]
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"email": ANNA["email"]})
    built.sync()
    assert denied(built, "hubspot") == [True]
    assert built.value("hubspot", "contacts", contact["id"], "leadloom_other_emails") == "anna@other.example"


def test_a_no_that_found_no_address_is_written_with_the_first_one(world: Build) -> None:
    """Pipedrive takes no marketing status for a person without an e-mail address."""
    built = world([{"crm": "hubspot", **ANNA}])
    created = built.sync().run
    (contact,) = built.records("hubspot", "contacts")
    engine.undo(built.workspace(), Undoing(created, field="emails"))
    built.say_no("hubspot", "contacts", contact["id"])
    built.sync()
    assert denied(built, "pipedrive") == [False]
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"leadloom_other_emails": "anna@other.example"})
    built.sync()
    assert len(built.records("pipedrive", "persons")[0]["emails"]) == 2
    assert denied(built, "pipedrive") == [True]


def test_a_no_that_is_taken_back_in_a_crm_is_set_again_and_said(world: Build) -> None:
    built = world([{"crm": "salesforce", **ANNA, "opt_out": "true"}, {"crm": "hubspot", **ANNA}])
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    built.act("salesforce", "edit", "Lead", lead["Id"], fields={"HasOptedOutOfEmail": False})
    report = built.sync()
    assert denied(built, "salesforce") == [True]
    assert "restriction_lifted" in [problem["cause"] for problem in report.problems]
    assert all(not out for out in totals(built.sync()).values())


def test_a_no_reaches_a_record_that_shows_what_its_lead_has_no_more(world: Build) -> None:
    """A second record of a CRM is not written to, and keeps the address that the others have left."""
    built = world([{"crm": "salesforce", **ANNA}, {"crm": "salesforce", **ANNA}, {"crm": "hubspot", **ANNA}], ("hubspot", "salesforce"))
    built.sync()
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"email": "anna@other.example"})
    built.sync()
    assert sorted(lead["Email"] for lead in built.records("salesforce", "Lead")) == [ANNA["email"], "anna@other.example"]
    said = act(Kind.WITHDRAW, f"email:{ANNA['email']}", datetime.fromtimestamp(built.clock.now(), UTC), channels=["email"])
    record(built.workspace(), [said], "told by telephone")
    built.sync()
    assert {lead["Email"]: lead["HasOptedOutOfEmail"] for lead in built.records("salesforce", "Lead")}[ANNA["email"]]


@pytest.mark.parametrize("deed", ["create", "edit"])
def test_a_no_that_is_kept_for_an_address_is_known_everywhere_in_the_run_that_writes_it(world: Build, deed: str) -> None:
    """HubSpot keeps what somebody has chosen by address, also while no contact shows it."""
    built = world([{"crm": "hubspot", **BEN, "email": ADDRESS}, {"crm": "salesforce", **ANNA, "email": "a.schmidt@old.example"}])
    (ben,) = built.records("hubspot", "contacts")
    built.say_no("hubspot", "contacts", ben["id"])
    built.act("hubspot", "edit", "contacts", ben["id"], fields={"email": BEN["email"]})
    (anna,) = built.records("salesforce", "Lead")
    if deed == "edit":
        built.sync()
    built.act("salesforce", "edit", "Lead", anna["Id"], fields={"Email": ADDRESS})
    report = built.sync()
    assert totals(report)["hubspot"]["created" if deed == "create" else "updated"] > 0
    denied = {lead["Email"]: lead["HasOptedOutOfEmail"] for lead in built.records("salesforce", "Lead")}
    assert denied == {ADDRESS: True, BEN["email"]: False}
    assert all(not out for out in totals(built.sync()).values())


@pytest.mark.parametrize("crm", ["hubspot", "pipedrive"])
def test_a_no_that_a_crm_keeps_by_address_survives_the_exchange_of_the_address(world: Build, crm: str) -> None:
    """Nobody took anything back: the CRM has another address now, of which it knows nothing."""
    built = world([{"crm": other, **ANNA} for other in OBJECT])
    built.sync()
    (one,) = built.records(crm, OBJECT[crm])
    built.say_no(crm, OBJECT[crm], str(one["id"]))
    built.sync()
    new = {"email": "anna.new@acme.example"} if crm == "hubspot" else {"emails": [{"value": "anna.new@acme.example", "primary": True}]}
    built.act(crm, "edit", OBJECT[crm], str(one["id"]), fields=new)
    report = built.sync()
    assert {other: denied(built, other) for other in OBJECT} == {other: [True] for other in OBJECT}
    assert "restriction_lifted" not in [problem["cause"] for problem in report.problems]
    with built.store.begin() as unit:
        assert {event.kind for event, _ in addressed([document for _, document in unit.every_event()])} == {Kind.WITHDRAW}
    assert all(not out for out in totals(built.sync()).values())


def test_an_address_that_a_crm_does_not_let_go_is_denied_in_the_same_run(world: Build) -> None:
    """The new address belongs to another contact, so the old one stays, and somebody has just said no to it."""
    other = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@other.example"}
    built = world([{"crm": "salesforce", **ANNA}, {"crm": "activecampaign", **ANNA}, {"crm": "activecampaign", **other}])
    built.scope = Scope(create=False)
    built.sync()
    with built.store.begin() as unit:
        kept, gone = (unit.leads_at([f"email:{address}"])[f"email:{address}"] for address in (ADDRESS, other["email"]))
    engine.merge_leads(built.workspace(), *kept, *gone, "anna")
    (lead,) = built.records("salesforce", "Lead")
    built.act("salesforce", "edit", "Lead", lead["Id"], fields={"Email": other["email"]})
    said = act(Kind.WITHDRAW, f"email:{ADDRESS}", datetime.fromtimestamp(built.clock.now(), UTC), channels=["email"])
    record(built.workspace(), [said], "told by telephone")
    built.sync()
    shown = {one["email"]: built.denies("activecampaign", one) for one in built.records("activecampaign", "contacts")}
    assert shown == {ADDRESS: True, other["email"]: False}
    assert all(not out for out in totals(built.sync()).values())


def test_who_shares_an_address_hears_of_the_no_of_a_person_when_two_leads_become_one(world: Build) -> None:
    """A no as a person holds for every address that is the person's, whoever else has it."""
    built = world([{"crm": "pipedrive", **ANNA, "email": "kein@mail"}, {"crm": "salesforce", **ANNA}, {"crm": "activecampaign", **ANNA}])
    built.scope = Scope(create=False)
    built.sync()
    (contact,) = built.records("activecampaign", "contacts")
    ref = Ref("activecampaign", "contacts", contact["id"])
    with built.store.begin() as unit:
        together = unit.links_at(ref.account, ref.object, [ref.id])[ref.id][0].lead_id
        (person,) = built.records("pipedrive", "persons")
        alone = unit.links_at("pipedrive", "persons", [str(person["id"])])[str(person["id"])][0].lead_id
    engine.split_lead(built.workspace(), together, [ref], "anna")
    built.act("pipedrive", "edit", "persons", str(person["id"]), opt_out=True)
    built.sync()
    assert denied(built, "activecampaign") == [False]
    engine.merge_leads(built.workspace(), together, alone, "anna")
    built.sync()
    assert denied(built, "activecampaign") == [True]
    assert all(not out for out in totals(built.sync()).values())


@pytest.mark.parametrize("also_new", [False, True])
def test_who_shares_an_address_hears_of_the_no_of_a_person_who_gets_it(world: Build, *, also_new: bool) -> None:
    other = {"crm": "activecampaign", **BEN, **({} if also_new else {"email": ADDRESS})}
    built = world([{"crm": "pipedrive", **ANNA, "email": "kein@mail"}, {"crm": "hubspot", **ANNA, "email": ""}, other])
    built.scope = Scope(create=False)
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    contact = next(str(one["id"]) for one in built.records("hubspot", "contacts") if one["properties"]["firstname"] == "Anna")
    with built.store.begin() as unit:
        of = {**unit.links_at("pipedrive", "persons", [str(person["id"])]), **unit.links_at("hubspot", "contacts", [contact])}
    engine.merge_leads(built.workspace(), *(link.lead_id for link, _ in of.values()), "anna")
    built.act("pipedrive", "edit", "persons", str(person["id"]), opt_out=True)
    built.sync()
    (ben,) = built.records("activecampaign", "contacts")
    assert denied(built, "activecampaign") == [False]
    built.act("hubspot", "edit", "contacts", contact, fields={"email": ADDRESS})
    if also_new:
        built.act("activecampaign", "edit", "contacts", ben["id"], fields={"email": ADDRESS})
    built.sync()
    assert denied(built, "activecampaign") == [True]
    assert all(not out for out in totals(built.sync()).values())


def test_what_is_set_again_is_said_also_where_the_run_comes_back_to_the_lead(world: Build) -> None:
    """That a contact is gone is found when it is written to, so that the lead is planned once more."""
    built = world([{"crm": "salesforce", **ANNA, "opt_out": "true"}, {"crm": "hubspot", **ANNA}])
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    built.act("hubspot", "delete", "contacts", built.records("hubspot", "contacts")[0]["id"])
    built.act("salesforce", "edit", "Lead", lead["Id"], fields={"HasOptedOutOfEmail": False, "Title": "CTO"})
    report = built.sync()
    assert totals(report)["hubspot"] == {"planned": 1, "failed": 1}
    assert {problem["cause"] for problem in report.problems} == {"restriction_lifted", "ended:archived"}


def test_a_yes_is_never_written(world: Build) -> None:
    built = world([{"crm": "pipedrive", **ANNA, "opt_out": "true"}, {"crm": "activecampaign", **ANNA}])
    for _ in range(3):
        built.sync()
    assert denied(built, "pipedrive") == [True]
    assert denied(built, "activecampaign") == [True]


def test_the_no_of_a_shared_address_reaches_both_people(world: Build) -> None:
    family = [{**ANNA, "first_name": name} for name in ("Anna", "Bernd")]
    built = world([{"crm": "pipedrive", **one} for one in family] + [{"crm": "salesforce", **one} for one in family])
    built.sync()
    person = built.records("pipedrive", "persons")[0]
    built.act("pipedrive", "edit", "persons", str(person["id"]), opt_out=True)
    built.sync()
    assert denied(built, "salesforce") == [True, True]
    assert denied(built, "pipedrive") == [True, True]


def test_a_twin_is_restricted_and_otherwise_left_alone(world: Build) -> None:
    built = world(
        [{"crm": "salesforce", **ANNA}, {"crm": "salesforce", **ANNA, "city": "Kiel"}, {"crm": "hubspot", **ANNA, "opt_out": "true"}]
    )
    report = built.sync()
    assert denied(built, "salesforce") == [True, True]
    assert report.leads["new"] == 1
    assert report.reviews == 1
    scores = [record["Leadloom_Score__c"] for record in built.records("salesforce", "Lead")]
    assert sorted(score is None for score in scores) == [False, True]


def test_a_no_beside_no_address_stands_in_the_ledger_and_holds_for_every_address_of_the_person(world: Build) -> None:
    built = world([{"crm": "pipedrive", **ANNA, "email": "kein@mail"}])
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    built.act("pipedrive", "edit", "persons", str(person["id"]), opt_out=True)
    built.sync()
    with built.store.begin() as unit:
        (id,) = unit.lead_ids("", 10)
        assert {one["identifier"] for _, one in unit.every_event()} == {f"lead:{id}", "unread:email:raw:kein@mail"}
        place = f"email:{ANNA['email']}"
        ((_, answer),) = answers(unit, {place: place}, [id], ["marketing"], datetime.fromtimestamp(built.clock.now(), UTC), Policy())
    assert answer.status is Status.NEVER_ASKED  # the address is not known to be this person's
    built.act("pipedrive", "edit", "persons", str(person["id"]), fields={"emails": [{"value": ANNA["email"], "primary": True}]})
    built.sync()
    with built.store.begin() as unit:
        ((_, answer),) = answers(unit, {place: place}, [id], ["marketing"], datetime.fromtimestamp(built.clock.now(), UTC), Policy())
    assert answer.status is Status.WITHDRAWN


def test_an_objection_stays_with_the_person_when_the_address_changes(world: Build) -> None:
    built = world([{"crm": "hubspot", **ANNA}])
    built.sync()
    at = datetime.fromtimestamp(built.clock.now(), UTC)
    record(built.workspace(), [act(Kind.OBJECT, f"email:{ANNA['email']}", at, purposes=["marketing"], channels=["any"])], "anna")
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"email": "anna@new.example"})
    built.sync()
    assert {crm: denied(built, crm) for crm in OBJECT} == {crm: [True] for crm in OBJECT}
    with built.store.begin() as unit:
        assert list(unit.misread()) == []
