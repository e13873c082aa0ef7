"""Deleted, merged, restored: a record's end is told apart, reported, and never spread."""

from __future__ import annotations

from collections.abc import Callable

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
