"""Weave (shell): one pass over the records and leads with news: link, merge, decide, plan, in chunks of one transaction each.

Every chunk keeps all that follows from it or nothing: the lead, the bases, the history, the planned writes, and the emptied inbox.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from connectors.base import Ending, Record
from leads import routing
from leads.consent.document import addressed
from leads.identity import usable_mailbox
from leads.model import ABSENT, Items, Value
from leads.normal import Refused
from leads.predicates import facts
from mappings.sets import shown
from sync.census import Census
from sync.decide import Decision, decide
from sync.link import Index, Known, Newcomer, Placed, elders, link
from sync.merge import RESTRICTIONS, SETS, Merged, View, merge
from sync.observe import withdrawals
from sync.plan import LeadPlan, Place, address, lead_address, plan
from sync.pull import is_back, lead_hint, our_key
from sync.state import (
    LINK,
    RELEASED,
    Base,
    Entry,
    LeadState,
    Link,
    LinkState,
    Origin,
    PlannedWrite,
    Problem,
    Ref,
    Restriction,
    Review,
    Revision,
    Role,
    Section,
    pair_choices,
    pair_key,
    refs_text,
)
from sync.workspace import Door, Endings, Workspace

RECORDS = 500
LEADS = 200

DOOMED = "to be deleted"  # the ending to come of a record whose lead was deleted elsewhere, until its deletion is proved
BY_US = f"{Ending.DELETED}:ours"
RETURNING = (Ending.DELETED, Ending.ARCHIVED, Ending.MISSING)  # endings that a person can take back
FOREIGN = "foreign_keys"  # why a record is parked
DISQUALIFIED = "disqualified"
EPOCH = datetime.fromtimestamp(0, UTC)

Begin = Callable[[], AbstractContextManager[Any]]
Sink = Callable[[PlannedWrite], None]
Waits = Mapping[tuple[str, str], frozenset[str]]


def weave(
    workspace: Workspace,
    doors: Sequence[Door],
    run: str,
    census: Census,
    begin: Begin,
    sink: Sink | None = None,
    *,
    news_only: bool = False,
    waits: Waits = MappingProxyType({}),
) -> None:
    """Turn the inbox into leads, bases and planned writes. `begin` opens the transactions; `sink` is shown every planned write.

    `waits` are the rows, by account and object, that are not written now. Leads with something due are worked on too, unless `news_only`.
    """
    now = workspace.now()
    for door in sorted(doors, key=lambda door: workspace.policy.rank(door.name)):
        for object, dialect in door.objects():
            _link_all(workspace, doors, door.name, object, dialect, run, census, begin, now)
    after = ""
    while True:
        with begin() as unit:
            ids = unit.next_leads(after, None if news_only else now, LEADS)
            if not ids:
                return
            _Chunk(workspace, doors, run, census, now, unit, waits).work(ids, sink)
        after = ids[-1]


# Linking


def _link_all(
    workspace: Workspace,
    doors: Sequence[Door],
    account: str,
    object: str,
    dialect: Any,
    run: str,
    census: Census,
    begin: Begin,
    now: datetime,
) -> None:
    after = ""
    while True:
        with begin() as unit:
            batch = unit.inbox_rows(account, object, after, RECORDS)
            if not batch:
                return
            after = batch[-1][0].id
            records = {ref: record for ref, record, _, _ in batch}
            follow = endings_of(workspace, account).merged == "follow"
            rebound = _follow_aliases(unit, records, run, now, follow=follow)
            _restrict(unit, dialect, records, run, now)
            strangers = [(ref, record) for ref, record, lead_id, _ in batch if lead_id == "" and ref not in rebound]
            parked = {ref for ref, _, _, why in batch if why}
            _place_newcomers(workspace, doors, unit, dialect, strangers, parked, run, census, now)


def _place_newcomers(
    workspace: Workspace,
    doors: Sequence[Door],
    unit: Any,
    dialect: Any,
    strangers: Sequence[tuple[Ref, Record]],
    parked: set[Ref],
    run: str,
    census: Census,
    now: datetime,
) -> None:
    ended = {ref: record for ref, record in strangers if record.ending is not None}
    _end_our_creates(unit, dialect, ended, now)
    unit.drop_inbox(ended)
    newcomers = [_newcomer(ref, record, dialect) for ref, record in strangers if record.ending is None]
    if not newcomers:
        return
    index = _index(unit, newcomers, dialects_of(doors))
    hints = {newcomer.ref: newcomer.lead_hint for newcomer in newcomers}
    foreign = set() if workspace.adopting else {newcomer.ref for newcomer in newcomers if _is_foreign(newcomer, index)}
    _park(unit, foreign, parked, census)
    known = [newcomer for newcomer in newcomers if newcomer.ref not in foreign]
    placed = link(known, index, lambda ref: _new_id(workspace, ref, "" if hints[ref] in index.leads else hints[ref]))
    if workspace.adopting:
        placed = _with_keys(placed, {newcomer.ref: newcomer.key for newcomer in newcomers}, unit)
    records = dict(strangers)
    unit.put_leads([LeadState(one.link.lead_id, created_at=now) for one in placed if one.is_new_lead], now)
    unit.put_links([(one.link, Base()) for one in placed])
    unit.give_to_leads({one.link.ref: one.link.lead_id for one in placed})
    unit.put_addresses({one.link.ref: (one.link.lead_id, addresses_of(dialect, records[one.link.ref].fields)) for one in placed})
    unit.prove_creates({one.link.key: one.link.ref.id for one in placed if one.link.key}, now)
    unit.add_revisions(_given(placed), run, now)
    census.leads["new"] += sum(one.is_new_lead for one in placed)
    census.reviews += unit.ask(_reviews(placed), run, now)
    _restrict_nameless(unit, dialect, [(one.link, records[one.link.ref]) for one in placed], run, now)


def _given(placed: Iterable[Placed]) -> dict[str, list[Revision]]:
    """That a record was given to a lead, and by which evidence, is part of the lead's history."""
    given: dict[str, list[Revision]] = {}
    for one in placed:
        given.setdefault(one.link.lead_id, []).append(_link_step(one.link.ref, ABSENT, refs_text([one.link.ref]), one.evidence))
    return given


