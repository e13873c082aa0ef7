"""ActiveCampaign's contacts as they are kept, their shapes, and the odd way it tells the time."""

from __future__ import annotations

import calendar
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

Membership = tuple[int, int, int | None, str]  # status, subscribed, unsubscribed, source

UNCONFIRMED, ACTIVE, UNSUBSCRIBED, BOUNCED = 0, 1, 2, 3
PER_CONTACT = 10_000  # ids of field values and memberships are contact * PER_CONTACT + field or list
LINKS = ("bounceLogs", "contactLists", "contactTags", "fieldValues", "scoreValues", "accountContacts")


@dataclass(slots=True)
class Contact:
    id: int
    email: str
    first_name: str
    last_name: str
    phone: str
    created: int
    updated: float
    values: dict[int, str] = field(default_factory=dict)
    value_times: dict[int, tuple[int, int]] | None = None  # of the values that are younger than the contact
    lists: dict[int, Membership] = field(default_factory=dict)
    tags: dict[int, tuple[int, int]] | None = None  # tag: association id, when
    account: tuple[int, int, str] | None = None  # association id, account, job title
    bounced: int = 0
    score: int = 0
    deleted_at: float | None = None
    hidden: bool = False
    bounced_at: int | None = None
    sms: tuple[bool, int] | None = None  # consent to text messages, and since when
    unsubscribed_from: dict[int, tuple[str, str]] = field(default_factory=dict)  # by list: the reason and the address of the click

    @property
    def stamp(self) -> int:
        return int(self.updated)

    @property
    def listed(self) -> bool:
        return self.deleted_at is None and not self.hidden


# -- time ---------------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def central_offset(hour: int) -> int:
    """Hours behind UTC in US Central, for a time in hours since the epoch."""
    year = time.gmtime(hour * 3600).tm_year
    begins = _sunday(year, 3, 2) * 24 + 8  # 02:00 standard time, 08:00 UTC
    ends = _sunday(year, 11, 1) * 24 + 7  # 02:00 daylight time, 07:00 UTC
    return 5 if begins <= hour < ends else 6


def _sunday(year: int, month: int, which: int) -> int:
    """The day since the epoch of the first or second Sunday of a month."""
    first = calendar.timegm((year, month, 1, 0, 0, 0)) // 86_400
    weekday = (first + 4) % 7  # 0 is a Sunday: the epoch was a Thursday
    return first + (-weekday) % 7 + 7 * (which - 1)


