"""Writing to HubSpot: batches of a hundred, one receipt per row.

HubSpot applies a batch in any order, fails all of it for one conflicting row, and leaves rows out without a word. So results are matched
by trace id or id and never by place, a batch that fails as a whole is taken apart, and rows without a result are looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from connectors.base import Ending, Json, Op, Outcome, Receipt, Record, Write
from connectors.errors import ConnectorError, Misconfigured, OutcomeUnknown
from connectors.http import Answer
from connectors.hubspot_api import Api, ask, category, correlation
from connectors.hubspot_optouts import OptOuts, texts
from connectors.hubspot_reads import CONTACTS, Reader
from connectors.hubspot_records import (
    EVERY_ROW,
    TEXT_LENGTH,
    addresses,
    cause_of,
    existing_id,
    is_opt_out,
    property_errors,
    property_value,
    record_of,
)
from connectors.receipts import Receipts, calls, gone, halves, merged, names_of, parts, take_apart
from connectors.singly import rejected

BATCH: Final = 100
CONTACT: Final = "contacts"
TOO_MANY_MERGES: Final = 414
# A stage that may not go back is ignored under a 200 (integrate.hubspot.com t/1333), and the answer repeats what was sent: no proof.
FORWARD_ONLY: Final = frozenset({"lifecyclestage"})

Send = Callable[[Sequence[int]], Answer]


class Writer:
    """One call of `write`: the rows, what is sent for them, and what came of it."""

    def __init__(self, api: Api, reader: Reader, account: str, key_field: str, writes: Sequence[Write]) -> None:
        self._api = api
        self._reader = reader
        self._account = account
        self._key_field = key_field
        self._writes = writes
        self._receipts = Receipts(account, writes)
        self._opt_outs = OptOuts(api, reader, self._receipts)
        self._unanswered: list[int] = []
        self._unshown: list[int] = []

    def run(self) -> list[Receipt]:
        with self._receipts.until_stopped():
            self._opt_outs.refuse_loosening()
            self._refuse_too_long()
            self._update(self._rows(Op.UPDATE))
            self._create(self._rows(Op.CREATE))
            self._archive(self._rows(Op.DELETE))
            self._erase(self._rows(Op.ERASE))
            self._merge(self._rows(Op.MERGE))
            self._read_back()
        return self._receipts.in_order()

    def _rows(self, op: Op) -> list[int]:
        return self._receipts.open([row for row, write in enumerate(self._writes) if write.op is op])

    def _refuse_too_long(self) -> None:
        """A longer text than the vendor keeps may be cut without a word."""
        for row, write in enumerate(self._writes):
            for name, value in write.fields.items():
                if isinstance(value, str) and len(value) > TEXT_LENGTH:
                    self._receipts.reject(row, "too_long", f"{name} holds {TEXT_LENGTH:,} characters at most.", name)

    # Updates

    def _update(self, rows: Sequence[int]) -> None:
        self._opt_outs.before_updates(rows)
        for row in self._receipts.open(rows):
            if not self._properties(row):
                self._receipts.put(row, Receipt(Outcome.UPDATED, id=self._writes[row].id, record=self._bare_record(row)))
        self._batches(self._receipts.open(rows), self._send_updates)
        self._look_up_updates()

    def _send_updates(self, rows: Sequence[int]) -> Answer:
        inputs = [{"id": self._writes[row].id, "properties": self._properties(row), "objectWriteTraceId": _trace(row)} for row in rows]
        return ask(self._api.batch.update, {"inputs": inputs})

    def _look_up_updates(self) -> None:
        """Rows the batch left out: a merged or archived contact, or one that simply was not mentioned."""
        rows, self._unanswered = self._unanswered, []
        names = sorted({name for row in rows for name in self._writes[row].fields})
        records = {record.id: record for record in self._reader.get([str(self._writes[row].id) for row in rows], names)} if rows else {}
        for row in rows:
            record = records[str(self._writes[row].id)]
            if record.ending is not None:
                self._receipts.put(row, gone(self._writes[row], record))
            else:
                self._receipts.put(row, Receipt(Outcome.UPDATED, id=record.id, record=self._narrowed(row, record)))

    # Creates

    def _create(self, rows: Sequence[int]) -> None:
        self._opt_outs.before_creates(rows)
        keyed = [row for row in rows if self._writes[row].key is not None]
        self._batches(self._receipts.open(keyed), self._send_upserts)
        self._batches(self._receipts.open([row for row in rows if row not in keyed]), self._send_creates)
        self._look_up_creates()
        for row in self._opt_outs.after_creates():
            receipt = self._receipts.of(row)
            if receipt is not None and receipt.record is not None:
                self._receipts.show(row, self._narrowed(row, receipt.record))

    def _send_upserts(self, rows: Sequence[int]) -> Answer:
        inputs = [
            {
                "idProperty": self._key_field,
                "id": self._writes[row].key,
                "properties": self._properties(row),
                "objectWriteTraceId": _trace(row),
            }
            for row in rows
        ]
        return ask(self._api.batch.upsert, {"inputs": inputs})

    def _send_creates(self, rows: Sequence[int]) -> Answer:
        inputs = [{"properties": self._properties(row), "associations": [], "objectWriteTraceId": _trace(row)} for row in rows]
        return ask(self._api.batch.create, {"inputs": inputs})

    def _look_up_creates(self) -> None:
        rows, self._unanswered = self._unanswered, []
        keys = [str(self._writes[row].key) for row in rows if self._writes[row].key is not None]
        names = sorted({name for row in rows for name in self._writes[row].fields})
        found = {row["properties"].get(self._key_field): row for row in self._reader.rows_by(self._key_field, keys, names)} if keys else {}
        for row in rows:
            write = self._writes[row]
            if write.key in found:
                record = self._record(row, found[write.key])
                self._receipts.put(row, Receipt(Outcome.CREATED, id=record.id, record=record))

    # Deletes

    def _archive(self, rows: Sequence[int]) -> None:
        for part in parts(rows, BATCH):
            with self._receipts.sending(part):
                answer = ask(self._api.batch.archive, {"inputs": [{"id": self._writes[row].id} for row in part]})
                shown = self._still_shown(part) if answer.ok else set()
                for row in part:
                    self._settle_archived(row, answer, shown)

    def _erase(self, rows: Sequence[int]) -> None:
        """HubSpot's privacy deletion: for good, and one contact per call (page "Delete contacts", gdpr-delete)."""
        for row in rows:
            with self._receipts.sending([row]):
                answer = self._api.door.send("POST", f"{CONTACTS}/gdpr-delete", kind="write", json={"objectId": str(self._writes[row].id)})
                self._settle_archived(row, answer, self._still_shown([row]) if answer.ok else set())

    def _still_shown(self, rows: Sequence[int]) -> set[str]:
        """An archive is answered without a body, whatever became of its rows."""
        try:
            return self._reader.shown([str(self._writes[row].id) for row in rows])
        except ConnectorError:
            return set()  # the answer stands; the next read shows them

    def _settle_archived(self, row: int, answer: Answer, shown: set[str]) -> None:
        id = self._writes[row].id
        if id in shown:
            message = "HubSpot accepted the deletion, and shows the contact still."
            self._receipts.put(row, Receipt(Outcome.UNKNOWN, id=id, cause="not_applied", message=message))
        elif answer.ok:
            self._receipts.put(row, Receipt(Outcome.DELETED, id=id))
        else:
            self._receipts.reject(row, category(answer).lower(), f"HubSpot did not archive it (status {answer.status}).")

    # Merges

    def _merge(self, rows: Sequence[int]) -> None:
        """One call each. The survivor has a new id, to which both old ones lead (changelog "Updated merge functionality")."""
        for row in rows:
            write = self._writes[row]
            with self._receipts.sending([row]):
                ids = {"primaryObjectId": str(write.id), "objectIdToMerge": str(write.loser)}
                answer = self._api.door.send("POST", f"{CONTACTS}/merge", kind="write", json=ids)
                self._receipts.put(row, merged(write, self._survivor(answer)) if answer.ok else self._not_merged(write, answer))

    def _survivor(self, answer: Answer) -> str:
        body = answer.json()
        if isinstance(body, dict) and isinstance(body.get("id"), str):
            return str(body["id"])
        raise self._shapeless(answer)

    def _not_merged(self, write: Write, answer: Answer) -> Receipt:
        """An id that was merged before is refused as a "forward reference"; where it leads is looked up."""
        found = {record.id: record for record in self._reader.get(list({str(write.id), str(write.loser)}), ())}
        primary, loser = found[str(write.id)], found[str(write.loser)]
        if loser.ending is Ending.MERGED and loser.moved_to in (primary.moved_to, (CONTACT, primary.id)):
            return merged(write, str(loser.moved_to[1] if loser.moved_to is not None else primary.id))
        ended = next((record for record in (primary, loser) if record.ending is not None), None)
        if ended is not None:
            return gone(write, ended)
        # "Cannot have more than 250 identities on a profile" is a 414 (page "Error handling").
        cause = "too_many_merges" if answer.status == TOO_MANY_MERGES else cause_of(category(answer))
        return rejected(write, cause, f"HubSpot does not merge the two contacts (status {answer.status}).")

    # One batch

    def _batches(self, rows: Sequence[int], send: Send) -> None:
        for part in calls(rows, self._names, BATCH):
            take_apart(self._receipts, part, lambda some: self._send(some, send))

    def _names(self, row: int) -> set[str]:
        return names_of(self._writes[row], "email")

    def _send(self, rows: Sequence[int], send: Send) -> Sequence[Sequence[int]]:
        """Send `rows`; what has to be sent again comes back, in smaller parts."""
        answer = send(rows)
        if not answer.ok:
            return self._after_refusal(rows, answer)
        self._settle(rows, self._results(answer))
        return ()

    def _results(self, answer: Answer) -> Mapping[str, Any]:
        body = answer.json()
        if isinstance(body, dict) and isinstance(body.get("results"), list):
            return body
        raise self._shapeless(answer)

    def _shapeless(self, answer: Answer) -> OutcomeUnknown:
        return OutcomeUnknown(
            "the answer to a write has an unknown shape.",
            account=self._account,
            cause="unexpected_shape",
            fix="The records are looked up before they are tried again.",
            status=answer.status,
            request_id=correlation(answer),
        )

    def _settle(self, rows: Sequence[int], body: Mapping[str, Any]) -> None:
        for result in body["results"]:
            row = self._row_of(result, rows)
            if row is not None:
                self._accept(row, result)
        for error in body.get("errors") or ():
            for row in self._rows_of(error, rows):
                self._refuse(row, str(error.get("message", "")), str(error.get("category", "")))
        for row in self._receipts.open(rows):
            self._leave_open(row)

    def _leave_open(self, row: int) -> None:
        """The answer does not tell what became of a row: unknown, until it is looked up."""
        self._receipts.put(
            row, Receipt(Outcome.UNKNOWN, id=self._writes[row].id, cause="left_out", message="The answer leaves this row out.")
        )
        self._unanswered.append(row)

    def _row_of(self, result: Mapping[str, Any], rows: Sequence[int]) -> int | None:
        trace = result.get("objectWriteTraceId")
        shown = result.get("properties") or {}
        for row in rows:
            write = self._writes[row]
            if trace == _trace(row) or (write.id is not None and write.id == str(result.get("id"))):
                return row
            if write.key is not None and write.key == shown.get(self._key_field):
                return row
        own = addresses({"email": shown.get("email")})
        return next((row for row in rows if self._writes[row].op is Op.CREATE and own & addresses(self._writes[row].fields)), None)

    def _rows_of(self, error: Mapping[str, Any], rows: Sequence[int]) -> list[int]:
        context = error.get("context") or {}
        named = {str(name) for key in ("objectWriteTraceId", "ids", "id") for name in context.get(key) or ()}
        return [
            row for row in self._receipts.open(rows) if not named.isdisjoint({_trace(row), self._writes[row].id, self._writes[row].key})
        ]

    def _accept(self, row: int, result: Mapping[str, Any]) -> None:
        write = self._writes[row]
        record = self._record(row, result)
        if write.id is not None and write.id != record.id:
            self._leave_open(row)
            return
        self._receipts.put(row, Receipt(Outcome.CREATED if write.op is Op.CREATE else Outcome.UPDATED, id=record.id, record=record))
        shown = (result.get("properties") or {}).keys()
        if not self._properties(row).keys() <= shown or (write.op is Op.UPDATE and not FORWARD_ONLY.isdisjoint(write.fields)):
            self._unshown.append(row)

    # Refusals

    def _after_refusal(self, rows: Sequence[int], answer: Answer) -> Sequence[Sequence[int]]:
        body = answer.body()
        message = str(body.get("message", "")) if isinstance(body, dict) else ""
        self._stop_for_the_key(answer, message)
        if self._refuse_property(rows, message):
            return (rows,)
        if len(rows) == 1:
            self._refuse(rows[0], message, category(answer), answer)
            return ()
        if answer.status == 409 and self._adopt_known(rows):
            return (rows,)
        return halves(rows)

    def _stop_for_the_key(self, answer: Answer, message: str) -> None:
        about_key = any(name == self._key_field and code in EVERY_ROW for code, name in property_errors(message))
        if about_key or "non-unique" in message:
            raise Misconfigured(
                f"this portal has no unique contact property {self._key_field}.",
                account=self._account,
                cause="no_key_field",
                fix="Run `leadloom setup`.",
                status=answer.status,
                request_id=correlation(answer),
            )

    def _refuse_property(self, rows: Sequence[int], message: str) -> bool:
        """A property that does not exist or cannot be written is refused for every row that has it, at once."""
        refused = False
        for code, name in property_errors(message):
            for row in self._receipts.open(rows):
                if code in EVERY_ROW and name in self._writes[row].fields:
                    self._receipts.reject(row, cause_of(code), f"HubSpot does not take {name} ({code}).", name)
                    refused = True
        return refused

    def _refuse(self, row: int, message: str, category: str, answer: Answer | None = None) -> None:
        existing = existing_id(message)
        errors = property_errors(message)
        if existing is not None:
            self._conflict(row, existing)
        elif errors:
            code, name = errors[0]
            self._receipts.reject(row, cause_of(code), f"HubSpot does not take the value of {name} ({code}).", name)
        elif category == "OBJECT_NOT_FOUND" and self._writes[row].op is Op.UPDATE:
            self._leave_open(row)
        else:
            status = "" if answer is None else f", status {answer.status}"
            self._receipts.reject(row, cause_of(category), f"HubSpot refused the row ({category}{status}).")

    def _conflict(self, row: int, existing: str) -> None:
        if self._writes[row].op is Op.CREATE:
            self._adopt(row, existing)
        else:
            self._receipts.reject(row, "email_taken", f"Contact {existing} has this address already.", "email")

    def _adopt(self, row: int, existing: str) -> None:
        self._receipts.put(row, Receipt(Outcome.ADOPTED, id=existing, cause="exists", message=f"Contact {existing} has this address."))
        self._unshown.append(row)

    def _adopt_known(self, rows: Sequence[int]) -> bool:
        """After a conflict somewhere in a batch of creates: which of its addresses belong to contacts that are not ours?"""
        creates = [row for row in rows if self._writes[row].op is Op.CREATE]
        sought = [address for row in creates for address in texts(self._writes[row].fields.get("email"))]
        holders = self._reader.rows_by("email", sought, [self._key_field]) if sought else []
        known = {address: holder for holder in holders for address in addresses(holder["properties"])}
        adopted = False
        for row in creates:
            holder = next((known[own] for own in addresses({"email": self._writes[row].fields.get("email")}) if own in known), None)
            if holder is not None and holder["properties"].get(self._key_field) != self._writes[row].key:
                self._adopt(row, str(holder["id"]))
                adopted = True
        return adopted

    # What the contacts show now

    def _read_back(self) -> None:
        """One read per hundred rows whose results did not show everything that was written."""
        for part in parts(self._unshown, BATCH):
            names = sorted({name for row in part for name in self._writes[row].fields})
            ids = [_id(self._receipts, row) for row in part]
            try:
                records = {record.id: record for record in self._reader.get(ids, names)}
            except ConnectorError:
                return  # the writes stand; the next read shows them
            for row, id in zip(part, ids, strict=True):
                self._receipts.show(row, self._narrowed(row, records[id]))

    def _record(self, row: int, result: Mapping[str, Any]) -> Record:
        return self._narrowed(row, record_of("contacts", result, [name for name in self._writes[row].fields if not is_opt_out(name)]))

    def _narrowed(self, row: int, record: Record) -> Record:
        fields: dict[str, Json] = {name: record.fields[name] for name in self._writes[row].fields if name in record.fields}
        fields |= self._opt_outs.shown(row)
        return Record(
            record.object,
            record.id,
            fields,
            record.version,
            record.changed_at,
            record.created_at,
            record.ending,
            record.moved_to,
            record.aliases,
        )

    def _bare_record(self, row: int) -> Record:
        return Record("contacts", str(self._writes[row].id), self._opt_outs.shown(row))

    def _properties(self, row: int) -> dict[str, str]:
        """What is sent: on a create there is nothing to clear."""
        write = self._writes[row]
        left_out = set() if write.op is Op.UPDATE else {self._key_field}
        return {
            name: property_value(value)
            for name, value in write.fields.items()
            if name not in left_out and not is_opt_out(name) and not (value is None and write.op is Op.CREATE)
        }


def _trace(row: int) -> str:
    return f"row-{row}"


def _id(receipts: Receipts, row: int) -> str:
    receipt = receipts.of(row)
    return "" if receipt is None or receipt.id is None else receipt.id
