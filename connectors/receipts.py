"""The account of a batch of writes: one receipt per write, in order, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar

from connectors.base import Outcome, Receipt, Record, Write
from connectors.errors import AccountStopped, ConnectorError, OutcomeUnknown, Retry
from connectors.singly import not_sent, rejected, unknown
from connectors.surprises import SURPRISES, unreadable

T = TypeVar("T")

PATIENCE: Final = 2  # calls in a row without an answer before the rest is left for the next run


class Receipts:
    """Filled in while batches are sent; rows are named by their place in `writes`."""

    def __init__(self, account: str, writes: Sequence[Write]) -> None:
        self.account = account
        self.writes = writes
        self._done: dict[int, Receipt] = {}
        self._lost = 0

    def open(self, rows: Sequence[int]) -> list[int]:
        """Those of `rows` that have no receipt yet."""
        return [row for row in rows if row not in self._done]

    def put(self, row: int, receipt: Receipt) -> None:
        self._done[row] = receipt

    def reject(self, row: int, cause: str, message: str, field: str | None = None) -> None:
        self.put(row, rejected(self.writes[row], cause, message, field))

    def show(self, row: int, record: Record) -> None:
        """Add what was read back to a receipt that is there already."""
        self._done[row] = replace(self._done[row], record=record)

    def of(self, row: int) -> Receipt | None:
        return self._done.get(row)

    @contextmanager
    def sending(self, rows: Sequence[int]) -> Iterator[None]:
        """Around one call: what it leaves without an answer is unknown, and two such calls in a row end the batch."""
        try:
            yield
        except OutcomeUnknown as error:
            lost: ConnectorError = error
        except SURPRISES as surprise:
            lost = unreadable(self.account, surprise)
        else:
            self._lost = 0
            return
        for row in self.open(rows):
            self.put(row, unknown(self.writes[row], lost))
        self._lost += 1
        if self._lost >= PATIENCE:
            raise _silent(lost) from None

    @contextmanager
    def until_stopped(self) -> Iterator[None]:
        """Around all calls: what stops the account leaves the rest unsent."""
        try:
            yield
        except (AccountStopped, Retry) as error:
            stop: ConnectorError = error
        except SURPRISES as surprise:
            stop = unreadable(self.account, surprise)
        else:
            return
        for row in self.open(range(len(self.writes))):
            self.put(row, not_sent(self.writes[row], stop))

    def in_order(self) -> list[Receipt]:
        return [self._done[row] for row in range(len(self.writes))]


def calls(rows: Sequence[int], names: Callable[[int], set[str]], size: int) -> Iterator[list[int]]:
    """Rows for one call each. No call names one thing twice (vendors reject such batches), and what touches one thing keeps its order."""
    waiting = list(rows)
    while waiting:
        part: list[int] = []
        taken: set[str] = set()
        for row in waiting:
            if len(part) == size:
                break
            own = names(row)
            if taken.isdisjoint(own):
                part.append(row)
            taken |= own
        yield part
        sent = set(part)
        waiting = [row for row in waiting if row not in sent]


def names_of(write: Write, *unique: str) -> set[str]:
    """What must not occur twice in a call: the record, its key, and the values of `unique` fields, in any letter case."""
    named = (("id", write.id), ("key", write.key), *((field, write.fields.get(field)) for field in unique))
    return {f"{kind}:{str(value).strip().lower()}" for kind, value in named if value is not None and value != ""}


def take_apart(receipts: Receipts, rows: Sequence[int], send: Callable[[Sequence[int]], Sequence[Sequence[int]]]) -> None:
    """Send `rows`, and again what `send` gives back, until every row has a receipt or nothing comes back."""
    waiting: list[Sequence[int]] = [rows]
    while waiting:
        part = receipts.open(waiting.pop())
        if part:
            with receipts.sending(part):
                waiting.extend(send(part))


def halves(rows: Sequence[int]) -> Sequence[Sequence[int]]:
    middle = len(rows) // 2
    return (rows[middle:], rows[:middle])


def parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def gone(write: Write, record: Record) -> Receipt:
    """The receipt of a write whose record ended as `record` tells."""
    ending = "missing" if record.ending is None else record.ending.value
    return Receipt(Outcome.GONE, id=write.id, record=record, cause=ending, message=f"The record is {ending} in the CRM.")


def merged(write: Write, survivor: str) -> Receipt:
    """The receipt of a merge: the ids that were, and the one that is."""
    aliases = tuple(id for id in (write.id, write.loser) if id is not None and id != survivor)
    return Receipt(Outcome.MERGED, id=survivor, record=Record(write.object, survivor, {}, aliases=aliases))


def _silent(error: ConnectorError) -> Retry:
    return Retry(
        f"{PATIENCE} calls in a row got no answer to a write.",
        account=error.account,
        cause="no_answer",
        fix="The next run looks the records up and goes on.",
    )
