"""`consent`: what may be sent to whom, why, and how it is proved."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from commands.exits import Exit, Stop
from commands.files import private_file
from commands.finding import LeadArgument, one
from commands.options import Config, Json, Limit

if TYPE_CHECKING:
    from commands.settings import Settings
    from leads.consent.purposes import Purposes
    from leads.consent.status import Answer, Key
    from store.store import Store
    from store.unit import Unit

consent = typer.Typer(help="What may be sent to whom, and why.", no_args_is_help=True, rich_markup_mode=None)

ASKED = ("marketing.newsletter", "marketing.offers", "marketing.events", "marketing.sales_contact")
COLUMNS = ("identifier", "purpose", "channel", "status", "permitted", "grade", "flags", "because")

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="an e-mail address, or a phone number such as +49 30 1234")]
HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")  # of a character that JSON escapes in two halves

Purpose = Annotated[str, typer.Option("--purpose", metavar="PURPOSE", help="such as marketing.newsletter, or marketing for all of it")]
Channel = Annotated[str | None, typer.Option("--channel", metavar="CHANNEL", help="email, phone, sms …; else that of the address")]
By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="the colleague who notes it, never the person: it stays in the trail for good")
]
Rebuild = Annotated[bool, typer.Option("--rebuild", help="make the view of what is denied anew from the events first")]
Note = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="what the person said, or a ticket's number; erased with the person")
]


@consent.command()
def evaluate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE.json", help="events, policy and questions, see docs/consent.md; - reads them from standard input"),
    ],
    as_json: Json = False,
) -> None:
    """Answer the questions of a file from its events alone: no store, no clock, no settings."""
    from commands import showing
    from leads.consent.document import evaluate as evaluated
    from leads.consent.reading import ConsentFileWrong

    try:
        answers = evaluated(read_json(file))
    except ConsentFileWrong as wrong:
        raise Stop("\n".join(f"{file}: {mistake}" for mistake in wrong.mistakes)) from None
    showing.print_json(answers) if as_json else showing.show(_table(answers))


@consent.command()
def status(lead: LeadArgument, as_json: Json = False, config: Config = None) -> None:
    """What may be sent to each address of a lead now."""
    from commands import showing
    from leads.consent.document import answer_of

    with one(lead, config) as (unit, found, _):
        answers = [answer_of(key, answer) for key, answer in answers_about(unit, found.id, config)]
    showing.print_json(answers) if as_json else showing.show(_table(answers))


@consent.command()
def explain(lead: LeadArgument, as_json: Json = False, config: Config = None) -> None:
    """In words: why each address of a lead may be written to or not, and what was left out of account."""
    from commands import showing
    from commands.consent_words import sentences

    with one(lead, config) as (unit, found, zone):
        told = sentences(answers_about(unit, found.id, config), events_about(unit, found.id), zone)
    showing.print_json(told) if as_json else showing.show(*told)


@consent.command()
def history(lead: LeadArgument, limit: Limit = 200, as_json: Json = False, config: Config = None) -> None:
    """Every event of consent about a lead's addresses, oldest first."""
    from commands import showing
    from commands.consent_words import when

    with one(lead, config) as (unit, found, zone):
        events = [{"event_id": name, **event} for name, event in islice(events_about(unit, found.id).items(), limit)]
    if as_json:
        showing.print_json(events)
        return
    columns = ("kind", "identifier", "purposes", "channels", "clock", "provenance")
    rows = ([row["event_id"][:12], when(row, zone), *(row.get(name) for name in columns)] for row in events)
    showing.show(showing.table("", ("event", "when", *columns), rows))


@consent.command()
def withdraw(
    address: Address, by: By, purpose: Purpose = "marketing", channel: Channel = None, note: Note = None, as_json: Json = False,
    config: Config = None,
) -> None:  # fmt: skip
    """A person no longer wants something. The hub denies it at once, every CRM with the next sync."""
    _record("withdraw", address, purpose, channel, by, note, as_json, config)


