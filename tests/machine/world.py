"""A world over the real engine: people work in four sandbox CRMs, answers get lost, the process dies, settings change; then quiet.

Everything follows from its dice: one thread, one clock. What happened is kept as a story.
"""

from __future__ import annotations

import json
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from connectors.base import Record
from sandbox.faults import Faults
from sandbox.inprocess import InProcess, ask
from sandbox.people import people
from sandbox.wire import ActRefused
from store import schema
from store.store import open_store
from sync import engine, pull, push
from sync.document import PlanDocument
from sync.journal import Section
from sync.state import Base, LinkState, Ref
from sync.undo import Undoing
from sync.view import every_row, is_no
from sync.workspace import Scope, Stopped
from tests.machine.dying import Fate, Killed, MortalAdapter, MortalStore
from tests.machine.laws import demand, mailboxes, no_is_loosened, nothing_read_is_lost, remembered
from tests.machine.watch import OPEN, Watch, WatchedAdapter, WatchedConnector
from tests.sync.rig import World, shipped, totals

OBJECTS = {
    "hubspot": ("contacts",),
    "salesforce": ("Lead", "Contact"),
    "pipedrive": ("persons",),
    "activecampaign": ("contacts",),
}
FAULTS = (
    "timeout_after", "timeout_after", "timeout_before", "500", "503", "reset", "429", "lands_late", "lands_late", "partial", "truncate",
    "html", "empty",
)  # fmt: skip
TEXTS = ("job_title", "address.street", "address.city", "company.industry", "last_name")
TRACKED = ("Title", "Street", "MailingStreet", "City", "MailingCity", "LastName")  # whose history Salesforce keeps
CARRIES = {
    "hubspot": ("POST", "*/batch/update"),
    "salesforce": ("PATCH", "*"),
    "pipedrive": ("PATCH", "*"),
    "activecampaign": ("PUT", "*"),
}  # what an update is
STAGES = ("raw", "mql", "sql", "hot", "customer", "lost")
LIVING = (LinkState.ACTIVE, LinkState.DORMANT)
OWNERS = ("anna@firma.example", "ben@firma.example", "clara@firma.example")
OURS = ("score", "grade", "lead_id")
FIRST_NAMES = ("Ada", "Bela", "Cleo", "Dana")


@dataclass(slots=True)
class Typed:
    """A unique value that a person typed into a record, and why the hub may not know it."""

    ref: Ref
    remote: str
    token: str
    exposed: bool = False  # the hub has woven a record that shows it
    excuse: str = ""  # it was gone before the hub could weave it


