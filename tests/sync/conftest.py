from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sync.rig import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Builds worlds: `world(rows, crms, hubspot={switches})`."""
    made: list[World] = []

    def build(*arguments: Any, **settings: Any) -> World:
        made.append(World(tmp_path, *arguments, **settings))
        return made[-1]

    yield build
    for one in made:
        one.store.close()
