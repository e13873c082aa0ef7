"""Joining (shell): two leads become one, one becomes two, and either is taken back. The CRMs are told by the next plan.

A lead that became part of another is another name of it: whoever looks for it finds the lead that it is now. Restrictions only grow by
all this; what people decided about two sides is what is newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from leads.model import ABSENT
from sync.link import twin_review
from sync.merging import MERGED_BY_US, SPLIT_OFF
from sync.plan import address, lead_address
from sync.siding import Meaning, Sides, joined, parted, restored
from sync.state import (
    MERGE,
    SPLIT,
    Base,
    Joining,
    LeadState,
    Link,
    LinkState,
    Origin,
    Ref,
    Restriction,
    Review,
    Revision,
    Role,
    Way,
    digest,
    link_step,
    pair_key,
    refs_text,
    same,
)
from sync.view import SETS
from sync.workspace import Stopped, Workspace

HUB = Ref("hub", "joining", "")
GONE = (LinkState.ENDED, LinkState.WITHHELD)  # links without a record
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
    between = _between(unit, _keys(unit, kept.id, links.get(kept.id, [])), _keys(unit, gone.id, links.get(gone.id, [])))
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


def join(unit: Any, workspace: Workspace, kept_id: str, gone_id: str, run: str, by: str) -> Joining:
    """`gone` becomes part of `kept`: its records, its noes and its open questions are those of `kept` from now on."""
    return _join(unit, workspace, kept_id, gone_id, run, by, None)


def _join(unit: Any, workspace: Workspace, kept_id: str, gone_id: str, run: str, by: str, parting: Joining | None) -> Joining:
    now = workspace.now()
    kept, gone = _two(unit, kept_id, gone_id)
    links = unit.links_of([kept.id, gone.id])
    ours, theirs = links.get(kept.id, []), links.get(gone.id, [])
    our_keys, their_keys = _keys(unit, kept.id, ours), _keys(unit, gone.id, theirs)
    between = _between(unit, our_keys, their_keys)
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
    unit.restrict(_noes_of(unit, gone.id, [kept.id]), run)
    unit.drop_reviews(decided.closed)
    unit.keep_joining(joining)
    if parting is None:
        unit.close_pair([kept.id], our_keys | their_keys, "same", by, now)
    unit.ask([*decided.reviews, *(twin_review(ref, kept.id) for ref in _twins(theirs, handed_over))], run, now)
    holds = parting.decisions if parting is not None else [(pair_key(kept.id), pair_key(gone.id), "same")]
    _decide(unit, between, holds, by, now)
    step = _step(MERGE, gone.id, kept.id, by)
    changed = decided.revisions if parting is None else _changes(kept, lead, step.origin)
    came = [link_step(link.ref, ABSENT, refs_text([link.ref]), f"came with lead {gone.id}") for link, _ in theirs]
    went = [link_step(link.ref, refs_text([link.ref]), ABSENT, f"went to lead {kept.id}") for link, _ in theirs]
    unit.add_revisions({kept.id: [step, *came, *changed], gone.id: [step, *went]}, run, now)
    unit.touch([kept.id])
    return joining


def part(unit: Any, workspace: Workspace, lead_id: str, refs: Sequence[Ref], run: str, by: str) -> Joining:
    """These records leave the lead and are a lead of their own, for ever: the one that they were before, if they once were one."""
    lead = _one(unit, lead_id)
    leaving = {_linked(unit, lead.id, ref).ref for ref in refs}
    joining = _once_joined(unit, lead.id, leaving)
    if joining is not None:
        theirs = _still_there(unit, joining.refs, lead.id)
        ended = {link.ref for link, _ in unit.links_of([lead.id])[lead.id] if link.ref in theirs and link.state in GONE}
        leaving |= ended if leaving | ended == theirs else set()
    return _part(unit, workspace, lead, leaving, run, by, joining)


def _part(
    unit: Any,
    workspace: Workspace,
    lead: LeadState,
    leaving: Set[Ref],
    run: str,
    by: str,
    joining: Joining | None,
    *,
    undone: bool = False,
) -> Joining:
    now = workspace.now()
    links: Linked = unit.links_of([lead.id]).get(lead.id, [])
    staying, going = ([pair for pair in links if (pair[0].ref in leaving) is side] for side in (False, True))
    if joining is None and not any(link.state not in GONE for link, _ in staying):
        raise Stopped(f"No record would stay with lead {lead.id}. Name those that belong to somebody else.", exit_code=2)
    gone_id = joining.gone if joining is not None else _new_id(unit, workspace, lead.id, leaving)
    sides = _sides_of(unit, workspace, lead, LeadState(gone_id, created_at=now), staying, going, joining)
    mains = set() if joining is None else set(joining.mains)
    left = [(_given_away(link, gone_id, mains, undone=undone), base) for link, base in going]
    their_keys = _keys(unit, gone_id, going)
    our_keys = _keys(unit, lead.id, staying) - their_keys
    between = _between(unit, our_keys, their_keys)
    refs = tuple(sorted(leaving))
    parting = Joining(Way.PART, run, lead.id, gone_id, now, refs, (), lead, sides.kept, sides.gone, between)
    unit.put_leads([sides.kept, sides.gone], now)
    unit.put_links([*_one_main(staying), *_one_main(left)])
    unit.move_records(leaving, gone_id)
    unit.restrict(_noes_for_both(unit, lead, gone_id, joining), run)
    unit.move_questions_about(leaving, lead.id, gone_id)
    if joining is not None:
        unit.end_joining(joining.n, now)
    unit.keep_joining(parting)
    if joining is not None and undone:
        apart = [one for one in joining.decisions if one[2] != "same"]  # who takes it back does not want it again by the next sync
        _decide(unit, between, apart, by, now)
    else:
        unit.close_pair([lead.id, gone_id], our_keys | their_keys, "different", by, now)
        _decide(unit, between, [(pair_key(lead.id), key, "different") for key in sorted(their_keys)], by, now)
    _remember_parting(unit, lead, sides, going, run, by, now)
    unit.touch([lead.id, gone_id])
    return parting


def _remember_parting(unit: Any, lead: LeadState, sides: Sides, going: Linked, run: str, by: str, now: Any) -> None:
    step = _step(SPLIT, lead.id, sides.gone.id, by)
    left = [link_step(link.ref, refs_text([link.ref]), ABSENT, f"left with lead {sides.gone.id}") for link, _ in going]
    came = [link_step(link.ref, ABSENT, refs_text([link.ref]), f"came from lead {lead.id}") for link, _ in going]
    kept = [step, *left, *_changes(lead, sides.kept, step.origin)]
    gone = [step, *came, *_changes(LeadState(sides.gone.id), sides.gone, step.origin)]
    unit.add_revisions({lead.id: kept, sides.gone.id: gone}, run, now)


def take_back(unit: Any, workspace: Workspace, done: Joining, run: str, by: str) -> Joining:
    """Undo a joining or a parting. What records have said since stays with them; no restriction goes."""
    names = unit.survivors([done.kept, done.gone])
    kept, gone = names.get(done.kept, done.kept), names.get(done.gone, done.gone)
    if done.ended_at is not None or (done.way is Way.PART and kept == gone):
        raise Stopped(f"What run {done.run} did with lead {done.gone} was taken back already.", exit_code=2)
    if done.way is Way.PART:
        unit.end_joining(done.n, workspace.now())
        return _join(unit, workspace, kept, gone, run, by, done)
    return _part(unit, workspace, _one(unit, kept), _still_there(unit, done.refs, kept), run, by, done, undone=True)


def told(unit: Any, joining: Joining) -> dict[str, Any]:
    """What became of two leads, for reports; `created_again` are records that had been merged into others inside their CRM."""
    about = {"kept": joining.kept, "gone": joining.gone, "records": [":".join(ref) for ref in joining.refs]}
    if joining.way is Way.JOIN:
        return {"merged": about}
    links = unit.links_of([joining.gone]).get(joining.gone, [])
    return {"split": {**about, "created_again": [":".join(link.ref) for link, _ in links if link.ending == SPLIT_OFF]}}


# Who is meant


def _two(unit: Any, kept_id: str, gone_id: str) -> tuple[LeadState, LeadState]:
    kept, gone = _one(unit, kept_id), _one(unit, gone_id)
    if kept.id == gone.id:
        raise Stopped(f"{kept_id} and {gone_id} are one lead already: {kept.id}.", exit_code=2)
    return kept, gone


def _one(unit: Any, lead_id: str) -> LeadState:
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


def _linked(unit: Any, lead_id: str, ref: Ref) -> Link:
    link: Link | None
    link, _ = unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id, (None, Base()))
    if link is None or link.lead_id != lead_id:
        raise Stopped(f"{':'.join(ref)} is no record of lead {lead_id}. `leadloom leads show {lead_id}` lists them.", exit_code=2)
    return link


def _still_there(unit: Any, refs: Sequence[Ref], lead_id: str) -> set[Ref]:
    """Of records that once changed hands, and those that took their place, the ones that the lead has now."""
    theirs = {*refs, *unit.heirs(refs)}
    return {link.ref for link, _ in unit.links_of([lead_id]).get(lead_id, []) if link.ref in theirs}


def _once_joined(unit: Any, lead_id: str, leaving: Set[Ref]) -> Joining | None:
    """How all these records once came to the lead together: the smallest lead that had all of them."""
    names = {lead_id} | unit.also_called([lead_id]).get(lead_id, set())
    standing = [one for one in unit.joinings_of(names) if one.way is Way.JOIN and one.ended_at is None]
    fitting = [one for one in standing if leaving <= _still_there(unit, one.refs, lead_id)]
    return min(fitting, key=lambda one: (len(one.refs), -one.n), default=None)


def _new_id(unit: Any, workspace: Workspace, lead_id: str, leaving: Set[Ref]) -> str:
    """Equal for equal splits, and never the id of a lead that there is or was."""
    founders = [part for ref in sorted(leaving) for part in ref]
    names = ("ld_" + digest(workspace.store.secret, "split", lead_id, *founders, str(again)) for again in count())
    return next(id for id in names if not unit.leads([id]) and not unit.survivors([id]))


# What follows


def _handed_over(ours: Linked, theirs: Linked, to: str) -> list[tuple[Link, Base]]:
    """An account of which the lead has a main record already keeps it: further ones are twins."""
    led = {link.ref.account for link, _ in ours if link.role is Role.MAIN and link.state not in GONE}
    return [
        (replace(link, lead_id=to, role=Role.TWIN if link.ref.account in led and link.state not in GONE else link.role), base)
        for link, base in theirs
    ]


def _twins(before: Linked, after: Linked) -> list[Ref]:
    """Main records that are further ones of their account from now on."""
    return [now.ref for (was, _), (now, _) in zip(before, after, strict=True) if now.role is not was.role]


def _given_away(link: Link, to: str, mains: Set[Ref], *, undone: bool) -> Link:
    """A record that we merged into another one is created again for whom it is split off to; an undo leaves it merged."""
    ending = SPLIT_OFF if link.ending == MERGED_BY_US and not undone else link.ending
    return replace(link, lead_id=to, role=Role.MAIN if link.ref in mains else link.role, ending=ending)


def merged_for_ever(unit: Any, joining: Joining) -> list[Ref]:
    """Of the records that changed hands, those that were merged inside their CRM, which no undo brings back."""
    links = unit.links_of([joining.kept, joining.gone])
    return [link.ref for found in links.values() for link, _ in found if link.ending == MERGED_BY_US and link.ref in joining.refs]


def _one_main(links: Linked) -> list[tuple[Link, Base]]:
    """Where the main record of an account has left, its first twin leads from now on."""
    led = {link.ref.account for link, _ in links if link.role is Role.MAIN and link.state not in GONE}
    after: list[tuple[Link, Base]] = []
    for link, base in sorted(links, key=lambda pair: pair[0].ref):
        if link.ref.account not in led and link.state not in GONE:
            led.add(link.ref.account)
            link = replace(link, role=Role.MAIN)
        after.append((link, base))
    return after


def _sides_of(
    unit: Any, workspace: Workspace, lead: LeadState, gone: LeadState, staying: Linked, going: Linked, joining: Joining | None
) -> Sides:
    steps = [(run, one) for run, _, found in unit.revisions(lead.id) for one in found]
    shown = unit.addresses_shown([link.ref for link, _ in (*staying, *going)])
    ours, theirs = ([_meaning(workspace, *pair, shown) for pair in side if _speaks(pair[0])] for side in (staying, going))
    return parted(lead, gone, steps, ours, theirs, workspace.policy, joining)


def _speaks(link: Link) -> bool:
    """A record that we merged into another one says what it said when it went."""
    return link.state not in GONE or link.ending in (MERGED_BY_US, SPLIT_OFF)


def _meaning(workspace: Workspace, link: Link, base: Base, shown: Mapping[Ref, set[str]]) -> Meaning:
    account = workspace.accounts.get(link.ref.account)
    values: dict[str, Any] = {}
    for row_id, name in ({} if account is None else account.meanings(link.ref.object)).items():
        if base.knows(row_id):
            values.setdefault(name, base.pair(row_id).meant)
    return Meaning(link.ref, values, frozenset(shown.get(link.ref, ())), base.read_at)


def _changes(before: LeadState, after: LeadState, origin: Origin) -> list[Revision]:
    """What a lead says differently, each with where the value that it has now is from."""
    changed = [name for name in after.fields if not same(before.fields.get(name, ABSENT), after.fields[name])]
    origins = {name: after.origins.get(name, origin) for name in changed}
    return [Revision(name, before.fields.get(name, ABSENT), after.fields[name], origins[name], origins[name].rule) for name in changed]


def _step(name: str, old: str, new: str, by: str) -> Revision:
    return Revision(name, old, new, Origin(""), f"by {by}" if by else "")


# Noes


def _noes_of(unit: Any, lead_id: str, others: Iterable[str]) -> list[Restriction]:
    """A no that was said to a lead, where no address was known, is one to these, too."""
    channels = [channel for channel, _ in unit.restricted([lead_address(lead_id)])]
    return [Restriction(channel, lead_address(other), HUB, None) for channel in channels for other in others]


def _noes_for_both(unit: Any, lead: LeadState, gone_id: str, joining: Joining | None) -> list[Restriction]:
    """Whoever said no while the two were one may have been either: both are denied. An older no stays with its address."""
    places = {*unit.addresses_of(lead.id), *(address(name, item.key) for name in SETS for item in _items(lead, name))}
    since = None if joining is None else joining.at
    said = [one for one in unit.restrictions_on(places) if since is None or one.seen_at is None or one.seen_at >= since]
    found = [Restriction(one.channel, lead_address(id), one.ref, one.seen_at) for one in said for id in (lead.id, gone_id)]
    return [*found, *_noes_of(unit, lead.id, [gone_id])]


def _items(lead: LeadState, name: str) -> Any:
    value = lead.fields.get(name, ABSENT)
    return value if isinstance(value, tuple) else ()


# What people decided


def _keys(unit: Any, lead_id: str, links: Linked) -> set[str]:
    """Everything by which a lead can stand in a decision: its ids and its records."""
    names = {lead_id} | unit.also_called([lead_id]).get(lead_id, set())
    return {pair_key(name) for name in names} | {pair_key(link.ref) for link, _ in links}


def between_leads(unit: Any, one: str, other: str) -> set[str]:
    """What people have said about two leads, under whichever of their names and records."""
    links = unit.links_of([one, other])
    ours, theirs = (_keys(unit, id, links.get(id, [])) for id in (one, other))
    return {verdict for _, _, verdict in _between(unit, ours, theirs)}


def _between(unit: Any, ours: set[str], theirs: set[str]) -> tuple[tuple[str, str, str], ...]:
    decided = unit.decisions_about(sorted(ours | theirs))
    return tuple(
        sorted((left, right, verdict) for (left, right), verdict in decided.items() if {left, right} & ours and {left, right} & theirs)
    )


def _decide(unit: Any, between: Iterable[tuple[str, str, str]], now_holds: Iterable[tuple[str, str, str]], by: str, at: datetime) -> None:
    """Of everything that was ever decided between two sides, only what is newest holds."""
    unit.forget_decisions([(left, right) for left, right, _ in between])
    for left, right, verdict in now_holds:
        unit.decide_pair(left, right, verdict, by, at)
