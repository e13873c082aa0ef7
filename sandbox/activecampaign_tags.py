"""ActiveCampaign's tags, scores and activities."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.activecampaign_answers import cut, field_missing, forbidden, ident, no_result, refusal, related_missing, wrapped
from sandbox.activecampaign_rows import central, contact_json, score_json, tag_json, tags_json
from sandbox.messages import Reply, Request
from sandbox.routes import route

if TYPE_CHECKING:
    from sandbox.activecampaign import ActiveCampaign


@route("GET", "/api/3/tags")
def list_tags(app: ActiveCampaign, request: Request) -> Reply:
    """`search` finds what contains the text, only filters[search][eq] the tag itself."""
    part, exact = request.param("search"), request.param("filters[search][eq]")
    found = list(app.tags.values())
    if exact is not None:
        found = [tag for tag in found if tag["tag"].lower() == exact.lower()]
    elif part is not None:
        found = [tag for tag in found if part.lower() in tag["tag"].lower()]
    shown, meta = cut(request, found)
    return Reply(200, {"tags": list(shown), "meta": meta}, rows=len(shown))


@route("GET", "/api/3/tags/{id}")
def get_tag(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    return Reply(200, {"tag": _tag(app, id)})


@route("POST", "/api/3/tags")
def post_tag(app: ActiveCampaign, request: Request) -> Reply:
    body = wrapped(request, "tag")
    name, kind = str(body.get("tag") or "").strip(), str(body.get("tagType") or "contact")
    if not name:
        raise field_missing("tag")
    if app.tag_named(name) is not None:
        raise refusal(422, f"Duplicate entry '{name}-{kind}' for key 'typetag'", "duplicate", "/data/attributes/tag")
    return Reply(201, {"tag": app.add_tag(name, kind, str(body.get("description") or ""))})


@route("PUT", "/api/3/tags/{id}")
def put_tag(app: ActiveCampaign, request: Request, id: str) -> Reply:
    found, body = _tag(app, id), wrapped(request, "tag")
    found.update({name: str(body[name]) for name in ("tag", "description") if name in body})
    return Reply(200, {"tag": found})


@route("DELETE", "/api/3/tags/{id}")
def delete_tag(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    gone = int(_tag(app, id)["id"])
    del app.tags[gone]
    for row in list(app.contacts.listed()):
        if gone in (row.tags or {}):
            app.untag(row, gone)
    return Reply(200, {})


@route("POST", "/api/3/contactTags")
def post_contact_tag(app: ActiveCampaign, request: Request) -> Reply:
    """A repeat answers with the association that exists."""
    body = wrapped(request, "contactTag")
    row, tag_id = app.contacts.get(ident(body.get("contact")) or 0), ident(body.get("tag")) or 0
    if row is None:
        raise related_missing("contact")
    if tag_id not in app.tags:
        raise related_missing("tag")
    known = tag_id in (row.tags or {})
    if not known:
        app.tag(row, tag_id)
    answer = {"contacts": [contact_json(row, app.account)], "contactTag": tag_json(row, tag_id, app.account)}
    return Reply(200 if known else 201, answer, rows=1)


@route("GET", "/api/3/contactTags/{id}")
def get_contact_tag(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    contact_id, tag_id = _association(app, id)
    return Reply(200, {"contactTag": tag_json(app.contacts.rows[contact_id], tag_id, app.account)})


@route("DELETE", "/api/3/contactTags/{id}")
def delete_contact_tag(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    contact_id, tag_id = _association(app, id)
    app.untag(app.contacts.rows[contact_id], tag_id)
    return Reply(200, {})


@route("GET", "/api/3/contacts/{id}/contactTags")
def contact_tags(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    held = tags_json(app.contact(id), app.account)
    return Reply(200, {"contactTags": held}, rows=len(held))


@route("GET", "/api/3/scores")
def list_scores(_app: ActiveCampaign, _request: Request) -> Reply:
    score = {"reltype": "contact", "name": "Contact score", "descript": "", "status": "1", "links": {}, "id": "1"}
    return Reply(200, {"scores": [score], "meta": {"total": "1"}})


@route("GET", "/api/3/contacts/{id}/scoreValues")
def contact_scores(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    row = app.contact(id)
    return Reply(200, {"scoreValues": [score_json(row)] if row.score else []})


@route("POST", "/api/3/scores")
@route("POST", "/api/3/scoreValues")
@route("PUT", "/api/3/scoreValues/{id}")
def no_scores(_app: ActiveCampaign, _request: Request, **_params: str) -> Reply:
    """Scores are read-only."""
    return forbidden()


@route("GET", "/api/3/activities")
def list_activities(app: ActiveCampaign, request: Request) -> Reply:
    """Only `after` is understood."""
    after = _moment(request.param("after"))
    found = [_activity(*entry) for entry in app.activities if after is None or entry[0] > after]
    shown, meta = cut(request, found)
    return Reply(200, {"activities": list(shown), "meta": meta}, rows=len(shown))


@route("GET", "/api/3/contacts/{id}/bounceLogs")
def bounce_logs(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    row = app.contact(id)
    if row.bounced_at is None:
        return Reply(200, {"bounceLogs": []})
    log = {"subscriberid": id, "email": row.email, "code": "5.1.1", "error": "hard", "tstamp": central(row.bounced_at), "id": "1"}
    return Reply(200, {"bounceLogs": [log]}, rows=1)


def _activity(at: int, contact_id: int, kind: str, id: str) -> dict[str, Any]:
    return {
        "tstamp": central(at),
        "contact": str(contact_id),
        "reference_type": kind,
        "reference_id": id,
        "reference_action": kind,
        "links": {},
    }


def _tag(app: ActiveCampaign, id: str) -> dict[str, Any]:
    found = app.tags.get(ident(id) or 0)
    if found is None:
        raise no_result("Tag", id)
    return found


def _association(app: ActiveCampaign, id: str) -> tuple[int, int]:
    found = app.associations.get(ident(id) or 0)
    if found is None or app.contacts.get(found[0]) is None:
        raise no_result("SubscriberTag", id)
    return found


def _moment(text: str | None) -> float | None:
    try:
        return None if text is None else datetime.fromisoformat(text.replace(" ", "+")).timestamp()
    except ValueError:
        return None
