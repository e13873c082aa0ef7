"""How Pipedrive answers: envelopes, refusals, and routes that know their cost and scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.messages import Refused, Reply
from sandbox.routes import route

F = TypeVar("F", bound=Callable[..., Reply])

GATEWAY_HINT = "Please check developers.pipedrive.com"
NO_PERMISSION = "You do not have permissions to do this."
CLOUDFLARE_PAGE = "<!DOCTYPE html>\n<html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1></body></html>\n"  # noqa: E501


def v2(method: str, path: str, *, cost: int, search: bool = False) -> Callable[[F], F]:
    """Serve on v2, which exists under /api/v2 only."""

    def mark(function: F) -> F:
        function.cost, function.search = cost, search  # type: ignore[attr-defined]  # a route carries its price
        return route(method, f"/api/v2{path}")(function)

    return mark


def v1(method: str, path: str, *, cost: int, search: bool = False) -> Callable[[F], F]:
    """Serve on v1: /api/v1 on a company's host, /v1 on the API host."""

    def mark(function: F) -> F:
        function.cost, function.search = cost, search  # type: ignore[attr-defined]
        return route(method, f"/api/v1{path}")(route(method, f"/v1{path}")(function))

    return mark


def ok(data: Any, status: int = 200, rows: int | None = None, **additional: Any) -> Reply:
    body: dict[str, Any] = {"success": True, "data": data}
    if additional:
        body["additional_data"] = additional
    return Reply(status, body, rows=rows)


def invalid(message: str) -> Refused:
    """The v2 schema check. Its key set beyond success, error and code is not known."""
    return Refused(Reply(400, {"success": False, "error": f"Validation failed: {message}", "code": "ERR_SCHEMA_VALIDATION_FAILED"}))


def bad_request(message: str) -> Refused:
    return _v1_refusal(400, message, GATEWAY_HINT)


def missing(what: str) -> Refused:
    return _v1_refusal(404, f"requested {what} not found", "Object was not found.")


def forbidden(message: str = NO_PERMISSION, **more: Any) -> Refused:
    refused = _v1_refusal(403, message, GATEWAY_HINT)
    refused.reply.body.update(more)
    return refused


def unknown_error() -> Refused:
    return Refused(Reply(500, {"success": False, "error": "Internal Server Error", "code": "ERR_UNKNOWN"}))


def gateway(status: int, message: str) -> Reply:
    return Reply(status, {"success": False, "error": message, "errorCode": status, "error_info": GATEWAY_HINT})


def _v1_refusal(status: int, message: str, info: str) -> Refused:
    return Refused(Reply(status, {"success": False, "error": message, "error_info": info, "data": None, "additional_data": None}))
