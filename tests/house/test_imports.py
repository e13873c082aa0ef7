"""Who may import whom. The table is the architecture; docs/architecture.md says why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("leads", "mappings", "connectors", "sync", "store", "sandbox", "commands")
MAY_IMPORT = {
    "leads": (),
    "mappings": ("leads",),
    "connectors": (),
    "sync": ("leads", "mappings", "connectors.base", "connectors.errors"),
    "store": ("leads", "sync.state", "sync.journal", "connectors.base"),  # the inbox keeps records as they came
    "sandbox": (),
    "commands": (*ROOMS, "cli"),
}
PURE = (
    "leads",
    "sync/link.py",
    "sync/ask.py",
    "sync/rebase.py",
    "sync/merge.py",
    "sync/compare.py",
    "sync/contest.py",
    "sync/view.py",
    "sync/creating.py",
    "sync/decide.py",
    "sync/plan.py",
    "sync/endings.py",
    "sync/guard.py",
    "sync/outcome.py",
    "sync/settle.py",
    "sync/revert.py",
    "sync/undo.py",
    "sync/undone.py",
    "sync/state.py",
    "sync/journal.py",
    "sync/policy.py",
)
IMPURE = ("time", "random", "os", "logging", "sqlite3", "sqlalchemy", "requests", "threading", "socket", "secrets", "uuid")
MODULES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts]


def _imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, as `package.module`, including inside functions and for type checkers."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_in(module: str, allowed: tuple[str, ...]) -> bool:
    return any(module == each or module.startswith(each + ".") for each in allowed)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path: Path):
    room = path.relative_to(ROOT).parts[0]
    ours = [module for module in _imported(path) if module.split(".")[0] in (*ROOMS, "cli", "tests", "benchmarks")]
    assert [module for module in ours if not _is_in(module, (room, *MAY_IMPORT[room]))] == []


@pytest.mark.parametrize("path", [path for path in MODULES if str(path.relative_to(ROOT)).startswith(PURE)], ids=lambda path: path.name)
def test_a_pure_module_has_no_world(path: Path):
    assert [module for module in _imported(path) if module.split(".")[0] in IMPURE] == []
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)]
    assert [
        node.attr for node in calls if node.attr in ("now", "utcnow", "today") and ast.unparse(node.value) in ("datetime", "date")
    ] == []
    assert "open(" not in "".join(ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
