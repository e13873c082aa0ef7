"""Journal: what is written, cell by cell, and how far each write has come on its way to proof. Frozen rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from leads.model import Value
from sync.state import Json


class Section(StrEnum):
    RESTRICT = "restrict"
    CREATE = "create"
    UPDATE = "update"
    UNDO = "undo"  # fields of a record get back what they showed
    MERGE = "merge"  # a record becomes part of another one of its CRM, for ever
    DELETE = "delete"  # a record is taken out of its CRM


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of one planned write: the CRM's field, what it shows, what it is to show, and what that means.

    `held` says why it does not travel with the write after all; it is kept so that the new base knows it. `reason` says where the value
    came from, `rule` by which rule the lead has it.
    """

    row_id: str
    remote: str
    field: str
    old: Json
    new: Json
    meant: Value
    reason: str
    held: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One row of a plan. `id` is None for a create; `key` names the create for ever; `loser` is the record that is merged into this one."""

    account: str
    object: str
    lead_id: str
    section: Section
    cells: tuple[Cell, ...]
    id: str | None = None
    key: str = ""
    loser: str = ""

    @property
    def target(self) -> tuple[str, str, str]:
        return (self.account, self.object, self.id if self.id is not None else self.key)


class EntryState(StrEnum):
    PLANNED = "planned"
    SENT = "sent"  # the request has left or is about to leave
    UNKNOWN = "unknown"  # it left and no answer came
    DONE = "done"
    HELD = "held"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the journal: a planned write on its way to proof."""

    op: int
    run: str
    write: PlannedWrite
    state: EntryState
    sent_at: datetime | None = None
    outcome: str = ""
    done_at: datetime | None = None
    cause: str = ""

    @property
    def verdict(self) -> str:
        """What became of it, in the words in which runs count."""
        return self.outcome if self.state is EntryState.DONE else self.state.value
