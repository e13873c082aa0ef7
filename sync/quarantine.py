"""Quarantine: of a record from a bought list only noes count, and a lead that has no other record is left alone.

Pure. Nobody asked to hear from whoever stands on a bought list: such a lead is not scored, routed, or written to any CRM. Its records are
known all the same, so that a no, wherever it was said, reaches them. What says that a record was bought can be corrected in its CRM.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync.compare import LIFTED, TO_BE_ERASED, compare
from sync.contest import IMPORT
from sync.policy import Policy
from sync.state import GONE, Base, Change, LeadState, Link, Problem, Review, Role
from sync.view import Observed, View, is_no

CAUSE = "purchased"
IN_A_CRM = "If it was not bought, correct the field that says so; else nothing is to be done here."
IN_A_FILE = "Nothing: a form that the person fills in ends it. `leadloom privacy erase LEAD --reason TEXT` forgets them."


def is_moved(link: Link, dialect: Any, record: Observed) -> bool:
    """Whether a record says otherwise than before whether it was bought."""
    bought = dialect.is_purchased(record.fields)
    return bought is not None and bought is not (link.role is Role.QUARANTINED)


def moved(link: Link, base: Base, dialect: Any) -> tuple[Link, Base]:
    """The link of a record that goes into quarantine, or leaves it: then all it says is first said now, but for its noes."""
    if link.role is not Role.QUARANTINED:
        return replace(link, role=Role.QUARANTINED), base
    noes = {row.id for row in dialect.rows if is_no(row.lead)}
    return replace(link, role=Role.MAIN), replace(base, pairs={id: pair for id, pair in base.pairs.items() if id in noes})


def noes_only(view: View, lead: LeadState, policy: Policy, now: datetime) -> tuple[Base, list[Change], list[Problem], list[Review]]:
    """What remains of a comparison: the base, and what it tells and asks about a no."""
    base, _, told, asked = compare(view, lead, policy, now)
    return base, [], [one for one in told if one.cause == LIFTED], [one for one in asked if one.kind == TO_BE_ERASED]


def is_quarantined(links: Iterable[Link]) -> bool:
    """Whether nothing but bought lists ever told of a lead."""
    return {link.role for link in links} == {Role.QUARANTINED}


def purchased_problems(links: Iterable[Link]) -> list[Problem]:
    return [_problem(link) for link in links if link.role is Role.QUARANTINED and link.state not in GONE]


def _problem(link: Link) -> Problem:
    ref = link.ref
    message = f"{ref.object} {ref.id} is from a bought list: it is not scored, routed, or written anywhere; only opt-outs count."
    return Problem(ref.account, CAUSE, message, IN_A_FILE if ref.account == IMPORT else IN_A_CRM, ref, link.lead_id)
