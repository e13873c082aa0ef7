"""Every line of the checklist is proved by a test, or stands among those that come later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sandbox.checklist import LATER, lines, proofs

CHECKLIST = Path(__file__).parents[2] / "../shared/reference/crm/sandbox-behaviours.md"


def test_every_line_is_proved_or_comes_later() -> None:
    assert sorted({*proofs(), *LATER}) == sorted(lines())


def test_what_is_proved_does_not_come_later() -> None:
    assert proofs().keys() & LATER.keys() == set()


@pytest.mark.skipif(not CHECKLIST.exists(), reason="the research on the CRMs is not beside this checkout")
def test_the_lines_are_those_of_the_research() -> None:
    assert re.findall(r"^- \[.\] ((?:X|HS|PD|SF|AC)-\d+)", CHECKLIST.read_text("utf-8"), re.MULTILINE) == lines()
