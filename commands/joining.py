"""`leads merge` and `leads split`: which records are one person, by the word of somebody who knows."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.exits import Exit, Stop
from commands.finding import lead_called
from commands.options import By, Config, Json, Yes, user

if TYPE_CHECKING:
    from sync.joining import Outlook
    from sync.state import Ref

WHICH = "the beginning of a lead's id, or one of its e-mail addresses"
Records = Annotated[
    list[str], typer.Option("--record", metavar="ACCOUNT:OBJECT:ID", help="a record that belongs to somebody else; may be repeated")
]


def merge(
    keep: Annotated[str, typer.Argument(metavar="LEAD", help=f"the lead that keeps its id: {WHICH}")],
    gone: Annotated[str, typer.Argument(metavar="OTHER", help="the lead that becomes part of it, named likewise")],
    yes: Yes = False,
    by: By = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make two leads one. Shows first where they differ; the CRMs are written by the next sync, and `undo` takes it back."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from sync import engine
    from sync.joining import foresee

    ids = lead_called(keep, config), lead_called(gone, config)
    with open_workspace(settings_of(config)) as workspace:
        with workspace.store.begin() as unit:
            outlook = _outlook(foresee(unit, workspace, *ids))
        if not yes:
            _say_or_ask(outlook, as_json)
        document = {**engine.merge_leads(workspace, *ids, user(by)), "outlook": outlook}
    if as_json:
        showing.print_json(document)
    else:
        showing.show(f"{showing.regrouped(document)} {NEXT.format(run=document['run'])}")


def split(
    lead: Annotated[str, typer.Argument(metavar="LEAD", help=WHICH)],
    record: Records,
    yes: Yes = False,
    by: By = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take records out of a lead, for ever: they are a lead of their own, or again the one that was merged with this lead."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from sync import engine

    id, refs = lead_called(lead, config), [_ref(text) for text in record]
    if not yes:
        _confirm(f"Take {len(refs)} records out of lead {id}, for ever?")
    with open_workspace(settings_of(config)) as workspace:
        document = engine.split_lead(workspace, id, refs, user(by))
    if as_json:
        showing.print_json(document)
    else:
        showing.show(f"{showing.regrouped(document)} {NEXT.format(run=document['run'])}")


NEXT = "The next sync writes what this means for the CRMs; `leadloom plan` shows it, `leadloom undo {run}` takes it back."


def _ref(text: str) -> Ref:
    from sync.state import Ref

    parts = text.split(":", 2)
    if len(parts) != len(Ref._fields) or "" in parts:
        raise Stop(f"--record {text}: expected ACCOUNT:OBJECT:ID, such as hubspot:contacts:512. `leadloom leads show` lists them.")
    return Ref(*parts)


def _outlook(found: Outlook) -> dict[str, Any]:
    from commands.plainly import plain_fields
    from leads.values import plain

    fields = [
        {
            "field": one.name,
            "kept": plain(found.kept.fields[one.name]) if one.name in found.kept.fields else None,
            "gone": plain(found.gone.fields[one.name]) if one.name in found.gone.fields else None,
            "after": plain(one.new),
            "rule": one.rule,
        }
        for one in found.conflicts
    ]
    return {
        "kept": found.kept.id,
        "gone": found.gone.id,
        "conflicts": fields,
        "questions": [one.question for one in found.questions],
        "records": [":".join(ref) for ref in found.refs],
        "twins": [":".join(ref) for ref in found.twins],
        "denied": list(found.denied),
        "decided_different": [list(pair) for pair in found.apart],
        "sides": [plain_fields(found.kept), plain_fields(found.gone)],
    }


def _say_or_ask(outlook: Mapping[str, Any], as_json: bool) -> None:
    from commands import showing

    if as_json:
        showing.print_json({"status": "guarded", "outlook": outlook})
        raise typer.Exit(Exit.GUARDED)
    showing.show(*showing.of_outlook(outlook))
    _confirm(f"Make lead {outlook['gone']} part of lead {outlook['kept']}?")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise Stop("Nothing was changed: nobody is there to ask. Go on with --yes.", Exit.GUARDED)
    if not typer.confirm(question, err=True):
        raise Stop("Nothing was changed.", Exit.DONE)
