"""`leads why` and `leads history`: how a lead came to be what it is, now or at any moment since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from commands.finding import AsOf, FieldArgument, LeadArgument, check_field, moment_meant, one
from commands.options import Config, Json, Limit
from commands.plainly import moment, record, source

if TYPE_CHECKING:
    from leads.scoring import Score
    from store.unit import Unit
    from sync.journal import Entry
    from sync.state import Base, LeadState, Link, Revision

SCORED = ("score", "grade", "stage", "reason")
Dict = dict[str, Any]


class Step(NamedTuple):
    """One step in the history of a lead, the run that took it and when."""

    run: str
    at: datetime
    revision: Revision


def why(lead: LeadArgument, field: FieldArgument = None, as_of: AsOf = None, as_json: Json = False, config: Config = None) -> None:
    """Why a lead is as it is: each value with its source, time, rule, and what lost; its score, owner, records, and who else it may be."""
    from commands import showing

    check_field(field)
    with one(lead, config, as_of) as (unit, found, zone):
        at = moment_meant(as_of, zone)
        ever, writes = steps_until(unit, found.id, None), _writes_of(unit, found.id)
        steps = [step for step in ever if at is None or step.at <= at]
        values = _values(found, steps, at)
        links = unit.links_of([found.id]).get(found.id, []) if at is None else _links_then(unit, found, ever, at)
        document: Dict = {
            "lead_id": found.id,
            "as_of": moment(at, zone),
            "fields": [_reason(name, values[name], found, steps, zone) for name in _in_order(values) if field in (None, name)],
            "score": _score(values, at, config) if field is None or field in SCORED else None,
            "routing": _routing(unit.assignments(found.id), at, zone) if field in (None, "owner") else None,
            "records": _with_verdicts(unit, [row for one in links if (row := _record(*one, ever, writes, at, zone)) is not None], writes),
            "apart": [],
        }
        if field is None and at is None:
            document |= _who(unit, found.id, document["records"], links, config)
    showing.print_json(document) if as_json else showing.show(*showing.of_reasons(document))


def history(
    lead: LeadArgument,
    field: FieldArgument = None,
    as_of: AsOf = None,
    limit: Limit = 200,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Everything that ever happened to a lead: its own changes and the writes to its records, oldest first."""
    from commands import showing

    check_field(field)
    with one(lead, config, as_of) as (unit, found, zone):
        at = moment_meant(as_of, zone)
        steps, entries = steps_until(unit, found.id, at), unit.journal_of([found.id]).get(found.id, [])
        parts = {
            id: [step for step in steps_until(unit, id, at) if step.at <= since] for id, since in _merged_into(found.id, steps).items()
        }
    happened = [*(_of_step(step, zone) for step in steps), *_of_writes(entries, at, zone)]
    happened += [_of_step(step, zone, f"lead {id}") for id, before in parts.items() for step in before]
    rows = [row for _, row in sorted(happened, key=lambda pair: pair[0]) if field in (None, row["field"])]
    document = {"lead_id": found.id, "as_of": moment(at, zone), "history": rows}
    showing.print_json(document) if as_json else showing.show(*showing.of_history(document, limit))


def steps_until(unit: Unit, lead_id: str, until: datetime | None) -> list[Step]:
    return [
        Step(run, at, revision)
        for run, at, revisions in unit.revisions(lead_id)
        if at is not None and (until is None or at <= until)
        for revision in revisions
    ]


def _writes_of(unit: Unit, lead_id: str) -> list[Entry]:
    """Every write to the lead's records; those of a lead that was merged stand under the lead that it became part of."""
    names = [lead_id, *unit.survivors([lead_id]).values()]
    return [entry for found in unit.journal_of(names).values() for entry in found]


def _merged_into(lead_id: str, steps: Iterable[Step]) -> dict[str, datetime]:
    """The leads that became part of this one, and when."""
    from sync.state import MERGE

    return {str(step.revision.old): step.at for step in steps if step.revision.name == MERGE and step.revision.new == lead_id}


# Why


def _who(unit: Unit, lead_id: str, records: Sequence[Dict], links: Sequence[tuple[Link, Base]], config: Config) -> Dict:
    """The records with what speaks for their being one person, and the leads that come near to being the same one."""
    from commands import evidence
    from commands.workspace import meanings_of

    there = [(link, base) for link, base in links if link.state == "active"]
    said = {tuple(ref): found for ref, found in evidence.of_records(unit, there, meanings_of(config)).items()}
    told = [{**row, "likeness": said.get((row["account"], row["object"], row["id"]))} for row in records]
    return {"records": told, "apart": evidence.still_apart(unit, lead_id)}


def _values(lead: LeadState, steps: Iterable[Step], at: datetime | None) -> Mapping[str, Any]:
    """The fields of the lead, now or as its history had them."""
    from leads.model import is_field

    if at is None:
        return lead.fields
    return {step.revision.name: step.revision.new for step in steps if is_field(step.revision.name)}


def _in_order(values: Mapping[str, Any]) -> list[str]:
    from leads.model import FIELDS

    return [name for name in (*FIELDS, *sorted(set(values) - set(FIELDS))) if name in values]


def _reason(name: str, value: Any, lead: LeadState, steps: Iterable[Step], zone: ZoneInfo) -> Dict:
    """The last step of a field that led to its value."""
    from leads.values import plain

    last = next((step for step in reversed(list(steps)) if step.revision.name == name), None)
    origin = lead.origins.get(name) if last is None else last.revision.origin
    return {
        "field": name,
        "value": plain(value),
        "from": None if origin is None else source(origin),
        "at": None if last is None else moment(last.at, zone),
        "changed": None if origin is None else [moment(origin.lo, zone), moment(origin.hi, zone)],
        "rule": last.revision.rule if last is not None else None if origin is None else origin.rule,
        "run": None if last is None else last.run,
        "lost": [] if last is None else [{"value": plain(one.value), "from": one.where} for one in last.revision.lost],
    }


