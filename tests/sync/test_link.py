"""Where a newcomer belongs, and that what people said about two leads holds for whoever comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import answers
from sync.link import Index, Known, Newcomer, Placed, elders, is_sure, link
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


NAMES = [("Anna", "Schmidt"), ("Bea", "Weber"), ("A.", "Schmidt"), ("Andreas", "Schmidt"), ("", "Schmidt"), ("", ""), ("Carl", "")]
MAILBOXES = ["schmidt@gmail.com", "anna@gmail.com", "weber@web.de"]
newcomers = st.lists(
    st.tuples(st.sampled_from(["hubspot", "pipedrive"]), st.sampled_from(NAMES), st.sets(st.sampled_from(MAILBOXES), max_size=2)),
    max_size=9,
).map(lambda drawn: [Newcomer(Ref(crm, "o", f"{at:02}"), name, tuple(sorted(boxes))) for at, (crm, name, boxes) in enumerate(drawn)])


def by_ref(placed: Sequence[Placed]) -> dict[Ref, Placed]:
    return {one.link.ref: one for one in placed}


def founded(ref: Ref) -> str:
    return ":".join(ref)


@given(newcomers, st.randoms())
def test_the_order_in_which_records_are_given_changes_nothing(found: list[Newcomer], dice) -> None:
    assert by_ref(link(found, Index(), founded)) == by_ref(link(dice.sample(found, len(found)), Index(), founded))


def together(chunks: Sequence[Sequence[Newcomer]]) -> set[frozenset[Ref]]:
    """Who is with whom when chunks are placed one after the other, first the sure ones and then the rest."""
    index, leads = Index(), dict[str, set[Ref]]()
    for sure in (True, False):
        for chunk in chunks:
            for one in link([each for each in chunk if is_sure(each) is sure], index, founded):
                leads.setdefault(one.link.lead_id, set()).add(one.link.ref)
    return {frozenset(refs) for refs in leads.values()}


def with_one_address(found: list[Newcomer]) -> list[Newcomer]:
    return [Newcomer(one.ref, one.name, one.mailboxes[:1]) for one in found if one.name in NAMES[:2] or one.name == ("", "")]


@given(newcomers.map(with_one_address), st.integers(1, 4), st.randoms())
def test_the_cut_into_chunks_changes_nothing_where_names_are_whole_or_missing(found: list[Newcomer], size: int, dice) -> None:
    mixed = dice.sample(found, len(found))
    assert together([found]) == together([mixed[at : at + size] for at in range(0, len(mixed), size)] or [[]])


def test_two_people_whom_an_initial_would_cover_both_stay_two() -> None:
    names = [("A.", "Schmidt"), ("Anna", "Schmidt"), ("Andreas", "Schmidt")]
    found = [Newcomer(Ref("hubspot", "contacts", str(at)), name, (ADDRESS,)) for at, name in enumerate(names)]
    homes = {one.link.ref.id: one.link.lead_id for one in link(found, Index(), founded)}
    assert homes["1"] != homes["2"]


def test_addresses_that_hang_together_by_way_of_others_are_one_person() -> None:
    boxes = [("a@x.se", "b@x.se"), ("c@x.se", "d@x.se"), ("b@x.se", "c@x.se")]
    found = [Newcomer(Ref("hubspot", "contacts", str(at)), ("Anna", "Schmidt"), pair) for at, pair in enumerate(boxes)]
    assert len({one.link.lead_id for one in link(found, Index(), founded)}) == 1
