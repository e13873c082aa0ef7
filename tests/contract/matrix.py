"""Every fault at every step of every kind of call to every CRM: what comes of it, at how many requests, and whether it could be settled.

    python -m tests.contract.matrix [CRM ...]

prints the table. A cell names the outcomes of a call whose first, second ... request is struck once, and after "/" that of a call whose
every request is struck; the numbers are the requests made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from connectors.base import Op, Outcome, Write
from connectors.errors import ConnectorError
from tests.contract.rigs import Rig, rigged
from tests.contract.world import only_reads

CRMS = ("hubspot", "salesforce", "pipedrive", "activecampaign")
BUSY = ("423", "429")
BROKEN = ("500", "502", "503", "504")
LOST = ("reset", "timeout_before", "timeout_after", "lands_late")
DAMAGED = ("html", "empty", "truncate")
REFUSED = ("401", "403")
FAULTS = (*REFUSED, *BUSY, *BROKEN, *LOST, *DAMAGED, "partial")
READS = ("page", "get", "find", "schema")
WRITES = ("create", "update", "opt_out", "delete", "erase")
ENDS = ("delete", "erase")
CALLS = (*READS, *WRITES)
DONE = ("created", "updated", "deleted")
SETTLE_AFTER_S = 301.0
PATIENCE = 14  # requests beyond those of an undisturbed call
OPT_OUT = "opt_out:email"


@dataclass(frozen=True, slots=True)
class Cell:
    """One call with a fault at one of its requests (`step` None: at all of them)."""

    crm: str
    call: str
    fault: str
    step: int | None
    outcome: str
    calls: int
    struck_a_write: bool
    wrong: str  # with the receipt, or after everything was looked up and repeated; empty: nothing

    def expected(self) -> set[str]:
        rules = ONCE if self.step is not None else FOR_EVER
        kind = "read" if self.call in READS else "write" if self.struck_a_write else "beside"
        allowed = next(outcomes for faults, outcomes in rules[kind] if self.fault in faults)
        return allowed | WHIMS.get((self.crm, self.fault), set())

    def problems(self, undisturbed: int) -> list[str]:
        where = f"{self.crm} {self.call}, {self.fault} at {'every request' if self.step is None else f'request {self.step + 1}'}"
        found = []
        if self.outcome not in self.expected():
            found.append(f"{where}: {self.outcome}, expected {' or '.join(sorted(self.expected()))}")
        if self.calls > undisturbed + (PATIENCE if self.step is None else 3):
            found.append(f"{where}: {self.calls} requests instead of {undisturbed}")
        if self.wrong:
            found.append(f"{where}: {self.wrong}")
        return found


Rules = dict[str, list[tuple[tuple[str, ...], set[str]]]]
DONE_SET = set(DONE)
ONCE: Rules = {
    "read": [
        (REFUSED, {"Denied"}),
        ((*BUSY, *BROKEN, *LOST, "partial"), {"ok"}),
        (("empty",), {"ok", "Unreadable", "Retry"}),
        (DAMAGED, {"Unreadable"}),
    ],
    "write": [
        (REFUSED, {"not_sent"}),
        (("429",), DONE_SET),
        (("423",), DONE_SET | {"not_sent"}),
        ((*BROKEN, *LOST), {"unknown"}),
        (DAMAGED, {"unknown"} | DONE_SET),
        (("partial",), DONE_SET | {"rejected", "not_sent", "unknown"}),
    ],
    "beside": [  # a read before or after the write
        ((*BUSY, *BROKEN, *LOST, "partial"), DONE_SET),
        ((*REFUSED, *DAMAGED), DONE_SET | {"not_sent"}),
    ],
}
FOR_EVER: Rules = {
    "read": [
        (REFUSED, {"Denied"}),
        ((*BUSY, *BROKEN, *LOST), {"Retry", "BudgetSpent"}),
        (DAMAGED, {"Unreadable", "Retry"}),
        (("partial",), {"ok"}),
    ],
    "write": [
        (REFUSED, {"not_sent"}),
        (BUSY, {"not_sent"}),
        ((*BROKEN, *LOST), {"unknown"}),
        (DAMAGED, {"unknown"} | DONE_SET),
        (("partial",), DONE_SET | {"rejected", "not_sent", "unknown"}),
    ],
    "beside": [
        ((*REFUSED, *BUSY, *BROKEN, *LOST, *DAMAGED), {"not_sent"}),
        (("partial",), DONE_SET | {"rejected", "not_sent", "unknown"}),
    ],
}
# What a CRM's own documentation or its users report, and its connector answers to.
WHIMS: dict[tuple[str, str], set[str]] = {
    ("activecampaign", "401"): {"ok"} | DONE_SET,  # a 403 that is not meant is asked again when the key is good
    ("activecampaign", "403"): {"ok"} | DONE_SET,
    ("salesforce", "403"): {"BudgetSpent"},  # the org's daily limit is told as a 403
    ("pipedrive", "403"): {"rejected"},  # one person may be closed to us without the account being so
}


def cells(crm: str, call: str, fault: str) -> Iterator[Cell]:
    for step in (*range(undisturbed(crm, call)), None):
        yield _cell(crm, call, fault, step)


@lru_cache
def undisturbed(crm: str, call: str) -> int:
    """How many requests a call makes when nothing happens."""
    with rigged(crm, wire="none") as rig:
        run, _, _ = prepared(rig, call)
        with rig.world.watched() as requests:
            assert run() in ("ok", *DONE)
        return len(requests)


def prepared(rig: Rig, call: str) -> tuple[Callable[[], str], Callable[[], bool], Callable[[], str]]:
    """The call, in an account that is in use already; whether it is done, by the CRM's own word; and what is wrong after settling it."""
    ids = rig.world.crowd(3)
    rig.write(rig.create(77), rig.delete(ids.pop()))
    cursor = rig.quiet_cursor()
    rig.walk(cursor, "grade")
    rig.world.human_edit(ids[0], grade="edited")
    rig.find("email", "ada0@firma.example")
    if call in READS:
        return _read(rig, call, ids, cursor), lambda: True, lambda: ""
    write = _write(rig, call, ids[1])
    return lambda: rig.write_one(write).outcome.value, lambda: _really(rig, call, write), lambda: _settled(rig, call, write)