def _score(values: Mapping[str, Any], at: datetime | None, config: Any) -> Dict:
    """The points that make up the score, by the rules as they are now."""
    from datetime import UTC

    from commands.workspace import rules_of, settings_of
    from leads import scoring
    from leads.predicates import facts

    found: Score = scoring.score(facts(values), (), datetime.now(UTC) if at is None else at, rules_of(settings_of(config)).scoring)
    parts = [{"rule": part.rule, "group": part.group, "points": part.milli / 1000} for part in found.contributions if part.milli != 0]
    return {"score": found.points, "grade": found.grade, "contributions": parts}


def _routing(assignments: Sequence[Mapping[str, Any]], at: datetime | None, zone: ZoneInfo) -> Dict | None:
    known = [row for row in assignments if at is None or row["at"] <= at.timestamp()]
    if not known:
        return None
    routed_at = datetime.fromtimestamp(known[-1]["at"], zone)
    return {key: known[-1][key] for key in ("rule", "owner", "queue", "reason")} | {"at": moment(routed_at, zone)}


def _links_then(unit: Unit, lead: LeadState, ever: Iterable[Step], at: datetime) -> list[tuple[Link, Base]]:
    """The records that the lead had at a moment: those that left it since, too, and none that came later."""
    from leads.model import ABSENT
    from sync.state import LINK

    had: dict[Any, bool] = {}
    for step in ever:
        if step.revision.name == LINK and step.revision.origin.ref is not None:
            had.setdefault(step.revision.origin.ref, step.revision.new is ABSENT)  # it left without having come: it was created
            if step.at <= at:
                had[step.revision.origin.ref] = step.revision.new is not ABSENT
    now = {link.ref: (link, base) for link, base in unit.links_of([lead.id]).get(lead.id, [])}
    left = [unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id) for ref, there in had.items() if there and ref not in now]
    return [*(pair for ref, pair in now.items() if had.get(ref, True)), *(pair for pair in left if pair is not None)]


def _record(link: Link, base: Base, steps: Iterable[Step], writes: Iterable[Entry], at: datetime | None, zone: ZoneInfo) -> Dict | None:
    """A record of the lead with why it belongs to it; None if it did not yet at the moment asked for."""
    since, run, evidence = _linked(link, steps, writes)
    if at is not None and since is not None and since > at:
        return None
    return record(link, base, zone) | {"since": moment(since, zone), "run": run, "why": evidence}


def _with_verdicts(unit: Unit, records: list[Dict], writes: Sequence[Entry]) -> list[Dict]:
    """The records with what each was last found to be, and what became of the last write to it."""
    from sync.state import Ref

    refs = [Ref(one["account"], one["object"], one["id"]) for one in records]
    found = unit.verdicts_of(refs)
    written = {(entry.write.account, entry.write.object, entry.write.id): entry for entry in writes}
    last = [written.get((ref.account, ref.object, ref.id)) for ref in refs]
    return [{**one, "verdict": _verdict(found.get(ref), write)} for ref, one, write in zip(refs, records, last, strict=True)]


def _verdict(found: Mapping[str, str] | None, last: Entry | None) -> str:
    parts = [] if found is None else [f"{found['verdict']} in run {found['run']}" + (f" ({found['reason']})" if found["reason"] else "")]
    if last is not None:
        parts.append(f"{last.verdict} in run {last.run}" + (f" ({last.cause})" if last.cause else ""))
    return "; ".join(parts)


def _linked(link: Link, steps: Iterable[Step], writes: Iterable[Entry]) -> tuple[datetime | None, str | None, str | None]:
    from leads.model import ABSENT
    from sync.journal import Section
    from sync.state import LINK

    for step in steps:
        if step.revision.name == LINK and step.revision.origin.ref == link.ref and step.revision.new is not ABSENT:
            return step.at, step.run, step.revision.rule
    for entry in writes:
        write = entry.write
        if write.section is Section.CREATE and (write.account, write.object, write.id) == link.ref:
            return entry.done_at, entry.run, "created by Leadloom"
    return None, None, None


# History


def _of_step(step: Step, zone: ZoneInfo, where: str = "lead") -> tuple[datetime, Dict]:
    from leads.values import plain

    one = step.revision
    row = {
        "at": moment(step.at, zone),
        "run": step.run,
        "where": where,
        "field": one.name,
        "old": plain(one.old),
        "new": plain(one.new),
        "cause": f"{source(one.origin)}: {one.rule}",
        "lost": [{"value": plain(lost.value), "from": lost.where} for lost in one.lost],
    }
    return step.at, row


def _of_writes(entries: Iterable[Entry], until: datetime | None, zone: ZoneInfo) -> Iterable[tuple[datetime, Dict]]:
    """Every field that was sent to a CRM, with what became of it."""
    from sync.journal import EntryState

    for entry in entries:
        at = entry.done_at if entry.done_at is not None else entry.sent_at
        if at is None or entry.state in (EntryState.PLANNED, EntryState.SKIPPED) or (until is not None and at > until):
            continue
        write = entry.write
        target = f"{write.account} {write.object} {write.id}" if write.id is not None else f"{write.account} new {write.object}"
        for cell in write.cells:
            row = {"at": moment(at, zone), "run": entry.run, "where": target, "field": cell.field, "old": cell.old, "new": cell.new}
            verdict = "held" if cell.held else entry.state.value
            yield at, {**row, "cause": f"{write.section.value}: {cell.held or cell.reason}", "state": verdict}
