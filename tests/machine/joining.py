"""Worlds whose settings let the evidence join leads unasked: for the laws a merge by evidence is one like any other."""

from __future__ import annotations

from typing import Any

from sync.workspace import Workspace
from tests.machine.machine import Machine
from tests.machine.world import RandomWorld


class JoiningWorld(RandomWorld):
    def workspace(self, **changes: Any) -> Workspace:
        return super().workspace(**{"joins_certain": True, **changes})


class JoiningMachine(Machine):
    World = JoiningWorld
