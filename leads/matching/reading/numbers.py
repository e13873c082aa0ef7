"""Numbers of papers and records, and dates, as numbers."""

from __future__ import annotations

import re
from typing import Final

from leads.matching.features import hashed


def number(text: str, least: int = 5) -> int:
    """A number as itself, so that one digit apart can be seen; anything else as a hash."""
    return int(text) if least <= len(text) < 16 and text.isascii() and text.isdigit() else hashed(text)


def is_small_number(id: str) -> bool:
    """Every CRM that counts its records has one of this number: without the CRM it names nobody."""
    return id.isdecimal() and len(id) < 9


_DATE: Final = re.compile(r"(\d{1,4})\D(\d{1,2})\D(\d{1,4})$|(\d{4})(\d{2})(\d{2})$")


def born(text: str) -> int:
    """A date as yyyymmdd; 0 for what is none."""
    found = _DATE.match(text.strip())
    if found is None:
        return 0
    one, two, three = (int(part) for part in (found.groups()[3:] if found[4] else found.groups()[:3]))
    year, month, day = (one, two, three) if one > 31 else (three, two, one)
    if month > 12:
        month, day = day, month
    year += 0 if year > 99 else 1900
    return year * 10000 + month * 100 + day if 1 <= month <= 12 and 1 <= day <= 31 else 0
