"""State: what is known of records and leads, as frozen rows that the steps of the pipeline pass to each other and the store keeps.

Vocabulary: DESIGN words only. `seen` is what a CRM showed, verbatim; `meant` the lead's value we held to be equal to it.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from leads.model import ABSENT, Value

Json = Any  # values of a CRM, verbatim; never inspected outside the mappings


class Ref(NamedTuple):
    """A record: which account, which object, which id."""

    account: str
    object: str
    id: str


class Role(StrEnum):
    MAIN = "main"
    TWIN = "twin"  # a second record of the same person in one account: read, only ever restricted
    QUARANTINED = "quarantined"  # from a bought list: of what it says only noes count, and it is only ever restricted


class LinkState(StrEnum):
    ACTIVE = "active"
    DORMANT = "dormant"  # left the scope: no field writes, restrictions still go
    WITHHELD = "withheld"  # an undone create: not created again until released
    ENDED = "ended"  # deleted, merged away, converted, erased


GONE = (LinkState.ENDED, LinkState.WITHHELD)  # links without a record


@dataclass(frozen=True, slots=True)
class Link:
    """A record belongs to a lead. `key` is the key of our create, if the record is ours; `ending` says why it ended."""

    ref: Ref
    lead_id: str
    role: Role = Role.MAIN
    state: LinkState = LinkState.ACTIVE
    key: str = ""
    ending: str = ""


class Late(NamedTuple):
    """A write that seemed lost: what was sent, what it means, and until when it may still land."""

    sent: Json
    meant: Value
    until: datetime


@dataclass(frozen=True, slots=True)
class Pair:
    """The base of one field of one link.

    `refused` is (value, reason): what this CRM would not take or cannot show; it is not planned again while it stays the same.
    `flips` counts foreign edits of a field that is ours.
    """

    seen: Json = None
    meant: Value = ABSENT
    refused: tuple[Json, str] | None = None
    flips: int = 0
    late: Late | None = None

    def is_own(self, theirs: Json, at: datetime) -> bool:
        """Whether what a record shows since `at` is a write of ours that landed late, and nobody's edit."""
        return self.late is not None and theirs == self.late.sent and at <= self.late.until


@dataclass(frozen=True, slots=True)
class Base:
    """The base of one link: a pair per mapped row, and when the record was last read (the CRM's clock, UTC).

    `changed_at` is the record's own stamp when it was read: while it shows the same, nobody has written to it.
    """

    pairs: Mapping[str, Pair] = field(default_factory=dict)
    read_at: datetime | None = None
    changed_at: datetime | None = None

    def pair(self, row_id: str) -> Pair:
        return self.pairs.get(row_id, UNKNOWN_PAIR)

    def knows(self, row_id: str) -> bool:
        return row_id in self.pairs


UNKNOWN_PAIR = Pair()
LINK = "link"  # the name of a revision that gives a record to a lead
MERGE, SPLIT = "merge", "split"  # the names of revisions: a lead became part of another, a lead gave records to another
UNDONE = "undone"  # why a pair is held, or a link withheld: we wrote it and somebody took it back
RELEASED = "released"  # the ending of a withheld link whose lead may be created again


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a lead's field came from: the account and record, or the rule, and the interval of the change."""

    account: str
    ref: Ref | None = None
    rule: str = ""
    lo: datetime | None = None
    hi: datetime | None = None


class Candidate(NamedTuple):
    """A value that a field could have, and where it comes from."""

    value: Value
    origin: Origin


class Lost(NamedTuple):
    """A value that did not win: the account where it stands, or `hub`; and who said it when (None: an older store did not keep it)."""

    value: Value
    where: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class LeadState:
    """One lead as the hub holds it."""

    id: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    stage_since: datetime | None = None
    stage_held: bool = False  # a person set the stage: no automatic change until a rule proposes a higher one
    epoch: int = 0  # of the routing: it rises when the lead is to be routed anew
    routed_epoch: int | None = None
    version: int = 0
    created_at: datetime | None = None
    open_debts: bool = False
    due: datetime | None = None
    asked: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)  # fields that wait for a person: nobody is written them


class Way(StrEnum):
    JOIN = "join"
    PART = "part"


