"""What of every lead is compared, who has which key, and how often each value occurs: kept up with the leads, in their transactions.

A new lead is filed under its keys only when the leads of a run are about to be compared, with all others that came: in the order of the
keys, so that a million of them are written page by page. Who is filed and changes is filed anew at once.

Keys and values are hashed with the secret of the store, so that names and numbers cannot be tried out against a copy of these tables.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from leads.matching.blocking import Ints
from leads.matching.live import Likeness, Share, counted, keys_of
from store import schema as t
from store.alike import Alike
from store.kept import KEYS, Kept, columns, kept, packed, sealed

FILED_AT_ONCE: Final = 100_000  # leads; each page of the keys is written once for so many
WRITTEN_AT_ONCE: Final = 50_000  # rows


class Likenesses(Alike):
    def put_likenesses(self, found: Mapping[str, Likeness]) -> int:
        """Keep what of these leads is compared; those of which it is new are due. Returns how many."""
        seals = {lead_id: sealed(self.seal, one) for lead_id, one in found.items()}
        before = self.likenesses(found)
        fresh = [lead_id for lead_id in found if lead_id not in before or before[lead_id].seal != seals[lead_id]]
        if not fresh:
            return 0
        keys = {lead_id: packed(map(self.seal, one)) for lead_id, one in zip(fresh, keys_of([found[id] for id in fresh]), strict=True)}
        new = [lead_id for lead_id in fresh if lead_id not in before]
        self._write(_NEW, [columns(id, found[id], keys[id], seals[id]) | {"filed": False} for id in new])
        was = [before[lead_id] for lead_id in fresh if lead_id in before]
        now = [Kept(one.n, one.lead_id, found[one.lead_id], 0, keys[one.lead_id], True, True) for one in was]
        self._replace([one for one in was if one.filed], [after for one, after in zip(was, now, strict=True) if one.filed])
        self._write(_CHANGE, [{"b_n": one.n, **columns(one.lead_id, one.likeness, one.packed, seals[one.lead_id])} for one in now])
        return len(fresh)

    def file_likenesses(self) -> int:
        """File the next of the leads that are new under their keys, and count what they have. Returns how many: 0 when none is left."""
        numbers, sizes, keys = array("q"), array("q"), bytearray()
        shares = array("q"), array("q")
        for row in self._connection.execute(_UNFILED, {"limit": FILED_AT_ONCE}):
            numbers.append(row.n)
            sizes.append(len(row.keys) // 8)
            keys += row.keys
            for (kind, value, part), number in counted(kept(row).likeness).items():
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

    def leads_without_likeness(self, after: str, limit: int) -> list[str]:
        there = sa.select(t.likeness.c.n).where(t.likeness.c.lead_id == t.lead.c.id).exists()
        return [row.id for row in self._run(sa.select(t.lead.c.id).where(t.lead.c.id > after, ~there).order_by(t.lead.c.id).limit(limit))]

    def drop_likenesses(self) -> None:
        for table in (t.likeness, t.likeness_key, t.likeness_count):
            self._run(sa.delete(table))


# Built once, like all in `prepared`.
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
_UNFILED: Final = sa.text("select * from likeness where due and not filed order by n limit :limit")
_IS_FILED: Final = sa.text("update likeness set filed = true where due and not filed and n <= :last")


@cache
def _add(dialect: str) -> Any:
    """Add to a number, which is 0 where there is no row."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(t.likeness_count)
    total = {"number": _COUNT.number + statement.excluded.number}
    return statement.on_conflict_do_update(index_elements=["value", "part"], set_=total)


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
