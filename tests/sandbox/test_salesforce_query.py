"""SOQL, pages, stamps, replication feeds, and the ways a row ends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.inprocess import Caller
from sandbox.soql import Malformed, parse
from sandbox.wire import Request

DATA = "/services/data/v59.0"
LEAD = f"{DATA}/sobjects/Lead"
BYRON = {"LastName": "Byron", "Company": "Analytical"}


def new(salesforce: Caller, object: str = "Lead", **fields: Any) -> str:
    defaults = BYRON if object == "Lead" else {"LastName": "Byron"} if object == "Contact" else {}
    id: str = salesforce.ok("POST", f"{DATA}/sobjects/{object}", {**defaults, **fields})["id"]
    return id


def ask(salesforce: Caller, soql: str, path: str = "query", **headers: str) -> tuple[int, Any]:
    return salesforce("GET", f"{DATA}/{path}?{urlencode({'q': soql})}", **headers)


def rows(salesforce: Caller, soql: str, path: str = "query") -> list[Any]:
    status, body = ask(salesforce, soql, path)
    assert status == 200, body
    found: list[Any] = body["records"]
    return found


def names(salesforce: Caller, where: str) -> list[str]:
    return [row["LastName"] for row in rows(salesforce, f"SELECT LastName FROM Lead WHERE {where} ORDER BY LastName")]


# -- the language ------------------------------------------------------------------------------------------------------------------------


def test_soql_conditions(salesforce: Caller) -> None:
    new(salesforce, LastName="A", City="Ulm", NumberOfEmployees=5, DoNotCall=True, Email="a@x.io")
    new(salesforce, LastName="B", City="Bonn", NumberOfEmployees=50, Email="b+c@y.io")
    new(salesforce, LastName="C'n")
    assert names(salesforce, "City = 'ULM'") == ["A"]
    assert names(salesforce, "City != 'Ulm'") == ["B", "C'n"]
    assert names(salesforce, "City = null") == ["C'n"]
    assert names(salesforce, "City != null AND NumberOfEmployees >= 50") == ["B"]
    assert names(salesforce, "City IN ('ulm', 'bonn')") == ["A", "B"]
    assert names(salesforce, "City NOT IN ('Ulm', 'Bonn')") == ["C'n"]
    assert names(salesforce, "City LIKE 'b%' OR Email LIKE '%x._o'") == ["A", "B"]
    assert names(salesforce, "NOT (DoNotCall = true OR City = 'Bonn')") == ["C'n"]
    assert names(salesforce, r"LastName = 'C\'n'") == ["C'n"]
    assert names(salesforce, "Email = 'B+C@y.io'") == ["B"]
    assert names(salesforce, "DoNotCall = false AND (City = 'Bonn' OR City = null)") == ["B", "C'n"]
    assert names(salesforce, "CreatedDate >= 2026-01-01T00:00:00Z AND CreatedDate < 2026-01-01T01:00:00+01:00") == []
    assert len(names(salesforce, "CreatedDate = 2026-01-01T00:00:00.000+00:00")) == 3
    assert len(names(salesforce, "CreatedDate = TODAY")) == 3


def test_soql_order_limit_and_count(salesforce: Caller) -> None:
    for name, city in (("A", "Ulm"), ("B", "Bonn"), ("C", "Ulm"), ("D", None)):
        new(salesforce, LastName=name, City=city)
    ordered = rows(salesforce, "SELECT LastName FROM Lead ORDER BY City DESC NULLS LAST, LastName LIMIT 3 OFFSET 1")
    assert [row["LastName"] for row in ordered] == ["C", "B", "D"]
    assert ask(salesforce, "SELECT COUNT() FROM Lead WHERE City = 'Ulm'")[1] == {"totalSize": 2, "done": True, "records": []}
    assert rows(salesforce, "SELECT COUNT(Id) n, MAX(LastName) FROM Lead")[0]["n"] == 4
    grouped = rows(salesforce, "SELECT City, COUNT(Id) n FROM Lead WHERE City != null GROUP BY City")
    assert {row["City"]: row["n"] for row in grouped} == {"Ulm": 2, "Bonn": 1}


def test_soql_parents(salesforce: Caller) -> None:
    account = new(salesforce, "Account", Name="Firma")
    contact = new(salesforce, "Contact", AccountId=account)
    (row,) = rows(salesforce, "SELECT Id, Account.Name, Owner.Email, Account.Owner.Name FROM Contact WHERE Account.Name = 'Firma'")
    assert (row["Id"], row["Account"]["Name"], row["Owner"]["Email"]) == (contact, "Firma", "hub@firma.example")
    assert row["Account"]["Owner"]["Name"] == "Hub User"
    assert rows(salesforce, "SELECT Account.Name, MasterRecordId FROM Contact")[0]["Account"]["attributes"]["type"] == "Account"
    new(salesforce, "Contact")
    assert [row["Account"] for row in rows(salesforce, "SELECT Account.Name FROM Contact WHERE AccountId = null")] == [None]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FORM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE City = 'a' AND City = 'b' OR City = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE City = 'a", "MALFORMED_QUERY"),
        ("SELECT Nonsense FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Nobody.Name FROM Lead", "INVALID_FIELD"),
    ],
)
def test_soql_refusals(salesforce: Caller, soql: str, code: str) -> None:
    status, body = ask(salesforce, soql)
    assert (status, body[0]["errorCode"]) == (400, code)


def test_soql_parses_into_plain_data() -> None:
    query = parse("select Id, Account.Name from Contact where (A = 1 or B like 'x%') and not C = null order by D desc limit 5")
    assert (query.fields, query.object, query.limit, query.order[0].descending) == (("Id", "Account.Name"), "Contact", 5, True)
    with pytest.raises(Malformed):
        parse("select Id from Lead limit x")


# -- pages and stamps --------------------------------------------------------------------------------------------------------------------


def test_sf_27_pages_by_locator(salesforce: Caller) -> None:
    salesforce.app.plant({"last_name": f"L{n}"} for n in range(2086))
    status, first = ask(salesforce, "SELECT Id FROM Lead ORDER BY SystemModstamp, Id")
    assert (status, first["totalSize"], first["done"], len(first["records"])) == (200, 2086, False, 2000)
    last = salesforce.ok("GET", first["nextRecordsUrl"])
    assert (last["totalSize"], last["done"], len(last["records"]), "nextRecordsUrl" in last) == (2086, True, 86, False)
    assert len(ask(salesforce, "SELECT Id FROM Lead", sforce_query_options="batchSize=250")[1]["records"]) == 250
    assert len(ask(salesforce, "SELECT Id FROM Lead", sforce_query_options="batchSize=5")[1]["records"]) == 200
    salesforce.advance(2 * 86400 + 1)
    assert salesforce("GET", first["nextRecordsUrl"])[1][0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_sf_28_query_all_sees_deleted_rows_on_every_page(salesforce: Caller) -> None:
    salesforce.app.plant({"last_name": f"L{n}"} for n in range(2100))
    salesforce.act("delete", object="Lead", all=True)
    assert rows(salesforce, "SELECT Id FROM Lead") == []
    _, first = ask(salesforce, "SELECT Id, IsDeleted FROM Lead", "queryAll")
    assert "/query/" in first["nextRecordsUrl"]
    assert {row["IsDeleted"] for row in salesforce.ok("GET", first["nextRecordsUrl"])["records"]} == {True}


def test_sf_29_whole_seconds_and_many_ties(salesforce: Caller) -> None:
    salesforce.app.plant({"last_name": f"L{n}"} for n in range(2500))
    salesforce.advance(60.7)
    salesforce.act("edit", object="Lead", all=True, fields={"City": "Ulm"})
    seen: list[str] = []
    last = "000000000000000AAA"
    while True:
        where = f"SystemModstamp > 2026-01-01T00:01:00Z OR (SystemModstamp = 2026-01-01T00:01:00Z AND Id > '{last}')"
        page = rows(salesforce, f"SELECT Id, SystemModstamp FROM Lead WHERE {where} ORDER BY SystemModstamp, Id LIMIT 1000")
        if not page:
            break
        assert {row["SystemModstamp"] for row in page} == {"2026-01-01T00:01:00.000+0000"}
        seen.extend(row["Id"] for row in page)
        last = seen[-1]
    assert (len(seen), len(set(seen))) == (2500, 2500)


def test_sf_30_raw_plus_and_long_urls(salesforce: Caller) -> None:
    raw = "SELECT+Id+FROM+Lead+WHERE+CreatedDate>2026-01-01T00:00:00+00:00"
    assert salesforce("GET", f"{DATA}/query?q={raw}")[1][0]["errorCode"] == "MALFORMED_QUERY"
    assert salesforce("GET", f"{DATA}/query?q={raw.replace('+00:00', '%2B00:00')}")[0] == 200
    assert salesforce("GET", f"{DATA}/query?q={'x' * 17000}")[0] == 414
    assert salesforce("GET", f"{DATA}/limits", x_filler="x" * 17000)[0] == 431


def test_sf_31_late_commit(salesforce: Caller) -> None:
    salesforce.advance(600)
    first = new(salesforce)
    late = salesforce.act("create", object="Lead", fields=BYRON, stamp_back_s=300)["id"]
    ordered = rows(salesforce, "SELECT Id FROM Lead ORDER BY SystemModstamp, Id")
    assert [row["Id"] for row in ordered] == [late, first]


def test_sf_32_system_work_and_edited_dates(salesforce: Caller) -> None:
    id = new(salesforce)
    salesforce.advance(60)
    salesforce.act("edit", object="Lead", id=id, internal=True)
    row = salesforce.ok("GET", f"{LEAD}/{id}")
    assert (row["SystemModstamp"], row["LastModifiedDate"]) == ("2026-01-01T00:01:00.000+0000", "2026-01-01T00:00:00.000+0000")
    salesforce.act("edit", object="Lead", id=id, fields={"LastModifiedDate": "2020-01-01T00:00:00Z"})
    assert salesforce.ok("GET", f"{LEAD}/{id}")["LastModifiedDate"] == "2020-01-01T00:00:00.000+0000"


def test_sf_33_a_stamp_that_cannot_be_filtered(salesforce: Caller) -> None:
    salesforce.set(unfilterable=["Contact.SystemModstamp"])
    fields = {field["name"]: field for field in salesforce.ok("GET", f"{DATA}/sobjects/Contact/describe")["fields"]}
    assert fields["SystemModstamp"]["filterable"] is False
    assert ask(salesforce, "SELECT Id FROM Contact WHERE SystemModstamp > 2026-01-01T00:00:00Z")[0] == 400


def feed(salesforce: Caller, what: str, start: str, end: str) -> tuple[int, Any]:
    return salesforce("GET", f"{LEAD}/{what}/?{urlencode({'start': start, 'end': end})}")


def test_sf_34_replication_feeds(salesforce: Caller) -> None:
    kept, gone = new(salesforce), new(salesforce)
    salesforce.advance(60)
    salesforce.ok("DELETE", f"{LEAD}/{gone}")
    salesforce.advance(60)
    salesforce.set(open_transaction_s=30)
    window = ("2026-01-01T00:00:00+00:00", "2026-01-01T00:02:00+00:00")
    deleted = feed(salesforce, "deleted", *window)[1]
    assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2026-01-01T00:01:00.000+0000"}]
    assert deleted["earliestDateAvailable"] == "2025-12-17T00:02:00.000+0000"
    updated = feed(salesforce, "updated", *window)[1]
    assert updated == {"ids": [kept], "latestDateCovered": "2026-01-01T00:01:30.000+0000"}


def test_sf_34_replication_refusals(salesforce: Caller) -> None:
    now, old = "2026-01-01T00:00:00+00:00", "2025-11-01T00:00:00+00:00"
    for what, start, end in (("deleted", old, now), ("updated", old, now), ("updated", now, now)):
        assert feed(salesforce, what, start, end)[1][0]["errorCode"] == "INVALID_REPLICATION_DATE"
    new(salesforce)
    salesforce.set(updated_limit=0)
    assert feed(salesforce, "updated", "2025-12-31T00:00:00Z", "2026-01-02T00:00:00Z")[1][0]["errorCode"] == "EXCEEDED_ID_LIMIT"


# -- endings -----------------------------------------------------------------------------------------------------------------------------


def test_sf_35_converted_leads(salesforce: Caller) -> None:
    id = new(salesforce, Email="a@b.io", City="Ulm", Leadloom_Key__c="k")
    done = salesforce.act("convert", object="Lead", id=id)
    row = salesforce.ok("GET", f"{LEAD}/{id}")
    assert (row["IsConverted"], row["ConvertedContactId"], row["ConvertedDate"]) == (True, done["contact"], "2026-01-01")
    contact = salesforce.ok("GET", f"{DATA}/sobjects/Contact/{done['contact']}")
    assert (contact["Email"], contact["MailingCity"], contact["Leadloom_Key__c"]) == ("a@b.io", "Ulm", None)
    for path in (id, "Leadloom_Key__c/k"):
        assert salesforce("PATCH", f"{LEAD}/{path}", {"City": "Bonn"})[1][0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    salesforce.set(edit_converted_leads=True)
    assert salesforce("PATCH", f"{LEAD}/{id}", {"City": "Bonn"})[0] == 204


def test_sf_36_rest_cannot_convert(salesforce: Caller) -> None:
    id = new(salesforce)
    assert salesforce("PATCH", f"{LEAD}/{id}", {"IsConverted": True})[1][0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert salesforce("POST", f"{LEAD}/merge", {})[0] == 404


def soap(salesforce: Caller, body: str, version: str = "59.0") -> tuple[int, str]:
    head = f"<Header><SessionHeader><sessionId>{salesforce.app.token}</sessionId></SessionHeader></Header>"
    envelope = f"<Envelope>{head}<Body>{body}</Body></Envelope>".encode()
    reply = salesforce.app.handle(Request("POST", f"/services/Soap/u/{version}", {"host": "x"}, envelope))
    return reply.status, reply.encode().decode()


@pytest.mark.parametrize(("version", "status"), [("59.0", 200), ("65.0", 500)])
def test_sf_02_soap_login(salesforce: Caller, version: str, status: int) -> None:
    body = "<login><username>hub@firma.example</username><password>sandbox-salesforce-password</password></login>"
    got, text = soap(salesforce, body, version)
    assert got == status
    if status == 200:
        session = text.split("<sessionId>")[1].split("</")[0]
        assert salesforce("GET", f"{DATA}/limits", authorization=f"Bearer {session}")[0] == 200


def test_sf_37_merge_by_soap(salesforce: Caller) -> None:
    master, loser = new(salesforce), new(salesforce, City="Ulm")
    text = f"<request><masterRecord><Id>{master}</Id></masterRecord><recordToMergeIds>{loser}</recordToMergeIds></request>"
    assert "<success>true</success>" in soap(salesforce, f"<merge>{text}</merge>")[1]
    (row,) = rows(salesforce, "SELECT Id, MasterRecordId FROM Lead WHERE IsDeleted = true AND MasterRecordId != null", "queryAll")
    assert (row["Id"], row["MasterRecordId"]) == (loser, master)
    assert salesforce("PATCH", f"{LEAD}/{loser}", {"City": "x"})[1][0]["errorCode"] == "ENTITY_IS_DELETED"
    assert salesforce.ok("GET", f"{LEAD}/{master}")["City"] == "Ulm"


def test_sf_37_merge_and_convert_by_hand(salesforce: Caller) -> None:
    master, loser = new(salesforce), new(salesforce)
    salesforce.act("merge", object="Lead", id=loser, into=master)
    done = soap(salesforce, f"<convertLead><leadConverts><leadId>{master}</leadId></leadConverts></convertLead>")[1]
    assert "<success>true</success>" in done
    status, body = salesforce("POST", "/_sandbox/act", {"do": "merge", "object": "Lead", "id": loser, "into": master})
    assert (status, "deleted" in body["error"]) == (400, True)


def test_sf_38_soft_delete_undelete_and_hard_delete(salesforce: Caller) -> None:
    id = new(salesforce, Email="a@b.io")
    salesforce.ok("DELETE", f"{LEAD}/{id}")
    assert salesforce("GET", f"{LEAD}/{id}")[0] == 404
    salesforce.act("restore", object="Lead", id=id)
    assert rows(salesforce, "SELECT Id FROM Lead WHERE Email = 'a@b.io'")[0]["Id"] == id
    salesforce.ok("DELETE", f"{LEAD}/{id}")
    salesforce.advance(15 * 86400)
    assert len(rows(salesforce, "SELECT Id FROM Lead", "queryAll")) == 1
    salesforce.advance(86400)
    assert rows(salesforce, "SELECT Id FROM Lead", "queryAll") == []
    other = new(salesforce)
    salesforce.act("purge", object="Lead", id=other)
    assert rows(salesforce, "SELECT Id FROM Lead", "queryAll") == []


def test_sf_47_an_emptied_bin_is_gone_in_a_day(salesforce: Caller) -> None:
    id = new(salesforce)
    salesforce.ok("DELETE", f"{LEAD}/{id}")
    assert "<success>true</success>" in soap(salesforce, f"<emptyRecycleBin><ids>{id}</ids></emptyRecycleBin>")[1]
    assert len(rows(salesforce, "SELECT Id FROM Lead", "queryAll")) == 1
    salesforce.advance(86400)
    assert rows(salesforce, "SELECT Id FROM Lead", "queryAll") == []


def test_rows_can_be_hidden_from_the_integration_user(salesforce: Caller) -> None:
    id = new(salesforce, Email="a@b.io")
    salesforce.act("hide", object="Lead", id=id)
    assert (salesforce("GET", f"{LEAD}/{id}")[0], rows(salesforce, "SELECT Id FROM Lead", "queryAll")) == (404, [])
    salesforce.act("hide", object="Lead", id=id, off=True)
    assert rows(salesforce, "SELECT Id FROM Lead WHERE Email = 'a@b.io'")[0]["Id"] == id
