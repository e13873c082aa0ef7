"""A changed mapping is nobody's edit: it writes nothing by itself, costs no read, and holds up no other field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mappings import schema
from mappings.apply import bind
from sync import engine
from sync.rebase import Shift, shift
from sync.workspace import Guards, Workspace
from tests.sync.rig import World, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "industry": "Software", "city": "Kiel"}
CRMS = ("hubspot", "pipedrive")


def with_row(world: World, remote: str, **changes: Any) -> Workspace:
    """The workspace with another mapping of one of HubSpot's fields; `direction="off"` takes the row out."""
    workspace = world.workspace()
    account = replace(workspace.accounts["hubspot"], bind=partial(_bound, remote, changes))
    return replace(workspace, accounts={**workspace.accounts, "hubspot": account})


def _bound(remote: str, changes: dict[str, Any], object: str, found: Any, owners: Any, _identity: Any) -> Any:
    mapping = schema.packaged("hubspot", object)
    rows = tuple(replace(row, **changes) if row.remote == remote else row for row in mapping.rows)
    return bind(replace(mapping, rows=rows), found, owners, region="DE")


@pytest.fixture
def built(world: Build) -> World:
    made = world([{"crm": crm, **ANNA} for crm in CRMS], CRMS)
    made.sync()
    made.sync()
    return made


def shown(world: World, name: str) -> Any:
    (contact,) = world.records("hubspot", "contacts")
    return contact["properties"].get(name)


def test_a_mapping_that_means_the_same_asks_nobody_and_reads_nothing(built: World) -> None:
    built.new_requests()
    built.clock.advance(60)
    report = engine.sync(with_row(built, "leadloom_employees", clear=False))
    assert report.exit_code == 0
    assert not any(totals(report).values())
    assert report.accounts["hubspot"]["api_calls"].get("read", 0) <= 1


def test_marks_tell_what_changed() -> None:
    before = {"a": "1 x", "b": "1 y", "c": "1 z", "d": "1"}
    now = {"a": "1 x", "b": "2 y", "c": "2 other", "d": "2 w", "e": "1 v"}
    assert shift(before, now) == Shift(frozenset({"b", "d"}), frozenset({"c", "e"}), frozenset())
    assert shift(now, before).gone == {"e"}
    assert not shift(now, now)


def test_what_differs_waits_until_somebody_looked_and_other_fields_go_on(built: World) -> None:
    options = (("mql", ("sql",)), ("sql", ("mql",)), ("raw", ("raw",)), ("hot", ("hot",)), ("customer", ("customer",)))
    (contact,) = built.records("hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"leadloom_stage": "sql"})
    built.sync()
    changed = with_row(built, "leadloom_stage", options=(*options, ("nurture", ("nurture",)), ("lost", ("lost",))))
    built.act("pipedrive", "edit", "persons", str(built.records("pipedrive", "persons")[0]["id"]), fields={"last_name": "Schmitt"})
    report = engine.sync(changed)
    assert report.exit_code == 7
    assert "a mapping has changed" in report.guarded["hubspot"][0]
    assert (shown(built, "leadloom_stage"), shown(built, "lastname")) == ("sql", "Schmitt")
    assert engine.sync(changed).exit_code == 7
    document, _ = engine.make_plan(changed)
    assert [cell[:4] for row in document.rows for cell in row.fields] == [("leadloom_stage", "stage", "sql", "mql")]
    assert engine.apply(changed, document).exit_code == 0
    assert shown(built, "leadloom_stage") == "mql"
    assert engine.sync(changed).exit_code == 0


def test_yes_goes_on(built: World) -> None:
    changed = replace(with_row(built, "leadloom_stage", options=(("raw", ("mql",)), ("mql", ("raw",)))), guards=Guards(yes=True))
    built.clock.advance(60)
    assert engine.sync(changed).exit_code == 0
    assert engine.sync(replace(changed, guards=Guards(first_run="apply"))).exit_code == 0
