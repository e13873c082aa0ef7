"""What people do in Pipedrive without an API, and how seed rows become persons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.messages import ActRefused, Counts, Refused
from sandbox.pipedrive_leads import new_deal
from sandbox.pipedrive_rows import Organization, Person, Point
from sandbox.pipedrive_writes import Change, change_person, create_person, delete_person, merge_persons, person_values, split_name
from sandbox.seeds import says_yes

if TYPE_CHECKING:
    from sandbox.pipedrive import Pipedrive

SEED_FIELDS = {
    "stage": "leadloom_stage", "source": "leadloom_source", "language": "leadloom_language", "budget": "leadloom_bant_budget",
    "authority": "leadloom_bant_authority", "need": "leadloom_bant_need", "timing": "leadloom_bant_timing",
    "employees": "leadloom_employees", "website": "leadloom_website", "industry": "leadloom_industry", "title": "leadloom_salutation",
    "job_title": "leadloom_job_title", "street": "leadloom_street", "postcode": "leadloom_postal_code", "city": "leadloom_city",
    "region": "leadloom_region", "country": "leadloom_country",
}  # fmt: skip


# -- acts ---------------------------------------------------------------------------------------------------------------------------


def act(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    object = body.get("object", "persons")
    if object == "deals" and body.get("do") == "create":
        return new_deal(app, {"title": "Deal", **_fields(body)}, app.someone)
    if object != "persons":
        raise ActRefused(f"Pipedrive has no act on {object!r}; try persons")
    action = ACTS.get(str(body.get("do")))
    if action is None:
        raise ActRefused(f"Pipedrive cannot {body.get('do')!r}; it can {', '.join(sorted(ACTS))}")
    try:
        return action(app, body)
    except Refused as refused:
        answer = refused.reply.body
        raise ActRefused(answer.get("error", "refused") if isinstance(answer, dict) else "refused") from refused


def _create(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    fields = _fields(body)
    row = create_person(app, person_values(app, app.by_key(fields), creating=True), user=fields.get("owner_id", app.someone), source="app")
    _opt_out(app, row, body)
    return {"id": row.id}


def _edit(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    row = _person(app, body.get("id"))
    changes = change_person(app, row, person_values(app, app.by_key(_fields(body)), creating=False), user=app.someone, source="app")
    _opt_out(app, row, body)
    return {"id": row.id, "changed": [change.field for change in changes]}


def _clear(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    wanted = body.get("fields", [])
    if not isinstance(wanted, (list, tuple, dict)) or not wanted:
        raise ActRefused('clear needs "fields": the names to clear')
    blank: dict[str, Any] = {name: [] if name in ("emails", "phones", "label_ids") else None for name in wanted}
    return _edit(app, {**body, "fields": blank})


def _delete(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    row = _person(app, body.get("id"))
    delete_person(app, row)
    return {"id": row.id}


def _merge(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    loser, survivor = _person(app, body.get("id")), _person(app, body.get("into"))
    if loser is survivor:
        raise ActRefused("a person cannot be merged into itself")
    merge_persons(app, loser, survivor)
    return {"id": survivor.id, "gone": loser.id}


def _restore(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    row = app.persons.rows.get(_id(body.get("id")))
    if row is None or row.deleted_at is None:
        raise ActRefused(f"no deleted person {body.get('id')!r} can be restored")
    with app.persons.changing(row):
        row.deleted_at, row.updated = None, app.clock.now()
    return {"id": row.id}


def _purge(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    """Gone for good, now."""
    row = app.persons.rows.get(_id(body.get("id")))
    if row is None:
        raise ActRefused(f"no person {body.get('id')!r}")
    app.persons.remove(row)
    return {"id": row.id}


def _hide(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    """Taken from (or given back to) the sight of the token's user; `id`, or `ids`, where "*" means all."""
    wanted = body.get("ids", [body.get("id")])
    ids = list(app.persons.rows) if wanted in ("*", ["*"]) else [_id(id) for id in wanted]
    for id in ids:
        row = app.persons.rows.get(id)
        if row is None:
            raise ActRefused(f"no person {id!r}")
        with app.persons.changing(row):
            row.hidden = bool(body.get("hidden", True))
    return {"ids": ids}


# What recipients do with mails of the Campaigns add-on. Their own act is bound to none of the API's transitions.


