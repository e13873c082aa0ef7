"""`leadloom demo`: the whole thing in under a minute, on this machine, leaving nothing behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.exits import Exit

if TYPE_CHECKING:
    from sandbox.running import Running
    from sync.workspace import Workspace


ROUTING = """\
[[owner]]
id = "anna"
email = "anna@firma.example"
weight = 2
[[owner]]
id = "ben"
email = "ben@firma.example"
[[pool]]
id = "sales"
owners = ["anna", "ben"]
method = "quota"
[[rule]]
id = "everybody"
priority = 999
assign = "pool:sales"
"""


def demo(people: Annotated[int, typer.Option(min=1, metavar="N", help="how many people to invent")] = 300) -> None:
    """Four local CRMs, messy leads in all of them, one sync, and a second one that has nothing left to write."""
    from commands import showing
    from commands.syncing import busy
    from sync import engine

    begin = time.monotonic()
    with _crms(people) as running, _workspace(running) as workspace:
        showing.show(_what_is_there(running), "")
        with busy("Planning, nothing is written yet"):
            document, looked = engine.make_plan(workspace)
        showing.show("1. A plan: what was read, and what every CRM would be told.", "")
        showing.show(showing.of_reading(looked.document()), showing.of_plan_totals(document.dump()), "")
        with busy("Writing to the four CRMs"):
            report = engine.sync(workspace).document()
        showing.show("2. The sync: one set of leads in all four.", "", showing.of_writing(report), showing.of_calls(report), "")
        showing.show("3. What was woven together.", "", *_woven(workspace), "")
        showing.show(_somebody_edits(running, workspace), "")
        with busy("Syncing the edit"):
            edited = engine.sync(workspace).document()
        showing.show(showing.of_writing(edited), "")
        with busy("Once more"):
            again = engine.sync(workspace).document()
    writes = _writes(again)
    showing.show("5. One more run, and nothing is left to do.", "", showing.of_writing(again), "")
    showing.show(
        "It wrote 0 times: all four CRMs show the same leads."
        if writes == 0
        else f"It wrote {writes} times, and should have written nothing.",
        *showing.of_problems(again["problems"]),
        f"That took {time.monotonic() - begin:.0f} seconds and left nothing behind. To go on from here:",
        f"    leadloom sandbox --people {people} --write-config rehearsal.toml",
    )
    raise typer.Exit(Exit.DONE if writes == 0 and _writes(edited) > 0 and again["status"] == "done" else Exit.FAILED)


@contextmanager
def _crms(number: int) -> Iterator[Running]:
    import sandbox
    from sandbox.people import people

    with sandbox.start(0, seed=list(people(count=number))) as running:
        yield running


@contextmanager
def _workspace(running: Running) -> Iterator[Workspace]:
    """A workspace in a folder that goes away again. What the environment sets for your own CRMs must not reach it."""
    from commands.reading import read_settings
    from commands.settings import PREFIX
    from commands.starter import for_sandbox
    from commands.workspace import open_workspace

    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="leadloom-demo-") as folder:
        file = Path(folder) / "leadloom.toml"
        file.write_text(for_sandbox(running.ready) + '[routing]\nfile = "routing.toml"\n', encoding="utf-8")
        file.with_name("routing.toml").write_text(ROUTING, encoding="utf-8")
        with open_workspace(read_settings(file)) as workspace:
            yield workspace


def _what_is_there(running: Running) -> Any:
    from commands import showing

    rows = [(crm, counts.accepted, running.ready[crm]["base_url"]) for crm, counts in running.counts.items()]
    return showing.table("Four CRMs on this machine, with invented people", ("CRM", "records", "address"), rows, numbers=("records",))


def _writes(report: Mapping[str, Any]) -> int:
    return sum(account["out"][what] for account in report["accounts"].values() for what in ("created", "updated", "deleted"))


def _somebody_edits(running: Running, workspace: Workspace) -> str:
    """A person's hand in HubSpot, on somebody whom every CRM knows."""
    from commands.leads import everything
    from commands.plainly import plain_fields

    with workspace.store.begin() as unit:
        lead, links = next(
            (lead, links) for lead, links in everything(unit) if {link.ref.account for link, _ in links} >= set(running.apps)
        )
    id = next(link.ref.id for link, _ in links if link.ref.account == "hubspot")
    running.apps["hubspot"].act({"do": "edit", "object": "contacts", "id": id, "fields": {"jobtitle": "Head of Rehearsals"}})
    return f"4. Somebody edits: in HubSpot, {_name(lead.id, plain_fields(lead))} becomes Head of Rehearsals. The next sync:"


def _name(lead_id: str, fields: Mapping[str, Any]) -> str:
    return " ".join(str(fields[part]) for part in ("first_name", "last_name") if fields.get(part) is not None) or lead_id


def _woven(workspace: Workspace, examples: int = 8) -> Iterator[Any]:
    """How many records turned out to be one person, some values that had to be decided, and what the rules said."""
    from commands import showing
    from commands.leads import everything
    from commands.plainly import plain_fields

    found, stages, owners = Counter[int](), Counter[str](), Counter[str]()
    decided: list[tuple[object, ...]] = []
    with workspace.store.begin() as unit:
        for lead, links in everything(unit):
            fields = plain_fields(lead)
            stages[fields.get("stage", "raw")] += 1
            owners[fields.get("owner") or "nobody"] += 1
            theirs = {link.ref.account for link, _ in links if link.key == ""}
            found[len(theirs)] += 1
            if len(theirs) > 2 and len(decided) < examples:
                decided += _decided(lead.id, fields, unit.revisions(lead.id))[: examples - len(decided)]
    rows = [(f"in {number} CRM{'s' if number > 1 else ''}", leads) for number, leads in sorted(found.items())]
    yield showing.table("The same person was found", ("where", "leads"), rows, numbers=("leads",))
    yield showing.table("Where CRMs disagreed, for example", ("who", "field", "taken", "from", "rule", "left"), decided)
    yield showing.table("Stages, by people and by scores", ("stage", "leads"), stages.most_common(), numbers=("leads",))
    yield showing.table("Owners, kept or given in turn", ("owner", "leads"), owners.most_common(), numbers=("leads",))


def _decided(lead_id: str, fields: dict[str, Any], history: list[tuple[str, Any, list[Any]]]) -> Sequence[tuple[object, ...]]:
    from leads.values import plain

    return [
        (
            _name(lead_id, fields),
            step.name,
            plain(step.new),
            step.origin.account,
            step.rule,
            [f"{plain(one.value)} ({one.where})" for one in step.lost],
        )
        for _, _, steps in history
        for step in steps
        if len(step.lost) > 0 and isinstance(plain(step.new), str)
    ][:2]
