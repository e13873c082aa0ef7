"""Joining (shell): two leads become one. The CRMs are told by the next plan.

A lead that became part of another is another name of it: whoever looks for it finds the lead that it is now. Restrictions only grow by
it; what people decided about two sides is what is newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from leads.model import ABSENT
from leads.values import same
from sync.consents import Noted, retold
from sync.link import twin_review
from sync.merging import SPLIT_OFF
from sync.plan import lead_address
from sync.siding import joined, restored
from sync.state import (
    GONE,
    MERGE,
    Base,
    Joining,
    LeadState,
    Link,
    LinkState,
    Origin,
    Ref,
    Review,
    Revision,
    Role,
    Way,
    link_step,
    pair_key,
    refs_text,
)
from sync.workspace import Stopped, Workspace

CHANNELS = ("email", "phone")
Linked = Sequence[tuple[Link, Base]]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What joining two leads would come to, before it happens.

    `conflicts` are the fields on which they differ, `twins` records that become further ones of their account, `denied` the channels
    on which either said no, `apart` what people decided against it.
    """

    kept: LeadState
    gone: LeadState
    after: LeadState
    conflicts: tuple[Revision, ...]
    refs: tuple[Ref, ...]
    twins: tuple[Ref, ...]
    denied: tuple[str, ...]
    apart: tuple[tuple[str, str], ...]
    questions: tuple[Review, ...]


def foresee(unit: Any, workspace: Workspace, kept_id: str, gone_id: str) -> Outlook:
    kept, gone = _two(unit, kept_id, gone_id)
    links = unit.links_of([kept.id, gone.id])
    decided = joined(kept, gone, workspace.policy, unit.answers_of([kept.id]))
    moved = _handed_over(links.get(kept.id, []), links.get(gone.id, []), kept.id)
    between = decided_between(unit, keys_of(unit, kept.id, links.get(kept.id, [])), keys_of(unit, gone.id, links.get(gone.id, [])))
    return Outlook(
        kept,
        gone,
        decided.lead,
        tuple(one for one in decided.revisions if one.lost),
        tuple(link.ref for link, _ in moved if link.state is not LinkState.ENDED),
        tuple(_twins(links.get(gone.id, []), moved)),
        tuple(one for one in CHANNELS if decided.lead.fields.get(f"opt_out.{one}", ABSENT) is True),
        tuple((left, right) for left, right, verdict in between if verdict == "different"),
        decided.reviews,
    )


def join(unit: Any, workspace: Workspace, kept_id: str, gone_id: str, run: str, by: str, parting: Joining | None = None) -> Joining:
    """`gone` becomes part of `kept`: its records, its noes and its open questions are those of `kept` from now on.

    `parting` is how the two once parted, if that is taken back.
    """
    now = workspace.now()
    kept, gone = _two(unit, kept_id, gone_id)
    links = unit.links_of([kept.id, gone.id])
    ours, theirs = links.get(kept.id, []), links.get(gone.id, [])
    our_keys, their_keys = keys_of(unit, kept.id, ours), keys_of(unit, gone.id, theirs)
    between = decided_between(unit, our_keys, their_keys)
    unit.move_questions(gone.id, kept.id)
    decided = joined(kept, gone, workspace.policy, unit.answers_of([kept.id]))
    lead = decided.lead if parting is None else restored(decided.lead, kept, gone, parting)
    refs, mains = tuple(link.ref for link, _ in theirs), tuple(link.ref for link, _ in theirs if link.role is Role.MAIN)
    joining = Joining(Way.JOIN, run, kept.id, gone.id, now, refs, mains, kept, lead, gone, between)
    handed_over = _handed_over(ours, theirs, kept.id)
    unit.put_leads([lead], now)
    unit.drop_lead(gone.id)
    unit.forget_likeness(gone.id)
    unit.put_links(handed_over)
    unit.move_records(refs, kept.id)
    unit.move_unwritten(gone.id, kept.id)
    unit.add_events(noes_of(unit, gone.id, [kept.id]), f"run:{run}", now)
    unit.drop_reviews(decided.closed)
    unit.keep_joining(joining)
    if parting is None:
        unit.close_pair([kept.id], our_keys | their_keys, "same", by, now)
    unit.ask([*decided.reviews, *(twin_review(ref, kept.id) for ref in _twins(theirs, handed_over))], run, now)
    holds = parting.decisions if parting is not None else [(pair_key(kept.id), pair_key(gone.id), "same")]
    decide(unit, between, holds, by, now)
    step = step_of(MERGE, gone.id, kept.id, by)
    changed = decided.revisions if parting is None else changes_between(kept, lead, step.origin)
    came = [link_step(link.ref, ABSENT, refs_text([link.ref]), f"came with lead {gone.id}") for link, _ in theirs]
    went = [link_step(link.ref, refs_text([link.ref]), ABSENT, f"went to lead {kept.id}") for link, _ in theirs]
    unit.add_revisions({kept.id: [step, *came, *changed], gone.id: [step, *went]}, run, now)
    unit.touch(concerned(unit, [kept.id]))
    return joining


