"""The commands on our pages are run, in the order in which a reader meets them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sandbox import people

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
NOT_RUN = ("make", "pipx", "curl", ".", "-H", "leadloom sandbox", "leadloom demo", "leadloom init", "python -m")


def _lines(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip() != ""]


@pytest.mark.parametrize("page", [page for page in PAGES if _lines(page)], ids=lambda page: page.name)
def test_what_a_page_says_works(leadloom, configured, tmp_path, page):
    (tmp_path / "rehearsal.toml").write_text(configured().read_text())
    leadloom("sync")
    (tmp_path / "fair.csv").write_text("Name,E-Mail\nKäthe Neumann,kaethe@fair.example\nIda Lind,ida@fair.example\n", encoding="utf-8")
    (tmp_path / "answered.csv").write_text("left_row,right_row,decision\n", encoding="utf-8")
    (tmp_path / "events.json").write_text("[]", encoding="utf-8")
    lead, other = (one["lead_id"] for one in leadloom("leads", "list", "--limit", "2", "--json").json)
    for line in _lines(page):
        if not line.startswith(NOT_RUN):
            program, *arguments = shlex.split(line)
            assert program == "leadloom", line
            said = leadloom(*({"LEAD": lead, "OTHER": other}.get(word, word) for word in arguments))
            assert said.code == 0, f"{line}\n{said.out}\n{said.err}"


def test_people_as_a_file(tmp_path, monkeypatch):
    line = next(line for line in _lines(ROOT / "docs" / "sandbox.md") if line.startswith("python -m sandbox.people"))
    monkeypatch.chdir(tmp_path)
    people.main(shlex.split(line)[3:])
    assert len((tmp_path / "people.csv").read_text().splitlines()) > 300
