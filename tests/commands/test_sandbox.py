from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from commands.reading import read_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(tmp_path: Path):
    """A sandbox in a process of its own, and the line of JSON it printed."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str):
        command = [sys.executable, str(ROOT / "cli.py"), "sandbox", "--port", "0", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
        processes.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_one_line_of_json_then_it_serves_until_told_to_stop(started, kind):
    process, ready = started("--people", "5")
    assert list(ready) == ["hubspot", "salesforce", "pipedrive", "activecampaign"]
    hubspot = ready["hubspot"]
    request = Request(f"{hubspot['base_url']}/crm/v3/objects/contacts", headers={"Authorization": f"Bearer {hubspot['token']}"})
    with urlopen(request) as answer:
        assert len(json.load(answer)["results"]) > 0
    process.send_signal(kind)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_the_tokens_are_fixed(started):
    _, ready = started()
    assert ready["hubspot"]["token"] == "sandbox-hubspot-token"
    assert ready["pipedrive"]["token"] == "5a4db0c0" + "0" * 32
    assert ready["activecampaign"]["token"] == "sandbox-activecampaign-token"
    assert ready["salesforce"]["client_secret"] == "sandbox-salesforce-secret"


def test_settings_that_point_at_it(started, tmp_path):
    _, ready = started("--write-config", "rehearsal.toml")
    settings = read_settings(tmp_path / "rehearsal.toml")
    assert settings.guards.first_run == "apply"
    assert all(settings.scope_of(name).create for name in ready)
    assert not any(account.pacing for account in settings.accounts.values())


def test_state_survives_a_restart(started, tmp_path):
    process, first = started("--people", "20", "--state", "kept")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    _, again = started("--state", "kept")
    request = Request(f"{again['pipedrive']['base_url']}/_sandbox/records")
    with urlopen(request) as answer:
        assert len(json.load(answer)["persons"]) > 0
    assert first["hubspot"]["token"] == again["hubspot"]["token"]


def test_rows_that_a_crm_refuses_are_counted_on_stderr(started, tmp_path):
    (tmp_path / "people.csv").write_text("crm,last_name,email\nactivecampaign,Doe,not an address\nactivecampaign,Roe,roe@example.com\n")
    process, _ = started("--seed", "people.csv")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert "activecampaign: 1 of the rows refused" in err


def test_settings_of_a_person_are_not_overwritten(leadloom, tmp_path):
    (tmp_path / "mine.toml").write_text("[store]\n")
    said = leadloom("sandbox", "--port", "0", "--write-config", "mine.toml")
    assert said.code == 2
    assert (tmp_path / "mine.toml").read_text() == "[store]\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--seed", "none.csv"), "no such file"),
        (("--tls", "--write-config", "x.toml"), "self-signed"),
        (("--seed", "a.csv", "--people", "3"), "either"),
        (("--limits", "some"), "--limits"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(leadloom, arguments, sentence):
    said = leadloom("sandbox", "--port", "0", *arguments)
    assert said.code == 2
    assert sentence in said.err
    assert said.out == ""


def test_a_port_in_use_is_said(leadloom):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = leadloom("sandbox", "--port", str(taken.getsockname()[1] - 1))
    assert said.code == 2
    assert "--port" in said.err
