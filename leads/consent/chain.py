"""The audit chain: every entry carries the hash of the one before, so that whatever is changed, removed or put in between shows.

Only salted hashes go in. With its salt an entry proves what was written; without it, it says nothing about anybody: an erasure
deletes salts and never breaks the chain.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from leads.consent.event import canonical

START: Final = bytes(32)
DOMAIN: Final = b"audit-v1\x00"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the trail. `object_hmac` and `payload_hash` are hex; `hash` is that of the row on top of the one before it."""

    seq: int
    at: str
    actor: str
    action: str
    object_hmac: str
    payload_hash: str
    hash: str

    def facts(self) -> dict[str, Any]:
        names = ("seq", "at", "actor", "action", "object_hmac", "payload_hash")
        return {name: getattr(self, name) for name in names}


def linked(before: bytes, facts: Mapping[str, Any]) -> bytes:
    """The hash of a row, given the hash of the row before it."""
    return hashlib.sha256(DOMAIN + before + canonical(facts).encode()).digest()


def payload_hash(salt: bytes, payload: str) -> str:
    return hashlib.sha256(salt + payload.encode()).hexdigest()


def object_hmac(salt: bytes, object: str) -> str:
    return hmac.new(salt, object.encode(), "sha256").hexdigest()


def broken(entries: Iterable[Entry]) -> Iterator[tuple[int, str]]:
    """The rows at which the chain does not hold, and why, in order."""
    before, expected = START, 1
    for entry in entries:
        if entry.seq != expected:
            yield entry.seq, f"row {expected} is missing" if entry.seq > expected else "the row stands twice"
        if linked(before, entry.facts()).hex() != entry.hash:
            yield entry.seq, "the row, or the one before it, was changed"
        before, expected = bytes.fromhex(entry.hash) if _is_hash(entry.hash) else START, entry.seq + 1


def _is_hash(text: str) -> bool:
    return len(text) == 64 and all(sign in "0123456789abcdef" for sign in text)
