"""Labelled records, and how well groups of them agree with the truth."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        yield lines


@dataclass(frozen=True, slots=True)
class Quality:
    precision: float
    recall: float
    f1: float
    bcubed_f1: float
    largest_false: int  # records in the largest group that holds more than one entity


def quality(groups: Ints, entities: Ints) -> Quality:
    _, cells, counts = np.unique(np.stack([groups, entities], 1), axis=0, return_inverse=True, return_counts=True)
    group_sizes, entity_sizes = _sizes(groups), _sizes(entities)
    both = _in_pairs(counts)
    ours, theirs = _in_pairs(np.unique(groups, return_counts=True)[1]), _in_pairs(np.unique(entities, return_counts=True)[1])
    precision, recall = both / max(ours, 1), both / max(theirs, 1)
    common = counts[cells.ravel()]
    b_precision, b_recall = float((common / group_sizes).mean()), float((common / entity_sizes).mean())
    false = group_sizes[common < group_sizes]
    return Quality(precision, recall, _f1(precision, recall), _f1(b_precision, b_recall), int(false.max(initial=0)))


def _sizes(labels: Ints) -> Ints:
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return counts[inverse]


def _in_pairs(counts: Ints) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / max(precision + recall, 1e-12)
