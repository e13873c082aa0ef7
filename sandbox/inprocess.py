"""The servers without a socket: a transport adapter for `requests` that calls the app directly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3.response import HTTPResponse

from sandbox.wire import App, ConnectionDropped, Request, phrase


class InProcess(BaseAdapter):
    """Mount it at "https://" or "http://": whatever the host, the app answers."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self.app = app

    def send(  # type: ignore[override]  # requests' own signature, without its keyword noise
        self, request: requests.PreparedRequest, **_kwargs: Any
    ) -> requests.Response:
        parts = urlsplit(request.url or "")
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        headers.setdefault("host", parts.netloc)
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        try:
            reply = self.app.handle(Request(request.method or "GET", target, headers, raw, scheme=parts.scheme))
        except ConnectionDropped as dropped:
            raise requests.ConnectionError(str(dropped), request=request) from dropped
        answer = requests.Response()
        answer.status_code = reply.status
        answer.reason = phrase(reply.status)
        answer.url = request.url or ""
        answer.request = request
        answer.headers.update(reply.headers)
        answer.encoding = requests.utils.get_encoding_from_headers(answer.headers)
        answer.raw = HTTPResponse(BytesIO(reply.encode()), headers=reply.headers, status=reply.status, preload_content=False)
        return answer

    def close(self) -> None:
        """There is nothing to close."""


def ask(app: App, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """One request, answered as (status, decoded body); keyword arguments are headers (`x_api_token=...`)."""
    raw = b"" if body is None else json.dumps(body).encode()
    named: Mapping[str, str] = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = app.handle(Request(method, target, {"content-type": "application/json", **named}, raw))
    content = reply.encode()
    is_json = content and "json" in reply.headers.get("Content-Type", "")
    return reply.status, json.loads(content) if is_json else content.decode()


class Caller:
    """An app and the headers that every request to it carries."""

    def __init__(self, app: App, **headers: str) -> None:
        self.app = app
        self.headers = headers

    def __call__(self, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return ask(self.app, method, target, body, **{**self.headers, **headers})

    def ok(self, method: str, target: str, body: Any = None, **headers: str) -> Any:
        status, answer = self(method, target, body, **headers)
        if status >= 400:
            raise AssertionError(f"{method} {target}: {status} {answer}")
        return answer

    def control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        status, answer = ask(self.app, method, f"/_sandbox/{name}", body)
        if status != 200:
            raise AssertionError(f"{name}: {answer}")
        return answer

    def act(self, do: str, **body: Any) -> Any:
        return self.control("act", {"do": do, **body})

    def fault(self, kind: str, method: str = "*", path: str = "*", **options: Any) -> None:
        self.control("faults", {"match": {"method": method, "path": path}, "fault": kind, **options})

    def set(self, **switches: Any) -> None:
        self.control("settings", switches)

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_s": seconds})


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
