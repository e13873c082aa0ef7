"""HubSpot's dialect, over real HTTP against the sandbox."""

from __future__ import annotations

import contextlib
import json

import pytest
import requests

import sandbox
from connectors import Access, connect
from connectors.base import Ending, NewField, Op, Outcome, Write
from connectors.errors import BudgetSpent, Denied, Misconfigured, Retry, Unreadable
from sandbox.messages import Clock

CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "sandbox", "sandbox-hubspot-secret", "sandbox-hubspot-refresh"
FIELDS = ("firstname", "lastname", "email", "opt_out:email", "leadloom_stage")
CONTACTS = "/crm/v3/objects/contacts"


class World:
    """A portal, a person's hand in it, and our connector to it."""

    def __init__(self, base_url, token):
        self.base_url = base_url
        self.token = token
        self.slept = []
        self.opened = []

    def open(self, **options):
        secrets = options.pop("secrets", None) or {"token": options.pop("token", self.token)}
        access = Access("hub", "hubspot", self.base_url, secrets, options)
        self.opened.append(connect(access, sleep=self.slept.append, pacing=False))
        return self.opened[-1]

    def control(self, method, name, body=None):
        answer = requests.request(method, f"{self.base_url}/_sandbox/{name}", json=body or {}, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def act(self, do, **body):
        return self.control("POST", "act", {"do": do, **body})

    def set(self, **switches):
        self.control("POST", "settings", switches)

    def fault(self, fault, path="*", method="*", times=1, **more):
        self.control("POST", "faults", {"match": {"method": method, "path": path}, "fault": fault, "times": times, **more})

    def contacts(self):
        return {row["id"]: row["properties"] for row in self.control("GET", "records")["contacts"]}

    def sent(self, path=""):
        return [r for r in self.control("GET", "requests") if path in r["path"] and "/_sandbox/" not in r["path"]]


def people(count):
    return [{"first_name": f"Ada{i}", "last_name": f"Byron{i}", "email": f"ada{i}@firma.example"} for i in range(count)]


@contextlib.contextmanager
def portal(count):
    with sandbox.start(seed=people(count), only=["hubspot"]) as running:
        ready = running.ready["hubspot"]
        world = World(ready["base_url"], ready["token"])
        try:
            yield world
        finally:
            for connector in world.opened:
                connector.close()


@pytest.fixture
def world():
    with portal(5) as made:
        yield made


@pytest.fixture
def crm(world):
    return world.open()


def walk(crm, cursor=None, fields=FIELDS):
    pages = list(crm.changes("contacts", cursor, fields))
    return [record for page in pages for record in page.records], pages[-1].cursor


def create(key, **fields):
    return Write(Op.CREATE, "contacts", fields, key=key)


def update(id, **fields):
    return Write(Op.UPDATE, "contacts", fields, id=id)


def outcomes(receipts):
    return [receipt.outcome.value for receipt in receipts]


# Reading


def test_the_first_walk_lists_everything_a_hundred_at_a_time():
    with portal(250) as world:
        crm = world.open()
        records, _ = walk(crm)
        assert len({record.id for record in records}) == 250
        assert crm.calls() == {"read": 3}


def test_a_quiet_walk_costs_one_search(world, crm):
    _, cursor = walk(crm)
    world.control("POST", "clock", {"advance_s": 3600})
    walk(crm, cursor)
    before = crm.calls()["search"]
    records, _ = walk(crm, walk(crm, cursor)[1])
    assert records == []
    assert crm.calls()["search"] == before + 2


def test_an_edit_is_seen_with_its_value(world, crm):
    records, cursor = walk(crm)
    world.act("edit", id=records[0].id, fields={"firstname": "Augusta"})
    seen = {record.id: record.fields["firstname"] for record in walk(crm, cursor)[0]}
    assert seen[records[0].id] == "Augusta"


def test_a_change_that_search_shows_late_is_not_lost(world, crm):
    records, cursor = walk(crm)
    world.control("POST", "clock", {"advance_s": 3600})
    _, cursor = walk(crm, cursor)
    world.set(search_lag_s=30)
    world.act("edit", id=records[0].id, fields={"firstname": "Augusta"})
    _, cursor = walk(crm, cursor)
    world.control("POST", "clock", {"advance_s": 60})
    assert records[0].id in {record.id for record in walk(crm, cursor)[0]}


def test_more_records_of_one_time_stamp_than_search_can_page_are_all_read():
    with portal(10_450) as world:
        crm = world.open()
        _, cursor = walk(crm, fields=("firstname",))
        world.control("POST", "clock", {"advance_s": 3600})
        world.act("edit", all=True, fields={"city": "Jena"})
        records, _ = walk(crm, cursor, fields=("city",))
        assert len({record.id for record in records}) == 10_450
        assert crm.calls()["search"] == 53


@pytest.mark.parametrize("first", [True, False])
def test_stopping_after_any_page_and_resuming_loses_nothing(first):
    with portal(450) as world:
        cursor = None if first else walk(world.open())[1]
        seen = set()
        while len(seen) < 450:
            page = next(world.open().changes("contacts", cursor, FIELDS))
            seen |= {record.id for record in page.records}
            cursor = page.cursor
        assert len(seen) == 450


def test_only_asked_fields_are_observed_and_empty_ones_are_none(crm):
    record = walk(crm, fields=("firstname", "city"))[0][0]
    assert record.fields == {"firstname": "Ada0", "city": None}


def test_more_properties_than_an_address_can_hold_are_read_by_batch(world):
    crm = world.open()
    wide = ["firstname", *(f"leadloom_no_such_property_{i:04}" for i in range(500))]
    records, _ = walk(crm, fields=wide)
    assert {record.fields["firstname"] for record in records} == {f"Ada{i}" for i in range(5)}


def test_get_answers_every_id_once_and_tells_endings(world, crm):
    first, second, *_ = world.contacts()
    world.act("delete", id=second)
    got = {record.id: record.ending for record in crm.get("contacts", [first, second, "99", first, "../7"], FIELDS)}
    assert got == {first: None, second: Ending.ARCHIVED, "99": Ending.MISSING, "../7": Ending.MISSING}


def test_an_empty_request_makes_no_call(crm):
    assert crm.get("contacts", [], FIELDS) == []
    assert crm.write("contacts", []) == []
    assert crm.find("contacts", "email", [], FIELDS) == []
    assert crm.calls() == {}


def test_a_merge_gives_a_new_id_and_both_old_ones_forward(world, crm):
    first, second, *_ = world.contacts()
    _, cursor = walk(crm)
    merged = world.act("merge", id=second, into=first)["id"]
    survivor = next(record for record in walk(crm, cursor)[0] if record.id == merged)
    assert set(survivor.aliases) == {first, second}
    got = crm.get("contacts", [first, second], FIELDS)
    assert [(record.ending, record.moved_to) for record in got] == [(Ending.MERGED, ("contacts", merged))] * 2


def test_ghosts_of_merged_contacts_are_not_records(world, crm):
    first, second, *_ = world.contacts()
    _, cursor = walk(crm)
    world.set(merged_ghosts=True)
    merged = world.act("merge", id=second, into=first)["id"]
    seen = {record.id for record in walk(crm, cursor)[0]}
    assert merged in seen
    assert seen.isdisjoint({first, second})


def test_archived_contacts_come_by_a_sweep(world, crm):
    first, *_ = world.contacts()
    world.act("delete", id=first)
    records = [record for page in crm.ended("contacts") for record in page.records]
    assert [(record.id, record.ending) for record in records] == [(first, Ending.ARCHIVED)]


def test_find_by_email_ignores_case_and_knows_additional_addresses(world, crm):
    first, *_ = world.contacts()
    world.act("edit", id=first, add_emails=["countess@firma.example"])
    found = crm.find("contacts", "email", ["COUNTESS@firma.example", "nobody@firma.example"], FIELDS)
    assert [record.id for record in found] == [first]


def test_find_by_another_property_is_verified(crm):
    assert [record.fields["firstname"] for record in crm.find("contacts", "lastname", ["byron3"], FIELDS)] == ["Ada3"]


# Writing


def test_creates_leave_a_hundred_at_a_time_with_a_receipt_each(world, crm):
    receipts = crm.write("contacts", [create(f"k{i}", firstname="Mary", email=f"mary{i}@firma.example") for i in range(201)])
    assert set(outcomes(receipts)) == {"created"}
    assert crm.calls() == {"write": 3}
    shown = world.contacts()
    assert [shown[receipt.id]["leadloom_key"] for receipt in receipts] == [f"k{i}" for i in range(201)]


def test_a_bad_row_does_not_sink_its_neighbours(world, crm):
    first, second, third, *_ = world.contacts()
    writes = [update(first, firstname="A"), update(second, leadloom_stage="no such"), update(third, firstname="C")]
    receipts = crm.write("contacts", writes)
    assert outcomes(receipts) == ["updated", "rejected", "updated"]
    assert (receipts[1].cause, receipts[1].field) == ("invalid_option", "leadloom_stage")
    assert crm.calls() == {"write": 1}


def test_the_same_create_twice_gives_one_record(world, crm):
    writes = [create("k1", firstname="Mary", email="mary@firma.example")]
    first, second = crm.write("contacts", writes)[0], crm.write("contacts", writes)[0]
    assert first.id == second.id
    assert len(world.contacts()) == 6


def test_a_create_of_a_known_address_adopts_and_writes_nothing(world, crm):
    (receipt,) = crm.write("contacts", [create("k1", firstname="Other", email="ADA1@firma.example")])
    assert receipt.outcome is Outcome.ADOPTED
    assert receipt.record is not None
    assert receipt.record.fields["firstname"] == "Ada1"
    assert world.contacts()[receipt.id]["firstname"] == "Ada1"


@pytest.mark.parametrize("status", [400, 409])
def test_known_addresses_among_many_creates_cost_three_calls(status):
    with portal(60) as world:
        world.set(unique_conflict_status=status)
        crm = world.open()
        receipts = crm.write("contacts", [create(f"k{i}", firstname="M", email=f"ada{i}@firma.example") for i in range(100)])
        assert outcomes(receipts) == ["adopted"] * 60 + ["created"] * 40
        assert crm.calls()["write"] == 2


def test_one_address_twice_in_a_batch_is_created_once(world, crm):
    receipts = crm.write("contacts", [create("k1", email="mary@firma.example"), create("k2", email="Mary@firma.example")])
    assert outcomes(receipts) == ["created", "adopted"]
    assert receipts[0].id == receipts[1].id


def test_an_address_that_another_contact_has_is_refused_for_an_update(world, crm):
    first, *_ = world.contacts()
    (receipt,) = crm.write("contacts", [update(first, email="ada2@firma.example")])
    assert (receipt.outcome, receipt.cause, receipt.field) == (Outcome.REJECTED, "email_taken", "email")


def test_none_clears_and_reads_back_as_cleared(world, crm):
    first, *_ = world.contacts()
    (receipt,) = crm.write("contacts", [update(first, firstname=None)])
    assert receipt.record is not None
    assert receipt.record.fields == {"firstname": None}
    assert not world.contacts()[first].get("firstname")


def test_a_stage_that_only_moves_forward_shows_as_not_applied(world, crm):
    first, *_ = world.contacts()
    world.act("edit", id=first, fields={"lifecyclestage": "customer"})
    (receipt,) = crm.write("contacts", [update(first, lifecyclestage="lead")])
    assert receipt.outcome is Outcome.UPDATED
    assert receipt.record is not None
    assert receipt.record.fields["lifecyclestage"] == "customer"


def test_a_property_that_does_not_exist_is_named(world, crm):
    first, second, *_ = world.contacts()
    receipts = crm.write("contacts", [update(first, no_such="x"), update(second, firstname="B")])
    assert outcomes(receipts) == ["rejected", "updated"]
    assert (receipts[0].cause, receipts[0].field) == ("unknown_field", "no_such")


@pytest.mark.parametrize("follows", [True, False])
def test_an_update_of_a_merged_contact_is_gone_and_says_where(world, crm, follows):
    first, second, *_ = world.contacts()
    world.set(patch_follows_merges=follows)
    merged = world.act("merge", id=second, into=first)["id"]
    (receipt,) = crm.write("contacts", [update(second, firstname="B")])
    assert receipt.outcome is Outcome.GONE
    assert receipt.record is not None
    assert receipt.record.moved_to == ("contacts", merged)


def test_an_update_of_an_archived_contact_is_gone(world, crm):
    first, *_ = world.contacts()
    world.act("delete", id=first)
    (receipt,) = crm.write("contacts", [update(first, firstname="B")])
    assert receipt.outcome is Outcome.GONE
    assert receipt.record is not None
    assert receipt.record.ending is Ending.ARCHIVED


def test_a_delete_archives(world, crm):
    first, *_ = world.contacts()
    assert outcomes(crm.write("contacts", [Write(Op.DELETE, "contacts", id=first)])) == ["deleted"]
    assert first not in world.contacts()


# Opt-outs


def test_an_opt_out_is_written_and_mirrored(world, crm):
    first, *_ = world.contacts()
    (receipt,) = crm.write("contacts", [update(first, **{"opt_out:email": True})])
    assert receipt.record is not None
    assert receipt.record.fields == {"opt_out:email": True}
    assert crm.get("contacts", [first], FIELDS)[0].fields["opt_out:email"] is True


def test_an_opt_out_covers_the_old_and_the_new_address_before_the_change(world, crm):
    first, *_ = world.contacts()
    crm.write("contacts", [update(first, email="new@firma.example", **{"opt_out:email": True})])
    paths = [request["path"] for request in world.sent() if request["method"] == "POST" and "batch/read" not in request["path"]]
    assert ["unsubscribe-all" in path for path in paths] == [True, True, False]
    assert world.contacts()[first]["hs_email_optout"] == "true"


def test_a_create_that_is_opted_out_is_never_mailable(world, crm):
    (receipt,) = crm.write("contacts", [create("k1", email="mary@firma.example", **{"opt_out:email": True})])
    assert receipt.record is not None
    assert receipt.record.fields["opt_out:email"] is True
    paths = [request["path"] for request in world.sent() if request["method"] == "POST"]
    assert "unsubscribe-all" in paths[0]
    assert world.contacts()[receipt.id]["hs_email_optout"] == "true"


@pytest.mark.parametrize("value", [False, None])
def test_an_opt_out_is_never_taken_back(world, crm, value):
    first, *_ = world.contacts()
    (receipt,) = crm.write("contacts", [update(first, firstname="B", **{"opt_out:email": value})])
    assert (receipt.outcome, receipt.cause) == (Outcome.REJECTED, "loosens_consent")
    assert crm.calls() == {}


def test_a_type_can_be_left_where_the_portal_wants_a_legal_basis(world, crm):
    first, *_ = world.contacts()
    world.set(data_privacy=True)
    (receipt,) = crm.write("contacts", [update(first, hs_email_optout_1001="true")])
    assert receipt.outcome is Outcome.UPDATED
    assert world.contacts()[first]["hs_email_optout_1001"] == "true"


def test_what_no_batch_confirms_is_opted_out_by_itself(world, crm):
    ids = list(world.contacts())[:3]
    world.set(enterprise=True)
    world.fault("400", path="*/statuses/batch/*")
    receipts = crm.write("contacts", [update(id, **{"opt_out:email": True}) for id in ids])
    assert outcomes(receipts) == ["updated"] * 3
    assert [world.contacts()[id]["hs_email_optout"] for id in ids] == ["true"] * 3


def test_a_record_whose_opt_out_may_be_lost_is_not_written(world, crm):
    first, *_ = world.contacts()
    world.fault("timeout_after", path="*unsubscribe-all*")
    (receipt,) = crm.write("contacts", [update(first, email="new@firma.example", **{"opt_out:email": True})])
    assert receipt.outcome is Outcome.UNKNOWN
    assert world.contacts()[first]["email"] == "ada0@firma.example"


# Trouble


@pytest.mark.parametrize("fault", ["500", "503", "504", "reset", "timeout_before", "timeout_after", "html", "empty", "truncate"])
def test_a_lost_answer_to_a_batch_is_unknown_after_one_request(world, crm, fault):
    world.fault(fault, path="*/batch/upsert")
    receipts = crm.write("contacts", [create(f"k{i}", email=f"mary{i}@firma.example") for i in range(3)])
    assert outcomes(receipts) == ["unknown"] * 3
    assert len(world.sent("batch/upsert")) <= 1
    assert crm.calls()["write"] == 1


def test_an_account_that_stops_leaves_the_rest_unsent(world, crm):
    world.fault("401", path="*/batch/upsert", after=1, times=9)
    receipts = crm.write("contacts", [create(f"k{i}", email=f"mary{i}@firma.example") for i in range(150)])
    assert outcomes(receipts) == ["created"] * 100 + ["not_sent"] * 50
    assert isinstance(receipts[-1].error, Denied)


def test_two_silent_calls_in_a_row_leave_the_rest_for_the_next_run(world, crm):
    world.fault("timeout_before", path="*/batch/upsert", times=9)
    receipts = crm.write("contacts", [create(f"k{i}", email=f"mary{i}@firma.example") for i in range(350)])
    assert outcomes(receipts) == ["unknown"] * 200 + ["not_sent"] * 150
    assert isinstance(receipts[-1].error, Retry)


def test_a_batch_that_is_answered_in_part_is_looked_up(world, crm):
    world.fault("partial", path="*/batch/upsert")
    receipts = crm.write("contacts", [create(f"k{i}", email=f"mary{i}@firma.example") for i in range(6)])
    made = {shown.get("leadloom_key") for shown in world.contacts().values()}
    assert {f"k{i}" for i, receipt in enumerate(receipts) if receipt.outcome is Outcome.CREATED} == made - {None, ""}


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "504", "423", "reset", "timeout_before", "timeout_after"])
def test_a_troubled_read_is_repeated(world, crm, fault):
    world.fault(fault, path=CONTACTS)
    assert len(walk(crm)[0]) == 5
    assert crm.calls() == {"read": 2}


