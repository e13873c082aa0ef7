from __future__ import annotations

from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.toml"
USUAL = {"hubspot": 9101, "salesforce": 9102, "pipedrive": 9103, "activecampaign": 9104}


def test_the_example_works_as_shipped_against_the_sandbox(leadloom, crms, tmp_path):
    """Only the ports differ: the usual ones may be in use on this machine."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for crm, port in USUAL.items():
        assert f"http://127.0.0.1:{port}" in text
        text = text.replace(f"http://127.0.0.1:{port}", crms.ready[crm]["base_url"])
    (tmp_path / "example.toml").write_text(text, encoding="utf-8")
    first, second = (leadloom("--config", "example.toml", "sync", "--json") for _ in range(2))
    assert (first.code, second.code) == (0, 0), first.err
    assert list(first.json["accounts"]) == list(USUAL)
    assert sum(account["out"]["created"] for account in first.json["accounts"].values()) > 0
    assert sum(account["out"][what] for account in second.json["accounts"].values() for what in ("created", "updated")) == 0