def _link_step(ref: Ref, old: Value, new: Value, why: str) -> Revision:
    return Revision(LINK, old, new, Origin(ref.account, ref), why)


def _is_foreign(newcomer: Newcomer, index: Index) -> bool:
    """It carries the id of a lead that this store has never had, and nothing else tells whose it is."""
    unknown = newcomer.lead_hint != "" and newcomer.lead_hint not in index.leads
    return unknown and newcomer.key not in index.by_key and not any(mailbox in index.by_mailbox for mailbox in newcomer.mailboxes)


def _park(unit: Any, foreign: set[Ref], before: set[Ref], census: Census) -> None:
    """A store that is older than its CRMs must not make second leads, and second records, of people it has forgotten."""
    unit.park(foreign, FOREIGN)
    for ref in foreign - before:
        census.park(ref.account, "new")
    census.problems += [_foreign_problem(ref) for ref in sorted(foreign)]


def _foreign_problem(ref: Ref) -> Problem:
    message = f"{ref.object} {ref.id} carries the id of a lead that this store does not know. It is left alone."
    fix = "If the store is an old copy, `leadloom adopt` takes such records over; if the record is one, empty its field leadloom_lead_id."
    return Problem(ref.account, FOREIGN, message, fix, ref)


def _with_keys(placed: Sequence[Placed], keys: Mapping[Ref, str], unit: Any) -> list[Placed]:
    """What a lost store had created is ours again: the first record of each key; a clone carries a key that has one."""
    taken = set(unit.keys_taken([key for key in keys.values() if key]))
    ours: list[Placed] = []
    for one in placed:
        key = keys[one.link.ref]
        mine = key != "" and key not in taken and one.link.key == "" and not one.reviews
        ours.append(replace(one, link=replace(one.link, key=key)) if mine else one)
        taken |= {key} if mine else set()
    return ours


