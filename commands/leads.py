"""`leads`: the leads themselves, and why they are as they are."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from commands.exits import Stop
from commands.files import private_file
from commands.options import Config, Json, Limit

if TYPE_CHECKING:
    from store.unit import Unit
    from sync.state import Base, LeadState, Link, Origin

CHUNK = 500

leads = typer.Typer(help="The leads themselves, and why they are as they are.", no_args_is_help=True, rich_markup_mode=None)

LeadArgument = Annotated[str, typer.Argument(metavar="LEAD", help="the beginning of a lead's id, or one of its e-mail addresses")]


@leads.command("list")
def list_leads(
    stage: Annotated[str | None, typer.Option(help="only leads in this stage")] = None,
    limit: Limit = 50,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Leads, one line each."""
    from commands import showing
    from commands.workspace import open_memory

    with open_memory(config) as store, store.begin() as unit:
        rows: list[dict[str, Any]] = []
        for lead, links in everything(unit):
            if stage is None or lead.fields.get("stage", "raw") == stage:
                rows.append(_line(lead, links))
            if len(rows) == limit:
                break
    showing.print_json(rows) if as_json else showing.show(showing.of_leads(rows))


@leads.command("show")
def show_lead(lead: LeadArgument, as_json: Json = False, config: Config = None) -> None:
    """One lead with all its fields and records."""
    from commands import showing

    with _one(lead, config) as (unit, found, zone):
        links = unit.links_of([found.id]).get(found.id, [])
        document = {"lead_id": found.id, "fields": plain_fields(found), "records": [_record(link, base, zone) for link, base in links]}
    showing.print_json(document) if as_json else showing.show(*showing.of_lead(document))


@leads.command("why")
def why(
    lead: LeadArgument,
    field: Annotated[str | None, typer.Argument(metavar="[FIELD]", help="one field only, such as job_title")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Why a lead is as it is: each value with its source, time and rule, and the values that lost."""
    from commands import showing

    check_field(field)
    with _one(lead, config) as (unit, found, zone):
        links = unit.links_of([found.id]).get(found.id, [])
        history = unit.revisions(found.id)
        assignment = unit.assignment(found.id)
    fields = [_reason(name, found, history, zone) for name in plain_fields(found) if field in (None, name)]
    owner = None if assignment is None else {key: assignment[key] for key in ("rule", "owner", "queue", "reason")}
    document = {"lead_id": found.id, "fields": fields, "routing": owner, "records": [_record(link, base, zone) for link, base in links]}
    showing.print_json(document) if as_json else showing.show(*showing.of_reasons(document))


@leads.command("export")
def export(
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE.csv", help="write here instead of standard output")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """All leads as CSV, or with --json as one JSON list."""
    from commands import showing
    from commands.workspace import open_memory
    from leads.model import FIELDS

    columns = ("lead_id", *(name for name in FIELDS if name != "lead_id"), "records")
    with open_memory(config) as store, store.begin() as unit, private_file(output) as out:
        if as_json:
            showing.print_json([{**plain_fields(lead), "lead_id": lead.id, "records": _refs(links)} for lead, links in everything(unit)])
            return
        writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for lead, links in everything(unit):
            values = {**plain_fields(lead), "lead_id": lead.id, "records": _refs(links)}
            writer.writerow({name: _text(value) for name, value in values.items()})


@contextmanager
def _one(wanted: str, config: Path | None) -> Iterator[tuple[Unit, LeadState, ZoneInfo]]:
    from commands.workspace import open_memory, settings_of

    zone = ZoneInfo(settings_of(config).defaults.timezone)
    with open_memory(config) as store, store.begin() as unit:
        yield unit, unit.leads([_found(unit, wanted)]).popitem()[1], zone


def check_field(field: str | None) -> None:
    from commands.checks import nearest
    from leads.model import FIELDS

    if field is not None and field not in FIELDS:
        raise Stop(f"A lead has no field {field}. {nearest(field, list(FIELDS))}".rstrip())


def lead_called(wanted: str, config: Path | None) -> str:
    """The id of the lead that somebody names by the beginning of its id or by an address."""
    from commands.workspace import open_memory

    with open_memory(config) as store, store.begin() as unit:
        return _found(unit, wanted)


def _found(unit: Unit, wanted: str) -> str:
    from leads import normal
    from sync.plan import address

    norm = normal.email(wanted)
    ids = unit.find_leads("" if "@" in wanted else wanted, "" if isinstance(norm, normal.Refused) else address("emails", norm.norm))
    if len(ids) == 0:
        raise Stop(f"No lead is known as {wanted}. `leadloom leads list` shows them.")
    if len(ids) > 1:
        raise Stop(f"Several leads fit {wanted}: {', '.join(ids)}. Name one of them.")
    return ids[0]


def everything(unit: Unit) -> Iterator[tuple[LeadState, list[tuple[Link, Base]]]]:
    after = ""
    while ids := unit.lead_ids(after, CHUNK):
        states, links = unit.leads(ids), unit.links_of(ids)
        yield from ((states[id], links.get(id, [])) for id in ids)
        after = ids[-1]


def plain_fields(lead: LeadState) -> dict[str, Any]:
    from leads.model import FIELDS
    from sync.state import plain

    return {name: plain(lead.fields[name]) for name in FIELDS if name in lead.fields}


def _line(lead: LeadState, links: list[tuple[Link, Base]]) -> dict[str, Any]:
    fields = plain_fields(lead)
    name = " ".join(str(fields[part]) for part in ("first_name", "last_name") if fields.get(part) is not None)
    emails = fields.get("emails")
    return {
        "lead_id": lead.id,
        "name": name or None,
        "email": emails[0] if emails else None,
        "company": fields.get("company.name"),
        "stage": fields.get("stage"),
        "score": fields.get("score"),
        "grade": fields.get("grade"),
        "owner": fields.get("owner"),
        "in": sorted({link.ref.account for link, _ in links if link.state == "active"}),
    }


def _refs(links: list[tuple[Link, Base]]) -> list[str]:
    return [f"{link.ref.account}:{link.ref.object}:{link.ref.id}" for link, _ in links]


def _record(link: Link, base: Base, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "account": link.ref.account,
        "object": link.ref.object,
        "id": link.ref.id,
        "role": link.role.value,
        "state": link.state.value if link.ending == "" else f"{link.state.value}: {link.ending}",
        "ours": link.key != "",
        "read_at": None if base.read_at is None else base.read_at.astimezone(zone).isoformat(sep=" ", timespec="seconds"),
    }


def _reason(name: str, lead: LeadState, history: list[tuple[str, Any, list[Any]]], zone: ZoneInfo) -> dict[str, Any]:
    """The last step of a field's history that led to its value."""
    from sync.state import plain

    steps = [(run, at, step) for run, at, steps in history for step in steps if step.name == name]
    run, at, last = steps[-1] if len(steps) > 0 else (None, None, None)
    origin = lead.origins.get(name)
    return {
        "field": name,
        "value": plain(lead.fields[name]),
        "from": None if origin is None else _source(origin),
        "at": None if at is None else at.astimezone(zone).isoformat(sep=" ", timespec="seconds"),
        "rule": last.rule if last is not None else None if origin is None else origin.rule,
        "run": run,
        "lost": [] if last is None else [{"value": plain(value), "from": where} for value, where in last.lost],
    }


def _source(origin: Origin) -> str:
    if origin.ref is not None:
        return f"{origin.ref.account} {origin.ref.object} {origin.ref.id}"
    return origin.account or "Leadloom"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
