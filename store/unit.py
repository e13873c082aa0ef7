"""One transaction on the store: every question the pipeline asks and every fact it keeps, as a named query."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connectors.base import Ending, Record
from store import schema as t
from store.documents import (
    dump_asked,
    dump_base,
    dump_cells,
    dump_fields,
    dump_origins,
    dump_revisions,
    dumps,
    instant,
    load_asked,
    load_base,
    load_cells,
    load_fields,
    load_origins,
    load_revisions,
    seconds,
)
from store.ledger import Ledger
from store.queries import chunks, where_of
from sync.state import (
    Base,
    Entry,
    EntryState,
    LeadState,
    Link,
    LinkState,
    PlannedWrite,
    Problem,
    Ref,
    Restriction,
    Review,
    Revision,
    Role,
    Section,
)


class Unit(Ledger):
    """The named queries, on one connection inside one transaction."""

    # -- the workspace -------------------------------------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        value: str | None = self._scalar(sa.select(t.meta.c.value).where(t.meta.c.name == key))
        return value

    def put_meta(self, key: str, value: str) -> None:
        self._upsert(t.meta, [{"name": key, "value": value}])

    def account(self, name: str) -> Mapping[str, Any] | None:
        return self._first(sa.select(t.account).where(t.account.c.name == name))

    def account_of(self, identity: str) -> Mapping[str, Any] | None:
        return self._first(sa.select(t.account).where(t.account.c.identity == identity))

    def put_account(self, name: str, crm: str, identity: str, label: str, at: datetime) -> None:
        row = {"name": name, "crm": crm, "identity": identity, "label": label, "first_seen": seconds(at), "trusted_at": None, "rows": "{}"}
        self._upsert(t.account, [{**row, "rebased": "{}", "scope": "", "emptied": ""}])

    def trust_account(self, name: str, at: datetime) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == name).values(trusted_at=seconds(at)))

    def put_scope(self, account: str, fingerprint: str) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == account).values(scope=fingerprint))

    def emptied(self, account: str) -> tuple[int, int] | None:
        """(linked, lost) as a guard saw them when this side was suddenly empty; None: it was not, or that is over."""
        text = self._scalar(sa.select(t.account.c.emptied).where(t.account.c.name == account))
        found: list[int] = json.loads(text) if text else []
        return (found[0], found[1]) if found else None

    def put_emptied(self, account: str, found: tuple[int, int] | None) -> None:
        text = "" if found is None else dumps(found)
        self._run(sa.update(t.account).where(t.account.c.name == account).values(emptied=text))

    def rebased(self, account: str) -> dict[str, list[str]]:
        """By object: the rows whose mapping changed and whose differences wait."""
        text = self._scalar(sa.select(t.account.c.rebased).where(t.account.c.name == account))
        found: dict[str, list[str]] = json.loads(text) if text else {}
        return found

    def put_rebased(self, account: str, rows: Mapping[str, Sequence[str]]) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == account).values(rebased=dumps(rows)))

    def rows_of(self, account: str) -> dict[str, dict[str, str]]:
        text = self._scalar(sa.select(t.account.c.rows).where(t.account.c.name == account))
        found: dict[str, dict[str, str]] = json.loads(text) if text is not None else {}
        return found

    def put_rows(self, account: str, rows: Mapping[str, Mapping[str, str]]) -> None:
        self._run(sa.update(t.account).where(t.account.c.name == account).values(rows=dumps(rows)))

    # -- cursors, hints, inbox -----------------------------------------------------------------------------------------------------

    def cursor(self, account: str, object: str) -> str | None:
        token: str | None = self._scalar(sa.select(t.cursor.c.token).where(t.cursor.c.account == account, t.cursor.c.object == object))
        return token

    def last_read(self, account: str, object: str) -> datetime | None:
        """When the account was read last."""
        return instant(self._scalar(sa.select(t.cursor.c.at).where(t.cursor.c.account == account, t.cursor.c.object == object)))

    def put_cursor(self, account: str, object: str, token: str, at: datetime) -> None:
        self._upsert(t.cursor, [{"account": account, "object": object, "token": token, "at": seconds(at)}])

    def drop_cursor(self, account: str, object: str) -> None:
        self._run(sa.delete(t.cursor).where(t.cursor.c.account == account, t.cursor.c.object == object))

    def put_hints(self, refs: Iterable[Ref], at: datetime) -> None:
        self._upsert(t.hint, [{**where_of(ref), "at": seconds(at)} for ref in refs])

    def hints(self, account: str) -> list[Ref]:
        return [Ref(row.account, row.object, row.id) for row in self._run(sa.select(t.hint).where(t.hint.c.account == account))]

    def drop_hints(self, refs: Iterable[Ref]) -> None:
        self._delete(t.hint, refs)

    def put_inbox(self, records: Iterable[tuple[Ref, Record]], run: str, read_at: datetime, since: datetime | None = None) -> None:
        """Keep what was read; `since` is when the account was read the time before."""
        self._upsert(t.inbox, [_inbox_row(ref, record, run, read_at, since) for ref, record in records])

    def inbox_rows(self, account: str, object: str, after: str, limit: int) -> list[tuple[Ref, Record, str, str]]:
        """What was read of an object, by id, with the lead it is given to (empty: none yet) and why it was parked (empty: it was not)."""
        inbox = t.inbox.c
        query = sa.select(t.inbox).where(inbox.account == account, inbox.object == object, inbox.id > after)
        return [
            (Ref(row.account, row.object, row.id), _record(row), row.lead_id, row.parked)
            for row in self._run(query.order_by(inbox.id).limit(limit))
        ]

    def give_to_leads(self, refs: Mapping[Ref, str]) -> None:
        rows = [{"b_account": ref.account, "b_object": ref.object, "b_id": ref.id, "b_lead": lead_id} for ref, lead_id in refs.items()]
        if rows:
            inbox = t.inbox.c
            where = (inbox.account == sa.bindparam("b_account"), inbox.object == sa.bindparam("b_object"), inbox.id == sa.bindparam("b_id"))
            self._connection.execute(sa.update(t.inbox).where(*where).values(lead_id=sa.bindparam("b_lead")), rows)

    def inbox_of(self, lead_ids: Sequence[str]) -> dict[str, dict[Ref, tuple[Record, datetime | None]]]:
        """By lead: what was read of its records, each with the moment up to which it is known not to have changed."""
        found: dict[str, dict[Ref, tuple[Record, datetime | None]]] = defaultdict(dict)
        for row in self._in(t.inbox, t.inbox.c.lead_id, lead_ids):
            found[row.lead_id][Ref(row.account, row.object, row.id)] = (_record(row), instant(row.since))
        return found

    def park(self, refs: Iterable[Ref], why: str) -> None:
        """Records that belong to nobody yet, for a reason a person has to see to; they are looked at again by every run."""
        rows = [{f"b_{name}": value for name, value in where_of(ref).items()} for ref in refs]
        if rows:
            where = [t.inbox.c[name] == sa.bindparam(f"b_{name}") for name in ("account", "object", "id")]
            self._connection.execute(sa.update(t.inbox).where(*where).values(parked=why), rows)

    def inbox_size(self) -> int:
        return int(self._scalar(sa.select(sa.func.count()).select_from(t.inbox)) or 0)

    def drop_inbox(self, refs: Iterable[Ref]) -> None:
        self._delete(t.inbox, refs)

    # -- links ---------------------------------------------------------------------------------------------------------------------

    def links_at(self, account: str, object: str, ids: Sequence[str]) -> dict[str, tuple[Link, Base]]:
        """Links by the id asked for; an id that was merged away is answered with the link of its survivor."""
        found = {link.ref.id: (link, base) for link, base in self._links(account, object, ids)}
        missing = [id for id in ids if id not in found]
        alias = t.alias.c
        query = sa.select(t.alias).where(alias.account == account, alias.object == object)
        forwards = {row.id: Ref(account, row.now_object, row.now_id) for row in self._in_query(query, alias.id, missing)} if missing else {}
        for target in {ref.object for ref in forwards.values()}:
            there = {
                link.ref.id: (link, base)
                for link, base in self._links(account, target, [r.id for r in forwards.values() if r.object == target])
            }
            found.update({id: there[ref.id] for id, ref in forwards.items() if ref.object == target and ref.id in there})
        return found

    def _links(self, account: str, object: str, ids: Sequence[str]) -> Iterator[tuple[Link, Base]]:
        query = sa.select(t.link).where(t.link.c.account == account, t.link.c.object == object)
        for row in self._in_query(query, t.link.c.id, ids):
            yield _link(row), load_base(row.base, row.read_at)

    def links_after(self, account: str, object: str, after: str, limit: int) -> list[tuple[Link, Base]]:
        """Links of an object by id, those that ended left out."""
        link = t.link.c
        query = sa.select(t.link).where(link.account == account, link.object == object, link.id > after, link.state != LinkState.ENDED)
        return [(_link(row), load_base(row.base, row.read_at)) for row in self._run(query.order_by(link.id).limit(limit))]

    def links_of(self, lead_ids: Sequence[str]) -> dict[str, list[tuple[Link, Base]]]:
        found: dict[str, list[tuple[Link, Base]]] = defaultdict(list)
        for row in self._in(t.link, t.link.c.lead_id, lead_ids):
            found[row.lead_id].append((_link(row), load_base(row.base, row.read_at)))
        return found

    def put_links(self, links: Iterable[tuple[Link, Base]]) -> None:
        self._upsert(t.link, [_link_row(link, base) for link, base in links])

    def put_alias(self, old: Ref, now: Ref) -> None:
        self._upsert(t.alias, [{**where_of(old), "now_object": now.object, "now_id": now.id}])
        self._run(
            sa.update(t.alias)
            .where(t.alias.c.account == old.account, t.alias.c.now_object == old.object, t.alias.c.now_id == old.id)
            .values(now_object=now.object, now_id=now.id)
        )

    def has_base(self, account: str) -> bool:
        return self._scalar(sa.select(t.link.c.id).where(t.link.c.account == account, t.link.c.base != "").limit(1)) is not None

    def main_links(self, lead_ids: Sequence[str]) -> set[tuple[str, str]]:
        query = sa.select(t.link.c.lead_id, t.link.c.account).where(
            t.link.c.role == Role.MAIN, t.link.c.state.not_in([LinkState.ENDED, LinkState.WITHHELD])
        )
        return {(row.lead_id, row.account) for row in self._in_query(query, t.link.c.lead_id, lead_ids)}

    # -- leads ---------------------------------------------------------------------------------------------------------------------

    def next_leads(self, after: str, now: datetime | None, limit: int) -> list[str]:
        """Leads with news, or (given `now`) with something due, by id."""
        news = sa.select(t.inbox.c.lead_id.label("id")).where(t.inbox.c.lead_id > after).distinct()
        due = sa.select(t.lead.c.id.label("id")).where(t.lead.c.due <= (-1.0 if now is None else now.timestamp()), t.lead.c.id > after)
        first = [sa.select(part.order_by("id").limit(limit).subquery().c.id) for part in (news, due)]
        both = sa.union(*first).subquery()
        return [row.id for row in self._run(sa.select(both.c.id).order_by(both.c.id).limit(limit))]

    def leads(self, ids: Sequence[str]) -> dict[str, LeadState]:
        return {row.id: _lead(row) for row in self._in(t.lead, t.lead.c.id, ids)}

    def put_leads(self, leads: Iterable[LeadState], at: datetime) -> None:
        self._upsert(t.lead, [_lead_row(lead, at) for lead in leads])

    def touch(self, lead_ids: Iterable[str]) -> None:
        for ids in chunks(sorted(set(lead_ids))):
            self._run(sa.update(t.lead).where(t.lead.c.id.in_(ids)).values(due=0.0, later=0.0))

    def touch_all(self) -> None:
        """Every lead is looked at by the next run: the settings that decide about it have changed."""
        self._run(sa.update(t.lead).values(due=0.0, later=0.0))

    def put_addresses(self, shown: Mapping[Ref, tuple[str, Iterable[str]]]) -> None:
        """Which addresses each record shows now, replacing what was kept of it."""
        self._delete(t.address, shown)
        self._upsert(
            t.address,
            [{"address": one, **where_of(ref), "lead_id": lead_id} for ref, (lead_id, found) in shown.items() for one in set(found)],
        )

    def leads_at(self, addresses: Iterable[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._in(t.address, t.address.c.address, sorted(set(addresses))):
            found[row.address].add(row.lead_id)
        return found

    def holders(self, addresses: Iterable[str]) -> dict[str, list[tuple[Ref, str]]]:
        """Records that show an address, with their leads."""
        found: dict[str, list[tuple[Ref, str]]] = defaultdict(list)
        for row in self._in(t.address, t.address.c.address, sorted(set(addresses))):
            found[row.address].append((Ref(row.account, row.object, row.id), row.lead_id))
        return found

    # -- restrictions --------------------------------------------------------------------------------------------------------------

    def restrict(self, restrictions: Iterable[Restriction], run: str) -> set[str]:
        """Keep every no; returns the addresses for which one is new."""
        unique = {(one.channel, one.address): one for one in restrictions}
        known = self.restricted({address for _, address in unique})
        fresh = {key: one for key, one in unique.items() if key not in known}
        rows = [
            {"channel": channel, "address": address, **where_of(one.ref), "seen_at": seconds(one.seen_at), "run": run}
            for (channel, address), one in fresh.items()
        ]
        self._upsert(t.restriction, rows)
        return {address for _, address in fresh}

    def restricted(self, addresses: Iterable[str]) -> set[tuple[str, str]]:
        return {(row.channel, row.address) for row in self._in(t.restriction, t.restriction.c.address, sorted(set(addresses)))}

    def lift(self, address: str) -> None:
        """Nothing is known any more that restricts this address."""
        self._run(sa.delete(t.restriction).where(t.restriction.c.address == address))

    # -- journal -------------------------------------------------------------------------------------------------------------------

    def journal(self, writes: Iterable[PlannedWrite], run: str) -> None:
        rows = [
            {
                "run": run,
                "account": write.account,
                "object": write.object,
                "id": "" if write.id is None else write.id,
                "lead_id": write.lead_id,
                "section": write.section,
                "key": write.key,
                "cells": dump_cells(write.cells),
                "state": EntryState.PLANNED,
                "outcome": "",
                "cause": "",
                "message": "",
                "sent_at": None,
                "done_at": None,
                "clears": sum(cell.new is None and cell.old is not None and not cell.held for cell in write.cells),
            }
            for write in writes
        ]
        if rows:
            self._connection.execute(sa.insert(t.journal), rows)

    def entries(
        self,
        *,
        run: str | None = None,
        account: str | None = None,
        states: Sequence[EntryState] = (),
        section: Section | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        journal, query = t.journal.c, sa.select(t.journal).where(t.journal.c.op > after).order_by(t.journal.c.op)
        for column, value in ((journal.run, run), (journal.account, account), (journal.section, section)):
            query = query if value is None else query.where(column == value)
        query = query.where(journal.state.in_(list(states))) if states else query
        query = query if limit is None else query.limit(limit)
        return [_entry(row) for row in self._run(query)]

    def written_leads(self, run: str, lead_id: str, after: str, limit: int) -> list[str]:
        """Leads of which a run wrote something (or, given one, this lead if it did), by id."""
        journal = t.journal.c
        where = [journal.run == run, journal.state == EntryState.DONE, journal.lead_id > after]
        where += [journal.lead_id == lead_id] if lead_id else []
        query = sa.select(journal.lead_id).where(*where).distinct().order_by(journal.lead_id).limit(limit)
        return [row.lead_id for row in self._run(query)]

    def accounts_written(self, run: str) -> list[str]:
        journal = t.journal.c
        query = sa.select(journal.account).where(journal.run == run, journal.state == EntryState.DONE).distinct()
        return sorted(row.account for row in self._run(query))

    def journal_of(self, lead_ids: Sequence[str]) -> dict[str, list[Entry]]:
        """Every write that ever concerned these leads, oldest first."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for row in self._in(t.journal, t.journal.c.lead_id, lead_ids):
            found[row.lead_id].append(_entry(row))
        return {lead_id: sorted(entries, key=lambda entry: entry.op) for lead_id, entries in found.items()}

    def mark(
        self, ops: Iterable[int], state: EntryState, *, outcome: str = "", cause: str = "", message: str = "", at: datetime, id: str = ""
    ) -> None:
        values: dict[str, Any] = {"state": state, "outcome": outcome, "cause": cause, "message": message}
        values["sent_at" if state is EntryState.SENT else "done_at"] = seconds(at)
        if id:
            values["id"] = id
        for chunk in chunks(list(ops)):
            self._run(sa.update(t.journal).where(t.journal.c.op.in_(chunk)).values(**values))

    def drop_planned(self) -> None:
        """Plans that no run carried out any more; what they owed is planned anew."""
        self._run(sa.delete(t.journal).where(t.journal.c.state == EntryState.PLANNED))

    def skip_planned(self, run: str, account: str, sections: Sequence[Section] | None, cause: str, at: datetime) -> int:
        """Take what is still planned out of a run; it stays owed. Returns how many."""
        journal = t.journal.c
        where = [journal.run == run, journal.account == account, journal.state == EntryState.PLANNED]
        if sections is not None:
            where.append(journal.section.in_(list(sections)))
        values = {"state": EntryState.SKIPPED, "cause": cause, "done_at": seconds(at)}
        return self._run(sa.update(t.journal).where(*where).values(**values)).rowcount

    def linked(self) -> dict[tuple[str, str], int]:
        """(account, object) -> links that have not ended."""
        link = t.link.c
        query = sa.select(link.account, link.object, sa.func.count().label("n")).where(link.state != LinkState.ENDED)
        return {(row.account, row.object): row.n for row in self._run(query.group_by(link.account, link.object))}

    def keys_without_record(self, keys: Sequence[str]) -> dict[str, str]:
        """Of `keys`, those of our creates whose record is not known yet, with their leads. A clone carries a key that has one."""
        asked = [key for key in keys if key]
        ours = {row.key: row.lead_id for row in self._in_query(sa.select(t.journal.c.key, t.journal.c.lead_id), t.journal.c.key, asked)}
        taken = {row.key for row in self._in_query(sa.select(t.link.c.key), t.link.c.key, sorted(ours))}
        return {key: lead_id for key, lead_id in ours.items() if key not in taken}

    def keys_taken(self, keys: Sequence[str]) -> set[str]:
        """Of `keys`, those that a linked record has."""
        return {row.key for row in self._in_query(sa.select(t.link.c.key), t.link.c.key, keys)}

    def prove_creates(self, ids: Mapping[str, str], at: datetime) -> None:
        """Unanswered creates whose record turned up by its key."""
        journal = t.journal.c
        for key, id in ids.items():
            where = (journal.key == key, journal.state.in_([EntryState.SENT, EntryState.UNKNOWN]))
            self._run(sa.update(t.journal).where(*where).values(state=EntryState.DONE, outcome="turned_up", id=id, done_at=seconds(at)))

    def open_entries_of(self, lead_ids: Sequence[str]) -> dict[str, list[Entry]]:
        """Writes that were sent and have no proof, by lead."""
        found: dict[str, list[Entry]] = defaultdict(list)
        query = sa.select(t.journal).where(t.journal.c.state.in_([EntryState.SENT, EntryState.UNKNOWN]))
        for row in self._in_query(query, t.journal.c.lead_id, lead_ids):
            found[row.lead_id].append(_entry(row))
        return found

    def close_debts(self, run: str) -> None:
        """Leads all of whose writes of this run ended well owe nothing any more."""
        journal = t.journal.c
        ended = sa.select(journal.lead_id).where(journal.run == run).group_by(journal.lead_id)
        ended = ended.having(sa.func.sum(sa.case((journal.state.in_([EntryState.DONE, EntryState.HELD]), 0), else_=1)) == 0)
        self._run(sa.update(t.lead).where(t.lead.c.id.in_(ended)).values(open_debts=False, due=t.lead.c.later))

    def journal_states(self, run: str) -> dict[tuple[str, str, str], int]:
        """(account, state, section) -> number of entries of a run."""
        journal = t.journal.c
        query = sa.select(journal.account, journal.state, journal.section, sa.func.count().label("n")).where(journal.run == run)
        rows = self._run(query.group_by(journal.account, journal.state, journal.section))
        return {(row.account, row.state, row.section): row.n for row in rows}

    def planned(self, run: str) -> dict[tuple[str, str], tuple[int, int]]:
        """(account, section) -> writes that a run plans or has done, and how many of them empty a field."""
        journal = t.journal.c
        clears = sa.func.sum(sa.case((journal.clears > 0, 1), else_=0))
        query = sa.select(journal.account, journal.section, sa.func.count().label("n"), clears.label("clears"))
        alive = [EntryState.PLANNED, EntryState.SENT, EntryState.UNKNOWN, EntryState.DONE]
        query = query.where(journal.run == run, journal.state.in_(alive)).group_by(journal.account, journal.section)
        return {(row.account, row.section): (row.n, int(row.clears)) for row in self._run(query)}

    # -- history, problems, reviews ------------------------------------------------------------------------------------------------

    def add_revisions(self, revisions: Mapping[str, Sequence[Revision]], run: str, at: datetime) -> None:
        rows = [
            {"lead_id": lead_id, "run": run, "at": seconds(at), "changes": dump_revisions(found)}
            for lead_id, found in revisions.items()
            if found
        ]
        if rows:
            self._connection.execute(sa.insert(t.revision), rows)

    def revisions(self, lead_id: str) -> list[tuple[str, datetime | None, list[Revision]]]:
        rows = self._run(sa.select(t.revision).where(t.revision.c.lead_id == lead_id).order_by(t.revision.c.n))
        return [(row.run, instant(row.at), load_revisions(row.changes)) for row in rows]

    def revisions_of(self, lead_ids: Sequence[str]) -> list[tuple[datetime, Revision]]:
        """Everything that ever changed in these leads, each with when it was kept."""
        rows = self._in(t.revision, t.revision.c.lead_id, lead_ids)
        return [(datetime.fromtimestamp(row.at, UTC), one) for row in rows for one in load_revisions(row.changes)]

    def replace_problems(self, lead_ids: Sequence[str], problems: Iterable[Problem], run: str, at: datetime) -> None:
        for ids in chunks(list(lead_ids)):
            self._run(sa.delete(t.problem).where(t.problem.c.lead_id.in_(ids)))
        self.add_problems(problems, run, at)

    def add_problems(self, problems: Iterable[Problem], run: str, at: datetime) -> None:
        rows = [_problem_row(problem, run, at) for problem in problems]
        if rows:
            self._connection.execute(sa.insert(t.problem), rows)

    def drop_problems(self, ids: Iterable[int]) -> None:
        for chunk in chunks(list(ids)):
            self._run(sa.delete(t.problem).where(t.problem.c.id.in_(chunk)))

    def drop_account_problems(self, account: str) -> None:
        self._run(sa.delete(t.problem).where(t.problem.c.account == account, t.problem.c.lead_id == ""))

    def problem_groups(self) -> list[Mapping[str, Any]]:
        problem = t.problem.c
        columns = (
            sa.func.min(problem.id).label("id"),
            problem.account,
            problem.cause,
            sa.func.count().label("count"),
            sa.func.min(problem.message).label("example"),
            sa.func.min(problem.fix).label("fix"),
        )
        query = sa.select(*columns).group_by(problem.account, problem.cause).order_by(sa.desc("count"), problem.account, problem.cause)
        return [dict(row) for row in self._run(query).mappings()]

    def problems_like(self, id: int) -> list[Mapping[str, Any]]:
        """All problems of the same account and cause as problem `id`."""
        one = self._first(sa.select(t.problem).where(t.problem.c.id == id))
        if one is None:
            return []
        query = (
            sa.select(t.problem).where(t.problem.c.account == one["account"], t.problem.c.cause == one["cause"]).order_by(t.problem.c.id)
        )
        return [dict(row) for row in self._run(query).mappings()]

    def ask(self, reviews: Iterable[Review], run: str, at: datetime) -> int:
        """Put questions that were not asked before; returns how many are new."""
        unique = {review.subject: review for review in reviews}
        asked = {row.subject for row in self._in(t.review, t.review.c.subject, sorted(unique))}
        rows = [_review_row(review, run, at) for subject, review in unique.items() if subject not in asked]
        if rows:
            self._connection.execute(sa.insert(t.review), rows)
        return len(rows)

    def answers_of(self, lead_ids: Sequence[str]) -> dict[str, Any]:
        """What people answered about these leads, by the subject of the question."""
        query = sa.select(t.review.c.subject, t.review.c.answer).where(t.review.c.answer.is_not(None))
        return {row.subject: json.loads(row.answer) for row in self._in_query(query, t.review.c.lead_id, lead_ids)}

    def reviews(self, *, answered: bool, limit: int) -> list[Mapping[str, Any]]:
        """Questions, the newest first: the open ones, or with `answered` all."""
        query = sa.select(t.review).order_by(t.review.c.id.desc()).limit(limit)
        return [_review(row._mapping) for row in self._run(query if answered else query.where(t.review.c.answer.is_(None)))]

    def review(self, id: int) -> Mapping[str, Any] | None:
        row = self._first(sa.select(t.review).where(t.review.c.id == id))
        return None if row is None else _review(row)

    def open_reviews(self) -> dict[str, int]:
        """Kind of question -> how many wait for an answer."""
        query = sa.select(t.review.c.kind, sa.func.count().label("n")).where(t.review.c.answer.is_(None)).group_by(t.review.c.kind)
        return {row.kind: row.n for row in self._run(query.order_by(t.review.c.kind))}

    def answer(self, id: int, answer: Any, by: str, at: datetime) -> None:
        values = {"answer": dumps(answer), "answered_at": seconds(at), "answered_by": by}
        self._run(sa.update(t.review).where(t.review.c.id == id).values(**values))

    def drop_reviews(self, subjects: Iterable[str]) -> None:
        """Open questions that have answered themselves: the sides agree by now."""
        for chunk in chunks(sorted(subjects)):
            self._run(sa.delete(t.review).where(t.review.c.subject.in_(chunk), t.review.c.answer.is_(None)))

    # -- what people decided about pairs --------------------------------------------------------------------------------------------

    def decide_pair(self, one: str, other: str, verdict: str, by: str, at: datetime) -> None:
        """Remember for ever that two leads or records are the `same` person or `different` ones; see `sync.state.pair_key`."""
        left, right = sorted((one, other))
        self._upsert(t.decision, [{"left": left, "right": right, "verdict": verdict, "by": by, "at": seconds(at)}])

    def decisions_about(self, keys: Sequence[str]) -> dict[tuple[str, str], str]:
        """(left, right) -> verdict, for all pairs of which a side is among `keys`."""
        found = [row for column in (t.decision.c.left, t.decision.c.right) for row in self._in(t.decision, column, keys)]
        return {(row.left, row.right): row.verdict for row in found}

    # -- runs, routing -------------------------------------------------------------------------------------------------------------

    def start_run(self, kind: str, at: datetime) -> str:
        values = {"kind": kind, "started": seconds(at), "finished": None, "status": "running", "summary": "{}"}
        result = self._connection.execute(sa.insert(t.run).values(**values))
        primary_key = result.inserted_primary_key
        assert primary_key is not None  # noqa: S101  # an insert of one row always has one
        return str(primary_key[0])

    def finish_run(self, id: str, status: str, summary: Mapping[str, Any], at: datetime) -> None:
        values = {"status": status, "summary": dumps(summary), "finished": seconds(at)}
        self._run(sa.update(t.run).where(t.run.c.id == int(id)).values(**values))

    def runs(self, limit: int) -> list[Mapping[str, Any]]:
        return [dict(row) for row in self._run(sa.select(t.run).order_by(t.run.c.id.desc()).limit(limit)).mappings()]

    def run(self, id: str) -> Mapping[str, Any] | None:
        return self._first(sa.select(t.run).where(t.run.c.id == int(id))) if id.isdecimal() else None

    def pools(self) -> dict[str, Any]:
        """The counters of the routing pools, as they were packed."""
        text = self.meta("pools")
        packed: dict[str, Any] = {} if text is None else json.loads(text)
        return packed

    def put_pools(self, packed: Mapping[str, Any]) -> None:
        self.put_meta("pools", dumps(packed))

    def put_assignments(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._upsert(t.assignment, rows)

    def assignments(self, lead_id: str) -> list[Mapping[str, Any]]:
        """How a lead was routed, epoch by epoch."""
        query = sa.select(t.assignment).where(t.assignment.c.lead_id == lead_id).order_by(t.assignment.c.epoch)
        return [dict(row) for row in self._run(query).mappings()]

    # -- looking ------------------------------------------------------------------------------------------------------------------

    def lead_ids(self, after: str, limit: int) -> list[str]:
        return [row.id for row in self._run(sa.select(t.lead.c.id).where(t.lead.c.id > after).order_by(t.lead.c.id).limit(limit))]

    def find_leads(self, prefix: str, address: str) -> list[str]:
        """Leads by the beginning of their id or by an address."""
        by_id = sa.select(t.lead.c.id).where(t.lead.c.id.startswith(prefix, autoescape=True), sa.literal(prefix) != "").limit(20)
        by_address = sa.select(t.address.c.lead_id.label("id")).where(t.address.c.address == address).distinct().limit(20)
        return sorted({row.id for query in (by_id, by_address) for row in self._run(query)})

    def accounts(self) -> dict[str, Mapping[str, Any]]:
        """Every account that was ever contacted, with when it was read last (seconds since the epoch, the oldest of its objects)."""
        query = sa.select(t.cursor.c.account, sa.func.min(t.cursor.c.at).label("at")).group_by(t.cursor.c.account)
        read = {row.account: row.at for row in self._run(query)}
        return {row["name"]: {**row, "read_at": read.get(row["name"])} for row in self._run(sa.select(t.account)).mappings()}

    def unanswered(self) -> int:
        """Writes that left and have no proof."""
        states = [EntryState.SENT, EntryState.UNKNOWN]
        return int(self._scalar(sa.select(sa.func.count()).select_from(t.journal).where(t.journal.c.state.in_(states))) or 0)

    def due(self, now: datetime) -> int:
        """Leads that the next run looks at although nobody edits them."""
        return int(self._scalar(sa.select(sa.func.count()).select_from(t.lead).where(t.lead.c.due <= now.timestamp())) or 0)

    def counts(self) -> dict[str, int]:
        tables = (t.lead, t.link, t.review, t.problem, t.inbox, t.restriction)
        return {table.name: int(self._scalar(sa.select(sa.func.count()).select_from(table)) or 0) for table in tables}


def _inbox_row(ref: Ref, record: Record, run: str, read_at: datetime, since: datetime | None) -> dict[str, Any]:
    moved_object, moved_id = record.moved_to if record.moved_to is not None else ("", "")
    return {
        **where_of(ref),
        "fields": dumps(record.fields),
        "changed_at": seconds(record.changed_at),
        "created_at": seconds(record.created_at),
        "since": seconds(since),
        "ending": "" if record.ending is None else record.ending,
        "moved_object": moved_object,
        "moved_id": moved_id,
        "aliases": dumps(record.aliases),
        "run": run,
        "read_at": seconds(read_at),
        "lead_id": "",
        "parked": "",
    }


def _record(row: Any) -> Record:
    return Record(
        row.object,
        row.id,
        json.loads(row.fields),
        None,
        instant(row.changed_at),
        instant(row.created_at),
        None if row.ending == "" else Ending(row.ending),
        None if row.moved_id == "" else (row.moved_object, row.moved_id),
        tuple(json.loads(row.aliases)),
    )


def _link(row: Any) -> Link:
    return Link(Ref(row.account, row.object, row.id), row.lead_id, Role(row.role), LinkState(row.state), row.key, row.ending)


def _link_row(link: Link, base: Base) -> dict[str, Any]:
    return {
        **where_of(link.ref),
        "lead_id": link.lead_id,
        "role": link.role,
        "state": link.state,
        "key": link.key,
        "ending": link.ending,
        "base": dump_base(base) if base.pairs else "",
        "read_at": seconds(base.read_at),
    }


def _lead(row: Any) -> LeadState:
    return LeadState(
        row.id,
        load_fields(row.fields),
        load_origins(row.origins),
        instant(row.stage_since),
        row.stage_held,
        row.epoch,
        row.routed_epoch,
        row.version,
        instant(row.created_at),
        row.open_debts,
        instant(row.later),
        load_asked(row.asked),
    )


def _lead_row(lead: LeadState, at: datetime) -> dict[str, Any]:
    return {
        "id": lead.id,
        "fields": dump_fields(lead.fields),
        "origins": dump_origins(lead.origins),
        "stage_since": seconds(lead.stage_since),
        "stage_held": lead.stage_held,
        "epoch": lead.epoch,
        "routed_epoch": lead.routed_epoch,
        "version": lead.version,
        "created_at": seconds(lead.created_at),
        "changed_at": seconds(at),
        "due": 0.0 if lead.open_debts else seconds(lead.due),
        "later": seconds(lead.due),
        "open_debts": lead.open_debts,
        "asked": dump_asked(lead.asked),
    }


def _entry(row: Any) -> Entry:
    write = PlannedWrite(
        row.account, row.object, row.lead_id, Section(row.section), load_cells(row.cells), None if row.id == "" else row.id, row.key
    )
    return Entry(row.op, row.run, write, EntryState(row.state), instant(row.sent_at), row.outcome, instant(row.done_at))


def _problem_row(problem: Problem, run: str, at: datetime) -> dict[str, Any]:
    return {
        "account": problem.account,
        "cause": problem.cause,
        "object": "" if problem.ref is None else problem.ref.object,
        "record": "" if problem.ref is None else problem.ref.id,
        "lead_id": problem.lead_id,
        "field": problem.field,
        "message": problem.message,
        "fix": problem.fix,
        "run": run,
        "at": seconds(at),
    }


def _review(row: Any) -> dict[str, Any]:
    answer = None if row["answer"] is None else json.loads(row["answer"])
    refs = [Ref(*ref) for ref in json.loads(row["refs"])]
    return {**row, "open": row["answer"] is None, "answer": answer, "refs": refs, "choices": json.loads(row["choices"])}


def _review_row(review: Review, run: str, at: datetime) -> dict[str, Any]:
    return {
        "kind": review.kind,
        "subject": review.subject,
        "lead_id": review.lead_id,
        "refs": dumps([list(ref) for ref in review.refs]),
        "question": review.question,
        "run": run,
        "at": seconds(at),
        "answer": None,
        "field": review.field,
        "choices": dumps(list(review.choices)),
    }
