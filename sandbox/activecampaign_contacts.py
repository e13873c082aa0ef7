"""ActiveCampaign's contacts: lists, filters, single contacts, contact/sync."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.activecampaign_answers import duplicate_email, field_missing, ident, invalid_email, window, wrapped
from sandbox.activecampaign_fields import written_values
from sandbox.activecampaign_rows import (
    Contact,
    account_contact_json,
    central_offset,
    contact_json,
    memberships_json,
    score_json,
    short_contact_json,
    tags_json,
    value_id,
    values_json,
)
from sandbox.messages import Reply, Request
from sandbox.routes import route

if TYPE_CHECKING:
    from sandbox.activecampaign import ActiveCampaign

SCALARS = {"email": "email", "firstName": "first_name", "lastName": "last_name", "phone": "phone"}
ORDERS: dict[str, Callable[[Contact], Any]] = {
    "cdate": lambda row: row.created,
    "email": lambda row: row.email.lower(),
    "first_name": lambda row: row.first_name.lower(),
    "last_name": lambda row: row.last_name.lower(),
    "name": lambda row: (row.first_name.lower(), row.last_name.lower()),
    "score": lambda row: row.score,
}
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")


# -- lists --------------------------------------------------------------------------------------------------------------------------


@route("GET", "/api/3/contacts")
def list_contacts(app: ActiveCampaign, request: Request) -> Reply:
    """What is not understood is ignored: a misspelt filter answers with everything (PipedreamHQ/pipedream#4612)."""
    limit, offset = window(request)
    ids = _ordered(app, request, _matching(app, request))
    rows = [app.contacts.rows[ids[at]] for at in range(offset, min(offset + limit, len(ids)))]
    body: dict[str, Any] = {"scoreValues": [], "contacts": [_shown(app, row) for row in rows]}
    if app.settings["side_loads"]:
        _side_load(app, request, rows, body)
    body["meta"] = {"page_input": _echo(request, limit, offset), "total": str(len(ids)), "sortable": True}
    return Reply(200, body, rows=len(rows))


def _matching(app: ActiveCampaign, request: Request) -> Sequence[int]:
    """The ids that every understood filter lets through, sorted; found once per walk, not once per page."""
    signature = _signature(request)
    few = any(name in ("email", "ids", "ids[]") for name, _ in signature)
    ids = _filtered(app, request) if few else app.contacts.keep(("contacts", signature), lambda: _filtered(app, request))
    low, high = ident(request.param("id_greater")), ident(request.param("id_less"))
    first = 0 if low is None else bisect_right(ids, low)
    last = len(ids) if high is None else bisect_left(ids, high)
    return ids if (first, last) == (0, len(ids)) else _Slice(ids, first, max(first, last))


class _Slice(Sequence[int]):
    """A part of a sequence, without a copy."""

    def __init__(self, whole: Sequence[int], first: int, last: int) -> None:
        self._whole, self._first, self._length = whole, first, last - first

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, at: Any) -> Any:
        return self._whole[self._first + at]


FILTERS = (
    "ids", "ids[]", "email", "email_like", "search", "listid", "status", "tagid", "exclude", "filters[updated_after]",
    "filters[updated_before]", "filters[created_after]", "filters[created_before]",
)  # fmt: skip


def _signature(request: Request) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, tuple(request.query[name])) for name in FILTERS if name in request.query)


def _filtered(app: ActiveCampaign, request: Request) -> Sequence[int]:
    ids = _candidates(app, request)
    tests = _tests(app, request)
    return [id for id in ids if all(test(app.contacts.rows[id]) for test in tests)] if tests else ids


def _candidates(app: ActiveCampaign, request: Request) -> Sequence[int]:
    """The narrowest start: an address, named ids, a time of change, or all."""
    email = request.param("email")
    if email:
        id = app.emails.get(app.email_key(email))
        return [id] if id is not None and app.contacts.get(id) is not None else []
    named = [ident(id) for text in (*request.query.get("ids", ()), *request.query.get("ids[]", ())) for id in text.split(",")]
    if named:
        return sorted({id for id in named if id is not None and app.contacts.get(id) is not None})
    after, before = _time(app, request, "filters[updated_after]"), _time(app, request, "filters[updated_before]")
    if after is None and before is None:
        return app.contacts.ids
    first, last = app.contacts.between(None if after is None else int(after) + 1, before)
    return sorted(id for _, id in app.contacts.times[first:last])


