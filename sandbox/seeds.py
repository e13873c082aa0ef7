"""Seed rows: CSV files with any spelling of the columns that the four servers understand."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

COLUMNS = (
    "record_id", "source", "crm", "crm_id", "first_name", "last_name", "name", "title", "email", "email2", "phone", "mobile", "company",
    "website", "job_title", "street", "postcode", "city", "region", "country", "birth_date", "xref", "updated", "stage", "owner",
    "industry", "employees", "opt_out", "language", "budget", "authority", "need", "timing",
)  # fmt: skip

SPELLINGS = {
    "id": "record_id", "unique_id": "record_id", "rec_id": "record_id",
    "firstname": "first_name", "given_name": "first_name", "vorname": "first_name", "primary_name_first": "first_name",
    "lastname": "last_name", "surname": "last_name", "family_name": "last_name", "nachname": "last_name", "primary_name_last": "last_name",
    "full_name": "name", "fullname": "name", "primary_name_full": "name", "native_name_full": "name",
    "salutation": "title", "anrede": "title",
    "e_mail": "email", "mail": "email", "email_address": "email", "email1": "email", "email_2": "email2",
    "telephone": "phone", "phone_number": "phone", "telefon": "phone", "mobile_phone": "mobile", "mobilephone": "mobile", "mobil": "mobile",
    "organisation": "company", "organization": "company", "company_name": "company", "firma": "company", "primary_name_org": "company",
    "url": "website", "web": "website", "jobtitle": "job_title", "position": "job_title",
    "address": "street", "address_1": "street", "street_address": "street", "addr_line1": "street", "addr_full": "street",
    "strasse": "street",
    "zip": "postcode", "zip_code": "postcode", "postal_code": "postcode", "addr_postal_code": "postcode", "plz": "postcode",
    "town": "city", "suburb": "city", "addr_city": "city", "ort": "city", "state": "region", "addr_state": "region", "province": "region",
    "addr_country": "country", "land": "country", "dob": "birth_date", "date_of_birth": "birth_date", "birthdate": "birth_date",
    "owner_email": "owner", "lead_source": "source", "lifecycle_stage": "stage", "num_employees": "employees", "optout": "opt_out",
}  # fmt: skip


def read(path: Path | str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, under the names of COLUMNS; blank cells are left out, other columns carried along."""
    csv.field_size_limit(10_000_000)
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        yield from map(understood, csv.DictReader(file))


def understood(row: Mapping[str, str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for spelling, value in row.items():
        if not isinstance(spelling, str) or not isinstance(value, str) or not value.strip():
            continue
        name = re.sub(r"[^a-z0-9]+", "_", spelling.strip().lower()).strip("_")
        found.setdefault(SPELLINGS.get(name, name), value.strip())
    return found


def for_crm(rows: Iterable[Mapping[str, str]], crm: str) -> list[Mapping[str, str]]:
    """The rows meant for one CRM: those that name it in column `crm`, and those that name none."""
    return [row for row in rows if row.get("crm", "").strip().lower() in ("", crm)]


def names(row: Mapping[str, str]) -> tuple[str, str]:
    """First and last name, split off the full name where only that is given."""
    first, last = row.get("first_name", ""), row.get("last_name", "")
    if first or last or "name" not in row:
        return first, last
    head, _, tail = row["name"].strip().rpartition(" ")
    return head, tail


def says_yes(text: str | None) -> bool:
    return (text or "").strip().lower() in ("1", "true", "yes", "y", "ja", "x")
