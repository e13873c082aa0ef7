"""The leads, their addresses, and whom nobody may contact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store import schema as t
from store.documents import dump_lead, instant, load_lead, seconds
from store.queries import Queries, chunks, where_of
from sync.state import LeadState, LinkState, Ref

CROWD = 1_000  # so many leads that are due are many


class Leads(Queries):
    def next_leads(self, after: str, now: datetime | None, limit: int) -> list[str]:
        """Leads with news, or (given `now`) with something due, by id."""
        news = sa.select(t.inbox.c.lead_id.label("id")).where(t.inbox.c.lead_id > after).distinct()
        parts = [news] if now is None else [news, self._due(after, now.timestamp())]
        first = [sa.select(part.order_by("id").limit(limit).subquery().c.id) for part in parts]
        both = sa.union(*first).subquery()
        return [row.id for row in self._run(sa.select(both.c.id).order_by(both.c.id).limit(limit))]

    def _due(self, after: str, now: float) -> sa.Select[tuple[str]]:
        """Where few are due they are looked up, however many are not; a crowd is met on the way through all leads, in their order."""
        lead = t.lead.c
        due = sa.select(lead.id.label("id")).where(lead.due <= now)
        looked_up = sa.select(lead.due).where(lead.due <= now).limit(CROWD + 1).subquery()
        if (self._scalar(sa.select(sa.func.count()).select_from(looked_up)) or 0) > CROWD:
            return due.where(lead.id > after)
        few = due.limit(CROWD).subquery()
        return sa.select(few.c.id).where(few.c.id > after)

    def leads(self, ids: Sequence[str]) -> dict[str, LeadState]:
        return {row.id: load_lead(row._mapping, instant(row.later)) for row in self._in(t.lead, t.lead.c.id, ids)}

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

    def addresses_of_leads(self, lead_ids: Sequence[str]) -> set[str]:
        """What the records of these leads show, also where the leads have it no more."""
        return {row.address for row in self._in(t.address, t.address.c.lead_id, sorted(lead_ids))}

    def sharing(self, lead_ids: Iterable[str]) -> set[str]:
        """These leads, and those that share an address with one of them."""
        ids = set(lead_ids)
        return ids.union(*self.leads_at(self.addresses_of_leads(sorted(ids))).values()) if ids else ids

    def addresses_shown(self, refs: Iterable[Ref]) -> dict[Ref, set[str]]:
        """The addresses that each of these records shows."""
        found: dict[Ref, set[str]] = defaultdict(set)
        for row in self._at(t.address, refs):
            found[Ref(row.account, row.object, row.id)].add(row.address)
        return found

    def holders(self, addresses: Iterable[str]) -> dict[str, list[tuple[Ref, str]]]:
        """Records that show an address, with their leads; those that have ended show nothing any more."""
        found: dict[str, list[tuple[Ref, str]]] = defaultdict(list)
        query = sa.select(t.address).where(~is_of_an_ended_record(t.address))
        for row in self._in_query(query, t.address.c.address, sorted(set(addresses))):
            found[row.address].append((Ref(row.account, row.object, row.id), row.lead_id))
        return found

    def restricted(self, addresses: Iterable[str]) -> set[tuple[str, str]]:
        """What is denied at these addresses: where it was said, and wherever else somebody is known who said it as a person."""
        wanted = sorted(set(addresses))
        said, known = t.restriction.c, t.address.c
        there = {(row.channel, row.address) for row in self._in(t.restriction, said.address, wanted)}
        theirs = sa.select(said.channel, known.address).join_from(
            t.address, t.restriction, said.address == sa.literal("lead:") + known.lead_id
        )
        return there | {(row.channel, row.address) for row in self._in_query(theirs, known.address, wanted)}


def _lead_row(lead: LeadState, at: datetime) -> dict[str, Any]:
    return {
        **dump_lead(lead),
        "changed_at": seconds(at),
        "due": 0.0 if lead.open_debts else seconds(lead.due),
        "later": seconds(lead.due),
    }


def is_of_an_ended_record(address: Any) -> sa.Exists:
    """Whether a row of addresses is what a record showed that is there no more."""
    link, one = t.link.c, address.c
    same = (link.account == one.account, link.object == one.object, link.id == one.id)
    return sa.select(sa.literal(1)).select_from(t.link).where(*same, link.state == LinkState.ENDED).exists()
