"""What a plan says is what leaves: read from the bytes that the CRMs were sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync import engine
from sync.document import PlanDocument
from sync.undo import Undoing
from sync.view import every_row, is_no
from tests.sync.rig import World

Build = Callable[..., World]
CRMS = ("hubspot", "salesforce", "pipedrive", "activecampaign")
LOGGED: dict[str, Any] = {crm: {"log_bodies": True} for crm in CRMS}
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna.schmidt@acme.example", "phone": "+493023125000"}
PEOPLE = [
    {"crm": "hubspot", **ANNA, "job_title": "Head of Sales"},
    {"crm": "pipedrive", **ANNA, "opt_out": "true"},
    {"crm": "salesforce", "first_name": "Ben", "last_name": "Beck", "email": "ben@beck.example", "company": "Beck AG", "city": "Kiel"},
    {"crm": "activecampaign", "first_name": "Cleo", "last_name": "Wang", "email": "cleo@wang.example"},
]
# What a vendor's envelope is made of: ids, our key, the names of things.
ENVELOPE = {"id", "Id", "idProperty", "objectWriteTraceId", "attributes", "allOrNone", "field", "associations", "org_id"}
BY_CALL = ("hubspot", "activecampaign")  # an opt-out is a call of its own there
READS = ("/search", "/batch/read", "/oauth2/token")


@pytest.fixture
def logged(world: Build) -> World:
    return world(PEOPLE, **LOGGED)


def plan(world: World) -> PlanDocument:
    document, _ = engine.make_plan(world.workspace())
    return PlanDocument.load(json.loads(json.dumps(document.dump())))


def bodies(world: World) -> dict[str, list[tuple[str, str, str]]]:
    """Per CRM, every request that may have written something: method, path and body, as it left."""
    logs = {crm: [one for one in app.requests() if one["method"] != "GET"] for crm, app in world.apps.items()}
    return {crm: [(one["method"], one["path"], one["body"]) for one in log if not one["path"].endswith(READS)] for crm, log in logs.items()}


def values_sent(world: World, crm: str) -> Counter[str]:
    """Every value that left for the fields of a record, as text."""
    return Counter(text for _, _, body in bodies(world)[crm] if body for text in _leaves(json.loads(body)))


def _leaves(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (text for name, value in part.items() if name not in ENVELOPE for text in _leaves(value))
    elif isinstance(part, list):
        yield from (text for value in part for text in _leaves(value))
    elif part not in (None, "") and not str(part).startswith("lk_"):
        yield str(part).lower()


def values_planned(document: PlanDocument, crm: str) -> Counter[str]:
    """Every value of the plan; an opt-out without a field of its own is a call, and no value."""
    fields = [field for row in document.rows if row.account == crm for field in row.fields]
    return Counter(text for field in fields if crm not in BY_CALL or field.remote != "opt_out:email" for text in _leaves(field.new))


@pytest.mark.parametrize("crm", CRMS)
def test_apply_sends_the_values_of_the_plan_and_no_other(logged: World, crm: str) -> None:
    document = plan(logged)
    for app in logged.apps.values():
        app.log.clear()
    engine.apply(logged.workspace(), document)
    assert values_sent(logged, crm) == values_planned(document, crm)


def test_apply_sends_the_very_bytes_that_a_sync_would_have_sent(tmp_path: Path) -> None:
    planned, synced = (World(_folder(tmp_path / name), PEOPLE, **LOGGED) for name in ("planned", "synced"))
    synced.store.secret = planned.store.secret  # what ids of leads and keys are made of
    engine.apply(planned.workspace(), plan(planned))
    engine.sync(synced.workspace())
    assert bodies(planned) == bodies(synced)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_plan_that_was_carried_out_sends_nothing_again(logged: World) -> None:
    document = plan(logged)
    engine.apply(logged.workspace(), document)
    before = bodies(logged)
    logged.clock.advance(600)
    engine.apply(logged.workspace(), document)
    assert bodies(logged) == before


def test_undo_brings_back_what_every_record_showed(logged: World) -> None:
    before = shown(logged)
    run = engine.apply(logged.workspace(), plan(logged)).run
    assert shown(logged) != before
    logged.clock.advance(600)
    engine.undo(logged.workspace(), Undoing(run))
    assert shown(logged) == before


def shown(world: World) -> dict[str, Any]:
    """What the records of every CRM show in the fields that Leadloom maps; a no is never taken back."""
    found: dict[str, Any] = {}
    for crm, account in world.workspace().accounts.items():
        for object in account.objects:
            connector = account.connector
            dialect = account.bind(object, connector.describe(object), connector.owners(), connector.identity())
            names = [row.remote for row in every_row(dialect) if not is_no(row.lead)]
            for page in connector.changes(object, None, names):
                for record in page.records:
                    if record.ending is None:
                        found[f"{crm} {record.id}"] = {name: value for name, value in record.fields.items() if value not in (None, "")}
    return found
