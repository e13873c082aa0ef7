"""The ledger of consent: events that are only ever added, and the trail that proves it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from leads.consent import chain
from leads.consent.event import Event, canonical
from store import schema as t
from store.erasures import Erasures
from store.queries import chunks

Document = Mapping[str, Any]
SALT_BYTES = 16
STREAM = 2_000


class Ledger(Erasures):
    def add_events(self, events: Iterable[tuple[Event, Document]], actor: str, at: datetime) -> list[str]:
        """Add events that are not there yet, each with its entry in the trail; returns the names of the new ones."""
        unique = {event.name: (event, document) for event, document in events}
        known = {row.name for row in self._in_query(sa.select(t.consent_event.c.name), t.consent_event.c.name, sorted(unique))}
        fresh = [found for name, found in unique.items() if name not in known]
        seq, before = self.head()
        rows = [_row(number, event, document) for number, (event, document) in enumerate(fresh, seq + 1)]
        if rows:
            self._connection.execute(sa.insert(t.consent_event), rows)
            self._connection.execute(sa.insert(t.audit), list(_trail_of(rows, bytes.fromhex(before), actor, at)))
        return [event.name for event, _ in fresh]

    def events_about(self, mailboxes: Iterable[str], persons: Iterable[str] = ()) -> list[Document]:
        """Events on these mailboxes, on these persons, and everything that invalidates; oldest first."""
        event = t.consent_event.c
        found: dict[int, Document] = {}
        for column, values in ((event.mailbox, sorted(set(mailboxes))), (event.person, sorted(set(persons)))):
            for row in self._in(t.consent_event, column, values):
                found[row.seq] = json.loads(row.document)
        for row in self._run(sa.select(t.consent_event).where(event.kind == "invalidate")):
            found[row.seq] = json.loads(row.document)
        return [found[seq] for seq in sorted(found)]

    def every_event(self) -> Iterator[tuple[str, Document]]:
        """(name, event), in the order in which they were added."""
        after = 0
        while True:
            query = sa.select(t.consent_event).where(t.consent_event.c.seq > after).order_by(t.consent_event.c.seq).limit(STREAM)
            rows = list(self._run(query))
            if not rows:
                return
            yield from ((row.name, json.loads(row.document)) for row in rows)
            after = rows[-1].seq

    def events_by_mailbox(self) -> Iterator[tuple[str, list[Document]]]:
        """Every mailbox with its events, oldest first, one mailbox at a time."""
        after = ""
        event = t.consent_event.c
        while True:
            names = sa.select(event.mailbox).where(event.mailbox > after).distinct().order_by(event.mailbox).limit(STREAM)
            mailboxes = [row.mailbox for row in self._run(names)]
            if not mailboxes:
                return
            within = (event.mailbox >= mailboxes[0], event.mailbox <= mailboxes[-1])
            rows = self._run(sa.select(event.mailbox, event.document).where(*within).order_by(event.mailbox, event.seq))
            for mailbox, group in groupby(rows, key=lambda row: row.mailbox):
                yield mailbox, [json.loads(row.document) for row in group]
            after = mailboxes[-1]

    def forget_events(self, mailboxes: Sequence[str], persons: Sequence[str]) -> None:
        """Take a person out of the ledger; the trail keeps its rows, which say nothing without the salts that go here."""
        event = t.consent_event.c
        for column, values in ((event.mailbox, mailboxes), (event.person, persons)):
            for chunk in chunks(sorted(values)):
                self._run(sa.delete(t.consent_event).where(column.in_(chunk)))

    # -- the trail -----------------------------------------------------------------------------------------------------------------

    def trail(self) -> Iterator[chain.Entry]:
        after = 0
        while True:
            rows = list(self._run(sa.select(t.audit).where(t.audit.c.seq > after).order_by(t.audit.c.seq).limit(STREAM)))
            if not rows:
                return
            yield from (_entry(row) for row in rows)
            after = rows[-1].seq

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row."""
        row = self._run(sa.select(t.audit).order_by(t.audit.c.seq.desc()).limit(1)).first()
        return (0, chain.START.hex()) if row is None else (row.seq, row.hash)

    def tampered(self) -> Iterator[tuple[str, str]]:
        """Rows of trail and ledger that are not as they were written, and why."""
        yield from ((f"audit row {seq}", why) for seq, why in chain.broken(self.trail()))
        hashes = {row.seq: row.payload_hash for row in self._run(sa.select(t.audit.c.seq, t.audit.c.payload_hash))}
        for row in self._run(sa.select(t.consent_event).order_by(t.consent_event.c.seq)):
            if row.seq not in hashes:
                yield f"event {row.name[:12]}", "it is in the ledger and not in the trail"
            elif chain.payload_hash(bytes.fromhex(row.salt), row.document) != hashes[row.seq]:
                yield f"event {row.name[:12]}", f"it was changed after it was written (audit row {row.seq})"


def _trail_of(rows: Iterable[Mapping[str, Any]], last: bytes, actor: str, at: datetime) -> Iterator[dict[str, Any]]:
    for row in rows:
        salt = bytes.fromhex(row["salt"])
        facts = {
            "seq": row["seq"],
            "at": at.astimezone(UTC).isoformat(timespec="seconds"),
            "actor": actor,
            "action": f"consent.{row['kind']}",
            "object_hmac": chain.object_hmac(salt, row["mailbox"]),
            "payload_hash": chain.payload_hash(salt, row["document"]),
        }
        last = chain.linked(last, facts)
        yield {**facts, "hash": last.hex()}


def _row(seq: int, event: Event, document: Document) -> dict[str, Any]:
    return {
        "seq": seq,
        "name": event.name,
        "kind": event.kind.value,
        "mailbox": event.mailbox,
        "person": min(event.persons, default=""),
        "document": canonical(document),
        "salt": secrets.token_hex(SALT_BYTES),
    }


def _entry(row: Any) -> chain.Entry:
    return chain.Entry(row.seq, row.at, row.actor, row.action, row.object_hmac, row.payload_hash, row.hash)
