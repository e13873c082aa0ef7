"""Writing to a CRM that takes one record per call: one receipt per write, in order, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from connectors.base import Outcome, Receipt, Write
from connectors.errors import AccountStopped, ConnectorError, Denied, OutcomeUnknown, RecordRefused, Retry
from connectors.surprises import SURPRISES, unreadable

PATIENCE: Final = 3  # lost answers, or refused accesses, in a row that mean the account rather than the record


class Unfit(Exception):
    """A value that this field cannot take; seen before anything is sent."""

    def __init__(self, cause: str, field: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.field = field
        self.message = message


def write_singly(account: str, writes: Sequence[Write], write_one: Callable[[Write], Receipt]) -> list[Receipt]:
    """Send `writes` one by one. What stops the account leaves the rest unsent."""
    receipts: list[Receipt] = []
    stop: ConnectorError | None = None
    lost: list[ConnectorError] = []
    forbidden: list[ConnectorError] = []
    for write in writes:
        if stop is not None:
            receipts.append(not_sent(write, stop))
            continue
        try:
            receipts.append(write_one(write))
            lost.clear()
            forbidden.clear()
        except OutcomeUnknown as error:
            lost.append(error)
            receipts.append(unknown(write, error))
            stop = _silent(lost)
        except SURPRISES as surprise:
            lost.append(unreadable(account, surprise))
            receipts.append(unknown(write, lost[-1]))
            stop = _silent(lost)
        except RecordRefused as error:
            receipts.append(_refused(write, error))
            forbidden = [*forbidden, error] if error.cause == "forbidden" else []
            stop = _shut(forbidden)
        except (AccountStopped, Retry) as error:
            stop = error
            receipts.append(not_sent(write, error))
    return receipts


def rejected(write: Write, cause: str, message: str, field: str | None = None, error: ConnectorError | None = None) -> Receipt:
    return Receipt(Outcome.REJECTED, id=write.id, cause=cause, field=field, message=message, error=error)


def not_offered(write: Write) -> Receipt:
    """A merge where the vendor lets only its own pages merge."""
    return rejected(write, "not_offered", "This CRM merges records in its own pages only.")


def not_sent(write: Write, error: ConnectorError) -> Receipt:
    return Receipt(Outcome.NOT_SENT, id=write.id, cause=error.cause, message=error.message, error=error)


def unknown(write: Write, error: ConnectorError) -> Receipt:
    return Receipt(Outcome.UNKNOWN, id=write.id, cause=error.cause, message=error.message)


def _refused(write: Write, error: RecordRefused) -> Receipt:
    return rejected(write, error.cause, error.message, error.field)


def _silent(lost: Sequence[ConnectorError]) -> ConnectorError | None:
    if len(lost) < PATIENCE:
        return None
    last = lost[-1]
    return Retry(
        f"{len(lost)} writes in a row got no answer.",
        account=last.account,
        cause="no_answer",
        fix="The next run looks the records up and goes on.",
    )


def _shut(forbidden: Sequence[ConnectorError]) -> ConnectorError | None:
    if len(forbidden) < PATIENCE:
        return None
    last = forbidden[-1]
    return Denied(
        f"{len(forbidden)} writes in a row were forbidden.",
        account=last.account,
        cause="forbidden",
        fix="Give the token's user the right to edit these records.",
        status=last.status,
        request_id=last.request_id,
    )
