"""Checks between tables of the settings. They look at the raw tables, so that one mistake does not hide another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands.checks import gathered, nearest
from connectors import OBJECTS
from leads.model import CUSTOM, FIELDS, Winner, spec_of

Key = tuple[str, ...]
Found = Iterator[tuple[Key, str]]

# The ways into a CRM that knows several: all keys of exactly one of them.
LOGINS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "hubspot": (("token",), ("client_id", "client_secret", "refresh_token")),
    "salesforce": (("client_id", "client_secret"), ("client_id", "private_key_file", "username"), ("session_id",)),
}


def mistakes(raw: Mapping[str, Any], folder: Path) -> Found:
    yield from _unknown_accounts(raw)
    yield from _incomplete_logins(raw)
    yield from _unfit_rules(raw)
    yield from _unfit_mappings(raw)
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
    for table in ("scope", "endings"):
        for name in _table(raw, table):
            if name not in accounts:
                yield (table, name), f"there is no account of this name. {nearest(name, accounts)}".rstrip()
    order = _table(raw, "fields").get("precedence")
    named = order.split(",") if isinstance(order, str) else order if isinstance(order, list) else []
    for name in map(str.strip, map(str, named)):
        if name not in accounts:
            yield ("fields", "precedence"), f'there is no account "{name}". {nearest(name, accounts)}'.rstrip()
    if len(set(map(str, named))) < len(named):
        yield ("fields", "precedence"), "an account is named twice"


def _incomplete_logins(raw: Mapping[str, Any]) -> Found:
    for name, account in _table(raw, "accounts").items():
        ways = LOGINS.get(_table(account).get("crm", ""), ())
        has = {key for way in ways for key in way if key in account}
        fitting = [way for way in ways if has <= set(way)]
        if len(ways) == 0 or any(has == set(way) for way in ways):
            continue
        if len(has) > 0 and len(fitting) == 1:
            for key in fitting[0]:
                if key not in has:
                    yield ("accounts", name, key), f"is missing: {_and(fitting[0])} go together"
        else:
            yield ("accounts", name), f"expected {', or '.join(map(_and, ways))}"


def _and(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _unfit_rules(raw: Mapping[str, Any]) -> Found:
    accounts = list(_table(raw, "accounts"))
    for name, rule in _field_rules(raw).items():
        if name not in FIELDS and name not in _custom_fields(raw):
            if name.startswith(CUSTOM):
                yield ("fields", *name.split(".")), "no table of [mappings] names such a field of your own"
            continue
        table = _table(rule)
        for key, fit in (("winner", winners(name)), ("direction", directions(name)), ("blank", blanks(name))):
            given = table.get(key)
            if isinstance(given, str) and given not in fit:
                yield ("fields", name, key), f"for this field: {' or '.join(fit)}"
        owner = table.get("owner")
        if (owner is None) == (table.get("winner") == "owner"):
            yield ("fields", name, "owner"), 'goes together with winner = "owner": both or neither'
        elif isinstance(owner, str) and owner not in accounts and accounts:
            yield ("fields", name, "owner"), f'there is no account "{owner}". {nearest(owner, accounts)}'.rstrip()


def _custom_fields(raw: Mapping[str, Any]) -> dict[str, set[str]]:
    """The fields of one's own, with the types that the mappings give them."""
    found: dict[str, set[str]] = {}
    for objects in _table(raw, "mappings").values():
        for rows in _table(objects).values():
            for name, row in _table(rows).items():
                found.setdefault(f"{CUSTOM}{name}", set()).add(str(_table(row).get("type", "text")))
    return found


def _unfit_mappings(raw: Mapping[str, Any]) -> Found:
    accounts = _table(raw, "accounts")
    for name, objects in _table(raw, "mappings").items():
        if name not in accounts:
            yield ("mappings", name), f"there is no account of this name. {nearest(name, list(accounts))}".rstrip()
            continue
        known = OBJECTS.get(_table(accounts[name]).get("crm", ""), ())
        for object in _table(objects):
            if known and object not in known:
                yield ("mappings", name, object), f"expected {' or '.join(known)}"
    for name, types in _custom_fields(raw).items():
        if len(types) > 1:
            yield ("mappings",), f"{name.removeprefix(CUSTOM)} is {' and '.join(sorted(types))}: one field has one type in every CRM"


def winners(name: str) -> tuple[str, ...]:
    """Who can win a field. Opt-outs have one answer: whatever the order, a "no" stays."""
    winner = spec_of(name).winner
    if winner in (Winner.OURS, Winner.RESTRICTIVE, Winner.UNION):
        return (winner.value,)
    usual = ("newest", "precedence", "owner", "rank", "ask")
    return ("furthest", *usual) if winner is Winner.FURTHEST else usual


def blanks(name: str) -> tuple[str, ...]:
    """What an emptied value can mean. Of addresses only whole sets can be kept; an opt-out that is taken back is never obeyed."""
    winner = spec_of(name).winner
    if winner in (Winner.OURS, Winner.RESTRICTIVE):
        return ("keep",)
    return ("clear", "keep") if winner is Winner.UNION else ("clear", "keep", "ask")


def directions(name: str) -> tuple[str, ...]:
    """Which ways a field can go. An opt-out always travels; what Leadloom computes is never read."""
    winner = spec_of(name).winner
    if winner is Winner.RESTRICTIVE:
        return ("both",)
    return ("out", "off") if winner is Winner.OURS else ("both", "in", "out", "off")


def _absent_files(raw: Mapping[str, Any], folder: Path) -> Found:
    keys = [("scoring", "file"), ("routing", "file"), *(("accounts", name, "private_key_file") for name in _table(raw, "accounts"))]
    for key in keys:
        file = _table(raw, *key[:-1]).get(key[-1])
        if isinstance(file, str) and not (folder / file).is_file():
            yield key, f"there is no file {file} (looked in the folder of the settings)"
