"""What a person does in HubSpot: edits, unsubscribe clicks, deletions, merges, restores, and changed option lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import RowRefused
from sandbox.hubspot_consent import PERSON, SUBSCRIPTIONS, choose_by_person, opt_out
from sandbox.hubspot_objects import Objects, Thing
from sandbox.hubspot_properties import options_of
from sandbox.wire import ActRefused

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot


def act(app: HubSpot, body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("object") == "properties":
        return _change_options(app, body)
    objects = app.objects(str(body.get("object") or "contacts"))
    deed = DEEDS.get(str(body.get("do")))
    if deed is None:
        raise ActRefused(f"HubSpot cannot {body.get('do')!r}; it can {', '.join(sorted(DEEDS))} and workflow")
    return deed(app, objects, body)


def _change_options(app: HubSpot, body: Mapping[str, Any]) -> dict[str, Any]:
    """Option lists belong to the portal: a person may change them at any time."""
    property = app.objects("contacts").properties[str(body["id"])]
    property.options = options_of(map(str, body["fields"]["options"]))
    return {"name": property.name, "options": [option["value"] for option in property.options]}


def _edit(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    """`ids` or `all` give many records one single stamp; `internal` moves only the hidden date; `opt_out` is an unsubscribe click."""
    at = app.now_ms()
    fields = dict(body.get("fields") or {})
    things = _chosen(objects, body)
    for thing in things:
        if body.get("internal"):
            thing.hidden_change = at
            objects.version += 1
            continue
        options = {name: value for name, value in fields.items() if name not in objects.properties or objects.properties[name].read_only}
        checked = _checked(objects, {name: value for name, value in fields.items() if name not in options}, thing)
        objects.update(thing, checked | {name: str(value) for name, value in options.items() if name in objects.properties}, "CRM_UI", at)
        if body.get("touch"):
            objects.touch(thing, at)
        if body.get("opt_out") and thing.props.get("email"):
            opt_out(app, thing.props["email"], at, PERSON)
        for address in body.get("add_emails") or []:
            objects.add_address(thing, str(address).lower())
            objects.touch(thing, at)
        for address in body.get("drop_emails") or []:
            objects.drop_address(thing, str(address).lower())
            objects.touch(thing, at)
    return {"ids": [str(thing.id) for thing in things[:1000]], "count": len(things)}


def _clear(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    return _edit(app, objects, {**body, "fields": dict.fromkeys(body.get("fields") or (), "")})


def _create(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    thing = objects.create(_checked(objects, body.get("fields") or {}, None), "CRM_UI")
    if body.get("opt_out") and thing.props.get("email"):
        opt_out(app, thing.props["email"], app.now_ms(), PERSON)
    return {"id": str(thing.id)}


def _delete(_app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    things = _chosen(objects, body)
    for thing in things:
        objects.archive(thing)
    return {"ids": [str(thing.id) for thing in things[:1000]], "count": len(things)}


def _merge(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    """`id` is merged into `into`; the result has a new id."""
    primary, other = _one(objects, body.get("into")), _one(objects, body.get("id"))
    merged = objects.merge(primary, other)
    app.associations.move(objects, (primary.id, other.id), merged.id)
    return {"id": str(merged.id)}


def _restore(_app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    thing = _one(objects, body.get("id"))
    if thing.archived is None:
        raise ActRefused(f"{objects.singular} {thing.id} is not archived")
    try:
        objects.restore(thing)
    except RowRefused as refused:
        raise ActRefused(refused.message) from None
    return {"id": str(thing.id)}


def _purge(_app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    thing = _one(objects, body.get("id"))
    objects.purge(thing)
    return {"id": str(thing.id)}


def _hide(_app: HubSpot, _objects: Objects, _body: Mapping[str, Any]) -> dict[str, Any]:
    raise ActRefused("HubSpot has no record visibility for a private app: nothing can be hidden from it")


# What recipients do with mails. It concerns an address, whether or not a contact has it.


def _unsubscribe(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    """`email` (or the `id` of a contact) leaves one `subscription`, or all mail."""
    return _choose(app, objects, body, "UNSUBSCRIBED")


def _resubscribe(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    return _choose(app, objects, body, "SUBSCRIBED")


def _choose(app: HubSpot, objects: Objects, body: Mapping[str, Any], status: str) -> dict[str, Any]:
    id = body.get("subscription")
    if id is not None and int(id) not in SUBSCRIPTIONS:
        raise ActRefused(f"there is no subscription {id}; there are {', '.join(map(str, SUBSCRIPTIONS))}")
    address = _address(objects, body)
    choose_by_person(app, address, None if id is None else int(id), status, app.now_ms())
    return {"email": address}


def _complaint(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    """A mail was reported as spam: the address is opted out of everything and quarantined."""
    address = _address(objects, body)
    opt_out(app, address, app.now_ms(), PERSON)
    _signal(app, objects, address, "hs_email_quarantined", "true")
    return {"email": address}


def _bounce(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    """A bounce is about delivery: no subscription changes. A `soft` one leaves no reason, only the number of mails that came back."""
    address = _address(objects, body)
    thing = objects.holder("email", address)
    _signal(app, objects, address, "hs_email_bounce", str(int((thing.props.get("hs_email_bounce") if thing else None) or 0) + 1))
    if body.get("soft"):
        return {"email": address}
    _signal(app, objects, address, "hs_email_hard_bounce_reason_enum", str(body.get("reason", "UNKNOWN_USER")))
    return {"email": address}


def _confirm(app: HubSpot, objects: Objects, body: Mapping[str, Any]) -> dict[str, Any]:
    """The double opt-in of the portal moves on; `status` is the text that HubSpot shows."""
    address = _address(objects, body)
    _signal(app, objects, address, "hs_emailconfirmationstatus", str(body.get("status", "Confirmed")))
    return {"email": address}


def _signal(app: HubSpot, objects: Objects, address: str, name: str, value: str) -> None:
    thing = objects.holder("email", address)
    if thing is not None:
        objects.update(thing, {name: value}, "EMAIL", app.now_ms())


def _address(objects: Objects, body: Mapping[str, Any]) -> str:
    given = body.get("email") or _one(objects, body.get("id")).props.get("email")
    if not given:
        raise ActRefused("whoever has no e-mail address gets no mail")
    return str(given).strip().lower()


DEEDS: dict[str, Callable[[HubSpot, Objects, Mapping[str, Any]], dict[str, Any]]] = {
    "edit": _edit, "clear": _clear, "create": _create, "delete": _delete, "merge": _merge, "restore": _restore, "purge": _purge,
    "hide": _hide, "unsubscribe": _unsubscribe, "resubscribe": _resubscribe, "complaint": _complaint, "bounce": _bounce,
    "confirm": _confirm,
}  # fmt: skip


def _chosen(objects: Objects, body: Mapping[str, Any]) -> list[Thing]:
    if body.get("all"):
        return [objects.by_id[id] for id in objects.live]
    ids = body.get("ids") or [body.get("id")]
    return [_one(objects, id) for id in ids]


def _one(objects: Objects, id: Any) -> Thing:
    thing = objects.resolve(str(id))
    if thing is None:
        raise ActRefused(f"there is no {objects.singular.lower()} {id}")
    return thing


def _checked(objects: Objects, fields: Mapping[str, Any], thing: Thing | None) -> dict[str, str]:
    try:
        return objects.check(fields, thing)
    except RowRefused as refused:
        raise ActRefused(refused.message) from None
