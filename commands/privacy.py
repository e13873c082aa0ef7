"""`privacy`: what a person may ask for: to be forgotten, to see everything, to take it along."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from commands.exits import Exit, Stop
from commands.files import private_file
from commands.finding import LeadArgument, lead_called, one
from commands.options import Config, Json, Limit, Yes

if TYPE_CHECKING:
    from leads.consent.retention import Clocks, Due
    from store.suppressed import SuppressionFiles
    from sync.erase import Person
    from sync.running import Report

privacy = typer.Typer(help="What a person may ask for.", no_args_is_help=True, rich_markup_mode=None)

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why, without personal data, such as a ticket's number")]


@privacy.command()
def erase(lead: LeadArgument, reason: Reason, yes: Yes = False, as_json: Json = False, config: Config = None) -> None:
    """Forget a person here, delete their records in every CRM, and see to it that nothing brings them back."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from sync import engine
    from sync.erase import who

    id = lead_called(lead, config)
    with open_workspace(settings_of(config)) as workspace:
        with workspace.store.begin() as unit:
            person = who(unit, id)
        if not yes:
            _ask(person)
        person, report = engine.erase_lead(workspace, person.lead_id, reason)
        with workspace.store.begin() as unit:
            deletions = unit.deletions(f"erase:{report.run}")
    document = _outcome(person, report, deletions)
    showing.print_json(document) if as_json else showing.show(*_shown(document))
    raise typer.Exit(Exit.DONE if all(row["deleted_at"] is not None for row in document["recipients"]) else Exit.FAILED)


