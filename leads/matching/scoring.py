"""Evidence in bits: a bias, a table for each comparison, and tables for two comparisons that hang together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class Weights:
    """In bits (log2 of odds). `tables` is keyed by one name of a comparison or by two."""

    bias: float
    tables: Mapping[tuple[str, ...], NDArray[np.float32]]
    link: float  # from here on two records are one lead
    review: float  # from here on a person is asked
    apart: float  # below, two records cannot be in one lead by way of others
    usual: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # shares of the levels: of one person, of two


def score(levels: Mapping[str, Levels], weights: Weights) -> Bits:
    """The bits of pairs. What half a name alone speaks for is asked about, however much it speaks."""
    total = summed(levels, weights)
    return np.where(half_a_name(levels), np.minimum(total, np.float32(weights.link - 0.01)), total).astype(np.float32)


def summed(levels: Mapping[str, Levels], weights: Weights) -> Bits:
    total = np.full(len(next(iter(levels.values()))), weights.bias, dtype=np.float32)
    for names, bits in weights.tables.items():
        total += bits[tuple(levels[name] for name in names)]
    return total


def half_a_name(levels: Mapping[str, Levels]) -> NDArray[np.bool_]:
    """Pairs of which one side has no first or no last name, and that have nothing in common which is one person's alone."""
    half: NDArray[np.bool_] = (levels["first"] == 0) | (levels["last"] == 0)
    for name, proofs in PROOFS.items():
        half &= ~np.isin(levels[name], proofs)
    return half


@cache
def shipped() -> Weights:
    return weights_from(json.loads(files("leads.tables").joinpath("weights.json").read_text("utf-8")))


def weights_from(document: Mapping[str, Any]) -> Weights:
    tables = {tuple(names.split(" ")): np.array(bits, dtype=np.float32) for names, bits in document["tables"].items()}
    usual = {name: np.array(shares, dtype=np.float64) for name, shares in document.get("usual", {}).items()}
    return Weights(tables=tables, usual=usual, **{name: float(document[name]) for name in ("bias", "link", "review", "apart")})
