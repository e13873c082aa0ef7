"""Leads, links and moments as plain dictionaries and texts, the same for tables and for `--json`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from sync.state import Base, LeadState, Link, Origin


def plain_fields(lead: LeadState) -> dict[str, Any]:
    from leads.model import FIELDS
    from leads.values import plain

    known = [*FIELDS, *sorted(name for name in lead.fields if name not in FIELDS)]
    return {name: plain(lead.fields[name]) for name in known if name in lead.fields}


def record(link: Link, base: Base, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "account": link.ref.account,
        "object": link.ref.object,
        "id": link.ref.id,
        "role": link.role.value,
        "state": link.state.value if link.ending == "" else f"{link.state.value}: {link.ending}",
        "ours": link.key != "",
        "read_at": moment(base.read_at, zone),
    }


def source(origin: Origin) -> str:
    if origin.ref is not None:
        return f"{origin.ref.account} {origin.ref.object} {origin.ref.id}"
    return origin.account or "Leadloom"


def moment(at: datetime | None, zone: ZoneInfo) -> str | None:
    return None if at is None else at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
