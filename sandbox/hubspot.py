"""A local HubSpot: contacts (and companies and leads, as far as contacts need them) with the quirks of the real portal.

Where the vendor's behaviour is not confirmed, a switch chooses between the possible ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import Any, ClassVar

from sandbox import (
    hubspot_account,
    hubspot_associations,
    hubspot_batch,
    hubspot_consent,
    hubspot_properties,
    hubspot_records,
    hubspot_search,
    seeds,
)
from sandbox.custom_fields import SEED_COLUMNS
from sandbox.hubspot_account import OWNERS, TOKEN_LIFE_S
from sandbox.hubspot_answers import RowRefused, error, invalid, not_found
from sandbox.hubspot_associations import Associations
from sandbox.hubspot_consent import SUBSCRIPTIONS, Choice, Preferences, mirrored
from sandbox.hubspot_deeds import act
from sandbox.hubspot_objects import Objects, Thing
from sandbox.hubspot_properties import Property, company_properties, contact_properties, lead_properties, to_ms
from sandbox.hubspot_search import Found
from sandbox.limits import Window
from sandbox.wire import HTML_PAGE, App, Counts, Reply, Request

TYPE_NAMES = {
    "contacts": "contacts", "contact": "contacts", "0-1": "contacts",
    "companies": "companies", "company": "companies", "0-2": "companies",
    "leads": "leads", "lead": "leads", "0-136": "leads",
}  # fmt: skip
DATED = re.compile(r"/crm/(objects|properties|owners|associations)/\d{4}-\d\d(?=/|$)")
SEEDED = {
    "firstname": "first_name", "lastname": "last_name", "salutation": "title", "email": "email", "phone": "phone", "mobilephone": "mobile",
    "jobtitle": "job_title", "company": "company", "website": "website", "industry": "industry", "address": "street", "zip": "postcode",
    "city": "city", "state": "region", "country": "country",
}  # fmt: skip
COARSE_STAGE = {
    "raw": "lead", "mql": "marketingqualifiedlead", "sql": "salesqualifiedlead", "hot": "salesqualifiedlead", "customer": "customer",
    "nurture": "lead", "disqualified": "other", "lost": "other",
}  # fmt: skip


UTC_OFFSET_S = 3600


class HubSpot(App):
    name = "hubspot"
    token = "sandbox-hubspot-token"  # noqa: S105 (the fixed token of a local imitation)
    parts = (
        hubspot_account,
        hubspot_associations,
        hubspot_batch,
        hubspot_consent,
        hubspot_properties,
        hubspot_records,
        hubspot_search,
    )
    switches: ClassVar[dict[str, Any]] = {
        "portal_id": 20000001,
        "search_lag_s": 0,
        "list_limit_over": "refused",  # or clamped
        "search_page_over_ceiling": "refused",  # or short
        "max_filter_groups": 5,
        "max_filters": 6,
        "max_filters_total": 18,
        "iso_in_search": True,
        "merged_ghosts": False,
        "lifecycle_backwards": "ignored",  # or refused, accepted
        "null_clears": True,
        "unique_conflict_status": 400,  # or 409
        "upsert_by_email": "partial",  # or refused
        "batch_order": "shuffled",  # or inputs
        "patch_follows_merges": True,
        "merge_fills_blanks": True,
        "dated_empty": "omitted",  # or null
        "data_privacy": False,
        "resubscribe_after_own_opt_out": "refused",  # or accepted; v3 always refuses
        "enterprise": False,
        "query_parameters_for_tokens": "refused",  # or accepted
        "malformed_token_530": False,
        "missing_scopes": [],
        "creator_removed": False,
        "url_limit": 16200,
        "burst_limit": 100,
        "search_limit": 5,
        "daily_limit": 250000,
        "retry_after": None,  # or seconds, ms
        "rate_limit_category": False,
    }

    def clear(self) -> None:
        contacts = contact_properties(SUBSCRIPTIONS, bare=self.bare)
        self._objects = {
            "contacts": Objects(self, "contacts", "0-1", "Contact", contacts, 10_000_001),
            "companies": Objects(self, "companies", "0-2", "Company", company_properties(), 20_000_001),
            "leads": Objects(self, "leads", "0-136", "Lead", lead_properties(), 30_000_001),
        }
        self.associations = Associations(self)
        self.consent: dict[str, Preferences] = {}
        self.blocked: set[str] = set()
        self.groups: set[str] = {"contactinformation"}
        self.found = Found()
        self.tokens: dict[str, float] = {}
        self.dated = False
        self._day = -1
        self._spent_today = 0
        self._burst = Window(self.settings["burst_limit"], 10)
        self._searches = Window(self.settings["search_limit"], 1)

    # -- serving -------------------------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        return int(self.clock.now() * 1000)

    def objects(self, type: str) -> Objects:
        name = TYPE_NAMES.get(type.lower())
        if name is None:
            raise not_found(f"Unable to infer object type from: {type}")
        return self._objects[name]

    def body(self, request: Request) -> dict[str, Any]:
        try:
            body = request.json()
        except ValueError:
            raise invalid("Invalid input JSON") from None
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON: an object is expected")
        return body

    def rewrite(self, path: str) -> str:
        """Dated paths (/crm/objects/2026-03/contacts) are served like their v3 twins."""
        dated = DATED.match(path)
        self.dated = dated is not None
        return path if dated is None else f"/crm/v3/{dated[1]}{path[dated.end() :]}"

    def authorize(self, request: Request, /) -> Reply | None:
        if len(request.target) > int(self.settings["url_limit"]):
            return Reply(414, HTML_PAGE.format(status=414, phrase="Request-URI Too Large"))
        if request.path.startswith("/oauth/"):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if self.settings["malformed_token_530"] and (not token or " " in token.strip() or len(token) < 8):
            return Reply(530, HTML_PAGE.format(status=530, phrase="Origin Error"))
        if scheme.lower() != "bearer" or (token != self.token and token not in self.tokens):
            return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid.")
        if token in self.tokens and self.tokens[token] <= self.clock.now():
            return error(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
        return self._forbidden(request)

    def _forbidden(self, request: Request) -> Reply | None:
        if self.settings["creator_removed"]:
            return error(403, "USER_DOES_NOT_HAVE_PERMISSIONS", "The user who created this app has been removed.")
        missing = self.settings["missing_scopes"]
        needed = _scope(request) if missing else None
        if needed is None or needed not in missing:
            return None
        problem = {"message": "One or more of the following scopes are required.", "context": {"requiredScopes": [needed]}}
        message = "This app hasn't been granted all required scopes to make this call."
        return error(403, "MISSING_SCOPES", message, errors=[problem])

    def issue_token(self) -> str:
        token = f"sandbox-hubspot-oauth-{len(self.tokens) + 1}"
        self.tokens[token] = self.clock.now() + TOKEN_LIFE_S
        return token

    # -- limits ----------------------------------------------------------------------------------------------------------------------

    def meter(self, request: Request, /) -> Reply | None:
        if self.limits != "vendor" or request.path.startswith("/oauth/"):
            return None
        now = self.clock.now()
        self._burst.limit, self._searches.limit = self.settings["burst_limit"], self.settings["search_limit"]
        today = int((now + UTC_OFFSET_S) // 86400)  # the account's own midnight
        if today != self._day:
            self._day, self._spent_today = today, 0
        if self._spent_today >= self.settings["daily_limit"]:
            return self.rate_limited("DAILY")
        if request.path.endswith("/search"):
            if not self._searches.take(now):
                return self.rate_limited("SECONDLY")
        elif not self._burst.take(now):
            return self.rate_limited("TEN_SECONDLY_ROLLING")
        self._spent_today += 1
        return None

    def rate_limited(self, policy: str) -> Reply:
        category = {"category": "RATE_LIMITS"} if self.settings["rate_limit_category"] else {}
        reply = error(429, "", f"You have reached your {policy.lower()} limit.", errorType="RATE_LIMIT", policyName=policy)
        del reply.body["category"]
        reply.body.update(category)
        wait = {"SECONDLY": 1, "TEN_SECONDLY_ROLLING": 10, "DAILY": 3600}[policy]
        if self.settings["retry_after"] is not None:
            reply.headers["Retry-After"] = str(wait * (1000 if self.settings["retry_after"] == "ms" else 1))
        return reply

    def dress(self, request: Request, reply: Reply, /) -> None:
        if self.limits != "vendor" or request.path.endswith("/search"):
            return  # search answers carry no rate-limit headers
        now = self.clock.now()
        reply.headers["X-HubSpot-RateLimit-Max"] = str(self._burst.limit)
        reply.headers["X-HubSpot-RateLimit-Remaining"] = str(int(self._burst.remaining(now)))
        reply.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"
        if request.headers.get("authorization", "")[7:] not in self.tokens:
            reply.headers["X-HubSpot-RateLimit-Daily"] = str(self.settings["daily_limit"])
            reply.headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(self.settings["daily_limit"] - self._spent_today)

    def not_found(self, _request: Request, /) -> Reply:
        return error(404, "OBJECT_NOT_FOUND", "resource not found")

    def misshapen(self, _request: Request, /) -> Reply | None:
        return error(400, "VALIDATION_ERROR", "Invalid input JSON: a value has another type than expected")

    def trouble(self, status: int, request: Request, /) -> Reply:
        options = self.fault.options if self.fault is not None else {}
        if status == 429:
            default = "SECONDLY" if request.path.endswith("/search") else "TEN_SECONDLY_ROLLING"
            return self.rate_limited(options.get("policy", default))
        if status == 401:
            return error(401, options.get("category", "INVALID_AUTHENTICATION"), "Authentication credentials not found or not valid.")
        if status == 477:
            reply = error(477, "MIGRATION_IN_PROGRESS", "The account is being moved.")
            reply.headers["Retry-After"] = "30"
            return reply
        if status == 423:
            return error(423, "LOCKED", "The resource is locked.")
        return error(status, "INTERNAL_ERROR", "There was a problem with the request.")

    def tick(self, _now: float, /) -> None:
        now = self.now_ms()
        for objects in self._objects.values():
            objects.expire(now)

    # -- consent and owners ------------------------------------------------------------------------------------------------------------

    def is_owner(self, id: str) -> bool:
        return any(str(owner.id) == id for owner in OWNERS)

    def consent_changed(self, email: str) -> None:
        contacts = self._objects["contacts"]
        thing = contacts.holder("email", email)
        if thing is not None and self.mirror_consent(thing):
            contacts.touch(thing, self.now_ms())

    def mirror_consent(self, thing: Thing) -> bool:
        """Copy the state of the primary address into the read-only properties; whether anything moved."""
        before = {name: value for name, value in thing.props.items() if name.startswith("hs_email_optout")}
        after = mirrored(self.consent.get(thing.props.get("email", "").lower()))
        if before == after:
            return False
        for name in before:
            del thing.props[name]
        thing.props.update(after)
        return True

    # -- state ------------------------------------------------------------------------------------------------------------------------

    def seed(self, rows: Iterable[Mapping[str, str]]) -> Counts:
        counts = Counts()
        for row in rows:
            try:
                self._plant_one(row)
            except RowRefused as refused:
                counts.refused[_why(refused)] += 1
            else:
                counts.accepted += 1
        return counts

    def _plant_one(self, row: Mapping[str, str]) -> None:
        contacts = self._objects["contacts"]
        first, last = seeds.names(row)
        given = {name: row[column] for name, column in SEEDED.items() if column in row} | {"firstname": first, "lastname": last}
        given.update({name: row[column] for name, column in SEED_COLUMNS.items() if column in row and name in contacts.properties})
        stage = row.get("stage", "").lower()
        given["lifecyclestage"] = COARSE_STAGE.get(stage, stage)
        if "leadloom_stage" in given:
            given["leadloom_stage"] = stage if stage in COARSE_STAGE else ""
        owner = next((owner for owner in OWNERS if owner.email == row.get("owner", "").lower()), None)
        if owner is not None:
            given["hubspot_owner_id"] = str(owner.id)
        values = contacts.check({name: value for name, value in given.items() if value}, None)
        if seeds.says_yes(row.get("opt_out")) and "email" in values:
            self.consent.setdefault(values["email"], Preferences()).all_out = self.now_ms()
        thing = contacts.create(values, "IMPORT", _stamp(row.get("updated"), self.now_ms()))
        further = row.get("email2", "").strip().lower()
        if further and contacts.holder("email", further) is None and hubspot_properties.EMAIL.fullmatch(further):
            contacts.add_address(thing, further)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        return {
            name: [objects.show(objects.by_id[id], objects.wanted(objects.properties)) for id in objects.live]
            for name, objects in self._objects.items()
            if len(objects.live) or name == "contacts"
        }

    def snapshot(self) -> dict[str, Any]:
        custom = [(name, _as_state(property)) for name, objects in self._objects.items() for property in objects.properties.values()]
        consent = {
            email: [one.all_out, one.all_by, [[id, *astuple(choice)] for id, choice in one.choices.items()]]
            for email, one in self.consent.items()
        }
        return {
            "objects": {name: objects.snapshot() for name, objects in self._objects.items()},
            "properties": custom,
            "consent": consent,
            "blocked": sorted(self.blocked),
            "links": [[*link, sorted(types)] for link, types in self.associations.links.items()],
            "tokens": self.tokens,
            "settings": self.settings,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.clear()
        self.settings.update(state["settings"])
        for objects in self._objects.values():
            objects.properties.clear()
        for name, fields in state["properties"]:
            self._objects[name].properties[fields["name"]] = Property(**fields)
        for email, (all_out, all_by, choices) in state["consent"].items():
            self.consent[email] = Preferences(all_out, all_by, {id: Choice(*choice) for id, *choice in choices})
        self.blocked = set(state["blocked"])
        self.associations.links = {(a, b, c, d): set(types) for a, b, c, d, types in state["links"]}
        self.tokens = dict(state["tokens"])
        for name, kept in state["objects"].items():
            self._objects[name].restore_all(kept)

    def act(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return act(self, body)


def _scope(request: Request) -> str | None:
    """The scope a request needs."""
    if request.path.startswith("/crm/v3/owners"):
        return "crm.objects.owners.read"
    if request.path.startswith("/communication-preferences"):
        return "communication_preferences.read_write"
    found = re.search(r"/crm/(?:v3/)?(objects|properties)/(?:\d{4}-\d\d/)?([^/]+)(.*)", request.path)
    if found is None or found[2].lower() not in TYPE_NAMES:
        return None
    reads = request.method == "GET" or found[3].endswith(("/search", "/batch/read"))
    kind = "objects" if found[1] == "objects" else "schemas"
    return f"crm.{kind}.{TYPE_NAMES[found[2].lower()]}.{'read' if reads else 'write'}"


def _stamp(text: str | None, now: int) -> int:
    """When a seeded record was last changed: the row says so, or now."""
    try:
        return now if text is None else min(now, to_ms(text))
    except ValueError:
        return now


def _why(refused: RowRefused) -> str:
    if refused.status == 409:
        return "duplicate email"
    codes = re.findall(r'"error":"([A-Z_]+)","name":"(\w+)"', refused.message)
    return "; ".join(f"{code.lower().replace('_', ' ')} ({name})" for code, name in codes) or "refused"


def _as_state(property: Property) -> dict[str, Any]:
    return {name: getattr(property, name) for name in Property.__slots__}
