"""ActiveCampaign: contacts (API v3) with their custom fields and list memberships.

The e-mail address is unique and required. Changes are read by id within a window of time; unknown query parameters are ignored by the
vendor, so every list is checked against what was asked. An opt-out is a status per list.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from connectors import Access
from connectors import activecampaign_contacts as contacts
from connectors.absent import DEFAULT_CAP
from connectors.activecampaign_account import Account
from connectors.activecampaign_calls import PAGE, Calls
from connectors.activecampaign_reading import Reading
from connectors.activecampaign_writing import Writing
from connectors.auth import Fixed
from connectors.base import Capabilities, Field, History, Identity, NewField, Owner, Page, Receipt, Record, Schema, Write
from connectors.errors import Misconfigured
from connectors.http import Door
from connectors.pacing import Limit, Pacer
from connectors.surprises import guarded

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

LIMITS: Final = (Limit(5, 1.0),)  # per account, shared by all keys
CAPABILITIES: Final = Capabilities(
    objects=(contacts.OBJECT,),
    read_page=PAGE,
    write_batch=1,
    get_batch=PAGE,
    key_field=contacts.KEY,
    upsert_by_key=False,
    settle_by="email",
    unique_email=True,
    email_required=True,
    tombstones="sweep",
    merge_notices=False,
    cursor_granularity_s=1.0,
)


def connect(
    access: Access,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    adapter: BaseAdapter | None = None,
    pacing: bool = True,
) -> ActiveCampaign:
    token = access.needed("token")
    if access.base_url is None:
        raise Misconfigured(
            "no base_url is given for this ActiveCampaign account.",
            account=access.account,
            cause="missing_base_url",
            fix="Copy the URL from Settings, Developer: it cannot be guessed from the account's name.",
        )
    door = Door(
        access.account,
        access.base_url,
        headers=Fixed({"Api-Token": token}),
        pacer=Pacer(LIMITS if pacing else (), clock=clock, sleep=sleep),
        clock=clock,
        sleep=sleep,
        adapter=adapter,
        secrets=(token,),
    )
    return ActiveCampaign(door)


@guarded
class ActiveCampaign:
    """One ActiveCampaign account, as the user whom the key belongs to."""

    crm = "activecampaign"
    capabilities = CAPABILITIES

    def __init__(self, door: Door) -> None:
        self.account = door.account
        self._door = door
        self._calls = Calls(door)
        self._contacts = Account(self._calls)
        self._reading = Reading(self._contacts)
        self._writing = Writing(self._contacts, self._reading)

    def identity(self) -> Identity:
        me = self._calls.read("/users/me", kind="meta")["user"]
        host = _host(me, self._door.base_url)
        return Identity(host, host, str(me["id"]), me.get("email"))

    def owners(self) -> Sequence[Owner]:
        users = [user for page in self._calls.pages("/users", "users", kind="owners") for user in page]
        return [Owner(str(user["id"]), user.get("email"), _full_name(user)) for user in users]

    def describe(self, object: str) -> Schema:
        self._check(object)
        return self._contacts.shape().schema

    def create_field(self, object: str, field: NewField) -> Field:
        self._check(object)
        return self._contacts.create_field(field)

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        self._check(object)
        return self._reading.changes(cursor, fields)

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        self._check(object)
        return self._reading.get(ids, fields)

    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        """ActiveCampaign keeps none."""
        del ids, fields, since
        self._check(object)
        return {}

    def dated(self, records: Sequence[Record]) -> Sequence[Record]:
        return records

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        self._check(object)
        return self._reading.find(field, values, fields)

    def ended(self, object: str, known_ids: Iterable[str], *, cap: float | None = DEFAULT_CAP) -> Iterator[Record]:
        """Those of `known_ids` that are not there any more, each confirmed by its own 404.

        They are MISSING: deleted, merged and hidden look alike here. More than the share `cap` of them missing at once stops the account.
        """
        self._check(object)
        return self._reading.ended(known_ids, cap)

    def unsubscribed(self, object: str, fields: Sequence[str]) -> Iterator[list[Record]]:
        """Every contact that has left some list, a page at a time.

        Leaving a list may not count as a change of the contact, so `changes` alone could miss an opt-out.
        """
        self._check(object)
        return self._reading.unsubscribed(fields)

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        self._check(object)
        return self._writing.write(writes)

    def attached(self, object: str, ids: Sequence[str]) -> Mapping[str, bool | None]:
        self._check(object)
        return {id: self._reading.attached(id) for id in ids}

    def calls(self) -> Mapping[str, int]:
        return self._door.calls

    def close(self) -> None:
        self._door.close()

    def _check(self, object: str) -> None:
        if object not in CAPABILITIES.objects:
            raise self._contacts.misconfigured(f"there is no object {object!r} here.", "unknown_object", "Use contacts.")

    def __repr__(self) -> str:
        return f"ActiveCampaign({self.account!r})"


def _host(user: Mapping[str, Any], base_url: str) -> str:
    """The account's own host as its links name it, so that it is the same account behind another address; else the one we call."""
    links = user.get("links")
    urls = links.values() if isinstance(links, Mapping) else ()
    hosts = (urlsplit(str(url)).hostname for url in urls)
    return next((host for host in hosts if host is not None), urlsplit(base_url).netloc)


def _full_name(user: Mapping[str, Any]) -> str:
    name = f"{user.get('firstName', '')} {user.get('lastName', '')}".strip()
    return name if name != "" else str(user.get("username", user["id"]))
