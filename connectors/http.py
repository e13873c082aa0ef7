"""The door: every request to one account leaves through it, and no other way.

It owns sessions, timeouts, pacing, retries, credentials, counting and redaction. Its rule for retries:

- a read is repeated when the CRM is busy, broken or silent, a bounded number of times;
- a write is repeated only when the CRM said that it did nothing (429) or when no connection was made. A write whose answer was lost
  raises `OutcomeUnknown`, for it may have happened.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from connectors.answers import Answer, Busy, escape, id_note, retry_after
from connectors.auth import Asked, Auth
from connectors.errors import AccountStopped, BudgetSpent, ConnectorError, Denied, Misconfigured, OutcomeUnknown, Retry, Unreadable
from connectors.pacing import Pacer

__all__ = ("Answer", "Busy", "Door", "Judge", "escape", "retry_after")

log = logging.getLogger("leadloom.connectors")

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
BUSY: Final = frozenset({423, 477})  # the vendor says that it did not even begin
PATIENCE_S: Final = 120.0  # a longer wait is for the next run
SHORTEST_SECRET: Final = 4

Params = Mapping[str, Any] | Sequence[tuple[str, Any]] | None


Judge = Callable[[Answer, str], "ConnectorError | Busy | None"]


class _Again(Exception):
    """One attempt failed in a way that allows another; `last` is raised after the last attempt."""

    def __init__(self, last: ConnectorError, wait_s: float | None = None) -> None:
        super().__init__(last.cause)
        self.last = last
        self.wait_s = wait_s


class Door:
    """One account's way out, for any number of threads.

    `headers` signs requests: an `Auth`, or a function that gives the headers. `judge(answer, kind)` is the vendor's own reading of a
    refusal (status 400 and above): an error to raise, `Busy` to wait, None for the general rules. `calls` counts requests by kind.
    """

    def __init__(
        self,
        account: str,
        base_url: str,
        *,
        headers: Auth | Callable[[], Mapping[str, str]],
        pacer: Pacer | None = None,
        timeout: tuple[float, float] = (5, 30),
        attempts: int = 5,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        adapter: BaseAdapter | None = None,
        secrets: Sequence[Any] = (),
        judge: Judge | None = None,
    ) -> None:
        self.account = account
        self.base_url = base_url.rstrip("/")
        self.clock = clock
        self.sleep = sleep
        self.calls: Counter[str] = Counter()
        self._auth: Auth = Asked(headers) if callable(headers) else headers
        self._pacer = Pacer() if pacer is None else pacer
        self._timeout = timeout
        self._attempts = attempts
        self._adapter = adapter
        self._secrets = tuple(_revealed(secret) for secret in secrets)
        self._judge = judge
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()
        self._ahead_s = 0.0
        # urllib3 writes whole paths to its debug log, and paths can hold addresses.
        logging.getLogger("urllib3").setLevel(logging.WARNING)

    def send(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        params: Params = None,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        signed: bool = True,
    ) -> Answer:
        """Send one request and return the answer that is the caller's business: 2xx, 300, 304, and 4xx about the request itself.

        `repeatable` says that the request changes nothing (by default GET). `path` begins with a slash and is escaped.
        """
        call = _Call(method.upper(), _pinned(path), kind, params, json, data, dict(headers or {}), repeatable, signed)
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=_wait,
            stop=stop_after_attempt(self._attempts),
            sleep=self.sleep,
            reraise=True,
        )
        failed: ConnectorError
        try:
            return retrying(self._attempt, call)
        except _Again as again:
            failed = again.last
        raise failed

    def session(self) -> requests.Session:
        """This thread's session; the same one on every call."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._new_session()
            self._local.session = session
        return session

    def library_session(self, classify: Callable[[str, str], tuple[str, bool]]) -> requests.Session:
        """A session for a vendor's library. Whatever host the library calls, its request goes through this door.

        `classify(method, path)` gives a request's kind and whether it is repeatable.
        """
        session = requests.Session()
        session.auth = _as_it_is
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Through(self, classify))
        return session

    def redact(self, text: str) -> str:
        """`text` without any of this account's secrets."""
        for secret in sorted({*self._secrets, *self._auth.secrets()}, key=len, reverse=True):
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text

    def crm_time(self) -> float:
        """Now, by the CRM's clock as its last answer showed it; by ours until there was one."""
        return self.clock() + self._ahead_s

    def close(self) -> None:
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
        self._local = threading.local()

    def __repr__(self) -> str:
        return f"Door({self.account!r}, {self.base_url!r})"

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.auth = _as_it_is
        adapter = HTTPAdapter(max_retries=0) if self._adapter is None else self._adapter
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        with self._lock:
            self._sessions.append(session)
        return session

    def _attempt(self, call: _Call) -> Answer:
        answer, used = self._exchange(call)
        if answer.status == 401 and call.signed and self._auth.renew(used):
            # A request that was not let in did nothing, so even a write may go again, once.
            answer, _ = self._exchange(call)
        return self._judged(call, answer)

    def _exchange(self, call: _Call) -> tuple[Answer, Mapping[str, str]]:
        signature = self._auth.headers() if call.signed else {}
        self._pacer.take(call.kind)
        with self._lock:
            self.calls[call.kind] += 1
        started = self.clock()
        response, lost = self._transfer(call, signature)
        if response is None:
            raise lost
        log.debug("%s %s %s %s in %.3f s", self.account, call.kind, call.method, response.status_code, self.clock() - started)
        answer = Answer(self.account, response.status_code, response.headers, response.content, wrote=not call.repeatable)
        if answer.date is not None:
            self._ahead_s = answer.date.timestamp() - self.clock()
        return answer, signature

    def _transfer(self, call: _Call, signature: Mapping[str, str]) -> tuple[requests.Response | None, Exception]:
        """The response, or what its absence means. Errors of the transport are not chained: they hold addresses and paths."""
        try:
            response = self.session().request(
                call.method,
                self.base_url + call.path,
                params=call.params,
                json=call.json,
                data=call.data,
                headers={**call.headers, **signature},
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError:
            return None, AccountStopped(
                "the server's certificate was not accepted.",
                account=self.account,
                cause="tls",
                fix="Check base_url and the certificate authorities of this machine.",
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
            return None, self._error(Misconfigured, "base_url is not an http or https address.", "bad_base_url", "Correct base_url.")
        except requests.RequestException as error:
            return None, self._lost(call, connected=not _never_connected(error))
        return response, _Again(Retry(""))

    def _lost(self, call: _Call, *, connected: bool) -> Exception:
        if not connected:
            return _Again(self._error(Retry, "no connection could be made.", "unreachable", "Check base_url and the network."))
        if call.repeatable:
            return _Again(self._error(Retry, "the connection broke before the answer came.", "no_answer", "The next run tries again."))
        return self._error(
            OutcomeUnknown, "the connection broke after a write was sent.", "no_answer", "The record is looked up before it is tried again."
        )

    def _judged(self, call: _Call, answer: Answer) -> Answer:
        if answer.ok or answer.status in (300, 304):
            return answer
        if answer.status < 400:
            raise self._answered(Unreadable, answer, "redirects elsewhere", "redirected", "Check base_url: redirects are not followed.")
        verdict = None if self._judge is None else self._judge(answer, call.kind)
        if isinstance(verdict, Busy):
            raise self._busy(answer, verdict)
        if verdict is not None:
            raise verdict
        return self._by_the_rules(call, answer)

    def _by_the_rules(self, call: _Call, answer: Answer) -> Answer:
        status = answer.status
        if status == 401:
            raise self._answered(Denied, answer, "does not accept the credentials", "bad_credentials", "Check the token of this account.")
        if status == 403:
            raise self._answered(Denied, answer, "refuses access", "forbidden", "Check what the token is allowed to do.")
        if status == 429 or status in BUSY:
            raise self._busy(answer, Busy(retry_after(answer)), again=status == 429 or call.repeatable)
        if status < 500:
            return answer
        if call.repeatable:
            raise _Again(self._answered(Retry, answer, "has an outage", "server_error", "The next run tries again."), retry_after(answer))
        raise self._answered(
            OutcomeUnknown, answer, "failed during a write", "server_error", "The record is looked up before it is tried again."
        )

    def _busy(self, answer: Answer, busy: Busy, *, again: bool = True) -> Exception:
        if busy.wait_s is not None and busy.wait_s > PATIENCE_S:
            resume_at = datetime.fromtimestamp(self.clock() + busy.wait_s, UTC)
            return BudgetSpent(
                f"the CRM asks to wait until {resume_at:%Y-%m-%d %H:%M} UTC.",
                account=self.account,
                cause="rate_limited",
                status=answer.status,
                request_id=answer.request_id,
                resume_at=resume_at,
            )
        error = self._answered(Retry, answer, "is too busy", "rate_limited" if answer.status == 429 else "locked", "The next run goes on.")
        return _Again(error, busy.wait_s) if again else error

    def _answered(self, kind: type[ConnectorError], answer: Answer, what: str, cause: str, fix: str) -> ConnectorError:
        message = self.redact(f"the CRM {what} (status {answer.status}{id_note(answer.request_id)}).")
        return kind(message, account=self.account, cause=cause, fix=fix, status=answer.status, request_id=answer.request_id)

    def _error(self, kind: type[ConnectorError], message: str, cause: str, fix: str) -> ConnectorError:
        return kind(message, account=self.account, cause=cause, fix=fix)


class _Call:
    __slots__ = ("data", "headers", "json", "kind", "method", "params", "path", "repeatable", "signed")

    def __init__(
        self,
        method: str,
        path: str,
        kind: str,
        params: Params,
        json: Any,
        data: Any,
        headers: dict[str, str],
        repeatable: bool | None,
        signed: bool,
    ) -> None:
        self.method = method
        self.path = path
        self.kind = kind
        self.params = params
        self.json = json
        self.data = data
        self.headers = headers
        self.repeatable = method in READS if repeatable is None else repeatable
        self.signed = signed


class _Through(BaseAdapter):
    """Takes a library's prepared request through the door and gives the answer back as the library expects it."""

    def __init__(self, door: Door, classify: Callable[[str, str], tuple[str, bool]]) -> None:
        super().__init__()
        self._door = door
        self._classify = classify

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ARG002
        method = str(request.method)
        kind, repeatable = self._classify(method, request.path_url)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("authorization", "content-length")}
        answer = self._door.send(method, request.path_url, kind=kind, data=request.body, headers=headers, repeatable=repeatable)
        return _Response(answer, request)

    def close(self) -> None:
        """Nothing is held here."""


def _wait(state: RetryCallState) -> float:
    error = None if state.outcome is None else state.outcome.exception()
    told = error.wait_s if isinstance(error, _Again) else None
    return _growing(state) if told is None else told


_growing: Final = wait_exponential_jitter(multiplier=0.5, max=30)


def _pinned(path: str) -> str:
    if not path.startswith("/") or path.startswith(("//", "/\\")):
        raise ValueError("a path begins with one slash: the host is the account's own")
    return path


def _never_connected(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """A session's signer. Without one, requests would replace our header by what a netrc file holds for the host."""
    return request


class _Response(requests.Response):
    """What a library gets: its `json` is ours, so that a page of HTML never reaches the library's own handling."""

    def __init__(self, answer: Answer, request: requests.PreparedRequest) -> None:
        super().__init__()
        self.status_code = answer.status
        self.headers = requests.structures.CaseInsensitiveDict(answer.headers)
        self._content = answer.content
        self.encoding = "utf-8"
        self.request = request
        self.url = str(request.url)
        self._answer = answer

    def json(self, **_: Any) -> Any:
        return self._answer.json()


def _revealed(secret: Any) -> str:
    return secret if isinstance(secret, str) else str(secret.get_secret_value())