@dataclass
class RandomWorld(World):
    """What people, CRMs and the hub can do; a machine chooses, `rng` fills in the rest, what must hold is in laws."""

    rng: Random
    folder: Path
    count: int = 8
    rows: Sequence[Mapping[str, str]] = ()  # who is there at first; nobody: `count` people with messy records
    fate: Fate = field(default_factory=Fate)
    story: list[str] = field(default_factory=list)
    typed: list[Typed] = field(default_factory=list)
    noes: dict[Ref, set[str]] = field(default_factory=dict)  # what a record denied when a person left it
    denied: set[str] = field(default_factory=set)  # addresses whose no was there to be read by a complete run
    made: set[Ref] = field(default_factory=set)  # records that people made
    deleted: list[Ref] = field(default_factory=list)
    serial: int = 0
    runs: int = 0  # complete ones
    doom: int | None = None  # the kill point of the next command
    counted: Callable[[], None] = lambda: None  # told when a command has ended, while its steps are still known
    undone: bool = False  # some run was taken back: a create may be made again
    quiet: bool = False  # the noise is over: whatever a guard holds is let go
    document: PlanDocument | None = None
    interrupted: Undoing | None = None  # an undo whose process died
    unmapped: set[tuple[str, str]] = field(default_factory=set)
    creating: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(OBJECTS, True))

    def __post_init__(self) -> None:
        shutil.copy(_template(), self.folder / "leadloom.db")
        tracked = self.rng.choice(((), tuple(f"{object}.{name}" for object in OBJECTS["salesforce"] for name in TRACKED)))
        who = self.rows or people(self.rng.randrange(1_000_000), self.count)
        super().__init__(self.folder, who, salesforce={"tracked_fields": list(tracked)})
        self.mortal = MortalStore(self.store, self.fate, self.expose)
        self.store = self.mortal  # type: ignore[assignment]
        self.watch = Watch(self)
        self.watchers = self._watchers()
        live = self.look()
        self.made = set(live)
        self.noes = {ref: mailboxes(self, ref, live[ref]) for ref in self.denying(live)}

    def may_refuse(self, ref: Ref) -> bool:
        """Whether the CRM may keep a record from saying no.

        Pipedrive lets every marketing status be left once; HubSpot keeps opt-outs by address, and mails nobody who has none.
        """
        if ref.account == "hubspot":
            contact = self.look("hubspot").get(ref)
            return contact is not None and not contact.fields.get("email")
        person = self.apps["pipedrive"].persons.get(int(ref.id)) if ref.account == "pipedrive" else None
        return person is not None and person.marketing in person.marketing_left

    # looking without being seen

    def _watchers(self) -> dict[tuple[str, str], tuple[Any, Any]]:
        """Connectors of our own beside the hub's, with the dialects: what a law looks through."""
        found: dict[tuple[str, str], tuple[Any, Any]] = {}
        for crm in self.apps:
            account = self.account(crm, InProcess(self.apps[crm]))
            connector = account.connector
            self.owner_ids = getattr(self, "owner_ids", {})
            self.owner_ids[crm] = {owner.email: owner.id for owner in connector.owners()}
            for object in OBJECTS[crm]:
                dialect = account.bind(object, connector.describe(object), connector.owners(), connector.identity())
                found[crm, object] = (connector, dialect)
        return found

    @contextmanager
    def calm(self) -> Iterator[None]:
        """The faults in force do not meet what is done here."""
        kept = {crm: app.faults for crm, app in self.apps.items()}
        for app in self.apps.values():
            app.faults = Faults()
        try:
            yield
        finally:
            for crm, app in self.apps.items():
                app.faults = kept[crm]

    def look(self, *crms: str) -> dict[Ref, Record]:
        """Every live record of these CRMs, or of all."""
        found: dict[Ref, Record] = {}
        with self.calm():
            for (crm, object), (connector, dialect) in self.watchers.items():
                if crms and crm not in crms:
                    continue
                for page in connector.changes(object, None, dialect.fetch):
                    for record in page.records:
                        if record.ending is None:
                            found[Ref(crm, object, record.id)] = record
        return found

    def dialect(self, ref: Ref) -> Any:
        return self.watchers[ref.account, ref.object][1]

    def remote(self, crm: str, object: str, row: Any) -> str:
        """What a person of this CRM calls the field of a row."""
        if crm == "pipedrive":
            return str(row.id)
        if crm == "activecampaign" and row.id.startswith("leadloom_"):
            return str(row.id).upper()
        return str(row.remote)

    # the hub

    def _account(self, crm: str) -> Any:
        adapter = WatchedAdapter(InProcess(self.apps[crm]), self.watch, crm)
        account = self.account(crm, MortalAdapter(adapter, self.fate, crm))
        return replace(account, connector=WatchedConnector(account.connector, self.watch, crm), scope=Scope(self.creating[crm]))

    def run(self, what: Callable[[], Any], name: str) -> Any:
        """One command of the hub; None if the process died."""
        self.clock.advance(self.rng.choice((20, 60, 600)))
        self.land()
        late = {crm: len(app._late) for crm, app in self.apps.items()}
        self.fate.at, self.doom = self.doom, None
        try:
            with one_thread():
                result = what()
        except Killed as killed:
            self.tell(f"{name}: killed {killed}")
            result = None
        self.counted()
        self.fate.at, self.fate.dead = None, False
        self.fate.steps.clear()
        self.excuse_late(late)
        self.watch.bases_are_proved()
        return result

    def full_sync(self) -> engine.Report | None:
        noes, hits = self.standing_noes(), self.strikes()
        self.guards = replace(self.guards, yes=self.quiet or self.rng.random() < 0.5)
        report: engine.Report | None = self.run(lambda: engine.sync(self.workspace()), "sync")
        if report is not None:
            self.runs += 1
            self.tell(f"sync: {report.status} {totals(report)} {dict(report.stopped) or ''}")
            nothing_read_is_lost(self)
            if self.strikes() == hits:
                self.denied |= noes
                no_is_loosened(self, self.denied)
        return report

    def strikes(self) -> int:
        return sum(fault["hits"] for app in self.apps.values() for fault in app.faults.listed()) + sum(
            len(app._late) for app in self.apps.values()
        )

    def partial_sync(self) -> None:
        crm = self.rng.choice(list(self.apps))
        report = self.run(lambda: engine.sync(self.workspace(), [crm]), f"sync --account {crm}")
        if report is not None:
            self.tell(f"sync --account {crm}: {report.status} {totals(report)} {dict(report.stopped) or ''}")

    def plan(self) -> None:
        found = self.run(lambda: engine.make_plan(self.workspace()), "plan")
        if found is not None:
            self.document = PlanDocument.load(json.loads(json.dumps(found[0].dump())))
            self.tell(f"plan: {len(found[0].rows)} rows")

    def apply(self) -> None:
        """The last plan, whatever has happened since: nothing but its rows is written, each at most once."""
        document = self.document
        if document is None:
            return
        self.watch.sent.clear()
        try:
            report = self.run(lambda: engine.apply(self.workspace(), document), "apply")
        except Stopped as stopped:
            demand(stopped.exit_code == 6, f"apply stopped: {stopped}")
            self.tell("apply: refused")
            return
        self.watch.only_what_was_planned(document)
        if report is not None:
            self.tell(f"apply: {report.status} {totals(report)} stale {len(report.stale)}")

    def undo(self) -> None:
        """A run, or one field of it, is taken back as far as nobody has moved on since; what people typed stays where it stands."""
        with self.mortal.inner.begin() as unit:
            known = {str(run["id"]): run["kind"] for run in unit.runs(100) if run["kind"] in ("sync", "undo", "merge", "split")}
        if not known:
            return
        chosen = self.rng.choice(sorted(known, key=int, reverse=True))
        of_leads = known[chosen] in ("merge", "split")
        undoing = Undoing(chosen, field="" if of_leads else self.rng.choice(("", "", "", "job_title", "emails", "address.city")))
        if self.interrupted is not None:  # who saw an undo die does it again
            undoing = self.interrupted
            of_leads = known.get(undoing.run) in ("merge", "split")
        self.land()
        before = self.typed_and_shown()
        self.undone = True
        try:
            report = self.run(lambda: engine.undo(self.workspace(), undoing), f"undo {undoing.run} {undoing.field}")
        except Stopped as stopped:
            self.tell(f"undo {undoing.run} {undoing.field}: {stopped}")
            self.interrupted = None
            return
        self.interrupted = undoing if report is None else None
        if report is not None:
            self.tell(f"undo {undoing.run} {undoing.field}: {report.status} {totals(report)}")
            done = report.undone
            demand(done["fields"] == done["back"] + sum(one["count"] for one in done["left"]), f"the counts of the undo: {done}")
            demand(not of_leads or self.sections_of(report.run) <= {Section.UNDO}, "the undo of a merge wrote what was not asked for")
        after = self.typed_and_shown()
        gone = [typed for typed in before if typed not in after and typed.excuse == "" and not self.is_automated(typed)]
        taken = [typed for typed in gone if not self.has_written(undoing.run, typed)]
        demand(not taken, f"undo took away what a person typed: {taken}")

    def sections_of(self, run: str) -> set[Section]:
        """What kinds of writes a run made."""
        with self.mortal.inner.begin() as unit:
            return {entry.write.section for entry in unit.entries(run=run)}

    def is_automated(self, typed: Typed) -> bool:
        """Whether an automation of the CRM writes over it, whoever touches the record."""
        return typed.remote in self.automated(typed.ref)

    def automated(self, ref: Ref) -> set[str]:
        """The fields of a record that an automation of its CRM writes, as the record shows them."""
        known = {self.remote(ref.account, ref.object, row): row.remote for row in self.dialect(ref).rows}
        workflows = [one for one in self.apps[ref.account].workflows if one.object == ref.object]
        return {known.get(name, name) for one in workflows for name in one.fields}

    def has_written(self, run: str, typed: Typed) -> bool:
        """Whether what a person once typed stands there because this run, an undo, had put it back; of a split, what followed from it."""
        with self.mortal.inner.begin() as unit:
            regrouped = unit.run(run)["kind"] in ("merge", "split")
            writes = [entry.write for entry in unit.entries() if entry.run == run or (regrouped and int(entry.run) > int(run))]
        return any(
            typed.token in str(cell.new)
            for write in writes
            if (write.account, write.id) == (typed.ref.account, typed.ref.id)
            for cell in write.cells
        )

    def join_leads(self) -> None:
        """Somebody says that two leads are one person."""
        with self.mortal.inner.begin() as unit:
            ids = unit.lead_ids("", 10_000)
        if len(ids) > 1:
            kept, gone = self.rng.sample(ids, 2)
            self.regroup(f"merge {kept} {gone}", lambda: engine.merge_leads(self.workspace(), kept, gone, "anna"))

    def split_lead(self) -> None:
        """Somebody says that a record belongs to somebody else."""
        with self.mortal.inner.begin() as unit:
            links = unit.links_of(unit.lead_ids("", 10_000))
        many = {id: refs for id, found in links.items() if len(refs := [link.ref for link, _ in found if link.state in LIVING]) > 1}
        if many:
            lead = self.rng.choice(sorted(many))
            refs = self.rng.sample(sorted(many[lead]), self.rng.randint(1, len(many[lead]) - 1))
            self.regroup(f"split {lead} {refs}", lambda: engine.split_lead(self.workspace(), lead, refs, "anna"))

    def regroup(self, name: str, what: Callable[[], Any]) -> None:
        before = self.typed_and_shown()
        try:
            self.run(what, name)
            self.tell(name)
        except Stopped as stopped:
            self.tell(f"{name}: {stopped}")
        demand(self.typed_and_shown() == before, f"{name} changed a record")

    def typed_and_shown(self) -> list[Typed]:
        live = self.look()
        return [typed for typed in self.typed if typed.ref in live and self.stands(typed, live[typed.ref])]

    def stands(self, typed: Typed, record: Record) -> bool:
        """Whether a record shows what was typed into it; an address or a number in any of its fields for such."""
        dialect = self.dialect(typed.ref)
        rows = next((rows for rows in dialect.sets.values() if typed.remote in {row.remote for row in rows}), ())
        return any(typed.token in str(record.fields.get(name)) for name in (typed.remote, *(row.remote for row in rows)))

    def die(self) -> None:
        """The next command dies somewhere."""
        self.doom = self.rng.randrange(240)

    def remap(self) -> None:
        """A field of one CRM is taken out of the mapping, or put back."""
        crm, field = self.rng.choice(list(self.apps)), self.rng.choice(("job_title", "address.city", "company.industry"))
        self.unmapped ^= {(crm, field)}
        known = remembered(self)
        for typed in self.typed:
            if typed.ref.account == crm and typed.token not in known:
                typed.exposed = False  # what was read with another mapping is read again
        self.tell(f"mapping of {crm}: {field} {'out' if (crm, field) in self.unmapped else 'in'}")

    def mapping(self, crm: str, object: str) -> Any:
        whole = shipped(crm, object)
        return replace(whole, rows=tuple(row for row in whole.rows if (crm, row.lead) not in self.unmapped))

    def rescope(self) -> None:
        crm = self.rng.choice(list(self.apps))
        self.creating[crm] = not self.creating[crm]
        self.tell(f"scope of {crm}: create = {self.creating[crm]}")

    # what was typed

    def expose(self, ref: Ref, record: Record) -> None:
        if self.dialect(ref).is_purchased(record.fields):
            return  # not heard
        mapped = {row.remote for row in every_row(self.dialect(ref)) if (ref.account, row.lead) not in self.unmapped}
        for typed in self.typed:
            if typed.ref == ref and not typed.exposed and typed.remote in mapped and typed.token in str(record.fields.get(typed.remote)):
                typed.exposed = True

    def land(self) -> None:
        """Writes whose answer was lost arrive; what they overwrite unread nobody can know."""
        late = {crm: len(app._late) for crm, app in self.apps.items()}
        with self.calm():
            for app in self.apps.values():
                ask(app, "GET", "/")
        self.excuse_late(late)

    def excuse_late(self, before: Mapping[str, int]) -> None:
        landed = {crm for crm, app in self.apps.items() if len(app._late) < before[crm]}
        if landed:
            self.tell(f"  late writes land in {', '.join(sorted(landed))}")
            self.excuse("overwritten by a write that landed late", lambda typed: typed.ref.account in landed)

    def excuse(self, why: str, which: Callable[[Typed], bool]) -> None:
        """Values that are not shown any more and that the hub never read."""
        pending = [typed for typed in self.typed if not typed.exposed and typed.excuse == "" and which(typed)]
        if not pending:
            return
        live = self.look(*{typed.ref.account for typed in pending})
        for typed in pending:
            if typed.ref not in live or typed.token not in str(live[typed.ref].fields.get(typed.remote)):
                typed.excuse = why

    def token(self) -> str:
        self.serial += 1
        return f"Q{self.serial:04}z"

    # people

    def act(self, crm: str, do: str, object: str, id: str, **more: Any) -> Any:
        """A person's deed that may concern consent, and what of the unread it makes disappear. None: the CRM refuses."""
        before = self.said(crm)
        answer = self.do(crm, do, object, id, **more)
        if answer is not None and do not in ("delete", "restore"):  # what is restored says what it said
            ref = Ref(crm, "Contact" if do == "convert" else object, str(answer.get("contact", answer.get("id", id))))
            parts = {ref, *(Ref(crm, object, part) for part in (id, str(more.get("into", ""))))}
            self.note_no(ref, {place for part in parts for place in before.get(part, ())})
        return answer

    def do(self, crm: str, do: str, object: str, id: str, **more: Any) -> Any:
        """A person's deed, and what of the unread it makes disappear. None: the CRM refuses."""
        self.clock.advance(self.rng.choice((2, 60, 400)))
        self.land()
        try:
            answer = self.apps[crm].act({"do": do, "object": object, "id": id, **more})
        except ActRefused as refused:
            self.tell(f"  person in {crm} {object} {id}: {do} {more} refused: {refused}")
            return None
        self.tell(f"  person in {crm} {object} {id}: {do} {more} {answer if do in ('create', 'merge', 'convert') else ''}")
        self.excuse(f"overwritten by a person ({do})", lambda typed: typed.ref.account == crm)
        return answer

    def some(self) -> tuple[Ref, Record]:
        live = self.look(self.rng.choice(list(self.apps))) or self.look()
        while not live:
            self.create()
            live = self.look()
        ref = self.rng.choice(sorted(live))
        return ref, live[ref]

    def edit(self) -> None:
        ref, _ = self.some()
        rows = [row for name in TEXTS for row in self.dialect(ref).rows_of(name) if row.written]
        row, token = self.rng.choice(rows), self.token()
        self.write(ref, row, f"{row.lead.rpartition('.')[2].title()} {token}", token)

    def write(self, ref: Ref, row: Any, value: Any, token: str) -> None:
        deed = self.act if row.lead == "emails" else self.do
        if deed(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): value}) is not None:
            self.typed.append(Typed(ref, row.remote, token))

    def take_back(self) -> None:
        """A write is carried out and not answered, and before the next run a person gives the field back what it had."""
        self.edit()
        for crm, (method, path) in CARRIES.items():
            self.apps[crm].faults.order({"match": {"method": method, "path": path}, "fault": "timeout_after", "times": 1})
        self.full_sync()
        self.calm_down()
        self.land()
        lost = self.lost()
        if not lost:
            return
        ref, lead_id, cell = self.rng.choice(lost)
        row = self.dialect(ref).row(cell.row_id)
        if self.do(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): cell.old}) is None:
            return
        asked, told = self.asked(), self.revisions(lead_id)
        if self.full_sync() is not None:
            taken_over = any(str(cell.old) in one for one in self.revisions(lead_id)[len(told) :])
            shown = self.look(ref.account).get(ref)
            stays = shown is None or shown.fields[cell.remote] == cell.old
            demand(taken_over or stays or self.asked() > asked, f"{ref} {cell.row_id}: {cell.old!r} was set back, and written over")

    def lost(self) -> list[tuple[Ref, str, Any]]:
        """Texts that were sent, not answered, and are there."""
        live = self.look()
        with self.mortal.inner.begin() as unit:
            entries = [entry for entry in unit.entries(states=OPEN) if entry.write.section is Section.UPDATE and entry.write.id is not None]
        return [
            (ref, entry.write.lead_id, cell)
            for entry in entries
            if (ref := Ref(entry.write.account, entry.write.object, entry.write.id or "")) in live
            for cell in entry.write.cells
            if cell.field in TEXTS and isinstance(cell.old, str) and live[ref].fields.get(cell.remote) == cell.new != cell.old
            if cell.remote not in self.automated(ref)
        ]

    def asked(self) -> int:
        with self.mortal.inner.begin() as unit:
            return len(unit.reviews(answered=True, limit=10_000))

    def revisions(self, lead_id: str) -> list[str]:
        """What has become of a lead, step by step."""
        query = sa.select(schema.revision.c.changes).where(schema.revision.c.lead_id == lead_id).order_by(schema.revision.c.n)
        with self.mortal.inner.engine.connect() as connection:
            return [str(changes) for (changes,) in connection.execute(query)]

    def number(self) -> None:
        """A telephone number, in whatever field shows one."""
        ref, record = self.some()
        row, digits = self.rng.choice(self.dialect(ref).sets["phones"]), f"{4310000 + self.fresh()}"
        if ref.account == "pipedrive":
            there = record.fields.get(row.remote) or []
            self.write(ref, row, [*there, {"value": f"+49{digits}", "primary": not there, "label": "work"}], digits)
        else:
            self.write(ref, row, f"+49{digits}", digits)

    def fresh(self) -> int:
        self.serial += 1
        return self.serial

    def clear(self) -> None:
        ref, _ = self.some()
        rows = [row for name in TEXTS[:-1] for row in self.dialect(ref).rows_of(name) if row.written]
        row = self.rng.choice(rows)
        self.do(ref.account, "clear", ref.object, ref.id, fields=[self.remote(ref.account, ref.object, row)])

    def add_address(self) -> None:
        ref, record = self.some()
        token = self.token().lower()
        address, row = f"{token}@more.example", self.dialect(ref).sets["emails"][-1]
        if ref.account == "pipedrive":
            there = record.fields["emails"] or []
            self.write(ref, row, [*there, {"value": address, "primary": not there, "label": "home"}], token)
        else:
            there = record.fields.get(row.remote)
            self.write(ref, row, f"{there}; {address}" if there else address, token)

    def change_address(self) -> None:
        ref, record = self.some()
        token = self.token().lower()
        address, row = f"{token}@changed.example", self.dialect(ref).sets["emails"][0]
        if ref.account == "pipedrive":
            kept = list(record.fields["emails"] or [])[1:]
            self.write(ref, row, [{"value": address, "primary": True, "label": "work"}, *kept], token)
        else:
            self.write(ref, row, address, token)

    def create(self, crm: str = "") -> None:
        crm = crm or self.rng.choice(list(self.apps))
        object, token = OBJECTS[crm][0], self.token().lower()
        known = sorted({str(value) for record in self.look().values() for value in record.fields.values() if "@" in str(value)[:40]})
        address = self.rng.choice(known) if self.rng.random() < 0.3 and known else f"{token}@new.example"
        address = address if address.count("@") == 1 and " " not in address else f"{token}@new.example"
        first, last = self.rng.choice(FIRST_NAMES), f"Neu{token}"
        fields: dict[str, Any] = {
            "hubspot": {"firstname": first, "lastname": last, "email": address},
            "salesforce": {"FirstName": first, "LastName": last, "Company": "Neu AG", "Email": address},
            "pipedrive": {"first_name": first, "last_name": last, "emails": [{"value": address, "primary": True, "label": "work"}]},
            "activecampaign": {"firstName": first, "lastName": last, "email": address},
        }[crm]
        answer = self.act(crm, "create", object, "", fields=fields)
        if answer is not None:
            ref = Ref(crm, object, str(answer["id"]))
            self.made.add(ref)
            (row,) = self.watchers[crm, object][1].rows_of("last_name")
            self.typed.append(Typed(ref, row.remote, token))

    def stage(self) -> None:
        ref, _ = self.some()
        row = self.dialect(ref).rows_of("stage")[0]
        self.do(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): self.rng.choice(STAGES)})

    def owner(self) -> None:
        ref, _ = self.some()
        row, owner = self.dialect(ref).rows_of("owner")[0], self.rng.choice(OWNERS)
        ids = self.owner_ids[ref.account]
        value = owner if ref.account == "activecampaign" else ids.get(owner)
        value = int(value) if ref.account == "pipedrive" and value is not None else value
        if value is not None:
            self.do(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): value})

    def edit_ours(self) -> None:
        ref, _ = self.some()
        names = OURS if self.runs else OURS[:1]  # an id in a record that no store knows is a store lost, another story
        row = self.rng.choice([row for name in names for row in self.dialect(ref).rows_of(name)])
        value: Any = 7 if row.lead == "score" else "x7"
        self.do(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): value})

    def opt_out(self) -> None:
        ref, _ = self.some()
        if ref.account == "salesforce":
            self.act(ref.account, "edit", ref.object, ref.id, fields={"HasOptedOutOfEmail": True})
        else:
            self.act(ref.account, "edit", ref.object, ref.id, opt_out=True)

    def lift(self) -> None:
        """Somebody takes a no back in a CRM, without any proof."""
        ref, _ = self.some()
        if ref.account == "salesforce":
            self.act(ref.account, "edit", ref.object, ref.id, fields={"HasOptedOutOfEmail": False})
        elif ref.account != "hubspot":
            self.act(ref.account, "edit", ref.object, ref.id, opt_out=False)

    def delete(self) -> None:
        ref, _ = self.some()
        if self.do(ref.account, "delete", ref.object, ref.id) is not None:
            self.deleted.append(ref)

    def restore(self) -> None:
        if self.deleted:
            ref = self.rng.choice(self.deleted)
            if self.act(ref.account, "restore", ref.object, ref.id) is not None:
                self.deleted.remove(ref)

    def merge(self) -> None:
        crm, object = self.rng.choice((("hubspot", "contacts"), ("pipedrive", "persons"), ("salesforce", "Lead")))
        there = sorted(ref for ref in self.look(crm) if (ref.account, ref.object) == (crm, object))
        if len(there) >= 2:
            loser, winner = self.rng.sample(there, 2)
            answer = self.act(crm, "merge", object, loser.id, into=winner.id)
            if answer is not None:
                survivor = Ref(crm, object, str(answer["id"]))
                self.made.add(survivor)
                self.move(loser, survivor)
                self.move(winner, survivor)

    def move(self, old: Ref, new: Ref) -> None:
        """What was typed into a record that was merged or converted stands in the other one, if anywhere."""
        for typed in self.typed:
            if typed.ref == old and old != new and not typed.exposed:
                typed.ref, typed.excuse = new, ""
        self.excuse("not carried over", lambda typed: typed.ref == new)

    def convert(self) -> None:
        there = sorted(ref for ref in self.look("salesforce") if ref.object == "Lead")
        if there:
            ref = self.rng.choice(there)
            answer = self.act("salesforce", "convert", "Lead", ref.id)
            if answer is not None:
                contact = Ref("salesforce", "Contact", str(answer["contact"]))
                self.made.add(contact)
                for typed in self.typed:
                    if typed.ref == ref and not typed.exposed:
                        row = next((row for row in self.dialect(ref).rows if row.remote == typed.remote), None)
                        same = self.dialect(contact).rows_of(row.lead) if row is not None else ()
                        typed.remote = same[0].remote if same else typed.remote
                self.move(ref, contact)

    def trouble(self) -> None:
        """A fault waits for some request of some CRM."""
        crm, kind = self.rng.choice(list(self.apps)), self.rng.choice(FAULTS)
        method = self.rng.choice(("POST", "PATCH", "PUT", "*", "GET"))
        order = {"match": {"method": method, "path": "*"}, "fault": kind, "times": self.rng.randint(1, 2), "after": self.rng.randint(0, 5)}
        order |= {"delay_s": self.rng.choice((5, 60, 200))} if kind == "lands_late" else {}
        self.apps[crm].faults.order(order)
        self.tell(f"  trouble in {crm}: {kind} for {method} after {order['after']}, {order['times']} times")

    def calm_down(self) -> None:
        for app in self.apps.values():
            app.faults.clear()

    def workflow(self) -> None:
        """An automation: whoever writes one field of a CRM also sets another one. One at a time, so that it comes to rest."""
        for app in self.apps.values():
            app.workflows.clear()
        ref, _ = self.some()
        when, then = self.rng.sample([row for name in TEXTS[:-1] for row in self.dialect(ref).rows_of(name) if row.written], 2)
        names = [self.remote(ref.account, ref.object, row) for row in (when, then)]
        self.apps[ref.account].add_workflow({"object": ref.object, "when": names[0], "fields": {names[1]: f"Auto {self.token()}"}})
        self.tell(f"  workflow in {ref.account}: {ref.object}.{names[0]} sets {names[1]}")

    # noes

    def note_no(self, ref: Ref, before: set[str]) -> None:
        """A person denies the addresses of a record by saying no there, or by leaving them in a record that says no already.

        `before` was denied by it already, or by what it was made of. A no that was taken back and is said again before anybody could look
        is none for the addresses that were there: the record shows what it showed. Nor is one at an address that was taken away by then.
        """
        now = self.said(ref.account)
        if ref in now:
            known = self.noes.get(ref, set()) & (now[ref] | self.denied | self.read(ref))
            self.noes[ref] = known | (now[ref] - before - (self.read(ref) if self.noes_are_as_read(ref) else set()))
        else:
            self.noes.pop(ref, None)  # taken back, maybe before anybody read it

    def noes_are_as_read(self, ref: Ref) -> bool:
        """Whether a record shows the noes that it showed when the hub read it last, or that the hub has sent since."""
        with self.mortal.inner.begin() as unit:
            _, base = unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id, (None, Base()))
            writes = [entry.write for entry in unit.entries(account=ref.account, states=OPEN)]
        sent = {cell.row_id: cell.new for write in writes if (write.object, write.id) == ref[1:] for cell in write.cells if not cell.held}
        fields, rows = self.look(ref.account)[ref].fields, [row for row in self.dialect(ref).rows if is_no(row.lead)]
        noes = [(row.parse(sent.get(row.id, base.pair(row.id).seen)), row.parse(fields.get(row.remote))) for row in rows]
        return all((was is True) == (now is True) for was, now in noes)

    def read(self, ref: Ref) -> set[str]:
        """The addresses with which the hub has read a record, as far as it has not forgotten them."""
        with self.mortal.inner.begin() as unit:
            _, base = unit.links_at(ref.account, ref.object, [ref.id]).get(ref.id, (None, Base()))
            waiting = [record for one, record, *_ in unit.inbox_rows(ref.account, ref.object, "", 999) if one == ref]
        seen = {row.remote: base.pair(row.id).seen for row in self.dialect(ref).sets["emails"]}
        return {place for record in (Record(ref.object, ref.id, seen), *waiting) for place in mailboxes(self, ref, record)}

    def said(self, crm: str) -> dict[Ref, set[str]]:
        """The records of a CRM that say no, with their addresses."""
        live = self.look(crm)
        return {ref: mailboxes(self, ref, live[ref]) for ref in self.denying(live)}

    def standing_noes(self) -> set[str]:
        """Addresses that a person denied, or left in a record that says no, and that no person took back before they could be read."""
        live = self.look()
        denying = self.denying(live)
        return {place for ref, said in self.noes.items() if ref in denying for place in said & mailboxes(self, ref, live[ref])}

    def denying(self, live: Mapping[Ref, Record]) -> set[Ref]:
        found: set[Ref] = set()
        with self.calm():
            for crm, object in sorted({(ref.account, ref.object) for ref in live}):
                for record in self.records(crm, object):
                    ref = Ref(crm, object, str(record.get("id", record.get("Id"))))
                    if ref in live and self.denies(crm, record):
                        found.add(ref)
        return found

    # and quiet

    def settle_down(self) -> list[engine.Report]:
        """No more noise: what was lost has time to land, then three runs."""
        self.rng, self.doom = Random(0), None
        self.quiet = True
        self.calm_down()
        self.unmapped.clear()
        self.clock.advance(400)
        self.land()
        self.tell("quiet")
        reports = [self.full_sync() for _ in range(3)]
        return [report for report in reports if report is not None]

    def tell(self, line: str) -> None:
        self.story.append(f"{self.clock.now() - 1_790_000_000:7.0f} {line}")


