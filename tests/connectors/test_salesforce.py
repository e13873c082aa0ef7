"""Salesforce's dialect, over real HTTP against the sandbox."""

from __future__ import annotations

import contextlib
import json

import pytest
import requests

import sandbox
from connectors import Access, connect
from connectors.base import Ending, NewField, Op, Outcome, Write
from connectors.errors import BudgetSpent, Denied, Misconfigured, Retry, Unreadable
from connectors.salesforce_records import long_id

FIELDS = ("FirstName", "LastName", "Email", "Company", "OwnerId", "opt_out:email", "opt_out:phone")
KEY = "Leadloom_Key__c"


class World:
    """An org, a person's hand in it, and our connector to it."""

    def __init__(self, ready, app):
        self.app = app
        self.base_url = ready["base_url"]
        self.ready = ready
        self.slept = []
        self.opened = []

    def open(self, secrets=None, **options):
        given = {"session_id": self.ready["token"]} if secrets is None else secrets
        self.opened.append(connect(Access("sf", "salesforce", self.base_url, given, options), sleep=self.slept.append, pacing=False))
        return self.opened[-1]

    def control(self, method, name, body=None):
        answer = requests.request(method, f"{self.base_url}/_sandbox/{name}", json=body or {}, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def act(self, do, **body):
        return self.control("POST", "act", {"do": do, "object": "Lead", **body})

    def set(self, **switches):
        self.control("POST", "settings", switches)

    def later(self, seconds=3600):
        self.control("POST", "clock", {"advance_s": seconds})

    def fault(self, fault, path="*", method="*", times=1, **more):
        self.control("POST", "faults", {"match": {"method": method, "path": path}, "fault": fault, "times": times, **more})

    def rows(self, object="Lead"):
        return {row["Id"]: row for row in self.control("GET", "records")[object]}

    def ids(self, object="Lead"):
        return sorted(id for id, row in self.rows(object).items() if not row.get("IsDeleted"))

    def sent(self, path=""):
        return [r for r in self.control("GET", "requests") if path in r["path"] and "/_sandbox/" not in r["path"]]


def people(count):
    return [
        {"first_name": f"Ada{i}", "last_name": f"Byron{i}", "email": f"ada{i}@firma{i}.example", "company": f"Firma {i}"}
        for i in range(count)
    ]


@contextlib.contextmanager
def org(count, **options):
    with sandbox.start(seed=people(count), only=["salesforce"], **options) as running:
        world = World(running.ready["salesforce"], running.apps["salesforce"])
        try:
            yield world
        finally:
            for connector in world.opened:
                connector.close()


@pytest.fixture
def world():
    with org(5) as made:
        yield made


@pytest.fixture
def crm(world):
    return world.open()


def walk(crm, cursor=None, fields=FIELDS, object="Lead"):
    pages = list(crm.changes(object, cursor, fields))
    return [record for page in pages for record in page.records], pages[-1].cursor


def create(key, **fields):
    return Write(Op.CREATE, "Lead", {"LastName": "Shelley", "Company": "Frank", **fields}, key=key)


def update(id, **fields):
    return Write(Op.UPDATE, "Lead", fields, id=id)


def outcomes(receipts):
    return [receipt.outcome.value for receipt in receipts]


# Reading


def test_the_first_walk_reads_two_thousand_a_page():
    with org(4_100) as world:
        crm = world.open()
        records, _ = walk(crm)
        assert len({record.id for record in records}) == 4_100
        assert crm.calls() == {"meta": 1, "read": 3}


def test_a_quiet_walk_costs_one_query(world, crm):
    _, cursor = walk(crm)
    world.later()
    before = crm.calls()["read"]
    _, cursor = walk(crm, cursor)
    records, _ = walk(crm, cursor)
    assert records == []
    assert crm.calls()["read"] == before + 2


def test_an_edit_is_seen_with_its_value(world, crm):
    first, *_ = world.ids()
    _, cursor = walk(crm)
    world.later()
    _, cursor = walk(crm, cursor)
    world.act("edit", id=first, fields={"FirstName": "Augusta"})
    assert [(r.id, r.fields["FirstName"]) for r in walk(crm, cursor)[0]] == [(first, "Augusta")]


@pytest.mark.parametrize("first", [True, False])
def test_stopping_after_any_page_and_resuming_loses_nothing_among_equal_stamps(first):
    with org(4_100) as world:
        cursor = None if first else walk(world.open())[1]
        seen = set()
        for _ in range(3):
            page = next(world.open().changes("Lead", cursor, FIELDS))
            seen |= {record.id for record in page.records}
            cursor = page.cursor
        assert len(seen) == 4_100


def test_an_expired_locator_goes_on_from_the_last_row():
    with org(4_100) as world:
        pages = world.open().changes("Lead", None, FIELDS)
        seen = {record.id for record in next(pages).records}
        world.later(3 * 86_400)
        seen |= {record.id for page in pages for record in page.records}
        assert len(seen) == 4_100


def test_values_come_verbatim_and_opt_outs_as_flags(crm):
    record = next(record for record in walk(crm)[0] if record.fields["FirstName"] == "Ada0")
    assert record.fields["opt_out:email"] is False
    assert record.fields["Company"] == "Firma 0"
    assert record.id == long_id(record.id)
    assert record.changed_at is not None


def test_a_field_that_we_may_not_see_is_not_observed(world):
    record = walk(world.open(), fields=("FirstName", "No_Such__c"))[0][0]
    assert list(record.fields) == ["FirstName"]


def test_deleted_merged_and_converted_are_told_apart(world, crm):
    one, two, three, four, *_ = world.ids()
    _, cursor = walk(crm)
    world.later()
    _, cursor = walk(crm, cursor)
    world.act("delete", id=one)
    world.act("merge", id=two, into=three)
    contact = world.act("convert", id=four)["contact"]
    seen = {record.id: (record.ending, record.moved_to) for record in walk(crm, cursor)[0]}
    assert seen[one] == (Ending.DELETED, None)
    assert seen[two] == (Ending.MERGED, ("Lead", three))
    assert seen[four] == (Ending.CONVERTED, ("Contact", contact))


def test_a_restored_record_comes_back(world, crm):
    first, *_ = world.ids()
    world.act("delete", id=first)
    _, cursor = walk(crm)
    world.act("restore", id=first)
    assert {record.id: record.ending for record in walk(crm, cursor)[0]}[first] is None


def test_get_answers_every_id_once_and_tells_endings(world, crm):
    first, second, *_ = world.ids()
    world.act("delete", id=second)
    got = {record.id: record.ending for record in crm.get("Lead", [first, second, first, "00Q000000000009ZZZ", "x'"], FIELDS)}
    assert got == {first: None, second: Ending.DELETED, "00Q000000000009ZZZ": Ending.MISSING, "x'": Ending.MISSING}


def test_an_empty_request_makes_no_call(crm):
    assert (crm.get("Lead", [], FIELDS), crm.write("Lead", [])) == ([], [])
    assert crm.calls() == {}


@pytest.mark.parametrize("value", ["o'neil+x@firma.example", 'quo"te@firma.example'])
def test_find_escapes_and_verifies(world, crm, value):
    crm.write("Lead", [create("k1", LastName="O'Neil \\ Sons", Email="o'neil+x@firma.example")])
    found = crm.find("Lead", "Email", [value], ("LastName",))
    assert [record.fields["LastName"] for record in found] == (["O'Neil \\ Sons"] if "neil" in value else [])


def test_a_contact_s_company_is_its_account_s_name(world, crm):
    first, *_ = world.ids()
    contact = world.act("convert", id=first)["contact"]
    (record,) = crm.get("Contact", [contact], ("LastName", "Account.Name"))
    assert record.fields["Account.Name"] == world.rows()[first]["Company"]
    assert crm.describe("Contact").fields["Account.Name"].writable is False


@pytest.mark.parametrize(("short", "long"), [("00Q000000000001", "00Q000000000001EAA"), ("001D000000IqhSL", "001D000000IqhSLIAZ")])
def test_ids_are_joined_in_their_long_form(short, long):
    assert long_id(short) == long
    assert long_id(long) == long


# Writing


def test_creates_leave_two_hundred_at_a_time_and_are_read_back(world, crm):
    receipts = crm.write("Lead", [create(f"k{i}", Email=f"Mary{i}@Firma.example") for i in range(401)])
    assert set(outcomes(receipts)) == {"created"}
    assert crm.calls() == {"meta": 1, "write": 3, "read": 3}
    assert [receipt.record.fields["Email"] for receipt in receipts] == [f"mary{i}@firma.example" for i in range(401)]
    shown = world.rows()
    assert [shown[receipt.id][KEY] for receipt in receipts] == [f"k{i}" for i in range(401)]


def test_a_bad_row_does_not_sink_its_neighbours(world, crm):
    first, second, third, *_ = world.ids()
    writes = [update(first, FirstName="A"), update(second, Email="no address"), update(third, FirstName="x" * 41)]
    receipts = crm.write("Lead", writes)
    assert outcomes(receipts) == ["updated", "rejected", "rejected"]
    assert [(receipt.cause, receipt.field) for receipt in receipts[1:]] == [("invalid_email", "Email"), ("too_long", "FirstName")]


def test_the_same_create_twice_gives_one_record(world, crm):
    writes = [create("k1")]
    first, second = crm.write("Lead", writes)[0], crm.write("Lead", writes)[0]
    assert first.id == second.id
    assert len(world.ids()) == 6


def test_one_key_twice_in_one_call_is_sent_in_two(world, crm):
    receipts = crm.write("Lead", [create("k1"), create("k1", FirstName="Mary")])
    assert receipts[0].id == receipts[1].id
    assert len(world.ids()) == 6


def test_none_clears_and_false_is_no_null(world, crm):
    first, *_ = world.ids()
    (receipt,) = crm.write("Lead", [update(first, FirstName=None)])
    assert receipt.record is not None
    assert receipt.record.fields == {"FirstName": None}


def test_what_is_required_and_missing_is_named(crm):
    (receipt,) = crm.write("Lead", [Write(Op.CREATE, "Lead", {"LastName": "Shelley"}, key="k1")])
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "required_missing", "Company")


