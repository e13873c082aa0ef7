"""The JavaScript clients of HubSpot and Salesforce, as published, against the local servers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.running import Running

HERE = Path(__file__).parent


def node_with(package: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    found = subprocess.run([node, "-e", f"require('{package}')"], capture_output=True, check=False, env=os.environ, timeout=60)
    if found.returncode != 0:
        pytest.skip(f"npm's {package} is not installed where NODE_PATH points")
    return node


def round_of(node: str, script: str, ready: dict[str, str]) -> Any:
    command = [node, str(HERE / script), ready["base_url"], ready["token"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_hubspots_client_makes_a_round(serve: Callable[..., Running]) -> None:
    node = node_with("@hubspot/api-client")
    answer = round_of(node, "hubspot_round.cjs", serve("hubspot").ready["hubspot"])
    assert answer == {"city": None, "lastname": "King", "found": ["King"], "listed": 1, "left": 0}


def test_jsforce_makes_a_round(serve: Callable[..., Running]) -> None:
    node = node_with("jsforce")
    answer = round_of(node, "salesforce_round.cjs", serve("salesforce").ready["salesforce"])
    assert answer == {
        "email": "ada@x.example",
        "updated": True,
        "created": True,
        "found": [["King", "hub@firma.example"]],
        "key": True,
        "deleted": True,
        "left": 1,
    }
