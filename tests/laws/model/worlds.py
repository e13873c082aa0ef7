"""Random worlds: four CRMs, their people, faults and crashes around one hub; then quiet, and what must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from tests.laws.model.crm import Answer, Crm, Record, Row
from tests.laws.model.dialects import STAGES, USERS, Text, random_dialect
from tests.laws.model.hub import HOUR, Hub, Lost, items
from tests.laws.model.laws import Broken, check
from tests.laws.model.memory import FIELDS, Entry, Link
from tests.laws.model.rules import Golden, Policy

ACCOUNTS = ("alpha", "beta", "gamma", "delta")


class Crash(Exception):
    """The process died here; what was remembered before stays."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How likely things are; all zero is a quiet world."""

    crash: float = 0.0
    lost: float = 0.0
    between: float = 0.0  # a person or another pull comes between two steps of a run
    columns: tuple[str, ...] = ("name", "title", "title2", "phone", "stage", "owner", "score")  # where people type


QUIET = Noise()
ROUGH = Noise(crash=0.01, lost=0.15, between=0.03)
FAULTY = Noise(crash=0.02, lost=0.3)
BUSY = Noise(between=0.08)
CROWDED = Noise(crash=0.01, lost=0.2, between=0.25, columns=("name", "stage"))


@dataclass(slots=True)
class Undone:
    link: Link
    name: str
    golden: Golden
    at: float


