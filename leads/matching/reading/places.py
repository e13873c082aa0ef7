"""Companies, and where they and people are."""

from __future__ import annotations

import re
from typing import Final

from leads import identity, normal
from leads.matching.features import hashed, sketch
from leads.matching.reading.names import repaired
from leads.normal import Refused

_UMLAUT: Final = re.compile(r"([aou])e")
_HOUSE: Final = re.compile(r"\d+\w?")
_NO_LETTER: Final = re.compile(r"[^a-z]")


def company(text: str) -> str:
    found = normal.company(repaired(text))
    return "" if isinstance(found, Refused) else slug(found)


def slug(words: str) -> str:
    kept = [word for word in normal.plain(words).split() if word not in ("and", "und", "et", "y", "e")]
    return _UMLAUT.sub(r"\1", "".join(kept))


def place(text: str) -> tuple[int, int]:
    letters = identity.letters(repaired(text))
    return hashed(letters), sketch(letters)


def street(text: str) -> int:
    plain = normal.plain(repaired(text)).replace("strasse", "str").replace("straße", "str").replace("stra e", "str")
    numbers = "".join(_HOUSE.findall(plain))
    letters = _NO_LETTER.sub("", _UMLAUT.sub(r"\1", plain))
    return hashed(letters[:8] + numbers)