@consent.command("object")
def object_(
    address: Address, by: By, purpose: Purpose = "marketing", channel: Channel = "any", note: Note = None, as_json: Json = False,
    config: Config = None,
) -> None:  # fmt: skip
    """A person objects (GDPR Art. 21): it holds for the person with all addresses, and only the person can lift it."""
    _record("object", address, purpose, channel, by, note, as_json, config)


@consent.command()
def grant(
    address: Address, by: By, note: Note, purpose: Purpose = "marketing.newsletter", channel: Channel = None, as_json: Json = False,
    config: Config = None,
) -> None:  # fmt: skip
    """A consent that somebody asserts: kept with grade E1, which lifts no restriction. Proof is imported."""
    _record("grant", address, purpose, channel, by, note, as_json, config)


@consent.command()
def invalidate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="the run that saw what was wrong, as after a broken import in a CRM")],
    by: By,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take back what one run saw in the CRMs. Acts of a person stay, and no CRM is loosened by it."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from sync.consents import invalidate as taken_back

    with open_workspace(settings_of(config)) as workspace:
        number = taken_back(workspace, run, by)
    showing.print_json({"taken_back": number}) if as_json else showing.show(f"Observations of run {run} taken back: {number}.")


@consent.command()
def prove(
    lead: LeadArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="FILE.html prints well; else JSON")] = None,
    form: Annotated[str, typer.Option("--format", help="leadloom, or iso27560 (ISO/IEC TS 27560)")] = "leadloom",
    config: Config = None,
) -> None:
    """The proof for one person: every event with its evidence and text version, what follows from it, and its place in the trail."""
    from commands.proof import bundle, iso27560, page
    from commands.workspace import settings_of

    if form not in ("leadloom", "iso27560"):
        raise Stop("--format is leadloom or iso27560.")
    with one(lead, config) as (unit, found, _):
        proof = bundle(found.id, answers_about(unit, found.id, config), events_about(unit, found.id), unit.head(), datetime.now(UTC))
        secret = str(unit.meta("secret")).encode()
    document = iso27560(proof, settings_of(config).consent.controller, secret) if form == "iso27560" else proof
    with private_file(output) as out:
        prints = output is not None and output.suffix == ".html"
        out.write(page(proof) if prints else json.dumps(document, ensure_ascii=False, indent=2) + "\n")


