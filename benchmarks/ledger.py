"""The ledger of consent with many events: one key, all keys in one stream, and the trail."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from leads.consent.document import addressed
from leads.consent.fold import fold
from leads.consent.policy import profile
from leads.consent.reading import read_events
from leads.consent.status import Key, status_of
from store.store import open_store

START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 5_000
ASKED = 200


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    events: int
    adding_s: float
    one_key_ms: float
    one_key_p99_ms: float
    all_keys_s: float
    verifying_s: float
    bytes_per_event: int

    def document(self) -> dict[str, Any]:
        return asdict(self)


def measure(folder: Path, events: int) -> LedgerFigures:
    """A store with so many events, four on each of a quarter as many addresses: asked for, confirmed, seen in a CRM, taken back."""
    file = folder / "ledger.db"
    with closing(open_store(f"sqlite:///{file}")) as store:
        started = time.perf_counter()
        for batch in _batches(_acts(events // 4)):
            with store.begin() as unit:
                unit.add_events(addressed(batch), "bench", NOW)
        adding = time.perf_counter() - started
        one = [_timed(lambda unit, number=number: _status(unit, number), store) for number in _some(events // 4)]
        every = _timed(_all_keys, store)
        verifying = _timed(lambda unit: list(unit.tampered()), store)
    size = sum(path.stat().st_size for path in folder.glob("ledger.db*"))
    slowest = sorted(one)[int(len(one) * 0.99)]
    return LedgerFigures(events, adding, median(one) * 1000, slowest * 1000, every, verifying, size // events)


def _timed(work: Any, store: Any) -> float:
    started = time.perf_counter()
    with store.begin() as unit:
        work(unit)
    return time.perf_counter() - started


def _some(addresses: int) -> list[int]:
    return random.Random(7).sample(range(addresses), min(ASKED, addresses))


def _status(unit: Any, number: int) -> None:
    address = _address(number)
    policy = profile("de-strict")
    folded = fold(read_events(unit.events_about([address])), policy)
    status_of(folded, Key(address, address, "marketing.newsletter", "email"), NOW.timestamp(), policy, {})


def _all_keys(unit: Any) -> None:
    """Every address once, in the order of the mailboxes, holding only one address's events at a time."""
    policy = profile("de-strict")
    for mailbox, rows in unit.events_by_mailbox():
        folded = fold(read_events(rows), policy)
        status_of(folded, Key(mailbox, mailbox, "marketing.newsletter", "email"), NOW.timestamp(), policy, {})


def _acts(addresses: int) -> Iterator[dict[str, Any]]:
    for number in range(addresses):
        who, at = _address(number), START + timedelta(minutes=number)
        clicked, seen = at + timedelta(minutes=30), at + timedelta(days=30)
        yield {
            **_act("request", who, at),
            "id": f"r{number}",
            "evidence": {"request": {"at": at.isoformat(), "form_id": "nl"}, "mail": {"sent_at": at.isoformat(), "message_id": "<1@x>"}},
            "notice": {"form_id": "nl", "text_sha256": "ab12"},
        }
        confirm = {"confirm": {"at": clicked.isoformat(), "method": "post"}}
        yield {**_act("confirm", who, clicked), "evidence": confirm, "refs": {"request": f"r{number}"}}
        yield {**_act("grant", who, seen), "provenance": "sync", "clock": "hubspot"}
        yield {**_act("withdraw", who, seen + timedelta(days=number % 300)), "provenance": "sync", "clock": "activecampaign"}


def _act(kind: str, who: str, at: datetime) -> dict[str, Any]:
    when = {"lo": at.isoformat(), "hi": at.isoformat()}
    said = {"purposes": ["marketing"], "channels": ["email"], "clock": "hub", "provenance": "subject"}
    return {"kind": kind, "identifier": who, "occurred": when, **said}


def _address(number: int) -> str:
    return f"email:person{number}@firm{number % 997}.example"


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="events in the ledger, four on each address")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/bench-ledger.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.events)
    table = Table(title="ledger of consent")
    for heading in ("events", "added in s", "one key, ms", "p99, ms", "all keys, s", "trail verified, s", "bytes per event"):
        table.add_column(heading, justify="right")
    table.add_row(
        f"{figures.events:,}", f"{figures.adding_s:.1f}", f"{figures.one_key_ms:.2f}", f"{figures.one_key_p99_ms:.2f}",
        f"{figures.all_keys_s:.1f}", f"{figures.verifying_s:.1f}", f"{figures.bytes_per_event:,}",
    )  # fmt: skip
    Console(width=140).print(table)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(figures.document(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