@pytest.mark.parametrize(("name", "cause"), [("No_Such__c", "unknown_field"), ("Name", "read_only")])
def test_a_field_that_cannot_be_written_never_leaves(world, crm, name, cause):
    first, second, *_ = world.ids()
    receipts = crm.write("Lead", [update(first, **{name: "x"}), update(second, FirstName="B")])
    assert outcomes(receipts) == ["rejected", "updated"]
    assert (receipts[0].cause, receipts[0].field) == (cause, name)


def test_opt_outs_are_set_and_never_taken_back(world, crm):
    first, second, *_ = world.ids()
    receipts = crm.write(
        "Lead", [update(first, **{"opt_out:email": True, "opt_out:phone": True}), update(second, **{"opt_out:email": False})]
    )
    assert outcomes(receipts) == ["updated", "rejected"]
    assert receipts[0].record.fields == {"opt_out:email": True, "opt_out:phone": True}
    assert receipts[1].cause == "loosens_consent"
    assert (world.rows()[first]["HasOptedOutOfEmail"], world.rows()[first]["DoNotCall"]) == (True, True)


def test_an_assignment_rule_does_not_overwrite_our_owner(world, crm):
    queue = next(owner for owner in crm.owners() if owner.kind == "queue")
    (receipt,) = crm.write("Lead", [create("k1", OwnerId=queue.id)])
    assert world.rows()[receipt.id]["OwnerId"] == queue.id


