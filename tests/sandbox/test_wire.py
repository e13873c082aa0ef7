"""The core of the sandbox: routes, clock, log, faults and the control plane, shown with a toy CRM and over real sockets."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, ClassVar

import pytest

from sandbox.inprocess import ask
from sandbox.limits import Window
from sandbox.server import Server
from sandbox.shelf import Changes, Ids
from sandbox.wire import ActRefused, App, Clock, ConnectionDropped, Counts, Refused, Reply, Request, route


class Notes(App):
    """Keeps texts under numbers."""

    name = "notes"
    token = "t"
    switches: ClassVar[dict[str, Any]] = {"loud": False}

    def clear(self) -> None:
        self.notes: dict[int, str] = {}

    @route("POST", "/notes")
    def create(self, request: Request) -> Reply:
        self.notes[len(self.notes) + 1] = request.json()["text"]
        return Reply(201, {"id": len(self.notes)})

    @route("POST", "/notes/batch")
    def batch(self, request: Request) -> Reply:
        kept = [text for index, text in enumerate(request.json()) if not self.row_fails(index)]
        return Reply(200, {"results": [{"text": text} for text in kept]}, rows=len(kept))

    @route("GET", "/notes")
    def listed(self, _request: Request) -> Reply:
        return Reply(200, {"results": [{"text": text} for text in self.notes.values()]}, rows=len(self.notes))

    @route("GET", "/notes/{id}")
    def read(self, _request: Request, id: str) -> Reply:
        if not id.isdigit():
            raise Refused(Reply(400, {"asked": id}))
        return Reply(200, {"text": self.notes[int(id)]})

    @route("GET", "/v{version}/notes/special")
    def special(self, _request: Request, version: str) -> Reply:
        return Reply(200, {"version": version})

    def seed(self, rows: Iterable[Mapping[str, str]]) -> Counts:
        counts = Counts()
        for row in rows:
            self.notes[len(self.notes) + 1] = row["name"]
            counts.accepted += 1
        return counts

    def records(self) -> dict[str, list[dict[str, Any]]]:
        return {"notes": [{"id": id, "text": text} for id, text in self.notes.items()]}

    def act(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("do") != "edit":
            raise ActRefused("only edit")
        self.notes[body["id"]] = body["fields"]["text"]
        return {"id": body["id"]}


@pytest.fixture
def notes(clock: Clock) -> Notes:
    return Notes(clock=clock)


def test_routes_prefer_literal_segments_and_decode_parameters(notes: Notes) -> None:
    assert ask(notes, "GET", "/v59.0/notes/special") == (200, {"version": "59.0"})
    assert ask(notes, "GET", "/notes/a%2Fb%20c") == (400, {"asked": "a/b c"})
    assert ask(notes, "GET", "/nowhere")[0] == 404


def test_x_01_time_is_moved_by_the_test_and_shown_in_the_date_header(notes: Notes, clock: Clock) -> None:
    clock.advance(90)
    reply = notes.handle(Request("GET", "/notes", {}))
    assert reply.headers["Date"] == "Thu, 01 Jan 2026 00:01:30 GMT"


def test_x_02_every_request_can_be_read_back(notes: Notes) -> None:
    ask(notes, "POST", "/notes", {"text": "a"})
    ask(notes, "GET", "/notes?limit=5")
    first, second = ask(notes, "GET", "/_sandbox/requests")[1]
    assert (first["method"], first["path"], first["status"], first["bytes"]) == ("POST", "/notes", 201, 13)
    assert (second["query"], second["rows"], second["at"]) == ("limit=5", 1, notes.clock.now())
    assert ask(notes, "DELETE", "/_sandbox/requests") == (200, {"cleared": 2})
    assert ask(notes, "GET", "/_sandbox/requests") == (200, [])


def order(app: App, kind: str, **options: Any) -> None:
    status, answer = ask(app, "POST", "/_sandbox/faults", {"match": {"method": "POST", "path": "/not*"}, "fault": kind, **options})
    assert status == 200, answer


def lost(app: App, body: Any) -> bool:
    try:
        ask(app, "POST", "/notes", body)
    except ConnectionDropped:
        return True
    return False


def test_x_03_timed_out_but_landed(notes: Notes) -> None:
    order(notes, "timeout_after")
    assert lost(notes, {"text": "a"})
    assert notes.notes == {1: "a"}
    assert notes.requests()[-1]["status"] == 0


def test_x_04_timed_out_and_lands_late(notes: Notes, clock: Clock) -> None:
    order(notes, "lands_late", delay_s=300)
    assert lost(notes, {"text": "a"})
    assert ask(notes, "GET", "/notes")[1] == {"results": []}
    clock.advance(301)
    assert ask(notes, "GET", "/notes")[1] == {"results": [{"text": "a"}]}


def test_x_05_timed_out_and_lost(notes: Notes) -> None:
    order(notes, "timeout_before")
    assert lost(notes, {"text": "a"})
    assert notes.notes == {}


@pytest.mark.parametrize("status", ["500", "502", "503", "504"])
@pytest.mark.parametrize("shape", ["json", "html", "empty"])
def test_x_06_server_errors_in_three_shapes_change_nothing(notes: Notes, status: str, shape: str) -> None:
    order(notes, status, body=shape)
    got, body = ask(notes, "POST", "/notes", {"text": "a"})
    assert got == int(status)
    assert {"json": isinstance(body, dict), "html": "<html>" in body, "empty": body == ""}[shape]
    assert notes.notes == {}


@pytest.mark.parametrize("kind", ["empty", "truncate", "html"])
def test_x_07_a_success_without_a_readable_body_was_applied(notes: Notes, kind: str) -> None:
    order(notes, kind)
    status, body = ask_raw(notes, {"text": "a"})
    assert status == 201
    with pytest.raises(ValueError):
        json.loads(body)
    assert notes.notes == {1: "a"}


def ask_raw(app: App, body: Any) -> tuple[int, bytes]:
    reply = app.handle(Request("POST", "/notes", {}, json.dumps(body).encode()))
    return reply.status, reply.encode()


@pytest.mark.parametrize("retry_after", [None, 3, 10000])
def test_x_08_429_with_any_retry_after(notes: Notes, retry_after: int | None) -> None:
    order(notes, "429", retry_after=retry_after, body="html")
    reply = notes.handle(Request("POST", "/notes", {}, b"{}"))
    assert reply.status == 429
    assert reply.headers.get("Retry-After") == (None if retry_after is None else str(retry_after))


def test_x_09_reset_before_and_in_the_middle_of_the_answer(notes: Notes) -> None:
    order(notes, "reset")
    order(notes, "reset", when="middle")
    with pytest.raises(ConnectionDropped) as before:
        ask(notes, "POST", "/notes", {"text": "a"})
    assert (before.value.sent, notes.notes) == (b"", {})
    with pytest.raises(ConnectionDropped) as middle:
        ask(notes, "POST", "/notes", {"text": "a"})
    assert middle.value.sent.startswith(b"HTTP/1.1 201")
    assert notes.notes == {1: "a"}


def test_partial_fails_every_second_row_or_those_named(notes: Notes) -> None:
    order(notes, "partial")
    order(notes, "partial", rows=[0])
    assert ask(notes, "POST", "/notes/batch", ["a", "b", "c"])[1] == {"results": [{"text": "a"}, {"text": "c"}]}
    assert ask(notes, "POST", "/notes/batch", ["a", "b", "c"])[1] == {"results": [{"text": "b"}, {"text": "c"}]}


def test_faults_strike_after_k_requests_and_only_n_times(notes: Notes) -> None:
    order(notes, "500", after=1, times=2)
    statuses = [ask(notes, "POST", "/notes", {"text": "a"})[0] for _ in range(5)]
    assert statuses == [201, 500, 500, 201, 201]
    assert ask(notes, "GET", "/notes")[0] == 200


def test_an_unknown_fault_or_setting_is_named(notes: Notes) -> None:
    assert "unknown fault 'bang'" in ask(notes, "POST", "/_sandbox/faults", {"fault": "bang"})[1]["error"]
    assert "unknown settings quiet" in ask(notes, "POST", "/_sandbox/settings", {"quiet": True})[1]["error"]


def test_x_11_a_person_can_act_between_two_calls(notes: Notes) -> None:
    ask(notes, "POST", "/notes", {"text": "a"})
    ask(notes, "POST", "/_sandbox/act", {"do": "edit", "id": 1, "fields": {"text": "b"}})
    assert ask(notes, "GET", "/notes/1")[1] == {"text": "b"}
    assert ask(notes, "POST", "/_sandbox/act", {"do": "convert"})[0] == 400


def test_x_12_unknown_fields_can_be_added_to_any_answer(notes: Notes) -> None:
    ask(notes, "POST", "/notes", {"text": "a"})
    ask(notes, "POST", "/_sandbox/settings", {"extra_fields": {"new": 1}})
    assert ask(notes, "GET", "/notes")[1] == {"results": [{"text": "a", "new": 1}], "new": 1}


def test_reset_returns_to_the_seed(notes: Notes) -> None:
    notes.plant([{"name": "seeded"}])
    ask(notes, "POST", "/notes", {"text": "a"})
    ask(notes, "POST", "/_sandbox/settings", {"loud": True})
    order(notes, "500")
    ask(notes, "POST", "/_sandbox/reset")
    assert notes.notes == {1: "seeded"}
    assert (notes.settings["loud"], bool(notes.faults), len(notes.log)) == (False, False, 0)


def test_an_automation_reacts_to_a_write(notes: Notes) -> None:
    body = {"do": "workflow", "object": "contacts", "when": {"field": "stage", "value": "hot"}, "fields": {"owner": "7"}}
    ask(notes, "POST", "/_sandbox/act", body)
    assert notes.reactions("contacts", {"stage": "hot"}) == {"owner": "7"}
    assert notes.reactions("contacts", {"stage": "cold"}) == {}


def test_wsgi_serves_the_same_app(notes: Notes) -> None:
    seen: list[Any] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/notes", "CONTENT_LENGTH": "12", "wsgi.input": BytesIO(b'{"text":"a"}')}
    body = notes(environ, lambda status, headers: seen.append((status, dict(headers))))
    assert seen[0][0] == "201 Created"
    assert body == [b'{"id":1}']


@pytest.fixture
def server(notes: Notes) -> Iterator[Server]:
    running = Server(notes)
    running.start()
    yield running
    running.stop()


def test_x_13_plain_http_on_loopback_with_keep_alive(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for text in ("a", "b"):
        connection.request("POST", "/notes", json.dumps({"text": text}))
        assert connection.getresponse().read() in (b'{"id":1}', b'{"id":2}')
    connection.request("POST", "/notes", iter([b'{"text"', b': "c"}']))  # chunked
    assert connection.getresponse().read() == b'{"id":3}'
    connection.close()


def test_a_dropped_connection_closes_the_socket(server: Server) -> None:
    order(server.app, "timeout_after")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("POST", "/notes", '{"text": "a"}')
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    order(server.app, "reset", when="middle")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("POST", "/notes", '{"text": "a"}')
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        connection.getresponse().read()
    connection.close()


def test_a_window_forgets_what_is_older_than_its_length() -> None:
    window = Window(2, 10)
    assert [window.take(0), window.take(5), window.take(9), window.take(10.1)] == [True, True, False, True]
    assert window.resets_in(11) == pytest.approx(4)


def test_changes_list_each_record_at_its_newest_stamp() -> None:
    changes = Changes()
    for id, stamp in ((1, 10), (2, 10), (1, 30), (3, 20), (1, 5)):
        changes.touch(id, stamp)
    assert list(changes.since(0)) == [1, 2, 3]
    assert list(changes.since(10, 15)) == [2]
    changes.forget(2)
    assert list(changes.since(0)) == [1, 3]


def test_ids_stay_in_order() -> None:
    ids = Ids()
    for id in (5, 9, 7):
        ids.add(id)
    ids.remove(9)
    assert (list(ids), list(ids.after(5)), list(ids.start(5))) == ([5, 7], [7], [5, 7])
