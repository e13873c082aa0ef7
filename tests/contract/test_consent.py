"""Consent: a no of the person is read, one of ours is shown, no write ever permits, and a refusal costs nobody else anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.base import Json, Op, Outcome, Write
from tests.contract import declared
from tests.contract.dialects import Narrow
from tests.contract.rigs import Rig, needs
from tests.contract.world import HOUR

WIDE = "opt_out:email"


def narrow(rig: Rig) -> Narrow:
    assert rig.dialect.narrow is not None
    return rig.dialect.narrow


def says(rig: Rig, id: str, value: Json, name: str | None = None) -> Write:
    return Write(Op.UPDATE, rig.object, {name or narrow(rig).name: value}, id=id)


def test_an_opt_out_is_written_and_shown(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    assert rig.world.mailable(id)
    receipt = rig.write_one(says(rig, id, True, WIDE))
    assert receipt.outcome is Outcome.UPDATED
    assert receipt.record is not None
    assert receipt.record.fields[WIDE] is True
    assert not rig.world.mailable(id)
    assert rig.get_one(id, [WIDE]).fields == {WIDE: True}


def test_an_opt_out_made_by_the_person_is_read(rig: Rig) -> None:
    id, other = rig.world.crowd(2)
    rig.world.human_unsubscribe(id)
    assert [record.fields[WIDE] for record in rig.get(id, other, fields=[WIDE])] == [True, False]


def test_an_opt_out_comes_with_a_create(rig: Rig) -> None:
    write = Write(Op.CREATE, rig.object, {**rig.person(1), WIDE: True}, key="k")
    receipt = rig.write_one(write)
    assert receipt.outcome is Outcome.CREATED
    assert not rig.world.mailable(str(receipt.id))


@needs(declared.consent_by_address)
def test_a_no_stays_with_its_address(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_unsubscribe(id)
    denied = str(rig.get_one(id, [rig.name("email")]).fields[rig.name("email")])
    rig.world.human_edit(id, email="ada@anderswo.example")
    assert rig.world.mailable(id)
    receipt = rig.write_one(Write(Op.CREATE, rig.object, {**rig.person(1), rig.name("email"): denied}, key="k"))
    assert receipt.outcome is Outcome.CREATED
    assert not rig.world.mailable(str(receipt.id))
    assert rig.get_one(str(receipt.id), [WIDE]).fields == {WIDE: True}


@pytest.mark.parametrize("value", [False, None])
def test_no_write_takes_an_opt_out_back(rig: Rig, value: bool | None) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_unsubscribe(id)
    receipt = rig.write_one(says(rig, id, value, WIDE))
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "loosens_consent", WIDE)
    assert not rig.world.mailable(id)


def test_no_create_takes_an_opt_out_back(rig: Rig) -> None:
    receipt = rig.write_one(Write(Op.CREATE, rig.object, {**rig.person(1), WIDE: False}, key="k"))
    assert (receipt.outcome, receipt.cause) == (Outcome.REJECTED, "loosens_consent")
    assert rig.world.records() == {}


def test_no_field_of_the_crm_permits_anything_through_us(rig: Rig) -> None:
    """Whatever is mapped to them: the CRM's own words of consent are no fields like others."""
    (id,) = rig.world.crowd(1)
    before = rig.world.records()[id]
    for name, value in rig.dialect.permissive.items():
        receipt = rig.write_one(says(rig, id, value, name))
        assert (receipt.outcome, receipt.field) == (Outcome.REJECTED, name)
        assert receipt.cause in ("loosens_consent", "read_only", "unknown_field")
    assert rig.world.records()[id] == before


