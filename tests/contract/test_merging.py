"""Merging: one record becomes part of another, for ever; which stays is said, and what became of the other is told."""

from __future__ import annotations

from connectors.base import Ending, Outcome
from tests.contract import declared
from tests.contract.rigs import Rig, needs


@needs(declared.merges)
def test_the_survivor_is_the_one_that_was_named(rig: Rig) -> None:
    into, loser, other = rig.world.crowd(3)
    given = {id: rig.truth(id, rig.name("given")) for id in (into, loser)}
    receipt = rig.write_one(rig.merge(loser, into))
    assert receipt.outcome is Outcome.MERGED
    assert set(rig.world.records()) == {receipt.id, other}
    assert rig.truth(str(receipt.id), rig.name("given")) == given[into]


@needs(declared.merges)
def test_a_receipt_names_the_ids_that_became_part_of_the_survivor(rig: Rig) -> None:
    into, loser = rig.world.crowd(2)
    receipt = rig.write_one(rig.merge(loser, into))
    assert receipt.record is not None
    assert receipt.record.id == receipt.id
    assert set(receipt.record.aliases) == {into, loser} - {receipt.id}
    assert rig.get_one(str(receipt.id)).ending is None
    assert rig.get_one(loser).ending in (Ending.MERGED, Ending.DELETED, Ending.MISSING)


@needs(declared.merges)
def test_what_is_gone_is_merged_with_nothing(rig: Rig) -> None:
    into, loser, other = rig.world.crowd(3)
    rig.world.human_delete(loser)
    receipt = rig.write_one(rig.merge(loser, into))
    assert (receipt.outcome, receipt.record is not None) == (Outcome.GONE, True)
    assert set(rig.world.records()) == {into, other}


@needs(declared.merges)
def test_a_record_is_not_merged_with_itself(rig: Rig) -> None:
    id, other = rig.world.crowd(2)
    assert rig.write_one(rig.merge(id, id)).outcome is Outcome.REJECTED
    assert set(rig.world.records()) == {id, other}


@needs(declared.merges)
def test_a_merge_of_what_is_merged_changes_nothing(rig: Rig) -> None:
    into, loser = rig.world.crowd(2)
    first = rig.write_one(rig.merge(loser, into))
    again = rig.write_one(rig.merge(loser, into))
    assert again.outcome in (Outcome.MERGED, Outcome.GONE)
    assert again.outcome is Outcome.GONE or again.id == first.id
    assert set(rig.world.records()) == {first.id}


@needs(declared.merges)
def test_a_merge_without_an_answer_is_unknown_and_not_repeated(rig: Rig) -> None:
    into, loser = rig.world.crowd(2)
    rig.world.lose_next_answer()
    with rig.world.watched() as seen:
        receipt = rig.write_one(rig.merge(loser, into))
    assert receipt.outcome is Outcome.UNKNOWN
    assert sum("merge" in request["path"] for request in seen) == 1
    assert len(rig.world.records()) == 1


@needs(declared.merges)
def test_one_merge_that_fails_leaves_the_others_alone(rig: Rig) -> None:
    into, loser, one, other = rig.world.crowd(4)
    bad, good = rig.write(rig.merge(rig.dialect.absent_id, into), rig.merge(other, one))
    assert (bad.outcome, good.outcome) == (Outcome.GONE, Outcome.MERGED)
    assert {into, loser} < set(rig.world.records())


@needs(declared.no_merges)
def test_where_nobody_merges_from_outside_nothing_is_sent(rig: Rig) -> None:
    into, loser = rig.world.crowd(2)
    with rig.world.watched() as seen:
        receipt = rig.write_one(rig.merge(loser, into))
    assert (receipt.outcome, receipt.cause) == (Outcome.REJECTED, "not_offered")
    assert [request for request in seen if request["method"] != "GET"] == []
    assert set(rig.world.records()) == {into, loser}
