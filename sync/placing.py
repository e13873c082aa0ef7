"""Placing (shell): records that no lead has yet are given to one: known by their keys, ids and mailboxes, or founding a lead of their own.

What may be one person is decided by `link`; here is what it needs to know, read for a whole batch at once, and what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.base import Record
from leads.identity import usable_mailbox
from leads.model import ABSENT, Items
from leads.normal import Refused
from mappings.sets import shown
from sync.census import Census
from sync.contest import IMPORT
from sync.intake import column_meanings
from sync.link import Index, Known, Name, Newcomer, Placed, elders, is_sure, link
from sync.pull import lead_hint, our_key
from sync.restricting import addresses_of, restrict_nameless
from sync.state import GONE, Base, LeadState, Link, LinkState, Problem, Ref, Revision, Role, digest, link_step, pair_key, refs_text
from sync.workspace import Pass, Workspace

FOREIGN = "foreign_keys"  # why a record is parked
EPOCH = datetime.fromtimestamp(0, UTC)


def place(turn: Pass, unit: Any, dialect: Any, strangers: Sequence[tuple[Ref, Record]], parked: set[Ref], *, sure: bool) -> None:
    """Give a batch of records of one account to leads. `parked` are those of them that earlier runs had left alone.

    Those who are `sure` have their turn first, in all accounts; the others, when all of those have a lead.
    """
    ended = {ref: record for ref, record in strangers if record.ending is not None}
    _end_our_creates(unit, dialect, ended, turn.now)
    unit.drop_inbox(ended)
    here = [_newcomer(ref, record, dialect) for ref, record in strangers if record.ending is None]
    newcomers = _by_their_names(unit, [newcomer for newcomer in here if is_sure(newcomer) is sure])
    if not newcomers:
        return
    index = _index(turn, unit, newcomers)
    hints = {newcomer.ref: newcomer.lead_hint for newcomer in newcomers}
    foreign = set() if turn.workspace.adopting else {newcomer.ref for newcomer in newcomers if _is_foreign(newcomer, index)}
    _park(unit, foreign, parked, turn.census, turn.run)
    known = [newcomer for newcomer in newcomers if newcomer.ref not in foreign]
    placed = link(known, index, lambda ref: _new_id(turn.workspace, ref, "" if hints[ref] in index.leads else hints[ref]))
    if turn.workspace.adopting:
        placed = _with_keys(placed, {newcomer.ref: newcomer.key for newcomer in newcomers}, unit)
    records = dict(strangers)
    unit.put_leads([LeadState(one.link.lead_id, created_at=turn.now) for one in placed if one.is_new_lead], turn.now)
    unit.put_links([(one.link, Base()) for one in placed])
    unit.give_to_leads({one.link.ref: one.link.lead_id for one in placed})
    unit.put_addresses({one.link.ref: (one.link.lead_id, addresses_of(dialect, records[one.link.ref].fields)) for one in placed})
    unit.prove_creates({one.link.key: one.link.ref.id for one in placed if one.link.key}, turn.now)
    unit.add_revisions(_given(placed), turn.run, turn.now)
    turn.census.leads["new"] += sum(one.is_new_lead for one in placed)
    turn.census.reviews += unit.ask([review for one in placed for review in one.reviews], turn.run, turn.now)
    restrict_nameless(turn, unit, dialect, [(one.link, records[one.link.ref]) for one in placed])


def _given(placed: Iterable[Placed]) -> dict[str, list[Revision]]:
    """That a record was given to a lead, and by which evidence, is part of the lead's history."""
    given: dict[str, list[Revision]] = {}
    for one in placed:
        given.setdefault(one.link.lead_id, []).append(link_step(one.link.ref, ABSENT, refs_text([one.link.ref]), one.evidence))
    return given


def _is_foreign(newcomer: Newcomer, index: Index) -> bool:
    """It carries the id of a lead that this store has never had, and nothing else tells whose it is."""
    unknown = newcomer.lead_hint != "" and newcomer.lead_hint not in index.leads
    return unknown and newcomer.key not in index.by_key and not any(mailbox in index.by_mailbox for mailbox in newcomer.mailboxes)


