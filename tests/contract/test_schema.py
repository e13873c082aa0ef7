"""Schema: what this very account has, in the words of its people, and what may be written to it."""

from __future__ import annotations

import pytest

from connectors.base import NewField, Op, Outcome, Write, type_names
from connectors.errors import Misconfigured
from mappings.apply import bind
from mappings.schema import packaged
from tests.contract import declared
from tests.contract.rigs import Rig, needs

STAGES = ("raw", "mql", "sql", "hot", "customer", "nurture", "disqualified", "lost")


def test_every_field_is_described(rig: Rig) -> None:
    assert rig.schema.object == rig.object
    for name, field in rig.schema.fields.items():
        assert name == field.name
        assert field.label != ""
        assert field.type in type_names


def test_the_types_are_those_of_the_fields(rig: Rig) -> None:
    types = {logical: rig.schema.fields[rig.name(logical)].type for logical in ("given", "grade", "stage")}
    assert types == {"given": "text", "grade": "text", "stage": "option"}
    assert rig.schema.fields["opt_out:email"].type == "bool"
    assert rig.schema.fields["opt_out:email"].writable


def test_options_are_told_by_value_and_label(rig: Rig) -> None:
    field = rig.schema.fields[rig.name("stage")]
    assert field.restricted
    assert sorted(option.label.lower() for option in field.options) == sorted(STAGES)
    assert len({option.value for option in field.options}) == len(STAGES)


@needs(declared.option_ids)
def test_a_renamed_option_keeps_its_value(rig: Rig) -> None:
    before = {option.label: option.value for option in rig.schema.fields[rig.name("stage")].options}
    rig.world.rename_option("stage", "sql", "Sales qualified")
    after = {option.label: option.value for option in rig.open().describe(rig.object).fields[rig.name("stage")].options}
    assert after["Sales qualified"] == before["sql"]
    assert "sql" not in after


@needs(declared.read_only)
def test_read_only_fields_are_told(rig: Rig) -> None:
    assert not rig.schema.fields[str(rig.dialect.read_only)].writable
    assert rig.schema.fields[rig.name("grade")].writable


@needs(declared.upsert)
def test_the_key_field_is_unique(rig: Rig) -> None:
    assert rig.schema.fields[rig.name(str(rig.capabilities.key_field))].unique


@needs(declared.unique_email)
def test_a_unique_address_is_told(rig: Rig) -> None:
    assert rig.schema.fields[rig.name("email")].unique


@needs(declared.required_email)
def test_a_required_address_is_told(rig: Rig) -> None:
    assert rig.schema.fields[rig.name("email")].required


def test_the_shipped_mapping_fits(rig: Rig) -> None:
    me, owners = rig.connector.identity(), rig.connector.owners()
    bound = bind(packaged(rig.dialect.crm, rig.object), rig.schema, owners, region="DE", api_user_email=me.user_email)
    (id,) = rig.world.crowd(1)
    assert set(rig.get_one(id, list(bound.fetch)).fields) == set(bound.fetch)


def test_the_account_has_one_identity(rig: Rig) -> None:
    assert rig.connector.identity() == rig.open().identity()
    assert rig.connector.identity().key != ""


def test_owners_are_told_with_their_addresses(rig: Rig) -> None:
    owners = {owner.email: owner for owner in rig.connector.owners() if owner.kind == "user"}
    assert owners["anna@firma.example"].active
    assert len({owner.id for owner in owners.values()}) == len(owners)


@needs(declared.owners)
def test_a_record_can_be_given_to_an_owner(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    anna = next(owner for owner in rig.connector.owners() if owner.email == "anna@firma.example")
    owner = rig.dialect.names["owner"]
    receipt = rig.write_one(Write(Op.UPDATE, rig.object, {owner: anna.id}, id=id))
    assert receipt.record is not None
    assert receipt.record.fields[owner] == anna.id == str(rig.world.raw(id, owner))
    assert rig.schema.fields[owner].type == "owner"


def test_a_new_field_can_be_described_written_and_read(rig: Rig) -> None:
    for field in (NewField("contract_text", "Contract text", "text"), NewField("contract_choice", "Contract choice", "option", ("a", "b"))):
        made = rig.connector.create_field(rig.object, field)
        described = rig.open().describe(rig.object).fields[made.name]
        assert (described.custom, described.writable, described.type) == (True, True, field.type)
        value = described.options[1].value if field.options else "x"
        (receipt,) = rig.open().write(
            rig.object, [Write(Op.CREATE, rig.object, {**rig.person(len(made.name)), made.name: value}, key=made.name)]
        )
        assert receipt.outcome in (Outcome.CREATED, Outcome.ADOPTED)
        assert rig.open().get(rig.object, [str(receipt.id)], [made.name])[0].fields == {made.name: value}


def test_a_field_that_exists_is_returned_as_it_is(rig: Rig) -> None:
    before = rig.schema.fields[rig.name("leadloom_stage")]
    made = rig.connector.create_field(rig.object, NewField("leadloom_stage", "Another label", "option", ("x",)))
    assert (made.name, made.options) == (before.name, before.options)


def test_an_unknown_object_is_not_described(rig: Rig) -> None:
    with pytest.raises(Misconfigured):
        rig.connector.describe("no_such_object")
