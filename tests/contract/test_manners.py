"""Manners: as few calls as the vendor allows, none in vain, and never faster than asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import ceil

from connectors.base import Outcome
from tests.contract import declared
from tests.contract.rigs import Rig, needs, rigged
from tests.contract.world import HOUR, only_reads

CONSTANT = 3


def test_a_walk_costs_one_call_a_page(rig: Rig) -> None:
    page = rig.capabilities.read_page
    rig.world.crowd(2 * page)
    rig.walk()
    with rig.world.watched() as requests:
        rig.walk()
    assert len(requests) <= ceil(2 * page / page) + CONSTANT
    assert all(only_reads(request) for request in requests)


def test_a_walk_that_finds_nothing_costs_one_call(rig: Rig) -> None:
    rig.world.crowd(100)
    cursor = rig.quiet_cursor()
    _, cursor = rig.walk(cursor)
    rig.world.advance_clock(HOUR)
    with rig.world.watched() as requests:
        assert rig.walk(cursor)[0] == []
    assert len(requests) == 1


def test_many_changes_cost_no_more_calls_than_one(rig: Rig) -> None:
    ids = rig.world.crowd(100)
    cursor = rig.quiet_cursor()
    _, cursor = rig.walk(cursor)
    rig.world.human_edit(ids[0], grade="B")
    with rig.world.watched() as one:
        rig.walk(cursor, "given", "family", "email", "grade", "stage", "score", "flag")
    for id in ids:
        rig.world.human_edit(id, grade="C")
    with rig.world.watched() as many:
        rig.walk(cursor, "given", "family", "email", "grade", "stage", "score", "flag")
    assert len(many) <= len(one) + 1


def test_get_costs_one_call_a_batch(rig: Rig) -> None:
    size = rig.capabilities.get_batch
    ids = rig.world.crowd(2 * size)
    rig.get(*ids[:2])
    with rig.world.watched() as requests:
        rig.get(*ids)
    assert len(requests) == 2


def test_writes_cost_one_call_a_batch(rig: Rig) -> None:
    size = rig.capabilities.write_batch
    rig.write(rig.create(9000))
    with rig.world.watched() as requests:
        rig.write(*(rig.create(at) for at in range(2 * size)))
    assert len([request for request in requests if not only_reads(request)]) == 2
    assert len(requests) <= 4


def test_a_description_is_asked_for_once_in_a_while(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    with rig.world.watched() as requests:
        for id in ids:
            rig.get(id)
            rig.write_one(rig.update(id, grade="B"))
    assert [request for request in requests if "describe" in request["path"] or request["path"].lower().endswith("fields")] == []


def test_one_connector_serves_several_threads(rig: Rig) -> None:
    ids = rig.world.crowd(8)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda id: rig.get_one(id).id, ids * 4))
        written = list(pool.map(lambda id: rig.write_one(rig.update(id, grade=id)).outcome, ids))
    assert read == ids * 4
    assert set(written) == {Outcome.UPDATED}
    assert rig.truths("grade") == {id: id for id in ids}


def test_calls_are_counted_as_they_are_made(rig: Rig) -> None:
    rig.world.fault("503", times=2)
    rig.write(rig.create(1), rig.create(2))
    rig.walk()
    assert sum(rig.connector.calls().values()) == len(rig.world.requests())


def test_an_answer_that_does_not_come_counts_too(rig: Rig) -> None:
    rig.world.lose_next_answer()
    rig.write_one(rig.create(1))
    assert sum(rig.connector.calls().values()) == len(rig.world.requests())


@needs(declared.rate)
def test_the_vendors_rate_is_kept_and_not_met(crm: str) -> None:
    with rigged(crm, wire="none", limits="vendor", pacing=True) as rig:
        ids = rig.world.crowd(5)
        for at in range(150):
            rig.get(ids[at % 5], ids[(at + 1) % 5])
        receipts = rig.write(*(rig.update(ids[at % 5], grade=f"g{at}") for at in range(40)))
        found = [rig.find("email", "ada1@firma.example") for _ in range(30)]
        assert {receipt.outcome for receipt in receipts} == {Outcome.UPDATED}
        assert all(len(one) == 1 for one in found)
        assert {request["status"] for request in rig.world.requests()} <= {200, 201, 207}
