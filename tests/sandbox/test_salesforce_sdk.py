"""simple-salesforce works against the local org; its hard-coded https is met by a session adapter or by TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from sandbox.running import Running

simple = pytest.importorskip("simple_salesforce")
BYRON = {"LastName": "Byron", "Company": "Analytical"}


class ToHttp(HTTPAdapter):
    """Rewrites https to http: the library knows no other scheme."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        request.url = (request.url or "").replace("https://", "http://", 1)
        return super().send(request, **kwargs)


@pytest.fixture
def org(serve: Callable[..., Running]) -> Any:
    ready = serve("salesforce").ready["salesforce"]
    session = requests.Session()
    session.mount("https://", ToHttp())
    yield simple.Salesforce(session_id=ready["token"], instance_url=ready["base_url"], session=session)
    session.close()


def test_records(org: Any) -> None:
    made = org.Lead.create({**BYRON, "Email": "Ada@b.io"})
    assert org.Lead.get(made["id"])["Email"] == "ada@b.io"
    assert org.Lead.update(made["id"], {"City": "Ulm"}) == 204
    assert org.Lead.upsert(simple.format.format_external_id("Leadloom_Key__c", "a/b c+d"), BYRON) == 201
    assert org.Lead.upsert(simple.format.format_external_id("Leadloom_Key__c", "a/b c+d"), {"City": "Ulm"}) == 200
    assert org.Lead.delete(made["id"]) == 204
    with pytest.raises(simple.SalesforceResourceNotFound):
        org.Lead.get(made["id"])
    with pytest.raises(simple.SalesforceMalformedRequest):
        org.Lead.create({"LastName": "B"})


def test_queries(org: Any) -> None:
    for chunk in range(12):
        rows = [{"attributes": {"type": "Lead"}, **BYRON, "City": str(chunk)} for _ in range(200)]
        org.restful("composite/sobjects", method="POST", json={"records": rows})
    first = org.query("SELECT Id FROM Lead")
    more = org.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert (first["totalSize"], len(more["records"])) == (2400, 400)
    assert len(org.query_all("SELECT Id FROM Lead WHERE City IN ('1', '2')")["records"]) == 400
    soql = simple.format_soql("SELECT COUNT() FROM Lead WHERE City = {}", "1")
    assert org.query(soql)["totalSize"] == 200
    assert org.api_usage["api-usage"].total == 5_000_000


def test_describe_limits_and_feeds(org: Any) -> None:
    from datetime import UTC, datetime, timedelta

    assert {row["name"] for row in org.describe()["sobjects"]} >= {"Lead", "Contact"}
    assert {field["name"] for field in org.Lead.describe()["fields"]} >= {"Email", "Leadloom_Key__c"}
    assert org.limits()["DailyApiRequests"]["Max"] == 5_000_000
    id = org.Lead.create(BYRON)["id"]
    org.Lead.delete(id)
    now = datetime.now(UTC)
    found = org.Lead.deleted(now - timedelta(hours=1), now + timedelta(minutes=2))
    assert [row["id"] for row in found["deletedRecords"]] == [id]


def test_expired_session(org: Any) -> None:
    direct = simple.Salesforce(session_id="old", instance_url=f"https://{org.sf_instance}", session=org.session)
    with pytest.raises(simple.SalesforceExpiredSession):
        direct.query("SELECT Id FROM Lead")


def test_client_credentials_login(serve: Callable[..., Running]) -> None:
    ready = serve("salesforce").ready["salesforce"]
    answer = requests.post(
        f"{ready['base_url']}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(ready["client_id"], ready["client_secret"]),
        timeout=5,
    ).json()
    assert answer["instance_url"] == ready["base_url"]


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_over_tls(serve: Callable[..., Running]) -> None:
    ready = serve("salesforce", tls=True).ready["salesforce"]
    session = requests.Session()
    session.verify, session.trust_env = False, False
    org = simple.Salesforce(session_id=ready["token"], instance_url=ready["base_url"], session=session)
    assert org.query("SELECT Id FROM Lead")["records"] == []
    session.close()


def test_bulk_two(org: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """sf-40, sf-42"""
    monkeypatch.setattr("simple_salesforce.bulk2.sleep", lambda _seconds: None)
    records = [{**BYRON, "Leadloom_Key__c": f"k{n}"} for n in range(5)]
    (done,) = org.bulk2.Lead.upsert(records=records, external_id_field="Leadloom_Key__c")
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (5, 0)
    (text,) = org.bulk2.Lead.query("SELECT Id, Leadloom_Key__c FROM Lead")
    assert len(text.splitlines()) == 6
