"""Salesforce's library, made to speak through the door; its tokens; and Salesforce's reading of refusals.

The library is always opened "direct": its own re-login repeats without end and loses headers on the way (sdk-notes). Its addresses are
https by letter, so its session hands everything to the door, which knows the host.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connectors import Access
from connectors.auth import Bearer, Token
from connectors.errors import BudgetSpent, ConnectorError, Denied, Misconfigured, OutcomeUnknown, Unreadable
from connectors.http import Answer, Busy, Door, retry_after

TOKEN: Final = "/services/oauth2/token"  # noqa: S105
CODE: Final = re.compile(r"[A-Za-z_]{1,80}")
JWT_LIFE_S: Final = 170  # the vendor takes three minutes at most
# Without the first, an assignment rule may overwrite the owner; the second is the vendor's default, said aloud.
HEADERS: Final = {
    "Sforce-Auto-Assign": "FALSE",
    "Sforce-Duplicate-Rule-Header": "allowSave=false",
    "Sforce-Query-Options": "batchSize=2000",
    "Sforce-Call-Options": "client=leadloom",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status of 300 and above, with Salesforce's errors: (code, message, fields)."""

    status: int
    errors: tuple[tuple[str, str, tuple[str, ...]], ...]
    content: Any = None

    @property
    def code(self) -> str:
        return self.errors[0][0] if self.errors else f"HTTP_{self.status}"


class Api:
    """The library, one client per thread; every method may return a `Refusal`."""

    def __init__(self, door: Door, version: str) -> None:
        self.door = door
        self.version = version
        self._local = threading.local()

    def query(self, soql: str, *, deleted: bool = False) -> Any:
        return _asked(lambda: self._client.query(soql, include_deleted=deleted))

    def more(self, url: str) -> Any:
        return _asked(lambda: self._client.query_more(url, identifier_is_url=True))

    def rest(self, method: str, path: str, *, json: Any = None, params: Mapping[str, str] | None = None) -> Any:
        """Any other resource below /services/data/vNN.0/. None is an answer without content."""
        return _asked(lambda: self._client.restful(path, params=params, method=method, json=json))

    def expect(self, answer: Any, what: str) -> Any:
        """`answer`, unless it is a refusal: then the error of the account."""
        if not isinstance(answer, Refusal):
            return answer
        raise Misconfigured(
            f"Salesforce refused {what} (status {answer.status}, {answer.code}).",
            account=self.door.account,
            cause=answer.code.lower(),
            fix="Check the objects, fields and rights of the integration user, or run `leadloom setup`.",
            status=answer.status,
        )

    def rows(self, answer: Any, what: str) -> list[Mapping[str, Any]]:
        """The records of a query's answer."""
        body = self.expect(answer, what)
        if isinstance(body, dict) and isinstance(body.get("records"), list):
            return list(body["records"])
        raise Unreadable(f"the answer to {what} has an unknown shape.", account=self.door.account, cause="unexpected_shape")

    def receipts(self, answer: Any, count: int) -> list[Mapping[str, Any]]:
        """The results of `count` rows of a collection. Another number of them says nothing about any row."""
        if isinstance(answer, list) and len(answer) == count:
            return answer
        raise OutcomeUnknown(
            "the answer to a batch of writes has an unknown shape.",
            account=self.door.account,
            cause="unexpected_shape",
            fix="The records are looked up before they are tried again.",
        )

    @property
    def _client(self) -> Any:
        if not hasattr(self._local, "client"):
            self._local.client = self._new_client()
        return self._local.client

    def _new_client(self) -> Any:
        from simple_salesforce.api import Salesforce

        session = self.door.library_session(kind_of)
        session.headers.update(HEADERS)
        client = Salesforce(session_id="signed-by-the-door", instance_url=self.door.base_url, version=self.version, session=session)
        client.headers.pop("X-PrettyPrint")
        return client


ABOUT_THE_ORG = re.compile(r"FROM\+(Organization|User|Group|FieldDefinition)\b")  # who is there, not what their leads are


def kind_of(method: str, path: str) -> tuple[str, bool]:
    """What a request is counted as, and whether it changes nothing."""
    if method != "GET":
        return ("meta" if "/tooling/" in path or "/sobjects/FieldPermissions" in path else "write"), False
    return ("read" if "/query" in path and not ABOUT_THE_ORG.search(path) else "meta"), True


