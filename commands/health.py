"""`status`, `doctor` and `verify`: is everything as it should be, and if not, what is the next step?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from commands.exits import Exit
from commands.options import Accounts, Config, Json, Limit

if TYPE_CHECKING:
    from pathlib import Path

    from commands.settings import Settings
    from sync.verify import Difference
    from sync.workspace import Account, Workspace


def status(as_json: Json = False, config: Config = None) -> None:
    """The last run, how long ago each CRM was read, and what waits for a person. Contacts nobody."""
    from commands import showing
    from commands.workspace import open_memory, settings_of

    settings = settings_of(config)
    with open_memory(config) as store, store.begin() as unit:
        document = _status(unit, settings, ZoneInfo(settings.defaults.timezone), time.time())
    showing.print_json(document) if as_json else showing.show(*showing.of_status(document))


def _status(unit: Any, settings: Settings, zone: ZoneInfo, now: float) -> dict[str, Any]:
    from datetime import UTC, datetime

    from commands.looking import moment, summary

    last, known, linked = unit.runs(1), unit.accounts(), unit.linked()
    accounts = {
        name: {
            "known_as": known.get(name, {}).get("label"),
            "read": moment(known.get(name, {}).get("read_at"), zone),
            "lag_s": None if known.get(name, {}).get("read_at") is None else round(now - known[name]["read_at"]),
            "records": sum(n for (account, _), n in linked.items() if account == name),
            "written_to": known.get(name, {}).get("trusted_at") is not None,
        }
        for name in settings.accounts
    }
    return {
        "last_run": summary(last[0], zone) if last else None,
        "accounts": accounts,
        "leads": unit.counts()["lead"],
        "due": unit.due(datetime.fromtimestamp(now, UTC)),
        "unanswered": unit.unanswered(),
        "reviews": unit.open_reviews(),
        "problems": {f"{group['account']} {group['cause']}": group["count"] for group in unit.problem_groups()},
    }


# verify


def verify(account: Accounts = None, limit: Limit = 100, as_json: Json = False, config: Config = None) -> None:
    """Read every linked record and compare it with what is remembered and with its lead. Writes nothing; exit code 4: it differs."""
    from commands import showing
    from commands.syncing import busy
    from commands.workspace import open_workspace, settings_of
    from sync import engine

    with open_workspace(settings_of(config)) as workspace, busy("Comparing, nothing is written"):
        checked, stopped = engine.check(workspace, account)
    rows = [_difference(one) for one in checked.differences]
    document = {"records": dict(checked.records), "held": dict(checked.held), "differences": rows, "stopped": dict(stopped)}
    showing.print_json(document) if as_json else showing.show(*showing.of_verify(document, limit))
    for sentence in stopped.values():
        showing.say(sentence)
    raise typer.Exit(Exit.FOUND if rows else Exit.FAILED if stopped else Exit.DONE)


def _difference(one: Difference) -> dict[str, Any]:
    facts = {"account": one.ref.account, "object": one.ref.object, "id": one.ref.id, "lead_id": one.lead_id, "kind": one.kind}
    return {**facts, "field": one.field or None, "base": one.base, "shown": one.shown, "lead": one.lead}


# doctor


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `fix` says what to do where it is not fine; empty: it is."""

    account: str
    what: str
    found: str
    fix: str = ""
    warning: bool = False  # worth knowing, and no reason to stop

    @property
    def result(self) -> str:
        return "fine" if self.fix == "" else "note" if self.warning else "wrong"


