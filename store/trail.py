"""The trail: what happened in the ledger, row by row, each chained to the one before, and whether the ledger is still what it says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from leads.consent import chain
from leads.consent.event import event_hash
from store import schema as t
from store.erasures import Erasures

STREAM: Final = 2_000
ERASED: Final = "consent.erased"  # an event was forgotten; its row of the trail is named by the salted hashes that it carries


class Trail(Erasures):
    def enter(self, acts: Iterable[Mapping[str, Any]], actor: str, at: datetime) -> None:
        """Add a row for each act: `action`, `object_hmac` and `payload_hash`, numbered on from the last."""
        seq, head = self.head()
        rows = list(linked(acts, seq, bytes.fromhex(head), actor, at))
        if rows:
            self._connection.execute(sa.insert(t.audit), rows)

    def trail(self) -> Iterator[chain.Entry]:
        after = 0
        while rows := list(self._run(sa.select(t.audit).where(t.audit.c.seq > after).order_by(t.audit.c.seq).limit(STREAM))):
            yield from (_entry(row) for row in rows)
            after = rows[-1].seq

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row."""
        row = self._run(sa.select(t.audit).order_by(t.audit.c.seq.desc()).limit(1)).first()
        return (0, chain.START.hex()) if row is None else (row.seq, row.hash)

    def tampered(self) -> Iterator[tuple[str, str]]:
        """Rows of trail and ledger that are not as they were written, and why."""
        yield from ((f"audit row {seq}", why) for seq, why in chain.broken(self.trail()))
        forgotten = {row.payload_hash for row in self._run(sa.select(t.audit.c.payload_hash).where(t.audit.c.action == ERASED))}
        for entry, event in self._side_by_side():
            if event is not None:
                yield from ((f"event {event.name[:12]}", why) for why in _changes(event, entry))
            elif entry.payload_hash not in forgotten:
                yield f"audit row {entry.seq}", "its event is missing, and no erasure is recorded for it"
        beyond = sa.select(t.consent_event.c.name).where(t.consent_event.c.seq.not_in(sa.select(t.audit.c.seq).where(_OF_EVENTS)))
        yield from ((f"event {row.name[:12]}", "it is in the ledger and not in the trail") for row in self._run(beyond))

    def _side_by_side(self) -> Iterator[tuple[chain.Entry, Any]]:
        """The rows of the trail about events, each with its event; None: there is none."""
        after = 0
        query = sa.select(t.audit).where(_OF_EVENTS).order_by(t.audit.c.seq).limit(STREAM)
        while rows := list(self._run(query.where(t.audit.c.seq > after))):
            within = (t.consent_event.c.seq >= rows[0].seq, t.consent_event.c.seq <= rows[-1].seq)
            events = {event.seq: event for event in self._run(sa.select(t.consent_event).where(*within))}
            yield from ((_entry(row), events.get(row.seq)) for row in rows)
            after = rows[-1].seq


_OF_EVENTS: Final = t.audit.c.action != ERASED


def linked(acts: Iterable[Mapping[str, Any]], seq: int, head: bytes, actor: str, at: datetime) -> Iterator[dict[str, Any]]:
    """Rows of the trail that follow on row `seq`, whose hash is `head`."""
    when = at.astimezone(UTC).isoformat(timespec="seconds")
    for number, act in enumerate(acts, seq + 1):
        facts = {"seq": number, "at": when, "actor": actor, **act}
        head = chain.linked(head, facts)
        yield {**facts, "hash": head.hex()}


def act_of(row: Mapping[str, Any]) -> dict[str, str]:
    """What the trail is told of an event of the ledger."""
    salt = bytes.fromhex(row["salt"])
    return {
        "action": f"consent.{row['kind']}",
        "object_hmac": chain.object_hmac(salt, row["mailbox"]),
        "payload_hash": chain.payload_hash(salt, row["document"]),
    }


def _changes(row: Any, entry: chain.Entry) -> Iterator[str]:
    """What of an event is not as it was written: what it says first, then what the columns beside it repeat of that."""
    said = _said(row, entry)
    if said is None:
        yield f"it was changed after it was written (audit row {entry.seq})"
        return
    repeated = {
        "name": event_hash(said) == row.name,
        "kind": said.get("kind") == row.kind and entry.action == f"consent.{row.kind}",
        "mailbox": chain.object_hmac(bytes.fromhex(row.salt), row.mailbox) == entry.object_hmac,
        "person": str(said.get("person", "")) == row.person,
    }
    yield from (f"its {name} was changed after it was written (audit row {entry.seq})" for name, same in repeated.items() if not same)


def _said(row: Any, entry: chain.Entry) -> Mapping[str, Any] | None:
    """What an event says; None if the trail does not vouch for it."""
    try:
        genuine = chain.payload_hash(bytes.fromhex(row.salt), row.document) == entry.payload_hash
        said = json.loads(row.document) if genuine else None
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _entry(row: Any) -> chain.Entry:
    return chain.Entry(row.seq, row.at, row.actor, row.action, row.object_hmac, row.payload_hash, row.hash)
