"""What of every lead is compared, who has which key, and how often each value occurs: kept up with the leads, in their transactions.

Keys and values are hashed with the secret of the store, so that names and numbers cannot be tried out against a copy of these tables.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from leads.matching.blocking import HUB
from leads.matching.features import WIDTH, Row, hashed
from leads.matching.live import VERSION, Counts, Likeness, Seal, Value, counted, keys_of, weighed
from store import schema as t
from store.queries import Queries

AT_ONCE: Final = 5_000  # values of one list: hashes are many and short
CROWD: Final = 25 * HUB  # a key that so many share finds nobody; who comes later is not filed under it any more


@dataclass(frozen=True, slots=True)
class Kept:
    """The likeness of a lead as the store has it, under a number of its own."""

    n: int
    lead_id: str
    likeness: Likeness
    keys: frozenset[int]
    due: bool  # still to be compared with the others


class Likenesses(Queries):
    # -- keeping -------------------------------------------------------------------------------------------------------------------

    def put_likenesses(self, found: Mapping[str, Likeness]) -> int:
        """Keep what of these leads is compared; those of which it is new are due. Returns how many."""
        seals = {lead_id: _sealed(self.seal, one) for lead_id, one in found.items()}
        before = {row.lead_id: row for row in self._listed(_BY_LEAD, sorted(found))}
        fresh = [lead_id for lead_id in found if lead_id not in before or before[lead_id].seal != seals[lead_id]]
        if not fresh:
            return 0
        numbers = self._numbered([lead_id for lead_id in fresh if lead_id not in before])
        numbers |= {lead_id: before[lead_id].n for lead_id in fresh if lead_id in before}
        keys = [frozenset(map(self.seal, one)) for one in keys_of([found[lead_id] for lead_id in fresh])]
        now = [Kept(numbers[lead_id], lead_id, found[lead_id], mine, due=True) for lead_id, mine in zip(fresh, keys, strict=True)]
        self._replace([_kept(before[lead_id]) for lead_id in fresh if lead_id in before], now)
        rows = [{**_columns(one), "b_n": one.n, "seal": seals[one.lead_id]} for one in now]
        self._write(sa.update(t.likeness).where(t.likeness.c.n == sa.bindparam("b_n")), rows)
        return len(fresh)

    def forget_likeness(self, lead_id: str) -> None:
        self._replace(list(self.likenesses([lead_id]).values()), [])
        self._run(sa.delete(t.likeness).where(t.likeness.c.lead_id == lead_id))

    def _numbered(self, lead_ids: Sequence[str]) -> dict[str, int]:
        """A number for each lead that has none."""
        blank = {"seal": 0, "rows": b"", "keys": b"", "words": "", "crms": "", "due": True}
        self._write(sa.insert(t.likeness), [{"lead_id": lead_id, **blank} for lead_id in lead_ids])
        query = sa.select(t.likeness.c.n, t.likeness.c.lead_id)
        return {row.lead_id: row.n for row in self._in_query(query, t.likeness.c.lead_id, lead_ids)}

    def _replace(self, before: Sequence[Kept], after: Sequence[Kept]) -> None:
        old = {(key, one.n) for one in before for key in one.keys}
        new = {(key, one.n) for one in after for key in one.keys}
        self._write(_FILE, [{"b_key": key, "b_lead": n} for key, n in sorted(new - old)])
        self._write(_UNFILE, [{"b_key": key, "b_lead": n} for key, n in sorted(old - new)])
        changes = self._counts(after)
        changes.subtract(self._counts(before))
        self._count(changes)

    def _counts(self, leads: Sequence[Kept]) -> Counter[tuple[int, int]]:
        every: Counter[tuple[int, int, int]] = Counter()
        for one in leads:
            every.update(counted(one.likeness))
        return Counter({(self.seal(kind, value), part): number for (kind, value, part), number in every.items()})

    def _count(self, found: Mapping[tuple[int, int], int]) -> None:
        changes = [{"value": value, "part": part, "number": number} for (value, part), number in sorted(found.items()) if number != 0]
        self._add(t.likeness_count, "number", changes)
        self._write(_UNCOUNT, [{"b_value": row["value"], "b_part": row["part"]} for row in changes if row["number"] < 0])

    def _write(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)

    # -- asking --------------------------------------------------------------------------------------------------------------------

    def likenesses(self, lead_ids: Iterable[str]) -> dict[str, Kept]:
        return {row.lead_id: _kept(row) for row in self._listed(_BY_LEAD, sorted(set(lead_ids)))}

    def due_likenesses(self, after: int, limit: int) -> list[Kept]:
        """The next leads that are to be compared."""
        due = t.likeness.c
        query = sa.select(t.likeness).where(sa.text("due"), due.n > after).order_by(due.n).limit(limit)
        return [_kept(row) for row in self._run(query)]

    def compared(self, numbers: Sequence[int]) -> None:
        """These leads have been compared with all others."""
        self._write(
            sa.update(t.likeness).where(t.likeness.c.n == sa.bindparam("b_n")).values(due=False), [{"b_n": number} for number in numbers]
        )

    def alike(self, asked: Sequence[Kept]) -> dict[int, list[Kept]]:
        """For each lead by its number the others worth comparing it with: those that share a key which is not too common."""
        holders = self._holders(sorted({key for one in asked for key in one.keys}))
        near = {one.n: {other for key in one.keys for other in holders.get(key, ())} - {one.n} for one in asked}
        known = {one.n: one for one in asked}
        missing = sorted({other for found in near.values() for other in found} - set(known))
        known |= {row.n: _kept(row) for row in self._listed(_BY_NUMBER, missing)}
        return {n: [known[other] for other in sorted(found)] for n, found in near.items()}

    def _holders(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """The leads that have a key, for keys of which they are no more than a hub."""
        return {row.key: [int(one) for one in row.leads.split(",")] for row in self._listed(_HOLDERS, keys)}

    def counts_for(self, likenesses: Iterable[Likeness]) -> Counts:
        """How often what these leads are compared by occurs among all."""
        values = {self.seal(*value): value for one in likenesses for value in weighed(one)}
        found: dict[Value, dict[int, int]] = defaultdict(dict)
        for row in self._listed(_COUNTS, sorted(values)):
            found[values[row.value]][row.part] = row.number
        return found

    def _listed(self, query: sa.Select[Any], values: Sequence[Any]) -> Iterator[sa.Row[Any]]:
        for start in range(0, len(values), AT_ONCE):
            yield from self._connection.execute(query, {"values": values[start : start + AT_ONCE]})

    # -- beginning anew ------------------------------------------------------------------------------------------------------------

    def leads_without_likeness(self, limit: int) -> list[str]:
        there = sa.select(t.likeness.c.n).where(t.likeness.c.lead_id == t.lead.c.id).exists()
        return [row.id for row in self._run(sa.select(t.lead.c.id).where(~there).order_by(t.lead.c.id).limit(limit))]

    def drop_likenesses(self) -> None:
        for table in (t.likeness, t.likeness_key, t.likeness_count):
            self._run(sa.delete(table))

    @cached_property
    def seal(self) -> Seal:
        return Seal(self._scalar(sa.select(t.meta.c.value).where(t.meta.c.name == "secret")))


# Built once: while somebody waits for one lead, building a statement takes longer than running it.
_VALUES: Final[sa.BindParameter[Any]] = sa.bindparam("values", expanding=True)
_KEY: Final = t.likeness_key.c
_BY_LEAD: Final = sa.select(t.likeness).where(t.likeness.c.lead_id.in_(_VALUES))
_BY_NUMBER: Final = sa.select(t.likeness).where(t.likeness.c.n.in_(_VALUES))
_COUNTS: Final = sa.select(t.likeness_count).where(t.likeness_count.c.value.in_(_VALUES))
_HOLDERS: Final = (
    sa.select(_KEY.key, sa.func.aggregate_strings(sa.cast(_KEY.lead, sa.Text), ",").label("leads"))
    .where(_KEY.key.in_(_VALUES))
    .group_by(_KEY.key)
    .having(sa.func.count() <= HUB)
)
_SHARING: Final = sa.select(_KEY.lead).where(_KEY.key == sa.bindparam("b_key")).limit(CROWD).subquery()
_FILE: Final = sa.insert(t.likeness_key).from_select(
    ["key", "lead"],
    sa.select(sa.bindparam("b_key", type_=sa.BigInteger), sa.bindparam("b_lead", type_=sa.Integer)).where(
        sa.select(sa.func.count()).select_from(_SHARING).scalar_subquery() < CROWD
    ),
)
_COUNT: Final = t.likeness_count.c
_UNCOUNT: Final = sa.delete(t.likeness_count).where(
    _COUNT.value == sa.bindparam("b_value"), _COUNT.part == sa.bindparam("b_part"), _COUNT.number <= 0
)
_UNFILE: Final = sa.delete(t.likeness_key).where(_KEY.key == sa.bindparam("b_key"), _KEY.lead == sa.bindparam("b_lead"))


# Documents


def _columns(kept: Kept) -> dict[str, Any]:
    likeness = kept.likeness
    keys = np.array(sorted(kept.keys), dtype=">i8")
    words = "\n".join(likeness.words[code] for code in sorted(likeness.words))
    crms = " ".join(sorted(likeness.crms))
    return {"rows": _dump_rows(likeness.rows), "keys": bytes(keys), "words": words, "crms": crms, "due": kept.due}


def _sealed(seal: Seal, likeness: Likeness) -> int:
    crms = (int.from_bytes(crm.encode()[:7], "big") for crm in sorted(likeness.crms))
    return seal(int.from_bytes(VERSION.encode(), "big"), *(cell for row in likeness.rows for cell in row), *crms)


def _kept(row: Any) -> Kept:
    words = {hashed(word): word for word in row.words.split("\n") if word != ""}
    likeness = Likeness(_load_rows(row.rows), words, frozenset(row.crms.split()))
    return Kept(row.n, row.lead_id, likeness, frozenset(np.frombuffer(row.keys, dtype=">i8").tolist()), row.due)


def _dump_rows(rows: Sequence[Row]) -> bytes:
    """Most cells are empty: which are not, one bit each, and then those."""
    cells = np.array(rows, dtype=">i8").reshape(-1)
    return bytes([len(rows)]) + bytes(np.packbits(cells != 0)) + bytes(cells[cells != 0])


def _load_rows(text: bytes) -> tuple[Row, ...]:
    cells = np.zeros(text[0] * WIDTH, dtype=np.int64)
    bits = 1 + (len(cells) + 7) // 8
    given = np.unpackbits(np.frombuffer(text[1:bits], dtype=np.uint8), count=len(cells)).astype(bool)
    cells[given] = np.frombuffer(text[bits:], dtype=">i8")
    return tuple(cells.reshape(-1, WIDTH).tolist())
