"""Pipedrive's own JavaScript client, as published, against the imitation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.running import Running

ROUND = Path(__file__).with_name("pipedrive_round.cjs")


def node_with_the_client() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    found = subprocess.run([node, "-e", "require('pipedrive')"], capture_output=True, check=False, env=os.environ, timeout=60)
    if found.returncode != 0:
        pytest.skip("npm's pipedrive is not installed where NODE_PATH points")
    return node


def test_the_vendors_client_makes_a_round(serve: Callable[..., Running]) -> None:
    node = node_with_the_client()
    ready = serve("pipedrive").ready["pipedrive"]
    done = subprocess.run([node, str(ROUND), ready["base_url"], ready["token"]], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "id": 1,
        "last_name": "King",
        "marketing_status": "no_consent",
        "listed": 1,
        "found": ["ada@x.example"],
        "merged": True,
        "user": "hub@firma.example",
        "origin": "API",
        "deleted": 1,
    }
