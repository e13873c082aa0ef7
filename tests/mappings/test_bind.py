"""Binding a mapping to an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.base import Field, Option, Owner, Schema
from leads.model import ABSENT, CLEARED
from mappings.apply import Dialect, Row, api_name, bind
from mappings.schema import MappingProblems, packaged
from mappings.values import Held

Schemas = Callable[[str, str], Schema]


def changed(schema: Schema, **fields: Field | None) -> Schema:
    everything = {**schema.fields, **fields}
    return Schema(schema.object, {name: field for name, field in everything.items() if field is not None})


def problems(crm: str, object: str, schema: Schema) -> tuple[str, ...]:
    with pytest.raises(MappingProblems) as caught:
        bind(packaged(crm, object), schema, ())
    return caught.value.problems


def row(dialect: Dialect, id: str) -> Row:
    found = dialect.row(id)
    assert isinstance(found, Row)
    return found


def test_custom_fields_are_found_by_whatever_the_account_calls_them(dialects: dict[tuple[str, str], Dialect]) -> None:
    names = {crm: dialect.key_name for (crm, _), dialect in dialects.items()}
    assert names == {
        "hubspot": "leadloom_key",
        "salesforce": "Leadloom_Key__c",
        "pipedrive": f"{0:040x}",
        "activecampaign": "LEADLOOM_KEY",
    }
    assert api_name("leadloom_do_not_call") == "Leadloom_Do_Not_Call__c"


def test_everything_that_is_needed_is_fetched_once(dialect: Dialect) -> None:
    sets = (*dialect.sets["emails"], *dialect.sets["phones"])
    assert sorted(dialect.fetch) == sorted({dialect.key_name, *(row.remote for row in dialect.rows), *(row.remote for row in sets)})


def test_all_that_an_account_lacks_is_told_at_once(schemas: Schemas) -> None:
    schema = changed(
        schemas("hubspot", "contacts"),
        leadloom_key=None,
        leadloom_stage=None,
        phone=None,
        leadloom_score=Field("leadloom_score", "Score", "date"),
        city=Field("city", "City", "text", writable=False),
        leadloom_bant_need=Field("leadloom_bant_need", "Need", "option", options=(Option("no", "No"), Option("YES", "Ja"))),
    )
    assert problems("hubspot", "contacts", schema) == (
        "hubspot contacts: the custom field 'leadloom_key' is missing: run `leadloom setup`.",
        "hubspot contacts: the field 'phone' is missing: let the user of these credentials see it, or take its row out of the mapping.",
        "hubspot contacts: the field 'City' (city) cannot be written: give the user of these credentials the right to edit it, "
        'or set direction = "in" in its row of the mapping.',
        "hubspot contacts: the custom field 'leadloom_stage' is missing: run `leadloom setup`.",
        "hubspot contacts: the field 'Need' (leadloom_bant_need) lacks the options unknown, partial: add them there.",
        "hubspot contacts: the field 'Score' (leadloom_score) is of type date, expected int or float or text or long_text: "
        "rename or delete it, then run `leadloom setup`.",
    )


def test_two_fields_of_one_name_are_not_guessed_between(schemas: Schemas) -> None:
    schema = changed(schemas("pipedrive", "persons"), other=Field("other", "leadloom_key", "text", custom=True))
    assert problems("pipedrive", "persons", schema) == (
        "pipedrive persons: 2 fields are called 'leadloom_key': rename all but the one that leadloom created.",
    )


def test_an_optional_field_that_is_missing_is_left_out_and_said(schemas: Schemas) -> None:
    dialect = bind(packaged("hubspot", "contacts"), changed(schemas("hubspot", "contacts"), lifecyclestage=None), ())
    assert dialect.dropped == ("lifecyclestage",)
    assert "lifecyclestage" not in dialect.fetch
    with pytest.raises(KeyError):
        dialect.row("lifecyclestage")


def test_the_fingerprint_of_a_row_follows_the_field_of_the_account(schemas: Schemas) -> None:
    mapping, schema = packaged("salesforce", "Lead"), schemas("salesforce", "Lead")
    longer = changed(schema, FirstName=replace(schema.fields["FirstName"], length=80))
    before, after = bind(mapping, schema, ()).fingerprints, bind(mapping, longer, ()).fingerprints
    assert {id for id in before if before[id] != after[id]} == {"FirstName"}


def test_what_a_crm_insists_on_is_filled_in_and_read_as_nothing(dialects: dict[tuple[str, str], Dialect]) -> None:
    dialect = dialects["salesforce", "Lead"]
    assert dialect.fill({"FirstName": "Anna"}) == {"FirstName": "Anna", "LastName": "[not provided]", "Company": "[not provided]"}
    last = row(dialect, "LastName")
    assert last.format(ABSENT, None) == "[not provided]"
    assert last.format(CLEARED, "Berg") == "[not provided]"
    assert last.parse("[not provided]", "Berg") is ABSENT
    assert last.format(ABSENT, "[not provided]") == "[not provided]"


def test_a_person_of_pipedrive_needs_only_one_part_of_a_name(dialects: dict[tuple[str, str], Dialect]) -> None:
    dialect = dialects["pipedrive", "persons"]
    assert dialect.fill({"first_name": "Anna"}) == {"first_name": "Anna"}
    assert dialect.fill({}) == {"last_name": "[not provided]"}
    assert row(dialect, "last_name").format(CLEARED, "Berg") is None


def test_an_owner_is_known_by_address_in_any_letter_case(dialects: dict[tuple[str, str], Dialect]) -> None:
    owner = row(dialects["salesforce", "Lead"], "OwnerId")
    assert owner.parse("101") == "anna@firma.example"
    assert owner.format("Anna@firma.example", None) == "101"
    assert row(dialects["pipedrive", "persons"], "owner_id").format("ben@firma.example", 101) == 102


def test_an_inactive_owner_is_read_but_given_nothing(dialects: dict[tuple[str, str], Dialect]) -> None:
    owner = row(dialects["hubspot", "contacts"], "hubspot_owner_id")
    assert owner.parse("103") == "ivo@firma.example"
    assert owner.format("ivo@firma.example", "103") == "103"
    assert owner.format("ivo@firma.example", None) == Held("no_owner", "No active user of this account has the owner's e-mail address.")


@pytest.mark.parametrize("theirs", ["104", "105", None])
def test_queues_and_ourselves_own_nothing(dialects: dict[tuple[str, str], Dialect], theirs: str | None) -> None:
    owner = row(dialects["salesforce", "Lead"], "OwnerId")
    assert owner.parse(theirs, "anna@firma.example") is ABSENT
    assert owner.format("anna@firma.example", theirs) == "101"


def test_we_are_an_owner_where_leads_are_routed_to_us(schemas: Schemas) -> None:
    hub = Owner("104", "hub@firma.example", "Hub")
    mapping, schema = packaged("salesforce", "Lead"), schemas("salesforce", "Lead")
    dialect = bind(mapping, schema, (hub,), api_user_email="hub@firma.example", routed_owners={"Hub@firma.example"})
    assert row(dialect, "OwnerId").parse("104") == "hub@firma.example"


def test_a_user_who_left_changes_nothing_and_can_be_replaced(dialects: dict[tuple[str, str], Dialect]) -> None:
    owner = row(dialects["salesforce", "Lead"], "OwnerId")
    assert owner.parse("999", "anna@firma.example") == "anna@firma.example"
    assert owner.format("ben@firma.example", "999") == "102"


def test_an_owner_cannot_be_taken_away_where_a_crm_needs_one(dialects: dict[tuple[str, str], Dialect]) -> None:
    held = row(dialects["pipedrive", "persons"], "owner_id").format(CLEARED, 101)
    assert isinstance(held, Held)
    assert held.reason == "cannot_be_empty"


def test_the_lifecycle_stage_follows_coarsely_and_keeps_the_finer_value(dialects: dict[tuple[str, str], Dialect]) -> None:
    view = row(dialects["hubspot", "contacts"], "lifecyclestage")
    assert view.parse("salesqualifiedlead", "hot") == "hot"
    assert view.parse("salesqualifiedlead") == "sql"
    assert view.format("hot", "opportunity") == "opportunity"
    assert view.format("hot", "lead") == "salesqualifiedlead"
    assert view.format("lost", "salesqualifiedlead") == "salesqualifiedlead"


def test_a_stage_that_a_person_sets_in_the_view_is_heard_of_a_lost_lead_too(dialects: dict[tuple[str, str], Dialect]) -> None:
    view = row(dialects["hubspot", "contacts"], "lifecyclestage")
    assert view.parse("customer", "lost") == "customer"
    assert not view.fits("customer", "lost")


def test_options_travel_as_the_ids_of_the_account(dialects: dict[tuple[str, str], Dialect]) -> None:
    stage = row(dialects["pipedrive", "persons"], "leadloom_stage")
    number = stage.format("hot", None)
    assert isinstance(number, int)
    assert stage.parse(number) == "hot"
    assert row(dialects["activecampaign", "contacts"], "leadloom_stage").format("hot", None) == "hot"


def test_an_option_that_somebody_added_is_not_overwritten(dialects: dict[tuple[str, str], Dialect]) -> None:
    stage = row(dialects["hubspot", "contacts"], "leadloom_stage")
    assert stage.parse("partner", "mql") == "mql"
    held = stage.format("sql", "partner")
    assert isinstance(held, Held)
    assert held.reason == "not_understood"


@pytest.mark.parametrize(
    ("crm", "object", "yes"), [("hubspot", "contacts", "true"), ("pipedrive", "persons", int), ("activecampaign", "contacts", "yes")]
)
def test_a_flag_is_spelled_as_the_crm_keeps_it(dialects: dict[tuple[str, str], Dialect], crm: str, object: str, yes: object) -> None:
    flag = row(dialects[crm, object], "leadloom_do_not_call")
    written = flag.format(True, None)
    assert not isinstance(written, Held)
    assert written == yes if isinstance(yes, str) else isinstance(written, int)
    assert flag.parse(written) is True


def test_an_objection_is_never_taken_back(dialect: Dialect) -> None:
    for flag in (*dialect.rows_of("opt_out.email"), *dialect.rows_of("opt_out.phone")):
        raised = flag.format(True, None)
        assert not isinstance(raised, Held)
        held = flag.format(False, raised)
        assert isinstance(held, Held)
        assert held.reason == "loosens_consent"


def test_no_objection_is_not_written_where_nothing_stands(dialect: Dialect) -> None:
    for flag in dialect.rows_of("opt_out.email"):
        assert flag.format(False, None) is None
        assert flag.format(ABSENT, False) is False


def test_virtual_opt_outs_are_true_or_false_in_every_crm(dialects: dict[tuple[str, str], Dialect]) -> None:
    for crm_object in (("hubspot", "contacts"), ("salesforce", "Lead"), ("activecampaign", "contacts")):
        assert row(dialects[crm_object], "opt_out:email").format(True, False) is True


def test_a_text_is_cut_where_the_crm_ends_and_read_as_the_whole(dialects: dict[tuple[str, str], Dialect]) -> None:
    city = row(dialects["salesforce", "Lead"], "City")
    long = "Llanfair" + "pwll" * 20
    cut = city.format(long, None)
    assert isinstance(cut, str)
    assert len(cut) == 40
    assert city.parse(cut, long) == long
    assert city.parse(cut[:30], long) == cut[:30]


def test_a_picklist_of_salesforce_takes_its_own_words_and_ours(dialects: dict[tuple[str, str], Dialect]) -> None:
    industry = row(dialects["salesforce", "Lead"], "Industry")
    assert industry.format("banking", None) == "Banking"
    assert industry.format("Weaving", None) == "Weaving"
    assert industry.parse("Banking", "banking") == "banking"


def test_a_closed_picklist_holds_what_it_cannot_take(schemas: Schemas) -> None:
    schema = schemas("salesforce", "Lead")
    closed = changed(schema, Industry=replace(schema.fields["Industry"], restricted=True))
    held = row(bind(packaged("salesforce", "Lead"), closed, ()), "Industry").format("Weaving", None)
    assert isinstance(held, Held)
    assert held.reason == "not_an_option"


def test_a_country_stays_as_it_is_spelled_while_it_is_the_same(dialects: dict[tuple[str, str], Dialect]) -> None:
    country = row(dialects["salesforce", "Lead"], "Country")
    assert country.parse("Deutschland") == "DE"
    assert country.format("DE", "Germany") == "Germany"
    assert country.format("AT", "Germany") == "AT"
    assert country.parse("Atlantis") == "Atlantis"


def test_a_list_of_countries_is_written_with_its_own_words(schemas: Schemas) -> None:
    listed = Field("country", "Country", "option", options=(Option("49", "Germany"), Option("43", "Austria")), restricted=True)
    dialect = bind(packaged("hubspot", "contacts"), changed(schemas("hubspot", "contacts"), country=listed), ())
    country = row(dialect, "country")
    assert country.format("AT", "49") == "43"
    assert country.parse("49") == "DE"
    assert isinstance(country.format("FR", None), Held)


@pytest.mark.parametrize(
    ("theirs", "number"), [("1200", 1200), ("1200.0", 1200), (1200.0, 1200), ("1.200", 1200), ("1,200", 1200), (12, 12)]
)
def test_a_number_is_read_in_every_spelling(dialects: dict[tuple[str, str], Dialect], theirs: str | float, number: int) -> None:
    employees = row(dialects["activecampaign", "contacts"], "leadloom_employees")
    assert employees.parse(theirs) == number
    assert employees.format(number, theirs) == theirs


def test_numbers_are_text_where_the_crm_keeps_text(dialects: dict[tuple[str, str], Dialect]) -> None:
    written = {crm: row(dialect, "leadloom_score").format(80, None) for (crm, _), dialect in dialects.items()}
    assert written == {"hubspot": "80", "salesforce": 80, "pipedrive": 80, "activecampaign": "80"}


def test_a_band_is_not_a_number_and_is_not_overwritten(dialects: dict[tuple[str, str], Dialect]) -> None:
    employees = row(dialects["activecampaign", "contacts"], "leadloom_employees")
    assert employees.parse("50-100", 80) == 80
    assert isinstance(employees.format(80, "50-100"), Held)


def test_an_owner_in_a_text_field_is_an_address(dialects: dict[tuple[str, str], Dialect]) -> None:
    owner = row(dialects["activecampaign", "contacts"], "leadloom_owner")
    assert owner.parse(" Anna@Firma.example ") == "anna@firma.example"
    assert owner.format("anna@firma.example", "Anna@Firma.example") == "Anna@Firma.example"
    assert isinstance(owner.format("anna@firma.example", "Anna"), Held)


def test_the_value_of_an_option_counts_more_than_the_label_of_another(schemas: Schemas) -> None:
    crossed = tuple(Option(value, label) for value, label in (("yes", "no"), ("no", "partial"), ("unknown", "yes"), ("partial", "unknown")))
    schema = changed(schemas("hubspot", "contacts"), leadloom_bant_need=Field("leadloom_bant_need", "Need", "option", options=crossed))
    need = row(bind(packaged("hubspot", "contacts"), schema, ()), "leadloom_bant_need")
    assert [need.format(level, None) for level in ("yes", "no", "partial")] == ["yes", "no", "partial"]
