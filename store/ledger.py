"""The ledger of consent: events that are only ever added, and the trail that proves it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby, islice
from typing import Any, Final

import sqlalchemy as sa

from leads.consent.denial import denials
from leads.consent.event import RESTRICTIONS, UNKNOWN, Event, Kind, canonical
from leads.consent.fold import Orders
from leads.consent.reading import ConsentFileWrong, read_events
from store import schema as t
from store.database import StoreError
from store.queries import chunks
from store.trail import ERASED, STREAM, Trail, act_of

Document = Mapping[str, Any]
SALT_BYTES = 16


class Ledger(Trail):
    def add_events(self, events: Iterable[tuple[Event, Document]], actor: str, at: datetime) -> list[str]:
        """Add events that are not there yet, each with its entry in the trail; returns the names of the new ones."""
        unique = {event.name: (event, document) for event, document in events}
        known = {row.name for row in self._in_query(sa.select(t.consent_event.c.name), t.consent_event.c.name, sorted(unique))}
        fresh = [found for name, found in unique.items() if name not in known]
        seq, _ = self.head()
        rows = [_row(number, event, document) for number, (event, document) in enumerate(fresh, seq + 1)]
        if rows:
            self._connection.execute(sa.insert(t.consent_event), rows)
            self.enter(map(act_of, rows), actor, at)
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
        return Orders.among(read_events([_document(row) for row in self._run(_ORDERS)]))

    def observed_in(self, batch: str) -> list[Event]:
        """What one run saw in the CRMs."""
        orders = Orders(frozenset(), {batch: -UNKNOWN})
        return [event for events in self._batches() for event in events if orders.take_back(event)]

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
        """Where the view of what is denied is not what the events say, and how; events that nobody can read are not asked."""
        orders = Orders.among(_legible(self._run(_ORDERS)))
        said = t.restriction.c
        events = _legible(self._every_row())
        while batch := list(islice(events, STREAM)):
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
        return [_document(row) for row in sorted(rows, key=lambda row: row.seq)]

    # -- events --------------------------------------------------------------------------------------------------------------------

    def events_about(self, mailboxes: Iterable[str], persons: Iterable[str] = ()) -> list[Document]:
        """Events on these mailboxes, on these persons, and everything that invalidates; oldest first."""
        event = t.consent_event.c
        found: dict[int, Document] = {}
        for column, values in ((event.mailbox, sorted(set(mailboxes))), (event.person, sorted(set(persons)))):
            for row in self._in(t.consent_event, column, values):
                found[row.seq] = _document(row)
        for row in self._run(sa.select(t.consent_event).where(event.kind == "invalidate")):
            found[row.seq] = _document(row)
        return [found[seq] for seq in sorted(found)]

    def every_event(self) -> Iterator[tuple[str, Document]]:
        """(name, event), in the order in which they were added."""
        yield from ((row.name, _document(row)) for row in self._every_row())

    def _every_row(self) -> Iterator[Any]:
        after = 0
        query = sa.select(t.consent_event).order_by(t.consent_event.c.seq).limit(STREAM)
        while rows := list(self._run(query.where(t.consent_event.c.seq > after))):
            yield from rows
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
            rows = self._run(sa.select(event.mailbox, event.name, event.document).where(*within).order_by(event.mailbox, event.seq))
            for mailbox, group in groupby(rows, key=lambda row: row.mailbox):
                yield mailbox, [_document(row) for row in group]
            after = mailboxes[-1]

    def forget_events(
        self, mailboxes: Sequence[str], persons: Sequence[str], shared: Sequence[str] = (), *, actor: str, at: datetime
    ) -> None:
        """Take a person out of the ledger; the trail keeps its rows, which say nothing without the salts that go here, and notes that.

        What was said at `shared` mailboxes is said for others, too, and stays.
        """
        event = t.consent_event.c
        found: dict[int, str] = {}
        for column, values in ((event.mailbox, mailboxes), (event.person, persons)):
            rows = self._in_query(sa.select(event.seq, event.name, event.mailbox), column, sorted(values))
            found |= {row.seq: row.name for row in rows if row.mailbox not in shared}
        self._allow(found.values())
        for chunk in chunks(sorted(found)):
            self._run(sa.delete(t.consent_event).where(event.seq.in_(chunk)))
            entered = sa.select(t.audit.c.object_hmac, t.audit.c.payload_hash).where(t.audit.c.seq.in_(chunk)).order_by(t.audit.c.seq)
            self.enter([{"action": ERASED, **row._mapping} for row in self._run(entered)], actor, at)


_ORDERS: Final = sa.select(t.consent_event).where(t.consent_event.c.kind == Kind.INVALIDATE.value)


def _document(row: Any) -> Document:
    try:
        found = json.loads(row.document)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        why = "The ledger of consent was changed behind Leadloom's back: event"
        raise StoreError(f"{why} {row.name[:12]} cannot be read. `leadloom consent verify` names what was changed.")
    return found


def _legible(rows: Iterable[Any]) -> Iterator[Event]:
    """The events that can be read; the trail knows which others there are."""
    for row in rows:
        with suppress(ConsentFileWrong, StoreError):
            yield from read_events([_document(row)])


def _denials(events: Iterable[Event], orders: Orders) -> list[dict[str, str]]:
    standing = [event for event in events if not orders.take_back(event)]
    return [{"address": place, "channel": channel, "event": one.name} for one in standing for channel, place in denials(one)]


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
