"""Kill the process anywhere: the next run makes everything good, nothing is doubled, lost, or done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine.kills import Death, in_process, real, table
from tests.machine.stage import STAGES

REAL, PARTS = 40, 8


@pytest.mark.timeout(600)
def test_a_process_killed_by_sigkill_leaves_nothing_to_clean_up(tmp_path: Path) -> None:
    deaths = list(real(tmp_path, REAL))
    print(table(deaths))
    assert [death for death in deaths if death.wrong] == []
    assert len({death.where for death in deaths if death.where}) > REAL // 2, "the kills are spread over the run"


def dying(folder: Path, story: str, part: int, parts: int) -> list[Death]:
    deaths = list(in_process(STAGES[story](folder), part=part, parts=parts))
    print(table(deaths))
    return deaths


@pytest.mark.timeout(600)
@pytest.mark.parametrize("story", ["undo of a run", "undo of a merge"])
def test_an_undo_that_died_is_made_good_by_the_same_undo(story: str, tmp_path: Path) -> None:
    deaths = dying(tmp_path, story, 7, 20)
    assert [death for death in deaths if death.wrong] == []
    assert len(deaths) > 12


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("story", STAGES)
def test_a_death_at_any_kill_point_is_made_good_by_the_next_run(story: str, part: int, tmp_path: Path) -> None:
    deaths = dying(tmp_path, story, part, PARTS)
    assert [death for death in deaths if death.wrong] == []
    assert len(deaths) >= 250 // PARTS
