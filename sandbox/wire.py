"""The core of the four servers: requests, replies, routes, a clock, and the app that every imitation extends.

A subclass of `App` declares its routes with `@route`, its switches in `switches`, and fills in the hooks at the end of the class.
One lock per app: a request is served as a whole, like a transaction.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import quote

from sandbox import control
from sandbox.faults import ConnectionDropped, Fault, Faults
from sandbox.messages import HTML_PAGE, ActRefused, Clock, Counts, Refused, Reply, Request, http_date, iso_ms, phrase
from sandbox.routes import Table, route

__all__ = [
    "HTML_PAGE",
    "ActRefused",
    "App",
    "Clock",
    "ConnectionDropped",
    "Counts",
    "Refused",
    "Reply",
    "Request",
    "http_date",
    "iso_ms",
    "phrase",
    "route",
]  # fmt: skip

LOG_LENGTH = 500_000

log = logging.getLogger("leadloom.sandbox")


@dataclass(frozen=True, slots=True)
class Workflow:
    """An automation of the CRM: a write to `field` (to `value`, where one is given) also sets `fields`."""

    object: str
    field: str
    value: Any
    fields: Mapping[str, Any]


class App:
    """A CRM server: WSGI app, request log, faults, and a control plane under /_sandbox/."""

    name: ClassVar[str] = ""
    token: ClassVar[str] = ""
    switches: ClassVar[dict[str, Any]] = {}  # every setting with its default
    parts: ClassVar[tuple[ModuleType, ...]] = ()  # modules with further handlers, called as handler(app, request, **params)
    _table: ClassVar[Table]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        methods = [getattr(cls, name) for name in dir(cls)]
        functions = [value for part in cls.parts for value in vars(part).values()]
        cls._table = Table(handler for handler in (*methods, *functions) if getattr(handler, "routes", ()))

    def __init__(
        self, *, clock: Clock | None = None, settings: Mapping[str, Any] | None = None, bare: bool = False, limits: str = "none"
    ) -> None:
        self.clock = clock or Clock()
        self.bare = bare
        self.limits = limits
        self.lock = threading.RLock()
        self.faults = Faults()
        self.fault: Fault | None = None  # the one that strikes the request being served
        self.workflows: list[Workflow] = []
        self.writes = 0  # grows with everything that may have changed the state
        self.log: deque[tuple[float, str, str, int, str, int | None, int, Mapping[str, str] | None, str | None]] = deque(maxlen=LOG_LENGTH)
        self._initial = dict(settings or {})
        self._late: list[tuple[float, Request]] = []
        self._seed: list[Mapping[str, str]] = []
        self.settings: dict[str, Any] = {}
        self._default_settings()
        self.clear()

    def _default_settings(self) -> None:
        self.settings = {"extra_fields": {}, "log_headers": False, "log_bodies": False, **self.switches, **self._initial}

    # -- serving -------------------------------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """WSGI without a socket. A dropped connection is raised as ConnectionDropped."""
        reply = self.handle(_request_of(environ))
        body = reply.encode()
        headers = [*reply.headers.items(), ("Content-Length", str(len(body)))]
        start_response(f"{reply.status} {phrase(reply.status)}", headers)
        return [body]

    def handle(self, request: Request) -> Reply:
        with self.lock:
            if request.path.startswith("/_sandbox/"):
                reply = control.answer(self, request)
                reply.encode()
                return reply
            now = self.clock.now()
            self._land(now)
            try:
                reply = self._struck(request) if self.faults else self._serve(request)
            except ConnectionDropped:
                self._note(now, request, 0, None)
                raise
            reply.headers.setdefault("Date", http_date(now))
            self._note(now, request, reply.status, reply.rows)
            return reply

    def _serve(self, request: Request) -> Reply:
        if request.method != "GET":
            self.writes += 1
        try:
            reply = self._dispatch(request)
        except Refused as refused:
            reply = refused.reply
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            misshapen = self.misshapen(request)
            if misshapen is None:
                raise
            log.debug("%s %s: a body of another shape than the vendor's", request.method, request.path, exc_info=True)
            reply = misshapen
        self.dress(request, reply)
        if self.settings["extra_fields"]:
            reply.body = _with_extra(reply.body, self.settings["extra_fields"])
        reply.encode()
        return reply

    def _dispatch(self, request: Request) -> Reply:
        self.tick(self.clock.now())
        refusal = self.authorize(request) or self.meter(request)
        if refusal is not None:
            return refusal
        found = self._table.find(request.method, self.rewrite(request.path))
        if found is None:
            return self.not_found(request)
        handler, params = found
        return handler(self, request, **params)

    def _struck(self, request: Request) -> Reply:
        fault = self.faults.pick(request.method, request.path, request.raw_query)
        if fault is None:
            return self._serve(request)
        if fault.kind.isdigit():
            return self._trouble(request, fault)
        if fault.kind == "lands_late":
            self._late.append((self.clock.now() + float(fault.options.get("delay_s", 60)), request))
            raise ConnectionDropped
        if fault.kind == "timeout_before":
            raise ConnectionDropped
        if fault.kind == "reset" and fault.options.get("when", "before") == "before":
            raise ConnectionDropped(reset=True)
        self.fault = fault
        try:
            reply = self._serve(request) if fault.options.get("applied", True) else Reply(200, {})
        finally:
            self.fault = None
        return _damaged(reply, fault)

    def _trouble(self, request: Request, fault: Fault) -> Reply:
        self.fault = fault
        try:
            reply = self.trouble(int(fault.kind), request)
        finally:
            self.fault = None
        shape = fault.options.get("body", "json")
        if shape == "html":
            reply = Reply(reply.status, HTML_PAGE.format(status=reply.status, phrase=phrase(reply.status)), reply.headers)
        elif shape == "empty":
            reply = Reply(reply.status, None, reply.headers)
        if "retry_after" in fault.options:
            reply.headers.pop("Retry-After", None)
            if fault.options["retry_after"] is not None:
                reply.headers["Retry-After"] = str(fault.options["retry_after"])
        reply.encode()
        return reply

    @property
    def is_partial(self) -> bool:
        """Whether the fault `partial` strikes the request being served."""
        return self.fault is not None and self.fault.kind == "partial"

    def row_fails(self, index: int) -> bool:
        """Whether the fault `partial` strikes this row of the batch being served: every second one, or those in `rows`."""
        if self.fault is None or not self.is_partial:
            return False
        rows = self.fault.options.get("rows")
        return index % 2 == 1 if rows is None else index in rows

    def _land(self, now: float) -> None:
        """Serve the requests whose answer was lost and whose effect comes late."""
        due = [entry for entry in self._late if entry[0] <= now]
        if not due:
            return
        self._late = [entry for entry in self._late if entry[0] > now]
        for _, request in due:
            self._serve(request)

    def _note(self, at: float, request: Request, status: int, rows: int | None) -> None:
        headers = dict(request.headers) if self.settings["log_headers"] else None
        body = request.body.decode(errors="replace") if self.settings["log_bodies"] else None
        self.log.append((at, request.method, request.path, status, request.raw_query, rows, len(request.body), headers, body))

    def requests(self) -> list[dict[str, Any]]:
        """The request log; status 0 means that the connection was closed without an answer."""
        names = ("at", "method", "path", "status", "query", "rows", "bytes", "headers", "body")
        return [dict(zip(names, entry, strict=True)) for entry in self.log]

    # -- state ---------------------------------------------------------------------------------------------------------------------

    def plant(self, rows: Iterable[Mapping[str, str]]) -> Counts:
        """Seed, and remember the rows for `reset`."""
        with self.lock:
            kept = list(rows)
            self._seed.extend(kept)
            self.writes += 1
            return self.seed(kept)

    def reset(self) -> None:
        """Return to the seed: records, settings, faults, automations and log."""
        with self.lock:
            self.faults.clear()
            self.workflows.clear()
            self.log.clear()
            self._late.clear()
            self._default_settings()
            self.writes += 1
            self.clear()
            self.seed(self._seed)

    def reactions(self, object: str, changed: Mapping[str, Any]) -> dict[str, Any]:
        """What the automations of this CRM set when these fields of a record are written."""
        fields: dict[str, Any] = {}
        for flow in self.workflows:
            if flow.object == object and flow.field in changed and flow.value in (None, changed[flow.field]):
                fields.update(flow.fields)
        return fields

    def add_workflow(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """{"do": "workflow", "object", "when": field or {"field", "value"}, "fields": {...}}; without `fields` all are removed."""
        when = body.get("when")
        if not body.get("fields"):
            self.workflows.clear()
        else:
            name, value = (when.get("field"), when.get("value")) if isinstance(when, dict) else (when, None)
            if not name:
                raise ActRefused('a workflow needs "when": a field, or {"field", "value"}')
            self.workflows.append(Workflow(str(body.get("object", "")), str(name), value, dict(body["fields"])))
        return {"workflows": len(self.workflows)}

    # -- what a CRM fills in -------------------------------------------------------------------------------------------------------

    def credentials(self) -> dict[str, str]:
        """What a client needs beside the address; shown in the line the command prints when ready."""
        return {"token": self.token}

    def rewrite(self, path: str) -> str:
        """The path under which a request is served, where a vendor has several for one thing."""
        return path

    def authorize(self, _request: Request, /) -> Reply | None:
        """The refusal of a request without valid credentials."""
        return None

    def meter(self, _request: Request, /) -> Reply | None:
        """Charge the request; the refusal where a limit is reached."""
        return None

    def dress(self, _request: Request, _reply: Reply, /) -> None:
        """Add the vendor's headers to an answer."""

    def tick(self, _now: float, /) -> None:
        """Do what time does: purge, expire."""

    def not_found(self, _request: Request, /) -> Reply:
        return Reply(404, {"message": "not found"})

    def misshapen(self, _request: Request, /) -> Reply | None:
        """The vendor's answer to a body or parameter of the wrong shape, on which a handler stumbled; None: it is our own mistake."""
        return None

    def trouble(self, status: int, _request: Request, /) -> Reply:
        """The vendor's own answer for a status that a fault asks for."""
        return Reply(status, {"message": phrase(status)})

    def clear(self) -> None:
        """Forget every record (called by the constructor and by `reset`)."""

    def seed(self, rows: Iterable[Mapping[str, str]]) -> Counts:
        """Create records from rows whose names are those of sandbox/seeds.py."""
        raise NotImplementedError

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """Every record with all fields, as the vendor would show it, by object."""
        raise NotImplementedError

    def act(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a person does in the CRM; raises ActRefused."""
        raise ActRefused(f"{self.name} cannot {body.get('do')!r}")

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON-able data."""
        raise NotImplementedError

    def restore(self, state: Mapping[str, Any]) -> None:
        raise NotImplementedError


def _request_of(environ: Mapping[str, Any]) -> Request:
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if target is None:
        target = quote(environ.get("PATH_INFO", "/"), safe="/%:@!$&'()*+,;=~")
        if environ.get("QUERY_STRING"):
            target += "?" + environ["QUERY_STRING"]
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    return Request(environ["REQUEST_METHOD"], target, headers, body, scheme=environ.get("wsgi.url_scheme", "http"))


def _damaged(reply: Reply, fault: Fault) -> Reply:
    body = reply.encode()
    if fault.kind == "timeout_after":
        raise ConnectionDropped
    if fault.kind == "reset":
        head = f"HTTP/1.1 {reply.status} {phrase(reply.status)}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        raise ConnectionDropped(sent=head + body[: len(body) // 2], reset=True)
    if fault.kind == "html":
        status = int(fault.options.get("status", reply.status))
        page = HTML_PAGE.format(status=status, phrase=phrase(status))
        return Reply(status, page.encode(), {**reply.headers, "Content-Type": "text/html;charset=UTF-8"}, reply.rows)
    if fault.kind == "empty":
        return Reply(reply.status, b"", reply.headers, reply.rows)
    if fault.kind == "truncate":
        return Reply(reply.status, body[: len(body) // 2], reply.headers, reply.rows)
    return reply


def _with_extra(body: Any, extra: Mapping[str, Any]) -> Any:
    """The body with unknown fields added to it and to the records it holds: vendors add fields without notice."""
    if isinstance(body, list):
        return [_with_extra(item, extra) for item in body]
    if not isinstance(body, dict):
        return body
    rows = {
        name: _with_extra(value, extra) for name, value in body.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    return {**body, **rows, **extra}
