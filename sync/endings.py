"""Endings: what follows for a lead and its other records when a record is deleted, archived, merged, converted or not shown any more.

Pure. Each account has a policy per kind of ending; without one the record is unlinked and reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.base import Ending, Record
from leads.model import ABSENT
from leads.predicates import facts
from sync.state import LeadState, Link, LinkState, Origin, Problem, Ref, Review, Revision, link_step, pair_choices, refs_text
from sync.workspace import Account, Endings, Workspace

DOOMED = "to be deleted"  # the ending to come of a record whose lead was deleted elsewhere, until its deletion is proved
BY_US = f"{Ending.DELETED}:ours"
RETURNING = (Ending.DELETED, Ending.ARCHIVED, Ending.MISSING)  # endings that a person can take back
DISQUALIFIED = "disqualified"

FOLLOWS: Mapping[str, str] = {
    "unlink": "its lead stays as it is, and it is not created there again.",
    "follow": "its lead goes on with the record that took its place.",
    "recreate": "it is created there again if its lead is in scope.",
    "disqualify": "its lead is disqualified everywhere.",
    "delete": "the other records of its lead are to be deleted, behind the guard on deletes.",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """A record has ended: its link from now on, the step in its lead's history, and what else follows by the policy.

    `heir` took its place; `lost`: nothing did. `spreads`: the other records of the lead are to be deleted.
    """

    link: Link
    step: Revision
    heir: Ref | None = None
    lost: bool = False
    problem: Problem | None = None
    disqualifies: bool = False
    spreads: bool = False


def ended(link: Link, record: Record, ending: Ending, endings: Endings) -> Ended:
    """What follows when a record ends is the account's policy; one that merely is not shown comes back when it is shown again."""
    ours = link.ending == DOOMED
    rule = "ours" if ours else endings.of(ending)
    gone = replace(link, state=LinkState.ENDED, ending=str(ending) if rule in ("follow", "unlink") else f"{ending}:{rule}")
    heir = Ref(link.ref.account, *record.moved_to) if record.moved_to is not None and rule == "follow" else None
    return Ended(
        gone,
        link_step(link.ref, refs_text([link.ref]), ABSENT, f"{ending} in the CRM"),
        heir,
        lost=heir is None and not ours,
        problem=None if ours else _problem(link, ending, rule),
        disqualifies=rule == "disqualify",
        spreads=rule == "delete",
    )


def disqualified(lead: LeadState, ref: Ref, now: datetime) -> tuple[LeadState, Revision] | None:
    """The lead of a record that ended, where that disqualifies it; a customer stays one."""
    old = lead.fields.get("stage", ABSENT)
    if old in (DISQUALIFIED, "customer"):
        return None
    origin = Origin(ref.account, ref, "the record ended", None, now)
    fields, origins = {**lead.fields, "stage": DISQUALIFIED}, {**lead.origins, "stage": origin}
    after = replace(lead, fields=fields, origins=origins, stage_since=now, stage_held=True, version=lead.version + 1)
    return after, Revision("stage", old, DISQUALIFIED, origin, "the record ended")


def scoped(link: Link, lead: LeadState, account: Account | None, *, spreads: bool, restored: bool) -> Link:
    """A record whose lead left the scope sleeps where the policy says so; one that is to be deleted gets no more than opt-outs.

    `spreads`: the lead's records are to be deleted since one of them was; `restored`: that one is back.
    """
    if spreads or (link.ending == DOOMED and not restored):
        return replace(link, state=LinkState.DORMANT, ending=DOOMED)
    if link.ending == DOOMED:
        return replace(link, state=LinkState.ACTIVE, ending="")
    if account is None or account.endings.out_of_scope == "keep" or link.state is LinkState.WITHHELD:
        return link
    return replace(link, state=LinkState.ACTIVE if account.scope.when(facts(lead.fields)) else LinkState.DORMANT)


def endings_of(workspace: Workspace, account: str) -> Endings:
    return workspace.accounts[account].endings if account in workspace.accounts else Endings()


def merged_leads(survivor: Ref, lead_ids: Sequence[str]) -> Review:
    question = f"{survivor.account} merged records of leads {' and '.join(lead_ids)} into {survivor.object} {survivor.id}. One person?"
    return Review(
        "merged_leads", f"merged:{':'.join(lead_ids)}", question, lead_ids[0], (survivor,), choices=pair_choices(lead_ids[0], lead_ids[1:])
    )


def _problem(link: Link, ending: Ending, rule: str) -> Problem:
    where = f"{link.ref.object} {link.ref.id}"
    message = f"{where} was {ending} in the CRM; {FOLLOWS[rule]}"
    fix = "Nothing is to be done, unless it happened by mistake: then restore it in the CRM."
    if ending is Ending.MISSING:
        message = f"{where} is not shown any more: deleted, merged, or hidden from this user; {FOLLOWS[rule]}"
        fix = "If it was deleted on purpose, nothing is to be done; else give the user of these credentials access to it."
    return Problem(link.ref.account, f"ended:{ending}", message, fix, link.ref, link.lead_id)