@dataclass(frozen=True, slots=True)
class Joining:
    """Two leads became one, or one became two.

    JOIN: `gone` is another name of `kept` until `ended_at`; PART: `gone` has left `kept`. `refs` are the records that changed hands,
    `mains` those of them that were main records of `gone`. `gone_state` is the lead as it was when it went into the other one, or when
    it left it. `decisions` are (left, right, verdict): what people had decided about the two before.
    """

    way: Way
    run: str
    kept: str
    gone: str
    at: datetime
    refs: tuple[Ref, ...]
    mains: tuple[Ref, ...]
    kept_before: LeadState
    kept_after: LeadState
    gone_state: LeadState
    decisions: tuple[tuple[str, str, str], ...] = ()
    ended_at: datetime | None = None
    n: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One side changed one field. `lo` is the last moment the old value was seen (None: unknown), `hi` when the new one was there.

    `explained_by` tells whether what the record shows now could be this CRM's way of showing a given value. `tug`: this record has
    taken back what we wrote so often that a person has to say who is right.
    """

    name: str
    old: Value
    new: Value
    ref: Ref
    row_id: str
    lo: datetime | None
    hi: datetime | None
    first_contact: bool = False
    tug: bool = False
    explained_by: Callable[[Value], bool] = field(default=lambda _value: False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Revision:
    """One step in the history of one field of a lead, with the candidates that did not win.

    `also` is who else said what won, in the same run: it stays with them if they part.
    """

    name: str
    old: Value
    new: Value
    origin: Origin
    rule: str
    lost: tuple[Lost, ...] = ()
    also: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What needs a person: grouped by account and cause, with the fix."""

    account: str
    cause: str
    message: str
    fix: str
    ref: Ref | None = None
    lead_id: str = ""
    field: str = ""


def problem_id(account: str, cause: str) -> str:
    """What people type to name all problems of one cause in an account: the same in every run."""
    return digest("problem", account, cause)[:6]


@dataclass(frozen=True, slots=True)
class Review:
    """A question for a person. `subject` makes it unique, so that it is asked once and the answer is remembered.

    `choices` are what can be answered: each has an `answer`, and either `says` (a sentence) or a `value` and where it comes `from`.
    """

    kind: str
    subject: str
    question: str
    lead_id: str = ""
    refs: tuple[Ref, ...] = ()
    field: str = ""
    choices: tuple[Mapping[str, Json], ...] = ()


def pair_key(side: Ref | str) -> str:
    """How a side of a decided pair is called: a record by its reference, a lead by its id."""
    return f"lead:{side}" if isinstance(side, str) else ":".join(side)


def pair_choices(side: Ref | str, lead_ids: Sequence[str]) -> tuple[Mapping[str, Json], ...]:
    """What can be answered to "which of these leads is this record (or lead)?"; `pairs` are what follows from it, left, right, verdict."""

    def pairs(same: str | None) -> list[list[str]]:
        return [[pair_key(side), pair_key(lead_id), "same" if lead_id == same else "different"] for lead_id in lead_ids]

    if len(lead_ids) == 1:
        known = [{"answer": "same", "says": f"The same person as lead {lead_ids[0]}.", "pairs": pairs(lead_ids[0])}]
    else:
        known = [{"answer": lead_id, "says": f"The same person as lead {lead_id}.", "pairs": pairs(lead_id)} for lead_id in lead_ids]
    return (*known, {"answer": "different", "says": "Somebody else.", "pairs": pairs(None)})


PROFILING = "profiling"  # what an objection ends beside the channels


@dataclass(frozen=True, slots=True)
class Restriction:
    """Somebody's no: for a channel and an address (or, where the record showed none, the lead itself).

    `channel` is PROFILING, or email, phone ... for all marketing, or with a narrower purpose behind a slash: `email/marketing.newsletter`.
    """

    channel: str
    address: str
    ref: Ref
    seen_at: datetime | None
    exact: bool = False  # the CRM says that it was said at that very time


def refs_text(refs: Sequence[Ref]) -> str:
    return ", ".join(f"{ref.account} {ref.object} {ref.id}" for ref in refs)


def link_step(ref: Ref, old: Value, new: Value, why: str) -> Revision:
    """That a record came to a lead, or left it, as a step of the lead's history."""
    return Revision(LINK, old, new, Origin(ref.account, ref), why)


def digest(*parts: str) -> str:
    """A short name that the same parts always get: what a plan names, its apply must find again."""
    return b32encode(hashlib.sha256("\0".join(parts).encode()).digest()[:15]).decode().lower()
