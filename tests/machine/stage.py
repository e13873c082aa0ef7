"""One small story that is told again and again, each time with a death at another step.

Twelve records of six people in four CRMs have been synced; then people edit, clear, opt out, move, create, delete and merge. The sync
that follows creates, updates and restricts in all four CRMs. Taking it back deletes and updates again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from sandbox.wire import App
from sync import engine
from sync.undo import Undoing
from sync.view import every_row
from sync.workspace import Stopped
from tests.machine.laws import demand, remembered
from tests.machine.world import OBJECTS, RandomWorld

PEOPLE = ("Anna Schmidt", "Jo Beck", "Mia Wolf", "Tom Kurz", "Lea Brandt", "Udo Lang")
HOME = (
    ("hubspot", "salesforce"), ("hubspot", "pipedrive"), ("hubspot", "activecampaign"), ("salesforce", "pipedrive"),
    ("salesforce", "activecampaign"), ("pipedrive", "activecampaign"),
)  # fmt: skip
DERIVED = ("score", "grade", "score_reason")  # they follow the clock
TYPED = ("Q-title", "Q-street", "Q-city", "Q-name", "Q-neu")


def rows() -> list[dict[str, str]]:
    """Every person in two CRMs."""
    found = []
    for name, crms in zip(PEOPLE, HOME, strict=True):
        first, last = name.split()
        found += [{"crm": crm, "first_name": first, "last_name": last, "email": f"{first.lower()}@{last.lower()}.example"} for crm in crms]
    return found


def deeds(apps: Mapping[str, App]) -> None:
    """What people do between the two syncs."""

    def act(crm: str, do: str, object: str, name: str, **more: Any) -> None:
        apps[crm].act({"do": do, "object": object, "id": _id(apps[crm], object, name), **more})

    act("hubspot", "edit", "contacts", "anna", fields={"jobtitle": "Q-title"})
    act("hubspot", "edit", "contacts", "mia", opt_out=True)
    act("salesforce", "edit", "Lead", "tom", fields={"Street": "Q-street"})
    act("salesforce", "edit", "Lead", "lea", fields={"Email": "lea@moved.example"})
    act("pipedrive", "edit", "persons", "udo", fields={"leadloom_city": "Q-city"})
    act("activecampaign", "edit", "contacts", "mia", fields={"lastName": "Q-name"})
    act("activecampaign", "delete", "contacts", "lea")
    ida = {"first_name": "Ida", "last_name": "Q-neu", "emails": [_mail("ida@neu.example")]}
    apps["pipedrive"].act({"do": "create", "object": "persons", "id": "", "fields": ida})
    max_ = {"firstname": "Max", "lastname": "Roth", "email": "max@roth.example"}
    apps["hubspot"].act({"do": "create", "object": "contacts", "id": "", "fields": max_})


def _mail(address: str) -> dict[str, Any]:
    return {"value": address, "primary": True, "label": "work"}


def _id(app: App, object: str, name: str) -> str:
    """The id of the live record that shows the person's address."""
    found = next(one for one in app.records()[object] if f"{name}@" in json.dumps(one))
    return str(found.get("id", found.get("Id")))


