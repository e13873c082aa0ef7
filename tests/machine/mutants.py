"""Engines with one deliberate defect each, and the trouble in which each of them must be caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from connectors.base import Outcome
from store.unit import Unit
from sync import push, running, weave
from sync.state import EntryState
from tests.machine.kills import LATER
from tests.machine.laws import Broken, demand
from tests.machine.stage import Stage
from tests.sync.rig import totals


@dataclass(frozen=True)
class Trouble:
    """What goes wrong in the sync that is watched: a death at a kill point, or a fault of one CRM."""

    dies: str = ""
    crm: str = ""
    fault: dict[str, Any] = field(default_factory=dict)

    def come_over(self, stage: Stage) -> None:
        stage.world.fate.where, stage.world.fate.times = self.dies, 1
        if self.crm:
            stage.world.apps[self.crm].faults.order(self.fault)


@dataclass(frozen=True)
class Mutant:
    """`bend` makes the engine wrong; in `trouble` a law breaks whose message begins with one of `caught_as`."""

    name: str
    bend: Callable[[], Any]
    trouble: Trouble
    caught_as: tuple[str, ...]


def wrong_in(stage: Stage, trouble: Trouble, bend: Callable[[], Any]) -> str:
    """What a law says against this engine in this trouble; empty: nothing."""
    stage.put_back()
    trouble.come_over(stage)
    try:
        with bend():
            return _play(stage)
    except Broken as broken:
        return str(broken)
    finally:
        stage.world.fate.where, stage.world.fate.times = "", 1
        stage.world.calm_down()


def _play(stage: Stage) -> str:
    stage.sync()
    stage.world.fate.where, stage.world.fate.times = "", 1
    stage.sync()
    stage.world.clock.advance(LATER)
    stage.sync()
    last = stage.sync()
    demand(last is not None, "the process died again")
    stage.check(totals(last))
    return ""


@contextmanager
def honest() -> Iterator[None]:
    yield


@contextmanager
def _skips_the_journal() -> Iterator[None]:
    mark = Unit.mark

    def marked(self: Unit, ops: Any, state: EntryState, **more: Any) -> None:
        if state is not EntryState.SENT:
            mark(self, ops, state, **more)

    with patch.object(Unit, "mark", marked):
        yield


@contextmanager
def _never_looks_up() -> Iterator[None]:
    with patch.object(running, "settle_open", lambda *_: None):
        yield


@contextmanager
def _repeats_what_was_not_answered() -> Iterator[None]:
    send = push._send

    def sent(door: Any, object: str, writes: Any) -> Any:
        receipts = send(door, object, writes)
        lost = [write for write, receipt in zip(writes, receipts, strict=True) if receipt.outcome is Outcome.UNKNOWN]
        again = iter(door.connector.inner.write(object, lost) if lost else ())
        return [next(again) if receipt.outcome is Outcome.UNKNOWN else receipt for receipt in receipts]

    with patch.object(push, "_send", sent):
        yield


@contextmanager
def _believes_what_was_not_answered() -> Iterator[None]:
    send = push._send

    def sent(door: Any, object: str, writes: Any) -> Any:
        receipts = send(door, object, writes)
        return [
            replace(receipt, outcome=Outcome.UPDATED) if receipt.outcome is Outcome.UNKNOWN and write.id is not None else receipt
            for write, receipt in zip(writes, receipts, strict=True)
        ]

    with patch.object(push, "_send", sent):
        yield


@contextmanager
def _does_not_wait_for_an_open_create() -> Iterator[None]:
    load = weave._Chunk._load

    def loaded(self: Any, ids: Any) -> None:
        load(self, ids)
        self.open = {}

    with patch.object(weave._Chunk, "_load", loaded):
        yield


@contextmanager
def _forgets_restrictions() -> Iterator[None]:
    with patch.object(weave, "restrict", lambda *_: None), patch.object(Unit, "restricted", lambda *_: set()):
        yield


NEW_PERSON = {"method": "POST", "path": "*/persons"}
MUTANTS = [
    Mutant("skips the journal", _skips_the_journal, Trouble(), ("not in the journal",)),
    Mutant(
        "never looks up what was not answered",
        _never_looks_up,
        Trouble(dies="before PATCH pipedrive"),
        ("open in the journal", "it does not end", "the second run"),
    ),
    Mutant(
        "repeats a create",
        _repeats_what_was_not_answered,
        Trouble(crm="pipedrive", fault={"match": NEW_PERSON, "fault": "timeout_after"}),
        ("POST /api/v2/persons changed records without",),
    ),
    Mutant(
        "moves the base on an unknown outcome",
        _believes_what_was_not_answered,
        Trouble(crm="pipedrive", fault={"match": {"method": "PATCH"}, "fault": "timeout_before"}),
        ("the base of",),
    ),
    Mutant(
        "does not wait for an open create",
        _does_not_wait_for_an_open_create,
        Trouble(crm="pipedrive", fault={"match": NEW_PERSON, "fault": "lands_late", "delay_s": 100}),
        ("open in the journal", "there are"),
    ),
    Mutant("forgets who said no", _forgets_restrictions, Trouble(), ("it does not end",)),
]
