"""Salesforce's error bodies: a list at the top level, `statusCode` inside collections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.wire import Refused, Reply


class Fault(Exception):
    """One record is refused."""

    def __init__(self, code: str, message: str, fields: Sequence[str] = (), status: int = 400, more: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.status = status
        self.more = more or {}

    def refused(self) -> Refused:
        entry: dict[str, Any] = {**self.more, "message": self.message, "errorCode": self.code}
        if self.fields or self.code in WITH_FIELDS:
            entry["fields"] = self.fields
        return Refused(Reply(self.status, [entry]))

    def entry(self) -> dict[str, Any]:
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


WITH_FIELDS = ("DUPLICATE_VALUE", "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD")


def error(status: int, code: str, message: str) -> Reply:
    return Reply(status, [{"message": message, "errorCode": code}])


def refuse(status: int, code: str, message: str) -> Refused:
    return Refused(error(status, code, message))


def not_found() -> Refused:
    return refuse(404, "NOT_FOUND", "The requested resource does not exist")


def failed(fault: Fault, **more: Any) -> dict[str, Any]:
    """An entry of a collection's answer: failed entries have no id."""
    return {"success": False, "errors": [fault.entry()], **more}


def succeeded(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "success": True, "errors": [], **more}
