"""`leadloom setup`: our own fields in every CRM."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from commands.exits import Exit, Stop
from commands.options import Accounts, Config, Json, Yes

if TYPE_CHECKING:
    from connectors.base import NewField
    from sync.workspace import Account

Wanted = dict[str, list["NewField"]]  # by object


def setup(account: Accounts = None, yes: Yes = False, as_json: Json = False, config: Config = None) -> None:
    """Create Leadloom's own fields (score, stage, lead id …) in each CRM. Shows which, asks, and leaves existing ones as they are."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from connectors.errors import ConnectorError
    from sync.engine import set_up

    stopped = 0
    created: dict[str, dict[str, list[str]]] = {}
    with open_workspace(settings_of(config)) as workspace:
        for one in chosen(workspace.accounts, account):
            try:
                missing = _missing(one)
                if any(missing.values()) and not yes:
                    _ask(one.name, missing)
                created[one.name] = set_up(one, missing) if any(missing.values()) else {}
            except ConnectorError as error:
                stopped += 1
                showing.say(str(error))
    if as_json:
        showing.print_json({"accounts": created})
    else:
        rows = [(name, object, len(fields), fields) for name, objects in created.items() for object, fields in objects.items()]
        done = [name for name, objects in created.items() if len(objects) == 0]
        showing.show(*([showing.table("Created", ("CRM", "object", "fields", "names"), rows)] if rows else []))
        if len(done) > 0:
            showing.show(f"Nothing to create in {', '.join(done)}: all fields are there.")
    raise typer.Exit(Exit.FAILED if stopped else Exit.DONE)


def chosen(known: Mapping[str, Account], names: list[str] | None) -> list[Account]:
    if names is None or len(names) == 0:
        return list(known.values())
    strangers = [name for name in names if name not in known]
    if len(strangers) > 0:
        raise Stop(f"No account is called {', '.join(strangers)}. The settings have: {', '.join(known)}.")
    return [known[name] for name in names]


def _missing(account: Account) -> Wanted:
    """Our fields that this account lacks. A custom field is known by its name or, where names are the CRM's, by its label."""
    from connectors.base import NewField
    from mappings.apply import api_name

    missing: Wanted = {}
    for object in account.objects:
        fields = account.connector.describe(object).fields
        there = set(fields) | {field.label.casefold().replace(" ", "_") for field in fields.values() if field.custom}
        wanted = [NewField(field.name, field.label, field.type, field.options, field.unique) for field in account.own_fields(object)]
        missing[object] = [field for field in wanted if there.isdisjoint({field.name, api_name(field.name), field.name.upper()})]
    return missing


def _ask(name: str, missing: Wanted) -> None:
    if not sys.stdin.isatty():
        raise Stop(f"{name} lacks fields of ours, and nobody is there to ask. Create them with `leadloom setup --yes`.")
    for object, fields in missing.items():
        typer.echo(f"{name}, {object}: {', '.join(field.name for field in fields) or 'nothing'}", err=True)
    if not typer.confirm(f"Create these fields in {name}?", err=True):
        raise Stop("Nothing was created.", Exit.DONE)
