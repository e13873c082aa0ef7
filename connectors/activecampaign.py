"""ActiveCampaign: contacts (API v3) with their custom fields and list memberships.

The e-mail address is unique and required. Changes are read by id within a window of time; unknown query parameters are ignored by the
vendor, so every list is checked against what was asked. An opt-out is a status per list.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from connectors import Access
from connectors import activecampaign_contacts as contacts
from connectors.absent import DEFAULT_CAP, check_disappearance
from connectors.activecampaign_calls import PAGE, Calls
from connectors.activecampaign_contacts import Seen, Shape
from connectors.auth import Fixed
from connectors.base import Capabilities, Ending, Field, Identity, NewField, Op, Outcome, Owner, Page, Receipt, Record, Schema, Write
from connectors.errors import ConnectorError, Misconfigured, RecordRefused, Unreadable
from connectors.http import Answer, Door, escape
from connectors.pacing import Limit, Pacer
from connectors.singly import rejected, write_singly

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

CONTACTS: Final = "/contacts"
OVERLAP: Final = timedelta(seconds=60)
ANY_ZONE: Final = timedelta(days=1)  # covers every reading of a time whose zone is in doubt
RECENT: Final = timedelta(hours=1)
RECENT_PAGES: Final = 20
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


class ActiveCampaign:
    """One ActiveCampaign account, as the user whom the key belongs to."""

    crm = "activecampaign"
    capabilities = CAPABILITIES

    def __init__(self, door: Door) -> None:
        self.account = door.account
        self._door = door
        self._calls = Calls(door)
        self._known_shape: Shape | None = None
        self._side_loads: dict[str, bool] = {}

    def identity(self) -> Identity:
        me = self._calls.read("/users/me", kind="meta")["user"]
        host = urlsplit(self._door.base_url).netloc
        return Identity(host, host, str(me["id"]), me.get("email"))

    def owners(self) -> Sequence[Owner]:
        users = [user for page in self._calls.pages("/users", "users", kind="owners") for user in page]
        return [Owner(str(user["id"]), user.get("email"), _full_name(user)) for user in users]

    def describe(self, object: str) -> Schema:
        self._check(object)
        return self._shape().schema

    def create_field(self, object: str, field: NewField) -> Field:
        self._check(object)
        existing = self._shape().schema.fields.get(field.name.upper())
        if existing is not None:
            return existing
        created = self._made("/fields", {"field": _new_field(field)}, "field")
        self._made("/fieldRels", {"fieldRel": {"field": created["id"], "relid": 0}}, "fieldRel")  # 0: every list, so every contact
        labels = contacts.YES_NO if field.type == "bool" else field.options
        if len(labels) > 0:
            options = [{"field": created["id"], "orderid": at, "value": label, "label": label} for at, label in enumerate(labels, 1)]
            self._made("/fieldOption/bulk", {"fieldOptions": options}, "fieldOptions")
        self._known_shape = None
        return self.describe(object).fields[field.name.upper()]

    # -- reading -----------------------------------------------------------------------------------------------------------------------

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        """All contacts in the order of their ids, then those changed since the last walk began.

        What a contact's date of change rules out is dropped here, for the vendor's filter may show too much.
        """
        self._check(object)
        shape = self._shape()
        place = Place() if cursor is None else self._place(cursor)
        while True:
            answer = self._calls.fetch(CONTACTS, kind="read", params={**place.params(), **self._include(fields)})
            body = self._calls.body(answer)
            rows = self._checked_rows(body, place)
            changed = [row for row in rows if place.takes(row)]
            records = [contacts.record(seen, shape, fields) for seen in self._looked_at(changed, body, fields)]
            done = len(rows) == 0 or (len(rows) < PAGE and _total(body, len(rows)) <= len(rows))
            place = place.after(rows, self._server_time(answer), done=done)
            if done and place.zone is None:
                place = replace(place, zone=self._zone_is_read(rows))
            yield Page(records, place.text())
            if done:
                return

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        self._check(object)
        shape = self._shape()
        wanted = list(dict.fromkeys(ids))
        found = {seen.id: seen for seen in self._by_id([id for id in wanted if id.isdecimal()], fields)}
        return [contacts.record(found[id], shape, fields) if id in found else missing(id) for id in wanted]

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """By e-mail address, compared with what comes back; by our key among the newest contacts, for there is no search by field."""
        self._check(object)
        shape = self._shape()
        sought = list(dict.fromkeys(value for value in values if value != ""))
        if field == "email":
            seen = [one for address in sought for one in self._by_address(address, fields)]
        elif field.upper() in shape.ids:
            seen = self._newest(shape, field.upper(), sought)
        else:
            raise self._misconfigured(f"records cannot be found by {field}.", "not_searchable", "Use email or the key field.")
        return [contacts.record(one, shape, fields) for one in seen]

    def ended(self, object: str, known_ids: Iterable[str], *, cap: float | None = DEFAULT_CAP) -> Iterator[Record]:
        """Those of `known_ids` that are not there any more, each confirmed by its own 404.

        They are MISSING: deleted, merged and hidden look alike here. More than the share `cap` of them missing at once stops the account.
        """
        self._check(object)
        known = sorted({int(id) for id in known_ids})
        absent = [id for at in range(0, len(known), PAGE) for id in self._not_listed(known[at : at + PAGE])]
        check_disappearance(self.account, len(absent), len(known), cap)
        for id in absent:
            if self._one(str(id)) is None:
                yield missing(str(id))

    def unsubscribed(self, object: str, fields: Sequence[str] = ()) -> Iterator[Page]:
        """Every contact with status 2 on some list.

        Leaving a list may not count as a change of the contact, so `changes` alone could miss an opt-out.
        """
        self._check(object)
        shape = self._shape()
        for lists in self._calls.pages("/lists", "lists", kind="read"):
            for row in lists:
                yield from self._unsubscribed_from(str(row["id"]), shape, fields)

    # -- writing -----------------------------------------------------------------------------------------------------------------------

    def write(self, object: str, writes: Sequence[Write]) -> list[Receipt]:
        self._check(object)
        return write_singly(writes, self._write)

    def calls(self) -> Mapping[str, int]:
        return self._door.calls

    def close(self) -> None:
        self._door.close()

    def __repr__(self) -> str:
        return f"ActiveCampaign({self.account!r})"

    def _write(self, write: Write) -> Receipt:
        shape = self._shape()
        if write.op is Op.DELETE:
            return self._delete(write)
        try:
            body = contacts.body(write, shape)
        except contacts.Unfit as unfit:
            return rejected(write, unfit.cause, unfit.message, unfit.field)
        return self._create(write, body, shape) if write.op is Op.CREATE else self._update(write, body, shape)

    def _create(self, write: Write, body: dict[str, Any], shape: Shape) -> Receipt:
        if "email" not in body:
            return rejected(write, "email_required", "a contact needs an e-mail address.", "email")
        if write.key is not None:
            body.setdefault("fieldValues", []).append({"field": self._key_id(shape), "value": write.key})
        answer = self._calls.send("POST", CONTACTS, kind="write", json={"contact": body})
        if answer.status == 422 and "duplicate" in _codes(answer):
            return self._adopted(write, shape)
        if not answer.ok:
            return self._refused(write, answer)
        seen = self._read_back(self._calls.written(answer, "contact"), body)
        return Receipt(Outcome.CREATED, id=seen.id, record=contacts.record(seen, shape))

    def _adopted(self, write: Write, shape: Shape) -> Receipt:
        """The address is taken: nothing was written, and whoever has it is shown."""
        found = self._by_address(str(write.fields["email"]), ())
        if len(found) != 1:
            return rejected(write, "email_taken", "the address belongs to a contact that is not shown.", "email")
        return Receipt(Outcome.ADOPTED, id=found[0].id, record=contacts.record(found[0], shape), cause="email_taken")

    def _update(self, write: Write, body: dict[str, Any], shape: Shape) -> Receipt:
        """Restrict first, then change: an opt-out must not wait for an address."""
        path = _contact(write)
        lists: dict[str, str] | None = None
        if contacts.OPT_OUT in write.fields:
            lists = self._unsubscribe(path, str(write.id))
            if lists is None:
                return self._gone(write)
        if len(body) == 0:
            return self._only_restricted(write, lists, shape)
        answer = self._calls.send("PUT", path, kind="write", json={"contact": body})
        if answer.status == 404:
            return self._gone(write)
        if answer.status == 422 and "duplicate" in _codes(answer):
            return rejected(write, "email_taken", "another contact has this address.", "email")
        if not answer.ok:
            return self._refused(write, answer)
        seen = self._read_back(self._calls.written(answer, "contact"), body)
        if seen.id != write.id:
            raise self._calls.unexpected(answer)
        if lists is not None:
            seen = replace(seen, lists=lists)
        return Receipt(Outcome.UPDATED, id=write.id, record=contacts.record(seen, shape))

    def _only_restricted(self, write: Write, lists: dict[str, str] | None, shape: Shape) -> Receipt:
        seen = Seen({"id": write.id}, lists=lists)
        return Receipt(Outcome.UPDATED, id=write.id, record=contacts.record(seen, shape))

    def _unsubscribe(self, path: str, id: str) -> dict[str, str] | None:
        """Take the contact off every list it can be mailed through; its statuses afterwards, or None if it is gone."""
        answer = self._calls.fetch(f"{path}/contactLists", kind="read")
        if answer.status == 404:
            return None
        lists = contacts.lists_by_contact(self._calls.rows(self._calls.body(answer), "contactLists")).get(id, {})
        for list_id, status in lists.items():
            if status in contacts.MAILABLE:
                sent = {"list": int(list_id), "contact": int(id), "status": int(contacts.UNSUBSCRIBED)}
                answer = self._calls.send("POST", "/contactLists", kind="write", json={"contactList": sent})
                if not answer.ok:
                    raise self._opt_out_refused(answer)
                lists[list_id] = str(self._calls.written(answer, "contactList")["contactList"].get("status"))
        return lists

    def _opt_out_refused(self, answer: Answer) -> RecordRefused:
        return RecordRefused(
            f"ActiveCampaign refuses to take this contact off a list (status {answer.status}).",
            account=self.account,
            cause="opt_out_refused",
            field=contacts.OPT_OUT,
            fix="Unsubscribe the contact by hand.",
            status=answer.status,
        )

    def _delete(self, write: Write) -> Receipt:
        answer = self._calls.send("DELETE", _contact(write), kind="write")
        if answer.status == 404:
            return self._gone(write)
        if not answer.ok:
            return self._refused(write, answer)
        ended = Record(contacts.OBJECT, str(write.id), {}, ending=Ending.DELETED)
        return Receipt(Outcome.DELETED, id=write.id, record=ended)

    def _gone(self, write: Write) -> Receipt:
        return Receipt(Outcome.GONE, id=write.id, record=missing(str(write.id)), cause="gone", message="the contact is not there any more.")

    def _refused(self, write: Write, answer: Answer) -> Receipt:
        if answer.status not in (400, 409, 422):
            raise self._calls.unexpected(answer)
        cause, field = _meaning(answer)
        return rejected(write, cause, "ActiveCampaign refuses a value of this contact.", field)

    def _read_back(self, answered: Mapping[str, Any], sent: Mapping[str, Any]) -> Seen:
        """What the answer shows; a contact whose written values it leaves out is read once more."""
        seen = Seen(answered["contact"], _values(answered), complete=False)
        written = {value["field"] for value in sent.get("fieldValues", ())}
        shown = set() if seen.values is None else set(seen.values)
        if written <= shown and all(name in seen.contact for name in sent if name != "fieldValues"):
            return seen
        try:
            read = self._one(seen.id)
        except ConnectorError:
            return seen  # the write itself is confirmed; the rest stays unobserved
        return seen if read is None else read

    # -- calls -------------------------------------------------------------------------------------------------------------------------

    def _shape(self) -> Shape:
        if self._known_shape is None:
            bodies = list(self._calls.bodies("/fields", "fields", kind="meta"))
            rows = [row for body in bodies for row in body["fields"]]
            options = [option for body in bodies for option in body.get("fieldOptions", ())]
            self._known_shape = contacts.shape(rows, options)
        return self._known_shape

    def _one(self, id: str) -> Seen | None:
        """A contact by id, which shows its values and lists too."""
        answer = self._calls.fetch(f"{CONTACTS}/{escape(id)}", kind="read")
        if answer.status == 404:
            return None
        body = self._calls.body(answer)
        return Seen(body["contact"], _values(body) or {}, _lists(body).get(id, {}))

    def _by_id(self, ids: Sequence[str], fields: Sequence[str]) -> list[Seen]:
        if len(ids) == 1:
            one = self._one(ids[0])
            return [] if one is None else [one]
        seen: list[Seen] = []
        for at in range(0, len(ids), PAGE):
            some = ids[at : at + PAGE]
            body = self._list_by_id(some, self._include(fields))
            rows = [row for row in body["contacts"] if str(row["id"]) in some]
            seen += self._looked_at(rows, body, fields)
            listed = {str(row["id"]) for row in rows}
            seen += [one for id in some if id not in listed and (one := self._one(id)) is not None]
        return seen

    def _list_by_id(self, ids: Sequence[str], include: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        params = [("limit", PAGE), *(("ids[]", id) for id in ids), *(include or {}).items()]
        body = self._calls.read(CONTACTS, kind="read", params=params)
        self._calls.rows(body, "contacts")
        return body

    def _not_listed(self, ids: Sequence[int]) -> list[int]:
        listed = {int(row["id"]) for row in self._list_by_id([str(id) for id in ids])["contacts"]}
        return [id for id in ids if id not in listed]

    def _by_address(self, address: str, fields: Sequence[str]) -> list[Seen]:
        """A misspelt parameter would show somebody else, so the address is compared (PipedreamHQ/pipedream#4612)."""
        body = self._calls.read(CONTACTS, kind="search", params={"email": address, "limit": PAGE, **self._include(fields)})
        rows = [row for row in self._calls.rows(body, "contacts") if contacts.same_address(row, address)]
        return self._looked_at(rows, body, fields)

    def _newest(self, shape: Shape, name: str, values: Sequence[str]) -> list[Seen]:
        """Contacts created lately with one of `values`, newest first; a bounded walk."""
        found: list[Seen] = []
        horizon = datetime.fromtimestamp(self._door.clock(), UTC) - RECENT
        params: dict[str, Any] = {"orders[id]": "DESC", "limit": PAGE}
        for _ in range(RECENT_PAGES):
            body = self._calls.read(CONTACTS, kind="read", params={**params, **self._include(())})
            rows = self._calls.rows(body, "contacts")
            seen = self._looked_at(rows, body, ())
            found += [one for one in seen if one.values is not None and one.values.get(shape.ids[name]) in values]
            created = contacts.moment(rows[-1].get("cdate")) if len(rows) > 0 else None
            if len(rows) < PAGE or len(found) >= len(values) or (created is not None and created < horizon):
                break
            params["id_less"] = rows[-1]["id"]
        return found

    def _unsubscribed_from(self, list_id: str, shape: Shape, fields: Sequence[str]) -> Iterator[Page]:
        last = 0
        while True:
            which = {"listid": list_id, "status": contacts.UNSUBSCRIBED}
            params = {**which, "orders[id]": "ASC", "id_greater": last, "limit": PAGE, **self._include(fields)}
            body = self._calls.read(CONTACTS, kind="read", params=params)
            if any(str(_echo(body, name)) != value for name, value in which.items()):
                raise self._calls.error(Unreadable, "ignores the list filter", "filter_ignored", "Report this.")
            rows = self._calls.rows(body, "contacts")
            seen = self._looked_at(rows, body, fields)
            yield Page([contacts.record(one, shape, fields) for one in seen], "")
            if len(rows) < PAGE:
                return
            last = int(rows[-1]["id"])

    # -- side-loading ------------------------------------------------------------------------------------------------------------------

    def _include(self, fields: Sequence[str]) -> dict[str, str]:
        """What a list is asked to bring along. Undocumented: the first answer shows whether this account does it."""
        needed = self._needed(fields)
        useless = len(needed) == 0 or not all(self._side_loads.get(name, True) for name in needed)
        return {} if useless else {"include": ",".join(needed)}

    def _needed(self, fields: Sequence[str]) -> list[str]:
        shape = self._shape()
        values = len(fields) == 0 or any(name in shape.ids for name in fields)
        lists = len(fields) == 0 or contacts.OPT_OUT in fields
        return [name for name, wanted in (("fieldValues", values), ("contactLists", lists)) if wanted]

    def _looked_at(self, rows: Sequence[Mapping[str, Any]], body: Mapping[str, Any], fields: Sequence[str]) -> list[Seen]:
        """Contacts of a list with their values and lists: side-loaded, or one call each where the account does not."""
        needed = self._needed(fields)
        if len(needed) == 0 or len(rows) == 0:
            return [Seen(row) for row in rows]
        for name in needed:
            self._side_loads.setdefault(name, isinstance(body.get(name), list))
        if not all(self._side_loads[name] for name in needed):
            return [one for row in rows if (one := self._one(str(row["id"]))) is not None]
        return list(_side_loaded(rows, body, needed))

    # -- checks ------------------------------------------------------------------------------------------------------------------------

    def _check(self, object: str) -> None:
        if object not in CAPABILITIES.objects:
            raise self._misconfigured(f"there is no object {object!r} here.", "unknown_object", "Use contacts.")

    def _checked_rows(self, body: Mapping[str, Any], place: Place) -> Sequence[Mapping[str, Any]]:
        """The rows of a page, if the echo shows our limit and the ids go up from where we were."""
        if any(str(_echo(body, name)) not in (asked, "None") for name, asked in (("limit", str(PAGE)), ("offset", "0"))):
            raise self._calls.error(Unreadable, "did not read the request as it was sent", "parameters_ignored", "Report this.")
        rows = self._calls.rows(body, "contacts")
        ids = [place.last, *(int(row["id"]) for row in rows)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            raise self._calls.error(Unreadable, "shows pages that do not go forward", "paging", "Report this.")
        return rows

    def _zone_is_read(self, rows: Sequence[Mapping[str, Any]]) -> bool | None:
        """Whether the time filter works and reads the offset, tried on the last contact; None if that shows nothing.

        The zone of the filter is not documented: a contact must be found just after, and not found just before, its own date of change.
        """
        if len(rows) == 0 or contacts.changed_at(rows[-1]) is None:
            return None
        row = rows[-1]
        at = contacts.changed_at(row)
        assert at is not None  # noqa: S101 (seen above)
        before, after = (self._filtered(str(row["id"]), at + shift) for shift in (-OVERLAP, OVERLAP))
        if any(contacts.changed_at(other) != at for other in after):
            return None
        return [str(other["id"]) for other in before] == [str(row["id"])] and len(after) == 0

    def _filtered(self, id: str, since: datetime) -> Sequence[Mapping[str, Any]]:
        params = {"ids[]": id, "filters[updated_after]": _utc(since), "limit": PAGE}
        return self._calls.rows(self._calls.read(CONTACTS, kind="meta", params=params), "contacts")

    def _key_id(self, shape: Shape) -> str:
        key = shape.key()
        if key is None:
            raise self._misconfigured(f"there is no contact field {contacts.KEY}.", "missing_key_field", "Run setup.")
        return shape.ids[key]

    def _made(self, path: str, body: Mapping[str, Any], name: str) -> Any:
        answer = self._calls.send("POST", path, kind="meta", json=body)
        made = answer.json().get(name) if answer.ok else None
        if made is None:
            raise self._misconfigured(
                f"a custom field could not be created (status {answer.status}).", "field_refused", "Create it by hand."
            )
        return made

    def _place(self, cursor: str) -> Place:
        try:
            return Place(**json.loads(cursor))
        except (ValueError, TypeError):
            raise self._misconfigured(
                "the remembered reading position is not ActiveCampaign's.", "bad_cursor", "Read from the start."
            ) from None

    def _server_time(self, answer: Answer) -> datetime:
        return datetime.fromtimestamp(self._door.clock(), UTC) if answer.date is None else answer.date

    def _misconfigured(self, message: str, cause: str, fix: str) -> Misconfigured:
        return Misconfigured(message, account=self.account, cause=cause, fix=fix)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading stands: the window's begin, when this walk began, the last id, and whether the time filter is trusted."""

    since: str | None = None
    start: str | None = None
    last: int = 0
    zone: bool | None = None

    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    def params(self) -> dict[str, Any]:
        window = {} if self.since is None else {"filters[updated_after]": _utc(self._filtered_since(self.since))}
        return {"orders[id]": "ASC", "id_greater": self.last, "limit": PAGE, "offset": 0, **window}

    def _filtered_since(self, since: str) -> datetime:
        exact = datetime.fromisoformat(since)
        return exact if self.zone is True else exact - ANY_ZONE

    def takes(self, row: Mapping[str, Any]) -> bool:
        at = contacts.changed_at(row)
        return self.since is None or at is None or at >= datetime.fromisoformat(self.since)

    def after(self, rows: Sequence[Mapping[str, Any]], now: datetime, *, done: bool) -> Place:
        start = _utc(now) if self.start is None else self.start
        if done:
            return Place(since=_utc(datetime.fromisoformat(start) - OVERLAP), zone=self.zone)
        return replace(self, start=start, last=int(rows[-1]["id"]))


def missing(id: str) -> Record:
    return Record(contacts.OBJECT, id, {}, ending=Ending.MISSING)


def _side_loaded(rows: Sequence[Mapping[str, Any]], body: Mapping[str, Any], needed: Sequence[str]) -> Iterator[Seen]:
    values = contacts.values_by_contact(body["fieldValues"]) if "fieldValues" in needed else None
    lists = contacts.lists_by_contact(body["contactLists"]) if "contactLists" in needed else None
    for row in rows:
        id = str(row["id"])
        yield Seen(row, None if values is None else values.get(id, {}), None if lists is None else lists.get(id, {}))


def _values(body: Mapping[str, Any]) -> dict[str, str | None] | None:
    """Field values that an answer about one contact shows; a created one may come without the contact's id."""
    rows = body.get("fieldValues")
    return None if rows is None else {str(row["field"]): row["value"] for row in rows}


def _lists(body: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return contacts.lists_by_contact(body.get("contactLists", ()))


def _new_field(field: NewField) -> dict[str, Any]:
    kind = contacts.NEW_TYPES.get(field.type, "text")
    return {"type": kind, "title": field.name, "descript": field.label, "perstag": field.name.upper(), "visible": 1}


def _contact(write: Write) -> str:
    if write.id is None:
        raise RecordRefused("an update or delete needs an id.", cause="required", field="id")
    return f"{CONTACTS}/{escape(write.id)}"


def _codes(answer: Answer) -> list[str]:
    return [str(error.get("code")) for error in _errors(answer)]


def _errors(answer: Answer) -> list[Mapping[str, Any]]:
    body = answer.body()
    errors = body.get("errors") if isinstance(body, Mapping) else None
    return [error for error in errors if isinstance(error, Mapping)] if isinstance(errors, list) else []


def _meaning(answer: Answer) -> tuple[str, str | None]:
    """Cause and field of a refusal, from its first error's code and pointer."""
    error = next(iter(_errors(answer)), {})
    source = error.get("source")
    pointer = str(source.get("pointer")) if isinstance(source, Mapping) else ""
    field = next((field.name for field in contacts.SCALARS if pointer.endswith(f"/{field.name}")), None)
    code = str(error.get("code"))
    if field == "email":
        return ("email_required" if code == "field_missing" else "invalid_email"), field
    return {"field_missing": "required"}.get(code, "invalid_value"), field


def _full_name(user: Mapping[str, Any]) -> str:
    name = f"{user.get('firstName', '')} {user.get('lastName', '')}".strip()
    return name if name != "" else str(user.get("username", user["id"]))


def _echo(body: Mapping[str, Any], name: str) -> Any:
    meta = body.get("meta")
    echoed = meta.get("page_input") if isinstance(meta, Mapping) else None
    return echoed.get(name) if isinstance(echoed, Mapping) else None


def _total(body: Mapping[str, Any], otherwise: int) -> int:
    meta = body.get("meta")
    text = str(meta.get("total")) if isinstance(meta, Mapping) else ""
    return int(text) if text.isdecimal() else otherwise


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
