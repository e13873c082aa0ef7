"""Rebase: a changed mapping is nobody's edit. What a record was held to mean is worked out anew, and nothing is written by it.

Pure. The differences that follow from the new mapping wait until somebody has looked at them; a debt from before stays a debt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leads.model import ABSENT, Value
from leads.values import same
from sync.state import UNDONE, Base, Pair
from sync.view import SETS, every_row


@dataclass(frozen=True, slots=True)
class Shift:
    """How the rows of one object differ from what the base was made with, by row id.

    `other` rows mean something else now, `new` ones have never been read (or stand for another field now), `gone` ones are not mapped
    any more.
    """

    other: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.other or self.new or self.gone)


def shift(before: Mapping[str, str], now: Mapping[str, str]) -> Shift:
    """Compare the marks of rows, each `FINGERPRINT REMOTE` (stores of old have the fingerprint alone)."""
    changed = {id for id in now if id in before and _part(before[id], 0) != _part(now[id], 0)}
    moved = {id for id in changed if _part(before[id], 1) not in ("", _part(now[id], 1))}
    return Shift(frozenset(changed - moved), frozenset((set(now) - set(before)) | moved), frozenset(set(before) - set(now)))


def marks(dialect: Any) -> dict[str, str]:
    """What is remembered of a mapping, by row id."""
    remotes = {row.id: row.remote for row in every_row(dialect)}
    return {id: f"{fingerprint} {remotes.get(id, '')}".rstrip() for id, fingerprint in dialect.fingerprints.items()}


def _part(mark: str, number: int) -> str:
    return mark.partition(" ")[0 if number == 0 else 2]


def rebase(base: Base, fields: Mapping[str, Value], dialect: Any, shifted: Shift) -> Base:
    """The base of a record under the new mapping; `fields` are those of its lead."""
    pairs = {id: pair for id, pair in base.pairs.items() if id not in shifted.gone and id not in shifted.new}
    for row in every_row(dialect):
        if row.id in shifted.other and row.id in pairs:
            pairs[row.id] = _rebased(pairs[row.id], row, fields.get(row.lead, ABSENT))
    return replace(base, pairs=pairs)


def _rebased(pair: Pair, row: Any, value: Value) -> Pair:
    kept = pair.refused if pair.refused is not None and pair.refused[1] == UNDONE else None
    if row.lead in SETS:
        return replace(pair, refused=kept)
    if value is not ABSENT and pair.refused is None and not same(value, pair.meant):
        return pair
    fits = value is not ABSENT and row.fits(pair.seen, value)
    return replace(pair, meant=value if fits else row.parse(pair.seen, ABSENT), refused=kept)


def differs(base: Base, fields: Mapping[str, Value], dialect: Any, rows: Collection[str]) -> bool:
    """Whether the record does not show its lead in one of `rows`."""
    known = [row for row in every_row(dialect) if row.id in rows and base.knows(row.id)]
    return any(row.lead in SETS or not same(fields.get(row.lead, ABSENT), base.pair(row.id).meant) for row in known)
