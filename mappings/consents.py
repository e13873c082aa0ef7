"""What a CRM says about consent beyond its one opt-out: subscription types, lists, bounces, as data of the mapping.

A row stands for every field of the account that fits its `remote`; where that ends in a star, the rest of the field's name names a
purpose of its own, which the settings may translate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from leads.consent.event import CHANNELS, RESTRICTIONS, Kind
from leads.model import ABSENT, Value
from mappings.values import UNCLEAR, Held, Json, Reading, Shown

KEYS: Final = ("remote", "channel", "purpose", "denies", "hears", "direction", "needs", "unlisted_is_no", "shown_only", "forgets")
MARKETING: Final = "marketing"
PROFILING: Final = "profiling"  # no channel: a no to it is one to being scored


class FieldLike(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def writable(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ConsentSpec:
    """`denies` are the values that say no (the first is written), `hears` what other values tell, as kinds of events.

    With `unlisted_is_no` a record that shows nothing cannot be reached by it: there is nothing to deny.
    With `shown_only` one that shows nothing has no such field: the next wider one stands for it.
    With `forgets` a no asks for the erasure of the person, about which somebody has to decide.
    """

    remote: str
    channel: str
    purpose: str = MARKETING
    denies: tuple[Json, ...] = ()
    hears: Mapping[str, str] = field(default_factory=dict)
    direction: str = "both"
    needs: str = ""
    unlisted_is_no: bool = False
    shown_only: bool = False
    forgets: bool = False

    @property
    def mute(self) -> tuple[Json, ...]:
        """The values by which nobody can be reached."""
        return tuple(value for value, kind in self.hears.items() if kind == Kind.BOUNCE and value != "*")

    def names(self, fields: Iterable[str]) -> list[str]:
        """The fields of an account that this row stands for."""
        if not self.remote.endswith("*"):
            return [self.remote] if self.remote in fields else []
        return sorted(name for name in fields if name.startswith(self.remote[:-1]))

    def purpose_of(self, name: str, account: str, purposes: Mapping[str, str]) -> str:
        """What the field is about: what the settings say, else a purpose of its own."""
        if not self.remote.endswith("*"):
            return self.purpose
        part = name.removeprefix(self.remote[:-1])
        return purposes.get(part, f"{self.purpose}.{account}_{part}")


@dataclass(frozen=True, slots=True)
class Standing(Reading):
    """A status, of which some values say no."""

    denies: tuple[Json, ...]
    mute: tuple[Json, ...] = ()  # nobody can be reached, and nobody said anything: a bounce
    guarded: bool = False

    def read(self, theirs: Json, _meant: Value, /) -> Value | Shown:
        if theirs is None:
            return ABSENT
        if _word(theirs) in map(_word, self.mute):
            return UNCLEAR
        return _word(theirs) in map(_word, self.denies)

    def write(self, value: Value, /) -> Json | Held:
        if value is True and self.denies:
            return self.denies[0]
        return Held("loosens_consent", "An objection stands here, and only newer and better evidence in the ledger may end it.")


def heard(hears: Mapping[str, str], theirs: Json) -> str:
    """The kind of event that a value tells of, or nothing; a star stands for any value."""
    if theirs is None:
        return ""
    by_word = {_word(value): kind for value, kind in hears.items()}
    return by_word.get(_word(theirs), by_word.get("*", ""))


def _word(theirs: Json) -> str:
    return str(theirs).strip().lower()


def specs(rows: Iterable[Mapping[str, Any]]) -> tuple[ConsentSpec, ...]:
    """The rows of a mapping file without problems."""
    return tuple(ConsentSpec(**{**row, "denies": tuple(row.get("denies", ()))}) for row in rows)


def problems(rows: object) -> Iterator[str]:
    """Everything that is wrong with the consent rows of a mapping file."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield "consents: expected a list of tables"
        return
    for row in rows:
        where = f"consents {row.get('remote')}"
        yield from (f"{where}.{key}: is no key; known are {', '.join(KEYS)}" for key in row if key not in KEYS)
        if not isinstance(row.get("remote"), str):
            yield f"{where}.remote: expected the CRM's name of the field, or its beginning and a star"
        if row.get("channel") not in (*CHANNELS, PROFILING):
            yield f"{where}.channel: expected one of {', '.join(CHANNELS)}"
        if row.get("direction", "both") not in ("both", "in"):
            yield f"{where}.direction: expected both or in"
        if not isinstance(row.get("denies", []), list):
            yield f"{where}.denies: expected a list of values"
        kinds = [kind.value for kind in Kind if kind not in RESTRICTIONS or kind is Kind.COMPLAINT]
        hears = row.get("hears", {})
        if not isinstance(hears, dict) or any(kind not in kinds for kind in hears.values()):
            yield f"{where}.hears: expected a table of values and what they tell: {', '.join(kinds)}"
