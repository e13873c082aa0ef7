"""What of every lead is compared, who has which key, and how often each value occurs: kept up with the leads, in their transactions.

A new lead is filed under its keys only when the leads of a run are about to be compared, with all others that came: in the order of the
keys, so that a million of them are written page by page. Who is filed and changes is filed anew at once.

Keys and values are hashed with the secret of the store, so that names and numbers cannot be tried out against a copy of these tables.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from struct import unpack
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from leads.matching.blocking import HUB, Ints
from leads.matching.features import WIDTH, Row, hashed
from leads.matching.live import VERSION, Counts, Likeness, Seal, Share, Value, counted, keys_of, weighed
from store import schema as t
from store.queries import Queries

AT_ONCE: Final = 5_000  # values of one list: hashes are many and short
FILED_AT_ONCE: Final = 100_000  # leads; each page of the keys is written once for so many
WRITTEN_AT_ONCE: Final = 50_000  # rows


@dataclass(frozen=True, slots=True)
class Kept:
    """The likeness of a lead as the store has it, under a number of its own."""

    n: int
    lead_id: str
    likeness: Likeness
    seal: int  # of everything that is compared
    packed: bytes  # its keys
    due: bool  # still to be compared with the others
    filed: bool  # found by its keys, and counted

    @property
    def keys(self) -> frozenset[int]:
        return frozenset(np.frombuffer(self.packed, dtype=KEYS).tolist())


KEYS: Final = ">i8"


class Likenesses(Queries):
    # -- keeping -------------------------------------------------------------------------------------------------------------------

    def put_likenesses(self, found: Mapping[str, Likeness]) -> int:
        """Keep what of these leads is compared; those of which it is new are due. Returns how many."""
        seals = {lead_id: _sealed(self.seal, one) for lead_id, one in found.items()}
        before = self.likenesses(found)
        fresh = [lead_id for lead_id in found if lead_id not in before or before[lead_id].seal != seals[lead_id]]
        if not fresh:
            return 0
        keys = {lead_id: _packed(map(self.seal, one)) for lead_id, one in zip(fresh, keys_of([found[id] for id in fresh]), strict=True)}
        new = [lead_id for lead_id in fresh if lead_id not in before]
        self._write(_NEW, [_columns(id, found[id], keys[id], seals[id]) | {"filed": False} for id in new])
        was = [before[lead_id] for lead_id in fresh if lead_id in before]
        now = [Kept(one.n, one.lead_id, found[one.lead_id], 0, keys[one.lead_id], True, True) for one in was]
        self._replace([one for one in was if one.filed], [after for one, after in zip(was, now, strict=True) if one.filed])
        self._write(_CHANGE, [{"b_n": one.n, **_columns(one.lead_id, one.likeness, one.packed, seals[one.lead_id])} for one in now])
        return len(fresh)

    def file_likenesses(self) -> int:
        """File the next of the leads that are new under their keys, and count what they have. Returns how many: 0 when none is left."""
        numbers, sizes, keys = array("q"), array("q"), bytearray()
        shares = array("q"), array("q")
        for row in self._connection.execute(_UNFILED, {"limit": FILED_AT_ONCE}):
            numbers.append(row.n)
            sizes.append(len(row.keys) // 8)
            keys += row.keys
            for (kind, value, part), number in counted(_kept(row).likeness).items():
                shares[0].extend([self.seal(kind, value)] * number)
                shares[1].extend([part] * number)
        if len(numbers) == 0:
            return 0
        self._file(np.frombuffer(keys, dtype=KEYS).astype(np.int64), np.repeat(np.array(numbers), np.array(sizes)))
        self._count(*_summed(np.array(shares[0]), np.array(shares[1])))
        self._connection.execute(_IS_FILED, {"last": numbers[-1]})
        return len(numbers)

    def _file(self, keys: Ints, leads: Ints) -> None:
        order = np.lexsort((leads, keys))
        for at in _slices(len(order)):
            rows = zip(keys[order[at]].tolist(), leads[order[at]].tolist(), strict=True)
            self._write(_FILE, [{"key": key, "lead": lead} for key, lead in rows])

    def _count(self, values: Ints, parts: Ints, numbers: Ints) -> None:
        for at in _slices(len(values)):
            rows = zip(values[at].tolist(), parts[at].tolist(), numbers[at].tolist(), strict=True)
            self._write(_add(self._connection.dialect.name), [{"value": v, "part": p, "number": n} for v, p, n in rows])

    def forget_likeness(self, lead_id: str) -> None:
        self._replace([one for one in self.likenesses([lead_id]).values() if one.filed], [])
        self._run(sa.delete(t.likeness).where(t.likeness.c.lead_id == lead_id))

    def _replace(self, before: Sequence[Kept], after: Sequence[Kept]) -> None:
        old = {(key, one.n) for one in before for key in one.keys}
        new = {(key, one.n) for one in after for key in one.keys}
        self._write(_FILE, [{"key": key, "lead": n} for key, n in sorted(new - old)])
        self._write(_UNFILE, [{"key": key, "lead": n} for key, n in sorted(old - new)])
        changes = _counted(after)
        changes.subtract(_counted(before))
        moved = sorted((self.seal(kind, value), part, number) for (kind, value, part), number in changes.items() if number != 0)
        self._count(*np.array(moved, dtype=np.int64).reshape(-1, 3).T)
        self._write(_UNCOUNT, [{"value": value, "part": part} for value, part, number in moved if number < 0])

    # -- asking --------------------------------------------------------------------------------------------------------------------

    def likenesses(self, lead_ids: Iterable[str]) -> dict[str, Kept]:
        return {row.lead_id: _kept(row) for row in self._listed("by_lead", sorted(set(lead_ids)))}

    def due_likenesses(self, after: int, limit: int) -> list[Kept]:
        """The next leads that are to be compared."""
        due = t.likeness.c
        query = sa.select(t.likeness).where(sa.text("due"), due.n > after).order_by(due.n).limit(limit)
        return [_kept(row) for row in self._run(query)]

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
        known |= {row.n: _kept(row) for row in self._listed("by_number", missing)}
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

    def _listed(self, name: str, values: Sequence[Any]) -> Iterator[sa.Row[Any]]:
        for start in range(0, len(values), AT_ONCE):
            yield from self._asked(name, values[start : start + AT_ONCE]).all()

    def _asked(self, name: str, values: Sequence[Any]) -> sa.CursorResult[Any]:
        text, by_place = _compiled(_query(name, self._connection.dialect.name), self._connection.dialect)
        found = self._list(values)
        return self._connection.exec_driver_sql(text, (found,) if by_place else {"values": found})

    def _list(self, values: Sequence[Any]) -> Any:
        return json.dumps(values) if self._connection.dialect.name == "sqlite" else list(values)

    def _write(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement for many rows by the driver alone: it costs half of what it costs by way of all types of their columns."""
        if rows:
            text, names = _compiled(statement, self._connection.dialect)
            self._connection.exec_driver_sql(text, [tuple(row[name] for name in names) for row in rows] if names else list(rows))

    # -- beginning anew ------------------------------------------------------------------------------------------------------------

    def leads_without_likeness(self, after: str, limit: int) -> list[str]:
        there = sa.select(t.likeness.c.n).where(t.likeness.c.lead_id == t.lead.c.id).exists()
        return [row.id for row in self._run(sa.select(t.lead.c.id).where(t.lead.c.id > after, ~there).order_by(t.lead.c.id).limit(limit))]

    def drop_likenesses(self) -> None:
        for table in (t.likeness, t.likeness_key, t.likeness_count):
            self._run(sa.delete(table))

    @cached_property
    def seal(self) -> Seal:
        return Seal(str(self._connection.execute(_SECRET).scalar()))


