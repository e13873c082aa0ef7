"""Failure: reads are repeated within bounds, writes never, and every error is of the kind that says what to do next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest

from connectors.base import Outcome
from connectors.errors import AccountStopped, BudgetSpent, ConnectorError, Denied, Retry, Unreadable
from sandbox.messages import Reply, Request
from tests.contract import declared
from tests.contract.rigs import Rig, needs
from tests.contract.world import Rewrite, decoded, only_reads

LOST = ("reset", "timeout_after", "500", "502", "503", "504")
DAMAGED = ("html", "empty", "truncate")
BOUND = 12


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "423", "reset", "timeout_before", "timeout_after"])
def test_a_read_is_repeated(rig: Rig, fault: str) -> None:
    ids = rig.world.crowd(3)
    rig.world.fault(fault, times=2)
    assert [record.id for record in rig.walk()[0]] == ids
    rig.world.fault(fault, times=2)
    assert [record.id for record in rig.get(*ids)] == ids


def test_a_throttled_read_waits_as_told(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    rig.world.throttle(1, retry_after=2)
    before = rig.world.clock.now()
    assert [record.id for record in rig.get(*ids)] == ids
    assert 2 <= rig.world.clock.now() - before < 10


def test_a_throttled_write_waits_and_is_made_once(rig: Rig) -> None:
    rig.world.throttle(2, retry_after=2)
    before = rig.world.clock.now()
    assert rig.write_one(rig.create(1)).outcome is Outcome.CREATED
    assert rig.world.clock.now() - before >= 4
    assert len(rig.world.records()) == 1


def test_throttling_without_end_ends(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    rig.world.throttle(None, retry_after=1)
    with rig.world.watched() as requests, pytest.raises((Retry, BudgetSpent)):
        rig.get(*ids)
    assert len(requests) <= BOUND


def test_a_long_wait_is_left_to_the_next_run(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    rig.world.throttle(None, retry_after=500)
    before = rig.world.clock.now()
    with pytest.raises((Retry, BudgetSpent)):
        rig.get(*ids)
    assert rig.world.clock.now() - before < 600


@pytest.mark.parametrize("fault", ["500", "503", "reset", "timeout_before"])
def test_an_outage_without_end_ends(rig: Rig, fault: str) -> None:
    ids = rig.world.crowd(2)
    rig.world.fault(fault, times=None)
    with rig.world.watched() as requests, pytest.raises(Retry):
        rig.get(*ids)
    assert len(requests) <= BOUND


def test_an_outage_in_the_middle_of_a_walk_loses_nothing(rig: Rig) -> None:
    ids = rig.world.crowd(2 * rig.capabilities.read_page)
    pages = rig.pages()
    first = next(pages)
    rig.world.fault("503", times=None)
    with pytest.raises(Retry):
        list(pages)
    rig.world.no_more_faults()
    rest, _ = rig.walk(first.cursor)
    assert {record.id for record in (*first.records, *rest)} == set(ids)


@pytest.mark.parametrize("fault", LOST)
def test_a_write_without_an_answer_is_unknown_and_not_repeated(rig: Rig, fault: str) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.fault(fault)
    with rig.world.watched() as requests:
        receipt = rig.write_one(rig.update(id, grade="A"))
    assert receipt.outcome is Outcome.UNKNOWN
    assert len([request for request in requests if not only_reads(request)]) == 1


@pytest.mark.parametrize("fault", LOST)
def test_a_create_without_an_answer_is_unknown_and_not_repeated(rig: Rig, fault: str) -> None:
    rig.world.fault(fault)
    with rig.world.watched() as requests:
        receipt = rig.write_one(rig.create(1))
    assert receipt.outcome is Outcome.UNKNOWN
    assert len([request for request in requests if not only_reads(request)]) == 1
    assert len(rig.world.records()) <= 1


def test_a_create_whose_answer_was_lost_is_found_again(rig: Rig) -> None:
    write = rig.create(1, grade="A")
    rig.world.lose_next_answer()
    assert rig.write_one(write).outcome is Outcome.UNKNOWN
    (found,) = rig.settle(write)
    assert [found.id] == list(rig.world.records())


def test_a_create_that_never_arrived_is_not_found(rig: Rig) -> None:
    rig.world.fault("timeout_before")
    assert rig.write_one(rig.create(1)).outcome is Outcome.UNKNOWN
    assert rig.settle(rig.create(1)) == []


def test_a_create_that_lands_late_is_found_later(rig: Rig) -> None:
    write = rig.create(1)
    rig.world.fault("lands_late", delay_s=60)
    assert rig.write_one(write).outcome is Outcome.UNKNOWN
    assert rig.settle(write) == []
    rig.world.advance_clock(61)
    assert len(rig.settle(write)) == 1


@needs(declared.upsert)
def test_an_unanswered_create_may_be_repeated_by_its_key(rig: Rig) -> None:
    rig.world.lose_next_answer()
    rig.write_one(rig.create(1))
    assert rig.write_one(rig.create(1)).outcome in (Outcome.CREATED, Outcome.ADOPTED, Outcome.UPDATED)
    assert len(rig.world.records()) == 1


@pytest.mark.parametrize("fault", DAMAGED)
def test_a_write_with_a_damaged_answer_is_never_called_refused(rig: Rig, fault: str) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.fault(fault)
    receipt = rig.write_one(rig.update(id, grade="A"))
    assert receipt.outcome in (Outcome.UNKNOWN, Outcome.UPDATED)
    assert rig.truth(id, rig.name("grade")) == "A"


def test_a_write_stands_though_its_read_back_fails(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.fault("503", times=None, after=1)
    receipt = rig.write_one(rig.update(id, grade="A"))
    assert receipt.outcome is Outcome.UPDATED
    assert rig.truth(id, rig.name("grade")) == "A"


@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_answer_stops_or_waits_and_is_never_read_as_nothing(rig: Rig, fault: str) -> None:
    ids = rig.world.crowd(2)
    rig.world.fault(fault, times=None)
    with rig.world.watched() as requests, pytest.raises((Unreadable, Retry)):
        rig.get(*ids)
    with pytest.raises((Unreadable, Retry)):
        rig.walk()
    assert len(requests) <= BOUND


def test_an_unreadable_answer_is_told_with_the_vendors_own_number_of_the_request(rig: Rig) -> None:
    ids, numbers = rig.world.crowd(2), set[str]()

    def numbered(_request: Request, _reply: Reply) -> Reply:
        numbers.add(f"number-{len(numbers)}")
        return Reply(200, "<html>busy</html>", {"X-Request-Id": f"number-{len(numbers) - 1}"})

    rig.world.rewrite(numbered)
    with pytest.raises((Unreadable, Retry)) as raised:
        rig.get(*ids)
    assert raised.value.request_id in numbers
    assert str(raised.value.request_id) in str(raised.value)


def test_a_success_that_holds_an_error_is_no_success(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    rig.world.rewrite(lambda _, reply: Reply(200, {"error": "something", "status": "error", "success": False}))
    with pytest.raises(ConnectorError):
        rig.walk()
    with pytest.raises(ConnectorError):
        rig.get(*ids)


def test_a_write_that_is_answered_with_an_error_in_a_success_is_not_done(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    rig.world.rewrite(_errors_for_writes)
    assert rig.write_one(rig.update(id, grade="A")).outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT, Outcome.REJECTED)


def test_fields_that_nobody_announced_do_no_harm(rig: Rig) -> None:
    rig.world.set(extra_fields={"surprise": {"of": ["the", "vendor"]}, "another": None})
    id = str(rig.write_one(rig.create(1, grade="A")).id)
    assert rig.get_one(id, rig.names("grade")).fields == rig.said(grade="A")
    assert [record.id for record in rig.walk()[0]] == [id]


def test_bad_credentials_are_denied_at_once(rig: Rig) -> None:
    denied = rig.open("token", token="a-token-that-nobody-knows-000000000000000")
    with rig.world.watched() as requests:
        for ask in (
            lambda: denied.identity(),
            lambda: denied.get(rig.object, ["1"], ()),
            lambda: list(denied.changes(rig.object, None, ())),
        ):
            with pytest.raises(Denied):
                ask()
    assert len(requests) <= 9
    (receipt,) = denied.write(rig.object, [rig.delete(rig.dialect.absent_id)])
    assert receipt.outcome is Outcome.NOT_SENT
    assert isinstance(receipt.error, AccountStopped)


@needs(declared.renewal)
def test_a_token_that_expired_is_renewed_once(rig: Rig) -> None:
    ids = rig.world.crowd(8)
    connector = rig.open(*rig.dialect.renewed_by)
    assert len(connector.get(rig.object, ids, ())) == 8
    rig.world.expire_token()
    rig.world.rewrite(_refusals_come_together(4))
    with rig.world.watched() as requests, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda id: connector.get(rig.object, [id], ()), ids))
    assert [record.id for answer in answers for record in answer] == ids
    assert len([request for request in requests if "oauth" in request["path"]]) == 1


@needs(declared.renewal)
def test_a_token_that_expires_in_the_middle_of_a_write_writes_once(rig: Rig) -> None:
    connector = rig.open(*rig.dialect.renewed_by)
    connector.get(rig.object, [rig.dialect.absent_id], ())
    rig.world.expire_token()
    (receipt,) = connector.write(rig.object, [rig.create(1)])
    assert receipt.outcome is Outcome.CREATED
    assert len(rig.world.records()) == 1


@needs(declared.renewal)
def test_a_renewal_that_is_denied_is_not_tried_again(rig: Rig) -> None:
    connector = rig.open(*rig.dialect.renewed_by, client_secret="not the secret")
    with rig.world.watched() as requests:
        for _ in range(5):
            with pytest.raises(Denied):
                connector.get(rig.object, [rig.dialect.absent_id], ())
    assert len(requests) <= 2


def test_a_repeated_request_is_the_same_request(rig: Rig) -> None:
    rig.world.set(log_headers=True)
    for fault, call in (("429", lambda: rig.write_one(rig.create(1))), ("503", lambda: rig.get(*rig.world.records()))):
        rig.world.fault(fault, times=2, retry_after=1)
        with rig.world.watched() as requests:
            call()
        struck = [request for request in requests if request["path"] == requests[0]["path"]][:3]
        assert [request["status"] for request in struck[:2]] == [int(fault)] * 2
        assert len({request["bytes"] for request in struck}) == 1
        assert len({request["query"] for request in struck}) == 1
        assert struck[0]["headers"] == struck[1]["headers"] == struck[2]["headers"]


def test_errors_say_which_account_why_and_what_to_do(rig: Rig) -> None:
    ids = rig.world.crowd(1)
    for fault in ("401", "403", "429", "503", "html"):
        rig.world.fault(fault, times=None)
        with pytest.raises(ConnectorError) as raised:
            rig.walk()
        rig.world.no_more_faults()
        assert raised.value.account == rig.account
        assert raised.value.cause not in ("", "error")
        assert raised.value.fix != ""
    assert ids == list(rig.world.records())


def _refusals_come_together(count: int) -> Rewrite:
    """So many requests are refused at the same moment."""
    together = Barrier(count, timeout=5)

    def held(_: Request, reply: Reply) -> Reply:
        if reply.status == 401:
            with suppress(BrokenBarrierError):
                together.wait()
        return reply

    return held


def _errors_for_writes(request: Request, reply: Reply) -> Reply:
    reading = only_reads({"method": request.method, "path": request.path})
    assert reading or decoded(reply) is not None or reply.body == b""
    return reply if reading else Reply(200, {"error": "something", "status": "error", "success": False})
