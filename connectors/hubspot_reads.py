"""Reading HubSpot: all contacts by list, changes by search, single ones by batch.

The first walk uses the list, which has no ceiling and knows no time; later ones search what changed. A search is never paged by its
offset: it ends at 10,000 results, and rows that change during the walk shift it. Each page asks anew for ids below the last one seen,
so neither the ceiling nor ten thousand equal time stamps (airbytehq/airbyte#43317) lose a record. The walk goes down, because a merge
makes a new contact with a higher id: the survivor comes first and names the ids that search may still show as ghosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connectors.base import Ending, Page, Record
from connectors.errors import Denied, Misconfigured, Unreadable
from connectors.http import Answer, escape
from connectors.hubspot_api import Api, ask, correlation, refused
from connectors.hubspot_records import OPT_OUT, addresses, asked, record_of
from connectors.receipts import parts

CONTACTS: Final = "/crm/v3/objects/contacts"
LIST_PAGE: Final = 100
SEARCH_PAGE: Final = 200
BATCH: Final = 100
OVERLAP_S: Final = 300.0  # the search index lags by "a few moments", without a bound (airbytehq/airbyte PR 69203)
LONGEST_QUERY: Final = 12_000  # 414 comes at about 16,000 characters of URL
BY_PROPERTY: Final = ("email",)

Cursor = dict[str, Any]

# https://developers.hubspot.com/docs/guides/api/crm/associations/associations-v4
ASSOCIATIONS: Final = 1000  # inputs per call
ATTACHABLE: Final = ("deals", "tickets", "notes", "tasks", "calls", "meetings", "emails")


class Reader:
    """The read side of one portal."""

    def __init__(self, api: Api, account: str, key_field: str, overlap_s: float = OVERLAP_S) -> None:
        self._api = api
        self._account = account
        self._key_field = key_field
        self._overlap_ms = int(overlap_s * 1000)

    def changes(self, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        at: Cursor = {"by": "list"} if cursor is None else json.loads(cursor)
        while at["by"] == "list":
            records, at = self._listed(at, fields)
            yield Page(records, _kept(at))
            if at["by"] == "search":
                return
        merged: set[str] = set()
        while True:
            records, at = self._searched(at, fields, merged)
            yield Page(records, _kept(at))
            if "last" not in at:
                return

    def ended(self, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        """All archived contacts. There is no time filter, so this is a sweep."""
        after = None if cursor is None or cursor == "" else cursor
        while True:
            body = self._list(after, fields, archived=True)
            after = _next(body, after, self._account)
            yield Page([record_of("contacts", row, fields) for row in body["results"]], after or "")
            if after is None:
                return

    def get(self, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Record] = {}
        for part in parts(wanted, BATCH):
            found.update(self._got(part, fields))
        return [found[id] for id in wanted]

    def find(self, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wanted = list(dict.fromkeys(value for value in values if value != ""))
        if field == OPT_OUT:
            raise Misconfigured("contacts cannot be looked up by opt-out.", account=self._account, cause="not_searchable")
        if field in (*BY_PROPERTY, self._key_field):
            return [record_of("contacts", row, fields) for row in self.rows_by(field, wanted, fields)]
        return [record for part in parts(wanted, BATCH) for record in self._found(field, part, fields)]

    def rows_by(self, property: str, values: Sequence[str], fields: Sequence[str]) -> list[Mapping[str, Any]]:
        """Raw contacts by a unique property. Unlike search, this sees a contact as soon as it is there."""
        names = [*asked(fields), property, "hs_additional_emails"]
        rows: dict[str, Mapping[str, Any]] = {}
        for part in parts(list(dict.fromkeys(values)), BATCH):
            sought = {value.lower() for value in part}
            body = self._batch(part, names, id_property=property)
            alone = [row for value in _failed(body, part) if (row := self._alone(value, names, property)) is not None]
            for row in (*body["results"], *alone):
                if not sought.isdisjoint(_spellings(row["properties"], property)):
                    rows[str(row["id"])] = row
        return list(rows.values())

    def shown(self, ids: Sequence[str]) -> set[str]:
        """Which of `ids`, at most a hundred, are contacts that are not archived."""
        body = self._batch(ids, ("hs_object_id",))
        alone = {id for id in _failed(body, ids) if self._alone(id, ("hs_object_id",)) is not None}
        return {str(row["id"]) for row in body["results"]} | alone

    def remembered(self, ids: Sequence[str], names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Raw contacts, at most fifty, with every value that the properties `names` had."""
        results: Sequence[Mapping[str, Any]] = self._batch(ids, ("hs_object_id",), history=names)["results"]
        return results

    def attached(self, ids: Sequence[str]) -> dict[str, bool | None]:
        """One call per kind of thing and 1,000 contacts. A token that may not see one of the kinds cannot tell."""
        found: dict[str, bool | None] = dict.fromkeys(ids, False)
        for part in parts(list(found), ASSOCIATIONS):
            for kind in ATTACHABLE:
                try:
                    found.update(dict.fromkeys(self._with_some(kind, part), True))
                except (Denied, Misconfigured):
                    return dict.fromkeys(ids)
        return found

    def _with_some(self, kind: str, ids: Sequence[str]) -> list[str]:
        path = f"/crm/v4/associations/contacts/{kind}/batch/read"
        body = {"inputs": [{"id": id} for id in ids]}
        answer = self._api.door.send("POST", path, kind="read", json=body, repeatable=True)
        rows = _body(self._accepted(answer, f"a batch of associations with {kind}"))["results"]
        return [str(row["from"]["id"]) for row in rows if len(row["to"]) > 0]

    def _listed(self, at: Cursor, fields: Sequence[str]) -> tuple[list[Record], Cursor]:
        answer = self._list_answer(at.get("after"), fields)
        body = _body(answer)
        began = at.get("began", self._now(answer))
        after = _next(body, at.get("after"), self._account)
        records = [record_of("contacts", row, fields) for row in self._wide(body["results"], fields)]
        if after is None:
            return records, {"by": "search", "from": began - self._overlap_ms}
        return records, {"by": "list", "after": after, "began": began}

    def _searched(self, at: Cursor, fields: Sequence[str], merged: set[str]) -> tuple[list[Record], Cursor]:
        answer = self._search(_changed(at), fields)
        body = _body(answer)
        until = at.get("until", self._now(answer))
        records = _canonical([record_of("contacts", row, fields) for row in body["results"]], merged)
        if _after(body) is None or not body["results"]:
            return records, {"by": "search", "from": until - self._overlap_ms}
        last = str(body["results"][-1]["id"])
        if "last" in at and int(last) >= int(at["last"]):
            raise _going_in_circles(self._account)
        return records, {**at, "until": until, "last": last}

    def _found(self, field: str, values: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        wanted = {value.lower() for value in values}
        sought: list[Mapping[str, Any]] = [{"propertyName": field, "operator": "IN", "values": sorted({*values, *wanted})}]
        below: list[Mapping[str, Any]] = []
        merged: set[str] = set()
        while True:
            body = _body(self._search([*sought, *below], [*fields, field]))
            rows = [row for row in body["results"] if str(row["properties"].get(field) or "").lower() in wanted]
            yield from _canonical([record_of("contacts", row, fields) for row in rows], merged)
            if _after(body) is None or not body["results"]:
                return
            below = [_below(str(body["results"][-1]["id"]))]

    def _search(self, filters: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Answer:
        request = {
            "filterGroups": [{"filters": list(filters)}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "DESCENDING"}],
            "properties": asked(fields),
            "limit": SEARCH_PAGE,
        }
        return self._accepted(ask(self._api.search.do_search, request), "a search")

    def _list(self, after: str | None, fields: Sequence[str], *, archived: bool = False) -> Mapping[str, Any]:
        return _body(self._list_answer(after, fields, archived=archived))

    def _list_answer(self, after: str | None, fields: Sequence[str], *, archived: bool = False) -> Answer:
        names = ",".join(asked(fields))
        params = {"limit": str(LIST_PAGE), "archived": "true" if archived else "false"}
        if len(names) <= LONGEST_QUERY:
            params["properties"] = names
        if after is not None:
            params["after"] = after
        return self._accepted(self._api.door.send("GET", CONTACTS, kind="read", params=params), "the list of contacts")

    def _wide(self, rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """The rows with all properties: where a URL cannot name them all, they are read by batch."""
        if len(",".join(asked(fields))) <= LONGEST_QUERY or not rows:
            return rows
        results: Sequence[Mapping[str, Any]] = self._batch([str(row["id"]) for row in rows], asked(fields))["results"]
        return results

    def _got(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Record]:
        found = self._matched(ids, self._batch(ids, asked(fields))["results"], fields)
        open_ids = [id for id in ids if id not in found]
        if open_ids:
            rows = self._batch(open_ids, asked(fields), archived=True)["results"]
            found.update(self._matched(open_ids, rows, fields))
        for id in open_ids:
            if id not in found:
                found[id] = self._single(id, fields)
        return found

    def _matched(self, ids: Sequence[str], rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> dict[str, Record]:
        """Records by the id that was asked for: a merged contact answers to its old ids under a new one."""
        records = [record_of("contacts", row, fields) for row in rows]
        found = {record.id: record for record in records if record.id in ids}
        for record in records:
            for alias in record.aliases:
                if alias in ids and alias not in found:
                    found[alias] = merged_into(record, alias)
        return found

    def _single(self, id: str, fields: Sequence[str]) -> Record:
        """An id that a batch does not answer may still forward to the survivor of a merge."""
        if not id.isdigit():
            return Record("contacts", id, {}, ending=Ending.MISSING)
        row = self._alone(id, asked(fields))
        if row is None:
            return Record("contacts", id, {}, ending=Ending.MISSING)
        record = record_of("contacts", row, fields)
        return record if record.id == id else merged_into(record, id)

    def _alone(self, value: str, names: Sequence[str], property: str | None = None) -> Mapping[str, Any] | None:
        """One contact by its own address."""
        params = {"properties": ",".join(names)} | ({} if property is None else {"idProperty": property})
        answer = self._api.door.send("GET", f"{CONTACTS}/{escape(value)}", kind="read", params=params)
        return None if answer.status == 404 else _body(self._accepted(answer, "a contact"))

    def _batch(
        self,
        ids: Sequence[str],
        names: Sequence[str],
        *,
        id_property: str | None = None,
        archived: bool = False,
        history: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        request: dict[str, Any] = {"inputs": [{"id": id} for id in ids], "properties": list(names), "propertiesWithHistory": list(history)}
        if id_property is not None:
            request["idProperty"] = id_property
        return _body(self._accepted(ask(self._api.batch.read, request, archived=archived), "a batch of contacts"))

    def _accepted(self, answer: Answer, what: str) -> Answer:
        if answer.ok:
            if not isinstance(answer.json(), dict) or ("results" not in answer.json() and "id" not in answer.json()):
                raise _unexpected(self._account, answer, what)
            return answer
        raise refused(self._account, answer, what)

    def _now(self, answer: Answer) -> int:
        """The portal's time in milliseconds, by its own clock where it tells."""
        return int((self._api.door.clock() if answer.date is None else answer.date.timestamp()) * 1000)


def merged_into(record: Record, old_id: str) -> Record:
    return replace(record, id=old_id, ending=Ending.MERGED, moved_to=(record.object, record.id), aliases=())


def _changed(at: Cursor) -> list[Mapping[str, Any]]:
    # No upper bound: ids only fall, so the walk ends however much is edited meanwhile.
    since = {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(at["from"])}
    return [since, _below(at["last"])] if "last" in at else [since]


def _below(id: str) -> Mapping[str, Any]:
    return {"propertyName": "hs_object_id", "operator": "LT", "value": id}


def _canonical(records: Sequence[Record], merged: set[str]) -> list[Record]:
    """Without ghosts: `merged` collects the ids that survivors name."""
    merged.update(alias for record in records for alias in record.aliases)
    return [record for record in records if record.id not in merged]


def _spellings(shown: Mapping[str, Any], property: str) -> set[str]:
    return addresses(shown) if property == "email" else {str(shown.get(property) or "").lower()}


def _failed(body: Mapping[str, Any], asked_for: Sequence[str]) -> list[str]:
    """Those of a batch that HubSpot could not look for. That it found nothing is another error."""
    broken = [error for error in body.get("errors") or () if error.get("category") != "OBJECT_NOT_FOUND"]
    named = {str(id) for error in broken for id in (error.get("context") or {}).get("ids") or ()}
    return [one for one in asked_for if one in named]


def _after(body: Mapping[str, Any]) -> str | None:
    after = ((body.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None else str(after)


def _next(body: Mapping[str, Any], before: str | None, account: str) -> str | None:
    after = _after(body)
    if after is not None and after == before:
        raise _going_in_circles(account)
    return after


def _body(answer: Answer) -> Mapping[str, Any]:
    body: Mapping[str, Any] = answer.json()
    return body


def _kept(at: Cursor) -> str:
    return json.dumps(at, separators=(",", ":"))


def _going_in_circles(account: str) -> Unreadable:
    return Unreadable("HubSpot gave the same page twice.", account=account, cause="repeated_page", fix="The next run goes on from here.")


def _unexpected(account: str, answer: Answer, what: str) -> Unreadable:
    return Unreadable(
        f"the answer to {what} has an unknown shape.",
        account=account,
        cause="unexpected_shape",
        status=answer.status,
        request_id=correlation(answer),
    )
