"""HubSpot's associations, as far as contacts, companies and leads need them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_answers import invalid
from sandbox.hubspot_objects import Objects, Thing, missing, require
from sandbox.wire import Reply, Request, iso_ms, route

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpot

# (from, to): association type ids, the primary one first
TYPES = {
    ("contacts", "companies"): (1, 279),
    ("companies", "contacts"): (2, 280),
    ("leads", "contacts"): (578, 608),
    ("leads", "companies"): (580, 610),
    ("contacts", "leads"): (609,),
    ("companies", "leads"): (611,),
}
# What may hang on a contact and is known here by its associations alone (vendor's page on association type ids)
ATTACHED = {
    "deals": (4, 3),
    "tickets": (15, 16),
    "notes": (202, 201),
    "tasks": (204, 203),
    "calls": (194, 193),
    "meetings": (200, 199),
    "emails": (198, 197),
}
BACK = {(target, "contacts"): (back,) for target, (_, back) in ATTACHED.items()}
TARGETS = {type_id: target for (_, target), type_ids in TYPES.items() for type_id in type_ids}
Link = tuple[str, int, str, int]  # from type, from id, to type, to id


class Associations:
    """Links between records; editing one moves no modification date."""

    def __init__(self, app: HubSpot) -> None:
        self._app = app
        self.links: dict[Link, set[int]] = {}

    def check(self, objects: Objects, given: list[dict[str, Any]]) -> None:
        """A lead must be created with its contact or company (vendor's leads guide)."""
        types = {kind["associationTypeId"] for one in given for kind in one.get("types", [])}
        if objects.name == "leads" and not types & {578, 580}:
            raise invalid("A lead must be associated with a contact or a company when it is created")
        for one in given:
            for kind in one.get("types", []):
                target = TARGETS.get(kind["associationTypeId"])
                if target is None:
                    raise invalid(f"Unknown association type {kind['associationTypeId']}")
                require(self._app.objects(target).resolve(str(one["to"]["id"])))

    def add(self, objects: Objects, thing: Thing, given: list[dict[str, Any]]) -> None:
        for one in given:
            for kind in one.get("types", []):
                self.link(objects.name, thing.id, TARGETS[kind["associationTypeId"]], int(one["to"]["id"]), kind["associationTypeId"])

    def link(self, source: str, id: int, target: str, other: int, type_id: int) -> None:
        self.links.setdefault((source, id, target, other), set()).add(type_id)
        self.links.setdefault((target, other, source, id), set()).add({**TYPES, **BACK}[target, source][-1])

    def unlink(self, source: str, id: int, target: str, other: int) -> None:
        self.links.pop((source, id, target, other), None)
        self.links.pop((target, other, source, id), None)
        for name, record in ((source, id), (target, other)):
            if name == "leads" and not any(link[:2] == ("leads", record) for link in self.links):
                lead = self._app.objects("leads").resolve(record)
                if lead is not None:
                    self._app.objects("leads").archive(lead)  # losing the last primary association deletes the lead

    def of(self, objects: Objects, id: int, target: str) -> list[tuple[int, set[int]]]:
        return [(link[3], types) for link, types in self.links.items() if link[:3] == (objects.name, id, target)]

    def shown(self, objects: Objects, thing: Thing, targets: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if not self.links:
            return found
        for target in targets:
            name = self._app.objects(target).name
            results = [
                {"id": str(other), "type": f"{objects.singular.lower()}_to_{self._app.objects(name).singular.lower()}"}
                for other, _ in self.of(objects, thing.id, name)
            ]
            if results:
                found[name] = {"results": results}
        return found

    def move(self, objects: Objects, old: tuple[int, ...], new: int) -> None:
        for link, types in list(self.links.items()):
            source, id, target, other = link
            moved = (source, new if (source, id) in {(objects.name, one) for one in old} else id, target, other)
            moved = (*moved[:3], new if (target, other) in {(objects.name, one) for one in old} else other)
            if moved != link:
                del self.links[link]
                self.links.setdefault(moved, set()).update(types)

    def drop(self, objects: Objects, id: int) -> None:
        for link in [link for link in self.links if link[:2] == (objects.name, id) or link[2:] == (objects.name, id)]:
            self.links.pop(link, None)


@route("PUT", "/crm/v4/objects/{type}/{id}/associations/default/{target}/{other}")
def associate(app: HubSpot, _request: Request, type: str, id: str, target: str, other: str) -> Reply:
    objects, others = app.objects(type), app.objects(target)
    one, two = require(objects.resolve(id)), require(others.resolve(other))
    type_id = TYPES[objects.name, others.name][-1]
    app.associations.link(objects.name, one.id, others.name, two.id, type_id)
    result = {"from": {"id": id}, "to": {"id": other}, "associationSpec": _spec(type_id)}
    return Reply(200, _complete(app, [result]))


@route("DELETE", "/crm/v4/objects/{type}/{id}/associations/{target}/{other}")
def dissociate(app: HubSpot, _request: Request, type: str, id: str, target: str, other: str) -> Reply:
    objects, others = app.objects(type), app.objects(target)
    app.associations.unlink(objects.name, int(id), others.name, int(other))
    return Reply(204)


@route("GET", "/crm/v4/objects/{type}/{id}/associations/{target}")
def list_associations(app: HubSpot, _request: Request, type: str, id: str, target: str) -> Reply:
    objects = app.objects(type)
    thing = require(objects.resolve(id))
    return Reply(200, {"results": _targets(app, objects, thing, target)})


@route("POST", "/crm/v4/associations/{type}/{target}/batch/read")
def read_associations(app: HubSpot, request: Request, type: str, target: str) -> Reply:
    objects, rows = app.objects(type), app.body(request).get("inputs", [])
    if len(rows) > 1000:
        raise invalid("The maximum number of inputs in an association batch read is 1000.")
    results, unknown = [], []
    for row in rows:
        thing = objects.resolve(str(row["id"]))
        if thing is None:
            unknown.append(str(row["id"]))
        elif found := _targets(app, objects, thing, target):
            results.append({"from": {"id": str(row["id"])}, "to": found})
    body = _complete(app, results)
    if unknown:
        body.update(numErrors=1, errors=[missing(objects.singular.upper(), unknown)])
    return Reply(207 if unknown else 200, body)


@route("POST", "/crm/v4/associations/{type}/{target}/batch/create")
def create_associations(app: HubSpot, request: Request, type: str, target: str) -> Reply:
    objects, others, rows = app.objects(type), _name(app, target), app.body(request).get("inputs", [])
    if len(rows) > 2000:
        raise invalid("The maximum number of inputs in an association batch create is 2000.")
    for row in rows:
        for kind in row.get("types", []):
            app.associations.link(objects.name, int(row["from"]["id"]), others, int(row["to"]["id"]), kind["associationTypeId"])
    return Reply(201, _complete(app, [{"from": row["from"], "to": row["to"]} for row in rows]))


def _name(app: HubSpot, target: str) -> str:
    return target if target in ATTACHED else app.objects(target).name


def _targets(app: HubSpot, objects: Objects, thing: Thing, target: str) -> list[dict[str, Any]]:
    found = app.associations.of(objects, thing.id, _name(app, target))
    return [{"toObjectId": other, "associationTypes": [{**_type(id)} for id in sorted(types)]} for other, types in found]


def _type(type_id: int) -> dict[str, Any]:
    return {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": "Primary" if type_id in (1, 2) else None}


def _spec(type_id: int) -> dict[str, Any]:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}


def _complete(app: HubSpot, results: list[Any]) -> dict[str, Any]:
    now = iso_ms(app.now_ms())
    return {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
