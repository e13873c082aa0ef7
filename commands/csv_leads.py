"""A CSV file of leads: any order of columns, many spellings of their names. Bad rows are told apart with the reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from commands.checks import nearest
from commands.exits import Stop
from leads import normal
from leads.model import FIELDS, LEVELS

COLUMNS = (
    "record_id", "lead_id", "first_name", "last_name", "name", "salutation", "title", "email", "email2", "phone", "mobile", "company",
    "website", "job_title", "street", "postcode", "city", "region", "country", "stage", "owner", "source", "industry", "employees",
    "language", "budget", "authority", "need", "timing", "opt_out", "do_not_call",
)  # fmt: skip

# What else a column may be called, once it is in small letters with _ between the words.
ALSO: Mapping[str, tuple[str, ...]] = {
    "record_id": ("id", "external_id", "unique_id"),
    "first_name": ("firstname", "given_name", "givenname", "vorname", "primary_name_first"),
    "last_name": ("lastname", "surname", "family_name", "nachname", "primary_name_last"),
    "name": ("full_name", "fullname", "contact_name", "primary_name_full"),
    "salutation": ("anrede",),
    "email": ("e_mail", "mail", "email_address", "e_mail_address", "emails", "email_1", "email1"),
    "email2": ("email_2", "e_mail_2", "second_email", "other_email"),
    "phone": ("telephone", "tel", "telefon", "phone_number", "phones", "work_phone"),
    "mobile": ("mobile_phone", "mobilephone", "mobil", "handy", "cell", "cell_phone"),
    "company": ("company_name", "organisation", "organization", "firma", "account_name", "primary_name_org"),
    "website": ("url", "web", "homepage", "company_website"),
    "job_title": ("jobtitle", "position", "role", "funktion"),
    "street": ("street_address", "address", "address_1", "address_street", "strasse", "addr_line1"),
    "postcode": ("zip", "zip_code", "zipcode", "postal_code", "postalcode", "plz", "address_postal_code", "addr_postal_code"),
    "city": ("town", "ort", "stadt", "address_city", "addr_city"),
    "region": ("state", "province", "county", "bundesland", "address_region", "addr_state"),
    "country": ("land", "country_code", "address_country", "addr_country"),
    "stage": ("lifecycle_stage", "lifecyclestage", "lead_stage"),
    "owner": ("owner_email", "lead_owner"),
    "source": ("lead_source", "leadsource"),
    "industry": ("branche", "company_industry"),
    "employees": ("number_of_employees", "num_employees", "company_employees", "mitarbeiter"),
    "language": ("lang", "sprache"),
    "budget": ("qualification_budget",),
    "authority": ("qualification_authority",),
    "need": ("qualification_need",),
    "timing": ("qualification_timing",),
    "opt_out": ("optout", "email_opt_out", "opt_out_email", "unsubscribed"),
    "do_not_call": ("donotcall", "opt_out_phone", "phone_opt_out"),
}
SPELLINGS = {spelling: column for column, others in ALSO.items() for spelling in (column, *others)} | {column: column for column in COLUMNS}

ADDRESSES = {
    "herr",
    "hr",
    "herrn",
    "frau",
    "fr",
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "mag",
    "ing",
    "mme",
    "mlle",
    "m",
    "sir",
    "madam",
}
YES = ("1", "true", "yes", "y", "ja", "x", "t")
NO = ("0", "false", "no", "n", "nein", "f")
CHOICES = {"stage": FIELDS["stage"].options, **dict.fromkeys(("budget", "authority", "need", "timing"), LEVELS)}


@dataclass(frozen=True, slots=True)
class Rejected:
    row: int  # of the data, the first is 1
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeadTable:
    heading: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    rejected: tuple[Rejected, ...]
    unknown: tuple[str, ...]  # columns that mean nothing to us


def read_leads(file: Path, source: str) -> LeadTable:
    """`source` fills the column of this name where a row leaves it empty."""
    lines = csv_lines(file)
    heading = tuple(next(lines, ()))
    columns = [SPELLINGS.get(folded_heading(name)) for name in heading]
    if len(heading) == 0:
        raise Stop(f"{file} is empty. The first line must name the columns, such as: {', '.join(COLUMNS[2:12])}.")
    if not any(columns):
        raise Stop(f"{file}: no column has a name we know. The first line must name the columns, such as: {', '.join(COLUMNS[2:12])}.")
    rows: list[Mapping[str, str]] = []
    rejected: list[Rejected] = []
    for number, cells in enumerate(lines, 1):
        row = _row(columns, cells)
        reason = _misshapen(cells, len(heading)) if len(cells) != len(heading) else _fault(row)
        if reason is None:
            rows.append({"source": source, **row})
        elif any(cell.strip() for cell in cells):
            rejected.append(Rejected(number, reason, tuple(cells)))
    unknown = tuple(name for name, column in zip(heading, columns, strict=True) if column is None)
    return LeadTable(heading, tuple(rows), tuple(rejected), unknown)


def write_rejects(out: TextIO, table: LeadTable) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("row", "reason", *table.heading))
    writer.writerows((each.row, each.reason, *each.cells) for each in table.rejected)


def csv_lines(file: Path) -> Iterator[list[str]]:
    """The heading and the rows, a line at a time. Raises Stop for a file that is no CSV file in UTF-8."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            csv.field_size_limit(10_000_000)
            lines = csv.reader(text, delimiter=delimiter_of(file))
            first = next(lines, None)
            if first is not None and first[:1] != ["sep="]:  # Excel's note to itself about the delimiter
                yield first
            yield from lines
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Stop(f"{file} is not in UTF-8. Save it as “CSV UTF-8”.") from None
    except csv.Error as error:
        raise Stop(f"{file} is not a CSV file: {error}.") from None


