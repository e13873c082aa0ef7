"""Doubting (shell): who may be somebody whom a CRM has already is not created there before a person has said who it is.

An open question whether two leads are one person keeps each of them from being created where the other is: a duplicate in one CRM
does not become one in all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync.creating import doubtful
from sync.journal import Entry, EntryState, PlannedWrite, Section
from sync.state import LinkState, Problem
from sync.uniting import age_of, leads_behind
from sync.workspace import Begin, Pass

CAUSE = "possible_duplicate"
Doubts = Mapping[str, set[str]]


def release(unit: Any) -> None:
    """Leads that nobody is asked about any more are planned again."""
    waiting = unit.leads_with_problem(CAUSE)
    if waiting:
        doubts = _doubts(unit)
        unit.touch(lead for lead in waiting if lead not in doubts)


def hold(turn: Pass, begin: Begin) -> None:
    """Take the creates of this run that would double somebody out of it, and say so."""
    with begin() as unit:
        creates = unit.entries(run=turn.run, states=(EntryState.PLANNED,), section=Section.CREATE)
        doubts = _doubts(unit) if creates else {}
        creates = [entry for entry in creates if entry.write.lead_id in doubts]
        if not creates:
            return
        leads = unit.leads(sorted({entry.write.lead_id for entry in creates}))
        ordered = sorted(creates, key=lambda entry: (age_of(leads[entry.write.lead_id]), entry.op))
        numbered = [(entry.op, entry.write.account, entry.write.lead_id) for entry in ordered]
        there, withheld = _there(unit, creates, doubts)
        found = doubtful(numbered, doubts, there)
        held = [entry for entry in creates if entry.op in found]
        turn.drop(unit, held)
        problems = [_problem(entry.write, found[entry.op], withheld) for entry in held]
        unit.add_problems(problems, turn.run, turn.now)
    turn.census.in_doubt += len(held)


def _doubts(unit: Any) -> Doubts:
    """The leads of which a person is asked whether they are one, each with the others."""
    pairs = [pair for found in unit.pairs_in_doubt().values() for pair in found]
    leads = leads_behind(unit, {side for pair in pairs for side in pair})
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one, other in ((leads.get(left), leads.get(right)) for left, right in pairs):
        if one is not None and other is not None and one != other:
            found[one].add(other)
            found[other].add(one)
    return dict(found)


def _there(unit: Any, creates: Sequence[Entry], doubts: Doubts) -> tuple[dict[str, set[str]], set[tuple[str, str]]]:
    """The others by the accounts that have a record of them, or are about to have one; and (account, lead) of those taken back there.

    Whose record was taken back counts as there: what an undo took away must not come back as the record of another lead.
    """
    others: Iterable[str] = sorted({other for entry in creates for other in doubts[entry.write.lead_id]})
    there: defaultdict[str, set[str]] = defaultdict(set)
    withheld: set[tuple[str, str]] = set()
    for lead, found in unit.links_of(others).items():
        for link, _ in found:
            if link.state is not LinkState.ENDED:
                there[link.ref.account].add(lead)
            if link.state is LinkState.WITHHELD:
                withheld.add((link.ref.account, lead))
    for lead, entries in unit.open_entries_of(others).items():
        for entry in entries:
            there[entry.write.account].add(lead)
    return there, withheld


def _problem(write: PlannedWrite, other: str, withheld: set[tuple[str, str]]) -> Problem:
    where = "whose record there was taken back" if (write.account, other) in withheld else "which is there already"
    message = f"Lead {write.lead_id} was not created: it may be lead {other}, {where}, and nobody has said yet."
    return Problem(write.account, CAUSE, message, "Say in `leadloom review list` whether both are one person.", None, write.lead_id)
