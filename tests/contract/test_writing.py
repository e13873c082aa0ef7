"""Writing: what was said and nothing else, and receipts that tell what the CRM shows afterwards."""

from __future__ import annotations

from copy import deepcopy

from connectors.base import Ending, Op, Outcome, Write
from tests.contract import declared
from tests.contract.rigs import Rig, needs
from tests.contract.test_reading import TEXTS
from tests.contract.world import HOUR


def test_what_was_created_can_be_read(rig: Rig) -> None:
    write = rig.create(1, grade="A", score=87, stage="sql", flag=True)
    receipt = rig.write_one(write)
    assert receipt.outcome is Outcome.CREATED
    assert rig.get_one(str(receipt.id), list(write.fields)).fields == write.fields
    assert {name: rig.truth(str(receipt.id), name) for name in rig.said(grade=0, score=0)} == rig.said(grade="A", score=87)


def test_an_update_touches_only_what_it_names(rig: Rig) -> None:
    id = rig.world.human_create(given="Ada", family="Byron", email="a@firma.example", grade="A", score=1, stage="sql", flag=True)
    others = rig.names("given", "family", "email", "grade", "stage", "flag")
    before = {name: rig.truth(id, name) for name in others}
    assert rig.write_one(rig.update(id, score=2)).outcome is Outcome.UPDATED
    assert {name: rig.truth(id, name) for name in others} == before
    assert rig.truth(id, rig.name("score")) == rig.value("score", 2)


