"""Made-up people with what is true about them, now and before: homes, jobs, families, namesakes at one company."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from anyascii import anyascii

from benchmarks.world import INVENTED, JOBS, LOCALES, PETS, Locale

Phone = tuple[str, str, str]  # country code, number in the country, extension


@dataclass(frozen=True, slots=True)
class Home:
    street: str
    postcode: str
    city: str
    landline: Phone | None


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    forms: tuple[str, ...]  # spellings of its legal form
    domain: str
    pattern: str  # of its addresses
    locale: Locale
    switchboard: str
    office: Home
    taken: set[str] = field(default_factory=set, compare=False)  # addresses given away


@dataclass(frozen=True, slots=True)
class Job:
    company: Company
    mail: str
    phone: Phone
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What a CRM could have known about a person at one time."""

    last: str
    mail: str
    mobile: Phone | None
    home: Home
    job: Job | None


@dataclass(frozen=True, slots=True)
class Person:
    locale: Locale
    first: str
    middle: str
    title: str
    rank: str  # Jr., Sr. or nothing
    now: State
    before: State  # the same as now for most


_MAIL_PATTERNS: Final = ("first.last", "first.last", "first.last", "flast", "flast", "f.last", "last.first", "last", "first", "first_last")
_FOLD: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
SPLICED: Final = 0.6  # surnames made of two others: the long tail that lists of common names lack


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", anyascii(text.lower().translate(_FOLD)).lower())


