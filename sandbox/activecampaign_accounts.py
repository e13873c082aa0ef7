"""ActiveCampaign's accounts, users, and as much of deals as shows their quirks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.activecampaign_answers import cut, field_missing, forbidden, ident, no_result, refusal, related_missing, wrapped
from sandbox.activecampaign_rows import Contact, account_contact_json, central
from sandbox.messages import Refused, Reply, Request
from sandbox.routes import route

if TYPE_CHECKING:
    from sandbox.activecampaign import ActiveCampaign


# -- users --------------------------------------------------------------------------------------------------------------------------


@route("GET", "/api/3/users/me")
def me(app: ActiveCampaign, _request: Request) -> Reply:
    return Reply(200, {"user": app.users[-1]})


@route("GET", "/api/3/users")
def list_users(app: ActiveCampaign, request: Request) -> Reply:
    """Users who left are not listed."""
    shown, meta = cut(request, app.users)
    return Reply(200, {"users": list(shown), "meta": meta}, rows=len(shown))


@route("GET", "/api/3/users/{id}")
def get_user(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    return Reply(200, {"user": _user(app, "id", id)})


@route("GET", "/api/3/users/email/{email}")
def get_user_by_email(app: ActiveCampaign, _request: Request, email: str) -> Reply:
    return Reply(200, {"user": _user(app, "email", email)})


def _user(app: ActiveCampaign, name: str, value: str) -> dict[str, Any]:
    found = next((user for user in app.users if user[name] == value), None)
    if found is None:
        raise no_result("User", value)
    return found


# -- accounts -----------------------------------------------------------------------------------------------------------------------


@route("GET", "/api/3/accounts")
def list_accounts(app: ActiveCampaign, request: Request) -> Reply:
    part = (request.param("search") or "").lower()
    shown, meta = cut(request, [held for held in app.accounts.values() if part in held["name"].lower()])
    return Reply(200, {"accounts": list(shown), "meta": meta}, rows=len(shown))


@route("GET", "/api/3/accounts/{id}")
def get_account(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    return Reply(200, {"account": _account(app, id)})


@route("POST", "/api/3/accounts")
def post_account(app: ActiveCampaign, request: Request) -> Reply:
    body = wrapped(request, "account")
    name = str(body.get("name") or "").strip()
    if not name:
        raise field_missing("name")
    _unique(app, name, None)
    return Reply(201, {"account": _new_account(app, name, str(body.get("accountUrl") or ""))})


@route("PUT", "/api/3/accounts/{id}")
def put_account(app: ActiveCampaign, request: Request, id: str) -> Reply:
    found, body = _account(app, id), wrapped(request, "account")
    if "name" in body:
        _unique(app, str(body["name"]), found["id"])
    found.update({name: str(body[name]) for name in ("name", "accountUrl") if name in body})
    found["updatedTimestamp"] = central(int(app.clock.now()))
    return Reply(200, {"account": found})


@route("DELETE", "/api/3/accounts/{id}")
def delete_account(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    gone = int(_account(app, id)["id"])
    del app.accounts[gone]
    for row in app.contacts.rows.values():
        if row.account is not None and row.account[1] == gone:
            row.account = None
    return Reply(200, {})


@route("GET", "/api/3/accountContacts")
def list_account_contacts(app: ActiveCampaign, request: Request) -> Reply:
    wanted = ident(request.param("filters[contact]"))
    rows = [row for row in app.contacts.listed() if row.account is not None and (wanted is None or row.id == wanted)]
    shown, meta = cut(request, rows)
    return Reply(200, {"accountContacts": [account_contact_json(row) for row in shown], "meta": meta}, rows=len(shown))


@route("POST", "/api/3/accountContacts")
def post_account_contact(app: ActiveCampaign, request: Request) -> Reply:
    """One account per contact."""
    body = wrapped(request, "accountContact")
    row, account_id = app.contacts.get(ident(body.get("contact")) or 0), ident(body.get("account")) or 0
    if row is None:
        raise related_missing("contact")
    if account_id not in app.accounts:
        raise related_missing("account")
    if row.account is not None:
        raise refusal(422, "The contact is already associated with an account.", "field_invalid", "/data/attributes/contact")
    app.join_account(row, account_id, str(body.get("jobTitle") or ""))
    return Reply(201, {"accountContact": account_contact_json(row)}, rows=1)


@route("PUT", "/api/3/accountContacts/{id}")
def put_account_contact(app: ActiveCampaign, request: Request, id: str) -> Reply:
    row, body = _membership(app, id), wrapped(request, "accountContact")
    if row.account is not None:
        row.account = (row.account[0], row.account[1], str(body.get("jobTitle", row.account[2])))
    return Reply(200, {"accountContact": account_contact_json(row)}, rows=1)


@route("DELETE", "/api/3/accountContacts/{id}")
def delete_account_contact(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    _membership(app, id).account = None
    return Reply(200, {})


@route("GET", "/api/3/contacts/{id}/accountContacts")
def contact_accounts(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    row = app.contact(id)
    return Reply(200, {"accountContacts": [] if row.account is None else [account_contact_json(row)]})


def _new_account(app: ActiveCampaign, name: str, url: str) -> dict[str, Any]:
    now, id = central(int(app.clock.now())), max(app.accounts, default=0) + 1
    made = {"name": name, "accountUrl": url, "createdTimestamp": now, "updatedTimestamp": now}
    app.accounts[id] = made | {"contactCount": "0", "dealCount": "0", "owner": "1", "links": {}, "id": str(id)}
    return app.accounts[id]


def _unique(app: ActiveCampaign, name: str, but: str | None) -> None:
    if any(held["name"].lower() == name.lower() and held["id"] != but for held in app.accounts.values()):
        raise refusal(422, "Account name already exists in the system", "duplicate", "/data/attributes/name")


def _account(app: ActiveCampaign, id: str) -> dict[str, Any]:
    found = app.accounts.get(ident(id) or 0)
    if found is None:
        raise no_result("Account", id)
    return found


def _membership(app: ActiveCampaign, id: str) -> Contact:
    wanted = ident(id)
    found = next((row for row in app.contacts.listed() if row.account is not None and row.account[0] == wanted), None)
    if found is None:
        raise no_result("AccountContact", id)
    return found


# -- deals --------------------------------------------------------------------------------------------------------------------------


@route("GET", "/api/3/deals")
def list_deals(app: ActiveCampaign, request: Request) -> Reply:
    _plan(app)
    shown, meta = cut(request, list(app.deals.values()))
    return Reply(200, {"deals": [_shown(app, deal) for deal in shown], "meta": meta}, rows=len(shown))


@route("GET", "/api/3/deals/{id}")
def get_deal(app: ActiveCampaign, _request: Request, id: str) -> Reply:
    _plan(app)
    found = app.deals.get(ident(id) or 0)
    if found is None:
        raise no_result("Deal", id)
    return Reply(200, {"deal": _shown(app, found)})


@route("POST", "/api/3/deals")
def post_deal(app: ActiveCampaign, request: Request) -> Reply:
    _plan(app)
    body = wrapped(request, "deal")
    if not body.get("title"):
        raise field_missing("title")
    now, id = central(int(app.clock.now())), max(app.deals, default=0) + 1
    names = ("title", "value", "currency", "group", "stage", "owner", "contact", "account")
    made = {"status": "0", "currency": "eur", "cdate": now, "mdate": now, "links": {}} | {
        name: str(body[name]) for name in names if name in body
    }
    app.deals[id] = made | {"id": str(id)}
    return Reply(201, {"deal": app.deals[id]})


def _plan(app: ActiveCampaign) -> None:
    if not app.settings["crm_plan"]:
        raise Refused(forbidden("Upgrade your account to enable the CRM"))


def _shown(app: ActiveCampaign, deal: dict[str, Any]) -> dict[str, Any]:
    """A deal that the key's user may not see is a stub."""
    if app.settings["deals_visible"]:
        return deal
    return {"title": deal["title"], "status": deal["status"], "id": deal["id"], "isDisabled": True}


@route("DELETE", "/api/3/campaigns")
@route("DELETE", "/api/3/accounts/bulk_delete")
def nothing_deleted(_app: ActiveCampaign, _request: Request) -> Reply:
    """Answers 200 and does nothing."""
    return Reply(200, {"succeeded": 0, "failed": 0})
