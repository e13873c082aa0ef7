"""The one contract that every CRM connector fulfils.

A connector speaks one vendor's protocol and knows nothing of leads: fields have the vendor's names, values are the vendor's values,
verbatim. What it declares in `Capabilities` is proved by the contract suite; what it does not declare nobody relies on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from connectors.errors import ConnectorError

type_names = ("text", "long_text", "int", "float", "bool", "date", "datetime", "option", "options", "owner", "reference", "list", "other")

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


class Ending(StrEnum):
    """How a record ended. Absence alone is `MISSING` and never means deleted."""

    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"
    ARCHIVED = "archived"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a CRM as it was shown.

    `fields` holds observed fields only: a name that is missing was not looked at, None means the CRM shows it empty.
    `version` is the CRM's own mark of this state (opaque). Times are UTC, on the CRM's clock.
    `moved_to` is (object, id) of the survivor of a merge or the contact of a converted lead.
    `aliases` are older ids that the CRM answers with this record. `said` holds when fields took their values, where the CRM tells it of
    them one by one: what a person chose about consent.
    """

    object: str
    id: str
    fields: Mapping[str, Json]
    version: str | None = None
    changed_at: datetime | None = None
    created_at: datetime | None = None
    ending: Ending | None = None
    moved_to: tuple[str, str] | None = None
    aliases: tuple[str, ...] = ()
    said: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some changed records, and the cursor to keep once they are stored."""

    records: Sequence[Record]
    cursor: str


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ERASE = "erase"  # delete for good, as far as the vendor offers it: the right of a person
    MERGE = "merge"  # `loser` becomes part of the record `id`, for ever; only where `capabilities.merges`


@dataclass(frozen=True, slots=True)
class Write:
    """One intended change of one record.

    `fields` maps the CRM's names to the CRM's values; None clears. Only named fields are touched.
    `key` is the value of the connector's key field on a create (see `Capabilities.key_field`); it makes a create
    recognisable, and repeatable where the CRM can upsert by it. `loser` is the record that a merge takes away.
    """

    op: Op
    object: str
    fields: Mapping[str, Json] = field(default_factory=dict)
    id: str | None = None
    key: str | None = None
    loser: str | None = None


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    MERGED = "merged"  # `id` is the survivor, which may be new; `record.aliases` are the ids that became part of it
    ADOPTED = "adopted"  # a create met an existing record (`id`); nothing was written to it
    REJECTED = "rejected"  # permanent for this write; `cause`, `field`
    GONE = "gone"  # the record ended; `record.ending` and `record.moved_to` say how
    UNKNOWN = "unknown"  # it may have happened
    NOT_SENT = "not_sent"  # nothing left the machine, or the CRM said that nothing was done


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one write.

    `record` is the record read back after the write: at least the written fields, as the CRM shows them now.
    `cause` is a stable word (`invalid_email`, `duplicate_rule`, `too_long`, ...), `message` a sentence without personal data.
    `error` is set when the account (not only this row) is affected.
    """

    outcome: Outcome
    id: str | None = None
    record: Record | None = None
    cause: str = ""
    field: str | None = None
    message: str = ""
    error: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Option:
    value: str  # what is read and written
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object in this very account.

    `name` is the key in `Record.fields` and `Write.fields`; `label` is what a person calls it. `length` is in characters;
    `decimals` are how many of a number are kept, where the CRM says so.
    """

    name: str
    label: str
    type: str
    length: int | None = None
    options: tuple[Option, ...] = ()
    custom: bool = False
    writable: bool = True
    required: bool = False
    unique: bool = False
    restricted: bool = False  # only the listed options are accepted
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    object: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class NewField:
    """A custom field to be created by `setup`. `type` is one of `type_names`."""

    name: str
    label: str
    type: str
    options: tuple[str, ...] = ()
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """A user or queue that records can belong to. `id` is the value of the owner field."""

    id: str
    email: str | None
    name: str
    active: bool = True
    kind: str = "user"  # user | queue


@dataclass(frozen=True, slots=True)
class Identity:
    """Which portal, org, company or account this is, and as whom we act."""

    key: str
    label: str
    user_id: str | None = None
    user_email: str | None = None


class Writer(StrEnum):
    """Who wrote a value, as far as the CRM tells."""

    US = "us"  # these very credentials; a person may share them
    OTHER = "other"  # somebody or something else
    PERSON = "person"
    FORM = "form"
    IMPORT = "import"
    AUTOMATION = "automation"
    UNTOLD = "untold"  # it may have been us


@dataclass(frozen=True, slots=True)
class Step:
    """One value that a field was given, `at` the CRM's time (UTC).

    `value` has the form of `Record.fields`; `told` is False where the history does not hold it in that form.
    """

    at: datetime
    value: Json
    by: Writer = Writer.UNTOLD
    told: bool = True


History = Mapping[str, Mapping[str, Sequence[Step]]]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a caller may rely on.

    `key_field` is the logical name of the unique field that carries the key of our create, `find_by_key` whether a look-up by it
    sees a record at once. `settle_by` is how an unanswered create is looked up: "key", "email" or "recent".
    Batch sizes and page sizes are records per call.
    """

    objects: tuple[str, ...]
    read_page: int
    write_batch: int
    get_batch: int
    key_field: str | None
    upsert_by_key: bool
    settle_by: str
    unique_email: bool
    email_required: bool
    tombstones: str  # feed | sweep | none
    merge_notices: bool
    cursor_granularity_s: float
    search_lag_s: float = 0.0
    merges: bool = False  # whether records can be merged from outside
    history: bool = False  # whether the CRM remembers what its fields were given
    consent_by_address: bool = False  # whether noes stay with an address, also while no record shows it
    dates_noes: bool = False  # whether `dated` finds out what no record tells by itself


class Connector(Protocol):
    """One account of one CRM.

    Every method may raise `AccountStopped` (or one of its kinds) and `Retry`; none raises for a single record.
    """

    account: str
    crm: str
    capabilities: Capabilities

    def identity(self) -> Identity: ...

    def owners(self) -> Sequence[Owner]:
        """Active and inactive users, and queues where the CRM has them."""

    def describe(self, object: str) -> Schema: ...

    def create_field(self, object: str, field: NewField) -> Field:
        """Create a custom field; an existing one of that name is returned as it is."""

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        """Everything that changed since `cursor` (None: everything), oldest page first.

        Cursors are opaque text. A record may be shown twice, never skipped: stopping after any page and going on from its
        cursor loses nothing. Endings come along where `capabilities.tombstones` is "feed".
        """

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """The records of `ids`, each id answered once: unknown ones as records with `ending` MISSING (or a known ending)."""

    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        """What `fields` were given since `since`, by id and field, oldest first; no steps: they were given nothing.

        An id or a field that is missing in the answer: the CRM does not tell. Nothing is missing where `capabilities.history` is
        set and the account keeps the history of the field.
        """

    def dated(self, records: Sequence[Record]) -> Sequence[Record]:
        """The same records; `said` of each also holds when the noes that it shows were said, where the CRM tells it when it is asked."""

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records whose `field` equals one of `values`, verified; none, one or several per value."""

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        """Carry out `writes`; exactly one receipt per write, in order, whatever happens."""

    def attached(self, object: str, ids: Sequence[str]) -> Mapping[str, bool | None]:
        """Whether deals, activities or notes hang on these records, by id; None or no answer for an id: that cannot be told here."""

    def calls(self) -> Mapping[str, int]:
        """Requests sent so far, by kind (`read`, `search`, `write`, `meta`, `auth`)."""

    def close(self) -> None: ...
