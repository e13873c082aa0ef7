"""Reading persons: walks through everything that changed, look-ups, searches, and the question who is gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil, inf
from typing import Any, Final

from connectors import pipedrive_persons as persons
from connectors.absent import check_disappearance
from connectors.base import Ending, Page, Record
from connectors.errors import Denied
from connectors.http import Answer, escape
from connectors.pipedrive_calls import fetch, next_cursor, pages, read, readable, stuck
from connectors.pipedrive_company import PAGE, PERSONS, Company

BY_ID: Final = 100
LEADS: Final = "/api/v1/leads"
# https://developers.pipedrive.com/docs/api/v1/Persons#getPersons, include_fields
COUNTERS: Final = (
    "open_deals_count",
    "closed_deals_count",
    "participant_open_deals_count",
    "participant_closed_deals_count",
    "activities_count",
    "notes_count",
    "files_count",
    "email_messages_count",
)
PROBES: Final = 10  # how many absent ids of one look-up are asked for singly, which tells deleted from hidden
SEARCH_PAGE: Final = 100  # larger ones are refused for some searches
OVERLAP: Final = timedelta(seconds=60)
RECENT: Final = timedelta(hours=1)  # how far back the search index is not trusted
RECENT_PAGES: Final = 20
SEARCHABLE: Final = {"name": "name", "emails": "email", "phones": "phone"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the window's begin, when this walk began, and the vendor's token of the next page.

    A window has no end: sorted by id, a person that is edited while we read is seen either now or in the next window, and an edit in the
    very second in which the walk begins is not put off.
    """

    since: str | None = None
    start: str | None = None
    token: str | None = None
    last: int = 0

    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    def params(self) -> dict[str, Any]:
        window = {} if self.since is None else {"updated_since": self.since}
        page = {} if self.token is None else {"cursor": self.token}
        return {"limit": PAGE, "sort_by": "id", "sort_direction": "asc", **window, **page}

    def restarted(self) -> Place:
        return replace(self, token=None, last=0)

    def after(self, rows: Sequence[Mapping[str, Any]], token: str | None, now: datetime) -> Place:
        start = _whole_second(now) if self.start is None else self.start
        if token is None:
            return Place(since=_whole_second(datetime.fromisoformat(start) - OVERLAP))
        return Place(self.since, start, token, persons.person_id(rows[-1]) if len(rows) > 0 else self.last)


