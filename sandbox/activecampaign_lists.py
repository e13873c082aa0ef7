"""ActiveCampaign's lists, which are its consent of record for e-mail, and its exclusions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.activecampaign_answers import cut, field_missing, ident, no_result, refusal, related_missing, window, wrapped
from sandbox.activecampaign_rows import ACTIVE, PER_CONTACT, UNSUBSCRIBED, central, contact_json, membership_json, memberships_json
from sandbox.messages import Reply, Request
from sandbox.routes import route

if TYPE_CHECKING:
    from sandbox.activecampaign import ActiveCampaign


@route("GET", "/api/3/lists")
def list_lists(app: ActiveCampaign, request: Request) -> Reply:
    name = request.param("filters[name]")
    shown, meta = cut(request, [held for held in app.lists.values() if name is None or held["name"] == name])
    return Reply(200, {"lists": list(shown), "meta": meta}, rows=len(shown))


@route("GET", "/api/3/lists/{id}")
def get_list(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    found = app.lists.get(ident(id) or 0)
    if found is None:
        raise no_result("List", id)
    return Reply(200, {"list": found})


@route("POST", "/api/3/lists")
def post_list(app: ActiveCampaign, request: Request) -> Reply:
    body = wrapped(request, "list")
    if not body.get("name"):
        raise field_missing("name")
    return Reply(201, {"list": app.add_list(str(body["name"]), str(body.get("stringid") or ""))})


@route("POST", "/api/3/contactLists")
def post_membership(app: ActiveCampaign, request: Request) -> Reply:
    """Upserts; status 1 re-subscribes whoever opted out, in silence."""
    body = wrapped(request, "contactList")
    row, list_id, status = app.contacts.get(ident(body.get("contact")) or 0), ident(body.get("list")) or 0, ident(body.get("status"))
    if row is None:
        raise related_missing("contact")
    if list_id not in app.lists:
        raise related_missing("list")
    if status not in (ACTIVE, UNSUBSCRIBED):
        raise refusal(422, "The status is invalid.", "field_invalid", "/data/attributes/status")
    known = list_id in row.lists
    app.subscribe(row, list_id, status, str(body.get("sourceid", "4")))
    echo = membership_json(row, list_id, app.account) | {"status": status}
    del echo["channel"]
    return Reply(200 if known else 201, {"contacts": [contact_json(row, app.account)], "contactList": echo}, rows=1)


@route("GET", "/api/3/contactLists")
def list_memberships(app: ActiveCampaign, request: Request) -> Reply:
    """Every filter is ignored: always the same page of everything."""
    limit, offset = window(request)
    shown: list[dict[str, Any]] = []
    passed = 0
    for row in app.contacts.listed():
        for list_id in sorted(row.lists):
            if passed >= offset and len(shown) < limit:
                shown.append(membership_json(row, list_id, app.account))
            passed += 1
    return Reply(200, {"contactLists": shown, "meta": {"total": str(passed)}}, rows=len(shown))


@route("GET", "/api/3/contactLists/{id}")
def get_membership(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    contact_id, list_id = divmod(ident(id) or 0, PER_CONTACT)
    row = app.contacts.get(contact_id)
    if row is None or list_id not in row.lists:
        raise no_result("SubscriberList", id)
    return Reply(200, {"contactList": membership_json(row, list_id, app.account)}, rows=1)


@route("GET", "/api/3/contacts/{id}/contactLists")
def contact_memberships(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    held = memberships_json(app.contact(id), app.account)
    return Reply(200, {"contactLists": held}, rows=len(held))


@route("POST", "/api/3/exclusions")
@route("POST", "/api/3/lists/exclusions")
def post_exclusion(app: ActiveCampaign, request: Request) -> Reply:
    body = wrapped(request, "exclusion")
    email = body.get("email") or body.get("matchPattern")
    if not email:
        raise field_missing("email")
    made = {"email": str(email), "matchPattern": str(email), "cdate": central(int(app.clock.now())), "links": {}}
    made["id"] = str(len(app.exclusions) + 1)
    app.exclusions[app.email_key(str(email))] = made
    return Reply(201, {"exclusion": made})


@route("GET", "/api/3/exclusions")
@route("GET", "/api/3/lists/exclusions")
def list_exclusions(app: ActiveCampaign, request: Request) -> Reply:
    shown, meta = cut(request, list(app.exclusions.values()))
    return Reply(200, {"exclusions": list(shown), "meta": meta})
