from __future__ import annotations

import pytest

from commands.reading import read_settings
from commands.starter import ACCOUNTS

VARIABLES = ("HUBSPOT_TOKEN", "SF_CLIENT_ID", "SF_CLIENT_SECRET", "PIPEDRIVE_TOKEN", "AC_TOKEN")


def test_in_a_pipe_it_asks_nothing_and_takes_all_four(leadloom, tmp_path, monkeypatch):
    assert leadloom("init").code == 0
    for name in VARIABLES:
        monkeypatch.setenv(name, "x")
    settings = read_settings(tmp_path / "leadloom.toml")
    assert list(settings.accounts) == list(ACCOUNTS)
    assert settings.guards.first_run == "plan"
    assert not any(settings.scope_of(name).create for name in settings.accounts)


def test_it_never_overwrites(leadloom, tmp_path):
    (tmp_path / "leadloom.toml").write_text("mine")
    said = leadloom("init")
    assert said.code == 2
    assert "left as it is" in said.err
    assert (tmp_path / "leadloom.toml").read_text() == "mine"


def test_one_crm_can_be_chosen(leadloom, tmp_path):
    assert leadloom("init", "other.toml", "--crm", "pipedrive").code == 0
    text = (tmp_path / "other.toml").read_text()
    assert "[accounts.pipedrive]" in text
    assert "hubspot" not in text


@pytest.mark.parametrize("arguments", [("--crm", "hubspto"), ("missing/folder/x.toml",)])
def test_what_cannot_be_done_is_said(leadloom, arguments):
    said = leadloom("init", *arguments)
    assert said.code == 2
    assert "Traceback" not in said.err


def test_the_starter_holds_no_secret(leadloom, tmp_path):
    leadloom("init")
    lines = (tmp_path / "leadloom.toml").read_text().splitlines()
    secrets = [line for line in lines if line.startswith(("token", "client_secret", "client_id"))]
    assert len(secrets) == 5
    assert all('"${' in line for line in secrets)