@dataclass(slots=True)
class World:
    seed: int
    noise: Noise = ROUGH
    rng: Random = field(init=False)
    time: float = 1000.0
    trace: list[str] = field(default_factory=list)
    later: list[tuple[float, Callable[[], Answer]]] = field(default_factory=list)
    pending: set[str] = field(default_factory=set)
    undone: list[Undone] = field(default_factory=list)
    noes: list[tuple[Record, frozenset[str]]] = field(default_factory=list)
    flagged: list[Record] = field(default_factory=list)
    expected_denied: set[str] = field(default_factory=set)
    touched: dict[tuple[str, str], float] = field(default_factory=dict)  # (lead, field) -> when the hub's own people or an undo changed it
    finished: list[tuple[float, float]] = field(default_factory=list)  # complete runs, from and to
    counts: Counter[str] = field(default_factory=Counter)
    taken_away: set[str] = field(default_factory=set)
    serial: int = 0
    crms: dict[str, Crm] = field(init=False)
    hub: Hub = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng = Random(self.seed)
        self.crms = {name: Crm(name, random_dialect(rng), self.tick) for name in ACCOUNTS}
        policies = {name: rng.choice((Policy.NEWEST, Policy.NEWEST, Policy.PRECEDENCE, Policy.ASK)) for name in FIELDS}
        creates = [name for name in ACCOUNTS if rng.random() < 0.7]
        self.hub = Hub(self, self.crms, policies, creates)
        for person in range(rng.randint(1, 2)):
            self.seed_person(person)

    def seed_person(self, person: int) -> None:
        """The same person in some of the CRMs, now and then twice, each spelled in its own way."""
        for crm in self.crms.values():
            for _ in range(self.rng.choice((0, 1, 1, 1, 2))):
                values = {column: self.fresh(column) for column in ("name", "title", "phone", "stage", "owner") if self.rng.random() < 0.6}
                shown = self.as_typed(crm, values) | {"emails": f"p{person}@x.de"}
                self.log(f"{crm.name} seed {shown} {'ok' if crm.create(shown, 'person').row else 'refused'}")

    # what the hub sees of the world

    def now(self) -> float:
        return self.time

    def tick(self) -> float:
        self.time += 1.0
        due = [action for at, action in self.later if at <= self.time]
        self.later = [(at, action) for at, action in self.later if at > self.time]
        for action in due:
            action()
            self.log("    a late write lands")
        return self.time

    def pause(self, where: str) -> None:
        if self.rng.random() < self.noise.crash:
            self.log(f"    crash at {where}")
            raise Crash(where)
        if self.rng.random() < self.noise.between:
            self.rng.choice((self.person_acts, self.person_acts, self.parallel_pull))()

    def parallel_pull(self) -> None:
        account = self.rng.choice(ACCOUNTS)
        self.log(f"    pull {account} meanwhile")
        self.hub.pull(account)

    def deliver(self, what: str, touches: Iterable[str], action: Callable[[], Answer]) -> Answer:
        names = set(touches)
        if names & self.pending:
            raise Broken(f"repeated before it was read again: {what}")
        fate = self.rng.choice(("before", "after", "late")) if self.rng.random() < self.noise.lost else "ok"
        if fate in ("ok", "after"):
            answer = action()
            self.log(f"    {what} -> {answer.reason or 'ok'}{' (answer lost)' * (fate == 'after')}")
            self.counts["writes"] += 1
            if fate == "ok":
                return answer
        else:
            self.log(f"    {what} -> lost {fate}")
        if fate == "late":
            self.later.append((self.time + self.rng.randint(5, 250), action))
        self.counts["lost"] += 1
        self.pending |= names
        raise Lost(what)

    def stored(self, row: Row) -> None:
        name = f"{row.account}/{row.id}"
        self.pending = {item for item in self.pending if not item.startswith(f"{name} ")}
        link = self.hub.links.get(name)
        columns = (
            set(link.columns.values()) if link is not None else set(FIELDS) - {"title"}
        )  # title may be mapped anew before it is linked
        record = self.crms[row.account].records[row.id]
        for column in columns & set(record.typed):
            if row.shown[column] == "" and (link is None or column not in seen_filled(link)):
                del record.typed[column]  # empty when we last looked, too: nobody can know
            elif record.typed[column].shown == row.shown[column]:
                record.typed[column].exposed = True
        self.hear_noes(row, record, link)

    def hear_noes(self, row: Row, record: Record, link: Link | None) -> None:
        for no in [no for no in self.noes if no[0] is record]:
            self.noes.remove(no)
            masked = any(entry.flag and (entry.account, entry.record) == (row.account, row.id) for entry in self.hub.journal)
            self.counts["noes masked"] += masked
            if row.flag and not masked and not row.ending:
                before = self.hub.shown(link) if link is not None and not self.crms[row.account].dialect.flag_of_address else set()
                self.expected_denied |= no[1] & (before | set(self.crms[row.account].addresses(record)))

    # people

    def fresh(self, column: str) -> str:
        self.serial += 1
        n = self.serial
        match column:
            case "name":
                return f"Name{n}"
            case "title" | "title2":
                return f"title-{n:02}-{'x' * self.rng.randint(0, 4)}"
            case "phone":
                return f"4930{1000 + n}"
            case "stage":
                return self.rng.choice(STAGES)
            case "owner":
                return self.rng.choice(USERS)
            case "score":
                return str(500 + n)
        return f"a{n}@x.de"

    def as_typed(self, crm: Crm, values: dict[str, str]) -> dict[str, str]:
        """A person types in the CRM's own dialect."""
        return {column: crm.dialect.forms.get(column, Text()).show(value, "") for column, value in values.items()}

    def person_acts(self) -> None:
        acts = [self.person_edits] * 8 + [self.person_clears] * 2 + [self.person_addresses] * 2
        acts += [self.person_says_no, self.person_says_yes, self.person_deletes, self.person_merges, self.person_creates]
        self.rng.choice(acts)()

    def some_record(self) -> tuple[Crm, Record] | None:
        found = [(crm, record) for crm in self.crms.values() for record in crm.live()]
        return self.rng.choice(found) if found else None

    def person_edits(self) -> None:
        if (found := self.some_record()) is not None:
            crm, record = found
            column = self.rng.choice(self.noise.columns)
            self.type(crm, record, self.as_typed(crm, {column: self.fresh(column)}))

    def person_clears(self) -> None:
        if (found := self.some_record()) is not None:
            self.type(*found, {self.rng.choice([column for column in self.noise.columns if column != "score"]): ""})

    def person_addresses(self) -> None:
        """Change the address, add one where there is room, or take one away."""
        if (found := self.some_record()) is None:
            return
        crm, record = found
        own = list(crm.addresses(record))
        known = [address for lead in self.hub.leads.values() for address in items(lead.fields["emails"].value)]
        new = self.rng.choice([self.fresh("emails"), self.fresh("emails"), *known])
        many = crm.dialect.forms["emails"].show(("a", "b"), "") == "a; b"
        options = [[new], own[1:] if many else []] + ([[*own, new]] if many else [])
        chosen = list(dict.fromkeys(self.rng.choice(options)))
        self.taken_away |= set(own) - set(chosen)
        self.type(crm, record, {"emails": "; ".join(chosen)})

    def type(self, crm: Crm, record: Record, shown: dict[str, str]) -> None:
        answer = crm.update(record.id, shown, "person")
        self.log(f"  person in {crm.name}/{record.id}: {shown} {answer.reason}")

    def person_says_no(self) -> None:
        if (found := self.some_record()) is not None and not found[0].restricted(found[1]):
            crm, record = found
            self.noes.append((record, frozenset(crm.addresses(record))))
            self.flagged.append(record)
            crm.say_no(record)
            self.log(f"  person in {crm.name}/{record.id} says no for {crm.addresses(record)}")

    def person_says_yes(self) -> None:
        if (found := self.some_record()) is not None:
            crm, record = found
            self.noes = [no for no in self.noes if no[0] is not record and not crm.dialect.flag_of_address]
            crm.say_yes(record)
            self.log(f"  person in {crm.name}/{record.id} says yes for {crm.addresses(record)}")

    def person_deletes(self) -> None:
        if self.rng.random() < 0.4 and (found := self.some_record()) is not None:
            crm, record = found
            crm.delete(record.id, "person")
            self.log(f"  person deletes {crm.name}/{record.id}")

    def person_merges(self) -> None:
        crm = self.rng.choice(list(self.crms.values()))
        if len(records := crm.live()) >= 2:
            winner, loser = self.rng.sample(records, 2)
            crm.merge(winner, loser)
            self.log(f"  person merges {crm.name}/{loser.id} into {winner.id}")

    def person_creates(self) -> None:
        crm = self.rng.choice(list(self.crms.values()))
        known = [address for lead in self.hub.leads.values() for address in items(lead.fields["emails"].value)]
        values = {column: self.fresh(column) for column in ("name", "title", "phone", "stage") if self.rng.random() < 0.5}
        shown = self.as_typed(crm, values) | {"emails": self.rng.choice([self.fresh("emails"), *known])}
        answer = crm.create(shown, "person")
        self.log(f"  person creates {crm.name}/{answer.row.id if answer.row else answer.reason} {shown}")

    # the operator of the hub

    def operator_acts(self) -> None:
        self.rng.choice(
            (
                self.undo,
                self.undo,
                self.undo,
                self.scope,
                self.scope,
                self.remap,
                self.apply,
                self.review,
                self.edit,
                self.dry_run,
                self.retry,
            )
        )()

    def undo(self) -> None:
        entries = [e for e in self.hub.journal if e.state == "landed" and e.record and e.kind in ("create", "update")][-6:]
        if not entries:
            return
        entry, known = self.rng.choice(entries), len(self.hub.journal)
        try:
            result = self.hub.undo(entry)
        except Crash:
            return
        self.log(f"  undo of {entry.kind} {entry.account}/{entry.record} {sorted(entry.cells)}: {result or 'done'}")
        for cell in entry.cells:
            self.touched[entry.lead, cell] = self.time
        for done in self.hub.journal[known:]:
            self.note_undone(self.hub.links[f"{entry.account}/{entry.record}"], done)

    def note_undone(self, link: Link, entry: Entry) -> None:
        for name in entry.cells:
            self.undone = [u for u in self.undone if (u.link, u.name) != (link, name)]
            if entry.state == "landed" and entry.kind == "update":
                self.counts["undone"] += 1
                self.undone.append(Undone(link, name, self.hub.leads[link.lead].fields[name], self.time))

    def scope(self) -> None:
        links = [link for link in self.hub.links.values() if link.state in ("active", "dormant")]
        if links:
            link = self.rng.choice(links)
            link.state = "dormant" if link.state == "active" else "active"
            self.log(f"  {link.name} is {link.state}")

    def remap(self) -> None:
        account = self.rng.choice(ACCOUNTS)
        mapping = self.hub.mapping[account]
        mapping["title"] = "title2" if mapping["title"] == "title" else "title"
        self.log(f"  {account} maps title to {mapping['title']}")

    def apply(self) -> None:
        self.hub.apply_mapping()
        self.log("  the new mapping is applied")

    def retry(self) -> None:
        self.hub.release("unknown user", "forward only", "ignored", "duplicate", "required")
        self.log("  retry what was refused")

    def review(self) -> None:
        for lead in self.hub.leads.values():
            for name in list(lead.parked):
                self.hub.decide_review(lead, name, self.rng.randrange(4))
                self.touched[lead.id, name] = self.time
                self.log(f"  review: {lead.id} {name} is {lead.fields[name].value}")

    def edit(self) -> None:
        leads = [lead for lead in self.hub.leads.values() if not lead.into]
        if leads:
            lead, name = self.rng.choice(leads), self.rng.choice(("name", "phone", "stage", "owner"))
            if name not in lead.parked:
                self.tick()
                self.hub.edit(lead, name, self.fresh(name))
                self.touched[lead.id, name] = self.time
                self.log(f"  import: {lead.id} {name} is {lead.fields[name].value}")

    def dry_run(self) -> None:
        for account in ACCOUNTS:
            self.hub.pull(account)
        self.log("  plan only: pulled")

    # runs

    def sync(self) -> int | None:
        started = self.tick()
        try:
            writes = self.hub.sync()
        except Crash:
            self.counts["crashes"] += 1
            return None
        self.finished.append((started, self.time))
        self.log(f"  sync: {writes} writes")
        return writes

    def round(self) -> int | None:
        self.log(f"round at {self.time:.0f}")
        for _ in range(self.rng.choice((0, 1, 1, 1, 2, 3))):
            self.person_acts()
        if self.rng.random() < 0.4:
            self.operator_acts()
        self.time += self.rng.choice((10, 100, 600, 600, HOUR))
        return self.sync()

    def run(self, rounds: int = 6) -> World:
        for _ in range(rounds):
            self.round()
        self.settle_down()
        return self

    def settle_down(self) -> None:
        self.noise = QUIET
        self.time += 4 * HOUR
        self.tick()
        self.hub.apply_mapping()
        self.log("quiet")
        writes = [self.quiet_sync() for _ in range(4)]
        if any(writes[2:]):
            raise Broken(f"not quiet by round 3: {writes}")
        check(self)

    def quiet_sync(self) -> int | None:
        self.time += 600
        return self.sync()

    def log(self, line: str) -> None:
        self.trace.append(f"{self.time:7.0f} {line}")


def seen_filled(link: Link) -> set[str]:
    return {link.columns[name] for name, pair in link.pairs.items() if pair.seen != ""}


# playing


def run(seed: int, noise: Noise = ROUGH, rounds: int = 6) -> World:
    """One world, or the law it breaks with the seed and the story so far."""
    world = World(seed, noise)
    try:
        return world.run(rounds)
    except AssertionError as broken:
        story = "\n".join(world.trace)
        raise Broken(f"world {seed}: {broken}\n{story}") from broken


def rough(seed: int) -> Noise:
    """Every kind of world in turn."""
    return (ROUGH, FAULTY, BUSY, CROWDED)[seed % 4]
