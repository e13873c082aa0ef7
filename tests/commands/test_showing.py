from __future__ import annotations

import json

import pytest

from commands import showing

OUT = dict.fromkeys(showing.WENT, 0)
IN = dict.fromkeys(showing.CAME, 0)
RUN = {
    "run": "7",
    "status": "done",
    "accounts": {
        "hubspot": {"in": {**IN, "read": 12, "new": 12}, "out": {**OUT, "planned": 3, "updated": 3}, "api_calls": {"read": 1, "write": 1}},
        "salesforce": {"in": IN, "out": OUT, "api_calls": {"auth": 1, "read": 2}},
    },
    "leads": {"new": 12, "changed": 0, "merged": 1},
    "reviews": 2,
    "problems": [
        {"id": "k3q7ba", "account": "salesforce", "cause": "duplicate_rule", "count": 9, "fix": "Allow it in the duplicate rule."}
    ],
}
PLAN = {
    "accounts": ["hubspot", "pipedrive"],
    "cost": {"hubspot": {"write": 1}, "pipedrive": {"write": 1}},
    "left": [],
    "rows": [
        {
            "account": "hubspot", "object": "contacts", "id": "101", "lead_id": "01L", "section": "update",
            "fields": [
                {"field": "job_title", "old": "CEO", "new": None, "reason": "job_title of the lead changed"},
                {"field": "emails", "old": ["a@x.example"], "new": ["a@x.example", "b@x.example"], "reason": "emails of the lead changed"},
            ],
        },
        {
            "account": "pipedrive", "object": "persons", "id": None, "lead_id": "01L", "section": "create",
            "fields": [{"field": "first_name", "old": None, "new": "[bold]Käthe\x1b[31m", "reason": ""}],
        },
    ],
}  # fmt: skip


@pytest.fixture
def shown(capsys):
    def show(*parts):
        showing.show(*parts)
        return capsys.readouterr().out

    return show


def test_a_run_shows_what_came_what_went_and_what_to_do(shown):
    text = shown(*showing.of_run(RUN))
    for word in (
        "hubspot",
        "12",
        "Leads: 12 new, 0 changed, 1 merged. Questions for a person: 2.",
        "duplicate_rule",
        "Allow it in the duplicate rule.",
    ):
        assert word in text
    assert "auth" in text


def test_a_plan_shows_field_old_and_new(shown):
    text = shown(*showing.of_plan(PLAN, 100))
    assert "contacts 101" in text
    assert "new persons" in text
    assert "a@x.example; b@x.example" in text
    assert showing.NOTHING in text


def test_a_plan_as_a_diff(shown):
    lines = shown(*showing.of_diff(PLAN, 100)).splitlines()
    assert lines[:2] == ["@@ hubspot contacts 101 · update · lead 01L", "- job_title: CEO"]
    assert "+ emails: a@x.example; b@x.example" in lines
    assert not any(line.startswith(("- first_name", "+ job_title")) for line in lines)


def test_a_long_plan_is_cut_and_says_so(shown):
    assert "… and 2 more lines." in shown(*showing.of_plan(PLAN, 1))


def test_what_stands_in_a_record_cannot_paint_the_terminal(shown):
    text = shown(*showing.of_plan(PLAN, 100))
    assert "[bold]Käthe" in text
    assert "\x1b" not in text


def test_totals_count_rows_not_fields(shown):
    line = next(line for line in shown(showing.of_plan_totals(PLAN)).splitlines() if "hubspot" in line)
    assert line.split() == ["hubspot", "0", "0", "1"]


def test_what_needs_nobody_stands_apart_from_what_needs_a_person(shown):
    undone = {"id": "aaaaaa", "account": "hubspot", "cause": "held:undone", "count": 4000, "fix": f"{showing.NOTHING_TO_DO}: it is held."}
    text = shown(*showing.of_problems([undone, *RUN["problems"]]))
    assert text.index("duplicate_rule") < text.index("For your information") < text.index("held:undone")
    assert "Problems" not in shown(*showing.of_problems([undone]))
    assert showing.of_problems([]) == []


def test_one_is_not_many():
    assert [showing.counted(number, "record") for number in (0, 1, 2)] == ["0 records", "1 record", "2 records"]


def test_problems_and_runs(shown):
    text = shown(
        *showing.of_problems(RUN["problems"]),
        showing.of_runs(
            [
                {
                    "run": "7",
                    "kind": "sync",
                    "started": "2026-01-01 10:00",
                    "seconds": 4,
                    "status": "done",
                    "read": 1,
                    "written": 2,
                    "failed": 3,
                }
            ]
        ),
    )
    assert "duplicate_rule" in text
    assert "2026-01-01 10:00" in text


def test_a_lead_and_why(shown):
    lead = {"lead_id": "01L", "also_called": [], "fields": {"first_name": "Käthe", "opt_out.email": True}, "records": []}
    why = {
        "lead_id": "01L",
        "as_of": None,
        "score": {"score": 12, "grade": "C2", "contributions": [{"rule": "own domain", "group": "fit", "points": 12.0}]},
        "fields": [{"field": "job_title", "value": "CEO", "from": "hubspot contacts 101", "at": "2026-01-01", "run": "3",
                    "rule": "the only change", "lost": [{"value": "CFO", "from": "salesforce"}]}],
        "routing": {"rule": "dach", "owner": "anna", "queue": None, "reason": "fewest of 3"},
        "records": [
            {"account": "hubspot", "object": "contacts", "id": "101", "role": "main", "state": "active", "ours": True, "read_at": None}
        ],
    }  # fmt: skip
    assert "yes" in shown(*showing.of_lead(lead))
    text = shown(*showing.of_reasons(why))
    assert "CFO (salesforce)" in text
    assert "Owner by rule dach: anna, fewest of 3." in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), ("", "–"), (0, "0"), (False, "no"), ([], "–"), (["a", None], "a; –"), ({"a": 1}, '{"a": 1}'), ("a\nb", "a b")],
)
def test_a_cell_is_one_line_and_zero_is_not_nothing(value, text):
    assert showing.cell(value) == text


def test_json_is_the_document_and_nothing_else(capsys):
    showing.print_json({"name": "Käthe"})
    assert json.loads(capsys.readouterr().out) == {"name": "Käthe"}


def test_messages_do_not_mix_with_data(capsys):
    showing.say("careful")
    assert capsys.readouterr() == ("", "careful\n")