# one thread


class _InTurn:
    """What `push` uses of a pool, carried out in the calling thread."""

    def __init__(self, _size: int) -> None:
        pass

    def __enter__(self) -> _InTurn:
        return self

    def __exit__(self, *_why: object) -> None:
        pass

    def submit(self, what: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(what(*arguments))
        return done


class _Now:
    """A thread that has ended when it was started."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> None:
        self.start = lambda: target(*args)


@contextmanager
def one_thread() -> Iterator[None]:
    """The engine does one thing after the other, so that a seed always tells the same story."""
    kept = push.ThreadPoolExecutor, pull.threading, pull.queue
    push.ThreadPoolExecutor = _InTurn  # type: ignore[misc,assignment]
    pull.threading = SimpleNamespace(Thread=_Now, Event=threading.Event)  # type: ignore[assignment]
    pull.queue = SimpleNamespace(Queue=lambda _size: queue.SimpleQueue())  # type: ignore[assignment]
    try:
        yield
    finally:
        push.ThreadPoolExecutor, pull.threading, pull.queue = kept  # type: ignore[misc]


@cache
def _template() -> Path:
    """An empty store with a secret that does not change, so that leads get the same ids in every run of a seed."""
    path = Path(mkdtemp(prefix="leadloom-worlds-")) / "empty.db"
    store = open_store(f"sqlite:///{path}")
    with store.begin() as unit:
        unit.put_meta("secret", "0" * 32)
    store.close()
    return path
