"""Leads that may be one person are asked about, once, with the evidence; nothing is joined without a person's word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from store import schema as t
from sync import answers, engine
from sync.intake import ImportedTable
from sync.matching import evidence_between, neighbours
from tests.sync.rig import World

Build = Callable[..., World]
ANNA = {
    "crm": "hubspot",
    "first_name": "Anna",
    "last_name": "Bergström",
    "email": "anna.bergstrom@nordwind.example",
    "company": "Nordwind AB",
}
PHONE = "+49 170 1234567"
CRMS = ("hubspot", "salesforce", "pipedrive")
WITHOUT_MAIL = {**ANNA, "crm": "salesforce", "email": "", "phone": PHONE}
ELSEWHERE = {**ANNA, "crm": "pipedrive", "email": "anna@bergstrom.example", "company": "Skog Ltd"}
PETER = {
    "crm": "salesforce",
    "first_name": "Peter",
    "last_name": "Lind",
    "email": "peter@lind.example",
    "company": "Lind & Co",
    "phone": PHONE,
}


def quiet(build: Build, rows: list[Mapping[str, str]]) -> World:
    """A world in which nothing is created, so that every record stays where it was."""
    built = build(rows, CRMS)
    built.scope = type(built.scope)(create=False)
    built.sync()
    return built


def asked(built: World, *, answered: bool = True) -> list[Mapping[str, Any]]:
    with built.store.begin() as unit:
        return [one for one in unit.reviews(answered=answered, limit=99) if one["kind"] == "possible_duplicate"]


def test_the_same_name_at_the_same_company_is_a_question_and_no_link(world: Build) -> None:
    built = quiet(world, [ANNA, WITHOUT_MAIL])
    (question,) = asked(built)
    assert "may be one person" in question["question"]
    assert "the same small company" in question["question"]
    assert [one["answer"] for one in question["choices"]] == ["same", "different"]
    assert {ref.account for ref in question["refs"]} == {"hubspot", "salesforce"}


def test_strangers_are_no_question(world: Build) -> None:
    assert asked(quiet(world, [ANNA, PETER])) == []


def test_one_record_in_two_crms_by_its_address_is_one_lead_without_a_question(world: Build) -> None:
    assert asked(quiet(world, [ANNA, {**ANNA, "crm": "pipedrive"}])) == []


def test_a_lead_that_gains_what_another_has_is_asked_about_and_not_merged(world: Build) -> None:
    built = quiet(world, [{**ANNA, "phone": PHONE}, {**ELSEWHERE, "first_name": "A."}])
    before = len(asked(built))
    record = built.records("pipedrive", "persons")[0]["id"]
    built.act("pipedrive", "edit", "persons", record, fields={"phones": [{"value": PHONE, "label": "mobile", "primary": True}]})
    built.sync()
    with built.store.begin() as unit:
        assert len(unit.lead_ids("", 9)) == 2
    assert (before, len(asked(built))) == (0, 1)


@pytest.mark.parametrize("answer", ["same", "different"])
def test_no_pair_is_asked_about_twice(world: Build, answer: str) -> None:
    built = quiet(world, [ANNA, WITHOUT_MAIL])
    answers.decide(built.workspace(), asked(built)[0]["id"], answer, "anna")
    record = built.records("salesforce", "Lead")[0]["Id"]
    built.act("salesforce", "edit", "Lead", record, fields={"Title": "CTO"})
    built.sync()
    assert [one["answer"]["answer"] for one in asked(built)] == [answer]


def test_of_two_questions_that_a_merge_makes_one_only_one_is_left(world: Build) -> None:
    built = quiet(world, [ANNA, WITHOUT_MAIL, {**ANNA, "crm": "pipedrive", "email": "", "phone": PHONE}])
    assert len(asked(built, answered=False)) == 3
    answers.decide(built.workspace(), asked(built)[0]["id"], "same", "anna")
    assert len(asked(built, answered=False)) == 1


def test_a_quiet_run_compares_nobody(world: Build) -> None:
    built = quiet(world, [ANNA, WITHOUT_MAIL])
    with built.store.begin() as unit:
        assert unit.due_likenesses(0, 9) == []
    statements: list[str] = []
    sa.event.listen(built.store.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
    built.sync()
    assert [one for one in statements if "likeness_key" in one or "likeness_count" in one] == []


def test_a_store_from_before_is_filled_by_its_next_run(world: Build) -> None:
    built = quiet(world, [ANNA, WITHOUT_MAIL])
    with built.store.begin() as unit:
        unit.drop_likenesses()
        unit.put_meta("likeness", "")
        unit.drop_reviews([one["subject"] for one in unit.reviews(answered=True, limit=9)])
    built.sync()
    assert len(asked(built)) == 1


def test_a_plan_asks_nobody(world: Build) -> None:
    built = world([ANNA, WITHOUT_MAIL], CRMS)
    engine.make_plan(built.workspace())
    assert asked(built) == []


def imported(built: World, source: str) -> None:
    row = {"first_name": "Anna", "last_name": "Bergström", "company": "Nordwind AB", "record_id": "7"}
    engine.import_leads(built.workspace(), ImportedTable(source, [row], "DE"))


def test_an_import_asks_in_the_same_way_and_keeps_to_the_answer(world: Build) -> None:
    built = quiet(world, [ANNA])
    imported(built, "fair")
    (question,) = asked(built, answered=False)
    assert "import" in {ref.account for ref in question["refs"]}
    answers.decide(built.workspace(), question["id"], "different", "anna")
    imported(built, "fair")
    assert asked(built, answered=False) == []


def test_the_evidence_of_two_leads_adds_up(world: Build) -> None:
    built = quiet(world, [ANNA, WITHOUT_MAIL])
    with built.store.begin() as unit:
        one, other = unit.lead_ids("", 9)
        found = evidence_between(unit, one, other)
        assert found is not None
        assert sum(bits for _, bits in found.parts) == pytest.approx(found.bits, abs=1e-3)
        assert [(near.lead_id, near.outcome) for near in neighbours(unit, one, 5)] == [(other, "a person is asked")]
        assert evidence_between(unit, one, "ld_nobody") is None


def test_who_is_erased_leaves_nothing_to_be_compared(world: Build) -> None:
    built = quiet(world, [ANNA, WITHOUT_MAIL])
    with built.store.begin() as unit:
        ids = unit.lead_ids("", 9)
    for id in ids:
        engine.erase_lead(built.workspace(), id, "asked")
    with built.store.begin() as unit:
        left = [unit._scalar(sa.select(sa.func.count()).select_from(one)) for one in (t.likeness, t.likeness_key, t.likeness_count)]
    assert left == [0, 0, 0]
