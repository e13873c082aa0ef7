"""The door's rules, against answers played by `responses`; no request leaves the machine and nothing sleeps."""

from __future__ import annotations

import logging
import threading

import pytest
import requests
import responses

from connectors import Access, connect
from connectors.auth import Bearer, Fixed, Token
from connectors.errors import BudgetSpent, Denied, Misconfigured, OutcomeUnknown, Retry, Unreadable
from connectors.http import Answer, Busy, Door, escape, retry_after

HOST = "https://crm.example"
SECRET = "s3cr3t-token/with+signs"


class World:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def world():
    return World()


@pytest.fixture
def crm():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def open_door(world):
    doors = []

    def opened(auth=None, **settings):
        signer = Fixed({"Authorization": f"Bearer {SECRET}"}, [SECRET]) if auth is None else auth
        doors.append(Door("hub", HOST, headers=signer, clock=world.clock, sleep=world.sleep, **settings))
        return doors[-1]

    yield opened
    for door in doors:
        door.close()


@pytest.fixture
def door(open_door):
    return open_door()


def reset(request):
    raise requests.ConnectionError("Connection reset by peer")


def no_route():
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    return requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))


@pytest.mark.parametrize("status", [423, 429, 477, 500, 502, 503, 504, 521])
def test_a_read_is_repeated_while_the_crm_is_busy_or_broken(crm, door, status):
    crm.get(f"{HOST}/x", status=status, body="<html>")
    crm.get(f"{HOST}/x", json={"ok": 1})
    assert door.send("GET", "/x", kind="read").json() == {"ok": 1}
    assert len(crm.calls) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504, 522])
def test_a_write_that_met_an_outage_is_unknown_and_not_repeated(crm, door, status):
    crm.post(f"{HOST}/x", status=status)
    with pytest.raises(OutcomeUnknown):
        door.send("POST", "/x", kind="write", json={})
    assert len(crm.calls) == 1


@pytest.mark.parametrize("status", [423, 477])
def test_a_write_to_something_locked_is_left_for_the_next_run(crm, door, status):
    crm.post(f"{HOST}/x", status=status)
    with pytest.raises(Retry):
        door.send("POST", "/x", kind="write", json={})
    assert len(crm.calls) == 1


def test_a_write_that_was_throttled_goes_again(crm, door, world):
    crm.post(f"{HOST}/x", status=429, headers={"Retry-After": "7"})
    crm.post(f"{HOST}/x", status=201, json={"id": "1"})
    assert door.send("POST", "/x", kind="write", json={}).status == 201
    assert world.slept == [7]


def test_throttling_without_end_stops_after_the_allowed_attempts(crm, open_door):
    crm.post(f"{HOST}/x", status=429)
    with pytest.raises(Retry, match="too busy"):
        open_door(attempts=3).send("POST", "/x", kind="write", json={})
    assert len(crm.calls) == 3


def test_a_lost_answer_repeats_a_read(crm, door):
    crm.get(f"{HOST}/x", body=requests.ReadTimeout("no answer"))
    crm.get(f"{HOST}/x", json=[])
    assert door.send("GET", "/x", kind="read").ok


@pytest.mark.parametrize("lost", [requests.ReadTimeout("no answer"), requests.exceptions.ChunkedEncodingError("cut off")])
def test_a_lost_answer_of_a_write_is_unknown_and_not_repeated(crm, door, lost):
    crm.post(f"{HOST}/x", body=lost)
    with pytest.raises(OutcomeUnknown):
        door.send("POST", "/x", kind="write", json={})
    assert len(crm.calls) == 1


def test_a_reset_of_a_write_is_unknown(crm, door):
    crm.add_callback("PATCH", f"{HOST}/x", callback=reset)
    with pytest.raises(OutcomeUnknown):
        door.send("PATCH", "/x", kind="write", json={})


@pytest.mark.parametrize("nothing", [requests.ConnectTimeout("connect"), no_route()])
def test_a_write_that_never_reached_the_server_goes_again(crm, door, nothing):
    crm.post(f"{HOST}/x", body=nothing)
    crm.post(f"{HOST}/x", json={})
    assert door.send("POST", "/x", kind="write", json={}).ok


