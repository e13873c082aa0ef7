"""Pipedrive's lead inbox (v1), its conversion to deals (v2), and as much of deals as that needs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.messages import Refused, Reply, Request, iso_ms
from sandbox.pipedrive_answers import bad_request, forbidden, invalid, missing, ok, v1, v2
from sandbox.pipedrive_lists import limit_of, number
from sandbox.pipedrive_rows import iso
from sandbox.pipedrive_writes import body_of

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

WRITABLE = (
    "title", "owner_id", "label_ids", "person_id", "organization_id", "value", "expected_close_date", "visible_to", "was_seen", "channel",
    "channel_id",
)  # fmt: skip
SOURCES = (
    "Manually created", "Deal", "Web forms", "Prospector", "Leadbooster", "Live chat", "Import", "Website visitors", "Workflow automation",
    "API",
)  # fmt: skip
COLORS = ("blue", "brown", "dark-gray", "gray", "green", "orange", "pink", "purple", "red", "yellow")


@v1("GET", "/leads", cost=20)
def list_leads(app: Pipedrive, request: Request) -> Reply:
    """Those that are not archived (since 2025-07-15)."""
    since = _moment(request.param("updated_since"))
    rows = [lead for lead in _filtered(app, request) if not lead["is_archived"] and (since is None or _stamp(lead) >= since)]
    return _page(request, rows)


@v1("GET", "/leads/archived", cost=40)
def list_archived(app: Pipedrive, request: Request) -> Reply:
    """`updated_since` means nothing here."""
    return _page(request, [lead for lead in _filtered(app, request) if lead["is_archived"]])


@v1("GET", "/leads/{id}", cost=2)
def get_lead(app: Pipedrive, _request: Request, id: str) -> Reply:
    return ok(_lead(app, id))


@v1("POST", "/leads", cost=10)
def post_lead(app: Pipedrive, request: Request) -> Reply:
    body = _body(request)
    if not body.get("title"):
        raise bad_request("title is required.")
    _check(app, body)
    if body.get("person_id") is None and body.get("organization_id") is None:
        raise bad_request("A lead must be linked to a person or an organization.")
    lead = _new_lead(app, body, app.user_of(request))
    app.leads[lead["id"]] = lead
    return ok(lead, status=201)


@v1("PATCH", "/leads/{id}", cost=10)
def patch_lead(app: Pipedrive, request: Request, id: str) -> Reply:
    lead, body = _lead(app, id), _body(request)
    _check(app, body)
    allowed = (*WRITABLE, "is_archived", *app.deal_keys)
    lead.update({name: value for name, value in body.items() if name in allowed}, update_time=_now(app))
    return ok(lead)


@v1("DELETE", "/leads/{id}", cost=6)
def delete_lead(app: Pipedrive, _request: Request, id: str) -> Reply:
    del app.leads[_lead(app, id)["id"]]
    return ok({"id": id})


@v1("GET", "/leadSources", cost=20)
def list_sources(_app: Pipedrive, _request: Request) -> Reply:
    return ok([{"name": name} for name in SOURCES])


@v1("GET", "/leadLabels", cost=20)
def list_labels(app: Pipedrive, _request: Request) -> Reply:
    return ok(list(app.lead_labels.values()))


@v1("POST", "/leadLabels", cost=10)
def post_label(app: Pipedrive, request: Request) -> Reply:
    body = _body(request)
    if not body.get("name") or body.get("color") not in COLORS:
        raise bad_request("A label needs a name and a known color.")
    return ok(add_label(app, body["name"], body["color"]))


@v1("PATCH", "/leadLabels/{id}", cost=10)
def patch_label(app: Pipedrive, request: Request, id: str) -> Reply:
    label, body = _label(app, id), _body(request)
    label.update({name: body[name] for name in ("name", "color") if name in body}, update_time=_now(app))
    return ok(label)


@v1("DELETE", "/leadLabels/{id}", cost=6)
def delete_label(app: Pipedrive, _request: Request, id: str) -> Reply:
    del app.lead_labels[_label(app, id)["id"]]
    return ok({"id": id})


@v2("POST", "/leads/{id}/convert/deal", cost=40)
def convert(app: Pipedrive, request: Request, id: str) -> Reply:
    """A job: the lead disappears when it is done."""
    if id not in app.leads:
        raise _no_entity()
    job = {"lead": id, "due": app.clock.now() + app.settings["conversion_s"], "deal": None, "user": app.user_of(request)}
    conversion_id = str(uuid.UUID(int=(0x4B40248B << 96) + len(app.conversions) + 1))
    app.conversions[conversion_id] = job
    finish_conversions(app)
    return ok({"conversion_id": conversion_id})


@v2("GET", "/leads/{id}/convert/status/{conversion_id}", cost=1)
def conversion_status(app: Pipedrive, _request: Request, id: str, conversion_id: str) -> Reply:
    job = app.conversions.get(conversion_id)
    if job is None or job["lead"] != id:
        raise _no_entity()
    done = {} if job["deal"] is None else {"deal_id": job["deal"]}
    return ok({**done, "conversion_id": conversion_id, "status": "completed" if done else "running"})


@v2("GET", "/deals", cost=10)
def list_deals(app: Pipedrive, request: Request) -> Reply:
    person, limit = number(request, "person_id"), limit_of(request)
    rows = [deal for deal in app.deals.values() if person is None or deal["person_id"] == person]
    return ok(rows[:limit], rows=len(rows[:limit]), next_cursor=None)


@v2("GET", "/deals/{id}", cost=1)
def get_deal(app: Pipedrive, _request: Request, id: str) -> Reply:
    if not id.isdigit() or int(id) not in app.deals:
        raise missing("deal")
    return ok(app.deals[int(id)])


@v2("POST", "/deals", cost=5)
def post_deal(app: Pipedrive, request: Request) -> Reply:
    body = body_of(request)
    if not isinstance(body.get("title"), str):
        raise invalid("title: expected string")
    cap = app.settings["deal_cap"]
    if cap is not None and len(app.deals) >= cap:
        raise forbidden("You have reached the limit of open deals.", code="feature_capping_deals_limit")
    return ok(new_deal(app, body, app.user_of(request)))


@v2("DELETE", "/deals/{id}", cost=3)
def delete_deal(app: Pipedrive, _request: Request, id: str) -> Reply:
    if not id.isdigit() or int(id) not in app.deals:
        raise missing("deal")
    del app.deals[int(id)]
    return ok({"id": int(id)})


def new_deal(app: Pipedrive, body: dict[str, Any], user: int) -> dict[str, Any]:
    now = iso(int(app.clock.now()))
    id = max(app.deals, default=0) + 1
    deal = {
        "id": id,
        "title": body["title"],
        "owner_id": body.get("owner_id", user),
        "person_id": body.get("person_id"),
        "org_id": body.get("org_id"),
        "pipeline_id": 1,
        "stage_id": 1,
        "value": body.get("value", 0),
        "currency": body.get("currency", "EUR"),
        "add_time": now,
        "update_time": now,
        "status": "open",
        "is_deleted": False,
        "custom_fields": {},
    }
    app.deals[id] = deal
    return deal


def finish_conversions(app: Pipedrive) -> None:
    for job in app.conversions.values():
        lead = app.leads.get(job["lead"])
        if job["deal"] is None and job["due"] <= app.clock.now() and lead is not None:
            body = {"title": lead["title"], "owner_id": lead["owner_id"], "person_id": lead["person_id"], "org_id": lead["organization_id"]}
            job["deal"] = new_deal(app, body, job["user"])["id"]
            del app.leads[job["lead"]]


def add_label(app: Pipedrive, name: str, color: str) -> dict[str, Any]:
    now = _now(app)
    id = str(uuid.UUID(int=(0xF08B42A0 << 96) + len(app.lead_labels) + 1))
    app.lead_labels[id] = {"id": id, "name": name, "color": color, "add_time": now, "update_time": now}
    return app.lead_labels[id]


def _new_lead(app: Pipedrive, body: dict[str, Any], user: int) -> dict[str, Any]:
    now = _now(app)
    app.leads_made += 1
    return {
        "id": str(uuid.UUID(int=(0xADF21080 << 96) + app.leads_made)),
        "title": body["title"],
        "owner_id": body.get("owner_id", user),
        "creator_id": user,
        "label_ids": body.get("label_ids", []),
        "person_id": body.get("person_id"),
        "organization_id": body.get("organization_id"),
        "source_name": "API",
        "origin": "API",
        "origin_id": body.get("origin_id"),
        "channel": body.get("channel"),
        "channel_id": body.get("channel_id"),
        "is_archived": False,
        "was_seen": body.get("was_seen", False),
        "value": body.get("value"),
        "expected_close_date": body.get("expected_close_date"),
        "next_activity_id": None,
        "add_time": now,
        "update_time": now,
        "visible_to": body.get("visible_to", "3"),
        "cc_email": f"sandbox+lead{app.leads_made}@pipedrivemail.com",
    }


def _check(app: Pipedrive, body: dict[str, Any]) -> None:
    if body.get("person_id") is not None and app.persons.get(body["person_id"]) is None:
        raise missing("person")
    if body.get("organization_id") is not None and app.organizations.get(body["organization_id"]) is None:
        raise missing("organization")
    if "visible_to" in body and body["visible_to"] not in ("1", "3", "5", "7"):
        raise bad_request("visible_to must be a string, one of 1, 3, 5, 7.")
    if any(id not in app.lead_labels for id in body.get("label_ids") or []):
        raise bad_request("label_ids must be ids of lead labels.")


def _filtered(app: Pipedrive, request: Request) -> list[dict[str, Any]]:
    equal = {name: number(request, name) for name in ("owner_id", "person_id", "organization_id") if request.param(name) is not None}
    return [lead for lead in app.leads.values() if all(lead[name] == value for name, value in equal.items())]


def _page(request: Request, rows: list[dict[str, Any]]) -> Reply:
    start, limit = int(request.param("start", "0") or 0), min(int(request.param("limit", "100") or 100), 500)
    for order in reversed((request.param("sort") or "").split(",")):
        name, _, direction = order.strip().partition(" ")
        if name:
            rows = sorted(rows, key=lambda lead, name=name: str(lead.get(name)), reverse=direction.lower() == "desc")  # type: ignore[misc]
    more = len(rows) > start + limit
    pagination = {"start": start, "limit": limit, "more_items_in_collection": more} | ({"next_start": start + limit} if more else {})
    shown = rows[start : start + limit]
    return ok(shown, rows=len(shown), pagination=pagination)


def _lead(app: Pipedrive, id: str) -> dict[str, Any]:
    if id not in app.leads:
        raise missing("lead")
    return app.leads[id]


def _label(app: Pipedrive, id: str) -> dict[str, Any]:
    if id not in app.lead_labels:
        raise missing("lead label")
    return app.lead_labels[id]


def _no_entity() -> Refused:
    body = {"success": False, "error": "Entity was not found", "error_info": "Object was not found.", "data": None, "additional_data": None}
    return Refused(Reply(404, body))


def _body(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise bad_request("Invalid JSON.") from error
    if not isinstance(body, dict):
        raise bad_request("Invalid JSON.")
    return body


def _now(app: Pipedrive) -> str:
    return iso_ms(int(app.clock.now() * 1000))


def _stamp(lead: dict[str, Any]) -> float:
    return datetime.fromisoformat(lead["update_time"]).timestamp()


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.replace(" ", "+")).timestamp()
    except ValueError as error:
        raise bad_request("updated_since must be an ISO 8601 time.") from error
