"""Two leads become one and one becomes two: everything that belongs to them comes along, and all of it can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync import answers, engine
from sync.state import LinkState, Ref, Role
from sync.undo import Undoing
from sync.workspace import Guards, Scope, Stopped
from tests.sync.rig import World, totals

Build = Callable[..., World]
CRMS = ("hubspot", "pipedrive")
ANNA = {"crm": "hubspot", "first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "job_title": "CTO", "city": "Kiel"}
ANNE = {"crm": "pipedrive", "first_name": "Anne", "last_name": "Schmidt", "email": "anne@gmx.example", "phone": "+49 30 23125000"}
NEVER = Scope(create=False)
NEXT_SYNC = "the lead has changed since, and the next sync writes what it says now"


def two(world: Build, *more: dict[str, str], crms: tuple[str, ...] = CRMS) -> World:
    """Anna in HubSpot and Anne in Pipedrive, who are one person, and two leads."""
    built = world([ANNA, ANNE, *more], crms)
    built.scope = NEVER
    built.sync()
    return built


def lead_of(world: World, crm: str, object: str, number: int = 0) -> str:
    record = sorted(str(one.get("id", one.get("Id"))) for one in world.records(crm, object))[number]
    with world.store.begin() as unit:
        return str(unit.links_at(crm, object, [record])[record][0].lead_id)


def pair(world: World) -> tuple[str, str]:
    return lead_of(world, "hubspot", "contacts"), lead_of(world, "pipedrive", "persons")


def merge(world: World, by: str = "anna") -> Any:
    return engine.merge_leads(world.workspace(), *pair(world), by)


def state(world: World, id: str) -> Any:
    with world.store.begin() as unit:
        return unit.leads([id]).get(id)


def links(world: World) -> list[tuple[Any, ...]]:
    with world.store.begin() as unit:
        ids = unit.lead_ids("", 99)
        return sorted((link.ref, link.lead_id, link.role, link.state) for found in unit.links_of(ids).values() for link, _ in found)


def values(world: World, id: str) -> dict[str, Any]:
    """What a lead says, without what is computed of it."""
    from leads.model import Winner, spec_of
    from leads.values import blank

    fields = state(world, id).fields
    return {name: value for name, value in fields.items() if not blank(value) and spec_of(name).winner is not Winner.OURS}


def restrictions(world: World) -> set[Any]:
    from store import schema

    with world.store.engine.connect() as connection:
        return {(row.channel, row.address) for row in connection.execute(schema.restriction.select())}


def quiet(world: World) -> bool:
    return all(not out for out in totals(world.sync()).values())


# merging


def test_a_merged_lead_has_the_records_and_the_values_of_both(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    merge(built)
    after = state(built, kept)
    assert {item.key for item in after.fields["emails"]} == {"anna@acme.example", "anne@gmx.example"}
    assert (after.fields["job_title"], after.fields["phones"][0].key) == ("CTO", "+493023125000")
    assert [one[1:] for one in links(built)] == [(kept, Role.MAIN, LinkState.ACTIVE)] * 2
    assert state(built, gone) is None


def test_nothing_is_written_by_it_and_the_plan_shows_what_will_be(world: Build) -> None:
    built = two(world)
    before = built.shown()
    kept, _ = pair(built)
    merge(built)
    assert built.shown() == before
    document, _ = engine.make_plan(built.workspace())
    assert {(row.account, row.section, row.lead_id) for row in document.rows} == {(crm, "update", kept) for crm in CRMS}
    built.sync()
    assert quiet(built)
    (person,) = built.records("pipedrive", "persons")
    assert built.value("pipedrive", "persons", str(person["id"]), "leadloom_lead_id") == kept


def test_a_merged_lead_is_created_nowhere_twice(world: Build) -> None:
    built = two(world, crms=(*CRMS, "salesforce"))
    merge(built)
    built.scope = Scope(create=True)
    assert totals(built.sync())["salesforce"] == {"planned": 1, "created": 1}
    assert quiet(built)


def test_a_second_record_of_an_account_becomes_a_twin(world: Build) -> None:
    built = two(world, {**ANNE, "crm": "hubspot"})
    first, second = lead_of(built, "hubspot", "contacts"), lead_of(built, "hubspot", "contacts", 1)
    engine.merge_leads(built.workspace(), first, second, "anna")
    roles = [role for ref, _, role, _ in links(built) if ref.account == "hubspot"]
    assert sorted(roles) == [Role.MAIN, Role.TWIN]


def test_the_old_id_is_another_name_of_the_lead(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    merge(built)
    with built.store.begin() as unit:
        assert unit.find_leads(gone[:12], "") == [kept]
        assert unit.survivors([gone]) == {gone: kept}
        assert unit.also_called([kept]) == {kept: {gone}}


def test_a_record_that_carries_the_old_id_belongs_to_the_lead(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    merge(built)
    fields = {"firstname": "Anna", "lastname": "Schmidt", "leadloom_lead_id": gone}
    built.act("hubspot", "create", "contacts", "", fields=fields)
    built.sync()
    assert lead_of(built, "hubspot", "contacts", 1) == kept


def test_where_they_differ_the_rules_of_the_field_decide_and_the_loser_is_kept(world: Build) -> None:
    built = two(world)
    kept, _ = pair(built)
    outlook_names = [one.name for one in foreseen(built).conflicts]
    assert "first_name" in outlook_names
    merge(built)
    with built.store.begin() as unit:
        steps = [one for _, _, found in unit.revisions(kept) for one in found if one.name == "first_name" and one.lost]
    assert {steps[-1].new, steps[-1].lost[0][0]} == {"Anna", "Anne"}


def foreseen(world: World) -> Any:
    sides = pair(world)
    from sync.joining import foresee

    with world.store.begin() as unit:
        return foresee(unit, world.workspace(), *sides)


def test_a_field_about_which_people_are_asked_becomes_a_question(world: Build) -> None:
    from dataclasses import replace

    from tests.sync.rig import usual_fields

    built = two(world)
    kept, _ = pair(built)
    asking = {"fields": {"first_name": replace(usual_fields()["first_name"], winner="ask")}}
    engine.merge_leads(built.workspace(**asking), *pair(built), "anna")
    with built.store.begin() as unit:
        (asked,) = [one for one in unit.reviews(answered=False, limit=9) if one["field"] == "first_name"]
    assert asked["lead_id"] == kept
    assert "first_name" in state(built, kept).asked


def test_a_no_without_an_address_comes_along(world: Build) -> None:
    built = world([ANNA, {"crm": "salesforce", "first_name": "Anne", "last_name": "Schmidt", "company": "Acme"}], ("hubspot", "salesforce"))
    built.scope = NEVER
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    built.say_no("salesforce", "Lead", lead["Id"])
    built.sync()
    kept, gone = lead_of(built, "hubspot", "contacts"), lead_of(built, "salesforce", "Lead")
    assert ("email", f"lead:{gone}") in restrictions(built)
    engine.merge_leads(built.workspace(), kept, gone, "anna")
    assert ("email", f"lead:{kept}") in restrictions(built)
    built.sync()
    assert built.denies("hubspot", built.records("hubspot", "contacts")[0])
    assert quiet(built)


def test_what_was_undone_stays_undone_in_the_merged_lead(world: Build) -> None:
    built = two(world, {**ANNE, "crm": "salesforce", "company": "Acme"}, crms=(*CRMS, "salesforce"))
    (person,) = built.records("pipedrive", "persons")
    built.act("salesforce", "edit", "Lead", built.records("salesforce", "Lead")[0]["Id"], fields={"Title": "CFO"})
    run = built.sync().run
    engine.undo(built.workspace(), Undoing(run))
    title = built.value("pipedrive", "persons", str(person["id"]), "leadloom_job_title")
    gone = lead_of(built, "pipedrive", "persons")
    engine.merge_leads(built.workspace(), gone, lead_of(built, "hubspot", "contacts"), "anna")
    built.sync()
    shown = built.value("pipedrive", "persons", str(person["id"]), "leadloom_job_title")
    assert shown in (title, "CTO")
    assert quiet(built)


def test_an_unanswered_write_is_looked_up_first(world: Build) -> None:
    built = two(world)
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "CFO"})
    built.sync()
    merge(built)
    built.fault("pipedrive", "timeout_after", "PATCH", 5)
    built.sync()
    built.apps["pipedrive"].faults.clear()
    kept, _ = pair(built)
    with pytest.raises(Stopped, match="leadloom sync"):
        engine.split_lead(built.workspace(), kept, [ref_of(built, "pipedrive", "persons")], "anna")


def ref_of(world: World, crm: str, object: str, number: int = 0) -> Ref:
    return Ref(crm, object, sorted(str(one.get("id", one.get("Id"))) for one in world.records(crm, object))[number])


def test_one_lead_is_not_merged_with_itself(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    merge(built)
    for other in (kept, gone):
        with pytest.raises(Stopped, match="one lead already"):
            engine.merge_leads(built.workspace(), kept, other, "anna")


# taking it back


@pytest.mark.parametrize("synced", [False, True])
def test_merged_and_undone_is_as_before(world: Build, synced: bool) -> None:
    built = two(world)
    kept, gone = pair(built)
    before = (links(built), values(built, kept), values(built, gone), restrictions(built), built.shown())
    run = merge(built)["run"]
    if synced:
        built.sync()
    report = engine.undo(built.workspace(), Undoing(run))
    assert report.document()["undone"]["split"]["gone"] == gone
    assert (links(built), values(built, kept), values(built, gone)) == before[:3]
    assert restrictions(built) >= before[3]
    assert said(built) == shown_in(before[4])
    built.sync()
    assert quiet(built)
    assert said(built) == shown_in(before[4])


def test_an_undo_of_a_merge_writes_what_it_takes_back_and_nothing_else(world: Build) -> None:
    built = two(world, {**ANNA, "crm": "salesforce", "company": "Acme"}, crms=(*CRMS, "salesforce"))
    run = merge(built)["run"]
    built.sync()
    (contact,), (lead,) = built.records("hubspot", "contacts"), built.records("salesforce", "Lead")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"city": "Bonn"})
    document, _ = engine.plan_undo(built.workspace(), Undoing(run))
    report = engine.undo(built.workspace(), Undoing(run))
    assert {row.section for row in document.rows} == {"undo"}
    assert totals(report) == {crm: {"planned": 1, "updated": 1} for crm in (*CRMS, "salesforce")}
    assert built.value("salesforce", "Lead", lead["Id"], "City") == "Kiel"
    built.sync()
    assert built.value("salesforce", "Lead", lead["Id"], "City") == "Bonn"
    assert quiet(built)


def test_what_is_pending_when_a_merge_is_undone_waits_for_the_next_sync(world: Build) -> None:
    built = two(world)
    (contact,), (person,) = built.records("hubspot", "contacts"), built.records("pipedrive", "persons")
    run = merge(built)["run"]
    built.sync()
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "CEO"})
    undone = engine.undo(built.workspace(), Undoing(run)).document()["undone"]
    assert (undone["fields"], undone["left"]) == (undone["back"], [])
    assert built.value("pipedrive", "persons", str(person["id"]), "leadloom_job_title") is None
    built.sync()
    assert quiet(built)
    assert built.value("pipedrive", "persons", str(person["id"]), "leadloom_job_title") is None


def test_an_address_that_was_added_since_a_merge_stays_when_it_is_undone(world: Build) -> None:
    built = two(world)
    (contact,), (person,) = built.records("hubspot", "contacts"), built.records("pipedrive", "persons")
    run = merge(built)["run"]
    built.sync()
    emails = [*built.records("pipedrive", "persons")[0]["emails"], {"value": "anne@new.example", "primary": False, "label": "home"}]
    built.act("pipedrive", "edit", "persons", str(person["id"]), fields={"emails": emails})
    built.sync()
    others = built.value("hubspot", "contacts", contact["id"], "leadloom_other_emails")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"leadloom_other_emails": f"{others}; anna@new.example"})
    built.sync()
    report = engine.undo(built.workspace(), Undoing(run))
    assert ("emails", NEXT_SYNC) in {(one["field"], one["reason"]) for one in report.document()["undone"]["left"]}
    built.sync()
    assert shown_emails(built) == {"anne@gmx.example", "anne@new.example"}
    assert quiet(built)


def shown_emails(world: World) -> set[str]:
    """What the person in Pipedrive shows."""
    return {one["value"] for one in world.records("pipedrive", "persons")[0]["emails"]}


def test_what_an_account_that_does_not_answer_would_give_back_is_counted_as_staying(world: Build) -> None:
    built = two(world)
    run = merge(built)["run"]
    built.sync()
    usual = engine.plan_undo(built.workspace(), Undoing(run))[0]
    (row,) = [row for row in usual.rows if row.account == "pipedrive"]
    built.fault("pipedrive", "503", "*", 1_000)
    undone = engine.undo(built.workspace(), Undoing(run)).document()["undone"]
    assert [(one["account"], one["reason"], one["count"]) for one in undone["left"]] == [
        ("pipedrive", "pipedrive cannot be read", len(row.fields))
    ]
    assert undone["fields"] == undone["back"] + len(row.fields)


def test_an_undo_of_a_merge_is_taken_up_again_where_an_account_did_not_answer(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    before = (links(built), values(built, kept), values(built, gone), said(built))
    run = merge(built)["run"]
    built.sync()
    built.fault("pipedrive", "503", "*", 1_000)
    begun = engine.undo(built.workspace(), Undoing(run))
    assert begun.status == "partial"
    built.apps["pipedrive"].faults.clear()
    report = engine.undo(built.workspace(), Undoing(run))
    assert totals(report)["pipedrive"] == {"planned": 1, "updated": 1}
    assert (links(built), values(built, kept), values(built, gone), said(built)) == before
    with pytest.raises(Stopped, match="already"):
        engine.undo(built.workspace(), Undoing(run))
    engine.undo(built.workspace(), Undoing(report.run))
    assert lead_of(built, "pipedrive", "persons") == kept


def test_an_undo_of_a_merge_that_a_guard_held_back_goes_on_when_it_is_allowed(world: Build) -> None:
    built = two(world)
    before = said(built)
    run = merge(built)["run"]
    built.sync()
    built.guards = Guards("apply", allow={"updates": 0})
    assert engine.undo(built.workspace(), Undoing(run)).status == "guarded"
    built.guards = Guards("apply", yes=True)
    assert engine.undo(built.workspace(), Undoing(run)).status == "done"
    assert said(built) == before


def test_two_who_were_merged_again_after_an_undo_that_did_not_end_are_not_parted_by_it(world: Build) -> None:
    built = two(world)
    _, gone = pair(built)
    run = merge(built)["run"]
    built.sync()
    built.fault("pipedrive", "503", "*", 1_000)
    engine.undo(built.workspace(), Undoing(run))
    built.apps["pipedrive"].faults.clear()
    merge(built)
    with pytest.raises(Stopped, match="already"):
        engine.undo(built.workspace(), Undoing(run))
    assert state(built, gone) is None


def test_a_no_that_was_written_because_of_a_merge_is_not_taken_back(world: Build) -> None:
    built = two(world)
    (person,) = built.records("pipedrive", "persons")
    built.say_no("pipedrive", "persons", str(person["id"]))
    built.sync()
    run = merge(built)["run"]
    built.sync()
    undone = engine.undo(built.workspace(), Undoing(run)).document()["undone"]
    assert built.denies("hubspot", built.records("hubspot", "contacts")[0])
    assert {one["reason"] for one in undone["left"]} == {"an opt-out is never taken back"}


def test_who_parts_says_what_was_typed_there_last_though_another_account_came_first(world: Build) -> None:
    built = two(world, {**ANNE, "crm": "salesforce", "company": "Acme"}, crms=(*CRMS, "salesforce"))
    gone, kept = pair(built)
    engine.merge_leads(built.workspace(), kept, gone, "anna")
    built.sync()
    built.sync()
    (contact,), (lead,) = built.records("hubspot", "contacts"), built.records("salesforce", "Lead")
    built.act("salesforce", "edit", "Lead", lead["Id"], fields={"Title": "typed there"})
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "of the first account"})
    built.sync()
    assert built.value("salesforce", "Lead", lead["Id"], "Title") == "of the first account"
    engine.split_lead(built.workspace(), kept, [ref_of(built, "hubspot", "contacts")], "anna")
    assert (state(built, kept).fields["job_title"], state(built, gone).fields["job_title"]) == ("typed there", "of the first account")
    built.sync()
    assert built.value("salesforce", "Lead", lead["Id"], "Title") == "typed there"


def said(world: World) -> Any:
    return shown_in(world.shown())


def shown_in(shown: Any) -> Any:
    """Names, titles, addresses and numbers of all records, as a person sees them."""
    contacts, persons = shown["hubspot"]["contacts"], shown["pipedrive"]["persons"]
    names = ("firstname", "lastname", "jobtitle", "email", "phone", "city")
    blank = ("", None)
    return (
        [{name: one["properties"].get(name) or None for name in names} for one in contacts],
        [
            (one["first_name"], sorted(item["value"] for item in one["emails"]), [item["value"] for item in one["phones"] or blank[:0]])
            for one in persons
        ],
    )


def test_what_was_typed_since_stays_with_its_record(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    run = merge(built)["run"]
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    built.act("pipedrive", "edit", "persons", str(person["id"]), fields={"last_name": "Weber"})
    built.sync()
    engine.undo(built.workspace(), Undoing(run))
    assert (state(built, kept).fields["last_name"], state(built, gone).fields["last_name"]) == ("Schmidt", "Weber")


@pytest.mark.parametrize("name", ["last_name", "emails"])
def test_what_both_sides_typed_in_one_run_stays_with_both(world: Build, name: str) -> None:
    built = two(world)
    kept, gone = pair(built)
    run = merge(built)["run"]
    built.sync()
    built.sync()
    (contact,), (person,) = built.records("hubspot", "contacts"), built.records("pipedrive", "persons")
    both, there = "weber@neu.example", contact["properties"]["leadloom_other_emails"]
    mails = [*({"value": one["value"], "primary": one["primary"]} for one in person["emails"]), {"value": both, "primary": False}]
    typed = {
        "last_name": ({"lastname": "Weber"}, {"last_name": "Weber"}),
        "emails": ({"leadloom_other_emails": f"{there}; {both}"}, {"emails": mails}),
    }
    built.act("hubspot", "edit", "contacts", contact["id"], fields=typed[name][0])
    built.act("pipedrive", "edit", "persons", str(person["id"]), fields=typed[name][1])
    built.sync()
    engine.undo(built.workspace(), Undoing(run))
    for lead in (kept, gone):
        assert ("Weber" if name == "last_name" else both) in str(state(built, lead).fields[name])


def test_the_plan_of_an_undo_shows_what_goes_back(world: Build) -> None:
    built = two(world)
    run = merge(built)["run"]
    built.sync()
    document, _ = engine.plan_undo(built.workspace(), Undoing(run))
    assert {row.account for row in document.rows} == set(CRMS)
    report = engine.apply(built.workspace(), document)
    assert (report.exit_code, report.stale) == (0, ())
    assert quiet(built)


def test_a_merge_is_taken_back_once(world: Build) -> None:
    built = two(world)
    run = merge(built)["run"]
    engine.undo(built.workspace(), Undoing(run))
    with pytest.raises(Stopped, match="already"):
        engine.undo(built.workspace(), Undoing(run))


def test_an_undo_of_a_merge_can_be_undone(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    run = merge(built)["run"]
    merged = (links(built), values(built, kept))
    report = engine.undo(built.workspace(), Undoing(run))
    engine.undo(built.workspace(), Undoing(report.run))
    assert (links(built), values(built, kept)) == merged
    assert state(built, gone) is None


def test_undoing_a_merge_is_no_decision_that_they_differ(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    engine.undo(built.workspace(), Undoing(merge(built)["run"]))
    with built.store.begin() as unit:
        assert unit.decisions_about([f"lead:{kept}", f"lead:{gone}"]) == {}


# splitting


@pytest.mark.parametrize("synced", [False, True])
def test_split_after_a_merge_brings_the_old_lead_back(world: Build, synced: bool) -> None:
    built = two(world)
    kept, gone = pair(built)
    before = (links(built), values(built, kept), values(built, gone), restrictions(built))
    merge(built)
    if synced:
        built.sync()
    engine.split_lead(built.workspace(), kept, [ref_of(built, "pipedrive", "persons")], "anna")
    assert (links(built), values(built, kept), values(built, gone)) == before[:3]
    assert restrictions(built) >= before[3]
    with built.store.begin() as unit:
        assert set(unit.decisions_about([f"lead:{kept}"]).values()) == {"different"}
    built.sync()
    assert quiet(built)


def one_with_a_twin(world: Build) -> World:
    """Father and son share an address: two records of one account were linked to one lead."""
    father = {**ANNA, "first_name": "", "last_name": "Schmidt"}
    son = {**ANNE, "email": "anna@acme.example", "first_name": "", "last_name": "Schmidt"}
    built = world([father, son], CRMS)
    built.scope = NEVER
    built.sync()
    return built


def test_a_split_makes_a_lead_of_what_its_records_show(world: Build) -> None:
    built = one_with_a_twin(world)
    (lead,) = {one[1] for one in links(built)}
    parted = engine.split_lead(built.workspace(), lead, [ref_of(built, "pipedrive", "persons")], "anna")
    new = state(built, parted["split"]["gone"])
    assert (new.fields["last_name"], [item.key for item in new.fields["emails"]]) == ("Schmidt", ["anna@acme.example"])
    assert [item.key for item in new.fields["phones"]] == ["+493023125000"]
    assert [item.key for item in state(built, lead).fields["emails"]] == ["anna@acme.example"]
    built.sync()
    assert quiet(built)
    assert len({one[1] for one in links(built)}) == 2


def test_a_split_holds_for_ever(world: Build) -> None:
    built = one_with_a_twin(world)
    (lead,) = {one[1] for one in links(built)}
    engine.split_lead(built.workspace(), lead, [ref_of(built, "pipedrive", "persons")], "anna")
    built.sync()
    built.act("hubspot", "create", "contacts", "", fields={"lastname": "Schmidt", "email": "anna@acme.example2"})
    (contact, *_) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"city": "Bonn"})
    built.sync()
    assert lead_of(built, "hubspot", "contacts") != lead_of(built, "pipedrive", "persons")


def test_a_no_that_was_said_while_they_were_one_holds_for_both(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    merge(built)
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    built.say_no("pipedrive", "persons", str(person["id"]))
    built.sync()
    engine.split_lead(built.workspace(), kept, [ref_of(built, "pipedrive", "persons")], "anna")
    assert {("email", f"lead:{kept}"), ("email", f"lead:{gone}")} <= restrictions(built)
    built.sync()
    assert all(
        built.denies(crm, one) for crm, object in (("hubspot", "contacts"), ("pipedrive", "persons")) for one in built.records(crm, object)
    )
    assert quiet(built)


def test_an_older_no_stays_with_its_own_address(world: Build) -> None:
    built = two(world)
    kept, _ = pair(built)
    (person,) = built.records("pipedrive", "persons")
    built.say_no("pipedrive", "persons", str(person["id"]))
    built.sync()
    merge(built)
    engine.split_lead(built.workspace(), kept, [ref_of(built, "pipedrive", "persons")], "anna")
    built.sync()
    assert restrictions(built) == {("email", "email:anne@gmx.example")}
    assert not built.denies("hubspot", built.records("hubspot", "contacts")[0])


def test_a_split_is_undone_and_the_lead_is_as_before(world: Build) -> None:
    built = one_with_a_twin(world)
    (lead,) = {one[1] for one in links(built)}
    before = (links(built), values(built, lead))
    parted = engine.split_lead(built.workspace(), lead, [ref_of(built, "pipedrive", "persons")], "anna")
    built.sync()
    engine.undo(built.workspace(), Undoing(parted["run"]))
    assert (links(built), values(built, lead)) == before
    with built.store.begin() as unit:
        assert unit.decisions_about([f"lead:{lead}", f"lead:{parted['split']['gone']}"]) == {}
    assert quiet(built)


def test_a_lead_keeps_at_least_one_record(world: Build) -> None:
    built = one_with_a_twin(world)
    (lead,) = {one[1] for one in links(built)}
    with pytest.raises(Stopped, match="No record would stay"):
        engine.split_lead(built.workspace(), lead, [one[0] for one in links(built)], "anna")
    with pytest.raises(Stopped, match="no record of lead"):
        engine.split_lead(built.workspace(), lead, [Ref("hubspot", "contacts", "1")], "anna")


def test_a_lead_that_gave_its_record_away_gets_another_one(world: Build) -> None:
    built = world([ANNA], CRMS)
    built.sync()
    lead = lead_of(built, "hubspot", "contacts")
    new = engine.split_lead(built.workspace(), lead, [ref_of(built, "pipedrive", "persons")], "anna")["split"]["gone"]
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"email": "anna@work.example"})
    built.sync()
    built.sync()
    keys = [built.value("pipedrive", "persons", str(one["id"]), "leadloom_key") for one in built.records("pipedrive", "persons")]
    assert (len(keys), len(set(keys))) == (2, 2)
    assert {lead_of(built, "pipedrive", "persons", number) for number in (0, 1)} == {lead, new}


# chains


def test_ids_are_stable_over_a_chain_of_merges_and_splits(world: Build) -> None:
    built = two(world, {**ANNE, "crm": "salesforce", "email": "a@x.example", "company": "Acme"}, crms=(*CRMS, "salesforce"))
    a, b = pair(built)
    c = lead_of(built, "salesforce", "Lead")
    engine.merge_leads(built.workspace(), b, a, "anna")
    engine.merge_leads(built.workspace(), c, b, "anna")
    with built.store.begin() as unit:
        assert unit.survivors([a, b, c]) == {a: c, b: c}
    back = engine.split_lead(built.workspace(), c, [ref_of(built, "hubspot", "contacts")], "anna")
    assert back["split"]["gone"] == a
    with built.store.begin() as unit:
        assert unit.survivors([a, b, c]) == {b: c}
    back = engine.split_lead(built.workspace(), c, [ref_of(built, "pipedrive", "persons")], "anna")
    assert back["split"]["gone"] == b
    built.sync()
    assert quiet(built)


# answers, erasure


def test_the_same_merges_and_different_splits(world: Build) -> None:
    built = one_with_a_twin(world)
    with built.store.begin() as unit:
        known = [one["kind"] for one in unit.reviews(answered=False, limit=9)]
    built.act(
        "pipedrive", "create", "persons", "", fields={"last_name": "Schmidt", "emails": [{"value": "anna@acme.example", "primary": True}]}
    )
    built.sync()
    with built.store.begin() as unit:
        (twin,) = [one for one in unit.reviews(answered=False, limit=9) if one["kind"] == "twin"]
    answers.decide(built.workspace(), twin["id"], "different", "anna")
    first, second = (lead_of(built, "pipedrive", "persons", number) for number in (0, 1))
    assert (known, first != second) == ([], True)
    built.sync()
    assert quiet(built)


def test_whoever_is_erased_is_erased_under_every_name(world: Build) -> None:
    built = two(world)
    kept, gone = pair(built)
    merge(built)
    built.sync()
    person, _ = engine.erase_lead(built.workspace(), kept, "asked for it")
    assert set(person.addresses) >= {"email:anna@acme.example", "email:anne@gmx.example"}
    with built.store.begin() as unit:
        assert (unit.leads([kept, gone]), unit.survivors([gone]), unit.revisions(gone)) == ({}, {}, [])
    dump = "".join(built.store.engine.raw_connection().iterdump())  # type: ignore[attr-defined]
    assert "acme.example" not in dump
    assert "gmx.example" not in dump
