"""What a first sync finds it leaves as found: nobody is opted out for want of proof, and nobody is opted in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from leads.consent.times import instant
from tests.sync.rig import World, totals

Build = Callable[..., World]
OBJECT = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}


def subscribed(count: int) -> list[dict[str, str]]:
    """People in all four CRMs who are subscribed where a CRM knows such a thing, without any proof."""
    return [
        {"crm": crm, "first_name": f"Ada{number}", "last_name": f"Byron{number}", "email": f"ada{number}@firm{number}.example"}
        for crm in OBJECT
        for number in range(count)
    ]


def shown(world: World) -> dict[str, Any]:
    """What every record says of consent, in its CRM's own words."""
    for person in world.apps["pipedrive"].records()["persons"]:
        assert person["marketing_status"] in ("no_consent", "subscribed", "unsubscribed")
    return {
        "hubspot": sorted(str(row["properties"].get("hs_email_optout")) for row in world.records("hubspot", "contacts")),
        "salesforce": sorted(f"{row['HasOptedOutOfEmail']} {row['DoNotCall']}" for row in world.records("salesforce", "Lead")),
        "pipedrive": sorted(row["marketing_status"] for row in world.records("pipedrive", "persons")),
        "activecampaign": sorted(
            json.dumps(sorted(str(one["status"]) for one in row["contactLists"])) for row in world.records("activecampaign", "contacts")
        ),
    }


def _nobody_changes(world: Build, count: int) -> None:
    built = world(subscribed(count))
    for person in built.records("pipedrive", "persons"):
        built.apps["pipedrive"].act({"do": "resubscribe", "object": "persons", "id": str(person["id"])})
    before = shown(built)
    assert set(before["pipedrive"]) == {"subscribed"}
    assert set(before["activecampaign"]) == {'["1"]'}
    assert built.sync().status == "done"
    assert shown(built) == before
    assert all(not out for out in totals(built.sync()).values())
    assert shown(built) == before


def test_bare_subscriptions_are_left_as_found(world: Build) -> None:
    _nobody_changes(world, 50)


@pytest.mark.nightly
def test_ten_thousand_bare_subscriptions_are_left_as_found(world: Build) -> None:
    _nobody_changes(world, 10_000)


def test_a_no_that_is_found_makes_one_event_and_its_echo_none(world: Build) -> None:
    built = world(subscribed(3))
    built.sync()
    record = built.records("hubspot", "contacts")[0]
    built.say_no("hubspot", "contacts", record["id"])
    built.sync()
    with built.store.begin() as unit:
        events = [document for _, document in unit.every_event()]
    assert [(event["kind"], event["clock"], event["identifier"]) for event in events] == [
        ("withdraw", "hubspot", f"email:{record['properties']['email']}")
    ]
    for _ in range(2):
        built.sync()
    with built.store.begin() as unit:
        assert [document for _, document in unit.every_event()] == events
        assert list(unit.tampered()) == []


def test_an_unsubscription_lies_between_two_looks(world: Build) -> None:
    built = world(subscribed(1))
    built.sync()
    looked = built.clock.now()
    built.say_no("pipedrive", "persons", str(built.records("pipedrive", "persons")[0]["id"]))
    built.sync()
    with built.store.begin() as unit:
        ((_, event),) = unit.every_event()
    assert instant(event["occurred"]["lo"]) <= looked <= instant(event["occurred"]["hi"]) <= built.clock.now()


@pytest.mark.parametrize("forbidden", [False, True])
def test_hubspot_is_asked_when_a_new_no_was_said(world: Build, forbidden: bool) -> None:
    """Once per address, for new noes only. Where the token may not ask, the looks before and after bound the time."""
    built = world(subscribed(2), ("hubspot", "salesforce"))
    built.sync()
    looked = built.clock.now()
    contact = built.records("hubspot", "contacts")[0]
    built.say_no("hubspot", "contacts", contact["id"])
    said = built.clock.now()
    built.clock.advance(3600)
    if forbidden:
        built.apps["hubspot"].faults.order({"match": {"path": "/communication-preferences/v4/statuses/*"}, "fault": "403", "times": None})
    built.new_requests()
    built.sync()
    with built.store.begin() as unit:
        ((_, event),) = unit.every_event()
    occurred = [instant(event["occurred"][end]) for end in ("lo", "hi")]
    assert occurred == [said, said] if not forbidden else occurred[0] <= looked < said <= occurred[1]
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"city": "Kiel"})
    built.sync()
    assert len([one for one in built.new_requests()["hubspot"] if "/communication-preferences/" in one["path"]]) == 1
    assert [lead["HasOptedOutOfEmail"] for lead in built.records("salesforce", "Lead")].count(True) == 1