def _tests(app: ActiveCampaign, request: Request) -> list[Callable[[Contact], bool]]:
    tests: list[Callable[[Contact], bool]] = []
    like, search = request.param("email_like"), request.param("search")
    if like:
        tests.append(lambda row: like.lower() in row.email.lower())
    if search:
        tests.append(lambda row: search.lower() in f"{row.first_name} {row.last_name} {row.phone} {row.email}".lower())
    list_id, status, tag_id = ident(request.param("listid")), ident(request.param("status")), ident(request.param("tagid"))
    if list_id or status is not None:
        tests.append(lambda row: _on_list(row, list_id, status))
    if tag_id:
        tests.append(lambda row: tag_id in (row.tags or ()))
    exclude = ident(request.param("exclude"))
    if exclude is not None:
        tests.append(lambda row: row.id != exclude)
    after, before = _time(app, request, "filters[created_after]"), _time(app, request, "filters[created_before]")
    if after is not None:
        tests.append(lambda row: row.created > after)
    if before is not None:
        tests.append(lambda row: row.created < before)
    return tests


def _on_list(row: Contact, list_id: int | None, status: int | None) -> bool:
    held = row.lists.values() if not list_id else [row.lists[list_id]] if list_id in row.lists else []
    return any(status is None or membership[0] == status for membership in held)


