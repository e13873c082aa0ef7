"""Every request of every connector is one that the vendor publishes, to the last name; and the sandbox answers as is published."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from connectors.base import NewField, Op, Write
from sandbox.messages import Reply, Request
from tests.contract.published import MODELS, SPECS, invalid, operation, unlike_model
from tests.contract.rigs import RIGS, Rig, rigged
from tests.contract.world import decoded

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="the vendors' descriptions are not beside this checkout")

Exchange = tuple[Request, Reply]
Talks = Mapping[str, list[Exchange]]
# Requests that the published files leave out, and where else the vendor describes them.
ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "hubspot": {
        r"GET /account-info/v3/details": "a description of its own, in the vendor's library as hubspot.settings",
        r"GET /crm/v3/owners/": "a description of its own, in the vendor's library as hubspot.crm.owners",
        r"POST /communication-preferences/v4/statuses/[^/]+/unsubscribe-all": "in the library as hubspot.communication_preferences",
        r"POST /crm/v3/objects/contacts/batch/upsert": "newer than the file; its body is held against the library's model",
        r"POST /oauth/v3/token": "a description of its own, in the vendor's library as hubspot.oauth",
    },
    "salesforce": {
        r"DELETE /services/data/v[\d.]+/composite/sobjects": "Delete Multiple Records, REST API guide (collection: with an object)",
        r"PATCH /services/data/v[\d.]+/composite/sobjects": "Update Multiple Records, REST API guide (collection: with an object)",
        r"PATCH /services/data/v[\d.]+/composite/sobjects/\w+/\w+__c": "Upsert Multiple Records, REST API guide",
        r"POST /services/data/v[\d.]+/tooling/sobjects/CustomField": "CustomField, Tooling API",
    },
    "activecampaign": {
        r"GET /api/3/contacts/\d+/contactLists": "developers.activecampaign.com/reference, contacts",
        r"PUT /api/3/contacts/\d+": "developers.activecampaign.com/reference, update a contact",
        r"GET /api/3/users(/me)?": "developers.activecampaign.com/reference, users",
        r"(GET|POST) /api/3/fields": "developers.activecampaign.com/reference, custom fields",
        r"POST /api/3/(fieldOption/bulk|fieldRels)": "developers.activecampaign.com/reference, custom fields",
    },
}
# Parts of published requests that the files leave out.
MORE: Mapping[str, Mapping[str, str]] = {
    "pipedrive": {
        r"body: /(first|last)_name is not described": "a maintainer says that they may be written, pipedrive/client-nodejs#18",
    },
    "activecampaign": {
        r"parameter (limit|offset) is not described": "developers.activecampaign.com/reference/pagination",
        r"parameter (ids\[\]|orders\[id\]) is not described": "developers.activecampaign.com/reference/list-all-contacts",
        r"parameter include is not described": "not documented; the connector finds out whether it works",
    },
}


@pytest.fixture(scope="module")
def talks() -> Talks:
    """All that each connector says to its CRM, and what it hears."""
    said: dict[str, list[Exchange]] = {}
    for name in RIGS:
        with rigged(name, wire="none") as rig:
            said.setdefault(rig.dialect.crm, []).extend(_everything(rig))
    return said


def test_every_request_is_published(talks: Talks) -> None:
    found = {f"{crm}: {problem}" for crm, exchanges in talks.items() for request, _ in exchanges for problem in _problems(crm, request)}
    assert found == set()


def test_every_exception_is_still_needed(talks: Talks) -> None:
    for crm, exchanges in talks.items():
        unpublished = {f"{request.method} {request.path}" for request, _ in exchanges if operation(crm, request) is None}
        unlisted = {problem for request, _ in exchanges for problem in _differences(crm, request)}
        for listed, met in ((ELSEWHERE, unpublished), (MORE, unlisted)):
            assert [one for one in listed.get(crm, {}) if not any(re.fullmatch(one, text) for text in met)] == []


def test_every_answer_is_as_published(talks: Talks) -> None:
    """The files are wrong about null, which the recorded answers hold in plenty."""
    wrong = set()
    for crm, exchanges in talks.items():
        for request, reply in exchanges:
            described = operation(crm, request)
            if described is not None and described.answer is not None and reply.status < 300 and reply.status != 204:
                wrong |= {f"{described.name}: {why}" for why in invalid(decoded(reply), described.answer, nulls=True)}
    assert wrong == set()


def test_a_request_that_is_not_published_is_noticed() -> None:
    asked = Request("GET", "/api/v2/persons?limit=many&sortby=id&ids=1", {})
    described = operation("pipedrive", asked)
    assert described is not None
    assert [why.partition(":")[0] for why in described.problems(asked)] == ["parameter sortby is not described", "parameter limit"]
    written = Request("POST", "/api/v2/persons", {}, b'{"name": 7, "email": "ada@firma.example"}')
    described = operation("pipedrive", written)
    assert described is not None
    assert len(list(described.problems(written))) == 2
    assert list(unlike_model({"inputs": [{"id": "1", "fields": {}}]}, *MODELS["objects/contacts/batch/update"])) != []
    assert operation("salesforce", Request("GET", "/services/data/v59.0/sobjects/Lead/describe/all/of/it", {})) is None


def _problems(crm: str, request: Request) -> Iterator[str]:
    name = f"{request.method} {request.path}"
    if operation(crm, request) is None and not any(re.fullmatch(one, name) for one in ELSEWHERE.get(crm, {})):
        yield f"{name} is not published"
    for problem in _differences(crm, request):
        if not any(re.fullmatch(one, problem) for one in MORE.get(crm, {})):
            yield f"{name}: {problem}"


def _differences(crm: str, request: Request) -> Iterator[str]:
    model = MODELS.get(request.path.removeprefix("/crm/v3/")) if crm == "hubspot" and request.method == "POST" else None
    described = operation(crm, request)
    if described is not None:
        yield from described.problems(request, body=model is None)
    if model is not None:
        yield from unlike_model(request.json(), *model)


def _everything(rig: Rig) -> list[Exchange]:
    """A round of all that a connector can be asked to do."""
    seen: list[Exchange] = []

    def noted(request: Request, reply: Reply) -> Reply:
        seen.append((request, reply))
        return reply

    rig.world.rewrite(noted)
    _opened(rig)
    receipts = rig.write(*(rig.create(number, grade="A", score=number, stage="sql", flag=True) for number in range(3)))
    first, second, third = (str(receipt.id) for receipt in receipts)
    cursor = rig.quiet_cursor()
    rig.write(rig.update(first, grade="B", score=0), rig.update(second, grade=None, flag=True), rig.create(0, key="another"))
    rig.write(Write(Op.UPDATE, rig.object, {"opt_out:email": True}, id=first), Write(Op.CREATE, rig.object, rig.person(9)))
    rig.walk(cursor)
    rig.find("email", "ada0@firma.example", "nobody@firma.example")
    rig.find_key("key-1", "key-2", "key-77")
    rig.write(rig.delete(third))
    rig.get(first, second, third, rig.dialect.absent_id)
    rig.get(first)
    if rig.dialect.sweep is not None:
        rig.sweep(first, second, third)
    return seen


def _opened(rig: Rig) -> None:
    connector = rig.open(*rig.dialect.renewed_by)
    connector.identity()
    connector.owners()
    connector.describe(rig.object)
    connector.create_field(rig.object, NewField("campaign", "Campaign", "option", options=("fair", "web")))
    connector.create_field(rig.object, NewField("called", "Called", "bool"))
