"""Guarding (shell): what a run has planned is weighed before the first write, and what a guard does not let pass is held back.

The run counts; the decisions are `guard`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.guard import SYNC, WRITES, Tally, Way, guard
from sync.journal import Section
from sync.workspace import Door, Guards, Pass

Linked = Mapping[tuple[str, str], int]


def hold_back(turn: Pass, linked: Linked, *, trusting: bool = True, by: Guards | None = None, way: Way = SYNC) -> None:
    """Hold back what a guard does not let pass; an account where none tripped is trusted from now on (unless not `trusting`).

    `linked` counts the linked records by account and object, before anything was read.
    """
    with turn.workspace.store.begin() as unit:
        tallies = {door.name: _tally(turn, unit, door, linked) for door in turn.doors}
        trips = {name: guard(name, tally, by or turn.workspace.guards, way) for name, tally in tallies.items()}
        emptied = [name for name, found in trips.items() if any(trip.everywhere for trip in found)]
        for door in turn.doors:
            for trip in trips[door.name]:
                turn.census.guard(door.name, trip.kind, trip.sentence)
                _hold(turn, unit, door, trip.sections, f"guard:{trip.kind}")
            _remember_emptied(turn, unit, door, tallies[door.name], door.name in emptied)
            if emptied and door.name not in emptied:
                _hold(turn, unit, door, WRITES, f"guard:emptied {', '.join(emptied)}")
            if trusting and not trips[door.name] and not emptied:
                _trust(turn, unit, door)


def _tally(turn: Pass, unit: Any, door: Door, before: Linked) -> Tally:
    name, planned, known = door.name, unit.planned(turn.run), unit.account(door.name)
    number = {section: planned.get((name, section), (0, 0)) for section in Section}
    linked, lost = _lost(turn, unit, name, before)
    scope_changed = known["scope"] not in ("", door.account.scope.fingerprint)
    return Tally(
        creates=number[Section.CREATE][0],
        updates=number[Section.UPDATE][0] + number[Section.UNDO][0],
        clears=number[Section.UPDATE][1] + number[Section.UNDO][1],
        deletes=number[Section.DELETE][0],
        merges=number[Section.MERGE][0],
        restrictions=number[Section.RESTRICT][0],
        linked=linked,
        lost=lost,
        unseen=number[Section.CREATE][0] if scope_changed else 0,
        rebased=turn.census.rebased[name],
        trusted=known["trusted_at"] is not None,
    )


def _lost(turn: Pass, unit: Any, account: str, linked_before: Linked) -> tuple[int, int]:
    """How many records of an account were linked before, and how many of them are not there now."""
    before = {object: n for (name, object), n in linked_before.items() if name == account}
    fully = [object for (name, object) in turn.census.read_fully if name == account and account not in turn.census.stopped]
    not_shown = sum(max(0, before.get(object, 0) - turn.census.shown[(account, object)]) for object in fully)
    linked, lost = sum(before.values()), max(turn.census.lost[account], not_shown)
    earlier = unit.emptied(account)
    if earlier is None:
        return linked, lost
    there = sum(n for (name, _), n in unit.linked().items() if name == account)
    return earlier[0], max(lost, earlier[0] - there)


def _remember_emptied(turn: Pass, unit: Any, door: Door, tally: Tally, tripped: bool) -> None:
    """What was missing is looked for again: the next run reads in full what this one did, until it is back or allowed."""
    unit.put_emptied(door.name, (tally.linked, tally.lost) if tripped else None)
    for account, object in turn.census.read_fully if tripped else ():
        if account == door.name:
            unit.drop_cursor(account, object)


def _hold(turn: Pass, unit: Any, door: Door, sections: Sequence[Section], why: str) -> None:
    if sections:
        turn.census.outcome(door.name, "skipped", unit.skip_planned(turn.run, door.name, sections, why, turn.now))


def _trust(turn: Pass, unit: Any, door: Door) -> None:
    """From now on `sync` writes here by itself, with this scope and these mappings."""
    unit.trust_account(door.name, turn.now)
    unit.put_scope(door.name, door.account.scope.fingerprint)
    unit.put_rebased(door.name, {})


def trust_all(turn: Pass) -> None:
    """Every account of the pass is trusted: somebody has read what is to be written."""
    with turn.workspace.store.begin() as unit:
        for door in turn.doors:
            _trust(turn, unit, door)
            unit.put_emptied(door.name, None)
