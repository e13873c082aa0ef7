"""ActiveCampaign's custom fields and their values; ids differ per account, the personalisation tag does not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.activecampaign_answers import cut, field_missing, ident, no_result, refusal, related_missing, wrapped
from sandbox.activecampaign_rows import PER_CONTACT, Contact, central, contact_json, value_json, values_json, wall
from sandbox.messages import Refused, Reply, Request
from sandbox.routes import route

if TYPE_CHECKING:
    from sandbox.activecampaign import ActiveCampaign

STAGES = ("raw", "mql", "sql", "hot", "customer", "nurture", "disqualified", "lost")
BANT = ("no", "unknown", "partial", "yes")
YES_NO = ("yes", "no")

# There is no number and no boolean type: text, and a choice of yes and no.
OUR_FIELDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("leadloom_key", "text", ()),
    ("leadloom_lead_id", "text", ()),
    ("leadloom_stage", "dropdown", STAGES),
    ("leadloom_score", "text", ()),
    ("leadloom_grade", "text", ()),
    ("leadloom_reason", "text", ()),
    ("leadloom_source", "text", ()),
    ("leadloom_bant_budget", "dropdown", BANT),
    ("leadloom_bant_authority", "dropdown", BANT),
    ("leadloom_bant_need", "dropdown", BANT),
    ("leadloom_bant_timing", "dropdown", BANT),
    ("leadloom_language", "text", ()),
    ("leadloom_other_emails", "textarea", ()),
    ("leadloom_other_phones", "textarea", ()),
    ("leadloom_employees", "text", ()),
    ("leadloom_do_not_call", "dropdown", YES_NO),
    ("leadloom_email_opt_out", "dropdown", YES_NO),
    ("leadloom_website", "text", ()),
    ("leadloom_industry", "text", ()),
    ("leadloom_salutation", "text", ()),
    ("leadloom_job_title", "text", ()),
    ("leadloom_street", "text", ()),
    ("leadloom_postal_code", "text", ()),
    ("leadloom_city", "text", ()),
    ("leadloom_region", "text", ()),
    ("leadloom_country", "text", ()),
    ("leadloom_company", "text", ()),
    ("leadloom_mobile", "text", ()),
    ("leadloom_owner", "text", ()),
)
TYPES = (
    "text",
    "textarea",
    "date",
    "datetime",
    "dropdown",
    "listbox",
    "multiselect",
    "radio",
    "checkbox",
    "hidden",
    "NULL",
    "currency",
    "number",
)


@dataclass(slots=True)
class Field:
    id: int
    title: str
    type: str
    perstag: str
    created: int
    description: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    relations: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self, account: str) -> dict[str, Any]:
        return {
            "title": self.title,
            "descript": self.description,
            "type": self.type,
            "isrequired": "0",
            "perstag": self.perstag,
            "defval": None,
            "show_in_list": "0",
            "rows": "0",
            "cols": "0",
            "visible": "1",
            "service": "",
            "ordernum": str(self.id),
            "cdate": central(self.created),
            "udate": central(self.created),
            "created_timestamp": wall(self.created),
            "updated_timestamp": wall(self.created),
            "created_by": None,
            "updated_by": None,
            "options": [option["id"] for option in self.options],
            "relations": [relation["id"] for relation in self.relations],
            "links": {name: f"https://{account}.api-us1.com/api/3/fields/{self.id}/{name}" for name in ("options", "relations")},
            "id": str(self.id),
        }


@route("GET", "/api/3/fields")
def list_fields(app: ActiveCampaign, request: Request) -> Reply:
    """The default page of 20 hides fields (n8n-io/n8n#17357)."""
    shown, meta = cut(request, list(app.fields.values()))
    body = {
        "fieldOptions": [option for one in shown for option in one.options],
        "fieldRels": [relation for one in shown for relation in one.relations],
        "fields": [one.as_json(app.account) for one in shown],
        "meta": meta,
    }
    return Reply(200, body, rows=len(shown))


@route("GET", "/api/3/fields/{id}")
def get_field(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    found = _field(app, id)
    return Reply(200, {"fieldOptions": found.options, "fieldRels": found.relations, "field": found.as_json(app.account)})


@route("POST", "/api/3/fields")
def post_field(app: ActiveCampaign, request: Request) -> Reply:
    body = wrapped(request, "field")
    title, type = body.get("title"), body.get("type")
    if not isinstance(title, str) or not title:
        raise field_missing("title")
    if type not in TYPES:
        raise refusal(422, "The type is invalid.", "field_invalid", "/data/attributes/type")
    perstag = str(body.get("perstag") or re.sub(r"[^A-Z0-9]+", "_", title.upper()).strip("_"))
    if any(one.perstag == perstag.upper() for one in app.fields.values()):
        raise refusal(422, "The perstag already exists in the system", "duplicate", "/data/attributes/perstag")
    made = app.add_field(title, type, perstag.upper(), description=str(body.get("descript") or ""))
    return Reply(201, {"field": made.as_json(app.account)})


@route("PUT", "/api/3/fields/{id}")
def put_field(app: ActiveCampaign, request: Request, id: str) -> Reply:
    found, body = _field(app, id), wrapped(request, "field")
    found.title = str(body.get("title", found.title))
    found.description = str(body.get("descript", found.description))
    return Reply(200, {"field": found.as_json(app.account)})


@route("DELETE", "/api/3/fields/{id}")
def delete_field(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    gone = _field(app, id).id
    del app.fields[gone]
    for row in app.contacts.rows.values():
        row.values.pop(gone, None)
    return Reply(200, {})


@route("POST", "/api/3/fieldOption/bulk")
def post_options(app: ActiveCampaign, request: Request) -> Reply:
    """Adds choices to one field; existing ones stay."""
    try:
        items = request.json().get("fieldOptions")
    except (ValueError, AttributeError) as error:
        raise Refused(Reply(400, {})) from error
    if not isinstance(items, list) or not items:
        raise field_missing("fieldOptions")
    made = []
    for item in items:
        found = app.fields.get(ident(item.get("field")) or 0)
        if found is None:
            raise related_missing("field")
        made.append(app.add_option(found, str(item.get("value", "")), str(item.get("label", item.get("value", "")))))
    return Reply(201, {"fieldOptions": made})


@route("POST", "/api/3/fieldRels")
def post_relation(app: ActiveCampaign, request: Request) -> Reply:
    """`relid` 0 shows the field for every list."""
    body = wrapped(request, "fieldRel")
    found = app.fields.get(ident(body.get("field")) or 0)
    if found is None:
        raise related_missing("field")
    return Reply(201, {"fieldRel": app.add_relation(found, str(body.get("relid", "0")))})


@route("GET", "/api/3/fieldValues")
def list_values(app: ActiveCampaign, request: Request) -> Reply:
    """Ordered by contact; a filter on field and value scans."""
    wanted, value = request.param("filters[fieldid]"), request.param("filters[val]")
    pairs = [
        (row, id)
        for row in app.contacts.listed()
        for id in sorted(row.values)
        if (wanted is None or str(id) == wanted) and (value is None or row.values[id] == value)
    ]
    shown, meta = cut(request, pairs)
    return Reply(200, {"fieldValues": [value_json(row, id, app.account) for row, id in shown], "meta": meta}, rows=len(shown))


@route("GET", "/api/3/fieldValues/{id}")
def get_value(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    row, field_id = _value(app, id)
    return Reply(200, {"fieldValue": value_json(row, field_id, app.account)}, rows=1)


@route("POST", "/api/3/fieldValues")
def post_value(app: ActiveCampaign, request: Request) -> Reply:
    """Upserts by contact and field."""
    body = wrapped(request, "fieldValue")
    row = app.contacts.get(ident(body.get("contact")) or 0)
    if row is None:
        raise related_missing("contact")
    field_id = ident(body.get("field")) or 0
    if field_id not in app.fields:
        raise related_missing("field")
    known = field_id in row.values
    app.change(row, values={field_id: _text(body.get("value"))})
    answer = {"contacts": [contact_json(row, app.account)], "fieldValue": value_json(row, field_id, app.account)}
    return Reply(200 if known else 201, answer, rows=1)


@route("PUT", "/api/3/fieldValues/{id}")
def put_value(app: ActiveCampaign, request: Request, id: str) -> Reply:
    row, field_id = _value(app, id)
    app.change(row, values={field_id: _text(wrapped(request, "fieldValue").get("value"))})
    return Reply(200, {"contacts": [contact_json(row, app.account)], "fieldValue": value_json(row, field_id, app.account)}, rows=1)


@route("DELETE", "/api/3/fieldValues/{id}")
def delete_value(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    row, field_id = _value(app, id)
    app.change(row, values={field_id: ""})
    del row.values[field_id]
    return Reply(200, {})


@route("GET", "/api/3/contacts/{id}/fieldValues")
def contact_values(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    values = values_json(app.contact(id), app.account)
    return Reply(200, {"fieldValues": values}, rows=len(values))


def written_values(app: ActiveCampaign, items: Any) -> dict[int, str]:
    """`fieldValues` of a contact's body; fields that do not exist are passed over in silence."""
    values: dict[int, str] = {}
    for item in items if isinstance(items, list) else []:
        id = ident(item.get("field")) if isinstance(item, dict) else None
        if id in app.fields:
            values[id] = _text(item.get("value"))
    return values


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return f"||{'||'.join(str(item) for item in value)}||"
    return str(value)


def _field(app: ActiveCampaign, id: str) -> Field:
    found = app.fields.get(ident(id) or 0)
    if found is None:
        raise no_result("Field", id)
    return found


def _value(app: ActiveCampaign, id: str) -> tuple[Contact, int]:
    contact_id, field_id = divmod(ident(id) or 0, PER_CONTACT)
    row = app.contacts.get(contact_id)
    if row is None or field_id not in row.values:
        raise no_result("FieldValue", id)
    return row, field_id
