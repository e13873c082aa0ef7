"""Invented people, as messy as in real life: one person looks different in every CRM, and some are there twice.

    python -m sandbox.people --count 300 -o people.csv

The same seed gives the same people. Rows have the columns of `sandbox.seeds`; column `crm` names where a row belongs. E-mail addresses and
phone numbers come from ranges that can never reach anybody (see people.toml).
"""

from __future__ import annotations

import argparse
import csv
import sys
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, TextIO

COUNT = 300

COLUMNS = (
    "record_id", "crm", "title", "first_name", "last_name", "email", "email2", "phone", "mobile", "company", "website", "job_title",
    "street", "postcode", "city", "region", "country", "stage", "owner", "source", "industry", "employees", "opt_out", "language",
    "budget", "authority", "need", "timing", "updated",
)  # fmt: skip

CRMS = ("hubspot", "salesforce", "pipedrive", "activecampaign")
UNIQUE_EMAIL = ("hubspot", "activecampaign")  # these two know an address once only

GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ı": "i", "ł": "l"})

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    legal: str
    domain: str
    industry: str
    employees: int
    place: Mapping[str, Any]
    line: int  # the last digits of its telephone number


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody really is, before four CRMs get hold of it."""

    id: str
    land: Mapping[str, Any]
    title: str
    first: str
    last: str
    email: str
    private: str
    mobile: int
    company: Company
    job: str
    street: str
    stage: str
    owner: str
    source: str
    opt_out: bool
    shared: bool  # the address belongs to a family or a whole office


def people(seed: int = 1, count: int = COUNT) -> Iterator[Row]:
    """The rows of `count` people, in all CRMs."""
    dice = Random(seed)
    companies = {name: _companies(dice, land) for name, land in _lands().items()}
    taken: set[str] = set()
    before: Person | None = None
    for number in range(1, count + 1):
        land = dice.choices(["de", "gb", "us"], weights=[6, 2, 2])[0]
        person = _person(dice, number, land, dice.choice(companies[land]), taken)
        if before is not None and dice.random() < 0.03:
            person = replace(
                person,
                last=before.last,
                email=before.private,
                private=before.private,
                shared=True,
                company=before.company,
                land=before.land,
            )
        yield from _rows(dice, person)
        before = person


@cache
def _world() -> dict[str, Any]:
    return tomllib.loads(files("sandbox").joinpath("people.toml").read_text(encoding="utf-8"))


def _lands() -> dict[str, dict[str, Any]]:
    return {name: land for name, land in _world().items() if name != "everywhere"}


def _companies(dice: Random, land: Mapping[str, Any]) -> list[Company]:
    return [
        Company(
            name=name,
            legal=dice.choice(land["legal"]),
            domain=f"{_slug(name)}.example",
            industry=dice.choice(land["industries"]),
            employees=dice.choice([4, 9, 17, 35, 80, 120, 250, 480, 1200, 5000]),
            place=dice.choice(land["cities"]),
            line=dice.randrange(1, 10),
        )
        for name in land["companies"]
    ]


def _person(dice: Random, number: int, land_name: str, company: Company, taken: set[str]) -> Person:
    world, land = _world()["everywhere"], _lands()[land_name]
    sex = dice.choice("fm")
    first, last = dice.choice(land[f"first_{sex}"]), dice.choice(land["last"])
    office = dice.random() < 0.03
    return Person(
        id=f"P{number:05}",
        land=land,
        title=dice.choice(land["salutations"][sex]),
        first=first,
        last=last,
        email=f"{dice.choice(world['roles'])}@{company.domain}" if office else _address(dice, first, last, company.domain, taken),
        private=_address(dice, first, last, dice.choice(world["private"]), taken),
        mobile=dice.randrange(10 ** land["mobile"]["digits"]),
        company=company,
        job=dice.choice(land["titles"]),
        street=f"{dice.choice(land['streets'])} {dice.randrange(1, 140)}",
        stage=dice.choice(world["stages"]),
        owner=dice.choice(world["owners"]),
        source=dice.choice(world["sources"]),
        opt_out=dice.random() < 0.06,
        shared=office,
    )


def _address(dice: Random, first: str, last: str, domain: str, taken: set[str]) -> str:
    given, family = _slug(first), _slug(last)
    local = dice.choice([f"{given}.{family}", f"{given}.{family}", f"{given[0]}.{family}", f"{family}.{given}", given + family])
    address, more = f"{local}@{domain}", 1
    while address in taken:
        more += 1
        address = f"{local}{more}@{domain}"
    taken.add(address)
    return address


def _rows(dice: Random, person: Person) -> Iterator[Row]:
    for crm in _where(dice, person):
        yield _seen_in(dice, crm, person)
        if crm not in UNIQUE_EMAIL and dice.random() < 0.06:
            yield _twice(dice, crm, person)


def _where(dice: Random, person: Person) -> list[str]:
    possible = [crm for crm in CRMS if not (person.shared and crm in UNIQUE_EMAIL)]
    how_many = dice.choices([1, 2, 3, 4], weights=[30, 25, 20, 25])[0]
    chosen = dice.sample(possible, min(how_many, len(possible)))
    return [crm for crm in CRMS if crm in chosen]


def _twice(dice: Random, crm: str, person: Person) -> Row:
    """The same person once more in the same CRM, typed in by somebody else."""
    again = _seen_in(dice, crm, person)
    return {**again, "record_id": again["record_id"] + "-2", "first_name": person.first[0] + "." if dice.random() < 0.5 else person.first}


def _seen_in(dice: Random, crm: str, person: Person) -> Row:
    row = {"record_id": f"{person.id}-{crm[:2]}", "crm": crm, **_name(dice, crm, person), **VIEWS[crm](dice, person)}
    row["updated"] = f"2026-{dice.randrange(1, 11):02}-{dice.randrange(1, 29):02}T{dice.randrange(7, 19):02}:{dice.randrange(60):02}:00Z"
    return {column: row[column] for column in COLUMNS if row.get(column, "") != ""}


def _name(dice: Random, crm: str, person: Person) -> Row:
    first, last = person.first, person.last
    spelling = dice.random()
    if spelling < 0.10:
        first, last = _ascii(first), _ascii(last)
    elif spelling < 0.16:
        first, last = first.upper(), last.upper()
    elif spelling < 0.22 and crm != "salesforce":
        first, last = first.lower(), last.lower()
    elif spelling < 0.25:
        first = f" {first} "
    nameless = dice.random() < 0.05 and crm != "pipedrive"  # one word would be taken for a first name there
    return {"first_name": "" if nameless else first, "last_name": last}


def _in_hubspot(dice: Random, person: Person) -> Row:
    """Marketing's CRM: forms fill it, so the private address and the source are here."""
    return {
        "email": person.private if dice.random() < 0.08 else person.email,
        "phone": _maybe(dice, 0.45, _mobile(dice, person, abroad=True)),
        "company": _maybe(dice, 0.75, person.company.name),
        "website": _maybe(dice, 0.4, f"https://www.{person.company.domain}/"),
        "job_title": _maybe(dice, 0.5, person.job),
        "city": _maybe(dice, 0.3, person.company.place["city"]),
        "source": person.source,
        "stage": person.stage,
        "owner": _owner(dice, person, 0.4),
        "language": _maybe(dice, 0.7, person.land["language"]),
        "opt_out": "true" if person.opt_out or dice.random() < 0.02 else "",
    }


