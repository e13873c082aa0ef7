"""Suppression: how an erased person is recognised without being remembered.

An address becomes a keyed hash whose key lies outside the store. A plain hash of an address could be found out by trying addresses;
a keyed one is no use without its key.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

DOMAIN: Final = b"suppress-v1\x00"


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of 32 bytes and the name under which entries refer to it."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One entry of the list: `seal` is the keyed hash of an address (64 hex digits), `kind` email or phone."""

    seal: str
    key_id: str
    kind: str
    since: datetime
    reason: str


def seal(key: Key, address: str) -> str:
    """The keyed hash of an address such as `email:max@example.de` or `phone:+49301234`."""
    return hmac.new(key.secret, DOMAIN + address.encode(), "sha256").hexdigest()


def seals(keys: Iterable[Key], address: str) -> set[str]:
    """Under every key that still has entries: a key that was replaced keeps recognising."""
    return {seal(key, address) for key in keys}


def entries(key: Key, addresses: Iterable[str], since: datetime, reason: str) -> Sequence[Suppressed]:
    return [Suppressed(seal(key, address), key.id, address.partition(":")[0], since, reason) for address in sorted(set(addresses))]
