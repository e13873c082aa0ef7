"""`status`, `doctor` and `verify`, as a person or a monitor meets them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.commands.test_flows import control


def test_verify_finds_nothing_after_a_sync_and_something_after_an_edit(leadloom, configured, crms):
    configured()
    leadloom("sync")
    said = leadloom("verify", "--json")
    assert (said.json["differences"], said.json["stopped"], said.code) == ([], {}, 0)
    contact = control(crms, "hubspot", "records")["contacts"][0]["id"]
    control(crms, "hubspot", "act", {"do": "edit", "object": "contacts", "id": contact, "fields": {"city": "Atlantis"}})
    found = leadloom("verify", "--json")
    assert found.code == 4
    assert [(one["kind"], one["field"], one["shown"]) for one in found.json["differences"]] == [("unread", "address.city", "Atlantis")]
    assert "Atlantis" in leadloom("verify").out


def test_status_tells_the_last_run_and_what_waits(leadloom, configured, crms):
    configured()
    leadloom("sync")
    crms.stop()
    status = leadloom("status", "--json").json
    assert (status["last_run"]["kind"], status["last_run"]["status"]) == ("sync", "done")
    assert all(one["lag_s"] >= 0 and one["records"] > 0 and one["written_to"] for one in status["accounts"].values())
    assert status["unanswered"] == 0
    assert leadloom("status").code == 0


def test_doctor_is_content_with_what_works(leadloom, configured):
    configured()
    said = leadloom("doctor", "--json")
    assert said.code == 0
    assert {one["check"] for one in said.json} >= {"settings", "store", "credentials", "identity", "fields of contacts"}
    leadloom("sync")
    assert "as before" in leadloom("doctor").out


def test_doctor_names_a_wrong_token_and_goes_on_with_the_others(leadloom, configured):
    configured({"sandbox-hubspot-token": "pat-wrong-secret"})
    said = leadloom("doctor", "--json")
    wrong = [one for one in said.json if one["result"] == "wrong"]
    assert (said.code, [(one["account"], one["check"]) for one in wrong]) == (4, [("hubspot", "credentials")])
    assert wrong[0]["fix"]
    assert "pat-wrong-secret" not in said.out + said.err
    assert {"salesforce", "pipedrive"} <= {one["account"] for one in said.json if one["result"] == "fine"}


def test_doctor_knows_another_company_behind_a_known_name(leadloom, configured, crms):
    configured()
    leadloom("sync")
    control(crms, "hubspot", "settings", {"portal_id": 999})
    said = leadloom("doctor", "--json")
    assert [one["check"] for one in said.json if one["result"] == "wrong"] == ["identity"]
    assert said.code == 4


def test_two_syncs_at_once_one_works_and_the_other_says_who_holds_the_lease(configured, crms, tmp_path):
    """Two real processes: the first is kept busy by a slow CRM until the second has given up."""
    path = configured()
    root = Path(__file__).parents[2]
    control(crms, "hubspot", "faults", {"match": {"method": "GET", "path": "*"}, "fault": "503", "times": 3})
    command = [sys.executable, "-m", "cli", "--config", str(path), "sync", "--json"]
    first = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lease = tmp_path / "leadloom.db.lease"
    deadline = time.monotonic() + 30
    while not (lease.exists() and lease.read_text()) and time.monotonic() < deadline and first.poll() is None:
        pass
    second = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert json.loads(out)["status"] == "done"
    assert second.returncode == 5
    assert f"process {first.pid} on" in second.stderr
    assert ", since 20" in second.stderr
    assert second.stdout == ""
