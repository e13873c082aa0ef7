"""The routing file: what it may contain, and what is wrong with a given one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from leads import normal, predicates
from leads.predicates import ALWAYS, Predicate
from leads.rulefile import Problem, RuleFileError, Table, nearest, parse_toml, unique

METHODS: Final = ("quota", "swrr", "least_open")
POLICIES: Final = ("keep", "keep_if_active", "rebalance")


@dataclass(frozen=True, slots=True)
class Owner:
    id: str
    email: str
    addresses: frozenset[str]  # email and aliases, as CRMs may know the person
    weight: int
    active: bool
    daily_cap: int | None
    open_cap: int | None
    skills: frozenset[str]
    away: tuple[tuple[date, date], ...]  # both days included


@dataclass(frozen=True, slots=True)
class Pool:
    id: str
    owners: tuple[str, ...]
    method: str


@dataclass(frozen=True, slots=True)
class Target:
    kind: str  # owner, pool or queue
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    priority: int
    when: Predicate
    target: Target
    skills: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rules:
    timezone: str
    existing_owner: str
    on_no_match: str  # name of the queue
    owners: Mapping[str, Owner]
    pools: Mapping[str, Pool]
    rules: tuple[Rule, ...]  # in the order they are tried


def parse(text: str) -> Rules:
    """Raises one error that names every mistake."""
    problems: list[Problem] = []
    rules = _read(Table(parse_toml(text), "", problems))
    if problems:
        raise RuleFileError(problems)
    return rules


def _read(file: Table) -> Rules:
    timezone, existing, no_match = _defaults(file.table("defaults"))
    tables = file.tables("owner"), file.tables("pool"), file.tables("rule")
    for entries in tables:
        unique(entries)
    owners = {owner.id: owner for owner in map(_owner, tables[0])}
    _one_person_per_address(tables[0], owners)
    pools = {pool.id: pool for pool in (_pool(entry, owners) for entry in tables[1])}
    rules = sorted((_rule(entry, owners, pools) for entry in tables[2]), key=lambda rule: rule.priority)
    _need_catch_all(file, rules)
    file.not_yet("calendar", "territory", "sla")
    file.done()
    return Rules(timezone, existing, no_match, owners, pools, tuple(rules))


def _defaults(table: Table) -> tuple[str, str, str]:
    timezone = table.text("timezone", "Europe/Berlin")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        table.wrong("timezone", 'expected a zone such as "Europe/Berlin"')
    existing = table.choice("existing_owner", POLICIES, "keep")
    target = _target(table, "on_no_match", table.text("on_no_match", "queue:triage"), {}, {})
    if target.kind != "queue":
        table.wrong("on_no_match", 'expected a queue such as "queue:triage"')
    table.done()
    return timezone, existing, target.name


def _owner(table: Table) -> Owner:
    name, email = table.text("id"), _address(table, "email", table.text("email"))
    aliases = [_address(table, "aliases", alias) for alias in table.texts("aliases", ())]
    weight, active = int(table.whole("weight", 1, least=1)), table.flag("active", True)
    caps = table.whole("daily_cap", None, least=0), table.whole("open_cap", None, least=0)
    skills, away = frozenset(table.texts("skills", ())), _away(table)
    table.not_yet("calendar")
    table.done()
    return Owner(name, email, frozenset({email, *aliases}), weight, active, caps[0], caps[1], skills, away)


def _address(table: Table, name: str, text: str) -> str:
    found = normal.email(text)
    if isinstance(found, normal.Refused):
        if text != "":
            table.wrong(name, f"expected an e-mail address, {text!r} {found.reason}")
        return text
    return found.norm


def _away(table: Table) -> tuple[tuple[date, date], ...]:
    found = []
    spans = table.raw("away", [])
    for span in spans if isinstance(spans, list) else [spans]:
        days = (span.get("from"), span.get("to")) if isinstance(span, Mapping) and span.keys() == {"from", "to"} else (None, None)
        try:
            first, last = (day if isinstance(day, date) else date.fromisoformat(str(day)) for day in days)
        except ValueError:
            table.wrong("away", 'expected [{ from = "2026-08-03", to = "2026-08-14" }]')
            continue
        if first > last:
            table.wrong("away", f"ends on {last} before it begins on {first}")
        found.append((first, last))
    return tuple(found)


def _one_person_per_address(tables: Iterable[Table], owners: Mapping[str, Owner]) -> None:
    seen: dict[str, str] = {}
    for table in tables:
        owner = owners.get(str(table.data.get("id")))
        for address in sorted(owner.addresses) if owner is not None else ():
            if seen.setdefault(address, table.key) != table.key:
                table.wrong("email", f"{address} belongs to {seen[address]} too")


def _pool(table: Table, owners: Mapping[str, Owner]) -> Pool:
    found = Pool(table.text("id"), table.texts("owners"), table.choice("method", METHODS, "quota"))
    if len(found.owners) == 0 and "owners" in table.data:
        table.wrong("owners", "expected at least one owner")
    for name in found.owners:
        if name not in owners:
            table.wrong("owners", f"{name!r} is not an owner", nearest(name, owners))
    if len(set(found.owners)) < len(found.owners):
        table.wrong("owners", "names somebody twice; use weight")
    table.not_yet("fairness_window", "credit")
    table.done()
    return found


def _rule(table: Table, owners: Mapping[str, Owner], pools: Mapping[str, Pool]) -> Rule:
    when = predicates.parse_into(table.raw("when"), f"{table.key}.when", table.problems) if "when" in table.data else ALWAYS
    table.known.add("when")
    target = _target(table, "assign", table.text("assign"), owners, pools)
    found = Rule(table.text("id"), int(table.whole("priority", 100)), when, target, frozenset(table.texts("require_skill", ())))
    table.not_yet("sla", "fallback")
    table.done()
    return found


def _target(table: Table, key: str, text: str, owners: Mapping[str, Owner], pools: Mapping[str, Pool]) -> Target:
    kind, _, name = text.partition(":")
    known: Mapping[str, Iterable[str]] = {"owner": owners, "pool": pools, "queue": (name,)}
    if text == "account_owner":
        table.wrong(key, "account_owner is not supported yet; leave the rule out")
    elif kind not in known or name == "":
        if text != "":
            table.wrong(key, "expected owner:ID, pool:ID or queue:NAME", _nearest_target(text, owners, pools))
    elif name not in known[kind] and (kind == "queue" or key == "assign"):
        table.wrong(key, f"there is no {kind} {name!r}", nearest(name, known[kind]))
    return Target(kind, name)


def _nearest_target(text: str, owners: Iterable[str], pools: Iterable[str]) -> str | None:
    targets = {name: f"{kind}:{name}" for kind, names in (("owner", owners), ("pool", pools)) for name in names}
    return targets.get(nearest(text.rpartition(":")[2], targets) or "")


def _need_catch_all(file: Table, rules: list[Rule]) -> None:
    at = next((at for at, rule in enumerate(rules) if rule.when == ALWAYS and not rule.skills), None)
    if at is None:
        file.wrong("rule", 'expected a catch-all: a last rule without "when"')
    for rule in rules[len(rules) if at is None else at + 1 :]:
        # After a pool in which nobody is free, a queue may still catch what fell through.
        if at is not None and rules[at].target.kind == "queue":
            file.problems.append(Problem(f"rule[{rule.id}]", f"is never reached: rule[{rules[at].id}] takes every lead before"))
