"""What the vendors publish about their requests and answers, read from the descriptions that lie beside this repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS30Validator

from sandbox.messages import Request

SPECS = Path(__file__).resolve().parents[2] / "../shared/wire/specs"
OPENAPI: Mapping[str, tuple[tuple[str, str], ...]] = {
    "hubspot": (("hubspot/hubspot.crm.contact.openapi.yaml", ""), ("hubspot/hubspot.crm.property.openapi.yaml", "")),
    "pipedrive": (("pipedrive/v2.leads.json", "/api/v2"), ("pipedrive/v1.leads.json", "/api/v1")),
    "activecampaign": (("activecampaign/activecampaign.openapi.yaml", ""),),
}
COLLECTION = "salesforce/postman-cc0"
# HubSpot's published files are older than its library, whose models know the fields that were added.
MODELS: Mapping[str, tuple[str, str]] = {
    "objects/contacts/batch/create": ("contacts", "BatchInputSimplePublicObjectBatchInputForCreate"),
    "objects/contacts/batch/read": ("contacts", "BatchReadInputSimplePublicObjectId"),
    "objects/contacts/batch/update": ("contacts", "BatchInputSimplePublicObjectBatchInput"),
    "objects/contacts/batch/upsert": ("contacts", "BatchInputSimplePublicObjectBatchInputUpsert"),
    "objects/contacts/batch/archive": ("contacts", "BatchInputSimplePublicObjectId"),
    "objects/contacts/search": ("contacts", "PublicObjectSearchRequest"),
    "properties/contacts": ("properties", "PropertyCreate"),
}
Json = Any


@dataclass(frozen=True)
class Operation:
    """One published operation. Schemas are whole documents, so that their references resolve."""

    name: str
    method: str
    path: re.Pattern[str]
    parameters: Mapping[str, Json] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    body: Json = None
    answer: Json = None

    def problems(self, request: Request, *, body: bool = True) -> Iterator[str]:
        """What of a request is not as published; `body=False` leaves its body to another description."""
        yield from (f"parameter {name} is not described" for name in request.query if name not in self.parameters)
        yield from (f"parameter {name} is missing" for name in self.required if name not in request.query)
        for name, values in request.query.items():
            schema = self.parameters.get(name)
            yield from (
                f"parameter {name}: {why}" for value in values if schema is not None for why in invalid(_typed(value, schema), schema)
            )
        if body and self.body is not None and request.body:
            content = request.json()
            yield from (f"body: {why}" for why in (*invalid(content, self.body), *unknown(content, self.body, self.body)))


def operation(crm: str, request: Request) -> Operation | None:
    """The published operation of a request; a path without parameters goes before one with them."""
    met = [one for one in operations(crm) if one.method == request.method and one.path.fullmatch(request.path)]
    return min(met, key=lambda one: one.name.count("{") + one.name.count("<"), default=None)


@cache
def operations(crm: str) -> tuple[Operation, ...]:
    if crm == "salesforce":
        return tuple(_collected())
    return tuple(one for file, prefix in OPENAPI[crm] for one in _described(file, prefix))


def invalid(value: Json, schema: Json, *, nulls: bool = False) -> list[str]:
    """Where a value is not as its schema says; `nulls` allows any member to be null."""
    errors = (error for error in OAS30Validator(schema).iter_errors(value) if not (nulls and error.instance is None))
    return [f"{'/'.join(map(str, error.absolute_path))} {error.validator} {error.validator_value!r:.60}" for error in errors]


def unknown(value: Json, schema: Json, root: Json, at: str = "") -> Iterator[str]:
    """Names in a body that its schema does not have."""
    if isinstance(value, list):
        for item in value:
            yield from unknown(item, _resolved(schema, root).get("items", {}), root, f"{at}[]")
    if not isinstance(value, dict):
        return
    named, is_open = _names(schema, root)
    for name, inner in value.items():
        if name in named:
            yield from unknown(inner, named[name], root, f"{at}/{name}")
        elif not is_open:
            yield f"{at}/{name} is not described"


def unlike_model(value: Json, package: str, name: str) -> Iterator[str]:
    """Names in a body that the vendor's own library does not have, and values that it refuses or misses."""
    model = getattr(import_module(f"hubspot.crm.{package}.models"), name)
    wires = {wire: attribute for attribute, wire in model.attribute_map.items()}
    yield from (f"{name} has no {wire}" for wire in value if wire not in wires)
    known = {wires[wire]: inner for wire, inner in value.items() if wire in wires}
    try:
        model(**known)
    except ValueError as refused:
        yield f"{name}: {refused}"
    for attribute, inner in known.items():
        of = re.fullmatch(r"list\[([A-Z]\w+)\]", model.openapi_types[attribute])
        for item in inner if of is not None else ():
            yield from unlike_model(item, package, of.group(1))  # type: ignore[union-attr]  # there are none without it


