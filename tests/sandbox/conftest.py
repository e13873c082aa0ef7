"""One app per test, without a socket, in a time that only the test moves; and real servers where a client library is proved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.running import Running
from sandbox.wire import Clock

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


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