@privacy.command()
def suppressed(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="an e-mail address, or a phone number such as +49 30 1234")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Whether an address is on the list of erased people."""
    from commands import showing
    from commands.workspace import settings_of, suppression_of
    from leads import suppression

    settings = settings_of(config)
    files = suppression_of(settings)
    known = {entry.seal: entry for entry in files.entries()}
    wanted = {seal for one in _spellings(address, settings.defaults.region) for seal in suppression.seals(files.keys(), one)}
    found = [known[seal] for seal in sorted(wanted & known.keys())]
    document = {"suppressed": len(found) > 0, "since": min((one.since.isoformat() for one in found), default=None)}
    if as_json:
        showing.print_json(document)
    else:
        showing.show(f"On the list since {document['since']}." if found else "Not on the list of erased people.")


@privacy.command()
def export(
    lead: LeadArgument,
    article: Annotated[int, typer.Option("--art", min=15, max=20, help="15: everything that is kept; 20: what the person provided")] = 15,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="FILE.html prints well; else JSON")] = None,
    config: Config = None,
) -> None:
    """Everything that is kept about a person, or what the person provided, as JSON or a page to print, to hand over."""
    from commands.consent import answers_about
    from commands.dossier import access, page, portable
    from commands.workspace import clocks_of, settings_of

    if article not in (15, 20):
        raise Stop("--art is 15 (access) or 20 (portability).")
    with one(lead, config) as (unit, found, zone):
        document: Mapping[str, Any] = portable(found)
        if article == 15:
            answers = answers_about(unit, found.id, config)
            document = access(unit, found, zone, answers, clocks_of(settings_of(config)))
    with private_file(output) as out:
        prints = output is not None and output.suffix == ".html"
        out.write(page(document) if prints else json.dumps(document, ensure_ascii=False, indent=2) + "\n")


@privacy.command()
def retention(
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="what will be due by then; else by now")] = None,
    limit: Limit = 200,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """What is kept about people for longer than [retention] says, and what to do about it. Nothing is deleted."""
    from commands import showing
    from commands.finding import moment_meant
    from commands.workspace import clocks_of, open_memory, settings_of, suppression_of
    from sync.retention import overdue

    settings = settings_of(config)
    zone, clocks = ZoneInfo(settings.defaults.timezone), clocks_of(settings)
    by = (moment_meant(until, zone) or datetime.now(UTC)).timestamp()
    with open_memory(config) as store, store.begin() as unit:
        found = [*overdue(unit, clocks, by), *_to_review(suppression_of(settings), clocks, by)]
    rows = [_due(one, zone) for one in sorted(found, key=lambda one: (one.at, one.clock, one.about))]
    counts = {clock: sum(row["clock"] == clock for row in rows) for clock in NEXT}
    if as_json:
        showing.print_json({"due": rows, "counts": counts})
        return
    columns = ("clock", "about", "since", "due", "what to do")
    shown = [[row["clock"], row["about"], row["since"], row["due"], NEXT[row["clock"]]] for row in rows[:limit]]
    told = "Nothing is kept for too long." if not rows else f"{len(rows)} are due. Nothing was deleted."
    showing.show(*([showing.table("Kept for longer than the settings say", columns, shown)] if rows else []), told)


NEXT: Mapping[str, str] = {
    "unconfirmed": "forget the sign-up: `leadloom privacy erase LEAD` if nothing else is known of the person",
    "prospect": "`leadloom privacy erase LEAD`, or write down why not",
    "email_proof": "the proof may go with the person: `leadloom privacy erase LEAD`",
    "phone_proof": "the proof may go with the person: `leadloom privacy erase LEAD`",
    "suppression_review": "look whether the person may still come back by an import; else take the line out of the list",
}


def _due(one: Due, zone: ZoneInfo) -> dict[str, str]:
    since, at = (datetime.fromtimestamp(moment, zone).isoformat(timespec="seconds") for moment in (one.since, one.at))
    return {"clock": one.clock, "about": one.about, "since": since, "due": at}


def _to_review(files: SuppressionFiles, clocks: Clocks, by: float) -> Iterator[Due]:
    from leads.consent.retention import Due

    if clocks.suppression_review is None:
        return
    for entry in files.entries():
        since = entry.since.timestamp()
        if (at := clocks.suppression_review.after(since)) <= by:
            yield Due("suppression_review", entry.seal, since, at)


def _ask(person: Person) -> None:
    if not sys.stdin.isatty():
        raise Stop("Erasing cannot be taken back, and nobody is there to ask. Say --yes.")
    crms = len({ref.account for ref in person.refs})
    if not typer.confirm(f"Erase lead {person.lead_id} here and {len(person.refs)} records in {crms} CRMs?", err=True):
        raise Stop("Nothing was erased.", Exit.DONE)


def _outcome(person: Person, report: Report, deletions: Any) -> dict[str, Any]:
    recipients = [
        {
            "account": one.ref.account,
            "object": one.ref.object,
            "id": one.ref.id,
            "deleted_at": None if one.done_at is None else one.done_at.isoformat(),
            "why": one.why or None,
        }
        for one in deletions
    ]
    return {
        "run": report.run,
        "lead_id": person.lead_id,
        "suppressed": len(person.addresses),
        "shared": len(person.shared),
        "recipients": recipients,
    }


def _shown(document: Mapping[str, Any]) -> list[Any]:
    from commands import showing

    rows = document["recipients"]
    columns = ("account", "object", "id", "deleted_at", "why")
    told = f"Lead {document['lead_id']} is forgotten; {document['suppressed']} addresses are on the list of those who do not come back."
    parts: list[Any] = [showing.table("Recipients", columns, ([row[name] for name in columns] for row in rows)), told]
    if document["shared"] > 0:
        parts.append(f"{document['shared']} addresses belong to others too, or to nobody in person; they are not on it.")
    if any(row["deleted_at"] is None for row in rows):
        parts.append("Not everything is deleted yet: every sync asks again, and `leadloom problems` shows what is left.")
    return parts


def _spellings(text: str, region: str | None) -> set[str]:
    from leads import normal
    from sync.plan import address

    if "@" in text:
        found = normal.email(text)
        if isinstance(found, normal.Refused):
            raise Stop(f"This is no e-mail address: it {found.reason}.")
        return {f"email:{found.norm}", address("emails", found.norm)}
    number = normal.phone(text, region)
    if isinstance(number, normal.Refused):
        raise Stop(f"This is no phone number: it {number.reason}. Write it with its country, such as +49 30 1234.")
    return {address("phones", number.e164)}
