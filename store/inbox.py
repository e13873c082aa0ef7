"""How far each account has been read, what is to be looked at, and what was read and not yet worked on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import Ending, Record
from store import schema as t
from store.documents import dumps, instant, seconds
from store.queries import Queries, where_of
from sync.state import Ref


class Inbox(Queries):
    def cursor(self, account: str, object: str) -> str | None:
        token: str | None = self._scalar(sa.select(t.cursor.c.token).where(t.cursor.c.account == account, t.cursor.c.object == object))
        return token

    def last_read(self, account: str, object: str) -> datetime | None:
        """When the account was read last."""
        return instant(self._scalar(sa.select(t.cursor.c.at).where(t.cursor.c.account == account, t.cursor.c.object == object)))

    def put_cursor(self, account: str, object: str, token: str, at: datetime) -> None:
        self._upsert(t.cursor, [{"account": account, "object": object, "token": token, "at": seconds(at)}])

    def drop_cursor(self, account: str, object: str) -> None:
        self._run(sa.delete(t.cursor).where(t.cursor.c.account == account, t.cursor.c.object == object))

    def put_hints(self, refs: Iterable[Ref], at: datetime) -> None:
        self._upsert(t.hint, [{**where_of(ref), "at": seconds(at)} for ref in refs])

    def hints(self, account: str) -> list[Ref]:
        return [Ref(row.account, row.object, row.id) for row in self._run(sa.select(t.hint).where(t.hint.c.account == account))]

    def drop_hints(self, refs: Iterable[Ref]) -> None:
        self._delete(t.hint, refs)

    def put_inbox(self, records: Iterable[tuple[Ref, Record]], run: str, read_at: datetime, since: datetime | None = None) -> None:
        """Keep what was read; `since` is when the account was read the time before."""
        self._upsert(t.inbox, [_inbox_row(ref, record, run, read_at, since) for ref, record in records])

    def inbox_rows(self, account: str, object: str, after: str, limit: int) -> list[tuple[Ref, Record, str, str]]:
        """What was read of an object, by id, with the lead it is given to (empty: none yet) and why it was parked (empty: it was not)."""
        inbox = t.inbox.c
        query = sa.select(t.inbox).where(inbox.account == account, inbox.object == object, inbox.id > after)
        return [
            (Ref(row.account, row.object, row.id), _record(row), row.lead_id, row.parked)
            for row in self._run(query.order_by(inbox.id).limit(limit))
        ]

    def strangers(self, account: str, object: str, after: str, limit: int) -> list[tuple[Ref, Record]]:
        """What was read of an object and is given to no lead yet, by id."""
        inbox = t.inbox.c
        query = sa.select(t.inbox).where(inbox.account == account, inbox.object == object, inbox.id > after, inbox.lead_id == "")
        return [(Ref(row.account, row.object, row.id), _record(row)) for row in self._run(query.order_by(inbox.id).limit(limit))]

    def give_to_leads(self, refs: Mapping[Ref, str]) -> None:
        rows = [{"b_account": ref.account, "b_object": ref.object, "b_id": ref.id, "b_lead": lead_id} for ref, lead_id in refs.items()]
        if rows:
            inbox = t.inbox.c
            where = (inbox.account == sa.bindparam("b_account"), inbox.object == sa.bindparam("b_object"), inbox.id == sa.bindparam("b_id"))
            self._connection.execute(sa.update(t.inbox).where(*where).values(lead_id=sa.bindparam("b_lead")), rows)

    def inbox_of(self, lead_ids: Sequence[str]) -> dict[str, dict[Ref, tuple[Record, datetime | None]]]:
        """By lead: what was read of its records, each with the moment up to which it is known not to have changed."""
        found: dict[str, dict[Ref, tuple[Record, datetime | None]]] = defaultdict(dict)
        for row in self._in(t.inbox, t.inbox.c.lead_id, lead_ids):
            found[row.lead_id][Ref(row.account, row.object, row.id)] = (_record(row), instant(row.since))
        return found

    def converted(self, account: str) -> list[tuple[Ref, Ref, bool]]:
        """Of the records that were read, those that were converted; into which, and whether that was read as well."""
        inbox, heir = t.inbox.c, t.inbox.alias()
        is_heir = (heir.c.account == inbox.account) & (heir.c.object == inbox.moved_object) & (heir.c.id == inbox.moved_id)
        query = sa.select(inbox.object, inbox.id, inbox.moved_object, inbox.moved_id, heir.c.id.is_not(None).label("read"))
        query = query.select_from(t.inbox.outerjoin(heir, is_heir))
        rows = self._run(query.where(inbox.account == account, inbox.ending == Ending.CONVERTED, inbox.moved_id != ""))
        return [(Ref(account, row.object, row.id), Ref(account, row.moved_object, row.moved_id), bool(row.read)) for row in rows]

    def park(self, refs: Iterable[Ref], why: str) -> None:
        """Records that belong to nobody yet, for a reason a person has to see to; they are looked at again by every run."""
        rows = [{f"b_{name}": value for name, value in where_of(ref).items()} for ref in refs]
        if rows:
            where = [t.inbox.c[name] == sa.bindparam(f"b_{name}") for name in ("account", "object", "id")]
            self._connection.execute(sa.update(t.inbox).where(*where).values(parked=why), rows)

    def inbox_size(self) -> int:
        return int(self._scalar(sa.select(sa.func.count()).select_from(t.inbox)) or 0)

    def drop_inbox(self, refs: Iterable[Ref]) -> None:
        self._delete(t.inbox, refs)


def _inbox_row(ref: Ref, record: Record, run: str, read_at: datetime, since: datetime | None) -> dict[str, Any]:
    moved_object, moved_id = record.moved_to if record.moved_to is not None else ("", "")
    return {
        **where_of(ref),
        "fields": dumps(record.fields),
        "changed_at": seconds(record.changed_at),
        "created_at": seconds(record.created_at),
        "since": seconds(since),
        "ending": "" if record.ending is None else record.ending,
        "moved_object": moved_object,
        "moved_id": moved_id,
        "aliases": dumps(record.aliases),
        "run": run,
        "read_at": seconds(read_at),
        "lead_id": "",
        "parked": "",
        "said": dumps({name: seconds(at) for name, at in record.said.items()}) if record.said else "",
    }


def _record(row: Any) -> Record:
    return Record(
        row.object,
        row.id,
        json.loads(row.fields),
        None,
        instant(row.changed_at),
        instant(row.created_at),
        None if row.ending == "" else Ending(row.ending),
        None if row.moved_id == "" else (row.moved_object, row.moved_id),
        tuple(json.loads(row.aliases)),
        {} if row.said == "" else {name: datetime.fromtimestamp(at, UTC) for name, at in json.loads(row.said).items()},
    )
