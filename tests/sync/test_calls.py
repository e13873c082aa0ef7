"""What a sync costs in API calls, held against the CRMs' own request logs."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import pytest

from tests.sync.rig import World, totals

Build = Callable[..., World]
PEOPLE = 230
META = {  # identity, owners and field descriptions, once per run
    "hubspot": 4,
    "salesforce": 7,
    "pipedrive": 3,
    "activecampaign": 4,
}


def rows(crm: str | None = None) -> list[dict[str, str]]:
    people = [{"first_name": "Anna", "last_name": f"Berg{n}", "email": f"anna.berg{n}@corp.example"} for n in range(PEOPLE)]
    return [{**person, "crm": crm} if crm is not None else person for person in people]


def logged(world: World) -> dict[str, int]:
    """Requests that each CRM has served since the last look."""
    return {crm: len(requests) for crm, requests in world.new_requests().items()}


def test_creates_go_in_the_vendors_largest_batches(world: Build) -> None:
    built = world(rows("pipedrive"))
    report = built.sync()
    assert {crm: out.get("created", 0) for crm, out in totals(report).items()} == {
        "hubspot": PEOPLE, "salesforce": PEOPLE, "pipedrive": 0, "activecampaign": PEOPLE,
    }  # fmt: skip
    assert {crm: sum(part["api_calls"].values()) for crm, part in report.accounts.items()} == logged(built)
    writes = {crm: part["api_calls"]["write"] for crm, part in report.accounts.items()}
    assert writes == {"hubspot": ceil(PEOPLE / 100), "salesforce": ceil(PEOPLE / 200), "pipedrive": PEOPLE, "activecampaign": PEOPLE}


def test_a_quiet_sync_costs_one_read_per_object_and_no_write(world: Build) -> None:
    built = world(rows())
    built.sync()
    built.clock.advance(86_400)
    built.sync()
    built.clock.advance(86_400)
    report = built.sync()
    assert all(not out for out in totals(report).values())
    for crm, part in report.accounts.items():
        spent = part["api_calls"]
        assert "write" not in spent
        assert spent.get("read", 0) + spent.get("search", 0) <= (2 if crm == "salesforce" else 1), (crm, spent)
        assert sum(spent.values()) - spent.get("read", 0) - spent.get("search", 0) <= META[crm], (crm, spent)


def test_reads_are_whole_pages(world: Build) -> None:
    built = world(rows())
    report = built.sync()
    read = {crm: part["api_calls"].get("read", 0) for crm, part in report.accounts.items()}
    pages = {"hubspot": 100, "salesforce": 2000, "pipedrive": 500, "activecampaign": 100}
    extra = {
        "hubspot": ceil(PEOPLE / 100),
        "salesforce": 1 + ceil(PEOPLE / 200),
        "pipedrive": 0,
        "activecampaign": 0,
    }  # reading back, and Contact
    assert {crm: number <= ceil(PEOPLE / pages[crm]) + extra[crm] for crm, number in read.items()} == dict.fromkeys(read, True), read


@pytest.mark.parametrize("changed", [1, 40])
def test_the_cost_follows_what_changed_not_what_exists(world: Build, changed: int) -> None:
    built = world(rows())
    built.sync()
    built.clock.advance(86_400)
    built.sync()
    for record in built.records("hubspot", "contacts")[:changed]:
        built.act("hubspot", "edit", "contacts", record["id"], fields={"city": "Kiel"})
    report = built.sync()
    written = {crm: part["api_calls"].get("write", 0) for crm, part in report.accounts.items()}
    assert written == {"hubspot": 0, "salesforce": 1, "pipedrive": changed, "activecampaign": changed}
