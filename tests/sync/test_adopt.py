"""A store that was lost, or is older than its CRMs: nobody is created twice, and `adopt` takes everything over again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from store.store import open_store
from sync import engine
from tests.sync.rig import World, totals

Build = Callable[..., World]
CRMS = ("hubspot", "salesforce")
ANNA = {"crm": "hubspot", "first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"}


def lead_ids(world: World) -> set[str]:
    with world.store.begin() as unit:
        return set(unit.lead_ids("", 100))


def leads_in(world: World) -> list[str]:
    return [one["Leadloom_Lead_Id__c"] for one in world.records("salesforce", "Lead")]


def quiet(world: World) -> bool:
    return all(not out for out in totals(world.sync()).values())


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("another")


def test_after_adopt_leads_have_their_ids_and_nothing_is_written(world: Build, fresh: Path) -> None:
    built = world([ANNA, {**ANNA, "crm": "salesforce"}], CRMS)
    built.sync()
    before, ids = built.shown(), lead_ids(built)
    built.lose_store(fresh)
    report = engine.adopt(built.workspace(adopting=True))
    assert (lead_ids(built), built.shown()) == (ids, before)
    assert all(part["out"]["planned"] == part["out"]["skipped"] for part in report.accounts.values())
    assert quiet(built)


def test_what_the_lost_store_had_created_is_ours_again(world: Build, fresh: Path) -> None:
    built = world([ANNA], CRMS)
    built.sync()
    built.lose_store(fresh)
    engine.adopt(built.workspace(adopting=True))
    ids = sorted(lead_ids(built))
    with built.store.begin() as unit:
        (found,) = unit.links_of(ids).values()
    assert {link.ref.account: link.key != "" for link, _ in found} == {"hubspot": False, "salesforce": True}


def test_a_cloned_record_becomes_a_lead_of_its_own_when_adopted(world: Build, fresh: Path) -> None:
    built = world([ANNA], CRMS)
    built.sync()
    (lead,) = built.records("salesforce", "Lead")
    clone = {"LastName": "Vogel", "FirstName": "Emil", "Email": "emil@vogel.example", "Company": "Vogel"}
    built.act("salesforce", "create", "Lead", "", fields={**clone, "Leadloom_Lead_Id__c": lead["Leadloom_Lead_Id__c"]})
    built.lose_store(fresh)
    report = engine.adopt(built.workspace(adopting=True))
    assert len(lead_ids(built)) == 2
    assert report.reviews >= 1
    built.sync()
    assert len(set(leads_in(built))) == 2
    assert quiet(built)


def test_a_store_that_is_an_old_copy_leaves_alone_whom_it_has_forgotten_until_adopt(world: Build, fresh: Path) -> None:
    built = world([ANNA], CRMS)
    built.sync()
    built.store.close()
    shutil.copy(built.folder / "leadloom.db", fresh / "leadloom.db")
    built.store = open_store(f"sqlite:///{built.folder / 'leadloom.db'}")
    built.act(
        "salesforce", "create", "Lead", "", fields={"LastName": "Beck", "FirstName": "Jo", "Company": "Beck", "Phone": "+49 431 12345"}
    )
    built.sync()
    before, ids = built.shown(), lead_ids(built)
    assert len(ids) == 2
    built.lose_store(fresh)
    report = built.sync()
    assert "foreign_keys" in [problem["cause"] for problem in report.problems]
    assert sum(part["in"]["parked"] for part in report.accounts.values()) >= 1
    assert count(built.shown()) == count(before)
    engine.adopt(built.workspace(adopting=True))
    assert lead_ids(built) == ids
    built.sync()
    assert quiet(built)
    assert count(built.shown()) == count(before)


def count(shown: dict[str, dict[str, list[object]]]) -> dict[str, int]:
    return {crm: sum(len(records) for records in objects.values()) for crm, objects in shown.items()}
