"""Observe: what a CRM shows differently than before becomes an event in the ledger of consent.

Pure. Only a difference from what the base has seen is news, so that Leadloom's own writes never come back as somebody's act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from leads.normal import Refused, email, phone
from sync.state import Restriction

READERS: Final[Mapping[str, Callable[[str], Any]]] = {"email": email, "phone": phone}
PURPOSE: Final = "marketing"


def withdrawals(found: Iterable[Restriction], since: Mapping[Any, datetime | None], run: str, now: datetime) -> Sequence[dict[str, Any]]:
    """The events of restrictions that records show now; `since` says up to when each record showed none (None: unknown).

    A no without an address, or with one that nobody can read, is kept as a restriction of its lead; the ledger speaks of addresses only.
    """
    return [_withdrawal(one, since.get(one.ref), run, now) for one in found if _is_address(one.address)]


def _is_address(text: str) -> bool:
    kind, _, value = text.partition(":")
    read = READERS.get(kind)
    return read is not None and not isinstance(read(value), Refused)


def _withdrawal(one: Restriction, since: datetime | None, run: str, now: datetime) -> dict[str, Any]:
    seen = one.seen_at if one.seen_at is not None else now
    earliest = since if since is not None and since <= seen else None
    remote = {"system": one.ref.account, "object": one.ref.object, "id": one.ref.id, "changed_at": _iso(seen)}
    return {
        "kind": "withdraw",
        "identifier": one.address,
        "purposes": [PURPOSE],
        "channels": [one.channel],
        "occurred": {"lo": None if earliest is None else _iso(earliest), "hi": _iso(seen)},
        "clock": one.ref.account,
        "observed_at": _iso(now),
        "provenance": "sync",
        "refs": {"batch": f"run:{run}", "remote": remote},
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
