"""What goes wrong at a CRM is said, stays with that record or account, and is made good by a later run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync import engine
from sync.workspace import Stopped
from tests.sync.rig import World, totals

Build = Callable[..., World]
ROWS = [
    {"crm": "hubspot", "first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"},
    {"crm": "pipedrive", "first_name": "Jo", "last_name": "Beck", "email": "jo@beck.example"},
]
CRMS = ("hubspot", "pipedrive", "activecampaign")


def people(world: World) -> dict[str, int]:
    return {crm: len(world.records(crm, "persons" if crm == "pipedrive" else "contacts")) for crm in world.apps}


def settled(world: World) -> None:
    world.clock.advance(400)
    for _ in range(2):
        world.sync()
    assert all(not out for out in totals(world.sync()).values())
    assert people(world) == dict.fromkeys(world.apps, 2)


@pytest.mark.parametrize(
    "fault", ["timeout_after", "timeout_before", "500", "503", "reset", "429", "lands_late", "html", "empty", "truncate"]
)
@pytest.mark.parametrize("crm", CRMS)
def test_a_write_that_fails_is_made_good_without_a_duplicate(world: Build, crm: str, fault: str) -> None:
    built = world(ROWS, CRMS)
    for method in ("POST", "PATCH", "PUT"):
        built.fault(crm, fault, method, times=1)
    built.sync()
    settled(built)


@pytest.mark.parametrize("crm", CRMS)
def test_an_account_that_cannot_be_read_leaves_the_others_alone(world: Build, crm: str) -> None:
    built = world(ROWS, CRMS)
    built.fault(crm, "503", "GET", times=1000)
    report = built.sync()
    assert set(report.stopped) == {crm}
    assert report.status == "partial"
    assert all(report.accounts[other]["out"]["failed"] == 0 for other in CRMS if other != crm)
    built.apps[crm].faults.clear()
    settled(built)


@pytest.mark.parametrize("crm", CRMS)
def test_a_wrong_token_stops_one_account_with_a_sentence(world: Build, crm: str) -> None:
    built = world(ROWS, CRMS)
    built.fault(crm, "401" if crm != "activecampaign" else "403", "*", times=1000)
    report = built.sync()
    assert set(report.stopped) == {crm}
    assert report.exit_code == 1
    assert [problem["account"] for problem in report.problems if problem["account"] == crm] == [crm]


def test_another_portal_behind_a_known_name_is_refused(world: Build) -> None:
    built = world(ROWS, CRMS)
    built.sync()
    built.become_another("hubspot")
    with pytest.raises(Stopped, match="this store knows it as") as stopped:
        built.sync()
    assert stopped.value.exit_code == 2


def test_an_empty_store_in_front_of_our_keys_refuses_and_adopt_goes_on(world: Build, tmp_path_factory: pytest.TempPathFactory) -> None:
    built = world(ROWS, CRMS)
    built.sync()
    before = built.shown()
    built.lose_store(tmp_path_factory.mktemp("new"))
    with pytest.raises(Stopped, match="leadloom adopt") as stopped:
        built.sync()
    assert stopped.value.exit_code == 7
    assert built.shown() == before
    engine.adopt(built.workspace(adopting=True))
    report = built.sync()
    assert all(not out.get("created") for out in totals(report).values())
    assert people(built) == dict.fromkeys(built.apps, 2)


def test_an_unknown_account_name_is_refused(world: Build) -> None:
    built = world(ROWS, CRMS)
    with pytest.raises(Stopped, match="No account is called"):
        engine.sync(built.workspace(), ["hubspott"])