def test_an_inactive_owner_is_refused_by_name(world, crm):
    first, *_ = world.ids()
    ivo = next(owner for owner in crm.owners() if owner.email == "ivo@firma.example")
    (receipt,) = crm.write("Lead", [update(first, OwnerId=ivo.id)])
    assert (ivo.active, receipt.cause) == (False, "inactive_owner")


def test_an_update_of_a_deleted_merged_or_converted_lead_is_gone(world, crm):
    one, two, three, four, *_ = world.ids()
    world.act("delete", id=one)
    world.act("merge", id=two, into=three)
    contact = world.act("convert", id=four)["contact"]
    receipts = crm.write("Lead", [update(id, FirstName="X") for id in (one, two, four, "00Q000000000009ZZZ")])
    assert outcomes(receipts) == ["gone"] * 4
    assert [receipt.record.ending for receipt in receipts] == [Ending.DELETED, Ending.MERGED, Ending.CONVERTED, Ending.MISSING]
    assert receipts[2].record.moved_to == ("Contact", contact)


def test_a_create_whose_key_was_converted_says_where_it_went(world, crm):
    (made,) = crm.write("Lead", [create("k1")])
    contact = world.act("convert", id=made.id)["contact"]
    (receipt,) = crm.write("Lead", [create("k1")])
    assert receipt.outcome is Outcome.GONE
    assert receipt.record.moved_to == ("Contact", contact)


