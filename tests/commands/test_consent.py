"""`consent evaluate`: a file in, answers out, and every mistake of a file told at once."""

from __future__ import annotations

import json

import pytest

from tests.leads.consent.acts import doi, file, no


def test_answers_need_no_settings_and_no_store(leadloom, tmp_path):
    (tmp_path / "asked.json").write_text(json.dumps(file([*doi(), no()])), "utf-8")
    said = leadloom("consent", "evaluate", "asked.json", "--json")
    assert said.code == 0
    assert said.json == [
        {
            "identifier": "email:a@x.de",
            "purpose": "marketing.newsletter",
            "channel": "email",
            "status": "withdrawn",
            "permitted": False,
            "grade": "E3",
            "flags": [],
            "because": ["w"],
        }
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["asked.json"]


@pytest.mark.parametrize(
    ("content", "told"),
    [("{", "is not JSON (line 1, column 2)"), ("[]", "expected one JSON object"), ('{"now": 1, "ask": {}}', "ask: expected a list")],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(leadloom, tmp_path, content, told):
    (tmp_path / "asked.json").write_text(content, "utf-8")
    said = leadloom("consent", "evaluate", "asked.json", "--json")
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_a_missing_file_is_named(leadloom):
    said = leadloom("consent", "evaluate", "nowhere.json")
    assert said.code == 2
    assert said.err == "nowhere.json cannot be read: No such file or directory.\n"