def doctor(account: Accounts = None, as_json: Json = False, config: Config = None) -> None:
    """Check settings, store, credentials, identity, rights and our own fields in every CRM. Exit code 4 if something is wrong."""
    from commands import showing
    from commands.setup import chosen
    from commands.workspace import open_workspace, settings_of

    settings = settings_of(config)
    checks = [Check("", "settings", "they can be used"), *_store_checks(settings)]
    with open_workspace(settings) as workspace:
        for one in chosen(workspace.accounts, account):
            checks += _account_checks(workspace, one)
    rows = [{"account": one.account, "check": one.what, "result": one.result, "found": one.found, "fix": one.fix or None} for one in checks]
    showing.print_json(rows) if as_json else showing.show(showing.of_checks(rows))
    raise typer.Exit(Exit.FOUND if any(one.result == "wrong" for one in checks) else Exit.DONE)


def _store_checks(settings: Settings) -> Iterator[Check]:
    file = settings.store_file
    if file is None or not file.exists():
        yield Check("", "store", "a database server" if file is None else "not there yet: the first sync makes it")
        return
    yield _privacy(file)


def _privacy(file: Path) -> Check:
    if file.stat().st_mode & 0o077:
        return Check("", "store", "others on this machine may read it", f"chmod 600 {file}", warning=True)
    return Check("", "store", "it is there, and private")


def _account_checks(workspace: Workspace, account: Account) -> Iterator[Check]:
    from connectors.errors import ConnectorError

    try:
        identity = account.connector.identity()
        yield Check(
            account.name, "credentials", f"accepted by {identity.label}" + (f" for {identity.user_email}" if identity.user_email else "")
        )
        yield _identity_check(workspace, account, identity)
        owners = account.connector.owners()
        yield from _object_checks(account, owners, identity)
        yield from _owner_checks(workspace, account, owners)
    except ConnectorError as error:
        yield Check(account.name, "credentials", error.message, error.fix or "See the message.")


def _identity_check(workspace: Workspace, account: Account, identity: Any) -> Check:
    with workspace.store.begin() as unit:
        known = unit.account(account.name)
    if known is None:
        return Check(account.name, "identity", "not synced yet")
    if known["identity"] != identity.key:
        fix = "Restore the old credentials, or give the other account a name of its own."
        return Check(account.name, "identity", f"{identity.label}, but the store knows {known['label']}", fix)
    return Check(account.name, "identity", f"{identity.label}, as before")


def _object_checks(account: Account, owners: Any, identity: Any) -> Iterator[Check]:
    from mappings.schema import MappingProblems

    for object in account.objects:
        try:
            dialect = account.bind(object, account.connector.describe(object), owners, identity)
        except MappingProblems as error:
            for problem in error.problems:
                yield Check(account.name, f"fields of {object}", problem, "leadloom setup" if "leadloom setup" in problem else "See there.")
            continue
        yield Check(account.name, f"fields of {object}", f"{len(dialect.fingerprints)} mapped, all there, of the right type and writable")
        if dialect.dropped:
            found = f"without {', '.join(dialect.dropped)}, which this account does not have"
            yield Check(
                account.name, f"fields of {object}", found, "Nothing is to be done, unless you want to see them synced.", warning=True
            )
        if dialect.unheard:
            found = f"without {', '.join(dialect.unheard)}: a consent that this account does not keep is neither read nor written"
            fix = "Nothing is to be done, unless it is there and hidden from the user of these credentials."
            yield Check(account.name, f"consent of {object}", found, fix, warning=True)


def _owner_checks(workspace: Workspace, account: Account, owners: Any) -> Iterator[Check]:
    """Whom the routing names and this CRM does not know cannot be shown there as an owner."""
    there = {owner.email.casefold() for owner in owners if owner.email is not None and owner.active}
    routed: Mapping[str, Any] = workspace.rules.routing.owners
    lacking = sorted(id for id, owner in routed.items() if there.isdisjoint(address.casefold() for address in owner.addresses))
    if lacking:
        fix = "Add or activate users with their e-mail addresses, or their leads show no owner here."
        yield Check(account.name, "owners", f"no active user for {', '.join(lacking)}", fix, warning=True)
    elif routed:
        yield Check(account.name, "owners", f"active users for all {len(routed)} owners of the routing")