def _end_our_creates(unit: Any, dialect: Any, ended: Mapping[Ref, Record], now: datetime) -> None:
    """A create of ours whose record ended before we ever saw it has happened: it is not created again."""
    keys = {our_key(record.fields, dialect): ref for ref, record in ended.items()}
    for key, lead_id in unit.keys_without_record([key for key in keys if key]).items():
        ref = keys[key]
        unit.put_links([(Link(ref, lead_id, state=LinkState.ENDED, key=key, ending=str(ended[ref].ending)), Base())])
        unit.prove_creates({key: ref.id}, now)


def _reviews(placed: Iterable[Placed]) -> list[Review]:
    return [review for one in placed for review in one.reviews]


def _new_id(workspace: Workspace, ref: Ref, hint: str) -> str:
    if workspace.adopting and hint != "":
        return hint
    return "ld_" + digest(workspace.store.secret, "lead", *ref)


def digest(*parts: str) -> str:
    """A short name that the same parts always get: what a plan names, its apply must find again."""
    return b32encode(hashlib.sha256("\0".join(parts).encode()).digest()[:15]).decode().lower()


def _newcomer(ref: Ref, record: Record, dialect: Any) -> Newcomer:
    mailboxes = tuple(
        mailbox for item in shown(dialect.sets["emails"], record.fields) if not isinstance(mailbox := usable_mailbox(item.key), Refused)
    )
    return Newcomer(ref, _name(record, dialect), mailboxes, our_key(record.fields, dialect), lead_hint(record.fields, dialect))


def _name(record: Record, dialect: Any) -> tuple[str, str]:
    first, last = (
        next((row.parse(record.fields[row.remote], ABSENT) for row in dialect.rows_of(part) if row.remote in record.fields), ABSENT)
        for part in ("first_name", "last_name")
    )
    return (first if isinstance(first, str) else "", last if isinstance(last, str) else "")


def _index(unit: Any, newcomers: Sequence[Newcomer], dialects: Mapping[tuple[str, str], Any]) -> Index:
    mailboxes = {f"email:{mailbox}": mailbox for newcomer in newcomers for mailbox in newcomer.mailboxes}
    there = unit.leads_at(mailboxes)
    ids = sorted({id for found in there.values() for id in found} | {newcomer.lead_hint for newcomer in newcomers if newcomer.lead_hint})
    leads = unit.leads(ids)
    index = Index(
        {id: _known(lead) for id, lead in leads.items()},
        {mailboxes[key]: {id for id in found if id in leads} for key, found in there.items()},
        unit.keys_without_record([newcomer.key for newcomer in newcomers]),
    )
    by_key = sorted(set(index.by_key.values()))
    index.leads.update({id: _known(lead) for id, lead in unit.leads(by_key).items()})
    index.mains = unit.main_links(sorted(index.leads))
    index.elders = _elders(unit, [leads[id] for found in index.by_mailbox.values() if len(found) > 1 for id in found])
    _complete(unit, index, dialects)
    return index


def _elders(unit: Any, sharing: Sequence[LeadState]) -> dict[str, str]:
    """What people decided about leads that share an address; a decision about a record holds for the lead that it belongs to."""
    oldest_first = sorted({lead.id: (lead.created_at or EPOCH, lead.id) for lead in sharing}.values())
    ids = [id for _, id in oldest_first]
    owner = {pair_key(id): id for id in ids}
    owner |= {pair_key(link.ref): id for id, found in unit.links_of(ids).items() for link, _ in found}
    decided = unit.decisions_about(sorted(owner)).items()
    known = [((owner[left], owner[right]), verdict) for (left, right), verdict in decided if left in owner and right in owner]
    # Two sides that are one lead by now have nothing left to say; of two verdicts on the same leads "different" is the careful one.
    apart_last = sorted((pair for pair in known if pair[0][0] != pair[0][1]), key=lambda pair: pair[1] != "same")
    return elders(ids, {(min(pair), max(pair)): verdict for pair, verdict in apart_last})


