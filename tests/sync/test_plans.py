"""A plan shows every write before it happens; apply does exactly that, or says what has moved on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sync import engine
from sync.document import PlanDocument
from sync.workspace import Guards, Stopped
from tests.sync.rig import World, totals

Build = Callable[..., World]
ROWS = [
    {"crm": "hubspot", "first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "city": "Kiel"},
    {"crm": "pipedrive", "first_name": "Jo", "last_name": "Beck", "email": "jo@beck.example"},
]
CRMS = ("hubspot", "pipedrive")


def plan(world: World) -> PlanDocument:
    document, report = engine.make_plan(world.workspace())
    assert report.status == "done"
    return PlanDocument.load(json.loads(json.dumps(document.dump())))


def writes(world: World) -> int:
    return sum(
        entry["method"] in ("POST", "PATCH", "PUT") and "search" not in entry["path"]
        for app in world.apps.values()
        for entry in app.requests()
    )


def test_a_plan_writes_nothing_and_a_second_one_is_the_same(world: Build) -> None:
    built = world(ROWS, CRMS)
    before = built.shown()
    first, second = plan(built), plan(built)
    assert built.shown() == before
    assert [row.digest for row in first.rows] == [row.digest for row in second.rows]
    assert {(row.account, row.section) for row in first.rows} == {(crm, what) for crm in CRMS for what in ("create", "update")}


def test_apply_writes_what_the_plan_shows(world: Build) -> None:
    built = world(ROWS, CRMS)
    document = plan(built)
    report = engine.apply(built.workspace(), document)
    assert totals(report) == {crm: {"planned": 2, "created": 1, "updated": 1} for crm in CRMS}
    for row in document.rows:
        if row.id is not None and row.account == "hubspot":
            for one in row.fields:
                assert built.value("hubspot", "contacts", row.id, one.remote) == one.new
    assert all(not out for out in totals(built.sync()).values())


def test_a_row_whose_record_has_moved_is_skipped_and_said(world: Build) -> None:
    built = world(ROWS, CRMS)
    document = plan(built)
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"city": "Lübeck", "leadloom_grade": "Z"})
    report = engine.apply(built.workspace(), document)
    assert ("hubspot", f"contacts {contact['id']}") in report.stale
    assert report.exit_code == 1
    assert built.value("hubspot", "contacts", contact["id"], "city") == "Lübeck"


def test_a_plan_of_another_configuration_is_refused_as_a_whole(world: Build) -> None:
    built = world(ROWS, CRMS)
    document = plan(built)
    before = built.shown()
    with pytest.raises(Stopped, match="another configuration") as stopped:
        engine.apply(built.workspace(fingerprint="other"), document)
    assert stopped.value.exit_code == 6
    assert built.shown() == before


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(Stopped, match="not a plan"):
        PlanDocument.load({"version": 2})


def test_the_first_run_of_an_account_is_planned_and_not_written(world: Build) -> None:
    built = world(ROWS, CRMS)
    built.guards = Guards(first_run="plan")
    before = built.shown()
    report = built.sync()
    assert report.exit_code == 7
    assert built.shown() == before
    assert totals(report) == {crm: {"planned": 2, "skipped": 2} for crm in CRMS}
    built.guards = Guards(first_run="plan", yes=True)
    assert totals(built.sync()) == {crm: {"planned": 2, "created": 1, "updated": 1} for crm in CRMS}
    built.guards = Guards(first_run="plan")
    assert built.sync().exit_code == 0


def test_a_dry_run_counts_and_writes_nothing(world: Build) -> None:
    built = world(ROWS, CRMS)
    before = built.shown()
    report = engine.dry_run(built.workspace())
    assert built.shown() == before
    assert totals(report) == {crm: {"planned": 2, "skipped": 2} for crm in CRMS}


def test_one_account_alone_is_read_and_written_and_the_others_get_theirs_later(world: Build) -> None:
    built = world(ROWS, CRMS)
    built.sync()
    (contact, *_) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"city": "Lübeck"})
    built.clock.advance(60)
    report = engine.sync(built.workspace(), ["hubspot"])
    assert set(report.accounts) == {"hubspot"}
    assert totals(built.sync())["pipedrive"] == {"planned": 1, "updated": 1}
    assert all(not out for out in totals(built.sync()).values())
