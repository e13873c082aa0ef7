"""What a CRM answered, and what can be told from it without asking the vendor's documentation."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

from connectors.errors import OutcomeUnknown, Unreadable

REQUEST_ID_HEADERS: Final = ("X-HubSpot-Correlation-Id", "X-Request-Id", "X-Correlation-Id", "CF-Ray")


@dataclass(frozen=True, slots=True)
class Busy:
    """The CRM did nothing and asks to come back after `wait_s` (None: it does not say)."""

    wait_s: float | None = None


class Answer:
    """What a CRM answered. Its repr shows no content."""

    __slots__ = ("_account", "_parsed", "_wrote", "content", "headers", "status")

    def __init__(self, account: str, status: int, headers: Mapping[str, str], content: bytes, *, wrote: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self._account = account
        self._wrote = wrote
        self._parsed: Any = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", errors="replace")

    @property
    def request_id(self) -> str | None:
        return next((self.headers[name] for name in REQUEST_ID_HEADERS if name in self.headers), None)

    @property
    def date(self) -> datetime | None:
        """The CRM's own time."""
        return _http_date(self.headers.get("Date"))

    def json(self) -> Any:
        """The parsed body. A write that was accepted with an unreadable body may have happened: `OutcomeUnknown`."""
        if self._parsed is None:
            self._parsed = self._parse()
        return self._parsed

    def body(self) -> Any:
        """The parsed body of a refusal, or None where it is a page of HTML or nothing at all."""
        try:
            return jsonlib.loads(self.content)
        except ValueError:
            return None

    def _parse(self) -> Any:
        try:
            return jsonlib.loads(self.content)
        except ValueError:
            pass
        kind = OutcomeUnknown if self._wrote and self.ok else Unreadable
        raise kind(
            f"the answer (status {self.status}, {len(self.content)} bytes{id_note(self.request_id)}) is not JSON.",
            account=self._account,
            cause="unreadable_answer",
            fix="Check base_url, and whether a proxy or an outage page stands in between.",
            status=self.status,
            request_id=self.request_id,
        )

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.content)} bytes)"


def escape(part: str) -> str:
    """One part of a path, with everything escaped that could leave it."""
    return quote(part, safe="").replace(".", "%2E") if part in (".", "..") else quote(part, safe="")


def retry_after(answer: Answer) -> float | None:
    """The seconds a Retry-After header asks for, if that is a number or a date one can believe."""
    value = answer.headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until, now = _http_date(value), answer.date
        seconds = -1.0 if until is None or now is None else (until - now).total_seconds()
    return seconds if 0 <= seconds <= 86_400 else None


def id_note(request_id: str | None) -> str:
    return "" if request_id is None else f", request {request_id}"


def _http_date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
