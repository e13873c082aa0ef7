"""Reading Salesforce: one keyset over (stamp, id) per object, and look-ups by id or value.

Stamps are whole seconds, so many rows share one, and rows become visible with stamps older than ones already served. So a walk orders by
stamp and id, goes on from both, and the next one begins a little before the last one began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from connectors.base import Ending, Page, Record, Schema
from connectors.errors import Denied, Misconfigured, Unreadable
from connectors.salesforce_api import Api, Refusal
from connectors.salesforce_consents import NOT_SEEN, PARTY, Consents, is_consent, is_told
from connectors.salesforce_records import ALWAYS, COMPANY, at, is_id, literal, long_id, quoted, record_of, value_at, wire_name

OVERLAP_S: Final = 300.0
PAGE: Final = 2000
BATCH: Final = 200
LONGEST_LIST: Final = 8_000  # of an address of 16,384 bytes at most, headers included
ATTACHABLE: Final = (("WhoId", "Task"), ("WhoId", "Event"), ("LinkedEntityId", "ContentDocumentLink"))

Cursor = dict[str, Any]


class Reader:
    """The read side of one org."""

    def __init__(self, api: Api, look: Callable[[str], tuple[Schema, str]], overlap_s: float = OVERLAP_S) -> None:
        self._api = api
        self._look = look
        self._overlap_s = overlap_s
        self.consents = Consents(api, lambda soql, deleted: self._all(api.query(soql, deleted=deleted), "the privacy objects"))

    def changes(self, object: str, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        """The first walk leaves deleted rows out, later ones bring them as endings."""
        state: Cursor = {} if cursor is None else json.loads(cursor)
        stamp = self._stamp(object)
        names = self._names(object, fields)
        yield from self._touched(object, state, names, fields)
        restarts, followed = 0, set[str]()
        body = self._query(object, names, _where(state, stamp), f"ORDER BY {stamp}, Id", deleted="from" in state)
        while True:
            rows = self._api.rows(body, f"the changes of {object}")
            state, following = self._after(state, rows, body, stamp)
            yield Page(self._records(object, rows, names, fields), json.dumps(state, separators=(",", ":")))
            if following is None:
                return
            body = self._more(following, followed)
            if isinstance(body, Refusal) and body.code == "INVALID_QUERY_LOCATOR" and restarts < PAGE:
                restarts += 1
                body = self._query(object, names, _where(state, stamp), f"ORDER BY {stamp}, Id", deleted="from" in state)

    def get(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wanted = {id: long_id(id) for id in ids}
        sought = list(dict.fromkeys(id for id in wanted.values() if is_id(id)))
        names = self._names(object, fields)
        found: dict[str, Record] = {}
        for part in packed(sought):
            for record in self._selected(object, names, fields, f"Id IN {quoted(part)}", deleted=True):
                found[record.id] = record
        return [found.get(id, Record(object, id, {}, ending=Ending.MISSING)) for id in dict.fromkeys(wanted.values())]

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wire = wire_name(self._describe(object), field)
        if wire is None:
            raise Misconfigured(
                f"{object} has no field {field} that the integration user may see.",
                account=self._api.door.account,
                cause="unknown_field",
                fix="Run `leadloom setup`, or check the field-level security.",
            )
        wanted = {value.lower() for value in values if value != ""}
        names = self._names(object, fields)
        found: dict[str, Record] = {}
        for part in packed(sorted({value for value in values if value != ""})):
            rows = self._rows(object, {**names, "": wire}, f"{wire} IN {quoted(part)}", deleted=False)
            fitting = [row for row in rows if str(value_at(row, wire)).lower() in wanted]
            found |= {record.id: record for record in self._records(object, fitting, names, fields)}
        return list(found.values())

    def attached(self, object: str, ids: Sequence[str]) -> dict[str, bool | None]:
        """Of leads: tasks, events and files. A contact may carry more than can be asked for here."""
        found: dict[str, bool | None] = {long_id(id): False for id in ids}
        if object != "Lead":
            return dict.fromkeys(found)
        for part in packed([id for id in found if is_id(id)]):
            for field, kind in ATTACHABLE:
                try:
                    query = " ".join(("SELECT", field, "FROM", kind, "WHERE", field, "IN", quoted(part)))
                    rows = list(self.select(query, f"the {kind} rows of leads"))
                except (Denied, Misconfigured):
                    return dict.fromkeys(found)
                found.update((row[field], True) for row in rows)
        return found

    def select(self, soql: str, what: str) -> Iterator[Mapping[str, Any]]:
        """All rows of a query."""
        return self._all(self._api.query(soql), what)

    def _selected(self, object: str, names: Mapping[str, str], fields: Sequence[str], where: str, *, deleted: bool) -> list[Record]:
        return self._records(object, list(self._rows(object, names, where, deleted=deleted)), names, fields)

    def _records(self, object: str, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], fields: Sequence[str]) -> list[Record]:
        """The records of rows, with what the individuals behind them agreed to where that was asked for."""
        stamp = self._stamp(object)
        records = [record_of(object, row, names, stamp) for row in rows]
        asked = [name for name in fields if is_consent(name) and name in self._describe(object).fields]
        if not asked:
            return records
        parties = [None if row.get(PARTY) is None else long_id(str(row[PARTY])) for row in rows]
        shown = self.consents.shown({party for party in parties if party is not None}, self._api.door.crm_time())
        return [
            replace(
                record, fields={**record.fields, **{name: None if party is None else shown[party].get(name, NOT_SEEN) for name in asked}}
            )
            for record, party in zip(records, parties, strict=True)
        ]

    def _touched(self, object: str, state: Cursor, names: Mapping[str, str], fields: Sequence[str]) -> Iterator[Page]:
        """Records of whose individuals something changed, before the walk itself: nothing of it moves their own stamps."""
        known = self._describe(object).fields
        if "from" not in state or "stamp" in state or not any(is_told(name) and name in known for name in fields):
            return
        for part in packed(self.consents.touched(str(state["from"]))):
            records = self._selected(object, names, fields, f"{PARTY} IN {quoted(part)}", deleted=False)
            if records:
                yield Page(records, json.dumps(state, separators=(",", ":")))

    def _rows(self, object: str, names: Mapping[str, str], where: str, *, deleted: bool) -> Iterator[Mapping[str, Any]]:
        return self._all(self._query(object, names, f"WHERE {where}", "", deleted=deleted), f"a look-up of {object}")

    def _all(self, body: Any, what: str) -> Iterator[Mapping[str, Any]]:
        """The rows of an answer and of all that follow it."""
        followed: set[str] = set()
        while True:
            yield from self._api.rows(body, what)
            if body.get("nextRecordsUrl") is None:
                return
            body = self._more(str(body["nextRecordsUrl"]), followed)

    def _more(self, url: str, followed: set[str]) -> Any:
        """The page at `url`, which was not met before: an answer that points back would be read for ever."""
        if url in followed:
            raise Unreadable(
                "Salesforce gave the same page twice.",
                account=self._api.door.account,
                cause="repeated_page",
                fix="The next run goes on from here.",
            )
        followed.add(url)
        return self._api.more(url)

    def _query(self, object: str, names: Mapping[str, str], where: str, order: str, *, deleted: bool) -> Any:
        schema = self._describe(object)
        wanted = ["Id", *names.values(), self._stamp(object), *(name for name in (*ALWAYS, PARTY) if name in schema.fields)]
        select = f"SELECT {', '.join(dict.fromkeys(wanted))} FROM {object}"  # noqa: S608
        return self._api.query(" ".join(part for part in (select, where, order) if part != ""), deleted=deleted)

    def _names(self, object: str, fields: Sequence[str]) -> dict[str, str]:
        """Asked names with their names in a query. Fields this user may not see are left out: they are not observed."""
        schema = self._describe(object)
        known = ((name, COMPANY if name == COMPANY else wire_name(schema, name)) for name in fields if not is_consent(name))
        return {name: wire for name, wire in known if wire is not None and (wire != COMPANY or COMPANY in schema.fields)}

    def _describe(self, object: str) -> Schema:
        return self._look(object)[0]

    def _stamp(self, object: str) -> str:
        return self._look(object)[1]

    def _after(self, state: Cursor, rows: Sequence[Mapping[str, Any]], body: Mapping[str, Any], stamp: str) -> tuple[Cursor, str | None]:
        """The cursor after a page, and where the walk goes on (None: it is done)."""
        until = state.get("until", self._api.door.crm_time())
        following = body.get("nextRecordsUrl")
        if following is None:
            return {"from": at(until - self._overlap_s)}, None
        reached = {"stamp": rows[-1][stamp], "id": rows[-1]["Id"]} if rows else {}
        return {**state, "until": until, **reached}, str(following)


def _where(state: Cursor, stamp: str) -> str:
    if "stamp" in state:
        last = literal(state["stamp"])
        return f"WHERE ({stamp} > {last} OR ({stamp} = {last} AND Id > {quoted([state['id']])[1:-1]}))"
    return f"WHERE {stamp} >= {state['from']}" if "from" in state else ""


def packed(values: Sequence[str]) -> Iterator[list[str]]:
    """Values for one query each: so many that its address does not grow too long."""
    part: list[str] = []
    length = 0
    for value in values:
        own = len(quote(value)) + 9
        if part and (len(part) == BATCH or length + own > LONGEST_LIST):
            yield part
            part, length = [], 0
        part.append(value)
        length += own
    if part:
        yield part
