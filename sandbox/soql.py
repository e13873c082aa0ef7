"""A subset of SOQL: SELECT of fields and parents, WHERE, ORDER BY, LIMIT, OFFSET, COUNT().

`parse` reads a query into plain data and raises `Malformed`; it knows nothing of objects and fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)(?![\dT])
  | (?P<number>[+-]?\d+(?:\.\d+)?)(?![\w.])
  | (?P<word>[A-Za-z_][\w.]*(?::\d+)?)
  | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
)""",
    re.VERBOSE,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
OPERATORS = ("=", "!=", "<>", "<", "<=", ">", ">=")


class Malformed(ValueError):
    """The text is not SOQL."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value and how it was written: text, datetime, date, number, bool, null, or name (a date literal)."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str  # = != < <= > >= like in not in includes excludes
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` / `or` of several conditions, `not` of one."""

    kind: str
    parts: tuple[Expression, ...]


Expression = Condition | Junction


@dataclass(frozen=True, slots=True)
class Order:
    field: str
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    fields: tuple[str, ...]
    object: str
    where: Expression | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    aggregates: tuple[tuple[str, str, str], ...] = ()  # (function, field, alias); COUNT() alone has field ""
    group: tuple[str, ...] = ()


def parse(text: str) -> Query:
    return _Parser(_tokens(text)).query()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Malformed(f"unexpected token: {text[at:].strip()[:20]}")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def query(self) -> Query:
        self._word("select")
        fields, aggregates = self._fields()
        self._word("from")
        object = self._name()
        if self._kind() == "word" and not self._is("where", "order", "limit", "offset", "group", "with", "for", "all"):
            self._name()  # an alias
        where = self._either() if self._take("where") else None
        group: tuple[str, ...] = ()
        if self._take("group"):
            self._word("by")
            group = tuple(self._listed(self._name))
        order: tuple[Order, ...] = ()
        if self._take("order"):
            self._word("by")
            order = tuple(self._listed(self._order))
        limit = self._number() if self._take("limit") else None
        offset = self._number() if self._take("offset") else 0
        if self._at < len(self._tokens):
            raise Malformed(f"unexpected token: {self._tokens[self._at][1]}")
        return Query(fields, object, where, order, limit, offset, aggregates, group)

    # -- parts -------------------------------------------------------------------------------------------------------------------------

    def _fields(self) -> tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]:
        fields: list[str] = []
        aggregates: list[tuple[str, str, str]] = []
        while True:
            name = self._name()
            if self._sign("("):
                inner = "" if self._peek() == ")" else self._name()
                self._need(")")
                if name.lower() == "fields":
                    fields.append(f"FIELDS({inner.upper()})")
                else:
                    alias = self._name() if self._kind() == "word" and not self._is("from") else f"expr{len(aggregates)}"
                    aggregates.append((name.lower(), inner, alias))
            else:
                fields.append(name)
            if not self._sign(","):
                return tuple(fields), tuple(aggregates)

    def _order(self) -> Order:
        field = self._name()
        descending = self._take("desc") or (self._take("asc") and False)
        nulls_last = False
        if self._take("nulls"):
            nulls_last = self._take("last") or (self._word("first") and False)
        return Order(field, descending, nulls_last)

    def _either(self) -> Expression:
        """One kind of junction on a level: mixing AND and OR needs parentheses."""
        first = self._condition()
        for kind in ("and", "or"):
            if self._is(kind):
                parts = [first]
                while self._take(kind):
                    parts.append(self._condition())
                return Junction(kind, tuple(parts))
        return first

    def _condition(self) -> Expression:
        if self._take("not"):
            return Junction("not", (self._condition(),))
        if self._sign("("):
            inner = self._either()
            self._need(")")
            return inner
        field = self._name()
        return self._comparison(field)

    def _comparison(self, field: str) -> Condition:
        sign = self._next().lower()
        if sign in OPERATORS:
            return Condition(field, "!=" if sign == "<>" else sign, (self._literal(),))
        if sign == "like":
            return Condition(field, "like", (self._literal(),))
        if sign == "not":
            self._word("in")
            return Condition(field, "not in", self._list())
        if sign in ("in", "includes", "excludes"):
            return Condition(field, sign, self._list())
        raise Malformed(f"unexpected token: {sign}")

    def _list(self) -> tuple[Literal, ...]:
        self._need("(")
        values = self._listed(self._literal)
        self._need(")")
        return tuple(values)

    def _literal(self) -> Literal:
        if self._at >= len(self._tokens):
            raise Malformed("unexpected end of query")
        kind, raw = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return Literal("text", re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), raw[1:-1]))
        if kind == "number":
            return Literal("number", float(raw) if "." in raw else int(raw))
        if kind == "datetime":
            return Literal("datetime", _instant(raw))
        if kind == "date":
            return Literal("date", _day(raw))
        if kind == "word" and raw.lower() in ("true", "false"):
            return Literal("bool", raw.lower() == "true")
        if kind == "word" and raw.lower() == "null":
            return Literal("null", None)
        if kind == "word":
            return Literal("name", raw.upper())
        raise Malformed(f"unexpected token: {raw}")

    # -- tokens ------------------------------------------------------------------------------------------------------------------------

    def _listed(self, read: Any) -> list[Any]:
        found = [read()]
        while self._sign(","):
            found.append(read())
        return found

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise Malformed("unexpected end of query")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _is(self, *words: str) -> bool:
        return self._kind() == "word" and self._peek().lower() in words

    def _take(self, word: str) -> bool:
        if not self._is(word):
            return False
        self._at += 1
        return True

    def _word(self, word: str) -> bool:
        if not self._take(word):
            raise Malformed(f"unexpected token: {self._peek() or '<EOF>'} (expected {word.upper()})")
        return True

    def _sign(self, sign: str) -> bool:
        if self._kind() != "sign" or self._peek() != sign:
            return False
        self._at += 1
        return True

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            raise Malformed(f"unexpected token: {self._peek() or '<EOF>'} (expected {sign})")

    def _name(self) -> str:
        if self._kind() != "word":
            raise Malformed(f"unexpected token: {self._peek() or '<EOF>'}")
        return self._next()

    def _number(self) -> int:
        if self._kind() != "number" or not self._peek().isdigit():
            raise Malformed(f"unexpected token: {self._peek() or '<EOF>'}")
        return int(self._next())


def _instant(raw: str) -> float:
    try:
        return datetime.fromisoformat(raw).timestamp()
    except ValueError:
        raise Malformed(f"invalid datetime: {raw}") from None


def _day(raw: str) -> date:
    try:
        return datetime.strptime(raw, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Malformed(f"invalid date: {raw}") from None
