"""The laws of the random worlds are held to worlds that are made by hand: they let pass what is right and bite on what is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from leads.model import ABSENT
from store import schema
from sync import engine
from sync.state import Pair, Ref
from sync.undo import Undoing
from tests.machine.laws import Broken, no_is_loosened, record_shows
from tests.machine.world import RandomWorld, Typed

ADA, OTHER = "ada@x.example", "other@x.example"
PERSON = Ref("pipedrive", "persons", "1")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RandomWorld]:
    rows = [{"crm": crm, "first_name": "Ada", "last_name": "Beck", "email": ADA} for crm in ("pipedrive", "activecampaign")]
    built = RandomWorld(Random(1), tmp_path, rows=rows)
    built.full_sync()
    yield built
    built.mortal.inner.close()


def say(world: RandomWorld, ref: Ref, *, no: bool) -> None:
    world.act(ref.account, "edit", ref.object, ref.id, opt_out=no)


def one(world: RandomWorld, crm: str) -> Ref:
    (ref,) = world.look(crm)
    return ref


def forget_problems(world: RandomWorld) -> None:
    with world.mortal.inner.engine.begin() as connection:
        connection.execute(sa.delete(schema.problem))


def refusing(world: RandomWorld) -> RandomWorld:
    """Somebody lifts a no in Pipedrive again and again, which does not let a status be left twice."""
    say(world, one(world, "activecampaign"), no=True)
    world.full_sync()
    for _ in range(2):
        say(world, PERSON, no=False)
        world.full_sync()
    return world


def test_a_crm_that_takes_no_second_no_is_let_pass_while_a_problem_tells_of_the_record(world: RandomWorld) -> None:
    refusing(world)
    assert world.may_refuse(PERSON)
    assert PERSON not in world.denying(world.look())
    no_is_loosened(world, world.denied)
    forget_problems(world)
    with pytest.raises(Broken, match="may contact"):
        no_is_loosened(world, world.denied)


def test_a_problem_excuses_no_record_that_its_crm_would_let_say_no(world: RandomWorld) -> None:
    refusing(world)
    person: Any = world.apps["pipedrive"].persons.get(1)
    person.marketing_left = ()
    with pytest.raises(Broken, match="may contact"):
        no_is_loosened(world, world.denied)


def test_a_contact_that_hubspot_cannot_mail_is_let_pass_while_a_problem_tells_of_it(world: RandomWorld) -> None:
    contact = one(world, "hubspot")
    world.clock.advance(60)
    engine.undo(world.workspace(), Undoing("1", field="emails"))
    world.act("hubspot", "edit", "contacts", contact.id, fields={"leadloom_other_emails": OTHER})
    world.full_sync()
    say(world, one(world, "activecampaign"), no=True)
    world.full_sync()
    assert world.may_refuse(contact)
    assert contact not in world.denying(world.look())
    no_is_loosened(world, world.denied)
    forget_problems(world)
    with pytest.raises(Broken, match="may contact"):
        no_is_loosened(world, world.denied)


def with_two_addresses(world: RandomWorld) -> RandomWorld:
    """Every record says no and shows both addresses of a person who said no where only one was shown."""
    both = [{"value": ADA, "primary": True, "label": "work"}, {"value": OTHER, "primary": False, "label": "home"}]
    say(world, one(world, "activecampaign"), no=True)
    world.act("pipedrive", "edit", "persons", "1", fields={"emails": both})
    world.full_sync()
    world.full_sync()
    return world


def test_a_no_that_the_hub_wrote_is_no_persons_when_its_record_is_restored(world: RandomWorld) -> None:
    with_two_addresses(world)
    contact = one(world, "hubspot")
    assert contact in world.denying(world.look())
    world.act("hubspot", "delete", "contacts", contact.id)
    world.act("hubspot", "restore", "contacts", contact.id)
    assert world.standing_noes() == {f"email:{ADA}"}


def test_a_no_that_the_hub_wrote_is_no_persons_when_its_record_is_converted(world: RandomWorld) -> None:
    with_two_addresses(world)
    world.act("salesforce", "convert", "Lead", one(world, "salesforce").id)
    assert world.standing_noes() == {f"email:{ADA}"}


def test_a_persons_no_stands_after_its_record_was_deleted_and_restored(world: RandomWorld) -> None:
    with_two_addresses(world)
    contact = one(world, "activecampaign")
    for deed in ("delete", "restore"):
        world.act("activecampaign", deed, "contacts", contact.id)
        assert world.standing_noes() == ({f"email:{ADA}"} if deed == "restore" else set())


def test_a_no_that_is_lifted_and_said_again_before_anybody_looks_is_no_news(world: RandomWorld) -> None:
    say(world, one(world, "activecampaign"), no=True)
    world.full_sync()
    lead = one(world, "salesforce")
    for no in (False, True):
        world.act("salesforce", "edit", "Lead", lead.id, fields={"HasOptedOutOfEmail": no})
    assert world.noes[lead] == set()
    world.act("salesforce", "edit", "Lead", lead.id, fields={"HasOptedOutOfEmail": False, "Leadloom_Other_Emails__c": OTHER})
    world.act("salesforce", "edit", "Lead", lead.id, fields={"HasOptedOutOfEmail": True})
    assert world.noes[lead] == {f"email:{OTHER}"}
    world.act("salesforce", "edit", "Lead", lead.id, fields={"Email": "third@x.example"})
    assert world.noes[lead] == {f"email:{OTHER}", "email:third@x.example"}


@pytest.mark.parametrize("looks", [False, True])
def test_a_no_at_an_address_that_is_taken_away_before_anybody_looks_is_none(world: RandomWorld, *, looks: bool) -> None:
    person = one(world, "pipedrive")

    def shows(address: str) -> None:
        emails = [{"value": address, "primary": True, "label": "work"}]
        world.act("pipedrive", "edit", "persons", person.id, fields={"emails": emails})

    shows("third@x.example")
    say(world, person, no=True)
    if looks:
        world.plan()
    shows(ADA)
    assert world.noes[person] == {f"email:{ADA}", *(["email:third@x.example"] if looks else [])}


def test_nor_where_our_own_no_was_not_answered_yet(world: RandomWorld) -> None:
    lead = one(world, "salesforce")
    say(world, one(world, "activecampaign"), no=True)
    world.apps["salesforce"].faults.order({"match": {"method": "PATCH", "path": "*"}, "fault": "timeout_after", "times": 9})
    world.full_sync()
    world.calm_down()
    assert world.denies("salesforce", world.records("salesforce", "Lead")[0])
    for no in (False, True):
        world.act("salesforce", "edit", "Lead", lead.id, fields={"HasOptedOutOfEmail": no})
    assert world.noes[lead] == set()


@pytest.mark.parametrize("no", [True, False])
def test_a_no_that_is_held_says_nothing_about_a_field_that_was_never_read(world: RandomWorld, *, no: bool) -> None:
    contact = one(world, "hubspot")
    with world.mortal.inner.begin() as unit:
        link, base = unit.links_at(contact.account, contact.object, [contact.id])[contact.id]
        lead = unit.leads([link.lead_id])[link.lead_id]
    (row,) = (row for row in world.dialect(contact).rows if row.id == "opt_out:email")
    held = replace(base, pairs={**base.pairs, row.id: Pair(None, ABSENT, (True, "address_required"))})
    record = world.look("hubspot")[contact]
    shown = replace(record, fields={**record.fields, row.remote: no})
    with pytest.raises(Broken, match="the base says None") if no else nullcontext():
        record_shows(world, lead, contact, shown, held)


def test_an_address_that_a_person_leaves_where_a_no_stands_is_denied(world: RandomWorld) -> None:
    with_two_addresses(world)
    world.act("salesforce", "edit", "Lead", one(world, "salesforce").id, fields={"Email": "third@x.example"})
    assert world.standing_noes() == {f"email:{ADA}", "email:third@x.example"}


def test_an_address_that_moved_to_another_field_of_its_record_was_not_taken_away(world: RandomWorld) -> None:
    lead = one(world, "salesforce")
    typed = Typed(lead, "Leadloom_Other_Emails__c", "q0001z")
    world.typed.append(typed)
    for fields, stands in (
        ({"Leadloom_Other_Emails__c": "q0001z@more.example"}, True),
        ({"Email": "q0001z@more.example", "Leadloom_Other_Emails__c": None}, True),
        ({"Email": ADA, "Title": "q0001z"}, False),
    ):
        world.act("salesforce", "edit", "Lead", lead.id, fields=fields)
        assert (typed in world.typed_and_shown()) is stands


def test_a_text_stands_only_where_it_was_typed(world: RandomWorld) -> None:
    lead = one(world, "salesforce")
    typed = Typed(lead, "Title", "Q0001z")
    world.typed.append(typed)
    world.act("salesforce", "edit", "Lead", lead.id, fields={"Title": "Q0001z"})
    assert world.typed_and_shown() == [typed]
    world.act("salesforce", "edit", "Lead", lead.id, fields={"Title": None, "City": "Q0001z"})
    assert world.typed_and_shown() == []


@pytest.mark.parametrize(("then", "excused"), [("leadloom_job_title", True), ("leadloom_city", False)])
def test_only_what_an_automation_writes_over_was_not_taken_away(world: RandomWorld, then: str, *, excused: bool) -> None:
    world.apps["pipedrive"].add_workflow({"object": "persons", "when": "leadloom_street", "fields": {then: "Auto"}})
    (row,) = world.dialect(PERSON).rows_of("job_title")
    assert world.is_automated(Typed(PERSON, row.remote, "Q0001z")) is excused


def test_what_a_split_had_put_back_is_taken_back_with_it(world: RandomWorld) -> None:
    lead, contact = one(world, "salesforce"), one(world, "hubspot")
    typed = Typed(lead, "Title", "Q0001z")
    world.act("salesforce", "edit", "Lead", lead.id, fields={"Title": "Q0001z"})
    world.full_sync()
    world.act("hubspot", "edit", "contacts", contact.id, fields={"jobtitle": "CTO"})
    world.full_sync()
    with world.mortal.inner.begin() as unit:
        (id,) = unit.lead_ids("", 9)
    run = str(engine.split_lead(world.workspace(), id, [contact], "anna")["run"])
    assert not world.has_written(run, typed)
    world.full_sync()
    assert world.look("salesforce")[lead].fields["Title"] == "Q0001z"
    assert world.has_written(run, typed)
