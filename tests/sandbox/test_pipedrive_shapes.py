"""Pipedrive's answers, held against the vendor's specification and recorded traffic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.inprocess import Caller

WIRE = Path(__file__).resolve().parents[2] / "../shared/wire"
SPECS = WIRE / "specs/pipedrive"
RECORDED = WIRE / "recorded/hull"

pytestmark = pytest.mark.skipif(not WIRE.exists(), reason="the vendors' specifications and recordings are not beside this checkout")

# Fields of the specification's examples that need a feature or belong to other endpoints.
FEATURES = {"notes", "im", "birthday", "job_title", "postal_address", "picture_id", "org_id"}
UI = {"ui_visibility", "important_fields", "required_fields"}

CASES = [
    ("v2.leads.json", "/persons", "get", "/api/v2/persons"),
    ("v2.leads.json", "/persons/{id}", "get", "/api/v2/persons/1"),
    ("v2.leads.json", "/persons/search", "get", "/api/v2/persons/search?term=Ada"),
    ("v2.leads.json", "/organizations", "get", "/api/v2/organizations"),
    ("v2.leads.json", "/organizations/search", "get", "/api/v2/organizations/search?term=Acme"),
    ("v2.leads.json", "/personFields", "get", "/api/v2/personFields"),
    ("v2.leads.json", "/itemSearch/field", "get", "/api/v2/itemSearch/field?entity_type=person&field=name&match=beginning&term=Ada"),
    ("v1.leads.json", "/leads", "get", "/api/v1/leads"),
    ("v1.leads.json", "/leadLabels", "get", "/api/v1/leadLabels"),
    ("v1.leads.json", "/leadSources", "get", "/api/v1/leadSources"),
    ("v1.leads.json", "/users", "get", "/api/v1/users"),
    ("v1.leads.json", "/users/me", "get", "/api/v1/users/me"),
    ("v1.leads.json", "/persons/{id}/changelog", "get", "/api/v1/persons/1/changelog"),
    ("v1.leads.json", "/personFields", "get", "/api/v1/personFields"),
]


@pytest.fixture
def filled(pipedrive: Caller) -> Caller:
    row = {"name": "Ada Byron", "email": "ada@x.example", "phone": "1", "company": "Acme"}
    pipedrive.app.plant([row, row])
    pipedrive.ok("POST", "/api/v1/leads", {"title": "L", "person_id": 1, "value": {"amount": 1, "currency": "EUR"}})
    pipedrive.ok("PATCH", "/api/v2/persons/1", {"label_ids": [1]})
    return pipedrive


def example(file: str, path: str, method: str) -> Any:
    spec = json.loads((SPECS / file).read_text(encoding="utf-8"))
    return spec["paths"][path][method]["responses"]["200"]["content"]["application/json"]["example"]


def missing(wanted: Any, got: Any, where: str = "") -> list[str]:
    """Keys and types of the example that the answer lacks; null stands for anything."""
    if wanted is None or got is None:
        return []
    if isinstance(wanted, dict) and isinstance(got, dict):
        lost = [f"{where}.{name}" for name in wanted if name not in got and name not in FEATURES | UI]
        return lost + [line for name in wanted if name in got for line in missing(wanted[name], got[name], f"{where}.{name}")]
    if isinstance(wanted, list) and isinstance(got, list):
        return missing(wanted[0], got[0], f"{where}[]") if wanted and got else []
    same = type(wanted) is type(got) or {type(wanted), type(got)} == {int, float}
    return [] if same else [f"{where}: {type(wanted).__name__} expected, {type(got).__name__} given"]


@pytest.mark.parametrize(("file", "path", "method", "target"), CASES)
def test_answers_have_the_shape_of_the_specification(filled: Caller, file: str, path: str, method: str, target: str) -> None:
    assert missing(example(file, path, method), filled.ok(method.upper(), target)) == []


def test_a_merge_answers_as_the_specification_says(filled: Caller) -> None:
    wanted = example("v1.leads.json", "/persons/{id}/merge", "put")
    wanted["data"] = {name: value for name, value in wanted["data"].items() if not name.startswith(("next_activity", "last_"))}
    wanted["data"] |= {"owner_id": None, "org_id": None}  # objects in recorded traffic, numbers in the example
    assert missing(wanted, filled.ok("PUT", "/api/v1/persons/2/merge", {"merge_with_id": 1})) == []


def test_a_recorded_v1_person(filled: Caller) -> None:
    recorded = json.loads((RECORDED / "hull-pipedrive__pipedrive__user_response.json").read_text(encoding="utf-8"))["data"]
    skipped = ("next_activity", "last_", "reference_")
    wanted = {name: value for name, value in recorded.items() if len(name) != 40 and not name.startswith(skipped)}
    wanted["owner_id"] |= {"has_pic": 0}
    assert missing(wanted, filled.ok("GET", "/v1/persons/1")["data"]) == []


def test_recorded_v1_fields(filled: Caller) -> None:
    recorded = json.loads((RECORDED / "hull-pipedrive__pipedrive__person_fields.json").read_text(encoding="utf-8"))
    assert set(filled.ok("GET", "/v1/personFields")["data"][0]) <= {*recorded["data"][0], "options", "created_by_user_id"}


def test_every_write_of_the_specification_is_understood(pipedrive: Caller) -> None:
    """A body with every property of the schema is taken, property by property."""
    spec = json.loads((SPECS / "v2.leads.json").read_text(encoding="utf-8"))
    pipedrive.set(contact_sync=True)
    pipedrive.ok("POST", "/api/v2/organizations", {"name": "Acme"})
    for path in ("/persons", "/organizations"):
        schema = spec["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        for name, kind in schema["properties"].items():
            status, answer = pipedrive("POST", f"/api/v2{path}", {"name": "A", name: _sample(name, kind)})
            assert status == 200, (path, name, answer)


def _sample(name: str, schema: Any) -> Any:
    special = {"owner_id": 101, "org_id": 1, "visible_to": 3, "add_time": "2025-01-01T00:00:00Z", "birthday": "2000-01-01"}
    if name in special:
        return special[name]
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "array":
        return [_sample("", schema["items"])]
    if schema["type"] == "object":
        return {part: _sample(part, inner) for part, inner in schema.get("properties", {}).items()}
    return {"string": "text", "integer": 1, "boolean": True}[schema["type"]]
