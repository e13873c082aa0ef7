"""Routes: which handler serves which method and path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import unquote

from sandbox.messages import Reply

Handler = Callable[..., Reply]
F = TypeVar("F", bound=Callable[..., Any])


def route(method: str, pattern: str) -> Callable[[F], F]:
    """Serve `method` on `pattern`; `{name}` matches one path segment, or the rest of one, and is passed on decoded."""

    def mark(function: F) -> F:
        routes = getattr(function, "routes", ())
        function.routes = (*routes, (method, pattern))  # type: ignore[attr-defined]  # a function carries its own routes
        return function

    return mark


class Table:
    """The routes of an app, compiled: literal segments win over parameters."""

    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._by_length: dict[tuple[str, int], list[tuple[tuple[str | re.Pattern[str], ...], Handler]]] = {}
        self._literal: dict[tuple[str, str], Handler] = {}
        for handler in handlers:
            for method, pattern in getattr(handler, "routes", ()):
                self._add(method, pattern, handler)
        for entries in self._by_length.values():
            entries.sort(key=lambda entry: [not isinstance(segment, str) for segment in entry[0]])

    def _add(self, method: str, pattern: str, handler: Handler) -> None:
        if "{" not in pattern:
            self._literal[method, pattern] = handler
            return
        segments = tuple(_segment(text) for text in pattern.split("/"))
        self._by_length.setdefault((method, len(segments)), []).append((segments, handler))

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        path = path.rstrip("/")
        literal = self._literal.get((method, path))
        if literal is not None:
            return literal, {}
        parts = path.split("/")
        for segments, handler in self._by_length.get((method, len(parts)), ()):
            params = _match(segments, parts)
            if params is not None:
                return handler, params
        return None


def _segment(text: str) -> str | re.Pattern[str]:
    if "{" not in text:
        return text
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(text)))


def _match(segments: tuple[str | re.Pattern[str], ...], parts: list[str]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for segment, part in zip(segments, parts, strict=True):
        if isinstance(segment, str):
            if segment != part:
                return None
            continue
        found = segment.fullmatch(part)
        if found is None:
            return None
        params.update((name, unquote(value)) for name, value in found.groupdict().items())
    return params
