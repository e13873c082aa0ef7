"""What ActiveCampaign does in its own way, over real HTTP against the sandbox."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

import sandbox
from connectors import Access, connect
from connectors import activecampaign_contacts as shapes
from connectors.activecampaign import ActiveCampaign
from connectors.base import Ending, NewField, Op, Outcome, Record, Write
from connectors.errors import AccountStopped, Denied, Misconfigured, Retry, Unreadable
from sandbox.running import Running
from sandbox.wire import Clock

NOW = 1_767_225_600.0
KEY, STAGE, CITY, SCORE = "LEADLOOM_KEY", "LEADLOOM_STAGE", "LEADLOOM_CITY", "LEADLOOM_SCORE"
OPT_OUT = "opt_out:email"


class World:
    """The account behind the connector, and a person's hand in it."""

    def __init__(self, running: Running, clock: Clock) -> None:
        self.app: Any = running.apps["activecampaign"]
        self.base_url = running.ready["activecampaign"]["base_url"]
        self.clock = clock

    def connector(self, token: str | None = None, *, pacing: bool = False) -> ActiveCampaign:
        secrets = {"token": self.app.token if token is None else token}
        access = Access("ac", "activecampaign", base_url=self.base_url, secrets=secrets)
        made = connect(access, clock=self.clock.now, sleep=self.clock.advance, pacing=pacing)
        assert isinstance(made, ActiveCampaign)
        return made

    def control(self, name: str, body: Any) -> Any:
        request = Request(f"{self.base_url}/_sandbox/{name}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(request) as answer:
            return json.load(answer)

    def act(self, do: str, **body: Any) -> Any:
        return self.control("act", {"do": do, "object": "contacts", **body})

    def fault(self, kind: str, method: str = "*", path: str = "*", **options: Any) -> None:
        self.control("faults", {"match": {"method": method, "path": path}, "fault": kind, **options})

    def set(self, **switches: Any) -> None:
        self.control("settings", switches)

    def people(self, count: int, **fields: str) -> None:
        self.app.plant(
            {"first_name": f"Ada {n}", "last_name": "Lovelace", "email": f"ada{n}@firma.example", **fields} for n in range(count)
        )

    def old_people(self, count: int, **fields: str) -> None:
        """People whom a walk that begins now does not meet again."""
        self.people(count, **fields)
        self.clock.advance(2 * 86_400)

    def contacts(self) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = self.app.records()["contacts"]
        return records

    def forget(self) -> None:
        self.app.log.clear()

    def served(self) -> Counter[str]:
        return Counter(f"{entry['method']} {entry['path'].removeprefix('/api/3')}" for entry in self.app.requests())


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def world(clock: Clock) -> Iterator[World]:
    with sandbox.start(only=("activecampaign",), clock=clock) as running:
        yield World(running, clock)


@pytest.fixture
def crm(world: World) -> Iterator[ActiveCampaign]:
    made = world.connector()
    yield made
    made.close()


def walk(crm: ActiveCampaign, cursor: str | None = None, fields: Sequence[str] = ()) -> tuple[list[Record], str]:
    records: list[Record] = []
    for page in crm.changes("contacts", cursor, fields):
        records += page.records
        cursor = page.cursor
    assert cursor is not None
    return records, cursor


def create(email: str | None = "ada@firma.example", *, key: Any = None, **fields: Any) -> Write:
    return Write(Op.CREATE, "contacts", {"email": email, **fields}, key=key)


def update(id: str | None, **fields: Any) -> Write:
    return Write(Op.UPDATE, "contacts", fields, id=id)


def opt_out(id: str, value: Any = True, **fields: Any) -> Write:
    return Write(Op.UPDATE, "contacts", {OPT_OUT: value, **fields}, id=id)


# -- describing ------------------------------------------------------------------------------------------------------------------------


def test_a_custom_field_is_named_by_its_tag_and_labelled_by_its_title(crm: ActiveCampaign) -> None:
    stage = crm.describe("contacts").fields[STAGE]
    assert (stage.label, stage.type, stage.custom) == ("leadloom_stage", "option", True)
    assert "mql" in [option.value for option in stage.options]


def test_all_pages_of_fields_are_read_and_only_once(world: World) -> None:
    for number in range(150):
        world.app.add_field(f"field {number}", "text", f"FIELD_{number}")
    crm = world.connector()
    assert "FIELD_149" in crm.describe("contacts").fields
    crm.describe("contacts")
    assert crm.calls()["meta"] == 3  # two pages of fields, one of lists


def test_identity_names_the_user(crm: ActiveCampaign) -> None:
    assert crm.identity().user_email == "hub@firma.example"


def test_identity_is_what_the_account_calls_itself_whatever_its_address(crm: ActiveCampaign, monkeypatch: pytest.MonkeyPatch) -> None:
    links = {"lists": "https://firma.api-us1.com/api/3/users/5/lists"}
    monkeypatch.setattr(crm._calls, "read", lambda *_args, **_kwargs: {"user": {"id": "5", "links": links}})
    assert crm.identity().key == "firma.api-us1.com"


def test_owners_have_addresses(crm: ActiveCampaign) -> None:
    assert "anna@firma.example" in {owner.email for owner in crm.owners()}


@pytest.mark.parametrize(("type", "options"), [("text", ()), ("bool", ("yes", "no")), ("option", ("fair", "web"))])
def test_a_field_is_created_once_and_takes_values(crm: ActiveCampaign, type: str, options: tuple[str, ...]) -> None:
    new = NewField("campaign", "Campaign", type, options=("fair", "web") if type == "option" else ())
    made = crm.create_field("contacts", new)
    assert tuple(option.value for option in made.options) == options
    assert crm.create_field("contacts", new) == made
    value = options[0] if len(options) > 0 else "x"
    [receipt] = crm.write("contacts", [create(CAMPAIGN=value)])
    assert receipt.record is not None
    assert receipt.record.fields["CAMPAIGN"] == value


# -- reading ---------------------------------------------------------------------------------------------------------------------------


def test_the_first_walk_shows_everybody_with_values_in_pages_of_100(world: World, crm: ActiveCampaign) -> None:
    world.old_people(201, city="Ulm")
    pages = list(crm.changes("contacts", None, ()))
    assert [len(page.records) for page in pages] == [100, 100, 1]
    assert {record.fields[CITY] for page in pages for record in page.records} == {"Ulm"}
    assert world.served()["GET /contacts"] == 3 + 2  # and the trial of the time filter


def test_the_next_walk_shows_what_changed(world: World, crm: ActiveCampaign) -> None:
    world.old_people(3)
    _, cursor = walk(crm)
    world.clock.advance(3600)
    world.act("edit", id=2, fields={"lastName": "Byron"})
    records, _ = walk(crm, cursor)
    assert [(record.id, record.fields["lastName"]) for record in records] == [("2", "Byron")]


def test_a_quiet_walk_costs_one_call_and_shows_nothing(world: World, crm: ActiveCampaign) -> None:
    world.old_people(250)
    _, cursor = walk(crm)
    world.forget()
    records, _ = walk(crm, cursor)
    assert records == []
    assert world.served() == {"GET /contacts": 1}


def test_an_edit_in_the_second_of_a_walk_is_seen_by_the_next(world: World, crm: ActiveCampaign) -> None:
    world.old_people(1)
    _, cursor = walk(crm)
    world.act("edit", id=1, fields={"lastName": "Byron"})
    assert [record.fields["lastName"] for record in walk(crm, cursor)[0]] == ["Byron"]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_stopping_after_any_page_and_going_on_loses_nobody(world: World, crm: ActiveCampaign, stop: int) -> None:
    world.people(201)
    pages = crm.changes("contacts", None, ())
    seen = [next(pages) for _ in range(stop)]
    rest, _ = walk(world.connector(), seen[-1].cursor)
    assert {record.id for page in seen for record in page.records} | {record.id for record in rest} == {str(n) for n in range(1, 202)}


def test_an_edit_during_a_walk_is_seen_now_or_next_time(world: World, crm: ActiveCampaign) -> None:
    world.old_people(101)
    pages = crm.changes("contacts", None, ())
    next(pages)
    world.clock.advance(5)
    world.act("edit", id=7, fields={"lastName": "Byron"})
    last = list(pages)[-1]
    assert [record.id for record in walk(crm, last.cursor)[0]] == ["7"]


def test_where_the_time_filter_is_ignored_everything_is_read_and_only_changes_are_shown(
    world: World, crm: ActiveCampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.activecampaign_contacts._time", lambda *_: None)
    world.old_people(150)
    _, cursor = walk(crm)
    world.act("edit", id=7, fields={"lastName": "Byron"})
    world.forget()
    assert [record.id for record in walk(crm, cursor)[0]] == ["7"]
    assert world.served()["GET /contacts"] == 2


def test_without_side_loading_each_changed_contact_costs_one_call(world: World) -> None:
    world.set(side_loads=False)
    world.old_people(5, city="Ulm")
    crm = world.connector()
    records, cursor = walk(crm)
    assert [record.fields[CITY] for record in records] == ["Ulm"] * 5
    world.act("edit", id=2, fields={"lastName": "Byron"})
    world.forget()
    walk(crm, cursor)
    assert world.served() == {"GET /contacts": 1, "GET /contacts/2": 1}


def test_without_side_loading_plain_fields_cost_nothing_more(world: World) -> None:
    world.set(side_loads=False)
    world.people(5)
    records, _ = walk(world.connector(), fields=("email",))
    assert {entry for entry in world.served() if entry.startswith("GET /contacts/")} == set()
    assert [set(record.fields) for record in records] == [{"email"}] * 5


def test_a_contact_that_was_never_changed_is_dated_by_its_creation(world: World, crm: ActiveCampaign) -> None:
    world.set(null_udate=True)
    world.old_people(1)
    records, cursor = walk(crm)
    assert records[0].changed_at == records[0].created_at
    assert walk(crm, cursor)[0] == []


def test_a_recorded_contact_is_read_in_utc() -> None:
    file = Path(__file__).resolve().parents[2] / "../shared/wire/recorded/activecampaign-java/getContact.json"
    if not file.exists():
        pytest.skip("the recorded traffic is not beside this repository")
    body = json.loads(file.read_text())
    seen = shapes.Seen(body["contact"], shapes.values_of(body), shapes.lists_by_contact(body["contactLists"])["1"])
    record = shapes.record(seen, shapes.shape([], []))
    assert record.changed_at == datetime(2021, 7, 2, 10, 6, 23, tzinfo=UTC)
    assert record.fields[OPT_OUT] is False


def test_an_answer_without_content_is_asked_for_again(world: World, crm: ActiveCampaign) -> None:
    world.people(1)
    world.fault("empty", "GET", "/api/3/contacts", times=2)
    assert len(walk(crm)[0]) == 1


def test_answers_that_stay_empty_are_left_to_the_next_run(world: World, crm: ActiveCampaign) -> None:
    world.fault("empty", "GET", "/api/3/contacts", times=9)
    with pytest.raises(Retry):
        walk(crm)


def test_unknown_ids_are_answered_as_missing_and_repeated_ones_once(world: World, crm: ActiveCampaign) -> None:
    world.people(2)
    found = crm.get("contacts", ["1", "9", "1", "../7", "2"], ())
    assert [(record.id, record.ending) for record in found] == [("1", None), ("9", Ending.MISSING), ("../7", Ending.MISSING), ("2", None)]


def test_a_hundred_contacts_are_looked_up_in_one_call(world: World, crm: ActiveCampaign) -> None:
    world.people(100, city="Ulm")
    crm.describe("contacts")
    world.forget()
    assert [record.fields[CITY] for record in crm.get("contacts", [str(n) for n in range(1, 101)], (CITY,))] == ["Ulm"] * 100
    assert world.served() == {"GET /contacts": 1}


def test_nothing_asked_costs_nothing(world: World, crm: ActiveCampaign) -> None:
    crm.describe("contacts")
    world.forget()
    assert (crm.get("contacts", [], ()), crm.find("contacts", "email", [], ()), crm.write("contacts", [])) == ([], [], [])
    assert world.served() == {}


def test_a_deleted_contact_is_missing_only_after_its_own_404(world: World, crm: ActiveCampaign) -> None:
    world.people(3)
    world.act("delete", id=1)
    assert [(record.id, record.ending) for record in crm.ended("contacts", ["1", "2", "3"])] == [("1", Ending.MISSING)]
    assert world.served()["GET /contacts/1"] == 1


def test_a_sweep_costs_one_call_per_hundred_ids(world: World, crm: ActiveCampaign) -> None:
    world.people(250)
    assert list(crm.ended("contacts", [str(n) for n in range(1, 251)])) == []
    assert world.served() == {"GET /contacts": 3}


def test_a_mass_disappearance_stops_the_sweep(world: World, crm: ActiveCampaign) -> None:
    world.people(50)
    for number in range(1, 41):
        world.act("hide", id=number)
    with pytest.raises(AccountStopped) as stopped:
        list(crm.ended("contacts", [str(n) for n in range(1, 51)]))
    assert stopped.value.cause == "mass_disappearance"


def test_an_address_is_found_whatever_its_case(world: World, crm: ActiveCampaign) -> None:
    world.people(2)
    assert [record.id for record in crm.find("contacts", "email", ["ADA1@firma.example", "nobody@firma.example"], ())] == ["2"]


def test_a_key_is_found_among_the_newest(crm: ActiveCampaign) -> None:
    crm.write("contacts", [create(key="k-1"), create("b@firma.example", key="k-2")])
    assert [record.id for record in crm.find("contacts", "leadloom_key", ["k-2"], ())] == ["2"]


def test_a_field_without_search_is_refused(crm: ActiveCampaign) -> None:
    with pytest.raises(Misconfigured):
        crm.find("contacts", "phone", ["1"], ())


# -- writing ---------------------------------------------------------------------------------------------------------------------------


def test_a_create_is_one_call_carries_its_key_and_is_read_back(world: World, crm: ActiveCampaign) -> None:
    crm.describe("contacts")
    world.forget()
    given: dict[str, Any] = {"firstName": "Ada", SCORE: 87, STAGE: "hot"}
    [receipt] = crm.write("contacts", [create(key="k-1", **given)])
    assert world.served() == {"POST /contacts": 1}
    assert receipt.outcome is Outcome.CREATED
    assert receipt.record is not None
    assert receipt.record.fields.items() >= {KEY: "k-1", "firstName": "Ada", SCORE: "87", STAGE: "hot"}.items()


def test_an_update_is_one_call_and_touches_only_what_it_names(world: World, crm: ActiveCampaign) -> None:
    world.people(1, city="Ulm")
    crm.describe("contacts")
    world.forget()
    [receipt] = crm.write("contacts", [update("1", lastName="Byron", **{SCORE: 12})])
    assert world.served() == {"PUT /contacts/1": 1}
    assert receipt.record is not None
    [found] = crm.get("contacts", ["1"], ("firstName", "lastName", CITY, SCORE))
    assert found.fields == {"firstName": "Ada 0", "lastName": "Byron", CITY: "Ulm", SCORE: "12"}


def test_none_clears_and_reads_back_as_empty(world: World, crm: ActiveCampaign) -> None:
    world.people(1, city="Ulm", phone="+49170123")
    cleared = {"phone": None, CITY: None, "lastName": None}
    [receipt] = crm.write("contacts", [update("1", **cleared)])
    assert receipt.record is not None
    assert receipt.record.fields.items() >= cleared.items()
    assert crm.get("contacts", ["1"], tuple(cleared))[0].fields == cleared


def test_a_bad_row_does_not_sink_its_neighbours(world: World, crm: ActiveCampaign) -> None:
    world.people(2)
    rows = [
        update("1", lastName="Byron"),
        update("1", no_such_field="x"),
        update("1", **{STAGE: "none"}),
        update("1", email=None),
        update("1", email="not an address"),
        update("1", email="ada1@firma.example"),
        create(None),
        update("77", lastName="Nobody"),
        create("b@firma.example"),
    ]
    assert [(receipt.outcome.value, receipt.cause, receipt.field) for receipt in crm.write("contacts", rows)] == [
        ("updated", "", None),
        ("rejected", "unknown_field", "no_such_field"),
        ("rejected", "invalid_option", STAGE),
        ("rejected", "email_required", "email"),
        ("rejected", "invalid_email", "email"),
        ("rejected", "email_taken", "email"),
        ("rejected", "email_required", "email"),
        ("gone", "gone", None),
        ("created", "", None),
    ]


def test_a_taken_address_is_adopted_and_not_overwritten(world: World, crm: ActiveCampaign) -> None:
    world.people(1)
    [receipt] = crm.write("contacts", [create("ADA0@firma.example", key="k-1", lastName="Byron")])
    assert (receipt.outcome, receipt.id) == (Outcome.ADOPTED, "1")
    assert receipt.record is not None
    assert (receipt.record.fields["lastName"], receipt.record.fields[KEY]) == ("Lovelace", None)


def test_a_create_whose_answer_is_lost_is_not_repeated_and_can_be_found(world: World, crm: ActiveCampaign) -> None:
    world.fault("timeout_after", "POST", "/api/3/contacts")
    [receipt] = crm.write("contacts", [create(key="k-1")])
    assert receipt.outcome is Outcome.UNKNOWN
    assert world.served()["POST /contacts"] == 1
    assert [record.fields[KEY] for record in crm.find("contacts", "email", ["ada@firma.example"], ())] == ["k-1"]


def test_an_accepted_write_without_content_is_unknown(world: World, crm: ActiveCampaign) -> None:
    world.people(1)
    world.fault("empty", "PUT", "*")
    assert [receipt.outcome for receipt in crm.write("contacts", [update("1", lastName="Byron")])] == [Outcome.UNKNOWN]


def test_a_delete_is_final_and_a_second_one_finds_nobody(world: World, crm: ActiveCampaign) -> None:
    world.people(1)
    delete = Write(Op.DELETE, "contacts", id="1")
    assert [receipt.outcome for receipt in crm.write("contacts", [delete, delete])] == [Outcome.DELETED, Outcome.GONE]


def test_without_a_key_field_no_create_leaves(world: World) -> None:
    with sandbox.start(only=("activecampaign",), bare=True, clock=world.clock) as bare:
        receipts = World(bare, world.clock).connector().write("contacts", [create(key="k-1"), create(key="k-2")])
        assert [receipt.outcome for receipt in receipts] == [Outcome.NOT_SENT, Outcome.NOT_SENT]
        assert bare.apps["activecampaign"].records()["contacts"] == []


# -- consent ---------------------------------------------------------------------------------------------------------------------------


def member(world: World, *statuses: int) -> None:
    """One contact, on as many lists as there are statuses."""
    row = world.app.create({"email": "ada@firma.example"}, {})
    for list_id, status in enumerate(statuses, 1):
        if list_id not in world.app.lists:
            world.app.add_list(f"List {list_id}", "")
        world.app.subscribe(row, list_id, status, "0")


def test_an_opt_out_costs_one_call_per_changed_membership(world: World, crm: ActiveCampaign) -> None:
    member(world, 1, 2, 3)
    crm.describe("contacts")
    world.forget()
    [receipt] = crm.write("contacts", [opt_out("1")])
    assert world.served() == {"GET /contacts/1/contactLists": 1, "POST /contactLists": 1}
    assert receipt.outcome is Outcome.UPDATED
    assert receipt.record is not None
    assert receipt.record.fields == {OPT_OUT: True, "list:1": "2", "list:2": "2", "list:3": "3"}
    assert [record.fields[OPT_OUT] for record in walk(crm)[0]] == [True]


def test_an_opt_out_goes_before_a_change_of_address(world: World, crm: ActiveCampaign) -> None:
    member(world, 1)
    crm.write("contacts", [opt_out("1", email="new@firma.example")])
    order = [(entry["method"], entry["path"].rpartition("/")[2]) for entry in world.app.requests()]
    assert order[-2:] == [("POST", "contactLists"), ("PUT", "1")]


def test_an_opt_out_of_somebody_on_no_list_has_nothing_to_do(world: World, crm: ActiveCampaign) -> None:
    member(world)
    [receipt] = crm.write("contacts", [opt_out("1")])
    assert receipt.outcome is Outcome.UPDATED
    assert world.served()["POST /contactLists"] == 0


def test_somebody_on_no_list_shows_neither_a_yes_nor_a_no(crm: ActiveCampaign) -> None:
    given: dict[str, Any] = {OPT_OUT: True, "LEADLOOM_EMAIL_OPT_OUT": "yes"}
    [receipt] = crm.write("contacts", [create(**given)])
    assert receipt.outcome is Outcome.CREATED
    assert receipt.record is not None
    assert receipt.record.fields["LEADLOOM_EMAIL_OPT_OUT"] == "yes"
    assert OPT_OUT not in receipt.record.fields


@pytest.mark.parametrize("fault", ["html", "empty", "truncate"])
def test_a_delete_without_a_readable_answer_is_unknown(world: World, crm: ActiveCampaign, fault: str) -> None:
    world.people(1)
    world.fault(fault, "DELETE", "*")
    assert [receipt.outcome for receipt in crm.write("contacts", [Write(Op.DELETE, "contacts", id="1")])] == [Outcome.UNKNOWN]


@pytest.mark.parametrize("value", [False, None])
def test_consent_is_never_loosened(world: World, crm: ActiveCampaign, value: bool | None) -> None:
    world.people(1)
    [receipt] = crm.write("contacts", [opt_out("1", value)])
    assert (receipt.outcome, receipt.cause) == (Outcome.REJECTED, "loosens_consent")


def test_a_lost_opt_out_is_unknown_and_not_repeated(world: World, crm: ActiveCampaign) -> None:
    member(world, 1)
    world.fault("timeout_after", "POST", "/api/3/contactLists")
    assert [receipt.outcome for receipt in crm.write("contacts", [opt_out("1")])] == [Outcome.UNKNOWN]
    assert world.served()["POST /contactLists"] == 1


def test_leaving_a_list_is_found_although_it_changes_no_date(world: World, crm: ActiveCampaign) -> None:
    world.set(list_change_bumps=False)
    member(world, 1)
    world.clock.advance(2 * 86_400)
    _, cursor = walk(crm)
    world.app.subscribe(world.app.contacts.rows[1], 1, 2, "0")
    assert walk(crm, cursor)[0] == []
    assert [record.id for page in crm.unsubscribed("contacts", (OPT_OUT,)) for record in page] == ["1"]


# -- failure ---------------------------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_denied_after_a_bounded_number_of_calls(world: World) -> None:
    wrong = world.connector("no-such-key")
    with pytest.raises(Denied):
        walk(wrong)
    assert sum(wrong.calls().values()) <= 3


def test_a_403_by_whim_is_tried_once_more(world: World, crm: ActiveCampaign) -> None:
    world.people(1)
    world.fault("403", "GET", "/api/3/contacts")
    assert len(walk(crm)[0]) == 1


def test_a_429_waits_as_told(world: World, crm: ActiveCampaign) -> None:
    world.people(1)
    world.fault("429", times=2)
    assert len(walk(crm)[0]) == 1


def test_pacing_keeps_within_five_calls_a_second(world: World) -> None:
    world.app.limits = "vendor"
    paced = world.connector(pacing=True)
    receipts = paced.write("contacts", [create(f"ada{n}@firma.example") for n in range(20)])
    assert {receipt.outcome for receipt in receipts} == {Outcome.CREATED}
    assert 429 not in {entry["status"] for entry in world.app.requests()}


def test_another_crms_cursor_is_refused(crm: ActiveCampaign) -> None:
    with pytest.raises(Misconfigured):
        walk(crm, '{"token": "x"}')


def test_a_page_of_html_is_unreadable(world: World, crm: ActiveCampaign) -> None:
    world.fault("html", "GET", "/api/3/contacts", times=9)
    with pytest.raises((Unreadable, Retry)):
        walk(crm)


def test_no_base_url_is_said_before_anything_is_sent() -> None:
    with pytest.raises(Misconfigured):
        connect(Access("ac", "activecampaign", secrets={"token": "x"}))


def test_the_key_shows_nowhere(world: World, crm: ActiveCampaign, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    walk(crm)
    with pytest.raises(Denied) as denied:
        world.connector("secret-of-mine").identity()
    assert "secret-of-mine" not in f"{denied.value} {denied.value!r}"
    assert world.app.token not in f"{crm!r} {caplog.text}"
