"""Opt-outs at HubSpot. They belong to an address, not to a contact, and are written before the address is used."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Json
from connectors.http import escape
from connectors.hubspot_api import Api
from connectors.hubspot_reads import Reader
from connectors.hubspot_records import OPT_OUT, OPT_OUT_OF_ONE, is_opt_out
from connectors.receipts import Receipts, gone


class OptOuts:
    """The opt-outs among one call's writes."""

    def __init__(self, api: Api, reader: Reader, receipts: Receipts) -> None:
        self._done: set[tuple[int, str]] = set()
        self._api = api
        self._reader = reader
        self._receipts = receipts
        self._writes = receipts.writes
        self._later: list[tuple[int, str]] = []

    def refuse_loosening(self) -> None:
        for row, write in enumerate(self._writes):
            for name in filter(is_opt_out, write.fields):
                if not _is_no(write.fields[name]):
                    self._receipts.reject(row, "loosens_consent", "An opt-out is never taken back through this connector.", name)

    def shown(self, row: int) -> dict[str, Json]:
        """What the opt-outs of a row show now."""
        said = {name: (row, name) in self._done for name in filter(is_opt_out, self._writes[row].fields)}
        return {name: done if name == OPT_OUT else str(done).lower() for name, done in said.items()}

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
        return [row for row in self._receipts.open(rows) if any(map(is_opt_out, self._writes[row].fields))]

    def _restrict_or_refuse(self, row: int, address: str) -> None:
        if self._receipts.open([row]) and not self._restrict(row, address):
            self._receipts.reject(row, "opt_out_refused", "HubSpot did not accept the opt-out, so nothing was written.", OPT_OUT)

    def _restrict(self, row: int, address: str) -> bool:
        """False where HubSpot refuses. An answer that is lost makes the row unknown, and its record is not written."""
        done = [self._opt_out(row, address, name) for name in filter(is_opt_out, self._writes[row].fields)]
        return all(done)

    def _opt_out(self, row: int, address: str, name: str) -> bool:
        path, one = f"/communication-preferences/v4/statuses/{escape(address)}", OPT_OUT_OF_ONE.fullmatch(name)
        with self._receipts.sending([row]):
            if one is None:
                answer = self._api.door.send("POST", f"{path}/unsubscribe-all", kind="write", params={"channel": "EMAIL"})
            else:
                status = {"subscriptionId": int(one[1]), "statusState": "UNSUBSCRIBED", "channel": "EMAIL"}
                answer = self._api.door.send("POST", path, kind="write", json=status)
            if answer.ok:
                self._done.add((row, name))
            return answer.ok
        return True


def _is_no(value: Json) -> bool:
    return value is True or value == "true"


def texts(*values: Json) -> list[str]:
    return [value.strip() for value in values if isinstance(value, str) and value.strip() != ""]