def _known(lead: LeadState) -> Known:
    first, last = (lead.fields.get(part, ABSENT) for part in ("first_name", "last_name"))
    emails = lead.fields.get("emails", ABSENT)
    items: Items = emails if isinstance(emails, tuple) else ()
    mailboxes = frozenset(found for item in items if not isinstance(found := usable_mailbox(item.key), Refused))
    return Known(lead.id, (first if isinstance(first, str) else "", last if isinstance(last, str) else ""), mailboxes)


def _complete(unit: Any, index: Index, dialects: Mapping[tuple[str, str], Any]) -> None:
    """A lead placed earlier in this very run has no fields yet: its name and addresses still stand in the inbox."""
    bare = [id for id, known in index.leads.items() if known.name == ("", "") and not known.mailboxes]
    for id, found in unit.inbox_of(bare).items():
        for ref, (record, _) in sorted(found.items()):
            if (ref.account, ref.object) not in dialects:
                continue  # read by an earlier run; its account is not part of this one
            newcomer = _newcomer(ref, record, dialects[(ref.account, ref.object)])
            known = index.leads[id]
            name = known.name if any(known.name) else newcomer.name
            index.leads[id] = Known(id, name, known.mailboxes | set(newcomer.mailboxes))


def dialects_of(doors: Iterable[Door]) -> dict[tuple[str, str], Any]:
    return {(door.name, object): dialect for door in doors for object, dialect in door.objects()}


# Endings and aliases


def endings_of(workspace: Workspace, account: str) -> Endings:
    return workspace.accounts[account].endings if account in workspace.accounts else Endings()


def _follow_aliases(unit: Any, records: Mapping[Ref, Record], run: str, now: datetime, *, follow: bool) -> set[Ref]:
    """A survivor of a merge inside a CRM takes over the link of the records it swallowed; their ids forward from now on.

    Without `follow` they end, and the survivor is a record like any other.
    """
    rebound: set[Ref] = set()
    for ref, record in records.items():
        if not record.aliases:
            continue
        known = unit.links_at(ref.account, ref.object, [ref.id, *record.aliases])
        old = [found for id, found in known.items() if id != ref.id and found[0].ref.id != ref.id and found[0].state is not LinkState.ENDED]
        if not old:
            continue
        own = known.get(ref.id)
        old.sort(key=lambda found: (found[0].role is Role.TWIN, found[0].ref))
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
            unit.ask([_merged_leads(ref, leads)], run, now)
    return rebound


def _merged_leads(survivor: Ref, lead_ids: Sequence[str]) -> Review:
    question = f"{survivor.account} merged records of leads {' and '.join(lead_ids)} into {survivor.object} {survivor.id}. One person?"
    return Review(
        "merged_leads", f"merged:{':'.join(lead_ids)}", question, lead_ids[0], (survivor,), choices=pair_choices(lead_ids[0], lead_ids[1:])
    )


# Restrictions


