"""The canonical lead: its fields, and the three states a field can be in.

A lead is a mapping from field names to values. A field that is missing is *absent* (nobody ever said anything), `CLEARED` means a
person emptied it, everything else is its value: text, whole number, bool, or for set fields a tuple of `Item`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class Blank(Enum):
    """The two ways of having no value. Neither is ever compared by truthiness."""

    ABSENT = "absent"
    CLEARED = "cleared"

    def __repr__(self) -> str:
        return self.name


ABSENT: Final = Blank.ABSENT
CLEARED: Final = Blank.CLEARED


@dataclass(frozen=True, slots=True)
class Item:
    """One member of a set field. Two items are the same if their `key` is; `text` is what a CRM is given.

    `key` is the normal form (e-mail address, E.164 number) or `raw:` and the folded text where there is none.
    `label` is work, mobile, home, fax, other or empty.
    """

    key: str
    text: str
    label: str = ""

    @property
    def is_raw(self) -> bool:
        """Whether nobody can read it: no address, and nobody can be reached or known by it."""
        return self.key.startswith("raw:")


Items = tuple[Item, ...]
Value = str | int | float | bool | Items | Blank


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    EMAILS = "emails"
    PHONES = "phones"
    EMAIL = "email"  # one address that is a reference, not a contact point (owner)
    OPTION = "option"
    COUNTRY = "country"
    LANGUAGE = "language"


class Winner(StrEnum):
    """Who wins where two sides changed one field to different values."""

    NEWEST = "newest"  # newest certain change, else precedence of the accounts
    PRECEDENCE = "precedence"
    OWNER = "owner"  # one account named in the settings, whatever the others say
    RANK = "rank"  # a person's edit > a form > an import > automation; among equals the newest certain change
    UNION = "union"  # sets: additions and removals of both
    RESTRICTIVE = "restrictive"  # a true flag is never taken back
    FURTHEST = "furthest"  # stages
    OURS = "ours"  # the hub computes it; nobody else may change it
    ASK = "ask"


class OnBlank(StrEnum):
    """What it means that a record's value was emptied."""

    CLEAR = "clear"  # the lead and all other records are emptied, too
    KEEP = "keep"  # the lead keeps its value, and the record gets it back
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    name: str
    kind: Kind
    winner: Winner = Winner.NEWEST
    options: tuple[str, ...] = ()
    max_length: int | None = None
    blank: OnBlank = OnBlank.CLEAR


STAGES: Final = ("raw", "mql", "sql", "hot", "customer")
SIDE_STAGES: Final = ("nurture", "disqualified", "lost")
LEVELS: Final = ("no", "unknown", "partial", "yes")

TOLD: Final = tuple((channel, told) for channel in ("email", "phone") for told in ("status", "since", "event"))

FIELDS: Final[Mapping[str, FieldSpec]] = {
    spec.name: spec
    for spec in (
        FieldSpec("first_name", Kind.TEXT, max_length=100),
        FieldSpec("last_name", Kind.TEXT, max_length=100, blank=OnBlank.KEEP),
        FieldSpec("salutation", Kind.TEXT, max_length=40),
        FieldSpec("emails", Kind.EMAILS, Winner.UNION),
        FieldSpec("phones", Kind.PHONES, Winner.UNION),
        FieldSpec("job_title", Kind.TEXT, max_length=255),
        FieldSpec("company.name", Kind.TEXT, max_length=255),
        FieldSpec("company.website", Kind.TEXT, max_length=255),
        FieldSpec("company.industry", Kind.TEXT, max_length=255),
        FieldSpec("company.employees", Kind.NUMBER),
        FieldSpec("address.street", Kind.TEXT, max_length=255),
        FieldSpec("address.postal_code", Kind.TEXT, max_length=20),
        FieldSpec("address.city", Kind.TEXT, max_length=100),
        FieldSpec("address.region", Kind.TEXT, max_length=100),
        FieldSpec("address.country", Kind.COUNTRY),
        FieldSpec("language", Kind.LANGUAGE),
        FieldSpec("owner", Kind.EMAIL),
        FieldSpec("stage", Kind.OPTION, Winner.FURTHEST, options=(*STAGES, *SIDE_STAGES), blank=OnBlank.KEEP),
        FieldSpec("source", Kind.TEXT, max_length=255, blank=OnBlank.KEEP),
        FieldSpec("qualification.budget", Kind.OPTION, options=LEVELS),
        FieldSpec("qualification.authority", Kind.OPTION, options=LEVELS),
        FieldSpec("qualification.need", Kind.OPTION, options=LEVELS),
        FieldSpec("qualification.timing", Kind.OPTION, options=LEVELS),
        FieldSpec("opt_out.email", Kind.FLAG, Winner.RESTRICTIVE),
        FieldSpec("opt_out.phone", Kind.FLAG, Winner.RESTRICTIVE),
        FieldSpec("score", Kind.NUMBER, Winner.OURS),
        FieldSpec("grade", Kind.TEXT, Winner.OURS),
        FieldSpec("reason", Kind.TEXT, Winner.OURS, max_length=255),
        FieldSpec("lead_id", Kind.TEXT, Winner.OURS),
        *(FieldSpec(f"consent.{channel}.{told}", Kind.TEXT, Winner.OURS, max_length=255) for channel, told in TOLD),
    )
}

CUSTOM: Final = "custom."  # the beginning of every field of somebody's own


def is_field(name: str) -> bool:
    """Whether a lead has, or can have, a field of this name."""
    return name in FIELDS or name.startswith(CUSTOM)


def spec_of(name: str) -> FieldSpec:
    """What is known of a field; one of somebody's own may hold anything its mapping can read."""
    return FIELDS[name] if name in FIELDS else FieldSpec(name, Kind.TEXT)


Lead = Mapping[str, Value]


def value_of(lead: Lead, name: str) -> Value:
    return lead.get(name, ABSENT)
