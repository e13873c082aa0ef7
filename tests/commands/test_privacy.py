"""`privacy`: erasing, looking somebody up on the list, and the documents that are handed over."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def somebody(leadloom: Any, configured: Any) -> dict[str, Any]:
    """A lead with an address, in CRMs that were synced."""
    configured()
    leadloom("sync", "--json")
    found: dict[str, Any] = next(row for row in leadloom("leads", "list", "--json").json if row["email"] is not None and len(row["in"]) > 1)
    return found


def test_erasing_says_who_deleted_what_and_the_list_knows_the_address(leadloom, somebody):
    said = leadloom("privacy", "erase", somebody["lead_id"], "--reason", "ticket 7", "--yes", "--json")
    assert said.code == 0
    assert {row["account"] for row in said.json["recipients"]} == set(somebody["in"])
    assert all(row["deleted_at"] is not None for row in said.json["recipients"])
    assert leadloom("privacy", "suppressed", somebody["email"].upper(), "--json").json["suppressed"] is True
    assert leadloom("leads", "show", somebody["lead_id"]).code == 2
    report = leadloom("sync", "--json").json
    assert all(account["out"]["planned"] == 0 for account in report["accounts"].values())


def test_nobody_is_erased_without_a_yes(leadloom, somebody):
    assert leadloom("privacy", "erase", somebody["lead_id"], "--reason", "ticket 7").code != 0
    assert leadloom("leads", "show", somebody["lead_id"]).code == 0


TOLD = {
    "grant": ("grant", "--note", "told at the fair"),
    "withdraw": ("withdraw",),
    "object": ("object",),
}


@pytest.mark.parametrize("kind", TOLD)
def test_nothing_is_kept_of_what_an_operator_says_about_who_was_erased(leadloom, somebody, kind, tmp_path: Path):
    leadloom("privacy", "erase", somebody["lead_id"], "--reason", "ticket 7", "--yes")
    before = leadloom("consent", "anchor").out
    command, *more = TOLD[kind]
    name, _, domain = somebody["email"].partition("@")
    for spelling in (somebody["email"], somebody["email"].upper(), f"{name}+news@{domain}"):
        said = leadloom("consent", command, spelling, "--by", "support", *more)
        assert (said.code, said.out) == (2, "")
        assert "on the list of erased people" in said.err
    assert leadloom("consent", "anchor").out == before
    assert_no_trace(tmp_path, somebody["email"])


def test_an_import_of_consents_parks_who_was_erased_and_keeps_the_others(leadloom, somebody, tmp_path: Path):
    leadloom("privacy", "erase", somebody["lead_id"], "--reason", "ticket 7", "--yes")
    when = {"lo": "2026-01-10T09:00:00Z", "hi": "2026-01-10T09:00:00Z"}
    told = {"kind": "grant", "purposes": ["marketing.newsletter"], "channels": ["email"], "occurred": when}
    rows = [{**told, "identifier": f"email:{address}"} for address in (somebody["email"], "somebody.else@firma.example")]
    (tmp_path / "events.json").write_text(json.dumps(rows))
    said = leadloom("import", "events.json", "--kind", "consent", "--source", "tool", "--provenance", "own_form", "--json")
    assert said.code == 0
    assert said.json == {"rows": 2, "added": 1, "parked": 1, "rejected": 0, "rejects": None}
    again = leadloom("import", "events.json", "--kind", "consent", "--source", "tool", "--provenance", "own_form")
    assert "1 parked" in again.out
    (tmp_path / "events.json").unlink()
    assert_no_trace(tmp_path, somebody["email"])


def test_an_import_of_leads_does_not_count_the_parked_as_taken_in(leadloom, somebody, tmp_path: Path):
    leadloom("privacy", "erase", somebody["lead_id"], "--reason", "ticket 7", "--yes")
    (tmp_path / "two.csv").write_text(f"email,first_name\n{somebody['email']},Back\nnew@firma.example,New\n")
    said = leadloom("import", "two.csv", "--source", "fair", "--provenance", "event")
    assert (said.code, "Rows taken in: 1." in said.out, "parked, and not stored: 1." in said.err) == (0, True, True)


def assert_no_trace(folder: Path, address: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if address.lower().encode() in path.read_bytes().lower()] == []


def test_an_address_that_was_never_erased_is_not_on_the_list(leadloom, somebody):
    assert leadloom("privacy", "suppressed", somebody["email"], "--json").json == {"suppressed": False, "since": None}


def test_what_is_no_address_is_refused(leadloom, somebody):
    said = leadloom("privacy", "suppressed", "not@an@address")
    assert said.code == 2
    assert "This is no e-mail address" in said.err


def test_access_shows_what_a_bought_list_says(leadloom, configured, tmp_path: Path):
    configured()
    (tmp_path / "list.csv").write_text("email,job_title\nann@bought.example,CTO\n")
    leadloom("import", "list.csv", "--source", "broker", "--provenance", "purchased")
    document = leadloom("privacy", "export", "ann@bought.example").json
    (bought,) = document["quarantined"]
    assert (bought["account"], bought["says"]["email"], bought["says"]["job_title"]) == ("import", "ann@bought.example", "CTO")
    assert "CTO" not in json.dumps(document["fields"])


def test_access_shows_everything_with_its_source_and_recipients(leadloom, somebody, tmp_path: Path):
    assert leadloom("privacy", "export", somebody["lead_id"], "-o", "access.json").code == 0
    document = json.loads((tmp_path / "access.json").read_text("utf-8"))
    assert {row["account"] for row in document["recipients"]} == set(somebody["in"])
    assert all(row["from"] is not None for row in document["fields"] if row["field"] == "emails")
    assert document["concluded"]["score"] == somebody["score"]
    assert stat.S_IMODE((tmp_path / "access.json").stat().st_mode) == 0o600


def test_access_shows_what_is_known_of_consent_its_sources_and_how_long_it_is_kept(leadloom, somebody, tmp_path: Path):
    consent_of(tmp_path, leadloom, {"identifier": f"email:{somebody['email']}"})
    document = leadloom("privacy", "export", somebody["lead_id"]).json
    (event,) = document["consent"]["events"]
    assert (event["evidence"]["request"]["ip"], event["notice"]["text_sha256"], event["kind"]) == ("203.0.113.7", "ab12", "grant")
    assert {row["purpose"] for row in document["consent"]["status"]} >= {"marketing.newsletter"}
    assert document["consent"]["left_out"] == 0
    assert "import tool" in document["sources"]
    silence = set() if somebody["stage"] == "customer" else {"prospect"}
    assert {row["clock"] for row in document["retention"]} == silence
    consent_of(tmp_path, leadloom, {"identifier": f"email:{somebody['email']}", "kind": "withdraw"})
    assert {row["clock"] for row in leadloom("privacy", "export", somebody["lead_id"]).json["retention"]} == {"email_proof", *silence}
    assert "consent" not in leadloom("privacy", "export", somebody["lead_id"], "--art", "20").json
    assert leadloom("privacy", "export", somebody["lead_id"], "-o", "access.html").code == 0
    page = (tmp_path / "access.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert all(told in page for told in (somebody["email"], "203.0.113.7", "ab12"))
    assert stat.S_IMODE((tmp_path / "access.html").stat().st_mode) == 0o600


def test_access_leaves_out_what_others_said_at_an_address_that_they_share(leadloom, configured, tmp_path: Path):
    configured()
    (tmp_path / "two.csv").write_text("email,first_name,phone\nada@one.example,Ada,+49 30 23125000\nbea@two.example,Bea,+49 30 23125000\n")
    assert leadloom("import", "two.csv", "--source", "fair", "--provenance", "event").code == 0
    ada, bea = (leadloom("leads", "show", address, "--json").json["lead_id"] for address in ("ada@one.example", "bea@two.example"))
    consent_of(tmp_path, leadloom, {"identifier": "phone:+493023125000", "channels": ["phone"], "person": ada})
    assert "203.0.113.7" in leadloom("privacy", "export", ada).out
    of_bea = leadloom("privacy", "export", bea)
    assert "203.0.113.7" not in of_bea.out
    assert (of_bea.json["consent"]["events"], of_bea.json["consent"]["left_out"]) == ([], 1)


def consent_of(folder: Path, leadloom: Any, more: dict[str, Any]) -> None:
    """An event with evidence and text, from a file."""
    when = {"lo": "2026-01-10T09:00:00Z", "hi": "2026-01-10T09:00:00Z"}
    told = {"kind": "grant", "purposes": ["marketing.newsletter"], "channels": ["email"], "occurred": when}
    proof = {"evidence": {"request": {"at": when["lo"], "ip": "203.0.113.7"}}, "notice": {"form_id": "nl", "text_sha256": "ab12"}}
    (folder / "events.json").write_text(json.dumps([{**told, **proof, **more}]))
    assert leadloom("import", "events.json", "--kind", "consent", "--source", "tool", "--provenance", "own_form").code == 0


def test_what_the_person_provided_holds_no_conclusions(leadloom, somebody):
    fields = leadloom("privacy", "export", somebody["lead_id"], "--art", "20").json["fields"]
    assert fields["emails"][0] == somebody["email"]
    assert {"score", "grade", "owner", "stage", "reason"}.isdisjoint(fields)


def test_what_is_kept_for_too_long_is_listed_and_nothing_is_deleted(leadloom, somebody):
    assert leadloom("privacy", "retention", "--json").json["counts"]["prospect"] == 0
    later = leadloom("privacy", "retention", "--until", "2099-01-31", "--json").json
    leads = leadloom("leads", "list", "--limit", "1000", "--json").json
    open_ones = {lead["lead_id"] for lead in leads if lead["stage"] != "customer"}
    assert {row["about"] for row in later["due"] if row["clock"] == "prospect"} == open_ones
    assert "Nothing was deleted" in leadloom("privacy", "retention", "--until", "2099-01-31").out
    assert leadloom("leads", "show", somebody["lead_id"]).code == 0