def _restrict(unit: Any, dialect: Any, records: Mapping[Ref, Record], run: str, now: datetime) -> None:
    """File every no that a record shows and its base has not seen, before any lead is worked on, whatever the scope says.

    It covers the addresses shown now and those shown before: the address may have been changed after the no. An address that is
    typed into a record that says no is denied with it: a corrected address is no consent.
    """
    known: dict[tuple[str, str], list[str]] = {}
    for ref in records:
        known.setdefault((ref.account, ref.object), []).append(ref.id)
    links = {
        Ref(account, object, id): found
        for (account, object), ids in known.items()
        for id, found in unit.links_at(account, object, ids).items()
    }
    found: list[Restriction] = []
    for ref, record in records.items():
        link, base = links.get(ref, (None, Base()))
        for channel, name, is_new in _denied(dialect, record, base):
            before = {row.remote: base.pair(row.id).seen for row in dialect.sets[name]}
            now_shown, shown_before = (
                [address(name, item.key) for item in shown(dialect.sets[name], fields)] for fields in ({**before, **record.fields}, before)
            )
            places = [*now_shown, *shown_before] if is_new else [place for place in now_shown if place not in shown_before]
            if not places and is_new and link is not None:
                places = [lead_address(link.lead_id)]
            found += [Restriction(channel, place, ref, record.changed_at if record.changed_at is not None else now) for place in places]
    fresh = unit.restrict(found, run)
    unit.touch(id for ids in unit.leads_at(fresh).values() for id in ids)
    since = {ref: base.read_at for ref, (_, base) in links.items()}
    unit.add_events(addressed(withdrawals(found, since, run, now)), f"run:{run}", now)


def _restrict_nameless(unit: Any, dialect: Any, placed: Sequence[tuple[Link, Record]], run: str, now: datetime) -> None:
    """A no on a record without an address holds for the lead."""
    found = [
        Restriction(channel, lead_address(link.lead_id), link.ref, record.changed_at if record.changed_at is not None else now)
        for link, record in placed
        for channel, name, _ in _denied(dialect, record, Base())
        if not shown(dialect.sets[name], record.fields)
    ]
    unit.restrict(found, run)


def _denied(dialect: Any, record: Record, base: Base) -> Iterator[tuple[str, str, bool]]:
    """The channels for which a record says no, the set that it covers, and whether the base has not seen it yet."""
    for row in dialect.rows:
        if row.lead not in RESTRICTIONS:
            continue
        seen = base.pair(row.id).seen
        theirs = record.fields.get(row.remote, seen)
        if row.parse(theirs, ABSENT) is True:
            channel = row.lead.partition(".")[2]
            yield channel, "emails" if channel == "email" else "phones", theirs != seen


def addresses_of(dialect: Any, fields: Mapping[str, Any]) -> set[str]:
    """What a record with these fields is filed under: its e-mail addresses and phone numbers."""
    return {address(name, item.key) for name in SETS for item in shown(dialect.sets[name], fields)}


# Leads


