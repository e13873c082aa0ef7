"""History: what fields were given since a moment, by whom as far as it is told; what is not kept is not called untouched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Step, Writer
from tests.contract import declared
from tests.contract.rigs import Rig, needs

NOT_US = (Writer.PERSON, Writer.OTHER)
PERHAPS_US = (Writer.US, Writer.UNTOLD)


def remembered(rig: Rig, id: str, logical: str, since: datetime | None = None) -> list[Step]:
    name = rig.name(logical)
    return list(rig.connector.histories(rig.object, [id], [name], since or long_ago(rig))[id][name])


def crowd(rig: Rig, count: int) -> list[str]:
    """People of whom the history of the name is kept."""
    rig.world.set(**rig.dialect.keeps_history)
    return rig.world.crowd(count)


def long_ago(rig: Rig) -> datetime:
    return moment(rig) - timedelta(days=1)


def moment(rig: Rig) -> datetime:
    return datetime.fromtimestamp(rig.world.clock.now(), UTC)


@needs(declared.history)
def test_what_we_wrote_and_a_person_took_back_is_remembered_in_order(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    rig.world.human_edit(id, given="Clerk")
    rig.world.advance_clock(60)
    start = moment(rig)
    rig.write_one(rig.update(id, given="CTO"))
    rig.world.advance_clock(60)
    rig.world.human_edit(id, given="Clerk")
    ours, theirs = remembered(rig, id, "given", start)
    assert (ours.value, ours.told, ours.by in PERHAPS_US) == ("CTO", True, True)
    assert (theirs.value, theirs.told, theirs.by in NOT_US) == ("Clerk", True, True)
    assert start <= ours.at < theirs.at


@needs(declared.history)
def test_what_was_emptied_is_remembered_as_empty(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    rig.world.human_edit(id, given="Clerk")
    rig.world.advance_clock(60)
    rig.world.human_clear(id, "given")
    assert [step.value for step in remembered(rig, id, "given")][-1] is None


@needs(declared.history)
def test_a_field_that_was_given_nothing_has_no_steps(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    rig.world.human_edit(id, given="Clerk")
    rig.world.advance_clock(60)
    start = moment(rig)
    rig.world.human_edit(id, grade="B")
    assert remembered(rig, id, "given", start) == []


@needs(declared.history)
def test_a_moment_cuts_the_history(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    rig.world.human_edit(id, given="Clerk")
    rig.world.advance_clock(60)
    rig.world.human_edit(id, given="Boss")
    assert [step.value for step in remembered(rig, id, "given", moment(rig))] == ["Boss"]


@needs(declared.history)
def test_every_step_of_a_much_written_field_is_there_or_none_is(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    for number in range(120):
        rig.world.human_edit(id, given=f"T{number}")
        rig.world.advance_clock(1)
    told = rig.connector.histories(rig.object, [id], [rig.name("given")], long_ago(rig)).get(id, {})
    steps = told.get(rig.name("given"))
    assert steps is None or [step.value for step in steps][-120:] == [f"T{number}" for number in range(120)]


@needs(declared.history)
def test_who_is_not_there_has_no_history(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    told = rig.connector.histories(rig.object, [id, rig.dialect.absent_id], [rig.name("given")], long_ago(rig))
    assert id in told
    assert not any(told.get(rig.dialect.absent_id, {}).values())


@needs(declared.tracking)
def test_a_field_whose_history_is_not_kept_is_not_called_untouched(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    told = rig.connector.histories(rig.object, [id], rig.names("given", "grade"), long_ago(rig))
    assert set(told[id]) == {rig.name("given")}
    rig.world.set(tracked_fields=[])
    assert rig.open().histories(rig.object, [id], rig.names("given"), long_ago(rig)) == {}


@needs(declared.no_history)
def test_where_no_history_is_kept_nothing_is_told_and_nothing_asked(rig: Rig) -> None:
    (id,) = crowd(rig, 1)
    with rig.world.watched() as requests:
        assert rig.connector.histories(rig.object, [id], [rig.name("given")], long_ago(rig)) == {}
    assert requests == []


@needs(declared.history)
@pytest.mark.parametrize("number", [120])
def test_the_histories_of_many_cost_few_calls_where_batches_are_read(rig: Rig, number: int) -> None:
    ids = crowd(rig, number)
    rig.connector.histories(rig.object, ids[:1], [rig.name("given")], long_ago(rig))
    with rig.world.watched() as requests:
        rig.connector.histories(rig.object, ids, [rig.name("given")], long_ago(rig))
    assert len(requests) <= (number if rig.capabilities.write_batch == 1 else 3)
