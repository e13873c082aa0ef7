"""The vendor's own Python client works against the local HubSpot as published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.running import Running

hubspot_sdk = pytest.importorskip("hubspot")


@pytest.fixture
def client(serve: Callable[..., Running]) -> Any:
    ready = serve("hubspot").ready["hubspot"]
    return hubspot_sdk.HubSpot(access_token=ready["token"], host=ready["base_url"])


def test_single_records(client: Any) -> None:
    api = client.crm.contacts.basic_api
    made = api.create({"properties": {"email": "a+b@firma.example", "firstname": "Ada"}})
    assert api.get_by_id("a+b@firma.example", id_property="email").id == made.id
    assert api.update(made.id, {"properties": {"firstname": "Eve"}}).properties["firstname"] == "Eve"
    page = api.get_page(limit=10, properties=["firstname", "city"], archived=False)
    assert page.results[0].properties["city"] is None
    api.archive(made.id)
    assert [row.id for row in api.get_page(archived=True).results] == [made.id]


def test_batches(client: Any) -> None:
    api = client.crm.contacts.batch_api
    rows = [{"id": f"k{n}", "idProperty": "leadloom_key", "properties": {"email": f"{n}@b.io"}} for n in range(3)]
    made = api.upsert({"inputs": rows})
    assert (made.status, {row.new for row in made.results}) == ("COMPLETE", {True})
    partly = api.read({"inputs": [{"id": made.results[0].id}, {"id": "999"}], "properties": ["email"]})
    assert (len(partly.results), partly.num_errors) == (1, 1)
    api.archive({"inputs": [{"id": row.id} for row in made.results]})


def test_search_and_get_all(client: Any) -> None:
    for n in range(3):
        client.crm.contacts.basic_api.create({"properties": {"email": f"{n}@b.io"}})
    filters = [{"propertyName": "email", "operator": "EQ", "value": "1@b.io"}]
    answer = client.crm.contacts.search_api.do_search({"filterGroups": [{"filters": filters}], "limit": 5})
    assert (answer.total, answer.results[0].properties["email"]) == (1, "1@b.io")
    assert len(client.crm.contacts.get_all()) == 3


def test_merge_and_conflict(client: Any) -> None:
    api = client.crm.contacts.basic_api
    one, two = (api.create({"properties": {"email": f"{n}@b.io"}}).id for n in "ab")
    merged = api.merge({"primaryObjectId": one, "objectIdToMerge": two})
    assert api.get_by_id(two).id == merged.id
    with pytest.raises(Exception, match="Existing ID") as conflict:
        api.create({"properties": {"email": "b@b.io"}})
    assert getattr(conflict.value, "status", None) == 409


def test_account_things(client: Any) -> None:
    assert client.crm.owners.owners_api.get_page(limit=1).results[0].email == "anna@firma.example"
    names = {row.name for row in client.crm.properties.core_api.get_all("contacts").results}
    assert {"email", "leadloom_key"} <= names
    definition = {"name": "shoe", "label": "Shoe", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    assert client.crm.properties.core_api.create("contacts", definition).name == "shoe"
    status = client.communication_preferences.status_api.get_email_status("a@b.io")
    assert len(status.subscription_statuses) == 2