def _time(app: ActiveCampaign, request: Request, name: str) -> float | None:
    """A value without an offset is read in US Central or in UTC: nobody says which."""
    text = request.param(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", text) if "T" in text else text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return moment.timestamp()
    naive = datetime.fromisoformat(f"{moment.isoformat()}+00:00").timestamp()
    behind = 0 if app.settings["naive_zone"] == "utc" else central_offset(int(naive // 3600))
    return naive + behind * 3600


def _ordered(app: ActiveCampaign, request: Request, ids: Sequence[int]) -> Sequence[int]:
    if (request.param("orders[id]") or "").upper() == "DESC":
        return ids[::-1] if isinstance(ids, list) else [ids[at] for at in range(len(ids) - 1, -1, -1)]
    for name, key in ORDERS.items():
        direction = request.param(f"orders[{name}]")
        if direction is not None:
            asked = ("order", name, direction, _signature(request), request.param("id_greater"), request.param("id_less"))
            return app.contacts.keep(asked, partial(_sorted, app, ids, key, direction.upper() == "DESC"))
    return ids


def _sorted(app: ActiveCampaign, ids: Sequence[int], key: Callable[[Contact], Any], descending: bool) -> Sequence[int]:
    return [row.id for row in sorted((app.contacts.rows[id] for id in ids), key=key, reverse=descending)]


def _echo(request: Request, limit: int, offset: int) -> dict[str, Any]:
    """What the page was asked for: orders, filters, id_greater and email are never echoed."""
    return {
        "segmentid": request.param("segmentid"),
        "formid": ident(request.param("formid")) or 0,
        "listid": ident(request.param("listid")) or 0,
        "tagid": ident(request.param("tagid")) or 0,
        "limit": limit,
        "offset": offset,
        "search": request.param("search"),
        "sort": None,
        "seriesid": ident(request.param("seriesid")) or 0,
        "waitid": 0,
        "status": -1 if ident(request.param("status")) is None else ident(request.param("status")),
        "forceQuery": 0,
        "cacheid": "0123456789abcdef0123456789abcdef",
    }


def _side_load(app: ActiveCampaign, request: Request, rows: Sequence[Contact], body: dict[str, Any]) -> None:
    """Undocumented: `include=` embeds what belongs to the contacts of the page."""
    wanted = (request.param("include") or "").split(",")
    if "fieldValues" in wanted:
        body["fieldValues"] = [value for row in rows for value in values_json(row, app.account)]
        for row, shown in zip(rows, body["contacts"], strict=True):
            shown["fieldValues"] = [value_id(row, id) for id in sorted(row.values)]
    if "contactLists" in wanted:
        body["contactLists"] = [held for row in rows for held in memberships_json(row, app.account)]
    if "contactTags" in wanted:
        body["contactTags"] = [tag for row in rows for tag in tags_json(row, app.account)]
    if "scoreValues" in wanted:
        body["scoreValues"] = [score_json(row) for row in rows if row.score]


# -- one contact --------------------------------------------------------------------------------------------------------------------


@route("GET", "/api/3/contacts/{id}")
def get_contact(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    """With lists and field values, without tags and scores."""
    row = app.contact(id)
    return Reply(200, whole(app, row), rows=1)


@route("GET", "/api/3/contacts/{id}/notes")
def contact_notes(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    row = app.contact(id)
    notes = [note for note in app.notes.values() if note["relid"] == str(row.id)]
    return Reply(200, {"notes": notes}, rows=len(notes))


@route("POST", "/api/3/notes")
def post_note(app: ActiveCampaign, request: Request) -> Reply:
    """A note on a contact (`reltype` Subscriber)."""
    body = wrapped(request, "note")
    row, id = app.contact(str(body.get("relid"))), max(app.notes, default=0) + 1
    app.notes[id] = {"id": str(id), "relid": str(row.id), "reltype": "Subscriber", "note": str(body.get("note", ""))}
    return Reply(201, {"note": app.notes[id]})


@route("POST", "/api/3/contacts")
def post_contact(app: ActiveCampaign, request: Request) -> Reply:
    body = wrapped(request, "contact")
    scalars = _scalars(app, request, body, None)
    row = app.create(scalars, written_values(app, body.get("fieldValues")))
    return Reply(201, {"fieldValues": values_json(row, app.account), "contact": short_contact_json(row, app.account)}, rows=1)


@route("PUT", "/api/3/contacts/{id}")
@route("PATCH", "/api/3/contacts/{id}")
def put_contact(app: ActiveCampaign, request: Request, id: str) -> Reply:
    row, body = app.contact(id), wrapped(request, "contact")
    app.change(row, _scalars(app, request, body, row), written_values(app, body.get("fieldValues")))
    return Reply(200, {"fieldValues": values_json(row, app.account), "contact": _shown(app, row)}, rows=1)


@route("DELETE", "/api/3/contacts/{id}")
def delete_contact(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    app.delete(app.contact(id))
    return Reply(200, {}, rows=1)


@route("POST", "/api/3/contact/sync")
def sync_contact(app: ActiveCampaign, request: Request) -> Reply:
    """Create or update by address; the address itself, lists and tags stay as they are."""
    body = wrapped(request, "contact")
    email = body.get("email")
    if not email:
        raise field_missing("email")
    known = app.emails.get(app.email_key(str(email)))
    values = written_values(app, body.get("fieldValues"))
    if known is None:
        row = app.create(_scalars(app, request, body, None), values)
    else:
        row = app.contacts.rows[known]
        app.change(row, {name: value for name, value in _scalars(app, request, body, row).items() if name != "email"}, values)
    answer: dict[str, Any] = {"contact": _shown(app, row)}
    if "fieldValues" in body:
        answer["fieldValues"] = values_json(row, app.account)
    return Reply(201 if known is None or app.settings["sync_status"] == "always_201" else 200, answer, rows=1)


def whole(app: ActiveCampaign, row: Contact) -> dict[str, Any]:
    values, lists = values_json(row, app.account), memberships_json(row, app.account)
    accounts = [] if row.account is None else [account_contact_json(row)]
    deals = [deal for deal in app.deals.values() if deal.get("contact") == str(row.id)]
    shown = _shown(app, row) | {
        "contactAutomations": [],
        "contactLists": [held["id"] for held in lists],
        "fieldValues": [value["id"] for value in values],
        "geoIps": [],
        "deals": [deal["id"] for deal in deals],
    }
    del shown["scoreValues"]
    return {
        "contactAutomations": [],
        "contactLists": lists,
        "deals": deals,
        "fieldValues": values,
        "geoIps": [],
        "accountContacts": accounts,
        "contact": shown,
    }


def _shown(app: ActiveCampaign, row: Contact) -> dict[str, Any]:
    untouched = app.settings["null_udate"] and row.stamp == row.created
    return contact_json(row, app.account, shown_udate=not untouched)


def _scalars(app: ActiveCampaign, request: Request, body: dict[str, Any], row: Contact | None) -> dict[str, str]:
    """The given attributes by name in Contact; an empty text wipes, a null says nothing."""
    given = {held: str(body[name]).strip() for name, held in SCALARS.items() if body.get(name) is not None}
    without = request.param("allowNullEmail") is not None
    if (row is None and not given.get("email") and not without) or (given.get("email") == "" and not without):
        raise field_missing("email")
    if given.get("email"):
        check_email(app, given["email"], row)
    return given


def check_email(app: ActiveCampaign, email: str, row: Contact | None) -> None:
    if _EMAIL.fullmatch(email) is None:
        raise invalid_email()
    holder = app.emails.get(app.email_key(email))
    if holder is not None and (row is None or holder != row.id):
        raise duplicate_email()


def plausible(email: str) -> bool:
    return _EMAIL.fullmatch(email) is not None
