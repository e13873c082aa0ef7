"""Pipedrive's rows as they are kept, and their two shapes: v2 and the older v1."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

Point = tuple[str, bool, str]  # value, primary, label


@dataclass(slots=True)
class Person:
    id: int
    name: str
    first_name: str | None
    last_name: str | None
    owner_id: int
    org_id: int | None
    added: float
    updated: float
    emails: tuple[Point, ...] = ()
    phones: tuple[Point, ...] = ()
    visible_to: int = 3
    label_ids: tuple[int, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] | None = None
    marketing: str = "no_consent"
    marketing_left: tuple[str, ...] = ()  # statuses that were already changed once
    deleted_at: float | None = None
    hidden: bool = False
    doi: str | None = None  # where the double opt-in stands; its values are not documented

    @property
    def stamp(self) -> int:
        return int(self.updated)

    @property
    def listed(self) -> bool:
        return self.deleted_at is None and not self.hidden


@dataclass(slots=True)
class Organization:
    id: int
    name: str
    owner_id: int
    added: float
    updated: float
    visible_to: int = 3
    label_ids: tuple[int, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] | None = None
    deleted_at: float | None = None
    hidden: bool = False

    @property
    def stamp(self) -> int:
        return int(self.updated)

    @property
    def listed(self) -> bool:
        return self.deleted_at is None and not self.hidden


CONTACT_SYNC = ("notes", "im", "birthday", "job_title", "postal_address")
ORGANIZATION_EXTRA = ("address", "website", "linkedin", "industry", "annual_revenue", "employee_count")
COUNTS = (
    "open_deals_count", "related_open_deals_count", "closed_deals_count", "related_closed_deals_count", "participant_open_deals_count",
    "participant_closed_deals_count", "email_messages_count", "activities_count", "done_activities_count", "undone_activities_count",
    "files_count", "notes_count", "followers_count", "won_deals_count", "related_won_deals_count", "lost_deals_count",
    "related_lost_deals_count",
)  # fmt: skip


@lru_cache(maxsize=100_000)
def iso(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


@lru_cache(maxsize=100_000)
def plain_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))


def points(held: Sequence[Point]) -> list[dict[str, Any]]:
    return [{"value": value, "primary": primary, "label": label} for value, primary, label in held]


def primary(held: Sequence[Point]) -> str | None:
    return next((value for value, first, _ in held if first), None)


def marketing_status(row: Person) -> str:
    """Without a valid address the status reads no_consent, whatever it was."""
    return row.marketing if any("@" in value for value, _, _ in row.emails) else "no_consent"


def person_v2(row: Person, blank: Mapping[str, Any]) -> dict[str, Any]:
    """`blank` holds every custom field of the company as null."""
    return {
        "id": row.id,
        "name": row.name,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "owner_id": row.owner_id,
        "org_id": row.org_id,
        "add_time": iso(int(row.added)),
        "update_time": iso(int(row.updated)),
        "emails": points(row.emails),
        "phones": points(row.phones),
        "is_deleted": row.deleted_at is not None,
        "visible_to": row.visible_to,
        "label_ids": list(row.label_ids),
        "picture_id": None,
        "custom_fields": {**blank, **row.custom},
    }


def organization_v2(row: Organization, blank: Mapping[str, Any]) -> dict[str, Any]:
    extra = row.extra or {}
    return {
        "id": row.id,
        "name": row.name,
        "owner_id": row.owner_id,
        "add_time": iso(int(row.added)),
        "update_time": iso(int(row.updated)),
        "is_deleted": row.deleted_at is not None,
        "visible_to": row.visible_to,
        "label_ids": list(row.label_ids),
        **{name: extra.get(name) for name in ORGANIZATION_EXTRA},
        "custom_fields": {**blank, **row.custom},
    }


def person_v1(row: Person, company: int, owner: Mapping[str, Any], org: Organization | None, blank: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "company_id": company,
        "owner_id": owner_v1(owner),
        "org_id": None if org is None else _org_v1(org, company),
        "name": row.name,
        "first_name": row.first_name,
        "last_name": row.last_name,
        **dict.fromkeys(COUNTS, 0),
        "active_flag": row.deleted_at is None,
        "phone": _points_v1(row.phones),
        "email": _points_v1(row.emails),
        "first_char": row.name[:1].lower(),
        "update_time": plain_time(int(row.updated)),
        "delete_time": None if row.deleted_at is None else plain_time(int(row.deleted_at)),
        "add_time": plain_time(int(row.added)),
        "visible_to": str(row.visible_to),
        "picture_id": None,
        "next_activity_date": None,
        "last_activity_date": None,
        "label": row.label_ids[0] if row.label_ids else None,
        "label_ids": list(row.label_ids),
        "org_name": None if org is None else org.name,
        "owner_name": owner["name"],
        "cc_email": f"sandbox+person{row.id}@pipedrivemail.com",
        **custom_v1(blank, row.custom),
    }


def organization_v1(row: Organization, company: int, owner: Mapping[str, Any], blank: Mapping[str, Any]) -> dict[str, Any]:
    extra = row.extra or {}
    address = extra.get("address") or {}
    return {
        "id": row.id,
        "company_id": company,
        "owner_id": owner_v1(owner),
        "name": row.name,
        "people_count": 0,
        "active_flag": row.deleted_at is None,
        "first_char": row.name[:1].lower(),
        "update_time": plain_time(int(row.updated)),
        "add_time": plain_time(int(row.added)),
        "visible_to": str(row.visible_to),
        "label": row.label_ids[0] if row.label_ids else None,
        "address": address.get("value"),
        "owner_name": owner["name"],
        **custom_v1(blank, row.custom),
    }


def owner_v1(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": owner["id"],
        "name": owner["name"],
        "email": owner["email"],
        "has_pic": 0,
        "pic_hash": None,
        "active_flag": owner["active_flag"],
        "value": owner["id"],
    }


def custom_v1(blank: Mapping[str, Any], custom: Mapping[str, Any]) -> dict[str, Any]:
    """At root level; a choice is shown as text, as `"2"` and `"2,3"`, and the parts of an address under keys of their own."""
    shown: dict[str, Any] = {}
    for code, value in {**blank, **custom}.items():
        if isinstance(value, dict):
            shown.update({code if part == "value" else f"{code}_{part}": held for part, held in value.items()})
        elif isinstance(value, list):
            shown[code] = ",".join(str(item) for item in value)
        else:
            shown[code] = value
    return shown


def dump(row: Person | Organization) -> list[Any]:
    return [getattr(row, column.name) for column in fields(row)]


def load_person(values: Sequence[Any]) -> Person:
    row = Person(*values)
    row.emails = tuple((value, first, label) for value, first, label in row.emails)
    row.phones = tuple((value, first, label) for value, first, label in row.phones)
    row.label_ids, row.marketing_left = tuple(row.label_ids), tuple(row.marketing_left)
    return row


def load_organization(values: Sequence[Any]) -> Organization:
    row = Organization(*values)
    row.label_ids = tuple(row.label_ids)
    return row


def _points_v1(held: Sequence[Point]) -> list[dict[str, Any]]:
    """v1 shows an empty list as one empty entry."""
    if not held:
        return [{"value": "", "primary": True}]
    return [{"label": label, "value": value, "primary": first} for value, first, label in held]


def _org_v1(org: Organization, company: int) -> dict[str, Any]:
    return {
        "name": org.name,
        "people_count": 0,
        "owner_id": org.owner_id,
        "address": ((org.extra or {}).get("address") or {}).get("value"),
        "active_flag": org.deleted_at is None,
        "cc_email": f"sandbox+org{org.id}@{company}.pipedrivemail.com",
        "value": org.id,
    }
