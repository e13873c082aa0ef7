"""Undo: what a run wrote goes back to what it was, letter by letter, unless somebody has moved on since."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.inprocess import ask
from sync import engine
from sync.document import PlanDocument
from sync.undo import Undoing
from sync.workspace import Scope, Stopped
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"}
CRMS = ("hubspot", "salesforce", "pipedrive", "activecampaign")
BOTH = ("hubspot", "pipedrive")


def linked(world: Build, *rows: dict[str, str], crms: tuple[str, ...] = BOTH) -> World:
    """Records that are known and quiet; nothing is created."""
    built = world(rows or [{"crm": crm, **ANNA} for crm in crms], crms)
    built.scope = Scope(create=False)
    built.sync()
    return built


def undo(world: World, run: str, **what: str) -> engine.Report:
    world.clock.advance(60)
    report = engine.undo(world.workspace(), Undoing(run, **what))
    assert report.undone is not None
    assert report.undone["fields"] == report.undone["back"] + sum(one["count"] for one in report.undone["left"])
    return report


def reasons(report: engine.Report) -> set[tuple[str, str]]:
    assert report.undone is not None
    return {(one["field"], one["reason"]) for one in report.undone["left"]}


def quiet(world: World) -> bool:
    return all(not out for out in totals(world.sync()).values())


def facts(world: World) -> Any:
    """What people see: the records without the stamps of time that every write moves."""
    moving = (
        "update_time",
        "updated",
        "lastmodifieddate",
        "LastModified",
        "SystemModstamp",
        "udate",
        "updatedAt",
        "version",
        "edate",
        "utimestamp",
    )

    def is_emptied(one: Any) -> bool:
        """ActiveCampaign keeps a row for a value that was emptied."""
        return isinstance(one, dict) and "perstag" in one and one.get("value") == ""

    def still(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: still(one) for name, one in value.items() if not any(word in name for word in moving)}
        if isinstance(value, list):
            return [still(one) for one in value if not is_emptied(one)]
        return value

    return still(world.shown())


def contact(world: World) -> str:
    return str(world.records("hubspot", "contacts")[0]["id"])


def person(world: World) -> str:
    return str(world.records("pipedrive", "persons")[0]["id"])


def titles(world: World) -> tuple[Any, Any]:
    """The job title in HubSpot and in Pipedrive."""
    return (
        world.value("hubspot", "contacts", contact(world), "jobtitle"),
        world.value("pipedrive", "persons", person(world), "leadloom_job_title"),
    )


def type_title(world: World, crm: str, title: str) -> None:
    if crm == "hubspot":
        world.act("hubspot", "edit", "contacts", contact(world), fields={"jobtitle": title})
    else:
        world.act("pipedrive", "edit", "persons", person(world), fields={"leadloom_job_title": title})


def with_title(world: Build) -> tuple[World, str]:
    """A title typed into HubSpot has reached Pipedrive; returns the run that wrote it."""
    built = linked(world)
    type_title(built, "hubspot", "CTO")
    run = built.sync().run
    assert titles(built) == ("CTO", "CTO")
    return built, run


def test_what_a_run_wrote_goes_back_and_stays_back(world: Build) -> None:
    built, run = with_title(world)
    report = undo(built, run)
    assert totals(report)["pipedrive"] == {"planned": 1, "updated": 1}
    assert titles(built) == ("CTO", None)
    assert quiet(built)
    assert quiet(built)


@pytest.mark.parametrize("crm", BOTH)
def test_the_next_edit_on_either_side_flows_again(world: Build, crm: str) -> None:
    built, run = with_title(world)
    undo(built, run)
    type_title(built, crm, "CFO")
    built.sync()
    assert titles(built) == ("CFO", "CFO")
    assert quiet(built)


def test_what_a_person_typed_since_stays(world: Build) -> None:
    built, run = with_title(world)
    type_title(built, "pipedrive", "Chief")
    report = undo(built, run)
    assert ("job_title", "somebody has edited it in the CRM since") in reasons(report)
    assert titles(built) == ("CTO", "Chief")
    built.sync()
    assert titles(built) == ("Chief", "Chief")


def test_what_the_lead_says_differently_by_now_is_not_undone(world: Build) -> None:
    built, run = with_title(world)
    type_title(built, "hubspot", "CFO")
    report = undo(built, run)
    assert any(field == "job_title" and "the lead has changed" in why for field, why in reasons(report))
    built.sync()
    assert titles(built) == ("CFO", "CFO")


def test_what_a_later_run_wrote_again_is_not_undone(world: Build) -> None:
    built, run = with_title(world)
    type_title(built, "hubspot", "CFO")
    later = built.sync().run
    assert ("job_title", f"run {later} has written it again") in reasons(undo(built, run))
    undo(built, later)
    assert titles(built) == ("CFO", "CTO")


def test_an_undo_can_be_undone(world: Build) -> None:
    built, run = with_title(world)
    undone = undo(built, run)
    undo(built, undone.run)
    assert titles(built) == ("CTO", "CTO")
    assert quiet(built)


def test_an_undo_that_never_left_is_carried_out_again_though_the_record_has_been_edited(world: Build) -> None:
    built, run = with_title(world)
    built.fault("pipedrive", "timeout_before", "PATCH", 1)
    assert totals(undo(built, run))["pipedrive"] == {"planned": 1, "unknown": 1}
    built.apps["pipedrive"].faults.clear()
    built.act("pipedrive", "edit", "persons", person(built), fields={"leadloom_city": "Kiel"})
    assert totals(undo(built, run))["pipedrive"] == {"planned": 1, "updated": 1}
    assert titles(built) == ("CTO", None)
    built.sync()
    assert quiet(built)


def test_only_one_field_or_one_lead_goes_back(world: Build) -> None:
    built, run = with_title(world)
    assert totals(undo(built, run, field="address.city"))["pipedrive"] == {}
    assert totals(undo(built, run, lead_id="ld_nobody"))["pipedrive"] == {}
    assert titles(built) == ("CTO", "CTO")
    undo(built, run, field="job_title")
    assert titles(built) == ("CTO", None)


def test_a_run_that_never_was(world: Build) -> None:
    with pytest.raises(Stopped, match="no run 99") as stopped:
        undo(linked(world), "99")
    assert stopped.value.exit_code == 2


def test_an_opt_out_is_never_taken_back(world: Build) -> None:
    built = linked(world)
    built.say_no("hubspot", "contacts", contact(built))
    report = undo(built, built.sync().run)
    assert ("opt_out.email", "an opt-out is never taken back") in reasons(report)
    assert built.denies("pipedrive", built.records("pipedrive", "persons")[0])
    assert quiet(built)


def test_undo_shows_its_plan_and_apply_does_exactly_that(world: Build) -> None:
    built, run = with_title(world)
    before = built.shown()
    document, _ = engine.plan_undo(built.workspace(), Undoing(run))
    assert built.shown() == before
    (row,) = [row for row in document.rows if row.account == "pipedrive"]
    assert (row.section, row.fields[0].field, row.fields[0].old, row.fields[0].new) == ("undo", "job_title", "CTO", None)
    again = PlanDocument.load(json.loads(json.dumps(document.dump())))
    applied = engine.apply(built.workspace(), again)
    assert totals(applied) == {account: {**out, "updated": out["planned"]} for account, out in totals(applied).items() if out}
    assert titles(built) == ("CTO", None)
    assert quiet(built)


def test_what_was_undone_can_be_asked_for_again(world: Build) -> None:
    built, run = with_title(world)
    undo(built, run)
    held = next(one for one in built.sync().problems if one["cause"] == "held:undone")
    engine.retry(built.workspace(), held["id"])
    built.sync()
    assert titles(built) == ("CTO", "CTO")
    assert quiet(built)


def test_a_problem_keeps_its_id_for_ever_and_no_other_gets_it(world: Build) -> None:
    built, run = with_title(world)
    undo(built, run)
    first = {one["id"]: (one["account"], one["cause"]) for one in built.sync().problems}
    (held,) = [id for id, what in first.items() if what == ("pipedrive", "held:undone")]
    assert engine.retry(built.workspace(), held) > 0
    assert engine.retry(built.workspace(), held) == 0
    again = built.sync()
    assert held not in {one["id"] for one in again.problems}
    undo(built, again.run)
    then = {one["id"]: (one["account"], one["cause"]) for one in built.sync().problems}
    assert then[held] == ("pipedrive", "held:undone")


def created(world: Build, crms: tuple[str, ...] = BOTH) -> tuple[World, str]:
    """A contact of the first CRM was created in the others."""
    built = world([{"crm": crms[0], **ANNA}], crms)
    return built, built.sync().run


def test_a_create_whose_attachments_are_unknown_stays(world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    built, run = created(world)
    monkeypatch.setattr("connectors.pipedrive.Pipedrive.attached", lambda *_: {})
    report = undo(built, run)
    assert any("cannot be seen" in why for _, why in reasons(report))
    assert len(built.records("pipedrive", "persons")) == 1
    assert quiet(built)


def test_an_undone_create_is_deleted_and_not_created_again_until_released(world: Build) -> None:
    built, run = created(world)
    report = undo(built, run)
    assert totals(report)["pipedrive"] == {"planned": 1, "deleted": 1}
    assert not living(built)
    built.act("hubspot", "edit", "contacts", contact(built), fields={"jobtitle": "CFO"})
    withheld = next(problem for problem in built.sync().problems if problem["cause"] == "withheld")
    assert not living(built)
    engine.retry(built.workspace(), withheld["id"])
    built.sync()
    assert len(living(built)) == 1
    assert quiet(built)


def living(world: World) -> list[dict[str, Any]]:
    return [one for one in world.records("pipedrive", "persons") if not one.get("is_deleted")]


def test_a_create_that_somebody_touched_stays(world: Build) -> None:
    built, run = created(world)
    built.clock.advance(600)
    type_title(built, "pipedrive", "Chief")
    assert ("", "somebody has edited the record since it was created") in reasons(undo(built, run))
    built.sync()
    assert titles(built) == ("Chief", "Chief")
    assert ("", "somebody has edited the record since it was created") in reasons(undo(built, run))


@pytest.mark.parametrize("between", [False, True])
def test_a_create_whose_answer_was_lost_and_that_somebody_touched_stays(world: Build, *, between: bool) -> None:
    built = world([{"crm": "hubspot", **ANNA}], BOTH)
    built.apps["pipedrive"].faults.order({"match": {"method": "POST", "path": "*persons"}, "fault": "timeout_after"})
    run = built.sync().run
    built.clock.advance(600)
    type_title(built, "pipedrive", "Chief")
    if between:
        built.sync()
    report = undo(built, run)
    assert "somebody has edited the record since it was created" in [why for _, why in reasons(report)]
    assert len(living(built)) == 1
    assert titles(built)[1] == "Chief"


def test_the_undo_of_an_undone_create_creates_it_again(world: Build) -> None:
    built, run = created(world)
    undone = undo(built, run)
    again = undo(built, undone.run)
    assert totals(again)["pipedrive"]["created"] == 1
    assert len(living(built)) == 1
    assert quiet(built)


def test_apply_then_undo_restores_what_every_crm_showed(world: Build) -> None:
    rows = [{"crm": crm, **ANNA, "city": city, "company": "Acme"} for crm, city in zip(CRMS, ("Kiel", "Lübeck", "Kiel", ""), strict=True)]
    built = world(rows, CRMS)
    before = facts(built)
    document, _ = engine.make_plan(built.workspace())
    applied = engine.apply(built.workspace(), document)
    assert facts(built) != before
    undo(built, applied.run)
    assert facts(built) == before
    assert quiet(built)


OBJECT = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}


def made_in(world: World, crm: str) -> list[str]:
    rows = world.records(crm, OBJECT[crm])
    return [str(row.get("id", row.get("Id"))) for row in rows if not (row.get("is_deleted") or row.get("IsDeleted") or row.get("archived"))]


def attach(world: World, crm: str, id: str) -> None:
    """A salesperson puts a deal, or a task, on the record."""
    app, token = world.apps[crm], world.apps[crm].credentials()["token"]
    match crm:
        case "hubspot":
            body: Any = {"inputs": [{"from": {"id": id}, "to": {"id": "7"}, "types": [{"associationTypeId": 4}]}]}
            ask(app, "POST", "/crm/v4/associations/contacts/deals/batch/create", body, authorization=f"Bearer {token}")
        case "salesforce":
            ask(app, "POST", "/services/data/v62.0/sobjects/Task", {"Subject": "Call", "WhoId": id}, authorization=f"Bearer {token}")
        case "pipedrive":
            ask(app, "POST", "/api/v1/leads", {"title": "Offer", "person_id": int(id)}, x_api_token=token)
        case _:
            ask(app, "POST", "/api/3/deals", {"deal": {"title": "Offer", "contact": id}}, api_token=token)


def from_another(world: Build, crm: str) -> tuple[World, str]:
    """A person whom one CRM knows was created in `crm`."""
    other = "pipedrive" if crm == "hubspot" else "hubspot"
    return created(world, (other, crm))


@pytest.mark.parametrize("crm", CRMS)
def test_a_create_is_deleted_in_every_crm(world: Build, crm: str) -> None:
    built, run = from_another(world, crm)
    assert len(made_in(built, crm)) == 1
    assert totals(undo(built, run))[crm] == {"planned": 1, "deleted": 1}
    assert made_in(built, crm) == []
    assert quiet(built)
    assert quiet(built)


@pytest.mark.parametrize("crm", CRMS)
def test_a_create_with_something_attached_stays(world: Build, crm: str) -> None:
    built, run = from_another(world, crm)
    (id,) = made_in(built, crm)
    attach(built, crm, id)
    assert ("", "deals, activities or notes are attached to the record") in reasons(undo(built, run))
    assert made_in(built, crm) == [id]
    assert quiet(built)


def test_an_edit_that_our_own_later_write_covers_up_keeps_the_record(world: Build) -> None:
    built, run = from_another(world, "salesforce")
    (id,) = made_in(built, "salesforce")
    first = undo(built, run, field="company.name")
    built.act("salesforce", "edit", "Lead", id, fields={"MobilePhone": "+49 171 2345678"})
    undo(built, first.run)
    built.clock.advance(600)
    report = undo(built, run)
    assert made_in(built, "salesforce") == [id]
    assert any("touched" in why or "edited" in why for _, why in reasons(report))