def test_a_delete_is_soft(world, crm):
    first, *_ = world.ids()
    assert outcomes(crm.write("Lead", [Write(Op.DELETE, "Lead", id=first)])) == ["deleted"]
    assert first not in world.ids()


# Trouble


@pytest.mark.parametrize("fault", ["500", "503", "504", "reset", "timeout_before", "timeout_after", "html", "empty", "truncate"])
def test_a_lost_answer_to_a_collection_is_unknown_after_one_request(world, crm, fault):
    crm.describe("Lead")
    world.fault(fault, path="*/composite/*")
    receipts = crm.write("Lead", [create(f"k{i}") for i in range(3)])
    assert outcomes(receipts) == ["unknown"] * 3
    assert crm.calls()["write"] == 1


def test_two_silent_calls_in_a_row_leave_the_rest_for_the_next_run(world, crm):
    world.fault("timeout_before", path="*/composite/*", times=9)
    receipts = crm.write("Lead", [create(f"k{i}") for i in range(601)])
    assert outcomes(receipts) == ["unknown"] * 400 + ["not_sent"] * 201
    assert isinstance(receipts[-1].error, Retry)


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "504", "423", "reset", "timeout_before", "timeout_after"])
def test_a_troubled_read_is_repeated(world, crm, fault):
    crm.describe("Lead")
    world.fault(fault, path="*/query*")
    assert len(walk(crm)[0]) == 5
    assert crm.calls()["read"] == 2


@pytest.mark.parametrize("fault", ["html", "empty", "truncate"])
def test_a_read_that_is_no_json_stops_the_account(world, crm, fault):
    world.fault(fault, path="*/query*", times=9)
    with pytest.raises((Unreadable, Retry)):
        walk(crm)


def test_an_ended_session_is_renewed_once_and_the_write_goes_again(world):
    crm = world.open({"session_id": "ended", "client_id": "sandbox", "client_secret": "sandbox-salesforce-secret"})
    assert outcomes(crm.write("Lead", [create("k1")])) == ["created"]
    assert crm.calls()["auth"] == 1


def test_a_session_that_cannot_be_renewed_is_denied_and_never_shown(world):
    with pytest.raises(Denied) as told:
        walk(world.open({"session_id": "ended-secret-session"}))
    assert "ended-secret-session" not in f"{told.value} {told.value!r} {told.value.__context__!r}"


def test_a_wrong_client_secret_is_denied_after_one_try(world):
    crm = world.open({"client_id": "sandbox", "client_secret": "wrong-secret"})
    with pytest.raises(Denied) as told:
        walk(crm)
    assert "wrong-secret" not in str(told.value)
    assert crm.calls() == {"auth": 1}


