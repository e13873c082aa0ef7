"""Push (shell): planned writes become requests, and receipts become bases.

An entry is marked as sent before its request leaves and settled in one transaction with what the receipt proves. Nothing is ever
repeated here: what stays unanswered is looked up by a later run.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from connectors.base import Op, Outcome, Receipt, Write
from connectors.errors import ConnectorError
from sync.census import Census
from sync.journal import Entry, EntryState, PlannedWrite, Section
from sync.keeping import deletable
from sync.receipts import Receipts
from sync.workspace import Door, Workspace

ONE_BY_ONE = 20  # entries journalled at once where every write is a call of its own


def push(workspace: Workspace, doors: Sequence[Door], run: str, census: Census) -> set[str]:
    """Carry out the planned writes of `run`: every no first, everywhere; then the rest. One thread per account.

    Returns the leads of which a record keeps a denied address that was to go: they have to be planned again.
    """
    clinging: set[str] = set()
    for sections in ((Section.RESTRICT,), (Section.CREATE, Section.UPDATE, Section.UNDO, Section.MERGE, Section.DELETE)):
        with ThreadPoolExecutor(max(1, len(doors))) as pool:
            for future in [pool.submit(_push_account, workspace, door, run, census, sections) for door in doors]:
                clinging |= future.result()
    with workspace.store.begin() as unit:
        unit.close_debts(run)
        unit.touch(clinging)
    return clinging


def _push_account(workspace: Workspace, door: Door, run: str, census: Census, sections: Sequence[Section]) -> set[str]:
    clinging: set[str] = set()
    for section in sections:
        after = 0
        while door.name not in census.stopped:
            size = max(ONE_BY_ONE, door.connector.capabilities.write_batch)
            with workspace.store.begin() as unit:
                entries = unit.entries(run=run, account=door.name, states=(EntryState.PLANNED,), section=section, after=after, limit=size)
            if not entries:
                break
            after = entries[-1].op
            for object, group in groupby(sorted(entries, key=_object), key=_object):  # full batches; sorting keeps the order in an object
                clinging |= _push_batch(workspace, door, object, list(group), census)
    return clinging


def _object(entry: Entry) -> str:
    return entry.write.object


def _push_batch(workspace: Workspace, door: Door, object: str, entries: Sequence[Entry], census: Census) -> set[str]:
    if door.name in census.stopped:
        return set()
    if entries[0].write.section is Section.DELETE:
        entries = deletable(workspace, door, object, entries, census)
        if not entries:
            return set()
    ops = [entry.op for entry in entries]
    with workspace.store.begin() as unit:
        unit.mark(ops, EntryState.SENT, at=workspace.now())
    receipts = _send(door, object, [request(entry.write) for entry in entries])
    now = workspace.now()
    with workspace.store.begin() as unit:
        facts = Receipts(unit, door, object, census, now)
        facts.load(entries)
        for entry, receipt in zip(entries, receipts, strict=True):
            facts.take(entry, receipt)
        clinging = facts.keep()
    for receipt in receipts:
        if receipt.error is not None:
            census.stop(door.name, receipt.error)
    census.progress(door.name)
    return clinging


def request(write: PlannedWrite) -> Write:
    """The contract's form of a planned write."""
    fields = {cell.remote: cell.new for cell in write.cells if not cell.held}
    if write.section is Section.CREATE:
        return Write(Op.CREATE, write.object, fields, None, write.key)
    if write.section is Section.DELETE:
        return Write(Op.DELETE, write.object, {}, write.id)
    if write.section is Section.MERGE:
        return Write(Op.MERGE, write.object, {}, write.id, loser=write.loser)
    return Write(Op.UPDATE, write.object, fields, write.id)


def _send(door: Door, object: str, writes: Sequence[Write]) -> list[Receipt]:
    try:
        return door.connector.write(object, writes)
    except ConnectorError as error:
        return [Receipt(Outcome.NOT_SENT, cause=error.cause, message=error.message, error=error) for _ in writes]
