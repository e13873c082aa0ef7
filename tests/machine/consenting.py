"""Worlds in which people say yes and no: lists and subscription types are left and joined, mails bounce and are reported, flags are lifted.

Whatever the CRMs, faults and deaths make of it: after a complete run no CRM shows "may contact" where the ledger knows a no.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from leads import normal
from leads.consent.fold import Folded, fold
from leads.consent.policy import profile
from leads.consent.reading import read_events
from leads.consent.status import WORST, Key, status_of
from mappings.sets import shown
from sync import engine
from sync.view import channel_of, is_no, set_of
from tests.machine.laws import demand, what_is_denied_is_what_the_ledger_says
from tests.machine.machine import Machine, deed
from tests.machine.world import RandomWorld

NEWSLETTER = "marketing.newsletter"
PURPOSES = {"hubspot": {"1001": NEWSLETTER}, "activecampaign": {"1": NEWSLETTER}}
TYPES, LISTS = (None, "1001", "1002"), (None, 1, 2)
STRICT = profile("de-strict")


@dataclass
class ConsentWorld(RandomWorld):
    """Beside everything else, recipients act on what they were sent."""

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

    def full_sync(self) -> engine.Report | None:
        hits = self.strikes()
        report = super().full_sync()
        if report is not None and self.strikes() == hits and not report.guarded:
            ledger_is_shown(self)
        what_is_denied_is_what_the_ledger_says(self)
        return report


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