def delimiter_of(file: Path) -> str:
    """The sign that stands most often in the first line: a comma, semicolon, tab or bar."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        first = text.readline(1_000_000)
    return max(",;\t|", key=first.count)


def folded_heading(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _row(columns: Iterable[str | None], cells: Iterable[str]) -> dict[str, str]:
    """The cells by column; of two columns that mean the same, the first that says something."""
    row: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        if column is not None and cell.strip() != "":
            row.setdefault(column, cell.strip())
    _split_name(row)
    _place_title(row)
    for column in ("opt_out", "do_not_call"):
        if row.get(column, "").lower() in NO:
            del row[column]
    return row


def _split_name(row: dict[str, str]) -> None:
    name = normal.person_name(row.pop("name", ""))
    if isinstance(name, normal.PersonName) and "last_name" not in row:
        parts = {"first_name": name.first, "last_name": name.last, "salutation": name.salutation}
        row |= {column: text for column, text in parts.items() if text != "" and column not in row}


def _place_title(row: dict[str, str]) -> None:
    """A title is a form of address in some tables and a job in others."""
    title = row.pop("title", "")
    if title == "":
        return
    row.setdefault("salutation" if set(folded_heading(title).split("_")) <= ADDRESSES else "job_title", title)


def _misshapen(cells: Sequence[str], expected: int) -> str:
    hint = " (is a quotation mark left open?)" if any("\n" in cell for cell in cells) else ""
    return f"{len(cells)} cells instead of {expected}{hint}"


def _fault(row: Mapping[str, str]) -> str | None:
    """Why a row is not taken in. A value that cannot be read is never dropped in silence."""
    unreadable = [column for column, text in row.items() if "\0" in text]
    if len(unreadable) > 0:
        return f"{unreadable[0]} holds a zero byte, which no CRM can keep"
    if "email" not in row and "phone" not in row and "mobile" not in row and "record_id" not in row:
        return "no e-mail address, phone number or record_id to know it by"
    for column in ("email", "email2"):
        found = normal.email(row[column]) if column in row else None
        if isinstance(found, normal.Refused):
            return f"{column} {found.reason}"
    if "employees" in row and isinstance(found_number := normal.number(row["employees"]), normal.Refused):
        return f"employees {found_number.reason}"
    for column in ("opt_out", "do_not_call"):
        if column in row and row[column].lower() not in YES:
            return f"{column} says neither yes nor no"
    for column, options in CHOICES.items():
        if column in row and row[column].lower() not in options:
            return f"{column}: expected one of {', '.join(options)}. {nearest(row[column], list(options))}".rstrip()
    return None
