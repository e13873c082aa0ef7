"""Runs are taken back in the middle of the noise: nobody's typing is overwritten, no opt-out comes loose, and it falls quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync import engine
from sync.state import Ref
from sync.undo import Undoing
from sync.workspace import Guards
from tests.sync.rig import totals
from tests.sync.world_laws import Broken, check, demand, no_is_loosened
from tests.sync.worlds import RandomWorld, Typed, closing

FEW = 8
MANY = 500
BLOCK = 25


class UndoWorld(RandomWorld):
    """A random world in which somebody takes back a run now and then, or only one field or lead of it."""

    undone: int = 0

    def play(self, rounds: int = 5) -> None:
        self.guards = Guards(first_run="apply", yes=True)
        for _ in range(rounds):
            super().play(1)
            if self.rng.random() < 0.6:
                self.undo()

    def undo(self) -> None:
        with self.mortal.inner.begin() as unit:
            runs = [str(run["id"]) for run in unit.runs(100) if run["kind"] in ("sync", "undo")]
        if not runs:
            return
        number = self.rng.choice(runs)
        field = self.rng.choice(("", "", "", "job_title", "emails", "address.city"))
        if self.rng.random() < 0.2:
            self.mortally()
        shown = self.typed_and_shown()
        report = self.run(lambda: engine.undo(self.workspace(), Undoing(number, field=field)), f"undo {number} {field}")
        if report is not None:
            self.undone += 1
            left = [(one["field"], one["reason"]) for one in report.undone["left"]]
            self.tell(f"undo {number} {field}: {report.status} {totals(report)} {left}")
            demand(report.undone["fields"] == report.undone["back"] + sum(one["count"] for one in report.undone["left"]), "counts add up")
        live = self.look()
        for typed in shown:
            demand(self.is_shown(typed, live), f"undo took away what a person typed: {typed}")
        no_is_loosened(self, self.denied)

    def typed_and_shown(self) -> list[Typed]:
        live = self.look()
        return [typed for typed in self.typed if self.is_shown(typed, live)]

    @staticmethod
    def is_shown(typed: Typed, live: dict[Ref, object]) -> bool:
        return typed.ref in live and typed.token in str(live[typed.ref].fields.get(typed.remote))  # type: ignore[attr-defined]


def play(seed: int, folder: Path) -> UndoWorld:
    folder.mkdir()
    with closing(UndoWorld(seed, folder)) as world:
        try:
            world.play()  # type: ignore[attr-defined]
            check(world)
        except AssertionError as broken:
            raise Broken("\n".join([f"world {seed}: {broken}", *world.story])) from broken
    return world  # type: ignore[return-value]


@pytest.mark.parametrize("seed", range(FEW))
def test_worlds_with_undo_keep_the_laws(seed: int, tmp_path: Path) -> None:
    play(seed, tmp_path / str(seed))


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(0, MANY, BLOCK))
def test_many_worlds_with_undo_keep_the_laws(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + BLOCK):
        play(2_000_000 + seed, tmp_path / str(seed))
