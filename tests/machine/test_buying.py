"""The laws of bought lists are held to worlds that are made by hand: they let pass what is right and bite on what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leads.model import Value
from sync.state import LeadState, Link, LinkState, Ref, Role
from tests.machine.buying import (
    BuyingWorld,
    fields_of_leads,
    nothing_is_said_by_a_bought_list,
    roles_are_as_the_records_say,
    who_is_bought_is_left_alone,
)
from tests.machine.laws import Broken, check, leads_are_shown, nothing_typed_is_lost
from tests.machine.mutants import DEFECTS_OF_QUARANTINE, Defect, story_of_bought_lists
from tests.machine.world import Typed

ADA = {"first_name": "Ada", "last_name": "Beck", "email": "ada@x.example"}
EVE = {"first_name": "Eve", "last_name": "Kurz", "email": "eve@y.example"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BuyingWorld]:
    """Ada is in Pipedrive and in Salesforce, where her record was bought; Eve is in HubSpot only, and was bought."""
    rows = [{"crm": "pipedrive", **ADA}, {"crm": "salesforce", **ADA}, {"crm": "hubspot", **EVE}]
    built = BuyingWorld(Random(1), tmp_path, rows=rows)
    built.quiet = True
    built.say_bought(ada(built))
    built.say_bought(eve(built))
    built.full_sync()
    yield built
    built.mortal.inner.close()


def ada(world: BuyingWorld) -> Ref:
    return next(ref for ref in world.look("salesforce"))


def eve(world: BuyingWorld) -> Ref:
    return next(ref for ref, record in world.look("hubspot").items() if record.fields["email"] == EVE["email"])


def types(world: BuyingWorld, ref: Ref, remote: str, token: str) -> Typed:
    world.act(ref.account, "edit", ref.object, ref.id, fields={remote: token})
    world.typed.append(typed := Typed(ref, remote, token))
    return typed


def tamper(world: BuyingWorld, ref: Ref, with_link: Callable[[Link], Link] = lambda link: link, **fields: Value) -> None:
    """The store says something else about a record, or about its lead."""
    with world.mortal.inner.begin() as unit:
        link, base = unit.links_at(ref.account, ref.object, [ref.id])[ref.id]
        lead: LeadState = unit.leads([link.lead_id])[link.lead_id]
        unit.put_links([(with_link(link), base)])
        unit.put_leads([replace(lead, fields={**lead.fields, **fields})], lead.created_at)


def test_a_world_with_bought_lists_keeps_all_laws(world: BuyingWorld) -> None:
    types(world, ada(world), "Title", "Q0001z")
    check(world)
    world.say_own(ada(world))
    world.say_own(eve(world))
    check(world)
    assert world.look("pipedrive").keys() >= {Ref("pipedrive", "persons", "2")}


@pytest.mark.parametrize("fields", [{"score": 7}, {"stage": "mql"}, {"owner": "anna@firma.example"}, {"job_title": "CTO"}])
def test_a_lead_of_bought_lists_may_be_given_nothing(world: BuyingWorld, fields: dict[str, Any]) -> None:
    before = fields_of_leads(world)
    tamper(world, ada(world), **fields)
    who_is_bought_is_left_alone(world, before)
    tamper(world, eve(world), **fields)
    with pytest.raises(Broken, match="known from a bought list and"):
        who_is_bought_is_left_alone(world, before)


def test_what_a_lead_of_bought_lists_had_before_it_keeps_but_for_its_score(world: BuyingWorld) -> None:
    tamper(world, eve(world), stage="mql")
    who_is_bought_is_left_alone(world, fields_of_leads(world))
    tamper(world, eve(world), grade="A1")
    with pytest.raises(Broken, match="has the grade"):
        who_is_bought_is_left_alone(world, fields_of_leads(world))


def test_a_role_that_is_not_what_its_record_says_is_caught(world: BuyingWorld) -> None:
    roles_are_as_the_records_say(world)
    tamper(world, ada(world), lambda link: replace(link, role=Role.TWIN))
    with pytest.raises(Broken, match="not in quarantine"):
        roles_are_as_the_records_say(world)
    tamper(world, ada(world), lambda link: replace(link, state=LinkState.ENDED))
    roles_are_as_the_records_say(world)
    tamper(world, Ref("pipedrive", "persons", "1"), lambda link: replace(link, role=Role.QUARANTINED))
    with pytest.raises(Broken, match="in quarantine and not bought"):
        roles_are_as_the_records_say(world)


def test_what_only_a_bought_record_says_may_stand_in_no_lead_and_in_no_other_crm(world: BuyingWorld) -> None:
    types(world, ada(world), "Title", "Q0001z")
    world.full_sync()
    person = Ref("pipedrive", "persons", "1")
    world.act("pipedrive", "edit", person.object, person.id, fields={"leadloom_city": "Q0001z"})
    with pytest.raises(Broken, match=r"\['pipedrive'\] shows it"):
        nothing_is_said_by_a_bought_list(world)
    world.act("pipedrive", "clear", person.object, person.id, fields=["leadloom_city"])
    nothing_is_said_by_a_bought_list(world)
    tamper(world, ada(world), job_title="Q0001z")
    with pytest.raises(Broken, match="and a lead does"):
        nothing_is_said_by_a_bought_list(world)


def test_what_a_record_said_before_it_was_known_to_be_bought_is_heard_and_remembered(world: BuyingWorld) -> None:
    world.say_own(ada(world))
    typed = types(world, ada(world), "Title", "Q0001z")
    world.full_sync()
    world.say_bought(ada(world))
    world.full_sync()
    assert typed.exposed
    nothing_is_said_by_a_bought_list(world)
    nothing_typed_is_lost(world)


def test_only_what_was_typed_into_a_bought_record_need_not_be_remembered(world: BuyingWorld) -> None:
    typed = types(world, ada(world), "Title", "Q0001z")
    world.full_sync()
    nothing_typed_is_lost(world)
    assert not typed.exposed
    world.apps["salesforce"].act({"do": "edit", "object": "Lead", "id": typed.ref.id, "fields": {"LeadSource": "Web"}})
    with pytest.raises(Broken, match="lost, and never read"):
        nothing_typed_is_lost(world)


def test_the_base_of_a_record_in_quarantine_is_what_the_record_shows(world: BuyingWorld) -> None:
    leads_are_shown(world, world.look())
    world.act("salesforce", "edit", "Lead", ada(world).id, fields={"Title": "CTO"})
    with pytest.raises(Broken, match="the base says None, the CRM shows 'CTO'"):
        leads_are_shown(world, world.look())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("defect", DEFECTS_OF_QUARANTINE, ids=lambda defect: defect.name)
def test_an_engine_that_does_not_keep_quarantine_is_caught(tmp_path: Path, defect: Defect) -> None:
    with defect.bend(), pytest.raises(Broken, match=defect.caught_as):
        story_of_bought_lists(tmp_path)


def test_an_engine_that_keeps_quarantine_is_not(tmp_path: Path) -> None:
    story_of_bought_lists(tmp_path)
