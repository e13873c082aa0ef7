"""ActiveCampaign's bulk import: all or nothing at the door, one by one behind it, and later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.activecampaign_answers import ident
from sandbox.activecampaign_contacts import plausible
from sandbox.activecampaign_rows import ACTIVE, UNSUBSCRIBED, Contact
from sandbox.messages import Refused, Reply, Request
from sandbox.routes import route

if TYPE_CHECKING:
    from sandbox.activecampaign import ActiveCampaign

CONTACTS_LIMIT, BYTES_LIMIT = 250, 400_000
NAMES = {"email": "email", "first_name": "first_name", "last_name": "last_name", "phone": "phone"}


@route("POST", "/api/3/import/bulk_import")
def bulk_import(app: ActiveCampaign, request: Request) -> Reply:
    """Field names are in snake case here. Its rate limit, too, is a 400."""
    contacts = _contacts(request)
    _hurry(app, len(contacts))
    failures = [{"contact": at, "failureReason": reason} for at, item in enumerate(contacts) if (reason := _problem(item)) != ""]
    if failures:
        raise _refused("JSON payload did not pass validation, no contacts were imported.", failures)
    batch_id = f"{len(app.imports) + 1:08x}-0000-4000-8000-000000000000"
    app.imports[batch_id] = {"due": app.clock.now() + app.settings["import_s"], "contacts": contacts, "success": [], "failure": []}
    finish_imports(app)
    answer = {app.settings["import_success"]: 1, "queued_contacts": len(contacts), "batchId": batch_id, "message": "Contact import queued"}
    return Reply(200, answer, rows=len(contacts))


@route("GET", "/api/3/import/info")
def import_info(app: ActiveCampaign, request: Request) -> Reply:
    """The ids of success are in no order that tells which address they belong to."""
    batch = app.imports.get(request.param("batchId") or "")
    if batch is None:
        raise _refused("Batch not found.", [])
    if batch["contacts"] is not None:
        return Reply(200, {"status": "waiting", "success": [], "failure": []})
    return Reply(200, {"status": "completed", "success": sorted(batch["success"], reverse=True), "failure": batch["failure"]})


@route("GET", "/api/3/import/bulk_import")
def import_status(app: ActiveCampaign, _request: Request) -> Reply:
    waiting = [batch["contacts"] for batch in app.imports.values() if batch["contacts"] is not None]
    outstanding = [{"batches": str(len(waiting)), "contacts": str(sum(len(contacts) for contacts in waiting))}] if waiting else []
    done = [{"batchId": id} for id, batch in app.imports.items() if batch["contacts"] is None]
    return Reply(200, {"outstanding": outstanding, "recentlyCompleted": done})


def finish_imports(app: ActiveCampaign) -> None:
    now = app.clock.now()
    for batch in app.imports.values():
        if batch["contacts"] is None or batch["due"] > now:
            continue
        for item in batch["contacts"]:
            row = _import_one(app, item)
            if row is None:
                batch["failure"].append(item["email"])
            else:
                batch["success"].append(row.id)
        batch["contacts"] = None


def _import_one(app: ActiveCampaign, item: dict[str, Any]) -> Contact | None:
    """Excluded addresses are skipped; nobody who unsubscribed is subscribed again."""
    if app.email_key(item["email"]) in app.exclusions:
        return None
    scalars = {held: str(item[name]) for name, held in NAMES.items() if item.get(name)}
    values = {ident(entry.get("id")): str(entry.get("value", "")) for entry in item.get("fields", [])}
    known_values = {id: value for id, value in values.items() if id is not None and id in app.fields}
    known = app.emails.get(app.email_key(item["email"]))
    row = app.create(scalars, known_values) if known is None else app.contacts.rows[known]
    if known is not None:
        app.change(row, {name: value for name, value in scalars.items() if name != "email"}, known_values)
    for name in item.get("tags", []):
        tag = app.tag_named(str(name)) or app.add_tag(str(name), "contact", "")
        if int(tag["id"]) not in (row.tags or {}):
            app.tag(row, int(tag["id"]))
    for entry in item.get("subscribe", []):
        list_id = ident(entry.get("listid")) or 0
        if list_id in app.lists and row.lists.get(list_id, (ACTIVE,))[0] != UNSUBSCRIBED:
            app.subscribe(row, list_id, ACTIVE, "3")
    for entry in item.get("unsubscribe", []):
        list_id = ident(entry.get("listid")) or 0
        if list_id in app.lists:
            app.subscribe(row, list_id, UNSUBSCRIBED, "3")
    return row


def _contacts(request: Request) -> list[dict[str, Any]]:
    if len(request.body) >= BYTES_LIMIT:
        raise _refused("JSON payload is too large.", [f"The payload must be smaller than {BYTES_LIMIT} bytes."])
    try:
        contacts = request.json().get("contacts")
    except (ValueError, AttributeError) as error:
        raise _refused("JSON payload is not valid.", []) from error
    if not isinstance(contacts, list) or not contacts or not all(isinstance(item, dict) for item in contacts):
        raise _refused("JSON payload did not pass validation, no contacts were imported.", ["contacts must be a list"])
    if len(contacts) > CONTACTS_LIMIT:
        raise _refused("Too many contacts.", [f"Up to {CONTACTS_LIMIT} contacts may be imported at a time."])
    return contacts


def _problem(item: dict[str, Any]) -> str:
    email = item.get("email")
    if not isinstance(email, str) or not plausible(email):
        return "The email address is missing or invalid."
    camel = [name for name in ("firstName", "lastName", "fieldValues") if name in item]
    return f"{camel[0]} is not allowed." if camel else ""


def _hurry(app: ActiveCampaign, count: int) -> None:
    if "vendor" not in app.limits:
        return
    window, most = (app.single_imports, 20) if count == 1 else (app.bulk_imports, 100)
    if not window.take(app.clock.now()):
        raise _refused("Rate limit exceeded.", [f"Up to {most} imports may be requested per minute."])


def _refused(message: str, reasons: list[Any]) -> Refused:
    return Refused(Reply(400, {"success": 0, "message": message, "failureReasons": reasons}))
