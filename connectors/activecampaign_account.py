"""One ActiveCampaign account as this run knows it: its custom fields, and what it brings along with a list of contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from connectors import activecampaign_contacts as contacts
from connectors.activecampaign_calls import Calls
from connectors.activecampaign_contacts import Seen, Shape
from connectors.base import Field, NewField
from connectors.errors import Misconfigured
from connectors.http import escape

CONTACTS: Final = "/contacts"
EVERY_LIST: Final = 0  # a field that is related to every list is there for every contact


class Account:
    """Shared by reading and writing."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self._shape: Shape | None = None
        self._side_loads: dict[str, bool] = {}

    def shape(self) -> Shape:
        if self._shape is None:
            bodies = list(self.calls.bodies("/fields", "fields", kind="meta"))
            rows = [row for body in bodies for row in body["fields"]]
            options = [option for body in bodies for option in body.get("fieldOptions", ())]
            lists = [row for body in self.calls.bodies("/lists", "lists", kind="meta") for row in body["lists"]]
            self._shape = contacts.shape(rows, options, lists)
        return self._shape

    def key_id(self) -> str:
        """The id of the field that carries the keys of our creates."""
        id = self.shape().ids.get(contacts.KEY.upper())
        if id is None:
            raise self.misconfigured(f"there is no contact field {contacts.KEY}.", "missing_key_field", "Run setup.")
        return id

    def create_field(self, field: NewField) -> Field:
        name = field.name.upper()
        existing = self.shape().schema.fields.get(name)
        if existing is not None:
            return existing
        id = self._made("/fields", {"field": _new_field(field)}, "field")["id"]
        self._made("/fieldRels", {"fieldRel": {"field": id, "relid": EVERY_LIST}}, "fieldRel")
        labels = contacts.YES_NO if field.type == "bool" else field.options
        if len(labels) > 0:
            options = [{"field": id, "orderid": at, "value": label, "label": label} for at, label in enumerate(labels, 1)]
            self._made("/fieldOption/bulk", {"fieldOptions": options}, "fieldOptions")
        self._shape = None
        return self.shape().schema.fields[name]

    def one(self, id: str) -> Seen | None:
        """A contact by id, which shows its values and lists too."""
        answer = self.calls.fetch(f"{CONTACTS}/{escape(id)}", kind="read")
        if answer.status == 404:
            return None
        body = self.calls.body(answer)
        values = contacts.values_of(body)
        rows = body.get("contactLists", ())
        lists, said = contacts.lists_by_contact(rows).get(id, {}), contacts.said_by_contact(rows).get(id, {})
        return Seen(body["contact"], {} if values is None else values, lists, said=said)

    # -- side-loading ------------------------------------------------------------------------------------------------------------------

    def asking(self, fields: Sequence[str]) -> dict[str, str]:
        """What a list is asked to bring along. Undocumented: the first answer shows whether this account does it."""
        needed = self._needed(fields)
        useless = len(needed) == 0 or not all(self._side_loads.get(name, True) for name in needed)
        return {} if useless else {"include": ",".join(needed)}

    def look(self, rows: Sequence[Mapping[str, Any]], body: Mapping[str, Any], fields: Sequence[str]) -> list[Seen]:
        """Contacts of a list with their values and lists: side-loaded, or one call each where the account does not do that."""
        needed = self._needed(fields)
        if len(needed) == 0 or len(rows) == 0:
            return [Seen(row) for row in rows]
        for name in needed:
            self._side_loads.setdefault(name, isinstance(body.get(name), list))
        if not all(self._side_loads[name] for name in needed):
            return [one for row in rows if (one := self.one(str(row["id"]))) is not None]
        return list(_side_loaded(rows, body, needed))

    def misconfigured(self, message: str, cause: str, fix: str) -> Misconfigured:
        return Misconfigured(message, account=self.calls.door.account, cause=cause, fix=fix)

    def _needed(self, fields: Sequence[str]) -> list[str]:
        values = len(fields) == 0 or any(name in self.shape().ids for name in fields)
        lists = len(fields) == 0 or any(map(contacts.is_opt_out, fields))
        return [name for name, wanted in (("fieldValues", values), ("contactLists", lists)) if wanted]

    def _made(self, path: str, body: Mapping[str, Any], name: str) -> Any:
        answer = self.calls.send("POST", path, kind="meta", json=body)
        made = answer.json().get(name) if answer.ok else None
        if made is None:
            message = f"a custom field could not be created (status {answer.status})."
            raise self.misconfigured(message, "field_refused", "Create it by hand.")
        return made


def _side_loaded(rows: Sequence[Mapping[str, Any]], body: Mapping[str, Any], needed: Sequence[str]) -> Iterator[Seen]:
    values = contacts.values_by_contact(body["fieldValues"]) if "fieldValues" in needed else None
    lists = contacts.lists_by_contact(body["contactLists"]) if "contactLists" in needed else None
    said = contacts.said_by_contact(body["contactLists"]) if "contactLists" in needed else {}
    for row in rows:
        id = str(row["id"])
        shown = None if values is None else values.get(id, {})
        yield Seen(row, shown, None if lists is None else lists.get(id, {}), said=said.get(id, {}))


def _new_field(field: NewField) -> dict[str, Any]:
    kind = contacts.NEW_TYPES.get(field.type, "text")
    return {"type": kind, "title": field.name, "descript": field.label, "perstag": field.name.upper(), "visible": 1}
