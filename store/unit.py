"""One transaction on the store: every question the pipeline asks and every fact it keeps, as a named query."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store import schema as t
from store.accounts import Accounts
from store.history import History
from store.inbox import Inbox
from store.joinings import Joinings
from store.journal import Journal
from store.leads import Leads, is_of_an_ended_record
from store.ledger import Ledger
from store.links import Links
from store.runs import Runs
from sync.journal import EntryState


class Unit(Accounts, Inbox, Links, Leads, Journal, History, Runs, Ledger, Joinings):
    """All named queries, on one connection inside one transaction; here those that look across the tables."""

    def lead_ids(self, after: str, limit: int) -> list[str]:
        return [row.id for row in self._run(sa.select(t.lead.c.id).where(t.lead.c.id > after).order_by(t.lead.c.id).limit(limit))]

    def find_leads(self, prefix: str, address: str) -> list[str]:
        """Leads by the beginning of their id (or of one that they had before they became part of another) or by an address."""
        by_id = sa.select(t.lead.c.id).where(t.lead.c.id.startswith(prefix, autoescape=True), sa.literal(prefix) != "").limit(20)
        by_address = sa.select(t.address.c.lead_id.label("id")).where(t.address.c.address == address).distinct().limit(20)
        found = {row.id for query in (by_id, by_address) for row in self._run(query)}
        return sorted(found | set(self.survivors(self.former_names(prefix) if prefix != "" else ()).values()))

    def freed(self) -> set[tuple[str, str]]:
        """(lead, account) of the creates that waited because a record of another lead there had an address that none has now."""
        mine, theirs, problem = t.address.alias("mine"), t.address.alias("theirs"), t.problem.c
        taken = (
            sa.select(sa.literal(1))
            .select_from(mine.join(theirs, theirs.c.address == mine.c.address))
            .where(mine.c.lead_id == problem.lead_id, theirs.c.account == problem.account, theirs.c.lead_id != problem.lead_id)
            .where(mine.c.address.startswith("email:"), ~is_of_an_ended_record(theirs))
        )
        query = sa.select(problem.lead_id, problem.account).where(problem.cause == "address_taken", ~taken.exists())
        return {(row.lead_id, row.account) for row in self._run(query)}

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
