"""Pipedrive: persons (API v2) with the names of their organisations.

Pipedrive has no batch writes, no unique fields and no list of deletions: every write is one call, a create is recognised by the key it
carries, and deletions are found by asking for known ids.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from connectors import Access
from connectors import pipedrive_persons as persons
from connectors.absent import DEFAULT_CAP, check_disappearance
from connectors.auth import Fixed
from connectors.base import Capabilities, Ending, Field, Identity, NewField, Op, Outcome, Owner, Page, Receipt, Record, Schema, Write
from connectors.errors import ConnectorError, Denied, Misconfigured, RecordRefused, Unreadable
from connectors.http import Answer, Door, escape
from connectors.pacing import Limit, Pacer
from connectors.pipedrive_calls import fetch, judge, next_cursor, read, readable, unexpected, written
from connectors.pipedrive_organizations import Organisations, Undecided
from connectors.singly import rejected, write_singly

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

PERSONS: Final = "/api/v2/persons"
FIELDS: Final = "/api/v2/personFields"
PAGE: Final = 500
BY_ID: Final = 100
PROBES: Final = 10  # how many absent ids of one look-up are asked for singly, which tells deleted from hidden
SEARCH_PAGE: Final = 100  # larger ones are refused for some searches
OVERLAP: Final = timedelta(seconds=60)
RECENT: Final = timedelta(hours=1)  # how far back the search index is not trusted
RECENT_PAGES: Final = 20
SEARCHABLE: Final = {"name": "name", "emails": "email", "phones": "phone"}
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
        "https://api.pipedrive.com" if access.base_url is None else access.base_url,
        headers=Fixed({"x-api-token": token}),
        pacer=Pacer(LIMITS if pacing else (), clock=clock, sleep=sleep),
        clock=clock,
        sleep=sleep,
        adapter=adapter,
        secrets=(token,),
        judge=partial(judge, access.account),
    )
    return Pipedrive(door)


class Pipedrive:
    """One Pipedrive company, as the user whom the token belongs to."""

    crm = "pipedrive"
    capabilities = CAPABILITIES

    def __init__(self, door: Door) -> None:
        self.account = door.account
        self._door = door
        self._schema: Schema | None = None
        self._doubted = False
        self._organisations = Organisations(door)

    def identity(self) -> Identity:
        me = read(self._door, "/api/v1/users/me", kind="meta")["data"]
        label = f"{me.get('company_name')} ({me.get('company_domain')})"
        return Identity(str(me["company_id"]), label, str(me["id"]), me.get("email"))

    def owners(self) -> Sequence[Owner]:
        users = read(self._door, "/api/v1/users", kind="owners")["data"]
        return [Owner(str(user["id"]), user.get("email"), str(user["name"]), active=user.get("active_flag") is True) for user in users]

    def describe(self, object: str) -> Schema:
        self._check(object)
        if self._schema is None:
            rows = [row for page in self._pages(FIELDS, {"limit": PAGE}, kind="meta") for row in page]
            self._schema = persons.schema(rows, campaigns=self._campaigns(rows))
        return self._schema

    def create_field(self, object: str, field: NewField) -> Field:
        schema = self.describe(object)
        existing = persons.labelled(schema, field.name)
        if existing is not None:
            return schema.fields[existing]
        answer = self._door.send("POST", FIELDS, kind="meta", json=_new_field(field), repeatable=False)
        if not answer.ok:
            raise self._field_refused(field, answer)
        self._schema = None
        return persons.custom_field(written_field(self._door, answer))

    # -- reading -----------------------------------------------------------------------------------------------------------------------

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        """All persons in the order of their ids, then those changed since the last walk began.

        Within a walk the vendor's page token is kept; one that has expired restarts the walk, which shows records twice and loses none.
        """
        schema = self.describe(object)
        place = Place() if cursor is None else self._place(cursor)
        while True:
            answer = fetch(self._door, PERSONS, kind="read", params={**self._shown(fields), **place.params()})
            if answer.status == 400 and place.resumed:
                place = place.restarted()
                continue
            body = readable(self._door, answer)
            rows = body["data"]
            self._check_order(rows, place, answer)
            token = next_cursor(body)
            place = place.after(rows, token, self._server_time(answer))
            yield Page(self._records(rows, schema, fields), place.text())
            if token is None:
                return

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        schema = self.describe(object)
        wanted = list(dict.fromkeys(ids))
        rows = self._rows([id for id in wanted if id.isdecimal()], fields)
        found = {record.id: record for record in self._records(rows, schema, fields)}
        absent = [id for id in wanted if id not in found]
        if len(wanted) > 1:
            found.update((id, record) for id in absent[:PROBES] if (record := self._ending(id)) is not None)
        return [found[id] if id in found else missing(id) for id in wanted]

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """By key among the newest persons first, for the search index lags; by e-mail, phone or name through the search, verified."""
        schema = self.describe(object)
        name = persons.labelled(schema, field) or field
        sought = list(dict.fromkeys(value for value in values if value != ""))
        if len(sought) == 0:
            return []
        if name not in schema.fields or not (schema.fields[name].custom or name in SEARCHABLE):
            raise self._misconfigured(f"records cannot be found by {field}.", "not_searchable", "Use a key, e-mail, phone or name field.")
        rows = self._newest(name, sought, fields) if schema.fields[name].custom else []
        left = [value for value in sought if not any(_matches(row, name, value) for row in rows)]
        rows += self._searched(name, left, fields)
        return self._records(rows, schema, fields)

    def ended(self, object: str, known_ids: Iterable[str], *, cap: float | None = DEFAULT_CAP) -> Iterator[Record]:
        """Those of `known_ids` that are shown no more: DELETED where Pipedrive says so, else MISSING (merged, purged or hidden).

        More than the share `cap` of them missing at once stops the account: that is a lost right rather than so many deletions.
        """
        self._check(object)
        known = sorted({int(id) for id in known_ids})
        absent = self._absent(known)
        check_disappearance(self.account, len(absent), len(known), cap)
        for id in absent:
            record = self._ending(str(id))
            if record is not None:
                yield record

    # -- writing -----------------------------------------------------------------------------------------------------------------------

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        self._check(object)
        self._doubted = False
        return write_singly(writes, self._write)

    def calls(self) -> Mapping[str, int]:
        return self._door.calls

    def close(self) -> None:
        self._door.close()

    def __repr__(self) -> str:
        return f"Pipedrive({self.account!r})"

    def _write(self, write: Write) -> Receipt:
        if write.op is Op.DELETE:
            return self._delete(write)
        schema = self.describe(write.object)
        try:
            body = self._body(write, schema)
        except persons.Unfit as unfit:
            return rejected(write, unfit.cause, unfit.message, unfit.field)
        except Undecided:
            return Receipt(
                Outcome.NOT_SENT,
                id=write.id,
                cause="organisation_unknown",
                field=persons.ORGANISATION,
                message="it is not known whether the organisation was created; the next run looks it up.",
            )
        if write.op is Op.CREATE:
            return self._created(write, self._door.send("POST", PERSONS, kind="write", json=body))
        return self._updated(write, self._door.send("PATCH", _person(write), kind="write", json=body))

    def _body(self, write: Write, schema: Schema) -> dict[str, Any]:
        body = persons.body(write, schema, self._organisations.id_for)
        if write.op is Op.CREATE:
            if not any(body.get(name) is not None for name in ("name", "first_name", "last_name")):
                raise persons.Unfit("required", "last_name", "a person needs a name.")
            if write.key is not None:
                body.setdefault("custom_fields", {})[self._key_field(schema)] = write.key
        return body

    def _created(self, write: Write, answer: Answer) -> Receipt:
        if not answer.ok:
            return self._refused(write, answer)
        row = written(self._door, answer)
        return Receipt(Outcome.CREATED, id=str(row["id"]), record=self._read_back(write, row))

    def _updated(self, write: Write, answer: Answer) -> Receipt:
        if answer.status in (404, 410):
            return self._gone(write)
        if not answer.ok:
            return self._refused(write, answer)
        row = written(self._door, answer)
        if str(row["id"]) != write.id:
            raise unexpected(self._door, answer)
        return Receipt(Outcome.UPDATED, id=write.id, record=self._read_back(write, row))

    def _delete(self, write: Write) -> Receipt:
        answer = self._door.send("DELETE", _person(write), kind="write")
        if answer.status in (404, 410):
            return self._gone(write)
        if not answer.ok:
            return self._refused(write, answer)
        written(self._door, answer)
        return Receipt(Outcome.DELETED, id=write.id, record=Record(persons.OBJECT, str(write.id), {}, ending=Ending.DELETED))

    def _gone(self, write: Write) -> Receipt:
        record = self._ending(str(write.id))
        if record is None:
            return rejected(write, "forbidden", "the person is shown, but cannot be changed.")
        return Receipt(Outcome.GONE, id=write.id, record=record, cause="gone", message="the person is not there any more.")

    def _refused(self, write: Write, answer: Answer) -> Receipt:
        """A 400 names no field reliably, so a field that has been removed meanwhile is looked for in a fresh description."""
        if answer.status not in (400, 409, 413, 422):
            raise unexpected(self._door, answer)
        schema = self._looked_at_again(write.object)
        removed = next((name for name in write.fields if name not in schema.fields), None)
        if removed is not None:
            error = self._misconfigured("a mapped person field has been removed.", "unknown_field", "Run setup, or correct the mapping.")
            return rejected(write, "unknown_field", error.message, removed, error)
        named = next((name for name in write.fields if name in answer.text), None)
        return rejected(write, "invalid_value", "Pipedrive refuses a value of this person.", named)

    def _looked_at_again(self, object: str) -> Schema:
        if not self._doubted:
            self._schema = None
            self._doubted = True
        return self.describe(object)

    def _read_back(self, write: Write, row: Mapping[str, Any]) -> Record:
        """The record of the answer. A marketing status may be accepted and not applied, and is shown only when asked for."""
        schema = self.describe(write.object)
        if persons.OPT_OUT in write.fields and persons.MARKETING not in row:
            row = self._with_marketing(row)
        return persons.record(row, schema, (), self._organisations.name)

    def _with_marketing(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            shown = self._row(str(row["id"]), (persons.OPT_OUT,))
        except ConnectorError:
            return row  # the write itself is confirmed; its status stays unobserved
        return row if shown is None else shown

    # -- calls -------------------------------------------------------------------------------------------------------------------------

    def _pages(self, path: str, params: Mapping[str, Any], *, kind: str) -> Iterator[list[dict[str, Any]]]:
        sent = dict(params)
        while True:
            body = read(self._door, path, kind=kind, params=sent)
            yield body["data"]
            cursor = next_cursor(body)
            if cursor is None:
                return
            if cursor == sent.get("cursor"):
                raise self._stuck()
            sent["cursor"] = cursor

    def _row(self, id: str, fields: Sequence[str]) -> dict[str, Any] | None:
        answer = fetch(self._door, f"{PERSONS}/{escape(id)}", kind="read", params=self._shown(fields))
        if answer.status in (404, 410):
            return None
        row: dict[str, Any] = readable(self._door, answer)["data"]
        return row

    def _rows(self, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Persons by id: one alone by its own address, which also shows deleted ones, several by list."""
        if len(ids) == 1:
            row = self._row(ids[0], fields)
            return [] if row is None else [row]
        rows: list[dict[str, Any]] = []
        for at in range(0, len(ids), BY_ID):
            params = {**self._shown(fields), "ids": ",".join(ids[at : at + BY_ID]), "limit": BY_ID}
            rows += read(self._door, PERSONS, kind="read", params=params)["data"]
        return rows

    def _newest(self, field: str, values: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Persons created lately with one of `values`, newest first; a bounded walk."""
        found: list[dict[str, Any]] = []
        params = {**self._shown(fields), "sort_by": "id", "sort_direction": "desc", "limit": PAGE}
        horizon = datetime.fromtimestamp(self._door.clock(), UTC) - RECENT
        for number, page in enumerate(self._pages(PERSONS, params, kind="read"), start=1):
            found += [row for row in page if any(_matches(row, field, value) for value in values)]
            oldest = persons.moment(page[-1]["add_time"]) if len(page) > 0 else None
            if number == RECENT_PAGES or len(found) >= len(values) or (oldest is not None and oldest < horizon):
                break
        return found

    def _searched(self, field: str, values: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Persons from the search index, read afresh and compared: the index lags, and shows near hits too."""
        ids: list[str] = []
        for value in values:
            params = {"term": value, "fields": SEARCHABLE.get(field, "custom_fields"), "exact_match": "true", "limit": SEARCH_PAGE}
            for page in self._pages(f"{PERSONS}/search", params, kind="search"):
                ids += [str(item["item"]["id"]) for item in page["items"]]  # type: ignore[call-overload]  # a search wraps its rows
        rows = self._rows(list(dict.fromkeys(ids)), fields)
        return [row for row in rows if row.get("is_deleted") is not True and any(_matches(row, field, value) for value in values)]

    def _absent(self, known: Sequence[int]) -> list[int]:
        absent: list[int] = []
        for at in range(0, len(known), BY_ID):
            some = known[at : at + BY_ID]
            params = {"ids": ",".join(str(id) for id in some), "limit": BY_ID}
            rows = read(self._door, PERSONS, kind="read", params=params)["data"]
            shown = {persons.person_id(row) for row in rows if row.get("is_deleted") is not True}
            absent += [id for id in some if id not in shown]
        return absent

    def _ending(self, id: str) -> Record | None:
        """How a person ended, or None if it is still there."""
        try:
            row = self._row(id, ())
        except Denied:
            row = None
        if row is None:
            return missing(id)
        record = persons.record(row, self.describe(persons.OBJECT), (), self._organisations.name)
        return None if record.ending is None else record

    def _records(self, rows: Sequence[Mapping[str, Any]], schema: Schema, fields: Sequence[str]) -> list[Record]:
        if len(fields) == 0 or persons.ORGANISATION in fields:
            ids = [persons.organisation_id(row) for row in rows]
            self._organisations.learn(id for id in ids if id is not None)
        return [persons.record(row, schema, fields, self._organisations.name) for row in rows]

    def _shown(self, fields: Sequence[str]) -> dict[str, str]:
        """The marketing status comes only when asked for, and only where the company has the add-on."""
        asked = len(fields) == 0 or persons.OPT_OUT in fields or persons.MARKETING in fields
        known = self._schema is not None and persons.MARKETING in self._schema.fields
        return {"include_fields": persons.MARKETING} if asked and known else {}

    def _campaigns(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether persons have a marketing status: the field list says so, else one person is looked at."""
        if any(row.get("field_code") == persons.MARKETING for row in rows):
            return True
        try:
            answer = fetch(self._door, PERSONS, kind="meta", params={"limit": 1, "include_fields": persons.MARKETING})
        except Denied:
            return False
        return answer.ok and any(persons.MARKETING in row for row in readable(self._door, answer)["data"])

    # -- checks ------------------------------------------------------------------------------------------------------------------------

    def _check(self, object: str) -> None:
        if object not in CAPABILITIES.objects:
            raise self._misconfigured(f"there is no object {object!r} here.", "unknown_object", "Use persons.")

    def _check_order(self, rows: Sequence[Mapping[str, Any]], place: Place, answer: Answer) -> None:
        ids = [place.last, *(persons.person_id(row) for row in rows)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            raise self._stuck(answer.request_id)

    def _key_field(self, schema: Schema) -> str:
        name = persons.labelled(schema, persons.KEY)
        if name is None:
            raise self._misconfigured(f"there is no person field {persons.KEY}.", "missing_key_field", "Run setup.")
        return name

    def _place(self, cursor: str) -> Place:
        try:
            return Place.read(cursor)
        except (ValueError, TypeError):
            raise self._misconfigured("the remembered reading position is not Pipedrive's.", "bad_cursor", "Read from the start.") from None

    def _server_time(self, answer: Answer) -> datetime:
        return datetime.fromtimestamp(self._door.clock(), UTC) if answer.date is None else answer.date

    def _field_refused(self, field: NewField, answer: Answer) -> ConnectorError:
        return self._misconfigured(
            f"Pipedrive refuses the new field {field.name} (status {answer.status}).", "field_refused", "Create it by hand."
        )

    def _stuck(self, request_id: str | None = None) -> Unreadable:
        return Unreadable(
            "the pages of a list do not go forward.", account=self.account, cause="paging", fix="Report this.", request_id=request_id
        )

    def _misconfigured(self, message: str, cause: str, fix: str) -> Misconfigured:
        return Misconfigured(message, account=self.account, cause=cause, fix=fix)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading stands: the window's begin, when this walk began, and the vendor's token of the next page.

    A walk has no end time: sorted by id, a person that is edited while we read is seen either now or in the next window, and an edit in
    the very second in which the walk begins is not put off.
    """

    since: str | None = None
    start: str | None = None
    token: str | None = None
    last: int = 0

    @staticmethod
    def read(text: str) -> Place:
        return Place(**json.loads(text))

    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def resumed(self) -> bool:
        return self.token is not None

    def params(self) -> dict[str, Any]:
        window = {} if self.since is None else {"updated_since": self.since}
        page = {} if self.token is None else {"cursor": self.token}
        return {"limit": PAGE, "sort_by": "id", "sort_direction": "asc", **window, **page}

    def restarted(self) -> Place:
        return replace(self, token=None, last=0)

    def after(self, rows: Sequence[Mapping[str, Any]], token: str | None, now: datetime) -> Place:
        start = _whole_second(now) if self.start is None else self.start
        if token is None:
            return Place(since=_whole_second(datetime.fromisoformat(start) - OVERLAP))
        last = persons.person_id(rows[-1]) if len(rows) > 0 else self.last
        return Place(self.since, start, token, last)


def missing(id: str) -> Record:
    return Record(persons.OBJECT, id, {}, ending=Ending.MISSING)


def written_field(door: Door, answer: Answer) -> Mapping[str, Any]:
    row = answer.json().get("data")
    if not isinstance(row, Mapping) or "field_code" not in row:
        raise unexpected(door, answer)
    return row


def _new_field(field: NewField) -> dict[str, Any]:
    kind = persons.NEW_TYPES.get(field.type, "varchar")
    labels = persons.YES_NO if field.type == "bool" else field.options
    options = {"options": [{"label": label} for label in labels]} if kind in ("enum", "set") else {}
    return {"field_name": field.name, "field_type": kind, **options}


def _person(write: Write) -> str:
    if write.id is None:
        raise RecordRefused("an update or delete needs an id.", cause="required", field="id")
    return f"{PERSONS}/{escape(write.id)}"


def _matches(row: Mapping[str, Any], field: str, value: str) -> bool:
    if field in ("emails", "phones"):
        return value.strip().casefold() in persons.addresses(row, field)
    custom = row.get("custom_fields")
    shown = row.get(field) if field in SEARCHABLE or custom is None else custom.get(field)
    return shown is not None and str(shown) == value


def _whole_second(at: datetime) -> str:
    """v2 refuses fractions of a second as "not a valid datetime"."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
