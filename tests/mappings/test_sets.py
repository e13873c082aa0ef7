"""E-mails and phones: what a record shows, and what it must show."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.model import CLEARED, Item, Items
from leads.normal import item_email, item_phone
from mappings.apply import Dialect
from mappings.sets import SetRow, project, shown, unheld
from mappings.values import Held, Json

laws = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)

ADDRESSES = st.integers(0, 7).map(lambda n: item_email(f"p{n}@firma.de"))
LABELS = st.sampled_from(("", "work", "mobile", "home", "fax", "other"))
NUMBERS = st.builds(
    lambda n, ext, label: item_phone(f"+49301234{n}{ext}", "DE", label), st.integers(100, 107), st.sampled_from(("", " ext. 5")), LABELS
)
LEADS = st.sampled_from(("emails", "phones"))
RAW = st.sampled_from(("ask Anna", "n/a", "0170 or so"))


@cache
def golden_sets(lead: str) -> st.SearchStrategy[Items]:
    members = ADDRESSES if lead == "emails" else NUMBERS
    raw = RAW.map(lambda text: Item(f"raw:{text.casefold()}", text))
    return st.lists(members | raw, max_size=6, unique_by=lambda item: item.key).map(tuple)


@cache
def spelled(lead: str) -> st.SearchStrategy[str]:
    """As people type them: other cases, other formats, and things that are none."""
    if lead == "emails":
        return ADDRESSES.map(lambda item: item.text) | ADDRESSES.map(lambda item: f" {item.text.upper()} ") | RAW
    return NUMBERS.map(lambda item: item.text) | st.integers(100, 107).map(lambda n: f"(030) 1234-{n}") | RAW


@cache
def shown_in(row: SetRow) -> st.SearchStrategy[Json]:
    text = spelled(row.lead)
    if row.slot == "all":
        entry: st.SearchStrategy[Json] = st.fixed_dictionaries(
            {"value": text | st.just(""), "primary": st.just(False), "label": LABELS | st.just("Zuhause")}
        )
        return st.none() | st.lists(entry, max_size=4)
    if row.slot == "rest":
        return st.none() | st.lists(text, max_size=4).map(";".join)
    return st.none() | text


@cache
def records(rows: tuple[SetRow, ...]) -> st.SearchStrategy[dict[str, Json]]:
    return st.fixed_dictionaries({row.remote: shown_in(row) for row in rows})


def apply(fields: Mapping[str, Json], out: Mapping[str, Json | Held]) -> dict[str, Json]:
    return {**fields, **{name: value for name, value in out.items() if not isinstance(value, Held)}}


def keys(items: Items) -> set[str]:
    return {item.key for item in items if not item.key.startswith("raw:")}


def immovable(rows: tuple[SetRow, ...], fields: Mapping[str, Json], out: Mapping[str, Json | Held]) -> set[str]:
    """What we may not take away: read-only fields, and an address that the CRM insists on."""
    stuck = [row for row in rows if not row.written or isinstance(out.get(row.remote), Held)]
    return keys(shown(stuck, fields))


@laws
@given(data=st.data())
def test_a_record_shows_the_whole_set_afterwards(dialect: Dialect, data: st.DataObject) -> None:
    lead = data.draw(LEADS)
    rows = dialect.sets[lead]
    fields, golden = data.draw(records(rows)), data.draw(golden_sets(lead))
    out = project(rows, golden, fields)
    after = apply(fields, out)
    assert keys(shown(rows, after)) - immovable(rows, fields, out) == keys(golden) - immovable(rows, fields, out)
    assert keys(unheld(rows, golden, after)) == set()


@laws
@given(data=st.data())
def test_a_second_look_changes_nothing(dialect: Dialect, data: st.DataObject) -> None:
    lead = data.draw(LEADS)
    rows = dialect.sets[lead]
    fields, golden = data.draw(records(rows)), data.draw(golden_sets(lead))
    after = apply(fields, project(rows, golden, fields))
    again = project(rows, golden, after)
    assert all(isinstance(value, Held) for value in again.values())


@laws
@given(data=st.data())
def test_a_records_own_items_stay_where_they_are(dialect: Dialect, data: st.DataObject) -> None:
    lead = data.draw(LEADS)
    rows = dialect.sets[lead]
    fields, more = data.draw(records(rows)), data.draw(golden_sets(lead))
    own = shown(rows, fields)
    golden = (*[item for item in more if item not in own], *own)
    slots = [row for row in rows if row.slot not in ("rest", "all")]
    assert all(fields[row.remote] is None for row in slots if row.remote in project(rows, golden, fields))


@laws
@given(data=st.data())
def test_what_nobody_can_read_stays_and_goes_nowhere(dialect: Dialect, data: st.DataObject) -> None:
    lead = data.draw(LEADS)
    rows = dialect.sets[lead]
    fields, golden = data.draw(records(rows)), data.draw(golden_sets(lead))
    after = apply(fields, project(rows, golden, fields))
    for row in rows:
        raw = [{item.key for item in shown([row], state) if item.key.startswith("raw:")} for state in (fields, after)]
        assert raw[0] == raw[1]


@laws
@given(data=st.data())
def test_the_order_of_the_fields_does_not_matter(dialect: Dialect, data: st.DataObject) -> None:
    lead = data.draw(LEADS)
    rows = dialect.sets[lead]
    fields, golden = data.draw(records(rows)), data.draw(golden_sets(lead))
    assert project(rows, golden, dict(reversed(fields.items()))) == project(rows, golden, fields)


@laws
@given(data=st.data())
def test_a_trip_through_all_crms_loses_nothing(dialects: dict[tuple[str, str], Dialect], data: st.DataObject) -> None:
    lead = data.draw(LEADS)
    golden = data.draw(golden_sets(lead).filter(lambda items: keys(items) != set()))
    carried = golden
    for dialect in dialects.values():
        carried = shown(dialect.sets[lead], apply({}, project(dialect.sets[lead], carried, {})))
    assert keys(carried) == keys(golden)


A, B, C = (item_email(f"{name}@firma.de") for name in "abc")


def test_another_first_address_does_not_replace_a_records_own(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["salesforce", "Lead"].sets["emails"]
    assert project(rows, (A, B), {"Email": "B@Firma.de"}) == {"Leadloom_Other_Emails__c": "a@firma.de"}


def test_an_address_that_left_makes_room_for_the_new_one(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["hubspot", "contacts"].sets["emails"]
    before = {"email": "a@firma.de", "leadloom_other_emails": "b@firma.de"}
    assert project(rows, (B, C), before) == {"email": "c@firma.de"}


def test_the_overflow_moves_up_when_nothing_else_is_there(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["hubspot", "contacts"].sets["emails"]
    before = {"email": "a@firma.de", "leadloom_other_emails": "b@firma.de"}
    assert project(rows, (B,), before) == {"email": "b@firma.de", "leadloom_other_emails": None}


def test_an_additional_address_of_hubspot_counts_as_shown(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["hubspot", "contacts"].sets["emails"]
    assert project(rows, (A, B), {"email": "a@firma.de", "hs_additional_emails": "b@firma.de"}) == {}


def test_activecampaign_keeps_the_address_it_insists_on(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["activecampaign", "contacts"].sets["emails"]
    out = project(rows, CLEARED, {"email": "a@firma.de"})
    assert isinstance(out["email"], Held)
    assert out["email"].reason == "address_required"


def test_numbers_find_the_slot_of_their_kind(dialects: dict[tuple[str, str], Dialect]) -> None:
    golden = tuple(item_phone(f"+49301234{n}", "DE", label) for n, label in ((111, "fax"), (222, "mobile"), (333, "home"), (444, "work")))
    out = project(dialects["hubspot", "contacts"].sets["phones"], golden, {})
    assert out == {"fax": "+49301234111", "mobilephone": "+49301234222", "phone": "+49301234444", "leadloom_other_phones": "+49301234333"}
    out = project(dialects["activecampaign", "contacts"].sets["phones"], golden, {})
    assert out == {"LEADLOOM_MOBILE": "+49301234222", "phone": "+49301234333", "LEADLOOM_OTHER_PHONES": "+49301234111; +49301234444"}


def test_pipedrive_gets_its_array_back_with_what_was_there(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["pipedrive", "persons"].sets["phones"]
    entries: list[dict[str, Json]] = [
        {"value": "030 1234111", "primary": False, "label": "Zentrale"},
        {"value": "ask Anna", "primary": False, "label": "other"},
        {"value": "+49301234222", "primary": True, "label": "mobile"},
    ]
    golden = (item_phone("+49301234333", "DE", "home"), item_phone("+49301234111", "DE"))
    new = {"value": "+49301234333", "primary": False, "label": "home"}
    assert project(rows, golden, {"phones": entries}) == {"phones": [{**entries[0], "primary": True}, entries[1], new]}


def test_a_number_with_an_extension_survives_the_overflow(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["salesforce", "Lead"].sets["phones"]
    assert [item.text for item in shown(rows, {"Leadloom_Other_Phones__c": "030 1234111;ext=5; 030 1234222"})] == [
        "+49301234111 ext. 5",
        "+49301234222",
    ]


def test_an_address_too_long_for_its_slot_goes_to_the_overflow(dialects: dict[tuple[str, str], Dialect]) -> None:
    long = item_email(f"{'a' * 60}@{'b' * 30}.de")
    assert project(dialects["salesforce", "Lead"].sets["emails"], (long,), {}) == {"Leadloom_Other_Emails__c": long.text}


def test_the_overflow_holds_whole_addresses_only_and_keeps_what_a_person_typed() -> None:
    rest = SetRow("rest", "rest", "emails", "rest", limit=34)
    out = project((rest,), (A, B, C), {"rest": "ask Anna"})
    assert out == {"rest": "a@firma.de; b@firma.de; ask Anna"}
    assert project((rest,), (A, B, C), apply({}, out)) == {}
    assert unheld((rest,), (A, B, C), apply({}, out)) == (C,)


def test_an_overflow_of_the_same_addresses_keeps_its_spelling_and_order() -> None:
    rest = SetRow("rest", "rest", "emails", "rest")
    assert project((rest,), (A, B), {"rest": "B@Firma.de,A@firma.de"}) == {}


def test_a_second_mobile_number_does_not_take_the_desk_phones_place(dialects: dict[tuple[str, str], Dialect]) -> None:
    mobiles = tuple(item_phone(f"+4917012345{n}", "DE", "mobile") for n in (67, 68))
    out = project(dialects["salesforce", "Lead"].sets["phones"], mobiles, {})
    assert out == {"MobilePhone": "+491701234567", "Leadloom_Other_Phones__c": "+491701234568"}


def test_a_fax_is_never_written_into_a_field_that_people_call(dialects: dict[tuple[str, str], Dialect]) -> None:
    fax = item_phone("+49301234111", "DE", "fax")
    assert project(dialects["activecampaign", "contacts"].sets["phones"], (fax,), {}) == {"LEADLOOM_OTHER_PHONES": "+49301234111"}


def test_an_overflow_that_grows_keeps_how_a_person_spelled_the_others() -> None:
    rest = SetRow("rest", "rest", "phones", "rest", region="DE")
    golden = (item_phone("030 1234111", "DE"), item_phone("030 1234222", "DE"))
    assert project((rest,), golden, {"rest": "(030) 1234-222"}) == {"rest": "+49301234111; (030) 1234-222"}


def test_the_first_slot_takes_an_additional_address_before_it_is_left_empty(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["hubspot", "contacts"].sets["emails"]
    assert project(rows, (B,), {"email": "a@firma.de", "hs_additional_emails": "b@firma.de"}) == {"email": "b@firma.de"}


def test_a_label_that_we_do_not_know_is_another_one(dialects: dict[tuple[str, str], Dialect]) -> None:
    rows = dialects["pipedrive", "persons"].sets["emails"]
    shows = [{"value": "a@firma.de", "label": "Zentrale"}, {"value": "b@firma.de", "label": "Work"}, {"value": "c@firma.de"}]
    assert [item.label for item in shown(rows, {"emails": shows})] == ["other", "work", ""]
