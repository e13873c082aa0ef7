"""Weave (shell): one pass over records and leads with news: restrict, link, merge, decide, plan, match, in chunks of one transaction each.

Every chunk keeps all that follows from it or nothing: the lead, the bases, the history, the planned writes, and the emptied inbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from connectors.base import Ending, Record
from leads import routing
from leads.model import ABSENT
from mappings.sets import shown
from sync.census import Census
from sync.certain import join_certain
from sync.compare import LIFTED
from sync.creating import places
from sync.decide import Decision, decide
from sync.doubting import hold, release
from sync.endings import DOOMED, RETURNING, disqualified, ended, endings_of, merged_leads, scoped
from sync.following import follow_aliases, know_converted
from sync.journal import Entry, PlannedWrite, Section
from sync.link import twin_subject
from sync.matching import fill, match, remember
from sync.merge import Merged, merge
from sync.merging import merges
from sync.placing import EPOCH, place
from sync.plan import LeadPlan, Place, address, lead_address, plan
from sync.pull import is_back
from sync.quarantine import is_moved, is_quarantined, moved, purchased_problems
from sync.restricting import addresses_of, hear, links_of, restrict
from sync.roles import in_their_roles
from sync.settle import UNKNOWN, is_in_doubt
from sync.state import Base, LeadState, Link, LinkState, Problem, Ref, Review, Revision, Role, link_step, refs_text
from sync.telling import Telling, cleared
from sync.uniting import unite
from sync.view import View
from sync.workspace import Begin, Door, Pass, Workspace

RECORDS = 500
LEADS = 200

OF_NEWS = (LIFTED, "ended:", "foreign_edit")  # how the problems begin that are told when a record says something

Waits = Mapping[tuple[str, str], frozenset[str]]


def weave(
    workspace: Workspace,
    doors: Sequence[Door],
    run: str,
    census: Census,
    begin: Begin,
    *,
    news_only: bool = False,
    again: Set[str] = frozenset(),
    waits: Waits = MappingProxyType({}),
) -> None:
    """Turn the inbox into leads, bases and planned writes. `begin` opens the transactions.

    `waits` are the rows, by account and object, that are not written now. Leads with something due are worked on too, unless `news_only`;
    those in `again` in any case.
    """
    turn = Pass(workspace, doors, run, census, workspace.now())
    fill(turn, begin)
    doors_in_order = sorted(doors, key=lambda door: workspace.policy.rank(door.name))
    with begin() as unit:
        for door in doors_in_order:
            know_converted(turn, unit, door.name)
    for door in doors_in_order:
        for object, dialect in door.objects():
            _link_all(turn, door.name, object, dialect, begin)
    for door in doors_in_order:
        for object, dialect in door.objects():
            _link_rest(turn, door.name, object, dialect, begin)
    unite(turn, begin)
    with begin() as unit:
        release(unit)
        free = set() if news_only else unit.freed()
        unit.touch({lead for lead, _ in free})
    concerned: set[str] = set()
    after = ""
    while True:
        with begin() as unit:
            ids = unit.next_leads(after, None if news_only else turn.now, LEADS)
            if not ids:
                break
            concerned |= _Chunk(turn, unit, waits).work(ids)
        after = ids[-1]
    with begin() as unit:
        late = sorted({lead for lead, _ in unit.freed() - free} | again | concerned)
        turn.unplan(unit, late)
    _plan_again(turn, begin, late, waits)
    while joined := join_certain(turn, begin, match(turn, begin)):
        _plan_again(turn, begin, joined, waits)
    hold(turn, begin)


def _plan_again(turn: Pass, begin: Begin, ids: Sequence[str], waits: Waits) -> None:
    """Leads of which something has become clear only when others had been worked on. Nothing is planned for them by now."""
    for start in range(0, len(ids), LEADS):
        with begin() as unit:
            _Chunk(turn, unit, waits).work(ids[start : start + LEADS])


def _link_all(turn: Pass, account: str, object: str, dialect: Any, begin: Begin) -> None:
    after = ""
    while True:
        with begin() as unit:
            batch = unit.inbox_rows(account, object, after, RECORDS)
            if not batch:
                return
            after = batch[-1][0].id
            records = {ref: record for ref, record, _, _ in batch}
            rebound = follow_aliases(turn, unit, account, records)
            links = links_of(unit, records)
            restrict(turn, unit, dialect, records, links)
            hear(turn, unit, dialect, records, links)
            strangers = [(ref, record) for ref, record, lead_id, _ in batch if lead_id == "" and ref not in rebound]
            place(turn, unit, dialect, strangers, parked={ref for ref, _, _, why in batch if why}, sure=True)


def _link_rest(turn: Pass, account: str, object: str, dialect: Any, begin: Begin) -> None:
    """Who could be one of several is placed when all others have their leads, so that it does not matter who came first."""
    after = ""
    while True:
        with begin() as unit:
            batch = unit.strangers(account, object, after, RECORDS)
            if not batch:
                return
            after = batch[-1][0].id
            place(turn, unit, dialect, batch, parked=set(), sure=False)


@dataclass
class _Chunk:
    """Some leads at once: everything they need is read in a few queries, everything that follows is written in a few."""

    turn: Pass
    unit: Any
    waits: Waits
    leads: list[LeadState] = field(default_factory=list)
    links: list[tuple[Link, Base]] = field(default_factory=list)
    revisions: dict[str, list[Revision]] = field(default_factory=dict)
    ends: dict[str, list[Revision]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    returned: set[Ref] = field(default_factory=set)  # records that had ended and are shown again, or have left quarantine
    cleared_up: list[Ref] = field(default_factory=list)  # records of which it is known by now what became of a write
    disqualifying: dict[str, Ref] = field(default_factory=dict)  # by lead: the record that ended
    writes: list[PlannedWrite] = field(default_factory=list)
    addresses: dict[Ref, tuple[str, set[str]]] = field(default_factory=dict)
    assignments: list[dict[str, Any]] = field(default_factory=list)

    def work(self, ids: Sequence[str]) -> set[str]:
        """Returns the leads that what these have become concerns, too: they are to be looked at once more."""
        self._load(ids)
        for id in ids:
            if id in self.states:
                self._lead(self.states[id])
        concerned = self._concerned()
        self._keep(ids)
        for write in self.writes:
            self.turn.census.plan(write.account)
        return concerned

    def _load(self, ids: Sequence[str]) -> None:
        unit = self.unit
        self.states: dict[str, LeadState] = unit.leads(ids)
        self.views: dict[str, list[tuple[Link, Base]]] = unit.links_of(ids)
        self.bases = {link.ref: base for found in self.views.values() for link, base in found}
        self.inbox: dict[str, dict[Ref, tuple[Record, datetime | None]]] = unit.inbox_of(ids)
        self.answers: dict[str, Any] = unit.answers_of(ids)
        self.open: dict[str, list[Entry]] = unit.open_entries_of(ids)
        self.pools: routing.State = routing.unpack(unit.pools())
        self.dialects = self.turn.dialects
        emails = {address("emails", item.key) for id in ids for item in self._all_items(id, "emails")}
        phones = {address("phones", item.key) for id in ids for item in self._all_items(id, "phones")}
        places = emails | phones | unit.addresses_of_leads(ids) | {lead_address(id) for id in ids}
        self.restricted: frozenset[tuple[str, str]] = frozenset(unit.restricted(places))
        self.holders: dict[str, list[tuple[Ref, str]]] = unit.holders(emails)
        self.regrouped: dict[str, int] = unit.regrouped(ids)
        items = [(name, item) for id in ids for name in ("emails", "phones") for item in self._all_items(id, name)]
        policy = self.turn.workspace.telling
        self.telling = None if policy is None else Telling(unit, items, ids, self.turn.now, policy)

    def _all_items(self, id: str, name: str) -> Iterator[Any]:
        state = self.states.get(id)
        value = ABSENT if state is None else state.fields.get(name, ABSENT)
        if isinstance(value, tuple):
            yield from value
        for ref, (record, _) in self.inbox.get(id, {}).items():
            dialect = self.dialects.get((ref.account, ref.object))
            if dialect is not None:
                yield from shown(dialect.sets[name], record.fields)

    def _lead(self, state: LeadState) -> None:
        self.spreads, self.restored = False, False
        there = [view for link, base in self.views.get(state.id, []) if (view := self._view(state.id, link, base)) is not None]
        views, closed, asked = in_their_roles(there, self.returned)
        self.closed += closed
        self.reviews += asked
        state = self._disqualified(state)
        merged = merge(state, views, self.turn.workspace.policy, self.turn.now, self.answers)
        said, changes_at = ({}, None) if self.telling is None else self.telling.of(merged.lead)
        told = cleared(merged.lead.fields, said)
        links = self._links_of(state.id, merged.views)
        apart = is_quarantined(links)
        rules = self.turn.workspace.rules
        decision = decide(merged.lead, state.fields, self.restricted, rules, self.pools, self.turn.now, told, quarantined=apart)
        decision = replace(decision, due=min((at for at in (decision.due, changes_at) if at is not None), default=None))
        lead = decision.lead
        self.pools = decision.pools
        views = [self._scoped(view, lead) for view in merged.views]
        doomed = [view for view in views if view.link.ending == DOOMED]
        places = [] if doomed or apart else self._places(lead)
        self.wanted = any(place.wanted and place.blocked is not None for place in places)
        owed = plan(lead, views, places, self.restricted, self.turn.workspace.policy, self._waiting(state.id))
        waiting = self._waiting(state.id)
        final = [*(_delete(view) for view in doomed if view.ref not in waiting), *merges(owed.views, self.turn.doors, waiting)]
        owed = replace(owed, writes=(*owed.writes, *final))
        merged = replace(merged, views=tuple(views))
        self.writes += owed.writes
        self.problems += [*merged.problems, *owed.problems, *purchased_problems(links)]
        self.reviews += merged.reviews
        self.closed += merged.closed
        for ref in owed.newly_held:
            self.turn.census.plan(ref.account)
            self.turn.census.outcome(ref.account, "held")
        self.turn.census.rebased.update(ref.account for ref in owed.rebased)
        self._remember(state, merged, decision, owed)

    def _remember(self, before: LeadState, merged: Merged, decision: Decision, owed: LeadPlan) -> None:
        lead = replace(
            decision.lead,
            open_debts=bool(owed.writes),
            due=EPOCH if owed.rebased or self.wanted else self._due(before, decision),
        )
        if lead.fields != before.fields:
            self.turn.census.leads["changed"] += 1 if before.version else 0
        self.leads.append(lead)
        self.revisions[lead.id] = [*self.ends.get(lead.id, ()), *merged.revisions, *decision.revisions]
        if decision.assignment is not None:
            self.assignments.append({name: value for name, value in decision.assignment.items() if name != "by_rule"})
        bases = {view.ref: base for view in owed.views for base in [view.base]}
        for view in merged.views:
            self.links.append((view.link, bases.get(view.ref, view.base)))
            if is_in_doubt(self.bases[view.ref]) and not is_in_doubt(self.links[-1][1]):
                self.cleared_up.append(view.ref)
            if view.record is not None:
                self.addresses[view.ref] = (lead.id, addresses_of(view.dialect, {**view.seen(), **view.record.fields}))

    def _due(self, before: LeadState, decision: Decision) -> datetime | None:
        """When to look again. Where an account is not part of this run, what the lead may owe there is looked at by the next one."""
        absent = set(self.turn.workspace.accounts) - {door.name for door in self.turn.doors}
        owes = decision.lead.fields != before.fields or before.due == EPOCH or before.open_debts
        return EPOCH if absent and owes else decision.due

    def _view(self, lead_id: str, link: Link, base: Base) -> View | None:
        """The link with what was read of it; an ended record ends its link and is no view any more."""
        dialect = self.dialects.get((link.ref.account, link.ref.object))
        record, since = self.inbox.get(lead_id, {}).get(link.ref, (None, None))
        if link.state is LinkState.WITHHELD:
            if record is None or record.ending is not None or not is_back(record, base):
                return None if dialect is None else View(link, base, dialect)
            link = replace(link, state=LinkState.ACTIVE, ending="")  # somebody wants the record after all
        elif record is not None and record.ending is not None:
            link = self._end(link, base, record, record.ending)
            record = None
        elif record is not None and link.state is LinkState.ENDED and link.ending.partition(":")[0] in RETURNING:
            self.restored |= link.ending.endswith(":delete")
            link = replace(link, state=LinkState.ACTIVE, ending="")  # restored in the CRM
            self.returned.add(link.ref)
        if dialect is None or link.state is LinkState.ENDED:
            return None
        if record is not None and is_moved(link, dialect, record):
            link, base = moved(link, base, dialect)
            self.closed.append(twin_subject(link.ref))
            self.returned |= {link.ref} if link.role is Role.MAIN else set()
        return View(link, base, dialect, record, since, self.waits.get((link.ref.account, link.ref.object), frozenset()))

    def _end(self, link: Link, base: Base, record: Record, ending: Ending) -> Link:
        what = ended(link, record, ending, endings_of(self.turn.workspace, link.ref.account))
        self.links.append((what.link, base))
        self.closed.append(twin_subject(link.ref))
        self.ends.setdefault(link.lead_id, []).append(what.step)
        if what.heir is not None:
            self._follow(what.link, what.heir)
        if what.lost:
            self.turn.census.lost[link.ref.account] += 1
        if what.problem is not None:
            self.problems.append(what.problem)
        self.spreads |= what.spreads
        if what.disqualifies:
            self.disqualifying[link.lead_id] = link.ref
        return what.link

    def _disqualified(self, state: LeadState) -> LeadState:
        ref = self.disqualifying.get(state.id)
        after = None if ref is None else disqualified(state, ref, self.turn.now)
        if after is None:
            return state
        self.ends.setdefault(state.id, []).append(after[1])
        return after[0]

    def _scoped(self, view: View, lead: LeadState) -> View:
        account = self.turn.workspace.accounts.get(view.ref.account)
        return replace(view, link=scoped(view.link, lead, account, spreads=self.spreads, restored=self.restored))

    def _follow(self, gone: Link, now_at: Ref) -> None:
        """The survivor of a merge, or the contact of a converted lead, takes the place of the ended record."""
        self.unit.put_alias(gone.ref, now_at)
        there = self.unit.links_at(now_at.account, now_at.object, [now_at.id])
        if now_at.id not in there:
            self.links.append((Link(now_at, gone.lead_id, gone.role), Base()))
            why = f"took the place of {gone.ref.object} {gone.ref.id}"
            self.ends.setdefault(gone.lead_id, []).append(link_step(now_at, ABSENT, refs_text([now_at]), why))
            self.unit.put_hints([now_at], self.turn.now)
        elif there[now_at.id][0].lead_id != gone.lead_id:
            self.reviews.append(merged_leads(now_at, sorted({gone.lead_id, there[now_at.id][0].lead_id})))

    def _concerned(self) -> set[str]:
        """Who shares an address that a lead has got now, of which somebody said no as a person: it is denied with all the others."""
        denied = {place for _, place in self.restricted}
        shown = {(place, lead) for lead, places in self.addresses.values() for place in places}
        of_persons = {(place, lead) for place, lead in shown if lead_address(lead) in denied}
        had = {(place, lead) for place, leads in self.unit.leads_at({place for place, _ in of_persons}).items() for lead in leads}
        new = of_persons - had
        places = {place for place, _ in new}
        return {lead for place, lead in shown | had if place in places and (place, lead) not in new}

    def _waiting(self, lead_id: str) -> frozenset[Ref]:
        writes = [entry.write for entry in self.open.get(lead_id, [])]
        return frozenset(Ref(one.account, one.object, id) for one in writes for id in (one.id, one.loser) if id not in (None, ""))

    def _places(self, lead: LeadState) -> list[Place]:
        links = [*(link for link, _ in self.views.get(lead.id, [])), *(link for link, _ in self.links if link.lead_id == lead.id)]
        creating = {entry.write.account for entry in self.open.get(lead.id, []) if entry.write.id is None}
        regrouped = self.regrouped.get(lead.id, 0)
        return places(lead, links, self.turn.doors, creating, self.holders, self.turn.workspace.store.secret, regrouped)

    def _links_of(self, lead_id: str, views: Sequence[View]) -> list[Link]:
        """All links of a lead, those of accounts that are not part of this run and ended ones too."""
        before = {link.ref: link for link, _ in self.views.get(lead_id, [])}
        changed = {link.ref: link for link, _ in self.links if link.lead_id == lead_id}
        return list((before | changed | {view.ref: view.link for view in views}).values())

    def _links_now(self) -> dict[str, list[Link]]:
        links = {link.ref: link for found in self.views.values() for link, _ in found} | {link.ref: link for link, _ in self.links}
        found: dict[str, list[Link]] = {}
        for link in links.values():
            found.setdefault(link.lead_id, []).append(link)
        return found

    def _keep(self, ids: Sequence[str]) -> None:
        unit, run, now = self.unit, self.turn.run, self.turn.now
        unit.put_leads(self.leads, now)
        unit.put_links(self.links)
        unit.put_addresses(self.addresses)
        remember(unit, self.leads, self._links_now(), self.turn.reader)
        unit.add_revisions(self.revisions, run, now)
        unit.replace_problems(ids, self.problems, run, now, OF_NEWS)
        unit.drop_reviews(self.closed)
        unit.drop_reviews_about(UNKNOWN, self.cleared_up)
        self.turn.census.reviews += unit.ask(self.reviews, run, now)
        unit.journal(self.writes, run)
        unit.put_pools(routing.pack(self.pools))
        unit.put_assignments(self.assignments)
        unit.drop_inbox(ref for found in self.inbox.values() for ref in found if (ref.account, ref.object) in self.dialects)


def _delete(view: View) -> PlannedWrite:
    return PlannedWrite(view.ref.account, view.ref.object, view.link.lead_id, Section.DELETE, (), view.ref.id)
