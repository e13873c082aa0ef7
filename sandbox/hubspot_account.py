"""HubSpot's endpoints about the account: details, owners, OAuth tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import invalid, not_found
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-hubspot-secret"  # noqa: S105 (the fixed secret of a local imitation)
REFRESH_TOKEN = "sandbox-hubspot-refresh"  # noqa: S105
TOKEN_LIFE_S = 1800


@dataclass(frozen=True, slots=True)
class Owner:
    id: int
    user_id: int
    email: str
    first: str
    last: str
    active: bool = True


OWNERS = (
    Owner(51001, 71001, "anna@firma.example", "Anna", "Berg"),
    Owner(51002, 71002, "ben@firma.example", "Ben", "Ito"),
    Owner(51003, 71003, "clara@firma.example", "Clara", "Novak"),
    Owner(51004, 71004, "ivo@firma.example", "Ivo", "Marek", active=False),
    Owner(51005, 71005, "hub@firma.example", "Hub", "User"),
)


@route("GET", "/account-info/v3/details")
def details(app: HubSpot, _request: Request) -> Reply:
    return Reply(200, {
        "portalId": int(app.settings["portal_id"]), "accountType": "STANDARD", "timeZone": "Europe/Berlin", "companyCurrency": "EUR",
        "additionalCurrencies": [], "utcOffset": "+01:00", "utcOffsetMilliseconds": 3600000, "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "eu1",
    })  # fmt: skip


@route("GET", "/integrations/v1/me")
def me(app: HubSpot, _request: Request) -> Reply:
    return Reply(200, {"portalId": int(app.settings["portal_id"]), "timeZone": "Europe/Berlin", "accountType": "STANDARD"})


@route("GET", "/crm/v3/owners")
def list_owners(_app: HubSpot, request: Request) -> Reply:
    archived = (request.param("archived") or "").lower() == "true"
    email = request.param("email")
    found = [owner for owner in OWNERS if owner.active != archived and (email is None or owner.email == email.lower())]
    start, limit = int(request.param("after") or 0), int(request.param("limit") or 100)
    body: dict[str, Any] = {"results": [_shown(owner) for owner in found[start : start + limit]]}
    if start + limit < len(found):
        body["paging"] = {"next": {"after": str(start + limit)}}
    return Reply(200, body, rows=len(body["results"]))


@route("GET", "/crm/v3/owners/{id}")
def read_owner(_app: HubSpot, request: Request, id: str) -> Reply:
    by_user = request.param("idProperty") == "userId"
    archived = (request.param("archived") or "").lower() == "true"
    for owner in OWNERS:
        if str(owner.user_id if by_user else owner.id) == id and owner.active != archived:
            return Reply(200, _shown(owner))
    raise not_found()


def _shown(owner: Owner) -> dict[str, Any]:
    """A deactivated owner loses name and userId."""
    return {
        "id": str(owner.id), "email": owner.email, "type": "PERSON",
        "firstName": owner.first if owner.active else "", "lastName": owner.last if owner.active else "",
        "userId": owner.user_id if owner.active else None, "userIdIncludingInactive": owner.user_id,
        "createdAt": "2024-01-01T00:00:00.000Z", "updatedAt": "2024-01-01T00:00:00.000Z", "archived": not owner.active,
    }  # fmt: skip


@route("POST", "/oauth/v1/token")
@route("POST", "/oauth/v3/token")
@route("POST", "/oauth/2026-03/token")
def token(app: HubSpot, request: Request) -> Reply:
    form = request.form()
    if request.raw_query and request.path != "/oauth/v1/token":
        if app.settings["query_parameters_for_tokens"] == "refused":
            raise invalid("Parameters must be sent in the request body")
        form = {name: values[-1] for name, values in request.query.items()} | form
    if form.get("grant_type") != "refresh_token":
        return _oauth_error("unsupported_grant_type", "UNSUPPORTED_GRANT_TYPE", "only refresh_token is offered here")
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
        return _oauth_error("invalid_client", "BAD_CLIENT_SECRET", "missing or unknown client id or secret")
    if form.get("refresh_token") != REFRESH_TOKEN:
        return _oauth_error("invalid_grant", "BAD_REFRESH_TOKEN", "missing or unknown refresh token")
    access = app.issue_token()
    return Reply(200, {
        "token_type": "bearer", "access_token": access, "refresh_token": REFRESH_TOKEN, "expires_in": TOKEN_LIFE_S,
        "hub_id": int(app.settings["portal_id"]), "scopes": list(SCOPES), "user_id": 71005, "token_use": "access_token",
    })  # fmt: skip


SCOPES = (
    "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.companies.read", "crm.objects.companies.write",
    "crm.objects.leads.read", "crm.objects.leads.write", "crm.objects.owners.read", "crm.schemas.contacts.read",
    "crm.schemas.contacts.write", "communication_preferences.read_write",
)  # fmt: skip


@route("GET", "/oauth/v1/access-tokens/{token}")
def token_details(app: HubSpot, _request: Request, token: str) -> Reply:
    if token not in app.tokens and token != app.token:
        raise not_found()
    return Reply(200, {
        "token": token, "user": "hub@firma.example", "hub_domain": "firma.example", "scopes": list(SCOPES), "user_id": 71005,
        "hub_id": int(app.settings["portal_id"]), "app_id": 1, "expires_in": TOKEN_LIFE_S, "token_type": "access",
    })  # fmt: skip


def _oauth_error(error: str, status: str, message: str) -> Reply:
    return Reply(400, {"error": error, "error_description": message, "status": status, "message": message})
