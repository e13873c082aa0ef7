"""The file of `consent evaluate` and the events of a ledger: answers in the order asked, and events named by their hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leads.consent.event import Event, event_hash
from leads.consent.fold import fold
from leads.consent.reading import ConsentFileWrong, Reader, normal_facts, read_events
from leads.consent.status import Answer, Key, Ledger, status_of


def evaluate(document: Any) -> list[dict[str, Any]]:
    """Answers in the order asked. Raises `ConsentFileWrong` with everything that is wrong."""
    if not isinstance(document, Mapping):
        raise ConsentFileWrong(["expected one JSON object with now, events and ask"])
    reader = Reader()
    now = reader.moment(document.get("now"), "now")
    policy = reader.policy(document)
    links = reader.links(document.get("links", {}))
    events = list(reader.events(document.get("events", [])))
    keys = list(reader.keys(document.get("ask", [])))
    if reader.mistakes:
        raise ConsentFileWrong(reader.mistakes)
    ledger = Ledger(fold(events, policy), links)
    return [answer_of(key, status_of(ledger.about(key), key, now, policy, links)) for key in keys]


def answer_of(key: Key, answer: Answer) -> dict[str, Any]:
    return {
        "identifier": key.identifier,
        "purpose": key.purpose,
        "channel": key.channel,
        "status": answer.status.value,
        "permitted": answer.permitted,
        "grade": None if answer.grade is None else answer.grade.name,
        "flags": list(answer.flags),
        "because": list(answer.because),
    }


def addressed(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Event, Mapping[str, Any]]]:
    """Events as a ledger keeps them: without ids, each named by its hash, and referred to by it.

    Raises `ConsentFileWrong` with everything that is wrong.
    """
    plain = [normal_facts(row) for row in rows if isinstance(row, Mapping)]
    if len(plain) < len(rows):
        raise ConsentFileWrong(["expected a list of events, each an object"])
    hashes = {row["id"]: event_hash(row) for row in plain if "id" in row and not _refers(row)}
    hashes |= {row["id"]: event_hash(_resolved(row, hashes)) for row in plain if "id" in row and _refers(row)}
    kept = [{name: value for name, value in _resolved(row, hashes).items() if name != "id"} for row in plain]
    return list(zip(read_events(kept), kept, strict=True))


def _refers(row: Mapping[str, Any]) -> bool:
    refs = row.get("refs")
    return isinstance(refs, Mapping) and any(refs.get(name) is not None for name in ("request", "invalidates"))


def _resolved(row: Mapping[str, Any], hashes: Mapping[str, str]) -> dict[str, Any]:
    if not _refers(row):
        return dict(row)
    refs = dict(row["refs"])
    if isinstance(refs.get("request"), str):
        refs["request"] = hashes.get(refs["request"], refs["request"])
    targets = refs.get("invalidates")
    if targets is not None:
        refs["invalidates"] = [hashes.get(one, one) for one in ([targets] if isinstance(targets, str) else targets)]
    return {**row, "refs": refs}
