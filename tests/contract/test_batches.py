"""Batches: one receipt per write, in order, whatever becomes of the neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Op, Outcome, Receipt, Write
from tests.contract import declared
from tests.contract.rigs import Rig, needs
from tests.contract.world import only_reads


def test_every_write_has_its_receipt_in_its_place(rig: Rig) -> None:
    limit = rig.capabilities.write_batch
    for number, count in enumerate((0, 1, 2, limit, limit + 1)):
        writes = [rig.create(1000 * number + at, grade=f"g{at}") for at in range(count)]
        receipts = rig.write(*writes)
        assert [receipt.outcome for receipt in receipts] == [Outcome.CREATED] * count
        assert _grades(rig, receipts) == [f"g{at}" for at in range(count)]


def test_updates_have_their_receipts_in_their_places(rig: Rig) -> None:
    ids = list(reversed(rig.world.crowd(7)))
    receipts = rig.write(*(rig.update(id, grade=f"of {id}") for id in ids))
    assert [receipt.id for receipt in receipts] == ids
    assert _grades(rig, receipts) == [f"of {id}" for id in ids]
    assert [receipt.record.fields[rig.name("grade")] for receipt in receipts if receipt.record] == [f"of {id}" for id in ids]


def test_kinds_of_writes_may_be_mixed(rig: Rig) -> None:
    edited, deleted, other = rig.world.crowd(3)
    writes = [rig.create(11), rig.update(edited, grade="B"), rig.delete(deleted), rig.create(12), rig.update(other, grade="C")]
    receipts = rig.write(*writes)
    assert [receipt.outcome.value for receipt in receipts] == ["created", "updated", "deleted", "created", "updated"]
    assert [receipts[at].id for at in (1, 2, 4)] == [edited, deleted, other]
    assert set(rig.world.records()) == {edited, other, receipts[0].id, receipts[3].id}


def test_a_bad_row_does_not_sink_its_neighbours(rig: Rig) -> None:
    writes = [rig.create(at) for at in range(5)]
    writes[2] = Write(Op.CREATE, rig.object, {**rig.person(2), rig.name("stage"): "no such option"}, key="key-2")
    receipts = rig.write(*writes)
    assert [receipt.outcome for receipt in receipts] == [Outcome.CREATED] * 2 + [Outcome.REJECTED] + [Outcome.CREATED] * 2
    assert len(rig.world.records()) == 4


def test_bad_updates_do_not_sink_their_neighbours(rig: Rig) -> None:
    first, second, third = rig.world.crowd(3)
    bad = Write(Op.UPDATE, rig.object, {"no_such_field": "x"}, id=second)
    receipts = rig.write(rig.update(first, grade="A"), bad, rig.update(third, grade="C"), rig.update(rig.dialect.absent_id, grade="D"))
    assert [receipt.outcome.value for receipt in receipts] == ["updated", "rejected", "updated", "gone"]
    assert [rig.truth(id, rig.name("grade")) for id in (first, second, third)] == ["A", None, "C"]


def test_one_record_may_occur_twice(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    receipts = rig.write(rig.update(id, grade="A"), rig.update(id, grade="B"))
    assert [receipt.outcome for receipt in receipts] == [Outcome.UPDATED] * 2
    assert rig.truth(id, rig.name("grade")) == "B"


@needs(declared.unique_email)
def test_two_creates_with_one_address_make_one_record(rig: Rig) -> None:
    first, second = rig.write(rig.create(1, key="a"), rig.create(1, key="b"))
    assert {first.outcome, second.outcome} == {Outcome.CREATED, Outcome.ADOPTED}
    assert [first.id] == [second.id] == list(rig.world.records())


@needs(declared.unique_email)
def test_a_taken_address_does_not_sink_its_neighbours(rig: Rig) -> None:
    id = rig.world.human_create(family="Else", email="ada2@firma.example")
    receipts = rig.write(*(rig.create(at) for at in range(5)))
    assert [receipt.outcome.value for receipt in receipts] == ["created", "created", "adopted", "created", "created"]
    assert receipts[2].id == id
    assert len(rig.world.records()) == 5


@needs(declared.upsert)
def test_two_creates_with_one_key_make_one_record(rig: Rig) -> None:
    first, second = rig.write(rig.create(1, key="a"), rig.create(1, key="a", grade="B"))
    assert first.id == second.id
    assert len(rig.world.records()) == 1


@needs(declared.batches)
def test_a_batch_that_is_answered_partly_is_reported_partly(rig: Rig) -> None:
    ids = rig.world.crowd(6)
    rig.world.fault("partial", times=None, rows=[1, 4])
    receipts = rig.write(*(rig.update(id, grade="A") for id in ids))
    done = [receipt.outcome is Outcome.UPDATED for receipt in receipts]
    assert done == [rig.truth(id, rig.name("grade")) == "A" for id in ids]
    assert [done[at] for at in (0, 2, 3, 5)] == [True] * 4


@needs(declared.batches)
def test_a_row_that_fails_once_does_not_fail_its_neighbours(rig: Rig) -> None:
    rig.world.fault("partial", rows=[1])
    receipts = rig.write(*(rig.create(at) for at in range(4)))
    assert [receipts[at].outcome for at in (0, 2, 3)] == [Outcome.CREATED] * 3
    assert len(rig.world.records()) == sum(receipt.outcome is Outcome.CREATED for receipt in receipts)


def test_what_stops_the_account_leaves_the_rest_unsent(rig: Rig) -> None:
    full = rig.capabilities.write_batch
    with rig.world.watched() as before:
        rig.write(*(rig.create(5000 + at) for at in range(full)))
    (once,) = [request for request in before if not only_reads(request)]
    rig.world.fault("401", times=None, after=1, method=once["method"], path=once["path"])
    with rig.world.watched() as requests:
        receipts = rig.write(*(rig.create(at) for at in range(full + 2)))
    assert [receipt.outcome for receipt in receipts[full:]] == [Outcome.NOT_SENT] * 2
    assert all(receipt.error is not None for receipt in receipts[full:])
    assert [receipt.outcome for receipt in receipts[:full]] == [Outcome.CREATED] * full
    assert len(requests) <= len(before) + 3


def _grades(rig: Rig, receipts: Sequence[Receipt]) -> list[object]:
    held = rig.truths("grade")
    return [held[str(receipt.id)] for receipt in receipts]
