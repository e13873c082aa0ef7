"""Random worlds over the real engine: people work in four sandbox CRMs, answers get lost, the process dies; then quiet.

Everything a world does follows from its seed: one thread, one clock, one source of dice. A world that breaks a law prints its story.
"""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

from connectors.base import Record
from sandbox.faults import Faults
from sandbox.inprocess import ask
from sandbox.people import people
from sandbox.wire import ActRefused
from store.store import open_store
from store.unit import Unit
from sync import engine, pull, push
from sync.state import Ref
from tests.sync.rig import World, totals
from tests.sync.world_laws import mailboxes, no_is_loosened

OBJECTS = {
    "hubspot": ("contacts",),
    "salesforce": ("Lead", "Contact"),
    "pipedrive": ("persons",),
    "activecampaign": ("contacts",),
}
FAULTS = (
    "timeout_after", "timeout_after", "timeout_before", "500", "503", "reset", "429", "lands_late", "lands_late", "partial", "truncate",
)  # fmt: skip
TEXTS = ("job_title", "address.street", "address.city", "company.industry", "last_name")
STAGES = ("raw", "mql", "sql", "hot", "customer", "lost")
OWNERS = ("anna@firma.example", "ben@firma.example", "clara@firma.example")
OURS = ("score", "grade", "lead_id")
FIRST_NAMES = ("Ada", "Bela", "Cleo", "Dana")


class Killed(BaseException):
    """The process died here; what was committed before stays."""


@dataclass(slots=True)
class Typed:
    """A unique value that a person typed into a record, and why the hub may not know it."""

    ref: Ref
    remote: str
    token: str
    exposed: bool = False  # the hub has stored a row that shows it
    excuse: str = ""  # it was gone before the hub could read it


@dataclass(slots=True)
class Mortality:
    """When the process dies: at a commit or at a write, counted down; None: it lives."""

    commits: int | None = None
    writes: int | None = None
    after: bool = False  # right after it instead of right before
    dead: bool = False

    def at_commit(self, *, after: bool) -> None:
        if after == self.after and self.commits is not None:
            self.commits -= 1
            self._die(self.commits < 0)

    def at_write(self, *, after: bool) -> None:
        if after == self.after and self.writes is not None:
            self.writes -= 1
            self._die(self.writes < 0)

    def _die(self, now: bool) -> None:
        if now:
            self.dead = True
            raise Killed


class MortalStore:
    """A store whose process may die at any commit. What was put into the inbox is told to `told` once it is certain."""

    def __init__(self, store: Any, told: Callable[[Ref, Record], None]) -> None:
        self.inner, self.told, self.fate = store, told, Mortality()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        if self.fate.dead:
            raise Killed
        with self.inner.begin() as unit:
            kept: list[tuple[Ref, Record]] = []
            _listen(unit, kept)
            yield unit
            self.fate.at_commit(after=False)
        for ref, record in kept:
            self.told(ref, record)
        self.fate.at_commit(after=True)


def _listen(unit: Unit, kept: list[tuple[Ref, Record]]) -> None:
    put = unit.put_inbox

    def put_inbox(records: Any, *arguments: Any, **more: Any) -> None:
        rows = list(records)
        kept.extend(rows)
        put(rows, *arguments, **more)

    unit.put_inbox = put_inbox  # type: ignore[method-assign]


class MortalConnector:
    """A connector whose process may die at a write, before it leaves or after its effect."""

    def __init__(self, connector: Any, store: MortalStore) -> None:
        self.inner, self.store = connector, store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, object: str, writes: Any) -> Any:
        if self.store.fate.dead:
            raise Killed
        self.store.fate.at_write(after=False)
        receipts = self.inner.write(object, writes)
        self.store.fate.at_write(after=True)
        return receipts


