"""After any noise the CRMs fall quiet, and nothing that a person did is lost, doubled or loosened.

A failing world prints its seed and its story; `play(seed, folder)` plays it again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.world_laws import Broken, check
from tests.sync.worlds import RandomWorld, closing

FEW = 24
MANY = 2_000
BLOCK = 50


def play(seed: int, folder: Path) -> RandomWorld:
    with closing(RandomWorld(seed, folder)) as world:
        try:
            world.play()
            check(world)
        except AssertionError as broken:
            raise Broken("\n".join([f"world {seed}: {broken}", *world.story])) from broken
    return world


@pytest.mark.parametrize("first", range(0, FEW, 4))
def test_worlds_fall_quiet_and_keep_the_laws(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        play(seed, folder)


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, MANY, BLOCK))
def test_many_worlds_fall_quiet_and_keep_the_laws(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + BLOCK):
        folder = tmp_path / str(seed)
        folder.mkdir()
        play(1_000_000 + seed, folder)
