from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict

import pytest
from phonenumbers import format_number, is_possible_number, parse
from phonenumbers.phonenumberutil import PhoneNumberFormat

from sandbox import seeds
from sandbox.people import COLUMNS, CRMS, UNIQUE_EMAIL, main, people, write

FICTIONAL = (
    "+493023125", "+498999998", "+494066969", "+492214710", "+496990009", "+49171392",
    "+4420794600", "+441614960", "+441134960", "+441314960", "+447700900",
    "+121255501", "+141555501", "+151255501", "+131255501", "+164655501",
)  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    return list(people())


def test_the_same_seed_gives_the_same_people(rows):
    assert list(people()) == rows
    assert list(people(seed=2)) != rows


def test_every_crm_has_some_and_some_people_are_everywhere(rows):
    where = defaultdict(set)
    for row in rows:
        where[row["record_id"].split("-")[0]].add(row["crm"])
    assert len(where) == 300
    assert set(Counter(row["crm"] for row in rows)) == set(CRMS)
    assert {len(crms) for crms in where.values()} == {1, 2, 3, 4}


@pytest.mark.parametrize("crm", UNIQUE_EMAIL)
def test_a_crm_that_knows_an_address_once_gets_it_once(rows, crm):
    addresses = [row["email"].lower() for row in rows if row["crm"] == crm]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize("crm", ["salesforce", "pipedrive"])
def test_where_it_is_possible_somebody_is_there_twice(rows, crm):
    assert any(row["record_id"].endswith("-2") for row in rows if row["crm"] == crm)


def test_addresses_reach_nobody(rows):
    addresses = [row[column] for row in rows for column in ("email", "email2") if "." in row.get(column, "").partition("@")[2]]
    assert len(addresses) > 500
    assert all(address.lower().endswith((".example", "example.com", "example.net", "example.org")) for address in addresses)


def test_numbers_reach_nobody(rows):
    for row in rows:
        for column in ("phone", "mobile"):
            if column in row:
                region = {"Germany": "DE", "Deutschland": "DE"}.get(row.get("country", "DE"), row.get("country", "DE"))
                region = "GB" if region in ("United Kingdom", "UK", "England") else "US" if region.startswith("U") else region
                number = parse(row[column], region)
                assert is_possible_number(number), row[column]
                assert format_number(number, PhoneNumberFormat.E164).startswith(FICTIONAL), row


def test_one_person_is_spelled_in_several_ways(rows):
    names = defaultdict(set)
    for row in rows:
        names[row["record_id"].split("-")[0]].add((row.get("first_name"), row["last_name"]))
    assert sum(len(spellings) > 1 for spellings in names.values()) > 50


def test_what_is_written_is_what_a_server_reads(rows, tmp_path):
    file = tmp_path / "people.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        write(out, iter(rows))
    assert [row["record_id"] for row in seeds.read(file)] == [row["record_id"] for row in rows]


def test_it_can_be_asked_for_as_csv(capsys):
    main(["--count", "5"])
    head, *lines = csv.reader(io.StringIO(capsys.readouterr().out))
    assert tuple(head) == COLUMNS
    assert len(lines) >= 5


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("PRIMARY_NAME_LAST", "last_name"),
        ("surname", "last_name"),
        ("EMAIL_ADDRESS", "email"),
        ("PHONE_NUMBER", "phone"),
        ("Vorname", "first_name"),
    ],
)
def test_headings_of_public_data_sets_are_understood(heading, column):
    assert seeds.understood({heading: "x"}) == {column: "x"}
