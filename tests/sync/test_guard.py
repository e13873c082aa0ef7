"""What stops a run before its first write: never weaker with a bigger plan, and an unknown number is over every limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from random import Random
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import engine
from sync.guard import KINDS, Tally, guard, having_looked
from sync.journal import Section
from sync.undo import Undoing
from sync.workspace import CAPS, Guards
from tests.sync.rig import World, totals

Build = Callable[..., World]

NUMBERS = [field.name for field in fields(Tally) if field.name not in ("trusted", "linked")]
tallies = st.builds(
    Tally, **{name: st.integers(0, 30_000) for name in NUMBERS}, linked=st.integers(0, 50_000) | st.none(), trusted=st.booleans()
)
guards = st.builds(
    Guards,
    first_run=st.sampled_from(["plan", "apply"]),
    allow=st.dictionaries(st.sampled_from(KINDS), st.integers(0, 30_000), max_size=3),
)


def held(tally: Tally, by: Guards) -> set[tuple[Section, bool]]:
    return {(section, trip.everywhere) for trip in guard("crm", tally, by) for section in trip.sections}


@given(tallies, guards, st.sampled_from(NUMBERS), st.integers(1, 30_000))
def test_a_bigger_plan_never_trips_less(tally: Tally, by: Guards, name: str, more: int) -> None:
    bigger = replace(tally, **{name: getattr(tally, name) + more})
    sections = {section for section, _ in held(tally, by)}
    assert sections <= {section for section, _ in held(bigger, by)}
    assert {True for _, everywhere in held(tally, by) if everywhere} <= {True for _, everywhere in held(bigger, by) if everywhere}


@given(tallies, guards, st.sampled_from(NUMBERS))
def test_an_unknown_number_trips(tally: Tally, by: Guards, name: str) -> None:
    assert guard("crm", replace(tally, trusted=True, **{name: None}), by)


@given(tallies, st.sampled_from(NUMBERS))
def test_yes_lets_everything_go(tally: Tally, name: str) -> None:
    assert guard("crm", replace(tally, **{name: None}), Guards(yes=True)) == ()


@pytest.mark.parametrize("kind", CAPS)
def test_allowing_the_number_that_the_sentence_names_goes_on(kind: str) -> None:
    tally = Tally(linked=10_000, **{kind: 25_000})
    (trip,) = guard("crm", tally, Guards())
    assert f"--allow {kind}=25000" in trip.sentence
    assert guard("crm", tally, Guards(allow={kind: 25_000})) == ()
    assert guard("crm", tally, Guards(allow={kind: 24_999})) != ()


def test_opt_outs_go_even_when_another_guard_trips() -> None:
    assert Section.RESTRICT not in {section for section, _ in held(Tally(creates=9_999, restrictions=3, linked=50), Guards())}


# over four CRMs

MANY = 30


def people(number: int, crm: str = "hubspot", **more: str) -> list[dict[str, str]]:
    """Strangers to each other."""
    names = ["".join(Random(n).choices(ascii_lowercase, k=8)).title() for n in range(number)]
    return [{"crm": crm, "first_name": "Pat", "last_name": name, "email": f"{name.lower()}@acme.example", **more} for name in names]


def pair(number: int = MANY) -> list[dict[str, str]]:
    return [*people(number, city="Kiel"), *people(number, "pipedrive", city="Kiel")]


def capped(kind: str, count: int) -> Guards:
    return Guards(first_run="apply", caps={**CAPS, kind: replace(CAPS[kind], count=count)})


def requests_that_write(world: World) -> int:
    new = world.new_requests()
    return sum(one["method"] in ("POST", "PATCH", "PUT", "DELETE") and "search" not in one["path"] for log in new.values() for one in log)


def edit_all(world: World, **values: Any) -> None:
    for contact in world.records("hubspot", "contacts"):
        world.apps["hubspot"].act({"do": "edit", "object": "contacts", "id": contact["id"], "fields": values})


@pytest.mark.parametrize(("kind", "value"), [("updates", "Lübeck"), ("clears", "")])
def test_too_many_changes_wait_and_go_on_when_allowed(world: Build, kind: str, value: str) -> None:
    built = world(pair(), ("hubspot", "pipedrive"))
    built.sync()
    edit_all(built, city=value)
    built.new_requests()
    built.guards = capped(kind, 10)
    report = built.sync()
    assert report.exit_code == 7
    assert f"--allow {kind}={MANY}" in report.guarded["pipedrive"][0]
    assert requests_that_write(built) == 0
    built.guards = replace(built.guards, allow={kind: MANY})
    assert built.sync().accounts["pipedrive"]["out"]["updated"] == MANY


def test_too_many_creates_wait_while_opt_outs_go(world: Build) -> None:
    built = world(pair(3), ("hubspot", "pipedrive"))
    built.sync()
    for row in people(MANY)[3:]:
        built.apps["hubspot"].act({"do": "create", "object": "contacts", "fields": {"email": row["email"], "lastname": row["last_name"]}})
    built.say_no("pipedrive", "persons", str(built.records("pipedrive", "persons")[0]["id"]))
    built.guards = capped("creates", 10)
    report = built.sync()
    assert totals(report)["pipedrive"]["skipped"] >= MANY - 3
    assert "created" not in totals(report)["pipedrive"]
    assert sum(built.denies("hubspot", contact) for contact in built.records("hubspot", "contacts")) == 1
    assert report.exit_code == 7


@pytest.fixture
def emptied(world: Build) -> tuple[World, list[str]]:
    """Half of the leads in Salesforce were deleted since the last sync: the world, and which."""
    built = world([*people(MANY, city="Kiel"), *people(MANY, "salesforce", city="Kiel")], ("hubspot", "salesforce"))
    built.sync()
    gone = [lead["Id"] for lead in built.records("salesforce", "Lead")][: MANY // 2]
    for id in gone:
        built.act("salesforce", "delete", "Lead", id)
    return built, gone


def test_a_side_that_is_suddenly_empty_stops_every_side_until_it_is_back(emptied: tuple[World, list[str]]) -> None:
    built, gone = emptied
    left = next(lead["Id"] for lead in built.records("salesforce", "Lead") if lead["Id"] not in gone)
    built.act("salesforce", "edit", "Lead", left, fields={"City": "Lübeck"})
    assert "15 of 30 linked records are gone" in built.sync().guarded["salesforce"][0]
    assert built.sync().exit_code == 7
    assert "Lübeck" not in str(built.records("hubspot", "contacts"))
    for id in gone:
        built.act("salesforce", "restore", "Lead", id)
    assert built.sync().exit_code == 0
    assert "Lübeck" in str(built.records("hubspot", "contacts"))


def test_an_empty_side_can_be_meant(emptied: tuple[World, list[str]]) -> None:
    built, gone = emptied
    assert built.sync().exit_code == 7
    assert built.sync(guards=Guards(first_run="apply", allow={"emptied": len(gone)})).exit_code == 0
    assert built.sync().exit_code == 0


def test_a_full_read_that_shows_far_fewer_records_stops_and_is_repeated(world: Build) -> None:
    built = world(pair(), ("hubspot", "pipedrive"))
    built.sync()
    with built.store.begin() as unit:
        unit.drop_cursor("pipedrive", "persons")
    for person in built.records("pipedrive", "persons"):
        built.act("pipedrive", "hide", "persons", str(person["id"]))
    assert built.sync().exit_code == 7
    with built.store.begin() as unit:
        assert unit.cursor("pipedrive", "persons") is None


def test_a_plan_that_somebody_has_read_goes_but_for_deletions() -> None:
    tally = Tally(creates=9_999, updates=99_999, clears=9_999, restrictions=9_999, unseen=9_999, linked=0)
    assert guard("crm", tally, having_looked(Guards())) == ()
    assert guard("crm", replace(tally, trusted=False), having_looked(Guards())) == ()
    (trip,) = guard("crm", replace(tally, deletes=26), having_looked(Guards()))
    assert trip.kind == "deletes"
    assert guard("crm", replace(tally, deletes=26), having_looked(Guards(allow={"deletes": 26}))) == ()


def test_a_wider_scope_creates_nothing_before_somebody_looked(world: Build) -> None:
    built = world(people(3), ("hubspot", "pipedrive"))
    closed, wide = replace(built.scope, create=False, fingerprint="closed"), replace(built.scope, fingerprint="wide")
    built.scope = closed
    built.sync(fingerprint="1")
    built.scope = wide
    report = built.sync(fingerprint="2")
    assert (report.exit_code, totals(report)["pipedrive"]) == (7, {"planned": 3, "skipped": 3})
    document, _ = engine.make_plan(built.workspace(fingerprint="2"))
    assert totals(engine.apply(built.workspace(fingerprint="2"), document))["pipedrive"] == {"planned": 3, "created": 3}
    assert built.sync(fingerprint="2").exit_code == 0


@pytest.mark.parametrize(("linked", "setting"), [(120, "5 that [guards] deletes_percent"), (10_000, "25 that [guards] deletes")])
def test_the_setting_that_set_the_limit_is_named(linked: int, setting: str) -> None:
    (trip,) = guard("crm", Tally(deletes=36, linked=linked), Guards())
    assert f"more than the {setting} allows" in trip.sentence
    (trip,) = guard("crm", Tally(deletes=36, linked=linked), Guards(allow={"deletes": 9}))
    assert "more than the 9 that --allow deletes allows" in trip.sentence


def test_a_plan_that_takes_back_meets_the_guards_that_any_plan_meets(world: Build) -> None:
    built = world(people(MANY), ("hubspot", "pipedrive"))
    run = built.sync().run
    document, _ = engine.plan_undo(built.workspace(), Undoing(run))
    assert len(built.records("pipedrive", "persons")) == MANY
    report = engine.apply(built.workspace(), document)
    assert (report.exit_code, totals(report)["pipedrive"]) == (7, {"planned": MANY, "skipped": MANY})
    assert f"`leadloom apply FILE --allow deletes={MANY}`" in report.guarded["pipedrive"][0]
    assert len(built.records("pipedrive", "persons")) == MANY
    document, _ = engine.plan_undo(built.workspace(), Undoing(run))
    allowed = Guards(first_run="apply", allow={"deletes": MANY})
    assert engine.apply(built.workspace(guards=allowed), document).exit_code == 0
    assert built.records("pipedrive", "persons") == []


def test_a_guard_names_the_command_that_was_run(world: Build) -> None:
    built = world(people(MANY), ("hubspot", "pipedrive"))
    run = built.sync().run
    (sentence,) = engine.undo(built.workspace(), Undoing(run)).guarded["pipedrive"]
    assert f"Look at `leadloom undo {run} -o FILE`, then go on with `leadloom undo {run} --allow deletes={MANY}`" in sentence
    caps = {kind: replace(cap, count=MANY - 1) for kind, cap in CAPS.items()}
    built.guards = Guards(first_run="apply", caps=caps)
    built.say_no("pipedrive", "persons", str(built.records("pipedrive", "persons")[0]["id"]))
    edit_all(built, city="Lübeck")
    (sentence,) = built.sync().guarded["pipedrive"]
    assert f"Look at `leadloom plan`, then `leadloom apply`. Or go on with `leadloom sync --allow updates={MANY}`" in sentence
