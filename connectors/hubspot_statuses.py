"""When addresses said the noes that their contacts show. Properties mirror subscription statuses without their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from connectors.base import Record
from connectors.errors import Denied
from connectors.http import escape
from connectors.hubspot_api import Api
from connectors.hubspot_optouts import FEW, STATUSES
from connectors.hubspot_reads import BATCH
from connectors.hubspot_records import OPT_OUT, OPT_OUT_PROPERTY, is_opt_out, moment
from connectors.receipts import parts

EMAIL: Final = {"channel": "EMAIL"}

Times = Mapping[str, Mapping[str, datetime]]  # by address in small letters, then by the name of the opt-out


def dated(api: Api, records: Sequence[Record]) -> list[Record]:
    """`records` with the time of every no that they show, as far as HubSpot tells it."""
    denying = {record.id: _address(record) for record in records if _noes(record) and _address(record) != ""}
    wide = [denying[record.id] for record in records if record.id in denying and OPT_OUT in _noes(record)]
    narrow = [denying[record.id] for record in records if record.id in denying and OPT_OUT not in _noes(record)]
    times = {**_times(api, wide, wide=True), **_times(api, narrow, wide=False)}
    return [replace(record, said={**record.said, **times.get(denying.get(record.id, ""), {})}) for record in records]


def _noes(record: Record) -> set[str]:
    return {name for name, value in record.fields.items() if is_opt_out(name) and value in (True, "true")}


def _address(record: Record) -> str:
    email = record.fields.get("email")
    return email.strip().lower() if isinstance(email, str) else ""


def _times(api: Api, addresses: Sequence[str], *, wide: bool) -> Times:
    found: dict[str, dict[str, datetime]] = {}
    for part in parts(list(dict.fromkeys(addresses)), BATCH):
        for status in _statuses(api, part, wide=wide):
            at = moment(status.get("timestamp"))
            if status["status"] == "UNSUBSCRIBED" and at is not None:
                name = OPT_OUT if wide else f"{OPT_OUT_PROPERTY}_{status['subscriptionId']}"
                said = found.setdefault(str(status["subscriberIdString"]).lower(), {})
                said[name] = max(at, said.get(name, at))  # each business unit of a portal may have its own
    return found


def _statuses(api: Api, addresses: Sequence[str], *, wide: bool) -> Iterator[Mapping[str, Any]]:
    """One read per address, or one for a hundred where the portal may (page "Batch retrieve subscription statuses": Enterprise)."""
    together = None
    if len(addresses) > FEW and api.batches_statuses:
        try:
            together = _together(api, addresses, wide=wide)
        except Denied:
            api.batches_statuses = False
    if together is not None:
        yield from together
        return
    for address in addresses:
        path = f"{STATUSES}/{escape(address)}{'/unsubscribe-all' if wide else ''}"
        answer = api.door.send("GET", path, kind="read", params=EMAIL)
        yield from answer.json()["results"] if answer.ok else ()


def _together(api: Api, addresses: Sequence[str], *, wide: bool) -> list[Mapping[str, Any]] | None:
    path = f"{STATUSES}/batch/{'unsubscribe-all/' if wide else ''}read"
    answer = api.door.send("POST", path, kind="read", params=EMAIL, json={"inputs": list(addresses)}, repeatable=True)
    if not answer.ok:
        return None
    return [status for row in answer.json()["results"] for status in row["wideStatuses" if wide else "statuses"]]
