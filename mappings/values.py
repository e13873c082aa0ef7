"""Converters: how one value of a CRM and one value of a lead stand for each other.

`read` says what a shown value means, given what it meant before: a coarse value that still fits keeps the finer one. `write` spells a
value for the CRM, or says why it cannot be spelled. What is shown but not understood is `UNCLEAR`, never a blank.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import Enum
from math import isfinite
from typing import Final, Protocol, TypeGuard

from leads.model import ABSENT, Value
from leads.normal import Refused
from leads.normal import number as whole_number
from leads.values import blank

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


class Shown(Enum):
    UNCLEAR = "unclear"


UNCLEAR: Final = Shown.UNCLEAR
FILLER: Final = "[not provided]"  # written where a CRM insists on a text that nobody ever gave us


@dataclass(frozen=True, slots=True)
class Held:
    """Why a value is not written. `reason` is a stable word, `message` a sentence without personal data."""

    reason: str
    message: str


class Converter(Protocol):
    @property
    def guarded(self) -> bool:
        """Whether what is shown but not understood is somebody's work and must not be overwritten."""

    def read(self, theirs: Json, meant: Value, /) -> Value | Shown: ...

    def write(self, value: Value, /) -> Json | Held: ...

    def fits(self, theirs: Json, value: Value, /) -> bool: ...


def is_nothing(value: Value | Shown) -> bool:
    """A flag that is not set and a field without a value say the same: nobody objects, nobody said anything."""
    return value is False or (not isinstance(value, Shown) and blank(value))


class Reading:
    """The usual meaning of `fits`: read in the light of the value, it is that value."""

    __slots__ = ()

    def fits(self: Converter, theirs: Json, value: Value, /) -> bool:
        found = self.read(theirs, value)
        if is_nothing(value):
            return found is UNCLEAR or is_nothing(found)
        return found is not UNCLEAR and found == value


# Text


def clean(theirs: Json) -> str | None:
    """Text as every CRM would show it: NFC, one kind of line end, no control characters, no outer blanks; None if it is no text."""
    if theirs is None:
        return ""
    if isinstance(theirs, bool) or not isinstance(theirs, (str, int, float)):
        return None
    text = str(theirs)
    if not text.isprintable():
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        text = "".join(sign for sign in lines if sign in "\n\t" or unicodedata.category(sign) != "Cc")
    return unicodedata.normalize("NFC", text).strip()


def shorten(text: str, limit: int | None) -> str:
    """At most `limit` characters, never cut inside one that a person sees as one."""
    if limit is None or len(text) <= limit:
        return text
    cut = limit
    while cut > 0 and _joined(text, cut):
        cut -= 1
    return text[: cut if cut > 0 else limit].rstrip()


def _joined(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if unicodedata.category(after).startswith("M") or after == "\u200d" or before == "\u200d" or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    return _is_flag_half(after) and _flag_halves_before(text, at) % 2 == 1


def _is_flag_half(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"


def _flag_halves_before(text: str, at: int) -> int:
    start = at
    while start > 0 and _is_flag_half(text[start - 1]):
        start -= 1
    return at - start


_UNSTATED: Final = 255  # ActiveCampaign cuts long texts without saying where; no shorter text was cut by a CRM


@dataclass(frozen=True, slots=True)
class Text(Reading):
    """`limit` is the CRM's, `most` the lead's; `fillers` are texts that stand for nothing."""

    limit: int | None = None
    most: int | None = None
    fillers: tuple[str, ...] = (FILLER,)
    guarded: bool = False

    def read(self, theirs: Json, meant: Value) -> Value | Shown:
        text = clean(theirs)
        if text is None:
            return UNCLEAR
        if text == "" or text in self.fillers:
            return ABSENT
        text = shorten(text, self.most)
        return meant if isinstance(meant, str) and self._is_cut_of(text, meant) else text

    def _is_cut_of(self, text: str, meant: str) -> bool:
        whole = clean(meant) or ""
        if shorten(whole, self.limit) == text:
            return True
        return self.limit is None and len(text) >= _UNSTATED and whole.startswith(text)

    def write(self, value: Value) -> Json | Held:
        return shorten(clean(str(value)) or "", self.limit)


@dataclass(frozen=True, slots=True)
class Choice(Reading):
    """Free text of ours in a list of choices of theirs: `values` by folded label or value, `labels` by value."""

    values: Mapping[str, Json]
    labels: Mapping[str, str]
    text: Text
    restricted: bool
    guarded: bool = False

    def read(self, theirs: Json, meant: Value) -> Value | Shown:
        shown = clean(theirs)
        if shown is None or shown not in self.labels:
            return self.text.read(theirs, meant)
        if isinstance(meant, str) and str(self.values.get(meant.casefold())) == shown:
            return meant
        return self.text.read(self.labels[shown], meant)

    def write(self, value: Value) -> Json | Held:
        text = self.text.write(value)
        if str(text).casefold() in self.values:
            return self.values[str(text).casefold()]
        return Held("not_an_option", "The field has a fixed list of choices and this value is not among them.") if self.restricted else text


# Numbers and flags


@dataclass(frozen=True, slots=True)
class Number(Reading):
    """A whole number; `as_text` where the CRM keeps numbers as text."""

    as_text: bool = False
    guarded: bool = True

    def read(self, theirs: Json, _meant: Value) -> Value | Shown:
        if isinstance(theirs, bool):
            return UNCLEAR
        if isinstance(theirs, (int, float)):
            return round(theirs) if isfinite(theirs) else UNCLEAR
        text = clean(theirs)
        if text is None:
            return UNCLEAR
        return ABSENT if text == "" else _number(text)

    def write(self, value: Value) -> Json | Held:
        return str(value) if self.as_text else value if isinstance(value, int) else None


def _number(text: str) -> int | Shown:
    if re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,2}|\.\d{4,})?", text, re.ASCII) is not None:
        return round(float(text)) if "." in text else int(text)
    found = whole_number(text)
    return UNCLEAR if isinstance(found, Refused) else found