def _described(file: str, prefix: str) -> Iterator[Operation]:
    text = (SPECS / file).read_text("utf-8")
    document = json.loads(text) if file.endswith(".json") else yaml.safe_load(text)
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if method == "parameters":
                continue
            parameters = [_resolved(one, document) for one in (*methods.get("parameters", ()), *told.get("parameters", ()))]
            asked = {one["name"]: _whole(one["schema"], document) for one in parameters if one["in"] == "query"}
            yield Operation(
                f"{method.upper()} {prefix}{path}",
                method.upper(),
                re.compile(re.escape(prefix) + re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(path))),
                asked,
                frozenset(one["name"] for one in parameters if one["in"] == "query" and one.get("required")),
                _content(told.get("requestBody"), document),
                _content(next((answer for status, answer in told["responses"].items() if str(status).startswith("2")), None), document),
            )


def _collected() -> Iterator[Operation]:
    for file in sorted((SPECS / COLLECTION).rglob("*.json")):
        told = json.loads(file.read_text("utf-8"))
        if "url" not in told:
            continue
        path = re.sub(r"^(\{\{\w+\}\})+", "", told["url"].partition("?")[0]).rstrip("/")
        pattern = re.sub(r"<\w+>", r"[^/]+", re.sub(r"\\\{\\\{version\\\}\\\}", r"\\d+\\.0", re.escape(path)))
        asked: dict[str, Json] = {one["key"]: {} for one in told.get("queryParams") or ()}
        yield Operation(f"{told['method']} {path}", told["method"], re.compile(pattern + "/?"), asked)


def _content(told: Json, document: Json) -> Json:
    content = _resolved(told or {}, document).get("content", {})
    schema = next((kind.get("schema") for name, kind in content.items() if "json" in name or name == "*/*"), None)
    return None if schema is None else _whole(schema, document)


def _whole(schema: Json, document: Json) -> Json:
    return {**schema, "components": document.get("components", {})}


def _resolved(schema: Json, root: Json) -> Json:
    while "$ref" in schema:
        found = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _names(schema: Json, root: Json) -> tuple[dict[str, Json], bool]:
    """The members that an object may have, and whether it may have others."""
    schema = _resolved(schema, root)
    named = dict(schema.get("properties", {}))
    is_open = bool(schema.get("additionalProperties", False))
    parts = [part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, ())]
    for part in parts:
        inner, inner_is_open = _names(part, root)
        named |= inner
        is_open = is_open or inner_is_open
    return named, is_open or (not named and not parts)


def _typed(text: str, schema: Json) -> Json:
    """A parameter's text as the type it stands for."""
    kind = schema.get("type")
    if kind == "array":
        return text.split(",")
    if kind in ("integer", "number"):
        return json.loads(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
    return {"true": True, "false": False, "1": 1, "0": 0}.get(text.lower(), text) if kind == "boolean" else text