def _unsubscribe(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    return _mark(app, body, "unsubscribed")


def _resubscribe(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    """A form filled in anew, or a colleague who sets the status in the app."""
    return _mark(app, body, "subscribed")


def _bounce(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    """The app shows a status of its own, which the API's list of statuses lacks."""
    return _mark(app, body, "bounced")


def _confirm(app: Pipedrive, body: Mapping[str, Any]) -> dict[str, Any]:
    """The double opt-in: asked for, then confirmed; `status` is the text shown."""
    row = _campaigner(app, body)
    with app.persons.changing(row):
        row.doi, row.updated = str(body.get("status", "confirmed")), app.clock.now()
    return {"id": row.id}


def _mark(app: Pipedrive, body: Mapping[str, Any], status: str) -> dict[str, Any]:
    row = _campaigner(app, body)
    now, before = app.clock.now(), row.marketing
    with app.persons.changing(row):
        row.marketing, row.updated = status, now
    if before != status:
        app.history.setdefault(row.id, []).append(Change(now, "marketing_status", before, status, app.someone, "app"))
    return {"id": row.id}


def _campaigner(app: Pipedrive, body: Mapping[str, Any]) -> Person:
    if not app.settings["marketing"]:
        raise ActRefused("without the Campaigns add-on a person has no marketing status")
    return _person(app, body.get("id"))


ACTS = {
    "create": _create,
    "edit": _edit,
    "clear": _clear,
    "delete": _delete,
    "merge": _merge,
    "restore": _restore,
    "purge": _purge,
    "hide": _hide,
    "unsubscribe": _unsubscribe,
    "complaint": _unsubscribe,
    "resubscribe": _resubscribe,
    "bounce": _bounce,
    "confirm": _confirm,
}


def _opt_out(app: Pipedrive, row: Person, body: Mapping[str, Any]) -> None:
    if body.get("opt_out") is not None:
        _mark(app, {"id": row.id}, "unsubscribed" if body["opt_out"] else "subscribed")


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    fields = body.get("fields") or {}
    if not isinstance(fields, Mapping):
        raise ActRefused('"fields" must be an object of names and values')
    return dict(fields)


def _person(app: Pipedrive, id: Any) -> Person:
    row = app.persons.rows.get(_id(id))
    if row is None or row.deleted_at is not None:
        raise ActRefused(f"no person {id!r}")
    return row


def _id(id: Any) -> int:
    try:
        return int(id)
    except (TypeError, ValueError) as error:
        raise ActRefused(f"{id!r} is no id of a person") from error


# -- seeding ------------------------------------------------------------------------------------------------------------------------


def seed(app: Pipedrive, rows: Iterable[Mapping[str, str]]) -> Counts:
    counts = Counts()
    organizations = {row.name: row.id for row in app.organizations.listed()}
    with app.persons.loading(), app.organizations.loading():
        for row in rows:
            made = _seeded(app, row, organizations)
            if isinstance(made, str):
                counts.refused[made] += 1
            else:
                app.persons.add(made)
                counts.accepted += 1
    return counts


def _seeded(app: Pipedrive, row: Mapping[str, str], organizations: dict[str, int]) -> Person | str:
    """A person, or the reason why Pipedrive has none of it."""
    first, last = row.get("first_name") or None, row.get("last_name") or None
    if first is None and last is None:
        first, last = split_name(row.get("name", ""))
    name = " ".join(part for part in (first, last) if part is not None)
    if not name:
        return "no name"
    now = app.clock.now()
    updated = min(now, _time(row.get("updated"), now))
    person = Person(app.persons.next_id(), name, first, last, _owner(app, row), None, updated, updated)
    person.org_id = _organization(app, row.get("company"), person, organizations)
    person.emails = _points((row.get("email"), "work"), (row.get("email2"), "home"))
    person.phones = _points((row.get("phone"), "work"), (row.get("mobile"), "mobile"))
    person.custom = _custom(app, row)
    if says_yes(row.get("opt_out")):
        person.marketing = "unsubscribed"
    return person


def _organization(app: Pipedrive, name: str | None, person: Person, known: dict[str, int]) -> int | None:
    if not name:
        return None
    if name not in known:
        made = Organization(app.organizations.next_id(), name, person.owner_id, person.added, person.updated)
        app.organizations.add(made)
        known[name] = made.id
    return known[name]


def _points(*pairs: tuple[str | None, str]) -> tuple[Point, ...]:
    held = [(value, label) for value, label in pairs if value]
    return tuple((value, at == 0, label) for at, (value, label) in enumerate(held))


def _owner(app: Pipedrive, row: Mapping[str, str]) -> int:
    return app.users_by_email.get(row.get("owner", "").lower(), app.hub)


def _custom(app: Pipedrive, row: Mapping[str, str]) -> dict[str, Any]:
    custom: dict[str, Any] = {}
    for column, name in SEED_FIELDS.items():
        value = row.get(column)
        held = None if not value else app.seed_value(name, value)
        if held is not None:
            custom[held[0]] = held[1]
    return custom


def _time(text: str | None, default: float) -> float:
    if not text:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return default
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
