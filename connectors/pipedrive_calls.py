"""How Pipedrive's answers are to be read: refusals, lists, and the 200 without content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from connectors.errors import AccountStopped, BudgetSpent, ConnectorError, Denied, OutcomeUnknown, RecordRefused, Retry, Unreadable
from connectors.http import Answer, Busy, Door, retry_after

LONGEST_BURST_S: Final = 60.0
EMPTY_TRIES: Final = 3
DEAREST_CALL: Final = 20  # tokens, of the calls that are made here: a search or the list of users


def judge(account: str, answer: Answer, kind: str) -> ConnectorError | Busy | None:
    """Pipedrive's own meaning of a refusal; None leaves it to the general rules."""
    if answer.status == 429:
        return _limit(account, answer)
    if answer.status == 402:
        return AccountStopped(
            "the company is closed or its trial is over (status 402).",
            account=account,
            cause="account_closed",
            fix="Renew the subscription.",
            status=402,
        )
    if answer.status == 403:
        return _forbidden(account, answer, kind)
    return None


def _limit(account: str, answer: Answer) -> ConnectorError | Busy:
    """Burst or day? Neither the status nor Retry-After tells (page "Rate limiting"); the budget header does where it is sent."""
    left = answer.headers.get("x-daily-ratelimit-token-remaining", "")
    if left.isdecimal() and int(left) < DEAREST_CALL:
        return BudgetSpent(
            "the company's daily token budget is used up.",
            account=account,
            cause="daily_budget",
            fix="It is refilled at midnight, Pipedrive's time; the next run goes on.",
            status=429,
        )
    reset = _seconds(answer.headers.get("x-ratelimit-reset"))
    return Busy(retry_after(answer) if reset is None else reset)


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds <= LONGEST_BURST_S else None


def _forbidden(account: str, answer: Answer, kind: str) -> ConnectorError | None:
    body = answer.body()
    if not isinstance(body, Mapping):
        # Calls that go on after many 429 are answered with a page of HTML by the network in front (page "Rate limiting").
        return AccountStopped(
            "Pipedrive's network blocks this token (status 403 with a page instead of data).",
            account=account,
            cause="blocked",
            fix="Wait, and lower the number of calls; look for other programs that use the same token.",
            status=403,
        )
    if str(body.get("code", "")).startswith("feature_capping"):
        return AccountStopped(
            "the plan of this company allows no more of these records.",
            account=account,
            cause="plan_limit",
            fix="Extend the plan or delete records.",
            status=403,
        )
    if kind == "write" and "scope" not in str(body.get("error", "")).casefold():
        return RecordRefused(
            "the token's user may not change this record.",
            account=account,
            cause="forbidden",
            fix="Check the visibility and the rights of the token's user.",
            status=403,
        )
    return Denied(
        "the token lacks a right that this call needs (status 403).",
        account=account,
        cause="missing_scope",
        fix="Check the scopes of the token and the rights of its user.",
        status=403,
    )


def read(door: Door, path: str, *, kind: str, params: Mapping[str, Any] | None = None) -> Any:
    """The body of a successful read."""
    return readable(door, fetch(door, path, kind=kind, params=params))


def fetch(door: Door, path: str, *, kind: str, params: Mapping[str, Any] | None = None) -> Answer:
    """The answer to a read. A 200 without content is asked for again (tap-pipedrive PR 131), then left to the next run."""
    for _ in range(EMPTY_TRIES):
        answer = door.send("GET", path, kind=kind, params=params)
        if not answer.ok or not _empty(answer):
            return answer
    raise Retry(
        "Pipedrive answers without content.",
        account=door.account,
        cause="empty_answer",
        fix="The next run tries again.",
        status=answer.status,
        request_id=answer.request_id,
    )


def _empty(answer: Answer) -> bool:
    if answer.content.strip() in (b"", b"null"):
        return True
    body = answer.json()
    return isinstance(body, Mapping) and "data" in body and body["data"] is None


def readable(door: Door, answer: Answer) -> Any:
    """The parsed body of an answer that must be a success with `data`."""
    if not answer.ok:
        raise unexpected(door, answer)
    body = answer.json()
    if not isinstance(body, Mapping) or "data" not in body:
        raise _shapeless(door, answer)
    return body


def pages(door: Door, path: str, params: Mapping[str, Any], *, kind: str) -> Iterator[Any]:
    """The `data` of every page of a list."""
    sent = dict(params)
    while True:
        answer = fetch(door, path, kind=kind, params=sent)
        body = readable(door, answer)
        yield body["data"]
        cursor = next_cursor(body)
        if cursor is None:
            return
        if cursor == sent.get("cursor"):
            raise stuck(door, answer)
        sent["cursor"] = cursor


def next_cursor(body: Mapping[str, Any]) -> str | None:
    more = body.get("additional_data")
    cursor = more.get("next_cursor") if isinstance(more, Mapping) else None
    return None if cursor is None else str(cursor)


def written(door: Door, answer: Answer) -> Mapping[str, Any]:
    """The record in the answer of a write that was accepted."""
    body = answer.json()
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping) or "id" not in data:
        raise OutcomeUnknown(
            "the write was accepted, but the answer does not show the record.",
            account=door.account,
            cause="empty_answer",
            fix="The record is looked up before it is tried again.",
            status=answer.status,
            request_id=answer.request_id,
        )
    return data


def unexpected(door: Door, answer: Answer) -> ConnectorError:
    return _unreadable(door, answer, f"Pipedrive refuses the request (status {answer.status}).", "unexpected_answer")


def stuck(door: Door, answer: Answer) -> ConnectorError:
    return _unreadable(door, answer, "the pages of a list do not go forward.", "paging")


def _shapeless(door: Door, answer: Answer) -> ConnectorError:
    return _unreadable(door, answer, "the answer does not have the documented shape.", "unexpected_shape")


def _unreadable(door: Door, answer: Answer, message: str, cause: str) -> ConnectorError:
    fix = "Check base_url."
    return Unreadable(message, account=door.account, cause=cause, fix=fix, status=answer.status, request_id=answer.request_id)
