"""Reading: what the CRM shows, verbatim; what is not there, said; and nothing that was not looked at."""

from __future__ import annotations

from datetime import UTC

import pytest

from connectors.base import Ending
from connectors.errors import Misconfigured
from tests.contract import declared
from tests.contract.rigs import Rig, needs
from tests.contract.world import HOUR

TEXTS = (
    "Ünïcödé Straße",
    "👩‍🔬 and 🇩🇪",
    "שלום עולם",
    "two\nlines",
    "00042",
    "0",
    "false",
    "null",
    'O\'Brien "the" <b>&amp;</b> \\ %',
    "日本語のテキスト",
)
LOGICAL = ("given", "family", "email", "grade", "notes", "score", "stage", "flag")


def test_get_returns_what_the_crm_shows(rig: Rig) -> None:
    said = {"given": "Ada", "family": "Byron", "email": "ada@firma.example", "grade": "A", "score": 87, "stage": "sql", "flag": True}
    id = rig.world.human_create(**said)
    record = rig.get_one(id, rig.names(*said))
    assert record.fields == rig.said(**said)
    assert record.fields == {name: rig.truth(id, name) for name in record.fields}


def test_odd_texts_survive_reading(rig: Rig) -> None:
    ids = [rig.world.human_create(family=f"B{at}", email=f"b{at}@firma.example", notes=text) for at, text in enumerate(TEXTS)]
    notes = rig.name("notes")
    assert [record.fields[notes] for record in rig.get(*ids, fields=[notes])] == list(TEXTS)


def test_zero_no_and_empty_are_three_things(rig: Rig) -> None:
    some = rig.world.human_create(family="Byron", email="a@firma.example", score=0, flag=False)
    none = rig.world.human_create(family="Byron", email="b@firma.example", grade="A")
    rig.world.human_clear(none, "grade")
    zero, empty = rig.get(some, none, fields=rig.names("score", "flag", "grade"))
    assert {name: zero.fields[name] for name in rig.names("score", "flag")} == rig.said(score=0, flag=False)
    assert {name: empty.fields[name] for name in rig.names("score", "grade")} == dict.fromkeys(rig.names("score", "grade"))


def test_only_the_asked_fields_are_observed(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A")
    assert set(rig.get_one(id, rig.names("grade")).fields) == set(rig.names("grade"))


def test_an_empty_field_is_shown_as_empty_and_not_left_out(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    assert rig.get_one(id, rig.names("grade", "score")).fields == dict.fromkeys(rig.names("grade", "score"))


def test_a_field_the_account_does_not_have_is_never_shown_as_empty(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A")
    try:
        record = rig.get_one(id, [*rig.names("grade"), "no_such_field"])
    except Misconfigured:
        return
    assert "no_such_field" not in record.fields


def test_a_missing_id_is_reported_and_not_raised(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A")
    there, absent = rig.get(id, rig.dialect.absent_id)
    assert (there.id, there.ending) == (id, None)
    assert (absent.ending, dict(absent.fields)) == (Ending.MISSING, {})


def test_a_single_missing_id_is_reported_too(rig: Rig) -> None:
    absent = rig.get_one(rig.dialect.absent_id)
    assert absent.ending is Ending.MISSING
    assert absent.object == rig.object


def test_an_id_asked_for_twice_is_answered_once(rig: Rig) -> None:
    first, second = rig.world.crowd(2)
    assert [record.id for record in rig.get(second, first, second, first)] == [second, first]


def test_ids_are_answered_in_the_order_asked(rig: Rig) -> None:
    ids = rig.world.crowd(7)
    assert [record.id for record in rig.get(*reversed(ids))] == list(reversed(ids))


def test_asking_for_nothing_makes_no_call(rig: Rig) -> None:
    with rig.world.watched() as requests:
        assert rig.get() == []
        assert rig.find("email") == []
        assert rig.write() == []
    assert requests == []


def test_more_ids_than_fit_one_call_are_all_answered(rig: Rig) -> None:
    ids = rig.world.crowd(rig.capabilities.get_batch + 1)
    assert [record.id for record in rig.get(*ids)] == ids


def test_times_are_utc_and_in_order(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    rig.world.advance_clock(HOUR)
    rig.world.human_edit(id, grade="B")
    record = rig.get_one(id)
    assert record.created_at is not None
    assert record.changed_at is not None
    assert record.created_at.utcoffset() == record.changed_at.utcoffset() == UTC.utcoffset(None)
    assert abs((record.changed_at - record.created_at).total_seconds() - HOUR) <= 1
    assert abs(record.changed_at.timestamp() - rig.world.clock.now()) <= 1


def test_a_changed_record_has_another_version(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    before, again = rig.get_one(id).version, rig.get_one(id).version
    rig.world.advance_clock(HOUR)
    rig.world.human_edit(id, grade="B")
    assert before == again != rig.get_one(id).version


def test_find_answers_none_one_or_several(rig: Rig) -> None:
    rig.world.crowd(3)
    addresses = ["nobody@firma.example", "ada2@firma.example", "ada0@firma.example"]
    found = rig.find("email", *addresses)
    assert sorted(str(record.fields[rig.name("email")]) for record in found) == sorted(
        str(rig.value("email", one)) for one in addresses[1:]
    )


def test_find_believes_only_what_it_verified(rig: Rig) -> None:
    rig.world.human_create(family="Near", email="xada@firma.example")
    rig.world.human_create(family="Near", email="ada@firma.example.org")
    assert rig.find("email", "ada@firma.example") == []


def test_find_does_not_mind_letter_case(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="ada@firma.example")
    assert [record.id for record in rig.find("email", "Ada@Firma.example")] == [id]


def test_what_was_deleted_is_not_found(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.human_delete(id)
    assert [record.id for record in rig.find("email", "ada0@firma.example") if record.ending is None] == []


def test_our_key_finds_our_record_at_once(rig: Rig) -> None:
    receipt = rig.write_one(rig.create(1, key="K/1 ü&=?"))
    assert [record.id for record in rig.find_key("K/1 ü&=?", "K/2")] == [receipt.id]


def test_an_unknown_object_is_a_mistake_of_the_configuration(rig: Rig) -> None:
    with pytest.raises(Misconfigured):
        rig.connector.get("no_such_object", ["1"], ())


@needs(declared.lagging_search)
def test_a_find_by_key_does_not_wait_for_the_search_index(rig: Rig) -> None:
    rig.world.set(**rig.dialect.drowsy)
    receipt = rig.write_one(rig.create(1))
    assert [record.id for record in rig.find_key("key-1")] == [receipt.id]
