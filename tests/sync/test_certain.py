"""Where the settings say so, leads that the evidence makes one person become one unasked; each can be taken back, and stays so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sync import answers, engine
from sync.state import Way
from sync.undo import Undoing
from tests.sync.rig import World
from tests.sync.test_matching import ANNA, CRMS, PETER, asked, quiet

Build = Callable[..., World]
MOBILE = "+49 170 1234567"
TWICE = [{**ANNA, "phone": MOBILE}, {**ANNA, "crm": "salesforce", "email": "a.bergstrom@skog.example", "phone": MOBILE}]
UNSURE = {**ANNA, "crm": "pipedrive", "email": "", "company": ""}


def synced(built: World) -> engine.Report:
    return built.sync(joins_certain=True)


def leads(built: World) -> list[str]:
    with built.store.begin() as unit:
        return list(unit.lead_ids("", 99))


def merges(built: World) -> list[dict[str, Any]]:
    with built.store.begin() as unit:
        return [dict(one) for one in unit.runs(99) if one["kind"] == "merge"]


def test_they_are_asked_about_as_shipped(world: Build) -> None:
    built = world(TWICE, CRMS)
    built.sync()
    assert (len(leads(built)), len(asked(built, answered=False))) == (2, 1)


def test_they_become_one_in_the_run_that_finds_them_and_nothing_is_doubled(world: Build) -> None:
    built = world([*TWICE, PETER], CRMS)
    report = synced(built)
    assert (len(leads(built)), len(merges(built)), report.leads["merged"]) == (2, 1, 1)
    assert (report.reviews, asked(built, answered=False)) == (0, [])
    assert [
        len(built.records(crm, object)) for crm, object in (("hubspot", "contacts"), ("salesforce", "Lead"), ("pipedrive", "persons"))
    ] == [
        2,
        2,
        2,
    ]
    again = synced(built)
    assert {one["out"]["planned"] for one in again.accounts.values()} == {0}


def test_a_plan_shows_it_and_apply_does_it(world: Build) -> None:
    built = world(TWICE, CRMS)
    document, _ = engine.make_plan(built.workspace(joins_certain=True))
    assert len(leads(built)) == 0
    report = engine.apply(built.workspace(joins_certain=True), document)
    assert report.stale == ()
    assert len(leads(built)) == 1
    assert {one["out"]["planned"] for one in synced(built).accounts.values()} == {0}


def test_what_leaves_a_doubt_is_a_question(world: Build) -> None:
    built = world([*TWICE, UNSURE], CRMS)
    synced(built)
    assert (len(leads(built)), len(asked(built, answered=False))) == (2, 1)


def test_what_was_taken_back_stays_so(world: Build) -> None:
    built = world(TWICE, CRMS)
    synced(built)
    (merge,) = merges(built)
    engine.undo(built.workspace(joins_certain=True), Undoing(str(merge["id"])))
    synced(built)
    synced(built)
    both = leads(built)
    assert len(both) == 2
    with built.store.begin() as unit:
        assert [one.way for one in unit.joinings_of(both)] == [Way.JOIN, Way.PART]


def test_who_was_called_different_is_not_joined_by_way_of_a_third(world: Build) -> None:
    built = quiet(world, TWICE)
    (question,) = asked(built)
    answers.decide(built.workspace(), question["id"], "different", "anna")
    built.apps["pipedrive"].plant([{**TWICE[1], "crm": "pipedrive", "email": "anna.bergstrom@nordwind-ab.example"}])
    synced(built)
    synced(built)
    both = leads(built)
    with built.store.begin() as unit:
        accounts = [{link.ref.account for link, _ in found} for found in unit.links_of(both).values()]
    assert len(accounts) == 2
    assert not any({"hubspot", "salesforce"} <= each for each in accounts)


def test_father_and_son_are_not_joined_by_way_of_a_record_that_tells_neither(world: Build) -> None:
    """Each goes with the third beyond doubt; the two tell that they are two."""
    home = {
        "phone": "+49 30 23125007",
        "mobile": MOBILE,
        "company": "Skog AB",
        "city": "Berlin",
        "postcode": "10115",
        "street": "Hauptstr. 1",
    }
    aurelian = {"first_name": "Aurelian", **home}
    rows = [
        {**aurelian, "crm": "hubspot", "last_name": "Zwirnlein Jr.", "email": "zwirnlein@skog.example"},
        {**aurelian, "crm": "salesforce", "last_name": "Zwirnlein", "email": "zwirnlein@gmx.example"},
        {**aurelian, "crm": "pipedrive", "last_name": "Zwirnlein Sr.", "email": "zwirnlein@web.example"},
    ]
    built = world(rows, CRMS)
    synced(built)
    assert len(leads(built)) == 2
    assert lead_of(built, "hubspot") != lead_of(built, "pipedrive")


def lead_of(built: World, crm: str) -> str:
    with built.store.begin() as unit:
        links = unit.links_of(unit.lead_ids("", 99)).values()
    (found,) = {link.lead_id for each in links for link, _ in each if link.ref.account == crm}
    return str(found)


def test_it_is_told_like_any_other_merge(world: Build) -> None:
    built = world(TWICE, CRMS)
    synced(built)
    (lead,) = leads(built)
    with built.store.begin() as unit:
        steps = [one for _, _, found in unit.revisions(lead) for one in found if one.name == "merge"]
    assert ["by the evidence" in one.rule for one in steps] == [True]
