"""Writing to Salesforce: collections of two hundred, one receipt per row, read back by one query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from connectors.base import Ending, Json, Op, Outcome, Receipt, Record, Schema, Write
from connectors.errors import ConnectorError, Misconfigured
from connectors.http import escape
from connectors.receipts import Receipts, calls, gone, halves, names_of, parts, take_apart
from connectors.salesforce_api import Api, Refusal
from connectors.salesforce_consents import OPT_OUT, PARTY, PROFILING, is_consent, is_told
from connectors.salesforce_reads import BATCH, Reader
from connectors.salesforce_records import ENDED, RESTRICTING, cause_of, custom_name, holder_id, is_id, long_id, matched_ids, wire_name
from connectors.singly import not_offered

LOCK_WAIT_S: Final = 1.0

Errors = Sequence[tuple[str, str, Sequence[str]]]
Send = Callable[[Sequence[int]], Any]


class Writer:
    """One call of `write`: the rows, what is sent for them, and what came of it."""

    def __init__(self, api: Api, reader: Reader, schema: Schema, key_field: str, writes: Sequence[Write]) -> None:
        self._api = api
        self._reader = reader
        self._schema = schema
        self._object = schema.object
        self._key = custom_name(key_field)
        self._writes = writes
        self._receipts = Receipts(api.door.account, writes)
        self._ended: list[int] = []
        self._locked: list[int] = []
        self._unshown: list[int] = []

    def run(self) -> list[Receipt]:
        with self._receipts.until_stopped():
            self._refuse_beforehand()
            self._deny()
            self._batches(self._rows(Op.UPDATE), self._send_updates)
            self._create(self._rows(Op.CREATE))
            self._batches(self._rows(Op.DELETE, Op.ERASE), self._send_deletes)
            self._look_up_ended()
            self._read_back()
        return self._receipts.in_order()

    def _rows(self, *ops: Op) -> list[int]:
        return self._receipts.open([row for row, write in enumerate(self._writes) if write.op in ops])

    def _refuse_beforehand(self) -> None:
        """What is known to fail is not sent: one unknown field would fail a whole call, and ids that are none may be read as several."""
        for row, write in enumerate(self._writes):
            if write.op is Op.MERGE:
                self._receipts.put(row, not_offered(write))  # merge() is SOAP's alone (SOAP API guide)
            elif write.op is not Op.CREATE and not is_id(str(write.id)):
                self._receipts.put(row, gone(write, Record(self._object, str(write.id), {}, ending=Ending.MISSING)))
            for name, value in write.fields.items():
                wire = wire_name(self._schema, name)
                if (name in (*RESTRICTING, PROFILING) and value is not True) or (is_consent(name) and value != OPT_OUT):
                    self._receipts.reject(row, "loosens_consent", "An opt-out is never taken back through this connector.", name)
                elif wire is None:
                    self._receipts.reject(row, "unknown_field", f"{self._object} has no field {name} that we may see.", name)
                elif not self._schema.fields[wire].writable:
                    self._receipts.reject(row, "read_only", f"{name} cannot be written.", name)

    def _deny(self) -> None:
        """Restrict first: what an individual says no to is a row of its own. It is not made up for whom the org keeps no individual."""
        told = {row: names for row, write in enumerate(self._writes) if (names := [name for name in write.fields if is_told(name)])}
        parties = self._parties([row for row in self._rows(Op.UPDATE, Op.CREATE) if row in told], told)
        wanted: dict[str, list[str]] = {}
        for row, party in parties.items():
            wanted[party] = list(dict.fromkeys([*wanted.get(party, ()), *told[row]]))
        with self._receipts.sending(list(parties)):
            refused = self._reader.consents.deny(wanted, self._api.door.crm_time()) if wanted else {}
            for row, party in parties.items():
                for name in told[row]:
                    if (party, name) in refused:
                        message = f"Salesforce did not accept the opt-out ({refused[(party, name)]}), so nothing was written."
                        self._receipts.reject(row, "opt_out_refused", message, name)
        for row in self._receipts.open(list(parties)):
            if len(told[row]) == len(self._writes[row].fields):
                self._succeed(row, long_id(str(self._writes[row].id)))

    def _parties(self, rows: Sequence[int], told: Mapping[int, Sequence[str]]) -> dict[int, str]:
        """The individual behind each record; who has none, or is gone, gets a receipt."""
        ids = [str(self._writes[row].id) for row in rows if self._writes[row].id is not None]
        records = self._get(ids, [PARTY]) if ids else {}
        parties: dict[int, str] = {}
        for row in rows:
            record = records.get(long_id(str(self._writes[row].id)))
            party = None if record is None else record.fields.get(PARTY)
            if record is not None and record.ending is not None:
                self._receipts.put(row, gone(self._writes[row], record))
            elif party is None:
                message = "The record names no Individual, so there is nobody whose no it could be."
                self._receipts.reject(row, "no_individual", message, told[row][0])
            else:
                parties[row] = long_id(str(party))
        return parties

    def _create(self, rows: Sequence[int]) -> None:
        keyed = [row for row in rows if self._writes[row].key is not None]
        if keyed and self._key not in self._schema.fields:
            raise Misconfigured(
                f"{self._object} has no field {self._key} that the integration user may see.",
                account=self._api.door.account,
                cause="no_key_field",
                fix="Run `leadloom setup`.",
            )
        self._batches(keyed, self._send_upserts)
        self._batches([row for row in rows if self._writes[row].key is None], self._send_creates)

    def _send_updates(self, rows: Sequence[int]) -> Any:
        records = [self._body(row, {"id": self._writes[row].id}) for row in rows]
        return self._api.rest("PATCH", "composite/sobjects", json={"allOrNone": False, "records": records})

    def _send_upserts(self, rows: Sequence[int]) -> Any:
        records = [self._body(row, {self._key: self._writes[row].key}) for row in rows]
        return self._api.rest("PATCH", f"composite/sobjects/{self._object}/{self._key}", json={"allOrNone": False, "records": records})

    def _send_creates(self, rows: Sequence[int]) -> Any:
        records = [self._body(row, {}) for row in rows]
        return self._api.rest("POST", "composite/sobjects", json={"allOrNone": False, "records": records})

    def _send_deletes(self, rows: Sequence[int]) -> Any:
        ids = ",".join(str(self._writes[row].id) for row in rows)
        return self._api.rest("DELETE", "composite/sobjects", params={"ids": ids, "allOrNone": "false"})

    # One call

    def _batches(self, rows: Sequence[int], send: Send) -> None:
        for part in calls(rows, lambda row: names_of(self._writes[row]), BATCH):
            take_apart(self._receipts, part, lambda some: self._settle(some, send(some)))
        if self._locked:
            again, self._locked = self._locked, []
            self._api.door.sleep(LOCK_WAIT_S)
            take_apart(self._receipts, again, lambda some: self._settle(some, send(some)))
            self._give_up_locked()

    def _settle(self, rows: Sequence[int], answer: Any) -> Sequence[Sequence[int]]:
        """Receipts for the rows of one call; what has to be sent again comes back."""
        if isinstance(answer, Refusal):
            return self._refused_whole(rows, answer)
        for row, result in zip(rows, self._api.receipts(answer, len(rows)), strict=True):
            self._settle_row(row, result)
        return ()

    def _refused_whole(self, rows: Sequence[int], refusal: Refusal) -> Sequence[Sequence[int]]:
        if len(rows) > 1:
            return halves(rows)
        self._refuse(rows[0], refusal.errors or ((refusal.code, "", ()),))
        return ()

    def _settle_row(self, row: int, result: Mapping[str, Any]) -> None:
        if result.get("success") is not True:
            errors = [(str(e.get("statusCode", "")), str(e.get("message", "")), e.get("fields") or ()) for e in result.get("errors") or ()]
            self._refuse(row, errors or [("", "", ())])
            return
        self._succeed(row, long_id(str(result["id"])))

    def _succeed(self, row: int, id: str) -> None:
        done = {Op.CREATE: Outcome.CREATED, Op.UPDATE: Outcome.UPDATED}.get(self._writes[row].op, Outcome.DELETED)
        self._receipts.put(row, Receipt(done, id=id))
        if done is not Outcome.DELETED:
            self._unshown.append(row)

    # Refusals

    def _refuse(self, row: int, errors: Errors) -> None:
        code, message, fields = errors[0]
        creates = self._writes[row].op is Op.CREATE
        if code == "UNABLE_TO_LOCK_ROW" or "UNABLE_TO_LOCK_ROW" in message:
            self._locked.append(row)
        elif creates and code == "DUPLICATE_VALUE" and holder_id(message) is not None:
            self._adopt(row, str(holder_id(message)))
        elif creates and code == "DUPLICATES_DETECTED":
            self._ask_for_the_match(row)
        elif code in ENDED:
            self._reject(row, code, fields)
            self._ended.append(row)
        else:
            self._reject(row, code, fields)

    def _reject(self, row: int, code: str, fields: Sequence[str]) -> None:
        field = next(iter(fields), None)
        about = "" if field is None else f" {field}"
        self._receipts.reject(row, cause_of(code), f"Salesforce refused the row{about} ({code or 'no code'}).", field)

    def _ask_for_the_match(self, row: int) -> None:
        """Collections do not say which record a duplicate rule matched; the same upsert by itself does."""
        write = self._writes[row]
        self._reject(row, "DUPLICATES_DETECTED", ())
        if write.key is None:
            return
        path = f"sobjects/{self._object}/{self._key}/{escape(write.key)}"
        answer = self._api.rest("PATCH", path, json={name: value for name, value in self._body(row, {}).items() if name != "attributes"})
        if not isinstance(answer, Refusal):
            self._succeed(row, long_id(str(answer["id"])))
            return
        found = matched_ids(answer.content)
        same = [id for kind, id in found if kind == self._object]
        if same:
            self._adopt(row, same[0])
        elif found:
            kind, id = found[0]
            self._receipts.reject(row, "duplicate_rule", f"A duplicate rule matched {kind} {id}.")

    def _adopt(self, row: int, id: str) -> None:
        self._receipts.put(row, Receipt(Outcome.ADOPTED, id=id, cause="exists", message=f"{self._object} {id} is this person already."))
        self._unshown.append(row)

    def _give_up_locked(self) -> None:
        for row in self._locked:
            message = "Another process holds the record; nothing was written."
            self._receipts.put(row, Receipt(Outcome.NOT_SENT, id=self._writes[row].id, cause="locked", message=message))
        self._locked = []

    # What the records show now

    def _look_up_ended(self) -> None:
        """A row refused as ended, or for a reference that does not hold, is looked at once: did it end, and where did it go?"""
        updates = [row for row in self._ended if self._writes[row].id is not None]
        creates = [row for row in self._ended if self._writes[row].id is None and self._writes[row].key is not None]
        for part in parts(updates, BATCH):
            records = self._get([long_id(str(self._writes[row].id)) for row in part])
            for row in part:
                self._settle_ended(row, records[long_id(str(self._writes[row].id))])
        for part in parts(creates, BATCH):
            found = self._reader.find(self._object, self._key, [str(self._writes[row].key) for row in part], [self._key])
            holders = {str(record.fields.get(self._key)).lower(): record for record in found}
            for row in part:
                if str(self._writes[row].key).lower() in holders:
                    self._settle_ended(row, holders[str(self._writes[row].key).lower()])

    def _settle_ended(self, row: int, record: Record) -> None:
        if record.ending is not None:
            self._receipts.put(row, gone(self._writes[row], record))

    def _read_back(self) -> None:
        for part in parts(self._unshown, BATCH):
            ids = [str(receipt.id) for row in part if (receipt := self._receipts.of(row)) is not None]
            names = sorted({name for row in part for name in self._writes[row].fields})
            try:
                records = self._get(ids, names)
            except ConnectorError:
                return  # the writes stand; the next read shows them
            for row, id in zip(part, ids, strict=True):
                self._show(row, records[id])

    def _show(self, row: int, record: Record) -> None:
        """What was written, as it shows. A converted lead may take a write and still be a record that nobody sees."""
        if record.ending is Ending.MISSING:
            return
        if record.ending is not None:
            self._receipts.put(row, gone(self._writes[row], record))
            return
        fields = {name: record.fields[name] for name in self._writes[row].fields if name in record.fields}
        self._receipts.show(row, Record(record.object, record.id, fields, record.version, record.changed_at, record.created_at))

    def _get(self, ids: Sequence[str], names: Sequence[str] = ()) -> dict[str, Record]:
        return {record.id: record for record in self._reader.get(self._object, ids, names)}

    def _body(self, row: int, own: Mapping[str, Json]) -> dict[str, Json]:
        """`attributes` has to be the first key of a record."""
        write = self._writes[row]
        fields = {str(wire_name(self._schema, name)): self._value(name, value) for name, value in write.fields.items() if not is_told(name)}
        if write.op is Op.CREATE:
            fields = {name: value for name, value in fields.items() if value is not None and name != self._key}
        return {"attributes": {"type": self._object}, **own, **fields}

    def _value(self, name: str, value: Json) -> Json:
        wire = str(wire_name(self._schema, name))
        if value is None and self._schema.fields[wire].type == "bool":
            return False  # a checkbox is never null
        return None if value == "" else value
