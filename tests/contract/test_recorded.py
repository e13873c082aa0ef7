"""Whatever the vendors have ever been recorded to answer: each connector reads it, or says what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.base import Op, Write
from connectors.errors import ConnectorError
from sandbox.messages import Reply
from tests.contract.matrix import CRMS
from tests.contract.rigs import Rig, rigged

RECORDED = Path(__file__).resolve().parents[2] / "../shared/wire/recorded"
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded traffic is not beside this checkout")

FEWEST: Mapping[str, int] = {"hubspot": 60, "salesforce": 35, "pipedrive": 30, "activecampaign": 3}
Answer = tuple[str, int, Any]  # where it stands, its status, its body


@pytest.mark.parametrize("crm", CRMS)
def test_every_recorded_answer_is_read_or_refused_with_a_reason(crm: str) -> None:
    answers = list(_of(crm))
    assert len(answers) >= FEWEST[crm]
    with rigged(crm, wire="none") as rig:
        (id,) = rig.world.crowd(1)
        crashes = {f"{call}: {where}: {crash}" for where, status, body in answers for call, crash in _crashes(rig, id, status, body)}
    assert crashes == set()


def _crashes(rig: Rig, id: str, status: int, body: Any) -> Iterator[tuple[str, str]]:
    """The calls that end in anything but an answer or one of our own errors when the CRM says nothing else than this."""
    write = Write(Op.UPDATE, rig.object, {"opt_out:email": True, **rig.said(grade="A")}, id=id)
    for name, call in {
        "get": lambda: rig.get(id),
        "get two": lambda: rig.get(id, rig.dialect.absent_id),
        "find": lambda: rig.find("email", "ada0@firma.example"),
        "find by key": lambda: rig.find_key("key-1"),
        "walk": lambda: next(rig.pages()),
        "create": lambda: rig.write(rig.create(1), rig.create(2)),
        "update": lambda: rig.write(rig.update(id, grade="A"), rig.update(rig.dialect.absent_id, score=1)),
        "opt out": lambda: rig.write(write),
        "delete": lambda: rig.write(rig.delete(id)),
        "owners": lambda: rig.connector.owners(),
        "identity": lambda: rig.connector.identity(),
        "describe": lambda: rig.open().describe(rig.object),
    }.items():
        rig.world.rewrite(lambda _request, _reply: Reply(status, body))
        try:
            call()
        except ConnectorError as error:
            if not (error.message and error.cause):
                yield name, "no reason is given"
        except Exception as error:  # noqa: BLE001  # it is what the test is looking for
            yield name, repr(error)
        rig.world.honest()


@cache
def _of(crm: str) -> tuple[Answer, ...]:
    """One answer of each shape that was recorded of a CRM."""
    told: dict[str, Answer] = {}
    for where, status, body in _all():
        if _vendor(where) == crm:
            told.setdefault(f"{status} {_shape(body)}", (where, status, body))
    return tuple(told.values())


def _vendor(where: str) -> str:
    folder = where.lower()
    named = next((crm for crm in CRMS if crm in folder), None)
    return named or "salesforce"  # the recordings of clients that speak with no other


def _all() -> Iterator[Answer]:
    for file in sorted(RECORDED.rglob("*")):
        where = str(file.relative_to(RECORDED))
        if file.suffix == ".jsonl":
            for exchange in map(json.loads, file.read_text("utf-8").splitlines()):
                yield f"{where} {exchange['method']}", exchange["status"], exchange["response"]
        elif file.suffix == ".json" and "webhooks" not in where:
            yield where, 400 if "error" in file.name or "nonexisting" in file.name else 200, _read(file.read_text("utf-8"))
        elif file.suffix in (".yml", ".yaml"):
            yield from ((where, *answer) for answer in _cassette(file))


def _cassette(file: Path) -> Iterator[tuple[int, Any]]:
    for one in (yaml.safe_load(file.read_text("utf-8")) or {}).get("http_interactions", ()):
        body = one["response"]["body"]
        text = body["string"] if isinstance(body, dict) else body
        yield one["response"]["status"]["code"], _read(text)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shape(body: Any, depth: int = 4) -> str:
    """The members and types of a body, without its values."""
    if isinstance(body, dict) and depth:
        return (
            "{" + ",".join(sorted(f"{re.sub('[0-9a-f]{8,}', '#', name)}:{_shape(value, depth - 1)}" for name, value in body.items())) + "}"
        )
    if isinstance(body, list) and depth:
        return "[" + "|".join(sorted({_shape(item, depth - 1) for item in body})) + "]"
    return type(body).__name__
