"""A hand on the CRM behind a connector: what people do in it, what goes wrong in it, and what it really holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connectors.base import Json
from sandbox.messages import Clock, Reply, Request
from sandbox.wire import App
from tests.contract.dialects import Dialect, Row

HOUR = 3600.0
READING_POSTS = ("/search", "/batch/read")
Rewrite = Callable[[Request, Reply], Reply]


def only_reads(request: Mapping[str, Any]) -> bool:
    """Whether a request of the log changes nothing; getting a token is no write either."""
    path = str(request["path"])
    return request["method"] == "GET" or path.endswith(READING_POSTS) or "/oauth" in path


class World:
    """One CRM, as its people and its operators see it. Nothing here goes through the connector."""

    def __init__(self, app: App, dialect: Dialect, clock: Clock) -> None:
        self.app = app
        self.dialect = dialect
        self.clock = clock
        self._handle = app.handle

    # What people do

    def human_create(self, **said: Any) -> str:
        fields = {**self.dialect.beside, **self._in_human_terms(said)}
        return str(self._act("create", fields=fields)["id"])

    def human_edit(self, id: str, **said: Any) -> None:
        self._act("edit", id=id, fields=self._in_human_terms(said))

    def human_clear(self, id: str, *logical: str) -> None:
        self._act("clear", id=id, fields=[self.dialect.names[name] for name in logical])

    def human_delete(self, id: str) -> None:
        self._act("delete", id=id)

    def human_merge(self, loser: str, into: str) -> str:
        return str(self._act("merge", id=loser, into=into)["id"])

    def human_convert(self, id: str) -> str:
        return str(self._act("convert", id=id)["id"])

    def human_unsubscribe(self, id: str) -> None:
        self._act("edit", id=id, **dict(self.dialect.clicks_unsubscribe))

    def human_leaves(self, id: str) -> None:
        """The person says no to one thing and to nothing else."""
        narrow = self.dialect.narrow
        assert narrow is not None
        self.human_has_more(id)
        self._act(id=id, **narrow.leaves)

    def human_has_more(self, id: str) -> None:
        """The person gets more than what a narrow no is about, so that it is not all there is."""
        if self.dialect.narrow is not None and self.dialect.narrow.has_more is not None:
            self._act(id=id, **self.dialect.narrow.has_more)

    def restore(self, id: str) -> None:
        self._act("restore", id=id)

    def hide(self, id: str) -> None:
        """Out of our sight, though nobody deleted it."""
        self._act(self.dialect.hides, id=id)

    def workflow_on_write(self, logical: str, **sets: Any) -> None:
        when = self.dialect.names[logical]
        self._control("act", {"do": "workflow", "object": self.dialect.object, "when": when, "fields": self._in_human_terms(sets)})

    def rename_option(self, logical: str, old: str, new: str) -> None:
        """Somebody calls a choice otherwise from now on."""
        field = self.app.person_fields.named(self.dialect.names[logical])  # type: ignore[attr-defined]  # Pipedrive only
        next(option for option in field.options if option["label"] == old)["label"] = new

    def crowd(self, count: int, first: int = 0) -> list[str]:
        """So many people, all created in this very moment; their ids, oldest first."""
        before = set(self.records())
        if self.dialect.seeded:
            self.app.plant([person(number) for number in range(first, first + count)])
        else:
            for number in range(first, first + count):
                self.human_create(given=f"Ada{number}", family=f"Byron{number}", email=f"ada{number}@firma.example")
        return sorted(set(self.records()) - before, key=lambda id: (len(id), id))

    # What happens to requests

    def fault(self, kind: str, *, method: str = "*", path: str = "*", times: int | None = 1, after: int = 0, **options: Any) -> None:
        self._control("faults", {"match": {"method": method, "path": path}, "fault": kind, "times": times, "after": after, **options})

    def no_more_faults(self) -> None:
        self._control("faults", method="DELETE")

    def lose_next_answer(self) -> None:
        """The request is carried out; its answer never comes."""
        self.fault("timeout_after")

    def throttle(self, times: int | None, retry_after: float) -> None:
        self.fault("429", times=times, retry_after=retry_after)

    def rewrite(self, change: Rewrite) -> None:
        """Let `change` have a look at, or replace, every answer from now on."""

        def handle(request: Request) -> Reply:
            return change(request, self._handle(request))

        self.app.handle = handle  # type: ignore[method-assign]

    def change_pages(self, change: Callable[[int, Any], Any]) -> None:
        """Let `change(number, body)` replace the body of every list that is answered from now on; None leaves it."""
        seen: list[str] = []

        def changed(request: Request, reply: Reply) -> Reply:
            body = decoded(reply)
            if not isinstance(body, dict) or not isinstance(body.get(self.dialect.rows_of), list):
                return reply
            seen.append(request.path)
            instead = change(len(seen), body)
            return reply if instead is None else Reply(reply.status, instead, _same_headers(reply))

        self.rewrite(changed)

    def honest(self) -> None:
        """No rewriting any more."""
        self.app.handle = self._handle  # type: ignore[method-assign]

    def expire_token(self) -> None:
        """Every token that was handed out stops working now."""
        for name in ("tokens", "sessions"):
            tokens = getattr(self.app, name, {})
            tokens.update(dict.fromkeys(tokens, 0.0))

    def advance_clock(self, seconds: float) -> None:
        self._control("clock", {"advance_s": seconds})

    def set(self, **switches: Any) -> None:
        self._control("settings", switches)

    # What there is

    def requests(self) -> list[dict[str, Any]]:
        return self.app.requests()

    def writes(self) -> list[dict[str, Any]]:
        return [request for request in self.requests() if not only_reads(request)]

    def forget_requests(self) -> None:
        self._control("requests", method="DELETE")

    @contextmanager
    def watched(self) -> Iterator[list[dict[str, Any]]]:
        """The requests made in between."""
        self.forget_requests()
        seen: list[dict[str, Any]] = []
        yield seen
        seen.extend(self.requests())

    def records(self) -> dict[str, Row]:
        """What people see in the CRM now, by id."""
        rows = self.app.records()[self.dialect.object]
        return {str(row[self.dialect.id_of]): row for row in rows if self.dialect.alive(row)}

    def mailable(self, id: str) -> bool:
        return self.dialect.mailable(self.records()[id])

    def permits(self, id: str) -> bool:
        """Whether the narrow consent still says yes, or nothing."""
        narrow = self.dialect.narrow
        assert narrow is not None
        return narrow.permits(self.records()[id])

    def raw(self, id: str, name: str) -> Json:
        return self.dialect.shown(self.records()[id], name)

    def _in_human_terms(self, said: Mapping[str, Any]) -> dict[str, Json]:
        return {self.dialect.names[logical]: self.dialect.in_human_terms(logical, value) for logical, value in said.items()}

    def _act(self, do: str, **body: Any) -> Any:
        return self._control("act", {"do": do, "object": self.dialect.object, **body})

    def _control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        reply = self._handle(Request(method, f"/_sandbox/{name}", {"content-type": "application/json"}, raw))
        assert reply.status == 200, f"{name}: {decoded(reply)}"
        return decoded(reply)


def person(number: int) -> dict[str, str]:
    return {
        "first_name": f"Ada{number}",
        "last_name": f"Byron{number}",
        "email": f"ada{number}@firma.example",
        "company": "Firma",
    }


def decoded(reply: Reply) -> Any:
    try:
        return json.loads(reply.encode())
    except ValueError:
        return None


def _same_headers(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name.lower() != "content-length"}


def ids_of(records: Iterable[Any]) -> list[str]:
    return [record.id for record in records]
