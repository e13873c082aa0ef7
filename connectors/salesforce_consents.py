"""Salesforce's privacy objects: what an individual agreed to, by type of contact point and purpose of use.

Individual and ContactPointTypeConsent are rows of their own, which a lead or contact names by its IndividualId. A connector shows them
as fields of the record: `consent:Email` for consent without a purpose, `consent:Email:ID` with the id of a DataUsePurpose, and
`Individual.HasOptedOutSolicit` and so on through the relation. They are there only where the org has data privacy switched on
(Object Reference, Individual and ContactPointTypeConsent).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.base import Field, Json
from connectors.errors import Denied, Misconfigured
from connectors.receipts import parts
from connectors.salesforce_api import Api, Refusal
from connectors.salesforce_records import long_id, moment, quoted

PREFIX: Final = "consent:"
PARTY: Final = "IndividualId"
RELATED: Final = "Individual."
OBJECT: Final = "ContactPointTypeConsent"
TYPES: Final = ("Email", "Phone")
FLAGS: Final = ("HasOptedOutSolicit", "HasOptedOutProcessing", "HasOptedOutProfiling", "ShouldForget")
PROFILING: Final = "Individual.HasOptedOutProfiling"
NOT_SEEN, OPT_IN, OPT_OUT = "NotSeen", "OptIn", "OptOut"
STRICTEST_FIRST: Final = (OPT_OUT, NOT_SEEN, "Seen", OPT_IN)  # "the least permissive wins" (REST API guide, Consent)
PACKED: Final = 200
SOURCE: Final = "Leadloom"

Select = Callable[[str, bool], Iterator[Mapping[str, Any]]]  # rows of a query; True: deleted ones, too
Row = tuple[tuple[str, str], Mapping[str, Json]]  # (individual, name of the field), and what is sent for it
Statuses = Mapping[str, Mapping[str, str]]  # by party: by name of the field


def is_consent(name: str) -> bool:
    return name.startswith(PREFIX)


def is_told(name: str) -> bool:
    """Whether this is shown by the individual behind a record, so that it changes without the record."""
    return is_consent(name) or name.startswith(RELATED)


class Consents:
    """The privacy objects of one org."""

    def __init__(self, api: Api, select: Select) -> None:
        self._api = api
        self._select = select
        self._fields: dict[str, Field] | None = None

    def fields(self) -> Mapping[str, Field]:
        """The fields that they give to every object with an IndividualId; none where the org lacks them or hides them from us."""
        if self._fields is None:
            individual, consent = self._described("Individual"), self._described(OBJECT)
            self._fields = {} if individual is None or consent is None else dict(self._found(individual, consent))
        return self._fields

    def _described(self, object: str) -> Mapping[str, Mapping[str, Any]] | None:
        try:
            answer = self._api.rest("GET", f"sobjects/{object}/describe")
        except Denied:
            return None
        return None if isinstance(answer, Refusal) else {row["name"]: row for row in answer["fields"]}

    def _found(self, individual: Mapping[str, Any], consent: Mapping[str, Any]) -> Iterator[tuple[str, Field]]:
        for flag in FLAGS:
            if flag in individual:
                name = f"{RELATED}{flag}"
                yield name, Field(name, individual[flag]["label"], "bool", writable=name == PROFILING and individual[flag]["updateable"])
        writable = bool(consent["PrivacyConsentStatus"]["createable"] and consent["PrivacyConsentStatus"]["updateable"])
        purposes = {"": "any purpose"} | {f":{long_id(row['Id'])}": str(row["Name"]) for row in self._purposes()}
        for kind in TYPES:
            for suffix, label in purposes.items():
                yield f"{PREFIX}{kind}{suffix}", Field(f"{PREFIX}{kind}{suffix}", f"{kind} consent, {label}", "text", writable=writable)

    def _purposes(self) -> list[Mapping[str, Any]]:
        try:
            return list(self._select("SELECT Id, Name FROM DataUsePurpose", False))
        except (Denied, Misconfigured):
            return []

    # Reading

    def shown(self, parties: Iterable[str], now: float) -> Statuses:
        """What individuals agreed to: one query per 200 of them."""
        found: dict[str, dict[str, str]] = {party: {} for party in parties}
        for party, name, _, status in self._rows(sorted(found), now):
            known = found[party].get(name, OPT_IN)
            found[party][name] = min(known, status, key=STRICTEST_FIRST.index)
        return found

    def touched(self, since: str) -> list[str]:
        """The individuals of whom anything changed since then. Neither object moves the stamp of a lead or contact."""
        consents = self._select(" ".join(("SELECT PartyId FROM", OBJECT, "WHERE SystemModstamp >=", since)), True)
        people = self._select(" ".join(("SELECT Id FROM Individual WHERE SystemModstamp >=", since)), False)
        return sorted({long_id(row["PartyId"]) for row in consents if row["PartyId"]} | {long_id(row["Id"]) for row in people})

    def _rows(self, parties: Sequence[str], now: float) -> Iterator[tuple[str, str, str, str]]:
        """(individual, name of the field, id of the row, status) of every consent."""
        names = "Id, PartyId, ContactPointType, DataUsePurposeId, PrivacyConsentStatus, EffectiveTo"
        for part in parts(parties, PACKED):
            query = " ".join(("SELECT", names, "FROM", OBJECT, "WHERE PartyId IN", quoted(list(part))))
            for row in self._select(query, False):
                if row["ContactPointType"] in TYPES and row["PrivacyConsentStatus"] in STRICTEST_FIRST:
                    yield long_id(row["PartyId"]), _name_of(row), str(row["Id"]), _in_force(row, now)

    # Writing

    def deny(self, wanted: Mapping[str, Sequence[str]], now: float) -> dict[tuple[str, str], str]:
        """Write a no of each individual (by id: names of fields); returns the causes of what was refused, by individual and name."""
        there: dict[tuple[str, str], list[str]] = defaultdict(list)
        denied: set[tuple[str, str]] = set()
        for party, name, row_id, status in self._rows(sorted(wanted), now):
            there[(party, name)].append(row_id)
            denied |= {(party, name)} if status == OPT_OUT else set()
        tasks = [(party, name) for party, names in wanted.items() for name in names if (party, name) not in denied]
        flags: list[Row] = [((party, name), {"Id": party, "HasOptedOutProfiling": True}) for party, name in tasks if name == PROFILING]
        changes: list[Row] = [(task, {"Id": id, **_no(now)}) for task in tasks for id in there.get(task, ())]
        creates: list[Row] = [(task, _new(*task, now)) for task in tasks if is_consent(task[1]) and task not in there]
        refused: dict[tuple[str, str], str] = {}
        for object, method, rows in (("Individual", "PATCH", flags), (OBJECT, "PATCH", changes), (OBJECT, "POST", creates)):
            for part in parts(rows, PACKED):
                refused |= self._sent(object, method, part)
        return refused

    def _sent(self, object: str, method: str, rows: Sequence[Row]) -> dict[tuple[str, str], str]:
        records = [{"attributes": {"type": object}, **fields} for _, fields in rows]
        answer = self._api.rest(method, "composite/sobjects", json={"allOrNone": False, "records": records})
        if isinstance(answer, Refusal):
            return {task: answer.code for task, _ in rows}
        results = self._api.receipts(answer, len(rows))
        return {task: _code(result) for (task, _), result in zip(rows, results, strict=True) if result.get("success") is not True}


def _name_of(row: Mapping[str, Any]) -> str:
    purpose = row.get("DataUsePurposeId")
    return f"{PREFIX}{row['ContactPointType']}" + ("" if purpose is None else f":{long_id(str(purpose))}")


def _in_force(row: Mapping[str, Any], now: float) -> str:
    """A yes whose time is over is none; a no has no end."""
    until = moment(row.get("EffectiveTo"))
    over = until is not None and until.timestamp() <= now
    return NOT_SEEN if over and row["PrivacyConsentStatus"] == OPT_IN else str(row["PrivacyConsentStatus"])


def _no(now: float) -> dict[str, Json]:
    at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"PrivacyConsentStatus": OPT_OUT, "CaptureDate": at, "CaptureSource": SOURCE}


def _new(party: str, name: str, now: float) -> dict[str, Json]:
    kind, _, purpose = name.removeprefix(PREFIX).partition(":")
    about: dict[str, Json] = {"DataUsePurposeId": purpose} if purpose else {}
    fixed: dict[str, Json] = {"Name": f"{kind} opt-out", "PartyId": party, "ContactPointType": kind, "CaptureContactPointType": "Web"}
    return {**fixed, **about, **_no(now)}


def _code(result: Mapping[str, Any]) -> str:
    error: Mapping[str, Any] = next(iter(result.get("errors") or ()), {})
    return str(error.get("statusCode", "")) or "refused"
