"""What HubSpot remembers of properties: every value with its time and the kind of its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from connectors.base import History, Step, Writer
from connectors.hubspot_records import OPT_OUT, moment, value_of
from connectors.receipts import parts

BATCH: Final = 50  # contacts per call once history is asked for
KEPT: Final = 20  # values that are kept of every property, contacts' have more: as many or more may have lost their beginning
# https://developers.hubspot.com/docs/guides/api/crm/properties, "Property history": sourceType. An INTEGRATION may be us.
WRITERS: Final[Mapping[str, Writer]] = {
    "CRM_UI": Writer.PERSON,
    "CRM_UI_BULK_ACTION": Writer.PERSON,
    "MOBILE_IOS": Writer.PERSON,
    "MOBILE_ANDROID": Writer.PERSON,
    "FORM": Writer.FORM,
    "IMPORT": Writer.IMPORT,
    "AUTOMATION_PLATFORM": Writer.AUTOMATION,
    "WORKFLOWS": Writer.AUTOMATION,
    "CALCULATED": Writer.AUTOMATION,
}

Read = Callable[[Sequence[str], Sequence[str]], Sequence[Mapping[str, Any]]]


def histories(read: Read, ids: Sequence[str], fields: Sequence[str], since: datetime) -> History:
    """`read(ids, properties)` gives raw contacts with the history of `properties`."""
    names = [name for name in fields if name != OPT_OUT]  # the opt-out is more than one property
    known = [id for id in dict.fromkeys(ids) if id.isdigit()]
    if not names:
        return {}
    rows = [row for part in parts(known, BATCH) for row in read(part, names)]
    return {str(row["id"]): _of(row["propertiesWithHistory"], names, since) for row in rows}


def _of(shown: Mapping[str, Any], names: Sequence[str], since: datetime) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for name in names:
        steps = sorted((_step(name, entry) for entry in shown.get(name) or ()), key=lambda step: step.at)
        recent = [step for step in steps if step.at >= since]
        if len(steps) < KEPT or len(recent) < len(steps):
            found[name] = recent
    return found


def _step(name: str, entry: Mapping[str, Any]) -> Step:
    at = moment(entry["timestamp"])
    if at is None:
        raise ValueError("a value without a time")
    return Step(at, value_of({name: entry["value"]}, name), WRITERS.get(str(entry.get("sourceType")), Writer.UNTOLD))
