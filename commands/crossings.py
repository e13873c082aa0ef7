"""Checks between tables of the settings. They look at the raw tables, so that one mistake does not hide another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands.checks import gathered, nearest
from leads.model import FIELDS, Kind, Winner

Key = tuple[str, ...]
Found = Iterator[tuple[Key, str]]

SETS = (Kind.EMAILS, Kind.PHONES)


def mistakes(raw: Mapping[str, Any], folder: Path) -> Found:
    yield from _unknown_accounts(raw)
    yield from _salesforce_logins(raw)
    yield from _unfit_winners(raw)
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
    orders: dict[Key, Any] = {("fields", "precedence"): _table(raw, "fields").get("precedence")}
    orders |= {("fields", name, "precedence"): _table(rule).get("precedence") for name, rule in _field_rules(raw).items()}
    for key, order in orders.items():
        named = order.split(",") if isinstance(order, str) else order if isinstance(order, list) else []
        for name in named:
            if isinstance(name, str) and name.strip() not in accounts:
                yield key, f'there is no account "{name.strip()}". {nearest(name, accounts)}'.rstrip()
        if len(set(map(str, named))) < len(named):
            yield key, "an account is named twice"


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


def _unfit_winners(raw: Mapping[str, Any]) -> Found:
    for name, rule in _field_rules(raw).items():
        if name not in FIELDS:
            continue
        spec, winner, direction = FIELDS[name], _table(rule).get("winner"), _table(rule).get("direction")
        fit = fitting(name)
        if isinstance(winner, str) and winner in [each.value for each in Winner] and winner not in fit:
            yield ("fields", name, "winner"), f"this field can only have {' or '.join(fit)}"
        if spec.winner is Winner.OURS and direction in ("both", "in"):
            yield ("fields", name, "direction"), 'Leadloom computes this field: expected "out"'


def fitting(name: str) -> tuple[str, ...]:
    """The winners a field can have. Opt-outs have one: whatever the order, a "no" stays."""
    spec = FIELDS[name]
    if spec.winner in (Winner.OURS, Winner.RESTRICTIVE):
        return (spec.winner.value,)
    if spec.kind in SETS:
        return ("union", "newest", "precedence", "ask")
    return ("furthest", "newest", "precedence", "ask") if spec.winner is Winner.FURTHEST else ("newest", "precedence", "ask")


def _absent_files(raw: Mapping[str, Any], folder: Path) -> Found:
    for table in ("scoring", "routing"):
        file = _table(raw, table).get("file")
        if isinstance(file, str) and not (folder / file).is_file():
            yield (table, "file"), f"there is no file {file} (looked in the folder of the settings)"