def test_an_unreachable_host_is_said_after_bounded_attempts(crm, open_door):
    crm.get(f"{HOST}/x", body=no_route())
    with pytest.raises(Retry, match="no connection") as told:
        open_door(attempts=2).send("GET", "/x", kind="read")
    assert told.value.cause == "unreachable"
    assert len(crm.calls) == 2


def test_a_search_by_post_is_a_read_when_declared_so(crm, door):
    crm.post(f"{HOST}/search", status=502)
    crm.post(f"{HOST}/search", json={"results": []})
    assert door.send("POST", "/search", kind="search", json={}, repeatable=True).ok


@pytest.mark.parametrize("status", [400, 404, 409, 412, 414, 422])
def test_a_refusal_of_the_request_is_the_caller_s_business(crm, door, status):
    crm.get(f"{HOST}/x", status=status, json={"message": "no"})
    assert door.send("GET", "/x", kind="read").status == status
    assert len(crm.calls) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_the_account_stops_it_at_once(crm, door, status):
    crm.get(f"{HOST}/x", status=status)
    with pytest.raises(Denied):
        door.send("GET", "/x", kind="read")
    assert len(crm.calls) == 1


def test_a_redirect_is_not_followed(crm, door):
    crm.get(f"{HOST}/x", status=302, headers={"Location": "https://evil.example/x"})
    with pytest.raises(Unreadable, match="redirect"):
        door.send("GET", "/x", kind="read")
    assert len(crm.calls) == 1


@pytest.mark.parametrize("path", ["//evil.example/x", "https://evil.example/x", "x", "/\\evil.example"])
def test_the_host_is_pinned(door, path):
    with pytest.raises(ValueError, match="host"):
        door.send("GET", path, kind="read")


@pytest.mark.parametrize(("part", "escaped"), [("a/b", "a%2Fb"), ("..", "%2E%2E"), ("a?b#c", "a%3Fb%23c"), ("ä b+c", "%C3%A4%20b%2Bc")])
def test_a_part_of_a_path_cannot_leave_its_place(part, escaped):
    assert escape(part) == escaped


@pytest.mark.parametrize("body", ["", "<html>busy</html>", '{"results": [{"id"'])
def test_a_read_that_is_not_json_is_unreadable(crm, door, body):
    crm.get(f"{HOST}/x", body=body, headers={"X-Request-Id": "req-9"})
    with pytest.raises(Unreadable, match="req-9"):
        door.send("GET", "/x", kind="read").json()


@pytest.mark.parametrize("body", ["", "<html>busy</html>", '{"results": [{"id"'])
def test_a_write_accepted_with_an_unreadable_answer_is_unknown(crm, door, body):
    crm.post(f"{HOST}/x", body=body)
    with pytest.raises(OutcomeUnknown):
        door.send("POST", "/x", kind="write", json={}).json()


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("0", 0.0), ("soon", None), ("-3", None), ("1e9", None), ("Wed, 15 Nov 2023 10:00:30 GMT", 30.0)]
)
def test_retry_after_is_believed_where_it_makes_sense(value, seconds):
    assert retry_after(Answer("hub", 429, {"Retry-After": value, "Date": "Wed, 15 Nov 2023 10:00:00 GMT"}, b"")) == seconds


