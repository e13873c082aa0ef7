from __future__ import annotations

from pathlib import Path

import pytest

import sandbox
from commands.starter import for_sandbox


@pytest.fixture
def bare(tmp_path: Path):
    """Four CRMs without our fields, as they are before `setup`."""
    with sandbox.start(0, bare=True) as running:
        (tmp_path / "leadloom.toml").write_text(for_sandbox(running.ready))
        yield running


def test_a_sync_before_setup_says_what_is_missing(leadloom, bare):
    said = leadloom("sync")
    assert said.code == 2
    assert "leadloom_key" in said.err
    assert "leadloom setup" in said.err


def test_setup_creates_what_is_missing_and_nothing_twice(leadloom, bare):
    created = leadloom("setup", "--yes", "--json")
    assert created.code == 0
    assert all("leadloom_key" in names for objects in created.json["accounts"].values() for names in objects.values())
    again = leadloom("setup", "--yes", "--json")
    assert again.json == {"accounts": {crm: {} for crm in sandbox.CRMS}}
    assert leadloom("sync").code == 0


def test_without_a_person_to_ask_it_does_nothing(leadloom, bare, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    said = leadloom("setup")
    assert said.code == 2
    assert "--yes" in said.err
    assert leadloom("sync").code == 2


def test_one_account_only(leadloom, bare):
    assert list(leadloom("setup", "--account", "pipedrive", "--yes", "--json").json["accounts"]) == ["pipedrive"]
    assert leadloom("setup", "--account", "nobody", "--yes").code == 2


def test_the_fields_that_show_the_ledger_are_made_where_they_are_asked_for(leadloom, configured):
    configured({'crm = "pipedrive"\n': 'crm = "pipedrive"\nconsent_fields = true\n'})
    assert leadloom("doctor").code == 4
    created = leadloom("setup", "--yes", "--json").json["accounts"]
    told = [f"leadloom_consent_{channel}{part}" for channel in ("email", "phone") for part in ("", "_since", "_event")]
    assert (created["pipedrive"], created["hubspot"]) == ({"persons": told}, {})
    assert leadloom("sync", "--yes").code == 0
