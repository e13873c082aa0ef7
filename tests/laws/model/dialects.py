"""How four made-up CRMs spell, cut, coarsen and refuse values: what our mapping knows of it, and what the CRM really does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tests.laws.model.rules import Value

STAGES = ("raw", "mql", "sql", "hot", "customer")
USERS = ("anna", "ben", "clara")
GROUPS: Mapping[str, tuple[str, ...]] = {"open": ("raw", "mql"), "qualified": ("sql", "hot"), "won": ("customer",)}


def text_of(value: Value) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else "; ".join(value)


def same_spelling(sent: str, shown: str) -> bool:
    """Case, outer space and a cut tail are spellings; anything else is another value."""
    left, right = sent.strip().casefold(), shown.strip().casefold()
    return left == right or (len(right) >= 6 and left.startswith(right))


@dataclass(frozen=True, slots=True)
class Text:
    """Free text; `cut` is a length limit that the mapping knows."""

    cut: int = 99

    def show(self, value: Value, seen: str) -> str:
        return text_of(value)[: self.cut].strip()

    def parse(self, theirs: str, meant: Value) -> Value:
        return theirs.strip() or None

    def explains(self, sent: str, shown: str) -> bool:
        return same_spelling(sent, shown)


@dataclass(frozen=True, slots=True)
class Phone:
    """Digits in the lead, `+49 30 1234` in the CRM."""

    grouped: bool = False

    def show(self, value: Value, seen: str) -> str:
        digits = text_of(value)
        return f"+{digits[:2]} {digits[2:4]} {digits[4:]}" if self.grouped and digits.isdigit() else digits

    def parse(self, theirs: str, meant: Value) -> Value:
        digits = "".join(filter(str.isdigit, theirs))
        return digits or theirs.strip() or None

    def explains(self, sent: str, shown: str) -> bool:
        return self.parse(sent, None) == self.parse(shown, None)


@dataclass(frozen=True, slots=True)
class Stage:
    """A picklist; a coarse one shows several of our stages as one of its own."""

    coarse: bool = False

    def show(self, value: Value, seen: str) -> str:
        if not self.coarse or value is None:
            return text_of(value)
        return next(option for option, members in GROUPS.items() if value in members)

    def parse(self, theirs: str, meant: Value) -> Value:
        if not self.coarse or theirs == "":
            return theirs or None
        members = GROUPS[theirs]
        return meant if meant in members else members[0]

    def explains(self, sent: str, shown: str) -> bool:
        return sent == shown


@dataclass(frozen=True, slots=True)
class Emails:
    """A set of addresses; a CRM with one address shows one of them, its own as long as the lead has it."""

    many: bool = False

    def show(self, value: Value, seen: str) -> str:
        items = value if isinstance(value, tuple) else ()
        own = [item for item in self.parse(seen, None) if item in items]
        if not self.many:
            return (own or list(items) or [""])[0]
        return "; ".join([*own, *(item for item in items if item not in own)])

    def parse(self, theirs: str, meant: Value) -> tuple[str, ...]:
        return tuple(part.strip().lower() for part in theirs.split(";") if part.strip())

    def explains(self, sent: str, shown: str) -> bool:
        return self.parse(sent, None) == self.parse(shown, None)


Form = Text | Phone | Stage | Emails


@dataclass(frozen=True, slots=True)
class Dialect:
    """`forms` is what our mapping knows; everything else the CRM does without telling."""

    forms: Mapping[str, Form]
    hidden_cut: int = 99  # titles are cut silently
    shouts: bool = False  # names are upper-cased
    lowers: bool = False  # addresses are lower-cased
    needs_email: bool = False
    unique_email: bool = False
    flag_of_address: bool = False  # the opt-out hangs on the address, not on the record
    users: tuple[str, ...] = USERS
    forward_only: str = ""  # "", "ignores" or "refuses" a stage that goes back
    own_answer: bool = True  # the answer of a write shows the record
    knows_author: bool = True  # field history: who wrote last


def random_dialect(rng: Random) -> Dialect:
    many = rng.random() < 0.3
    forms: dict[str, Form] = {
        "name": Text(),
        "title": Text(cut=rng.choice((99, 10))),
        "phone": Phone(grouped=rng.random() < 0.5),
        "stage": Stage(coarse=rng.random() < 0.4),
        "owner": Text(),
        "score": Text(),
        "emails": Emails(many=many),
    }
    return Dialect(
        forms=forms,
        hidden_cut=rng.choice((99, 99, 8)),
        shouts=rng.random() < 0.25,
        lowers=rng.random() < 0.5,
        needs_email=rng.random() < 0.25,
        unique_email=rng.random() < 0.5,
        flag_of_address=not many and rng.random() < 0.4,
        users=USERS if rng.random() < 0.7 else USERS[:2],
        forward_only=rng.choice(("", "", "ignores", "refuses")),
        own_answer=rng.random() < 0.6,
        knows_author=rng.random() < 0.6,
    )
