"""What goes over the wire: requests, replies, and the time a server lives in."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Clock:
    """The time a server lives in: real time plus an offset, or (`at` given) a time that only `advance` moves."""

    def __init__(self, at: float | None = None) -> None:
        self._at = at
        self._offset = 0.0

    def now(self) -> float:
        return (time.time() if self._at is None else self._at) + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds


class Request:
    """One request. `path` is still percent-encoded (an external id may hold a slash); header names are lower-case."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", *, scheme: str = "http") -> None:
        self.method = method
        self.target = target
        self.path, _, self.raw_query = target.partition("?")
        self.headers = headers
        self.body = body
        self.scheme = scheme

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.raw_query, keep_blank_values=True)

    def param(self, name: str, default: str | None = None) -> str | None:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return default if values is None else values[-1]

    def json(self) -> Any:
        """The body as JSON; raises ValueError where it is none."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        fields = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in fields.items()}

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.headers.get('host', '127.0.0.1')}"


@dataclass(slots=True)
class Reply:
    """One answer: a dict or list is sent as JSON, text and bytes as they are. `rows` is noted in the request log."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    rows: int | None = None

    def encode(self) -> bytes:
        """Turn the body into bytes, once, and name its type."""
        body = self.body
        if isinstance(body, (dict, list)):
            self.headers.setdefault("Content-Type", "application/json;charset=UTF-8")
            self.body = _encode(body).encode()
        elif isinstance(body, str):
            self.headers.setdefault("Content-Type", "text/html;charset=UTF-8")
            self.body = body.encode()
        elif body is None:
            self.body = b""
        encoded: bytes = self.body
        return encoded


class Refused(Exception):
    """Raised by a handler to answer at once."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"refused with status {reply.status}")
        self.reply = reply


class ActRefused(ValueError):
    """The control plane was asked for something this CRM has not."""


@dataclass(slots=True)
class Counts:
    """What became of seed rows: how many were accepted, and why the others were not."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)


HTML_PAGE = (
    "<html>\r\n<head><title>{status} {phrase}</title></head>\r\n<body><center><h1>{status} {phrase}</h1></center></body>\r\n</html>\r\n"
)


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


_last_date: tuple[int, str] = (0, "")


def http_date(at: float) -> str:
    global _last_date  # one formatted second is kept: it is asked for thousands of times
    if _last_date[0] != int(at):
        _last_date = (int(at), formatdate(at, usegmt=True))
    return _last_date[1]


@lru_cache(maxsize=8192)
def iso_ms(at_ms: int) -> str:
    """2026-05-01T07:25:37.123Z of epoch milliseconds."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{ms:03d}Z"
