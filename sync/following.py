"""Following (shell): a record that took the place of another in its CRM, by a merge or a conversion, belongs to the lead of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.base import Ending, Record
from leads.model import ABSENT
from sync.endings import endings_of, merged_leads
from sync.state import Base, LinkState, Ref, Role, link_step, refs_text
from sync.workspace import Pass

LEFT_BEHIND = f"{Ending.CONVERTED}:unlink"  # the ending of a contact that came of a lead, where the policy is not to follow
HEIRS = (Role.MAIN, Role.TWIN, Role.QUARANTINED)  # whose lead goes on with the survivor of a merge, if it is there


def follow_aliases(turn: Pass, unit: Any, account: str, records: Mapping[Ref, Record]) -> set[Ref]:
    """A survivor of a merge inside a CRM takes over the link of the records it swallowed; their ids forward from now on.

    Where the policy is not to follow they end, and the survivor is a record like any other.
    """
    follow = endings_of(turn.workspace, account).merged == "follow"
    rebound: set[Ref] = set()
    for ref, record in records.items():
        if not record.aliases:
            continue
        known = unit.links_at(ref.account, ref.object, [ref.id, *record.aliases])
        old = [found for id, found in known.items() if id != ref.id and found[0].ref.id != ref.id and found[0].state is not LinkState.ENDED]
        if not old:
            continue
        own = known.get(ref.id)
        old.sort(key=lambda found: (HEIRS.index(found[0].role), found[0].ref))
        heir = old[0][0]
        if follow and (own is None or own[0].ref != ref):
            unit.put_links([(replace(heir, ref=ref), Base())])
            unit.give_to_leads({ref: heir.lead_id})
            rebound.add(ref)
        for lost, base in old:
            unit.put_links([(replace(lost, state=LinkState.ENDED, ending=Ending.MERGED), base)])
            if follow:
                unit.put_alias(lost.ref, ref)
        leads = sorted({lost.lead_id for lost, _ in old} | ({own[0].lead_id} if own is not None else set()))
        if len(leads) > 1:
            unit.ask([merged_leads(ref, leads)], turn.run, turn.now)
    return rebound


def know_converted(turn: Pass, unit: Any, account: str) -> None:
    """What a record was converted into belongs to its lead, by the policy to go on with or to be left alone, whatever it shows.

    A contact that was there before, and has a lead, keeps it.
    """
    follow = endings_of(turn.workspace, account).converted == "follow"
    for old, new, is_read in unit.converted(account):
        link, _ = unit.links_at(*old[:2], [old.id]).get(old.id, (None, Base()))
        if link is None or link.ref != old or link.state is LinkState.ENDED or new.id in unit.links_at(*new[:2], [new.id]):
            continue
        heir = replace(link, ref=new, key="")
        unit.put_links([(heir if follow else replace(heir, state=LinkState.ENDED, ending=LEFT_BEHIND), Base())])
        unit.give_to_leads({new: link.lead_id})
        if follow:
            why = f"took the place of {old.object} {old.id}"
            unit.add_revisions({link.lead_id: [link_step(new, ABSENT, refs_text([new]), why)]}, turn.run, turn.now)
            unit.put_hints([] if is_read else [new], turn.now)