def judge(account: str) -> Any:
    """Salesforce's refusals that concern the whole account, or the moment."""

    def judged(answer: Answer, kind: str) -> ConnectorError | Busy | None:
        code = _code(answer)
        if answer.status == 403 and code == "REQUEST_LIMIT_EXCEEDED":
            return _limited(account, answer)
        if answer.status in (406, 420) or (code == "QUERY_TIMEOUT" and kind == "read"):
            return Busy(retry_after(answer))
        if answer.status == 403:
            return _denied(account, answer, "access is refused", code)
        if code == "UNSUPPORTED_API_VERSION":
            return Misconfigured(
                "this org does not serve the API version.",
                account=account,
                cause="api_version",
                fix="Set api_version.",
                status=answer.status,
            )
        return None

    return judged


def bearer(access: Access, door: Callable[[], Door], clock: Callable[[], float] = time.time) -> Bearer:
    """Tokens by client credentials or a signed assertion; a session id alone cannot be renewed."""
    secrets = [value for name in ("client_secret", "private_key") if (value := access.secret(name)) is not None]
    if not _renewable(access) and access.secret("session_id") is None:
        access.needed("client_secret")
    return Bearer(lambda: _fetched(access, door(), clock), token=access.secret("session_id"), secrets=secrets, clock=clock)


def user_of(token_body: Mapping[str, Any]) -> tuple[str, str] | None:
    """(org, user) from the identity address that comes with a token."""
    found = re.search(r"/id/(\w{15,18})/(\w{15,18})", str(token_body.get("id", "")))
    return None if found is None else (found.group(1), found.group(2))


def _fetched(access: Access, door: Door, clock: Callable[[], float]) -> Token:
    if not _renewable(access):
        raise Denied(
            "the session has ended, and there is nothing to renew it with.",
            account=access.account,
            cause="session_ended",
            fix="Give client_id and client_secret instead of a session id.",
            status=401,
        )
    answer = door.send("POST", TOKEN, kind="auth", data=_form(access, clock), signed=False, repeatable=True)
    if not answer.ok:
        raise _denied(access.account, answer, "no token was given", _code(answer))
    return Token(str(answer.json()["access_token"]))


def _renewable(access: Access) -> bool:
    return access.secret("client_secret") is not None or _signs(access)


def _signs(access: Access) -> bool:
    return access.secret("private_key") is not None or "private_key_file" in access.options


def _form(access: Access, clock: Callable[[], float]) -> dict[str, str]:
    client_id = access.needed("client_id")
    if not _signs(access):
        return {"grant_type": "client_credentials", "client_id": client_id, "client_secret": access.needed("client_secret")}
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _assertion(access, client_id, clock)}


def _assertion(access: Access, client_id: str, clock: Callable[[], float]) -> str:
    import jwt

    key = access.secret("private_key") or Path(access.options["private_key_file"]).read_text(encoding="utf-8")
    claims = {
        "iss": client_id,
        "sub": access.needed("username"),
        "aud": access.options.get("login_url", "https://login.salesforce.com"),
        "exp": int(clock()) + JWT_LIFE_S,
    }
    return jwt.encode(claims, key, algorithm="RS256")


def _asked(call: Callable[[], Any]) -> Any:
    from simple_salesforce.exceptions import SalesforceError

    try:
        return call()
    except SalesforceError as error:
        # The library's exception holds the address and the whole content: it must not travel on as a cause.
        refusal = Refusal(int(error.status), _errors(error.content), error.content)
    return refusal


def _errors(content: Any) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    listed = content if isinstance(content, list) else [content]
    return tuple(
        (str(item["errorCode"]), str(item.get("message", "")), tuple(str(name) for name in item.get("fields") or ()))
        for item in listed
        if isinstance(item, dict) and CODE.fullmatch(str(item.get("errorCode", "")))
    )


def _code(answer: Answer) -> str:
    body = answer.body()
    first = body[0] if isinstance(body, list) and body else body
    told = (first.get("errorCode") or first.get("error")) if isinstance(first, dict) else None
    return told if isinstance(told, str) and CODE.fullmatch(told) else ""


def _limited(account: str, answer: Answer) -> ConnectorError | Busy:
    if b"Concurrent" in answer.content:
        return Busy(None)
    usage = re.search(r"api-usage=(\d+)/(\d+)", answer.headers.get("Sforce-Limit-Info", ""))
    amount = "" if usage is None else f" ({usage.group(1)} of {usage.group(2)} calls)"
    return BudgetSpent(
        f"the org's calls of the last 24 hours are used up{amount}.",
        account=account,
        cause="daily_limit",
        fix="They come back over the next 24 hours; other programs share them.",
        status=answer.status,
        request_id=answer.request_id,
    )


def _denied(account: str, answer: Answer, what: str, code: str) -> Denied:
    return Denied(
        f"{what} (status {answer.status}{', ' + code if code else ''}).",
        account=account,
        cause=code.lower() or "forbidden",
        fix="Check the credentials and the rights of the integration user.",
        status=answer.status,
        request_id=answer.request_id,
    )
