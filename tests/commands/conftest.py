"""The command line as a person or a script meets it: arguments in; output, messages and an exit code back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli
import sandbox
from commands.starter import for_sandbox
from sandbox.people import people
from sandbox.running import Running


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Leadloom = Callable[..., Said]


@pytest.fixture
def leadloom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Leadloom:
    """Runs a command in a folder of its own. Nobody sits at the keyboard."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["leadloom", *arguments])
        code: object = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return Said(int(str(code or 0)), out, err)

    return run


@pytest.fixture
def crms() -> Iterator[Running]:
    with sandbox.start(0, seed=list(people(count=12))) as running:
        yield running


@pytest.fixture
def configured(crms: Running, tmp_path: Path) -> Callable[..., Path]:
    """Settings that point at the four CRMs, with pieces of the text replaced."""

    def write(replaced: Mapping[str, str] | None = None) -> Path:
        text = for_sandbox(crms.ready)
        for old, new in (replaced or {}).items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "leadloom.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
