"""What a plan costs follows what has changed, however many leads are linked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.growing import grow
from store.store import open_store
from sync import engine
from tests.sync.rig import World, totals

Build = Callable[..., World]
PEOPLE = [
    {"first_name": f"Anna {number}", "last_name": f"Schmidt{number}", "email": f"anna@firm{number}.example", "company": f"Firm {number}"}
    for number in range(12)
]
EVERY = 10  # steps of the database between two ticks


def planning(world: World, store: Path) -> tuple[int, dict[str, Any]]:
    """The steps that the database takes for a plan, and what the plan says of every account."""
    ticks = [0]

    def tick() -> int:
        ticks[0] += 1
        return 0

    world.store.close()
    world.store = open_store(f"sqlite:///{store}")
    sa.event.listen(world.store.engine, "connect", lambda connection, _: connection.set_progress_handler(tick, EVERY))
    world.store.engine.dispose()
    world.clock.advance(60)
    report = engine.dry_run(world.workspace())
    return ticks[0] * EVERY, report.document()["accounts"]


def test_planning_costs_what_has_changed_and_not_what_there_is(world: Build, tmp_path: Path) -> None:
    built = world(PEOPLE)
    built.sync()
    built.sync()
    for contact in built.records("hubspot", "contacts")[:3]:
        built.act("hubspot", "edit", "contacts", contact["id"], fields={"jobtitle": "Head of Procurement"})
    built.store.close()
    small, large = tmp_path / "small.db", tmp_path / "large.db"
    assert (grow(small, tmp_path / "leadloom.db", 12), grow(large, tmp_path / "leadloom.db", 2_400)) == (12, 2_400)
    steps, said = planning(built, small)
    more_steps, said_of_more = planning(built, large)
    assert said_of_more == said
    assert {part["out"]["planned"] for part in said.values()} == {3}
    assert more_steps < 1.1 * steps


def test_a_grown_store_holds_leads_that_a_run_can_work_on(world: Build, tmp_path: Path) -> None:
    built = world(PEOPLE[:2])
    built.sync()
    built.sync()
    built.store.close()
    grow(tmp_path / "half.db", tmp_path / "leadloom.db", 4)
    grow(tmp_path / "grown.db", tmp_path / "half.db", 8)
    built.store = open_store(f"sqlite:///{tmp_path / 'grown.db'}")
    with built.store.begin() as unit:
        ids = unit.lead_ids("", 99)
        links, shown = unit.links_of(ids), unit.likenesses(ids)
        assert (len(ids), len(shown), {len(found) for found in links.values()}) == (8, 8, {4})
        assert len({link.ref for found in links.values() for link, _ in found}) == 32
        assert all(len(unit.addresses_of(id)) > 0 and unit.revisions(id) and unit.journal_of([id]) for id in ids)
    with sqlite3.connect(tmp_path / "grown.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    report = built.sync()
    assert (report.status, totals(report)) == ("done", {crm: {} for crm in built.apps})
