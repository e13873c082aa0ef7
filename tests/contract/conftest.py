"""The rigs as a fixture, and the list of deviations as strict expected failures."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.dialects import DIALECTS
from tests.contract.rigs import RIGS, Rig, rigged

DEVIATIONS = Path(__file__).with_name("deviations.toml")


@pytest.fixture(params=RIGS)
def crm(request: pytest.FixtureRequest) -> str:
    need = getattr(request.function, "need", None)
    if need is not None and not need.met(DIALECTS[request.param]):
        pytest.skip(f"{request.param} does not declare: {need.what}")
    return str(request.param)


@pytest.fixture
def rig(crm: str) -> Iterator[Rig]:
    with rigged(crm) as made:
        yield made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    listed = deviations()
    for item in items:
        if Path(item.path).parent != DEVIATIONS.parent:
            continue
        for one in listed:
            if _is_about(item, one):
                item.add_marker(pytest.mark.xfail(strict=True, reason=f"{one['reason']} ({one['url']}, {one['date']})"))


def _is_about(item: pytest.Item, deviation: dict[str, Any]) -> bool:
    called = getattr(item, "callspec", None)
    name = getattr(item, "originalname", item.name)
    return name == deviation["test"] and called is not None and called.params.get("crm") == deviation["connector"]


def deviations() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads(DEVIATIONS.read_text("utf-8")).get("deviation", [])
    return listed
