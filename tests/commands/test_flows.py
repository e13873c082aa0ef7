"""Whole flows through the front door: four CRMs over real HTTP, arguments in, exit codes and documents out."""

from __future__ import annotations

import json
import sqlite3
from urllib.request import Request, urlopen

import pytest

from sandbox import CRMS

IN = ["read", "new", "changed", "unchanged", "ended", "parked"]
OUT = ["planned", "created", "updated", "deleted", "held", "skipped", "failed", "unknown"]


def control(crms, crm: str, path: str, body: object = None):
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{crms.ready[crm]['base_url']}/_sandbox/{path}", data=data, headers={"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return json.loads(answer.read() or "null")


def writes(report) -> int:
    return sum(account["out"][what] for account in report["accounts"].values() for what in ("created", "updated", "deleted"))


def keys_in(crms) -> int:
    return sum(json.dumps(control(crms, crm, "records")).count('"ld_') for crm in CRMS)


def test_the_document_of_a_sync_has_the_promised_shape(leadloom, configured):
    configured()
    said = leadloom("sync", "--json")
    report = said.json
    assert said.code == 0
    assert list(report) == ["run", "status", "accounts", "leads", "reviews", "problems"]
    assert list(report["accounts"]) == list(CRMS)
    for account in report["accounts"].values():
        assert list(account) == ["in", "out", "api_calls"]
        assert list(account["in"]) == IN
        assert list(account["out"]) == OUT
        assert account["in"]["read"] == sum(account["in"][key] for key in IN[1:])
        assert account["out"]["planned"] == sum(account["out"][key] for key in OUT[1:])
    assert list(report["leads"]) == ["new", "changed", "merged"]
    assert all(list(problem) == ["id", "account", "cause", "count", "fix"] for problem in report["problems"])


def test_a_second_run_writes_nothing(leadloom, configured):
    configured()
    assert writes(leadloom("sync", "--json").json) > 0
    again = leadloom("sync", "--json")
    assert again.code == 0
    assert writes(again.json) == 0


def test_a_persons_edit_reaches_the_other_crms(leadloom, configured, crms):
    configured()
    leadloom("sync")
    contact = control(crms, "hubspot", "records")["contacts"][0]
    control(crms, "hubspot", "act", {"do": "edit", "object": "contacts", "id": contact["id"], "fields": {"jobtitle": "Head of Rehearsals"}})
    leadloom("sync")
    told = [crm for crm in CRMS if "Head of Rehearsals" in json.dumps(control(crms, crm, "records"))]
    assert told == list(CRMS)
    assert writes(leadloom("sync", "--json").json) == 0


def test_a_plan_writes_nothing_and_apply_does_exactly_that(leadloom, configured, crms, tmp_path):
    configured()
    planned = leadloom("plan", "-o", "plan.json", "--json", "--detailed-exitcode")
    assert planned.code == 3
    assert planned.json == json.loads((tmp_path / "plan.json").read_text())
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0
    assert keys_in(crms) == 0
    applied = leadloom("apply", "plan.json", "--json")
    assert applied.code == 0
    assert writes(applied.json) == len(planned.json["rows"])
    assert leadloom("plan", "--detailed-exitcode").code == 0


def test_a_plan_is_stale_when_the_settings_changed(leadloom, configured, crms):
    configured()
    leadloom("plan", "-o", "plan.json")
    configured({"[scope.pipedrive]\ncreate = true": "[scope.pipedrive]\ncreate = false"})
    said = leadloom("apply", "plan.json")
    assert said.code == 6
    assert keys_in(crms) == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', "not json"])
def test_a_file_that_is_no_plan_is_said(leadloom, configured, tmp_path, text):
    configured()
    (tmp_path / "plan.json").write_text(text)
    said = leadloom("apply", "plan.json")
    assert said.code in (2, 6)
    assert "plan" in said.err


def test_a_first_run_only_plans(leadloom, configured, crms):
    configured({'first_run = "apply"': 'first_run = "plan"'})
    said = leadloom("sync", "--json")
    assert (said.code, said.json["status"]) == (7, "guarded")
    assert "--yes" in said.err
    assert keys_in(crms) == 0
    assert leadloom("sync", "--yes").code == 0
    assert keys_in(crms) > 0
    assert leadloom("sync").code == 0