def _read(rig: Rig, call: str, ids: list[str], cursor: str) -> Callable[[], str]:
    def right(answer: bool) -> str:
        return "ok" if answer else "wrong"

    fresh = rig.open()
    return {
        "page": lambda: right([one.fields for one in rig.walk(cursor)[0] if one.id == ids[0]] == [rig.said(grade="edited")]),
        "get": lambda: right([one.id for one in rig.get(*ids)] == ids),
        "find": lambda: right([one.id for one in rig.find("email", "ada0@firma.example")] == [ids[0]]),
        "schema": lambda: right(fresh.describe(rig.object) == rig.schema),
    }[call]


def _write(rig: Rig, call: str, id: str) -> Write:
    return {
        "create": lambda: rig.create(5, key="key-5", grade="meant"),
        "update": lambda: rig.update(id, grade="meant"),
        "opt_out": lambda: Write(Op.UPDATE, rig.object, {OPT_OUT: True, **rig.said(grade="meant")}, id=id),
        "delete": lambda: rig.delete(id),
        "erase": lambda: rig.erase(id),
    }[call]()


def _settled(rig: Rig, call: str, write: Write) -> str:
    """Look the record up as the next run does, repeat what is not there, and see what there is."""
    rig.world.advance_clock(SETTLE_AFTER_S)
    there = _is_done(rig, call, write)
    if not there and rig.write_one(write).outcome.value not in (*DONE, Outcome.GONE.value, Outcome.ADOPTED.value):
        return "the repetition failed"
    rig.world.advance_clock(SETTLE_AFTER_S)
    if not _is_done(rig, call, write):
        return "the write was lost"
    people = sorted(str(rig.world.raw(id, rig.name("family"))) for id in rig.world.records())
    expected = {"create": ["Byron0", "Byron1", "Byron5", "Byron77"], **{end: ["Byron0", "Byron77"] for end in ENDS}}
    return "" if people == expected.get(call, ["Byron0", "Byron1", "Byron77"]) else f"there are {people}"


def _really(rig: Rig, call: str, write: Write) -> bool:
    """Whether the CRM shows what the write meant, without asking the connector."""
    if call in ENDS:
        return write.id not in rig.world.records()
    done = "meant" in rig.truths("grade").values()
    return done and (call != "opt_out" or not rig.world.mailable(str(write.id)))


def _is_done(rig: Rig, call: str, write: Write) -> bool:
    if call == "create":
        return [one.fields[rig.name("grade")] for one in rig.settle(write)] == ["meant"]
    record = rig.get_one(str(write.id), [*rig.names("grade"), OPT_OUT])
    if call in ENDS:
        return record.ending is not None
    done = record.fields[rig.name("grade")] == "meant"
    return done and (call != "opt_out" or not rig.world.mailable(record.id))


def _cell(crm: str, call: str, fault: str, step: int | None) -> Cell:
    with rigged(crm, wire="none") as rig:
        run, really, settle = prepared(rig, call)
        options: dict[str, Any] = {"rows": [0]} if fault == "partial" else {}
        rig.world.fault(fault, times=1 if step is not None else None, after=step or 0, **options)
        with rig.world.watched() as requests:
            try:
                outcome = run()
            except ConnectorError as error:
                outcome = type(error).__name__
            except Exception as error:  # noqa: BLE001  # a crash is an outcome too, and never the right one
                outcome = f"CRASH {type(error).__name__}"
        rig.world.no_more_faults()
        struck = requests[min(step or 0, len(requests) - 1)]
        wrong = "it was called done and is not" if outcome in DONE and not really() else settle()
        return Cell(crm, call, fault, step, outcome, len(requests), not only_reads(struck), wrong)


# -- printing --------------------------------------------------------------------------------------------------------------------------


def table(crm: str) -> Iterator[str]:
    yield f"{crm}: outcome and requests of each call, by fault; undisturbed: " + ", ".join(
        f"{call} {undisturbed(crm, call)}" for call in CALLS
    )
    rows = [["", *CALLS], *([fault, *(_shown(list(cells(crm, call, fault))) for call in CALLS)] for fault in FAULTS)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""


def _shown(some: list[Cell]) -> str:
    flags = {cell: "!" if cell.problems(undisturbed(cell.crm, cell.call)) else "" for cell in some}
    *once, ever = (f"{cell.outcome} {cell.calls}{flags[cell]}" for cell in some)
    return f"{', '.join(once)} / {ever}"


def main(chosen: list[str]) -> None:
    for crm in chosen or CRMS:
        for line in table(crm):
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
