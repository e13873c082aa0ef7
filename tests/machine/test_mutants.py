"""The laws are tested too: an engine with a defect breaks one of them, the honest engine does not in the same trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest

from sync import lookup
from sync.outcome import Became
from tests.machine.laws import Broken
from tests.machine.mutants import MUTANTS, Mutant, honest, wrong_in
from tests.machine.stage import Stage
from tests.machine.world import RandomWorld


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    told = Stage(tmp_path_factory.mktemp("stage"), met=True)
    told.begin(told.sync)
    yield told
    told.world.mortal.inner.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_defect_is_caught_and_an_honest_engine_is_not(stage: Stage, mutant: Mutant) -> None:
    assert wrong_in(stage, mutant.trouble, honest) == ""
    assert wrong_in(stage, mutant.trouble, mutant.bend).startswith(mutant.caught_as)


@pytest.mark.timeout(600)
def test_an_engine_that_writes_over_what_was_set_back_is_caught_and_an_honest_one_is_not(tmp_path: Path) -> None:
    take_back_often(tmp_path / "honest")
    with patch.object(lookup, "became", lambda *_: Became.NEVER_LANDED), pytest.raises(Broken, match="set back, and written over"):
        take_back_often(tmp_path / "blind")


def take_back_often(folder: Path) -> None:
    for number in range(6):
        (folder / str(number)).mkdir(parents=True)
        world = RandomWorld(Random(number), folder / str(number), 4)
        world.full_sync()
        for _ in range(3):
            world.take_back()
        world.mortal.inner.close()