@dataclass
class RandomWorld(World):
    """One seed played: `play()` is the noise, what must hold afterwards is in world_laws."""

    seed: int
    folder: Path
    count: int = 12
    story: list[str] = field(default_factory=list)
    typed: list[Typed] = field(default_factory=list)
    noes: dict[Ref, set[str]] = field(default_factory=dict)  # what a record denied when a person left it
    denied: set[str] = field(default_factory=set)  # addresses whose no was there to be read by a complete run
    made: set[Ref] = field(default_factory=set)  # records that people made
    deleted: list[Ref] = field(default_factory=list)
    serial: int = 0
    runs: int = 0  # complete ones

    def __post_init__(self) -> None:
        shutil.copy(_template(), self.folder / "leadloom.db")
        super().__init__(self.folder, people(self.seed, self.count))
        self.rng = Random(self.seed)
        self.mortal = MortalStore(self.store, self.expose)
        self.store = self.mortal  # type: ignore[assignment]
        self.watchers = self._watchers()
        live = self.look()
        self.made = set(live)
        self.noes = {ref: mailboxes(self, ref, live[ref]) for ref in self.denying(live)}

    # looking without being seen

    def _watchers(self) -> dict[tuple[str, str], tuple[Any, Any]]:
        """Connectors of our own beside the hub's, with the dialects: what a law looks through."""
        found: dict[tuple[str, str], tuple[Any, Any]] = {}
        for crm in self.apps:
            account = super()._account(crm)
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
        account = super()._account(crm)
        return replace(account, connector=MortalConnector(account.connector, self.mortal))

    def run(self, what: Callable[[], Any], name: str) -> Any:
        """One command of the hub; None if the process died."""
        self.clock.advance(self.rng.choice((20, 60, 600)))
        self.land()
        late = {crm: len(app._late) for crm, app in self.apps.items()}
        try:
            with one_thread():
                result = what()
        except Killed:
            self.tell(f"{name}: killed")
            result = None
        self.mortal.fate = Mortality()
        self.excuse_late(late)
        return result

    def full_sync(self) -> engine.Report | None:
        noes, hits = self.standing_noes(), self.strikes()
        report: engine.Report | None = self.run(lambda: engine.sync(self.workspace()), "sync")
        if report is not None:
            self.runs += 1
            self.tell(f"sync: {report.status} {totals(report)} {dict(report.stopped) or ''}")
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
            self.tell(f"plan: {len(found[0].rows)} rows")

    def mortally(self) -> None:
        """The next command dies somewhere."""
        after, steps = self.rng.random() < 0.5, self.rng.randint(0, 14)
        self.mortal.fate = (
            Mortality(commits=steps * 2, after=after) if self.rng.random() < 0.6 else Mortality(writes=steps // 3, after=after)
        )

    # what was typed

    def expose(self, ref: Ref, record: Record) -> None:
        for typed in self.typed:
            if typed.ref == ref and not typed.exposed and typed.token in str(record.fields.get(typed.remote)):
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
        return f"Q{self.seed % 1000:03}{self.serial:03}z"

    # people

    def act(self, crm: str, do: str, object: str, id: str, **more: Any) -> Any:
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
        if do != "delete":
            self.note_no(Ref(crm, object, str(answer.get("contact", answer.get("id", id)))))
        return answer

    def noise(self) -> None:
        acts = [self.edit] * 8 + [self.clear] * 2 + [self.add_address] * 2 + [self.create] * 2 + [self.stage, self.owner, self.opt_out]
        acts += [self.delete, self.restore, self.merge, self.convert, self.edit_ours, self.change_address, self.number, self.lift]
        self.rng.choice(acts)()

    def some(self) -> tuple[Ref, Record]:
        live = self.look(self.rng.choice(list(self.apps))) or self.look()
        ref = self.rng.choice(sorted(live))
        return ref, live[ref]

    def edit(self) -> None:
        ref, _ = self.some()
        rows = [row for name in TEXTS for row in self.dialect(ref).rows_of(name) if row.written]
        row, token = self.rng.choice(rows), self.token()
        self.write(ref, row, f"{row.lead.rpartition('.')[2].title()} {token}", token)

    def write(self, ref: Ref, row: Any, value: Any, token: str) -> None:
        if self.act(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): value}) is not None:
            self.typed.append(Typed(ref, row.remote, token))

    def number(self) -> None:
        """A telephone number, in whatever field shows one."""
        ref, record = self.some()
        row, digits = self.rng.choice(self.dialect(ref).sets["phones"]), f"{4310000 + self.seed % 100 * 1000 + self.fresh()}"
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
        self.act(ref.account, "clear", ref.object, ref.id, fields=[self.remote(ref.account, ref.object, row)])

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

    def create(self) -> None:
        crm = self.rng.choice(list(self.apps))
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
        self.act(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): self.rng.choice(STAGES)})

    def owner(self) -> None:
        ref, _ = self.some()
        row, owner = self.dialect(ref).rows_of("owner")[0], self.rng.choice(OWNERS)
        ids = self.owner_ids[ref.account]
        value = owner if ref.account == "activecampaign" else ids.get(owner)
        value = int(value) if ref.account == "pipedrive" and value is not None else value
        if value is not None:
            self.act(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): value})

    def edit_ours(self) -> None:
        ref, _ = self.some()
        names = OURS if self.runs else OURS[:1]  # an id in a record that no store knows is a store lost, another story
        row = self.rng.choice([row for name in names for row in self.dialect(ref).rows_of(name)])
        value: Any = 7 if row.lead == "score" else "x7"
        self.act(ref.account, "edit", ref.object, ref.id, fields={self.remote(ref.account, ref.object, row): value})

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
        if self.act(ref.account, "delete", ref.object, ref.id) is not None:
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

    # noes

    def note_no(self, ref: Ref) -> None:
        """What a record denies after a person was there."""
        live = {found: record for found, record in self.look(ref.account).items() if found == ref}
        if ref in self.denying(live):
            self.noes[ref] = self.noes.get(ref, set()) | mailboxes(self, ref, live[ref])

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

    # the play

    def play(self, rounds: int = 5) -> None:
        for _ in range(rounds):
            for _ in range(self.rng.choice((0, 1, 2, 3, 4))):
                self.noise()
            for _ in range(self.rng.choice((0, 0, 1, 2))):
                self.trouble()
            if self.rng.random() < 0.3:
                self.mortally()
            self.rng.choice((self.full_sync, self.full_sync, self.full_sync, self.plan, self.partial_sync))()
            if self.rng.random() < 0.5:
                for app in self.apps.values():
                    app.faults.clear()

    def settle_down(self) -> list[engine.Report]:
        """No more noise: what was lost has time to land, then three runs."""
        for app in self.apps.values():
            app.faults.clear()
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


def closing(world: RandomWorld) -> AbstractContextManager[RandomWorld]:
    @contextmanager
    def opened() -> Iterator[RandomWorld]:
        try:
            yield world
        finally:
            world.mortal.inner.close()

    return opened()
