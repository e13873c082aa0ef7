"""`leadloom import`: leads from a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.exits import Exit
from commands.files import private_file
from commands.options import Config, Json

if TYPE_CHECKING:
    from commands.csv_leads import LeadTable


class Kind(StrEnum):
    LEADS = "leads"
    CONSENT = "consent"


class Provenance(StrEnum):
    OWN_FORM = "own_form"
    EVENT = "event"
    CUSTOMER_LIST = "customer_list"
    PURCHASED = "purchased"


def import_leads(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a CSV file in UTF-8; its first line names the columns")],
    source: Annotated[str, typer.Option(metavar="TEXT", help="where these leads come from; the same file again changes nothing")],
    provenance: Annotated[Provenance, typer.Option(help="how they came to be; bought lists go into quarantine")],
    kind: Annotated[Kind, typer.Option(help="what the file holds")] = Kind.LEADS,
    rejects: Annotated[Path | None, typer.Option(metavar="FILE", help="where bad rows go, with the reason; else FILE.rejects.csv")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take in leads from a CSV file, or consent events from JSON or CSV. The next sync carries what follows to the CRMs."""
    from commands import showing
    from commands.csv_leads import read_leads
    from commands.syncing import busy
    from commands.workspace import open_workspace, settings_of
    from sync import engine
    from sync.intake import ImportedTable

    if kind is Kind.CONSENT:
        _import_consent(file, source, provenance, rejects or file.with_suffix(".rejects.csv"), as_json, config)
        return
    table = read_leads(file, source)
    bought = provenance is Provenance.PURCHASED
    settings = settings_of(config)
    kept = None if len(table.rejected) == 0 else _keep_rejects(table, rejects or file.with_suffix(".rejects.csv"))
    with open_workspace(settings) as workspace, busy(f"Taking in {kind.value}"):
        report = engine.import_leads(workspace, ImportedTable(source, table.rows, settings.defaults.region, bought))
    if as_json:
        numbers = {
            "rows": len(table.rows),
            "purchased": bought,
            "rejected": len(table.rejected),
            "rejects": None if kept is None else str(kept),
        }
        showing.print_json({**report.document(), **numbers})
    else:
        leads = report.leads
        parked = sum(account["in"]["parked"] for account in report.accounts.values())
        told = f"Leads: {leads['new']} new, {leads['changed']} changed, {leads['merged']} merged."
        showing.show(f"Rows taken in: {len(table.rows) - parked}. {told}")
        if parked:
            showing.say(f"Rows parked, and not stored: {parked}. They are about people who were erased.")
    if bought:
        showing.say("They are in quarantine: nobody on a bought list asked to hear from you. Of what they say only opt-outs count.")
    if len(table.unknown) > 0:
        showing.say(f"Columns without a meaning here, left out: {', '.join(table.unknown)}.")
    if kept is not None:
        showing.say(f"Rows not taken in: {len(table.rejected)}. They are in {kept}, with the reason.")
    raise typer.Exit(Exit.FAILED if kept is not None else report.exit_code)


def _import_consent(file: Path, source: str, provenance: Provenance, rejects: Path, as_json: bool, config: Path | None) -> None:
    from commands import showing
    from commands.consent import purposes_of
    from commands.consent_files import read_consent, write_rejected
    from commands.workspace import open_workspace, settings_of
    from sync.consents import record

    settings = settings_of(config)
    table = read_consent(file, source, "purchased" if provenance is Provenance.PURCHASED else "import", purposes_of(settings))
    if table.rejected:
        with private_file(rejects) as out:
            write_rejected(out, table.rejected)
    with open_workspace(settings) as workspace:
        done = record(workspace, table.events, f"import:{source}")
    numbers = {"rows": len(table.events), "added": done.added, "parked": done.parked, "rejected": len(table.rejected)}
    if as_json:
        showing.print_json({**numbers, "rejects": str(rejects) if table.rejected else None})
    else:
        parked = f", {done.parked} parked: the people were erased, and nothing is kept about them" if done.parked else ""
        showing.show(f"Events taken in: {done.added} new of {len(table.events)}{parked}.")
    if table.rejected:
        showing.say(f"Rows not taken in: {len(table.rejected)}. Their numbers and reasons are in {rejects}.")
    raise typer.Exit(Exit.FAILED if table.rejected else Exit.DONE)


def _keep_rejects(table: LeadTable, file: Path) -> Path:
    from commands.csv_leads import write_rejects

    with private_file(file) as out:
        write_rejects(out, table)
    return file
