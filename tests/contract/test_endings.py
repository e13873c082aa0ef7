"""Endings: deleted, merged, converted, hidden and come back are told apart where that is declared; absence is never called deleted."""

from __future__ import annotations

import pytest

from connectors.base import Ending, Outcome
from connectors.errors import AccountStopped
from tests.contract import declared
from tests.contract.rigs import Rig, needs
from tests.contract.world import ids_of

OVER = (Ending.DELETED, Ending.ARCHIVED, Ending.MISSING)


def test_a_deleted_record_is_shown_as_ended(rig: Rig) -> None:
    kept, id = rig.world.crowd(2)
    rig.world.human_delete(id)
    there, ended = rig.get(kept, id)
    assert there.ending is None
    assert ended.ending in OVER
    assert ended.id == id


def test_absence_alone_is_never_called_deleted(rig: Rig) -> None:
    kept, id = rig.world.crowd(2)
    rig.world.hide(id)
    there, hidden = rig.get(kept, id)
    assert there.ending is None
    assert (hidden.ending, hidden.moved_to) == (Ending.MISSING, None)


def test_what_came_back_is_there_again(rig: Rig) -> None:
    kept, id = rig.world.crowd(2)
    cursor = rig.quiet_cursor()
    rig.world.human_delete(id)
    rig.world.restore(id)
    assert [record.ending for record in rig.get(kept, id)] == [None, None]
    assert [record.ending for record in rig.walk(cursor)[0] if record.id == id] in ([None], [])
    assert rig.write_one(rig.update(id, grade="B")).outcome is Outcome.UPDATED


@needs(declared.ending_feed)
def test_deletions_come_along_with_the_changes(rig: Rig) -> None:
    kept, id = rig.world.crowd(2)
    cursor = rig.quiet_cursor()
    rig.world.human_delete(id)
    records, _ = rig.walk(cursor)
    assert [(record.id, record.ending) for record in records] == [(id, Ending.DELETED)]
    assert list(rig.world.records()) == [kept]


@needs(declared.ending_sweep)
def test_a_sweep_shows_who_is_gone_and_nobody_else(rig: Rig) -> None:
    kept, deleted, other = rig.world.crowd(3)
    rig.world.human_delete(deleted)
    swept = rig.sweep(kept, deleted, other)
    assert set(swept) == {deleted}
    assert swept[deleted].ending in OVER


@needs(declared.sweep_by_id)
def test_a_sweep_never_calls_what_is_hidden_deleted(rig: Rig) -> None:
    kept, hidden = rig.world.crowd(2)
    rig.world.hide(hidden)
    assert {id: record.ending for id, record in rig.sweep(kept, hidden).items()} == {hidden: Ending.MISSING}


@needs(declared.sweep_by_id)
def test_a_mass_disappearance_stops_the_account(rig: Rig) -> None:
    ids = rig.world.crowd(60)
    for id in ids[:50]:
        rig.world.hide(id)
    with pytest.raises(AccountStopped):
        rig.sweep(*ids)


@needs(declared.merge_notices)
def test_a_merged_record_tells_where_it_went(rig: Rig) -> None:
    loser, into = rig.world.crowd(2)
    survivor = rig.world.human_merge(loser, into)
    merged, kept = rig.get(loser, survivor)
    assert (merged.id, merged.ending, merged.moved_to) == (loser, Ending.MERGED, (rig.object, survivor))
    assert (kept.id, kept.ending) == (survivor, None)


@needs(declared.merge_notices)
def test_a_merge_is_told_among_the_changes(rig: Rig) -> None:
    loser, into, other = rig.world.crowd(3)
    cursor = rig.quiet_cursor()
    survivor = rig.world.human_merge(loser, into)
    records, _ = rig.walk(cursor)
    told = {alias for record in records for alias in record.aliases} | {
        record.id for record in records if record.moved_to == (rig.object, survivor)
    }
    assert loser in told
    assert other not in ids_of(records)
    assert survivor in [record.id for record in records if record.ending is None] or survivor == into


@needs(declared.merge_notices)
def test_a_write_to_a_merged_record_goes_nowhere_and_says_where_it_went(rig: Rig) -> None:
    loser, into = rig.world.crowd(2)
    survivor = rig.world.human_merge(loser, into)
    receipt = rig.write_one(rig.update(loser, grade="B"))
    assert receipt.outcome is Outcome.GONE
    assert receipt.record is not None
    assert (receipt.record.ending, receipt.record.moved_to) == (Ending.MERGED, (rig.object, survivor))


@needs(declared.no_merge_notices)
def test_a_merged_record_is_only_missing_where_nothing_tells(rig: Rig) -> None:
    loser, into = rig.world.crowd(2)
    rig.world.human_merge(loser, into)
    merged, kept = rig.get(loser, into)
    assert merged.ending in (Ending.MISSING, Ending.DELETED)
    assert (merged.moved_to, kept.ending) == (None, None)


@needs(declared.conversion)
def test_a_converted_record_tells_whom_it_became(rig: Rig) -> None:
    kept, id = rig.world.crowd(2)
    cursor = rig.quiet_cursor()
    contact = rig.world.human_convert(id)
    assert (rig.get_one(id).ending, rig.get_one(id).moved_to) == (Ending.CONVERTED, (rig.dialect.converts_to, contact))
    assert [(record.id, record.ending) for record in rig.walk(cursor)[0]] == [(id, Ending.CONVERTED)]
    assert rig.get_one(kept).ending is None


@needs(declared.conversion)
def test_a_write_to_a_converted_record_says_whom_it_became(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    contact = rig.world.human_convert(id)
    receipt = rig.write_one(rig.update(id, grade="B"))
    assert receipt.outcome is Outcome.GONE
    assert receipt.record is not None
    assert (receipt.record.ending, receipt.record.moved_to) == (Ending.CONVERTED, (rig.dialect.converts_to, contact))
