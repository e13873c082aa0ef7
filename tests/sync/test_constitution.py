"""Who wins a field, what an emptied one means, and what happens to a field about which a person has to decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from leads.model import FIELDS, OnBlank, Winner
from sync import answers
from sync.policy import FieldPolicy
from sync.workspace import Stopped
from tests.sync.rig import World, totals

Build = Callable[..., World]
CRMS = ("hubspot", "salesforce")
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"}


def ids(world: World) -> tuple[str, str]:
    return world.records("hubspot", "contacts")[0]["id"], world.records("salesforce", "Lead")[0]["Id"]


def titles(world: World) -> tuple[Any, Any]:
    contact, lead = ids(world)
    return world.value("hubspot", "contacts", contact, "jobtitle"), world.value("salesforce", "Lead", lead, "Title")


def edit(world: World, hubspot: str | None = None, salesforce: str | None = None) -> None:
    contact, lead = ids(world)
    if hubspot is not None:
        world.act("hubspot", "edit", "contacts", contact, fields={"jobtitle": hubspot})
    if salesforce is not None:
        world.act("salesforce", "edit", "Lead", lead, fields={"Title": salesforce})


def rule(**settings: Any) -> dict[str, Any]:
    return {"fields": {"job_title": FieldPolicy(**{"winner": Winner.NEWEST, **settings})}}


def questions(world: World) -> list[Mapping[str, Any]]:
    with world.store.begin() as unit:
        return list(unit.reviews(answered=False, limit=10))


@pytest.fixture
def built(world: Build) -> World:
    made = world([{"crm": crm, **ANNA, "job_title": "Buyer"} for crm in CRMS], CRMS)
    made.sync()
    return made


def test_every_field_has_a_winner_and_a_rule_for_blanks() -> None:
    assert {name: spec.blank for name, spec in FIELDS.items() if spec.blank is not OnBlank.CLEAR} == {
        "last_name": OnBlank.KEEP,
        "stage": OnBlank.KEEP,
        "source": OnBlank.KEEP,
    }
    assert all(spec.winner in Winner for spec in FIELDS.values())


@pytest.mark.parametrize("owner", CRMS)
def test_the_owner_of_a_field_wins_whoever_was_last(built: World, owner: str) -> None:
    edit(built, hubspot="from hubspot", salesforce="from salesforce")
    built.sync(**rule(winner=Winner.OWNER, owner=owner))
    assert titles(built) == (f"from {owner}",) * 2


@pytest.mark.parametrize(
    ("here", "there", "both"),
    [
        ("ZIEGLER", "Ziegler", "Ziegler"),
        ("Ziegler", "Ziegler Jr.", "Ziegler Jr."),
        ("ZIEGLER", "Ziegler, Jr.", "Ziegler, Jr."),
    ],
)
def test_records_that_meet_for_the_first_time_show_the_better_spelling(world: Build, here: str, there: str, both: str) -> None:
    """What tells a father from his son is not lost when one of them is recognised."""
    who = {"first_name": "Florian", "email": "florian@ziegler.example"}
    met = world([{**who, "crm": "hubspot", "last_name": here}, {**who, "crm": "salesforce", "last_name": there}], ("hubspot", "salesforce"))
    met.sync()
    assert {row["properties"]["lastname"] for row in met.records("hubspot", "contacts")} == {both}
    assert {row["LastName"] for row in met.records("salesforce", "Lead")} == {both}


def test_an_edit_alone_wins_even_where_another_crm_owns_the_field(built: World) -> None:
    edit(built, salesforce="CTO")
    built.sync(**rule(winner=Winner.OWNER, owner="hubspot"))
    assert titles(built) == ("CTO", "CTO")


@pytest.mark.parametrize(("blank", "shown"), [("clear", (None, None)), ("keep", ("Buyer", "Buyer"))])
def test_an_emptied_value_is_emptied_everywhere_or_written_back(built: World, blank: str, shown: tuple[Any, Any]) -> None:
    edit(built, hubspot="")
    built.sync(**rule(blank=blank))
    assert tuple(value or None for value in titles(built)) == shown
    assert not any(totals(built.sync(**rule(blank=blank))).values())


def test_an_emptied_value_can_be_asked_about(built: World) -> None:
    edit(built, hubspot="")
    asking = rule(blank="ask")
    assert built.sync(**asking).reviews == 1
    assert titles(built) == (None, "Buyer")
    (question,) = questions(built)
    answers.decide(built.workspace(), question["id"], "2", "anna")
    built.sync(**asking)
    assert [value or None for value in titles(built)] == [None, None]


def test_a_conflict_parks_the_field_and_never_the_record(built: World) -> None:
    asking = rule(winner=Winner.ASK)
    edit(built, hubspot="CTO", salesforce="CIO")
    contact, _ = ids(built)
    built.act("hubspot", "edit", "contacts", contact, fields={"city": "Kiel"})
    report = built.sync(**asking)
    assert report.reviews == 1
    assert titles(built) == ("CTO", "CIO")
    assert built.value("salesforce", "Lead", ids(built)[1], "City") == "Kiel"
    assert not any(totals(built.sync(**asking)).values())


def test_the_answer_is_applied_and_remembered_for_ever(built: World) -> None:
    asking = rule(winner=Winner.ASK)
    edit(built, hubspot="CTO", salesforce="CIO")
    built.sync(**asking)
    (question,) = questions(built)
    assert [(one["answer"], one["value"]) for one in question["choices"]] == [("1", "Buyer"), ("2", "CTO"), ("3", "CIO")]
    answers.decide(built.workspace(), question["id"], "3", "anna")
    built.sync(**asking)
    assert titles(built) == ("CIO", "CIO")
    edit(built, hubspot="Buyer")
    built.sync(**asking)
    edit(built, hubspot="CTO", salesforce="CIO")
    assert built.sync(**asking).reviews == 0
    assert titles(built) == ("CIO", "CIO")


def test_a_question_whose_sides_agree_by_themselves_goes_away(built: World) -> None:
    asking = rule(winner=Winner.ASK)
    edit(built, hubspot="CTO", salesforce="CIO")
    built.sync(**asking)
    edit(built, hubspot="Buyer", salesforce="Buyer")
    built.sync(**asking)
    assert questions(built) == []
    edit(built, hubspot="CEO")
    built.sync(**asking)
    assert titles(built) == ("CEO", "CEO")


def test_an_answer_that_is_none_is_refused(built: World) -> None:
    edit(built, hubspot="CTO", salesforce="CIO")
    built.sync(**rule(winner=Winner.ASK))
    (question,) = questions(built)
    with pytest.raises(Stopped, match="can be answered with: 1, 2, 3"):
        answers.decide(built.workspace(), question["id"], "yes", "anna")
    with pytest.raises(Stopped, match="no question 99"):
        answers.decide(built.workspace(), 99, "1", "anna")


def test_a_tug_of_war_between_two_workflows_goes_to_a_person_and_ends_with_the_answer(built: World) -> None:
    """HubSpot insists on one title and Salesforce on another; each takes back what Leadloom carries over."""

    def both_insist() -> None:
        now = titles(built)
        edit(built, *(None if shown == wanted else wanted for shown, wanted in zip(now, ("CTO", "CIO"), strict=True)))

    asked = 0
    for _ in range(12):
        both_insist()
        asked += built.sync().reviews
    assert asked == 1
    assert not any(totals(built.sync()).values())
    (question,) = questions(built)
    assert question["kind"] == "tug_of_war"
    answers.decide(built.workspace(), question["id"], next(one["answer"] for one in question["choices"] if one["value"] == "CTO"), "anna")
    writes = 0
    for _ in range(8):
        both_insist()
        writes += sum(out.get("updated", 0) for out in totals(built.sync()).values())
    assert writes <= 3
    assert titles(built) == ("CTO", "CIO")


def test_whose_a_fought_over_score_is_can_be_left_to_the_record(built: World) -> None:
    contact, _ = ids(built)
    for number in range(1, 5):
        built.act("hubspot", "edit", "contacts", contact, fields={"leadloom_score": str(70 + number)})
        built.sync()
    (question,) = questions(built)
    assert [one["answer"] for one in question["choices"]] == ["again", "leave"]
    answers.decide(built.workspace(), question["id"], "leave", "anna")
    built.act("hubspot", "edit", "contacts", contact, fields={"leadloom_score": "99", "jobtitle": "CEO"})
    built.sync()
    built.sync()
    assert built.value("hubspot", "contacts", contact, "leadloom_score") == "99"
    assert questions(built) == []


def test_what_people_decide_about_pairs_is_kept(world: Build) -> None:
    rows = [{"crm": "hubspot", **ANNA}, {"crm": "pipedrive", "first_name": "Bernd", "last_name": "Kunz", "email": ANNA["email"]}]
    built = world(rows, ("hubspot", "pipedrive"))
    built.sync()
    question = next(one for one in questions(built) if "pairs" in one["choices"][0])
    answers.decide(built.workspace(), question["id"], "different", "anna")
    with built.store.begin() as unit:
        found = unit.decisions_about([f"lead:{question['lead_id']}"])
    assert list(found.values()) == ["different"]
