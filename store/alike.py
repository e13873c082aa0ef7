"""Whom a lead may be: the likenesses that share something with it, and how common that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

import sqlalchemy as sa

from leads.matching.blocking import HUB
from leads.matching.live import Counts, Likeness, Seal, Value, weighed
from store import schema as t
from store.kept import Kept, kept
from store.prepared import Prepared

_SECRET: Final = sa.text("select value from meta where name = 'secret'")


class Alike(Prepared):
    def likenesses(self, lead_ids: Iterable[str]) -> dict[str, Kept]:
        return {row.lead_id: kept(row) for row in self._listed("by_lead", sorted(set(lead_ids)))}

    def due_likenesses(self, after: int, limit: int) -> list[Kept]:
        """The next leads that are to be compared."""
        due = t.likeness.c
        query = sa.select(t.likeness).where(sa.text("due"), due.n > after).order_by(due.n).limit(limit)
        return [kept(row) for row in self._run(query)]

    def compared(self, numbers: Sequence[int]) -> None:
        """These leads have been compared with all others."""
        self._asked("compared", numbers)

    def alike(self, asked: Sequence[Kept]) -> dict[int, list[Kept]]:
        """For each lead by its number the others worth comparing it with: those that share a key which is not too common."""
        keys = {one.n: one.keys for one in asked}
        holders = self._holders(sorted({key for mine in keys.values() for key in mine}))
        near = {n: {other for key in mine for other in holders.get(key, ())} - {n} for n, mine in keys.items()}
        known = {one.n: one for one in asked}
        missing = sorted({other for found in near.values() for other in found} - set(known))
        known |= {row.n: kept(row) for row in self._listed("by_number", missing)}
        return {n: [known[other] for other in sorted(found)] for n, found in near.items()}

    def _holders(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """The leads that have a key, for keys of which they are no more than a hub; of a hub no more are read than show that it is one."""
        found: dict[int, list[int]] = defaultdict(list)
        for row in self._listed("holders", keys):
            found[row.key].append(row.lead)
        return {key: leads for key, leads in found.items() if len(leads) <= HUB}

    def counts_for(self, likenesses: Iterable[Likeness]) -> Counts:
        """How often what these leads are compared by occurs among all."""
        wanted = {value for one in likenesses for value in weighed(one)}
        values = {self.seal(*value): value for value in wanted}
        found: dict[Value, dict[int, int]] = defaultdict(dict)
        for row in self._listed("counts", sorted(values)):
            found[values[row.value]][row.part] = row.number
        return found

    @cached_property
    def seal(self) -> Seal:
        return Seal(str(self._connection.execute(_SECRET).scalar()))