@pytest.mark.parametrize("fault", ["html", "empty", "truncate"])
def test_a_read_that_is_no_json_stops_the_account(world, crm, fault):
    world.fault(fault, path=CONTACTS, times=9)
    with pytest.raises((Unreadable, Retry)):
        walk(crm)


@pytest.mark.parametrize(("unit", "waits"), [(None, 10.0), ("s", 10.0), ("ms", 10.0)])
def test_throttling_waits_in_either_unit(world, crm, unit, waits):
    world.set(retry_after={None: None, "s": "seconds", "ms": "ms"}[unit])
    world.fault("429", path=CONTACTS)
    walk(crm)
    assert world.slept == [waits]


def test_a_spent_day_stops_the_account(world, crm):
    world.fault("429", path=CONTACTS, policy="DAILY", times=9)
    with pytest.raises(BudgetSpent):
        walk(crm)


def test_a_wrong_token_is_denied_and_never_shown(world):
    with pytest.raises(Denied) as told:
        world.open(token="wrong-secret-token").identity()
    assert "wrong-secret-token" not in f"{told.value} {told.value!r}"


def test_a_public_app_renews_its_token_when_it_runs_out_and_not_before(world):
    secrets = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    crm = world.open(secrets=secrets)
    crm.identity()
    crm.identity()
    assert crm.calls()["auth"] == 1
    world.control("POST", "clock", {"advance_s": 3600})
    crm.identity()
    assert crm.calls() == {"auth": 2, "meta": 4}