def _in_salesforce(dice: Random, person: Person) -> Row:
    """Sales keeps this one tidy, except where it does not."""
    company, place = person.company, person.company.place
    return {
        "title": _maybe(dice, 0.7, person.title),
        "email": _maybe(dice, 0.9, _shouted(dice, person.email)),
        "phone": _maybe(dice, 0.8, _office(dice, person)),
        "mobile": _maybe(dice, 0.4, _mobile(dice, person)),
        "company": _company(dice, company),
        "website": _maybe(dice, 0.5, f"www.{company.domain}"),
        "job_title": _maybe(dice, 0.8, person.job),
        "street": person.street,
        "postcode": place["postcode"],
        "city": place["also"] if dice.random() < 0.15 else place["city"],
        "region": _maybe(dice, 0.5, place["region"]),
        "country": dice.choice(person.land["country"]),
        "industry": _maybe(dice, 0.6, company.industry),
        "employees": _maybe(dice, 0.6, str(company.employees)),
        "stage": person.stage if dice.random() < 0.8 else dice.choice(_world()["everywhere"]["stages"]),
        "owner": _owner(dice, person, 0.9),
        "opt_out": "true" if person.opt_out and dice.random() < 0.5 else "",
        **_bant(dice, 0.4),
    }


def _in_pipedrive(dice: Random, person: Person) -> Row:
    """A person per phone call: numbers are good, addresses are not."""
    broken = dice.random() < 0.04
    return {
        "email": dice.choice(_world()["everywhere"]["broken"]) if broken else _maybe(dice, 0.85, person.email),
        "email2": person.private if not broken and not person.shared and dice.random() < 0.1 else "",
        "phone": _office(dice, person, abroad=True),
        "mobile": _maybe(dice, 0.3, _mobile(dice, person, abroad=True)),
        "company": _maybe(dice, 0.85, _company(dice, person.company)),
        "job_title": _maybe(dice, 0.25, _ascii(person.job)),
        "owner": _owner(dice, person, 0.8),
        "stage": _maybe(dice, 0.3, person.stage),
        "source": _maybe(dice, 0.2, "Empfehlung" if person.land["language"] == "de" else "referral"),
        **_bant(dice, 0.3),
    }


