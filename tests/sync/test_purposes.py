"""Subscription types and lists: a no to one of them is a no to what it is about, and no more than that where a CRM can tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from leads.consent.event import Kind
from sync import engine
from sync.consents import act, record
from sync.undo import Undoing
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna.schmidt@acme.example"}
NEWSLETTER = "marketing.newsletter"
ONE_TYPE, ANOTHER_TYPE = "1001", "1002"


@pytest.fixture
def everywhere(world: Build) -> World:
    """Anna in four CRMs, on two lists of ActiveCampaign; a type of HubSpot and a list are the same newsletter."""
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "salesforce", "pipedrive", "activecampaign")])
    built.purposes = {"hubspot": {ONE_TYPE: NEWSLETTER}, "activecampaign": {"1": NEWSLETTER}}
    app = built.apps["activecampaign"]
    app.subscribe(app.contacts.get(1), 2, 1, "1")
    built.sync()
    return built


def lists(world: World) -> dict[int, int]:
    return {id: held[0] for id, held in world.apps["activecampaign"].contacts.get(1).lists.items()}


def contact(world: World) -> dict[str, Any]:
    return world.records("hubspot", "contacts")[0]["properties"]


def hubspot_leaves(world: World, **what: Any) -> None:
    world.act("hubspot", "unsubscribe", "contacts", world.records("hubspot", "contacts")[0]["id"], email=ANNA["email"], **what)


def told(world: World) -> list[tuple[str, list[str], str]]:
    with world.store.begin() as unit:
        events = [document for _, document in unit.every_event()]
    return sorted((one["kind"], one["purposes"], one["clock"]) for one in events)


def test_a_type_left_in_hubspot_is_the_list_left_in_activecampaign(everywhere: World) -> None:
    hubspot_leaves(everywhere, subscription=ONE_TYPE)
    everywhere.sync()
    assert lists(everywhere) == {1: 2, 2: 1}
    assert contact(everywhere)["hs_email_optout"] != "true"
    assert told(everywhere) == [("withdraw", [NEWSLETTER], "hubspot")]


def test_a_list_left_in_activecampaign_is_the_type_left_in_hubspot(everywhere: World) -> None:
    everywhere.act("activecampaign", "unsubscribe", "contacts", "1", list=1)
    everywhere.sync()
    shown = contact(everywhere)
    assert (shown[f"hs_email_optout_{ONE_TYPE}"], shown[f"hs_email_optout_{ANOTHER_TYPE}"]) == ("true", None)
    assert lists(everywhere) == {1: 2, 2: 1}


@pytest.mark.parametrize("known", [True, False])
def test_a_type_that_was_left_is_left_with_the_new_address_too(everywhere: World, *, known: bool) -> None:
    hubspot_leaves(everywhere, subscription=ANOTHER_TYPE)
    if known:
        everywhere.sync()
    lead = everywhere.records("salesforce", "Lead")[0]["Id"]
    everywhere.act("salesforce", "edit", "Lead", lead, fields={"Email": "anna@elsewhere.example"})
    everywhere.sync()
    everywhere.sync()
    shown = contact(everywhere)
    assert (shown["email"], shown[f"hs_email_optout_{ANOTHER_TYPE}"]) == ("anna@elsewhere.example", "true")
    if not known:  # else the CRMs that know one flag only have said no to everything at the new address by then
        assert shown[f"hs_email_optout_{ONE_TYPE}"] is None
    assert all(not out for out in totals(everywhere.sync()).values())


@pytest.mark.parametrize("known", [True, False])
def test_a_type_that_was_left_stays_left_when_an_undo_brings_the_old_address_back(everywhere: World, *, known: bool) -> None:
    lead = everywhere.records("salesforce", "Lead")[0]["Id"]
    everywhere.act("salesforce", "edit", "Lead", lead, fields={"Email": "anna@elsewhere.example"})
    moved = everywhere.sync().run
    assert contact(everywhere)["email"] == "anna@elsewhere.example"
    id = everywhere.records("hubspot", "contacts")[0]["id"]
    everywhere.act("hubspot", "unsubscribe", "contacts", id, email="anna@elsewhere.example", subscription=ANOTHER_TYPE)
    if known:
        everywhere.sync()
    everywhere.clock.advance(60)
    report = engine.undo(everywhere.workspace(), Undoing(moved))
    shown = contact(everywhere)
    assert (shown["email"], shown[f"hs_email_optout_{ANOTHER_TYPE}"]) == (ANNA["email"], "true")
    assert report.undone is not None
    assert report.undone["fields"] == report.undone["back"] + sum(one["count"] for one in report.undone["left"])
    everywhere.sync()
    assert all(not out for out in totals(everywhere.sync()).values())
    assert contact(everywhere)["email"] == ANNA["email"]


def test_who_joins_a_list_after_leadloom_created_the_contact_is_taken_off_it_by_a_later_no(world: Build) -> None:
    built = world([{"crm": "hubspot", **ANNA}], ("hubspot", "activecampaign"))
    built.purposes = {"hubspot": {ONE_TYPE: NEWSLETTER}, "activecampaign": {"1": NEWSLETTER}}
    built.sync()
    assert lists(built) == {}
    built.act("activecampaign", "resubscribe", "contacts", "1", list=1)
    built.sync()
    assert lists(built) == {1: 1}
    hubspot_leaves(built, subscription=ONE_TYPE)
    built.sync()
    assert lists(built) == {1: 2}
    assert all(not out for out in totals(built.sync()).values())
    assert {purpose for _, purposes, _ in told(built) for purpose in purposes} == {NEWSLETTER}  # although it was the last list


def test_who_leaves_the_last_list_wants_no_mail_at_all(everywhere: World) -> None:
    hubspot_leaves(everywhere, subscription=ONE_TYPE)
    everywhere.sync()
    assert lists(everywhere) == {1: 2, 2: 1}
    everywhere.act("activecampaign", "unsubscribe", "contacts", "1", list=2)
    everywhere.sync()
    assert contact(everywhere)["hs_email_optout"] == "true"


def test_where_a_crm_knows_one_flag_only_it_says_no(everywhere: World) -> None:
    hubspot_leaves(everywhere, subscription=ONE_TYPE)
    everywhere.sync()
    assert [everywhere.denies("salesforce", record) for record in everywhere.records("salesforce", "Lead")] == [True]
    assert [everywhere.denies("pipedrive", record) for record in everywhere.records("pipedrive", "persons")] == [True]


def test_a_type_that_no_setting_names_has_a_purpose_of_its_own(everywhere: World) -> None:
    hubspot_leaves(everywhere, subscription=ANOTHER_TYPE)
    everywhere.sync()
    assert told(everywhere) == [("withdraw", ["marketing.hubspot_1002"], "hubspot")]
    assert set(lists(everywhere).values()) == {2}, "no list is known to be about something else"


def test_what_leadloom_writes_comes_back_as_nobodys_act(everywhere: World) -> None:
    hubspot_leaves(everywhere)
    everywhere.sync()
    after = told(everywhere)
    for _ in range(3):
        everywhere.clock.advance(600)
        assert all(not out for out in totals(everywhere.sync()).values())
    assert told(everywhere) == after
    assert set(lists(everywhere).values()) == {2}


def test_a_subscription_that_comes_back_without_proof_is_noted_and_ended_again(everywhere: World) -> None:
    everywhere.act("activecampaign", "unsubscribe", "contacts", "1", list=1)
    everywhere.sync()
    everywhere.act("activecampaign", "resubscribe", "contacts", "1", list=1)
    everywhere.sync()
    assert ("grant", [NEWSLETTER], "activecampaign") in told(everywhere)
    assert lists(everywhere) == {1: 2, 2: 1}


def test_a_bounce_is_no_withdrawal(everywhere: World) -> None:
    everywhere.act("hubspot", "bounce", "contacts", "", email=ANNA["email"])
    everywhere.sync()
    assert [kind for kind, _, _ in told(everywhere)] == ["bounce"]
    assert not everywhere.denies("salesforce", everywhere.records("salesforce", "Lead")[0])


def test_who_is_on_a_list_again_after_a_bounce_is_taken_off_it(everywhere: World) -> None:
    """A bounced contact cannot leave a list; the no that found nothing to write is tried again."""
    everywhere.act("activecampaign", "bounce", "contacts", "1", list=None)
    hubspot_leaves(everywhere)
    everywhere.sync()
    everywhere.act("activecampaign", "resubscribe", "contacts", "1", list=1)
    everywhere.sync()
    assert 1 not in lists(everywhere).values()


def test_a_bounce_after_a_no_takes_nothing_back(everywhere: World) -> None:
    everywhere.act("activecampaign", "unsubscribe", "contacts", "1", list=None)
    everywhere.sync()
    before = told(everywhere)
    everywhere.act("activecampaign", "bounce", "contacts", "1", list=None)
    everywhere.act("activecampaign", "edit", "contacts", "1", fields={"firstName": "Anne"})
    report = everywhere.sync()
    assert [one for one in told(everywhere) if one not in before and one[0] != "bounce"] == []
    assert "restriction_lifted" not in [problem["cause"] for problem in report.problems]


@pytest.mark.parametrize(("status", "heard"), [("subscribed", ["grant"]), ("archived", []), ("no_consent", [])])
def test_pipedrives_statuses_say_yes_or_nothing(everywhere: World, status: str, heard: list[str]) -> None:
    everywhere.act("pipedrive", "unsubscribe", "persons", "1")
    everywhere.sync()
    person = everywhere.apps["pipedrive"].persons.get(1)
    with everywhere.apps["pipedrive"].persons.changing(person):
        person.marketing, person.updated = status, everywhere.clock.now() + 60
    everywhere.clock.advance(120)
    everywhere.sync()
    assert [kind for kind, _, clock in told(everywhere) if clock == "pipedrive" and kind != "withdraw"] == heard


def test_what_is_found_at_the_first_look_is_left_as_found(world: Build) -> None:
    built = world([{"crm": "activecampaign", **ANNA}])
    built.sync()
    assert told(built) == []
    assert lists(built) == {1: 1}


def says(world: World, kind: Kind, **what: Any) -> None:
    at = datetime.fromtimestamp(world.clock.now(), UTC)
    record(world.workspace(), [act(kind, f"email:{ANNA['email']}", at, **what)], "anna")


def test_who_objects_to_marketing_is_scored_and_given_to_nobody_any_more(everywhere: World) -> None:
    says(everywhere, Kind.OBJECT, purposes=["marketing"], channels=["any"])
    everywhere.sync()
    (lead,) = everywhere.records("salesforce", "Lead")
    assert (lead["Leadloom_Score__c"], lead["Leadloom_Grade__c"]) == (None, None)
    assert "objected" in lead["Leadloom_Reason__c"]
    assert all(not out for out in totals(everywhere.sync()).values())


def test_who_objects_to_being_profiled_may_still_be_written_to(everywhere: World) -> None:
    says(everywhere, Kind.OBJECT, purposes=["profiling"], channels=["any"])
    everywhere.sync()
    (lead,) = everywhere.records("salesforce", "Lead")
    assert (lead["Leadloom_Score__c"], lead["HasOptedOutOfEmail"]) == (None, False)


def test_a_no_to_one_purpose_told_to_the_hub_is_the_type_left(everywhere: World) -> None:
    says(everywhere, Kind.WITHDRAW, purposes=[NEWSLETTER], channels=["email"])
    everywhere.sync()
    assert contact(everywhere)[f"hs_email_optout_{ONE_TYPE}"] == "true"
    assert contact(everywhere)["hs_email_optout"] != "true"


def test_an_objection_at_another_address_outlives_what_a_run_saw(world: Build) -> None:
    other = "anna@other.example"
    built = world([{"crm": "pipedrive", **ANNA}])
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    both = [{"value": ANNA["email"], "primary": True}, {"value": other, "primary": False}]
    built.act("pipedrive", "edit", "persons", str(person["id"]), fields={"emails": both})
    built.sync()
    built.act("pipedrive", "edit", "persons", str(person["id"]), opt_out=True)
    seen_in = built.sync().run
    says(built, Kind.OBJECT, purposes=["marketing"], channels=["any"])
    at = datetime.fromtimestamp(built.clock.now(), UTC).isoformat()
    order = {
        "kind": "invalidate",
        "occurred": {"lo": at, "hi": at},
        "provenance": "operator",
        "clock": "hub",
        "refs": {"batch": f"run:{seen_in}"},
    }
    record(built.workspace(), [order], "anna")
    with built.store.begin() as unit:
        assert ("email", f"email:{other}") in unit.restricted([f"email:{other}"])


def occurred(world: World) -> list[tuple[str, str | None, str]]:
    with world.store.begin() as unit:
        return [(one["channels"][0], one["occurred"]["lo"], one["occurred"]["hi"]) for _, one in unit.every_event()]


def test_activecampaign_says_when_a_list_was_left(everywhere: World) -> None:
    at = datetime.fromtimestamp(everywhere.clock.now() + 60, UTC).replace(microsecond=0).isoformat()
    everywhere.act("activecampaign", "unsubscribe", "contacts", "1", list=1)
    everywhere.clock.advance(86_400)
    everywhere.act("activecampaign", "edit", "contacts", "1", fields={"firstName": "Anne"})
    everywhere.sync()
    assert occurred(everywhere) == [("email", at, at)]


def test_a_consent_to_text_messages_is_noted_and_what_ends_it_is_a_no(world: Build) -> None:
    built = world([{"crm": "activecampaign", **ANNA, "phone": "+49 171 1234567"}])
    built.sync()
    for yes, told_ in ((True, [("grant", ["marketing"])]), (False, [("grant", ["marketing"]), ("withdraw", ["marketing"])])):
        built.act("activecampaign", "sms", "contacts", "1", yes=yes)
        built.sync()
        assert [(kind, purposes) for kind, purposes, _ in told(built)] == told_
    assert {channel for channel, _, _ in occurred(built)} == {"sms"}
    assert all(not out for out in totals(built.sync()).values())


@pytest.mark.parametrize(
    ("deed", "more", "heard"), [("bounce", {"soft": True}, "bounce"), ("confirm", {"status": "Confirmation Pending"}, "request")]
)
def test_what_hubspot_tells_beside_subscriptions_is_noted_and_denies_nobody(
    everywhere: World, deed: str, more: dict[str, Any], heard: str
) -> None:
    everywhere.act("hubspot", deed, "contacts", "", email=ANNA["email"], **more)
    everywhere.sync()
    assert [kind for kind, _, _ in told(everywhere)] == [heard]
    assert contact(everywhere)["hs_email_optout"] != "true"
    assert not everywhere.denies("salesforce", everywhere.records("salesforce", "Lead")[0])
