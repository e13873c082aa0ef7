"""Where a newcomer belongs, and that what people said about two leads holds for whoever comes next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync import answers
from sync.link import Index, Known, Newcomer, elders, link
from sync.state import Ref
from tests.sync.rig import World

Build = Callable[..., World]
ADDRESS = "office.schmidt@gmail.com"
NAMELESS = Newcomer(Ref("activecampaign", "contacts", "1"), ("", ""), (ADDRESS,))
LEADS = [Known("ld_a", ("Anna", "Schmidt"), frozenset({ADDRESS})), Known("ld_b", ("Bea", "Weber"), frozenset({ADDRESS}))]


def place(newcomer: Newcomer, decided: dict[str, str]) -> tuple[str, list[str]]:
    index = Index({one.lead_id: one for one in LEADS}, {ADDRESS: {one.lead_id for one in LEADS}}, elders=decided)
    (placed,) = link([newcomer], index, lambda _: "ld_new")
    return placed.link.lead_id, [review.kind for review in placed.reviews]


def test_two_possible_people_are_a_question_until_somebody_called_them_one() -> None:
    assert place(NAMELESS, {}) == ("ld_new", ["ambiguous"])
    assert place(NAMELESS, elders(["ld_b", "ld_a"], {("ld_a", "ld_b"): "same"})) == ("ld_b", [])


def test_a_decision_about_two_leads_gives_nobody_else_their_home() -> None:
    stranger = Newcomer(NAMELESS.ref, ("Carl", "Braun"), (ADDRESS,))
    assert place(stranger, {"ld_a": "ld_a", "ld_b": "ld_a"}) == ("ld_new", ["shared_address"])


def test_same_is_passed_on_and_one_different_makes_it_a_question_again() -> None:
    same = {("a", "b"): "same", ("b", "c"): "same"}
    assert elders(["c", "a", "b", "d"], same) == {"a": "c", "b": "c", "c": "c", "d": "d"}
    assert elders(["c", "a", "b", "d"], {**same, ("a", "c"): "different"}) == {"d": "d"}


@pytest.mark.parametrize(("answer", "leads", "questions"), [("same", 1, 1), ("different", 3, 2)])
def test_the_answer_about_two_records_settles_a_third(world: Build, answer: str, leads: int, questions: int) -> None:
    rows = [("hubspot", "Anna", "Schmidt"), ("salesforce", "Bea", "Weber")]
    crms = ("hubspot", "salesforce", "activecampaign")
    built = world([{"crm": crm, "first_name": first, "last_name": last, "email": ADDRESS} for crm, first, last in rows], crms)
    built.scope = type(built.scope)(create=False)
    built.sync()
    with built.store.begin() as unit:
        (asked,) = unit.reviews(answered=False, limit=9)
    answers.decide(built.workspace(), asked["id"], answer, "anna")
    built.apps["activecampaign"].seed([{"crm": "activecampaign", "email": ADDRESS}])
    built.sync()
    with built.store.begin() as unit:
        assert (asked["kind"], len(unit.lead_ids("", 9))) == ("shared_address", leads)
        assert len(unit.reviews(answered=True, limit=9)) == questions
