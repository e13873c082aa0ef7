"""The machine that chooses: hypothesis drives people, faults and the hub over four sandbox CRMs, step by step, then all falls quiet.

Everything follows from what hypothesis draws: one thread, one clock for engine and servers, one source of dice.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.machine.laws import check
from tests.machine.world import RandomWorld

PLAYED: Counter[str] = Counter()  # what was done in all sequences of this process


def deed(name: str) -> Any:
    """A rule that does one thing of the world."""

    def do(self: Machine) -> None:
        PLAYED[name] += 1
        getattr(self.world, name)()

    do.__name__ = do.__qualname__ = name
    return rule()(do)


class Machine(RuleBasedStateMachine):
    World = RandomWorld
    world: RandomWorld

    @initialize(dice=st.randoms(use_true_random=False), people=st.integers(3, 7), met=st.booleans())
    def begin(self, dice: Random, people: int, met: bool) -> None:
        self.folder = Path(mkdtemp(prefix="leadloom-machine-"))
        self.world = self.World(dice, self.folder, people)
        if met:
            self.world.full_sync()

    # people

    edit, edit_again, edit_once_more = deed("edit"), deed("edit"), deed("edit")
    clear, number, add_address, change_address = deed("clear"), deed("number"), deed("add_address"), deed("change_address")
    stage, owner, edit_ours, opt_out, lift = deed("stage"), deed("owner"), deed("edit_ours"), deed("opt_out"), deed("lift")
    create, delete, restore, merge, convert = deed("create"), deed("delete"), deed("restore"), deed("merge"), deed("convert")
    workflow = deed("workflow")

    # trouble

    trouble, more_trouble, calm, die = deed("trouble"), deed("trouble"), deed("calm_down"), deed("die")
    take_back = deed("take_back")

    # the hub

    sync, sync_again, sync_once_more, sync_one = deed("full_sync"), deed("full_sync"), deed("full_sync"), deed("partial_sync")
    plan, apply, undo, remap, rescope = deed("plan"), deed("apply"), deed("undo"), deed("remap"), deed("rescope")
    join_leads, split_lead = deed("join_leads"), deed("split_lead")

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        PLAYED["sequences"] += 1
        try:
            if sys.exc_info()[0] is None:
                check(self.world)
                PLAYED["whole"] += 1
        finally:
            if sys.exc_info()[0] is not None:
                note("\n".join(self.world.story))
            self.world.mortal.inner.close()
            shutil.rmtree(self.folder, ignore_errors=True)
