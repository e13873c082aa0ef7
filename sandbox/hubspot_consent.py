"""HubSpot's communication preferences: one state per e-mail address, seen through the v3 and the v4 endpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import invalid, refuse
from sandbox.wire import Reply, Request, iso_ms, route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot

SUBSCRIPTIONS = {
    1001: ("Marketing Information", "Marketing offers and updates."),
    1002: ("One to One", "One to one emails."),
}
LEGAL_BASES = (
    "LEGITIMATE_INTEREST_PQL", "LEGITIMATE_INTEREST_CLIENT", "LEGITIMATE_INTEREST_OTHER", "PERFORMANCE_OF_CONTRACT",
    "CONSENT_WITH_NOTICE", "PROCESS_AND_STORE", "NON_GDPR",
)  # fmt: skip
STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
API, PERSON = "PUBLIC_API", "PERSON"  # who chose: an app, or the recipient by a link in a mail


@dataclass(slots=True)
class Choice:
    status: str
    at: int
    basis: str | None = None
    explanation: str | None = None
    by: str = API


@dataclass(slots=True)
class Preferences:
    """What one address chose; `all_out` is the moment of an opt-out of everything, `all_by` who did it."""

    all_out: int | None = None
    all_by: str = API
    choices: dict[int, Choice] = field(default_factory=dict)

    def status(self, id: int) -> str:
        if self.all_out is not None:
            return "UNSUBSCRIBED"
        return self.choices[id].status if id in self.choices else "NOT_SPECIFIED"

    def left_by_person(self, id: int) -> bool:
        """Whether it was the recipient who opted out of this type or of everything."""
        if self.all_out is not None and self.all_by == PERSON:
            return True
        return id in self.choices and (self.choices[id].status, self.choices[id].by) == ("UNSUBSCRIBED", PERSON)


def opt_out(app: HubSpot, email: str, at: int, by: str = API) -> str:
    """Opt an address out of everything; returns the documented reason."""
    preferences = app.consent.setdefault(email.lower(), Preferences())
    if preferences.all_out is not None:
        preferences.all_by = PERSON if PERSON in (by, preferences.all_by) else API
        return "NO_STATUS_CHANGE"
    preferences.all_out, preferences.all_by = at, by
    app.consent_changed(email)
    return "UNSUBSCRIBE_FROM_ALL_OCCURRED"


def choose_by_person(app: HubSpot, email: str, id: int | None, status: str, at: int) -> None:
    """The recipient's own click on the preferences page; `id` None is the box for all mail."""
    if id is None and status == "UNSUBSCRIBED":
        opt_out(app, email, at, PERSON)
        return
    preferences = app.consent.setdefault(email.lower(), Preferences())
    if status == "SUBSCRIBED":
        preferences.all_out = None
    for chosen in SUBSCRIPTIONS if id is None else (id,):
        preferences.choices[chosen] = Choice(status, at, by=PERSON)
    app.consent_changed(email)


def mirrored(preferences: Preferences | None) -> dict[str, str]:
    """The read-only properties of a contact that has this address."""
    if preferences is None:
        return {}
    values = {"hs_email_optout": "true"} if preferences.all_out is not None else {}
    for id in SUBSCRIPTIONS:
        if preferences.status(id) == "UNSUBSCRIBED":
            values[f"hs_email_optout_{id}"] = "true"
    return values


# -- v3 ----------------------------------------------------------------------------------------------------------------------------------


@route("GET", "/communication-preferences/v3/definitions")
def definitions_v3(_app: HubSpot, _request: Request) -> Reply:
    return Reply(200, {"subscriptionDefinitions": [_definition(id, str(id)) for id in SUBSCRIPTIONS]})


@route("GET", "/communication-preferences/v3/status/email/{email}")
def status_v3(app: HubSpot, _request: Request, email: str) -> Reply:
    return Reply(200, {"recipient": email, "subscriptionStatuses": [_v3(app, email, id) for id in SUBSCRIPTIONS]})


@route("POST", "/communication-preferences/v3/subscribe")
def subscribe_v3(app: HubSpot, request: Request) -> Reply:
    return _choose_v3(app, request, "SUBSCRIBED")


@route("POST", "/communication-preferences/v3/unsubscribe")
def unsubscribe_v3(app: HubSpot, request: Request) -> Reply:
    return _choose_v3(app, request, "UNSUBSCRIBED")