class Makers:
    """Draws people, companies and addresses from one source of chance."""

    def __init__(self, dice: Random, people: int) -> None:
        self.dice = dice
        self._shares = [locale.share for locale in LOCALES]
        self._domains: set[str] = set()
        self._mailboxes: set[str] = set()
        self.companies = [self.company() for _ in range(max(8, people // 6))]
        self._large = max(4, int(len(self.companies) ** 0.5))

    def locale(self) -> Locale:
        return self.dice.choices(LOCALES, self._shares)[0]

    def common(self, words: tuple[str, ...]) -> str:
        """The first ones more often."""
        return words[int(len(words) * self.dice.random() ** 1.3)]

    def first(self, locale: Locale, woman: bool) -> str:
        words, chance = locale.women if woman else locale.men, self.dice.random()
        if chance < 0.6:
            return self.common(words)
        if chance < 0.72:
            return f"{self.common(words)}{self.dice.choice('- ')}{self.dice.choice(words)}"
        return self._spliced(words)

    def last(self, locale: Locale) -> str:
        chance = self.dice.random()
        if chance < SPLICED:
            return self._spliced(locale.last)
        return f"{self.common(locale.last)}-{self._spliced(locale.last)}" if chance > 0.94 else self.common(locale.last)

    def _spliced(self, words: tuple[str, ...]) -> str:
        one, other = self.dice.choice(words), self.dice.choice(words)
        return one[: max(3, len(one) // 2 + self.dice.randrange(2))] + other[len(other) // 2 :].lower()

    def digits(self, shape: str) -> str:
        letters = {"9": "0123456789", "A": "ABCDEFGHJKLMNPRSTUVWXY"}
        return "".join(self.dice.choice(letters[sign]) if sign in letters else sign for sign in shape)

    def company(self) -> Company:
        dice, locale = self.dice, self.locale()
        name, branch = self._company_name(locale)
        parts = [word for part in f"{name} {branch}".split() if (word := slug(part))]
        words = ("" if dice.random() < 0.6 else "-").join(parts)
        own = {"GB": "co.uk", "US": "com"}.get(locale.country, locale.country.lower())
        ending = dice.choices((own, "com", "eu", "net", "io"), (5, 4, 1, 0.4, 0.4))[0]
        domain, number = f"{words}.{ending}", 1
        while domain in self._domains:
            number += 1
            domain = f"{words}{number}.{ending}"
        self._domains.add(domain)
        forms = dice.choice(locale.legal)
        switchboard = dice.choice(locale.areas) + self.digits("9999999"[: dice.randrange(5, 8)]).replace("0", "7", 1)
        pattern, office = dice.choice(_MAIL_PATTERNS), self.home(locale, False)
        return Company(f"{name} {branch}".strip(), forms, domain, pattern, locale, switchboard, office)

    def _company_name(self, locale: Locale) -> tuple[str, str]:
        dice, chance = self.dice, self.dice.random()
        branch = dice.choice(locale.branches)
        if chance < 0.35:
            return self.last(locale), branch
        if chance < 0.5:
            return f"{self.last(locale)} & {self.last(locale)}", ""
        if chance < 0.7:
            return branch, dice.choice(locale.cities) if dice.random() < 0.5 else self.last(locale)
        return "".join(dice.choice(part) for part in INVENTED), branch if dice.random() < 0.7 else ""

    def employer(self) -> Company:
        """A few large ones, many small ones."""
        few = self.dice.random() < 0.1
        return self.companies[int(self._large * self.dice.random() ** 1.5) if few else int(len(self.companies) * self.dice.random() ** 1.8)]

    def job(self, company: Company, first: str, last: str, titles: tuple[str, ...]) -> Job:
        pattern = company.pattern if self.dice.random() < 0.96 else self.dice.choice(_MAIL_PATTERNS)
        mail = self._unused(company.taken, _local(pattern, first, last), company.domain)
        extension = self.digits("999"[: self.dice.randrange(2, 4)]).replace("0", "1", 1)
        return Job(company, mail, (company.locale.code, company.switchboard, extension), titles)

    def _unused(self, taken: set[str], local: str, domain: str) -> str:
        """An address that nobody else has."""
        mail = f"{local}@{domain}"
        while mail in taken:
            mail = f"{local}{self.dice.randrange(2, 99 if len(taken) < 1000 else 9999)}@{domain}"
        taken.add(mail)
        return mail

    def private_mail(self, locale: Locale, first: str, last: str) -> str:
        dice, chance, one = self.dice, self.dice.random(), slug(first)
        if chance < 0.62:
            local = _local(dice.choice(("first.last", "first.last", "firstlast", "flast", "last.first", "first_last")), first, last)
            local += f"{dice.randrange(50, 99)}" if dice.random() < 0.5 else ""
        elif chance < 0.9:
            local = f"{dice.choice(PETS)}{one}{dice.randrange(1000, 9999)}"
        else:
            local = f"{one if dice.random() < 0.5 else slug(last)}{dice.randrange(10, 999)}"
        return self._unused(self._mailboxes, local, self.common(locale.providers))

    def mobile(self, locale: Locale) -> Phone:
        return locale.code, self.dice.choice(locale.mobiles) + self.digits("99999999"[: self.dice.randrange(6, 9)]), ""

    def home(self, locale: Locale, landline: bool) -> Home:
        dice = self.dice
        street = dice.choice(locale.streets).replace("{}", self.last(locale)).replace("#", str(dice.randrange(1, 180)))
        city = dice.choice(locale.cities) if dice.random() < 0.4 else self._spliced(locale.cities)
        number = (locale.code, dice.choice(locale.areas) + self.digits("9999999"), "") if landline else None
        return Home(street, self.digits(locale.postcode), city, number)

    def person(self, title: str) -> Person:
        dice, locale, woman = self.dice, self.locale(), self.dice.random() < 0.5
        first, last = self.first(locale, woman), self.last(locale)
        job = self.job(self.employer(), first, last, dice.choice(JOBS)) if dice.random() < 0.82 else None
        mobile = self.mobile(locale) if dice.random() < 0.62 else None
        now = State(last, self.private_mail(locale, first, last), mobile, self.home(locale, dice.random() < 0.45), job)
        middle = dice.choice("ABCDEFGHJKLMNPRSTW") + "." if dice.random() < 0.35 else ""
        return Person(locale, first, middle, title, "", now, self._before(locale, first, now, woman))

    def _before(self, locale: Locale, first: str, now: State, woman: bool) -> State:
        dice, then = self.dice, now
        if woman and dice.random() < 0.03:
            then = replace(then, last=self.last(locale))
        if now.job is not None and dice.random() < 0.12:
            then = replace(then, job=self.job(self.employer(), first, then.last, now.job.titles))
        if dice.random() < 0.08:
            then = replace(then, home=self.home(locale, now.home.landline is not None))
        if now.mobile is not None and dice.random() < 0.05:
            then = replace(then, mobile=self.mobile(locale))
        return replace(then, mail=self.private_mail(locale, first, then.last)) if dice.random() < 0.05 else then

    def relative(self, one: Person) -> Person:
        """Same surname, home and landline; some have one mailbox together."""
        dice, locale = self.dice, one.locale
        first = self.first(locale, dice.random() < 0.5)
        mail = one.now.mail if dice.random() < 0.13 else self.private_mail(locale, first, one.now.last)
        job = self.job(self.employer(), first, one.now.last, dice.choice(JOBS)) if dice.random() < 0.8 else None
        now = State(one.now.last, mail, self.mobile(locale) if dice.random() < 0.6 else None, one.now.home, job)
        return Person(locale, first, "", "", "", now, now)

    def junior(self, one: Person) -> Person:
        """The son of the same name at the same address."""
        state = replace(one.now, mail=self.private_mail(one.locale, one.first, one.now.last), mobile=self.mobile(one.locale), job=None)
        return Person(one.locale, one.first, "", "", "Jr.", state, state)

    def namesake(self, one: Person) -> Person:
        """Another person of the same name in the same company."""
        assert one.now.job is not None
        job = self.job(one.now.job.company, one.first, one.now.last, self.dice.choice(JOBS))
        mail = self.private_mail(one.locale, one.first, one.now.last)
        mobile = self.mobile(one.locale) if self.dice.random() < 0.6 else None
        state = State(one.now.last, mail, mobile, self.home(one.locale, False), job)
        return Person(one.locale, one.first, "", "", "", state, state)


def _local(pattern: str, first: str, last: str) -> str:
    one, two = slug(first), slug(last)
    return {
        "first.last": f"{one}.{two}", "firstlast": f"{one}{two}", "flast": f"{one[:1]}{two}", "f.last": f"{one[:1]}.{two}",
        "last.first": f"{two}.{one}", "last": two, "first": one, "first_last": f"{one}_{two}",
    }[pattern]  # fmt: skip
