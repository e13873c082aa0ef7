"""HubSpot contacts behind the connector contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from requests.adapters import BaseAdapter

from connectors import Access
from connectors.auth import Auth, Bearer, Fixed, Token
from connectors.base import Capabilities, Field, History, Identity, NewField, Owner, Page, Receipt, Record, Schema, Write
from connectors.errors import Denied, Misconfigured
from connectors.http import Answer, Door
from connectors.hubspot_api import HOST, LIMITS, Api, ask, judge, refused
from connectors.hubspot_history import histories
from connectors.hubspot_reads import BATCH, LIST_PAGE, OVERLAP_S, Reader
from connectors.hubspot_records import field_of, new_property, opt_out_field, owner_of
from connectors.hubspot_statuses import dated
from connectors.hubspot_writes import Writer
from connectors.pacing import Pacer
from connectors.surprises import guarded

KEY_FIELD: Final = "leadloom_key"

CAPABILITIES: Final = Capabilities(
    objects=("contacts",),
    read_page=LIST_PAGE,
    write_batch=BATCH,
    get_batch=BATCH,
    key_field=KEY_FIELD,
    upsert_by_key=True,
    settle_by="key",
    unique_email=True,
    email_required=False,
    tombstones="sweep",
    merge_notices=True,
    merges=True,
    history=True,
    consent_by_address=True,
    dates_noes=True,
    cursor_granularity_s=0.001,
    search_lag_s=60.0,
)


def connect(
    access: Access,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    adapter: BaseAdapter | None = None,
    pacing: bool = True,
) -> HubSpot:
    door = Door(
        access.account,
        access.base_url or HOST,
        headers=_auth(access, lambda: door, clock),
        pacer=Pacer(LIMITS if pacing else (), clock=clock, sleep=sleep),
        clock=clock,
        sleep=sleep,
        adapter=adapter,
        judge=judge(access.account),
    )
    return HubSpot(access.account, door, overlap_s=float(access.options.get("overlap_s", OVERLAP_S)))


@guarded
class HubSpot:
    """One portal."""

    crm = "hubspot"
    capabilities = CAPABILITIES

    def __init__(self, account: str, door: Door, *, overlap_s: float = OVERLAP_S) -> None:
        self.account = account
        self._door = door
        self._api = Api(door)
        self._reader = Reader(self._api, account, KEY_FIELD, overlap_s)

    def identity(self) -> Identity:
        body = self._expect(self._door.send("GET", "/account-info/v3/details", kind="meta"), "the portal's details")
        portal = str(body["portalId"])
        return Identity(key=portal, label=f"HubSpot portal {portal}")

    def owners(self) -> Sequence[Owner]:
        return [owner_of(row) for archived in (False, True) for row in self._owner_rows(archived)]

    def describe(self, object: str) -> Schema:
        self._known(object)
        body = self._expect(ask(self._api.properties.get_all, "contacts", archived=False), "the list of properties")
        fields = [*(field_of(row) for row in body["results"] if not row.get("archived")), opt_out_field()]
        return Schema("contacts", {field.name: field for field in fields})

    def create_field(self, object: str, field: NewField) -> Field:
        self._known(object)
        answer = ask(self._api.properties.create, "contacts", new_property(field))
        if answer.status == 409:
            answer = ask(self._api.properties.get_by_name, "contacts", field.name)
        return field_of(self._expect(answer, f"the property {field.name}"))

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        self._known(object)
        return self._reader.changes(cursor, fields)

    def ended(self, object: str, cursor: str | None = None, fields: Sequence[str] = ()) -> Iterator[Page]:
        """A sweep over archived contacts; the last page's cursor is empty."""
        self._known(object)
        return self._reader.ended(cursor, fields)

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        self._known(object)
        return self._reader.get(ids, fields)

    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        self._known(object)
        return histories(self._reader.remembered, ids, fields, since)

    def dated(self, records: Sequence[Record]) -> Sequence[Record]:
        return dated(self._api, records)

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        self._known(object)
        return self._reader.find(field, values, fields)

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        self._known(object)
        return Writer(self._api, self._reader, self.account, KEY_FIELD, writes).run()

    def attached(self, object: str, ids: Sequence[str]) -> Mapping[str, bool | None]:
        return self._reader.attached(ids) if object in CAPABILITIES.objects else dict.fromkeys(ids)

    def calls(self) -> Mapping[str, int]:
        return dict(self._door.calls)

    def close(self) -> None:
        self._door.close()

    def __repr__(self) -> str:
        return f"HubSpot({self.account!r})"

    def _owner_rows(self, archived: bool) -> Iterator[Mapping[str, Any]]:
        after: dict[str, str] = {}
        while True:
            body = self._expect(ask(self._api.owners.get_page, limit=100, archived=archived, **after), "the list of owners")
            yield from body["results"]
            following = ((body.get("paging") or {}).get("next") or {}).get("after")
            if following is None or after == {"after": following}:
                return
            after = {"after": following}

    def _known(self, object: str) -> None:
        if object not in CAPABILITIES.objects:
            raise Misconfigured(
                f"there is no HubSpot object {object!r} here.",
                account=self.account,
                cause="unknown_object",
                fix=f"Use {', '.join(CAPABILITIES.objects)}.",
            )

    def _expect(self, answer: Answer, what: str) -> Mapping[str, Any]:
        if not answer.ok:
            raise refused(self.account, answer, what)
        body: Mapping[str, Any] = answer.json()
        return body


def _auth(access: Access, door: Callable[[], Door], clock: Callable[[], float]) -> Auth:
    """A private app's token as it is, or a public app's tokens, which live half an hour."""
    refresh_token = access.secret("refresh_token")
    if refresh_token is None:
        token = access.needed("token")
        return Fixed({"Authorization": f"Bearer {token}"}, [token])
    form = {
        "grant_type": "refresh_token",
        "client_id": access.needed("client_id"),
        "client_secret": access.needed("client_secret"),
        "refresh_token": refresh_token,
    }
    return Bearer(lambda: _refreshed(door(), form, clock), secrets=[form["client_secret"], refresh_token], clock=clock)


def _refreshed(door: Door, form: Mapping[str, str], clock: Callable[[], float]) -> Token:
    # Only the parameters' place in the body is accepted by the newer token endpoints, and the older ones take it too.
    answer = door.send("POST", "/oauth/v3/token", kind="auth", data=dict(form), signed=False, repeatable=True)
    if not answer.ok:
        raise Denied(
            "HubSpot did not renew the token.",
            account=door.account,
            cause="bad_refresh_token",
            fix="Connect the app again and store its new refresh token.",
            status=answer.status,
            request_id=answer.request_id,
        )
    body = answer.json()
    return Token(body["access_token"], clock() + float(body["expires_in"]))
