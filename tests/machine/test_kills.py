"""Kill the process anywhere: the next run makes everything good, nothing is doubled, lost, or done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine.kills import in_process, real, table

REAL, PARTS = 40, 8


@pytest.mark.timeout(600)
def test_a_process_killed_by_sigkill_leaves_nothing_to_clean_up(tmp_path: Path) -> None:
    deaths = list(real(tmp_path, REAL))
    print(table(deaths))
    assert [death for death in deaths if death.wrong] == []
    assert len({death.where for death in deaths if death.where}) > REAL // 2, "the kills are spread over the run"


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("met", [False, True], ids=["first run", "later run"])
def test_a_death_at_any_kill_point_is_made_good_by_the_next_run(met: bool, part: int, tmp_path: Path) -> None:
    deaths = list(in_process(tmp_path, met=met, part=part, parts=PARTS))
    print(table(deaths))
    assert [death for death in deaths if death.wrong] == []
    assert len(deaths) >= 250 // PARTS