def test_a_spent_day_stops_the_account_with_the_numbers():
    with org(1, limits="vendor") as world:
        crm = world.open()
        crm.describe("Lead")
        world.set(others_spent=15_000)
        with pytest.raises(BudgetSpent, match="24 hours"):
            walk(crm)


def test_messages_hold_no_personal_data(world, crm):
    first, second, *_ = world.ids()
    receipts = crm.write("Lead", [update(first, Email="Augusta is no address"), update(second, LastName="Lovelace" * 20)])
    told = json.dumps([[receipt.cause, receipt.message] for receipt in receipts])
    assert "Augusta" not in told
    assert "Lovelace" not in told


# The org


def test_identity_is_the_org_and_our_user(crm):
    identity = crm.identity()
    assert identity.key.startswith("00D")
    assert identity.user_email == "hub@firma.example"


def test_owners_are_users_and_queues(crm):
    owners = crm.owners()
    assert {owner.kind for owner in owners} == {"user", "queue"}
    assert "Inbound" in {owner.name for owner in owners}


def test_describe_tells_types_lengths_and_what_is_required(crm):
    fields = crm.describe("Lead").fields
    assert (fields["LastName"].length, fields["LastName"].required, fields["Company"].required) == (80, True, True)
    assert (fields["OwnerId"].type, fields["NumberOfEmployees"].type, fields[KEY].unique) == ("owner", "int", True)
    assert fields["opt_out:email"].type == "bool"


@pytest.mark.parametrize("kind", ["text", "long_text", "int", "bool", "date", "datetime", "option"])
def test_a_field_is_created_once_and_visible(crm, kind):
    field = NewField("leadloom_new_one", "New", kind, options=("a", "b") if kind == "option" else ())
    first, second = crm.create_field("Lead", field), crm.create_field("Lead", field)
    assert first == second
    assert (first.name, first.type) == ("Leadloom_New_One__c", kind)


def test_an_org_without_our_key_is_said():
    with org(0, bare=True) as world:
        (receipt,) = world.open().write("Lead", [create("k1")])
    assert receipt.outcome is Outcome.NOT_SENT
    assert isinstance(receipt.error, Misconfigured)


def test_another_object_is_refused(crm):
    with pytest.raises(Misconfigured):
        crm.describe("Opportunity")


# Settings that differ from org to org


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
@pytest.mark.parametrize("rule", ["alert", "block"])
def test_what_a_duplicate_rule_matched_is_adopted(world, crm, rule, key):
    world.set(duplicate_rule=rule, duplicate_result_key=key)
    first, *_ = world.ids()
    known = world.rows()[first]
    receipts = crm.write("Lead", [create("k1", LastName=known["LastName"], Email=known["Email"]), create("k2", Email="new@firma.example")])
    assert outcomes(receipts) == ["adopted", "created"]
    assert receipts[0].id == first
    assert world.rows()[first].get(KEY) is None


@pytest.mark.parametrize("rule", ["anna@firma.example", "Inbound"])
def test_an_active_assignment_rule_is_switched_off_for_our_writes(world, crm, rule):
    world.set(assignment_rule=rule)
    ben = next(owner for owner in crm.owners() if owner.email == "ben@firma.example")
    (receipt,) = crm.write("Lead", [create("k1", OwnerId=ben.id)])
    assert world.rows()[receipt.id]["OwnerId"] == ben.id


def test_a_flag_that_is_hidden_from_us_is_neither_read_nor_written(world, crm):
    world.set(hidden_fields=["Lead.HasOptedOutOfEmail"])
    first, *_ = world.ids()
    assert "opt_out:email" not in walk(crm)[0][0].fields
    (receipt,) = crm.write("Lead", [update(first, **{"opt_out:email": True})])
    assert (receipt.outcome, receipt.cause) == (Outcome.REJECTED, "unknown_field")