class Reading:
    """Everything that is asked of a company about its persons."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._door = company.door

    def changes(self, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        """All persons in the order of their ids, then those changed since the last walk began.

        Within a walk the vendor's page token is kept; one that has expired restarts the walk, which shows records twice and loses none.
        """
        place = Place() if cursor is None else self._place(cursor)
        while True:
            answer = fetch(self._door, PERSONS, kind="read", params={**self._company.asking(fields), **place.params()})
            if answer.status == 400 and place.token is not None:
                place = place.restarted()
                continue
            body = readable(self._door, answer)
            rows, token = body["data"], next_cursor(body)
            self._check_order(rows, place, answer)
            place = place.after(rows, token, self._server_time(answer))
            yield Page(self._records(rows, fields), place.text())
            if token is None:
                return

    def get(self, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wanted = list(dict.fromkeys(ids))
        rows = self._rows([id for id in wanted if id.isdecimal()], fields)
        found = {record.id: record for record in self._records(rows, fields)}
        absent = [id for id in wanted if id not in found]
        if len(wanted) > 1:
            found.update((id, record) for id in absent[:PROBES] if (record := self.ending(id)) is not None)
        return [found[id] if id in found else missing(id) for id in wanted]

    def find(self, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """By key among the newest persons first, for the search index lags; by e-mail, phone or name through the search, verified."""
        schema = self._company.schema()
        name = field if field in schema.fields else persons.labelled(schema, field)
        sought = list(dict.fromkeys(value for value in values if value != ""))
        if len(sought) == 0:
            return []
        if name is None or not (schema.fields[name].custom or name in SEARCHABLE):
            message = f"records cannot be found by {field}."
            raise self._company.misconfigured(message, "not_searchable", "Use a key, e-mail, phone or name field.")
        rows = self._newest(name, sought, fields) if schema.fields[name].custom else []
        left = [value for value in sought if not any(_matches(row, name, value) for row in rows)]
        return self._records([*rows, *self._searched(name, left, fields)], fields)

    def attached(self, ids: Sequence[str]) -> dict[str, bool | None]:
        """By the counters of 100 persons at a time, and by the whole lead inbox, which has no counter."""
        found: dict[str, bool | None] = dict.fromkeys(ids)
        known = [id for id in found if id.isdecimal()]
        for at in range(0, len(known), BY_ID):
            params = {"ids": ",".join(known[at : at + BY_ID]), "include_fields": ",".join(COUNTERS), "limit": BY_ID}
            for row in read(self._door, PERSONS, kind="read", params=params)["data"]:
                counts = [row.get(name) for name in COUNTERS]
                found[str(row["id"])] = None if None in counts else any(number > 0 for number in counts)
        if False in found.values():
            found.update((id, True) for id in self._with_leads() if id in found)
        return found

    def _with_leads(self) -> Iterator[str]:
        for path in (LEADS, f"{LEADS}/archived"):
            start: int | None = 0
            while start is not None:
                body = read(self._door, path, kind="read", params={"limit": PAGE, "start": start})
                yield from (str(row["person_id"]) for row in body["data"] or () if row.get("person_id") is not None)
                paging = body["additional_data"]["pagination"]
                start = paging["next_start"] if paging["more_items_in_collection"] else None

    def ended(self, known_ids: Iterable[str], cap: float | None) -> Iterator[Record]:
        known = sorted({int(id) for id in known_ids})
        absent = self._absent(known)
        check_disappearance(self._door.account, len(absent), len(known), cap)
        for id in absent:
            record = self.ending(str(id))
            if record is not None:
                yield record

    def ending(self, id: str) -> Record | None:
        """How a person ended, or None if it is still there."""
        try:
            row = self.row(id, ())
        except Denied:
            row = None
        if row is None:
            return missing(id)
        record = persons.record(row, self._company.schema(), (), self._company.organisations.name)
        return None if record.ending is None else record

    def row(self, id: str, fields: Sequence[str]) -> dict[str, Any] | None:
        """One person by its own address, which may show deleted ones too."""
        answer = fetch(self._door, f"{PERSONS}/{escape(id)}", kind="read", params=self._company.asking(fields))
        if answer.status in (404, 410):
            return None
        row: dict[str, Any] = readable(self._door, answer)["data"]
        return row

    def _rows(self, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        if len(ids) == 1:
            row = self.row(ids[0], fields)
            return [] if row is None else [row]
        rows: list[dict[str, Any]] = []
        for at in range(0, len(ids), BY_ID):
            params = {**self._company.asking(fields), "ids": ",".join(ids[at : at + BY_ID]), "limit": BY_ID}
            rows += read(self._door, PERSONS, kind="read", params=params)["data"]
        return rows

    def _newest(self, field: str, values: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Persons created lately with one of `values`, newest first; a bounded walk."""
        found: list[dict[str, Any]] = []
        params = {**self._company.asking(fields), "sort_by": "id", "sort_direction": "desc", "limit": PAGE}
        horizon = datetime.fromtimestamp(self._door.clock(), UTC) - RECENT
        for number, rows in enumerate(pages(self._door, PERSONS, params, kind="read"), start=1):
            found += [row for row in rows if any(_matches(row, field, value) for value in values)]
            oldest = persons.moment(rows[-1]["add_time"]) if len(rows) > 0 else None
            if number == RECENT_PAGES or len(found) >= len(values) or (oldest is not None and oldest < horizon):
                break
        return found

    def _searched(self, field: str, values: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Persons from the search index, read afresh and compared: the index lags, and shows near hits too."""
        ids: list[str] = []
        for value in values:
            params = {"term": value, "fields": SEARCHABLE.get(field, "custom_fields"), "exact_match": "true", "limit": SEARCH_PAGE}
            for found in pages(self._door, f"{PERSONS}/search", params, kind="search"):
                ids += [str(item["item"]["id"]) for item in found["items"]]
        rows = self._rows(list(dict.fromkeys(ids)), fields)
        return [row for row in rows if row.get("is_deleted") is not True and any(_matches(row, field, value) for value in values)]

    def _absent(self, known: Sequence[int]) -> list[int]:
        """The ids that no list shows. A page of everybody costs as much as a hundred ids, so a walk comes first, as long as it may pay."""
        shown, reached = self._walked(ceil(len(known) / BY_ID)) if len(known) > BY_ID else (set(), 0)
        rest = [id for id in known if id > reached]
        for at in range(0, len(rest), BY_ID):
            shown.update(self._listed(rest[at : at + BY_ID]))
        return [id for id in known if id not in shown]

    def _walked(self, calls: int) -> tuple[set[int], float]:
        """The ids on the first pages, and how far they reach."""
        shown: set[int] = set()
        params = {"sort_by": "id", "sort_direction": "asc", "limit": PAGE}
        for number, rows in enumerate(pages(self._door, PERSONS, params, kind="read"), start=1):
            shown.update(persons.person_id(row) for row in rows if row.get("is_deleted") is not True)
            if number == calls:
                return shown, max(shown, default=0)
        return shown, inf

    def _listed(self, ids: Sequence[int]) -> set[int]:
        params = {"ids": ",".join(str(id) for id in ids), "limit": BY_ID}
        rows = read(self._door, PERSONS, kind="read", params=params)["data"]
        return {persons.person_id(row) for row in rows if row.get("is_deleted") is not True}

    def _records(self, rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[Record]:
        schema, organisations = self._company.schema(), self._company.organisations
        if len(fields) == 0 or persons.ORGANISATION in fields:
            ids = [persons.organisation_id(row) for row in rows]
            organisations.learn(id for id in ids if id is not None)
        return [persons.record(row, schema, fields, organisations.name) for row in rows]

    def _check_order(self, rows: Sequence[Mapping[str, Any]], place: Place, answer: Answer) -> None:
        ids = [place.last, *(persons.person_id(row) for row in rows)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            raise stuck(self._door, answer)

    def _place(self, cursor: str) -> Place:
        try:
            return Place(**json.loads(cursor))
        except (ValueError, TypeError):
            message = "the remembered reading position is not Pipedrive's."
            raise self._company.misconfigured(message, "bad_cursor", "Read from the start.") from None

    def _server_time(self, answer: Answer) -> datetime:
        return datetime.fromtimestamp(self._door.clock(), UTC) if answer.date is None else answer.date


def missing(id: str) -> Record:
    return Record(persons.OBJECT, id, {}, ending=Ending.MISSING)


def _matches(row: Mapping[str, Any], field: str, value: str) -> bool:
    if field in ("emails", "phones"):
        return value.strip().casefold() in persons.addresses(row, field)
    custom = row.get("custom_fields")
    shown = row.get(field) if field in SEARCHABLE or custom is None else custom.get(field)
    return shown is not None and str(shown) == value


def _whole_second(at: datetime) -> str:
    """v2 refuses fractions of a second as "not a valid datetime"."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
