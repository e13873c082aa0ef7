"""What a run works with: the accounts, the rules, the store that is handed in, and the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from connectors.base import Connector, Ending, Identity, Owner, Schema
from leads.matching.reading.reader import Reader
from sync.census import Census
from sync.journal import Entry, EntryState
from sync.policy import Policy

Begin = Callable[[], AbstractContextManager[Any]]  # opens a transaction of the store

SETTLE_AFTER = timedelta(minutes=5)  # how late an unanswered create may still land


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a lead may be created: `when` tells from the facts of the lead. `fingerprint` changes with what the settings say."""

    create: bool = False
    when: Callable[[Mapping[str, Any]], bool] = lambda _facts: True
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Cap:
    """How many writes of a kind may go at once: at most `count`, and at most `share` of the linked records of the account.

    A share of less than `small` records says little: there `below` is the limit.
    """

    count: int
    share: float
    small: int
    below: int

    def limit(self, linked: int | None) -> int | None:
        """The limit for an account with `linked` records; None if that is not known."""
        if linked is None:
            return None
        share = int(self.share * linked)
        return min(self.count, self.below if share < self.small else share)


CAPS: Mapping[str, Cap] = {
    "creates": Cap(5_000, 0.5, 1_000, 1_000),
    "updates": Cap(20_000, 0.5, 1_000, 1_000),
    "clears": Cap(500, 0.05, 20, 20),
    "deletes": Cap(25, 0.01, 5, 5),
    "merges": Cap(25, 0.01, 5, 5),
    "restrictions": Cap(500, 0.05, 21, 500),
}
NO_CAP = Cap(1_000_000_000, 1_000_000_000.0, 1, 1_000_000_000)
EMPTIED = Cap(NO_CAP.count, 0.3, 10, 10)


@dataclass(frozen=True, slots=True)
class Guards:
    """What stops a run before its first write. `allow` raises limits for this run, by kind; `yes` goes on whatever trips."""

    first_run: str = "plan"  # plan | apply
    caps: Mapping[str, Cap] = field(default_factory=lambda: CAPS)
    emptied: Cap = EMPTIED
    allow: Mapping[str, int] = field(default_factory=dict)
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Endings:
    """What follows when a record of an account ends; always reported.

    unlink: the lead and its other records stay, and it is not created there again. recreate: it is created there again, if in scope.
    disqualify: the lead becomes disqualified, everywhere. delete: its other records are deleted, behind the guard on deletes. follow:
    the survivor takes its place. keep: a lead that left the scope is written to as before; dormant: only opt-outs are.
    """

    deleted: str = "unlink"  # unlink | recreate | disqualify | delete
    archived: str = "unlink"  # unlink | recreate | disqualify | delete
    hidden: str = "unlink"  # unlink | disqualify: not shown any more, and nobody says why
    merged: str = "follow"  # follow | unlink
    converted: str = "follow"  # follow | unlink
    out_of_scope: str = "keep"  # keep | dormant

    def of(self, ending: Ending) -> str:
        found: str = getattr(self, "hidden" if ending is Ending.MISSING else str(ending))
        return found


@dataclass(frozen=True, slots=True)
class Account:
    """One connected CRM. `bind(object, schema, owners, identity)` gives the dialect of an object in this very account.

    `merge_duplicates`: further records of one person are merged inside the CRM, where it can be done from outside.
    `meanings(object)` says for which field of a lead each mapped row stands: as much of the dialect as is known without asking the CRM.
    `own_fields(object)` are the fields of ours that the account is to have.
    """

    name: str
    crm: str
    objects: tuple[str, ...]
    connector: Connector
    bind: Callable[[str, Schema, Sequence[Owner], Identity], Any]
    scope: Scope = Scope()
    endings: Endings = Endings()
    meanings: Callable[[str], Mapping[str, str]] = lambda _object: {}
    merge_duplicates: bool = False
    own_fields: Callable[[str], Sequence[Any]] = lambda _object: ()


class NobodyErased:
    """A workspace that keeps no list of erased people, and so cannot erase."""

    def keys(self) -> Sequence[Any]:
        return ()

    def entries(self) -> Sequence[Any]:
        return ()

    def key(self) -> Any:
        raise Stopped("This workspace keeps no list of erased people. Set [privacy] key_file and list_file.", exit_code=2)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything a run needs. `fingerprint` changes with the configuration that plans depend on."""

    store: Any
    accounts: Mapping[str, Account]
    policy: Policy
    rules: Any
    guards: Guards = Guards()
    fingerprint: str = ""
    clock: Callable[[], float] = field(default=lambda: datetime.now(UTC).timestamp())
    tell: Callable[[str], None] = lambda _line: None
    settle_after: timedelta = SETTLE_AFTER
    suppression: Any = field(default_factory=lambda: NobodyErased())  # the list of erased people that lies outside the store
    telling: Any = None  # the policy of consent by which CRMs are told what the ledger says; None: no account asks for it
    joins_certain: bool = False  # leads that the evidence makes one person beyond reasonable doubt become one unasked
    adopting: bool = False  # records that carry ids of another store are taken over

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)


@dataclass(frozen=True, slots=True)
class Door:
    """An account whose identity was checked and whose dialects are bound."""

    account: Account
    identity: Identity
    dialects: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def connector(self) -> Connector:
        return self.account.connector

    def objects(self) -> Iterable[tuple[str, Any]]:
        return self.dialects.items()


@dataclass(frozen=True)
class Pass:
    """One pass of a run over what it has read: with which accounts, whose count it adds to, and the one time at which all of it happens."""

    workspace: Workspace
    doors: Sequence[Door]
    run: str
    census: Census
    now: datetime

    @cached_property
    def dialects(self) -> dict[tuple[str, str], Any]:
        """The dialects by account and object."""
        return dialects_of(self.doors)

    @cached_property
    def reader(self) -> Reader:
        """Reads what of leads is compared; it remembers what it has read."""
        return Reader()

    def unplan(self, unit: Any, lead_ids: Sequence[str]) -> None:
        """Take out of the run what it has planned for these leads. It is planned anew: by this run or, if it dies, by the next."""
        journal = unit.journal_of(lead_ids)
        self.drop(unit, [entry for entries in journal.values() for entry in entries if entry.state is EntryState.PLANNED])
        unit.touch(lead_ids)

    def drop(self, unit: Any, planned: Sequence[Entry]) -> None:
        """Take these writes out of the run as if they had not been planned."""
        unit.unplan(self.run, planned)
        for entry in planned:
            self.census.plan(entry.write.account, -1)


def dialects_of(doors: Iterable[Door]) -> dict[tuple[str, str], Any]:
    return {(door.name, object): dialect for door in doors for object, dialect in door.objects()}


class Stopped(Exception):
    """The run cannot go on; `exit_code` is the command's, the message says what to do."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
