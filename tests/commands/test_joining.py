"""Merging and splitting leads at the command line: shown before it happens, done on a yes, taken back by undo."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest


@pytest.fixture
def leads(leadloom, configured) -> list[Any]:
    configured()
    leadloom("sync")
    return [one for one in leadloom("leads", "list", "--json").json if one["email"] is not None]


def test_a_merge_is_shown_first_and_done_on_a_yes(leadloom, leads):
    kept, gone = leads[0], leads[1]
    said = leadloom("leads", "merge", kept["email"], gone["lead_id"])
    assert (said.code, "side by side" in said.out.lower(), "--yes" in said.err) == (7, True, True)
    outlook = leadloom("leads", "merge", kept["email"], gone["lead_id"], "--json")
    assert (outlook.code, outlook.json["status"], outlook.json["outlook"]["gone"]) == (7, "guarded", gone["lead_id"])
    done = leadloom("leads", "merge", kept["email"], gone["lead_id"], "--yes", "--by", "anna", "--json").json
    assert (done["status"], done["merged"]["kept"], done["merged"]["gone"]) == ("done", kept["lead_id"], gone["lead_id"])
    assert leadloom("leads", "show", gone["lead_id"], "--json").json["lead_id"] == kept["lead_id"]
    assert gone["lead_id"] in leadloom("leads", "show", kept["lead_id"]).out


def test_the_history_of_both_is_the_history_of_the_lead(leadloom, leads):
    kept, gone = leads[0]["lead_id"], leads[1]["lead_id"]
    leadloom("leads", "merge", kept, gone, "--yes")
    rows = leadloom("leads", "history", kept, "--json").json["history"]
    assert {"lead", f"lead {gone}"} <= {one["where"] for one in rows}
    assert [(one["old"], one["new"]) for one in rows if one["field"] == "merge"] == [(gone, kept)] * 2


def test_why_says_how_it_was_at_any_moment(leadloom, leads):
    kept, gone = leads[0], leads[1]
    before = leadloom("leads", "why", gone["lead_id"], "--json").json
    at = datetime.now(UTC).isoformat()
    run = leadloom("leads", "merge", kept["lead_id"], gone["lead_id"], "--yes", "--json").json["run"]
    then = leadloom("leads", "why", gone["lead_id"], "--as-of", at, "--json").json
    assert (then["lead_id"], values(then)) == (gone["lead_id"], values(before))
    assert {one["id"] for one in then["records"]} == {one["id"] for one in before["records"]}
    now = leadloom("leads", "why", gone["lead_id"], "--json").json
    assert now["lead_id"] == kept["lead_id"]
    assert {one["id"] for one in now["records"]} >= {one["id"] for one in before["records"]}
    assert any(one["run"] == run for one in now["fields"])


def values(document: Any) -> dict[str, Any]:
    return {one["field"]: one["value"] for one in document["fields"]}


def test_runs_and_undo_know_it(leadloom, leads):
    kept, gone = leads[0]["lead_id"], leads[1]["lead_id"]
    run = leadloom("leads", "merge", kept, gone, "--yes", "--json").json["run"]
    assert gone in leadloom("runs", run).out
    undone = leadloom("undo", run, "--json").json
    assert undone["undone"]["split"]["gone"] == gone
    assert leadloom("leads", "show", gone, "--json").json["lead_id"] == gone
    assert leadloom("undo", run).code == 2


def test_a_record_is_split_off_by_its_name(leadloom, leads):
    lead = next(one for one in leads if len(one["in"]) > 1)["lead_id"]
    first = leadloom("leads", "show", lead, "--json").json["records"][0]
    name = f"{first['account']}:{first['object']}:{first['id']}"
    assert leadloom("leads", "split", lead, "--record", name).code == 7
    new = leadloom("leads", "split", lead, "--record", name, "--yes", "--json").json["split"]
    assert (new["kept"], new["records"]) == (lead, [name])
    assert [one["id"] for one in leadloom("leads", "show", new["gone"], "--json").json["records"]] == [first["id"]]
    assert leadloom("leads", "split", lead, "--record", name, "--yes").code == 2
    said = leadloom("leads", "split", lead, "--record", "hubspot", "--yes")
    assert (said.code, "ACCOUNT:OBJECT:ID" in said.err) == (2, True)
