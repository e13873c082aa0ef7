"""Reading contacts: walks through everything that changed, look-ups, who is gone, and who has left a list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from connectors import activecampaign_contacts as contacts
from connectors.absent import check_disappearance
from connectors.activecampaign_account import CONTACTS, Account
from connectors.activecampaign_calls import PAGE, echo, total
from connectors.activecampaign_contacts import Seen
from connectors.base import Ending, Page, Record
from connectors.errors import Unreadable
from connectors.http import Answer, escape

OVERLAP: Final = timedelta(seconds=60)
ANY_ZONE: Final = timedelta(days=1)  # covers every reading of a time whose zone is in doubt
PROBES: Final = 10
RECENT: Final = timedelta(hours=1)
RECENT_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the window's begin, when this walk began, the last id, and whether the time filter is trusted."""

    since: str | None = None
    start: str | None = None
    last: int = 0
    zone: bool | None = None

    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    def params(self) -> dict[str, Any]:
        window = {} if self.since is None else {"filters[updated_after]": _utc(self._filtered_since(self.since))}
        return {"orders[id]": "ASC", "id_greater": self.last, "limit": PAGE, "offset": 0, **window}

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether the contact's own date lies in the window; one without a date is taken."""
        at = contacts.changed_at(row)
        return self.since is None or at is None or at >= datetime.fromisoformat(self.since)

    def after(self, rows: Sequence[Mapping[str, Any]], now: datetime, *, done: bool) -> Place:
        start = _utc(now) if self.start is None else self.start
        if done:
            return Place(since=_utc(datetime.fromisoformat(start) - OVERLAP), zone=self.zone)
        return replace(self, start=start, last=int(rows[-1]["id"]))

    def _filtered_since(self, since: str) -> datetime:
        exact = datetime.fromisoformat(since)
        return exact if self.zone is True else exact - ANY_ZONE


