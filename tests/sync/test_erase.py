"""Erasing a person: gone here and in every CRM, and nothing brings them back."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sync import engine
from sync.intake import ImportedTable
from sync.state import Ref
from sync.undo import Undoing
from sync.workspace import Cap, Scope
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Annegret", "last_name": "Schmidtbauer", "email": "annegret.schmidtbauer@acme.example", "phone": "+49 171 2345678"}
BEN = {"first_name": "Ben", "last_name": "Ott", "email": "ben.ott@acme.example"}
OBJECT = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}
TRACES = (b"Annegret", b"annegret", b"Schmidtbauer", b"schmidtbauer", b"1712345678", b"2345678")


def everywhere(*people: dict[str, str]) -> list[dict[str, str]]:
    return [{"crm": crm, **person} for crm in OBJECT for person in people]


def lead_of(world: World, address: str) -> str:
    with world.store.begin() as unit:
        (id,) = unit.find_leads("", f"email:{address}")
    return str(id)


def erased(world: World, address: str = ANNA["email"]) -> engine.Report:
    return engine.erase_lead(world.workspace(), lead_of(world, address), "ticket 7")[1]


def people(world: World) -> dict[str, int]:
    return {crm: len(world.records(crm, object)) for crm, object in OBJECT.items()}


def leads(world: World) -> int:
    with world.store.begin() as unit:
        return len(unit.lead_ids("", 100))


def plant(world: World, crm: str, person: dict[str, str]) -> None:
    world.clock.advance(60)
    world.apps[crm].plant([person])


def owed(world: World) -> list[str]:
    with world.store.begin() as unit:
        return [one.ref.account for one in unit.deletions(open_only=True)]


def test_a_person_is_gone_here_and_in_every_crm_and_nobody_else_is(world: Build) -> None:
    built = world(everywhere(ANNA, BEN))
    built.sync()
    erased(built)
    assert people(built) == dict.fromkeys(OBJECT, 1)
    assert leads(built) == 1
    assert owed(built) == []
    assert all(not out["planned"] for out in (part["out"] for part in built.sync().accounts.values()))


def test_no_file_holds_a_trace_in_plain_text(world: Build, tmp_path: Path) -> None:
    built = world(everywhere(ANNA, BEN))
    built.sync()
    built.say_no("hubspot", "contacts", built.records("hubspot", "contacts")[0]["id"])
    built.sync()
    erased(built)
    built.sync()
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert [trace for trace in TRACES if trace in content] == [], file.name


def test_key_and_list_are_private(world: Build, tmp_path: Path) -> None:
    built = world(everywhere(ANNA))
    built.sync()
    erased(built)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("leadloom.key", "leadloom.erased")} == {0o600}


@pytest.mark.parametrize("crm", OBJECT)
def test_who_turns_up_again_in_a_crm_is_not_stored_and_deleted_there(world: Build, crm: str) -> None:
    built = world(everywhere(ANNA, BEN))
    built.sync()
    erased(built)
    plant(built, crm, {**ANNA, "email": ANNA["email"].upper()})
    report = built.sync()
    assert report.accounts[crm]["in"]["parked"] == 1
    assert people(built) == dict.fromkeys(OBJECT, 1)
    assert (leads(built), owed(built)) == (1, [])


def test_a_tagged_spelling_of_the_address_is_recognised(world: Build) -> None:
    built = world(everywhere(ANNA))
    built.sync()
    erased(built)
    plant(built, "hubspot", {**ANNA, "email": "annegret.schmidtbauer+news@acme.example"})
    built.sync()
    assert (leads(built), people(built)) == (0, dict.fromkeys(OBJECT, 0))


def test_an_import_does_not_bring_anybody_back(world: Build) -> None:
    built = world(everywhere(ANNA))
    built.sync()
    erased(built)
    report = engine.import_leads(built.workspace(), ImportedTable("fair", [{**ANNA, "record_id": "1"}, {**BEN, "record_id": "2"}]))
    assert report.leads["new"] == 1
    built.sync()
    assert people(built) == dict.fromkeys(OBJECT, 1)


def test_a_restored_older_store_is_cleaned_before_it_is_used(world: Build, tmp_path: Path) -> None:
    built = world(everywhere(ANNA, BEN))
    built.sync()
    built.store.close()
    shutil.copy(tmp_path / "leadloom.db", tmp_path / "backup")
    built.lose_store(tmp_path)
    erased(built)
    built.store.close()
    shutil.copy(tmp_path / "backup", tmp_path / "leadloom.db")
    (tmp_path / "backup").unlink()
    built.lose_store(tmp_path)
    built.sync()
    assert (leads(built), people(built)) == (1, dict.fromkeys(OBJECT, 1))
    assert [trace for trace in TRACES if trace in (tmp_path / "leadloom.db").read_bytes()] == []


def test_what_a_crm_does_not_delete_is_asked_for_until_it_does(world: Build) -> None:
    built = world(everywhere(ANNA))
    built.sync()
    built.fault("pipedrive", "503", "DELETE", 50)
    built.fault("pipedrive", "503", "PATCH", 50)
    erased(built)
    assert (people(built)["pipedrive"], owed(built)) == (1, ["pipedrive"])
    built.apps["pipedrive"].faults.clear()
    built.sync()
    assert (people(built)["pipedrive"], owed(built)) == (0, [])


def test_an_address_that_somebody_else_has_as_well_stays_usable(world: Build) -> None:
    family = [{**ANNA, "phone": ""}, {**ANNA, "first_name": "Bernd", "phone": ""}]
    built = world([{"crm": "pipedrive", **one} for one in family])
    built.sync()
    with built.store.begin() as unit:
        first, second = unit.lead_ids("", 10)
    engine.erase_lead(built.workspace(), first, "ticket 8")
    built.sync()
    with built.store.begin() as unit:
        assert unit.lead_ids("", 10) == [second]
    assert len(built.records("pipedrive", "persons")) == 1


def test_the_no_of_a_shared_address_outlives_the_erasure_of_one_who_has_it(world: Build) -> None:
    shared = [{**ANNA, "phone": ""}, {**ANNA, "first_name": "Bernd", "phone": ""}]
    built = world([{"crm": "salesforce", **one} for one in shared])
    built.sync()
    first = built.records("salesforce", "Lead")[0]
    built.say_no("salesforce", "Lead", first["Id"])
    built.sync()
    with built.store.begin() as unit:
        links = unit.links_of(unit.lead_ids("", 10))
    (id,) = [lead for lead, found in links.items() if any(link.ref.id == first["Id"] for link, _ in found)]
    engine.erase_lead(built.workspace(), id, "ticket 7")
    address = f"email:{ANNA['email']}"
    with built.store.begin() as unit:
        assert unit.restricted([address]) == {("email", address)}
        assert list(unit.misread()) == []


def test_a_missing_key_stops_everything_instead_of_recognising_nobody(world: Build, tmp_path: Path) -> None:
    from store.database import StoreError

    built = world(everywhere(ANNA))
    built.sync()
    erased(built)
    (tmp_path / "leadloom.key").unlink()
    with pytest.raises(StoreError, match="Put the key back"):
        built.sync()


def test_many_who_turned_up_again_are_not_deleted_before_somebody_looked(world: Build) -> None:
    built = world(everywhere(ANNA, BEN))
    built.sync()
    for person in (ANNA, BEN):
        erased(built, person["email"])
        plant(built, "hubspot", person)
    built.guards = replace(built.guards, caps={**built.guards.caps, "deletes": Cap(1, 1.0, 20, 1)})
    report = built.sync()
    assert (report.status, list(report.guarded)) == ("guarded", ["hubspot"])
    assert (people(built)["hubspot"], leads(built)) == (2, 0)
    built.guards = replace(built.guards, allow={"deletes": 2})
    built.sync()
    assert (people(built)["hubspot"], owed(built)) == (0, [])


EVA = {"crm": "hubspot", "first_name": "Eva", "last_name": "Lindqvist", "email": "eva.lindqvist@skog.example", "job_title": "Skogvaktare"}
BOSSE = {
    "crm": "pipedrive",
    "first_name": "Bosse",
    "last_name": "Nyberg",
    "email": "bosse.nyberg@havet.example",
    "phone": "+46 70 7654321",
    "job_title": "Rektor",
}
OF_EVA, OF_BOSSE = (b"lindqvist", b"skog.example", b"skogvaktare"), (b"bosse", b"nyberg", b"havet.example", b"7654321", b"rektor")


def parted(world: Build, how: str) -> tuple[World, str, str]:
    """Two people who were taken for one, synced, and parted again."""
    built = world([EVA, BOSSE], ("hubspot", "pipedrive"))
    built.scope = Scope(create=False)
    built.sync()
    kept, gone = lead_of(built, EVA["email"]), lead_of(built, BOSSE["email"])
    merged = engine.merge_leads(built.workspace(), kept, gone, "anna")
    built.sync()
    if how == "undone":
        engine.undo(built.workspace(), Undoing(merged["run"]))
    else:
        engine.split_lead(
            built.workspace(), kept, [Ref("pipedrive", "persons", str(built.records("pipedrive", "persons")[0]["id"]))], "anna"
        )
    built.sync()
    return built, kept, gone


@pytest.mark.parametrize("how", ["split", "undone"])
@pytest.mark.parametrize("who", ["gone", "kept"])
def test_who_was_one_with_another_for_a_while_leaves_no_trace_with_them(world: Build, tmp_path: Path, how: str, who: str) -> None:
    built, kept, gone = parted(world, how)
    engine.erase_lead(built.workspace(), gone if who == "gone" else kept, "ticket 8")
    built.sync()
    traces, stays = (OF_BOSSE, OF_EVA) if who == "gone" else (OF_EVA, OF_BOSSE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for file in files:
        content = file.read_bytes().lower()
        assert [trace for trace in traces if trace.lower() in content] == [], file.name
    assert all(any(one.lower() in file.read_bytes().lower() for file in files) for one in stays)
    assert all(not any(out.values()) for out in totals(built.sync()).values())
