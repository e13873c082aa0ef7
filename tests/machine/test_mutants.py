"""The laws are tested too: an engine with a defect breaks one of them, the honest engine does not in the same trouble."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.machine.mutants import MUTANTS, Mutant, honest, wrong_in
from tests.machine.stage import Stage


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