def _choose_v3(app: HubSpot, request: Request, status: str) -> Reply:
    body = app.body(request)
    email, id = _email(body.get("emailAddress")), body.get("subscriptionId")
    if not isinstance(id, str) or not id.isdigit() or int(id) not in SUBSCRIPTIONS:
        raise invalid(f"Subscription {id} does not exist for this portal")
    preferences = app.consent.get(email)
    if status == "SUBSCRIBED" and preferences is not None and preferences.status(int(id)) == "UNSUBSCRIBED":
        raise invalid(f"Subscription {id} cannot be updated because the contact has unsubscribed")
    _choose(app, email, int(id), status, body)
    return Reply(200, _v3(app, email, int(id)))


def _v3(app: HubSpot, email: str, id: int) -> dict[str, Any]:
    preferences = app.consent.get(email.lower(), Preferences())
    choice = preferences.choices.get(id)
    name, description = SUBSCRIPTIONS[id]
    return {
        "id": str(id),
        "name": name,
        "description": description,
        "status": "SUBSCRIBED" if preferences.status(id) == "SUBSCRIBED" else "NOT_SUBSCRIBED",
        "sourceOfStatus": "PORTAL_WIDE_STATUS" if preferences.all_out is not None else "SUBSCRIPTION_STATUS",
        "brandId": None,
        "preferenceGroupName": None,
        "legalBasis": None if choice is None else choice.basis,
        "legalBasisExplanation": None if choice is None else choice.explanation,
    }


# -- v4 ----------------------------------------------------------------------------------------------------------------------------------


@route("GET", "/communication-preferences/v4/definitions")
def definitions_v4(app: HubSpot, _request: Request) -> Reply:
    return _complete(app, [_definition(id, id) for id in SUBSCRIPTIONS])


@route("GET", "/communication-preferences/v4/statuses/{email}")
def status_v4(app: HubSpot, request: Request, email: str) -> Reply:
    _channel(request)
    return _complete(app, [_v4(app, email.lower(), id) for id in SUBSCRIPTIONS])


@route("POST", "/communication-preferences/v4/statuses/{email}")
def choose_v4(app: HubSpot, request: Request, email: str) -> Reply:
    body = app.body(request)
    id, status = body.get("subscriptionId"), body.get("statusState")
    if not isinstance(id, int) or id not in SUBSCRIPTIONS:
        raise invalid(f"Subscription {id} does not exist for this portal")
    if status not in STATES or body.get("channel") != "EMAIL":
        raise invalid("statusState and channel must be given")
    reason = _choose(app, _email(email), id, status, body)
    return _complete(app, [{**_v4(app, email.lower(), id), "setStatusSuccessReason": reason}])


@route("GET", "/communication-preferences/v4/statuses/{email}/unsubscribe-all")
def wide_status(app: HubSpot, request: Request, email: str) -> Reply:
    _channel(request)
    return _complete(app, _wide(app, email.lower()))


@route("POST", "/communication-preferences/v4/statuses/{email}/unsubscribe-all")
def unsubscribe_all(app: HubSpot, request: Request, email: str) -> Reply:
    _channel(request)
    address = _email(email)
    opt_out(app, address, app.now_ms())
    verbose = (request.param("verbose") or "").lower() == "true"
    return _complete(app, [_v4(app, address, id) for id in SUBSCRIPTIONS] if verbose else _wide(app, address))


@route("POST", "/communication-preferences/v4/statuses/batch/{what}")
def batch(app: HubSpot, request: Request, what: str) -> Reply:
    _enterprise(app)
    inputs = app.body(request).get("inputs", [])
    if what == "read":
        return _complete(app, [_row(email, [_v4(app, email.lower(), id) for id in SUBSCRIPTIONS]) for email in inputs])
    if what == "unsubscribe-all":
        for email in inputs:
            opt_out(app, _email(email), app.now_ms())
        return _complete(app, [_row(email, [_v4(app, email.lower(), id) for id in SUBSCRIPTIONS]) for email in inputs])
    for one in inputs:
        _choose(app, _email(one.get("subscriberIdString")), int(one["subscriptionId"]), one["statusState"], one)
    return _complete(app, [_v4(app, one["subscriberIdString"].lower(), int(one["subscriptionId"])) for one in inputs])


