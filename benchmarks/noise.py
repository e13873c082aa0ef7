"""From people to the records that four CRMs keep of them, with the mistakes and gaps of each: labelled CRM leads for measuring.

The kinds of noise and their rates follow the development data; `noise` multiplies the rates of mistakes (not those of gaps).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from anyascii import anyascii

from benchmarks.people import Home, Job, Makers, Person, Phone, State
from benchmarks.world import DESKS, NICKNAMES, NO_MAIL, NO_PHONE, NOTES, ROLES, TAGS, TITLES

COLUMNS: Final = (
    "record_id", "crm", "crm_id", "first_name", "last_name", "title", "email", "email2", "phone", "mobile", "company", "job_title",
    "street", "postcode", "city", "country", "xref", "updated",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filled:
    """How often a CRM holds a value that exists; `second` is how often it holds the same person twice."""

    first: float
    last: float
    mail: float
    work: float  # the address of work, where there is one
    phone: float
    mobile: float
    company: float
    job: float
    home: float
    country: float
    email2: float
    second: float


CRMS: Final = {
    "hubspot": Filled(0.92, 0.88, 0.96, 0.76, 0.55, 0.42, 0.85, 0.52, 0.35, 0.55, 0.1, 0.025),
    "salesforce": Filled(0.94, 0.99, 0.84, 0.82, 0.74, 0.6, 0.97, 0.66, 0.59, 0.69, 0.04, 0.06),
    "pipedrive": Filled(0.97, 0.96, 0.76, 0.8, 0.68, 0.38, 0.89, 0.15, 0.2, 0.2, 0.08, 0.06),
    "activecampaign": Filled(0.82, 0.6, 1.0, 0.42, 0.22, 0.09, 0.3, 0.05, 0.08, 0.15, 0.0, 0.025),
}
OLD_IS_USED: Final = 0.4
OFFICE: Final = 0.6  # how often the address kept of an employee is the company's
Record = dict[str, str]


def generate(records: int, seed: int, noise: float = 1.0) -> Iterator[tuple[Record, int]]:
    """About `records` records, shuffled, each with the number of its person."""
    dice = Random(f"{seed} {records} {noise}")
    makers = Makers(dice, records // 2)
    hand = Hand(dice, noise, makers)
    found: list[tuple[Record, int]] = []
    for number, person in enumerate(_people(makers)):
        if len(found) >= records:
            break
        found.extend((record, number) for record in (hand.role() if person is None else hand.records(person)))
    del found[records:]
    dice.shuffle(found)
    return ((record | {"record_id": str(at)}, entity) for at, (record, entity) in enumerate(found))


def write(file: Path, records: int, seed: int, noise: float = 1.0) -> list[int]:
    """Writes the records and returns whose they are."""
    entities = []
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS, restval="")
        writer.writeheader()
        for record, entity in generate(records, seed, noise):
            writer.writerow(record)
            entities.append(entity)
    return entities


def _people(makers: Makers) -> Iterator[Person | None]:
    """Without end; None is a mailbox of a company with nobody's name."""
    dice = makers.dice
    while True:
        chance = dice.random()
        if chance < 0.015:
            yield None
            continue
        one = makers.person(dice.choice(TITLES) if dice.random() < 0.035 else "")
        if dice.random() < 0.003:
            yield one
            yield makers.junior(one)
            continue
        yield one
        if dice.random() < 0.045:
            yield makers.relative(one)
        if one.now.job is not None and dice.random() < 0.005:
            yield makers.namesake(one)


