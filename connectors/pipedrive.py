"""Pipedrive: persons (API v2) with the names of their organisations.

Pipedrive has no batch writes, no unique fields and no list of deletions: every write is one call, a create is recognised by the key it
carries, and deletions are found by asking for known ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from connectors import Access
from connectors import pipedrive_persons as persons
from connectors.absent import DEFAULT_CAP
from connectors.auth import Fixed
from connectors.base import Capabilities, Field, History, Identity, NewField, Owner, Page, Receipt, Record, Schema, Write
from connectors.http import Door
from connectors.pacing import Limit, Pacer
from connectors.pipedrive_calls import judge, read
from connectors.pipedrive_company import PAGE, Company
from connectors.pipedrive_history import histories
from connectors.pipedrive_reading import BY_ID, Reading
from connectors.pipedrive_writing import Writing
from connectors.surprises import guarded

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

HOST: Final = "https://api.pipedrive.com"
LIMITS: Final = (Limit(20, 2.0), Limit(10, 2.0, only=frozenset({"search"})))  # the smallest plan's
CAPABILITIES: Final = Capabilities(
    objects=(persons.OBJECT,),
    read_page=PAGE,
    write_batch=1,
    get_batch=BY_ID,
    key_field=persons.KEY,
    upsert_by_key=False,
    settle_by="recent",
    unique_email=False,
    email_required=False,
    tombstones="sweep",
    merge_notices=False,
    merges=True,
    history=True,
    cursor_granularity_s=1.0,
    search_lag_s=60.0,
)


def connect(
    access: Access,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    adapter: BaseAdapter | None = None,
    pacing: bool = True,
) -> Pipedrive:
    token = access.needed("token")
    door = Door(
        access.account,
        HOST if access.base_url is None else access.base_url,
        headers=Fixed({"x-api-token": token}),
        pacer=Pacer(LIMITS if pacing else (), clock=clock, sleep=sleep),
        clock=clock,
        sleep=sleep,
        adapter=adapter,
        secrets=(token,),
        judge=partial(judge, access.account),
    )
    return Pipedrive(door)


@guarded
class Pipedrive:
    """One Pipedrive company, as the user whom the token belongs to."""

    crm = "pipedrive"
    capabilities = CAPABILITIES

    def __init__(self, door: Door) -> None:
        self.account = door.account
        self._door = door
        self._company = Company(door)
        self._reading = Reading(self._company)
        self._writing = Writing(self._company, self._reading)

    def identity(self) -> Identity:
        me = self._me
        label = f"{me.get('company_name')} ({me.get('company_domain')})"
        return Identity(str(me["company_id"]), label, str(me["id"]), me.get("email"))

    def owners(self) -> Sequence[Owner]:
        users = read(self._door, "/api/v1/users", kind="owners")["data"]
        return [Owner(str(user["id"]), user.get("email"), str(user["name"]), active=user.get("active_flag") is True) for user in users]

    def describe(self, object: str) -> Schema:
        self._check(object)
        return self._company.schema()

    def create_field(self, object: str, field: NewField) -> Field:
        self._check(object)
        return self._company.create_field(field)

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        self._check(object)
        return self._reading.changes(cursor, fields)

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        self._check(object)
        return self._reading.get(ids, fields)

    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        self._check(object)
        return histories(self._door, self._company.schema(), lambda: str(self._me["id"]), ids, fields, since)

    def dated(self, records: Sequence[Record]) -> Sequence[Record]:
        return records

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        self._check(object)
        return self._reading.find(field, values, fields)

    def ended(self, object: str, known_ids: Iterable[str], *, cap: float | None = DEFAULT_CAP) -> Iterator[Record]:
        """Those of `known_ids` that are shown no more: DELETED where Pipedrive says so, else MISSING (merged, purged or hidden).

        More than the share `cap` of them missing at once stops the account: that is a lost right rather than so many deletions.
        """
        self._check(object)
        return self._reading.ended(known_ids, cap)

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        self._check(object)
        return self._writing.write(writes)

    def attached(self, object: str, ids: Sequence[str]) -> Mapping[str, bool | None]:
        self._check(object)
        return self._reading.attached(ids)

    def calls(self) -> Mapping[str, int]:
        return self._door.calls

    def close(self) -> None:
        self._door.close()

    @cached_property
    def _me(self) -> Mapping[str, Any]:
        me: Mapping[str, Any] = read(self._door, "/api/v1/users/me", kind="meta")["data"]
        return me

    def _check(self, object: str) -> None:
        if object not in CAPABILITIES.objects:
            raise self._company.misconfigured(f"there is no object {object!r} here.", "unknown_object", "Use persons.")

    def __repr__(self) -> str:
        return f"Pipedrive({self.account!r})"
