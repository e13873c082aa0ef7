"""Faults that a test orders for coming requests: refusals, lost connections, damaged answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote_plus

KINDS = ("reset", "timeout_before", "timeout_after", "lands_late", "html", "empty", "truncate", "partial")


class UnknownFault(ValueError):
    """The order names a fault that does not exist."""


class ConnectionDropped(Exception):
    """The server closes the connection instead of answering.

    `sent` are the bytes of an answer that went out before; `reset` asks for a hard reset (RST) instead of an orderly close.
    """

    def __init__(self, *, sent: bytes = b"", reset: bool = False) -> None:
        super().__init__("the connection was closed without a complete answer")
        self.sent = sent
        self.reset = reset


@dataclass(slots=True)
class Fault:
    """One ordered fault: which requests it meets, how often, and how it shows."""

    id: int
    kind: str
    method: str = "*"
    path: str = "*"
    query: str = "*"
    times: int | None = 1  # None: for ever
    after: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def meets(self, method: str, path: str, query: str) -> bool:
        return (
            fnmatchcase(method, self.method)
            and (fnmatchcase(path, self.path) or fnmatchcase(unquote_plus(path), self.path))
            and (self.query == "*" or fnmatchcase(unquote_plus(query), self.query))
        )

    def spent(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def as_json(self) -> dict[str, Any]:
        match = {"method": self.method, "path": self.path, "query": self.query}
        return {
            "id": self.id,
            "fault": self.kind,
            "match": match,
            "times": self.times,
            "after": self.after,
            "hits": self.hits,
            **self.options,
        }


class Faults:
    """The faults in force, oldest first; the first that meets a request strikes."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []
        self._next_id = 1

    def order(self, body: Mapping[str, Any]) -> Fault:
        kind = str(body.get("fault", ""))
        if kind not in KINDS and not (kind.isdigit() and 400 <= int(kind) <= 599):
            raise UnknownFault(f"unknown fault {kind!r}; known are the statuses 400 to 599, {', '.join(KINDS)}")
        match = body.get("match") or {}
        options = {key: value for key, value in body.items() if key not in ("match", "fault", "times", "after")}
        fault = Fault(
            id=self._next_id,
            kind=kind,
            method=str(match.get("method") or "*").upper(),
            path=str(match.get("path") or "*"),
            query=str(match.get("query") or "*"),
            times=body.get("times", 1),
            after=int(body.get("after") or 0),
            options=options,
        )
        self._next_id += 1
        self._orders.append(fault)
        return fault

    def pick(self, method: str, path: str, query: str) -> Fault | None:
        for fault in self._orders:
            if fault.spent() or not fault.meets(method, path, query):
                continue
            fault.seen += 1
            if fault.seen > fault.after:
                fault.hits += 1
                return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        return [fault.as_json() for fault in self._orders]

    def clear(self) -> None:
        self._orders.clear()

    def __bool__(self) -> bool:
        return bool(self._orders)
