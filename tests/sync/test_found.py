"""What random worlds found, each as small as it gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from sandbox.inprocess import InProcess
from sync import engine
from tests.machine.dying import Fate, Killed, MortalAdapter, MortalStore
from tests.machine.world import one_thread
from tests.sync.rig import World, shipped, totals

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example"}
PAIR = [{"crm": "hubspot", **ANNA}, {"crm": "salesforce", **ANNA}]
TWO = ("hubspot", "salesforce")


def only(world: World, crm: str, object: str) -> str:
    (record,) = world.records(crm, object)
    return str(record.get("id", record.get("Id")))


def quiet(world: World) -> bool:
    return all(not out for out in totals(world.sync()).values())


def counts(world: World) -> dict[str, int]:
    with world.store.begin() as unit:
        return unit.counts()


def killed(world: World, where: str, times: int = 1, names: list[str] | None = None) -> None:
    """A sync whose process dies at the `times`-th kill point that is called `where`..."""
    fate = Fate(where=where, times=times)
    world.clock.advance(60)
    workspace = world.workspace()
    accounts = {crm: world.account(crm, MortalAdapter(InProcess(app), fate, crm)) for crm, app in world.apps.items()}
    with pytest.raises(Killed), one_thread():
        engine.sync(replace(workspace, store=MortalStore(world.store, fate), accounts=accounts), names)


def test_what_a_killed_run_owed_is_not_forgotten_by_a_run_of_one_account(world: Build) -> None:
    built = world(PAIR, TWO)
    killed(built, "after commit of push.push_batch")
    engine.sync(built.workspace(), ["hubspot"])
    built.sync()
    lead = only(built, "salesforce", "Lead")
    assert built.value("salesforce", "Lead", lead, "Leadloom_Lead_Id__c") is not None


def test_an_address_typed_into_a_record_that_says_no_is_denied_everywhere(world: Build) -> None:
    built = world([{**one, "opt_out": "true"} for one in PAIR], TWO)
    built.sync()
    built.act("salesforce", "edit", "Lead", only(built, "salesforce", "Lead"), fields={"Email": "a.schmidt@new.example"})
    built.sync()
    (contact,) = built.records("hubspot", "contacts")
    assert contact["properties"]["email"] == "a.schmidt@new.example"
    assert built.denies("hubspot", contact)
    assert quiet(built)


@pytest.mark.parametrize("commits", range(10, 15))
def test_a_run_of_one_account_meets_leads_that_another_account_has_just_brought(world: Build, commits: int) -> None:
    built = world(PAIR, TWO)
    killed(built, "before commit", commits + 1)
    engine.sync(built.workspace(), ["salesforce"])
    built.sync()
    assert [counts(built)[name] for name in ("lead", "link", "inbox")] == [1, 2, 0]


def without(name: str, crm: str, object: str) -> Any:
    whole = shipped(crm, object)
    return replace(whole, rows=tuple(row for row in whole.rows if row.lead != name))


def test_a_field_may_leave_the_mapping_while_the_answer_to_a_create_is_awaited(world: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    built = world([{"crm": "hubspot", **ANNA, "job_title": "CTO"}], ("hubspot", "pipedrive"))
    built.apps["pipedrive"].faults.order({"match": {"method": "POST", "path": "*persons"}, "fault": "timeout_after"})
    built.sync()
    monkeypatch.setattr(built, "mapping", partial(without, "job_title"))
    report = built.sync(guards=replace(built.guards, yes=True))
    assert not report.stopped
    assert len(built.records("pipedrive", "persons")) == 1


def test_a_write_that_lands_late_does_not_undo_the_one_that_came_after_it(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "pipedrive")], ("hubspot", "pipedrive"))
    built.sync()
    contact = only(built, "hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact, fields={"jobtitle": "First"})
    built.apps["pipedrive"].faults.order({"match": {"method": "PATCH"}, "fault": "lands_late", "delay_s": 130})
    built.sync()
    built.act("hubspot", "edit", "contacts", contact, fields={"jobtitle": "Second"})
    built.sync()
    built.clock.advance(60)
    built.sync()
    built.sync()
    person = only(built, "pipedrive", "persons")
    assert built.value("pipedrive", "persons", person, "leadloom_job_title") == "Second"
    assert built.value("hubspot", "contacts", contact, "jobtitle") == "Second"


def test_who_types_again_what_a_lost_write_said_is_heard(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "pipedrive")], ("hubspot", "pipedrive"))
    built.sync()
    contact, person = only(built, "hubspot", "contacts"), only(built, "pipedrive", "persons")
    built.act("hubspot", "edit", "contacts", contact, fields={"jobtitle": "First"})
    built.apps["pipedrive"].faults.order({"match": {"method": "PATCH"}, "fault": "timeout_before"})
    built.sync()
    built.act("hubspot", "edit", "contacts", contact, fields={"jobtitle": "Second"})
    built.sync()
    built.clock.advance(3600)
    built.act("pipedrive", "edit", "persons", person, fields={"leadloom_job_title": "First"})
    built.sync()
    assert built.value("hubspot", "contacts", contact, "jobtitle") == "First"


def test_addresses_that_land_late_do_not_take_away_what_was_added_since(world: Build) -> None:
    built = world([{"crm": crm, **ANNA} for crm in ("hubspot", "pipedrive")], ("hubspot", "pipedrive"))
    built.sync()
    contact = only(built, "hubspot", "contacts")
    built.act("hubspot", "edit", "contacts", contact, fields={"leadloom_other_emails": "one@more.example"})
    built.apps["pipedrive"].faults.order({"match": {"method": "PATCH"}, "fault": "lands_late", "delay_s": 130})
    built.sync()
    built.act("hubspot", "edit", "contacts", contact, fields={"leadloom_other_emails": "one@more.example; two@more.example"})
    built.sync()
    built.clock.advance(60)
    built.sync()
    built.sync()
    (person,) = built.records("pipedrive", "persons")
    assert [one["value"] for one in person["emails"]] == ["anna@acme.example", "one@more.example", "two@more.example"]
    assert quiet(built)
