"""What people do in ActiveCampaign without an API, and how seed rows become contacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.activecampaign_contacts import check_email, plausible
from sandbox.activecampaign_rows import ACTIVE, BOUNCED, UNCONFIRMED, UNSUBSCRIBED, Contact
from sandbox.messages import ActRefused, Counts, Refused
from sandbox.seeds import names, says_yes

if TYPE_CHECKING:
    from sandbox.activecampaign import ActiveCampaign

SCALARS = {"email": "email", "firstName": "first_name", "lastName": "last_name", "phone": "phone"}
NEWSLETTER = 1
SEED_FIELDS = {
    "stage": "LEADLOOM_STAGE", "source": "LEADLOOM_SOURCE", "language": "LEADLOOM_LANGUAGE", "budget": "LEADLOOM_BANT_BUDGET",
    "authority": "LEADLOOM_BANT_AUTHORITY", "need": "LEADLOOM_BANT_NEED", "timing": "LEADLOOM_BANT_TIMING",
    "employees": "LEADLOOM_EMPLOYEES", "website": "LEADLOOM_WEBSITE", "industry": "LEADLOOM_INDUSTRY", "title": "LEADLOOM_SALUTATION",
    "job_title": "LEADLOOM_JOB_TITLE", "street": "LEADLOOM_STREET", "postcode": "LEADLOOM_POSTAL_CODE", "city": "LEADLOOM_CITY",
    "region": "LEADLOOM_REGION", "country": "LEADLOOM_COUNTRY", "company": "LEADLOOM_COMPANY", "mobile": "LEADLOOM_MOBILE",
    "owner": "LEADLOOM_OWNER", "email2": "LEADLOOM_OTHER_EMAILS",
}  # fmt: skip


# -- acts ---------------------------------------------------------------------------------------------------------------------------


def act(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("object", "contacts") != "contacts":
        raise ActRefused(f"ActiveCampaign has no act on {body.get('object')!r}; try contacts")
    action = ACTS.get(str(body.get("do")))
    if action is None:
        raise ActRefused(f"ActiveCampaign cannot {body.get('do')!r}; it can {', '.join(sorted(ACTS))}")
    try:
        return action(app, body)
    except Refused as refused:
        answer = refused.reply.body
        raise ActRefused(answer["errors"][0]["title"] if isinstance(answer, dict) and "errors" in answer else "refused") from refused


def _create(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    scalars, values = _split(app, body)
    check_email(app, scalars.get("email", ""), None)
    row = app.create(scalars, values)
    _opt_out(app, row, body)
    return {"id": row.id}


def _edit(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    row = _contact(app, body.get("id"))
    scalars, values = _split(app, body)
    if "email" in scalars:
        check_email(app, scalars["email"], row)
    app.change(row, scalars, values)
    _opt_out(app, row, body)
    return {"id": row.id}


def _clear(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    wanted = body.get("fields", [])
    if not isinstance(wanted, (list, tuple, dict)) or not wanted:
        raise ActRefused('clear needs "fields": the names to clear')
    if "email" in wanted:
        raise ActRefused("a contact cannot be without an e-mail address")
    return _edit(app, {**body, "fields": dict.fromkeys(wanted, "")})


def _delete(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    row = _contact(app, body.get("id"))
    app.delete(row)
    return {"id": row.id}


def _merge(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    """One address disappears; nothing points from one contact to the other."""
    loser, survivor = _contact(app, body.get("id")), _contact(app, body.get("into"))
    if loser is survivor:
        raise ActRefused("a contact cannot be merged into itself")
    scalars = {name: getattr(loser, name) for name in ("first_name", "last_name", "phone") if not getattr(survivor, name)}
    values = {id: value for id, value in loser.values.items() if not survivor.values.get(id)}
    app.change(survivor, scalars, values)
    with app.contacts.changing(survivor):
        survivor.lists = {**loser.lists, **survivor.lists}
        survivor.updated = app.clock.now()
    app.delete(loser)
    return {"id": survivor.id, "gone": loser.id}


def _restore(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    row = app.contacts.rows.get(_id(body.get("id")))
    if row is None or row.deleted_at is None:
        raise ActRefused(f"no deleted contact {body.get('id')!r} can be restored")
    if row.email and app.email_key(row.email) in app.emails:
        raise ActRefused("the address is taken by another contact")
    with app.contacts.changing(row):
        row.deleted_at, row.updated = None, app.clock.now()
    if row.email:
        app.emails[app.email_key(row.email)] = row.id
    return {"id": row.id}


def _purge(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    row = app.contacts.rows.get(_id(body.get("id")))
    if row is None:
        raise ActRefused(f"no contact {body.get('id')!r}")
    if row.deleted_at is None:
        app.delete(row)
    app.contacts.remove(row)
    return {"id": row.id}


def _hide(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    """A change of permissions: contacts out of (or back in) the sight of the key's user; `id`, or `ids`, where "*" means all."""
    wanted = body.get("ids", [body.get("id")])
    ids = list(app.contacts.rows) if wanted in ("*", ["*"]) else [_id(id) for id in wanted]
    for id in ids:
        row = app.contacts.rows.get(id)
        if row is None:
            raise ActRefused(f"no contact {id!r}")
        with app.contacts.changing(row):
            row.hidden = bool(body.get("hidden", True))
    return {"ids": ids}