def _park(unit: Any, foreign: set[Ref], before: set[Ref], census: Census, run: str) -> None:
    """A store that is older than its CRMs must not make second leads, and second records, of people it has forgotten."""
    unit.park(foreign, FOREIGN)
    unit.put_verdicts([(ref, "parked", FOREIGN) for ref in sorted(foreign - before)], run)
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


def _new_id(workspace: Workspace, ref: Ref, hint: str) -> str:
    if workspace.adopting and hint != "":
        return hint
    return "ld_" + digest(workspace.store.secret, "lead", *ref)


def _newcomer(ref: Ref, record: Record, dialect: Any) -> Newcomer:
    mailboxes = tuple(
        mailbox for item in shown(dialect.sets["emails"], record.fields) if not isinstance(mailbox := usable_mailbox(item.key), Refused)
    )
    purchased = dialect.is_purchased(record.fields) is True
    return Newcomer(ref, _name(record, dialect), mailboxes, our_key(record.fields, dialect), lead_hint(record.fields, dialect), purchased)


def _by_their_names(unit: Any, newcomers: Sequence[Newcomer]) -> list[Newcomer]:
    """A record may carry the id of a lead that is part of another by now: that one is meant."""
    names = unit.survivors({newcomer.lead_hint for newcomer in newcomers if newcomer.lead_hint})
    return [replace(one, lead_hint=names[one.lead_hint]) if one.lead_hint in names else one for one in newcomers]


def _name(record: Record, dialect: Any) -> tuple[str, str]:
    first, last = (
        next((row.parse(record.fields[row.remote], ABSENT) for row in dialect.rows_of(part) if row.remote in record.fields), ABSENT)
        for part in ("first_name", "last_name")
    )
    return (first if isinstance(first, str) else "", last if isinstance(last, str) else "")


def _index(turn: Pass, unit: Any, newcomers: Sequence[Newcomer]) -> Index:
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
    _complete(turn, unit, index)
    return index


def _elders(unit: Any, sharing: Sequence[LeadState]) -> dict[str, str]:
    """What people decided about leads that share an address; a decision about a record holds for the lead that it belongs to."""
    oldest_first = sorted({lead.id: (lead.created_at or EPOCH, lead.id) for lead in sharing}.values())
    ids = [id for _, id in oldest_first]
    owner = {pair_key(id): id for id in ids}
    owner |= {pair_key(name): id for id, names in unit.also_called(ids).items() for name in names}
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


def _complete(turn: Pass, unit: Any, index: Index) -> None:
    """Who leads are that do not say it themselves.

    One that was placed earlier in this very run has no fields yet: its records stand in the inbox. One that is known from bought lists
    only never has any, and is somebody all the same: whoever shares an address with it may be somebody else.
    """
    nameless = [id for id, known in index.leads.items() if known.name == ("", "")]
    for id, found in unit.inbox_of([id for id in nameless if not index.leads[id].mailboxes]).items():
        for ref, (record, _) in sorted(found.items()):
            if (ref.account, ref.object) not in turn.dialects:
                continue  # read by an earlier run; its account is not part of this one
            newcomer = _newcomer(ref, record, turn.dialects[(ref.account, ref.object)])
            _learn(index, id, newcomer.name, newcomer.mailboxes)
    for id, links in unit.links_of(nameless).items():
        for one, base in sorted(links, key=lambda pair: pair[0].ref):
            if one.role is Role.QUARANTINED and one.state not in GONE:
                _learn(index, id, _name_kept(turn.workspace, one.ref, base))


def _learn(index: Index, id: str, said: Name, mailboxes: Iterable[str] = ()) -> None:
    known = index.leads[id]
    name = known.name if any(known.name) else said
    index.leads[id] = Known(id, name, known.mailboxes | set(mailboxes), (known.also | {said}) - {name, ("", "")})


def _name_kept(workspace: Workspace, ref: Ref, base: Base) -> Name:
    """The name that a record showed when it was read last; its account need not be part of this run."""
    account = workspace.accounts.get(ref.account)
    meanings = column_meanings() if ref.account == IMPORT else {} if account is None else account.meanings(ref.object)
    said = {name: base.pair(row_id).meant for row_id, name in meanings.items() if base.knows(row_id)}
    first, last = (said.get(part, ABSENT) for part in ("first_name", "last_name"))
    return (first if isinstance(first, str) else "", last if isinstance(last, str) else "")
