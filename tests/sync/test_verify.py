"""The store against the CRMs: after a sync nothing differs, and what does is told, whoever caused it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leads.model import Winner
from sync import engine
from sync.policy import FieldPolicy
from sync.undo import Undoing
from sync.verify import Difference
from tests.sync.rig import World

Build = Callable[..., World]
ANNA = {"first_name": "Anna", "last_name": "Schmidt", "email": "anna@acme.example", "phone": "+49 431 12345", "city": "Kiel"}
JO = {"first_name": "Jo", "last_name": "Beck", "email": "jo@beck.example", "opt_out": "true"}


@pytest.fixture
def built(world: Build) -> World:
    made = world([{"crm": crm, **one} for crm in ("hubspot", "salesforce", "pipedrive", "activecampaign") for one in (ANNA, JO)])
    made.sync()
    made.sync()
    return made


def differences(world: World, **changes: Any) -> list[Difference]:
    checked, stopped = engine.check(world.workspace(**changes))
    assert stopped == {}
    assert sum(checked.records.values()) == 8
    return list(checked.differences)


def contact(world: World) -> str:
    return next(one["id"] for one in world.records("hubspot", "contacts") if one["properties"]["email"] == ANNA["email"])


def test_after_a_sync_nothing_differs_and_reading_costs_batches(built: World) -> None:
    built.new_requests()
    assert differences(built) == []
    assert all(entry["method"] == "GET" or "batch/read" in entry["path"] for log in built.new_requests().values() for entry in log)


def test_an_edit_that_was_not_read_yet_is_told(built: World) -> None:
    built.act("hubspot", "edit", "contacts", contact(built), fields={"city": "Lübeck"})
    (found,) = differences(built)
    assert (found.kind, found.field, found.base, found.shown) == ("unread", "address.city", "Kiel", "Lübeck")
    built.sync()
    assert differences(built) == []


def test_a_lead_that_the_crm_does_not_show_is_told_even_if_the_base_believes_it(built: World) -> None:
    with built.store.begin() as unit:
        ((link, base),) = unit.links_at("hubspot", "contacts", [contact(built)]).values()
        lead = unit.leads([link.lead_id])[link.lead_id]
        unit.put_leads([replace(lead, fields={**lead.fields, "address.city": "Bonn"})], built.workspace().now())
        pairs = {**base.pairs, "city": replace(base.pair("city"), meant="Bonn")}
        unit.put_links([(link, replace(base, pairs=pairs))])
    found = [one for one in differences(built) if one.ref.account == "hubspot"]
    assert [(one.kind, one.field, one.shown, one.lead) for one in found] == [("owed", "address.city", "Kiel", "Bonn")]


def test_a_record_that_is_gone_is_told(built: World) -> None:
    gone = next(one["Id"] for one in built.records("salesforce", "Lead") if one["Email"] == ANNA["email"])
    built.act("salesforce", "delete", "Lead", gone)
    assert [(one.ref.id, one.kind) for one in differences(built)] == [(gone, "gone")]


def test_an_opt_out_that_was_taken_back_is_told(built: World) -> None:
    lead = next(one["Id"] for one in built.records("salesforce", "Lead") if one["Email"] == JO["email"])
    built.act("salesforce", "edit", "Lead", lead, fields={"HasOptedOutOfEmail": False})
    assert [(one.kind, one.field) for one in differences(built)] == [("unread", "opt_out.email")]


def test_what_waits_for_a_person_is_no_difference(built: World) -> None:
    asking = {"fields": {"address.city": FieldPolicy(Winner.ASK)}}
    built.act("hubspot", "edit", "contacts", contact(built), fields={"city": "Lübeck"})
    lead = next(one["Id"] for one in built.records("salesforce", "Lead") if one["Email"] == ANNA["email"])
    built.act("salesforce", "edit", "Lead", lead, fields={"City": "Bonn"})
    assert built.sync(**asking).reviews == 1
    assert differences(built, **asking) == []


def test_an_account_that_does_not_answer_is_said_and_the_others_are_compared(built: World) -> None:
    built.apps["pipedrive"].faults.order({"match": {"method": "GET", "path": "*"}, "fault": "401", "times": 50})
    checked, stopped = engine.check(built.workspace())
    assert list(stopped) == ["pipedrive"]
    assert sum(checked.records.values()) == 6


def test_what_was_undone_is_no_difference(world: Build) -> None:
    """A create that was taken back is not missing."""
    built = world([{"crm": "hubspot", **ANNA}], ("hubspot", "salesforce"))
    created = built.sync().run
    engine.undo(built.workspace(), Undoing(created))
    assert built.records("salesforce", "Lead") == []
    assert engine.check(built.workspace())[0].differences == []
