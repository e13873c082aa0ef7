"""What a person said holds for ever, and what kept a lead from a CRM is looked at again when it is gone; nothing of it is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base import Outcome, Receipt
from connectors.hubspot import HubSpot
from store.unit import Unit
from sync import answers, engine, weave
from sync.journal import EntryState
from sync.state import Ref, pair_key
from sync.undo import Undoing
from sync.workspace import Scope
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"crm": "hubspot", "first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"}
ANNE = {"crm": "pipedrive", "first_name": "Anne", "last_name": "Schmidt", "email": "anne@gmx.example"}
CRMS = ("hubspot", "pipedrive")


def two(world: Build, *, create: bool = False) -> World:
    built = world([ANNA, ANNE], CRMS)
    built.scope = Scope(create=create)
    built.sync()
    return built


def ref_of(world: World, crm: str, object: str) -> Ref:
    return Ref(crm, object, str(world.records(crm, object)[0]["id"]))


def lead_of(world: World, ref: Ref) -> str:
    with world.store.begin() as unit:
        return str(unit.links_at(ref.account, ref.object, [ref.id])[ref.id][0].lead_id)


def say(world: World, *verdicts: tuple[str, str, str]) -> None:
    with world.store.begin() as unit:
        for left, right, verdict in verdicts:
            unit.decide_pair(left, right, verdict, "anna", world.workspace().now())


def leads(world: World) -> list[str]:
    with world.store.begin() as unit:
        return list(unit.lead_ids("", 9))


def test_who_was_said_to_be_one_before_both_were_there_is_one_lead(world: Build) -> None:
    built = world([ANNA], CRMS)
    built.scope = Scope(create=False)
    built.sync()
    built.clock.advance(60)
    built.apps["pipedrive"].plant([ANNE])
    one, other = ref_of(built, "hubspot", "contacts"), ref_of(built, "pipedrive", "persons")
    say(built, (pair_key(one), pair_key(other), "same"))
    built.sync()
    assert lead_of(built, one) == lead_of(built, other)
    assert len(leads(built)) == 1
    assert all(not out for out in totals(built.sync()).values())


def test_leads_that_are_two_although_they_were_said_to_be_one_are_united_by_the_next_sync(world: Build) -> None:
    built = two(world)
    one, other = leads(built)
    say(built, (pair_key(one), pair_key(other), "same"))
    engine.make_plan(built.workspace())
    assert len(leads(built)) == 2
    built.sync()
    assert len(leads(built)) == 1


def test_a_later_no_about_one_of_their_records_keeps_them_apart(world: Build) -> None:
    built = two(world)
    one, other = leads(built)
    record = ref_of(built, "pipedrive", "persons")
    kept = one if lead_of(built, record) == other else other
    say(built, (pair_key(one), pair_key(other), "same"), (pair_key(record), pair_key(kept), "different"))
    built.sync()
    assert len(leads(built)) == 2


def test_what_was_united_and_undone_stays_apart(world: Build) -> None:
    built = two(world)
    say(built, (*(pair_key(id) for id in leads(built)), "same"))
    built.sync()
    with built.store.begin() as unit:
        run = str(next(one["id"] for one in unit.runs(9) if one["kind"] == "merge"))
    engine.undo(built.workspace(), Undoing(run))
    built.sync()
    assert len(leads(built)) == 2


def causes(report: engine.Report) -> set[str]:
    return {one["cause"] for one in report.problems}


@pytest.mark.parametrize("how", ["edit", "delete"])
def test_a_lead_whose_address_was_taken_is_created_when_it_is_free(world: Build, how: str) -> None:
    peter = {"crm": "pipedrive", "first_name": "Peter", "last_name": "Lind", "email": ANNA["email"]}
    others = [{"crm": "salesforce", "first_name": "Eva", "last_name": f"Berg{n}", "email": f"eva{n}@berg.example"} for n in range(4)]
    built = world([{**ANNA, "crm": "salesforce"}, peter, *others], ("pipedrive", "salesforce"))
    built.scope = Scope(create=True)
    assert "address_taken" in causes(built.sync())
    with built.store.begin() as unit:
        asked = [one["id"] for one in unit.reviews(answered=False, limit=9) if one["kind"] != "conflict"]
    for question in asked:
        answers.decide(built.workspace(), question, "different", "anna")
    record = next(one["Id"] for one in built.records("salesforce", "Lead") if one["FirstName"] == "Anna")
    more = {"fields": {"Email": "anna@elsewhere.example"}} if how == "edit" else {}
    built.act("salesforce", how, "Lead", record, **more)
    built.sync()
    built.sync()
    assert "Peter" in {one["FirstName"] for one in built.records("salesforce", "Lead")}


def test_a_create_that_meets_a_record_of_another_lead_is_told_and_asked_about(world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    built = two(world)
    built.scope = Scope(create=True)
    held = ref_of(built, "hubspot", "contacts")

    def answered(self: Any, object: str, writes: Any) -> Any:
        return [Receipt(Outcome.ADOPTED, id=held.id, cause="exists") for _ in writes]

    monkeypatch.setattr(HubSpot, "write", answered)
    with built.store.begin() as unit:
        unit.touch_all()
    report = built.sync()
    assert "exists" in causes(report)
    with built.store.begin() as unit:
        (question,) = [one for one in unit.reviews(answered=False, limit=9) if one["kind"] == "exists"]
    assert held.id in question["question"]
    assert lead_of(built, held) in question["question"]
    answers.decide(built.workspace(), question["id"], "same", "anna")
    assert len(leads(built)) == 1


def test_an_address_that_is_freed_in_a_run_is_used_in_it(world: Build) -> None:
    built = world([{**ANNA, "crm": "salesforce"}], ("pipedrive", "salesforce"))
    built.scope = Scope(create=True)
    built.sync()
    record = built.records("salesforce", "Lead")[0]["Id"]
    peter = {"crm": "pipedrive", "first_name": "Peter", "last_name": "Lind", "email": "peter@lind.example", "email2": ANNA["email"]}
    built.act("pipedrive", "delete", "persons", str(built.records("pipedrive", "persons")[0]["id"]))
    built.apps["pipedrive"].plant([peter])
    assert "address_taken" in causes(built.sync())
    with built.store.begin() as unit:
        asked = [one["id"] for one in unit.reviews(answered=False, limit=9) if one["kind"] != "conflict"]
    for question in asked:
        answers.decide(built.workspace(), question, "different", "anna")
    built.act("salesforce", "edit", "Lead", record, fields={"Email": "anna@elsewhere.example"})
    report = built.sync()
    assert "Peter" in {one["FirstName"] for one in built.records("salesforce", "Lead")}
    assert "address_taken" not in causes(report)


@pytest.mark.parametrize("gone", [True, False])
def test_an_address_that_turns_out_to_be_free_is_used_in_the_same_run(world: Build, gone: bool) -> None:
    """Our own writes free it, or a record is found to be gone; whichever of the two leads is worked on first."""
    people = [{"first_name": "Anna", "last_name": f"Berg{n}", "email": f"anna.berg{n}@corp.example"} for n in range(4)]
    built = world([{**person, "crm": crm} for person in people for crm in ("hubspot", "salesforce", "pipedrive", "activecampaign")])
    built.sync()
    for person in built.records("pipedrive", "persons"):
        ref = Ref("pipedrive", "persons", str(person["id"]))
        engine.split_lead(built.workspace(), lead_of(built, ref), [ref], "anna")
    for contact in built.records("hubspot", "contacts"):
        built.act("hubspot", "edit", "contacts", contact["id"], fields={"email": f"new{contact['id']}@corp.example"})
    for contact in built.records("activecampaign", "contacts") if gone else ():
        built.act("activecampaign", "delete", "contacts", contact["id"])
    built.sync()
    free = {person["email"] for person in people}
    assert {contact["email"] for contact in built.records("activecampaign", "contacts")} >= free
    assert {lead["Email"] for lead in built.records("salesforce", "Lead")} >= free
    assert all(not out for out in totals(built.sync()).values())


def test_what_is_taken_out_of_a_run_that_dies_is_planned_by_the_next(world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    built = world([{**ANNA, "crm": "salesforce"}], ("pipedrive", "salesforce"))
    built.sync()
    record = built.records("salesforce", "Lead")[0]["Id"]
    built.act("salesforce", "edit", "Lead", record, fields={"Title": "CTO"})
    monkeypatch.setattr(Unit, "freed", lambda unit: leads_changed(unit))
    monkeypatch.setattr(weave, "_plan_again", dies)
    with pytest.raises(Died):
        built.sync()
    monkeypatch.undo()
    assert totals(built.sync())["pipedrive"]["updated"] == 1


def test_what_a_record_has_said_is_told_also_where_its_lead_is_planned_twice(world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    built = world([{**ANNA, "crm": "salesforce"}], ("pipedrive", "salesforce"))
    built.sync()
    record = built.records("salesforce", "Lead")[0]["Id"]
    built.act("salesforce", "edit", "Lead", record, fields={"HasOptedOutOfEmail": True})
    built.sync()
    built.act("salesforce", "edit", "Lead", record, fields={"HasOptedOutOfEmail": False})
    monkeypatch.setattr(Unit, "freed", lambda unit: leads_changed(unit))
    assert "restriction_lifted" in causes(built.sync())
    assert built.records("salesforce", "Lead")[0]["HasOptedOutOfEmail"] is True


class Died(BaseException):
    """The process ends here."""


def dies(*_: Any) -> None:
    raise Died


def leads_changed(unit: Unit) -> set[tuple[str, str]]:
    """Every lead for which something is planned, and where."""
    return {(entry.write.lead_id, entry.write.account) for entry in unit.entries(states=(EntryState.PLANNED,))}
