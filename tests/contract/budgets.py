"""What a thousand records cost, in requests, beside the least that the vendor's page and batch sizes allow.

python -m tests.contract.budgets
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

from connectors.base import Op, Outcome, Write
from mappings.apply import bind
from mappings.schema import packaged
from tests.contract.rigs import Rig, rigged
from tests.contract.world import only_reads

CRMS = ("hubspot", "salesforce", "pipedrive", "activecampaign")
COUNT = 1000
JOBS = ("read all", "read changes", "create", "update", "opt out", "opt out of one", "delete")
READ_PAGES: Mapping[str, tuple[int, int]] = {  # of everything, and of what changed
    "hubspot": (100, 200),
    "salesforce": (2000, 2000),
    "pipedrive": (500, 500),
    "activecampaign": (100, 100),
}
WRITE_BATCHES: Mapping[str, int] = {"hubspot": 100, "salesforce": 200, "pipedrive": 1, "activecampaign": 1}


@dataclass(frozen=True, slots=True)
class Cost:
    reads: int
    writes: int
    least: int


@cache
def measured(crm: str) -> Mapping[str, Cost]:
    """The requests of every job, from the CRM's own log."""
    return _measured(crm, {})


@cache
def with_batches() -> Mapping[str, Cost]:
    """The same at a HubSpot portal whose plan has batches of consent."""
    return _measured("hubspot", {"enterprise": True})


def _measured(crm: str, settings: Mapping[str, object]) -> Mapping[str, Cost]:
    with rigged(crm, wire="none", settings=settings) as rig:
        fields = _mapped(rig)
        everybody = rig.world.crowd(COUNT)
        costs = {"read all": _cost(rig, "read all", lambda: _walk(rig, None, fields, COUNT))}
        cursor = rig.quiet_cursor()
        for id in everybody:
            rig.world.human_edit(id, grade="B")
        costs["read changes"] = _cost(rig, "read changes", lambda: _walk(rig, cursor, fields, COUNT))
        jobs: Mapping[str, tuple[Outcome, Sequence[Write]]] = {
            "create": (Outcome.CREATED, [rig.create(10_000 + at, grade="A", score=at, stage="sql") for at in range(COUNT)]),
            "update": (Outcome.UPDATED, [rig.update(id, grade=id, score=1) for id in everybody]),
            "opt out": (Outcome.UPDATED, [Write(Op.UPDATE, rig.object, {"opt_out:email": True}, id=id) for id in everybody]),
            "opt out of one": (Outcome.UPDATED, [_no_to_one(rig, id) for id in rig.world.crowd(COUNT, first=COUNT)]),
            "delete": (Outcome.DELETED, [rig.delete(id) for id in everybody]),
        }
        for job, (outcome, writes) in jobs.items():
            costs[job] = _cost(rig, job, lambda writes=writes, outcome=outcome: _all(rig, writes, outcome))  # type: ignore[misc]
        return costs


def least(crm: str, job: str) -> int:
    everything, changes = READ_PAGES[crm]
    if job.startswith("opt out") and crm == "hubspot":
        return COUNT + (job == "opt out")  # one address a call, after one batch that this portal may not use
    return ceil(COUNT / {"read all": everything, "read changes": changes}.get(job, WRITE_BATCHES[crm]))


def _mapped(rig: Rig) -> list[str]:
    """Every field that the shipped mapping reads."""
    return list(bind(packaged(rig.dialect.crm, rig.object), rig.schema, rig.connector.owners(), region="DE").fetch)


def _cost(rig: Rig, job: str, work: Callable[[], None]) -> Cost:
    with rig.world.watched() as requests:
        work()
    reads = sum(only_reads(request) for request in requests)
    return Cost(reads, len(requests) - reads, least(rig.dialect.crm, job))


def _no_to_one(rig: Rig, id: str) -> Write:
    narrow = rig.dialect.narrow
    name, no = ("opt_out:email", True) if narrow is None else (narrow.name, narrow.no)
    return Write(Op.UPDATE, rig.object, {name: no}, id=id)


def _walk(rig: Rig, cursor: str | None, fields: Sequence[str], count: int) -> None:
    seen = {record.id for page in rig.connector.changes(rig.object, cursor, fields) for record in page.records}
    assert len(seen) == count


def _all(rig: Rig, writes: Sequence[Write], outcome: Outcome) -> None:
    assert {receipt.outcome for receipt in rig.connector.write(rig.object, writes)} == {outcome}


def main() -> None:
    sys.stdout.write(f"requests for {COUNT} records: reads + writes (the least possible)\n")
    rows = [["", *JOBS]]
    for crm in CRMS:
        costs = measured(crm)
        rows.append([crm, *(f"{costs[job].reads} + {costs[job].writes} ({costs[job].least})" for job in JOBS)])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


if __name__ == "__main__":
    main()
