"""Answers (shell): what a person says to a question is kept for ever and carried out by the next sync."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync.compare import LEFT_ALONE
from sync.state import Base, Pair, Ref
from sync.workspace import Stopped, Workspace


def decide(workspace: Workspace, id: int, answer: str, by: str) -> Mapping[str, Any]:
    """Answer question `id` with one of its choices; raises `Stopped` where there is no such question or choice."""
    now = workspace.now()
    with workspace.store.lease(), workspace.store.begin() as unit:
        review = unit.review(id)
        if review is None:
            raise Stopped(f"There is no question {id}. `leadloom review list` shows them.", exit_code=2)
        choice = next((one for one in review["choices"] if one["answer"] == answer), None)
        if choice is None:
            known = ", ".join(one["answer"] for one in review["choices"])
            raise Stopped(f"Question {id} can be answered with: {known}. `leadloom review show {id}` says what they mean.", exit_code=2)
        unit.answer(id, {"answer": answer, "value": choice.get("stored")}, by, now)
        for left, right, verdict in choice.get("pairs", ()):
            unit.decide_pair(left, right, verdict, by, now)
        if answer in PAIRS:
            _change_pairs(unit, review["refs"], choice.get("rows", ()), PAIRS[answer])
        unit.touch([review["lead_id"]])
        unit.put_hints(review["refs"] if "pairs" in choice else (), now)
        answered: Mapping[str, Any] = unit.review(id)
    return answered


def _released(pair: Pair) -> Pair:
    return replace(pair, refused=None, flips=0)


def _left(pair: Pair) -> Pair:
    return pair if pair.refused is None else replace(pair, refused=(pair.refused[0], LEFT_ALONE))


PAIRS: Mapping[str, Callable[[Pair], Pair]] = {"again": _released, "retry": _released, "leave": _left}


def _change_pairs(unit: Any, refs: Sequence[Ref], rows: Sequence[str], change: Callable[[Pair], Pair]) -> None:
    """What is held on the records of the question (in these rows, or in all): tried again, or left to them."""
    for ref in refs:
        link, base = unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id, (None, Base()))
        if link is not None:
            asked = {id for id, pair in base.pairs.items() if pair.refused is not None and (id in rows or not rows)}
            unit.put_links([(link, Base({id: change(pair) if id in asked else pair for id, pair in base.pairs.items()}, base.read_at))])
