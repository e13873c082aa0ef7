"""`review`: questions that only a person can answer. An answer is remembered for ever and carried out by the next sync."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from commands.exits import Stop
from commands.options import By, Config, Json, Limit, user

if TYPE_CHECKING:
    from store.unit import Unit
    from sync.state import LeadState

Row = Mapping[str, Any]

review = typer.Typer(
    help="Questions that only a person can answer: differing values, possible duplicates, refused writes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ReviewId = Annotated[int, typer.Argument(metavar="ID", help="a number of `leadloom review list`")]


@review.command("list")
def list_reviews(
    every: Annotated[bool, typer.Option("--all", help="answered ones, too")] = False,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="only of this kind, such as possible_duplicate")] = "",
    limit: Limit = 100,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """The questions that wait for an answer, the newest first; of possible duplicates of one run the likeliest first."""
    from commands import showing
    from commands.workspace import open_memory, settings_of

    zone = ZoneInfo(settings_of(config).defaults.timezone)
    with open_memory(config) as store, store.begin() as unit:
        rows = unit.reviews(answered=every, limit=limit, kind=kind)
        about = _about(unit, rows)
        found = [{**_summary(row, zone), "about": about[row["id"]]} for row in rows]
    if as_json:
        showing.print_json(found)
    elif len(found) == 0:
        showing.show("No questions.")
    else:
        shown = ((one["id"], one["kind"], one["about"], one["question"], one["choices"], one["answer"]) for one in found)
        showing.show(showing.table("Questions", ("id", "kind", "about", "question", "answers", "answered"), shown))


@review.command("show")
def show_review(id: ReviewId, as_json: Json = False, config: Config = None) -> None:
    """One question, with its sides next to each other and what each answer means."""
    from commands import showing
    from commands.evidence import between
    from commands.workspace import open_memory, settings_of

    zone = ZoneInfo(settings_of(config).defaults.timezone)
    with open_memory(config) as store, store.begin() as unit:
        row = unit.review(id)
        if row is None:
            raise Stop(f"There is no question {id}. `leadloom review list` shows them.")
        document = {**_summary(row, zone), "choices": [_choice(one) for one in row["choices"]], "sides": _sides(unit, row)}
        pairs = any("pairs" in one for one in row["choices"])
        document["likeness"] = between(unit, [side["lead_id"] for side in document["sides"]]) if pairs else None
    showing.print_json(document) if as_json else showing.show(*showing.of_review(document))


@review.command("decide")
def decide(
    id: ReviewId,
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help="one of the answers that `leadloom review show ID` lists")],
    by: By = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Answer a question. The next sync carries it out, and the same question is not asked again."""
    from commands import showing
    from commands.workspace import open_workspace, settings_of
    from sync import answers

    settings = settings_of(config)
    with open_workspace(settings) as workspace:
        row = answers.decide(workspace, id, answer, user(by))
    answered = _summary(row, ZoneInfo(settings.defaults.timezone))
    showing.print_json(answered) if as_json else showing.show(f"Question {id}: {answer}. {_what_follows(row, answer)}")


def _about(unit: Unit, rows: Sequence[Row]) -> dict[int, list[str]]:
    """Whom each question is about: the names of its leads, or an address where one has none."""
    from sync.uniting import A_LEAD, leads_behind

    sides = {
        row["id"]: [A_LEAD + row["lead_id"], *(side for one in row["choices"] for pair in one.get("pairs", ()) for side in pair[:2])]
        for row in rows
    }
    behind = leads_behind(unit, {side for found in sides.values() for side in found})
    leads = unit.leads(sorted(set(behind.values())))
    found = {id: dict.fromkeys(behind[side] for side in asked if side in behind) for id, asked in sides.items()}
    return {id: [name for lead in ids if (name := _name(leads[lead])) != ""] for id, ids in found.items()}


def _name(lead: LeadState) -> str:
    from commands.plainly import plain_fields

    fields = plain_fields(lead)
    name = " ".join(part for part in (fields.get("first_name"), fields.get("last_name")) if part)
    return name or next(iter((*(fields.get("emails") or ()), *(fields.get("phones") or ()))), "")


def _what_follows(row: Row, answer: str) -> str:
    from commands.showing import regrouped

    if row["regrouped"]:
        return " ".join(f"{regrouped(one)} `leadloom undo {one['run']}` takes it back." for one in row["regrouped"])
    if any(one["answer"] == answer and "pairs" in one for one in row["choices"]):
        return "It is remembered for records to come."
    return "The next sync carries it out."


def _summary(row: Row, zone: ZoneInfo) -> dict[str, Any]:
    from commands.looking import moment

    return {
        "id": row["id"],
        "kind": row["kind"],
        "question": row["question"],
        "lead_id": row["lead_id"],
        "field": row["field"] or None,
        "records": [":".join(ref) for ref in row["refs"]],
        "asked": moment(row["at"], zone),
        "choices": [one["answer"] for one in row["choices"]],
        "answer": row["answer"]["answer"] if isinstance(row["answer"], dict) else row["answer"],
        "answered": moment(row["answered_at"], zone),
        "by": row["answered_by"] or None,
    }


def _choice(choice: Row) -> dict[str, Any]:
    return {key: choice[key] for key in ("answer", "says", "value", "from", "at") if key in choice}


def _sides(unit: Unit, row: Row) -> list[dict[str, Any]]:
    """What is compared: the leads the question is about, and the leads of its records."""
    from commands.plainly import plain_fields
    from sync.state import refs_text

    named = {row["lead_id"], *(key.removeprefix("lead:") for one in row["choices"] for pair in one.get("pairs", ()) for key in pair[:2])}
    links = [link for ref in row["refs"] for link, _ in unit.links_at(ref.account, ref.object, [ref.id]).values()]
    records: dict[str, str] = {}
    for link in links:
        known = records.get(link.lead_id)
        records[link.lead_id] = f"{known}, {refs_text([link.ref])}" if known is not None else refs_text([link.ref])
    leads = unit.leads(sorted(named | set(records)))
    return [{"lead_id": id, "record": records.get(id), "fields": plain_fields(lead)} for id, lead in sorted(leads.items())]
