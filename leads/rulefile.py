"""Reading rule files so that all their mistakes are told at once: which key, what was expected, what is nearest to what was written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from re import fullmatch
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Problem:
    key: str
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = "" if self.nearest is None else f"; nearest is {self.nearest!r}"
        return f"{self.key}: {self.expected}{hint}"


class RuleFileError(ValueError):
    """Everything that is wrong with one rule file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(name: object, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(str(name), list(known), 1, 0.6)), None)


def parse_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleFileError([Problem("file", f"expected TOML: {error}")]) from None


REQUIRED: Final = object()
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Table:
    """One TOML table. It remembers what was asked for, so that `done` can report what nobody knows."""

    def __init__(self, data: object, key: str, problems: list[Problem]) -> None:
        self.key = key
        self.problems = problems
        self.known: set[str] = set()
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if not isinstance(data, Mapping):
            self.wrong("", "expected a table")

    def wrong(self, name: str, expected: str, near: str | None = None) -> None:
        self.problems.append(Problem(f"{self.key}.{name}".strip("."), expected, near))

    def raw(self, name: str, default: Any = REQUIRED) -> Any:
        self.known.add(name)
        if name not in self.data and default is REQUIRED:
            self.wrong(name, "is missing")
        return self.data.get(name, None if default is REQUIRED else default)

    def text(self, name: str, default: Any = REQUIRED) -> str:
        return str(self._typed(name, default, lambda value: isinstance(value, str) and value.strip() != "", "expected a text", ""))

    def whole(self, name: str, default: Any = REQUIRED, least: int | None = None) -> Any:
        expected = "expected a whole number" if least is None else f"expected a whole number of at least {least}"
        return self._typed(name, default, lambda value: is_whole(value) and (least is None or value >= least), expected, least or 0)

    def flag(self, name: str, default: Any = REQUIRED) -> bool:
        return bool(self._typed(name, default, lambda value: isinstance(value, bool), "expected true or false", False))

    def texts(self, name: str, default: Any = REQUIRED) -> tuple[str, ...]:
        found = self._typed(name, default, is_texts, "expected a list of texts", ())
        return tuple(found)

    def choice(self, name: str, options: Iterable[str], default: Any = REQUIRED) -> str:
        options = tuple(options)
        found = self.text(name, default)
        if found in options or (found == "" and name not in self.data):
            return found
        self.wrong(name, f"expected one of {', '.join(options)}", nearest(found, options))
        return options[0] if options else ""

    def duration(self, name: str, default: timedelta | None = None) -> timedelta | None:
        """A text such as "15m" or "14d"; "0" is no limit at all."""
        value = self.raw(name, None)
        found = None if value is None else fullmatch(r"(\d+)([smhdw])", str(value))
        if value is None or value == "0":
            return default if value is None else None
        if found is None or int(found[1]) == 0:
            self.wrong(name, 'expected a duration such as "30m", "12h" or "14d" (units s m h d w)')
            return default
        return timedelta(seconds=int(found[1]) * _UNITS[found[2]])

    def table(self, name: str) -> Table:
        return Table(self.raw(name, {}), f"{self.key}.{name}".strip("."), self.problems)

    def tables(self, name: str) -> list[Table]:
        """The entries of an array of tables; each is known by its id, as the reader of a message knows it."""
        found = self.raw(name, [])
        if not isinstance(found, list):
            self.wrong(name, f"expected [[{name}]] tables")
            return []
        return [Table(entry, f"{name}[{_name_of(entry, at)}]", self.problems) for at, entry in enumerate(found, start=1)]

    def not_yet(self, *names: str) -> None:
        for name in names:
            self.known.add(name)
            if name in self.data:
                self.wrong(name, "is not supported yet; leave it out")

    def done(self) -> None:
        for name in self.data:
            if name not in self.known:
                self.wrong(name, "is not known", nearest(name, self.known))

    def _typed(self, name: str, default: Any, fits: Any, expected: str, instead: Any) -> Any:
        value = self.raw(name, default)
        if name not in self.data:
            return instead if default is REQUIRED else default
        if fits(value):
            return value
        self.wrong(name, expected)
        return instead if default is REQUIRED else default


def _name_of(entry: object, at: int) -> object:
    return entry.get("id", at) if isinstance(entry, Mapping) else at


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)


def unique(tables: Iterable[Table]) -> None:
    """Every id once."""
    seen: set[object] = set()
    for table in tables:
        found = table.data.get("id")
        if found is not None and repr(found) in seen:
            table.wrong("id", "is used twice")
        seen.add(repr(found))
