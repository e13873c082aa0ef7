"""Opt-outs at HubSpot. They belong to an address, not to a contact, and are written before the address is used."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Json
from connectors.http import escape
from connectors.hubspot_api import Api
from connectors.hubspot_reads import Reader
from connectors.hubspot_records import OPT_OUT
from connectors.receipts import Receipts, gone


class OptOuts:
    """The opt-outs among one call's writes; `done` are the rows whose addresses are opted out now."""

    def __init__(self, api: Api, reader: Reader, receipts: Receipts) -> None:
        self.done: set[int] = set()
        self._api = api
        self._reader = reader
        self._receipts = receipts
        self._writes = receipts.writes
        self._later: list[tuple[int, str]] = []

    def refuse_loosening(self) -> None:
        for row, write in enumerate(self._writes):
            if OPT_OUT in write.fields and write.fields[OPT_OUT] is not True:
                self._receipts.reject(row, "loosens_consent", "An opt-out is never taken back through this connector.", OPT_OUT)

    def before_updates(self, rows: Sequence[int]) -> None:
        """Opt out the address a contact has now and the one it is about to get."""
        asking = self._asking(rows)
        ids = [str(self._writes[row].id) for row in asking]
        records = {record.id: record for record in self._reader.get(ids, ["email"])} if ids else {}
        for row in asking:
            record = records[str(self._writes[row].id)]
            if record.ending is not None:
                self._receipts.put(row, gone(self._writes[row], record))
                continue
            for address in dict.fromkeys(texts(record.fields["email"], self._writes[row].fields.get("email"))):
                self._restrict_or_refuse(row, address)

    def before_creates(self, rows: Sequence[int]) -> None:
        """Opt out addresses before their contacts exist, so that nobody is ever mailed in between."""
        for row in self._asking(rows):
            for address in texts(self._writes[row].fields.get("email")):
                if not self._restrict(row, address):
                    self._later.append((row, address))

    def after_creates(self) -> list[int]:
        """Opt out what HubSpot would not know before its contact existed; the rows concerned."""
        for row, address in self._later:
            self._restrict(row, address)
        return [row for row, _ in self._later]

    def _asking(self, rows: Sequence[int]) -> list[int]:
        return [row for row in self._receipts.open(rows) if self._writes[row].fields.get(OPT_OUT) is True]

    def _restrict_or_refuse(self, row: int, address: str) -> None:
        if self._receipts.open([row]) and not self._restrict(row, address):
            self._receipts.reject(row, "opt_out_refused", "HubSpot did not accept the opt-out, so nothing was written.", OPT_OUT)

    def _restrict(self, row: int, address: str) -> bool:
        """False where HubSpot refuses. An answer that is lost makes the row unknown, and its record is not written."""
        path = f"/communication-preferences/v4/statuses/{escape(address)}/unsubscribe-all"
        with self._receipts.sending([row]):
            answer = self._api.door.send("POST", path, kind="write", params={"channel": "EMAIL"})
            if answer.ok:
                self.done.add(row)
            return answer.ok
        return True


def texts(*values: Json) -> list[str]:
    return [value.strip() for value in values if isinstance(value, str) and value.strip() != ""]
