"""Doors (shell): the accounts of a run are opened: who is behind them is checked, and their mappings are bound to what they have today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.base import Connector
from connectors.errors import ConnectorError
from mappings.schema import MappingProblems
from sync.rebase import Shift, differs, marks, rebase, shift
from sync.workspace import Account, Door, Stopped, Workspace

CHUNK = 500  # links rebased at once


def chosen(workspace: Workspace, names: Iterable[str] | None) -> list[Account]:
    """The accounts called `names`, or all. Raises Stopped for a name that the settings do not have."""
    if names is None:
        return list(workspace.accounts.values())
    unknown = [name for name in names if name not in workspace.accounts]
    if unknown:
        raise Stopped(f"No account is called {', '.join(unknown)}. The settings have: {', '.join(workspace.accounts)}.", exit_code=2)
    return [workspace.accounts[name] for name in names]


def open_doors(workspace: Workspace, accounts: Sequence[Account]) -> tuple[list[Door], dict[str, ConnectorError]]:
    """Check who is behind every account and bind its dialects. An account that cannot be reached is left out, the others go on."""
    doors: list[Door] = []
    stopped: dict[str, ConnectorError] = {}
    lacking: list[str] = []
    for account in accounts:
        try:
            doors.append(_open_door(workspace, account))
        except ConnectorError as error:
            stopped[account.name] = error
        except MappingProblems as error:
            lacking += [f"{account.name}: {problem}" for problem in error.problems]
    if lacking:
        raise MappingProblems(lacking)
    return doors, stopped


def _open_door(workspace: Workspace, account: Account) -> Door:
    connector: Connector = account.connector
    identity = connector.identity()
    _check_identity(workspace, account, identity)
    owners = connector.owners()
    dialects = {object: account.bind(object, connector.describe(object), owners, identity) for object in account.objects}
    _rebase(workspace, account, dialects)
    return Door(account, identity, dialects)


def _check_identity(workspace: Workspace, account: Account, identity: Any) -> None:
    """The store knows whom it describes: another portal behind a known name would mix two companies' leads."""
    with workspace.store.begin() as unit:
        known, twin = unit.account(account.name), unit.account_of(identity.key)
        if known is not None and known["identity"] != identity.key:
            raise Stopped(
                f"{account.name} now leads to {identity.label}, but this store knows it as {known['label']}. Nothing was read or written. "
                "Correct the credentials, or give the other account a name of its own.",
                exit_code=2,
            )
        if known is None and twin is not None:
            raise Stopped(
                f"{account.name} leads to {identity.label}, which this store knows as {twin['name']}. "
                f"Call it [accounts.{twin['name']}] again, or start with a new store.",
                exit_code=2,
            )
        if known is None:
            unit.put_account(account.name, account.crm, identity.key, identity.label, workspace.now())


def _rebase(workspace: Workspace, account: Account, dialects: Mapping[str, Any]) -> None:
    """A changed mapping is no edit by anybody: its rows mean something else now, and what differs by it waits until it was looked at."""
    now = {object: marks(dialect) for object, dialect in dialects.items()}
    with workspace.store.begin() as unit:
        before = unit.rows_of(account.name)
        shifts = {object: shift(before[object], rows) for object, rows in now.items() if object in before}
        waiting = {object: set(rows) for object, rows in unit.rebased(account.name).items()}
        for object, shifted in ((object, shifted) for object, shifted in shifts.items() if shifted):
            _rebase_links(unit, account.name, object, dialects[object], shifted)
            waiting[object] = (waiting.get(object, set()) | shifted.other | shifted.new) - shifted.gone
            if shifted.new:
                unit.drop_cursor(account.name, object)
                unit.touch_all()
            unit.put_rebased(account.name, {object: sorted(rows) for object, rows in waiting.items()})
        if before != now:
            unit.put_rows(account.name, now)


def _rebase_links(unit: Any, account: str, object: str, dialect: Any, shifted: Shift) -> None:
    """Worked out from what is remembered: no record is read for it."""
    after = ""
    while batch := unit.links_after(account, object, after, CHUNK):
        leads = unit.leads([link.lead_id for link, _ in batch])
        fields = {link.ref: leads[link.lead_id].fields if link.lead_id in leads else {} for link, _ in batch}
        rebased = [(link, rebase(base, fields[link.ref], dialect, shifted)) for link, base in batch]
        unit.put_links([(link, base) for link, base in rebased if base.pairs])
        unit.touch(link.lead_id for link, base in rebased if differs(base, fields[link.ref], dialect, shifted.other))
        after = batch[-1][0].ref.id
