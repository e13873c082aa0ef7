"""Tables for people. Data goes in as plain dictionaries, the same that `--json` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

Data = Mapping[str, Any]

NOTHING = "–"
AS_ABOVE = " "
IN_A_PIPE = 200  # columns, where no terminal says how wide it is
SECTIONS = {"restrict": "opt-out", "create": "create", "update": "update", "undo": "undo", "merge": "merge", "delete": "delete"}
NOTHING_TO_DO = "Nothing is to be done"  # how the fix of a problem begins that needs nobody
USUAL = ("restrict", "create", "update")  # sections that are shown even if nothing is planned in them


def say(sentence: str) -> None:
    """A message to the person, never mixed with data."""
    typer.echo(sentence, err=True)


def print_json(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def show(*parts: Table | str) -> None:
    """Values of a CRM are shown as they are: no markup in them means anything."""
    terminal = sys.stdout.isatty()
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False, width=None if terminal else IN_A_PIPE)
    for part in parts:
        console.print(part)


def cell(value: object) -> str:
    """A value on one line. Control characters of a record must not reach the terminal."""
    if value is None or value == "" or value == [] or value == ():
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "; ".join(cell(item) for item in value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return "".join(sign if sign.isprintable() else " " for sign in text)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> Table:
    made = Table(title=title or None, box=SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False, min_width=len(title))
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


CAME = ("read", "new", "changed", "unchanged", "ended", "parked")
WENT = ("planned", "created", "updated", "deleted", "held", "skipped", "failed", "unknown")


def of_run(report: Data) -> list[Table | str]:
    """One run: what came in, what went out, and what needs a person."""
    leads = report["leads"]
    told = f"Leads: {leads['new']} new, {leads['changed']} changed, {leads['merged']} merged. Questions for a person: {report['reviews']}."
    problems: list[Table | str] = [] if len(report["problems"]) == 0 else ["", *of_problems(report["problems"])]
    return [of_reading(report), of_writing(report), of_calls(report), told, *problems]


def of_reading(report: Data) -> Table:
    return _counts("Read", report, "in", CAME, always=("read", "new", "changed"))


def of_writing(report: Data) -> Table:
    return _counts("Written", report, "out", WENT, always=("planned", "created", "updated"))


def _counts(title: str, report: Data, part: str, keys: Sequence[str], always: Sequence[str]) -> Table:
    """Columns of zeros are left out, but for those that somebody looks for."""
    accounts: Mapping[str, Data] = report["accounts"]
    shown = [key for key in keys if key in always or any(account[part][key] for account in accounts.values())]
    return table(
        title, ("CRM", *shown), ((name, *(account[part][key] for key in shown)) for name, account in accounts.items()), numbers=shown
    )


def of_calls(report: Data, title: str = "Calls") -> Table:
    calls = {name: account["api_calls"] for name, account in report["accounts"].items()}
    kinds = sorted({kind for each in calls.values() for kind in each})
    return table(title, ("CRM", *kinds), ((name, *(each.get(kind, 0) for kind in kinds)) for name, each in calls.items()), numbers=kinds)


def of_problems(problems: Sequence[Data]) -> list[Table | str]:
    """What needs a person, and apart from it what only is to be known."""
    known = [problem for problem in problems if str(problem["fix"]).startswith(NOTHING_TO_DO)]
    wanted = [problem for problem in problems if problem not in known]
    parts = (("Problems", wanted), ("For your information", known))
    return [_of_causes(title, found) for title, found in parts if found]


def _of_causes(title: str, problems: Sequence[Data]) -> Table:
    columns = [("id", "id"), ("CRM", "account"), ("cause", "cause"), ("count", "count"), ("for example", "example"), ("what to do", "fix")]
    known = [(heading, key) for heading, key in columns if any(key in problem for problem in problems)]
    rows = ([problem.get(key) for _, key in known] for problem in problems)
    return table(title, [heading for heading, _ in known], rows, numbers=("count",))


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def of_runs(runs: Iterable[Data]) -> Table:
    rows = (
        (run["run"], run["kind"], run["started"], run["seconds"], run["status"], run["read"], run["written"], run["failed"]) for run in runs
    )
    columns = ("run", "kind", "started", "seconds", "status", "read", "written", "failed")
    return table("Runs, newest first", columns, rows, numbers=("seconds", "read", "written", "failed"))


def of_plan(plan: Data, limit: int) -> list[Table | str]:
    """A plan: one line per field. At most `limit` lines are shown; the file has them all."""
    lines = [line for row in plan["rows"] for line in _lines_of(row)]
    parts: list[Table | str] = [of_plan_totals(plan)]
    parts += [_of_cost(plan["cost"])] if any(plan["cost"].values()) else []
    if len(lines) > 0:
        parts.append(table("Writes", ("CRM", "what", "record", "lead", "field", "now", "then", "why"), lines[:limit]))
    if len(lines) > limit:
        parts.append(f"… and {len(lines) - limit} more lines. See them all with --limit {len(lines)} or --json, or in the file of -o.")
    return [*parts, *_of_left(plan["left"], limit)]


def of_diff(plan: Data, limit: int) -> list[Table | str]:
    """A plan in the manner of a diff: a head per record, `-` what it shows now, `+` what it would show."""
    lines: list[Table | str] = []
    for row in plan["rows"]:
        lines.append(f"@@ {row['account']} {row['object']} {row['id'] or 'new'} · {SECTIONS[row['section']]} · lead {row['lead_id']}")
        for change in row["fields"]:
            lines += [f"- {change['field']}: {cell(change['old'])}"] if cell(change["old"]) != NOTHING else []
            lines += [f"+ {change['field']}: {cell(change['new'])}"] if cell(change["new"]) != NOTHING else []
    more = [f"… and {len(lines) - limit} more lines. See them all with --limit {len(lines)}."] if len(lines) > limit else []
    return [*lines[:limit], *more, *_of_left(plan["left"], limit)]


def of_plan_totals(plan: Data) -> Table:
    totals: dict[str, dict[str, int]] = {name: dict.fromkeys(SECTIONS, 0) for name in plan["accounts"]}
    for row in plan["rows"]:
        totals[row["account"]][row["section"]] += 1
    shown = [section for section in SECTIONS if section in USUAL or any(numbers[section] for numbers in totals.values())]
    rows = ((name, *(numbers[section] for section in shown)) for name, numbers in totals.items())
    headings = [f"{SECTIONS[section]}s" for section in shown]
    return table("Plan", ("CRM", *headings), rows, numbers=headings)


def _of_cost(cost: Mapping[str, Mapping[str, int]]) -> Table:
    return of_calls({"accounts": {name: {"api_calls": calls} for name, calls in cost.items()}}, "Calls that it takes")


def is_nothing_undone(report: Data) -> bool:
    """Whether there was nothing to take back at all."""
    undone = report.get("undone")
    return undone is not None and undone["fields"] == 0 and "merged" not in undone and "split" not in undone


def of_undone(report: Data, limit: int) -> list[Table | str]:
    """What an undo took back of a run, and what it left as it is."""
    undone, out = report["undone"], [account["out"] for account in report["accounts"].values()]
    planned, waiting = (sum(each[what] for each in out) for what in ("planned", "skipped"))
    counts = f"{undone['back']} {'would go' if waiting else 'go'} back and {undone['stay']} stay."
    if waiting:
        counts += " Nothing was written." if waiting == planned else f" Of {planned} writes, {waiting} were not made."
    if "merged" in undone or "split" in undone:
        told = [regrouped(undone), f"Of {undone['fields']} fields that their records were written because of it, {counts}"]
    else:
        told = [f"Of {undone['fields']} fields that run {undone['run']} wrote, {counts}"]
    return [*told, *_of_left(undone["left"], limit)]


def regrouped(report: Data) -> str:
    """What became of two leads."""
    if "merged" in report:
        one = report["merged"]
        return f"Lead {one['gone']} is part of lead {one['kept']}, with {counted(len(one['records']), 'record')}."
    one = report["split"]
    again = one["created_again"]
    told = f" Merged inside the CRM, and created again by the next sync: {', '.join(again)}." if again else ""
    return f"Lead {one['gone']} is a lead of its own, with {counted(len(one['records']), 'record')} that lead {one['kept']} had.{told}"


def of_outlook(outlook: Data) -> list[Table | str]:
    """What merging two leads would come to: where they differ, what becomes of their records, and what speaks against it."""
    kept, gone = outlook["sides"]
    who = [(name, kept.get(name), gone.get(name)) for name in ("first_name", "last_name", "emails", "phones", "company.name")]
    parts: list[Table | str] = [table("Side by side", ("field", f"lead {outlook['kept']}", f"lead {outlook['gone']}"), who)]
    rows = [(one["field"], one["kept"], one["gone"], one["after"], one["rule"]) for one in outlook["conflicts"]]
    if rows:
        parts.append(table("Where they differ", ("field", outlook["kept"], outlook["gone"], "afterwards", "by which rule"), rows))
    told = [f"To be moved to lead {outlook['kept']}: {counted(len(outlook['records']), 'record')}."]
    told += (
        [f"Second records of one account, which will only ever be given opt-outs: {', '.join(outlook['twins'])}."]
        if outlook["twins"]
        else []
    )
    told += [f"A no of either holds for both: {', '.join(outlook['denied'])}."] if outlook["denied"] else []
    told += ["Somebody decided that the two are different people; this overrules it."] if outlook["decided_different"] else []
    return [*parts, *told, *outlook["questions"]]


def _of_left(left: Sequence[Data], limit: int) -> list[Table | str]:
    if len(left) == 0:
        return []
    columns = ("CRM", "record", "lead", "field", "fields", "why it stays")
    rows = (
        (one["account"], f"{one['object']} {one['id']}", one["lead_id"], one["field"], one["count"], one["reason"]) for one in left[:limit]
    )
    more = [f"… and {len(left) - limit} more. See them all with --limit {len(left)} or --json."] if len(left) > limit else []
    return [table("What stays", columns, rows, numbers=("fields",)), *more]


def _lines_of(row: Data) -> Iterable[Sequence[object]]:
    record = f"{row['object']} {row['id']}" if row["id"] is not None else f"new {row['object']}"
    head: tuple[object, ...] = (row["account"], SECTIONS[row["section"]], record, row["lead_id"])
    if len(row["fields"]) == 0:
        yield (*head, None, None, None, None)
    for change in row["fields"]:
        yield (*head, change["field"], change["old"], change["new"], change["reason"])
        head = (AS_ABOVE,) * len(head)


def of_review(review: Data) -> list[Table | str]:
    """A question: what can be answered, and the sides next to each other, field by field."""
    answers = ((one["answer"], one.get("says", one.get("value")), one.get("from"), one.get("at")) for one in review["choices"])
    parts: list[Table | str] = [review["question"], "", table("Answers", ("answer", "means", "from", "since"), answers)]
    sides = review["sides"]
    names = list(dict.fromkeys(name for side in sides for name in side["fields"]))
    rows = ((name, *(side["fields"].get(name) for side in sides)) for name in names if review["field"] in (None, name))
    parts.append(table("Side by side", ("field", *(side["record"] or f"lead {side['lead_id']}" for side in sides)), rows))
    if review.get("likeness") is not None:
        parts.append(_of_evidence("Evidence", review["likeness"]))
    done = (
        f"Answered with {review['answer']} by {cell(review['by'])}."
        if review["answered"]
        else f"leadloom review decide {review['id']} ANSWER"
    )
    return [*parts, done]


def of_status(status: Data) -> list[Table | str]:
    """How things stand: the last run, each CRM, and what waits."""
    last = [] if status["last_run"] is None else [status["last_run"]]
    rows = (
        (name, one["known_as"], one["read"], _ago(one["lag_s"]), one["records"], one["written_to"])
        for name, one in status["accounts"].items()
    )
    reviews = ", ".join(f"{n} {kind}" for kind, n in status["reviews"].items())
    waiting = [
        ("leads", status["leads"], "leadloom leads list"),
        ("leads that the next sync looks at", status["due"], "leadloom sync"),
        ("writes without an answer", status["unanswered"], "leadloom sync"),
        (f"questions{f' ({reviews})' if reviews else ''}", sum(status["reviews"].values()), "leadloom review list"),
        ("problems", sum(status["problems"].values()), "leadloom problems"),
    ]
    return [
        of_runs(last),
        table("CRMs", ("CRM", "known as", "last read", "ago", "records", "written to"), rows, numbers=("records",)),
        table("Now", ("what", "number", "see"), waiting, numbers=("number",)),
    ]


def _ago(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def of_verify(checked: Data, limit: int) -> list[Table | str]:
    """What was compared, and where the tellers disagree."""
    rows = ((name, number, checked["held"].get(name, 0)) for name, number in checked["records"].items())
    parts: list[Table | str] = [table("Compared", ("CRM", "records", "values held"), rows, numbers=("records", "values held"))]
    found = checked["differences"]
    if len(found) == 0:
        return [*parts, "No difference."]
    lines = (
        (one["account"], f"{one['object']} {one['id']}", KINDS[one["kind"]], one["field"], one["base"], one["shown"], one["lead"])
        for one in found[:limit]
    )
    parts.append(table("Differences", ("CRM", "record", "what", "field", "remembered", "shown", "should be"), lines))
    more = [f"… and {len(found) - limit} more. See them all with --limit {len(found)} or --json."] if len(found) > limit else []
    return [*parts, *more, "The next `leadloom sync` reads what was changed and writes what is owed."]


KINDS = {"unread": "changed since", "owed": "lead differs", "gone": "not there"}


def of_checks(checks: Iterable[Data]) -> Table:
    rows = ((one["account"], one["check"], one["result"], one["found"], one["fix"]) for one in checks)
    return table("Checked", ("CRM", "check", "result", "found", "what to do"), rows)


def of_leads(leads: Iterable[Data]) -> Table:
    columns = ("lead", "name", "e-mail", "company", "stage", "score", "grade", "owner", "in")
    rows = (
        (
            lead["lead_id"],
            lead["name"],
            lead["email"],
            lead["company"],
            lead["stage"],
            lead["score"],
            lead["grade"],
            lead["owner"],
            lead["in"],
        )
        for lead in leads
    )
    return table("Leads", columns, rows, numbers=("score",))


def of_lead(lead: Data) -> list[Table | str]:
    fields = ((name, value) for name, value in lead["fields"].items())
    also = [f"Merged with it: {', '.join(lead['also_called'])}.\n"] if lead["also_called"] else []
    return [table(f"Lead {lead['lead_id']}", ("field", "value"), fields), *also, _of_records(lead["records"])]


def of_reasons(why: Data) -> list[Table | str]:
    """Why each field is as it is: where the value came from, when, by which rule, and what lost."""
    rows = []
    for reason in why["fields"]:
        lost = [f"{cell(one['value'])} ({one['from']})" for one in reason["lost"]]
        rows.append((reason["field"], reason["value"], reason["from"], reason["at"], reason["run"], reason["rule"], lost))
    title = f"Lead {why['lead_id']}" + (f" as of {why['as_of']}" if why["as_of"] is not None else "")
    parts: list[Table | str] = [table(title, ("field", "value", "from", "when", "run", "rule", "what lost"), rows)]
    if why["score"] is not None:
        points = ((one["rule"], one["group"], one["points"]) for one in why["score"]["contributions"])
        title = f"Score {why['score']['score']}, grade {why['score']['grade']}, by the rules of today"
        parts.append(table(title, ("rule", "group", "points"), points, numbers=("points",)))
    if why["routing"] is not None:
        routing = why["routing"]
        parts.append(f"Owner by rule {routing['rule']}: {cell(routing['owner'] or routing['queue'])}, {cell(routing['reason'])}.\n")
    parts.append(_of_records(why["records"]))
    for one in why["records"]:
        if one.get("likeness") is not None:
            title = f"Why {one['account']} {one['object']} {one['id']} is the person of {one['likeness']['with']}"
            parts.append(_of_evidence(title, one["likeness"]))
    parts += [_of_evidence(f"Why lead {one['lead_id']} is another: {one['outcome']}", one) for one in why.get("apart", ())]
    return parts


def _of_evidence(title: str, likeness: Data) -> Table:
    rows = ((one["says"], f"{one['bits']:+.1f}") for one in likeness["evidence"])
    return table(f"{title}, {likeness['bits']:+.1f} bits", ("evidence", "bits"), rows, numbers=("bits",))


def of_verdicts(verdicts: Sequence[Data], run: str) -> Table:
    """Every record that a run concerned, with what it was and what became of it."""
    columns = ("CRM", "record", "found", "why", "written", "cause")
    rows = (
        (one["account"], f"{one['object']} {one['id']}", *(one[name] for name in ("verdict", "reason", "written", "cause")))
        for one in verdicts
    )
    return table(f"The records of run {run}", columns, rows)


def of_history(past: Data, limit: int) -> list[Table | str]:
    """What happened to a lead and its records, oldest first; the newest `limit` lines."""
    lines = past["history"]
    rows = ((one["at"], one["run"], one["where"], one["field"], one["old"], one["new"], one["cause"]) for one in lines[-limit:])
    parts: list[Table | str] = [table(f"Lead {past['lead_id']}", ("when", "run", "where", "field", "from", "to", "why"), rows)]
    if len(lines) > limit:
        parts.append(f"{len(lines) - limit} older lines are left out. See them all with --limit {len(lines)} or --json.")
    return parts


def _of_records(records: Sequence[Data]) -> Table:
    columns = (
        "CRM",
        "record",
        "role",
        "state",
        "created by us",
        "last read",
        *(("since", "why", "verdict") if any("why" in one for one in records) else ()),
    )
    rows = (
        (one["account"], f"{one['object']} {one['id']}", one["role"], one["state"], one["ours"], one["read_at"])
        + ((one["since"], one["why"], one["verdict"]) if "why" in one else ())
        for one in records
    )
    return table("Its records", columns, rows)
