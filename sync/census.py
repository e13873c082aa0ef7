"""Census: what came in and what became of it, what was planned and what became of that. The sums are checked before they are shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from connectors.errors import BudgetSpent, ConnectorError
from sync.state import Problem

IN = ("new", "changed", "unchanged", "ended", "parked")
OUT = ("created", "updated", "deleted", "held", "skipped", "failed", "unknown")


class Census:
    """The counts of one run. Threads add to it; every addition is one dictionary operation."""

    def __init__(self, accounts: Mapping[str, Any], progress: Callable[[str, Mapping[str, int]], None] = lambda *_: None) -> None:
        self.seen: dict[str, Counter[str]] = {name: Counter() for name in accounts}
        self.became: dict[str, Counter[str]] = {name: Counter() for name in accounts}
        self.planned: Counter[str] = Counter()
        self.leads: Counter[str] = Counter()
        self.reviews = 0
        self.in_doubt = 0  # creates that wait for a person to say who somebody is
        self.stopped: dict[str, ConnectorError] = {}
        self.guarded: dict[str, dict[str, str]] = defaultdict(dict)  # account -> guard -> sentence
        self.stale: list[tuple[str, str]] = []
        self.carried_out: Counter[str] = Counter()  # rows of a plan that an earlier run has written, by that run
        self.shown: Counter[tuple[str, str]] = Counter()  # (account, object) -> linked records that were shown
        self.read_fully: set[tuple[str, str]] = set()  # objects read from the beginning
        self.lost: Counter[str] = Counter()  # links that ended without a successor
        self.problems: list[Problem] = []  # of accounts, not of leads: told anew by every run
        self.rebased: Counter[str] = Counter()  # values that wait because their mapping changed
        self._progress = progress

    def saw(self, account: str, verdict: str) -> None:
        self.seen[account]["read"] += 1
        self.seen[account][verdict] += 1

    def park(self, account: str, was: str) -> None:
        self.seen[account][was] -= 1
        self.seen[account]["parked"] += 1

    def plan(self, account: str, number: int = 1) -> None:
        self.planned[account] += number

    def forget_plans(self) -> None:
        """What was planned before is not carried out by this run and stays owed."""
        self.planned.clear()
        self.in_doubt = 0
        for became in self.became.values():
            became.clear()

    def outcome(self, account: str, what: str, number: int = 1) -> None:
        self.became[account][what] += number

    def stop(self, account: str, error: ConnectorError) -> None:
        self.stopped.setdefault(account, error)

    def guard(self, account: str, kind: str, sentence: str) -> None:
        self.guarded[account][kind] = sentence

    def progress(self, account: str) -> None:
        self._progress(account, {**self.seen[account], **self.became[account]})

    def status(self) -> str:
        if self.guarded:
            return "guarded"
        if any(not isinstance(error, BudgetSpent) for error in self.stopped.values()):
            return "partial"
        if any(became["failed"] or became["unknown"] for became in self.became.values()) or self.stale:
            return "partial"
        return "paused" if self.stopped else "done"

    def accounts(self, calls: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
        """The part of the report about the accounts; raises AssertionError if a sum does not add up."""
        report: dict[str, Any] = {}
        for name in self.seen:
            came, became = self.seen[name], self.became[name]
            if came["read"] != sum(came[verdict] for verdict in IN) or self.planned[name] != sum(became[what] for what in OUT):
                raise AssertionError(f"counts of {name} do not add up: in {dict(came)}, planned {self.planned[name]}, out {dict(became)}")
            report[name] = {
                "in": {key: came[key] for key in ("read", *IN)},
                "out": {"planned": self.planned[name], **{key: became[key] for key in OUT}},
                "api_calls": dict(calls.get(name, {})),
            }
        return report
