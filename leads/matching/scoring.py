"""Evidence in bits: a bias, a table for each comparison, and tables for two comparisons that hang together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leads.matching.levels import LEVELS
from leads.matching.resembling import Levels

Bits = NDArray[np.float32]

# Levels of what belongs to one person: the same address, number, name in an address, cross id, birth date, number of papers.
PROOFS: Final[Mapping[str, tuple[int, ...]]] = {
    "email": (1, 2, 6),
    "phone": (1, 5),
    "mobile": (1,),
    "spelled": (1, 2),
    "xref": (1, 2),
    "born": (1,),
    "national_id": (1, 2),
}
_PROVEN: Final = {name: np.isin(np.arange(len(LEVELS[name])), proofs) for name, proofs in PROOFS.items()}


@dataclass(frozen=True, slots=True)
class Weights:
    """In bits (log2 of odds). `tables` is keyed by one name of a comparison or by two."""

    bias: float
    tables: Mapping[tuple[str, ...], NDArray[np.float32]]
    link: float  # from here on two records are one lead
    review: float  # from here on a person is asked
    apart: float  # below, two records cannot be in one lead by way of others
    usual: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # shares of the levels: of one person, of two
    _laid_out: LaidOut = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_laid_out", LaidOut.of(self.tables))

    @property
    def unsure(self) -> np.float32:
        """The best score that is asked about."""
        return np.float32(self.link - 0.01)

    def summed(self, levels: Mapping[str, Levels]) -> Bits:
        found: Bits = self._laid_out.cells(levels).sum(axis=0, dtype=np.float32)
        return found + np.float32(self.bias)


@dataclass(frozen=True, slots=True)
class LaidOut:
    """All tables one after the other, so that a pair is looked up in all of them at once."""

    names: tuple[str, ...]
    start: NDArray[np.int64]  # of each table, in `bits`
    row: NDArray[np.int64]  # which comparison chooses the row of a table; a last one, which is 0, where there is only one row
    column: NDArray[np.int64]
    width: NDArray[np.int64]
    bits: NDArray[np.float32]

    @classmethod
    def of(cls, tables: Mapping[tuple[str, ...], NDArray[np.float32]]) -> LaidOut:
        names = tuple(dict.fromkeys(name for both in tables for name in both))
        start = np.cumsum([0, *(bits.size for bits in tables.values())])[:-1, None]
        row = np.array([names.index(both[0]) if len(both) == 2 else len(names) for both in tables], dtype=np.int64)
        column = np.array([names.index(both[-1]) for both in tables], dtype=np.int64)
        width = np.array([bits.shape[-1] for bits in tables.values()], dtype=np.int64)[:, None]
        return cls(names, start, row, column, width, np.concatenate([bits.reshape(-1) for bits in tables.values()]))

    def cells(self, levels: Mapping[str, Levels]) -> NDArray[np.float32]:
        """What each table says, one row per table."""
        every = np.zeros((len(self.names) + 1, len(next(iter(levels.values())))), dtype=np.int64)
        for at, name in enumerate(self.names):
            every[at] = levels[name]
        return self.bits.take(every.take(self.row, axis=0) * self.width + every.take(self.column, axis=0) + self.start)


VOUCHED: Final = 3.0  # bits from which a cross id is believed: what else the two say speaks for it
ABOVE: Final = 10.0  # bits above the threshold that it is then worth, so that what others of the person lack does not outweigh it


def score(levels: Mapping[str, Levels], weights: Weights) -> Bits:
    """The bits of pairs. What half a name alone speaks for, or only the number of somebody's papers beside another first name, or what two
    generations speak against, is asked about, however much speaks for it; a cross id that fits is proof."""
    total = weights.summed(levels)
    against = two_generations(levels)
    total = np.where(half_a_name(levels) | papers_alone(levels) | against, np.minimum(total, weights.unsure), total)
    named = (levels["xref"] == 1) & (total >= VOUCHED) & ~against
    return np.where(named, np.maximum(total, np.float32(weights.link + ABOVE)), total).astype(np.float32)


def two_generations(levels: Mapping[str, Levels]) -> NDArray[np.bool_]:
    """Pairs of a senior and a junior, whatever they share; the number of somebody's papers outweighs a date."""
    found: NDArray[np.bool_] = (levels["rank"] == 2) | ((levels["born"] == 4) & (levels["national_id"] != 1))
    return found


def half_a_name(levels: Mapping[str, Levels]) -> NDArray[np.bool_]:
    """Pairs of which one side has no first or no last name, and that have nothing in common which is one person's alone."""
    half: NDArray[np.bool_] = (levels["first"] == 0) | (levels["last"] == 0)
    return half & ~_proven(levels, PROOFS)


def papers_alone(levels: Mapping[str, Levels]) -> NDArray[np.bool_]:
    """Pairs with one number of papers and two first names: a family has one tax number, and a firm."""
    papers: NDArray[np.bool_] = _PROVEN["national_id"][levels["national_id"]] & (levels["first"] >= 7)
    return papers & ~_proven(levels, PROOFS.keys() - {"national_id"})


def _proven(levels: Mapping[str, Levels], names: Iterable[str]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.logical_or.reduce([_PROVEN[name][levels[name]] for name in names])
    return found


@cache
def shipped() -> Weights:
    return weights_from(json.loads(files("leads.tables").joinpath("weights.json").read_text("utf-8")))


def weights_from(document: Mapping[str, Any]) -> Weights:
    tables = {tuple(names.split(" ")): np.array(bits, dtype=np.float32) for names, bits in document["tables"].items()}
    usual = {name: np.array(shares, dtype=np.float64) for name, shares in document.get("usual", {}).items()}
    return Weights(tables=tables, usual=usual, **{name: float(document[name]) for name in ("bias", "link", "review", "apart")})
