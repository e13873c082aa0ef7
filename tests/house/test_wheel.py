from __future__ import annotations

import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOMS = {"commands", "connectors", "leads", "mappings", "sandbox", "store", "sync"}


@pytest.fixture(scope="module")
def names(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    wheel = next(WheelBuilder(str(root)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]))
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheel_brings_our_rooms_and_nothing_else(names: list[str]):
    """These are the names that land in site-packages: they are plain words, so the documentation asks for an environment of its own."""
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == ROOMS | {"cli.py"}


def test_nothing_is_forgotten(root: Path, names: list[str]):
    """A file that git ignores would be missing without a word."""
    files = {
        str(path.relative_to(root))
        for room in ROOMS
        for path in (root / room).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".tmp") and "__pycache__" not in path.parts
    }
    assert files - set(names) == set()


def test_the_licence_goes_along(names: list[str]):
    assert {name.rpartition("/")[2] for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_the_changelog_speaks_of_this_version(root: Path):
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## {version}" in (root / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_dependency_is_pinned(root: Path):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert pins == sorted(pins)
    pinned = {line.split("==")[0] for line in pins}
    wanted = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = {_bare(name) for name in wanted} - {"leadloom"}
    assert names - pinned == set()
    assert not any("/" in line or "@" in line for line in pins)


def _bare(requirement: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_." else " " for sign in requirement).split()[0]


def test_the_python_that_runs_this_is_supported():
    assert sys.version_info >= (3, 11)