class Hand:
    """Whoever typed it."""

    def __init__(self, dice: Random, noise: float, makers: Makers) -> None:
        self._dice, self._noise, self._makers = dice, noise, makers
        self._number = 1000
        self._ids: list[str] = []
        self._colleague: dict[str, tuple[str, Phone]] = {}  # of each domain, the one met last

    def _slips(self, rate: float) -> bool:
        return self._dice.random() < rate * self._noise

    # Records

    def records(self, person: Person) -> list[Record]:
        dice = self._dice
        crms = dice.sample(list(CRMS), dice.choices((1, 2, 3, 4), (40, 30, 20, 10))[0])
        found: list[Record] = []
        for crm in crms:
            found.append(self._record(crm, person, found, second=False))
            if dice.random() < CRMS[crm].second:
                found.append(self._record(crm, person, found, second=True))
        job = person.now.job
        if job is not None:
            self._colleague[job.company.domain] = (job.mail, job.phone)
        return found

    def role(self) -> list[Record]:
        """A company's mailbox, in one or two CRMs."""
        dice, company = self._dice, self._makers.employer()
        mail, name = f"{dice.choice(ROLES)}@{company.domain}", dice.choice(DESKS) if dice.random() < 0.6 else ""
        desk = Job(company, "", ("", "", ""), ())
        found = []
        for crm in dice.sample(list(CRMS), dice.choices((1, 2), (75, 25))[0]):
            record = self._stamped(crm) | {"last_name": name, "email": mail}
            record["company"] = self._company(desk) if dice.random() < 0.8 else ""
            record["phone"] = self._phone((company.locale.code, company.switchboard, "")) if dice.random() < 0.4 else ""
            found.append(record)
        return found

    def _stamped(self, crm: str) -> Record:
        dice = self._dice
        self._number += dice.randrange(1, 4)
        id = f"{crm[:2].upper()}{self._number}"
        self._ids.append(id)
        date = f"{dice.randrange(2018, 2026)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
        return {"crm": crm, "crm_id": id, "updated": date}

    def _record(self, crm: str, person: Person, others: list[Record], second: bool) -> Record:
        dice, fill = self._dice, CRMS[crm]
        state = person.before if dice.random() < OLD_IS_USED else person.now
        record = self._stamped(crm)
        record |= self._names(person, state, fill)
        record |= self._mails(crm, state, fill, {other["email"].lower() for other in others if other["crm"] == crm} if second else set())
        record |= self._phones(state, fill)
        if state.job is not None:
            record["company"] = self._company(state.job) if dice.random() < fill.company else ""
            record["job_title"] = self._title(state.job) if dice.random() < fill.job else ""
        if dice.random() < fill.home:
            record |= self._home(state.job.company.office if state.job is not None and dice.random() < OFFICE else state.home)
        record["country"] = dice.choice(person.locale.spellings) if dice.random() < fill.country else ""
        if others and dice.random() < 0.1:
            record["xref"] = dice.choice(self._ids[-1000:]) if self._slips(0.003) else dice.choice(others)["crm_id"]
        return record

    # Names

    def _names(self, person: Person, state: State, fill: Filled) -> Record:
        dice = self._dice
        first, last, title = self._first(person), state.last, person.title if dice.random() < 0.75 else ""
        if "-" in last and self._slips(0.25):
            last = dice.choice(last.split("-"))
        first, last = (self._typo(part) if self._slips(0.02) else part for part in (first, last))
        first, last = self._spelled(first), self._spelled(last)
        if person.rank and dice.random() < 0.45:
            last = f"{last} {person.rank}"
        if self._slips(0.004):
            last = f"{last} {dice.choice(NOTES)}"
        if title and dice.random() < 0.5:
            first, title = f"{title} {first}", ""
        return self._placed(first if dice.random() < fill.first else "", last if dice.random() < fill.last else "") | {"title": title}

    def _first(self, person: Person) -> str:
        dice, first, chance = self._dice, person.first, self._dice.random() / max(self._noise, 1e-9)
        if chance < 0.09:
            known = NICKNAMES.get(first)
            return dice.choice(known) if known else first if dice.random() < 0.6 else re.split("[- ]", first)[0]
        if chance < 0.13:
            return first[0] + (f" {person.middle}" if person.middle and dice.random() < 0.3 else dice.choice(("", ".")))
        return f"{first} {person.middle}" if person.middle and dice.random() < 0.2 else first

    def _placed(self, first: str, last: str) -> Record:
        dice = self._dice
        if first and last and self._slips(0.03):
            whole = dice.choice((f"{first} {last}", f"{last}, {first}", f"{first} {last}"))
            return {"first_name": whole} if dice.random() < 0.35 else {"last_name": whole}
        if self._slips(0.02):
            first, last = last, first
        chance = dice.random() / max(self._noise, 1e-9)
        change = str.upper if chance < 0.04 else str.lower if chance < 0.1 else str
        return {"first_name": change(first), "last_name": change(last)}

    def _spelled(self, text: str) -> str:
        if text.isascii():
            return text
        chance = self._dice.random() / max(self._noise, 1e-9)
        if chance < 0.18:
            return re.sub("[äöüßÄÖÜ]", lambda sign: {"ß": "ss"}.get(sign[0], anyascii(sign[0]) + "e"), text)
        if chance < 0.25:
            return anyascii(text)
        if chance < 0.26:
            try:
                return text.encode().decode("cp1252")
            except UnicodeError:
                return text
        return text

    def _typo(self, text: str) -> str:
        dice, at = self._dice, self._dice.randrange(max(len(text) - 1, 1))
        kind = dice.randrange(4)
        if len(text) < 3:
            return text
        if kind == 0:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        if kind == 1:
            return text[:at] + text[at + 1 :]
        return text[:at] + text[at] + text[at:] if kind == 2 else text[:at] + dice.choice("abcdeghilmnorstu") + text[at + 1 :]

    # Addresses

    def _mails(self, crm: str, state: State, fill: Filled, taken: set[str]) -> Record:
        dice = self._dice
        work, home = state.job.mail if state.job is not None else "", state.mail
        mail, other = (work, home) if work and dice.random() < fill.work else (home, work)
        domain = mail.partition("@")[2]
        if state.job is not None and self._slips(0.04):
            mail = f"{dice.choice(ROLES)}@{state.job.company.domain}"
        elif mail == work and domain in self._colleague and self._slips(0.008):
            mail = self._colleague[domain][0]
        elif mail == work and self._slips(0.012):
            mail = f"{_alias(mail.partition('@')[0])}@{domain}"
        elif self._slips(0.004):
            mail = dice.choice(NO_MAIL)
        if mail.lower() in taken or dice.random() > fill.mail:
            mail = "" if crm != "activecampaign" else other or mail.replace("@", "+2@")
        second = self._written(other) if other and dice.random() < fill.email2 else ""
        return {"email": self._written(mail), "email2": second}

    def _written(self, mail: str) -> str:
        dice = self._dice
        local, _, domain = mail.partition("@")
        if domain == "gmail.com" and self._slips(0.05):
            local = local.replace(".", "") if "." in local else f"{local[:2]}.{local[2:]}"
        if self._slips(0.015):
            local, domain = (self._typo(local), domain) if dice.random() < 0.6 else (local, self._typo(domain))
        if self._slips(0.02) and mail:
            local += dice.choice(TAGS)
        mail = f"{local}@{domain}" if mail else ""
        chance = dice.random() / max(self._noise, 1e-9)
        if chance < 0.1:
            mail = mail.upper() if chance < 0.03 else mail.title()
        if mail and self._slips(0.014):
            mail = dice.choice((f" {mail}", f"{mail} ", f"{mail} ", f"<{mail}>", f"mailto:{mail}", f"{mail};"))
        return mail

    # Numbers

    def _phones(self, state: State, fill: Filled) -> Record:
        dice, job = self._dice, state.job
        number = state.home.landline
        if job is not None and dice.random() < 0.92:
            number = (job.phone[0], job.phone[1], "" if dice.random() < 0.5 else job.phone[2])
            known = self._colleague.get(job.company.domain)
            if known is not None and self._slips(0.004):
                number = known[1]
        if state.mobile is not None and (number is None or dice.random() < 0.1):
            number = state.mobile
        phone = self._phone(number) if number is not None and dice.random() < fill.phone else ""
        if self._slips(0.005):
            phone = dice.choice(NO_PHONE)
        return {"phone": phone, "mobile": self._phone(state.mobile) if state.mobile is not None and dice.random() < fill.mobile else ""}

    def _phone(self, number: Phone) -> str:
        dice, (code, digits, extension) = self._dice, number
        if self._slips(0.01):
            digits = self._typo_of_digits(digits)
        head, rest = digits[:3], digits[3:]
        trunk = "" if code in ("1", "34", "39") else "0"
        shapes = (
            f"+{code}{digits}", f"+{code} {head} {rest}", f"00{code} {head} {rest}", f"{trunk}{head}/{rest}",
            f"{trunk}{head} {rest[:3]} {rest[3:]}".strip(),
            f"+{code} (0){head} {rest}" if trunk else f"({head}) {rest[:3]}-{rest[3:]}", f"({trunk}{head}) {rest}",
        )  # fmt: skip
        text = dice.choice(shapes)
        if not extension:
            return f"{text} 0" if dice.random() < 0.05 and code in ("49", "41", "43") else text
        if dice.random() < 0.65:
            return text + extension
        return text + dice.choice((f" - {extension}", f" ext. {extension}", f" x{extension}", f" Durchwahl {extension}", f" #{extension}"))

    def _typo_of_digits(self, digits: str) -> str:
        at = self._dice.randrange(2, len(digits))
        return digits[:at] + self._dice.choice("0123456789") + digits[at + 1 :]

    # Companies and places

    def _company(self, job: Job) -> str:
        dice, company = self._dice, job.company
        if self._slips(0.03):
            return company.domain
        name = self._spelled(company.name)
        if self._slips(0.015):
            name = self._typo(name)
        if "&" in name and self._slips(0.15):
            name = name.replace("&", dice.choice(("und", "and", "+")))
        if dice.random() >= 0.38:
            name += " " + (dice.choice(company.forms) if self._slips(0.16) else company.forms[0])
        return name.upper() if self._slips(0.03) else name

    def _title(self, job: Job) -> str:
        return job.titles[0] if self._dice.random() < 0.7 else self._dice.choice(job.titles)

    def _home(self, home: Home) -> Record:
        street = self._typo(home.street) if self._slips(0.02) else self._spelled(home.street)
        if self._slips(0.15):
            street = street.replace("straße", "str.") if "straße" in street else street.replace("Street", "St.")
        return {"street": street, "postcode": home.postcode, "city": self._spelled(home.city)}


def _alias(local: str) -> str:
    """Another spelling of the same mailbox: j.doe, jdoe, john.doe."""
    if "." not in local and "_" not in local:
        return f"{local[0]}.{local[1:]}"
    first, last = re.split(r"[._]", local)[:2]
    return f"{first[0]}{last}" if len(first) > 1 else f"{first}{last}"
