"""Parting (shell): one lead becomes two; and what joined or parted leads is taken back. The CRMs are told by the next plan.

Each of the two says what it would say had the other never spoken, as far as the history tells; a no that was said while they were one
holds for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from itertools import count
from typing import Any

from leads.consent.document import addressed
from leads.consent.event import UNKNOWN
from leads.model import ABSENT
from sync.consents import Noted, retold
from sync.joining import Linked, changes_between, concerned, decide, decided_between, join, keys_of, lead_called, noes_of, step_of
from sync.merging import MERGED_BY_US, SPLIT_OFF
from sync.plan import address
from sync.siding import Meaning, Sides, parted
from sync.state import GONE, SPLIT, Base, Joining, LeadState, Link, Ref, Role, Way, digest, link_step, pair_key, refs_text
from sync.view import SETS
from sync.workspace import Stopped, Workspace


def part(unit: Any, workspace: Workspace, lead_id: str, refs: Sequence[Ref], run: str, by: str) -> Joining:
    """These records leave the lead and are a lead of their own, for ever: the one that they were before, if they once were one."""
    lead = lead_called(unit, lead_id)
    leaving = {_linked(unit, lead.id, ref).ref for ref in refs}
    joining = _once_joined(unit, lead.id, leaving)
    if joining is not None:
        theirs = _still_there(unit, joining.refs, lead.id)
        ended = {link.ref for link, _ in unit.links_of([lead.id])[lead.id] if link.ref in theirs and link.state in GONE}
        leaving |= ended if leaving | ended == theirs else set()
    return _part(unit, workspace, lead, leaving, run, by, joining)


def take_back(unit: Any, workspace: Workspace, done: Joining, run: str, by: str) -> Joining:
    """Undo a joining or a parting. What records have said since stays with them; no restriction goes.

    An undo that did not come to its end is taken up where it stopped.
    """
    begun = _begun(unit, done)
    if begun is not None:
        unit.hand_joining_over(begun.n, run)
        return replace(begun, run=run)
    names = unit.survivors([done.kept, done.gone])
    kept, gone = names.get(done.kept, done.kept), names.get(done.gone, done.gone)
    if done.ended_at is not None or (done.way is Way.PART and kept == gone):
        raise Stopped(f"What run {done.run} did with lead {done.gone} was taken back already.", exit_code=2)
    if done.way is Way.PART:
        unit.end_joining(done.n, workspace.now())
        return join(unit, workspace, kept, gone, run, by, done)
    return _part(unit, workspace, lead_called(unit, kept), _still_there(unit, done.refs, kept), run, by, done, undone=True)


def _begun(unit: Any, done: Joining) -> Joining | None:
    """What an undo has already done with the leads that did not end well: its process died, a guard tripped, a CRM did not answer."""
    if done.ended_at is None:
        return None
    later = (one for one in unit.joinings_of([done.kept, done.gone]) if one.n > done.n and one.at >= done.ended_at)
    back = next((one for one in later if one.way is not done.way), None)
    run = None if back is None or back.ended_at is not None else unit.run(back.run)
    if back is None or run is None or run["kind"] != "undo" or run["status"] == "done":
        return None
    there = {back.kept} if back.way is Way.JOIN else {back.kept, back.gone}
    return back if set(unit.leads(sorted(there))) == there else None


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
    their_keys = keys_of(unit, gone_id, going)
    our_keys = keys_of(unit, lead.id, staying) - their_keys
    between = decided_between(unit, our_keys, their_keys)
    refs = tuple(sorted(leaving))
    parting = Joining(Way.PART, run, lead.id, gone_id, now, refs, (), lead, sides.kept, sides.gone, between)
    unit.put_leads([sides.kept, sides.gone], now)
    unit.put_links([*_one_main(staying), *_one_main(left)])
    unit.move_records(leaving, gone_id)
    unit.add_events(_noes_for_both(unit, lead, gone_id, joining), f"run:{run}", now)
    unit.move_questions_about(leaving, lead.id, gone_id)
    if joining is not None:
        unit.end_joining(joining.n, now)
    unit.keep_joining(parting)
    if joining is not None and undone:
        apart = [one for one in joining.decisions if one[2] != "same"]  # who takes it back does not want it again by the next sync
        decide(unit, between, apart, by, now)
    else:
        unit.close_pair([lead.id, gone_id], our_keys | their_keys, "different", by, now)
        decide(unit, between, [(pair_key(lead.id), key, "different") for key in sorted(their_keys)], by, now)
    _remember_parting(unit, lead, sides, going, run, by, now)
    unit.touch(concerned(unit, [lead.id, gone_id]))
    return parting


def _remember_parting(unit: Any, lead: LeadState, sides: Sides, going: Linked, run: str, by: str, now: Any) -> None:
    step = step_of(SPLIT, lead.id, sides.gone.id, by)
    left = [link_step(link.ref, refs_text([link.ref]), ABSENT, f"left with lead {sides.gone.id}") for link, _ in going]
    came = [link_step(link.ref, ABSENT, refs_text([link.ref]), f"came from lead {lead.id}") for link, _ in going]
    kept = [step, *left, *changes_between(lead, sides.kept, step.origin)]
    gone = [step, *came, *changes_between(LeadState(sides.gone.id), sides.gone, step.origin)]
    unit.add_revisions({lead.id: kept, sides.gone.id: gone}, run, now)


def merged_for_ever(unit: Any, joining: Joining) -> list[Ref]:
    """Of the records that changed hands, those that were merged inside their CRM, which no undo brings back."""
    links = unit.links_of([joining.kept, joining.gone])
    return [link.ref for found in links.values() for link, _ in found if link.ending == MERGED_BY_US and link.ref in joining.refs]


# Which records


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


# What each side says


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
    """What a record says: nothing if it is from a bought list; an address of the lead that it shows goes with it all the same."""
    account = workspace.accounts.get(link.ref.account)
    values: dict[str, Any] = {}
    for row_id, name in ({} if account is None or link.role is Role.QUARANTINED else account.meanings(link.ref.object)).items():
        if base.knows(row_id):
            values.setdefault(name, base.pair(row_id).meant)
    return Meaning(link.ref, values, frozenset(shown.get(link.ref, ())), base.read_at)


# What becomes of the links


def _given_away(link: Link, to: str, mains: Set[Ref], *, undone: bool) -> Link:
    """A record that we merged into another one is created again for whom it is split off to; an undo leaves it merged.

    `mains` led their account; one that has been in quarantine since stays there.
    """
    ending = SPLIT_OFF if link.ending == MERGED_BY_US and not undone else link.ending
    leads = link.ref in mains and link.role is not Role.QUARANTINED
    return replace(link, lead_id=to, role=Role.MAIN if leads else link.role, ending=ending)


def _one_main(links: Linked) -> list[tuple[Link, Base]]:
    """Where the main record of an account has left, its first twin leads from now on."""
    led = {link.ref.account for link, _ in links if link.role is Role.MAIN and link.state not in GONE}
    after: list[tuple[Link, Base]] = []
    for link, base in sorted(links, key=lambda pair: pair[0].ref):
        if link.ref.account not in led and link.state not in GONE and link.role is not Role.QUARANTINED:
            led.add(link.ref.account)
            link = replace(link, role=Role.MAIN)
        after.append((link, base))
    return after


# Noes


def _noes_for_both(unit: Any, lead: LeadState, gone_id: str, joining: Joining | None) -> list[Noted]:
    """Whoever said no while the two were one may have been either: both are denied. An older no stays with its address."""
    places = {*unit.addresses_of(lead.id), *(address(name, item.key) for name in SETS for item in _items(lead, name))}
    since = UNKNOWN if joining is None else joining.at.timestamp()
    said = [document for event, document in addressed(unit.noes_at(places)) if event.occurred.hi >= since]
    return [*retold(said, (lead.id, gone_id)), *noes_of(unit, lead.id, [gone_id])]


def _items(lead: LeadState, name: str) -> Any:
    value = lead.fields.get(name, ABSENT)
    return value if isinstance(value, tuple) else ()
