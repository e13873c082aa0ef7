from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from commands.reading import read_settings
from commands.settings import TABLES

MACHINE_MADE = {"rules"}  # filled from the tables [fields.NAME]


@pytest.fixture(scope="module")
def example(root: Path) -> str:
    return (root / "config.example.toml").read_text(encoding="utf-8")


def _keys(text: str) -> set[str]:
    """Every key of a settings file, commented ones too, as `table.key`; names of one's own become NAME."""
    table, found = "", set()
    for line in text.splitlines():
        if (head := re.match(r"(?:# )?\[([\w.]+)\]", line)) is not None:
            first, dot, _ = head[1].partition(".")
            table = "mappings.NAME.OBJECT.FIELD" if first == "mappings" else f"{first}.NAME" if dot else first
        elif (key := re.match(r"(?:# )?([a-z_]+) = ", line)) is not None:
            found.add(f"{table}.{key[1]}")
    return found


def test_the_example_is_accepted_as_it_is(root: Path):
    assert list(read_settings(root / "config.example.toml").accounts) == ["hubspot", "salesforce", "pipedrive", "activecampaign"]


def test_the_example_shows_every_key_and_no_other(example: str):
    known = {f"{table}.{name}" for table, models in TABLES.items() for model in models for name in model.model_fields}
    assert _keys(example) == {key for key in known if key.rpartition(".")[2] not in MACHINE_MADE}


def test_every_key_has_a_description():
    bare = [
        f"{model.__name__}.{name}"
        for models in TABLES.values()
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert bare == []


def test_the_example_points_at_the_sandbox_on_its_usual_ports(example: str):
    accounts = tomllib.loads(example)["accounts"]
    assert [accounts[name]["base_url"][-4:] for name in ("hubspot", "pipedrive", "activecampaign")] == ["9101", "9103", "9104"]
    assert accounts["salesforce"]["instance_url"].endswith(":9102")