class Reading:
    """Everything that is asked of an account about its contacts."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._calls = account.calls

    def changes(self, cursor: str | None, fields: Sequence[str]) -> Iterator[Page]:
        """All contacts in the order of their ids, then those changed since the last walk began.

        What a contact's own date of change rules out is dropped, for the vendor's filter may show too much.
        """
        place = Place() if cursor is None else self._place(cursor)
        latest: Mapping[str, Any] | None = None
        while True:
            answer = self._calls.fetch(CONTACTS, kind="read", params={**place.params(), **self._account.asking(fields)})
            body = self._calls.body(answer)
            rows = self._checked(body, place)
            records = self._records(self._account.look([row for row in rows if place.takes(row)], body, fields), fields)
            latest = rows[-1] if len(rows) > 0 else latest
            done = _is_last(body, rows)
            place = place.after(rows, self._server_time(answer), done=done)
            if done and place.zone is None:
                place = replace(place, zone=self._zone_is_read(latest))
            yield Page(records, place.text())
            if done:
                return

    def get(self, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        wanted = list(dict.fromkeys(ids))
        found = {record.id: record for record in self._records(self._by_id([id for id in wanted if id.isdecimal()], fields), fields)}
        return [found[id] if id in found else missing(id) for id in wanted]

    def attached(self, id: str) -> bool | None:
        """Deals come with the contact itself, notes have a list of their own; there is no batch for either."""
        contact, notes = (self._calls.fetch(f"{CONTACTS}/{escape(id)}{more}", kind="read") for more in ("", "/notes"))
        if not contact.ok or not notes.ok:
            return None
        found = (self._calls.body(contact).get("deals"), self._calls.body(notes).get("notes"))
        return None if None in found else any(len(rows) > 0 for rows in found if rows is not None)

    def find(self, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """By e-mail address, compared with what comes back; by our key among the newest contacts, for there is no search by field."""
        sought = list(dict.fromkeys(value for value in values if value != ""))
        if field == "email":
            return self._records([one for address in sought for one in self.by_address(address, fields)], fields)
        if field.upper() not in self._account.shape().ids:
            raise self._account.misconfigured(f"records cannot be found by {field}.", "not_searchable", "Use email or the key field.")
        return self._records(self._newest(field.upper(), sought) if len(sought) > 0 else [], fields)

    def ended(self, known_ids: Iterable[str], cap: float | None) -> Iterator[Record]:
        known = sorted({int(id) for id in known_ids})
        absent = [id for at in range(0, len(known), PAGE) for id in self._not_listed(known[at : at + PAGE])]
        check_disappearance(self._calls.door.account, len(absent), len(known), cap)
        for id in absent:
            if self._account.one(str(id)) is None:
                yield missing(str(id))

    def unsubscribed(self, fields: Sequence[str]) -> Iterator[list[Record]]:
        for lists in self._calls.pages("/lists", "lists", kind="read"):
            for row in lists:
                yield from self._unsubscribed_from(str(row["id"]), fields)

    def by_address(self, address: str, fields: Sequence[str]) -> list[Seen]:
        """A misspelt parameter would show somebody else, so the address is compared (PipedreamHQ/pipedream#4612).

        Whether letter case counts is not documented: what is not found as it is written is looked for in small letters.
        """
        for spelled in dict.fromkeys((address, address.lower())):
            params = {"email": spelled, "limit": PAGE, **self._account.asking(fields)}
            body = self._calls.read(CONTACTS, kind="search", params=params)
            rows = [row for row in self._calls.rows(body, "contacts") if contacts.same_address(row, address)]
            if len(rows) > 0:
                return self._account.look(rows, body, fields)
        return []

    def _by_id(self, ids: Sequence[str], fields: Sequence[str]) -> list[Seen]:
        if len(ids) == 1:
            one = self._account.one(ids[0])
            return [] if one is None else [one]
        seen: list[Seen] = []
        for at in range(0, len(ids), PAGE):
            some = ids[at : at + PAGE]
            body = self._list(some, self._account.asking(fields))
            rows = [row for row in body["contacts"] if str(row["id"]) in some]
            listed = {str(row["id"]) for row in rows}
            seen += self._account.look(rows, body, fields)
            seen += self._unlisted([id for id in some if id not in listed])
        return seen

    def _unlisted(self, ids: Sequence[str]) -> list[Seen]:
        """Ids that a list left out, asked for singly; after some that are really gone the list is believed."""
        probed = [one for id in ids[:PROBES] if (one := self._account.one(id)) is not None]
        rest = ids[PROBES:] if len(probed) > 0 else ()
        return [*probed, *(one for id in rest if (one := self._account.one(id)) is not None)]

    def _list(self, ids: Sequence[str], include: Mapping[str, str]) -> Mapping[str, Any]:
        params = [("limit", PAGE), *(("ids[]", id) for id in ids), *include.items()]
        body = self._calls.read(CONTACTS, kind="read", params=params)
        self._calls.rows(body, "contacts")
        return body

    def _not_listed(self, ids: Sequence[int]) -> list[int]:
        listed = {int(row["id"]) for row in self._list([str(id) for id in ids], {})["contacts"]}
        return [id for id in ids if id not in listed]

    def _newest(self, name: str, values: Sequence[str]) -> list[Seen]:
        """Contacts created lately with one of `values`, newest first; a bounded walk."""
        found: list[Seen] = []
        id = self._account.shape().ids[name]
        horizon = datetime.fromtimestamp(self._calls.door.clock(), UTC) - RECENT
        params: dict[str, Any] = {"orders[id]": "DESC", "limit": PAGE}
        for _ in range(RECENT_PAGES):
            body = self._calls.read(CONTACTS, kind="read", params={**params, **self._account.asking(())})
            rows = self._calls.rows(body, "contacts")
            seen = self._account.look(rows, body, ())
            found += [one for one in seen if one.values is not None and one.values.get(id) in values]
            created = contacts.moment(rows[-1].get("cdate")) if len(rows) > 0 else None
            if len(rows) < PAGE or len(found) >= len(values) or (created is not None and created < horizon):
                break
            params["id_less"] = rows[-1]["id"]
        return found

    def _unsubscribed_from(self, list_id: str, fields: Sequence[str]) -> Iterator[list[Record]]:
        which = {"listid": list_id, "status": contacts.UNSUBSCRIBED}
        last = 0
        while True:
            params = {**which, "orders[id]": "ASC", "id_greater": last, "limit": PAGE, **self._account.asking(fields)}
            body = self._calls.read(CONTACTS, kind="read", params=params)
            if any(str(echo(body, name)) != value for name, value in which.items()):
                raise self._calls.error(Unreadable, "ignores the list filter", "filter_ignored", "Report this.")
            rows = self._calls.rows(body, "contacts")
            yield self._records(self._account.look(rows, body, fields), fields)
            if len(rows) < PAGE:
                return
            last = int(rows[-1]["id"])

    def _records(self, seen: Iterable[Seen], fields: Sequence[str]) -> list[Record]:
        shape = self._account.shape()
        return [contacts.record(one, shape, fields) for one in seen]

    def _checked(self, body: Mapping[str, Any], place: Place) -> Sequence[Mapping[str, Any]]:
        """The rows of a page, if the echo shows our limit and the ids go up from where we were."""
        if any(str(echo(body, name)) not in (asked, "None") for name, asked in (("limit", str(PAGE)), ("offset", "0"))):
            raise self._calls.error(Unreadable, "did not read the request as it was sent", "parameters_ignored", "Report this.")
        rows = self._calls.rows(body, "contacts")
        ids = [place.last, *(int(row["id"]) for row in rows)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            raise self._calls.error(Unreadable, "shows pages that do not go forward", "paging", "Report this.")
        return rows

    def _zone_is_read(self, row: Mapping[str, Any] | None) -> bool | None:
        """Whether the time filter works and reads the offset, tried on one contact; None if that shows nothing.

        The zone of the filter is not documented: a contact must be found from just before its own date of change, and not from just after.
        """
        at = None if row is None else contacts.changed_at(row)
        if row is None or at is None:
            return None
        id = str(row["id"])
        before, after = self._filtered(id, at - OVERLAP), self._filtered(id, at + OVERLAP)
        if any(str(one["id"]) == id and contacts.changed_at(one) != at for one in after):
            return None  # it was changed a moment ago
        return [str(one["id"]) for one in before] == [id] and len(after) == 0

    def _filtered(self, id: str, since: datetime) -> Sequence[Mapping[str, Any]]:
        params = {"ids[]": id, "filters[updated_after]": _utc(since), "limit": PAGE}
        return self._calls.rows(self._calls.read(CONTACTS, kind="meta", params=params), "contacts")

    def _place(self, cursor: str) -> Place:
        try:
            return Place(**json.loads(cursor))
        except (ValueError, TypeError):
            message = "the remembered reading position is not ActiveCampaign's."
            raise self._account.misconfigured(message, "bad_cursor", "Read from the start.") from None

    def _server_time(self, answer: Answer) -> datetime:
        return datetime.fromtimestamp(self._calls.door.clock(), UTC) if answer.date is None else answer.date


def _is_last(body: Mapping[str, Any], rows: Sequence[Any]) -> bool:
    """No more pages: nothing left, or as many as there are in all. A total that counts those before our id too costs one more page."""
    if len(rows) == 0:
        return True
    known = total(body, -1)
    return len(rows) < PAGE if known == -1 else known == len(rows)


def missing(id: str) -> Record:
    return Record(contacts.OBJECT, id, {}, ending=Ending.MISSING)


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
