"""Telephone numbers, one number whatever way they are written."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from leads.tables import table

_EXT: Final = re.compile(
    r"(?:[,;(]?\s*(?:ext(?:ension)?|durchwahl|nebenstelle|nst|dw|apparat|poste|interno|x|#)|\s-)\s*[.:=]?\s*(\d{1,5})\)?\s*$", re.I
)
_DASHED: Final = re.compile(r"(\d{6,})-(\d{2,4})$")


@cache
def _codes() -> frozenset[str]:
    return frozenset(table("dialling")["codes"])


def dialled(text: str, trunk: str = "") -> tuple[int, int, int]:
    """The number without country code and leading zeros, the same without extension, and the extension with a 1 before it (0 for none).

    `trunk` is what one dials before a number within the country, where that is no 0.
    """
    extension = ""
    if (found := _EXT.search(text)) is not None or (found := _DASHED.search(text)) is not None:
        extension = found[found.lastindex or 1]
        text = text[: found.start(found.lastindex or 1)]
    text = text.replace("(0)", "")
    digits = "".join(filter(str.isdigit, text))
    if digits.startswith("00"):
        digits = _without_code(digits[2:])
    elif "+" in text[:3]:
        digits = _without_code(digits)
    elif len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    elif trunk != "" and digits.startswith(trunk):
        digits = digits[len(trunk) :]
    digits = digits.lstrip("0")
    if not 6 <= len(digits) <= 15 or len(set(digits)) <= 2 or digits in "1234567890123456789":
        return 0, 0, 0
    base = int(digits)
    number = int(digits + extension) if len(digits + extension) <= 17 else base
    return number, base, int("1" + extension) if extension else 0


def _without_code(digits: str) -> str:
    for length in (1, 2, 3):
        if digits[:length] in _codes():
            return digits[length:]
    return digits
