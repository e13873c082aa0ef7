"""Opt-outs at HubSpot. They belong to an address, not to a contact, and are written before the address is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from connectors.base import Json
from connectors.errors import Denied
from connectors.http import Answer, escape
from connectors.hubspot_api import Api
from connectors.hubspot_reads import BATCH, Reader
from connectors.hubspot_records import OPT_OUT, OPT_OUT_PROPERTY, is_opt_out, permits
from connectors.receipts import Receipts, gone, parts

STATUSES: Final = "/communication-preferences/v4/statuses"
# Where a portal's data privacy settings are on, a status without its basis is refused (page "Update a contact's subscription status").
BASIS: Final[Mapping[str, Json]] = {
    "legalBasis": "LEGITIMATE_INTEREST_OTHER",
    "legalBasisExplanation": "The person said no. It is kept so that it is respected.",
}

FEW: Final = 2  # for no more than these a batch that the portal may not use would cost more than it saves

Task = tuple[int, str, str]  # row, address, name of the opt-out


class OptOuts:
    """The opt-outs among one call's writes."""

    def __init__(self, api: Api, reader: Reader, receipts: Receipts) -> None:
        self._done: set[tuple[int, str]] = set()
        self._in_force: set[tuple[str, str]] = set()  # (address, name) that a batch has confirmed
        self._api = api
        self._reader = reader
        self._receipts = receipts
        self._writes = receipts.writes
        self._later: list[tuple[int, str]] = []

    def refuse_loosening(self) -> None:
        for row, write in enumerate(self._writes):
            for name in write.fields:
                if is_opt_out(name) and not _is_no(write.fields[name]):
                    self._receipts.reject(row, "loosens_consent", "An opt-out is never taken back through this connector.", name)
                elif permits(name):
                    self._receipts.reject(row, "loosens_consent", "A legal basis is never claimed through this connector.", name)

    def shown(self, row: int) -> dict[str, Json]:
        """What the opt-outs of a row show now."""
        said = {name: (row, name) in self._done for name in filter(is_opt_out, self._writes[row].fields)}
        return {name: done if name == OPT_OUT else str(done).lower() for name, done in said.items()}

    def before_updates(self, rows: Sequence[int]) -> None:
        """Opt out the address a contact has now and the one it is about to get."""
        asking = self._asking(rows)
        ids = [str(self._writes[row].id) for row in asking]
        records = {record.id: record for record in self._reader.get(ids, ["email"])} if ids else {}
        addresses: dict[int, list[str]] = {}
        for row in asking:
            record = records[str(self._writes[row].id)]
            if record.ending is not None:
                self._receipts.put(row, gone(self._writes[row], record))
            else:
                addresses[row] = list(dict.fromkeys(texts(record.fields["email"], self._writes[row].fields.get("email"))))
        self._together(addresses)
        for row, found in addresses.items():
            for address in found:
                self._restrict_or_refuse(row, address)

    def before_creates(self, rows: Sequence[int]) -> None:
        """Opt out addresses before their contacts exist, so that nobody is ever mailed in between."""
        addresses = {row: texts(self._writes[row].fields.get("email")) for row in self._asking(rows)}
        self._together(addresses)
        for row, found in addresses.items():
            for address in found:
                if self._receipts.open([row]) and not self._restrict(row, address):
                    self._later.append((row, address))

    def after_creates(self) -> list[int]:
        """Opt out what HubSpot would not know before its contact existed; the rows concerned."""
        for row, address in self._later:
            self._restrict(row, address)
        return [row for row, _ in self._later]

    def _asking(self, rows: Sequence[int]) -> list[int]:
        return [row for row in self._receipts.open(rows) if any(map(is_opt_out, self._writes[row].fields))]

    def _restrict_or_refuse(self, row: int, address: str) -> None:
        if self._receipts.open([row]) and not self._restrict(row, address):
            self._receipts.reject(row, "opt_out_refused", "HubSpot did not accept the opt-out, so nothing was written.", OPT_OUT)

    def _restrict(self, row: int, address: str) -> bool:
        """False where HubSpot refuses. An answer that is lost makes the row unknown, and its record is not written."""
        done = [self._opt_out(row, address, name) for name in filter(is_opt_out, self._writes[row].fields)]
        return all(done)

    def _opt_out(self, row: int, address: str, name: str) -> bool:
        if (address.lower(), name) in self._in_force:
            self._done.add((row, name))
            return True
        with self._receipts.sending([row]):
            answer = self._send_one(address, name)
            if answer.ok:
                self._done.add((row, name))
            return answer.ok
        return True

    def _send_one(self, address: str, name: str) -> Answer:
        path = f"{STATUSES}/{escape(address)}"
        if name == OPT_OUT:
            return self._api.door.send("POST", f"{path}/unsubscribe-all", kind="write", params={"channel": "EMAIL"})
        return self._api.door.send("POST", path, kind="write", json=_no_to(name))

    # A hundred at a time, where the portal may (page "Batch update subscription status": Marketing Hub Enterprise)

    def _together(self, addresses: Mapping[int, Sequence[str]]) -> None:
        """Opt out in batches. What no batch confirms is sent by itself afterwards, so that one refusal costs nobody else a no."""
        tasks = [
            (row, address, name)
            for row, found in addresses.items()
            for address in found
            for name in self._writes[row].fields
            if is_opt_out(name)
        ]
        wide, single = [task for task in tasks if task[2] == OPT_OUT], [task for task in tasks if task[2] != OPT_OUT]
        for kind in (wide, single):
            for part in parts(kind, BATCH):
                if len(part) > FEW and self._api.batches_opt_outs:
                    self._send_together(part)

    def _send_together(self, tasks: Sequence[Task]) -> None:
        with self._receipts.sending(list(dict.fromkeys(row for row, _, _ in tasks))):
            try:
                answer = self._batch(tasks)
            except Denied:
                self._api.batches_opt_outs = False  # its scopes are not for this portal
                return
            self._in_force |= set(_in_force(answer)) if answer.ok else set()

    def _batch(self, tasks: Sequence[Task]) -> Answer:
        if tasks[0][2] == OPT_OUT:
            body: Json = list(dict.fromkeys(address for _, address, _ in tasks))
            path, params = f"{STATUSES}/batch/unsubscribe-all", {"channel": "EMAIL"}
        else:
            body = [
                {"subscriberIdString": address, **_no_to(name)} for address, name in dict.fromkeys((task[1], task[2]) for task in tasks)
            ]
            path, params = f"{STATUSES}/batch/write", {}
        return self._api.door.send("POST", path, kind="write", params=params, json={"inputs": body})


def _no_to(name: str) -> dict[str, Json]:
    type_id = name.removeprefix(f"{OPT_OUT_PROPERTY}_")
    return {"subscriptionId": int(type_id), "statusState": "UNSUBSCRIBED", "channel": "EMAIL", **BASIS}


def _in_force(answer: Answer) -> Iterator[tuple[str, str]]:
    """(address, name) of every no that the answer to a batch shows."""
    body = answer.json()
    for row in body["results"]:
        address = str(row["subscriberIdString"]).lower()
        shown = {status["status"] for status in row.get("statuses", (row,))}
        if shown == {"UNSUBSCRIBED"}:
            yield address, OPT_OUT if "statuses" in row else f"{OPT_OUT_PROPERTY}_{row['subscriptionId']}"


def _is_no(value: Json) -> bool:
    return value is True or value == "true"


def texts(*values: Json) -> list[str]:
    return [value.strip() for value in values if isinstance(value, str) and value.strip() != ""]
