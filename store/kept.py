"""The likeness of a lead as a row of the store, packed and unpacked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import unpack
from typing import Any, Final

import numpy as np

from leads.matching.features import WIDTH, Row, hashed
from leads.matching.live import VERSION, Likeness, Seal

KEYS: Final = ">i8"


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


def packed(keys: Iterable[int]) -> bytes:
    return bytes(np.array(sorted(keys), dtype=KEYS))


def columns(lead_id: str, likeness: Likeness, keys: bytes, seal: int) -> dict[str, Any]:
    words = "\n".join(likeness.words[code] for code in sorted(likeness.words))
    crms = " ".join(sorted(likeness.crms))
    about = {"lead_id": lead_id, "seal": seal, "due": True}
    return {**about, "rows": _dump_rows(likeness.rows), "keys": keys, "words": words, "crms": crms}


def sealed(seal: Seal, likeness: Likeness) -> int:
    crms = (int.from_bytes(crm.encode()[:7], "big") for crm in sorted(likeness.crms))
    return seal(int.from_bytes(VERSION.encode(), "big"), *(cell for row in likeness.rows for cell in row), *crms)


def kept(row: Any) -> Kept:
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
