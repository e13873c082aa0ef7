from __future__ import annotations

from pathlib import Path

import pytest

from commands.csv_leads import COLUMNS, read_leads
from commands.exits import Stop
from mappings.schema import packaged


@pytest.fixture
def read(tmp_path: Path):
    def parse(text: str, encoding: str = "utf-8"):
        file = tmp_path / "leads.csv"
        file.write_text(text, encoding=encoding)
        return read_leads(file, "fair 2026")

    return parse


def test_columns_in_any_order_and_spelling(read):
    table = read("E-Mail;Nachname;VORNAME;Firma;Zip Code\njo@example.com;Doe;Jo;Acme;01234\n")
    assert table.rows == (
        {"source": "fair 2026", "email": "jo@example.com", "last_name": "Doe", "first_name": "Jo", "company": "Acme", "postcode": "01234"},
    )


def test_every_column_is_one_that_the_engine_knows():
    known = {row.remote for row in packaged("import", "leads").rows}
    assert set(COLUMNS) - {"name", "title"} <= known


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(read, mark):
    assert len(read(f"email{mark}city\na@example.com{mark}Bonn\n").rows) == 1


def test_a_name_in_one_field_is_split(read):
    (row,) = read("name,email\nDr. Ludwig van Beethoven,lvb@example.com\n").rows
    assert (row["first_name"], row["last_name"], row["salutation"]) == ("Ludwig", "van Beethoven", "Dr.")


@pytest.mark.parametrize(("title", "column"), [("Frau Dr.", "salutation"), ("Head of Sales", "job_title")])
def test_a_title_is_a_form_of_address_or_a_job(read, title, column):
    (row,) = read(f"title,email\n{title},a@example.com\n").rows
    assert row[column] == title


def test_a_source_of_its_own_stays(read):
    (row,) = read("email,source\na@example.com,referral\n").rows
    assert row["source"] == "referral"


@pytest.mark.parametrize("word", ["no", "0", "Nein", "FALSE", ""])
def test_a_no_to_opting_out_is_not_an_opt_out(read, word):
    (row,) = read(f"email,opt_out\na@example.com,{word}\n").rows
    assert "opt_out" not in row


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x,,,,", "no e-mail address, phone number or record_id to know it by"),
        ("x,kein@mail,,,", "email is not an e-mail address"),
        ("x,a@example.com,,many,", "employees is not a whole number"),
        ("x,a@example.com,mqll,,", 'stage: expected one of raw, mql, sql, hot, customer, nurture, disqualified, lost. Did you mean "mql"?'),
        ("x,a@example.com,,,perhaps", "opt_out says neither yes nor no"),
        ("x,a@example.com", "2 cells instead of 5"),
    ],
)
def test_a_bad_row_is_told_with_its_number_and_reason(read, line, reason):
    table = read(f"last_name,email,stage,employees,opt_out\ngood,good@example.com,mql,5,yes\n{line}\n")
    assert len(table.rows) == 1
    assert [(each.row, each.reason) for each in table.rejected] == [(2, reason)]


def test_columns_without_a_meaning_are_named(read):
    assert read("email,shoe size\na@example.com,43\n").unknown == ("shoe size",)


def test_empty_lines_are_nothing(read):
    table = read("email,city\n,\na@example.com,Bonn\n\n")
    assert (len(table.rows), len(table.rejected)) == (1, 0)


def test_a_file_without_a_known_column_is_refused(read):
    with pytest.raises(Stop, match="no column has a name we know"):
        read("a,b\n1,2\n")


def test_another_encoding_is_said(read):
    with pytest.raises(Stop, match="UTF-8"):
        read("email,city\na@example.com,Köln\n", encoding="latin-1")


def test_a_mark_at_the_beginning_does_no_harm(read):
    assert len(read("email,city\na@example.com,Köln\n", encoding="utf-8-sig").rows) == 1


def test_excels_note_about_the_delimiter_is_no_heading(read):
    assert len(read("sep=;\nemail;city\na@example.com;Bonn\n").rows) == 1


def test_an_empty_file_is_said_to_be_empty(read):
    with pytest.raises(Stop, match="is empty"):
        read("")


def test_an_open_quotation_mark_is_suspected(read):
    (rejected,) = read('email,city\n"a@example.com,Bonn\nb@example.com,Kiel\n').rejected
    assert rejected.reason == "1 cells instead of 2 (is a quotation mark left open?)"


def test_a_byte_that_no_crm_can_keep_is_refused(read):
    table = read("email,city\na@example.com,Bo\0nn\nb@example.com,Kiel\n")
    assert [row["city"] for row in table.rows] == ["Kiel"]
    assert table.rejected[0].reason.startswith("city holds a zero byte")


def test_a_huge_cell_is_told_and_not_a_trace(read):
    with pytest.raises(Stop, match="is not a CSV file"):
        read(f"email,city\na@example.com,{'x' * 10_000_001}\n")


def test_a_byte_order_mark_belongs_to_no_column(read):
    assert read("\ufeffemail\na@example.com\n").rows[0]["email"] == "a@example.com"