def test_a_dry_run_writes_nothing(leadloom, configured, crms):
    configured()
    report = leadloom("sync", "--dry-run", "--json").json
    assert sum(account["out"]["planned"] for account in report["accounts"].values()) > 0
    assert writes(report) == 0
    assert keys_in(crms) == 0


def test_one_account_alone(leadloom, configured, crms):
    configured()
    assert list(leadloom("sync", "--account", "pipedrive", "--json").json["accounts"]) == ["pipedrive"]
    assert control(crms, "hubspot", "requests") == []
    assert leadloom("sync", "--account", "pipe").code == 2


def test_a_wrong_token_stops_its_account_and_no_other(leadloom, configured, crms):
    configured({"sandbox-hubspot-token": "pat-wrong-secret"})
    said = leadloom("sync", "--json")
    assert (said.code, said.json["status"]) == (1, "partial")
    assert said.err.startswith("hubspot:")
    assert "pat-wrong-secret" not in said.out + said.err
    assert writes(said.json) > 0
    assert [problem["account"] for problem in said.json["problems"]].count("hubspot") >= 1


def test_an_unreachable_host_stops_its_account(leadloom, configured, crms):
    port = crms.ready["pipedrive"]["base_url"].rpartition(":")[2]
    configured({f":{port}": ":9"})
    said = leadloom("sync", "--json")
    assert said.code == 1
    assert said.err.startswith("pipedrive:")
    assert "Traceback" not in said.err


def test_broken_settings_are_told_before_anything_is_contacted(leadloom, configured, crms):
    configured({'crm = "hubspot"': 'crm = "hubspto"'})
    said = leadloom("sync", "--json")
    assert said.code == 2
    assert 'Did you mean "hubspot"?' in said.err
    assert said.out == ""
    assert all(control(crms, crm, "requests") == [] for crm in CRMS)


def test_broken_rule_files_are_told_the_same_way(leadloom, configured, tmp_path, crms):
    path = configured()
    path.write_text(path.read_text() + '[scoring]\nfile = "mine.toml"\n')
    (tmp_path / "mine.toml").write_text("[ruleset\n")
    said = leadloom("sync")
    assert said.code == 2
    assert "mine.toml" in said.err
    assert all(control(crms, crm, "requests") == [] for crm in CRMS)


def test_no_settings_at_all(leadloom):
    said = leadloom("sync")
    assert said.code == 2
    assert "leadloom init" in said.err


def test_the_settings_may_be_named_before_or_after_the_command(leadloom, configured, tmp_path):
    configured().rename(tmp_path / "other.toml")
    assert leadloom("--config", "other.toml", "sync").code == 0
    assert leadloom("runs", "--config", "other.toml").code == 0


def test_another_company_behind_a_known_name_is_refused(leadloom, configured, crms):
    configured()
    leadloom("sync")
    before = control(crms, "hubspot", "records")
    control(crms, "hubspot", "settings", {"portal_id": 999})
    said = leadloom("sync")
    assert said.code == 2
    assert "hubspot" in said.err
    assert control(crms, "hubspot", "records") == before


def test_an_empty_store_against_crms_that_carry_our_keys(leadloom, configured, tmp_path):
    configured()
    leadloom("sync")
    ids = {lead["lead_id"] for lead in leadloom("leads", "list", "--json").json}
    (tmp_path / "leadloom.db").unlink()
    for file in tmp_path.glob("leadloom.db-*"):
        file.unlink()
    said = leadloom("sync")
    assert said.code == 7
    assert "leadloom adopt" in said.err
    assert leadloom("adopt").code == 0
    assert writes(leadloom("sync", "--json").json) == 0
    assert {lead["lead_id"] for lead in leadloom("leads", "list", "--json").json} == ids


def test_a_store_of_a_newer_version_is_refused(leadloom, configured, tmp_path):
    configured()
    leadloom("sync")
    with sqlite3.connect(tmp_path / "leadloom.db") as store:
        store.execute("update alembic_version set version_num = '9999'")
    store.close()
    said = leadloom("sync")
    assert said.code == 2
    assert "newer" in said.err


