"""Salesforce leads and contacts behind the connector contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from requests.adapters import BaseAdapter

from connectors import Access
from connectors.base import Capabilities, Field, History, Identity, NewField, Owner, Page, Receipt, Record, Schema, Write
from connectors.errors import AccountStopped, Denied, Misconfigured, Retry
from connectors.http import Door
from connectors.pacing import Pacer
from connectors.salesforce_api import Api, Refusal, bearer, judge
from connectors.salesforce_consents import PARTY
from connectors.salesforce_history import Histories
from connectors.salesforce_reads import BATCH, OVERLAP_S, PAGE, Reader
from connectors.salesforce_records import custom_name, long_id, new_field, quoted, schema_of, stamp_of
from connectors.salesforce_writes import Writer
from connectors.singly import not_sent
from connectors.surprises import guarded

KEY_FIELD: Final = "leadloom_key"
VERSION: Final = "59.0"

CAPABILITIES: Final = Capabilities(
    objects=("Lead", "Contact"),
    read_page=PAGE,
    write_batch=BATCH,
    get_batch=BATCH,
    key_field=KEY_FIELD,
    upsert_by_key=True,
    settle_by="key",
    unique_email=False,
    email_required=False,
    tombstones="feed",
    merge_notices=True,
    cursor_granularity_s=1.0,
    history=True,
)


def connect(
    access: Access,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    adapter: BaseAdapter | None = None,
    pacing: bool = True,  # noqa: ARG001  # an org limits calls per day, not per second
) -> Salesforce:
    if access.base_url is None:
        raise Misconfigured(
            "no instance_url is given.",
            account=access.account,
            cause="missing_instance",
            fix=f"Set instance_url under [accounts.{access.account}] to the org's own address (https://...my.salesforce.com).",
        )
    door = Door(
        access.account,
        access.base_url,
        headers=bearer(access, lambda: door, clock),
        pacer=Pacer(clock=clock, sleep=sleep),
        clock=clock,
        sleep=sleep,
        adapter=adapter,
        judge=judge(access.account),
    )
    version = str(access.options.get("api_version", VERSION)).removeprefix("v")
    return Salesforce(access.account, Api(door, version), overlap_s=float(access.options.get("overlap_s", OVERLAP_S)))


@guarded
class Salesforce:
    """One org."""

    crm = "salesforce"
    capabilities = CAPABILITIES

    def __init__(self, account: str, api: Api, *, overlap_s: float = OVERLAP_S) -> None:
        self.account = account
        self._api = api
        self._described: dict[str, tuple[Schema, str]] = {}
        self._reader = Reader(api, self._look, overlap_s)
        self._histories = Histories(self._reader, self.describe, self._user)

    def identity(self) -> Identity:
        org = next(iter(self._reader.select("SELECT Id, Name FROM Organization LIMIT 1", "the organization")))
        user = self._user()
        email = None if user is None else next((row["Email"] for row in self._users(f"WHERE Id IN {quoted([user])}")), None)
        return Identity(key=long_id(org["Id"]), label=str(org["Name"]), user_id=user, user_email=email)

    def owners(self) -> Sequence[Owner]:
        people = [Owner(long_id(row["Id"]), row["Email"], row["Name"], row["IsActive"]) for row in self._users("")]
        queues = self._reader.select("SELECT Id, Name, Email FROM Group WHERE Type = 'Queue'", "the queues")
        return [*people, *(Owner(long_id(row["Id"]), row.get("Email"), row["Name"], kind="queue") for row in queues)]

    def describe(self, object: str) -> Schema:
        """As it was when this connector was opened: one run works with one schema."""
        return self._look(object)[0]

    def create_field(self, object: str, field: NewField) -> Field:
        name = custom_name(field.name)
        known = self.describe(object).fields.get(name)
        if known is not None:
            return known
        answer = self._api.rest("POST", "tooling/sobjects/CustomField", json=new_field(object, field))
        if not (isinstance(answer, Refusal) and answer.code in ("DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE")):
            self._api.expect(answer, f"the new field {object}.{name}")
        self._described.pop(object, None)
        if name not in self.describe(object).fields:
            self._grant(object, name)
        return self._created(object, name)

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        return self._reader.changes(object, cursor, fields)

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self._reader.get(object, ids, fields) if ids else []

    def histories(self, object: str, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
        return self._histories.of(object, ids, fields, since)

    def dated(self, records: Sequence[Record]) -> Sequence[Record]:
        return records

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        return self._reader.find(object, field, values, fields)

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        try:
            schema = self.describe(object) if writes else None
        except (AccountStopped, Retry) as error:
            return [not_sent(write, error) for write in writes]
        return [] if schema is None else Writer(self._api, self._reader, schema, KEY_FIELD, writes).run()

    def attached(self, object: str, ids: Sequence[str]) -> Mapping[str, bool | None]:
        return self._reader.attached(object, ids)

    def calls(self) -> Mapping[str, int]:
        return dict(self._api.door.calls)

    def close(self) -> None:
        self._api.door.close()

    def __repr__(self) -> str:
        return f"Salesforce({self.account!r})"

    def _look(self, object: str) -> tuple[Schema, str]:
        """An object's schema and the stamp to walk it by."""
        if object not in self._described:
            described = self._describe_afresh(object)
            schema = schema_of(described)
            told = self._reader.consents.fields() if PARTY in schema.fields else {}
            self._described[object] = (replace(schema, fields={**schema.fields, **told}), stamp_of(described))
        return self._described[object]

    def _describe_afresh(self, object: str) -> Mapping[str, Any]:
        if object not in CAPABILITIES.objects:
            raise Misconfigured(
                f"there is no Salesforce object {object!r} here.",
                account=self.account,
                cause="unknown_object",
                fix=f"Use {', '.join(CAPABILITIES.objects)}.",
            )
        described: Mapping[str, Any] = self._api.expect(
            self._api.rest("GET", f"sobjects/{object}/describe"), f"the description of {object}"
        )
        return described

    def _users(self, where: str) -> Iterator[Mapping[str, Any]]:
        return self._reader.select(f"SELECT Id, Name, Email, IsActive FROM User {where}".strip(), "the users")  # noqa: S608

    def _user(self) -> str | None:
        """Whose session this is, as far as its scopes let us know."""
        try:
            answer = self._api.door.send("GET", "/services/oauth2/userinfo", kind="meta")
        except Denied:
            return self._user_of_identity()
        known = answer.body() if answer.ok else None
        return long_id(str(known["user_id"])) if isinstance(known, dict) and "user_id" in known else self._user_of_identity()

    def _user_of_identity(self) -> str | None:
        """The version's root names the identity address, which ends with the user's id."""
        root = self._api.rest("GET", "")
        address = root.get("identity", "") if isinstance(root, dict) else ""
        last = str(address).rpartition("/")[2]
        return long_id(last) if last.startswith("005") else None

    def _grant(self, object: str, name: str) -> None:
        """A field made by the API is hidden from everybody until a permission set shows it."""
        body = {"SobjectType": object, "Field": f"{object}.{name}", "PermissionsRead": True, "PermissionsEdit": True}
        for permission_set in self._permission_sets()[:1]:
            answer = self._api.rest("POST", "sobjects/FieldPermissions", json={"ParentId": permission_set, **body})
            self._api.expect(answer, f"the right to see {object}.{name}")
        self._described.pop(object, None)

    def _permission_sets(self) -> list[str]:
        user = self._user()
        if user is None:
            return []
        soql = f"SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId IN {quoted([user])}"  # noqa: S608
        return [str(row["PermissionSetId"]) for row in self._reader.select(soql, "the integration user's permission sets")]

    def _created(self, object: str, name: str) -> Field:
        field = self.describe(object).fields.get(name)
        if field is None:
            raise Misconfigured(
                f"{object}.{name} was created, but the integration user may not see it.",
                account=self.account,
                cause="hidden_field",
                fix="Grant read and edit access to the field in a permission set of the integration user.",
            )
        return field
