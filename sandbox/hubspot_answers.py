"""HubSpot's error envelopes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any
from uuid import UUID

from sandbox.wire import Refused, Reply

_numbers = count(0x10C0FFEE)


def correlation_id() -> str:
    number = next(_numbers)
    return str(UUID(int=(number << 96) | 0x4C3E_B63F_EDF4_86FC_6E90_0001, version=4))


def error(status: int, category: str, message: str, **more: Any) -> Reply:
    body = {"status": "error", "message": message, "correlationId": correlation_id(), "category": category, **more}
    return Reply(status, body)


def refuse(status: int, category: str, message: str, **more: Any) -> Refused:
    return Refused(error(status, category, message, **more))


def invalid(message: str, **more: Any) -> Refused:
    return refuse(400, "VALIDATION_ERROR", message, **more)


def not_found(message: str = "resource not found") -> Refused:
    return refuse(404, "OBJECT_NOT_FOUND", message)


class RowRefused(Exception):
    """One record of a batch, or a single write, is refused."""

    def __init__(self, status: int, category: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message

    def whole(self) -> Refused:
        return refuse(self.status, self.category, self.message)

    def item(self, context: Mapping[str, Any]) -> dict[str, Any]:
        return {"status": "error", "category": self.category, "message": self.message, "context": dict(context)}


def invalid_values(problems: Iterable[Mapping[str, Any]]) -> RowRefused:
    """The property errors are a JSON array inside the text of the message."""
    return RowRefused(400, "VALIDATION_ERROR", "Property values were not valid: " + json.dumps(list(problems), separators=(",", ":")))
