"""The likeness of a lead: its fields as the cells that a `Reader` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Final

from leads.matching.features import Column
from leads.matching.live import Likeness
from leads.matching.reading.reader import Reader
from leads.model import ABSENT, Item, Value

CELLS: Final[Mapping[str, str]] = {
    "first_name": "first_name",
    "last_name": "last_name",
    "company.name": "company",
    "company.website": "website",
    "job_title": "job_title",
    "address.street": "street",
    "address.postal_code": "postcode",
    "address.city": "city",
    "address.country": "country",
}
ROWS: Final = 4  # of one lead; who has more than eight addresses has them compared by the first eight
Cells = Mapping[str, str]


def cells_of(fields: Mapping[str, Value]) -> list[Cells]:
    """What of a lead is compared, by the names of columns; more than one where it has more addresses or numbers than a row holds."""
    usual = {cell: text for name, cell in CELLS.items() if isinstance(text := fields.get(name, ABSENT), str) and text != ""}
    mails = [item.key for item in _items(fields, "emails") if not item.key.startswith("raw:")]
    phones: list[str] = []
    mobiles: list[str] = []
    for item in _items(fields, "phones"):
        (mobiles if item.label == "mobile" else phones).append(item.text)
    rows = zip_longest(mails[0::2], mails[1::2], phones, mobiles)
    found = [{**usual, **_given(zip(("email", "email2", "phone", "mobile"), row, strict=True))} for row in rows]
    return list(found[:ROWS]) if found else [usual]


def likeness_of(cells: Iterable[Cells], crms: Iterable[str], reader: Reader) -> Likeness:
    rows = tuple(reader.row(one) for one in cells)
    codes = {code for row in rows for code in (row[Column.FIRST], row[Column.LAST]) if code}
    return Likeness(rows, {code: reader.words[code] for code in codes}, frozenset(crms))


def _items(fields: Mapping[str, Value], name: str) -> Iterator[Item]:
    value = fields.get(name, ABSENT)
    yield from value if isinstance(value, tuple) else ()


def _given(cells: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    return {name: text for name, text in cells if text is not None}
