"""Answers of people to a review file hold whatever the scores say, move the threshold, and are refused where they cannot hold."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

HEAD = "record_id,crm,first_name,last_name,email,company\n"
PEOPLE = HEAD + (
    "a,hubspot,Jörg,Müller,joerg.mueller@gmail.com,Nordwind GmbH\n"
    "b,salesforce,Joerg,Mueller,joerg.mueller@gmail.com,Nordwind\n"
    "c,pipedrive,Ada,Byrne,ada.byrne@engines.co.uk,Engines Ltd\n"
    "d,hubspot,Peter,Holm,peter.holm@fjord.dk,Fjord A/S\n"
)
ANSWERS = "left_row,right_row,left_record_id,right_record_id,score,reason,decision\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text(PEOPLE, "utf-8")
    return tmp_path


def leads(folder: Path, leadloom, answers: str, *more: str) -> list[str]:
    (folder / "answers.csv").write_text(answers, "utf-8")
    said = leadloom("dedupe", "in.csv", "-o", "out.csv", "--decisions", "answers.csv", *more)
    assert said.code == 0, said.err
    with (folder / "out.csv").open(encoding="utf-8", newline="") as lines:
        return [row["lead_id"] for row in csv.DictReader(lines)]


def test_what_is_called_different_is_never_one(folder, leadloom):
    assert len(set(leads(folder, leadloom, ANSWERS))) == 3
    assert len(set(leads(folder, leadloom, ANSWERS + "1,2,a,b,,,different\n"))) == 4


def test_what_is_called_the_same_is_one_though_nothing_says_so(folder, leadloom):
    found = leads(folder, leadloom, ANSWERS + "1,4,a,d,,,same\n")
    assert found[0] == found[1] == found[3] != found[2]


def test_what_is_decided_is_not_asked_again(folder, leadloom):
    (folder / "in.csv").write_text(PEOPLE + "e,salesforce,Peter,Holm,,\n", "utf-8")
    leadloom("dedupe", "in.csv", "-o", "out.csv", "--review", "r.csv")
    asked = (folder / "r.csv").read_text("utf-8")
    assert asked.count("\n") == 2
    for answer in ("same", "different"):
        answered = asked.replace("reason\n", "reason,decision\n").replace("\n4,5", "\n4,5").rstrip() + f",{answer}\n"
        leads(folder, leadloom, answered, "--review", "again.csv")
        assert (folder / "again.csv").read_text("utf-8").count("\n") == 1


def test_a_record_id_is_believed_before_a_row_number(folder, leadloom):
    """The file was exported again in another order."""
    head, *rows = PEOPLE.splitlines(keepends=True)
    (folder / "in.csv").write_text(head + "".join(reversed(rows)), "utf-8")
    assert len(set(leads(folder, leadloom, ANSWERS + "1,2,a,b,,,different\n"))) == 4


def test_rows_are_enough_where_there_are_no_ids(folder, leadloom):
    (folder / "in.csv").write_text("\n".join(line.partition(",")[2] for line in PEOPLE.splitlines()) + "\n", "utf-8")
    assert len(set(leads(folder, leadloom, "left_row,right_row,decision\n1,2,Nein\n"))) == 4


def test_an_empty_answer_says_nothing_and_the_last_of_two_counts(folder, leadloom):
    assert len(set(leads(folder, leadloom, ANSWERS + "1,2,a,b,,,\n"))) == 3
    assert len(set(leads(folder, leadloom, ANSWERS + "1,2,a,b,,,different\n2,1,b,a,,,same\n"))) == 3


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ("left_row,right_row\n1,2\n", "has the columns left_row, right_row and decision"),
        (ANSWERS + "1,2,a,b,,,perhaps\n", "row 1 says “perhaps”"),
        (ANSWERS + "1,9,a,zz,,,same\n", "no row has the record id"),
        (ANSWERS + "1,9,,,,,same\n", "the file has no such row"),
        (ANSWERS + "1,1,a,a,,,same\n", "both sides are row 1"),
        (ANSWERS + "1,2,a,b,,,same\n2,3,b,c,,,same\n1,3,a,c,,,different\n", "rows 1 and 3 (answers.csv, row 3)"),
    ],
    ids=["no column", "neither", "unknown id", "unknown row", "one row", "contradiction"],
)
def test_answers_that_cannot_hold_are_refused_and_nothing_is_written(folder, leadloom, answers, sentence):
    (folder / "answers.csv").write_text(answers, "utf-8")
    said = leadloom("dedupe", "in.csv", "-o", "out.csv", "--decisions", "answers.csv")
    assert said.code == 2
    assert sentence in said.err.replace("\n", " ")
    assert not (folder / "out.csv").exists()


def test_the_answers_are_counted_and_the_threshold_is_told(folder, leadloom):
    (folder / "answers.csv").write_text(ANSWERS + "1,2,a,b,9.0,,different\n", "utf-8")
    said = leadloom("dedupe", "in.csv", "-o", "out.csv", "--decisions", "answers.csv", "--json").json
    assert (said["decisions"], said["leads"]) == (1, 4)
    assert said["link"] >= 9.3


def test_learning_from_the_file_alone_links_nothing_more(folder, leadloom):
    plain = leads(folder, leadloom, ANSWERS)
    assert leads(folder, leadloom, ANSWERS, "--learn") == plain


def test_an_answer_file_is_never_written_over(folder, leadloom):
    (folder / "answers.csv").write_text(ANSWERS, "utf-8")
    said = leadloom("dedupe", "in.csv", "-o", "out.csv", "--review", "answers.csv", "--decisions", "answers.csv")
    assert (said.code, (folder / "answers.csv").read_text("utf-8")) == (2, ANSWERS)
