"""Worlds in which people say yes and no: lists and subscription types are left and joined, mails bounce and are reported, flags are lifted.

Whatever the CRMs, faults and deaths make of it: no write of ours leaves a CRM more permissive than it was, after a complete run no CRM
shows "may contact" where the ledger knows a no, and what somebody had set there against it is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from connectors.base import Receipt, Record, Write
from leads import normal
from leads.consent.fold import Folded, fold
from leads.consent.policy import profile
from leads.consent.reading import read_events
from leads.consent.status import WORST, Key, status_of
from mappings.sets import shown
from store import schema
from store.unit import Unit
from sync import engine
from sync.state import Ref
from sync.view import channel_of, is_no, set_of
from tests.machine.buying import BuyingWorld
from tests.machine.laws import demand, mailboxes, what_is_denied_is_what_the_ledger_says
from tests.machine.machine import Machine, deed

NEWSLETTER = "marketing.newsletter"
PURPOSES = {"hubspot": {"1001": NEWSLETTER}, "activecampaign": {"1": NEWSLETTER}}
TYPES, LISTS = (None, "1001", "1002"), (None, 1, 2)
STRICT = profile("de-strict")


@dataclass
class ConsentWorld(BuyingWorld):
    """Beside everything else, recipients act on what they were sent, and some of them are known from bought lists."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.purposes = PURPOSES
        self.watchers = self._watchers()
        app = self.apps["activecampaign"]
        for ref in sorted(self.look("activecampaign"))[::2]:
            app.subscribe(app.contacts.get(int(ref.id)), 2, 1, "1")

    def recipient(self, deed: str) -> None:
        ref, record = self.some()
        more: dict[str, Any] = {}
        if ref.account == "hubspot":
            if not record.fields.get("email"):
                return
            more = {"email": record.fields["email"]} | ({} if (type := self.rng.choice(TYPES)) is None else {"subscription": type})
        if ref.account == "activecampaign":
            more = {"list": self.rng.choice(LISTS)}
        happens = self.do if deed == "bounce" else self.act  # a bounce is nobody's no
        happens(ref.account, deed, ref.object, ref.id, **more)

    def leave(self) -> None:
        self.recipient("unsubscribe")

    def join(self) -> None:
        self.recipient("resubscribe")

    def report(self) -> None:
        self.recipient("complaint")

    def bounce(self) -> None:
        self.recipient("bounce")

    def _account(self, crm: str) -> Any:
        account = super()._account(crm)
        return replace(account, connector=NothingLoosens(account.connector, self, crm))

    def full_sync(self) -> engine.Report | None:
        hits, lifted = self.strikes(), taken_back(self)
        report = super().full_sync()
        if report is not None and self.strikes() == hits and not report.guarded:
            ledger_is_shown(self)
            what_was_taken_back_is_told(self, lifted, report.run)
        what_is_denied_is_what_the_ledger_says(self)
        return report


@dataclass(frozen=True, slots=True)
class Shown:
    """The fields in which a record says no to e-mail, and the addresses that it shows."""

    noes: frozenset[str]
    places: frozenset[str]


class NothingLoosens:
    """A connector of which no write leaves a CRM with a no less, or with an address that the ledger denies and nothing that says so."""

    def __init__(self, connector: Any, world: ConsentWorld, crm: str) -> None:
        self.inner, self.world, self.crm = connector, world, crm

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        before = self._shown()
        try:
            receipts: list[Receipt] = self.inner.write(object, writes)
        finally:
            self._compare(before, self._shown())
        return receipts

    def _shown(self) -> dict[Ref, Shown]:
        return {ref: _shown(self.world, ref, record) for ref, record in self.world.look(self.crm).items()}

    def _compare(self, before: Mapping[Ref, Shown], after: Mapping[Ref, Shown]) -> None:
        new = {ref: one.places - (before[ref].places if ref in before else frozenset()) for ref, one in after.items()}
        with self.world.mortal.inner.engine.connect() as connection:
            denied = {place for by, place in Unit(connection).restricted({one for found in new.values() for one in found}) if by == "email"}
        for ref, one in after.items():
            can_be_mailed = len(one.places) > 0  # at HubSpot a no goes with its address
            lost = before[ref].noes - one.noes if ref in before and can_be_mailed else set()
            demand(not lost, f"{ref} says no in {sorted(lost)} no more, by our own write")
            silent = new[ref] & denied if not one.noes and not self.world.may_refuse(ref) else set()
            demand(not silent, f"{ref} may contact {sorted(silent)}, by our own write")