@dataclass
class _Chunk:
    """Some leads at once: everything they need is read in a few queries, everything that follows is written in a few."""

    workspace: Workspace
    doors: Sequence[Door]
    run: str
    census: Census
    now: datetime
    unit: Any
    waits: Waits
    leads: list[LeadState] = field(default_factory=list)
    links: list[tuple[Link, Base]] = field(default_factory=list)
    revisions: dict[str, list[Revision]] = field(default_factory=dict)
    ends: dict[str, list[Revision]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    newly_disqualified: dict[str, Ref] = field(default_factory=dict)
    disqualifying: dict[str, Revision] = field(default_factory=dict)
    writes: list[PlannedWrite] = field(default_factory=list)
    addresses: dict[Ref, tuple[str, set[str]]] = field(default_factory=dict)
    assignments: list[dict[str, Any]] = field(default_factory=list)

    def work(self, ids: Sequence[str], sink: Sink | None) -> None:
        self._load(ids)
        for id in ids:
            if id in self.states:
                self._lead(self.states[id])
        self._keep(ids)
        for write in self.writes:
            self.census.plan(write.account)
            if sink is not None:
                sink(write)

    def _load(self, ids: Sequence[str]) -> None:
        unit = self.unit
        self.states: dict[str, LeadState] = unit.leads(ids)
        self.views: dict[str, list[tuple[Link, Base]]] = unit.links_of(ids)
        self.inbox: dict[str, dict[Ref, tuple[Record, datetime | None]]] = unit.inbox_of(ids)
        self.answers: dict[str, Any] = unit.answers_of(ids)
        self.open: dict[str, list[Entry]] = unit.open_entries_of(ids)
        self.pools: routing.State = routing.unpack(unit.pools())
        self.dialects = dialects_of(self.doors)
        emails = {address("emails", item.key) for id in ids for item in self._all_items(id, "emails")}
        phones = {address("phones", item.key) for id in ids for item in self._all_items(id, "phones")}
        self.restricted: frozenset[tuple[str, str]] = frozenset(unit.restricted(emails | phones | {lead_address(id) for id in ids}))
        self.holders: dict[str, list[tuple[Ref, str]]] = unit.holders(emails)

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
        views = _promote([view for link, base in self.views.get(state.id, []) if (view := self._view(state.id, link, base)) is not None])
        state = self._disqualified(state)
        merged = merge(state, views, self.workspace.policy, self.now, self.answers)
        decision = decide(merged.lead, state.fields, self.restricted, self.workspace.rules, self.pools, self.now)
        lead = decision.lead
        self.pools = decision.pools
        views = [self._scoped(view, lead) for view in merged.views]
        doomed = [view for view in views if view.link.ending == DOOMED]
        places = [] if doomed else self._places(lead)
        owed = plan(lead, views, places, self.restricted, self.workspace.policy, self._waiting(state.id))
        owed = replace(owed, writes=(*owed.writes, *(_delete(view) for view in doomed if view.ref not in self._waiting(state.id))))
        merged = replace(merged, views=tuple(views))
        self.writes += owed.writes
        self.problems += [*merged.problems, *owed.problems]
        self.reviews += merged.reviews
        self.closed += merged.closed
        for ref in owed.newly_held:
            self.census.plan(ref.account)
            self.census.outcome(ref.account, "held")
        self.census.rebased.update(ref.account for ref in owed.rebased)
        self._remember(state, merged, decision, owed)

    def _remember(self, before: LeadState, merged: Merged, decision: Decision, owed: LeadPlan) -> None:
        lead = replace(
            decision.lead,
            open_debts=bool(owed.writes),
            due=EPOCH if owed.rebased else self._due(before, decision),
        )
        if lead.fields != before.fields:
            self.census.leads["changed"] += 1 if before.version else 0
        self.leads.append(lead)
        ended = [self.disqualifying[lead.id]] if lead.id in self.disqualifying else []
        self.revisions[lead.id] = [*self.ends.get(lead.id, ()), *ended, *merged.revisions, *decision.revisions]
        if decision.assignment is not None:
            self.assignments.append({name: value for name, value in decision.assignment.items() if name != "by_rule"})
        bases = {view.ref: base for view in owed.views for base in [view.base]}
        for view in merged.views:
            self.links.append((view.link, bases.get(view.ref, view.base)))
            if view.record is not None:
                self.addresses[view.ref] = (lead.id, addresses_of(view.dialect, {**view.seen(), **view.record.fields}))

    def _due(self, before: LeadState, decision: Decision) -> datetime | None:
        """When to look again. Where an account is not part of this run, what the lead may owe there is looked at by the next one."""
        absent = set(self.workspace.accounts) - {door.name for door in self.doors}
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
            link = self._end(link, base, record)
            record = None
        elif record is not None and link.state is LinkState.ENDED and link.ending.partition(":")[0] in RETURNING:
            self.restored |= link.ending.endswith(":delete")
            link = replace(link, state=LinkState.ACTIVE, ending="")  # restored in the CRM
        if dialect is None or link.state is LinkState.ENDED:
            return None
        return View(link, base, dialect, record, since, self.waits.get((link.ref.account, link.ref.object), frozenset()))

    def _end(self, link: Link, base: Base, record: Record) -> Link:
        """What follows when a record ends is the account's policy; one that merely is not shown comes back when it is shown again."""
        assert record.ending is not None  # noqa: S101  # it is why we are here
        rule = "ours" if link.ending == DOOMED else endings_of(self.workspace, link.ref.account).of(record.ending)
        stays = rule in ("follow", "unlink")
        ended = replace(link, state=LinkState.ENDED, ending=str(record.ending) if stays else f"{record.ending}:{rule}")
        self.links.append((ended, base))
        self.ends.setdefault(link.lead_id, []).append(_link_step(link.ref, refs_text([link.ref]), ABSENT, f"{record.ending} in the CRM"))
        if record.moved_to is not None and rule == "follow":
            self._follow(ended, Ref(link.ref.account, *record.moved_to))
        elif rule != "ours":
            self.census.lost[link.ref.account] += 1
        self.spreads |= rule == "delete"
        if rule != "ours":
            self.problems.append(_ended_problem(link, record.ending, rule))
        if rule == "disqualify":
            self.newly_disqualified[link.lead_id] = link.ref
        return ended

    def _disqualified(self, state: LeadState) -> LeadState:
        """The lead of a record that ended, where the policy says so; a customer stays one."""
        ref = self.newly_disqualified.get(state.id)
        old = state.fields.get("stage", ABSENT)
        if ref is None or old in (DISQUALIFIED, "customer"):
            return state
        origin = Origin(ref.account, ref, "the record ended", None, self.now)
        self.disqualifying[state.id] = Revision("stage", old, DISQUALIFIED, origin, "the record ended")
        fields, origins = {**state.fields, "stage": DISQUALIFIED}, {**state.origins, "stage": origin}
        return replace(state, fields=fields, origins=origins, stage_since=self.now, stage_held=True, version=state.version + 1)

    def _scoped(self, view: View, lead: LeadState) -> View:
        """A record whose lead left the scope sleeps where the policy says so; one that is to be deleted gets no more than opt-outs."""
        link = view.link
        if self.spreads or (link.ending == DOOMED and not self.restored):
            return replace(view, link=replace(link, state=LinkState.DORMANT, ending=DOOMED))
        if link.ending == DOOMED:
            return replace(view, link=replace(link, state=LinkState.ACTIVE, ending=""))
        account = self.workspace.accounts.get(link.ref.account)
        if account is None or account.endings.out_of_scope == "keep" or link.state is LinkState.WITHHELD:
            return view
        inside = account.scope.when(facts(lead.fields))
        return replace(view, link=replace(link, state=LinkState.ACTIVE if inside else LinkState.DORMANT))

    def _follow(self, ended: Link, now_at: Ref) -> None:
        """The survivor of a merge, or the contact of a converted lead, takes the place of the ended record."""
        self.unit.put_alias(ended.ref, now_at)
        there = self.unit.links_at(now_at.account, now_at.object, [now_at.id])
        if now_at.id not in there:
            self.links.append((Link(now_at, ended.lead_id, ended.role), Base()))
            why = f"took the place of {ended.ref.object} {ended.ref.id}"
            self.ends.setdefault(ended.lead_id, []).append(_link_step(now_at, ABSENT, refs_text([now_at]), why))
            self.unit.put_hints([now_at], self.now)
        elif there[now_at.id][0].lead_id != ended.lead_id:
            self.reviews.append(_merged_leads(now_at, sorted({ended.lead_id, there[now_at.id][0].lead_id})))

    def _waiting(self, lead_id: str) -> frozenset[Ref]:
        return frozenset(
            Ref(entry.write.account, entry.write.object, entry.write.id)
            for entry in self.open.get(lead_id, [])
            if entry.write.id is not None
        )

    def _places(self, lead: LeadState) -> list[Place]:
        """The accounts in whose scope the lead is and where it has no record, with why none can be created."""
        places: list[Place] = []
        links = [*(link for link, _ in self.views.get(lead.id, [])), *(link for link, _ in self.links if link.lead_id == lead.id)]
        ended = {link.ref for link in links if link.state is LinkState.ENDED and link.ending.endswith(":recreate")}
        linked = {link.ref.account for link in links if link.ref not in ended and link.ending != RELEASED}
        known = facts(lead.fields)
        creating = {entry.write.account for entry in self.open.get(lead.id, []) if entry.write.id is None}
        for door in self.doors:
            scope = door.account.scope
            if not scope.create or door.name in linked or door.name in creating or not scope.when(known):
                continue
            object, dialect = next(iter(door.objects()))
            again = sum(ref.account == door.name for ref in ended)
            key = "lk_" + digest(self.workspace.store.secret, "create", lead.id, door.name, *([str(again)] if again else []))
            places.append(Place(door.name, object, dialect, key, self._blocked(lead, door)))
        return places

    def _blocked(self, lead: LeadState, door: Door) -> tuple[str, str, str] | None:
        value = lead.fields.get("emails", ABSENT)
        items: Items = value if isinstance(value, tuple) else ()
        if all(isinstance(usable_mailbox(item.key), Refused) for item in items):
            return (
                "no_clean_address",
                f"Lead {lead.id} was not created: it has no e-mail address of its own to be recognised by, and would be doubled one day.",
                "Add a personal e-mail address to the lead in any CRM, or create the record by hand.",
            )
        for item in items:
            for ref, holder in self.holders.get(address("emails", item.key), []):
                if ref.account == door.name and holder != lead.id:
                    return (
                        "address_taken",
                        f"Lead {lead.id} was not created: {ref.object} {ref.id} of another lead has one of its addresses.",
                        "If both are one person, merge them in the CRM; else give one of them an address of its own.",
                    )
        return None

    def _keep(self, ids: Sequence[str]) -> None:
        unit, run, now = self.unit, self.run, self.now
        unit.put_leads(self.leads, now)
        unit.put_links(self.links)
        unit.put_addresses(self.addresses)
        unit.add_revisions(self.revisions, run, now)
        unit.replace_problems(ids, self.problems, run, now)
        unit.drop_reviews(self.closed)
        self.census.reviews += unit.ask(self.reviews, run, now)
        unit.journal(self.writes, run)
        unit.put_pools(routing.pack(self.pools))
        unit.put_assignments(self.assignments)
        unit.drop_inbox(ref for found in self.inbox.values() for ref in found if (ref.account, ref.object) in self.dialects)


def _delete(view: View) -> PlannedWrite:
    return PlannedWrite(view.ref.account, view.ref.object, view.link.lead_id, Section.DELETE, (), view.ref.id)


def _ended_problem(link: Link, ending: Ending, rule: str) -> Problem:
    where = f"{link.ref.object} {link.ref.id}"
    message = f"{where} was {ending} in the CRM; {FOLLOWS[rule]}"
    fix = "Nothing is to be done, unless it happened by mistake: then restore it in the CRM."
    if ending is Ending.MISSING:
        message = f"{where} is not shown any more: deleted, merged, or hidden from this user; {FOLLOWS[rule]}"
        fix = "If it was deleted on purpose, nothing is to be done; else give the user of these credentials access to it."
    return Problem(link.ref.account, f"ended:{ending}", message, fix, link.ref, link.lead_id)


FOLLOWS: Mapping[str, str] = {
    "unlink": "its lead stays as it is, and it is not created there again.",
    "follow": "its lead goes on with the record that took its place.",
    "recreate": "it is created there again if its lead is in scope.",
    "disqualify": "its lead is disqualified everywhere.",
    "delete": "the other records of its lead are to be deleted, behind the guard on deletes.",
}


def _promote(views: Sequence[View]) -> list[View]:
    """Where the main record of an account has ended, its oldest twin becomes the main one."""
    led = {view.ref.account for view in views if view.link.role is Role.MAIN and view.link.state is not LinkState.WITHHELD}
    promoted: list[View] = []
    for view in sorted(views, key=lambda view: view.ref):
        if view.ref.account not in led and view.link.state is not LinkState.WITHHELD:
            led.add(view.ref.account)
            view = replace(view, link=replace(view.link, role=Role.MAIN))
        promoted.append(view)
    return promoted
