"""Erase (shell): a person is forgotten here, deleted in every CRM, and does not come back.

The order is what makes it safe: first the hashes by which the person is recognised, then what is to be deleted, then everything that
is known is forgotten, and only then the CRMs are asked, as often as it takes. What turns up later with one of the addresses is not
stored, and is deleted where it turned up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from connectors.base import Ending, Op, Outcome, Receipt, Record, Write
from connectors.errors import ConnectorError
from leads import suppression
from leads.identity import usable_mailbox
from leads.model import Items, Value
from leads.normal import Refused
from mappings.sets import shown
from sync.census import Census
from sync.guard import returned
from sync.plan import address, lead_address
from sync.state import Joining, LeadState, Problem, Ref, Way
from sync.unsaid import lead_without, mentions, said_by, without
from sync.view import SETS
from sync.workspace import Door, Workspace

RETURN = "return:"  # how a deletion is called that nobody asked for: an erased person turned up again
GONE = (Outcome.DELETED, Outcome.GONE)


@dataclass(frozen=True, slots=True)
class Person:
    """What has to be forgotten: the lead with those that became part of it, its records, and its addresses, those of former times too.

    `shared` are addresses that others have as well: they stay, or the others would be erased with this person.
    """

    lead_id: str
    refs: tuple[Ref, ...]
    addresses: tuple[str, ...]
    shared: tuple[str, ...]
    names: tuple[str, ...] = ()  # all ids of the lead


def erase(workspace: Workspace, doors: Sequence[Door], lead_id: str, reason: str, erasure: str, census: Census) -> Person:
    """Erase one lead; the caller holds the lease. What a CRM does not delete now is asked for again by every run."""
    with workspace.store.begin() as unit:
        person = who(unit, lead_id)
    _suppress(workspace, person.addresses, reason)
    with workspace.store.begin() as unit:
        _forget(unit, person, erasure, workspace)
    workspace.store.scrub()
    delete_pending(workspace, doors, census)
    return person


def who(unit: Any, lead_id: str) -> Person:
    links = unit.links_of([lead_id]).get(lead_id, [])
    refs = tuple(sorted(link.ref for link, _ in links if link.ending != Ending.MERGED))  # an old id would lead to the survivor
    names = (lead_id, *sorted(unit.also_called([lead_id]).get(lead_id, ())))
    found = _addresses_of(unit, lead_id, names)
    holders = unit.leads_at(found)
    shared = {one for one in found if holders.get(one, set()) - {lead_id} or not _is_personal(one)}
    return Person(lead_id, refs, tuple(sorted(found - shared)), tuple(sorted(shared)), names)


def _addresses_of(unit: Any, lead_id: str, names: Sequence[str]) -> set[str]:
    """Every address that the lead has or had: of its fields, its history and its records."""
    lead = unit.leads([lead_id])[lead_id]
    found = set(unit.addresses_of(lead_id))
    values = [(name, lead.fields[name]) for name in SETS if name in lead.fields]
    for _, _, revisions in [step for name in names for step in unit.revisions(name)]:
        values += [(one.name, value) for one in revisions if one.name in SETS for value in (one.old, one.new)]
    for name, value in values:
        found |= _spelled(name, value)
    return found


def _spelled(name: str, value: Value) -> set[str]:
    """An address as it is written and as the mailbox that it leads to."""
    items: Items = value if isinstance(value, tuple) else ()
    exact = {f"email:{item.key}" if name == "emails" else address(name, item.key) for item in items}
    return exact | {address(name, item.key) for item in items}


def _is_personal(one: str) -> bool:
    kind, _, text = one.partition(":")
    return kind != "email" or not isinstance(usable_mailbox(text), Refused)


def _suppress(workspace: Workspace, addresses: Iterable[str], reason: str) -> None:
    entries = suppression.entries(workspace.suppression.key(), addresses, workspace.now(), reason)
    workspace.suppression.keep(entries)  # outside the store, before anything is forgotten
    with workspace.store.begin() as unit:
        unit.suppress(entries)


def _forget(unit: Any, person: Person, erasure: str, workspace: Workspace) -> None:
    in_crms = [ref for ref in person.refs if ref.account in workspace.accounts]
    unit.ask_deletions(erasure, in_crms, workspace.now())
    _unsay(unit, person)
    for name in person.names:
        unit.forget_lead(name, person.refs)
    places = [*person.addresses, *map(lead_address, person.names)]
    unit.forget_events(places, person.names, person.shared, actor=erasure, at=workspace.now())


def _unsay(unit: Any, person: Person) -> None:
    """Take what the person said out of the history of those with whom they were one lead for a while."""
    shared = [one for one in unit.joinings_of(person.names) if not {one.kept, one.gone} <= set(person.names)]
    ids = {id for one in shared for id in (one.kept, one.gone)} - set(person.names)
    states = [*unit.leads([person.lead_id]).values(), *(one for joining in shared for one in _states_of(joining, person.names))]
    steps = [step for name in person.names for _, _, found in unit.revisions(name) for step in found]
    for other in unit.leads(sorted({unit.survivors([id]).get(id, id) for id in ids})).values():
        theirs = {link.ref for link, _ in unit.links_of([other.id]).get(other.id, [])}
        said = said_by(states, [one for one in steps if one.origin.ref not in theirs], person.refs, other)
        for name in (other.id, *sorted(unit.also_called([other.id]).get(other.id, ()))):
            unit.rewrite(name, partial(without, said=said), partial(lead_without, said=said), partial(mentions, said=said))


def _states_of(joining: Joining, names: Sequence[str]) -> list[LeadState]:
    """What the person was before they became one with the other, or when they parted."""
    if joining.gone in names:
        return [joining.gone_state]
    return [joining.kept_before if joining.way is Way.JOIN else joining.kept_after]


# Nobody comes back


def recall(workspace: Workspace, run: str) -> int:
    """Erase again whom an older copy of the store has brought back; returns how many leads."""
    listed = workspace.suppression.entries()
    with workspace.store.begin() as unit:
        if not unit.suppress(listed) or not unit.lead_ids("", 1):
            return 0
        keys = workspace.suppression.keys()
        found = {lead_id for one, lead_id in unit.every_address() if unit.suppressed(suppression.seals(keys, one))}
        for lead_id in sorted(found):
            person = who(unit, lead_id)
            _forget(unit, person, f"recall:{run}", workspace)
    if found:
        workspace.store.scrub()
    return len(found)


def turn_away(workspace: Workspace, unit: Any, door: Door, object: str, records: Iterable[Record], run: str) -> set[str]:
    """The ids of records of erased people, which are not stored; they are deleted where they turned up."""
    keys = workspace.suppression.keys() if unit.suppresses() else ()
    if not keys:
        return set()
    sealed: dict[str, set[str]] = {}
    for record in records:
        sealed[record.id] = {one for place in _told(door.dialects[object], record) for one in suppression.seals(keys, place)}
    known = unit.suppressed({one for found in sealed.values() for one in found})
    away = {id for id, found in sealed.items() if not known.isdisjoint(found)}
    if door.name in workspace.accounts:
        unit.ask_deletions(f"{RETURN}{run}", [Ref(door.name, object, id) for id in away], workspace.now())
    return away


def _told(dialect: Any, record: Record) -> set[str]:
    """What a record is recognised by: its e-mail addresses, or where it has none its phone numbers, which families share."""
    emails = shown(dialect.sets["emails"], record.fields)
    return _spelled("emails", emails) if emails else _spelled("phones", shown(dialect.sets["phones"], record.fields))


# Deleting in the CRMs


def delete_pending(workspace: Workspace, doors: Sequence[Door], census: Census) -> None:
    """Ask every CRM once more for the deletions that it owes."""
    names = {door.name: door for door in doors if door.name not in census.stopped}
    with workspace.store.begin() as unit:
        owed = [*_let_go(workspace, census, unit, [one for one in unit.deletions(open_only=True) if one.ref.account in names])]
    for (account, object), group in groupby(sorted(owed), key=lambda ref: (ref.account, ref.object)):
        refs = list(group)
        receipts = _ask(names[account], object, refs)
        with workspace.store.begin() as unit:
            for ref, receipt in zip(refs, receipts, strict=True):
                _settle(unit, ref, receipt, workspace)
        for receipt in receipts:
            if receipt.error is not None:
                census.stop(account, receipt.error)


def _let_go(workspace: Workspace, census: Census, unit: Any, asked: Iterable[Any]) -> Iterator[Ref]:
    """What somebody asked to be erased is deleted; of those who only turned up again not more than the guard on deletes lets pass."""
    by_account: dict[str, list[Ref]] = {}
    for one in asked:
        if one.erasure.startswith(RETURN):
            by_account.setdefault(one.ref.account, []).append(one.ref)
        else:
            yield one.ref
    linked = unit.linked() if by_account else {}
    for account, refs in by_account.items():
        there = sum(number for (name, _), number in linked.items() if name == account)
        if why := returned(account, len(refs), there, workspace.guards):
            census.guard(account, "deletes", why)
        else:
            yield from refs


def _ask(door: Door, object: str, refs: Sequence[Ref]) -> Sequence[Receipt]:
    try:
        return door.connector.write(object, [Write(Op.ERASE, object, id=ref.id) for ref in refs])
    except ConnectorError as error:
        return [Receipt(Outcome.NOT_SENT, cause=error.cause, message=error.message, error=error) for _ in refs]


def _settle(unit: Any, ref: Ref, receipt: Receipt, workspace: Workspace) -> None:
    if receipt.outcome in GONE:
        unit.deleted(ref, workspace.now())
    else:
        unit.not_deleted(ref, receipt.cause or str(receipt.outcome))


def owed(unit: Any, accounts: Mapping[str, Any]) -> list[Problem]:
    """A problem for every record of an erased person that a CRM still holds."""
    return [_still_there(one.ref, one.why) for one in unit.deletions(open_only=True) if one.ref.account in accounts]


def _still_there(ref: Ref, why: str) -> Problem:
    message = f"{ref.object} {ref.id} belongs to an erased person and is not deleted yet" + (f" ({why})." if why else ".")
    fix = "Every sync asks again. Delete it in the CRM by hand if that is quicker, or give the integration user the right to delete."
    return Problem(ref.account, "erasure_pending", message, fix, ref)
