"""A made-up CRM: records that people and the hub edit, with the quirks of its dialect. It knows nothing of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.laws.model.dialects import STAGES, Dialect

COLUMNS = ("name", "title", "title2", "phone", "stage", "owner", "score", "emails")


@dataclass(slots=True)
class Typed:
    """A value that a person typed, and what became of it."""

    account: str
    record: str
    column: str
    shown: str
    at: float
    exposed: bool = False  # the hub has stored a row that shows it
    gone: str = ""  # who replaced it


@dataclass(slots=True)
class Record:
    id: str
    shown: dict[str, str]
    key: str = ""
    flag: bool = False
    stamp: float = 0.0
    created: float = 0.0
    version: int = 0
    ending: str = ""  # deleted or merged
    moved_to: str = ""
    writer: dict[str, tuple[str, float]] = field(default_factory=dict)
    typed: dict[str, Typed] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)  # addresses it has shown


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it was read."""

    account: str
    id: str
    shown: Mapping[str, str]
    flag: bool
    key: str
    stamp: float
    version: int
    since: float  # everything in it happened after this read
    read_at: float
    created: float
    ending: str = ""
    moved_to: str = ""
    writer: Mapping[str, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    row: Row | None
    refused: str = ""  # the field the CRM complains about; then nothing was written
    reason: str = ""
    existing: str = ""  # the record that has this address already


class Loosened(AssertionError):
    """A write of ours made a restricted address contactable."""


@dataclass(slots=True)
class Crm:
    name: str
    dialect: Dialect
    tick: Callable[[], float]
    records: dict[str, Record] = field(default_factory=dict)
    opted_out: set[str] = field(default_factory=set)  # where the opt-out hangs on the address
    typed: list[Typed] = field(default_factory=list)
    created_keys: list[str] = field(default_factory=list)
    writes: int = 0
    version: int = 0

    # reading

    def changes(self, cursor: int, since: float) -> tuple[list[Row], int]:
        at = self.tick()
        return [self.row(r, since, at) for r in self.records.values() if r.version > cursor], self.version

    def get(self, record_id: str, since: float) -> Row:
        return self.row(self.records[record_id], since, self.tick())

    def find(self, key: str) -> str | None:
        return next((r.id for r in self.records.values() if r.key == key), None)

    def row(self, record: Record, since: float, at: float) -> Row:
        writer = dict(record.writer) if self.dialect.knows_author else {}
        return Row(
            self.name,
            record.id,
            dict(record.shown),
            self.restricted(record),
            record.key,
            record.stamp,
            record.version,
            since,
            at,
            record.created,
            record.ending,
            record.moved_to,
            writer,
        )

    def addresses(self, record: Record) -> tuple[str, ...]:
        return tuple(self.dialect.forms["emails"].parse(record.shown["emails"], None) or ())

    def restricted(self, record: Record) -> bool:
        if self.dialect.flag_of_address:
            return any(address in self.opted_out for address in self.addresses(record))
        return record.flag

    def live(self) -> list[Record]:
        return [record for record in self.records.values() if not record.ending]

    # writing

    def create(
        self, shown: Mapping[str, str], who: str, *, key: str = "", flag: bool = False, denied: frozenset[str] = frozenset()
    ) -> Answer:
        refused = self.complaint(None, shown)
        if refused is not None:
            return refused
        record = Record(f"{self.name[0]}{len(self.records) + 1}", dict.fromkeys(COLUMNS, ""), key=key)
        self.records[record.id] = record
        if key:
            assert key not in self.created_keys, f"{self.name}: created twice for {key}"
            self.created_keys.append(key)
        return self.put(record, shown, who, flag, denied)

    def update(
        self, record_id: str, shown: Mapping[str, str], who: str, *, flag: bool = False, denied: frozenset[str] = frozenset()
    ) -> Answer:
        record = self.records[record_id]
        if record.ending:
            return Answer(None, reason="gone")
        return self.complaint(record, shown) or self.put(record, shown, who, flag, denied)

    def put(self, record: Record, shown: Mapping[str, str], who: str, flag: bool, denied: frozenset[str]) -> Answer:
        at, contactable = self.tick(), self.contactable(record)
        record.created = record.created or at
        for column, value in shown.items():
            self.fill(record, column, self.spelling(record, column, value), who, at)
        record.flag = record.flag or flag
        self.touch(record, at, who)
        if who == "hub":
            self.check_loosened(record, contactable, denied)
        return Answer(self.row(record, float("-inf"), at))

    def fill(self, record: Record, column: str, value: str, who: str, at: float) -> None:
        if value == record.shown[column]:
            return
        if column in record.typed:
            record.typed.pop(column).gone = who
        record.shown[column] = value
        record.ever |= set(self.addresses(record)) if column == "emails" else set()
        record.writer[column] = (who, at)
        if who == "person":
            record.typed[column] = Typed(self.name, record.id, column, value, at)
            self.typed.append(record.typed[column])

    def touch(self, record: Record, at: float, who: str) -> None:
        self.version += 1
        record.version, record.stamp = self.version, at
        self.writes += who == "hub"

    def restrict(self, address: str) -> Answer:
        """Opt an address out, where the opt-out hangs on the address."""
        at = self.tick()
        self.opted_out.add(address)
        for record in self.live():
            if address in self.addresses(record):
                self.touch(record, at, "")
        self.writes += 1
        return Answer(None)

    def spelling(self, record: Record, column: str, value: str) -> str:
        if column == "name" and self.dialect.shouts:
            return value.upper()
        if column.startswith("title"):
            return value[: self.dialect.hidden_cut].strip()
        if column == "emails" and self.dialect.lowers:
            return value.lower()
        if column == "stage" and self.dialect.forward_only == "ignores" and self.goes_back(record, value):
            return record.shown["stage"]
        return value

    def goes_back(self, record: Record | None, stage: str) -> bool:
        order = ("", *STAGES) if self.dialect.forms["stage"].show("raw", "") != "open" else ("", "open", "qualified", "won")
        return record is not None and order.index(stage) < order.index(record.shown["stage"])

    def complaint(self, record: Record | None, shown: Mapping[str, str]) -> Answer | None:
        if shown.get("owner", "") not in ("", *self.dialect.users):
            return Answer(None, "owner", "unknown user")
        if "stage" in shown and self.dialect.forward_only == "refuses" and self.goes_back(record, shown["stage"]):
            return Answer(None, "stage", "forward only")
        if "emails" not in shown:
            return None
        mine = set(self.dialect.forms["emails"].parse(shown["emails"], None) or ())
        if self.dialect.needs_email and not mine:
            return Answer(None, "emails", "required")
        others = [r.id for r in self.live() if r is not record and mine & set(self.addresses(r))]
        if self.dialect.unique_email and others:
            return Answer(None, "emails", "duplicate", existing=others[0])
        return None

    def delete(self, record_id: str, who: str) -> Answer:
        record = self.records[record_id]
        at = self.tick()
        if not record.ending:
            record.ending = "deleted"
            self.touch(record, at, who)
        return Answer(self.row(record, at, at))

    def merge(self, winner: Record, loser: Record) -> None:
        at = self.tick()
        for column, value in loser.shown.items():
            if winner.shown[column] == "" and value != "":
                self.fill(winner, column, value, "merge", at)
        loser.ending, loser.moved_to = "merged", winner.id
        self.touch(loser, at, "person")
        self.touch(winner, at, "person")

    def say_no(self, record: Record) -> None:
        if self.dialect.flag_of_address:
            self.opted_out.update(self.addresses(record))
        record.flag = True
        self.touch(record, self.tick(), "person")

    def say_yes(self, record: Record) -> None:
        self.opted_out.difference_update(self.addresses(record))
        record.flag = False
        self.touch(record, self.tick(), "person")

    # law 3, watched at every write

    def contactable(self, record: Record) -> set[str]:
        return set() if self.restricted(record) else set(self.addresses(record))

    def check_loosened(self, record: Record, before: set[str], denied: frozenset[str]) -> None:
        loosened = (self.contactable(record) - before) & denied
        if loosened:
            raise Loosened(f"{self.name} {record.id}: our write made {sorted(loosened)} contactable")
