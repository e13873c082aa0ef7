"""Receipts (shell): one batch of receipts turned into facts: bases, links, the journal, problems and questions, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.base import Outcome, Receipt
from sync.census import Census
from sync.endings import BY_US, DOOMED
from sync.journal import Cell, Entry, EntryState, PlannedWrite, Section
from sync.merging import NOT_MERGED, keep_merged, merged
from sync.restricting import addresses_of
from sync.settle import refuse, settle, settle_create, without
from sync.state import GONE, UNDONE, Base, Link, LinkState, Problem, Ref, Review, digest, pair_choices
from sync.undone import hold_undone, withheld
from sync.view import SETS, View
from sync.workspace import SETTLE_AFTER, Door


class Receipts:
    """One batch of receipts turned into facts, in one transaction."""

    def __init__(self, unit: Any, door: Door, object: str, census: Census, now: datetime) -> None:
        self.unit, self.door, self.object, self.census, self.now = unit, door, object, census, now
        self.dialect = door.dialects[object]
        self.links: dict[Ref, tuple[Link, Base]] = {}
        self.problems: list[Problem] = []
        self.reviews: list[Review] = []
        self.hints: list[Ref] = []
        self.bereft: set[str] = set()  # leads of which a record turned out to be gone
        self.clinging: set[Ref] = set()  # records that keep an address which was to go
        self.again: list[tuple[PlannedWrite, str]] = []
        self.marks: dict[tuple[EntryState, str, str, str, str], list[int]] = {}
        self.addresses: dict[Ref, tuple[str, set[str]]] = {}
        self.merged: list[tuple[PlannedWrite, Ref]] = []

    def load(self, entries: Sequence[Entry]) -> None:
        ids = [id for entry in entries for id in (entry.write.id, entry.write.loser) if id not in (None, "")]
        found = self.unit.links_at(self.door.name, self.object, ids)
        self.links = {link.ref: (link, base) for link, base in found.values()}

    def take(self, entry: Entry, receipt: Receipt) -> None:
        write = entry.write
        match receipt.outcome:
            case Outcome.CREATED:
                self._created(entry, receipt)
            case Outcome.UPDATED:
                self._updated(entry, receipt)
            case Outcome.DELETED:
                self._deleted(entry, receipt)
            case Outcome.GONE if entry.write.section is Section.DELETE:
                self._deleted(entry, receipt)
            case Outcome.MERGED:
                self._merged(entry, receipt)
            case Outcome.ADOPTED:
                self._adopted(entry, receipt)
            case Outcome.REJECTED if entry.write.section is Section.MERGE:
                self._not_merged(entry, receipt)
            case Outcome.REJECTED:
                self._rejected(entry, receipt)
            case Outcome.GONE:
                self._end(entry, EntryState.FAILED, receipt, "failed")
                self.hints += [Ref(self.door.name, self.object, id) for id in (write.id, write.loser) if id is not None and id != ""]
                self.bereft.add(write.lead_id)
            case Outcome.UNKNOWN:
                self._end(entry, EntryState.UNKNOWN, receipt, "unknown")
            case _:
                state, verdict = (EntryState.SKIPPED, "skipped") if receipt.error is not None else (EntryState.FAILED, "failed")
                self._end(entry, state, receipt, verdict)

    def _created(self, entry: Entry, receipt: Receipt) -> None:
        write = entry.write
        ref = Ref(self.door.name, self.object, receipt.id or "")
        fields: Mapping[str, Any] = receipt.record.fields if receipt.record is not None else {}
        base = settle_create(write, fields, self.dialect, self.now, _stamp(receipt))
        self.links[ref] = (Link(ref, write.lead_id, key=write.key), base)
        self._index(ref, write.lead_id, base)
        self._ask_about_address(write, ref)
        self._end(entry, EntryState.DONE, receipt, "created", id=ref.id)

    def _updated(self, entry: Entry, receipt: Receipt) -> None:
        write = entry.write
        ref = Ref(self.door.name, self.object, write.id or "")
        link, base = self.links[ref]
        base = settle(base, write, receipt.record.fields if receipt.record is not None else {}, self.dialect, _stamp(receipt))
        base = hold_undone(base, write, self.dialect)
        self.links[ref] = (link, base)
        self._index(ref, write.lead_id, base)
        self._ask_about_address(write, ref)
        sent = [cell for cell in write.cells if cell.held == ""]
        ignored = [cell for cell in sent if (base.pair(cell.row_id).refused or ("", UNDONE))[1] != UNDONE]
        self.clinging |= {ref for cell in ignored if cell.field in SETS}
        for cell in ignored:
            self._problem(
                entry, "ignored", f"{cell.field} was accepted by the CRM but not applied.", "Change it there by hand.", cell.field
            )
        self._end(entry, EntryState.DONE, receipt, "updated" if len(ignored) < len(sent) else "held")

    def _deleted(self, entry: Entry, receipt: Receipt) -> None:
        link, base = self.links[Ref(self.door.name, self.object, entry.write.id or "")]
        self.links[link.ref] = (deleted_link(link), Base(base.pairs, self.now))
        self._end(entry, EntryState.DONE, receipt, "deleted")

    def _merged(self, entry: Entry, receipt: Receipt) -> None:
        """The survivor takes the place of both; it is read at once, because what it shows, and whom it allows to be written to, is news."""
        write = entry.write
        survivor = Ref(self.door.name, self.object, receipt.id or write.id or "")
        self.links.update(merged(self.links, write, survivor, self.now + SETTLE_AFTER))
        self.merged.append((write, survivor))
        self._end(entry, EntryState.DONE, receipt, "deleted", id=survivor.id)

    def _not_merged(self, entry: Entry, receipt: Receipt) -> None:
        """What a CRM would not merge is not tried again by every run."""
        loser = Ref(self.door.name, self.object, entry.write.loser)
        link, base = self.links[loser]
        self.links[loser] = (replace(link, ending=NOT_MERGED), base)
        fix = "Merge the two in the CRM by hand, or `leadloom problems retry ID` once they can be merged."
        message = f"{loser.object} {loser.id}: {receipt.message or 'The CRM did not merge the records.'}"
        self.problems.append(Problem(self.door.name, f"not_merged:{receipt.cause}", message, fix, loser, entry.write.lead_id))
        self._end(entry, EntryState.HELD, receipt, "held")

    def _adopted(self, entry: Entry, receipt: Receipt) -> None:
        """The CRM already has this person: nothing was written; the record is read and linked by the next pass."""
        self._end(entry, EntryState.DONE, receipt, "skipped")
        if receipt.id is not None:
            ref = Ref(self.door.name, self.object, receipt.id)
            self.hints.append(ref)
            self._held_by_another(entry, ref)

    def _held_by_another(self, entry: Entry, ref: Ref) -> None:
        """The record that a CRM answers with is already known as one of another lead: only a person can tell whether it is one."""
        link, _ = self.unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id, (None, None))
        ours = entry.write.lead_id
        if link is None or link.lead_id == ours:
            return
        said = f"The CRM says that {ref.object} {ref.id} is this person already, but it belongs to lead {link.lead_id}."
        self._problem(entry, "exists", said, "Say in `leadloom review list` whether both are one person.", "")
        question = f"Lead {ours} was not created in {ref.account}: {said[0].lower()}{said[1:]} One person or two?"
        subject = f"exists:{':'.join(ref)}:{ours}"
        self.reviews.append(Review("exists", subject, question, ours, (ref,), choices=pair_choices(ours, [link.lead_id])))

    def _rejected(self, entry: Entry, receipt: Receipt) -> None:
        """The field that is named is held, and the rest is sent again: a rejected write changed nothing.

        Nobody is created without the address that tells who it is.
        """
        write, named = entry.write, receipt.field
        cell = next((cell for cell in write.cells if cell.remote == named and not cell.held), None)
        message = receipt.message or "The CRM rejected the write."
        self._problem(
            entry, f"rejected:{receipt.cause}", message, "Correct the value in the lead or in the CRM.", cell.field if cell else ""
        )
        self.reviews.append(_refused(write, receipt, cell))
        if write.id is not None:
            ref = Ref(self.door.name, self.object, write.id)
            link, base = self.links[ref]
            self.links[ref] = (link, refuse(base, write, receipt.cause or "rejected", named if cell is not None else None))
            self.clinging |= {ref} if cell is None or cell.field in SETS else set()
        self._end(entry, EntryState.HELD, receipt, "held")
        nameless = write.section is Section.CREATE and cell is not None and cell.field == "emails"
        if cell is not None and not nameless and sum(not one.held for one in write.cells) > 1:
            self.again.append((without(write, cell.remote, receipt.cause or "rejected"), entry.run))

    def _end(self, entry: Entry, state: EntryState, receipt: Receipt, verdict: str, id: str = "") -> None:
        self.marks.setdefault((state, receipt.outcome, receipt.cause, receipt.message, id), []).append(entry.op)
        self.census.outcome(self.door.name, verdict)
        if verdict in ("failed", "unknown"):
            fix = "The next run looks it up." if verdict == "unknown" else "The next run tries again."
            self._problem(entry, receipt.cause or verdict, receipt.message or f"The write is {verdict}.", fix, "")

    def _problem(self, entry: Entry, cause: str, message: str, fix: str, field: str) -> None:
        write = entry.write
        ref = Ref(self.door.name, self.object, write.id) if write.id is not None else None
        where = f"{self.object} {write.id}: " if write.id is not None else f"create of lead {write.lead_id}: "
        self.problems.append(Problem(self.door.name, cause, where + message, fix, ref, write.lead_id, field))

    def _ask_about_address(self, write: PlannedWrite, ref: Ref) -> None:
        """A CRM may know a no of an address that no record showed: the others are to know it by the end of this run."""
        if self.door.connector.capabilities.consent_by_address and any(cell.field == "emails" and not cell.held for cell in write.cells):
            self.hints.append(ref)

    def _index(self, ref: Ref, lead_id: str, base: Base) -> None:
        view = View(Link(ref, lead_id), base, self.dialect)
        self.addresses[ref] = (lead_id, addresses_of(self.dialect, view.seen()))

    def keep(self) -> set[str]:
        """Returns the leads of which a record keeps an address that is denied: as it was to go, no no was planned for it."""
        unit = self.unit
        unit.put_links(self.links.values())
        unit.put_addresses(self.addresses)
        for (state, outcome, cause, message, id), ops in self.marks.items():
            unit.mark(ops, state, outcome=outcome, cause=cause, message=message, id=id, at=self.now)
        for write, survivor in self.merged:
            keep_merged(unit, write, survivor, self.now)
        unit.put_hints([*self.hints, *self._others_of_the_bereft()], self.now)
        for write, run in self.again:
            unit.journal([write], run)
            self.census.plan(self.door.name)
        if self.problems:
            unit.add_problems(self.problems, "", self.now)
        self.census.reviews += unit.ask(self.reviews, "", self.now)
        return self._denied()

    def _denied(self) -> set[str]:
        kept = {ref: addresses_of(self.dialect, View(*self.links[ref], self.dialect).seen()) for ref in self.clinging}
        noes = {place for _, place in self.unit.restricted({place for places in kept.values() for place in places})} if kept else set()
        return {self.links[ref][0].lead_id for ref, places in kept.items() if not noes.isdisjoint(places)}

    def _others_of_the_bereft(self) -> list[Ref]:
        """Who took one record of a person out of a CRM may have taken all: what is left is looked at before one of them leads."""
        found = self.unit.links_of(sorted(self.bereft)).values()
        return [link.ref for links in found for link, _ in links if link.ref.account == self.door.name and link.state not in GONE]


def _stamp(receipt: Receipt) -> datetime | None:
    return None if receipt.record is None else receipt.record.changed_at


def deleted_link(link: Link) -> Link:
    """A create that was taken back is withheld; a record whose lead was deleted elsewhere has ended."""
    return replace(link, state=LinkState.ENDED, ending=BY_US) if link.ending == DOOMED else withheld(link)


def _refused(write: PlannedWrite, receipt: Receipt, cell: Cell | None) -> Review:
    """What a CRM would not take: asked once per record, field and value."""
    field = cell.field if cell is not None else ""
    what = f"{write.object} {write.id}" if write.id is not None else f"a new {write.object}"
    about = digest("refused", *map(str, write.target), field, "" if cell is None else repr(cell.new))
    question = f"{write.account} refused {field or 'to write'} for {what} of lead {write.lead_id}: {receipt.message or receipt.cause}"
    refs = (Ref(write.account, write.object, write.id),) if write.id is not None else ()
    choices = tuple({**one, "rows": [] if cell is None else [cell.row_id]} for one in RETRY_OR_LEAVE)
    return Review("refused", f"refused:{about}", question, write.lead_id, refs, field, choices)


RETRY_OR_LEAVE = (
    {"answer": "retry", "says": "It was mended: the next sync tries again."},
    {"answer": "leave", "says": "The record keeps what it shows, until the value of the lead changes."},
)
