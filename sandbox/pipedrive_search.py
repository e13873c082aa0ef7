"""Pipedrive's searches: lagging, scored, in no stable order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sandbox.messages import Reply, Request
from sandbox.pipedrive_answers import invalid, ok, v2
from sandbox.pipedrive_fields import SEARCHABLE
from sandbox.pipedrive_lists import limit_of, number, words
from sandbox.pipedrive_rows import Organization, Person

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

FIELDS = ("custom_fields", "email", "notes", "phone", "name")
ORGANIZATION_FIELDS = ("address", "custom_fields", "notes", "name")


@v2("GET", "/persons/search", cost=20, search=True)
def search_persons(app: Pipedrive, request: Request) -> Reply:
    term, exact = _term(request), request.param("exact_match") == "true"
    fields = _fields(request, FIELDS)
    found = _exact(app, term, fields) if exact else _containing(app, term, fields)
    if exact and app.settings["near_hits"]:
        found = [*found, *_containing(app, term.partition("@")[0], fields)]
    org = number(request, "organization_id")
    rows = [row for row in _seen(app, found) if org is None or row.org_id == org]
    return _answer(app, request, [_person_item(app, row, exact) for row in _unordered(app, rows)])


@v2("GET", "/organizations/search", cost=20, search=True)
def search_organizations(app: Pipedrive, request: Request) -> Reply:
    term, exact = _term(request).casefold(), request.param("exact_match") == "true"
    _fields(request, ORGANIZATION_FIELDS)
    if exact:
        rows = [app.organizations.rows[id] for id in app.organizations_by_name.find(term)]
    else:
        rows = [row for row in app.organizations.listed() if term in row.name.casefold()]
    return _answer(app, request, [_organization_item(row, exact) for row in _unordered(app, _settled(app, rows))])


@v2("GET", "/itemSearch", cost=20, search=True)
def search_items(app: Pipedrive, request: Request) -> Reply:
    term, exact = _term(request), request.param("exact_match") == "true"
    kinds = words(request, "item_types") or ["person", "organization"]
    items: list[dict[str, Any]] = []
    if "person" in kinds:
        found = _exact(app, term, FIELDS) if exact else _containing(app, term, FIELDS)
        items += [_person_item(app, row, exact) for row in _unordered(app, list(_seen(app, found)))]
    if "organization" in kinds:
        folded = term.casefold()
        rows = [row for row in app.organizations.listed() if (row.name.casefold() == folded if exact else folded in row.name.casefold())]
        items += [_organization_item(row, exact) for row in _settled(app, rows)]
    return _answer(app, request, items)


@v2("GET", "/itemSearch/field", cost=20, search=True)
def search_field(app: Pipedrive, request: Request) -> Reply:
    """Case-sensitive, unlike the search over persons."""
    match = request.param("match", "exact")
    if match not in ("exact", "beginning", "middle"):
        raise invalid("match: must be one of exact, beginning, middle")
    term = _term(request, shortest=1 if match == "exact" else 2)
    if request.param("entity_type") != "person":
        raise invalid("entity_type: must be one of person")
    code = request.param("field") or ""
    texts = _field_texts(app, code)
    if match == "exact":
        found: Iterable[int] = app.persons_by(code, texts).find(term)
    else:
        found = (row.id for row in app.persons.listed() if any(_matches(text, term, match) for text in texts(row)))
    rows = list(_seen(app, found))
    shown = [{"id": row.id, code: next(iter(texts(row)), None)} for row in rows]
    start, limit = _offset(request), limit_of(request)
    more = _marker(start + limit) if len(shown) > start + limit else None
    return ok(shown[start : start + limit], rows=len(shown[start : start + limit]), next_cursor=more)


def _matches(text: str, term: str, match: str) -> bool:
    return text.startswith(term) if match == "beginning" else term in text


def _term(request: Request, shortest: int | None = None) -> str:
    term = request.param("term") or ""
    least = shortest if shortest is not None else (1 if request.param("exact_match") == "true" else 2)
    if len(term) < least:
        raise invalid(f"term: must be at least {least} characters long")
    return term


def _fields(request: Request, known: Iterable[str]) -> tuple[str, ...]:
    wanted = words(request, "fields")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise invalid(f"fields: unknown field {unknown[0]}")
    return tuple(wanted) or tuple(known)


def _exact(app: Pipedrive, term: str, fields: Iterable[str]) -> list[int]:
    folded = term.casefold()
    return [id for name in fields if name != "notes" for id in app.persons_by(f"folded {name}", _folded(app, name)).find(folded)]


def _containing(app: Pipedrive, term: str, fields: Iterable[str]) -> list[int]:
    folded = term.casefold()
    readers = [_folded(app, name) for name in fields if name != "notes"]
    return [row.id for row in app.persons.listed() if any(folded in text for reader in readers for text in reader(row))]


def _folded(app: Pipedrive, name: str) -> Callable[[Person], Iterator[str]]:
    texts: dict[str, Callable[[Person], Iterable[str]]] = {
        "email": lambda row: [value for value, _, _ in row.emails],
        "phone": lambda row: [value for value, _, _ in row.phones],
        "name": lambda row: [row.name],
        "custom_fields": lambda row: _custom_texts(app, row),
    }
    read = texts[name]
    return lambda row: (text.casefold() for text in read(row))


def _custom_texts(app: Pipedrive, row: Person) -> Iterator[str]:
    for code, value in row.custom.items():
        found = app.person_fields.by_code.get(code)
        if found is not None and found.type in SEARCHABLE:
            yield str(value["value"] if isinstance(value, dict) else value)


def _field_texts(app: Pipedrive, code: str) -> Callable[[Person], Iterable[str]]:
    if code == "email":
        return lambda row: [value for value, _, _ in row.emails]
    if code == "phone":
        return lambda row: [value for value, _, _ in row.phones]
    if code in ("name", "first_name", "last_name"):
        return lambda row: [text for text in (getattr(row, code),) if text is not None]
    found = app.person_fields.by_code.get(code)
    if found is None or not found.custom or found.type not in SEARCHABLE:
        raise invalid("field: not a searchable field")
    return lambda row: [str(row.custom[code])] if code in row.custom else []


def _seen(app: Pipedrive, ids: Iterable[int]) -> Iterator[Person]:
    """The index trails behind: what changed within the lag is not found."""
    return iter(_settled(app, [app.persons.rows[id] for id in dict.fromkeys(ids)]))


def _settled(app: Pipedrive, rows: list[Any]) -> list[Any]:
    horizon = app.clock.now() - app.settings["search_lag_s"]
    return rows if app.settings["search_lag_s"] == 0 else [row for row in rows if row.updated <= horizon]


def _unordered(app: Pipedrive, rows: list[Any]) -> list[Any]:
    """Equal hits come in another order each time (MTES-MCT/Docurba#711)."""
    app.searches += 1
    if not rows or not app.settings["unstable_search"]:
        return rows
    turn = app.searches % len(rows)
    return rows[turn:] + rows[:turn]


def _answer(app: Pipedrive, request: Request, items: list[dict[str, Any]]) -> Reply:
    limit, start = limit_of(request, app.settings["search_limit"]), _offset(request)
    cursor = _marker(start + limit) if len(items) > start + limit else None
    shown = items[start : start + limit]
    return ok({"items": shown}, rows=len(shown), next_cursor=cursor)


def _marker(start: int) -> str:
    return f"start{start}"


def _offset(request: Request) -> int:
    text = request.param("cursor") or "start0"
    if not text.startswith("start") or not text[5:].isdigit():
        raise invalid("cursor: not a valid cursor")
    return int(text[5:])


def _person_item(app: Pipedrive, row: Person, exact: bool) -> dict[str, Any]:
    org = None if row.org_id is None else app.organizations.get(row.org_id)
    address = None if org is None else ((org.extra or {}).get("address") or {}).get("value")
    return {
        "result_score": 1.2 if exact else 0.51,
        "item": {
            "id": row.id,
            "type": "person",
            "name": row.name,
            "phones": [value for value, _, _ in row.phones],
            "emails": [value for value, _, _ in row.emails],
            "visible_to": row.visible_to,
            "owner": {"id": row.owner_id},
            "organization": None if org is None else {"id": org.id, "name": org.name, "address": address},
            "custom_fields": [str(value) for value in _custom_texts(app, row)],
            "notes": [],
            "update_time": None,
        },
    }


def _organization_item(row: Organization, exact: bool) -> dict[str, Any]:
    return {
        "result_score": 1.2 if exact else 0.31,
        "item": {
            "id": row.id,
            "type": "organization",
            "name": row.name,
            "address": ((row.extra or {}).get("address") or {}).get("value"),
            "visible_to": row.visible_to,
            "owner": {"id": row.owner_id},
            "custom_fields": [],
            "notes": [],
        },
    }
