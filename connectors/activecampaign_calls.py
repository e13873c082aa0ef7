"""How ActiveCampaign's answers are to be read: the 403 that is not meant, the 200 without content, the lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from connectors.errors import ConnectorError, Denied, OutcomeUnknown, Retry, Unreadable
from connectors.http import Answer, Door, Params

API: Final = "/api/3"
PAGE: Final = 100  # larger limits are silently lowered
EMPTY_TRIES: Final = 3


class Calls:
    """Requests to one account, with the vendor's habits taken care of."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def read(self, path: str, *, kind: str, params: Params = None) -> Mapping[str, Any]:
        """The body of a successful read."""
        return self.body(self.fetch(path, kind=kind, params=params))

    def fetch(self, path: str, *, kind: str, params: Params = None) -> Answer:
        """The answer to a read. Long crawls meet a 200 without content (tap-activecampaign); it is asked for again."""
        for _ in range(EMPTY_TRIES):
            answer = self.send("GET", path, kind=kind, params=params)
            if not answer.ok or answer.content.strip() != b"":
                return answer
        raise self.error(Retry, "answers without content", "empty_answer", "The next run tries again.", answer)

    def send(self, method: str, path: str, *, kind: str, params: Params = None, json: Any = None) -> Answer:
        """One request. A 403 can be a whim (tap-activecampaign PR 52): if the key is good, the request is made once more."""
        try:
            return self.door.send(method, API + path, kind=kind, params=params, json=json)
        except Denied as denied:
            if denied.status != 403 or not self._key_is_good():
                raise
        return self.door.send(method, API + path, kind=kind, params=params, json=json)

    def pages(self, path: str, name: str, *, kind: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The rows of a short list, by offset."""
        for body in self.bodies(path, name, kind=kind):
            yield body[name]

    def bodies(self, path: str, name: str, *, kind: str) -> Iterator[Mapping[str, Any]]:
        offset = 0
        while True:
            body = self.read(path, kind=kind, params={"limit": PAGE, "offset": offset})
            rows = self.rows(body, name)
            yield body
            offset += len(rows)
            if len(rows) == 0 or offset >= total(body, offset if len(rows) < PAGE else offset + 1):
                return

    def rows(self, body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        rows = body.get(name)
        if not isinstance(rows, list):
            raise self.error(Unreadable, f"shows no {name}", "unexpected_shape", "Check base_url.")
        return rows

    def body(self, answer: Answer) -> Mapping[str, Any]:
        if not answer.ok:
            raise self.unexpected(answer)
        body = answer.json()
        if not isinstance(body, Mapping):
            raise self.error(Unreadable, "answers in another shape than documented", "unexpected_shape", "Check base_url.", answer)
        return body

    def written(self, answer: Answer, name: str) -> Mapping[str, Any]:
        """The body of a write that was accepted; it must show the record."""
        body = answer.json()
        if not isinstance(body, Mapping) or not isinstance(body.get(name), Mapping) or "id" not in body[name]:
            raise self.error(
                OutcomeUnknown,
                "accepted a write without showing the record",
                "empty_answer",
                "It is looked up before it is tried again.",
                answer,
            )
        return body

    def unexpected(self, answer: Answer) -> ConnectorError:
        return self.error(Unreadable, f"refuses the request (status {answer.status})", "unexpected_answer", "Check base_url.", answer)

    def error(self, kind: type[ConnectorError], what: str, cause: str, fix: str, answer: Answer | None = None) -> ConnectorError:
        status, request_id = (None, None) if answer is None else (answer.status, answer.request_id)
        return kind(f"ActiveCampaign {what}.", account=self.door.account, cause=cause, fix=fix, status=status, request_id=request_id)

    def _key_is_good(self) -> bool:
        try:
            return self.door.send("GET", f"{API}/users/me", kind="meta").ok
        except ConnectorError:
            return False


def total(body: Mapping[str, Any], otherwise: int) -> int:
    """How many rows there are in all: a number shown as text, and missing in some answers."""
    meta = body.get("meta")
    text = str(meta.get("total")) if isinstance(meta, Mapping) else ""
    return int(text) if text.isdecimal() else otherwise


def echo(body: Mapping[str, Any], name: str) -> Any:
    """What the answer says it was asked; some parameters are never echoed."""
    meta = body.get("meta")
    echoed = meta.get("page_input") if isinstance(meta, Mapping) else None
    return echoed.get(name) if isinstance(echoed, Mapping) else None
