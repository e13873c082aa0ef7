"""The ledger of consent: events that are only ever added, and the trail that proves it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa

from leads.consent import chain
from leads.consent.denial import denials
from leads.consent.event import RESTRICTIONS, Event, Kind, canonical
from leads.consent.fold import Orders
from leads.consent.reading import read_events
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
            self._deny([event for event, _ in fresh])
        return [event.name for event, _ in fresh]

    # -- what it denies, by place --------------------------------------------------------------------------------------------------

    def _deny(self, fresh: Sequence[Event]) -> None:
        """Keep the view of what is denied up with new events."""
        taken = Orders.among(fresh)
        if taken.names or taken.batches:
            self._allow(event.name for batch in self._batches() for event in batch if taken.take_back(event))
        if any(event.kind in RESTRICTIONS for event in fresh):
            self._upsert(t.restriction, _denials(fresh, self._orders()))

    def _allow(self, names: Iterable[str]) -> None:
        for chunk in chunks(sorted(names)):
            self._run(sa.delete(t.restriction).where(t.restriction.c.event.in_(chunk)))

    def _orders(self) -> Orders:
        orders = self._run(sa.select(t.consent_event.c.document).where(t.consent_event.c.kind == Kind.INVALIDATE.value))
        return Orders.among(read_events([json.loads(row.document) for row in orders]))

    def _batches(self) -> Iterator[list[Event]]:
        documents = (document for _, document in self.every_event())
        while batch := list(islice(documents, STREAM)):
            yield read_events(batch)

    def deny_anew(self) -> None:
        """Make the view of what is denied from the events alone."""
        self._run(sa.delete(t.restriction))
        orders = self._orders()
        for batch in self._batches():
            self._upsert(t.restriction, _denials(batch, orders))

    def misread(self) -> Iterator[tuple[str, str]]:
        """Where the view of what is denied is not what the events say, and how."""
        orders = self._orders()
        said = t.restriction.c
        for batch in self._batches():
            owed = {(row["address"], row["channel"], row["event"]) for row in _denials(batch, orders)}
            rows = self._in(t.restriction, said.event, [event.name for event in batch])
            kept = {(row.address, row.channel, row.event) for row in rows}
            yield from ((f"event {name[:12]}", f"its no on {channel} is not in force") for _, channel, name in sorted(owed - kept))
            yield from ((f"event {name[:12]}", f"it denies {channel} where it does not say so") for _, channel, name in sorted(kept - owed))
        orphans = sa.select(said.event, said.channel).where(said.event.not_in(sa.select(t.consent_event.c.name)))
        yield from ((f"event {row.event[:12]}", f"it denies {row.channel} and is not in the ledger") for row in self._run(orphans))

    def noes_at(self, places: Iterable[str]) -> list[Document]:
        """The events that deny something at these places, oldest first."""
        names = {row.event for row in self._in(t.restriction, t.restriction.c.address, sorted(set(places)))}
        rows = self._in(t.consent_event, t.consent_event.c.name, sorted(names))
        return [json.loads(row.document) for row in sorted(rows, key=lambda row: row.seq)]

    # -- events --------------------------------------------------------------------------------------------------------------------

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

    def forget_events(self, mailboxes: Sequence[str], persons: Sequence[str], shared: Sequence[str] = ()) -> None:
        """Take a person out of the ledger; the trail keeps its rows, which say nothing without the salts that go here.

        What was said at `shared` mailboxes is said for others, too, and stays.
        """
        event = t.consent_event.c
        names: set[str] = set()
        for column, values in ((event.mailbox, mailboxes), (event.person, persons)):
            rows = self._in_query(sa.select(event.name, event.mailbox), column, sorted(values))
            names |= {row.name for row in rows if row.mailbox not in shared}
        self._allow(names)
        for chunk in chunks(sorted(names)):
            self._run(sa.delete(t.consent_event).where(event.name.in_(chunk)))

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


def _denials(events: Iterable[Event], orders: Orders) -> list[dict[str, str]]:
    standing = [event for event in events if not orders.take_back(event)]
    return [{"address": place, "channel": channel, "event": one.name} for one in standing for channel, place in denials(one)]


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
