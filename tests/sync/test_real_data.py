"""Public person sets, seeded into all four CRMs: a fifth without e-mail, half sharing one. Read from outside the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import seeds
from tests.sync.rig import World, totals

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "wire" / "data"
OBJECT = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons", "activecampaign": "contacts"}


@pytest.mark.parametrize("name", ["senzing/customers.csv", "splink/fake_1000.csv"])
def test_the_second_sync_of_messy_people_writes_nothing(world: Callable[..., World], name: str) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"the public data set {name} is not beside the repository")
    built = world(list(seeds.read(DATA / name)))
    before = {crm: len(built.records(crm, object)) for crm, object in OBJECT.items()}
    assert built.sync().status == "done"
    after = {crm: len(built.records(crm, object)) for crm, object in OBJECT.items()}
    assert all(not out for out in totals(built.sync()).values())
    grown = {crm: after[crm] - before[crm] for crm in OBJECT}
    assert all(number <= 0.02 * before[crm] + 3 for crm, number in grown.items()), grown
