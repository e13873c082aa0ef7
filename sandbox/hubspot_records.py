"""HubSpot's endpoints for single records: list, get, create, update, archive, merge, privacy deletion."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import RowRefused, invalid, not_found, refuse
from sandbox.hubspot_objects import MAX_IDENTITIES, Objects, Thing, require
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot


@route("GET", "/crm/v3/objects/{type}")
def list_records(app: HubSpot, request: Request, type: str) -> Reply:
    objects = app.objects(type)
    with_history = names_of(request, "propertiesWithHistory") or []
    limit = _limit(app, request, 50 if with_history else 100)
    ids = objects.archived if _flag(request, "archived") else objects.live
    after = request.param("after") or "0"
    if not after.isdigit():
        raise invalid(f"Invalid paging cursor: {after}")
    page = list(islice(ids.start(int(after)), limit + 1))
    names = objects.wanted(names_of(request, "properties"))
    shown = []
    for id in page[:limit]:
        thing = objects.by_id[id]
        record = objects.show(thing, names, dated=app.dated, with_history=with_history)
        shown.append(_with_associations(app, objects, thing, request, record))
    body: dict[str, Any] = {"results": shown}
    if len(page) > limit:
        link = f"{request.origin}{request.path}?limit={limit}&after={page[limit]}"
        body["paging"] = {"next": {"after": str(page[limit]), "link": link}}
    return Reply(200, body, rows=len(shown))


@route("GET", "/crm/v3/objects/{type}/{id}")
def read_record(app: HubSpot, request: Request, type: str, id: str) -> Reply:
    objects = app.objects(type)
    thing = objects.find(id, request.param("idProperty"))
    if thing is None or (thing.archived is not None and not _flag(request, "archived")):
        raise not_found()
    with_history = names_of(request, "propertiesWithHistory") or []
    shown = objects.show(thing, names_of(request, "properties"), dated=app.dated, with_history=with_history)
    return Reply(200, _with_associations(app, objects, thing, request, shown), rows=1)


@route("POST", "/crm/v3/objects/{type}")
def create_record(app: HubSpot, request: Request, type: str) -> Reply:
    objects, body = app.objects(type), app.body(request)
    try:
        values = objects.check(_properties(body), None)
    except RowRefused as refused:
        raise refused.whole() from None
    app.associations.check(objects, body.get("associations") or [])
    thing = objects.create(values)
    app.associations.add(objects, thing, body.get("associations") or [])
    return Reply(201, written(objects, thing, values), rows=1)


@route("PATCH", "/crm/v3/objects/{type}/{id}")
def update_record(app: HubSpot, request: Request, type: str, id: str) -> Reply:
    objects, body = app.objects(type), app.body(request)
    thing = require(objects.find(id, request.param("idProperty")))
    if id != str(thing.id) and id.isdigit() and int(id) in objects.forward and not app.settings["patch_follows_merges"]:
        raise refuse(404, "OBJECT_NOT_FOUND", "resource not found")
    given = _properties(body)
    try:
        values = objects.check(given, thing)
    except RowRefused as refused:
        raise refused.whole() from None
    objects.update(thing, values)
    return Reply(200, written(objects, thing, given), rows=1)


@route("DELETE", "/crm/v3/objects/{type}/{id}")
def archive_record(app: HubSpot, _request: Request, type: str, id: str) -> Reply:
    objects = app.objects(type)
    thing = objects.resolve(id)
    if thing is not None:
        objects.archive(thing)
    return Reply(204)


@route("POST", "/crm/v3/objects/{type}/merge")
def merge_records(app: HubSpot, request: Request, type: str) -> Reply:
    objects, body = app.objects(type), app.body(request)
    ids = [str(body.get(name, "")) for name in ("primaryObjectId", "objectIdToMerge")]
    for id in ids:
        if id.isdigit() and int(id) in objects.forward:
            raise invalid(f"Object {id} is a forward reference to {objects.forward[int(id)]}. Only canonical objects can be merged.")
    primary, other = (require(objects.resolve(id)) for id in ids)
    if primary is other:
        raise invalid("Cannot merge an object with itself")
    if len(primary.merged) + len(other.merged) + 2 > 2 * MAX_IDENTITIES:
        raise refuse(414, "VALIDATION_ERROR", f"Cannot have more than {MAX_IDENTITIES} identities on a profile")
    merged = objects.merge(primary, other)
    app.associations.move(objects, (primary.id, other.id), merged.id)
    return Reply(200, objects.show(merged, None, dated=app.dated), rows=1)


@route("POST", "/crm/v3/objects/{type}/gdpr-delete")
def privacy_delete(app: HubSpot, request: Request, type: str) -> Reply:
    """Erases; an address that nobody has is blocked for ever (vendor specification)."""
    objects, body = app.objects(type), app.body(request)
    id, id_property = str(body.get("objectId", "")), body.get("idProperty")
    thing = objects.find(id, id_property)
    if thing is not None:
        app.associations.drop(objects, thing.id)
        objects.purge(thing)
    elif id_property == "email":
        app.blocked.add(id.strip().lower())
    return Reply(204)


def written(objects: Objects, thing: Thing, names: Iterable[str]) -> dict[str, Any]:
    """The answer to a write: the written properties as they are now, the dates and the id."""
    return objects.show(thing, names)


def names_of(request: Request, parameter: str) -> list[str] | None:
    """A list parameter, repeated or comma-joined; None where it is not given."""
    given = request.query.get(parameter)
    if given is None:
        return None
    names = [name.strip() for part in given for name in part.split(",")]
    return [name for name in names if name] or None


def _flag(request: Request, name: str) -> bool:
    return (request.param(name) or "").lower() == "true"  # the Python client sends True


def _limit(app: HubSpot, request: Request, most: int) -> int:
    text = request.param("limit") or "10"
    if not text.isdigit() or int(text) == 0:
        raise invalid(f"Invalid limit: {text}")
    limit = int(text)
    if limit > most and app.settings["list_limit_over"] == "refused":
        raise invalid(f"Invalid limit: {limit}. The maximum is {most}.")
    return min(limit, most)


def _properties(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("properties")
    if not isinstance(given, dict):
        raise invalid('Invalid input JSON: "properties" must be an object')
    return given


def _with_associations(app: HubSpot, objects: Objects, thing: Thing, request: Request, shown: dict[str, Any]) -> dict[str, Any]:
    wanted = names_of(request, "associations")
    if wanted is not None:
        found = app.associations.shown(objects, thing, wanted)
        if found:
            shown["associations"] = found
    return shown