def test_two_at_once_are_not_possible(leadloom, configured, tmp_path):
    from store.store import open_store

    configured()
    store = open_store(f"sqlite:///{tmp_path}/leadloom.db")
    with store.lease():
        said = leadloom("sync")
    store.close()
    assert said.code == 5
    assert "Another Leadloom" in said.err


def test_looking_contacts_nobody(leadloom, configured, crms):
    configured()
    leadloom("sync")
    crms.stop()
    lead = next(lead for lead in leadloom("leads", "list", "--json").json if lead["email"] is not None)
    assert leadloom("leads", "show", lead["lead_id"][:12]).code == 0
    assert lead["lead_id"] in leadloom("leads", "why", lead["email"]).out
    assert leadloom("runs").code == 0
    assert leadloom("runs", "1", "--json").json["status"] == "done"
    assert leadloom("problems", "--json").code == 0
    assert lead["lead_id"] in leadloom("leads", "export").out


def test_looking_before_the_first_sync(leadloom, configured, tmp_path):
    configured()
    said = leadloom("leads", "list")
    assert said.code == 2
    assert "leadloom sync" in said.err
    assert not (tmp_path / "leadloom.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "99"),
        ("leads", "show", "nobody"),
        ("leads", "why", "nobody@example.com"),
        ("problems", "show", "99999"),
        ("problems", "retry", "99999"),
    ],
)
def test_what_is_not_there_is_said(leadloom, configured, arguments):
    configured()
    leadloom("sync")
    said = leadloom(*arguments)
    assert said.code == 2
    assert said.out == ""
    assert said.err.strip().endswith((".", "them."))


def test_leads_from_a_file_reach_the_crms(leadloom, configured, crms, tmp_path):
    configured()
    (tmp_path / "fair.csv").write_text("Vorname,Nachname,E-Mail,Firma\nKäthe,Neumann,kaethe.neumann@fair.example,Fair GmbH\nX,Y,broken,Z\n")
    said = leadloom("import", "fair.csv", "--kind", "leads", "--source", "fair", "--provenance", "event", "--json")
    assert said.code == 1
    assert (said.json["rows"], said.json["rejected"], said.json["leads"]["new"]) == (1, 1, 1)
    assert (tmp_path / "fair.rejects.csv").read_text().splitlines()[1].startswith("2,email ")
    leadloom("sync")
    told = [crm for crm in CRMS if "kaethe.neumann@fair.example" in json.dumps(control(crms, crm, "records"))]
    assert told == list(CRMS)
    assert leadloom("import", "fair.csv", "--source", "fair", "--provenance", "event", "--json").json["leads"]["new"] == 0


def test_bought_lists_go_into_quarantine(leadloom, configured, crms, tmp_path):
    configured()
    (tmp_path / "list.csv").write_text("email,first_name\nbought@example.com,Ann\nbroken,Ben\n")
    said = leadloom("import", "list.csv", "--source", "broker", "--provenance", "purchased")
    assert said.code == 1
    assert "They are in quarantine" in " ".join(said.err.split())
    assert (tmp_path / "list.rejects.csv").read_text().splitlines()[1].startswith("2,email ")
    leadloom("sync")
    assert [crm for crm in CRMS if "bought@example.com" in json.dumps(control(crms, crm, "records"))] == []
    assert [one["count"] for one in leadloom("problems", "--json").json if one["cause"] == "purchased"] == [1]


def test_records_of_bought_lists_that_stand_in_a_crm_stay_in_quarantine(leadloom, configured, crms):
    configured()
    lead = control(crms, "salesforce", "records")["Lead"][0]
    deed = {"do": "edit", "object": "Lead", "id": lead["Id"], "fields": {"LeadSource": "Purchased List"}}
    control(crms, "salesforce", "act", deed)
    leadloom("sync")
    told = [one for one in leadloom("problems", "--json").json if one["cause"] == "purchased"]
    assert [(one["account"], one["count"]) for one in told] == [("salesforce", 1)]


def test_the_export_is_private_and_complete(leadloom, configured, tmp_path):
    configured()
    leadloom("sync")
    assert leadloom("leads", "export", "-o", "out.csv").code == 0
    number = len(leadloom("leads", "export", "--json").json)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == number + 1
    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0
