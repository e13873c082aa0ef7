"""Salesforce's rows: what a write must look like, soft deletion, merge, conversion, and the indexes behind queries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from sandbox.salesforce_answers import Fault
from sandbox.salesforce_fields import OBJECTS, PRIVACY_FIELDS, Field, fields_of
from sandbox.salesforce_history import log
from sandbox.salesforce_values import EMAIL, boolean, long_id, make_id, moment, not_writable, number, stamp_text
from sandbox.shelf import Changes, Ids

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

BIN_DAYS = 15


class Row:
    """One record; fields that are empty are not in `values`."""

    __slots__ = ("created", "created_by", "deleted_at", "id", "master", "modified", "modified_by", "stamp", "values")

    def __init__(self, id: str, at: int, user: str) -> None:
        self.id = id
        self.values: dict[str, Any] = {}
        self.created = self.modified = self.stamp = at
        self.created_by = self.modified_by = user
        self.deleted_at: int | None = None
        self.master: str | None = None


Reader = Callable[[Row], Any]
SYSTEM: dict[str, Reader] = {
    "Id": lambda row: row.id,
    "IsDeleted": lambda row: row.deleted_at is not None,
    "CreatedDate": lambda row: stamp_text(row.created),
    "CreatedById": lambda row: row.created_by,
    "LastModifiedDate": lambda row: stamp_text(row.modified),
    "LastModifiedById": lambda row: row.modified_by,
    "SystemModstamp": lambda row: stamp_text(row.stamp),
    "MasterRecordId": lambda row: row.master,
}
SECONDS: dict[str, Callable[[Row], int]] = {
    "CreatedDate": lambda row: row.created,
    "LastModifiedDate": lambda row: row.modified,
    "SystemModstamp": lambda row: row.stamp,
}


def _full_name(row: Row) -> Any:
    return " ".join(str(row.values[part]) for part in ("FirstName", "LastName") if part in row.values) or None


def _address(prefix: str) -> Reader:
    names = {"city": "City", "country": "Country", "postalCode": "PostalCode", "state": "State", "street": "Street"}

    def read(row: Row) -> Any:
        parts = {key: row.values.get(prefix + name) for key, name in names.items()}
        if all(part is None for part in parts.values()):
            return None
        return {**parts, "countryCode": None, "geocodeAccuracy": None, "latitude": None, "longitude": None, "stateCode": None}

    return read


COMPOUND: dict[str, dict[str, Reader]] = {
    "Lead": {"Name": _full_name, "Address": _address("")},
    "Contact": {"Name": _full_name, "MailingAddress": _address("Mailing")},
    "Account": {"BillingAddress": _address("Billing")},
}


class Table:
    """All rows of one object."""

    def __init__(self, app: Salesforce, name: str) -> None:
        self.app = app
        self.name = name
        self.prefix = OBJECTS[name][0]
        self.fields = fields_of(name, bare=app.bare)
        self.rows: dict[str, Row] = {}
        self.live = Ids()
        self.changes = Changes()
        self.index: dict[str, dict[str, set[str]]] = {}
        self.binned: set[str] = set()
        self._required = [field.name for field in self.fields.values() if field.required]  # a custom field never is
        self._defaults = {field.name: field.default for field in self.fields.values() if field.default is not None}
        self._next = 1
        self._bin: deque[tuple[int, str]] = deque()

    def visible(self) -> dict[str, Field]:
        """The fields that the integration user may see."""
        if not self.app.hides and (self.app.settings["privacy_objects"] or self.fields.keys().isdisjoint(PRIVACY_FIELDS)):
            return self.fields
        return {name: field for name, field in self.fields.items() if self._is_seen(field)}

    def field(self, name: str) -> Field | None:
        """A field by its name in any letter case, if it may be seen."""
        field = self.fields.get(name)
        if field is None:
            lower = name.lower()
            field = next((one for one in self.fields.values() if one.name.lower() == lower), None)
        return field if field is not None and self._is_seen(field) else None

    def _is_seen(self, field: Field) -> bool:
        if field.name in PRIVACY_FIELDS and not self.app.settings["privacy_objects"]:
            return False
        return not (self.app.hides and self.app.is_hidden(self.name, field))

    def reader(self, name: str) -> Reader:
        own = COMPOUND.get(self.name, {}).get(name) or SYSTEM.get(name)
        if own is not None:
            return own
        if self.fields[name].type == "boolean":
            return lambda row: row.values.get(name, False)
        return lambda row: row.values.get(name)

    def holders(self, field: str, value: Any) -> set[str]:
        """Ids of the live rows whose indexed field has this value."""
        return self.index.get(field, {}).get(str(value).strip().lower(), set())

    def is_key(self, field: Field) -> bool:
        return field.external_id or field.id_lookup or field.unique

    def find(self, id: str) -> Row | None:
        return self.rows.get(long_id(id))

    # -- checking ----------------------------------------------------------------------------------------------------------------------

    def check(self, given: Mapping[str, Any], row: Row | None) -> dict[str, Any]:
        """The values as they would be stored (None: empty); raises Fault."""
        values: dict[str, Any] = {}
        for name, raw in given.items():
            if name in ("attributes", "type"):
                continue
            field = self.field(name)
            if field is None:
                raise Fault("INVALID_FIELD", f"No such column '{name}' on sobject of type {self.name}")
            if not (field.createable if row is None else field.updateable):
                raise not_writable(field)
            values[field.name] = self._value(field, raw)
        self._require(values, row)
        self._refuse_repeated(values, row)
        self._owner(values, row)
        return values

    def _value(self, field: Field, raw: Any) -> Any:
        if field.type == "boolean":
            return boolean(field, raw)
        if raw is None or raw == "":
            return None
        if field.type in ("int", "double", "currency"):
            return number(field, raw)
        if field.type == "reference":
            return self._reference(field, raw)
        if not isinstance(raw, (str, int, float)) or isinstance(raw, bool):
            raise Fault("JSON_PARSER_ERROR", f"Cannot deserialize instance of {field.type} from {type(raw).__name__}")
        return self._text(field, str(raw).strip())

    def _text(self, field: Field, text: str) -> Any:
        if text == "":
            return None
        if field.type == "email":
            text = text.lower()
            if not EMAIL.fullmatch(text):
                raise Fault("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name])
        if field.type in ("date", "datetime"):
            return moment(field, text)
        if field.is_text and field.length and len(text) > field.length:
            raise Fault("STRING_TOO_LONG", f"{field.label}: data value too large: {text[:200]} (max length={field.length})", [field.name])
        if field.restricted and text not in field.options:
            message = f"{field.label}: bad value for restricted picklist field: {text}"
            raise Fault("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
        return text

    def _reference(self, field: Field, raw: Any) -> str:
        id = long_id(raw)
        for target in field.refers:
            table = self.app.tables.get(target)
            if table is None or (id in table.rows and table.rows[id].deleted_at is None):
                return id
        if len(id) != 18:
            raise Fault("MALFORMED_ID", f"{field.label}: id value of incorrect type: {raw}", [field.name])
        raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")

    def _require(self, values: Mapping[str, Any], row: Row | None) -> None:
        missing = [name for name in self._required if values.get(name) is None and (row is None or name in values)]
        if missing:
            raise Fault("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)

    def _refuse_repeated(self, values: Mapping[str, Any], row: Row | None) -> None:
        for name, value in values.items():
            if value is None or not self.fields[name].unique:
                continue
            others = self.holders(name, value) - ({row.id} if row is not None else set())
            if others:
                message = f"duplicate value found: {name} duplicates value on record with id: {min(others)[:15]}"
                raise Fault("DUPLICATE_VALUE", message)

    def _owner(self, values: Mapping[str, Any], row: Row | None) -> None:
        owner = values.get("OwnerId")
        if owner is None or (row is not None and row.values.get("OwnerId") == owner):
            return
        user = self.app.tables["User"].rows.get(owner)
        if user is not None and not user.values.get("IsActive"):
            message = f"operation performed with inactive user [{owner[:15]}] as owner of {self.name.lower()}"
            raise Fault("INACTIVE_OWNER_OR_USER", message)

    # -- writing -----------------------------------------------------------------------------------------------------------------------

    def create(self, values: Mapping[str, Any], *, user: str | None = None, at: int | None = None) -> Row:
        now = self.app.now_s() if at is None else at
        row = Row(make_id(self.prefix, self._next), now, user or self.app.user_id)
        self._next += 1
        self.app.remember(self, row.id, None)
        self.rows[row.id] = row
        self.live.add(row.id)
        if "OwnerId" in self.fields:
            row.values["OwnerId"] = self.app.user_id
        row.values.update(self._defaults)
        self._put(row, values)
        self.changes.touch(row.id, now)
        self._react(row, values)
        return row

    def update(self, row: Row, values: Mapping[str, Any], *, user: str | None = None, at: int | None = None) -> None:
        """Store values; every update moves the stamps, even one that changes nothing."""
        self.app.remember(self, row.id, row)
        before = dict(row.values)
        self._put(row, values)
        log(self.app, self.name, row, before, user, at)
        self.touch(row, at, user)
        before = dict(row.values)
        self._react(row, values)
        log(self.app, self.name, row, before, user, at)

    def touch(self, row: Row, at: int | None = None, user: str | None = None, *, system: bool = False) -> None:
        row.stamp = self.app.now_s() if at is None else at
        if not system:
            row.modified = row.stamp
            row.modified_by = user or self.app.user_id
        self.changes.touch(row.id, row.stamp)

    def _react(self, row: Row, values: Mapping[str, Any]) -> None:
        if self.app.workflows:
            reaction = self.app.reactions(self.name, values)
            if reaction:
                self._put(row, reaction)

    def _put(self, row: Row, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if self.is_key(self.fields[name]):
                self._reindex(row, name, row.values.get(name), value)
            if value is None:
                row.values.pop(name, None)
            else:
                row.values[name] = value

    def _reindex(self, row: Row, name: str, old: Any, new: Any) -> None:
        index = self.index.setdefault(name, {})
        if old is not None:
            ids = index.get(str(old).lower(), set())
            ids.discard(row.id)
            if not ids:
                index.pop(str(old).lower(), None)
        if new is not None:
            index.setdefault(str(new).lower(), set()).add(row.id)

    # -- endings -----------------------------------------------------------------------------------------------------------------------

    def delete(self, row: Row, *, master: str | None = None) -> None:
        """Into the recycle bin; a merged row names the one that stays."""
        self.app.remember(self, row.id, row)
        row.deleted_at = self.app.now_s()
        row.master = master
        self.touch(row)
        self.live.remove(row.id)
        self.binned.add(row.id)
        for name in self.index:
            self._reindex(row, name, row.values.get(name), None)
        self._bin.append((row.deleted_at, row.id))

    def restore(self, row: Row) -> None:
        self.app.remember(self, row.id, row)
        row.deleted_at = row.master = None
        self.touch(row)
        self._list(row)

    def purge(self, row: Row) -> None:
        if row.deleted_at is None:
            self.delete(row)
        self.changes.forget(row.id)
        self.binned.discard(row.id)
        del self.rows[row.id]

    def empty_bin(self, row: Row) -> None:
        """Out of the bin: gone in a day."""
        row.deleted_at = self.app.now_s() - BIN_DAYS * 86400
        self._bin.appendleft((row.deleted_at, row.id))

    def expire(self, now: int) -> None:
        """The bin keeps a row for 15 days, and a day passes until it is really gone."""
        while self._bin and self._bin[0][0] <= now - (BIN_DAYS + 1) * 86400:
            at, id = self._bin.popleft()
            row = self.rows.get(id)
            if row is not None and row.deleted_at == at:
                self.purge(row)

    def _list(self, row: Row) -> None:
        """Put a row into the indexes of live ones."""
        self.live.add(row.id)
        self.binned.discard(row.id)
        for field in self.fields.values():
            if self.is_key(field) and field.name in row.values:
                self._reindex(row, field.name, None, row.values[field.name])

    def put_back(self, id: str, before: Row | None) -> None:
        """Undo what a rolled-back request did to one row."""
        now = self.rows.pop(id, None)
        if now is not None and now.deleted_at is None:
            self.live.remove(id)
            for name in self.index:
                self._reindex(now, name, now.values.get(name), None)
        self.changes.forget(id)
        self.binned.discard(id)
        if before is not None:
            self.rows[id] = before
            self.changes.touch(id, before.stamp)
            if before.deleted_at is None:
                self._list(before)
            else:
                self.binned.add(id)

    def snapshot(self) -> dict[str, Any]:
        return {"next": self._next, "rows": [[getattr(row, name) for name in Row.__slots__] for row in self.rows.values()]}

    def restore_all(self, state: Mapping[str, Any]) -> None:
        self._next = state["next"]
        for entry in state["rows"]:
            row = Row("", 0, "")
            for name, value in zip(Row.__slots__, entry, strict=True):
                setattr(row, name, value)
            self.rows[row.id] = row
            self.changes.touch(row.id, row.stamp)
            if row.deleted_at is None:
                self._list(row)
            else:
                self.binned.add(row.id)
                self._bin.append((row.deleted_at, row.id))
        self._bin = deque(sorted(self._bin))


def kept(row: Row) -> Row:
    """A copy to go back to."""
    before = copy(row)
    before.values = dict(row.values)
    return before


def require(table: Table, id: str) -> Row:
    """The row of an id; raises the Fault of one that is unknown or deleted."""
    row = table.find(id)
    if row is None:
        raise Fault("NOT_FOUND", "The requested resource does not exist", status=404)
    if row.deleted_at is not None:
        raise Fault("ENTITY_IS_DELETED", "entity is deleted", status=404)
    return row


def record(table: Table, row: Row, names: Iterable[str], base: str) -> dict[str, Any]:
    """A row as REST shows it."""
    shown: dict[str, Any] = {"attributes": {"type": table.name, "url": f"{base}/sobjects/{table.name}/{row.id}"}}
    for name in names:
        shown[name] = table.reader(name)(row)
    return shown
