"""What two records have in common, in the words a person reads: each guard, and what it must not see."""

from __future__ import annotations

import pytest

from leads.matching.context import context
from leads.matching.engine import Evidence
from leads.matching.levels import LEVELS
from leads.matching.live import table
from leads.matching.reading.reader import Reader

WORK = {"first_name": "Anna", "last_name": "Berg", "email": "anna.berg@nordwind.se", "company": "Nordwind AB"}
SABINE = {"first_name": "Sabine", "last_name": "Winkler", "email": "norbert.winkler@web.de"}


def said(one: dict[str, str], other: dict[str, str]) -> set[str]:
    reader = Reader()
    rows = table(reader.row(cells) for cells in (one, other))
    levels = Evidence(rows, context(rows), reader.words).levels(rows[:, 0] * 0 + [0, 1], rows[:, 0] * 0 + [1, 0])
    assert all(level[0] == level[1] for level in levels.values()), "which record stands left changes nothing"
    return {LEVELS[name][level[0]] for name, level in levels.items()}


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"email": "anna.berg@nordwind.se"}, {"email": "anna.breg@nordwind.se"}, "a slip in the address"),
        ({"email": "anna.berg@nordwind.se"}, {"email": "anna.berg@nordwnd.se"}, "the same name before the @, another domain"),
        ({"email": "anna.berg1@nordwind.se"}, {"email": "anna.berg2@nordwind.se"}, "other digits in the same address"),
        ({"email": "anna.berg@nordwind.se"}, {"email": "anna.lindgren@nordwind.se"}, "different addresses at one company"),
        ({"email": "anna.berg@gmail.com"}, {"email": "peter@web.de"}, "different private addresses"),
        ({"email": "x1y2@mailinator.com"}, {"email": "x1y2@mailinator.com"}, "the same address, which two people use"),
        ({"email": "x1y2@nordwind.se"}, {"email": "x1y2@nordwind.se"}, "the same e-mail address"),
        ({"company": "Nordwind Logistik"}, {"company": "Nordwnid Logistik"}, "a slip in the company"),
        ({"company": "Nordwind Logistik"}, {"company": "Seewind Pflege"}, "different companies"),
        ({"company": "Werk 12345"}, {"company": "Werk 12346"}, "different companies"),
        ({"city": "Newcastle-upon-Tyne"}, {"city": "NewcstaTe-upon-lyne"}, "a slip in the city"),
        ({"city": "Newcastle"}, {"city": "Manchester"}, "different places"),
        ({"mobile": "0170 1234567"}, {"phone": "+49 170 1234567"}, "the same mobile number"),
        ({"mobile": "0170 1234567"}, {"mobile": "0171 7654321"}, "different mobile numbers"),
        ({"phone": "030 1234567"}, {"mobile": "0171 7654321"}, "no mobile number on one side"),
        ({"postcode": "20683", "city": "Malmö"}, {"postcode": "20863", "city": "Malmö"}, "two digits swapped in the postcode of one city"),
        ({"postcode": "20683", "city": "Malmö"}, {"postcode": "20863", "city": "Mamlö"}, "two digits swapped in the postcode of one city"),
        ({"postcode": "20683", "city": "Malmö"}, {"postcode": "20684", "city": "Malmö"}, "the same city, not the same postcode"),
        ({"postcode": "20683", "city": "Malmö"}, {"postcode": "20773", "city": "Malmö"}, "the same city, not the same postcode"),
        ({"postcode": "20683", "city": "Malmö"}, {"postcode": "20863", "city": "Lund"}, "different places"),
        ({"national_id": "7156463"}, {"national_id": "7156436"}, "almost the same number"),
        ({"national_id": "7156463"}, {"national_id": "2016958"}, "different numbers"),
        ({"national_id": "AB 12-34"}, {"national_id": "ab1234"}, "the same number"),
    ],
)
def test_what_a_field_says(one, other, words):
    assert words in said(one, other)


ORDER = {"swapped": "first and last name swapped", "half": "the first name of one is the last name of the other"}


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        (("Anna", "Lindqvist"), ("Lindqvist", "Anna"), "swapped"),
        (("Anna", "Lindqvist"), ("Lindqvsit", "Anna"), "swapped"),
        (("Anna", "Lindqvist"), ("Lindqvist", "Beate"), "half"),
        (("Anna", "Lindqvist"), ("Beate", "Anna"), "half"),
        (("Anna", "Lindqvist"), ("Anna", "Beate"), None),
        (("Anna", "Lindqvist"), ("Beate", "Oja"), None),
    ],
)
def test_names_may_stand_in_the_other_order(one, other, order):
    words = said(dict(zip(("first_name", "last_name"), one, strict=True)), dict(zip(("first_name", "last_name"), other, strict=True)))
    assert {name for name, said in ORDER.items() if said in words} == ({order} if order else set())


@pytest.mark.parametrize(
    ("other", "numbered"),
    [
        ({**WORK, "email": "anna.berg2@nordwind.se"}, True),
        ({**WORK, "email": "", "phone": "08 1234567"}, False),
        ({**WORK, "email": "anna.berg99@gmail.com"}, False),
        ({**WORK, "email": "anna.berg2@seewind.se", "company": "Seewind AB"}, False),
    ],
    ids=["numbered at the company", "no address", "a private address", "another company"],
)
def test_a_number_in_an_address_of_the_company_warns_of_namesakes(other, numbered):
    assert ("a numbered address, as of a namesake in the company" in said(WORK, other)) is numbered


@pytest.mark.parametrize("address", ["anna.berg2@nordwind.se", "anna.breg2@nordwind.se"], ids=["the same", "a slip in it"])
def test_one_numbered_address_in_common_warns_of_nobody(address):
    assert not any("namesake" in words for words in said({**WORK, "email": "anna.berg2@nordwind.se"}, {**WORK, "email": address}))


@pytest.mark.parametrize(
    ("first", "words"),
    [("Sabine", "a name with the address of a relative"), ("Norbert", "one name fits its address"), ("N.", "one name fits its address")],
)
def test_an_address_that_spells_a_relative_is_not_the_own_one(first, words):
    assert words in said({**SABINE, "first_name": first}, {"last_name": "Winkler"})


def test_a_short_form_in_the_address_is_no_relative():
    william = {"first_name": "William", "last_name": "Berg", "email": "bill.berg@web.de"}
    assert "a name with the address of a relative" not in said(william, {"last_name": "Berg"})
    assert "a name with the address of a relative" in said({**william, "first_name": "Konrad"}, {"last_name": "Berg"})


def test_the_name_of_the_company_is_nobodys_name():
    desk = {"first_name": "Vitatec", "last_name": "Vitatec", "company": "Vitatec GmbH", "email": "info@vitatec.de"}
    assert {"no first name on one side", "no last name on one side"} <= said(desk, {**desk, "email": "einkauf@vitatec.de"})


def test_records_without_a_crm_are_no_namesakes_in_one():
    assert "one in each CRM" in said(WORK, WORK)
    assert "two in one CRM" in said({**WORK, "crm": "hubspot"}, {**WORK, "crm": "hubspot"})
