"""The made-up CRM leads that identity is measured on."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.identity import files, made, measure
from benchmarks.noise import CRMS, generate


@pytest.fixture(scope="module")
def leads():
    return list(generate(4000, seed=1))


def test_the_same_seed_gives_the_same_leads_and_another_one_others(leads):
    assert list(generate(4000, seed=1)) == leads
    assert list(generate(4000, seed=2)) != leads


def test_people_are_in_one_to_four_crms(leads):
    sizes = Counter(Counter(entity for _, entity in leads).values())
    people = sum(sizes.values())
    assert 0.33 < sizes[1] / people < 0.45
    assert 0.05 < sizes[4] / people < 0.15
    assert {record["crm"] for record, _ in leads} == set(CRMS)


def test_no_two_people_are_given_one_address_but_relatives(leads):
    """Each person's own records aside, an address stands for one family or is a team's, a placeholder, or a colleague's by mistake."""
    owners: dict[str, set[int]] = {}
    for record, entity in generate(4000, seed=1, noise=0):
        if record.get("email"):
            owners.setdefault(record["email"], set()).add(entity)
    shared = [address for address, people in owners.items() if len(people) > 1]
    assert len(shared) < 0.01 * len(owners)


def test_noise_makes_mistakes_and_none_makes_none():
    loud = sum(
        "(" in record.get("last_name", "") or "DO NOT" in record.get("last_name", "") for record, _ in generate(3000, seed=3, noise=5)
    )
    still = sum(
        "(" in record.get("last_name", "") or "DO NOT" in record.get("last_name", "") for record, _ in generate(3000, seed=3, noise=0)
    )
    assert still == 0 < loud


def test_a_cross_id_names_a_record_of_the_same_person(leads):
    owner = {record["crm_id"]: entity for record, entity in leads}
    named = [owner.get(record["xref"]) == entity for record, entity in leads if record.get("xref")]
    assert sum(named) / len(named) > 0.95


def test_any_seed_can_be_measured_with_and_without_its_cross_ids(tmp_path):
    assert made("made_100k_17") == (100_000, 17, 1.0)
    (labelled,) = files(tmp_path, tmp_path, ["made_1k_17"])
    found = measure(labelled, tmp_path)
    assert found.records == 1000
    assert found.auto.recall > found.without_ids.recall > 0.5
