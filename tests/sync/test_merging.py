"""Duplicates are merged inside a CRM only where the settings say so: planned, guarded, final, and never at the cost of a no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sync import engine
from sync.document import PlanDocument
from sync.state import LinkState, Ref, Role
from sync.undo import Undoing
from sync.workspace import CAPS, Cap, Guards, Scope
from tests.sync.rig import World, totals
from tests.sync.test_joining import lead_of, links, quiet, ref_of, restrictions, state

Build = Callable[..., World]
OBJECTS = {"hubspot": "contacts", "pipedrive": "persons"}
MERGES = pytest.mark.parametrize("crm", list(OBJECTS))
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "job_title": "CTO"}
AGAIN = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@gmx.example", "phone": "+49 30 23125000"}


def doubled(world: World, crm: str) -> str:
    """The lead of somebody who is in one CRM twice."""
    object = OBJECTS[crm]
    kept, gone = (lead_of(world, crm, object, number) for number in (0, 1))
    engine.merge_leads(world.workspace(), kept, gone, "anna")
    return kept


def built_with(world: Build, crm: str, **settings: Any) -> World:
    built = world([{"crm": crm, **ANNA}, {"crm": crm, **AGAIN}], tuple({crm, "activecampaign"}), **settings)
    built.scope = Scope(create=False)
    built.merging = {crm}
    built.sync()
    return built


def alive(world: World, crm: str) -> list[Any]:
    return [one for one in world.records(crm, OBJECTS[crm]) if not (one.get("archived") or one.get("is_deleted"))]


@MERGES
def test_a_further_record_becomes_part_of_the_main_one(world: Build, crm: str) -> None:
    built = built_with(world, crm)
    lead = doubled(built, crm)
    report = built.sync()
    assert (report.status, totals(report)[crm]["deleted"], len(alive(built, crm))) == ("done", 1, 1)
    built.sync()
    assert quiet(built)
    active = [one for one in links(built) if one[3] is LinkState.ACTIVE]
    assert [(ref.account, of, role) for ref, of, role, _ in active] == [(crm, lead, Role.MAIN)]


@MERGES
def test_without_the_setting_it_is_reported_and_left(world: Build, crm: str) -> None:
    built = built_with(world, crm)
    built.merging = set()
    doubled(built, crm)
    built.sync()
    assert (len(alive(built, crm)), quiet(built)) == (2, True)
    with built.store.begin() as unit:
        assert [one["kind"] for one in unit.reviews(answered=False, limit=9)] == ["twin"]


@MERGES
def test_the_plan_shows_both_records_before_it_happens(world: Build, crm: str) -> None:
    built = built_with(world, crm)
    doubled(built, crm)
    document, _ = engine.make_plan(built.workspace())
    (row,) = [row for row in document.rows if row.section == "merge"]
    stays, goes = ref_of(built, crm, OBJECTS[crm]), ref_of(built, crm, OBJECTS[crm], 1)
    assert (row.id, row.loser, row.target) == (stays.id, goes.id, f"{OBJECTS[crm]} {goes.id} into {stays.id}")
    shown = {one.field: (one.old, one.new) for one in row.fields}
    assert "anna@gmx.example" in str(shown["emails"][0])
    assert "anna@acme.example" in str(shown["emails"][1])
    assert document.cost[crm]["write"] >= 1
    report = engine.apply(built.workspace(), PlanDocument.load(document.dump()))
    assert (report.stale, len(alive(built, crm))) == ((), 1)


@MERGES
def test_it_waits_behind_a_guard_of_its_own(world: Build, crm: str) -> None:
    built = built_with(world, crm)
    doubled(built, crm)
    built.guards = Guards(first_run="apply", caps={**CAPS, "merges": Cap(0, 0.0, 0, 0)})
    report = built.sync()
    assert (report.exit_code, "--allow merges=1" in report.guarded[crm][0], len(alive(built, crm))) == (7, True, 2)
    built.guards = replace(built.guards, allow={"merges": 1})
    built.sync()
    assert len(alive(built, crm)) == 1


@MERGES
@pytest.mark.parametrize("number", [0, 1])
def test_a_no_of_either_record_is_there_after_it(world: Build, crm: str, number: int) -> None:
    built = built_with(world, crm)
    ref = ref_of(built, crm, OBJECTS[crm], number)
    built.say_no(*ref)
    built.sync()
    before = restrictions(built)
    doubled(built, crm)
    built.sync()
    built.sync()
    (survivor,) = alive(built, crm)
    assert built.denies(crm, survivor)
    assert before <= restrictions(built)
    assert quiet(built)


@MERGES
def test_what_the_crm_took_over_from_the_other_record_is_nobodys_edit(world: Build, crm: str) -> None:
    built = built_with(world, crm)
    lead = doubled(built, crm)
    built.sync()
    built.sync()
    fields = state(built, lead).fields
    assert (fields["job_title"], {item.key for item in fields["phones"]}) == ("CTO", {"+493023125000"})
    assert {item.key for item in fields["emails"]} == {"anna@acme.example", "anna@gmx.example"}


@MERGES
@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "503"])
def test_an_answer_that_is_lost_is_looked_up_and_no_merge_is_repeated(world: Build, crm: str, fault: str) -> None:
    built = built_with(world, crm)
    doubled(built, crm)
    built.apps[crm].faults.order({"match": {"method": "*", "path": "*merge*"}, "fault": fault, "times": 1})
    built.sync()
    for _ in range(3):
        built.clock.advance(400)
        built.sync()
    assert (len(alive(built, crm)), quiet(built)) == (1, True)
    asked = [request for request in built.apps[crm].requests() if "merge" in request["path"] and request["method"] in ("POST", "PUT")]
    assert len(asked) <= 2


@MERGES
def test_an_undo_leaves_it_and_says_so(world: Build, crm: str) -> None:
    built = built_with(world, crm)
    doubled(built, crm)
    run = built.sync().run
    report = engine.undo(built.workspace(), Undoing(run))
    assert any("final" in one["reason"] for one in report.document()["undone"]["left"])
    assert len(alive(built, crm)) == 1


@MERGES
def test_an_undo_of_the_leads_merge_leaves_it_and_says_so(world: Build, crm: str) -> None:
    built = built_with(world, crm)
    kept, gone = (lead_of(built, crm, OBJECTS[crm], number) for number in (0, 1))
    run = engine.merge_leads(built.workspace(), kept, gone, "anna")["run"]
    built.sync()
    undone = engine.undo(built.workspace(), Undoing(run)).document()["undone"]
    final, *others = [one["reason"] for one in undone["left"]]
    # At Pipedrive what is left shows the addresses of both, and so does its lead.
    kept_so = {"the record is not there any more", "the lead has changed since, and the next sync writes what it says now"}
    assert (undone["split"]["gone"], "final" in final, set(others) <= kept_so) == (gone, True, True)
    built.sync()
    assert (len(alive(built, crm)), quiet(built)) == (1, True)


def test_a_split_creates_the_record_again_and_says_so(world: Build) -> None:
    built = built_with(world, "pipedrive")
    lead, loser = doubled(built, "pipedrive"), ref_of(built, "pipedrive", "persons", 1)
    built.sync()
    report = engine.split_lead(built.workspace(), lead, [loser], "anna")
    assert report["split"]["created_again"] == [":".join(loser)]
    built.sync()
    built.sync()
    assert quiet(built)
    shown = sorted([item["value"] for item in one["emails"]] for one in alive(built, "pipedrive"))
    assert shown == [["anna@acme.example"], ["anna@gmx.example"]]


def test_hubspot_creates_it_again_once_the_other_contact_has_given_up_the_address(world: Build) -> None:
    built = built_with(world, "hubspot")
    lead, loser = doubled(built, "hubspot"), ref_of(built, "hubspot", "contacts", 1)
    built.sync()
    new = engine.split_lead(built.workspace(), lead, [loser], "anna")["split"]["gone"]
    report = built.sync()
    assert "address_taken" in [one["cause"] for one in report.problems]
    (contact,) = alive(built, "hubspot")
    built.act("hubspot", "edit", "contacts", contact["id"], drop_emails=["anna@gmx.example"])
    built.sync()
    built.sync()
    assert sorted(one["properties"]["email"] for one in alive(built, "hubspot")) == ["anna@acme.example", "anna@gmx.example"]
    assert state(built, new) is not None


def test_a_merge_that_the_crm_refuses_is_told_once_and_not_tried_by_every_run(world: Build) -> None:
    built = built_with(world, "hubspot")
    doubled(built, "hubspot")
    built.apps["hubspot"].objects("contacts").merge = refusing  # type: ignore[attr-defined]
    report = built.sync()
    assert [one["cause"] for one in report.problems if one["cause"].startswith("not_merged")] == ["not_merged:too_many_merges"]
    assert quiet(built)


def refusing(*_arguments: Any) -> Any:
    from sandbox.hubspot_answers import refuse

    raise refuse(414, "VALIDATION_ERROR", "Cannot have more than 250 identities on a profile")


def test_a_person_who_merged_them_first_is_no_trouble(world: Build) -> None:
    built = built_with(world, "hubspot")
    doubled(built, "hubspot")
    stays, goes = (ref_of(built, "hubspot", "contacts", number) for number in (0, 1))
    built.act("hubspot", "merge", "contacts", goes.id, into=stays.id)
    built.sync()
    built.sync()
    assert (len(alive(built, "hubspot")), quiet(built)) == (1, True)


def test_ids_of_old_lead_to_the_survivor(world: Build) -> None:
    built = built_with(world, "hubspot")
    lead, loser = doubled(built, "hubspot"), ref_of(built, "hubspot", "contacts", 1)
    built.sync()
    (survivor,) = alive(built, "hubspot")
    with built.store.begin() as unit:
        assert unit.links_at("hubspot", "contacts", [survivor["id"]])[survivor["id"]][0].lead_id == lead
        assert unit.heirs([loser, Ref("hubspot", "contacts", "0")]) == set()
