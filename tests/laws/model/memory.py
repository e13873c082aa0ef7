"""What the hub of the model remembers: leads, links with their bases, the journal and the history."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.laws.model.rules import NEVER, Change, Golden, Pair, Value, Write

FIELDS = ("name", "title", "phone", "stage", "owner", "score", "emails")


@dataclass(slots=True)
class Link:
    account: str
    record: str
    lead: str
    role: str = "main"  # or twin
    state: str = "active"  # active, dormant, withheld, ended
    pairs: dict[str, Pair] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)  # the mapping under which each pair was made
    flag: Pair = field(default_factory=lambda: Pair("may", "may"))
    read_at: float = NEVER
    created_by: int = 0

    @property
    def name(self) -> str:
        return f"{self.account}/{self.record}"


@dataclass(slots=True)
class Lead:
    id: str
    born: float
    fields: dict[str, Golden] = field(default_factory=lambda: {name: Golden() for name in FIELDS})
    parked: dict[str, list[Change]] = field(default_factory=dict)
    into: str = ""
    due: float = NEVER
    held: dict[str, Value] = field(default_factory=dict)  # account -> addresses with which a create was refused

    def values(self) -> dict[str, Value]:
        return {name: golden.value for name, golden in self.fields.items()}


@dataclass(slots=True)
class Entry:
    """One line of the journal; it exists before its request leaves."""

    id: int
    kind: str  # create, update, delete
    account: str
    lead: str
    record: str
    cells: dict[str, Write]
    sent_at: float
    key: str = ""
    flag: bool = False
    state: str = "open"  # open, landed, closed
    settled: dict[str, Pair] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """One line of history."""

    account: str
    record: str
    column: str
    shown: str
    value: Value
    cause: str