# Built once: while somebody waits for one lead, building a statement takes longer than running it.
_KEY: Final = t.likeness_key.c
_COUNT: Final = t.likeness_count.c
_FILE: Final = sa.insert(t.likeness_key)
_UNFILE: Final = sa.delete(t.likeness_key).where(_KEY.key == sa.bindparam("key"), _KEY.lead == sa.bindparam("lead"))
_UNCOUNT: Final = sa.delete(t.likeness_count).where(
    _COUNT.value == sa.bindparam("value"), _COUNT.part == sa.bindparam("part"), sa.text("number <= 0")
)
_NEW: Final = sa.insert(t.likeness).values({one.name: sa.bindparam(one.name) for one in t.likeness.c if one.name != "n"})
_CHANGED: Final = ("seal", "rows", "keys", "words", "crms", "due")
_CHANGE: Final = sa.update(t.likeness).where(t.likeness.c.n == sa.bindparam("b_n")).values({name: sa.bindparam(name) for name in _CHANGED})
_SECRET: Final = sa.text("select value from meta where name = 'secret'")
_UNFILED: Final = sa.text("select * from likeness where due and not filed order by n limit :limit")
_IS_FILED: Final = sa.text("update likeness set filed = true where due and not filed and n <= :last")

_ASKED: Final = {"sqlite": "json_each(:values) as asked", "postgresql": "unnest(cast(:values as {type}[])) as asked(value)"}
_QUERIES: Final = {
    "by_lead": ("text", "select likeness.* from {asked} join likeness on likeness.lead_id = asked.value"),
    "by_number": ("bigint", "select likeness.* from {asked} join likeness on likeness.n = asked.value"),
    "counts": ("bigint", "select likeness_count.* from {asked} join likeness_count on likeness_count.value = asked.value"),
    "holders": (
        "bigint",
        "select likeness_key.key, likeness_key.lead from {asked} join likeness_key on likeness_key.key = asked.value"
        " where (select count(*) from (select 1 from likeness_key where key = asked.value limit {many}) as few) < {many}",
    ),
    "compared": ("bigint", "update likeness set due = false where n in (select value from {asked})"),
}


