"""Pipedrive's two limits: a daily budget of tokens for the company, and bursts per token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.limits import Window
from sandbox.messages import HTML_PAGE, Reply, Request, phrase
from sandbox.pipedrive_answers import CLOUDFLARE_PAGE, gateway

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

BURST_S = 2
DAY_S = 86_400
BASE_BUDGET = 30_000
PLANS = {"lite": (1, 20, 80), "growth": (2, 40, 160), "premium": (5, 100, 400), "ultimate": (7, 120, 480)}  # budget factor, token, OAuth
SEARCHES = 10


class Meter:
    """What was spent. Counts always; refuses only where the limits are on."""

    def __init__(self) -> None:
        self.day = -1
        self.spent = 0
        self.writes = 0
        self.ignored = 0  # 429s in a row
        self.banned_until = 0.0
        self.windows: dict[str, Window] = {}
        self.refusal = ""  # burst | daily: why the request being served was refused

    def budget(self, app: Pipedrive) -> int:
        override = app.settings["daily_budget"]
        return int(BASE_BUDGET * PLANS[app.settings["plan"]][0] * app.settings["seats"] if override is None else override)

    def left(self, app: Pipedrive) -> int:
        return max(0, self.budget(app) - self.spent)

    def window(self, app: Pipedrive, who: str) -> Window:
        limit = SEARCHES if who.endswith(" search") else PLANS[app.settings["plan"]][2 if who.startswith("oauth") else 1]
        held = self.windows.setdefault(who, Window(limit, BURST_S))
        held.limit = limit
        return held

    def charge(self, app: Pipedrive, request: Request, cost: int, search: bool) -> Reply | None:
        now, self.refusal = app.clock.now(), ""
        today = int((now + app.settings["reset_offset_h"] * 3600) // DAY_S)
        if today != self.day:
            self.day, self.spent, self.writes = today, 0, 0
        if "vendor" not in app.limits:
            self._spend(request, cost)
            return None
        if now < self.banned_until:
            return Reply(403, CLOUDFLARE_PAGE)
        self.refusal = self._refusal(app, now, who(app, request), cost, search)
        if self.refusal == "":
            self._spend(request, cost)
            self.ignored = 0
            return None
        self.ignored += 1
        if self.ignored > app.settings["ban_after"]:
            self.banned_until, self.ignored = now + app.settings["ban_s"], 0
        return busy(app)

    def _refusal(self, app: Pipedrive, now: float, who: str, cost: int, search: bool) -> str:
        if self.spent + cost > self.budget(app):
            return "daily"
        if search and not self.window(app, f"{who} search").take(now):
            return "burst"
        return "" if self.window(app, who).take(now) else "burst"

    def _spend(self, request: Request, cost: int) -> None:
        self.spent += cost
        self.writes += request.method != "GET"


def who(app: Pipedrive, request: Request) -> str:
    """Bursts are counted per token."""
    bearer = request.headers.get("authorization")
    return f"oauth {bearer}" if bearer is not None else f"token {app.hub}"


def busy(app: Pipedrive) -> Reply:
    """The vendor documents no 429 body: its gateway's form is the likely one."""
    shape = app.settings["busy_body"]
    message = "request over limit"
    bodies: dict[str, Any] = {"message": {"message": message}, "empty": None, "html": HTML_PAGE.format(status=429, phrase=phrase(429))}
    reply = Reply(429, bodies[shape]) if shape in bodies else gateway(429, message)
    wait = app.settings["daily_retry_after" if app.spending.refusal == "daily" else "retry_after"]
    if wait is not None:
        reply.headers["Retry-After"] = str(wait)
    return reply


def add_headers(app: Pipedrive, request: Request, reply: Reply) -> None:
    """Without limits there is nothing to tell: a budget that reads 0 would stop a client that nothing stops."""
    if "vendor" not in app.limits:
        return
    spending, now = app.spending, app.clock.now()
    window = spending.window(app, who(app, request))
    reply.headers["x-ratelimit-limit"] = str(int(window.limit))
    reply.headers["x-ratelimit-remaining"] = str(int(window.remaining(now)))
    reply.headers["x-ratelimit-reset"] = str(max(1, round(window.resets_in(now) + 0.5)) if window.used(now) else BURST_S)
    if app.settings["daily_headers"]:
        reply.headers["x-daily-ratelimit-token-limit"] = str(spending.budget(app))
        reply.headers["x-daily-ratelimit-token-remaining"] = str(spending.left(app))
    if request.method != "GET" and "x-api-token" in request.headers:
        reply.headers["x-daily-requests-left"] = str(max(0, 10_000 - spending.writes))