def test_a_clear_clears_and_is_read_back_as_cleared(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A", score=7, stage="sql", notes="n")
    receipt = rig.write_one(rig.update(id, grade=None, score=None, stage=None, notes=None))
    names = rig.names("grade", "score", "stage", "notes")
    assert receipt.outcome is Outcome.UPDATED
    assert receipt.record is not None
    assert {name: receipt.record.fields[name] for name in names} == dict.fromkeys(names)
    assert {name: rig.truth(id, name) for name in names} == dict.fromkeys(names)


def test_a_write_is_left_as_it_was(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    writes = [rig.create(1, grade="A"), rig.update(id, grade=None, score=0, email="other@firma.example")]
    before = deepcopy(writes)
    rig.write(*writes)
    assert writes == before


def test_an_empty_text_clears_as_well(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A")
    rig.write_one(rig.update(id, grade=""))
    assert rig.get_one(id, rig.names("grade")).fields == dict.fromkeys(rig.names("grade"))


def test_no_and_zero_are_written_and_not_taken_for_nothing(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", score=7, flag=True)
    is_consent = rig.name("flag") in rig.dialect.permissive  # that is never written to no
    nothing = {"score": 0} if is_consent else {"score": 0, "flag": False}
    receipt = rig.write_one(rig.update(id, **nothing))
    assert receipt.record is not None
    assert {name: receipt.record.fields[name] for name in rig.names(*nothing)} == rig.said(**nothing)
    assert {name: rig.truth(id, name) for name in rig.names(*nothing)} == rig.said(**nothing)


def test_odd_texts_survive_writing(rig: Rig) -> None:
    notes = rig.name("notes")
    receipts = rig.write(*(rig.create(at, notes=text) for at, text in enumerate(TEXTS)))
    assert [receipt.outcome for receipt in receipts] == [Outcome.CREATED] * len(TEXTS)
    assert [rig.truth(str(receipt.id), notes) for receipt in receipts] == list(TEXTS)


def test_a_receipt_carries_the_record_and_its_version(rig: Rig) -> None:
    created = rig.write_one(rig.create(1, grade="A"))
    rig.world.advance_clock(HOUR)
    updated = rig.write_one(rig.update(str(created.id), grade="B", score=3))
    assert updated.record is not None
    assert {name: updated.record.fields[name] for name in rig.names("grade", "score")} == rig.said(grade="B", score=3)
    assert updated.record.version == rig.get_one(str(created.id)).version
    assert updated.record.version is not None
    assert created.record is not None
    assert created.record.fields[rig.name("grade")] == "A"


def test_a_receipt_shows_what_the_crm_shows_and_not_what_was_sent(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    rig.world.workflow_on_write("grade", grade="set by a workflow")
    receipt = rig.write_one(rig.update(id, grade="A"))
    assert receipt.record is not None
    assert receipt.record.fields[rig.name("grade")] == "set by a workflow" == rig.truth(id, rig.name("grade"))


@needs(declared.upsert)
def test_the_same_create_twice_gives_one_record(rig: Rig) -> None:
    first, second = rig.write_one(rig.create(1)), rig.write_one(rig.create(1))
    assert first.id == second.id
    assert len(rig.world.records()) == 1


def test_a_key_is_never_rewritten_by_an_update(rig: Rig) -> None:
    receipt = rig.write_one(rig.create(1))
    rig.write_one(Write(Op.UPDATE, rig.object, rig.said(grade="B"), id=receipt.id, key="another"))
    assert [record.id for record in rig.find_key("key-1", "another")] == [receipt.id]
    assert rig.truth(str(receipt.id), rig.name("leadloom_key")) == "key-1"


@needs(declared.unique_email)
def test_a_taken_address_is_adopted_and_nothing_is_written_to_it(rig: Rig) -> None:
    id = rig.world.human_create(given="Somebody", family="Else", email="ada1@firma.example", grade="A")
    receipt = rig.write_one(rig.create(1, grade="C"))
    assert (receipt.outcome, receipt.id) == (Outcome.ADOPTED, id)
    assert {name: rig.truth(id, name) for name in rig.names("given", "grade")} == rig.said(given="Somebody", grade="A")
    assert list(rig.world.records()) == [id]


@needs(declared.unique_email)
def test_an_address_that_another_record_has_is_refused_to_an_update(rig: Rig) -> None:
    first, second = rig.world.crowd(2)
    receipt = rig.write_one(rig.update(first, email="ada1@firma.example"))
    assert (receipt.outcome, receipt.field) == (Outcome.REJECTED, rig.name("email"))
    assert rig.truth(second, rig.name("email")) == "ada1@firma.example"


@needs(declared.required_email)
def test_a_create_without_an_address_is_refused(rig: Rig) -> None:
    receipt = rig.write_one(Write(Op.CREATE, rig.object, rig.said(given="Ada"), key="k"))
    assert (receipt.outcome, receipt.field) == (Outcome.REJECTED, rig.name("email"))


def test_an_unknown_field_is_refused_by_name(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A")
    receipt = rig.write_one(Write(Op.UPDATE, rig.object, {**rig.said(grade="B"), "no_such_field": "x"}, id=id))
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "unknown_field", "no_such_field")
    assert rig.truth(id, rig.name("grade")) == "A"


def test_a_bad_option_is_refused_by_name(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A", stage="sql")
    receipt = rig.write_one(Write(Op.UPDATE, rig.object, {rig.name("stage"): "no such option", rig.name("grade"): "B"}, id=id))
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "invalid_option", rig.name("stage"))
    assert (rig.truth(id, rig.name("grade")), rig.truth(id, rig.name("stage"))) == ("A", rig.value("stage", "sql"))


@needs(declared.limited_text)
def test_too_long_a_text_is_refused_by_name(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    name = rig.name("leadloom_reason")
    fits, too_long = "x" * int(rig.schema.fields[name].length or 0), "x" * (int(rig.schema.fields[name].length or 0) + 1)
    assert rig.write_one(Write(Op.UPDATE, rig.object, {name: fits}, id=id)).outcome is Outcome.UPDATED
    receipt = rig.write_one(Write(Op.UPDATE, rig.object, {name: too_long}, id=id))
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "too_long", name)
    assert rig.truth(id, name) == fits


@needs(declared.read_only)
def test_a_read_only_field_is_refused_by_name(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    name = str(rig.dialect.read_only)
    receipt = rig.write_one(Write(Op.UPDATE, rig.object, {name: "x"}, id=id))
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "read_only", name)


def test_a_record_that_is_not_there_is_gone(rig: Rig) -> None:
    receipt = rig.write_one(rig.update(rig.dialect.absent_id, grade="A"))
    assert receipt.outcome is Outcome.GONE
    assert receipt.record is not None
    assert receipt.record.ending is Ending.MISSING


def test_a_record_that_was_deleted_meanwhile_is_gone(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    rig.world.human_delete(id)
    receipt = rig.write_one(rig.update(id, grade="A"))
    assert receipt.outcome is Outcome.GONE
    assert receipt.record is not None
    assert receipt.record.ending in (Ending.DELETED, Ending.ARCHIVED, Ending.MISSING)
    assert rig.world.records() == {}


def test_a_delete_deletes(rig: Rig) -> None:
    kept, id = rig.world.crowd(2)
    assert rig.write_one(rig.delete(id)).outcome is Outcome.DELETED
    assert list(rig.world.records()) == [kept]
    assert rig.get_one(id).ending is not None


def test_deleting_twice_is_no_failure(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.write_one(rig.delete(id))
    assert rig.write_one(rig.delete(id)).outcome in (Outcome.DELETED, Outcome.GONE)


def test_erasing_leaves_nothing_to_be_found(rig: Rig) -> None:
    kept, id = rig.world.crowd(2)
    assert rig.write_one(rig.erase(id)).outcome is Outcome.DELETED
    assert list(rig.world.records()) == [kept]
    assert rig.get_one(id).ending is not None


def test_erasing_what_is_gone_is_no_failure(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.write_one(rig.delete(id))
    assert rig.write_one(rig.erase(id)).outcome in (Outcome.DELETED, Outcome.GONE)