def test_an_ordinary_write_leaves_an_opt_out_alone(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_unsubscribe(id)
    rig.write_one(rig.update(id, grade="B", given="Augusta"))
    assert not rig.world.mailable(id)


def test_a_no_beside_a_value_that_is_refused_is_told_and_the_others_stand(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    bad = Write(Op.UPDATE, rig.object, {WIDE: True, rig.name("stage"): "no such option"}, id=ids[0])
    receipts = rig.write(bad, says(rig, ids[1], True, WIDE))
    assert [receipt.outcome for receipt in receipts] == [Outcome.REJECTED, Outcome.UPDATED]
    assert not rig.world.mailable(ids[1])


@needs(declared.narrow_consent)
def test_a_no_to_one_thing_is_among_the_changes(rig: Rig) -> None:
    ids, cursor = rig.world.crowd(3), rig.quiet_cursor()
    rig.world.human_leaves(ids[1])
    name = narrow(rig).name
    records = [record for page in rig.connector.changes(rig.object, cursor, [name]) for record in page.records]
    assert [(record.id, dict(record.fields)) for record in records] == [(ids[1], {name: narrow(rig).no})]


@needs(declared.narrow_consent)
def test_a_no_to_one_thing_is_no_no_to_all(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_leaves(id)
    assert rig.get_one(id, [narrow(rig).name, WIDE]).fields == {narrow(rig).name: narrow(rig).no, WIDE: False}


@needs(declared.narrow_consent)
def test_a_no_to_one_thing_is_written_and_shown(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    receipt = rig.write_one(says(rig, id, narrow(rig).no))
    assert receipt.record is not None
    assert (receipt.outcome, receipt.record.fields[narrow(rig).name]) == (Outcome.UPDATED, narrow(rig).no)
    assert not rig.world.permits(id)
    assert rig.get_one(id, [narrow(rig).name]).fields == {narrow(rig).name: narrow(rig).no}


@needs(declared.narrow_consent)
def test_writing_a_no_to_one_thing_leaves_the_others(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_has_more(id)
    rig.write_one(says(rig, id, narrow(rig).no))
    assert rig.world.mailable(id)


@needs(declared.narrow_consent)
def test_a_no_that_we_wrote_is_read_as_what_we_wrote(rig: Rig) -> None:
    """Otherwise it would come back as the act of somebody else."""
    (id,) = rig.world.crowd(1)
    receipt = rig.write_one(says(rig, id, narrow(rig).no))
    rig.world.advance_clock(HOUR)
    assert receipt.record is not None
    name = narrow(rig).name
    assert rig.get_one(id, [name]).fields[name] == receipt.record.fields[name]


@needs(declared.narrow_consent)
def test_a_no_to_one_thing_comes_with_a_create(rig: Rig) -> None:
    write = Write(Op.CREATE, rig.object, {**rig.person(1), narrow(rig).name: narrow(rig).no}, key="k")
    receipt = rig.write_one(write)
    assert receipt.outcome is Outcome.CREATED
    assert not rig.world.permits(str(receipt.id))


@needs(declared.narrow_consent)
@pytest.mark.parametrize("cleared", [False, True])
def test_no_write_permits_one_thing(rig: Rig, cleared: bool) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_leaves(id)
    receipt = rig.write_one(says(rig, id, None if cleared else narrow(rig).yes))
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "loosens_consent", narrow(rig).name)
    assert not rig.world.permits(id)


@needs(declared.narrow_consent)
def test_no_write_permits_what_nobody_was_asked(rig: Rig) -> None:
    """A yes is written nowhere, not even where nothing stands against it: the ledger says when one is exact, and no connector knows it."""
    (id,) = rig.world.crowd(1)
    before = rig.world.records()[id]
    assert rig.write_one(says(rig, id, narrow(rig).yes)).cause == "loosens_consent"
    assert rig.world.records()[id] == before


@needs(declared.narrow_consent)
def test_an_ordinary_write_leaves_a_no_to_one_thing_alone(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_leaves(id)
    rig.write_one(rig.update(id, grade="B", given="Augusta"))
    assert not rig.world.permits(id)


@needs(declared.narrow_consent)
def test_noes_of_many_have_their_receipts_in_their_places(rig: Rig) -> None:
    ids = rig.world.crowd(5)
    writes = [says(rig, id, narrow(rig).no) if at % 2 else says(rig, id, True, WIDE) for at, id in enumerate(ids)]
    receipts = rig.write(*writes)
    assert [(receipt.outcome, receipt.id) for receipt in receipts] == [(Outcome.UPDATED, id) for id in ids]
    assert [rig.world.mailable(id) for id in ids[::2]] == [False] * 3
    assert [rig.world.permits(id) for id in ids[1::2]] == [False] * 2
    shown = [dict(receipt.record.fields) for receipt in receipts if receipt.record is not None]
    assert [fields | dict(write.fields) for fields, write in zip(shown, writes, strict=True)] == shown


@needs(declared.consent_batches)
def test_noes_of_many_are_one_call_where_the_vendor_has_a_batch(rig: Rig) -> None:
    ids = rig.world.crowd(9)
    rig.world.set(**dict(narrow(rig).batches or {}))
    with rig.world.watched():
        rig.write(*(says(rig, id, narrow(rig).no) for id in ids))
        assert len(rig.world.writes()) == 1
    assert not any(rig.world.permits(id) for id in ids)


@needs(declared.consent_calls)
def test_a_refused_no_is_told_and_costs_nobody_else_anything(rig: Rig) -> None:
    ids = rig.world.crowd(4)
    _refuse(rig, rig.dialect.wide_refused_at, after=1)
    fields = {WIDE: True, **rig.said(grade="B")}
    receipts = rig.write(*(Write(Op.UPDATE, rig.object, fields, id=id) for id in ids))
    refused = [id for id, receipt in zip(ids, receipts, strict=True) if receipt.outcome is Outcome.REJECTED]
    assert [(one.cause, one.field) for one in receipts if one.id in refused] == [("opt_out_refused", WIDE)]
    assert [id for id in ids if rig.world.mailable(id)] == refused
    assert [rig.truth(id, rig.name("grade")) == "B" for id in ids] == [id not in refused for id in ids]


@needs(declared.consent_calls)
def test_a_no_without_an_answer_is_unknown_and_its_record_is_not_written(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.fault("timeout_after", method="POST", path=rig.dialect.wide_refused_at)
    receipt = rig.write_one(Write(Op.UPDATE, rig.object, {WIDE: True, **rig.said(grade="B")}, id=id))
    assert receipt.outcome is Outcome.UNKNOWN
    assert rig.truth(id, rig.name("grade")) is None


@needs(declared.narrow_consent)
def test_whoever_said_no_already_is_told_so_again_without_harm(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_leaves(id)
    assert rig.write_one(says(rig, id, narrow(rig).no)).outcome is Outcome.UPDATED
    assert not rig.world.permits(id)
    assert rig.world.mailable(id)


def _refuse(rig: Rig, path: str, after: int) -> None:
    """One request to `path` is refused for good, the vendor's own way of saying that it will not."""
    rig.world.fault("400", method="POST", path=path, after=after)


def _dated(rig: Rig, ids: list[str]) -> list[dict[str, datetime]]:
    records = rig.get(*ids, fields=[rig.name("email"), WIDE, narrow(rig).name])
    return [dict(record.said) for record in rig.connector.dated(records)]


@needs(declared.dates_noes)
@pytest.mark.parametrize("may", [True, False])
def test_when_a_no_was_said_is_told_when_it_is_asked_for(rig: Rig, may: bool) -> None:
    rig.world.set(**{name: value if may else not value for name, value in dict(narrow(rig).batches or {}).items()})
    ids, times = rig.world.crowd(9), {}
    for at, id in enumerate(ids[:8]):
        rig.world.advance_clock(HOUR)
        rig.world.human_unsubscribe(id) if at % 2 else rig.world.human_leaves(id)
        times[id] = datetime.fromtimestamp(rig.world.clock.now(), UTC)
    rig.world.advance_clock(HOUR)
    expected = [{WIDE if at % 2 else narrow(rig).name: times[id]} for at, id in enumerate(ids[:8])]
    assert _dated(rig, ids) == [*expected, {}]
    with rig.world.watched() as requests:
        _dated(rig, ids)
    assert len(requests) == 1 + (2 if may else 8)  # what is not allowed is asked for once
