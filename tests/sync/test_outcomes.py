"""A write that was never answered: landed, never landed, set back by a person, or asked about. In every CRM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync.answers import decide
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "company": "Acme", "job_title": "Clerk"}
PLACES = {
    "hubspot": ("contacts", "jobtitle", "city"),
    "salesforce": ("Lead", "Title", "City"),
    "pipedrive": ("persons", "leadloom_job_title", "leadloom_city"),
    "activecampaign": ("contacts", "LEADLOOM_JOB_TITLE", "LEADLOOM_CITY"),
}
REMEMBERING = ("hubspot", "salesforce", "pipedrive")
TRACKED = {"salesforce": {"tracked_fields": ["Lead.Title"]}}
WRITES = {
    "hubspot": ("POST", "*/batch/update"),
    "salesforce": ("PATCH", "*"),
    "pipedrive": ("PATCH", "*"),
    "activecampaign": ("PUT", "*"),
}
ASKING = {"hubspot": "batch/read", "salesforce": "History", "pipedrive": "changelog"}


class Story:
    """Two CRMs with one person; the title changes in one of them, and the other does not answer when it is told."""

    def __init__(self, world: Build, crm: str, **settings: Any) -> None:
        self.crm, self.source = crm, "salesforce" if crm == "hubspot" else "hubspot"
        crms = (crm, self.source)
        self.world = world([{"crm": one, **ANNA} for one in crms], crms, **settings)
        self.world.sync()
        self.world.sync()

    def id(self, crm: str) -> str:
        (record,) = self.world.records(crm, PLACES[crm][0])
        return str(record.get("id", record.get("Id")))

    def edit(self, crm: str, value: str, place: int = 1) -> None:
        self.world.act(crm, "edit", PLACES[crm][0], self.id(crm), fields={PLACES[crm][place]: value})

    def titles(self) -> list[Any]:
        return [self.world.value(crm, PLACES[crm][0], self.id(crm), PLACES[crm][1]) for crm in (self.crm, self.source)]

    def lose(self, fault: str, **more: int) -> None:
        """The new title is sent and no answer comes."""
        self.edit(self.source, "CTO")
        trouble(self.world, self.crm, fault, 1, **more)
        assert totals(self.world.sync())[self.crm].get("unknown") == 1
        self.world.apps[self.crm].faults.clear()

    def is_quiet(self) -> bool:
        return not any(totals(self.world.sync()).values())


@pytest.mark.parametrize("crm", PLACES)
def test_a_write_that_landed_is_not_repeated(world: Build, crm: str) -> None:
    story = Story(world, crm, **TRACKED)
    story.lose("timeout_after")
    assert story.is_quiet()
    assert story.titles() == ["CTO", "CTO"]


@pytest.mark.parametrize("crm", PLACES)
def test_a_write_that_never_landed_is_made_good_and_no_history_is_read_for_it(world: Build, crm: str) -> None:
    story = Story(world, crm)
    story.lose("timeout_before")
    story.world.new_requests()
    assert totals(story.world.sync())[crm]["updated"] == 1
    asked = [one["path"] for one in story.world.new_requests()[crm] if ASKING.get(crm, "-") in one["path"]]
    assert asked in ([], ["/crm/v3/objects/contacts/batch/read"])  # the look-up itself
    assert (story.is_quiet(), story.titles()) == (True, ["CTO", "CTO"])


@pytest.mark.parametrize("crm", REMEMBERING)
def test_a_write_that_never_landed_is_made_good_though_somebody_edited_something_else(world: Build, crm: str) -> None:
    story = Story(world, crm, **TRACKED)
    story.lose("timeout_before")
    story.edit(crm, "Kiel", place=2)
    assert totals(story.world.sync())[crm]["updated"] == 1
    assert (story.is_quiet(), story.titles()) == (True, ["CTO", "CTO"])


@pytest.mark.parametrize("crm", REMEMBERING)
def test_who_set_a_write_back_wins_though_its_answer_was_lost(world: Build, crm: str) -> None:
    story = Story(world, crm, **TRACKED)
    story.lose("timeout_after")
    story.edit(crm, "Clerk")
    report = story.world.sync()
    assert (totals(report)[story.source]["updated"], report.reviews) == (1, 0)
    assert (story.is_quiet(), story.titles()) == (True, ["Clerk", "Clerk"])


@pytest.mark.parametrize("crm", PLACES)
def test_who_typed_something_else_wins_though_the_answer_was_lost(world: Build, crm: str) -> None:
    story = Story(world, crm, **TRACKED)
    story.lose("timeout_after")
    story.edit(crm, "Boss")
    story.world.sync()
    assert (story.is_quiet(), story.titles()) == (True, ["Boss", "Boss"])


@pytest.mark.parametrize("crm", ["activecampaign", "salesforce"])  # without history: none at all, or none of this field
@pytest.mark.parametrize(("answer", "titles"), [("again", ["CTO", "CTO"]), ("keep", ["Clerk", "Clerk"])])
def test_where_no_history_tells_a_person_is_asked_once(world: Build, crm: str, answer: str, titles: list[str]) -> None:
    story = Story(world, crm)
    story.lose("timeout_after")
    story.edit(crm, "Clerk")
    assert story.world.sync().reviews == 1
    assert (story.is_quiet(), story.titles()) == (True, ["Clerk", "CTO"])
    (question,) = questions(story.world)
    decide(story.world.workspace(), question["id"], answer, "anna")
    story.world.sync()
    assert (story.is_quiet(), story.titles(), questions(story.world)) == (True, titles, [])


@pytest.mark.parametrize("crm", ["activecampaign", "salesforce"])
def test_a_write_that_lands_after_all_answers_its_question(world: Build, crm: str) -> None:
    story = Story(world, crm)
    story.lose("lands_late", delay_s=150)
    story.edit(crm, "Kiel", place=2)
    assert (story.world.sync().reviews, story.titles()) == (1, ["Clerk", "CTO"])
    story.world.clock.advance(60)
    story.world.sync()
    assert (questions(story.world), story.is_quiet(), story.titles()) == ([], True, ["CTO", "CTO"])


@pytest.mark.parametrize("crm", ["activecampaign", "salesforce"])
def test_who_edits_the_field_answers_the_question(world: Build, crm: str) -> None:
    story = Story(world, crm)
    story.lose("timeout_after")
    story.edit(crm, "Clerk")
    story.world.sync()
    assert len(questions(story.world)) == 1
    story.edit(crm, "Boss")
    story.world.sync()
    assert (questions(story.world), story.is_quiet(), story.titles()) == ([], True, ["Boss", "Boss"])


def trouble(world: World, crm: str, fault: str, times: int, **more: int) -> None:
    method, path = WRITES[crm]
    world.apps[crm].faults.order({"match": {"method": method, "path": path}, "fault": fault, "times": times, **more})


def questions(world: World) -> list[Any]:
    with world.store.begin() as unit:
        return [one for one in unit.reviews(answered=False, limit=100) if one["kind"] == "unknown_outcome"]


@pytest.mark.parametrize("crm", REMEMBERING)
def test_the_history_of_all_open_writes_is_asked_for_at_once(world: Build, crm: str) -> None:
    crms = (crm, "salesforce" if crm == "hubspot" else "hubspot")
    rows = [{"crm": one, **ANNA, "email": f"a{n}@acme.example", "last_name": f"Schmidt{n}"} for one in crms for n in range(3)]
    built = world(rows, crms, **TRACKED)
    built.sync()
    built.sync()
    for one, place in ((crms[1], "CTO"), (crm, None)):
        if one == crm:
            trouble(built, crm, "timeout_after", 3)
            built.sync()
            built.apps[crm].faults.clear()
        for record in built.records(one, PLACES[one][0]):
            fields = {PLACES[one][1]: place or "Clerk"}
            built.act(one, "edit", PLACES[one][0], str(record.get("id", record.get("Id"))), fields=fields)
    built.new_requests()
    built.sync()
    asked = [one for one in built.new_requests()[crm] if ASKING[crm] in one["path"] or ASKING[crm] in str(one)]
    assert len(asked) <= {"hubspot": 2, "salesforce": 2, "pipedrive": 3}[crm]
    titles = {
        built.value(one, PLACES[one][0], str(r.get("id", r.get("Id"))), PLACES[one][1])
        for one in crms
        for r in built.records(one, PLACES[one][0])
    }
    assert titles == {"Clerk"}
