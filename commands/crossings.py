"""Checks between tables of the settings. They look at the raw tables, so that one mistake does not hide another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands.checks import gathered, nearest
from leads.model import FIELDS, Winner

Key = tuple[str, ...]
Found = Iterator[tuple[Key, str]]


def mistakes(raw: Mapping[str, Any], folder: Path) -> Found:
    yield from _unknown_accounts(raw)
    yield from _salesforce_logins(raw)
    yield from _unfit_rules(raw)
    yield from _absent_files(raw, folder)


def _table(raw: Any, *names: str) -> Mapping[str, Any]:
    for name in names:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw if isinstance(raw, Mapping) else {}


def _field_rules(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return _table(gathered(_table(raw, "fields")), "rules")


def _unknown_accounts(raw: Mapping[str, Any]) -> Found:
    accounts = list(_table(raw, "accounts"))
    if len(accounts) == 0:
        return
    for name in _table(raw, "scope"):
        if name not in accounts:
            yield ("scope", name), f"there is no account of this name. {nearest(name, accounts)}".rstrip()
    order = _table(raw, "fields").get("precedence")
    named = order.split(",") if isinstance(order, str) else order if isinstance(order, list) else []
    for name in map(str.strip, map(str, named)):
        if name not in accounts:
            yield ("fields", "precedence"), f'there is no account "{name}". {nearest(name, accounts)}'.rstrip()
    if len(set(map(str, named))) < len(named):
        yield ("fields", "precedence"), "an account is named twice"


def _salesforce_logins(raw: Mapping[str, Any]) -> Found:
    for name, account in _table(raw, "accounts").items():
        if _table(account).get("crm") != "salesforce":
            continue
        has = {key for key in ("client_id", "client_secret", "session_id") if key in account}
        if has == {"client_id"} or has == {"client_secret"}:
            lacking = ({"client_id", "client_secret"} - has).pop()
            yield ("accounts", name, lacking), "is missing: client_id and client_secret go together"
        elif has not in ({"session_id"}, {"client_id", "client_secret"}):
            yield ("accounts", name), "expected either client_id and client_secret, or session_id"


def _unfit_rules(raw: Mapping[str, Any]) -> Found:
    for name, rule in _field_rules(raw).items():
        if name not in FIELDS:
            continue
        for key, fit in (("winner", winners(name)), ("direction", directions(name))):
            given = _table(rule).get(key)
            if isinstance(given, str) and given not in fit:
                yield ("fields", name, key), f"for this field: {' or '.join(fit)}"


def winners(name: str) -> tuple[str, ...]:
    """Who can win a field. Opt-outs have one answer: whatever the order, a "no" stays."""
    winner = FIELDS[name].winner
    if winner in (Winner.OURS, Winner.RESTRICTIVE, Winner.UNION):
        return (winner.value,)
    return ("furthest", "newest", "precedence") if winner is Winner.FURTHEST else ("newest", "precedence")


def directions(name: str) -> tuple[str, ...]:
    """Which ways a field can go. An opt-out always travels; what Leadloom computes is never read."""
    winner = FIELDS[name].winner
    if winner is Winner.RESTRICTIVE:
        return ("both",)
    return ("out", "off") if winner is Winner.OURS else ("both", "in", "out", "off")


def _absent_files(raw: Mapping[str, Any], folder: Path) -> Found:
    for table in ("scoring", "routing"):
        file = _table(raw, table).get("file")
        if isinstance(file, str) and not (folder / file).is_file():
            yield (table, "file"), f"there is no file {file} (looked in the folder of the settings)"