@lru_cache(maxsize=200_000)
def central(second: int) -> str:
    """The servers live in US Central whatever the account's zone."""
    behind = central_offset(second // 3600)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second - behind * 3600)) + f"-0{behind}:00"


@lru_cache(maxsize=200_000)
def wall(second: int) -> str:
    """`*_utc_timestamp` repeats the local wall clock in spite of its name."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second - central_offset(second // 3600) * 3600))


# -- shapes -------------------------------------------------------------------------------------------------------------------------


def contact_json(row: Contact, account: str, *, shown_udate: bool = True) -> dict[str, Any]:
    """A contact as lists show it: nearly all scalars are text."""
    updated = row.stamp if shown_udate else None
    local, _, domain = row.email.rpartition("@")
    return {
        "cdate": central(row.created),
        "email": row.email,
        "phone": row.phone,
        "firstName": row.first_name,
        "lastName": row.last_name,
        "orgid": "0",
        "orgname": "",
        "segmentio_id": "",
        "bounced_hard": str(row.bounced),
        "bounced_soft": "0",
        "bounced_date": None if row.bounced_at is None else central(row.bounced_at)[:10],
        "ip": "0",
        "ua": None,
        "hash": hashlib.md5(f"{row.id}:{account}".encode(), usedforsecurity=False).hexdigest(),
        "socialdata_lastcheck": None,
        "email_local": local,
        "email_domain": domain,
        "sentcnt": "0",
        "rating_tstamp": None,
        "gravatar": "0",
        "deleted": "0",
        "anonymized": "0",
        "adate": None,
        "udate": None if updated is None else central(updated),
        "edate": None,
        "deleted_at": None,
        "created_utc_timestamp": wall(row.created),
        "updated_utc_timestamp": wall(row.stamp),
        "created_timestamp": wall(row.created),
        "updated_timestamp": wall(row.stamp),
        "created_by": "0",
        "updated_by": "0",
        "mpp_tracking": "0",
        "last_click_date": None,
        "last_open_date": None,
        "last_mpp_open_date": None,
        "best_send_hour": "0",
        "sms_consent": "1" if row.sms is not None and row.sms[0] else "0",
        "sms_consent_updated_at": "0000-00-00 00:00:00" if row.sms is None else wall(row.sms[1]),
        "whatsapp_id": None,
        "whatsapp_username": None,
        "scoreValues": [],
        "accountContacts": [] if row.account is None else [str(row.account[0])],
        "links": {name: f"https://{account}.api-us1.com/api/3/contacts/{row.id}/{name}" for name in LINKS},
        "id": str(row.id),
        "organization": None,
    }


def short_contact_json(row: Contact, account: str) -> dict[str, Any]:
    """What POST and PUT of a contact echo."""
    shown = contact_json(row, account)
    names = ("email", "cdate", "udate", "phone", "firstName", "lastName", "orgid", "orgname", "links", "id", "organization")
    return {name: shown[name] for name in names}


def value_json(row: Contact, field_id: int, account: str) -> dict[str, Any]:
    created, updated = (row.value_times or {}).get(field_id, (row.created, row.created))
    id = value_id(row, field_id)
    return {
        "contact": str(row.id),
        "field": str(field_id),
        "value": row.values[field_id],
        "cdate": central(created),
        "udate": central(updated),
        "created_by": "0",
        "updated_by": "0",
        "links": {"owner": f"https://{account}.api-us1.com/api/3/fieldValues/{id}/owner"},
        "id": id,
        "owner": str(row.id),
    }


def value_id(row: Contact, field_id: int) -> str:
    return str(row.id * PER_CONTACT + field_id)


def values_json(row: Contact, account: str) -> list[dict[str, Any]]:
    return [value_json(row, field_id, account) for field_id in sorted(row.values)]


def membership_json(row: Contact, list_id: int, account: str) -> dict[str, Any]:
    """`udate` is the time of unsubscribing, null while active."""
    status, subscribed, unsubscribed, source = row.lists[list_id]
    id = str(row.id * PER_CONTACT + list_id)
    reason, ip = row.unsubscribed_from.get(list_id, ("", "0")) if status == UNSUBSCRIBED else ("", "0")
    return {
        "contact": str(row.id),
        "list": str(list_id),
        "form": None,
        "seriesid": "0",
        "sdate": central(subscribed),
        "udate": None if unsubscribed is None else central(unsubscribed),
        "status": str(status),
        "responder": "1",
        "sync": "0",
        "unsubreason": reason,
        "campaign": None,
        "message": None,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "ip4Sub": "0",
        "sourceid": source,
        "autosyncLog": None,
        "ip4_last": "0",
        "ip4Unsub": ip,
        "created_timestamp": wall(subscribed),
        "updated_timestamp": wall(subscribed if unsubscribed is None else unsubscribed),
        "created_by": "0",
        "updated_by": "0",
        "unsubscribeAutomation": None,
        "channel": "email",
        "links": {name: f"https://{account}.api-us1.com/api/3/contactLists/{id}/{name}" for name in ("list", "contact")},
        "id": id,
        "automation": None,
    }


def memberships_json(row: Contact, account: str) -> list[dict[str, Any]]:
    return [membership_json(row, list_id, account) for list_id in sorted(row.lists)]


def tag_json(row: Contact, tag_id: int, account: str) -> dict[str, Any]:
    id, at = (row.tags or {})[tag_id]
    return {
        "contact": str(row.id),
        "tag": str(tag_id),
        "cdate": central(at),
        "created_timestamp": wall(at),
        "updated_timestamp": wall(at),
        "created_by": None,
        "updated_by": None,
        "links": {name: f"https://{account}.api-us1.com/api/3/contactTags/{id}/{name}" for name in ("tag", "contact")},
        "id": str(id),
    }


def tags_json(row: Contact, account: str) -> list[dict[str, Any]]:
    return [tag_json(row, tag_id, account) for tag_id in sorted(row.tags or ())]


def account_contact_json(row: Contact) -> dict[str, Any]:
    id, account_id, title = row.account or (0, 0, "")
    return {
        "contact": str(row.id),
        "account": str(account_id),
        "jobTitle": title,
        "createdTimestamp": central(row.stamp),
        "updatedTimestamp": central(row.stamp),
        "links": {},
        "id": str(id),
    }


def score_json(row: Contact) -> dict[str, Any]:
    at = central(row.stamp)
    return {
        "score": "1",
        "contact": str(row.id),
        "deal": None,
        "cdate": at,
        "mdate": at,
        "scoreValue": str(row.score),
        "links": {},
        "id": str(row.id),
    }


# -- state --------------------------------------------------------------------------------------------------------------------------


def dump(row: Contact) -> list[Any]:
    return [getattr(row, column.name) for column in fields(row)]


def load(values: Sequence[Any]) -> Contact:
    """JSON knows no integer keys and no tuples."""
    row = Contact(*values)
    row.values = {int(id): value for id, value in row.values.items()}
    row.value_times = None if row.value_times is None else {int(id): (at[0], at[1]) for id, at in row.value_times.items()}
    row.lists = {int(id): (held[0], held[1], held[2], held[3]) for id, held in row.lists.items()}
    row.tags = None if row.tags is None else {int(id): (held[0], held[1]) for id, held in row.tags.items()}
    row.account = None if row.account is None else (row.account[0], row.account[1], row.account[2])
    row.sms = None if row.sms is None else (row.sms[0], row.sms[1])
    row.unsubscribed_from = {int(id): (how[0], how[1]) for id, how in row.unsubscribed_from.items()}
    return row
