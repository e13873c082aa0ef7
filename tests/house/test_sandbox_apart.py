"""The servers and the connectors are written twice, from the vendors' pages: a misreading in one shows up in the other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


def _functions(folder: Path) -> dict[str, str]:
    """Bodies of functions of some size, without their names and comments."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and len(node.body) >= 4:
                found["\n".join(ast.unparse(line) for line in node.body)] = f"{path.name}: {node.name}"
    return found


@pytest.mark.parametrize(("one", "other"), [("sandbox", "connectors"), ("connectors", "sandbox")])
def test_neither_imports_the_other(root: Path, one: str, other: str):
    for path in (root / one).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not any(name.split(".")[0] == other for name in names), path


def test_no_function_is_copied(root: Path):
    servers, connectors = _functions(root / "sandbox"), _functions(root / "connectors")
    assert [(servers[body], connectors[body]) for body in servers.keys() & connectors.keys()] == []
