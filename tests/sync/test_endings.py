"""Deleted, merged, restored: a record's end is told apart, reported, and never spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sync import engine
from sync.workspace import CAPS, Cap, Endings, Guards
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"}


def quiet(world: World) -> bool:
    return all(not out for out in totals(world.sync()).values())


def test_a_lead_deleted_in_salesforce_is_reported_and_not_created_again(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "salesforce")], ("hubspot", "salesforce"))
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    built.act("salesforce", "delete", "Lead", lead["Id"])
    report = built.sync()
    assert [problem["cause"] for problem in report.problems] == ["ended:deleted"]
    assert len(built.records("hubspot", "contacts")) == 1
    assert quiet(built)


def test_a_restored_lead_is_linked_again(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "salesforce")], ("hubspot", "salesforce"))
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    built.act("salesforce", "delete", "Lead", lead["Id"])
    built.sync()
    built.act("salesforce", "restore", "Lead", lead["Id"])
    built.sync()
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "CTO"})
    built.sync()
    assert built.value("salesforce", "Lead", lead["Id"], "Title") == "CTO"


def test_a_converted_lead_goes_on_as_its_contact(world: Build) -> None:
    built = world([{"crm": crm, **ANNA, "company": "Acme"} for crm in ("hubspot", "salesforce")], ("hubspot", "salesforce"))
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    built.act("salesforce", "convert", "Lead", lead["Id"])
    built.sync()
    built.sync()
    assert quiet(built)
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "CTO"})
    built.sync()
    (person,) = built.records("salesforce", "Contact")
    assert person["Title"] == "CTO"
    assert quiet(built)
    with built.store.begin() as unit:
        assert unit.reviews(answered=False, limit=9) == []


def test_a_hubspot_merge_moves_the_link_to_the_new_id(world: Build) -> None:
    rows = [{"crm": "hubspot", **ANNA}, {"crm": "hubspot", **ANNA, "email": "a.schmidt@acme.example"}, {"crm": "pipedrive", **ANNA}]
    built = world(rows, ("hubspot", "pipedrive"))
    built.sync()
    first, second = sorted(record["id"] for record in built.records("hubspot", "contacts"))[:2]
    built.act("hubspot", "merge", "contacts", first, into=second)
    built.sync()
    built.sync()
    assert quiet(built)
    (survivor,) = [record for record in built.records("hubspot", "contacts") if not record.get("archived")]
    built.act("hubspot", "edit", "contacts", survivor["id"], fields={"jobtitle": "CTO"})
    built.sync()
    jobs = [
        built.value("pipedrive", "persons", str(person["id"]), "leadloom_job_title") for person in built.records("pipedrive", "persons")
    ]
    assert "CTO" in jobs
    assert quiet(built)


def test_a_person_gone_from_pipedrive_stops_being_written(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "pipedrive")], ("hubspot", "pipedrive"))
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    built.act("pipedrive", "delete", "persons", str(person["id"]))
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "CTO"})
    built.sync()
    assert quiet(built)
    assert len([one for one in built.records("pipedrive", "persons") if not one.get("is_deleted")]) == 0


# what follows is a policy per account


def pair_of(world: Build, **policy: str) -> World:
    built = world([{"crm": crm, **ANNA, "company": "Acme"} for crm in ("hubspot", "salesforce")], ("hubspot", "salesforce"))
    built.endings = {"salesforce": Endings(**policy)}
    built.sync()
    return built


def end(world: World, do: str = "delete") -> str:
    lead = next(one["Id"] for one in world.records("salesforce", "Lead"))
    world.act("salesforce", do, "Lead", lead)
    return str(lead)


def contacts(world: World) -> list[dict[str, Any]]:
    return [one for one in world.records("hubspot", "contacts") if not one.get("archived")]


def test_deleted_records_can_be_created_again(world: Build) -> None:
    built = pair_of(world, deleted="recreate")
    gone = end(built)
    assert totals(built.sync())["salesforce"] == {"planned": 1, "created": 1}
    assert [one["Id"] for one in built.records("salesforce", "Lead") if one.get("IsDeleted") is not True and one["Id"] != gone]
    assert quiet(built)
    end_again = next(one["Id"] for one in built.records("salesforce", "Lead") if one["Id"] != gone)
    built.act("salesforce", "delete", "Lead", end_again)
    assert totals(built.sync())["salesforce"] == {"planned": 1, "created": 1}


def test_a_deletion_can_disqualify_the_lead(world: Build) -> None:
    built = pair_of(world, deleted="disqualify")
    end(built)
    report = built.sync()
    assert contacts(built)[0]["properties"]["leadloom_stage"] == "disqualified"
    assert [problem["cause"] for problem in report.problems] == ["ended:deleted"]
    assert quiet(built)


def test_a_deletion_spreads_only_where_the_settings_say_so_and_behind_the_guard(world: Build) -> None:
    built = pair_of(world, deleted="delete")
    built.guards = Guards(first_run="apply", caps={**CAPS, "deletes": Cap(0, 0.0, 0, 0)})
    end(built)
    report = built.sync()
    assert (report.exit_code, "--allow deletes=1" in report.guarded["hubspot"][0]) == (7, True)
    assert len(contacts(built)) == 1
    built.guards = replace(built.guards, allow={"deletes": 1})
    assert totals(built.sync())["hubspot"] == {"planned": 1, "deleted": 1}
    assert contacts(built) == []
    assert quiet(built)


def test_a_planned_deletion_is_shown_by_the_plan(world: Build) -> None:
    built = pair_of(world, deleted="delete")
    end(built)
    document, _ = engine.make_plan(built.workspace())
    assert [(row.account, row.section, row.id) for row in document.rows] == [("hubspot", "delete", contacts(built)[0]["id"])]


def test_a_record_that_is_restored_in_time_saves_the_others(world: Build) -> None:
    built = pair_of(world, deleted="delete")
    built.guards = Guards(first_run="apply", caps={**CAPS, "deletes": Cap(0, 0.0, 0, 0)})
    gone = end(built)
    built.sync()
    built.act("salesforce", "restore", "Lead", gone)
    assert built.sync().exit_code == 0
    assert len(contacts(built)) == 1
    assert quiet(built)


def test_a_person_who_comes_back_later_is_not_deleted_again(world: Build) -> None:
    built = pair_of(world, deleted="delete")
    end(built)
    built.sync()
    built.act("hubspot", "create", "contacts", "", fields={"email": ANNA["email"], "firstname": "Anna", "lastname": "Schmidt"})
    built.sync()
    built.sync()
    assert len(contacts(built)) == 1


@pytest.mark.parametrize("policy", ["follow", "unlink"])
def test_a_contact_that_was_there_before_a_lead_was_converted_into_it_keeps_its_own_link(world: Build, policy: str) -> None:
    built = pair_of(world, converted=policy)
    person = {"FirstName": "Anna", "LastName": "Schmidt", "Email": ANNA["email"]}
    contact = built.act("salesforce", "create", "Contact", "", fields=person)["id"]
    built.sync()
    assert [one["kind"] for one in asked(built)] == ["twin"]
    lead = built.records("salesforce", "Lead")[0]["Id"]
    built.act("salesforce", "convert", "Lead", lead, into=contact)
    built.sync()
    assert (asked(built), state_of(built, "Lead", lead), state_of(built, "Contact", contact)) == ([], "ended", "active")


def asked(world: World) -> list[Any]:
    with world.store.begin() as unit:
        return list(unit.reviews(answered=False, limit=9))


def state_of(world: World, object: str, id: str) -> str:
    with world.store.begin() as unit:
        return str(unit.links_at("salesforce", object, [id])[id][0].state)


@pytest.mark.parametrize("number", [0, 1])
def test_of_two_records_of_one_person_either_can_end_and_nobody_is_asked_any_more(world: Build, number: int) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "salesforce", "salesforce")], ("hubspot", "salesforce"))
    built.sync()
    assert [one["kind"] for one in asked(built)] == ["twin"]
    id = built.records("salesforce", "Lead")[number]["Id"]
    built.act("salesforce", "delete", "Lead", id)
    built.sync()
    assert asked(built) == []
    built.act("salesforce", "restore", "Lead", id)
    built.sync()
    assert ([one["kind"] for one in asked(built)], roles(built)) == (["twin"], ["main", "twin"])
    assert quiet(built)


def roles(world: World) -> list[str]:
    """Of all records of the one person in Salesforce."""
    with world.store.begin() as unit:
        (links,) = unit.links_of(unit.lead_ids("", 9)).values()
    return sorted(str(link.role) for link, _ in links if link.ref.account == "salesforce" and link.state != "ended")


def test_of_several_records_of_one_person_that_are_gone_one_write_fails(world: Build) -> None:
    built = world(
        [{"crm": crm, **ANNA} for crm in ("hubspot", "pipedrive", "pipedrive", "pipedrive", "pipedrive")], ("hubspot", "pipedrive")
    )
    built.sync()
    assert quiet(built)
    for person in built.records("pipedrive", "persons"):
        built.act("pipedrive", "delete", "persons", str(person["id"]))
    built.act("hubspot", "edit", "contacts", built.records("hubspot", "contacts")[0]["id"], fields={"jobtitle": "CTO"})
    assert totals(built.sync())["pipedrive"] == {"planned": 1, "failed": 1}
    assert quiet(built)


def test_a_conversion_need_not_be_followed(world: Build) -> None:
    built = pair_of(world, converted="unlink")
    end(built, "convert")
    report = built.sync()
    assert "ended:converted" in [problem["cause"] for problem in report.problems]
    (person,) = built.records("salesforce", "Contact")
    built.act("salesforce", "edit", "Contact", person["Id"], fields={"Title": "CTO"})
    assert not any(totals(built.sync()).values())
    assert [one["properties"].get("jobtitle") for one in built.records("hubspot", "contacts")] == [None]


def test_a_hidden_record_can_disqualify_the_lead_but_is_never_deleted_elsewhere(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "pipedrive")], ("hubspot", "pipedrive"))
    built.endings = {"pipedrive": Endings(hidden="disqualify", deleted="delete")}
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    built.act("pipedrive", "hide", "persons", str(person["id"]))
    built.clock.advance(3 * 86_400)
    built.sync()
    assert len(contacts(built)) == 1


@pytest.mark.parametrize(("policy", "city"), [("keep", "Kiel"), ("dormant", None)])
def test_a_lead_that_left_the_scope_is_written_to_or_gets_opt_outs_only(world: Build, policy: str, city: str | None) -> None:
    built = pair_of(world, out_of_scope=policy)
    built.scope = replace(built.scope, when=lambda lead: lead.get("stage") != "lost")
    (contact,) = contacts(built)
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"leadloom_stage": "lost"})
    built.sync()
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"city": "Kiel"})
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    assert lead["City"] == city
    built.say_no("hubspot", "contacts", contact["id"])
    built.sync()
    assert built.denies("salesforce", built.records("salesforce", "Lead")[0])