def test_where_the_stamp_cannot_be_filtered_by_another_one_serves(world, crm):
    world.set(unfilterable=["Lead.SystemModstamp"])
    first, *_ = world.ids()
    _, cursor = walk(crm)
    world.act("edit", id=first, fields={"FirstName": "Augusta"})
    assert {r.id: r.fields["FirstName"] for r in walk(crm, cursor)[0]}[first] == "Augusta"


def test_a_converted_lead_that_takes_a_write_is_gone_all_the_same(world, crm):
    world.set(edit_converted_leads=True)
    first, *_ = world.ids()
    contact = world.act("convert", id=first)["contact"]
    (receipt,) = crm.write("Lead", [update(first, FirstName="X")])
    assert receipt.outcome is Outcome.GONE
    assert receipt.record.moved_to == ("Contact", contact)


def test_a_row_that_becomes_visible_late_is_not_lost(world, crm):
    _, cursor = walk(crm)
    world.later()
    _, cursor = walk(crm, cursor)
    first, *_ = world.ids()
    world.act("edit", id=first, fields={"FirstName": "Augusta"}, stamp_back_s=120)
    assert [record.id for record in walk(crm, cursor)[0]] == [first]


def test_a_locked_row_is_sent_once_more(world, crm):
    crm.describe("Lead")
    world.fault("partial", path="*/composite/*", rows=[1], code="UNABLE_TO_LOCK_ROW")
    receipts = crm.write("Lead", [create("k1"), create("k2")])
    assert outcomes(receipts) == ["created", "created"]
    assert crm.calls()["write"] == 2
    assert world.slept == [1.0]


def test_a_row_that_stays_locked_is_left_for_the_next_run(world, crm):
    crm.describe("Lead")
    world.fault("partial", path="*/composite/*", rows=[0], code="UNABLE_TO_LOCK_ROW", times=9)
    receipts = crm.write("Lead", [create("k1"), create("k2")])
    assert [(receipt.outcome.value, receipt.cause) for receipt in receipts] == [("not_sent", "locked"), ("created", "")]


