"""Pipedrive: persons and organisations over API v2, users, leads and merges over v1.

What the vendor leaves open is a switch; see `switches`.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from sandbox import (
    pipedrive_acts,
    pipedrive_leads,
    pipedrive_persons,
    pipedrive_retired,
    pipedrive_schema,
    pipedrive_search,
    pipedrive_v1,
)
from sandbox.messages import Counts, Reply, Request
from sandbox.pipedrive_answers import GATEWAY_HINT, NO_PERMISSION, gateway
from sandbox.pipedrive_fields import MARKETING_FIELDS, ORGANIZATION_FIELDS, OUR_FIELDS, PERSON_FIELDS, Field, Fields
from sandbox.pipedrive_meter import Meter, add_headers, busy
from sandbox.pipedrive_rows import Organization, Person, dump, load_organization, load_person, marketing_status, organization_v2, person_v2
from sandbox.pipedrive_writes import Change
from sandbox.rows import Index, Rows
from sandbox.wire import App, route

PURGE_AFTER_S = 30 * 86_400
REFRESH_LIFE_S = 60 * 86_400
ACCESS_LIFE_S = 3600
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "sandbox", "sandbox-pipedrive-secret", "sandbox-pipedrive-refresh"
USERS = (
    (101, "Anna Berg", "anna@firma.example", True),
    (102, "Ben Ito", "ben@firma.example", True),
    (103, "Clara Novak", "clara@firma.example", True),
    (104, "Ivo Former", "ivo@firma.example", False),
    (105, "Leadloom Hub", "hub@firma.example", True),
)
_API_HOST_ONLY_V1 = re.compile(r"/api/v1/(leads|leadLabels|leadSources)(/|$)")
_SCOPES = (
    ("leads", "leads"), ("leadLabels", "leads"), ("persons", "contacts"), ("organizations", "contacts"), ("personFields", "contacts"),
    ("itemSearch", "search"), ("users", "users"), ("recents", "recents"),
)  # fmt: skip


class Pipedrive(App):
    name = "pipedrive"
    token = "5a4db0c0" + "0" * 32
    parts = (
        pipedrive_persons, pipedrive_search, pipedrive_schema, pipedrive_v1, pipedrive_leads, pipedrive_retired,
    )  # fmt: skip
    switches: ClassVar[dict[str, Any]] = {
        "company_id": 7001,  # another one is another company: other field keys
        "company_domain": "sandbox",
        "host": "company",  # company | api: on the API host leads live under /v1 only
        "token_in_query": False,  # whether ?api_token= is accepted
        "api_domain": None,  # what a token answer names as the host to call; None: this server
        "scopes": None,  # a list limits what OAuth tokens may do
        "retired_v1": "works",  # works | 404 | 410
        "bulk_delete": 410,  # or 404
        "put_on_v2": 404,  # or 405
        "closed": False,  # 402 for everything
        "features_off": [],  # path parts that answer 415
        "forbidden": [],  # path parts that answer 403
        "marketing": True,  # the Campaigns add-on
        "contact_sync": False,
        "inactive_owners": False,  # whether a deactivated user can be made owner
        "default_visible_to": 3,
        "touch_without_change": False,  # whether a PATCH that changes nothing moves update_time
        "get_deleted": "404",  # or is_deleted
        "recents_show_deleted": True,
        "cursor_life_s": None,
        "search_lag_s": 0,
        "search_limit": 500,  # 100 was seen too
        "unstable_search": True,
        "near_hits": False,  # exact_match finds more than exact matches
        "filters": {},  # saved filters: {"1": [person ids]}
        "conversion_s": 2,
        "deal_cap": None,
        "new_enum_values": False,
        "null_bodies": 0,  # so many of the next GETs answer 200 with null
        "plan": "lite",  # lite | growth | premium | ultimate
        "seats": 1,
        "daily_budget": None,
        "daily_headers": True,
        "reset_offset_h": 0,
        "busy_body": "gateway",  # gateway | message | empty | html
        "retry_after": None,
        "daily_retry_after": None,
        "ban_after": 30,  # ignored 429s before Cloudflare steps in
        "ban_s": 600,
    }  # fmt: skip

    # -- state -----------------------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        self.founded = self.clock.now()
        self.persons: Rows[Person] = Rows()
        self.organizations: Rows[Organization] = Rows()
        self.organizations_by_name: Index[Organization] = self.organizations.index(lambda row: (row.name.casefold(),))
        self._indexes: dict[str, Index[Person]] = {}
        self.deleted: deque[tuple[float, int]] = deque()
        self.history: dict[int, list[Change]] = {}
        self.leads: dict[str, dict[str, Any]] = {}
        self.leads_made = 0
        self.lead_labels: dict[str, dict[str, Any]] = {}
        self.deal_keys: tuple[str, ...] = ()
        self.deals: dict[int, dict[str, Any]] = {}
        self.conversions: dict[str, dict[str, Any]] = {}
        self.searches = 0
        self.spending = Meter()
        self.access_tokens: dict[str, float] = {}
        self.refreshed_at = self.founded
        self.users = {id: _user(id, name, email, active) for id, name, email, active in USERS}
        self.users_by_email = {user["email"]: id for id, user in self.users.items()}
        self.hub, self.someone = USERS[-1][0], USERS[0][0]
        self._make_fields()
        for name, color in (("Hot", "red"), ("Warm", "yellow"), ("Cold", "blue")):
            pipedrive_leads.add_label(self, name, color)

    def _make_fields(self) -> None:
        company = self.settings["company_id"]
        self.person_fields = Fields(company, "person", PERSON_FIELDS, MARKETING_FIELDS if self.settings["marketing"] else ())
        self.organization_fields = Fields(company, "organization", ORGANIZATION_FIELDS)
        self._seed_values: dict[str, Field] = {}
        if not self.bare:
            for name, type, options in OUR_FIELDS:
                self.person_fields.create(name, type, options)

    def persons_by(self, name: str, texts: Callable[[Person], Iterable[str]]) -> Index[Person]:
        """The index of that name, made when it is first asked for."""
        if name not in self._indexes:
            self._indexes[name] = self.persons.index(texts)
        return self._indexes[name]

    def by_key(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A person's words as a v2 body: custom fields by name, choices by label, addresses as plain text."""
        body: dict[str, Any] = {}
        for name, value in fields.items():
            custom = self.person_fields.named(name)
            if name in ("emails", "phones") and isinstance(value, (str, list)):
                items = [value] if isinstance(value, str) else value
                body[name] = [{"value": item} if isinstance(item, str) else item for item in items]
            elif name == "org_name":
                body["org_id"] = None if value is None else self._organization_named(str(value))
            elif custom is not None:
                body.setdefault("custom_fields", {})[custom.code] = _by_label(custom, value)
            else:
                body[name] = value
        return body

    def _organization_named(self, name: str) -> int:
        found = next((id for id in self.organizations_by_name.find(name.casefold()) if self.organizations.rows[id].name == name), None)
        if found is not None:
            return found
        now = self.clock.now()
        made = Organization(self.organizations.next_id(), name, self.someone, now, now)
        self.organizations.add(made)
        return made.id

    def seed_value(self, name: str, text: str) -> tuple[str, Any] | None:
        """The key and stored value of one cell of a seed row; None where the field or the choice does not exist."""
        if name not in self._seed_values:
            found = self.person_fields.named(name)
            if found is None:
                return None
            self._seed_values[name] = found
        target = self._seed_values[name]
        if target.type == "double":
            return (target.code, int(text)) if text.isdigit() else None
        if target.type == "enum":
            id = next((option["id"] for option in target.options if option["label"] == text.lower()), None)
            return None if id is None else (target.code, id)
        return target.code, text[:255]

    # -- serving ---------------------------------------------------------------------------------------------------------------------

    def credentials(self) -> dict[str, str]:
        return {"token": self.token, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}

    def authorize(self, request: Request) -> Reply | None:
        if request.path == "/oauth/token":
            return None
        if self.settings["closed"]:
            return gateway(402, "Company account is not open")
        bearer = request.headers.get("authorization", "")
        if bearer.startswith("Bearer ") and self.access_tokens.get(bearer[7:], 0) > self.clock.now():
            return self._scope_refusal(request)
        token = request.headers.get("x-api-token")
        if token is None and self.settings["token_in_query"]:
            token = request.param("api_token")
        if token == self.token:
            return None
        refusal = gateway(401, "unauthorized access")
        refusal.headers["x-401-by-gw"] = "true"
        return refusal

    def _scope_refusal(self, request: Request) -> Reply | None:
        granted = self.settings["scopes"]
        part = request.path.removeprefix("/api").split("/")[2:3]
        needed = next((scope for name, scope in _SCOPES if part == [name]), None)
        if granted is None or needed is None or request.path.endswith("/users/me"):
            return None
        enough = (f"{needed}:full", f"{needed}:read") if request.method == "GET" else (f"{needed}:full",)
        if any(scope in granted for scope in enough):
            return None
        return gateway(403, "Scope and URL mismatch")

    def meter(self, request: Request) -> Reply | None:
        found = self._table.find(request.method, request.path)
        handler = None if found is None else found[0]
        refusal = self.spending.charge(self, request, getattr(handler, "cost", 0), getattr(handler, "search", False))
        return refusal or self._switched_off(request)

    def _switched_off(self, request: Request) -> Reply | None:
        if any(part in request.path for part in self.settings["features_off"]):
            return gateway(415, "Feature is not enabled")
        if any(part in request.path for part in self.settings["forbidden"]):
            return Reply(403, {"success": False, "error": NO_PERMISSION, "error_info": GATEWAY_HINT, "data": None, "additional_data": None})
        if self.settings["host"] == "api" and _API_HOST_ONLY_V1.match(request.path) is not None:
            return self.not_found(request)
        if request.method == "GET" and self.settings["null_bodies"] > 0:
            self.settings["null_bodies"] -= 1
            return Reply(200, b"null", {"Content-Type": "application/json"})
        return None

    def dress(self, request: Request, reply: Reply) -> None:
        if request.path != "/oauth/token" and "x-401-by-gw" not in reply.headers:
            add_headers(self, request, reply)

    def tick(self, now: float) -> None:
        while self.deleted and self.deleted[0][0] <= now - PURGE_AFTER_S:
            _, id = self.deleted.popleft()
            row = self.persons.rows.get(id)
            if row is not None and row.deleted_at is not None and row.deleted_at <= now - PURGE_AFTER_S:
                self.persons.remove(row)
        if self.conversions:
            pipedrive_leads.finish_conversions(self)

    def not_found(self, request: Request) -> Reply:
        status = self.settings["put_on_v2"] if request.method == "PUT" and request.path.startswith("/api/v2/") else 404
        return Reply(status, {"success": False, "error": "Unknown method .", "error_info": GATEWAY_HINT, "data": None})

    def trouble(self, status: int, request: Request) -> Reply:
        if status == 401:
            return Reply(401, gateway(401, "unauthorized access").body, {"x-401-by-gw": "true"})
        if status == 429:
            reply = busy(self)
        elif status >= 500:
            reply = Reply(status, {"success": False, "error": "Internal Server Error", "code": "ERR_UNKNOWN"})
        else:
            reply = gateway(status, NO_PERMISSION if status == 403 else "request refused")
        add_headers(self, request, reply)
        return reply

    def user_of(self, _request: Request) -> int:
        """Every token here belongs to the integration's user."""
        return self.hub

    @route("POST", "/oauth/token")
    def oauth_token(self, request: Request) -> Reply:
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form, now = request.form(), self.clock.now()
        if request.headers.get("authorization") != expected or "urlencoded" not in request.headers.get("content-type", ""):
            return Reply(401, {"success": False, "message": "Invalid client credentials", "error": "invalid_client"})
        good = form.get("grant_type") == "authorization_code" or form.get("refresh_token") == REFRESH_TOKEN
        if not good or now - self.refreshed_at > REFRESH_LIFE_S:
            return Reply(400, {"success": False, "message": "Invalid grant: refresh token is invalid", "error": "invalid_grant"})
        self.refreshed_at = now
        access = f"v1u:sandbox-{len(self.access_tokens) + 1}"
        self.access_tokens[access] = now + ACCESS_LIFE_S
        scopes = self.settings["scopes"] or ["base", "contacts:full", "leads:full", "search:read", "users:read", "recents:read"]
        answer = {"access_token": access, "token_type": "Bearer", "refresh_token": REFRESH_TOKEN, "scope": ",".join(scopes)}
        return Reply(200, answer | {"expires_in": ACCESS_LIFE_S, "api_domain": self.settings["api_domain"] or request.origin})

    # -- control plane ---------------------------------------------------------------------------------------------------------------

    def seed(self, rows: Iterable[Mapping[str, str]]) -> Counts:
        return pipedrive_acts.seed(self, rows)

    def act(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return pipedrive_acts.act(self, body)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        blank = {f.code: None for f in self.person_fields.custom()}
        other = {f.code: None for f in self.organization_fields.custom()}
        shown = [
            {**person_v2(row, blank), "marketing_status": marketing_status(row)}
            for row in self.persons.rows.values()
            if row.deleted_at is None
        ]
        return {
            "persons": shown,
            "organizations": [organization_v2(row, other) for row in self.organizations.listed()],
            "leads": list(self.leads.values()),
            "deals": list(self.deals.values()),
            "personFields": [f.v2() for f in self.person_fields.by_code.values()],
        }

    def snapshot(self) -> dict[str, Any]:
        return {
            "founded": self.founded,
            "persons": [dump(row) for row in self.persons.rows.values()],
            "organizations": [dump(row) for row in self.organizations.rows.values()],
            "last_ids": [self.persons.last_id, self.organizations.last_id, self.leads_made],
            "deleted": list(self.deleted),
            "history": [[id, [[getattr(c, n) for n in Change.__slots__] for c in changes]] for id, changes in self.history.items()],
            "leads": self.leads,
            "lead_labels": self.lead_labels,
            "deals": list(self.deals.values()),
            "conversions": self.conversions,
            "person_fields": self.person_fields.dump(),
            "organization_fields": self.organization_fields.dump(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.clear()
        self.founded = state["founded"]
        self.person_fields.load(state["person_fields"])
        self.organization_fields.load(state["organization_fields"])
        self._seed_values = {}
        with self.persons.loading(), self.organizations.loading():
            for values in state["persons"]:
                self.persons.add(load_person(values))
            for values in state["organizations"]:
                self.organizations.add(load_organization(values))
        self.persons.last_id, self.organizations.last_id, self.leads_made = state["last_ids"]
        self.deleted = deque((at, id) for at, id in state["deleted"])
        self.history = {id: [Change(*values) for values in changes] for id, changes in state["history"]}
        self.leads, self.lead_labels, self.conversions = dict(state["leads"]), dict(state["lead_labels"]), dict(state["conversions"])
        self.deals = {deal["id"]: deal for deal in state["deals"]}


def _by_label(target: Field, value: Any) -> Any:
    if target.type == "enum" and isinstance(value, str):
        return next((option["id"] for option in target.options if option["label"] == value), value)
    return value


def _user(id: int, name: str, email: str, active: bool) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "default_currency": "EUR",
        "locale": "de_DE",
        "lang": 1,
        "email": email,
        "phone": None,
        "activated": True,
        "last_login": "2026-01-05 08:45:56",
        "created": "2024-11-13 09:16:26",
        "modified": "2026-01-05 08:45:56",
        "has_created_company": id == USERS[0][0],
        "access": [],
        "active_flag": active,
        "timezone_name": "Europe/Berlin",
        "timezone_offset": "+01:00",
        "role_id": 1,
        "icon_url": None,
        "is_you": False,
        "is_deleted": not active,
    }
