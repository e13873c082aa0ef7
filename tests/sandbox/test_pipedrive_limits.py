"""Pipedrive's budget, bursts, refusals and surprises: the lines of the checklist, by number."""

from __future__ import annotations

import json
from typing import Any

import pytest

import sandbox
from sandbox.inprocess import Caller
from sandbox.wire import App, Clock, Reply, Request

V2 = "/api/v2/persons"


@pytest.fixture
def vendor(clock: Clock) -> Caller:
    """With the vendor's limits on."""
    app = sandbox.app("pipedrive", clock=clock, limits="vendor")
    return Caller(app, x_api_token=app.token)


def reply(app: App, method: str, target: str, body: Any = None, **headers: str) -> Reply:
    raw = b"" if body is None else json.dumps(body).encode()
    known = {"x-api-token": app.token, "content-type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()}
    return app.handle(Request(method, target, known, raw))


def left(app: App) -> int:
    return int(reply(app, "GET", "/api/v1/unknown").headers["x-daily-ratelimit-token-remaining"])


@pytest.mark.parametrize(
    ("method", "path", "body", "cost"),
    [
        ("GET", "/api/v2/persons/1", None, 1),
        ("GET", "/api/v2/persons?limit=500", None, 10),
        ("POST", "/api/v2/persons", {"name": "A"}, 5),
        ("PATCH", "/api/v2/persons/1", {"name": "A"}, 5),
        ("DELETE", "/api/v2/persons/1", None, 3),
        ("GET", "/api/v2/persons/search?term=ab", None, 20),
        ("GET", "/api/v2/personFields", None, 10),
        ("PUT", "/api/v1/persons/1/merge", {"merge_with_id": 2}, 40),
        ("GET", "/api/v1/users", None, 20),
        ("GET", "/api/v1/users/me", None, 2),
        ("GET", "/api/v1/leads", None, 20),
        ("GET", "/api/v1/leads/archived", None, 40),
        ("GET", "/api/v1/recents?since_timestamp=2026-01-01%2000:00:00", None, 20),
        ("GET", "/api/v1/persons/1/changelog", None, 20),
    ],
)
def test_pd_37_every_call_has_its_price(vendor: Caller, method: str, path: str, body: Any, cost: int) -> None:
    for _ in range(2):
        vendor.ok("POST", V2, {"name": "Ada"})
    before = left(vendor.app)
    assert reply(vendor.app, method, path, body).status == 200
    assert before - left(vendor.app) == cost


def test_pd_37_the_budget_is_the_companys(vendor: Caller) -> None:
    assert left(vendor.app) == 30_000
    vendor.set(plan="growth", seats=3)
    assert left(vendor.app) == 180_000
    vendor.set(daily_budget=12)
    assert [vendor("GET", V2)[0] for _ in range(2)] == [200, 429]
    assert left(vendor.app) == 2
    vendor.advance(86_400)
    assert vendor("GET", V2)[0] == 200


def test_pd_37_limits_off_means_no_word_of_limits(pipedrive: Caller) -> None:
    pipedrive.set(daily_budget=5)
    assert [pipedrive("GET", V2)[0] for _ in range(3)] == [200, 200, 200]
    assert not [name for name in reply(pipedrive.app, "GET", V2).headers if name.startswith(("x-daily", "x-ratelimit"))]


@pytest.mark.parametrize(("plan", "burst"), [("lite", 20), ("growth", 40)])
def test_pd_38_bursts(vendor: Caller, plan: str, burst: int) -> None:
    vendor.set(plan=plan)
    statuses = [vendor("GET", f"{V2}?limit=1")[0] for _ in range(burst + 1)]
    assert statuses == [200] * burst + [429]
    vendor.advance(2)
    assert vendor("GET", V2)[0] == 200


def test_pd_38_searches(vendor: Caller) -> None:
    vendor.set(plan="ultimate")
    statuses = [vendor("GET", f"{V2}/search?term=ab")[0] for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert vendor("GET", V2)[0] == 200


def exhausted(vendor: Caller) -> Reply:
    for _ in range(20):
        vendor("GET", V2)
    return reply(vendor.app, "GET", V2)


def test_pd_39_what_a_refusal_shows(vendor: Caller) -> None:
    busy = exhausted(vendor)
    body = json.loads(busy.encode())
    assert (busy.status, body["error"], body["errorCode"]) == (429, "request over limit", 429)
    assert busy.headers["x-ratelimit-limit"] == "20"
    assert busy.headers["x-ratelimit-remaining"] == "0"
    assert 1 <= int(busy.headers["x-ratelimit-reset"]) <= 3
    assert "Retry-After" not in busy.headers


@pytest.mark.parametrize(("shape", "start"), [("message", "{"), ("empty", ""), ("html", "<html>")])
def test_pd_39_other_bodies(vendor: Caller, shape: str, start: str) -> None:
    vendor.set(busy_body=shape)
    text = exhausted(vendor).encode().decode()
    assert text.startswith(start)
    assert (text == "") is (shape == "empty")


def test_pd_39_which_headers_when(vendor: Caller) -> None:
    got, posted = reply(vendor.app, "GET", V2), reply(vendor.app, "POST", V2, {"name": "A"})
    assert "x-daily-requests-left" not in got.headers
    assert "x-daily-requests-left" in posted.headers
    assert "x-daily-ratelimit-token-limit" in got.headers
    vendor.set(daily_headers=False)
    assert not [name for name in reply(vendor.app, "GET", V2).headers if name.startswith("x-daily-ratelimit")]


def test_pd_40_retry_after(vendor: Caller) -> None:
    vendor.set(daily_budget=1, daily_retry_after=10_000)
    assert reply(vendor.app, "GET", V2).headers["Retry-After"] == "10000"
    vendor.set(daily_budget=None)
    assert "Retry-After" not in exhausted(vendor).headers


def test_pd_41_ignored_refusals_bring_in_cloudflare(vendor: Caller) -> None:
    vendor.set(ban_after=3)
    for _ in range(24):
        vendor("GET", V2)
    page = reply(vendor.app, "GET", V2)
    assert (page.status, page.headers["Content-Type"][:9]) == (403, "text/html")
    vendor.advance(601)
    assert vendor("GET", V2)[0] == 200


def test_pd_42_plan_limit_and_permission(pipedrive: Caller) -> None:
    pipedrive.set(deal_cap=1)
    assert pipedrive("POST", "/api/v2/deals", {"title": "One"})[0] == 200
    status, answer = pipedrive("POST", "/api/v2/deals", {"title": "Two"})
    assert (status, answer["code"]) == (403, "feature_capping_deals_limit")
    pipedrive.set(forbidden=["/personFields"])
    status, answer = pipedrive("GET", "/api/v2/personFields")
    assert (status, answer["error"], answer["data"]) == (403, "You do not have permissions to do this.", None)


def test_pd_43_exact_refusals(pipedrive: Caller) -> None:
    missing = {"success": False, "error": "requested lead not found", "error_info": "Object was not found.", "data": None}
    assert pipedrive("GET", "/api/v1/leads/nope") == (404, {**missing, "additional_data": None})
    status, answer = pipedrive("POST", "/api/v1/persons", {})
    assert (status, answer["error"], answer["data"], answer["additional_data"]) == (400, "Name must be given.", None, None)


def test_pd_44_null_where_a_body_should_be(pipedrive: Caller) -> None:
    pipedrive.set(null_bodies=1)
    assert pipedrive("GET", V2) == (200, None)
    assert pipedrive("GET", V2)[1]["data"] == []


def test_pd_45_no_conflicts(pipedrive: Caller) -> None:
    body = {"name": "Ada", "emails": [{"value": "a@x.example"}]}
    assert [pipedrive("POST", V2, body)[0] for _ in range(2)] == [200, 200]
    assert [pipedrive("POST", "/api/v2/organizations", {"name": "Acme"})[0] for _ in range(2)] == [200, 200]


def test_pd_46_new_enum_values(pipedrive: Caller) -> None:
    pipedrive.set(new_enum_values=True)
    access = pipedrive.ok("GET", "/v1/users")["data"][0]["access"]
    assert [entry["app"] for entry in access] == ["sales", "nova"]


@pytest.mark.parametrize(("status", "text"), [(401, "unauthorized access"), (429, "request over limit"), (500, "ERR_UNKNOWN")])
def test_x_06_faults_wear_the_vendors_body(pipedrive: Caller, status: int, text: str) -> None:
    pipedrive.fault(str(status), path="/api/v2/persons")
    got, answer = pipedrive("GET", V2)
    assert got == status
    assert text in json.dumps(answer)
