"""Roles: of the records that one account has of a lead one leads, and further ones are twins, about which a person is asked.

Pure. Where the leading record has ended, the oldest twin takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from sync.link import twin_review, twin_subject
from sync.state import LinkState, Ref, Review, Role
from sync.view import View


def in_their_roles(views: Sequence[View], returned: Set[Ref]) -> tuple[list[View], list[str], list[Review]]:
    """The records of a lead, the questions that are none any more, and new ones.

    `returned` had ended and are shown again: where another one leads by now, it goes on leading. What was bought stays in quarantine.
    """
    led = {view.ref.account for view in views if _leads(view) and view.ref not in returned}
    late = {view.ref for view in views if view.ref in returned and view.ref.account in led and view.link.role is not Role.QUARANTINED}
    there = [_as(Role.TWIN, view) if view.ref in late else view for view in views]
    twins, after = {view.ref for view in there if view.link.role is Role.TWIN}, _promoted(there)
    closed = [twin_subject(view.ref) for view in after if view.ref in twins and view.link.role is Role.MAIN]
    asked = [twin_review(view.ref, view.link.lead_id) for view in after if view.ref in returned and view.link.role is Role.TWIN]
    return after, closed, asked


def _promoted(views: Sequence[View]) -> list[View]:
    led = {view.ref.account for view in views if _leads(view)}
    promoted: list[View] = []
    for view in sorted(views, key=lambda view: view.ref):
        if view.ref.account not in led and view.link.state is not LinkState.WITHHELD and view.link.role is not Role.QUARANTINED:
            led.add(view.ref.account)
            view = _as(Role.MAIN, view)
        promoted.append(view)
    return promoted


def _leads(view: View) -> bool:
    return view.link.role is Role.MAIN and view.link.state is not LinkState.WITHHELD


def _as(role: Role, view: View) -> View:
    return replace(view, link=replace(view.link, role=role))
