"""Who may be somebody whom a CRM has already is not created there before a person has said who it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import answers, engine
from sync.creating import doubtful
from sync.undo import Undoing
from tests.sync.rig import World
from tests.sync.test_matching import ANNA, CRMS, PETER, PHONE, asked

Build = Callable[..., World]
OBJECTS = {"hubspot": "contacts", "salesforce": "Lead", "pipedrive": "persons"}
WITH_HER_OWN_ADDRESS = {**ANNA, "crm": "salesforce", "email": "a.bergstrom@nordwind.example", "phone": PHONE}


def numbers(built: World) -> dict[str, int]:
    return {account: len(built.records(account, object)) for account, object in OBJECTS.items()}


def causes(report: Any) -> dict[str, int]:
    return {one["account"]: one["count"] for one in report.problems if one["cause"] == "possible_duplicate"}


def test_a_possible_duplicate_in_one_crm_does_not_become_one_in_all_of_them(world: Build) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS], CRMS)
    report = built.sync()
    assert len(asked(built)) == 1
    assert numbers(built) == {"hubspot": 1, "salesforce": 1, "pipedrive": 1}
    assert causes(report) == {"hubspot": 1, "salesforce": 1, "pipedrive": 1}
    assert {name: one["out"]["planned"] for name, one in report.accounts.items()} == {"hubspot": 1, "salesforce": 1, "pipedrive": 1}


def test_a_stranger_beside_them_is_created_everywhere(world: Build) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS, {**PETER, "phone": "+49 30 5551234"}], CRMS)
    built.sync()
    assert numbers(built) == {"hubspot": 2, "salesforce": 2, "pipedrive": 2}


@pytest.mark.parametrize(("answer", "each"), [("same", 1), ("different", 2)])
def test_an_answer_lets_the_next_run_do_what_waited(world: Build, answer: str, each: int) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS], CRMS)
    built.sync()
    answers.decide(built.workspace(), asked(built)[0]["id"], answer, "anna")
    report = built.sync()
    assert causes(report) == {}
    assert numbers(built) == dict.fromkeys(OBJECTS, each)


def test_a_quiet_run_neither_plans_nor_forgets_what_waits(world: Build) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS], CRMS)
    built.sync()
    with built.store.begin() as unit:
        unit.touch(unit.lead_ids("", 9))
    built.sync()
    with built.store.begin() as unit:
        assert unit.next_leads("", built.workspace().now(), 9) == []
    report = built.sync()
    assert {name: one["out"]["planned"] for name, one in report.accounts.items()} == dict.fromkeys(OBJECTS, 0)
    assert causes(report) == {"hubspot": 1, "salesforce": 1, "pipedrive": 1}


def test_what_waits_is_not_in_the_plan(world: Build) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS], CRMS)
    document, report = engine.make_plan(built.workspace())
    assert report.in_doubt == 3
    assert [row.account for row in document.rows if row.section == "create"] == ["pipedrive"]
    engine.apply(built.workspace(), document)
    assert numbers(built) == {"hubspot": 1, "salesforce": 1, "pipedrive": 1}


def test_when_the_other_is_forgotten_nothing_is_in_doubt(world: Build) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS], CRMS)
    built.sync()
    with built.store.begin() as unit:
        older = next(lead for lead in unit.lead_ids("", 9) if "hubspot" in {link.ref.account for link, _ in unit.links_of([lead])[lead]})
    engine.erase_lead(built.workspace(), older, "asked")
    report = built.sync()
    assert causes(report) == {}
    assert numbers(built) == dict.fromkeys(OBJECTS, 1)


def test_who_was_taken_back_does_not_make_way_for_whom_it_may_be(world: Build) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS], CRMS)
    run = built.sync().run
    built.clock.advance(60)
    assert engine.undo(built.workspace(), Undoing(run)).exit_code == 0
    for _ in range(2):
        report = built.sync()
        assert numbers(built) == {"hubspot": 1, "salesforce": 1, "pipedrive": 0}
        assert causes(report) == {"hubspot": 1, "salesforce": 1, "pipedrive": 1}
    with built.store.begin() as unit:
        (group,) = [one for one in unit.problem_groups() if (one["account"], one["cause"]) == ("pipedrive", "possible_duplicate")]
    assert "whose record there was taken back" in group["example"]


@pytest.mark.parametrize(("answer", "there"), [("same", 0), ("different", 1)])
def test_an_answer_after_an_undo_creates_only_whom_nobody_took_back(world: Build, answer: str, there: int) -> None:
    built = world([ANNA, WITH_HER_OWN_ADDRESS], CRMS)
    run = built.sync().run
    built.clock.advance(60)
    engine.undo(built.workspace(), Undoing(run))
    answers.decide(built.workspace(), asked(built)[0]["id"], answer, "anna")
    built.sync()
    assert numbers(built)["pipedrive"] == there


LEADS = st.sampled_from("abcde")
ACCOUNTS = st.sampled_from(["one", "two"])


@given(st.lists(st.tuples(ACCOUNTS, LEADS), unique=True), st.sets(st.tuples(LEADS, LEADS)), st.dictionaries(ACCOUNTS, st.sets(LEADS)))
def test_no_create_puts_two_who_may_be_one_into_one_crm(
    creates: list[tuple[str, str]], pairs: set[tuple[str, str]], there: dict[str, set[str]]
) -> None:
    pairs = {(one, other) for one, other in pairs if one != other}
    doubts: dict[str, set[str]] = {}
    for one, other in pairs | {(other, one) for one, other in pairs}:
        doubts.setdefault(one, set()).add(other)
    numbered = [(number, *create) for number, create in enumerate(creates)]
    held = doubtful(numbered, doubts, there)
    after = {account: set(leads) for account, leads in there.items()}
    for number, account, lead in numbered:
        if number not in held:
            assert not doubts.get(lead, set()) & after.setdefault(account, set())
            after[account].add(lead)
    for number, account, lead in numbered:
        assert number not in held or held[number] in doubts[lead] & after[account]
