"""A large store made of a small one: every lead again and again, each with records, addresses and a history of its own.

For measuring what a run costs where many leads are linked. The CRMs know nothing of the copies, and since nothing there says that one has
changed, no run ever reads one. A copy has the keys of its original, but apart from all others: none is a possible duplicate of another.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from store import schema as t

ORIGINAL = "original"
LEAD, RECORD = "lead_id || :mark", "id || :mark"
COPIED: dict[sa.Table, dict[str, str]] = {  # what is different in a copy; numbers that nobody points to are given anew
    t.lead: {"id": RECORD},
    t.link: {"id": RECORD, "lead_id": LEAD, "key": "iif(key = '', '', key || :mark)"},
    t.address: {"address": "address || :mark", "id": RECORD, "lead_id": LEAD},
    t.verdict: {"id": RECORD},
    t.likeness: {"n": "n + :copy * :numbers", "lead_id": LEAD},
    t.likeness_key: {"key": "key % 1000000000000000 * 1000 + :copy", "lead": "lead + :copy * :numbers"},
    t.journal: {
        "op": "null",
        "id": "iif(id = '', '', id || :mark)",
        "lead_id": LEAD,
        "key": "iif(key = '', '', key || :mark)",
    },
    t.revision: {"n": "null", "lead_id": LEAD},
    t.assignment: {"lead_id": LEAD},
}


def grow(store: Path, original: Path, leads: int) -> int:
    """Make `store` from `original`, which is closed, with at least so many leads; returns how many."""
    shutil.copyfile(original, store)
    connection = sqlite3.connect(store)
    try:
        connection.execute(f"attach database '{original}' as {ORIGINAL}")
        (had, numbers), copies = connection.execute("select count(*), (select max(n) from likeness) from lead").fetchone(), 1
        for copies in range(2, -(-leads // had) + 1):
            for statement in _statements():
                connection.execute(statement, {"copy": copies, "numbers": numbers, "mark": f"-{had}-{copies}"})
        connection.execute("update likeness_count set number = number * :copies", {"copies": copies})
        connection.commit()
        connection.execute("pragma wal_checkpoint(truncate)")
    finally:
        connection.close()
    return int(had * copies)


def _statements() -> Iterator[str]:
    for table, changed in COPIED.items():
        names = [f'"{column.name}"' for column in table.columns]
        values = [changed.get(column.name, f'"{column.name}"') for column in table.columns]
        yield f"insert into {table.name} ({', '.join(names)}) select {', '.join(values)} from {ORIGINAL}.{table.name}"
