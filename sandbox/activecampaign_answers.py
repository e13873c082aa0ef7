"""How ActiveCampaign answers: its refusals, its pages, its bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sandbox.messages import Refused, Reply, Request

T = TypeVar("T")

PAGE, PAGE_LIMIT = 20, 100


def refusal(status: int, title: str, code: str, pointer: str = "", **more: Any) -> Refused:
    error = {"title": title, "detail": "", "code": code, **more, "source": {"pointer": pointer}}
    return Refused(Reply(status, {"errors": [error]}))


def duplicate_email() -> Refused:
    return refusal(422, "Email address already exists in the system", "duplicate", "/data/attributes/email")


def invalid_email() -> Refused:
    title, pointer = "Contact Email Address is not valid.", "/data/attributes/email"
    return refusal(422, title, "email_invalid", pointer, error="must_be_valid_email_address")


def field_missing(name: str) -> Refused:
    return refusal(422, f"The {name} was not provided.", "field_missing", f"/data/attributes/{name}")


def related_missing(name: str) -> Refused:
    return refusal(422, f"The related {name} does not exist.", "related_missing", f"/data/attributes/{name}")


def no_result(kind: str, id: str) -> Refused:
    return Refused(Reply(404, {"message": f"No Result found for {kind} with id {id}"}))


def forbidden(message: str = "Forbidden") -> Reply:
    return Reply(403, {"message": message})


def wrapped(request: Request, name: str) -> dict[str, Any]:
    """The object that a body carries under its singular name."""
    try:
        body = request.json()
    except ValueError as error:
        raise Refused(Reply(400, {})) from error
    inner = body.get(name) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        raise Refused(Reply(400, {}))
    return inner


def window(request: Request) -> tuple[int, int]:
    """Limit and offset; a limit above 100 is clamped in silence."""
    limit, offset = request.param("limit") or "", request.param("offset") or ""
    size = int(limit) if limit.isdigit() and int(limit) > 0 else PAGE
    return min(size, PAGE_LIMIT), int(offset) if offset.isdigit() else 0


def cut(request: Request, rows: Sequence[T]) -> tuple[Sequence[T], dict[str, Any]]:
    """One page of `rows`, and its meta."""
    limit, offset = window(request)
    return rows[offset : offset + limit], {"total": str(len(rows))}


def ident(value: Any) -> int | None:
    """An id, which clients send as a number or as text."""
    text = str(value)
    return int(text) if text.isdigit() else None
