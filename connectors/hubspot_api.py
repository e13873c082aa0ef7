"""HubSpot's own library, made to speak through the door, and HubSpot's reading of refusals.

The library builds requests; answers are read here as plain JSON, for its models drop fields they do not know and cost most of the time
of a large read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from connectors.errors import BudgetSpent, ConnectorError, Denied, Misconfigured
from connectors.http import Answer, Busy, Door, retry_after
from connectors.pacing import Limit

HOST: Final = "https://api.hubapi.com"
# Private apps on the smaller plans: 100 calls in 10 s, from which search is exempt; search has 5 calls a second of its own.
LIMITS: Final = (
    Limit(100, 10, exempt=frozenset({"search", "auth"})),
    Limit(5, 1, only=frozenset({"search"})),
)
MILLISECONDS_FROM: Final = 600  # a larger Retry-After is meant in milliseconds
SAFE_ID: Final = re.compile(r"[0-9]+")


class Api:
    """The parts of the library that are used. They are built once: each access to the library's own tree makes new ones."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.batches_opt_outs = True  # until the portal says otherwise
        self.batches_statuses = True  # likewise: it is another right

    @cached_property
    def batch(self) -> Any:
        return self._client.crm.contacts.batch_api

    @cached_property
    def search(self) -> Any:
        return self._client.crm.contacts.search_api

    @cached_property
    def properties(self) -> Any:
        return self._client.crm.properties.core_api

    @cached_property
    def owners(self) -> Any:
        return self._client.crm.owners.owners_api

    @cached_property
    def _client(self) -> Any:
        from hubspot import HubSpot

        return HubSpot(access_token="signed-by-the-door", api_factory=self._through_the_door)  # noqa: S106

    def _through_the_door(self, package: ModuleType, name: str, _: Mapping[str, Any]) -> Any:
        client = package.ApiClient(configuration=package.Configuration(host=""))
        client.rest_client.pool_manager = _Pool(self.door)
        return getattr(package, name)(api_client=client)


def ask(call: Any, *args: Any, **kwargs: Any) -> Answer:
    """Call a method of the library and return the door's answer, refusals included."""
    answer: Answer = call(*args, _preload_content=False, **kwargs).answer
    return answer


class _Pool:
    """What the library takes for its connection pool."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def request(self, method: str, url: str, *, fields: Any = None, body: Any = None, headers: Any = None, **_: Any) -> _Reply:
        path = url if not fields else f"{url}?{urlencode(fields, doseq=True)}"
        kind, repeatable = kind_of(method, urlsplit(path).path)
        kept = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        return _Reply(self._door.send(method, path, kind=kind, data=body, headers=kept, repeatable=repeatable))


class _Reply:
    """The library would turn a refusal into one of many exceptions, a class per package. It is shown success; `answer` is judged here."""

    status = 200
    reason = ""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.data = answer.content


def kind_of(method: str, path: str) -> tuple[str, bool]:
    """What a request is counted as, and whether it changes nothing."""
    if path.endswith("/search"):
        return "search", True
    if path.endswith("/batch/read"):
        return "read", True
    if method == "GET":
        return ("read" if "/objects/" in path else "meta"), True
    return ("meta" if "/properties/" in path else "write"), False


def judge(account: str) -> Any:
    """HubSpot's refusals that concern the whole account."""

    def judged(answer: Answer, kind: str) -> ConnectorError | Busy | None:
        body = answer.body()
        told = body if isinstance(body, dict) else {}
        if answer.status == 429:
            return _throttled(account, answer, told, kind)
        if answer.status == 403 and told.get("category") == "MISSING_SCOPES":
            return _missing_scopes(account, answer, told)
        if answer.status == 530:
            return _denied(account, answer, "the token is malformed.", "bad_credentials", "Check the token of this account.")
        return None

    return judged


def refused(account: str, answer: Answer, what: str) -> ConnectorError:
    """The error for a refusal that no record explains."""
    return Misconfigured(
        f"HubSpot refused {what} (status {answer.status}, {category(answer)}).",
        account=account,
        cause=category(answer).lower(),
        fix="Check that the fields of the mapping exist in this portal, or run `leadloom setup`.",
        status=answer.status,
        request_id=correlation(answer),
    )


def category(answer: Answer) -> str:
    body = answer.body()
    value = body.get("category") if isinstance(body, dict) else None
    return value if isinstance(value, str) and re.fullmatch(r"[A-Z_]{1,60}", value) else "no category"


def correlation(answer: Answer) -> str | None:
    body = answer.body()
    value = body.get("correlationId") if isinstance(body, dict) else None
    return value if isinstance(value, str) and re.fullmatch(r"[\w-]{1,64}", value) else answer.request_id


def _throttled(account: str, answer: Answer, told: Mapping[str, Any], kind: str) -> ConnectorError | Busy:
    if told.get("policyName") == "DAILY":
        return BudgetSpent(
            "the daily number of calls of this portal is used up.",
            account=account,
            cause="daily_limit",
            fix="It starts anew at midnight of the portal's time zone.",
            status=429,
            request_id=correlation(answer),
        )
    wait = retry_after(answer)
    if wait is not None and wait > MILLISECONDS_FROM:
        wait /= 1000
    if wait is None:
        wait = 1.0 if kind == "search" or told.get("policyName") == "SECONDLY" else 10.0
    return Busy(wait)


def _missing_scopes(account: str, answer: Answer, told: Mapping[str, Any]) -> Denied:
    named = [scope for error in told.get("errors", ()) for scope in error.get("context", {}).get("requiredScopes", ())]
    scopes = ", ".join(dict.fromkeys(str(scope) for scope in named))
    fix = f"Grant {scopes} to the private app." if scopes else "Grant the missing scopes to the private app."
    return _denied(account, answer, "the token lacks a scope.", "missing_scope", fix)


def _denied(account: str, answer: Answer, message: str, cause: str, fix: str) -> Denied:
    return Denied(message, account=account, cause=cause, fix=fix, status=answer.status, request_id=correlation(answer))