@consent.command()
def receipt(
    lead: Annotated[str | None, typer.Argument(metavar="LEAD", help="the lead's id, the beginning of it, or an address")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", metavar="PURPOSE", help="only this purpose")] = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="CHANNEL", help="only this channel")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="else it is printed")] = None,
    check: Annotated[Path | None, typer.Option("--verify", metavar="FILE", help="instead: is this receipt as it was made here?")] = None,
    config: Config = None,
) -> None:
    """The person's copy of their consent, signed, in the shape of ISO/IEC TS 27560. With --verify: exit code 4 for one that was changed."""
    from commands import showing
    from commands.proof import about, bundle
    from commands.proof import receipt as receipt_of
    from commands.workspace import open_memory, settings_of
    from leads.consent.receipts import is_genuine, signed

    if (lead is None) == (check is None):
        raise Stop("Name a lead, or a file with --verify.")
    if check is not None:
        with open_memory(config) as store:
            genuine = is_genuine(read_json(check), store.secret.encode())
        showing.show("The receipt is as it was made here." if genuine else "The receipt was not made here, or was changed since.")
        raise typer.Exit(Exit.DONE if genuine else Exit.FOUND)
    settings = settings_of(config)
    if mistakes := purposes_of(settings).wrong([] if purpose is None else [purpose]):
        raise Stop("\n".join(mistakes))
    told = settings.consent
    more = [] if purpose is None else [purpose]
    with one(str(lead), config) as (unit, found, _):
        proof = bundle(found.id, answers_about(unit, found.id, config, *more), events_about(unit, found.id), unit.head(), datetime.now(UTC))
        secret = str(unit.meta("secret")).encode()
    document = signed(receipt_of(about(proof, purpose, channel), told.controller, told.withdrawal, secret), secret)
    with private_file(output) as out:
        out.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


@consent.command()
def verify(rebuild: Rebuild = False, as_json: Json = False, config: Config = None) -> None:
    """Whether ledger and trail are as they were written, and what is denied is what they say; names every row that is not (exit code 4)."""
    from commands import showing
    from commands.workspace import open_memory

    with open_memory(config) as store, _lease_if(store, rebuild), store.begin() as unit:
        changed = list(unit.tampered())
        if rebuild and not changed:
            unit.deny_anew()
            unit.touch_all()
        found = [{"row": row, "why": why} for row, why in (*changed, *unit.misread())]
        seq, head = unit.head()
    document = {"rows": seq, "head": head, "tampered": found}
    if as_json:
        showing.print_json(document)
    elif found:
        showing.show(showing.table("Not as written", ("row", "why"), ([one["row"], one["why"]] for one in found)))
        if rebuild and changed:
            showing.say("Nothing was made anew from events that are not as they were written. Restore the store from a backup.")
    else:
        showing.show(f"{seq} rows, all as they were written.")
    raise typer.Exit(Exit.FOUND if found else Exit.DONE)


@consent.command()
def anchor(as_json: Json = False, config: Config = None) -> None:
    """Number and hash of the last row. Keep it elsewhere: only then does a trail that was cut off or rewritten show."""
    from commands import showing
    from commands.workspace import open_memory

    with open_memory(config) as store, store.begin() as unit:
        seq, head = unit.head()
    showing.print_json({"seq": seq, "head": head}) if as_json else showing.show(f"{seq} {head}")


@consent.command()
def conflicts(limit: Limit = 100, as_json: Json = False, config: Config = None) -> None:
    """Records that show "may contact" where the ledger does not permit it: who would be written to wrongly."""
    from commands import showing
    from commands.workspace import open_memory, settings_of
    from leads.consent.policy import profile
    from mappings.schema import packaged
    from sync.consents import conflicts as found_in
    from sync.view import RESTRICTIONS

    settings = settings_of(config)
    flags: dict[tuple[str, str], dict[str, str]] = {
        (name, object): {row.remote: row.lead.partition(".")[2] for row in packaged(account.crm, object).rows if row.lead in RESTRICTIONS}
        for name, account in settings.accounts.items()
        for object in account.objects
    }
    with open_memory(config) as store, store.begin() as unit:
        found = found_in(unit, flags, datetime.now(UTC), profile(settings.consent.profile))
        rows = sorted(found, key=lambda row: not row["refused"])  # who said no, and could be written to, first
    if as_json:
        showing.print_json(rows)
        return
    columns = ("account", "object", "id", "lead_id", "channel", "status")
    refused = sum(row["refused"] for row in rows)
    showing.show(
        showing.table("", columns, ([row[name] for name in columns] for row in rows[:limit])),
        f"Records that show a permission although the person said no: {refused}. Records that show one that nobody has proved: "
        f"{len(rows) - refused}.",
    )


# What the commands share


def _lease_if(store: Store, writes: bool) -> AbstractContextManager[None]:
    return store.lease() if writes else nullcontext()


def read_json(file: Path) -> Any:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
        found = json.loads(text)
        if HALF.search(text) is not None:
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except UnicodeEncodeError:
        raise Stop(f"{file} has a text with half of a character in it (a \\ud800 without its other half).") from None
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Stop(f"{file} is not UTF-8 text.") from None
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Stop(f"{file} is not JSON{where}.") from None


def _table(answers: Iterable[Mapping[str, Any]]) -> Any:
    from commands import showing

    rows = ([*(row[name] for name in COLUMNS[:-1]), [name[:12] for name in row["because"]]] for row in answers)
    return showing.table("", COLUMNS, rows)


def answers_about(unit: Unit, lead_id: str, config: Path | None, *more: str) -> list[tuple[Key, Answer]]:
    """What holds for the purposes that are always asked for, those that the settings name, and those that somebody spoke of."""
    from commands.workspace import settings_of
    from leads.consent.policy import profile
    from sync.consents import answers, purposes_about

    settings = settings_of(config)
    addresses = _addresses(unit, lead_id)
    further = {*purposes_of(settings).named, *purposes_about(unit, addresses, [lead_id]), *more}
    purposes = (*ASKED, *sorted(further.difference(ASKED)))
    return answers(unit, addresses, [lead_id], purposes, datetime.now(UTC), profile(settings.consent.profile))


def events_about(unit: Unit, lead_id: str) -> dict[str, Mapping[str, Any]]:
    """Name -> event, oldest first."""
    from leads.consent.event import event_hash

    return {event_hash(row): row for row in unit.events_about(_addresses(unit, lead_id).values(), [lead_id])}


def _addresses(unit: Unit, lead_id: str) -> dict[str, str]:
    """Identifier -> mailbox, for every address that the lead has, and those that its records show beside that (as of bought lists)."""
    from sync.plan import address
    from sync.view import SETS

    fields = unit.leads([lead_id])[lead_id].fields
    found: dict[str, str] = {}
    for name in SETS:
        items = fields.get(name)
        for item in items if isinstance(items, tuple) else ():
            kind = "email" if name == "emails" else "phone"
            if not item.is_raw:
                found[f"{kind}:{item.key}"] = address(name, item.key)
    shown = {place: place for place in unit.addresses_of(lead_id) if place.startswith(("email:", "phone:"))}
    return found | {place: place for place in shown if place not in found.values()}


def _record(
    kind: str, address: str, purpose: str, channel: str | None, by: str, note: str | None, as_json: bool, config: Path | None
) -> None:
    from commands.workspace import settings_of
    from leads.consent.event import Kind
    from sync.consents import act

    if mistakes := [*purposes_of(settings_of(config)).wrong([purpose]), *_no_channel(kind, channel)]:
        raise Stop("\n".join(mistakes))
    identifier = identifier_of(address)
    usual = "email" if identifier.startswith("email:") else "phone"
    refs = {} if note is None else {"refs": {"import_id": note}}
    row = act(Kind(kind), identifier, datetime.now(UTC), purposes=[purpose], channels=[channel or usual], **refs)
    _keep([row], by, as_json, config)


def purposes_of(settings: Settings) -> Purposes:
    """What consent can be about where these settings hold."""
    from leads.consent.purposes import Purposes

    named = {purpose for account in settings.accounts.values() for purpose in getattr(account, "purposes", {}).values()}
    return Purposes(frozenset(named), tuple(settings.accounts))


def _no_channel(kind: str, channel: str | None) -> list[str]:
    from leads.consent.event import ANY, CHANNELS, RESTRICTIONS

    known = (*CHANNELS, ANY) if kind in RESTRICTIONS else CHANNELS
    return [] if channel is None or channel in known else [f"There is no channel {channel} to {kind}. Known: {', '.join(known)}."]


def _keep(rows: Sequence[Mapping[str, Any]], by: str, as_json: bool, config: Path | None) -> None:
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from leads.consent.reading import ConsentFileWrong
    from sync.consents import record

    try:
        with open_workspace(settings_of(config)) as workspace:
            done = record(workspace, rows, by)
    except ConsentFileWrong as wrong:
        raise Stop("\n".join(wrong.mistakes)) from None
    if done.parked:
        raise Stop(
            "This address is already on the list of erased people: nothing is sent to it, and nothing is kept about it, so this was not "
            "noted. Who was erased comes back by an act of their own only."
        )
    showing.print_json({"added": done.added}) if as_json else showing.show(f"Events added to the ledger: {done.added}.")


def identifier_of(text: str) -> str:
    from leads import normal

    found = normal.email(text) if "@" in text else normal.phone(text)
    if isinstance(found, normal.Refused):
        raise Stop(f"{'This is no e-mail address' if '@' in text else 'This is no phone number'}: it {found.reason}.")
    return f"email:{found.norm}" if isinstance(found, normal.Email) else f"phone:{found.e164}"
