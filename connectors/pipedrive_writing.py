"""Writing persons: one call each, read back from the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connectors import pipedrive_persons as persons
from connectors.base import Ending, Op, Outcome, Receipt, Record, Schema, Write
from connectors.errors import ConnectorError
from connectors.http import Answer, escape
from connectors.pipedrive_calls import unexpected, written
from connectors.pipedrive_company import PERSONS, Company
from connectors.pipedrive_organizations import Undecided
from connectors.pipedrive_reading import Reading, missing
from connectors.receipts import merged
from connectors.singly import Unfit, rejected, write_singly
from connectors.surprises import as_documented

MERGING: Final = "/api/v1/persons"  # v2 has no merge
NAMES: Final = ("name", "first_name", "last_name")
FRESH_S: Final = 60.0  # many rows may be refused in a row; the fields are described afresh for the first


class Writing:
    """Everything that is written to a company's persons."""

    def __init__(self, company: Company, reading: Reading) -> None:
        self._company = company
        self._reading = reading
        self._door = company.door
        self._looked_at = -FRESH_S

    def write(self, writes: Sequence[Write]) -> list[Receipt]:
        return self._with_statuses(writes, write_singly(self._door.account, writes, self._one))

    def _one(self, write: Write) -> Receipt:
        if write.op is not Op.CREATE and not str(write.id).isdecimal():
            return _gone(write, missing(str(write.id)))
        if write.op is Op.DELETE:
            return self._delete(write)
        if write.op is Op.ERASE:
            return self._erase(write)
        if write.op is Op.MERGE:
            return self._merge(write)
        try:
            body = self._body(write, self._company.schema())
        except Unfit as unfit:
            return rejected(write, unfit.cause, unfit.message, unfit.field)
        except Undecided:
            return _waits_for_organisation(write)
        if write.op is Op.CREATE:
            return self._created(write, self._door.send("POST", PERSONS, kind="write", json=body))
        return self._updated(write, self._door.send("PATCH", _address(write), kind="write", json=body))

    def _body(self, write: Write, schema: Schema) -> dict[str, Any]:
        if write.op is Op.CREATE and all(write.fields.get(name) in (None, "") for name in NAMES):
            raise Unfit("required", "last_name", "a person needs a name.")
        key = {} if write.op is not Op.CREATE or write.key is None else {self._company.key_field(): write.key}
        body = persons.body(write, schema, self._company.organisations.id_for)
        return {**body, "custom_fields": {**body.get("custom_fields", {}), **key}} if len(key) > 0 else body

    def _created(self, write: Write, answer: Answer) -> Receipt:
        if not answer.ok:
            return self._refused(write, answer)
        row = written(self._door, answer)
        return Receipt(Outcome.CREATED, id=str(row["id"]), record=self._read_back(row))

    def _updated(self, write: Write, answer: Answer) -> Receipt:
        if answer.status in (404, 410):
            return self._gone(write)
        if not answer.ok:
            return self._refused(write, answer)
        row = written(self._door, answer)
        if str(row["id"]) != write.id:
            raise unexpected(self._door, answer)
        return Receipt(Outcome.UPDATED, id=write.id, record=self._read_back(row))

    def _erase(self, write: Write) -> Receipt:
        """A deleted person can be restored for 30 days, so its data is emptied first (vendor specification, deletePerson)."""
        answer = self._door.send("PATCH", _address(write), kind="write", json=persons.emptied(self._company.schema()))
        if answer.status in (404, 410):
            return self._gone(write)
        return self._delete(write) if answer.ok else self._refused(write, answer)

    def _merge(self, write: Write) -> Receipt:
        """The person in the path disappears, the one in the body stays and wins (tutorial "Merging two persons")."""
        loser = str(write.loser)
        if not loser.isdecimal():
            return _gone(write, missing(loser))
        body = {"merge_with_id": int(str(write.id))}
        answer = self._door.send("PUT", f"{MERGING}/{escape(loser)}/merge", kind="write", json=body)
        if not answer.ok:
            return self._not_merged(write, answer)
        row = written(self._door, answer)
        if (str(row["id"]), str(row.get("merge_what_id"))) != (write.id, loser):
            raise unexpected(self._door, answer)
        return merged(write, str(write.id))

    def _not_merged(self, write: Write, answer: Answer) -> Receipt:
        if answer.status not in (400, 404, 409, 410, 422):
            raise unexpected(self._door, answer)
        endings = (self._reading.ending(str(id)) for id in (write.loser, write.id))
        ended = next((record for record in endings if record is not None), None)
        return rejected(write, "not_merged", "Pipedrive does not merge the two persons.") if ended is None else _gone(write, ended)

    def _delete(self, write: Write) -> Receipt:
        answer = self._door.send("DELETE", _address(write), kind="write")
        if answer.status in (404, 410):
            return self._gone(write)
        if not answer.ok:
            return self._refused(write, answer)
        written(self._door, answer)
        return Receipt(Outcome.DELETED, id=write.id, record=Record(persons.OBJECT, str(write.id), {}, ending=Ending.DELETED))

    def _gone(self, write: Write) -> Receipt:
        record = self._reading.ending(str(write.id))
        if record is None:
            return rejected(write, "forbidden", "the person is shown, but cannot be changed.")
        return _gone(write, record)

    def _refused(self, write: Write, answer: Answer) -> Receipt:
        """A 400 names no field reliably, so a field that was removed in the meantime is looked for in a fresh description."""
        if answer.status not in (400, 409, 413, 422):
            raise unexpected(self._door, answer)
        schema = self._schema_of_now()
        removed = next((name for name in write.fields if name not in schema.fields), None)
        if removed is not None:
            message = "a person field that is written has been removed."
            error = self._company.misconfigured(message, "unknown_field", "Run setup, or correct the mapping.")
            return rejected(write, "unknown_field", message, removed, error)
        if persons.ORGANISATION in write.fields and "org_id" in answer.text:
            self._company.organisations.forget(str(write.fields[persons.ORGANISATION]))
            return rejected(write, "invalid_value", "the organisation does not exist any more.", persons.ORGANISATION)
        named = next((name for name in write.fields if name in answer.text), None)
        return rejected(write, "invalid_value", "Pipedrive refuses a value of this person.", named)

    def _schema_of_now(self) -> Schema:
        now = self._door.clock()
        if now - self._looked_at >= FRESH_S:
            self._company.look_again()
            self._looked_at = now
        return self._company.schema()

    def _read_back(self, row: Mapping[str, Any]) -> Record:
        return persons.record(row, self._company.schema(), (), self._company.organisations.name)

    def _with_statuses(self, writes: Sequence[Write], receipts: Sequence[Receipt]) -> list[Receipt]:
        """A marketing status may be accepted and not applied, and no answer to a write shows it: it is read for all rows together."""
        unshown = [str(receipt.id) for write, receipt in zip(writes, receipts, strict=True) if _hides_status(write, receipt)]
        try:
            with as_documented(self._door.account):
                shown = {record.id: record.fields for record in self._reading.get(unshown, (persons.OPT_OUT,))} if unshown else {}
        except ConnectorError:
            shown = {}  # the writes themselves are confirmed; their statuses stay unobserved
        return [
            replace(receipt, record=replace(receipt.record, fields={**receipt.record.fields, **shown[str(receipt.id)]}))
            if receipt.record is not None and _hides_status(write, receipt) and str(receipt.id) in shown
            else receipt
            for write, receipt in zip(writes, receipts, strict=True)
        ]


def _hides_status(write: Write, receipt: Receipt) -> bool:
    is_done = receipt.outcome in (Outcome.CREATED, Outcome.UPDATED)
    return persons.OPT_OUT in write.fields and is_done and receipt.record is not None and persons.OPT_OUT not in receipt.record.fields


def _address(write: Write) -> str:
    return f"{PERSONS}/{escape(str(write.id))}"


def _gone(write: Write, record: Record) -> Receipt:
    return Receipt(Outcome.GONE, id=write.id, record=record, cause="gone", message="the person is not there any more.")


def _waits_for_organisation(write: Write) -> Receipt:
    return Receipt(
        Outcome.NOT_SENT,
        id=write.id,
        cause="organisation_unknown",
        field=persons.ORGANISATION,
        message="it is not known whether the organisation was created; the next run looks it up.",
    )