class Stage:
    """The story up to the command that is to die, and a way back to that moment."""

    typed = TYPED

    def __init__(self, folder: Path, *, met: bool = True) -> None:
        """`met`: the CRMs have been synced before and people have been at work since; else the run that dies is the first one."""
        self.world, self.met = RandomWorld(Random(1), folder, rows=rows()), met
        self.store, self.kept = folder / "leadloom.db", folder / "kept.db"

    def begin(self, sync: Callable[[], Any]) -> None:
        """Tell the story up to the moment before the death, and once to its usual end."""
        world = self.world
        self.lead_up(sync)
        self.states = {crm: json.dumps(app.snapshot()) for crm, app in world.apps.items()}
        self.at, self.proved = world.clock.now(), {of: set(found) for of, found in world.watch.proved.items()}
        with world.mortal.inner.engine.connect() as connection:
            connection.exec_driver_sql("rollback")
            connection.exec_driver_sql(f"vacuum into '{self.kept}'")
        self.carry_out(sync)
        sync()
        self.usual = self.told()

    def lead_up(self, sync: Callable[[], Any]) -> None:
        if self.met:
            sync()
            deeds(self.world.apps)

    def carry_out(self, sync: Callable[[], Any]) -> Any:
        """What is to die, and is carried out again after the death; None if it died."""
        return sync()

    def sync(self) -> engine.Report | None:
        """One run in this process; None if it died."""
        report: engine.Report | None = self.world.run(lambda: engine.sync(self.world.workspace()), "sync")
        return report

    def put_back(self) -> None:
        world = self.world
        world.mortal.inner.close()
        for crm, app in world.apps.items():
            app.restore(json.loads(self.states[crm]))
            app.faults.clear()
            app._late.clear()
        for leftover in self.store.parent.glob(f"{self.store.name}*"):
            leftover.unlink()
        shutil.copy(self.kept, self.store)
        world.clock.advance(self.at - world.clock.now())
        world.watch.proved.clear()
        world.watch.proved.update({of: set(found) for of, found in self.proved.items()})
        world.rng = Random(0)

    def told(self) -> Any:
        """How the story ends: what every live record shows, however many exist, and what the store knows of what was typed."""
        world, shown = self.world, []
        for ref, record in world.look().items():
            rows = [row for row in every_row(world.dialect(ref)) if row.remote in record.fields and row.lead not in DERIVED]
            shown.append((ref.account, ref.object, sorted((row.id, json.dumps(record.fields[row.remote])) for row in rows)))
        existing = {crm: sum(len(world.apps[crm].records()[object]) for object in OBJECTS[crm]) for crm in world.apps}
        return sorted(shown), existing, [token for token in self.typed if token in remembered(world)]

    def check(self, last: Mapping[str, Any]) -> None:
        """After a death and two more runs, the second of which did `last`."""
        shown, existing, typed = self.told()
        demand(not any(last.values()), f"the second run after the death wrote {last}")
        demand(typed == (list(self.typed) if self.met else []), f"only {typed} of what was typed is remembered")
        demand(existing == self.usual[1], f"there are {existing} records instead of {self.usual[1]}")
        odd = [one for one in shown if one not in self.usual[0]]
        demand(not odd, f"it does not end as it does without a death: {odd}")


class TakingBack(Stage):
    """The story up to the undo of a sync, or of a merge of leads that was synced; a person has edited since."""

    typed = (*TYPED, "Q-late")

    def __init__(self, folder: Path, *, merged: bool) -> None:
        super().__init__(folder)
        self.merged = merged
        if merged:  # who is in two CRMs is merged with who is in the others
            self.world.creating = dict.fromkeys(self.world.apps, False)

    def lead_up(self, sync: Callable[[], Any]) -> None:
        super().lead_up(sync)
        report = sync()
        self.undoing = Undoing(report.run)
        if self.merged:
            ids = [self._lead("hubspot", "contacts", "mia"), self._lead("salesforce", "Lead", "tom")]
            self.undoing = Undoing(engine.merge_leads(self.world.workspace(), *ids, "anna")["run"])
            sync()
        app = self.world.apps["hubspot"]
        app.act({"do": "edit", "object": "contacts", "id": _id(app, "contacts", "mia"), "fields": {"jobtitle": "Q-late"}})

    def _lead(self, crm: str, object: str, name: str) -> str:
        id = _id(self.world.apps[crm], object, name)
        with self.world.mortal.inner.begin() as unit:
            return str(unit.links_at(crm, object, [id])[id][0].lead_id)

    def carry_out(self, sync: Callable[[], Any]) -> Any:
        try:
            return self.world.run(lambda: engine.undo(self.world.workspace(), self.undoing), "undo")
        except Stopped as stopped:
            demand("already" in str(stopped), str(stopped))
            return stopped


STAGES: Mapping[str, Callable[[Path], Stage]] = {
    "first run": partial(Stage, met=False),
    "later run": partial(Stage, met=True),
    "undo of a run": partial(TakingBack, merged=False),
    "undo of a merge": partial(TakingBack, merged=True),
}
