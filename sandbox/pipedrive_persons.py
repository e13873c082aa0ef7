"""Pipedrive v2: persons and organisations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.messages import Reply, Request
from sandbox.pipedrive_answers import invalid, missing, ok, v2
from sandbox.pipedrive_lists import IDS_LIMIT, number, page, words
from sandbox.pipedrive_rows import CONTACT_SYNC, COUNTS, Organization, Person, marketing_status, organization_v2, person_v2
from sandbox.pipedrive_writes import (
    body_of,
    change_organization,
    change_person,
    create_organization,
    create_person,
    delete_person,
    organization_values,
    person_values,
)

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

CUSTOM_KEYS_LIMIT = 15
INCLUDABLE = {
    *COUNTS, "next_activity_id", "last_activity_id", "last_incoming_mail_time", "last_outgoing_mail_time", "marketing_status", "doi_status",
    "smart_bcc_email",
}  # fmt: skip


@v2("GET", "/persons", cost=10)
def list_persons(app: Pipedrive, request: Request) -> Reply:
    shape = person_shape(app, request)
    chosen, keep = _filters(app, request, ("owner_id", "org_id"))
    rows, cursor = page(app.persons, request, now=app.clock.now(), cursor_life=app.settings["cursor_life_s"], chosen=chosen, keep=keep)
    return ok([shape(row) for row in rows], rows=len(rows), next_cursor=cursor)


@v2("GET", "/persons/{id}", cost=1)
def get_person(app: Pipedrive, request: Request, id: str) -> Reply:
    return ok(person_shape(app, request)(shown_person(app, id)), rows=1)


@v2("POST", "/persons", cost=5)
def post_person(app: Pipedrive, request: Request) -> Reply:
    values = person_values(app, body_of(request), creating=True)
    row = create_person(app, values, user=app.user_of(request), source="api")
    return ok(person_shape(app, request)(row), rows=1)


@v2("PATCH", "/persons/{id}", cost=5)
def patch_person(app: Pipedrive, request: Request, id: str) -> Reply:
    row = live_person(app, id)
    values = person_values(app, body_of(request), creating=False)
    change_person(app, row, values, user=app.user_of(request), source="api")
    return ok(person_shape(app, request)(row), rows=1)


@v2("DELETE", "/persons/{id}", cost=3)
def remove_person(app: Pipedrive, _request: Request, id: str) -> Reply:
    row = live_person(app, id)
    delete_person(app, row)
    return ok({"id": row.id}, rows=1)


@v2("GET", "/organizations", cost=10)
def list_organizations(app: Pipedrive, request: Request) -> Reply:
    chosen, keep = _filters(app, request, ("owner_id",))
    rows, cursor = page(
        app.organizations, request, now=app.clock.now(), cursor_life=app.settings["cursor_life_s"], chosen=chosen, keep=keep
    )
    return ok([organization(app, row) for row in rows], rows=len(rows), next_cursor=cursor)


@v2("GET", "/organizations/{id}", cost=1)
def get_organization(app: Pipedrive, _request: Request, id: str) -> Reply:
    return ok(organization(app, live_organization(app, id)), rows=1)


@v2("POST", "/organizations", cost=5)
def post_organization(app: Pipedrive, request: Request) -> Reply:
    values = organization_values(app, body_of(request), creating=True)
    return ok(organization(app, create_organization(app, values, user=app.user_of(request))), rows=1)


@v2("PATCH", "/organizations/{id}", cost=5)
def patch_organization(app: Pipedrive, request: Request, id: str) -> Reply:
    row = live_organization(app, id)
    change_organization(app, row, organization_values(app, body_of(request), creating=False))
    return ok(organization(app, row), rows=1)


@v2("DELETE", "/organizations/{id}", cost=3)
def remove_organization(app: Pipedrive, _request: Request, id: str) -> Reply:
    row = live_organization(app, id)
    with app.organizations.changing(row):
        row.deleted_at = row.updated = app.clock.now()
    return ok({"id": row.id}, rows=1)


@v2("DELETE", "/persons", cost=10)
@v2("DELETE", "/organizations", cost=10)
def bulk_delete(app: Pipedrive, _request: Request) -> Reply:
    """Bulk deletes were removed in January 2026 (client-nodejs 31.0.0)."""
    return Reply(app.settings["bulk_delete"], {"success": False, "error": "This endpoint no longer exists", "data": None})


def live_person(app: Pipedrive, id: str) -> Person:
    row = app.persons.get(int(id)) if id.isdigit() else None
    if row is None:
        raise missing("person")
    return row


def shown_person(app: Pipedrive, id: str) -> Person:
    """What GET shows: a deleted person too, where that switch is on."""
    row = app.persons.rows.get(int(id)) if id.isdigit() else None
    gone = row is None or row.hidden or (row.deleted_at is not None and app.settings["get_deleted"] != "is_deleted")
    if row is None or gone:
        raise missing("person")
    return row


def live_organization(app: Pipedrive, id: str) -> Organization:
    row = app.organizations.get(int(id)) if id.isdigit() else None
    if row is None:
        raise missing("organization")
    return row


def organization(app: Pipedrive, row: Organization) -> dict[str, Any]:
    return organization_v2(row, {f.code: None for f in app.organization_fields.custom()})


def person_shape(app: Pipedrive, request: Request) -> Callable[[Person], dict[str, Any]]:
    """How this request wants persons shown."""
    included = _included(app, request)
    keys = words(request, "custom_fields")
    if len(keys) > CUSTOM_KEYS_LIMIT:
        raise invalid(f"custom_fields: a maximum of {CUSTOM_KEYS_LIMIT} keys is allowed")
    blank = {f.code: None for f in app.person_fields.custom() if not keys or f.code in keys}
    labelled = request.param("include_option_labels") == "true"

    def show(row: Person) -> dict[str, Any]:
        shown = person_v2(row, blank)
        if keys:
            shown["custom_fields"] = {code: row.custom.get(code) for code in blank}
        if labelled:
            shown["custom_fields"] = {code: _labelled(app, code, value) for code, value in shown["custom_fields"].items()}
        if app.settings["contact_sync"]:
            shown.update((name, (row.extra or {}).get(name)) for name in CONTACT_SYNC)
        for name in included:
            shown[name] = _extra_value(app, row, name)
        return shown

    return show


def _included(app: Pipedrive, request: Request) -> list[str]:
    wanted = words(request, "include_fields")
    unknown = [name for name in wanted if name not in INCLUDABLE]
    if unknown:
        raise invalid(f"include_fields: unknown field {unknown[0]}")
    return [name for name in wanted if app.settings["marketing"] or name not in ("marketing_status", "doi_status")]


def _extra_value(app: Pipedrive, row: Person, name: str) -> Any:
    if name == "marketing_status":
        return marketing_status(row)
    if name == "doi_status":
        return row.doi
    if name == "smart_bcc_email":
        return f"sandbox+person{row.id}@pipedrivemail.com"
    if name == "open_deals_count":
        return sum(deal["person_id"] == row.id for deal in app.deals.values())
    return 0 if name in COUNTS else None


def _labelled(app: Pipedrive, code: str, value: Any) -> Any:
    found = app.person_fields.by_code[code]
    labels = {option["id"]: option["label"] for option in found.options}
    if found.type == "enum" and value is not None:
        return {"id": value, "label": labels.get(value)}
    if found.type == "set" and value is not None:
        return [{"id": item, "label": labels.get(item)} for item in value]
    return value


def _filters(app: Pipedrive, request: Request, owners: Sequence[str]) -> tuple[Sequence[int] | None, Callable[[Any], bool] | None]:
    """`filter_id` overrides all others; the saved filters are those of the switch `filters`."""
    saved = number(request, "filter_id")
    if saved is not None:
        known: Mapping[str, list[int]] = app.settings["filters"]
        if str(saved) not in known:
            raise missing("filter")
        return known[str(saved)], None
    equal = {name: value for name in owners if (value := number(request, name)) is not None}
    keep = None if not equal else lambda row: all(getattr(row, name) == value for name, value in equal.items())
    return _ids(request), keep


def _ids(request: Request) -> list[int] | None:
    if request.param("ids") is None:
        return None
    ids = words(request, "ids")
    if len(ids) > IDS_LIMIT or not all(id.isdigit() for id in ids):
        raise invalid(f"ids: up to {IDS_LIMIT} integers are allowed")
    return sorted({int(id) for id in ids})
