"""The engine behind `dedupe` and live matching: what is one, what is held apart, and that order and chunks change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leads.matching.calibrating import Decision, calibrated
from leads.matching.clustering import DECIDED, components, grouped, joints
from leads.matching.deciding import Decided, agreed, contradictions, imposed
from leads.matching.engine import Evidence, match
from leads.matching.estimating import estimated, guarded
from leads.matching.explaining import MORE, TWICE, evidence_of
from leads.matching.live import table
from leads.matching.reading.numbers import born
from leads.matching.reading.reader import Reader
from leads.matching.reading.telephones import dialled
from leads.matching.resembling import relation
from leads.matching.scoring import shipped


def score(one: dict[str, str], other: dict[str, str]) -> float:
    """Two records among a hundred strangers."""
    return float(match_of(one, other).bits(np.array([0]), np.array([1]), shipped())[0])


def match_of(one: dict[str, str], other: dict[str, str]) -> Evidence:
    reader = Reader()
    return match(table(reader.row(cells) for cells in (one, other, *STRANGERS)), reader.words, shipped()).evidence


STRANGERS = [
    {"first_name": f"First{n % 17}", "last_name": f"Last{n % 23}", "email": f"x{n}@y{n}.com", "crm": "hubspot"} for n in range(100)
]
ANNA = {"crm": "hubspot", "first_name": "Anna", "last_name": "Bergström", "email": "anna.bergstrom@nordwind.se", "company": "Nordwind AB"}
SAME = [
    {**ANNA, "crm": "salesforce"},
    {**ANNA, "crm": "salesforce", "email": "Anna.Bergstrom+sf@Nordwind.se", "company": "NORDWIND"},
    {**ANNA, "crm": "salesforce", "first_name": "A."},
]
OTHERS = [
    {"crm": "salesforce", "first_name": "Peter", "last_name": "Bergström", "email": "peter@gmail.com"},
    {"crm": "salesforce", "first_name": "Karl", "last_name": "Öberg", "email": "info@nordwind.se", "company": "Nordwind AB"},
]


@pytest.mark.parametrize("other", SAME)
def test_the_same_person_is_linked(other):
    assert score(ANNA, other) >= shipped().link


@pytest.mark.parametrize("other", OTHERS)
def test_colleagues_and_namesakes_are_not(other):
    assert score(ANNA, other) < shipped().review


def test_another_last_name_in_the_same_small_company_is_not_linked():
    """She may have married."""
    married = {"crm": "salesforce", "first_name": "Anna", "last_name": "Lind", "email": "anna.lind@nordwind.se", "company": "Nordwind AB"}
    assert score(ANNA, married) < shipped().link


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"last_name": "Bergström Jr."}, {"last_name": "Bergström Sr."}),
        ({"birth_date": "1980-03-01"}, {"birth_date": "1952-11-20"}),
    ],
    ids=["generations", "birth dates"],
)
def test_what_speaks_against_a_person_holds_an_address_in_common_down(one, other):
    more = {"mobile": "+46 70 1234567", "street": "Storgatan 1", "postcode": "21120"}
    one, other = {**ANNA, "crm_id": "003A", **one}, {**ANNA, "crm": "salesforce", **other}
    for proof in ({}, more, {**more, "xref": "003A"}):
        assert score({**one, **more}, {**other, **proof}) < shipped().link
    parts = evidence_of(match_of({**one, **more}, {**other, **more, "xref": "003A"}), 0, 1, shipped())
    assert "who may be parent and child is asked about" in [words for words, _ in parts]


@pytest.mark.parametrize(
    ("other", "linked"),
    [
        ({"first_name": "Anna", "last_name": "Lind", "company": "Nordwind AB"}, True),
        ({"first_name": "Peter", "last_name": "Lind", "email": "peter@gmail.com"}, False),
    ],
    ids=["married", "somebody else"],
)
def test_a_cross_id_is_proof_where_the_rest_fits(other, linked):
    one, other = {**ANNA, "crm_id": "003A"}, {"crm": "salesforce", **other}
    without, named = score(one, other), score(one, {**other, "xref": "003A"})
    assert without < shipped().link
    assert (named >= shipped().link) is linked
    assert sum(bits for _, bits in evidence_of(match_of(one, {**other, "xref": "003A"}), 0, 1, shipped())) == pytest.approx(named)


@pytest.mark.parametrize(
    ("id", "xref", "names"),
    [
        ("812", "hubspot:812", True),
        ("812", "HubSpot: 812", True),
        ("812", "pipedrive:812", False),
        ("812", "812", False),
        ("003A", "003A", True),
        ("003A", "pipedrive:003A", False),
    ],
)
def test_a_cross_id_names_a_record_of_its_own_crm_alone_and_a_small_number_without_one_nobody(id, xref, names):
    one, other = {**ANNA, "crm_id": id}, {**ANNA, "crm": "salesforce", "email": "a@b.com"}
    assert (score(one, {**other, "xref": xref}) > score(one, other)) is names


def test_two_small_numbers_of_two_crms_do_not_meet():
    one, other = {**ANNA, "xref": "hubspot:812"}, {**ANNA, "crm": "salesforce", "email": "a@b.com"}
    assert score(one, {**other, "xref": "pipedrive:812"}) == score(one, other) < score(one, {**other, "xref": "hubspot:812"})


def test_in_a_file_that_knows_no_crms_a_cross_id_is_an_id_of_the_file():
    one, other = ({name: text for name, text in ANNA.items() if name != "crm"} for _ in range(2))
    other["email"] = "a@b.com"
    assert score({**one, "crm_id": "812"}, {**other, "xref": "812"}) > score({**one, "crm_id": "812"}, other)


def test_a_piece_of_evidence_has_the_same_bits_beside_whatever_else_is_said_and_one_line_has_the_rest():
    other = {**ANNA, "crm": "salesforce"}
    much = evidence_of(match_of(ANNA, other), 0, 1, shipped())
    little = evidence_of(match_of(ANNA, {**other, "email": "x.y@b.com", "company": "Engines Ltd"}), 0, 1, shipped())
    assert dict(much)["the same first name"] == dict(little)["the same first name"] > 0
    assert dict(much)["the same e-mail address"] > 0 > dict(much)[TWICE]
    for told in (much, little):
        assert len({TWICE, MORE} & dict(told).keys()) == 1
    assert sum(bits for _, bits in much) == pytest.approx(score(ANNA, other), abs=1e-3)


FAMILY = {"crm": "hubspot", "last_name": "Berg", "email": "berg.family@gmail.com"}


@pytest.mark.parametrize(
    ("one", "other", "linked"),
    [
        ({"first_name": "Anna"}, {"first_name": "Anna"}, True),
        ({"first_name": "Anna", "company": "Nordwind AB"}, {"company": "Nordwind AB"}, True),
        ({"first_name": "Anna"}, {}, False),
        ({"first_name": "Anna"}, {"first_name": "Peter"}, False),
    ],
    ids=["the same first name", "one company", "a surname alone", "another first name"],
)
def test_behind_an_address_that_a_family_may_share_it_takes_more_than_the_surname(one, other, linked):
    assert (score({**FAMILY, **one}, {**FAMILY, **other, "crm": "salesforce"}) >= shipped().link) is linked


@pytest.mark.parametrize(
    ("more", "other", "linked"),
    [
        ({}, {"first_name": "Anna"}, True),
        ({}, {"first_name": "Peter"}, False),
        ({}, {"first_name": "P."}, False),
        ({"birth_date": "1980-03-01"}, {"first_name": "Peter"}, True),
    ],
    ids=["one first name", "two", "an initial of another", "two, and one birth date"],
)
def test_a_number_of_papers_that_a_family_may_share_is_asked_about(more, other, linked):
    home = {"street": "Storgatan 1", "postcode": "21120", "city": "Malmö", "national_id": "SE556012579001", **more}
    bits = score({"first_name": "Anna", "last_name": "Bergström", **home}, {"last_name": "Bergström", **home, **other})
    assert bits >= shipped().review
    assert (bits >= shipped().link) is linked


@pytest.mark.parametrize("others", [0, 400])
@pytest.mark.parametrize(
    ("more", "linked"), [({}, False), ({"mobile": "+46 70 1234567"}, True)], ids=["nothing else in common", "a mobile in common"]
)
def test_half_a_name_in_one_company_is_asked_about_and_neither_linked_nor_passed_over(others, more, linked):
    reader = Reader()
    strangers = [{"first_name": f"First{n}", "last_name": f"Last{n}", "company": f"Firm{n} AB"} for n in range(others)]
    pair = [{**ANNA, "job_title": "Buyer", **more}, {"first_name": "Anna", "company": "Nordwind", "job_title": "Buyer", **more}]
    matched = match(table(reader.row(cells) for cells in (*pair, *strangers)), reader.words, shipped())
    bits = sum(bits for _, bits in evidence_of(matched.evidence, 0, 1, shipped()))
    assert bits >= shipped().review
    assert (bits >= shipped().link) is linked


@pytest.mark.parametrize("spelling", ["+49 170 1234567", "0170/123 45 67", "0049 (0)170 1234567", "0170 1234567", "170.123.45.67"])
def test_a_number_is_the_same_in_every_spelling(spelling):
    assert dialled(spelling)[0] == 1701234567


@pytest.mark.parametrize("text", ["", "n/a", "0000000", "123456789", "11111"])
def test_what_is_no_number_is_none(text):
    assert dialled(text) == (0, 0, 0)


@pytest.mark.parametrize(("text", "date"), [("19400612", 19400612), ("1971-06-24", 19710624), ("24.06.1971", 19710624), ("soon", 0)])
def test_birth_dates(text, date):
    assert born(text) == date


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [("robert", "bob", 2), ("anna", "a", 3), ("muller", "mullr", 4), ("lind berg", "berg", 5), ("anna", "peter", 7), ("a", "b", 8)],
)
def test_how_names_go_together(one, other, level):
    assert relation(one, other) == relation(other, one) == level


def test_a_weak_chain_joins_nobody():
    """0 and 2 contradict; 1 would go with either."""
    left, right, bits = np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([9.0, 8.0, -20.0], dtype=np.float32)
    label = components(3, left[:2], right[:2])
    found = joints(label, left, right, bits, apart=-6, review=-1)
    assert grouped(3, found, -1).tolist() == [0, 0, 2]
    assert found.bits[~found.allowed].max() <= -1


@pytest.mark.parametrize(
    ("one", "other"),
    [({"last_name": "Bergström Jr."}, {"last_name": "Bergström Sr."}), ({"birth_date": "1980-03-01"}, {"birth_date": "1952-11-20"})],
    ids=["generations", "birth dates"],
)
def test_two_generations_are_not_linked_by_way_of_one_who_tells_none(one, other):
    known = {**ANNA, "mobile": "+46 70 1234567", "street": "Storgatan 1", "postcode": "21120"}
    rows = [{**known, "crm": "pipedrive"}, {**known, **one}, {**known, "crm": "salesforce", **other}]
    reader = Reader()
    matched = match(table(reader.row(cells) for cells in (*rows, *STRANGERS)), reader.words, shipped())
    nobody, junior, senior = matched.groups[:3].tolist()
    assert junior != senior
    assert nobody in (junior, senior)
    assert matched.regrouped(shipped().review).groups[:3].tolist() == [0, 0, 0], "a person is asked"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(-12, 12)), max_size=30), st.randoms())
def test_the_order_of_pairs_changes_nothing(found, dice):
    known = {(min(a, b), max(a, b)): float(score) for a, b, score in found if a != b}
    once = list(known.items())
    again = dice.sample(once, len(once))
    assert _groups(once) == _groups(again)


def _groups(known: list[tuple[tuple[int, int], float]]) -> list[int]:
    left = np.array([pair[0] for pair, _ in known], dtype=np.int64)
    right = np.array([pair[1] for pair, _ in known], dtype=np.int64)
    bits = np.array([score for _, score in known], dtype=np.float32)
    label = components(10, left[bits >= -1], right[bits >= -1])
    inside = label[left] == label[right]
    return grouped(10, joints(label, left[inside], right[inside], bits[inside], -6, -1), 2).tolist()


SCORES = np.linspace(-1, 20, 5000).astype(np.float32)
HARSH = [Decision(6 + n / 30, same=n % 3 > 0) for n in range(180)]
KIND = [Decision(n / 20, same=True) for n in range(20, 240)]


def test_decisions_against_raise_the_threshold_and_a_few_or_none_leave_it():
    assert calibrated([], SCORES, 8.75) == 8.75
    assert calibrated(HARSH[:49], SCORES, 8.75) == 8.75
    assert calibrated(HARSH, SCORES, 8.75) > 9


def test_the_threshold_is_lowered_only_as_far_as_decisions_answer_for_it():
    assert calibrated(KIND, SCORES, 8.75, precision=0.99) < 8.75
    assert calibrated(KIND, SCORES, 8.75, precision=0.999) == 8.75, "220 decisions cannot answer for one in a thousand"
    doubtful = [Decision(one.bits, same=n % 2 == 0) for n, one in enumerate(KIND)]
    assert calibrated(doubtful, SCORES, 8.75, precision=0.99) > calibrated(KIND, SCORES, 8.75, precision=0.99)


def test_the_threshold_never_ends_at_an_answer_against():
    answers = [*(Decision(8 + n / 300, same=True) for n in range(200)), Decision(7.9, same=False)]
    assert calibrated(answers, SCORES, 8.75, precision=0.9) == 8.0


def test_doubts_alone_raise_the_threshold_by_little():
    few = [Decision(-1 + n / 1000, same=n % 2 == 0) for n in range(60)]
    assert 8.75 < calibrated(few, SCORES, 8.75) <= 9.36


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(-12, 12)), max_size=30), st.data())
def test_what_was_decided_holds_whatever_the_scores_say(found, data):
    known = {(min(a, b), max(a, b)): float(score) for a, b, score in found if a != b}
    answers = data.draw(st.dictionaries(st.sampled_from([(a, b) for a in range(10) for b in range(a + 1, 10)]), st.booleans(), max_size=6))
    chosen = sorted(answers)
    pairs_ = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    decided = Decided(pairs_[:, 0], pairs_[:, 1], np.array([answers[pair] for pair in chosen], dtype=bool))
    assume(not contradictions(10, decided))
    group = _decided_groups(known, decided)
    assert all((group[one] == group[other]) == answers[one, other] for one, other in chosen)


def _decided_groups(known: dict[tuple[int, int], float], decided: Decided) -> list[int]:
    left = np.array([pair[0] for pair in known], dtype=np.int64)
    right = np.array([pair[1] for pair in known], dtype=np.int64)
    left, right, bits = imposed(left, right, np.array(list(known.values()), dtype=np.float32), decided)
    label = components(10, left[bits >= -1], right[bits >= -1])
    inside = label[left] == label[right]
    left, right, bits = left[inside], right[inside], bits[inside]
    return grouped(10, joints(label, left, right, agreed(10, left, right, bits, decided), -6, -1), 2).tolist()


def test_an_answer_about_one_settles_all_its_rows():
    """0 and 1 are one by evidence, 1 and 2 contradict, and a person says that 0 is 2."""
    known, decided = {(0, 1): 12.0, (1, 2): -20.0}, Decided(np.array([0]), np.array([2]), np.array([True]))
    assert _decided_groups(known, decided)[:3] == [0, 0, 0]


def test_nobody_is_asked_about_what_an_answer_has_settled():
    """0 is 1, and not 2; that 1 looks like 2 is no question any more."""
    left, right, bits = imposed(
        np.array([0, 1]),
        np.array([1, 2]),
        np.array([12.0, 9.0], dtype=np.float32),
        Decided(np.array([0]), np.array([2]), np.array([False])),
    )
    found = joints(np.zeros(3, dtype=np.int64), left, right, bits, -6, -1)
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 1)]


def test_an_answer_stands_in_place_of_a_score():
    decided = Decided(np.array([0]), np.array([1]), np.array([True]))
    left, right, bits = imposed(np.array([0, 1]), np.array([1, 2]), np.array([-9.0, 9.0], dtype=np.float32), decided)
    assert sorted(zip(left.tolist(), right.tolist(), bits.tolist(), strict=True)) == [(0, 1, DECIDED), (1, 2, 9.0)]


def test_contradicting_answers_are_found():
    decided = Decided(np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([True, True, False]))
    assert contradictions(3, decided) == [(0, 2)]
    assert contradictions(3, Decided(np.array([0, 1]), np.array([1, 2]), np.array([True, False]))) == []


def test_estimated_weights_follow_the_records_and_without_any_are_the_usual_ones():
    weights, dice = shipped(), np.random.default_rng(1)
    seen = {
        name: dice.choice(shares.shape[1], 4000, p=shares[0] / shares[0].sum()).astype(np.int8) for name, shares in weights.usual.items()
    }
    seen |= {name: np.zeros(4000, dtype=np.int8) for name in ("rank", "born", "national_id")}
    usual = estimated(weights, [seen]).tables["place",]
    odd = estimated(weights, [{**seen, "place": np.full(4000, 3, dtype=np.int8)}]).tables["place",]
    assert odd[3] > usual[3] + 0.2
    assert estimated(weights, []).tables["place",].tolist() == weights.tables["place",].tolist()


def test_what_is_learned_lets_ask_and_never_links():
    shipped_, learned = np.array([9, 9, 7, -3, -9, 2]), np.array([12, 8, 12, 4, 4, 1])
    assert guarded(shipped_.astype(np.float32), learned.astype(np.float32), -1.0).tolist() == [9, 8, 7, -1, -9, 1]