@cache
def _query(name: str, dialect: str) -> sa.TextClause:
    """A query for a list of values."""
    type, text = _QUERIES[name]
    return sa.text(text.format(asked=_ASKED[dialect].format(type=type), many=HUB + 1))


@cache
def _add(dialect: str) -> Any:
    """Add to a number, which is 0 where there is no row."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(t.likeness_count)
    total = {"number": _COUNT.number + statement.excluded.number}
    return statement.on_conflict_do_update(index_elements=["value", "part"], set_=total)


@lru_cache(64)
def _compiled(statement: Any, dialect: sa.Dialect) -> tuple[str, tuple[str, ...]]:
    """The text, and in which order it takes what; nothing where it takes it by name."""
    found = statement.compile(dialect=dialect)
    return str(found), tuple(found.positiontup or ())


def _counted(leads: Iterable[Kept]) -> Counter[Share]:
    return sum((counted(one.likeness) for one in leads), Counter())


def _slices(length: int) -> Iterator[slice]:
    return (slice(start, start + WRITTEN_AT_ONCE) for start in range(0, length, WRITTEN_AT_ONCE))


def _summed(values: Ints, parts: Ints) -> tuple[Ints, Ints, Ints]:
    """How often each value occurs with each part, in order."""
    order = np.lexsort((parts, values))
    values, parts = values[order], parts[order]
    starts = np.flatnonzero(np.r_[True, (values[1:] != values[:-1]) | (parts[1:] != parts[:-1])])
    return values[starts], parts[starts], np.diff(np.r_[starts, len(values)])


# Documents


def _packed(keys: Iterable[int]) -> bytes:
    return bytes(np.array(sorted(keys), dtype=KEYS))


def _columns(lead_id: str, likeness: Likeness, keys: bytes, seal: int) -> dict[str, Any]:
    words = "\n".join(likeness.words[code] for code in sorted(likeness.words))
    crms = " ".join(sorted(likeness.crms))
    about = {"lead_id": lead_id, "seal": seal, "due": True}
    return {**about, "rows": _dump_rows(likeness.rows), "keys": keys, "words": words, "crms": crms}


def _sealed(seal: Seal, likeness: Likeness) -> int:
    crms = (int.from_bytes(crm.encode()[:7], "big") for crm in sorted(likeness.crms))
    return seal(int.from_bytes(VERSION.encode(), "big"), *(cell for row in likeness.rows for cell in row), *crms)


def _kept(row: Any) -> Kept:
    words = {hashed(word): word for word in row.words.split("\n") if word != ""}
    likeness = Likeness(_load_rows(row.rows), words, frozenset(row.crms.split()))
    return Kept(row.n, row.lead_id, likeness, row.seal, row.keys, bool(row.due), bool(row.filed))


def _dump_rows(rows: Sequence[Row]) -> bytes:
    """Most cells are empty: which are not, one bit each, and then those."""
    cells = np.array(rows, dtype=">i8").reshape(-1)
    return bytes([len(rows)]) + bytes(np.packbits(cells != 0)) + bytes(cells[cells != 0])


def _load_rows(text: bytes) -> tuple[Row, ...]:
    length = text[0] * WIDTH
    bits = 1 + (length + 7) // 8
    given = f"{int.from_bytes(text[1:bits], 'big'):0{8 * (bits - 1)}b}"
    kept = iter(unpack(f">{(len(text) - bits) // 8}q", text[bits:]))
    cells = [next(kept) if bit == "1" else 0 for bit in given]
    return tuple(cells[start : start + WIDTH] for start in range(0, length, WIDTH))
