"""The words of made-up CRM leads, from world.toml: names, places, companies and spellings of ten locales."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Locale:
    country: str
    spellings: Words  # of the country
    share: float
    women: Words
    men: Words
    last: Words
    streets: Words
    cities: Words
    legal: tuple[Words, ...]  # forms, each with its spellings
    branches: Words
    providers: Words
    postcode: str
    code: str  # of the country on the phone
    areas: Words
    mobiles: Words
    trunk: str


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _locale(table: Mapping[str, Any], languages: Mapping[str, Any]) -> Locale:
    whole = {**languages.get(table.get("language", ""), {}), **table}
    return Locale(**{name: _frozen(value) for name, value in whole.items() if name != "language"})


WORDS: Final[Mapping[str, Any]] = {
    name: _frozen(value) for name, value in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
LOCALES: Final = tuple(_locale(table, WORDS["languages"]) for table in WORDS["locales"])
NICKNAMES: Final[Mapping[str, Words]] = {name: _frozen(short) for name, short in WORDS["nicknames"].items()}
JOBS: Final[tuple[Words, ...]] = WORDS["jobs"]
TITLES: Final[Words] = WORDS["titles"]
NOTES: Final[Words] = WORDS["notes"]
ROLES: Final[Words] = WORDS["roles"]
DESKS: Final[Words] = WORDS["desks"]
PETS: Final[Words] = WORDS["pets"]
NO_MAIL: Final[Words] = WORDS["no_mail"]
NO_PHONE: Final[Words] = WORDS["no_phone"]
TAGS: Final[Words] = WORDS["tags"]
INVENTED: Final[tuple[Words, ...]] = WORDS["invented"]