def test_a_revoked_refresh_token_is_denied_after_one_try(world):
    crm = world.open(secrets={"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": "revoked-secret"})
    for _ in range(2):
        with pytest.raises(Denied) as told:
            crm.identity()
    assert "revoked-secret" not in str(told.value)
    assert crm.calls() == {"auth": 1}


def test_missing_scopes_are_named(world, crm):
    world.set(missing_scopes=["crm.objects.contacts.read"])
    with pytest.raises(Denied, match=r"crm\.objects\.contacts\.read"):
        walk(crm)


def test_messages_hold_no_personal_data(world, crm):
    first, *_ = world.contacts()
    receipts = crm.write("contacts", [update(first, email="not an address of Augusta"), create("k", email="ada1@firma.example")])
    told = json.dumps([[receipt.cause, receipt.message] for receipt in receipts])
    assert "Augusta" not in told
    assert "ada1" not in told


# The portal


def test_identity_is_the_portal(crm):
    assert crm.identity().key == "20000001"


def test_owners_include_the_inactive_ones(crm):
    assert {owner.email: owner.active for owner in crm.owners()}["ivo@firma.example"] is False


def test_describe_tells_types_options_and_what_can_be_written(crm):
    fields = crm.describe("contacts").fields
    assert (fields["email"].unique, fields["hubspot_owner_id"].type, fields["leadloom_key"].unique) == (True, "owner", True)
    assert fields["hs_email_optout"].writable is False
    assert "mql" in {option.value for option in fields["leadloom_stage"].options}