def _shown(world: ConsentWorld, ref: Ref, record: Record) -> Shown:
    rows = [row for row in world.dialect(ref).rows if is_no(row.lead) and set_of(channel_of(row.lead)) == "emails"]
    noes = {row.id for row in rows if row.parse(record.fields.get(row.remote)) is True}
    return Shown(frozenset(noes), frozenset(mailboxes(world, ref, record)))


def taken_back(world: ConsentWorld) -> set[tuple[Ref, str]]:
    """The noes of records, as the hub knows them, that somebody has taken back in the CRM since they were read.

    What a CRM keeps by an address that was exchanged went with it.
    """
    with world.mortal.inner.begin() as unit:
        bases = {link.ref: base for found in unit.links_of(unit.lead_ids("", 10_000)).values() for link, base in found}
    found: set[tuple[Ref, str]] = set()
    for ref, record in world.look().items():
        base = bases.get(ref)
        for row in world.dialect(ref).rows if base is not None else ():
            pair = base.pair(row.id) if base is not None else None
            if pair is None or not (is_no(row.lead) and row.written) or pair.meant is not True or pair.late is not None:
                continue
            if row.parse(pair.seen) is True and row.parse(record.fields.get(row.remote)) is not True and not moved(row, base, record):
                found.add((ref, row.id))
    return found


def moved(row: Any, base: Any, record: Record) -> bool:
    """Whether the address by which a CRM keeps a no is another one than when the record was read."""
    if row.needs == "":
        return False
    seen = base.pair(row.needs).seen
    first, now = ([one["value"] for one in shown][:1] if isinstance(shown, list) else shown for shown in (seen, record.fields[row.needs]))
    return bool(first != now)


def what_was_taken_back_is_told(world: ConsentWorld, lifted: Set[tuple[Ref, str]], run: str) -> None:
    """Whatever a person took back against the ledger and this run has set again is among its problems."""
    problem = schema.problem.c
    query = sa.select(problem.account, problem.object, problem.record).where(problem.cause == "restriction_lifted", problem.run == run)
    with world.mortal.inner.engine.connect() as connection:
        told = {Ref(*row) for row in connection.execute(query)}
    live = world.look()
    again = {(ref, row.id) for ref in live for row in world.dialect(ref).rows if row.parse(live[ref].fields.get(row.remote)) is True}
    silent = sorted((ref, row_id) for ref, row_id in lifted & again if ref not in told)
    demand(not silent, f"taken back, set again and not told: {silent}")


def ledger_is_shown(world: ConsentWorld) -> None:
    """No field of any record stands for a purpose that the ledger denies for an address of that record."""
    with world.mortal.inner.begin() as unit:
        documents = [document for _, document in unit.every_event()]
        links = unit.links_of(unit.lead_ids("", 10_000))
    held = {link.ref for found in links.values() for link, base in found if any(pair.refused is not None for pair in base.pairs.values())}
    purposes = sorted({purpose for document in documents for purpose in document.get("purposes", ())})
    denied = partial(_denied, fold(read_events(documents), STRICT))
    for ref, record in world.look().items():
        dialect = world.dialect(ref)
        rows = [row for row in dialect.rows if is_no(row.lead) and row.written and row.remote in record.fields]
        silent = {channel_of(row.lead) for row in rows if row.parse(record.fields[row.remote]) is True}
        narrow = {channel_of(row.lead).partition("/")[2] for row in rows} - {""}
        for row in rows:
            channel, _, purpose = channel_of(row.lead).partition("/")
            if {channel, channel_of(row.lead)} & silent or row.reaches_nobody(record.fields[row.remote]) or ref in held:
                continue
            about = [purpose] if purpose else [one for one in purposes if one not in narrow] or ["marketing"]
            places = [item.key for item in shown(dialect.sets[set_of(channel)], record.fields) if not item.is_raw]
            wrong = [one for one in about for place in places if denied(channel, place, one)]
            demand(not wrong, f"{ref} may contact about {wrong} by {row.id}")


def _denied(folded: Folded, channel: str, place: str, purpose: str) -> bool:
    found = normal.email(place) if channel == "email" else None
    if isinstance(found, normal.Refused):
        return False
    identifier, mailbox = (f"email:{found.norm}", f"email:{found.mailbox}") if found is not None else (f"phone:{place}", f"phone:{place}")
    return status_of(folded, Key(identifier, mailbox, purpose, channel), 4_000_000_000.0, STRICT, {}).status in WORST


class ConsentMachine(Machine):
    """More consent than anything else."""

    World = ConsentWorld

    leave, leave_again, join, report, bounce = deed("leave"), deed("leave"), deed("join"), deed("report"), deed("bounce")
    opt_out_again, lift_again = deed("opt_out"), deed("lift")
    bring, bring_more, buy, correct = deed("bring"), deed("bring"), deed("buy"), deed("correct")