@dataclass(frozen=True, slots=True)
class Figure(Reading):
    """A number with or without decimals, of which the CRM keeps `decimals` (None: as many as there are).

    However it is spelled, it is the same number. One that would be rounded is held; where a coarser field shows it rounded, it stays.
    """

    as_text: bool = False
    in_text: bool = False  # a text field, in which people group digits as they like
    decimals: int | None = None
    guarded: bool = True

    def read(self, theirs: Json, meant: Value) -> Value | Shown:
        if theirs is None or theirs == "":
            return ABSENT
        if isinstance(theirs, bool) or not isinstance(theirs, (str, int, float)):
            return UNCLEAR
        shown = self._figure(str(theirs).strip())
        if shown is None:
            return UNCLEAR
        return meant if _is_number(meant) and self._shows(shown, meant) else _plain(shown)

    def write(self, value: Value) -> Json | Held:
        if not _is_number(value):
            return None
        exact = _exact(value)
        if self.decimals is not None and _places(exact) > self.decimals:
            return Held("too_precise", "The number has more decimals than the field keeps, and would be rounded.")
        if not self.as_text:
            return value
        text = format(exact, "f")
        return f"{text}0" if self.in_text and _places(exact) == 3 else text  # 1.250 in a text may be read as a thousand

    def _figure(self, text: str) -> Decimal | None:
        plain = r"[+-]?\d{1,18}(\.\d{1,2}|\.\d{4,})?" if self.in_text else r"[+-]?\d*\.?\d+([eE][+-]?\d{1,2})?"
        if re.fullmatch(plain, text, re.ASCII) is not None:
            found = Decimal(text)
            return found if _exact(_plain(found)) == found else None  # more digits than a number can keep
        whole = whole_number(text)
        return None if isinstance(whole, Refused) else Decimal(whole)

    def _shows(self, shown: Decimal, meant: int | float) -> bool:
        exact = _exact(meant)
        if self.decimals is None or _places(exact) <= self.decimals:
            return shown == exact
        step = Decimal(1).scaleb(-self.decimals)
        return shown in (exact.quantize(step, ROUND_HALF_UP), exact.quantize(step, ROUND_HALF_EVEN))


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _exact(value: int | float) -> Decimal:
    return Decimal(repr(value))


def _plain(figure: Decimal) -> int | float:
    return int(figure) if figure == figure.to_integral_value() else float(figure)


def _places(figure: Decimal) -> int:
    exponent = figure.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


_YES: Final = frozenset(("true", "yes", "1", "y", "on", "ja", "x"))
_NO: Final = frozenset(("false", "no", "0", "n", "off", "nein"))


@dataclass(frozen=True, slots=True)
class Flag(Reading):
    """`yes` and `no` are what the CRM calls them. A flag is only ever raised: nothing here writes a no over a yes."""

    yes: Json = True
    no: Json = False
    guarded: bool = False

    def read(self, theirs: Json, _meant: Value) -> Value | Shown:
        if isinstance(theirs, bool):
            return theirs
        text = clean(theirs)
        if text == "":
            return ABSENT
        if text is None:
            return UNCLEAR
        return self._word(text)

    def _word(self, text: str) -> bool | Shown:
        if text in (str(self.yes), str(self.no)):
            return text == str(self.yes)
        word = text.casefold()
        return True if word in _YES else False if word in _NO else UNCLEAR

    def write(self, value: Value) -> Json | Held:
        if value is True:
            return self.yes
        return Held("loosens_consent", "An objection stands here, and only newer and better evidence in the ledger may end it.")


@dataclass(frozen=True, slots=True)
class YesNo(Flag):
    """An ordinary yes or no, which goes both ways: nothing depends on it."""

    def write(self, value: Value) -> Json | Held:
        return self.yes if value is True else self.no if value is False else None


# Options


@dataclass(frozen=True, slots=True)
class Option(Reading):
    """`written`: what the CRM calls each of our options; `understood`: which of ours a shown one may stand for, finest last."""

    written: Mapping[str, Json]
    understood: Mapping[str, tuple[str, ...]]
    guarded: bool = True

    def read(self, theirs: Json, meant: Value) -> Value | Shown:
        text = clean(theirs)
        if text is None:
            return UNCLEAR
        if text == "":
            return ABSENT
        ours = self.understood.get(text.casefold())
        if ours is None:
            return UNCLEAR
        return meant if meant in ours else ours[0]

    def write(self, value: Value) -> Json | Held:
        if isinstance(value, str) and value in self.written:
            return self.written[value]
        return Held("not_an_option", "The field has no such option in this account.")


@dataclass(frozen=True, slots=True)
class View(Option):
    """A coarse native field beside the exact one: it follows where it can and never speaks where it has no word."""

    guarded: bool = False

    def speaks_of(self, value: Value) -> bool:
        return value in self.written

    def fits(self, theirs: Json, value: Value) -> bool:
        found = self.read(theirs, value)
        return found is UNCLEAR or (found == value if self.speaks_of(value) else is_nothing(found))
