"""Secrets and personal data: in no repr, log, error or address; and no way off the account's own host."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from connectors.base import Op, Outcome, Write
from connectors.errors import ConnectorError
from sandbox.messages import Reply
from tests.contract.rigs import Rig, heard

TELLTALE = "Zaphod-Beeblebrox-4711"
ADDRESS = "zaphod.beeblebrox.4711@firma.example"
FAULTS = ("401", "403", "429", "500", "reset", "timeout_after", "html", "truncate", "partial")
STRANGE_IDS = (
    "../../oauth/v3/token",
    "..",
    ".",
    "a/b",
    "?archived=true",
    "x?y=z#w",
    "//evil.example/x",
    "%2e%2e%2f",
    "1 OR 1=1",
    "' OR Id != '",
    "ü",
    "",
)


def test_a_connector_shows_no_secret(rig: Rig) -> None:
    for shown in (repr(rig.connector), str(rig.connector), repr(vars(rig.connector))):
        assert not _secret_in(rig, shown)


def test_no_address_holds_a_secret(rig: Rig) -> None:
    _everything(rig)
    assert not any(_secret_in(rig, request["path"] + "?" + request["query"]) for request in rig.world.requests())


def test_no_failure_shows_a_secret(rig: Rig) -> None:
    for text in _told(rig, FAULTS):
        assert not _secret_in(rig, text)


def test_no_failure_shows_a_persons_data(rig: Rig) -> None:
    for text in _told(rig, FAULTS):
        for value in (TELLTALE, ADDRESS, quote(ADDRESS), ADDRESS.split("@")[0]):
            assert value not in text


def test_no_refusal_shows_what_was_refused(rig: Rig) -> None:
    (id,) = rig.world.crowd(1)
    with heard() as lines:
        write = Write(Op.CREATE, rig.object, {**rig.person(1, given=TELLTALE, email=ADDRESS), rig.name("stage"): TELLTALE}, key=TELLTALE)
        receipts = rig.write(write, Write(Op.UPDATE, rig.object, {"no_such_field": TELLTALE}, id=id))
    assert [receipt.outcome for receipt in receipts] == [Outcome.REJECTED] * 2
    for text in (*lines, *(f"{receipt.message} {receipt.cause} {receipt.error}" for receipt in receipts)):
        assert TELLTALE not in text
        assert ADDRESS not in text


def test_a_server_that_repeats_the_token_is_not_quoted(rig: Rig) -> None:
    token = rig.world.app.token
    rig.world.rewrite(lambda _, reply: Reply(400, {"message": f"bad token {token}", "error": token, "category": token, "errorCode": token}))
    with heard() as lines, pytest.raises(ConnectorError) as raised:
        rig.walk()
    assert not any(token in text for text in (*lines, *_all_of(raised.value)))


def test_strange_ids_do_not_leave_their_place_in_the_address(rig: Rig) -> None:
    for id in STRANGE_IDS:
        with rig.world.watched() as requests:
            assert [record.ending is not None for record in rig.get(id)] == [True]
        assert all(_stays(request["path"]) for request in requests), requests
    assert [record.ending is not None for record in rig.get(*STRANGE_IDS)] == [True] * len(STRANGE_IDS)


def test_writes_to_strange_ids_touch_nothing(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    before = rig.world.records()
    for id in STRANGE_IDS:
        for write in (rig.update(id, grade="X"), rig.delete(id)):
            assert rig.write_one(write).outcome in (Outcome.GONE, Outcome.REJECTED, Outcome.NOT_SENT, Outcome.DELETED)
    assert list(rig.world.records()) == ids
    assert rig.world.records() == before


def test_ids_joined_to_one_touch_nothing(rig: Rig) -> None:
    first, second = rig.world.crowd(2)
    for between in (",", "&ids[]=", ";", "/"):
        for write in (rig.update(f"{first}{between}{second}", grade="X"), rig.delete(f"{first}{between}{second}")):
            rig.write_one(write)
        assert [record.ending is not None for record in rig.get(f"{first}{between}{second}")] == [True]
    assert set(rig.world.records()) == {first, second}
    assert set(rig.truths("grade").values()) == {None}


def test_strange_values_find_nothing(rig: Rig) -> None:
    rig.world.crowd(2)
    for value in ("' OR Email != '", "*", "%", "a@b.c' OR '1'='1", "\\", '"'):
        assert rig.find("email", value) == []
        assert rig.find_key(value) == []


def test_a_redirect_is_not_followed(rig: Rig) -> None:
    ids = rig.world.crowd(1)
    for location in ("https://evil.example/x", "/elsewhere"):
        rig.world.rewrite(lambda _, reply, location=location: Reply(302, None, {"Location": location}))  # type: ignore[misc]
        with rig.world.watched() as requests, pytest.raises(ConnectorError):
            rig.get(*ids)
        assert not any("elsewhere" in request["path"] for request in requests)
        assert len(requests) <= 2


def _everything(rig: Rig) -> None:
    rig.connector.identity()
    rig.connector.owners()
    rig.write(rig.create(1))
    rig.walk()
    rig.find("email", "ada1@firma.example")
    rig.find_key("key-1")
    rig.get(*rig.world.records())


def _told(rig: Rig, faults: tuple[str, ...]) -> Iterator[str]:
    """Everything that is said, anywhere, when things go wrong."""
    id = rig.world.human_create(given=TELLTALE, family=TELLTALE, email=ADDRESS)
    calls: tuple[Callable[[], object], ...] = (
        lambda: rig.find("email", ADDRESS),
        lambda: rig.walk(),
        lambda: rig.get(id),
        lambda: rig.write(rig.update(id, grade=TELLTALE), rig.create(1, given=TELLTALE, key=TELLTALE)),
        lambda: rig.write(Write(Op.UPDATE, rig.object, {"opt_out:email": True}, id=id)),
        lambda: rig.find_key(TELLTALE),
        lambda: rig.connector.identity(),
    )
    for fault in faults:
        for call in calls:
            rig.world.fault(fault, times=None, retry_after=1)
            with heard() as lines:
                try:
                    answer = call()
                except ConnectorError as error:
                    yield from _all_of(error)
                else:
                    for receipt in answer if isinstance(answer, list) else ():
                        yield f"{getattr(receipt, 'message', '')} {getattr(receipt, 'cause', '')} {getattr(receipt, 'error', '')}"
            rig.world.no_more_faults()
            yield from lines


def _all_of(error: BaseException) -> list[str]:
    return [str(error), repr(error), "".join(traceback.format_exception(error)), str(vars(error))]


def _secret_in(rig: Rig, text: str) -> bool:
    return any(secret in text for secret in rig.world.app.credentials().values() if len(secret) > 10)


def _stays(path: str) -> bool:
    return "/../" not in path and not path.endswith("/..") and not path.startswith("//") and "oauth" not in path
