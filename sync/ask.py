"""Ask: a field about which a person has to decide is parked. Nobody is written it; every other field of the lead goes on.

Pure. What there is to choose from stays with the lead; the answer is found again by the subject of the question, for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leads.model import ABSENT, CLEARED, OnBlank, Value, Winner
from leads.values import dump_value, load_value, plain, same
from sync.policy import Policy
from sync.state import Candidate, Change, Lost, Origin, Ref, Review, Revision

DECIDED = "decided by a person"
WAITS = "waits for a person"


@dataclass(frozen=True, slots=True)
class Parked:
    """What became of a field that was asked about: the candidates that still wait (none: it goes on), and all that is to be kept.

    `closed` are subjects of questions that have nothing left to ask; `left_alone` are records that are not written this value again.
    """

    waiting: tuple[Candidate, ...] = ()
    revision: Revision | None = None
    review: Review | None = None
    closed: tuple[str, ...] = ()
    left_alone: frozenset[Ref] = frozenset()


def must_ask(name: str, ours: Value, changes: Sequence[Change], waiting: Sequence[Candidate], policy: Policy) -> bool:
    """Whether the settings, or a record that takes back what we write, leave the decision to a person."""
    rule = policy.fields[name]
    if waiting or any(change.tug for change in changes):
        return True
    if rule.blank == OnBlank.ASK and any(change.new is CLEARED for change in changes):
        return True
    return rule.winner == Winner.ASK and _is_contest(ours, changes)


def _is_contest(ours: Value, changes: Sequence[Change]) -> bool:
    """An edit of what the lead said is no conflict; two opinions are, and one against a lead that has moved on."""
    differing = [change for change in changes if not same(change.new, ours) and not change.explained_by(ours)]
    if len(_distinct(Candidate(change.new, Origin("")) for change in differing)) > 1:
        return True
    moved = len(differing) < len(changes) or any(not same(change.old, ours) for change in differing)
    return bool(differing) and ours is not ABSENT and moved


def park(
    lead_id: str, name: str, ours: Candidate, changes: Sequence[Change], waiting: Sequence[Candidate], answers: Mapping[str, Any]
) -> Parked:
    """Ask about a field, go on waiting, or carry out the answer."""
    heard = {change.ref for change in changes}
    news = [Candidate(change.new, Origin(change.ref.account, change.ref, "", change.lo, change.hi)) for change in changes]
    all_of_them = _distinct([*(one for one in waiting if one.origin.ref not in heard), *news])
    others = tuple(one for one in all_of_them if not same(one.value, ours.value))
    before = subject(lead_id, name, [ours, *waiting]) if waiting else ""
    if not others:
        return Parked(closed=(before,) if before else ())
    about = subject(lead_id, name, [ours, *others])
    closed = (before,) if before not in ("", about) else ()
    if isinstance(answers.get(about), Mapping):
        chosen = load_value(answers[about]["value"])
        tugging = {change.ref for change in changes if change.tug and not same(change.new, chosen)}
        return Parked((), _decided(name, ours, others, chosen), None, closed, frozenset(tugging))
    tug = any(change.tug for change in changes)
    asked = _review(lead_id, name, about, ours, others, tug=tug)
    revision = None if others == tuple(waiting) else Revision(name, ours.value, ours.value, ours.origin, WAITS, _lost(others))
    return Parked(others, revision, asked, closed)


def subject(lead_id: str, name: str, candidates: Iterable[Candidate]) -> str:
    """Equal for equal values to choose from, whoever says them."""
    values = sorted({json.dumps(_meaning(one.value), sort_keys=True) for one in candidates if one.value is not ABSENT})
    return f"conflict:{lead_id}:{name}:{hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]}"


def _meaning(value: Value) -> Any:
    return sorted(item.key for item in value) if isinstance(value, tuple) else dump_value(value)


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    found: list[Candidate] = []
    for one in candidates:
        if not any(same(one.value, other.value) for other in found):
            found.append(one)
    return found


def _decided(name: str, ours: Candidate, others: Sequence[Candidate], chosen: Value) -> Revision:
    origin = next((one.origin for one in (ours, *others) if same(one.value, chosen)), Origin(""))
    lost = _lost(one for one in (ours, *others) if not same(one.value, chosen) and one.value is not ABSENT)
    return Revision(name, ours.value, chosen, replace(origin, rule=DECIDED), DECIDED, lost)


def _lost(candidates: Iterable[Candidate]) -> tuple[Lost, ...]:
    return tuple(Lost(one.value, one.origin.account or "hub", one.origin) for one in candidates)


def _review(lead_id: str, name: str, about: str, ours: Candidate, others: Sequence[Candidate], *, tug: bool) -> Review:
    sides = [one for one in (ours, *others) if one.value is not ABSENT]
    choices = tuple({"answer": str(number), **_shown(one)} for number, one in enumerate(sides, 1))
    refs = tuple(one.origin.ref for one in others if one.origin.ref is not None)
    why = "a record takes back what Leadloom writes, again and again" if tug else "the records differ"
    question = f"{name} of lead {lead_id}: {why}. Which value is right?"
    return Review("tug_of_war" if tug else "conflict", about, question, lead_id, refs, name, choices)


def _shown(candidate: Candidate) -> dict[str, Any]:
    origin = candidate.origin
    place = f"{origin.account} {origin.ref.object} {origin.ref.id}" if origin.ref is not None else origin.account or "Leadloom"
    at = origin.hi.isoformat() if origin.hi is not None else None
    return {"value": plain(candidate.value), "from": place, "at": at, "stored": dump_value(candidate.value)}