def test_a_long_wait_is_for_the_next_run(crm, door, world):
    crm.get(f"{HOST}/x", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(BudgetSpent) as told:
        door.send("GET", "/x", kind="read")
    assert told.value.resume_at is not None
    assert told.value.resume_at.timestamp() == world.now + 3600
    assert world.slept == []


def test_the_vendor_s_own_reading_of_a_refusal_comes_first(crm, open_door, world):
    crm.get(f"{HOST}/x", status=403, json={"code": "later"})
    crm.get(f"{HOST}/x", json={})
    assert open_door(judge=lambda answer, kind: Busy(3)).send("GET", "/x", kind="read").ok
    assert world.slept == [3]


def test_calls_are_counted_by_kind_with_their_repetitions(crm, door):
    crm.get(f"{HOST}/x", status=503)
    crm.get(f"{HOST}/x", json={})
    crm.post(f"{HOST}/x", json={})
    door.send("GET", "/x", kind="read")
    door.send("POST", "/x", kind="write")
    assert door.calls == {"read": 2, "write": 1}


class Tokens:
    """A token office that gives t1, t2, ... and counts."""

    def __init__(self, last: int = 99) -> None:
        self.given = 0
        self.last = last

    def fetch(self) -> Token:
        if self.given >= self.last:
            raise Denied("the office is closed.", account="hub", cause="bad_credentials")
        self.given += 1
        return Token(f"token-{self.given}")


def accepts(token):
    def answer(request):
        good = request.headers["Authorization"] == f"Bearer {token}"
        return (200, {}, "{}") if good else (401, {}, "[]")

    return answer


def test_an_expired_token_is_renewed_once_and_the_write_goes_again(crm, open_door):
    office = Tokens()
    crm.add_callback("POST", f"{HOST}/x", callback=accepts("token-1"))
    assert open_door(Bearer(office.fetch, token="expired")).send("POST", "/x", kind="write", json={}).ok
    assert office.given == 1
    assert len(crm.calls) == 2


def test_threads_that_meet_one_expiry_cause_one_renewal(crm, open_door):
    office, barrier = Tokens(), threading.Barrier(8)
    door = open_door(Bearer(office.fetch, token="expired"))
    crm.add_callback("GET", f"{HOST}/x", callback=accepts("token-1"))
    headers = door._auth.headers()

    def ask():
        barrier.wait()
        door._auth.renew(headers)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert office.given == 1
    assert door.send("GET", "/x", kind="read").ok


def test_a_token_that_is_refused_for_ever_is_denied_after_two_requests(crm, open_door):
    crm.get(f"{HOST}/x", status=401)
    with pytest.raises(Denied):
        open_door(Bearer(Tokens().fetch)).send("GET", "/x", kind="read")
    assert len(crm.calls) == 2


def test_a_closed_token_office_is_asked_once(open_door):
    office = Tokens(last=0)
    bearer = Bearer(office.fetch)
    for _ in range(3):
        with pytest.raises(Denied):
            bearer.headers()


def test_a_token_is_renewed_before_it_runs_out(world):
    bearer = Bearer(lambda: Token(f"at-{world.now}", world.now + 1800), clock=world.clock)
    first = bearer.headers()
    world.now += 1700
    assert bearer.headers() == first
    world.now += 60
    assert bearer.headers() != first


def test_secrets_are_redacted_by_value_and_in_their_escaped_form(door):
    shown = door.redact(f"sent {SECRET} and {escape(SECRET)}")
    assert shown == "sent *** and ***"


def test_no_repr_error_or_log_shows_a_secret_or_a_path(crm, door, caplog):
    caplog.set_level(logging.DEBUG)
    crm.get(f"{HOST}/statuses/ada%40example.org", status=503)
    with pytest.raises(Retry) as told:
        door.send("GET", "/statuses/ada%40example.org", kind="read", params={"q": "Byron"})
    everything = caplog.text + str(told.value) + repr(told.value) + repr(door) + repr(door._auth) + repr(told.value.__context__)
    for private in (SECRET, "ada", "Byron"):
        assert private not in everything


def test_an_access_shows_no_secret():
    access = Access("hub", "hubspot", HOST, {"token": SECRET}, {"client_secret": SECRET})
    assert SECRET not in repr(access)
    assert access.needed("token") == SECRET


def test_an_account_without_its_secret_says_what_to_set():
    with pytest.raises(Misconfigured, match=r"accounts\.hub"):
        Access("hub", "hubspot", HOST).needed("token")


def test_an_unknown_crm_is_refused_with_the_known_names():
    with pytest.raises(Misconfigured, match="pipedrive"):
        connect(Access("hub", "hubspott", HOST))


def test_a_library_s_session_reaches_only_our_host_with_our_credentials(crm, door):
    crm.get(f"{HOST}/services/data", json={"ok": True})
    session = door.library_session(lambda method, path: ("read", True))
    answer = session.get("https://somewhere.else/services/data?q=1", headers={"Authorization": "Bearer stale"})
    assert answer.json() == {"ok": True}
    assert crm.calls[0].request.headers["Authorization"] == f"Bearer {SECRET}"
    assert crm.calls[0].request.url == f"{HOST}/services/data?q=1"


def test_the_headers_of_a_request_survive_its_repetition(crm, door):
    crm.get(f"{HOST}/x", status=503)
    crm.get(f"{HOST}/x", json={})
    door.send("GET", "/x", kind="read", headers={"Sforce-Auto-Assign": "FALSE"})
    assert [call.request.headers["Sforce-Auto-Assign"] for call in crm.calls] == ["FALSE", "FALSE"]
