"""Every record that is seen ends with a verdict, and what the run counts is what is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sync.state import Ref
from tests.sync.rig import World

Build = Callable[..., World]
CRMS = ("hubspot", "salesforce", "pipedrive", "activecampaign")
PEOPLE = [
    {"crm": crm, "first_name": "Ada", "last_name": f"Nr {number}", "email": f"ada{number}@firm{number}.example"}
    for number, crms in enumerate((CRMS, CRMS[:2], CRMS[2:], CRMS[:1]))
    for crm in crms
]


def kept(world: World, run: str) -> dict[str, Counter[str]]:
    """Per account, how many records were found to be what in a run, and what became of its writes."""
    found: dict[str, Counter[str]] = {crm: Counter() for crm in world.apps}
    with world.store.begin() as unit:
        for row in unit.verdicts_in(run):
            found[row["account"]][row["verdict"]] += 1
        for entry in unit.entries(run=run):
            found[entry.write.account][entry.verdict] += 1
    return found


def counted(report: Any) -> dict[str, Mapping[str, int]]:
    left_out = ("read", "unchanged", "planned")
    parts = {crm: {**part["in"], **part["out"]} for crm, part in report.accounts.items()}
    return {crm: {name: number for name, number in part.items() if number and name not in left_out} for crm, part in parts.items()}


def test_what_a_run_counts_is_what_is_kept_record_by_record(world: Build) -> None:
    built = world(PEOPLE)
    first = built.sync()
    assert kept(built, first.run) == counted(first)
    (contact, *_) = built.records("hubspot", "contacts")
    built.clock.advance(86_400)
    built.sync()
    built.clock.advance(86_400)
    built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "Head of Rehearsals"})
    built.act("pipedrive", "delete", "persons", str(built.records("pipedrive", "persons")[0]["id"]))
    second = built.sync()
    assert kept(built, second.run) == counted(second)
    with built.store.begin() as unit:
        (verdict,) = unit.verdicts_of([Ref("hubspot", "contacts", contact["id"])]).values()
    assert verdict == {"run": second.run, "verdict": "changed", "reason": "job_title"}


def test_a_quiet_run_keeps_no_verdict(world: Build) -> None:
    built = world(PEOPLE)
    for _ in range(3):
        built.clock.advance(86_400)
        last = built.sync()
    with built.store.begin() as unit:
        assert unit.verdicts_in(last.run) == []