def test_a_customer_s_automation_that_fails_is_said(world, crm):
    crm.describe("Lead")
    world.fault("partial", path="*/composite/*", rows=[0], code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
    (receipt,) = crm.write("Lead", [create("k1")])
    assert (receipt.outcome, receipt.cause) == (Outcome.REJECTED, "automation_failed")


def test_too_many_long_calls_at_once_are_waited_for(world, crm):
    world.fault("403", path="*/query*", code="REQUEST_LIMIT_EXCEEDED", message="ConcurrentPerOrgLongTxn Limit exceeded.")
    assert len(walk(crm)[0]) == 5


@pytest.mark.parametrize("body", ["html", "dict"])
def test_an_ended_session_in_any_shape_is_denied(world, crm, body):
    world.fault("401", body=body, times=9)
    with pytest.raises(Denied):
        walk(crm)


def test_a_signed_assertion_opens_the_org(world):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    crm = world.open({"client_id": "sandbox", "private_key": text}, username="hub@firma.example")
    assert len(walk(crm)[0]) == 5
    assert crm.calls()["auth"] == 1


# Individuals and what they consent to


def individuals(world, count: int) -> list[tuple[str, str]]:
    """(lead, individual) of so many people in an org with data privacy."""
    world.set(privacy_objects=True)
    app, made = world.app, []
    for number in range(count):
        person = app.tables["Individual"].create({"LastName": f"L{number}"}).id
        lead = app.tables["Lead"].create({"LastName": f"L{number}", "Company": "C", "IndividualId": person}).id
        made.append((lead, person))
    return made


def agreed(world, person: str, status: str = "OptIn", **more) -> str:
    fields = {"Name": "c", "PartyId": person, "ContactPointType": "Email", "PrivacyConsentStatus": status, "CaptureSource": "form"}
    captured = {"CaptureDate": "2026-01-01T00:00:00.000+0000", "CaptureContactPointType": "Web"}
    return world.app.tables["ContactPointTypeConsent"].create({**fields, **captured, **more}).id


def change(world, object: str, id: str, **fields) -> None:
    table = world.app.tables[object]
    table.update(table.rows[id], fields)


CONSENT = "consent:Email"


def test_an_org_without_data_privacy_has_no_such_fields(crm):
    assert not any(name.startswith(("consent:", "Individual.")) for name in crm.describe("Lead").fields)


def test_the_strictest_of_several_consents_is_shown_and_one_that_is_over_is_none(world):
    (one, two, three) = individuals(world, 3)
    for person, statuses in ((one[1], ("OptIn", "OptOut")), (two[1], ("Seen", "OptIn"))):
        for status in statuses:
            agreed(world, person, status)
    agreed(world, three[1], "OptIn", EffectiveTo="2026-01-02T00:00:00.000+0000")
    shown = world.open().get("Lead", [one[0], two[0], three[0]], [CONSENT])
    assert [record.fields[CONSENT] for record in shown] == ["OptOut", "Seen", "NotSeen"]


def test_a_record_without_an_individual_shows_nothing(world):
    individuals(world, 1)
    lone = world.app.tables["Lead"].create({"LastName": "A", "Company": "C"}).id
    (record,) = world.open().get("Lead", [lone], [CONSENT, "Individual.HasOptedOutSolicit"])
    assert record.fields == {CONSENT: None, "Individual.HasOptedOutSolicit": None}


def test_a_change_of_an_individual_or_its_consent_is_a_change_of_the_record(world):
    people = individuals(world, 3)
    consent, crm = agreed(world, people[0][1]), world.open()
    *_, page = crm.changes("Lead", None, [CONSENT])
    world.later(7200)
    *_, page = crm.changes("Lead", page.cursor, [CONSENT])
    world.later(7200)
    change(world, "ContactPointTypeConsent", consent, PrivacyConsentStatus="OptOut")
    change(world, "Individual", people[1][1], HasOptedOutSolicit=True)
    records = [record for page in crm.changes("Lead", page.cursor, [CONSENT, "Individual.HasOptedOutSolicit"]) for record in page.records]
    assert [(record.id, dict(record.fields)) for record in records] == [
        (people[0][0], {CONSENT: "OptOut", "Individual.HasOptedOutSolicit": False}),
        (people[1][0], {CONSENT: "NotSeen", "Individual.HasOptedOutSolicit": True}),
    ]


def test_many_noes_are_one_call_and_read_back(world):
    people = individuals(world, 50)
    for _, person in people[:25]:
        agreed(world, person)
    crm = world.open()
    crm.describe("Lead")
    before = len(world.sent())
    receipts = crm.write("Lead", [update(lead, **{CONSENT: "OptOut"}) for lead, _ in people])
    assert [receipt.record.fields for receipt in receipts] == [{CONSENT: "OptOut"}] * 50
    assert [request["method"] for request in world.sent()[before:] if request["method"] != "GET"] == ["PATCH", "POST"]


def test_a_refused_no_of_an_individual_leaves_its_record_unwritten_and_the_others_alone(world):
    (one, two) = individuals(world, 2)
    agreed(world, one[1])
    agreed(world, two[1])
    world.fault("partial", method="PATCH", path="*composite/sobjects*", rows=[0], code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
    receipts = world.open().write("Lead", [update(lead, **{CONSENT: "OptOut", "Title": "X"}) for lead, _ in (one, two)])
    assert [(receipt.outcome, receipt.cause) for receipt in receipts] == [(Outcome.REJECTED, "opt_out_refused"), (Outcome.UPDATED, "")]
    assert [world.rows()[lead]["Title"] for lead, _ in (one, two)] == [None, "X"]


@pytest.mark.parametrize("value", ["OptIn", "Seen", None])
def test_no_consent_of_an_individual_is_given_by_us(world, value):
    ((lead, person),) = individuals(world, 1)
    agreed(world, person, "OptOut")
    (receipt,) = world.open().write("Lead", [update(lead, **{CONSENT: value})])
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "loosens_consent", CONSENT)
