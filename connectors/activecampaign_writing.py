"""Writing contacts: one call each, and one for every list that a person is taken off."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connectors import activecampaign_contacts as contacts
from connectors.activecampaign_account import CONTACTS, Account
from connectors.activecampaign_contacts import Seen
from connectors.activecampaign_reading import Reading, missing
from connectors.base import Ending, Op, Outcome, Receipt, Record, Write
from connectors.errors import ConnectorError, RecordRefused
from connectors.http import Answer, escape
from connectors.singly import Unfit, not_offered, rejected, write_singly

REFUSALS: Final = (400, 409, 422)


class Writing:
    """Everything that is written to an account's contacts."""

    def __init__(self, account: Account, reading: Reading) -> None:
        self._account = account
        self._reading = reading
        self._calls = account.calls

    def write(self, writes: Sequence[Write]) -> list[Receipt]:
        return write_singly(self._calls.door.account, writes, self._one)

    def _one(self, write: Write) -> Receipt:
        if write.op in (Op.DELETE, Op.ERASE):
            return self._delete(write)
        if write.op is Op.MERGE:
            return not_offered(write)
        try:
            body = contacts.body(write, self._account.shape())
        except Unfit as unfit:
            return rejected(write, unfit.cause, unfit.message, unfit.field)
        return self._create(write, body) if write.op is Op.CREATE else self._update(write, body)

    def _create(self, write: Write, body: dict[str, Any]) -> Receipt:
        if "email" not in body:
            return rejected(write, "email_required", "a contact needs an e-mail address.", "email")
        if write.key is not None:
            body.setdefault("fieldValues", []).append({"field": self._account.key_id(), "value": write.key})
        answer = self._calls.send("POST", CONTACTS, kind="write", json={"contact": body})
        if answer.status == 422 and "duplicate" in _codes(answer):
            return self._adopted(write)
        if not answer.ok:
            return self._refused(write, answer)
        seen = self._read_back(self._calls.written(answer, "contact"), body)
        if contacts.OPT_OUT in write.fields:
            seen = self._without_lists(seen)
        return Receipt(Outcome.CREATED, id=seen.id, record=self._record(seen))

    def _without_lists(self, seen: Seen) -> Seen:
        """A new contact is on no list, unless an automation was quicker."""
        try:
            lists = self._unsubscribe(seen.id)
        except ConnectorError:
            return replace(seen, lists=None)  # the create itself is confirmed; the opt-out stays unobserved
        return replace(seen, lists=lists)

    def _adopted(self, write: Write) -> Receipt:
        """The address is taken: nothing was written, and whoever has it is shown."""
        found = self._reading.by_address(str(write.fields["email"]), ())
        if len(found) != 1:
            return rejected(write, "email_taken", "the address belongs to a contact that is not shown.", "email")
        return Receipt(Outcome.ADOPTED, id=found[0].id, record=self._record(found[0]), cause="email_taken")

    def _update(self, write: Write, body: dict[str, Any]) -> Receipt:
        """Restrict first, then change: an opt-out must not wait for an address."""
        path = _address(write)
        lists: Mapping[str, str] | None = None
        if any(map(contacts.is_opt_out, write.fields)):
            lists = self._unsubscribe(str(write.id), _to_leave(write))
            if lists is None:
                return _gone(write)
        if len(body) == 0:
            return Receipt(Outcome.UPDATED, id=write.id, record=self._record(Seen({"id": write.id}, lists=lists)))
        answer = self._calls.send("PUT", path, kind="write", json={"contact": body})
        if answer.status == 404:
            return _gone(write)
        if not answer.ok:
            return self._refused(write, answer)
        seen = self._read_back(self._calls.written(answer, "contact"), body)
        if seen.id != write.id:
            raise self._calls.unexpected(answer)
        return Receipt(Outcome.UPDATED, id=write.id, record=self._record(seen if lists is None else replace(seen, lists=lists)))

    def _unsubscribe(self, id: str, only: Collection[str] | None = None) -> Mapping[str, str] | None:
        """Take the contact off the lists it can be mailed through (`only` these); its statuses afterwards, or None if it is gone."""
        answer = self._calls.fetch(f"{CONTACTS}/{escape(id)}/contactLists", kind="read")
        if answer.status == 404:
            return None
        lists = contacts.lists_by_contact(self._calls.rows(self._calls.body(answer), "contactLists")).get(id, {})
        leave = {list_id for list_id, status in lists.items() if status in contacts.MAILABLE and (only is None or list_id in only)}
        return {list_id: self._left(id, list_id) if list_id in leave else status for list_id, status in lists.items()}

    def _left(self, id: str, list_id: str) -> str:
        sent = {"list": int(list_id), "contact": int(id), "status": int(contacts.UNSUBSCRIBED)}
        answer = self._calls.send("POST", "/contactLists", kind="write", json={"contactList": sent})
        if not answer.ok:
            raise RecordRefused(
                f"ActiveCampaign refuses to take this contact off a list (status {answer.status}).",
                account=self._calls.door.account,
                cause="opt_out_refused",
                field=contacts.OPT_OUT,
                fix="Unsubscribe the contact by hand.",
                status=answer.status,
            )
        return str(self._calls.written(answer, "contactList")["contactList"].get("status"))

    def _delete(self, write: Write) -> Receipt:
        answer = self._calls.send("DELETE", _address(write), kind="write")
        if answer.status == 404:
            return _gone(write)
        if not answer.ok:
            return self._refused(write, answer)
        answer.json()  # an empty object; a page of HTML proves nothing
        ended = Record(contacts.OBJECT, str(write.id), {}, ending=Ending.DELETED)
        return Receipt(Outcome.DELETED, id=write.id, record=ended)

    def _refused(self, write: Write, answer: Answer) -> Receipt:
        if answer.status not in REFUSALS:
            raise self._calls.unexpected(answer)
        if answer.status == 422 and "duplicate" in _codes(answer):
            return rejected(write, "email_taken", "another contact has this address.", "email")
        cause, field = _meaning(answer)
        return rejected(write, cause, "ActiveCampaign refuses a value of this contact.", field)

    def _read_back(self, answered: Mapping[str, Any], sent: Mapping[str, Any]) -> Seen:
        """What the answer shows; a contact whose written values it leaves out is read once more."""
        seen = Seen(answered["contact"], contacts.values_of(answered), complete=False)
        written = {value["field"] for value in sent.get("fieldValues", ())}
        shown = set() if seen.values is None else set(seen.values)
        if written <= shown and all(name in seen.contact for name in sent if name != "fieldValues"):
            return seen
        try:
            read = self._account.one(seen.id)
        except ConnectorError:
            return seen  # the write itself is confirmed; the rest stays unobserved
        return seen if read is None else read

    def _record(self, seen: Seen) -> Record:
        return contacts.record(seen, self._account.shape())


def _address(write: Write) -> str:
    if write.id is None:
        raise RecordRefused("an update or delete needs an id.", cause="required", field="id")
    return f"{CONTACTS}/{escape(write.id)}"


def _to_leave(write: Write) -> Collection[str] | None:
    """The ids of the lists to leave; None: all."""
    if contacts.OPT_OUT in write.fields:
        return None
    return {name.removeprefix(contacts.LIST) for name in write.fields if name.startswith(contacts.LIST)}


def _gone(write: Write) -> Receipt:
    """Deleted, merged and hidden look alike here."""
    return Receipt(Outcome.GONE, id=write.id, record=missing(str(write.id)), cause="gone", message="the contact is not there any more.")


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
