"""Which behaviours of the vendors the sandbox shows, and by which tests.

    python -m tests.sandbox.checklist

prints every line with its tests, and the count. The lines are those of our research on each CRM, numbered for each (X: all four). A test
proves a line by bearing its number, as `test_hs_31_...` does.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).parents[1]
LAST: Mapping[str, int] = {"X": 14, "HS": 80, "PD": 53, "SF": 49, "AC": 32}
WEBHOOKS = "webhooks and their delivery come with the receiver that will read them"
JOURNAL = "journals and change events come with the reader that will follow them"
LATER: Mapping[str, str] = {
    "X-10": WEBHOOKS,
    **{f"HS-{number}": WEBHOOKS for number in range(73, 80)},
    "HS-80": JOURNAL,
    **{f"PD-{number}": WEBHOOKS for number in range(47, 54)},
    "SF-48": WEBHOOKS,
    "SF-49": JOURNAL,
    **{f"AC-{number}": WEBHOOKS for number in range(30, 33)},
}


def lines() -> list[str]:
    return [f"{crm}-{number:02}" for crm, last in LAST.items() for number in range(1, last + 1)]


def proofs() -> dict[str, list[str]]:
    """The tests that bear a line's number, by line."""
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for name in _tests_of(file):
            crm, number = re.match(r"test_(x|hs|pd|sf|ac)_(\d+)", name).groups()  # type: ignore[union-attr]  # _tests_of matched it
            found.setdefault(f"{crm.upper()}-{number}", []).append(f"{file.name}::{name}")
    return found


def _tests_of(file: Path) -> Iterator[str]:
    """The numbered tests of a module that run: not those that are skipped or expected to fail."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and re.match(r"test_(x|hs|pd|sf|ac)_\d+_", node.name) and not _is_excused(node):
            yield node.name


def _is_excused(test: ast.FunctionDef) -> bool:
    return any(mark in ast.unparse(decorator) for decorator in test.decorator_list for mark in ("skip", "xfail"))


def main() -> None:
    found = proofs()
    for line in lines():
        sys.stdout.write(f"{line}  {', '.join(found[line]) if line in found else 'later: ' + LATER[line]}\n")
    for crm in LAST:
        own = [line for line in lines() if line.startswith(f"{crm}-")]
        proved, later = sum(line in found for line in own), sum(line in LATER for line in own)
        sys.stdout.write(f"{crm}: {proved} of {len(own)} lines proved, {later} later\n")
    sys.stdout.write(f"all: {len(found)} of {len(lines())} lines proved by {sum(map(len, found.values()))} tests, {len(LATER)} later\n")


if __name__ == "__main__":
    main()
