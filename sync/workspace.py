"""What a run works with: the accounts, the rules, the store that is handed in, and the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Connector, Identity, Owner, Schema
from sync.state import Policy

SETTLE_AFTER = timedelta(minutes=5)  # how late an unanswered create may still land


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a lead may be created: `when` tells from the facts of the lead."""

    create: bool = False
    when: Callable[[Mapping[str, Any]], bool] = lambda _facts: True


@dataclass(frozen=True, slots=True)
class Guards:
    """What stops a run before its first write. `yes` goes on whatever trips."""

    first_run: str = "plan"  # plan | apply
    restrictions: int = 500
    restrictions_share: float = 0.05
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """One connected CRM. `bind(object, schema, owners, identity)` gives the dialect of an object in this very account."""

    name: str
    crm: str
    objects: tuple[str, ...]
    connector: Connector
    bind: Callable[[str, Schema, Sequence[Owner], Identity], Any]
    scope: Scope = Scope()


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


class Stopped(Exception):
    """The run cannot go on; `exit_code` is the command's, the message says what to do."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