@pytest.mark.parametrize("kind", ["text", "long_text", "int", "bool", "date", "datetime", "option", "options"])
def test_a_field_is_created_once(crm, kind):
    field = NewField("leadloom_new", "New", kind, options=("a", "b") if kind.startswith("option") else ())
    first, second = crm.create_field("contacts", field), crm.create_field("contacts", field)
    assert first == second
    assert first.type == ("float" if kind == "int" else kind)


def test_a_portal_without_our_key_is_said(world):
    with sandbox.start(only=["hubspot"], bare=True) as running:
        bare = World(running.ready["hubspot"]["base_url"], running.ready["hubspot"]["token"])
        crm = bare.open()
        (receipt,) = crm.write("contacts", [create("k1", email="mary@firma.example")])
        crm.close()
    assert receipt.outcome is Outcome.NOT_SENT
    assert isinstance(receipt.error, Misconfigured)


def test_another_object_is_refused(crm):
    with pytest.raises(Misconfigured):
        crm.describe("companies")


# Pacing


def test_at_the_vendor_s_limits_nothing_is_ever_throttled():
    clock = Clock(at=1_800_000_000.0)
    with sandbox.start(seed=people(5), only=["hubspot"], limits="vendor", clock=clock) as running:
        ready = running.ready["hubspot"]
        crm = connect(Access("hub", "hubspot", ready["base_url"], {"token": ready["token"]}), clock=clock.now, sleep=clock.advance)
        _, cursor = walk(crm)
        for _ in range(12):
            walk(crm, cursor)
        for _ in range(230):
            crm.identity()
        statuses = {request["status"] for request in running.apps["hubspot"].requests()}
        crm.close()
    assert statuses == {200}
    assert 20 <= clock.now() - 1_800_000_000.0 < 40
