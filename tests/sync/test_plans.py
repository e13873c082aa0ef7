"""A plan shows every write before it happens; apply does exactly that, or says what has moved on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sync import engine
from sync.document import PlanDocument, Row
from sync.undo import Undoing
from sync.workspace import Guards, Stopped
from tests.sync.rig import World, totals

Build = Callable[..., World]
ROWS = [
    {"crm": "hubspot", "first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "city": "Kiel"},
    {"crm": "pipedrive", "first_name": "Jo", "last_name": "Beck", "email": "jo@beck.example"},
]
CRMS = ("hubspot", "pipedrive")
FOUR = ("hubspot", "salesforce", "pipedrive", "activecampaign")
PEOPLE = [
    {"first_name": first, "last_name": "Beck", "email": f"{first.lower()}@{crm}.example", "city": "Kiel", "phone": f"+49 431 55500{number}"}
    for number, (first, crm) in enumerate((name, crm) for name in ("Anna", "Jo", "Ida") for crm in ("acme", "beck", "cron", "dorn"))
]


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


@pytest.mark.parametrize("what", ["plan", "undo"])
def test_what_leaves_for_the_crms_is_the_plan_and_nothing_else(world: Build, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Every request for a write, as it is handed to the connectors, against the rows of the document."""
    built = world([{"crm": crm, **row} for crm, row in zip(FOUR * 3, PEOPLE, strict=True)], FOUR)
    document = plan(built)
    if what == "undo":
        applied = engine.apply(built.workspace(), document)
        document, _ = engine.plan_undo(built.workspace(), Undoing(applied.run))
    sent: list[str] = []
    for crm, module in (
        ("HubSpot", "hubspot"),
        ("Salesforce", "salesforce"),
        ("Pipedrive", "pipedrive"),
        ("ActiveCampaign", "activecampaign"),
    ):
        record_writes(monkeypatch, f"connectors.{module}.{crm}", module, sent)
    engine.apply(built.workspace(), PlanDocument.load(json.loads(json.dumps(document.dump()))))
    assert len(document.rows) > len(FOUR)
    assert sorted(sent) == sorted(as_sent(row) for row in document.rows)


def record_writes(monkeypatch: pytest.MonkeyPatch, where: str, crm: str, sent: list[str]) -> None:
    import importlib

    module, _, name = where.rpartition(".")
    real = getattr(importlib.import_module(module), name).write

    def write(self: Any, object: str, writes: Any) -> Any:
        sent.extend(json.dumps([crm, object, one.op, one.id, one.key, one.fields], sort_keys=True) for one in writes)
        return real(self, object, writes)

    monkeypatch.setattr(f"{where}.write", write)


def as_sent(row: Row) -> str:
    op = {"create": "create", "delete": "delete"}.get(row.section, "update")
    fields = {} if op == "delete" else {one.remote: one.new for one in row.fields}
    return json.dumps([row.account, row.object, op, row.id, row.key if op == "create" else None, fields], sort_keys=True)


def test_a_plan_says_where_each_value_is_from_by_which_rule_and_what_it_costs(world: Build) -> None:
    built = world(ROWS, CRMS)
    document = plan(built)
    (contact,) = built.records("hubspot", "contacts")
    create = next(row for row in document.rows if (row.account, row.section) == ("pipedrive", "create"))
    city = next(one for one in create.fields if one.field == "address.city")
    assert (city.old, city.new, city.reason, city.rule) == (None, "Kiel", f"from hubspot contacts {contact['id']}", "the only change")
    assert document.cost == {"hubspot": {"write": 2}, "pipedrive": {"write": 2}}


def test_planning_costs_no_call_beyond_the_pull(world: Build) -> None:
    built = world(ROWS, CRMS)
    _, looked = engine.make_plan(built.workspace())
    pulled = {name: account["api_calls"] for name, account in looked.accounts.items()}
    assert {name: calls.get("write", 0) for name, calls in pulled.items()} == dict.fromkeys(CRMS, 0)
    assert {name: calls["read"] for name, calls in pulled.items()} == {"hubspot": 1, "pipedrive": 1}


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


def test_a_plan_that_was_carried_out_already_is_said_to_be(world: Build) -> None:
    built = world(ROWS[:1], CRMS)
    document, _ = engine.make_plan(built.workspace())
    first = engine.apply(built.workspace(), document)
    run = first.run
    again = engine.apply(built.workspace(), document)
    assert (again.exit_code, again.stale, again.carried_out) == (0, (), {run: len(document.rows)})
    built.clock.advance(60)
    back, _ = engine.plan_undo(built.workspace(), Undoing(run))
    undone = engine.apply(built.workspace(), back)
    again = engine.apply(built.workspace(), back)
    assert (again.exit_code, again.stale, again.carried_out) == (0, (), {undone.run: len(back.rows)})
    assert built.records("pipedrive", "persons") == []
