from __future__ import annotations

PARTS = (
    "1. A plan",
    "2. The sync",
    "3. What was woven together",
    "4. Somebody edits",
    "It wrote 0 times: all four CRMs show the same leads.",
)


def test_the_demo_ends_with_a_run_that_writes_nothing(leadloom, tmp_path, monkeypatch):
    monkeypatch.setenv("LEADLOOM__ACCOUNTS__MINE__TOKEN", "must not matter")
    said = leadloom("demo", "--people", "15")
    assert said.code == 0, said.out + said.err
    assert [part for part in PARTS if part not in said.out] == []
    assert list(tmp_path.iterdir()) == []
