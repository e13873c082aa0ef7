"""The hub of the model: what it remembers, and one sync as the pipeline pull, merge, decide, plan, push, settle.

Everything between two `pause()` calls is one transaction: a crash, a person or another pull can come at every pause and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from tests.laws.model import rules
from tests.laws.model.crm import Answer, Crm, Row
from tests.laws.model.dialects import STAGES, Form
from tests.laws.model.memory import FIELDS, Entry, Lead, Link, Note
from tests.laws.model.rules import NEVER, Change, Fate, Golden, Pair, Policy, Receipt, Value, Write

SETTLE_AFTER = 300.0  # an answer lost longer ago than this can no longer land
HOUR = 3600.0


class Lost(Exception):
    """The answer of a write never came."""


class Outside(Protocol):
    """What the hub may ask of the world around it."""

    def now(self) -> float: ...
    def pause(self, where: str) -> None: ...
    def deliver(self, what: str, touches: Iterable[str], action: Callable[[], Answer]) -> Answer: ...
    def stored(self, row: Row) -> None: ...


class Hub:
    def __init__(self, outside: Outside, crms: Mapping[str, Crm], policies: Mapping[str, Policy], creates: Iterable[str]) -> None:
        self.outside, self.crms, self.policies = outside, crms, policies
        self.creates = set(creates)
        self.precedence = {name: rank for rank, name in enumerate(crms)}
        self.leads: dict[str, Lead] = {}
        self.links: dict[str, Link] = {}
        self.journal: list[Entry] = []
        self.history: list[Note] = []
        self.inbox: list[Row] = []
        self.cursor = dict.fromkeys(crms, 0)
        self.pulled_at = dict.fromkeys(crms, NEVER)
        self.denied: set[str] = set()
        self.mapping = {name: {f: f for f in FIELDS} for name in crms}
        self.dirty: set[str] = set()
        self.pushed = 0

    # the pipeline

    def sync(self) -> int:
        """One run; the number of writes it sent."""
        before = self.pushed
        for account in self.crms:
            self.pause("pull")
            self.pull(account)
        self.look_up_lost()
        self.take_inbox()
        self.take_new_mapping()
        self.decide()
        self.push()
        return self.pushed - before

    def pull(self, account: str) -> None:
        since, at = self.pulled_at[account], self.outside.now()
        rows, self.cursor[account] = self.crms[account].changes(self.cursor[account], since)
        self.pulled_at[account] = at
        for row in rows:
            self.store(row)

    def pause(self, where: str) -> None:
        self.outside.pause(where)

    def store(self, row: Row) -> None:
        self.inbox.append(row)
        self.outside.stored(row)

    # lost answers

    def look_up_lost(self) -> None:
        for entry in [e for e in self.journal if e.state == "open"]:
            self.pause("look up")
            crm = self.crms[entry.account]
            record = entry.record if entry.kind != "create" else crm.find(entry.key)
            if record is not None:
                self.store(crm.get(record, self.read_at(f"{entry.account}/{record}")))
            elif self.too_late(entry, self.outside.now()):
                entry.state = "closed"

    def read_at(self, name: str) -> float:
        return self.links[name].read_at if name in self.links else NEVER

    def too_late(self, entry: Entry, read_at: float) -> bool:
        return read_at > entry.sent_at + SETTLE_AFTER

    def open_cell(self, link: Link, name: str) -> Entry | None:
        return next((e for e in self.open_entries(link) if name in e.cells and name not in e.settled), None)

    def open_entries(self, link: Link) -> list[Entry]:
        return [e for e in self.journal if e.state == "open" and e.account == link.account and e.record == link.record]

    # link

    def take_inbox(self) -> None:
        while self.inbox:
            self.pause("merge")
            row = self.inbox[0]
            link = self.link(row)
            if link is None:
                self.inbox.remove(row)
            elif row.ending:
                self.inbox.remove(row)
                self.end(link, row)
            else:
                self.take_lead(link.lead)

    def take_lead(self, lead: str) -> None:
        names = {link.name for link in self.links.values() if link.lead == lead and link.state != "ended"}
        rows = [row for row in self.inbox if f"{row.account}/{row.id}" in names and not row.ending]
        first_ending = min((row.read_at for row in self.inbox if row.ending), default=float("inf"))
        rows = [row for row in rows if row.read_at <= first_ending] or rows[:1]
        self.inbox = [row for row in self.inbox if row not in rows]
        self.merge(self.leads[lead], rows)

    def link(self, row: Row) -> Link | None:
        name = f"{row.account}/{row.id}"
        if name in self.links:
            known = self.links[name]
            return None if known.state == "ended" else known
        entry = next((e for e in self.journal if e.kind == "create" and e.state == "open" and e.key == row.key and row.key), None)
        if row.ending:
            if entry is not None:
                self.settle_create(entry, row)
                return self.links[name]
            return None
        if entry is not None:
            return self.settle_create(entry, row)
        return self.new_link(row, self.lead_of(row))

    def lead_of(self, row: Row) -> Lead:
        shown = self.form(row.account, "emails").parse(row.shown["emails"], None)
        for lead in self.leads.values():
            if not lead.into and set(shown or ()) & set(lead.fields["emails"].value or ()):
                return lead
        lead = Lead(f"L{len(self.leads) + 1}", row.read_at)
        self.leads[lead.id] = lead
        return lead

    def new_link(self, row: Row, lead: Lead) -> Link:
        role = "twin" if self.main(lead.id, row.account) is not None else "main"
        link = Link(row.account, row.id, lead.id, role, columns=dict(self.mapping[row.account]))
        self.links[link.name] = link
        return link

    def main(self, lead: str, account: str) -> Link | None:
        return next((k for k in self.links_of(lead) if k.account == account and k.role == "main"), None)

    def links_of(self, lead: str) -> Iterator[Link]:
        return (link for link in list(self.links.values()) if link.lead == lead and link.state != "ended")

    def end(self, link: Link, row: Row) -> None:
        for entry in self.journal:
            if entry.record == link.record and entry.account == link.account and entry.state == "open":
                entry.state = "landed" if entry.kind == "delete" else "closed"
        self.note_last_words(link, row)
        if link.state == "withheld":
            return
        link.state = "withheld" if self.undone_create(link) else "ended"
        survivor = self.survivor(row)
        if row.ending == "merged" and survivor in self.links and self.links[survivor].state != "ended":
            self.absorb(self.leads[self.links[survivor].lead], self.leads[link.lead])
        elif row.ending == "merged" and survivor not in self.links:
            record = survivor.partition("/")[2]
            self.links[survivor] = Link(row.account, record, link.lead, link.role, columns=dict(self.mapping[row.account]))
            self.store(self.crms[row.account].get(record, NEVER))
        self.promote(link.lead, row.account)

    def note_last_words(self, link: Link, row: Row) -> None:
        """What was typed just before the end is not merged, but not forgotten either."""
        for name, column in link.columns.items():
            if name not in link.pairs or row.shown[column] != link.pairs[name].seen:
                self.note(
                    link.account, row.id, column, row.shown[column], self.form(link.account, name).parse(row.shown[column], None), "ended"
                )

    def survivor(self, row: Row) -> str:
        """Where an old id leads to, however often it was merged."""
        while row.ending == "merged":
            row = self.crms[row.account].get(row.moved_to, NEVER)
        return f"{row.account}/{row.id}"

    def undone_create(self, link: Link) -> bool:
        return any(
            e.kind == "delete" and e.record == link.record and e.account == link.account and e.state == "landed" for e in self.journal
        )

    def promote(self, lead: str, account: str) -> None:
        links = [k for k in self.links_of(self.leads[lead].into or lead) if k.account == account]
        if links and all(k.role == "twin" for k in links):
            links[0].role = "main"

    def absorb(self, lead: Lead, other: Lead) -> None:
        """A person merged two records of two leads: the leads are one."""
        if lead is other:
            return
        for name in FIELDS:
            self.absorb_field(lead, other, name)
        for link in self.links.values():
            if link.lead == other.id:
                main = self.main(lead.id, link.account)
                link.lead, link.role = lead.id, "twin" if main is not None and link.state != "ended" else link.role
        for entry in self.journal:
            entry.lead = lead.id if entry.lead == other.id else entry.lead
        for account in self.crms:
            self.promote(lead.id, account)
        lead.born, other.into = min(lead.born, other.born), lead.id
        self.dirty.add(lead.id)

    def absorb_field(self, lead: Lead, other: Lead, name: str) -> None:
        theirs = other.fields[name]
        if name == "emails":
            value = rules.merge_set(items(lead.fields[name].value), [((), items(theirs.value))])
            lead.fields[name] = replace(lead.fields[name], value=value)
        elif name != "score" and theirs.hi != NEVER:
            change = replace(rules.as_change(theirs), account=theirs.account or next(iter(self.crms)))
            lead.fields[name], losers, _ = rules.merge_field(lead.fields[name], [change], Policy.NEWEST, self.precedence)
            for loser in losers:
                self.note(loser.account, "", name, "", loser.new, "leads merged")

    # merge

    def merge(self, lead: Lead, rows: list[Row]) -> None:
        by_link: dict[str, list[Row]] = {}
        for row in sorted(rows, key=lambda r: r.read_at):
            by_link.setdefault(f"{row.account}/{row.id}", []).append(row)
        for link_name, seen in by_link.items():
            for row in seen:
                self.take_flag(self.links[link_name], row)
        for name in FIELDS:
            self.merge_one(lead, name, by_link)
        for link_name, seen in by_link.items():
            self.links[link_name].read_at = max(self.links[link_name].read_at, seen[-1].read_at)
        for entry in self.journal:
            self.close(entry, [row for seen in by_link.values() for row in seen])
        self.dirty.add(lead.id)

    def close(self, entry: Entry, rows: list[Row]) -> None:
        """An entry ends with its last cell, or once it can no longer land."""
        mine = [row for row in rows if row.id == entry.record and row.account == entry.account and row.read_at > entry.sent_at]
        if entry.state != "open" or not mine:
            return
        flagged = not entry.flag or mine[-1].flag
        if entry.kind != "delete" and flagged and set(entry.cells) <= set(entry.settled):
            entry.state = "landed"
        elif self.too_late(entry, mine[-1].read_at):
            entry.state = "closed"

    def merge_one(self, lead: Lead, name: str, by_link: Mapping[str, list[Row]]) -> None:
        candidates: dict[str, tuple[Change, Pair, Row]] = {}
        for link_name, rows in by_link.items():
            link = self.links[link_name]
            for row in rows:
                found = self.read_field(lead, link, name, row, candidates)
                if found is not None:
                    stale = row.read_at < link.pairs[name].at  # our write came in between: an edit of its own
                    candidates[f"{link_name} overwritten" if stale else link_name] = found
        if not candidates:
            return
        if name == "score":
            self.take_foreign(lead, candidates)
        elif name == "emails":
            self.take_set(lead, candidates)
        else:
            self.take_scalar(lead, name, candidates)

    def read_field(
        self, lead: Lead, link: Link, name: str, row: Row, earlier: Mapping[str, tuple[Change, Pair, Row]]
    ) -> tuple[Change, Pair, Row] | None:
        """What a row says about one field: a change, or nothing new."""
        form, column = self.form(link.account, name), link.columns[name]
        theirs = row.shown[column]
        pair = link.pairs.setdefault(name, Pair("", form.parse("", None)))
        entry = self.open_cell(link, name)
        if entry is not None and row.read_at > entry.sent_at:
            pair, done = self.settle_cell(link, name, row, entry, pair)
            link.pairs[name] = pair
            if done:
                return None
        overwritten = rules.overwritten(pair, theirs, row.read_at)
        if overwritten:
            pair = replace(pair, seen=pair.was or "")
        elif not rules.changed(pair, theirs, row.read_at):
            return None
        lo = max(link.read_at, row.since, row.created)
        previous = earlier.get(link.name)
        change = rules.read_change(pair, theirs, form, lo, row.stamp, link.account, link.name)
        if previous is not None:
            change = replace(change, old=previous[0].old)
        self.note(link.account, row.id, column, theirs, change.new, "overwritten" if overwritten else "changed")
        if not overwritten:
            link.pairs[name] = rules.moved(pair, theirs, form, row.read_at, lead.fields[name].value)
        return change, pair if previous is None else previous[1], row

    def settle_cell(self, link: Link, name: str, row: Row, entry: Entry, pair: Pair) -> tuple[Pair, bool]:
        write, column = entry.cells[name], link.columns[name]
        who, at = row.writer.get(column, ("", NEVER))
        touched = who == "person" and at > max(entry.sent_at, pair.at)
        touched = touched or (entry.kind == "create" and write.sent != "" and row.shown[column] == "" == pair.seen)
        late = self.too_late(entry, row.read_at)
        form = self.form(link.account, name)
        pair, fate = rules.settle_unknown(pair, write, row.shown[column], form, late=late, touched=touched, at=row.read_at)
        if fate in (Fate.LANDED, Fate.NOT_LANDED) or late:
            entry.settled[name] = pair
            del_cell(entry, name, fate)
        return pair, fate is not Fate.PERSON

    def take_scalar(self, lead: Lead, name: str, found: Mapping[str, tuple[Change, Pair, Row]]) -> None:
        changes = [change for change, _, _ in found.values()]
        if name in lead.parked:
            lead.parked[name] += changes
        else:
            lead.fields[name], losers, asked = rules.merge_field(lead.fields[name], changes, self.policies[name], self.precedence)
            if asked is not None:
                lead.parked[name] = list(asked)
            for loser in losers:
                self.note(loser.account, "", name, "", loser.new, "lost")
        self.move(lead, name, found)

    def take_set(self, lead: Lead, found: Mapping[str, tuple[Change, Pair, Row]]) -> None:
        deltas = []
        for change, pair, row in found.values():
            form = self.form(change.account, "emails")
            deltas.append((items(form.parse(pair.seen, None)), items(form.parse(row.shown["emails"], None))))
        golden = lead.fields["emails"]
        latest = max(change.hi for change, _, _ in found.values())
        lead.fields["emails"] = Golden(rules.merge_set(items(golden.value), deltas), latest, latest)
        self.move(lead, "emails", found)

    def take_foreign(self, lead: Lead, found: Mapping[str, tuple[Change, Pair, Row]]) -> None:
        for change, pair, row in found.values():
            form, link = self.form(change.account, "score"), self.links[change.link]
            if row.read_at >= link.pairs["score"].at:
                link.pairs["score"] = rules.foreign(pair, row.shown[link.columns["score"]], form, row.read_at, lead.fields["score"].value)

    def move(self, lead: Lead, name: str, found: Mapping[str, tuple[Change, Pair, Row]]) -> None:
        for change, pair, row in found.values():
            link = self.links[change.link]
            form, theirs = self.form(link.account, name), row.shown[link.columns[name]]
            if row.read_at >= link.pairs[name].at:
                link.pairs[name] = rules.moved(pair, theirs, form, row.read_at, lead.fields[name].value)

    def take_flag(self, link: Link, row: Row) -> None:
        """A "no" is an event of the addresses that the record shows or showed before, unless it is the echo of our own write."""
        shown = set(items(self.form(link.account, "emails").parse(row.shown["emails"], None)))
        if self.crms[row.account].dialect.flag_of_address:
            self.denied |= shown if row.flag else set()
        elif row.flag and self.is_news(link, row):
            self.denied |= shown | self.shown(link)
        if row.read_at >= link.flag.at:
            link.flag = Pair("no" if row.flag else "may", None, at=row.read_at)

    def is_news(self, link: Link, row: Row) -> bool:
        """Not the echo of our own flag, and not known already; a row read before ours was sent shows a person's."""
        mine = [e for e in self.journal if e.flag and e.state != "closed" and (e.account, e.record) == (row.account, row.id)]
        known = link.flag.seen == "no" and row.read_at >= link.flag.at
        return not known and all(row.read_at < entry.sent_at for entry in mine)

    # mapping change

    def take_new_mapping(self) -> None:
        for link in list(self.links.values()):
            moved = [name for name in FIELDS if link.columns[name] != self.mapping[link.account][name] and name in link.pairs]
            if not moved or link.state == "ended" or any(self.open_cell(link, name) is not None for name in moved):
                continue
            self.pause("rebase")
            row = self.crms[link.account].get(link.record, link.read_at)
            self.outside.stored(row)
            if row.ending:
                self.inbox.append(row)
                continue
            self.merge(self.leads[link.lead], [row])
            for name in moved:
                self.rebase(link, name, row)

    def rebase(self, link: Link, name: str, row: Row) -> None:
        lead, form, column = self.leads[link.lead], self.form(link.account, name), self.mapping[link.account][name]
        shown = row.shown[column]
        self.note(link.account, row.id, column, shown, form.parse(shown, None), "mapping changed")
        if lead.fields[name].hi == NEVER and shown != "":
            lead.fields[name] = Golden(form.parse(shown, None), NEVER, row.stamp, link.account)
        link.pairs[name] = rules.rebase(link.pairs[name], shown, form, lead.fields[name].value, row.read_at)
        link.columns[name] = column

    def apply_mapping(self) -> None:
        """A person agrees to the differences that a mapping change left."""
        self.release("mapping changed")

    def release(self, *reasons: str) -> None:
        for link in self.links.values():
            for name, pair in link.pairs.items():
                if pair.refused is not None and pair.refused[1] in reasons:
                    link.pairs[name] = replace(pair, refused=None)

    def decide_review(self, lead: Lead, name: str, choice: int) -> None:
        choices = lead.parked.pop(name)
        now = self.outside.now()
        lead.fields[name] = Golden(choices[choice % len(choices)].new, now, now, "")
        self.dirty.add(lead.id)

    def edit(self, lead: Lead, name: str, value: Value) -> None:
        now = self.outside.now()
        lead.fields[name] = Golden(value, now, now, "")
        self.dirty.add(lead.id)

    # decide

    def decide(self) -> None:
        now = self.outside.now()
        for lead in self.leads.values():
            if not lead.into and (lead.id in self.dirty or lead.due <= now):
                value, lead.due = score(lead, now)
                if value != lead.fields["score"].value:
                    lead.fields["score"] = Golden(value, now, now, "")
        self.dirty.clear()

    # plan and push

    def push(self) -> None:
        for link in list(self.links.values()):
            if link.state in ("active", "dormant") and self.shown(link) & self.denied and link.flag.seen != "no":
                self.push_restriction(link)
        for link in list(self.links.values()):
            if link.state == "active" and link.role == "main":
                self.push_fields(link)
        for lead in list(self.leads.values()):
            for account in self.crms:
                if self.owes_create(lead, account):
                    self.push_create(lead, account)

    def shown(self, link: Link) -> set[str]:
        pair = link.pairs.get("emails")
        return set(items(self.form(link.account, "emails").parse(pair.seen, None))) if pair is not None else set()

    def push_restriction(self, link: Link) -> None:
        crm = self.crms[link.account]
        self.pause("restrict")
        if crm.dialect.flag_of_address:
            done = all(self.restrict_address(link.account, address) for address in sorted(self.shown(link) & self.denied))
            if done:
                link.flag = Pair("no", None, at=self.outside.now())
            return
        entry = self.enter("update", link.account, link.lead, link.record, {}, flag=True)
        self.pause("sent")
        answer = self.send(entry, lambda: crm.update(link.record, {}, "hub", flag=True))
        if answer is not None:
            entry.state = "landed"
            if answer.row is not None:
                link.flag = Pair("no", None, at=answer.row.read_at)

    def restrict_address(self, account: str, address: str) -> bool:
        """Restricting twice does no harm, so a lost answer is simply repeated by the next run."""
        self.pushed += 1
        try:
            self.outside.deliver(f"restrict {account} {address}", (), lambda: self.crms[account].restrict(address))
        except Lost:
            return False
        return True

    def push_fields(self, link: Link) -> None:
        for _ in FIELDS:  # a refused row is sent again without the refused field
            writes = self.owed(link)
            if not writes:
                return
            self.pause("push")
            if not self.push_row(link, writes):
                return

    def owed(self, link: Link) -> dict[str, Write]:
        lead = self.leads[link.lead]
        forms = {name: self.form(link.account, name) for name in FIELDS}
        ready = {
            name: pair
            for name, pair in link.pairs.items()
            if name not in lead.parked and self.open_cell(link, name) is None and link.columns[name] == self.mapping[link.account][name]
        }
        writes = {}
        for name, step in rules.debts(lead.values(), ready, forms).items():
            if isinstance(step, Write):
                writes[name] = step
            else:
                link.pairs[name] = step
        return writes

    def push_row(self, link: Link, writes: dict[str, Write]) -> bool:
        """Send one row. True if it was refused, and what is left may be tried again."""
        crm, denied = self.crms[link.account], frozenset(self.denied)
        flag = self.restrict_first(link.account, writes, self.shown(link))
        if flag is None:
            return False
        entry = self.enter("update", link.account, link.lead, link.record, writes, flag=flag)
        self.pause("sent")
        values = {link.columns[name]: write.sent for name, write in writes.items()}
        answer = self.send(entry, lambda: crm.update(link.record, values, "hub", flag=flag, denied=denied))
        if answer is None:
            return False
        if answer.refused:
            self.refuse(link, entry, answer)
            return True
        if answer.row is None:
            entry.state = "closed"
            self.store(crm.get(link.record, link.read_at))
            return False
        row = answer.row
        if not crm.dialect.own_answer:
            self.pause("read back")
            row = crm.get(link.record, link.read_at)
        self.settle(link, entry, row)
        return False

    def restrict_first(self, account: str, writes: Mapping[str, Write], shown: set[str]) -> bool | None:
        """Whether the write must carry the flag; None if a restriction that must come before it is not certain."""
        if "emails" not in writes:
            return False
        new = set(items(self.form(account, "emails").parse(writes["emails"].sent, None))) - shown
        if not self.crms[account].dialect.flag_of_address:
            return bool(new & self.denied)
        return False if all(self.restrict_address(account, address) for address in sorted(new & self.denied)) else None

    def refuse(self, link: Link, entry: Entry, answer: Answer) -> None:
        name = answer.refused
        entry.state = "closed"
        receipt = Receipt(None, self.outside.now(), reason=answer.reason)
        link.pairs[name] = rules.settle(link.pairs[name], entry.cells[name], receipt, self.form(link.account, name))

    def settle(self, link: Link, entry: Entry, row: Row) -> None:
        for name, write in entry.cells.items():
            receipt = Receipt(row.shown[link.columns[name]], row.read_at)
            link.pairs[name] = rules.settle(link.pairs[name], write, receipt, self.form(link.account, name))
            entry.settled[name] = link.pairs[name]
        if entry.flag:
            link.flag = Pair("no", None, at=row.read_at)
        entry.state = "landed"

    def enter(
        self, kind: str, account: str, lead: str, record: str, cells: Mapping[str, Write], *, key: str = "", flag: bool = False
    ) -> Entry:
        entry = Entry(len(self.journal) + 1, kind, account, lead, record, dict(cells), self.outside.now(), key, flag)
        self.journal.append(entry)
        return entry

    def send(self, entry: Entry, action: Callable[[], Answer]) -> Answer | None:
        self.pushed += 1
        sent = {name: write.sent for name, write in entry.cells.items()}
        touches = [f"{entry.account}/{entry.record} {name}" for name in sent if entry.record]
        try:
            return self.outside.deliver(
                f"{entry.kind} {entry.account}/{entry.record or entry.key} {sent}{' +no' * entry.flag}", touches, action
            )
        except Lost:
            return None

    # creates

    def owes_create(self, lead: Lead, account: str) -> bool:
        if lead.into or account not in self.creates or any(k.lead == lead.id and k.account == account for k in self.links.values()):
            return False
        if any(e.kind == "create" and e.lead == lead.id and e.account == account and e.state == "open" for e in self.journal):
            return False
        emails = lead.fields["emails"].value
        if self.crms[account].dialect.needs_email and not emails:
            return False
        return not (account in lead.held and lead.held[account] == emails)

    def push_create(self, lead: Lead, account: str) -> None:
        crm, denied = self.crms[account], frozenset(self.denied)
        columns = self.mapping[account]
        blank = {name: Pair("", self.form(account, name).parse("", None)) for name in FIELDS}
        forms = {name: self.form(account, name) for name in FIELDS}
        steps = rules.debts(lead.values(), {n: p for n, p in blank.items() if n not in lead.parked}, forms)
        writes = {name: step for name, step in steps.items() if isinstance(step, Write)}
        refused: dict[str, Pair] = {}
        while True:
            self.pause("create")
            flag = self.restrict_first(account, writes, set())
            if flag is None:
                return
            entry = self.enter("create", account, lead.id, "", writes, key=f"{lead.id}@{account}", flag=flag)
            self.pause("sent")
            values = {columns[name]: write.sent for name, write in writes.items()}
            send = create_call(crm, values, entry.key, flag, denied)
            answer = self.send(entry, send)
            if answer is None:
                return
            if not answer.refused:
                break
            entry.state = "closed"
            if answer.refused == "emails":
                self.adopt(lead, account, answer)
                return
            refused[answer.refused] = replace(blank[answer.refused], refused=(writes.pop(answer.refused).means, answer.reason))
        if answer.row is not None:
            row = answer.row if crm.dialect.own_answer else crm.get(answer.row.id, NEVER)
            self.settle_create(entry, row).pairs.update(refused)
            self.store(row)

    def adopt(self, lead: Lead, account: str, answer: Answer) -> None:
        """The CRM has this address already: link that record, unless it belongs to somebody else."""
        name = f"{account}/{answer.existing}"
        if not answer.existing or name in self.links:
            lead.held[account] = lead.fields["emails"].value
            return
        row = self.crms[account].get(answer.existing, NEVER)
        self.new_link(row, lead)
        self.store(row)

    def settle_create(self, entry: Entry, row: Row) -> Link:
        """Our create was found: its cells are settled like those of any lost write, by the row that shows it."""
        link = self.new_link(row, self.leads[entry.lead])
        link.created_by = entry.id
        entry.record = row.id
        link.pairs = {name: Pair("", self.form(row.account, name).parse("", None)) for name in FIELDS}
        if entry.flag:
            link.flag = Pair("no", None, at=entry.sent_at)
        return link

    # undo

    def undo(self, entry: Entry) -> str:
        """Take one entry of the journal back; why not, if not."""
        link = self.links[f"{entry.account}/{entry.record}"]
        if link.state != "active" or self.open_entries(link):
            return "not now"
        self.pause("undo")
        row = self.crms[link.account].get(link.record, link.read_at)
        if row.ending:
            return "gone"
        if entry.kind == "create":
            return self.undo_create(link, row)
        writes = {}
        for name, cell in entry.cells.items():
            settled, golden = entry.settled.get(name), self.leads[link.lead].fields[name].value
            if settled is None or name in self.leads[link.lead].parked or link.columns[name] != self.mapping[link.account][name]:
                continue
            step = rules.undo(cell, settled, link.pairs[name], row.shown[link.columns[name]], golden)
            if isinstance(step, Write):
                writes[name] = step
        if writes:
            self.push_row(link, writes)
        return "" if writes else "kept"

    def undo_create(self, link: Link, row: Row) -> str:
        if any(row.shown[link.columns[name]] != pair.seen for name, pair in link.pairs.items()):
            return "a person has edited it since"
        crm = self.crms[link.account]
        entry = self.enter("delete", link.account, link.lead, link.record, {})
        self.pause("sent")
        if self.send(entry, lambda: crm.delete(link.record, "hub")) is not None:
            entry.state, link.state = "landed", "withheld"
        return ""

    # words

    def form(self, account: str, name: str) -> Form:
        return self.crms[account].dialect.forms[name]

    def note(self, account: str, record: str, column: str, shown: str, value: Value, cause: str) -> None:
        self.history.append(Note(account, record, column, shown, value, cause))


def items(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def del_cell(entry: Entry, name: str, fate: Fate) -> None:
    if fate is not Fate.LANDED:
        entry.cells.pop(name)
        entry.settled.pop(name)


def create_call(crm: Crm, values: Mapping[str, str], key: str, flag: bool, denied: frozenset[str]) -> Callable[[], Answer]:
    return lambda: crm.create(values, "hub", key=key, flag=flag, denied=denied)


def score(lead: Lead, now: float) -> tuple[str, float]:
    """Our number, and when it will change by itself: a point for each stage, less one for each of the first three hours."""
    stage = lead.fields["stage"].value
    hours = min(3, int((now - lead.born) // HOUR))
    due = lead.born + (hours + 1) * HOUR if hours < 3 else float("inf")
    points = 10 * (STAGES.index(stage) + 1) if isinstance(stage, str) and stage in STAGES else 0
    return str(points + 5 * (lead.fields["title"].value is not None) - hours), due
