"""Bought lists: nobody is scored, routed or written to because of them, and a no reaches them all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from leads.model import ABSENT
from sync import engine
from sync.intake import ImportedTable
from sync.state import LeadState, Ref, Role
from sync.undo import Undoing
from sync.workspace import Scope
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "phone": "+49 30 1234567"}
CRMS = ("hubspot", "salesforce")
BOUGHT = "Purchased List"


def lead_of(world: World, account: str) -> LeadState:
    """The lead of the only record of an account."""
    with world.store.begin() as unit:
        leads: dict[str, LeadState] = unit.leads(unit.lead_ids("", 100))
        links = unit.links_of(sorted(leads))
    (id,) = {link.lead_id for found in links.values() for link, _ in found if link.ref.account == account}
    return leads[id]


def role_of(world: World, ref: Ref) -> Role:
    with world.store.begin() as unit:
        role: Role = unit.links_at(ref.account, ref.object, [ref.id])[ref.id][0].role
    return role


def buy(world: World, source: str = BOUGHT) -> str:
    """The only lead of Salesforce is said to be from this source."""
    id = str(world.records("salesforce", "Lead")[0]["Id"])
    world.act("salesforce", "edit", "Lead", id, fields={"LeadSource": source})
    return id


def denied(world: World) -> bool:
    found: bool = world.records("salesforce", "Lead")[0]["HasOptedOutOfEmail"]
    return found


def causes(report: engine.Report) -> set[tuple[str, str]]:
    return {(problem["account"], problem["cause"]) for problem in report.problems}


def bought(world: Build, *more: dict[str, str]) -> World:
    built = world([{"crm": "salesforce", **ANNA}, *more], CRMS)
    buy(built)
    return built


def imported(world: World, *rows: dict[str, str], purchased: bool = True) -> engine.Report:
    world.clock.advance(60)
    return engine.import_leads(world.workspace(), ImportedTable("broker", rows, "DE", purchased))


def test_a_bought_record_is_neither_scored_nor_routed_nor_written_anywhere(world: Build) -> None:
    built = bought(world)
    before = built.shown()
    report = built.sync()
    assert totals(report) == {"hubspot": {}, "salesforce": {}}
    assert built.shown() == before
    assert causes(report) == {("salesforce", "purchased")}
    lead = lead_of(built, "salesforce")
    untouched = ("score", "grade", "stage", "owner", "first_name", "emails", "phones")
    assert {name: lead.fields.get(name, ABSENT) for name in untouched} == dict.fromkeys(untouched, ABSENT)
    assert lead.fields["reason"] == "Not scored: known from a bought list only."
    built.new_requests()
    again = built.sync()
    assert [part["in"]["changed"] for part in again.accounts.values()] == [0, 0]


def test_a_bought_file_is_taken_into_quarantine(world: Build) -> None:
    built = world([], CRMS)
    report = imported(built, {"first_name": "Anna", "last_name": "Schmidt", "email": ANNA["email"]})
    assert (report.leads["new"], causes(report)) == (1, {("import", "purchased")})
    assert totals(built.sync()) == {"hubspot": {}, "salesforce": {}}
    assert built.records("hubspot", "contacts") == []
    assert causes(built.sync()) == {("import", "purchased")}


def test_a_bought_list_says_nothing_about_who_is_known(world: Build) -> None:
    built = world([{"crm": "hubspot", "first_name": "Anna", "last_name": "Schmidt", "email": ANNA["email"]}], CRMS)
    built.sync()
    before = built.shown()
    imported(built, {"email": ANNA["email"], "mobile": "+49 170 1234567", "job_title": "CTO"})
    assert totals(built.sync()) == {"hubspot": {}, "salesforce": {}}
    assert built.shown() == before
    fields = lead_of(built, "hubspot").fields
    assert (fields.get("job_title", ABSENT), fields.get("phones", ABSENT)) == (ABSENT, ABSENT)
    assert fields["score"] is not ABSENT


def test_a_bought_record_of_who_is_known_is_left_as_it_is_and_gives_nothing(world: Build) -> None:
    built = bought(world, {"crm": "hubspot", **ANNA, "phone": "", "job_title": "CTO"})
    built.sync()
    assert totals(built.sync()) == {"hubspot": {}, "salesforce": {}}
    (contact,) = built.records("hubspot", "contacts")
    assert (contact["properties"].get("phone"), contact["properties"]["jobtitle"]) == (None, "CTO")
    assert built.records("salesforce", "Lead")[0].get("Title") is None
    assert lead_of(built, "hubspot").id == lead_of(built, "salesforce").id


@pytest.mark.parametrize("where", ["file", "crm"])
def test_a_no_on_a_bought_list_is_a_no_everywhere(world: Build, where: str) -> None:
    built = world([{"crm": "hubspot", **ANNA}, *([{"crm": "salesforce", **ANNA}] if where == "crm" else [])], CRMS)
    if where == "crm":
        id = buy(built)
        built.sync()
        built.say_no("salesforce", "Lead", id)
    else:
        imported(built, {"email": ANNA["email"], "opt_out": "true"})
    built.sync()
    assert built.records("hubspot", "contacts")[0]["properties"]["hs_email_optout"] == "true"


@pytest.mark.parametrize("lead_has_it", [True, False])
def test_a_no_reaches_the_bought_record_too(world: Build, *, lead_has_it: bool) -> None:
    built = bought(world, *([{"crm": "hubspot", **ANNA}] if lead_has_it else []))
    built.sync()
    assert not denied(built)
    if lead_has_it:
        built.say_no("hubspot", "contacts", str(built.records("hubspot", "contacts")[0]["id"]))
    else:
        imported(built, {"email": ANNA["email"], "opt_out": "true"})
    built.sync()
    assert denied(built)
    assert totals(built.sync()) == {"hubspot": {}, "salesforce": {}}


def test_who_takes_a_no_back_on_a_bought_record_is_told(world: Build) -> None:
    built = bought(world)
    id = str(built.records("salesforce", "Lead")[0]["Id"])
    built.say_no("salesforce", "Lead", id)
    built.sync()
    built.act("salesforce", "edit", "Lead", id, fields={"HasOptedOutOfEmail": False})
    report = built.sync()
    assert ("salesforce", "restriction_lifted") in causes(report)
    assert denied(built)


def test_a_form_that_the_person_fills_in_ends_the_quarantine_and_the_list_stays_unheard(world: Build) -> None:
    built = bought(world)
    built.sync()
    form = {"firstname": "Anna", "lastname": "Schmidt", "email": ANNA["email"], "jobtitle": "CTO"}
    built.apps["hubspot"].act({"do": "create", "object": "contacts", "fields": form})
    report = built.sync()
    fields = lead_of(built, "hubspot").fields
    assert lead_of(built, "salesforce").id == lead_of(built, "hubspot").id
    assert fields["job_title"] == "CTO"
    assert isinstance(fields["score"], int)
    assert fields.get("phones", ABSENT) is ABSENT
    assert totals(report)["salesforce"] == {}
    assert built.records("hubspot", "contacts")[0]["properties"]["leadloom_score"] is not None


def test_a_record_that_was_not_bought_after_all_is_heard_as_if_first_seen(world: Build) -> None:
    built = bought(world)
    built.sync()
    buy(built, "Web")
    report = built.sync()
    assert totals(report)["hubspot"] == {"planned": 1, "created": 1}
    assert causes(report) == set()
    assert built.records("hubspot", "contacts")[0]["properties"]["email"] == ANNA["email"]
    id = built.records("salesforce", "Lead")[0]["Id"]
    assert role_of(built, Ref("salesforce", "Lead", id)) is Role.MAIN
    assert totals(built.sync()) == {"hubspot": {}, "salesforce": {}}


def test_beside_a_bought_record_the_other_one_of_its_crm_leads(world: Build) -> None:
    built = world([{"crm": "salesforce", **ANNA}, {"crm": "salesforce", **ANNA}], CRMS)
    first, second = (str(record["Id"]) for record in built.records("salesforce", "Lead"))
    built.act("salesforce", "edit", "Lead", first, fields={"LeadSource": BOUGHT})
    report = built.sync()
    roles = [role_of(built, Ref("salesforce", "Lead", id)) for id in (first, second)]
    assert (roles, report.reviews) == ([Role.QUARANTINED, Role.MAIN], 0)
    built.act("salesforce", "edit", "Lead", first, fields={"LeadSource": "Web"})
    report = built.sync()
    roles = [role_of(built, Ref("salesforce", "Lead", id)) for id in (first, second)]
    assert (roles, report.reviews) == ([Role.TWIN, Role.MAIN], 1)


def test_a_bought_record_that_was_deleted_and_is_restored_is_still_in_quarantine(world: Build) -> None:
    built = world([{"crm": "salesforce", **ANNA}, {"crm": "salesforce", **ANNA}], CRMS)
    first, _ = (str(record["Id"]) for record in built.records("salesforce", "Lead"))
    built.act("salesforce", "edit", "Lead", first, fields={"LeadSource": BOUGHT})
    built.sync()
    built.act("salesforce", "delete", "Lead", first)
    built.sync()
    built.act("salesforce", "restore", "Lead", first)
    built.act("salesforce", "edit", "Lead", first, fields={"Title": "CTO"})
    report = built.sync()
    assert (role_of(built, Ref("salesforce", "Lead", first)), report.reviews) == (Role.QUARANTINED, 0)
    assert lead_of(built, "hubspot").fields.get("job_title", ABSENT) is ABSENT


def test_a_bought_record_that_is_split_off_says_nothing_about_the_lead_that_it_becomes(world: Build) -> None:
    built = bought(world, {"crm": "hubspot", **ANNA, "job_title": "CEO"})
    id = str(built.records("salesforce", "Lead")[0]["Id"])
    built.act("salesforce", "edit", "Lead", id, fields={"Title": "CTO"})
    built.sync()
    engine.split_lead(built.workspace(), lead_of(built, "hubspot").id, [Ref("salesforce", "Lead", id)], "anna")
    report = built.sync()
    assert totals(report) == {"hubspot": {}, "salesforce": {}}
    fields = lead_of(built, "salesforce").fields
    assert {name: fields.get(name, ABSENT) for name in ("job_title", "last_name")} == {"job_title": ABSENT, "last_name": ABSENT}
    assert lead_of(built, "hubspot").fields["job_title"] == "CEO"


def test_the_undo_of_a_merge_takes_no_record_out_of_quarantine(world: Build) -> None:
    other = {"first_name": "Bo", "last_name": "Ek", "email": "bo@ek.example"}
    built = world([{"crm": "salesforce", **ANNA}, {"crm": "hubspot", **other}], CRMS)
    built.scope = Scope(create=False)
    built.sync()
    merged = engine.merge_leads(built.workspace(), lead_of(built, "hubspot").id, lead_of(built, "salesforce").id, "anna")
    id = buy(built)
    built.sync()
    engine.undo(built.workspace(), Undoing(str(merged["run"])))
    assert role_of(built, Ref("salesforce", "Lead", id)) is Role.QUARANTINED
    assert lead_of(built, "hubspot").id != lead_of(built, "salesforce").id


def test_a_bought_record_that_is_merged_into_another_one_leaves_that_one_to_its_lead(world: Build) -> None:
    other = {"first_name": "Bo", "last_name": "Ek", "email": "bo@ek.example"}
    built = world([{"crm": "hubspot", **other}, {"crm": "hubspot", **ANNA}, {"crm": "salesforce", **ANNA}], CRMS)
    built.purchased["hubspot"] = {"Lead Status": ["Bad Timing"]}
    bo, anna = (str(record["id"]) for record in built.records("hubspot", "contacts"))
    for id, status in ((bo, "BAD_TIMING"), (anna, "OPEN")):
        built.act("hubspot", "edit", "contacts", id, fields={"hs_lead_status": status})
    built.sync()
    survivor = built.act("hubspot", "merge", "contacts", bo, into=anna)["id"]
    assert survivor not in (bo, anna)
    built.sync()
    with built.store.begin() as unit:
        link, _ = unit.links_at("hubspot", "contacts", [survivor])[survivor]
    assert (link.lead_id, link.role) == (lead_of(built, "salesforce").id, Role.MAIN)


@pytest.mark.parametrize("where", ["file", "crm"])
def test_who_shares_an_address_with_somebody_on_a_bought_list_is_not_that_person(world: Build, where: str) -> None:
    built = bought(world) if where == "crm" else world([], CRMS)
    if where == "file":
        imported(built, {name: ANNA[name] for name in ("first_name", "last_name", "email")})
    built.sync()
    form = {"firstname": "Bob", "lastname": "Other", "email": ANNA["email"]}
    built.apps["hubspot"].act({"do": "create", "object": "contacts", "fields": form})
    built.clock.advance(60)
    assert engine.sync(built.workspace(), ["hubspot"]).reviews == 1
    assert lead_of(built, "hubspot").id != lead_of(built, "salesforce" if where == "crm" else "import").id


def test_a_record_that_turns_out_to_be_bought_goes_into_quarantine(world: Build) -> None:
    built = world([{"crm": "salesforce", **ANNA}], ("salesforce",))
    built.sync()
    assert isinstance(lead_of(built, "salesforce").fields["score"], int)
    id = buy(built)
    built.act("salesforce", "edit", "Lead", id, fields={"Title": "CTO"})
    assert causes(built.sync()) == {("salesforce", "purchased")}
    fields = lead_of(built, "salesforce").fields
    assert (plainly(fields.get("score")), fields.get("job_title", ABSENT)) == (None, ABSENT)
    assert totals(built.sync()) == {"salesforce": {}}


def plainly(value: Any) -> Any:
    return value if isinstance(value, int) else None


def test_the_same_rows_said_to_be_ones_own_leave_the_quarantine(world: Build) -> None:
    built = world([], CRMS)
    row = {"first_name": "Anna", "last_name": "Schmidt", "email": ANNA["email"]}
    imported(built, row)
    imported(built, row, purchased=False)
    assert totals(built.sync()) == {name: {"planned": 1, "created": 1} for name in CRMS}


def test_what_tells_of_a_bought_record_is_read_of_old_ones_when_the_settings_name_it(world: Build) -> None:
    built = world([{"crm": "hubspot", **ANNA}], ("hubspot",))
    built.sync()
    built.purchased["hubspot"] = {"City": ["Berlin"]}
    built.act("hubspot", "edit", "contacts", str(built.records("hubspot", "contacts")[0]["id"]), fields={"city": "berlin"})
    assert causes(built.sync()) == {("hubspot", "purchased")}
    built.purchased["hubspot"] = {"City": ["Hamburg"]}
    assert causes(built.sync()) == set()
