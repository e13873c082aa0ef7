"""Reads a record: its texts, by the names of columns, into a row of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leads import identity, normal
from leads.matching.features import MOBILE, WIDTH, Column, Kind, Row, hashed, sketch
from leads.matching.reading import mailboxes, names, numbers, places, telephones
from leads.normal import Refused
from leads.tables import table


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
        self._names: Memory = Memory(names.words)
        self._companies: Memory = Memory(places.company)
        self._hashes: Memory = Memory(hashed)
        self._sketches: Memory = Memory(sketch)
        self._domains: Memory = Memory(mailboxes.whose)
        self._jobs: Memory = Memory(lambda text: hashed(normal.plain(text)))
        self._places: Memory = Memory(places.place)
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
            site = mailboxes.website(cells["website"])
            row[Column.WORK], row[Column.WORK_LETTERS] = self._hashes[site], self._sketches[site]
        self._set_place(row, cells)
        if "birth_date" in cells:
            row[Column.BORN] = numbers.born(cells["birth_date"])
        if "national_id" in cells:
            row[Column.NATIONAL_ID] = numbers.number("".join(filter(str.isalnum, cells["national_id"].lower())))
        self._set_ids(row, get("crm", "").lower(), get("crm_id", ""), get("xref", ""))
        if "job_title" in cells:
            row[Column.JOB] = self._jobs[cells["job_title"]]
        return row

    def _name(self, first: str, last: str, whole: str) -> tuple[tuple[str, ...], tuple[str, ...], int]:
        if whole != "" and first == last == "":
            first, last = names.split(whole)
        elif (first == "") != (last == ""):
            first, last = names.split(first or last) if " " in (first or last).strip() else (first, last)
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
            if address == "" or (found := mailboxes.mailbox(address)) == "":
                continue
            local, _, domain = found.partition("@")
            domain, core, kind = self._domains[domain]
            if domain == "" or identity.is_placeholder(local):
                continue
            role = identity.is_role(local)
            row[Column.MAIL + at] = hashed(f"{local}@{domain}")
            row[Column.KIND + at] = Kind.ROLE if role else mailboxes.numbered(local, kind)
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
                row[Column.OWN + at] = names.own(stem, first, last)
            at = 1

    def _set_phones(self, row: Row, phone: str, mobile: str) -> None:
        at = 0
        for text, is_mobile in ((phone, False), (mobile, True)):
            if text == "":
                continue
            number, base, extension = telephones.dialled(text, self._trunk)
            extension = MOBILE if is_mobile and extension == 0 else extension
            if number == 0 or number == row[Column.PHONE]:
                continue
            row[Column.PHONE + at], row[Column.BASE + at], row[Column.EXTENSION + at] = number, base, extension
            at = 1

    def _set_ids(self, row: Row, crm: str, id: str, xref: str) -> None:
        row[Column.CRM], row[Column.CRM_ID] = self._hashes[crm], hashed(id)
        whose, said, named = xref.rpartition(":")
        whose, named = whose.strip().lower(), named.strip()
        if said == "" and crm != "" and numbers.is_small_number(named):
            return
        row[Column.XREF], row[Column.XREF_CRM] = hashed(named), self._hashes[whose]

    def _set_place(self, row: Row, cells: Mapping[str, str]) -> None:
        get = cells.get
        if postcode := get("postcode", ""):
            row[Column.POSTCODE] = numbers.number("".join(filter(str.isalnum, postcode.upper())).lstrip("0"), least=3)
        if city := get("city", ""):
            row[Column.CITY], row[Column.CITY_LETTERS] = self._places[city]
        if street := get("street", ""):
            row[Column.STREET] = places.street(street)
        if country := get("country", ""):
            row[Column.COUNTRY] = self._hashes[self._countries[country]]
