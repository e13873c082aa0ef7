"""`leads`: the leads themselves, and why they are as they are."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import joining, past
from commands.files import private_file
from commands.finding import LeadArgument, one
from commands.options import Config, Json, Limit
from commands.plainly import plain_fields, record

if TYPE_CHECKING:
    from store.unit import Unit
    from sync.state import Base, LeadState, Link

CHUNK = 500

leads = typer.Typer(help="The leads themselves, and why they are as they are.", no_args_is_help=True, rich_markup_mode=None)


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

    with one(lead, config) as (unit, found, zone):
        links = unit.links_of([found.id]).get(found.id, [])
        records = [record(link, base, zone) for link, base in links]
        also = sorted(unit.also_called([found.id]).get(found.id, ()))
        document = {"lead_id": found.id, "also_called": also, "fields": plain_fields(found), "records": records}
    showing.print_json(document) if as_json else showing.show(*showing.of_lead(document))


leads.command("why")(past.why)
leads.command("history")(past.history)
leads.command("merge")(joining.merge)
leads.command("split")(joining.split)


@leads.command("export")
def export(
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE.csv", help="write here instead of standard output")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """All leads as CSV, or with --json as one JSON list."""
    from commands import showing
    from commands.workspace import open_memory, settings_of
    from leads.model import FIELDS

    own = settings_of(config).custom_fields()
    columns = ("lead_id", *(name for name in FIELDS if name != "lead_id"), *own, "records")
    with open_memory(config) as store, store.begin() as unit, private_file(output) as out:
        if as_json:
            showing.print_json([{**plain_fields(lead), "lead_id": lead.id, "records": _refs(links)} for lead, links in everything(unit)])
            return
        writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for lead, links in everything(unit):
            values = {**plain_fields(lead), "lead_id": lead.id, "records": _refs(links)}
            writer.writerow({name: _text(value) for name, value in values.items()})


def everything(unit: Unit) -> Iterator[tuple[LeadState, list[tuple[Link, Base]]]]:
    after = ""
    while ids := unit.lead_ids(after, CHUNK):
        states, links = unit.leads(ids), unit.links_of(ids)
        yield from ((states[id], links.get(id, [])) for id in ids)
        after = ids[-1]


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


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
