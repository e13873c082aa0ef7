"""Mapping files: what they must say, and how they complain."""

from __future__ import annotations

import pytest

from leads.model import FIELDS, FieldSpec, Kind
from mappings.schema import KEY, MappingProblems, custom_fields, packaged, parse, telling

CONVERTER = {Kind.EMAILS: "email", Kind.PHONES: "phone", Kind.EMAIL: "owner"}
SETS = (Kind.EMAILS, Kind.PHONES)


def line(spec: FieldSpec) -> str:
    slot = ', slot = "all"' if spec.kind in SETS else ""
    return f'{{ lead = "{spec.name}", remote = "r_{spec.name}", as = "{CONVERTER.get(spec.kind, spec.kind)}"{slot} }}'


LINES = {name: line(spec) for name, spec in FIELDS.items()}


def document(*more: str, without: tuple[str, ...] = (), head: str = 'crm = "x"\nobject = "y"\n') -> str:
    lines = [
        '{ role = "key", remote = "leadloom_key", type = "text" }',
        *[line for name, line in LINES.items() if name not in without],
        *more,
    ]
    return head + "rows = [\n" + ",\n".join(lines) + "\n]\n"


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(MappingProblems) as caught:
        parse(text, "x.toml")
    return caught.value.problems


def test_every_field_of_a_lead_is_mapped_in_every_crm(crm_object: tuple[str, str]) -> None:
    mapping = packaged(*crm_object)
    assert {row.lead for row in telling(mapping).rows if row.role != KEY} == set(FIELDS)


def test_what_the_hub_computes_is_only_written(crm_object: tuple[str, str]) -> None:
    rows = [row for row in packaged(*crm_object).rows if row.lead in ("score", "grade", "reason", "lead_id")]
    assert {row.direction for row in rows} == {"out"}


def test_setup_is_told_which_field_is_unique_and_which_has_options(crm_object: tuple[str, str]) -> None:
    fields = {field.name: field for field in custom_fields(packaged(*crm_object))}
    assert [name for name, field in fields.items() if field.unique] == ["leadloom_key"]
    assert fields["leadloom_stage"].options == FIELDS["stage"].options
    assert fields["leadloom_bant_need"].type == "option"


def test_a_file_that_is_right_is_read() -> None:
    assert len(parse(document(), "x.toml").rows) == len(FIELDS) + 1


def test_text_that_is_no_toml_is_one_problem() -> None:
    assert problems("rows = [")[0].startswith("x.toml: not valid TOML: ")


def test_all_problems_are_told_at_once() -> None:
    wrong = '{ lead = "first_nam", remote = "a", as = "txt", direktion = "in", slot = "wrok" }'
    found = problems(document(wrong, without=("last_name",), head='object = "y"\n'))
    assert found == (
        "x.toml: crm: expected a name",
        "x.toml: row a: unknown key 'direktion' (did you mean 'direction'?)",
        "x.toml: row a: slot: expected one of first, work, mobile, fax, any, rest, all; found 'wrok' (did you mean 'work'?)",
        "x.toml: row a: lead: expected a field of the lead, found 'first_nam' (did you mean 'first_name'?)",
        "x.toml: no row for last_name: expected at least one with lead = 'last_name'",
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('lead = "score", as = "numbr"', "as: expected number for score, found 'numbr' (did you mean 'number'?)"),
        ('lead = "emails", as = "email"', "slot: expected one of first, work, mobile, fax, any, rest, all, because emails is a set"),
        ('lead = "grade", as = "text", slot = "work"', "slot: only emails and phones have slots, grade has one value"),
        ('lead = "score", as = "number", required = "0"', "required: only text can be filled in, score is of kind number"),
        ('lead = "grade", as = "text", options = { a = "b" }', "options: only fields with options can have them"),
        ('lead = "stage", as = "option", options = 3', "options: expected a table of our option = theirs"),
        ('lead = "stage", as = "option", options = { mq = "b", sql = 3 }', "options: sql: expected a text or a list of texts"),
        ('lead = "grade", as = "text", optional = "yes"', "optional: expected true or false, found 'yes'"),
        ('lead = "grade", as = "text", required = ""', "required: expected the text to write where the lead has none"),
        ('lead = "grade", as = "text", required_with = "r_stage"', "required_with: expected a list of remote names"),
        ('lead = "grade", as = "text", type = "txt"', "found 'txt' (did you mean 'text'?)"),
        ('role = "keys"', "role: expected 'key', found 'keys'"),
    ],
)
def test_a_wrong_row_says_what_was_expected(row: str, problem: str) -> None:
    assert any(
        found.startswith("x.toml: row a: ") and found.endswith(problem) for found in problems(document(f'{{ remote = "a", {row} }}'))
    )


def test_a_remote_field_stands_there_once_and_so_does_the_key() -> None:
    twice = (
        '{ role = "key", remote = "k", type = "text" }',
        '{ lead = "grade", remote = "r_score", as = "text", required_with = ["r_scor"] }',
    )
    assert problems(document(*twice)) == (
        "x.toml: row r_score: stands there 2 times",
        "x.toml: expected exactly one row with role = 'key', found 2",
        "x.toml: row r_score: required_with: no row 'r_scor' (did you mean 'r_score'?)",
    )


@pytest.mark.parametrize("text", ["rows = 3", "rows = [3]", "", "rows = [{ remote = 3, lead = [], as = {}, direction = [], type = 1 }]"])
def test_nonsense_is_complained_about_and_never_a_crash(text: str) -> None:
    assert problems(text)


def test_layout_and_comments_do_not_change_the_fingerprint() -> None:
    assert parse("# hello\n" + document().replace(", as", ",   as"), "x.toml").fingerprint() == parse(document(), "y.toml").fingerprint()


def test_a_changed_row_changes_its_own_fingerprint_only() -> None:
    before, after = (
        parse(document(), "x.toml"),
        parse(document().replace('"r_grade", as = "text"', '"r_grade", as = "text", direction = "in"'), "x.toml"),
    )
    changed = {id for id, print in after.fingerprints().items() if print != before.fingerprints()[id]}
    assert changed == {"r_grade"}
    assert before.fingerprint() != after.fingerprint()