def told(unit: Any, joining: Joining) -> dict[str, Any]:
    """What became of two leads, for reports; `created_again` are records that had been merged into others inside their CRM."""
    about = {"kept": joining.kept, "gone": joining.gone, "records": [":".join(ref) for ref in joining.refs]}
    if joining.way is Way.JOIN:
        return {"merged": about}
    links = unit.links_of([joining.gone]).get(joining.gone, [])
    return {"split": {**about, "created_again": [":".join(link.ref) for link, _ in links if link.ending == SPLIT_OFF]}}


# Who is meant


def _two(unit: Any, kept_id: str, gone_id: str) -> tuple[LeadState, LeadState]:
    kept, gone = lead_called(unit, kept_id), lead_called(unit, gone_id)
    if kept.id == gone.id:
        raise Stopped(f"{kept_id} and {gone_id} are one lead already: {kept.id}.", exit_code=2)
    return kept, gone


def lead_called(unit: Any, lead_id: str) -> LeadState:
    """The lead that goes by this id; none of its writes may be on its way."""
    id = unit.survivors([lead_id]).get(lead_id, lead_id)
    found: LeadState | None = unit.leads([id]).get(id)
    if found is None:
        raise Stopped(f"There is no lead {lead_id}. `leadloom leads list` shows them.", exit_code=2)
    if unit.open_entries_of([id]):
        raise Stopped(
            f"A write for lead {id} was not answered yet. Run `leadloom sync` first: it finds out what became of it.", exit_code=1
        )
    return found


# What follows


def _handed_over(ours: Linked, theirs: Linked, to: str) -> list[tuple[Link, Base]]:
    """An account of which the lead has a main record already keeps it: further ones are twins."""
    led = {link.ref.account for link, _ in ours if _is_main(link)}
    return [
        (replace(link, lead_id=to, role=Role.TWIN if _is_main(link) and link.ref.account in led else link.role), base)
        for link, base in theirs
    ]


def _is_main(link: Link) -> bool:
    return link.role is Role.MAIN and link.state not in GONE


def _twins(before: Linked, after: Linked) -> list[Ref]:
    """Main records that are further ones of their account from now on."""
    return [now.ref for (was, _), (now, _) in zip(before, after, strict=True) if now.role is not was.role]


def changes_between(before: LeadState, after: LeadState, origin: Origin) -> list[Revision]:
    """What a lead says differently, each with where the value that it has now is from."""
    changed = [name for name in after.fields if not same(before.fields.get(name, ABSENT), after.fields[name])]
    origins = {name: after.origins.get(name, origin) for name in changed}
    return [Revision(name, before.fields.get(name, ABSENT), after.fields[name], origins[name], origins[name].rule) for name in changed]


def step_of(name: str, old: str, new: str, by: str) -> Revision:
    return Revision(name, old, new, Origin(""), f"by {by}" if by else "")


# Noes


def concerned(unit: Any, lead_ids: Iterable[str]) -> set[str]:
    """These leads, and whoever shares an address with one of them that said no as a person: all of its addresses are denied."""
    ids = set(lead_ids)
    denied = {place for _, place in unit.restricted(map(lead_address, ids))}
    return ids.union(unit.sharing(id for id in ids if lead_address(id) in denied))


def noes_of(unit: Any, lead_id: str, others: Iterable[str]) -> list[Noted]:
    """A no of a lead, be it of a person or said where no address was known, is one of these, too."""
    return retold(unit.noes_at([lead_address(lead_id)]), others)


# What people decided


def keys_of(unit: Any, lead_id: str, links: Linked) -> set[str]:
    """Everything by which a lead can stand in a decision: its ids and its records."""
    names = {lead_id} | unit.also_called([lead_id]).get(lead_id, set())
    return {pair_key(name) for name in names} | {pair_key(link.ref) for link, _ in links}


def between_leads(unit: Any, one: str, other: str) -> set[str]:
    """What people have said about two leads, under whichever of their names and records."""
    links = unit.links_of([one, other])
    ours, theirs = (keys_of(unit, id, links.get(id, [])) for id in (one, other))
    return {verdict for _, _, verdict in decided_between(unit, ours, theirs)}


def decided_between(unit: Any, ours: set[str], theirs: set[str]) -> tuple[tuple[str, str, str], ...]:
    decided = unit.decisions_about(sorted(ours | theirs))
    return tuple(
        sorted((left, right, verdict) for (left, right), verdict in decided.items() if {left, right} & ours and {left, right} & theirs)
    )


def decide(unit: Any, between: Iterable[tuple[str, str, str]], now_holds: Iterable[tuple[str, str, str]], by: str, at: datetime) -> None:
    """Of everything that was ever decided between two sides, only what is newest holds."""
    unit.forget_decisions([(left, right) for left, right, _ in between])
    for left, right, verdict in now_holds:
        unit.decide_pair(left, right, verdict, by, at)
