from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest

HEAD = "record_id,crm,first_name,last_name,email,phone,company,country\n"
PEOPLE = HEAD + (
    "1,hubspot,Jörg,Müller,joerg.mueller@gmail.com,+49 170 1234567,Nordwind GmbH,DE\n"
    "2,salesforce,Joerg,Mueller,Joerg.Mueller+crm@googlemail.com,0170 1234567,Nordwind,Germany\n"
    '3,pipedrive,Ada,Byrne,ada.byrne@engines.co.uk,,"Engines, Ltd",GB\n'
    "4,hubspot,Peter,Holm,peter.holm@fjord.dk,,Fjord A/S,DK\n"
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text(PEOPLE, "utf-8")
    return tmp_path


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_row_and_column_comes_back_in_order_with_a_lead_id(people, leadloom):
    assert leadloom("dedupe", "in.csv", "-o", "out.csv").code == 0
    found = rows(people / "out.csv")
    assert [{name: text for name, text in row.items() if name != "lead_id"} for row in found] == rows(people / "in.csv")
    assert found[0]["lead_id"] == found[1]["lead_id"]
    assert len({row["lead_id"] for row in found}) == 3


def test_the_same_file_gives_the_same_ids_and_an_appended_row_changes_none(people, leadloom):
    leadloom("dedupe", "in.csv", "-o", "one.csv")
    (people / "in.csv").write_text(PEOPLE + "5,hubspot,Eva,Lind,eva@lind.se,,,SE\n", "utf-8")
    leadloom("dedupe", "in.csv", "-o", "two.csv")
    assert [row["lead_id"] for row in rows(people / "two.csv")][:4] == [row["lead_id"] for row in rows(people / "one.csv")]


def test_an_id_from_before_is_kept_beside_ours(people, leadloom):
    leadloom("dedupe", "in.csv", "-o", "one.csv")
    leadloom("dedupe", "one.csv", "-o", "two.csv")
    leadloom("dedupe", "two.csv", "-o", "three.csv")
    assert list(rows(people / "three.csv")[0])[-3:] == ["lead_id_in", "lead_id_in2", "lead_id"]
    assert [row["lead_id_in"] for row in rows(people / "two.csv")] == [row["lead_id"] for row in rows(people / "one.csv")]


def test_the_files_are_for_their_owner_only(people, leadloom):
    leadloom("dedupe", "in.csv", "-o", "out.csv", "--review", "r.csv")
    assert {stat.S_IMODE((people / name).stat().st_mode) for name in ("out.csv", "r.csv")} == {0o600}


def test_what_is_not_certain_is_asked_with_score_and_reason(people, leadloom):
    more = "5,salesforce,Peter,Holm,,,,DK\n"
    (people / "in.csv").write_text(PEOPLE + more, "utf-8")
    assert leadloom("dedupe", "in.csv", "-o", "out.csv", "--review", "r.csv", "--json").json == {"rows": 5, "leads": 4, "review": 1}
    (asked,) = rows(people / "r.csv")
    assert list(asked) == ["left_row", "right_row", "left_record_id", "right_record_id", "score", "reason"]
    assert [asked[name] for name in list(asked)[:4]] == ["4", "5", "4", "5"]
    assert -1 <= float(asked["score"]) < 9.3
    assert "an address spells the whole name of the other (+" in asked["reason"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (PEOPLE.encode() + b"5,hubspot,Eva\n", "row 5 has 3 cells instead of 8"),
        (PEOPLE.encode("latin-1"), "is not in UTF-8"),
        (PEOPLE.encode("utf-16"), "is not in UTF-8"),
        (b"", "no column has a name we know"),
        (b"a,b\n1,2\n", "no column has a name we know"),
    ],
    ids=["short row", "latin-1", "utf-16", "empty", "no column"],
)
def test_a_broken_file_is_refused_with_a_sentence_and_nothing_is_written(people, leadloom, content, sentence):
    (people / "in.csv").write_bytes(content)
    said = leadloom("dedupe", "in.csv", "-o", "out.csv")
    assert said.code == 2
    assert sentence in said.err
    assert not (people / "out.csv").exists()


def test_the_file_itself_is_never_written(people, leadloom):
    said = leadloom("dedupe", "in.csv", "-o", "in.csv")
    assert (said.code, "must be different" in said.err) == (2, True)
    assert (people / "in.csv").read_text("utf-8") == PEOPLE


def test_a_heading_alone_is_no_error(people, leadloom):
    (people / "in.csv").write_text(HEAD, "utf-8")
    assert leadloom("dedupe", "in.csv", "-o", "out.csv", "--review", "r.csv", "--json").json == {"rows": 0, "leads": 0, "review": 0}


def test_semicolons_blank_lines_and_other_spellings(people, leadloom):
    (people / "in.csv").write_text(
        "Vorname;Nachname;E-Mail;Note\nAda;Byrne;ada.byrne@engines.co.uk;x\n\nAda;Byrne;ada.byrne@engines.co.uk;y\n", "utf-8"
    )
    assert leadloom("dedupe", "in.csv", "-o", "out.csv", "--json").json["leads"] == 1
    assert (people / "out.csv").read_text("utf-8").startswith("Vorname;Nachname;E-Mail;Note;lead_id\n")
