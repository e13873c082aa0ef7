"""Answers (shell): what a person says to a question is kept for ever. Leads become one or two at once; the next sync does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync.compare import LEFT_ALONE
from sync.joining import told
from sync.parting import part
from sync.settle import set_back
from sync.state import Base, Joining, Pair, Ref
from sync.uniting import A_LEAD, as_one, ask_once, leads_behind
from sync.workspace import Stopped, Workspace

LOOK_AGAIN = "keep"  # what the record shows is read anew


def decide(workspace: Workspace, id: int, answer: str, by: str) -> Mapping[str, Any]:
    """Answer question `id` with one of its choices; raises `Stopped` where there is no such question or choice.

    Returns the question; `regrouped` are the leads that became one, or two, by the answer.
    """
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
        regrouped = _regroup(unit, workspace, choice.get("pairs", ()), by)
        unit.touch([review["lead_id"]])
        unit.put_hints(review["refs"] if "pairs" in choice or answer == LOOK_AGAIN else (), now)
        return {**unit.review(id), "regrouped": regrouped}


def _regroup(unit: Any, workspace: Workspace, pairs: Sequence[Sequence[str]], by: str) -> list[Mapping[str, Any]]:
    """Two leads that are one person become one, the older keeping its id; a record that is somebody else leaves its lead."""
    done: list[Mapping[str, Any]] = []
    for left, right, verdict in pairs:
        leads = [_lead_of(unit, side) for side in (left, right)]
        if "" in leads or (leads[0] == leads[1]) is (verdict == "same"):
            continue
        run = unit.start_run("merge" if verdict == "same" else "split", workspace.now())
        joining = as_one(unit, workspace, leads, run, by) if verdict == "same" else _parted(unit, workspace, left, right, run, by)
        done.append({"run": run, "status": "done", **told(unit, joining)})
        unit.finish_run(run, "done", done[-1], workspace.now())
    if done:
        ask_once(unit)
    return done


def _parted(unit: Any, workspace: Workspace, left: str, right: str, run: str, by: str) -> Joining:
    record = next((side for side in (left, right) if not side.startswith(A_LEAD)), None)
    if record is None:
        raise Stopped("The two are one lead by now. `leadloom leads split` takes records out of it.", exit_code=2)
    return part(unit, workspace, _lead_of(unit, record), [Ref(*record.split(":", 2))], run, by)


def _lead_of(unit: Any, side: str) -> str:
    return leads_behind(unit, [side]).get(side, "")


def _released(pair: Pair) -> Pair:
    return replace(pair, refused=None, flips=0)


def _left(pair: Pair) -> Pair:
    return pair if pair.refused is None else replace(pair, refused=(pair.refused[0], LEFT_ALONE))


PAIRS: Mapping[str, Callable[[Pair], Pair]] = {"again": _released, "retry": _released, "leave": _left, "keep": set_back}


def _change_pairs(unit: Any, refs: Sequence[Ref], rows: Sequence[str], change: Callable[[Pair], Pair]) -> None:
    """What is held on the records of the question (in these rows, or in all): tried again, or left to them."""
    for ref in refs:
        link, base = unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id, (None, Base()))
        if link is not None:
            asked = {id for id, pair in base.pairs.items() if pair.refused is not None and (id in rows or not rows)}
            pairs = {id: change(pair) if id in asked else pair for id, pair in base.pairs.items()}
            unit.put_links([(link, replace(base, pairs=pairs))])