def _engage(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    """The recipient opens, clicks, gains score or bounces; whether that moves udate is a switch. Who has left a list gets no mail of it."""
    row, kind = _contact(app, body.get("id")), str(body.get("do"))
    with app.contacts.changing(row):
        row.score += kind == "score"
        if kind == "bounce":
            row.bounced, row.bounced_at = row.bounced + 1, int(app.clock.now())
            row.lists = {id: held if held[0] == UNSUBSCRIBED else (BOUNCED, *held[1:]) for id, held in row.lists.items()}
        if app.settings["engagement_bumps"]:
            row.updated = app.clock.now()
    app.activities.append((int(app.clock.now()), row.id, kind, str(row.id)))
    return {"id": row.id}


# What recipients do with mails: per `list`, or for every list they are on.


def _unsubscribe(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    row = _move(app, body, UNSUBSCRIBED)
    how = (str(body.get("reason", "")), str(body.get("ip", "203.0.113.7")))
    row.unsubscribed_from = {**row.unsubscribed_from, **{id: how for id, held in row.lists.items() if held[0] == UNSUBSCRIBED}}
    return {"id": row.id}


def _complaint(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    """A report of spam takes the contact off every list, with the reason."""
    return _unsubscribe(app, {**body, "list": None, "reason": "Spam complaint"})


def _resubscribe(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": _move(app, body, ACTIVE).id}


def _request(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    """A form with double opt-in was sent: unconfirmed until the link in the mail is followed (`resubscribe`)."""
    return {"id": _move(app, body, UNCONFIRMED).id}


def _move(app: ActiveCampaign, body: Mapping[str, Any], status: int) -> Contact:
    row, wanted = _contact(app, body.get("id")), body.get("list")
    if wanted is not None and _id(wanted) not in app.lists:
        raise ActRefused(f"there is no list {wanted!r}")
    for list_id in (list(row.lists) or [NEWSLETTER]) if wanted is None else [_id(wanted)]:
        app.subscribe(row, list_id, status, "1")
    return row


def _sms(app: ActiveCampaign, body: Mapping[str, Any]) -> dict[str, Any]:
    """Consent to text messages, given (`yes` true) or taken back by the person."""
    row, now = _contact(app, body.get("id")), app.clock.now()
    with app.contacts.changing(row):
        row.sms, row.updated = (bool(body.get("yes", True)), int(now)), now
    return {"id": row.id}


ACTS = {
    "create": _create,
    "edit": _edit,
    "clear": _clear,
    "delete": _delete,
    "merge": _merge,
    "restore": _restore,
    "purge": _purge,
    "hide": _hide,
    "open": _engage,
    "click": _engage,
    "score": _engage,
    "bounce": _engage,
    "unsubscribe": _unsubscribe,
    "complaint": _complaint,
    "resubscribe": _resubscribe,
    "request": _request,
    "sms": _sms,
}


def _opt_out(app: ActiveCampaign, row: Contact, body: Mapping[str, Any]) -> None:
    """On every list the contact is on, or on the newsletter where there is none."""
    wanted = body.get("opt_out")
    if wanted is None:
        return
    for list_id in list(row.lists) or [NEWSLETTER]:
        app.subscribe(row, list_id, UNSUBSCRIBED if wanted else ACTIVE, "1")


def _split(app: ActiveCampaign, body: Mapping[str, Any]) -> tuple[dict[str, str], dict[int, str]]:
    fields = body.get("fields") or {}
    if not isinstance(fields, Mapping):
        raise ActRefused('"fields" must be an object of names and values')
    scalars: dict[str, str] = {}
    values: dict[int, str] = {}
    for name, value in fields.items():
        text = "" if value is None else str(value)
        if name in SCALARS:
            scalars[SCALARS[name]] = text.strip()
        else:
            values[_field(app, name)] = text
    return scalars, values


def _field(app: ActiveCampaign, name: str) -> int:
    found = app.tagged(name)
    if found is None:
        raise ActRefused(f"ActiveCampaign has no contact field {name!r}; use {', '.join(SCALARS)} or the tag of a custom field")
    return found.id


def _contact(app: ActiveCampaign, id: Any) -> Contact:
    row = app.contacts.rows.get(_id(id))
    if row is None or row.deleted_at is not None:
        raise ActRefused(f"no contact {id!r}")
    return row


def _id(id: Any) -> int:
    try:
        return int(id)
    except (TypeError, ValueError) as error:
        raise ActRefused(f"{id!r} is no id of a contact") from error


# -- seeding ------------------------------------------------------------------------------------------------------------------------


def seed(app: ActiveCampaign, rows: Iterable[Mapping[str, str]]) -> Counts:
    counts = Counts()
    columns = {column: found for column, tag in SEED_FIELDS.items() if (found := app.tagged(tag)) is not None}
    choices = {column: {option["value"] for option in found.options} for column, found in columns.items() if found.type == "dropdown"}
    with app.contacts.loading():
        for row in rows:
            refused = _refusal(app, row.get("email", ""))
            if refused:
                counts.refused[refused] += 1
                continue
            made = _seeded(app, row)
            for column, found in columns.items():
                value = row.get(column)
                if value and (column not in choices or value.lower() in choices[column]):
                    made.values[found.id] = value.lower() if column in choices else value
            app.contacts.add(made)
            app.emails[app.email_key(made.email)] = made.id
            counts.accepted += 1
    return counts


def _refusal(app: ActiveCampaign, email: str) -> str:
    if not email:
        return "no e-mail address"
    if not plausible(email):
        return "not a valid e-mail address"
    return "e-mail address already exists" if app.email_key(email) in app.emails else ""


def _seeded(app: ActiveCampaign, row: Mapping[str, str]) -> Contact:
    first, last = names(row)
    now = app.clock.now()
    updated = int(min(now, _time(row.get("updated"), now)))
    status, unsubscribed = (UNSUBSCRIBED, updated) if says_yes(row.get("opt_out")) else (ACTIVE, None)
    made = Contact(app.contacts.next_id(), row["email"], first, last, row.get("phone", ""), updated, updated)
    made.lists[NEWSLETTER] = (status, updated, unsubscribed, "0")
    return made


def _time(text: str | None, default: float) -> float:
    if not text:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return default
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