@route("POST", "/communication-preferences/v4/statuses/batch/unsubscribe-all/read")
def batch_wide(app: HubSpot, request: Request) -> Reply:
    _enterprise(app)
    inputs = app.body(request).get("inputs", [])
    return _complete(app, [{"subscriberIdString": email, "wideStatuses": _wide(app, email.lower())} for email in inputs])


def _choose(app: HubSpot, email: str, id: int, status: str, body: dict[str, Any]) -> str:
    if body.get("legalBasis") not in (None, *LEGAL_BASES):
        raise invalid(f"Unknown legal basis {body['legalBasis']}")
    if app.settings["data_privacy"] and not (body.get("legalBasis") and body.get("legalBasisExplanation")):
        raise invalid("legalBasis and legalBasisExplanation are required when data privacy settings are enabled")
    preferences = app.consent.setdefault(email, Preferences())
    before = preferences.choices[id].status if id in preferences.choices else "NOT_SPECIFIED"
    if before == status:
        return "NO_STATUS_CHANGE"
    if status == "SUBSCRIBED" and preferences.left_by_person(id) and app.settings["resubscribe_after_own_opt_out"] == "refused":
        raise invalid(f"Subscription {id} cannot be updated because the contact has unsubscribed")
    preferences.choices[id] = Choice(status, app.now_ms(), body.get("legalBasis"), body.get("legalBasisExplanation"))
    app.consent_changed(email)
    return "RESUBSCRIBE_OCCURRED" if (before, status) == ("UNSUBSCRIBED", "SUBSCRIBED") else "REQUESTED_CHANGE_OCCURRED"


def _v4(app: HubSpot, email: str, id: int) -> dict[str, Any]:
    preferences = app.consent.get(email, Preferences())
    choice = preferences.choices.get(id)
    at = preferences.all_out if preferences.all_out is not None else None if choice is None else choice.at
    return {
        "businessUnitId": 0,
        "channel": "EMAIL",
        "legalBasis": None if choice is None else choice.basis,
        "legalBasisExplanation": None if choice is None else choice.explanation,
        "source": _source(preferences, id),
        "status": preferences.status(id),
        "subscriberIdString": email,
        "subscriptionId": id,
        "subscriptionName": SUBSCRIPTIONS[id][0],
        "timestamp": iso_ms(app.now_ms() if at is None else at),
    }


def _source(preferences: Preferences, id: int) -> str:
    if preferences.all_out is not None:
        return preferences.all_by
    return preferences.choices[id].by if id in preferences.choices else API


def _wide(app: HubSpot, email: str) -> list[dict[str, Any]]:
    preferences = app.consent.get(email)
    if preferences is None or preferences.all_out is None:
        return []
    return [
        {
            "businessUnitId": 0,
            "channel": "EMAIL",
            "status": "UNSUBSCRIBED",
            "subscriberIdString": email,
            "timestamp": iso_ms(preferences.all_out),
            "wideStatusType": "PORTAL_WIDE",
        }
    ]


def _row(email: str, statuses: list[dict[str, Any]]) -> dict[str, Any]:
    return {"subscriberIdString": email, "statuses": statuses}


def _definition(id: int, shown: int | str) -> dict[str, Any]:
    name, description = SUBSCRIPTIONS[id]
    return {
        "id": shown, "name": name, "description": description, "purpose": "Marketing", "communicationMethod": "Email", "isActive": True,
        "isDefault": False, "isInternal": False, "createdAt": "2024-01-01T00:00:00.000Z", "updatedAt": "2024-01-01T00:00:00.000Z",
        "businessUnitId": 0,
    }  # fmt: skip


def _email(text: Any) -> str:
    if not isinstance(text, str) or "@" not in text:
        raise invalid("A valid email address is required")
    return text.strip().lower()


def _channel(request: Request) -> None:
    if request.param("channel") != "EMAIL":
        raise invalid("The query parameter channel is required; the only channel is EMAIL")


def _enterprise(app: HubSpot) -> None:
    if not app.settings["enterprise"]:
        scopes = ["communication_preferences.statuses.batch.write"]
        raise refuse(
            403, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call.",
            errors=[{"message": "One or more of the following scopes are required.", "context": {"requiredScopes": scopes}}],
        )  # fmt: skip


def _complete(app: HubSpot, results: list[Any]) -> Reply:
    now = iso_ms(app.now_ms())
    return Reply(200, {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}, rows=len(results))
