"""What of a record is compared: a row of whole numbers, the same for a line of a file and for a lead in the store.

Texts become 63-bit hashes that are the same on every machine, 0 is "not given". Only words of names are kept as texts too, because
spelling mistakes are looked for in them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Column(IntEnum):
    """Where each feature stands in the row."""

    FIRST = 0
    LAST = 1
    FIRST_LETTER = 2
    LAST_LETTER = 3
    RANK = 4
    FIRST_LAST = 5
    LAST_FIRST = 6
    INITIAL_LAST = 7
    LAST_INITIAL = 8
    MAIL = 9
    MAIL2 = 10
    KIND = 11
    KIND2 = 12
    DOMAIN = 13
    DOMAIN2 = 14
    LOCAL = 15
    LOCAL2 = 16
    STEM = 17
    STEM2 = 18
    OWN = 19
    OWN2 = 20
    PHONE = 21
    PHONE2 = 22
    BASE = 23
    BASE2 = 24
    COMPANY = 25
    WORK = 26
    WORK2 = 27
    STREET = 28
    POSTCODE = 29
    CITY = 30
    COUNTRY = 31
    BORN = 32
    NATIONAL_ID = 33
    CRM = 34
    CRM_ID = 35
    XREF = 36
    JOB = 37
    EXTENSION = 38
    EXTENSION2 = 39
    MAIL_LETTERS = 40
    MAIL2_LETTERS = 41
    CITY_LETTERS = 42
    COMPANY_LETTERS = 43
    WORK_LETTERS = 44
    XREF_CRM = 45  # 0 where the cross id does not say whose it is


WIDTH: Final = len(Column)


class Kind(IntEnum):
    """What a mailbox is; NUMBERED is a mailbox of work that ends in digits, as that of the second of two namesakes does."""

    NONE = 0
    WORK = 1
    FREE = 2
    ROLE = 3
    NUMBERED = 4
    DISPOSABLE = 5


class Own(IntEnum):
    """What a mailbox says about the name beside it."""

    UNKNOWN = 0
    FULL = 1
    LAST = 2
    FIRST = 3
    OTHER = 4
    RELATIVE = 5  # the last name with another first name


MOBILE: Final = -1  # in the place of an extension: the number is somebody's own
Row = list[int]


_PRIME: Final = 4_188_121_515_017_836_003  # drawn at random: what is left of a text read as a number, the same on every machine


def hashed(text: str) -> int:
    return int.from_bytes(text.encode(), "big") % _PRIME


_WEIGHTS: Final = [0] * 256
for _at in range(26):
    _WEIGHTS[ord("a") + _at] = 1 << 2 * _at
for _at in range(10):
    _WEIGHTS[ord("0") + _at] = (101, 211, 307, 401, 503, 601, 701, 809, 907, 1009)[_at] << 52


def sketch(text: str) -> int:
    """How often each letter occurs, two bits for each, and ten bits for the digits: what `levels` sees slips by."""
    return sum(map(_WEIGHTS.__getitem__, text.encode("latin-1", "ignore"))) & ((1 << 62) - 1)
