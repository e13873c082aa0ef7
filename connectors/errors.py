"""What can go wrong at a CRM, grouped by what the caller does next.

    ConnectorError
    ├── Retry               try again in a later run; nothing was changed
    ├── RecordRefused       skip this record; the CRM will say the same tomorrow
    ├── AccountStopped      leave this account alone for the rest of the run
    │   ├── Denied          the credentials or rights do not suffice
    │   ├── BudgetSpent     the quota is used up; `resume_at` says until when
    │   ├── Misconfigured   a field, object or setting this account lacks
    │   └── Unreadable      the answer is not what the vendor documents
    └── OutcomeUnknown      a write may or may not have happened; look before repeating

A message says what happened and what to do. It never holds a payload, a secret or a person's data.
"""

from __future__ import annotations

from datetime import datetime


class ConnectorError(Exception):
    """Base of everything a connector raises.

    `cause` is a stable word for grouping (`rate_limited`, `missing_scope`, ...); `fix` the next step in a sentence.
    """

    def __init__(
        self,
        message: str,
        *,
        account: str = "",
        cause: str = "error",
        fix: str = "",
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.account = account
        self.cause = cause
        self.fix = fix
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        where = f"{self.account}: " if self.account else ""
        what_next = f" {self.fix}" if self.fix else ""
        return f"{where}{self.message}{what_next}"


class Retry(ConnectorError):
    """The CRM could not serve the call now, and the call changed nothing."""


class RecordRefused(ConnectorError):
    """The CRM refuses this record as it is; others are not affected."""

    def __init__(self, message: str, *, field: str | None = None, **context: object) -> None:
        super().__init__(message, **context)  # type: ignore[arg-type]  # context is passed through unchanged
        self.field = field


class AccountStopped(ConnectorError):
    """Nothing more can be done with this account in this run."""


class Denied(AccountStopped):
    """The credentials are wrong, expired, or lack a right."""


class BudgetSpent(AccountStopped):
    """The account's quota is used up until `resume_at` (UTC; None where the CRM does not say)."""

    def __init__(self, message: str, *, resume_at: datetime | None = None, **context: object) -> None:
        super().__init__(message, **context)  # type: ignore[arg-type]  # context is passed through unchanged
        self.resume_at = resume_at


class Misconfigured(AccountStopped):
    """The account lacks an object, a field or a setting that is asked for."""


class Unreadable(AccountStopped):
    """The answer does not have the documented shape."""


class OutcomeUnknown(ConnectorError):
    """The request left, the answer did not come: the write may have happened."""
