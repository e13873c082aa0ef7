"""Engines with one deliberate defect each, and the trouble in which each of them must be caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from connectors.base import Outcome
from store.unit import Unit
from sync import merge, push, running, weave
from sync.compare import compare
from sync.decide import decide
from sync.journal import EntryState
from sync.plan import plan
from sync.quarantine import is_moved, moved
from sync.restricting import restrict
from sync.state import Ref, Role
from tests.machine.buying import BuyingWorld
from tests.machine.kills import LATER
from tests.machine.laws import Broken, check, demand
from tests.machine.stage import Stage
from tests.machine.world import Typed
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


# Bought lists


@dataclass(frozen=True)
class Defect:
    """`bend` makes the engine wrong; in the story of bought lists a law breaks whose message `caught_as` is found in."""

    name: str
    bend: Callable[[], Any]
    caught_as: str


def story_of_bought_lists(folder: Path) -> None:
    """Ada, Bo and Eve turn out to be from a list that was bought, Ada and Bo are known otherwise; a no is said beside a bought record and
    on one, and Ada's was not bought after all.
    """
    ada = {"first_name": "Ada", "last_name": "Beck", "email": "ada@x.example"}
    bo = {"first_name": "Bo", "last_name": "Ek", "email": "bo@z.example"}
    eve = {"first_name": "Eve", "last_name": "Kurz", "email": "eve@y.example"}
    rows = [
        {"crm": "hubspot", **bo}, {"crm": "hubspot", **eve}, {"crm": "pipedrive", **ada}, {"crm": "salesforce", **ada},
        {"crm": "salesforce", **bo},
    ]  # fmt: skip
    world = BuyingWorld(Random(1), folder, rows=rows)
    world.quiet, world.creating = True, dict.fromkeys(world.apps, False)
    contacts = {record.fields["email"]: ref for ref, record in world.look("hubspot").items()}
    leads = {record.fields["Email"]: ref for ref, record in world.look("salesforce").items()}
    hers, his = leads[ada["email"]], leads[bo["email"]]
    world.full_sync()
    for ref in (hers, his, contacts[eve["email"]]):
        world.say_bought(ref)
    world.creating = dict.fromkeys(world.apps, True)
    world.full_sync()
    world.act("salesforce", "edit", "Lead", hers.id, fields={"Title": "Q0001z"})
    world.typed.append(Typed(hers, "Title", "Q0001z"))
    world.act("pipedrive", "edit", "persons", "1", fields={"leadloom_city": "Ulm"})
    world.full_sync()
    world.act("salesforce", "edit", "Lead", hers.id, fields={"HasOptedOutOfEmail": True})
    world.act("hubspot", "edit", "contacts", contacts[bo["email"]].id, opt_out=True)
    world.full_sync()
    world.say_own(hers)
    check(world)
    world.mortal.inner.close()


@contextmanager
def _hears_what_was_bought() -> Iterator[None]:
    with patch.object(merge, "noes_only", compare):
        yield


@contextmanager
def _decides_on_who_was_bought() -> Iterator[None]:
    def decided(*about: Any, **_: Any) -> Any:
        return decide(*about)

    with patch.object(weave, "decide", decided):
        yield


@contextmanager
def _creates_who_was_bought() -> Iterator[None]:
    with patch.object(weave, "is_quarantined", lambda _links: False):
        yield


@contextmanager
def _writes_to_what_was_bought() -> Iterator[None]:
    def planned(lead: Any, views: Any, *more: Any) -> Any:
        return plan(lead, [replace(view, link=replace(view.link, role=Role.MAIN)) for view in views], *more)

    with patch.object(weave, "plan", planned):
        yield


@contextmanager
def _denies_nothing_on_what_was_bought() -> Iterator[None]:
    def planned(lead: Any, views: Any, *more: Any) -> Any:
        owed, quarantined = plan(lead, views, *more), {view.ref for view in views if view.link.role is Role.QUARANTINED}
        return replace(owed, writes=tuple(one for one in owed.writes if Ref(one.account, one.object, one.id or "") not in quarantined))

    with patch.object(weave, "plan", planned):
        yield


@contextmanager
def _hears_no_no_on_what_was_bought() -> Iterator[None]:
    def restricted(turn: Any, unit: Any, dialect: Any, records: Any, links: Any) -> None:
        restrict(turn, unit, dialect, {ref: one for ref, one in records.items() if not dialect.is_purchased(one.fields)}, links)

    with patch.object(weave, "restrict", restricted):
        yield


@contextmanager
def _keeps_in_quarantine_for_ever() -> Iterator[None]:
    def moves(link: Any, *about: Any) -> bool:
        return link.role is not Role.QUARANTINED and is_moved(link, *about)

    with patch.object(weave, "is_moved", moves):
        yield


@contextmanager
def _takes_nobody_into_quarantine() -> Iterator[None]:
    def moves(link: Any, *about: Any) -> bool:
        return link.role is Role.QUARANTINED and is_moved(link, *about)

    with patch.object(weave, "is_moved", moves):
        yield


@contextmanager
def _does_not_listen_again() -> Iterator[None]:
    def let_out(link: Any, base: Any, dialect: Any) -> Any:
        return moved(link, base, dialect)[0], base

    with patch.object(weave, "moved", let_out):
        yield


DEFECTS_OF_QUARANTINE = [
    Defect("hears what was bought", _hears_what_was_bought, "only a bought record says it, and a lead does"),
    Defect("scores who was bought", _decides_on_who_was_bought, "is known from a bought list and has the score"),
    Defect("creates who was bought", _creates_who_was_bought, "gets a new record of who is on a bought list"),
    Defect("writes to what was bought", _writes_to_what_was_bought, "is bought and gets"),
    Defect("denies nothing on what was bought", _denies_nothing_on_what_was_bought, "may contact"),
    Defect("hears no no on what was bought", _hears_no_no_on_what_was_bought, "may contact"),
    Defect("takes nobody who is known into quarantine", _takes_nobody_into_quarantine, "bought and not in quarantine"),
    Defect("keeps in quarantine for ever", _keeps_in_quarantine_for_ever, "read and lost"),
    Defect("does not listen again to what was not bought", _does_not_listen_again, "lost, and never read|read and lost"),
]
