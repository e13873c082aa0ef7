"""Why two rows are one lead, or are not, in words and bits that add up."""

from __future__ import annotations

import pytest

HEAD = "crm,first_name,last_name,email,company\n"
ROWS = HEAD + (
    "hubspot,Jörg,Müller,joerg.mueller@gmail.com,Nordwind GmbH\n"
    "salesforce,Joerg,Mueller,joerg.mueller@gmail.com,Nordwind\n"
    "hubspot,Peter,Holm,peter.holm@fjord.dk,Fjord A/S\n"
    "salesforce,Peter,,,Fjord\n"
    "pipedrive,Ada,Byrne,ada.byrne@engines.co.uk,Engines Ltd\n"
)


@pytest.fixture
def why(tmp_path, leadloom):
    (tmp_path / "in.csv").write_text(ROWS, "utf-8")
    return lambda *words: leadloom("dedupe", "in.csv", "-o", "out.csv", *words)


@pytest.mark.parametrize(
    ("left", "right", "outcome", "evidence"),
    [
        (1, 2, "one lead", "the same e-mail address"),
        (3, 4, "two leads until a person decides", "the same small company"),
        (1, 5, "two leads, and nobody is asked", "another last name"),
    ],
)
def test_the_outcome_and_its_evidence(why, left, right, outcome, evidence):
    told = why("--why", str(left), str(right), "--json").json["why"]
    assert told["outcome"].startswith(outcome)
    assert evidence in {each["what"] for each in told["evidence"]}
    assert sum(each["bits"] for each in told["evidence"]) == pytest.approx(told["score"], abs=0.1)


def test_an_answer_is_named_as_the_reason(why, tmp_path):
    (tmp_path / "answers.csv").write_text("left_row,right_row,decision\n3,5,same\n", "utf-8")
    told = why("--why", "3", "5", "--decisions", "answers.csv", "--json").json["why"]
    assert told["outcome"] == "one lead, by way of other rows or of an answer"


def test_on_a_terminal_it_is_a_list(why):
    said = why("--why", "1", "2")
    assert said.out.startswith("rows 1 and 2: one lead. ")
    assert "  +" in said.out


@pytest.mark.parametrize("rows", [("0", "1"), ("1", "6"), ("2", "2")])
def test_rows_that_are_not_there_are_refused_before_anything_is_written(why, tmp_path, rows):
    said = why("--why", *rows)
    assert (said.code, "expected two different rows of the file, from 1 to 5" in said.err.replace("\n", " ")) == (2, True)
    assert not (tmp_path / "out.csv").exists()
