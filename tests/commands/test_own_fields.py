"""Fields of one's own are mapped in the settings, without code; what is not mapped stays untouched."""

from __future__ import annotations

import pytest

from tests.commands.test_flows import control, writes

OWN = """
[mappings.hubspot.contacts.shoe_size]
field = "Shoe size"
type = "number"
[mappings.salesforce.Lead.shoe_size]
field = "NumberOfEmployees__c"
type = "number"
"""
REVENUE = """
[mappings.salesforce.Lead.revenue]
field = "AnnualRevenue"
type = "number"
[mappings.salesforce.Lead.about]
field = "Description"
[mappings.hubspot.contacts.about]
field = "message"
"""


@pytest.fixture
def mapped(configured):
    path = configured()

    def write(text: str = REVENUE):
        path.write_text(path.read_text() + text)
        return path

    return write


def person(leadloom):
    """A lead with a main record in HubSpot and a Salesforce Lead, by account."""
    for lead in leadloom("leads", "list", "--json").json:
        records = leadloom("leads", "show", lead["lead_id"], "--json").json["records"]
        at = {(one["account"], one["object"]): one["id"] for one in records if one["role"] == "main"}
        if {("hubspot", "contacts"), ("salesforce", "Lead")} <= set(at):
            return lead["lead_id"], at["hubspot", "contacts"], at["salesforce", "Lead"]
    raise AssertionError("nobody is in both")


def test_a_field_of_ones_own_travels_both_ways(leadloom, mapped, crms):
    mapped()
    leadloom("sync")
    lead, contact, sf = person(leadloom)
    control(crms, "salesforce", "act", {"do": "edit", "object": "Lead", "id": sf, "fields": {"Description": "Likes boats"}})
    leadloom("sync")
    shown = next(one for one in control(crms, "hubspot", "records")["contacts"] if one["id"] == contact)
    assert shown["properties"]["message"] == "Likes boats"
    assert leadloom("leads", "why", lead, "custom.about", "--json").json["fields"][0]["from"].startswith("salesforce")
    control(crms, "hubspot", "act", {"do": "edit", "object": "contacts", "id": contact, "fields": {"message": "Likes trains"}})
    leadloom("sync")
    assert next(one for one in control(crms, "salesforce", "records")["Lead"] if one["Id"] == sf)["Description"] == "Likes trains"
    assert writes(leadloom("sync", "--json").json) == 0
    assert "custom.about" in leadloom("leads", "export").out.splitlines()[0]


def test_what_is_not_mapped_stays_untouched(leadloom, mapped, crms):
    mapped("")
    leadloom("sync")
    _, contact, sf = person(leadloom)
    control(crms, "salesforce", "act", {"do": "edit", "object": "Lead", "id": sf, "fields": {"Description": "Likes boats"}})
    leadloom("sync")
    shown = next(one for one in control(crms, "hubspot", "records")["contacts"] if one["id"] == contact)
    assert not shown["properties"].get("message")
    assert next(one for one in control(crms, "salesforce", "records")["Lead"] if one["Id"] == sf)["Description"] == "Likes boats"


def test_a_mapping_that_comes_later_waits_until_somebody_looked(leadloom, mapped, crms):
    path = mapped("")
    leadloom("sync")
    _, contact, sf = person(leadloom)
    control(crms, "salesforce", "act", {"do": "edit", "object": "Lead", "id": sf, "fields": {"Description": "Likes boats"}})
    leadloom("sync")
    path.write_text(path.read_text() + REVENUE)
    said = leadloom("sync")
    assert (said.code, "a mapping has changed" in said.err) == (7, True)
    leadloom("plan", "-o", "plan.json")
    assert leadloom("apply", "plan.json").code == 0
    shown = next(one for one in control(crms, "hubspot", "records")["contacts"] if one["id"] == contact)
    assert shown["properties"]["message"] == "Likes boats"
    assert leadloom("sync").code == 0


def test_a_field_that_is_not_there_is_told_before_anything_is_written(leadloom, mapped):
    mapped(OWN)
    said = leadloom("sync")
    assert said.code == 2
    assert "Shoe size" in said.err
    assert "NumberOfEmployees__c" in said.err
    assert leadloom("doctor").code == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[mappings.hubspott.contacts.a]\nfield = 'x'\n", 'mappings.hubspott: there is no account of this name. Did you mean "hubspot"?'),
        ("[mappings.hubspot.contact.a]\nfield = 'x'\n", "mappings.hubspot.contact: expected contacts"),
        ("[mappings.hubspot.contacts.A-b]\nfield = 'x'\n", "starts with a small letter"),
        ("[mappings.hubspot.contacts.a]\nfeld = 'x'\n", 'Did you mean "field"?'),
        ("[mappings.hubspot.contacts.a]\nfield = 'x'\ntype = 'date'\n", "type: expected"),
        ("[fields.custom.a]\nwinner = 'ask'\n", "no table of [mappings] names such a field"),
        (
            "[mappings.hubspot.contacts.a]\nfield='x'\n[mappings.salesforce.Lead.a]\nfield='y'\ntype='number'\n",
            "a is number and text: one field has one type in every CRM",
        ),
    ],
)
def test_mistakes_in_mappings_are_told_like_all_others(leadloom, mapped, text, sentence):
    mapped(text)
    said = leadloom("sync")
    assert said.code == 2
    assert sentence in said.err


def test_a_field_that_is_mapped_already_is_refused(leadloom, mapped):
    mapped('[mappings.hubspot.contacts.job]\nfield = "jobtitle"\n')
    said = leadloom("sync")
    assert (said.code, "mapped to job_title already" in said.err) == (2, True)