def _in_activecampaign(dice: Random, person: Person) -> Row:
    """The newsletter: an address, a name, and whoever said no."""
    return {
        "email": _shouted(dice, person.email),
        "phone": _maybe(dice, 0.15, _mobile(dice, person, abroad=True)),
        "company": _maybe(dice, 0.2, person.company.name),
        "language": _maybe(dice, 0.9, person.land["language"]),
        "source": _maybe(dice, 0.8, "newsletter"),
        "opt_out": "true" if person.opt_out else "",
    }


VIEWS: Mapping[str, Callable[[Random, Person], Row]] = {
    "hubspot": _in_hubspot,
    "salesforce": _in_salesforce,
    "pipedrive": _in_pipedrive,
    "activecampaign": _in_activecampaign,
}


def _maybe(dice: Random, chance: float, text: str) -> str:
    return text if dice.random() < chance else ""


def _owner(dice: Random, person: Person, chance: float) -> str:
    other = dice.choice(_world()["everywhere"]["owners"][:3])
    return _maybe(dice, chance, other if dice.random() < 0.1 else person.owner)


def _bant(dice: Random, chance: float) -> Row:
    return {part: _maybe(dice, chance, dice.choice(_world()["everywhere"]["levels"])) for part in ("budget", "authority", "need", "timing")}


def _company(dice: Random, company: Company) -> str:
    return dice.choice(
        [company.name, f"{company.name} {company.legal}", f"{company.name} {company.legal}", company.name.upper(), _ascii(company.name)]
    )


def _shouted(dice: Random, address: str) -> str:
    local, _, domain = address.partition("@")
    return dice.choice([address, address, address, f"{local.title()}@{domain}", address.upper()])


def _office(dice: Random, person: Person, *, abroad: bool = False) -> str:
    place = person.company.place
    return _spelled(dice, person.land, place["area"], f"{place['prefix']}{person.company.line:0{place['digits']}}", abroad=abroad)


def _mobile(dice: Random, person: Person, *, abroad: bool = False) -> str:
    mobile = person.land["mobile"]
    return _spelled(dice, person.land, mobile["area"], f"{mobile['prefix']}{person.mobile:0{mobile['digits']}}", abroad=abroad)


def _spelled(dice: Random, land: Mapping[str, Any], area: str, number: str, *, abroad: bool) -> str:
    """One number as six people would write it. Without a country beside it (`abroad`), only German ones go without +."""
    calling, trunk = land["calling"], land["trunk"]
    international = [
        f"+{calling}{area}{number}",
        f"+{calling} {area} {number}",
        f"+{calling} ({trunk}){area} {number}",
        f"00{calling} {area} {number}",
    ]
    if calling == "1":
        international = [f"+1{area}{number}", f"+1 {area} {number[:3]} {number[3:]}", f"+1 ({area}) {number[:3]}-{number[3:]}"]
        national = [f"({area}) {number[:3]}-{number[3:]}", f"{area}.{number[:3]}.{number[3:]}"]
    else:
        national = [f"{trunk}{area}/{number}", f"{trunk}{area} {number}", f"({trunk}{area}) {number[:3]} {number[3:]}"]
    return dice.choice(international if abroad and calling != "49" else international + national)


def _ascii(text: str) -> str:
    bare = unicodedata.normalize("NFD", text.translate(GERMAN))
    return "".join(sign for sign in bare if not unicodedata.combining(sign))


def _slug(text: str) -> str:
    words = "".join(sign if sign.isalnum() else " " for sign in _ascii(text).lower().replace("'", ""))
    return "-".join(words.split())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.people", description="Write invented people as CSV.")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="file to write; else the standard output")
    chosen = parser.parse_args(arguments)
    file = nullcontext(sys.stdout) if chosen.output is None else chosen.output.open("w", newline="", encoding="utf-8")
    with file as out:
        write(out, people(chosen.seed, chosen.count))


def write(out: TextIO, rows: Iterator[Row]) -> None:
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


if __name__ == "__main__":
    main()
