"""`undo`, `leads why` and `leads history`: what a run did can be traced to its cause and taken back."""

from __future__ import annotations

import json
import urllib.request

import pytest


def control(crms, crm, what, body=None):
    request = urllib.request.Request(f"{crms.ready[crm]['base_url']}/_sandbox/{what}", None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.fixture
def edited(leadloom, configured, crms):
    """A title typed into HubSpot has reached the other CRMs; gives the lead, and the run that wrote it."""
    configured()
    leadloom("sync")
    contact = next(one for one in control(crms, "hubspot", "records")["contacts"] if one["properties"]["email"] is not None)
    control(crms, "hubspot", "act", {"do": "edit", "object": "contacts", "id": contact["id"], "fields": {"jobtitle": "Head of Rehearsals"}})
    run = leadloom("sync", "--json").json["run"]
    return contact["properties"]["email"], run


def showing_it(crms):
    return [
        crm
        for crm in ("hubspot", "salesforce", "pipedrive", "activecampaign")
        if "Head of Rehearsals" in json.dumps(control(crms, crm, "records"))
    ]


def written(report):
    return sum(account["out"][what] for account in report["accounts"].values() for what in ("created", "updated", "deleted"))


def test_undo_takes_a_run_back_and_the_next_sync_writes_nothing(leadloom, edited, crms):
    _, run = edited
    said = leadloom("undo", run, "--json")
    assert said.code == 0
    undone = said.json["undone"]
    assert undone["fields"] == undone["back"] + undone["stay"] == undone["back"] + sum(one["count"] for one in undone["left"])
    assert showing_it(crms) == ["hubspot"]
    assert written(leadloom("sync", "--json").json) == 0
    assert leadloom("verify").code == 0  # what was undone on purpose is no difference


def test_undo_shows_first_and_apply_carries_it_out(leadloom, edited, crms):
    _, run = edited
    shown = leadloom("undo", run, "--dry-run")
    assert "undo of run" in shown.out
    assert "Head of Rehearsals" in shown.out
    kept = leadloom("undo", run, "-o", "back.json", "--json")
    assert kept.json["undo"] == {"run": run, "lead_id": "", "field": ""}
    assert len(showing_it(crms)) == 4
    assert leadloom("apply", "back.json").code == 0
    assert showing_it(crms) == ["hubspot"]


def test_undo_of_one_lead_and_one_field(leadloom, edited, crms):
    lead, run = edited
    assert leadloom("undo", run, "--lead", lead, "--field", "address.city", "--json").json["undone"]["fields"] == 0
    assert leadloom("undo", run, "--lead", lead, "--field", "job_title").code == 0
    assert showing_it(crms) == ["hubspot"]


@pytest.mark.parametrize("arguments", [("99",), ("x",), ("2", "--field", "job_titel"), ("2", "--lead", "nobody")])
def test_an_undo_of_nothing_is_said(leadloom, edited, arguments):
    said = leadloom("undo", *arguments)
    assert said.code == 2
    assert said.err.strip() != ""
    assert said.out == ""


def test_a_first_run_is_taken_back_whole(leadloom, configured, crms):
    configured()
    before = {crm: len(rows) for crm, rows in living(crms).items()}
    run = leadloom("sync", "--json").json["run"]
    assert {crm: len(rows) for crm, rows in living(crms).items()} != before
    said = leadloom("undo", run, "--yes")
    assert said.code == 0
    assert "go back" in said.out
    assert {crm: len(rows) for crm, rows in living(crms).items()} == before
    assert written(leadloom("sync", "--json").json) == 0


def test_an_undo_that_a_guard_stops_says_that_nothing_was_written_and_goes_on_when_allowed(leadloom, configured, crms):
    configured({'first_run = "apply"': 'first_run = "apply"\ndeletes = 1'})
    before = {crm: len(rows) for crm, rows in living(crms).items()}
    run = leadloom("sync", "--json").json["run"]
    after = {crm: len(rows) for crm, rows in living(crms).items()}
    said = leadloom("undo", run)
    assert said.code == 7
    assert "would go back" in said.out
    assert {crm: len(rows) for crm, rows in living(crms).items()} == after
    allowed = [f"--allow=deletes={max(after.values())}"]
    assert leadloom("undo", run, *allowed).code == 0
    assert {crm: len(rows) for crm, rows in living(crms).items()} == before


def test_what_there_is_nothing_to_do_about_is_one_line(leadloom, edited, tmp_path):
    leadloom("plan", "-o", "plan.json")
    looked = leadloom("plan", "--json").json["run"]
    for arguments in ((), ("--dry-run",), ("-o", "nothing.json")):
        said = leadloom("undo", looked, *arguments)
        assert (said.code, said.out) == (0, f"Run {looked} wrote nothing that could be taken back.\n")
    _, run = edited
    assert leadloom("undo", run, "-o", "-").json["undo"]["run"] == run
    assert not (tmp_path / "-").exists()
    leadloom("undo", run, "-o", "back.json")
    carried_out = leadloom("apply", "back.json", "--json").json
    again = leadloom("apply", "back.json")
    assert again.code == 0
    number = sum(account["out"]["planned"] for account in carried_out["accounts"].values())
    assert again.err == f"Of the plan, {number} writes were carried out by run {carried_out['run']} already.\n"


def living(crms):
    objects = {"hubspot": ["contacts"], "salesforce": ["Lead", "Contact"], "pipedrive": ["persons"], "activecampaign": ["contacts"]}
    ended = ("is_deleted", "IsDeleted", "archived")
    return {
        crm: [row for object in names for row in control(crms, crm, "records")[object] if not any(row.get(word) for word in ended)]
        for crm, names in objects.items()
    }


def test_why_names_source_rule_run_and_what_lost(leadloom, edited):
    lead, run = edited
    why = leadloom("leads", "why", lead, "job_title", "--json").json
    (title,) = why["fields"]
    assert (title["value"], title["rule"], title["run"]) == ("Head of Rehearsals", "the only change", run)
    assert title["from"].startswith("hubspot contacts ")
    whole = leadloom("leads", "why", lead, "--json").json
    assert {record["why"] for record in whole["records"]} <= {
        "first seen",
        "same e-mail address",
        "created by Leadloom",
        "carries our lead id",
    }
    assert None not in {record["since"] for record in whole["records"]}
    assert round(sum(part["points"] for part in whole["score"]["contributions"])) != 0
    text = leadloom("leads", "why", lead).out
    assert "Head of Rehearsals" in text
    assert "by the rules of today" in text


def test_why_as_of_a_day_before_and_after(leadloom, edited):
    lead, _ = edited
    assert leadloom("leads", "why", lead, "--as-of", "2020-01-01", "--json").json["fields"] == []
    assert leadloom("leads", "why", lead, "--as-of", "2020-01-01", "--json").json["records"] == []
    now = leadloom("leads", "why", lead, "--json").json
    later = leadloom("leads", "why", lead, "--as-of", "2999-01-01T00:00", "--json").json
    assert [(one["field"], one["value"]) for one in later["fields"]] == [(one["field"], one["value"]) for one in now["fields"]]
    said = leadloom("leads", "why", lead, "--as-of", "yesterday")
    assert (said.code, said.out) == (2, "")


def test_history_tells_revisions_and_writes_with_their_causes(leadloom, edited):
    lead, run = edited
    rows = leadloom("leads", "history", lead, "job_title", "--json").json["history"]
    own = next(row for row in rows if row["where"] == "lead" and row["new"] == "Head of Rehearsals")
    sent = [row for row in rows if row["where"] != "lead" and row["new"] == "Head of Rehearsals"]
    assert own["run"] == run
    assert len(sent) == 3
    assert all(row["state"] == "done" and "from hubspot contacts" in row["cause"] for row in sent)
    leadloom("undo", run)
    rows = leadloom("leads", "history", lead, "job_title", "--json").json["history"]
    assert sum(row["old"] == "Head of Rehearsals" and f"undo of run {run}" in row["cause"] for row in rows) == 3
    assert "Head of Rehearsals" in leadloom("leads", "history", lead).out
    assert leadloom("leads", "history", lead, "--as-of", "2020-01-01", "--json").json["history"] == []
