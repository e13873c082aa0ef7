"""One workspace, four sandbox CRMs in a process of their own, and the sync command measured from outside."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.growing import grow

FIRST = ("Anna", "Ben", "Clara", "David", "Eva", "Finn", "Greta", "Hugo", "Ida", "Jonas", "Klara", "Leo", "Mia", "Noah", "Olga", "Paul")
LAST = ("Albers", "Brandt", "Cordes", "Dietz", "Ebert", "Fuchs", "Graf", "Hahn", "Ihle", "Jahn", "Kraus", "Lorenz", "Maurer", "Nolte")
CITIES = ("Berlin", "Kiel", "Köln", "München", "Leeds", "Austin", "Wien", "Basel")
TITLES = ("CTO", "Head of IT", "Einkauf", "Sales Manager", "Geschäftsführer", "Assistant")

# What the vendors allow, in calls per second, for the forecast: HubSpot 100 per 10 s (search 5 per s), Pipedrive 20 per 2 s
# (search 10 per 2 s), ActiveCampaign 5 per s. Salesforce has a daily number only.
PER_SECOND = {"hubspot": 10.0, "salesforce": float("inf"), "pipedrive": 10.0, "activecampaign": 5.0}


@dataclass(frozen=True, slots=True)
class Figures:
    leads: int
    run: str
    seconds: float
    processor: float  # seconds that the command had the processor for
    megabytes: float
    read: int
    written: int
    bytes_per_lead: int
    calls: dict[str, int] = field(default_factory=dict)
    id: str = ""

    @property
    def forecast(self) -> str:
        seconds = max(number / PER_SECOND[account] for account, number in self.calls.items())
        return f"{seconds:.0f} s" if seconds < 180 else f"{seconds / 60:.0f} min"

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "forecast": self.forecast}


def measure(folder: Path, leads: int, changes: int) -> list[Figures]:
    """The first sync, quiet ones, and after `changes` edits in HubSpot: planning them, syncing them, taking that run back."""
    seed, config = folder / "seed.csv", folder / "leadloom.toml"
    write_seed(seed, leads)
    with sandbox(seed, config) as ready:
        figures = [_run("first sync", leads, config), _run("quiet sync", leads, config), _run("quiet sync", leads, config)]
        _edit(ready["hubspot"]["base_url"], changes, "Head of Procurement")
        planned = _run(f"planning {changes} edits", leads, config, "sync", "--dry-run")
        synced = _run(f"{changes} edits", leads, config)
        undone = _run("undo of that", leads, config, "undo", synced.id)
        return [*figures, planned, synced, undone, _run("quiet sync", leads, config)]


def measure_linked(folder: Path, sizes: Sequence[int], changes: int) -> list[Figures]:
    """`changes` edits planned and synced where the smallest of these numbers of leads is linked, and where more and more are.

    Only the first store comes of a sync; each of the others is made of the one before.
    """
    seed, config, store = folder / "seed.csv", folder / "leadloom.toml", folder / "leadloom.db"
    small, *larger = sorted(sizes)
    write_seed(seed, small)
    figures = []
    with sandbox(seed, config) as ready:
        for _ in range(3):
            _run("first sync", small, config)
        for leads in (small, *larger):
            if leads != small:
                grow(store.with_suffix(".grown"), store, leads)
                store.with_suffix(".grown").replace(store)
            _edit(ready["hubspot"]["base_url"], changes, f"Head of Procurement {leads}")
            figures.append(_run(f"planning {changes} edits", leads, config, "sync", "--dry-run"))
            figures.append(_run(f"{changes} edits", leads, config))
            figures.append(_run("quiet sync", leads, config))
    return figures


def write_seed(path: Path, leads: int) -> None:
    """People with an address of their own, each in all four CRMs."""
    dice = random.Random(leads)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("first_name", "last_name", "email", "phone", "company", "job_title", "city", "country"))
        for number in range(leads):
            first, last = dice.choice(FIRST), dice.choice(LAST)
            address = f"{first}.{last}{number}@firm{number % 997}.example".lower()
            phone = f"+49 30 23125{number % 1000:03d}"
            writer.writerow((first, last, address, phone, f"Firm {number % 997} GmbH", dice.choice(TITLES), dice.choice(CITIES), "DE"))


@contextmanager
def sandbox(seed: Path, config: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "cli.py", "sandbox", "--port", "0", "--seed", str(seed), "--write-config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def _run(name: str, leads: int, config: Path, *command: str) -> Figures:
    started = time.perf_counter()
    with (config.parent / "report.json").open("w+", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, "cli.py", "--config", str(config), *(command or ("sync",)), "--json"], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        report = json.load(out)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{name} of {leads} leads ended with status {report['status']}: {report['problems']}")
    accounts = report["accounts"]
    size = sum(path.stat().st_size for path in config.parent.glob("leadloom.db*"))
    return Figures(
        leads,
        name,
        round(seconds, 2),
        round(usage.ru_utime + usage.ru_stime, 2),
        round(usage.ru_maxrss / 1024, 1),
        sum(account["in"]["read"] for account in accounts.values()),
        sum(account["out"]["created"] + account["out"]["updated"] for account in accounts.values()),
        size // leads,
        {account: sum(part["api_calls"].values()) for account, part in accounts.items()},
        report["run"],
    )


def _edit(base_url: str, number: int, title: str) -> None:
    records = json.load(urllib.request.urlopen(f"{base_url}/_sandbox/records"))["contacts"]
    for record in records[:number]:
        body = json.dumps({"do": "edit", "object": "contacts", "id": record["id"], "fields": {"jobtitle": title}}).encode()
        request = urllib.request.Request(f"{base_url}/_sandbox/act", body, {"Content-Type": "application/json"}, method="POST")
        urllib.request.urlopen(request).close()
