from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import typer

from cli import app

PAGES = sorted(Path(__file__).resolve().parents[2].glob("docs/**/*.md"))


@pytest.fixture(scope="module")
def generate(root: Path):
    spec = importlib.util.spec_from_file_location("generate_docs", root / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current(generate):
    """If this fails: make docs"""
    stale = [page.name for page, text in generate.pages().items() if page.read_text(encoding="utf-8") != text]
    assert stale == []


def _commands(group, above=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield " ".join((*above, name)), command
            yield from _commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


def test_every_command_says_what_it_does():
    for name, command in _commands(typer.main.get_command(app)):
        assert command.help, name
        assert all(param.help for param in command.params), name


@pytest.mark.parametrize("page", [*PAGES, PAGES[0].parents[1] / "README.md"], ids=lambda page: page.name)
def test_a_page_names_only_commands_and_files_that_exist(root: Path, page: Path):
    text = page.read_text(encoding="utf-8")
    known = {name for name, _ in _commands(typer.main.get_command(app))}
    for line in re.findall(r"(?:^|`)leadloom ([a-z].*?)(?:`|$)", text, flags=re.MULTILINE):
        words = [word for word in line.split() if re.fullmatch(r"[a-z]+", word)]
        assert any(" ".join(words[:length]) in known for length in (1, 2)), f"{page.name}: leadloom {line}"
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_are_reachable_from_the_readme(root: Path):
    seen, to_see = set(), [root / "README.md"]
    while to_see:
        page = to_see.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        to_see += [
            (page.parent / target).resolve()
            for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
            if "://" not in target
        ]
    assert set(PAGES) - seen == set()
