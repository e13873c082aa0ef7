"""HubSpot's rate limits and outages, under a clock that the test moves."""

from __future__ import annotations

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.wire import Clock, Request

V3 = "/crm/v3/objects/contacts"


@pytest.fixture
def limited(clock: Clock) -> Caller:
    app = sandbox.app("hubspot", clock=clock, limits="vendor")
    return Caller(app, authorization=f"Bearer {app.token}")


def headers(caller: Caller, method: str = "GET", path: str = V3) -> dict[str, str]:
    body = b"{}" if method == "POST" else b""
    return caller.app.handle(Request(method, path, caller.headers, body)).headers


def test_hs_67_burst(limited: Caller) -> None:
    assert {limited("GET", V3)[0] for _ in range(100)} == {200}
    status, body = limited("GET", V3)
    assert (status, body["policyName"], body["errorType"]) == (429, "TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    limited.advance(10)
    assert limited("GET", V3)[0] == 200


@pytest.mark.parametrize(("unit", "value"), [(None, None), ("seconds", "10"), ("ms", "10000")])
def test_hs_67_retry_after(limited: Caller, unit: str | None, value: str | None) -> None:
    limited.set(burst_limit=0, retry_after=unit)
    assert headers(limited).get("Retry-After") == value


def test_hs_68_search_has_a_limit_of_its_own_and_no_headers(limited: Caller) -> None:
    statuses = [limited("POST", f"{V3}/search", {})[0] for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert limited("POST", f"{V3}/search", {})[1]["policyName"] == "SECONDLY"
    assert headers(limited)["X-HubSpot-RateLimit-Remaining"] == "99"


def test_hs_28_search_answers_carry_no_rate_headers(limited: Caller) -> None:
    assert not [name for name in headers(limited, "POST", f"{V3}/search") if "RateLimit" in name]


def test_hs_69_daily_budget(limited: Caller) -> None:
    limited.set(daily_limit=2)
    statuses = [limited("GET", V3)[0] for _ in range(3)]
    assert (statuses, limited("GET", V3)[1]["policyName"]) == ([200, 200, 429], "DAILY")
    limited.advance(86400)
    assert limited("GET", V3)[0] == 200


def test_hs_70_rate_headers(limited: Caller) -> None:
    shown = headers(limited)
    assert shown["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert {"X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"} <= set(shown)
    bearer = {"authorization": f"Bearer {limited.app.issue_token()}"}  # type: ignore[attr-defined]
    assert "X-HubSpot-RateLimit-Daily" not in limited.app.handle(Request("GET", V3, bearer)).headers


def test_hs_71_outages(hubspot: Caller) -> None:
    for kind in ("423", "477", "502", "521"):
        hubspot.fault(kind, body="html" if kind.startswith("5") else "json")
    locked, moving, bad, down = (hubspot("GET", V3) for _ in range(4))
    assert (locked[0], moving[0], bad[0], "<html>" in bad[1], "<html>" in down[1]) == (423, 477, 502, True, True)


@pytest.mark.parametrize("category", [False, True])
def test_hs_72_429_with_and_without_category(limited: Caller, category: bool) -> None:
    limited.set(burst_limit=0, rate_limit_category=category)
    assert ("category" in limited("GET", V3)[1]) is category
