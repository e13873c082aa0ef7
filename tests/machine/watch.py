"""What is watched while the hub works: nothing leaves without a journal entry, and no base says what no CRM has shown."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from requests.adapters import BaseAdapter

from connectors.base import History, Outcome, Page, Receipt, Record, Write
from store.unit import Unit
from sync.document import PlanDocument
from sync.journal import EntryState, PlannedWrite
from sync.push import request
from sync.state import Ref
from tests.machine.laws import demand

if TYPE_CHECKING:
    from tests.machine.world import RandomWorld

OPEN = (EntryState.SENT, EntryState.UNKNOWN)


class Watch:
    """Sits between the hub and the CRMs and remembers what was shown, sent and confirmed."""

    def __init__(self, world: RandomWorld) -> None:
        self.world = world
        self.writing = False
        self.sent: list[tuple[str, Write]] = []
        self.proved: dict[tuple[Ref, str], set[str]] = defaultdict(set)  # what a record showed or confirmed, by field
        self.creates: dict[str, Write] = {}

    def shown(self, account: str, records: Iterable[Record]) -> None:
        for record in records:
            ref = Ref(account, record.object, record.id)
            self._prove(ref, record.fields)
            for key in (value for value in record.fields.values() if isinstance(value, str) and value in self.creates):
                self._prove(ref, self.creates[key].fields)

    def _prove(self, ref: Ref, fields: Any) -> None:
        for name, value in fields.items():
            self.proved[ref, name].add(json.dumps(value, sort_keys=True))

    def leaves(self, account: str, writes: Sequence[Write]) -> None:
        """Every write that leaves stands in the journal as sent, and no other one to a field of it is open."""
        with self.world.mortal.inner.engine.connect() as connection:
            entries = Unit(connection).entries(account=account, states=OPEN)
        for write in writes:
            mine = [entry for entry in entries if is_about(entry.write, write)]
            sent = [entry for entry in mine if entry.state is EntryState.SENT and request(entry.write) == write]
            demand(len(sent) == 1, f"not in the journal: {write}; open are {mine}")
            rivals = [entry for entry in mine if entry not in sent and set(request(entry.write).fields) & set(write.fields)]
            demand(not rivals, f"open in the journal beside {write}: {rivals}")
            if write.key:
                self.creates[write.key] = write
        self.sent += [(account, write) for write in writes]

    def answered(self, account: str, writes: Sequence[Write], receipts: Sequence[Receipt]) -> None:
        demand(len(writes) == len(receipts), f"{len(receipts)} receipts for {len(writes)} writes in {account}")
        for write, receipt in zip(writes, receipts, strict=True):
            if receipt.outcome in (Outcome.CREATED, Outcome.UPDATED):
                ref = Ref(account, write.object, receipt.id or write.id or "")
                self._prove(ref, write.fields)
            if receipt.record is not None:
                self.shown(account, [receipt.record])

    def bases_are_proved(self) -> None:
        """No base is ahead of what its record showed or confirmed."""
        with self.world.mortal.inner.engine.connect() as connection:
            unit = Unit(connection)
            links = unit.links_of(unit.lead_ids("", 10_000))
        for link, base in (found for one in links.values() for found in one):
            for row in self._rows(link.ref):
                if base.knows(row.id) and base.pair(row.id).seen is not None:
                    seen = json.dumps(base.pair(row.id).seen, sort_keys=True)
                    demand(seen in self.proved[link.ref, row.remote], f"the base of {link.ref} {row.id} says {seen}: not proved")

    def _rows(self, ref: Ref) -> Iterator[Any]:
        dialect = self.world.watchers[ref.account, ref.object][1]
        yield from (*dialect.rows, *dialect.sets["emails"], *dialect.sets["phones"])

    def only_what_was_planned(self, document: PlanDocument) -> None:
        rows = [(row.account, row.object, row.id, row.key, {one.remote: one.new for one in row.fields}) for row in document.rows]
        for account, write in self.sent:
            one = (account, write.object, write.id, write.key or "")
            planned = [fields for *who, fields in rows if tuple(who) == one]
            demand(any(dict(write.fields).items() <= fields.items() for fields in planned), f"apply sent {write}, the plan has {planned}")


def is_about(planned: PlannedWrite, write: Write) -> bool:
    """Whether both are about one record; a create is about its key."""
    if planned.object != write.object or (planned.id is None) != (write.id is None):
        return False
    return planned.id == write.id if write.id is not None else planned.key == write.key


class WatchedConnector:
    """A connector whose answers and writes are watched."""

    def __init__(self, connector: Any, watch: Watch, account: str) -> None:
        self.inner, self.watch, self.name = connector, watch, account

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def changes(self, *arguments: Any) -> Iterator[Page]:
        for page in self.inner.changes(*arguments):
            self.watch.shown(self.name, page.records)
            yield page

    def get(self, *arguments: Any) -> list[Record]:
        return self._seen(self.inner.get(*arguments))

    def find(self, *arguments: Any) -> list[Record]:
        return self._seen(self.inner.find(*arguments))

    def histories(self, object: str, *arguments: Any) -> History:
        found: History = self.inner.histories(object, *arguments)
        for id, fields in found.items():
            for name, steps in fields.items():
                for step in (step for step in steps if step.told):
                    self.watch.shown(self.name, [Record(object, id, {name: step.value})])
        return found

    def _seen(self, records: list[Record]) -> list[Record]:
        self.watch.shown(self.name, records)
        return records

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        self.watch.leaves(self.name, writes)
        self.watch.writing = True
        try:
            receipts: list[Receipt] = self.inner.write(object, writes)
        finally:
            self.watch.writing = False
        self.watch.answered(self.name, writes, receipts)
        return receipts


class WatchedAdapter(BaseAdapter):
    """Requests of which only those of a journalled write may change anything."""

    def __init__(self, inner: BaseAdapter, watch: Watch, crm: str) -> None:
        super().__init__()
        self.inner, self.watch, self.app = inner, watch, watch.world.apps[crm]

    def send(self, request: Any, *arguments: Any, **more: Any) -> Any:  # type: ignore[override]
        if self.watch.writing or request.method == "GET":
            return self.inner.send(request, *arguments, **more)
        before = json.dumps(self.app.records(), sort_keys=True)
        try:
            return self.inner.send(request, *arguments, **more)
        finally:
            changed = json.dumps(self.app.records(), sort_keys=True) != before
            demand(not changed, f"{request.method} {request.path_url} changed records without a journalled write")

    def close(self) -> None:
        self.inner.close()
