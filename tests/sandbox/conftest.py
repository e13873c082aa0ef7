"""One app per test, without a socket, in a time that only the test moves; and real servers where a client library is proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sandbox
from sandbox.inprocess import ask
from sandbox.running import Running
from sandbox.wire import App, Clock

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


class Caller:
    """An app and the headers that every request to it carries."""

    def __init__(self, app: App, **headers: str) -> None:
        self.app = app
        self.headers = headers

    def __call__(self, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return ask(self.app, method, target, body, **{**self.headers, **headers})

    def ok(self, method: str, target: str, body: Any = None, **headers: str) -> Any:
        status, answer = self(method, target, body, **headers)
        assert status < 400, answer
        return answer

    def control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        status, answer = ask(self.app, method, f"/_sandbox/{name}", body)
        assert status == 200, answer
        return answer

    def act(self, do: str, **body: Any) -> Any:
        return self.control("act", {"do": do, **body})

    def fault(self, kind: str, method: str = "*", path: str = "*", **options: Any) -> None:
        self.control("faults", {"match": {"method": method, "path": path}, "fault": kind, **options})

    def set(self, **switches: Any) -> None:
        self.control("settings", switches)

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_s": seconds})


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def hubspot(clock: Clock) -> Caller:
    app = sandbox.app("hubspot", clock=clock)
    return Caller(app, authorization=f"Bearer {app.token}")


@pytest.fixture
def salesforce(clock: Clock) -> Caller:
    app = sandbox.app("salesforce", clock=clock)
    return Caller(app, authorization=f"Bearer {app.token}")


@pytest.fixture
def pipedrive(clock: Clock) -> Caller:
    app = sandbox.app("pipedrive", clock=clock)
    return Caller(app, x_api_token=app.token)


@pytest.fixture
def activecampaign(clock: Clock) -> Caller:
    app = sandbox.app("activecampaign", clock=clock)
    return Caller(app, api_token=app.token)


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Start real servers; they are stopped when the test ends."""
    started: list[Running] = []

    def start(*crms: str, **options: Any) -> Running:
        running = sandbox.start(only=crms or sandbox.CRMS, **options)
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()
