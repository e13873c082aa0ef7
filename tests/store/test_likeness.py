"""One lead at a time is as good as all at once: the same candidates, the same counts, the same scores, whatever order and detours."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.matching.blocking import HUB, pairs
from leads.matching.context import context
from leads.matching.engine import Evidence
from leads.matching.features import WIDTH, hashed
from leads.matching.live import VERSION, Likeness, compare, counted, keys_of, table
from leads.matching.of_leads import likeness_of
from leads.matching.reading.reader import Reader
from leads.matching.scoring import shipped
from store import schema as t
from store.store import Store, open_store
from store.unit import Unit

Cells = dict[str, str]
cells = st.fixed_dictionaries(
    {"crm": st.sampled_from(["hubspot", "pipedrive"])},
    optional={
        "first_name": st.sampled_from(["Anna", "A.", "Bob", "Robert"]),
        "last_name": st.sampled_from(["Berg", "Lind", "Berg-Lind"]),
        "email": st.sampled_from(["anna.berg@x.se", "bob@y.com", "info@x.se", "aberg@gmail.com"]),
        "phone": st.sampled_from(["+46 8 123 45 67", "08-1234567", "0170 7654321"]),
        "company": st.sampled_from(["X AB", "Y Ltd"]),
        "city": st.sampled_from(["Malmö", "Lund"]),
    },
)
people = st.lists(cells, min_size=1, max_size=12)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("likeness")
    opened = open_store(f"sqlite:///{folder / 'leadloom.db'}")
    yield opened
    opened.close()


def like(record: Cells) -> Likeness:
    return likeness_of([{name: text for name, text in record.items() if name != "crm"}], [record["crm"]], Reader())


def put(unit: Unit, records: list[Cells], order: list[int]) -> None:
    for number in order:
        unit.put_likenesses({str(number): like(records[number])})
        if number % 2:  # some are filed at once, some later with others, some change before they are
            unit.file_likenesses()


def live(unit: Unit) -> dict[tuple[int, int], float]:
    """Every pair of leads worth comparing, with its score."""
    unit.file_likenesses()
    kept = unit.due_likenesses(0, 99)
    both = sorted(
        {(min(a, b), max(a, b)): (one.likeness, other.likeness) for one, other, a, b in _near(unit, kept)}.items(),
    )
    if not both:
        return {}
    found = compare([pair for _, pair in both], unit.counts_for(one.likeness for one in kept), shipped())
    return dict(zip([names for names, _ in both], found.bits, strict=True))


def _near(unit: Unit, kept: list) -> Iterator[tuple]:
    known = {one.n: one for one in kept}
    for n, others in unit.alike(kept).items():
        for other in others:
            one, other = sorted((known[n], other), key=lambda each: int(each.lead_id))
            yield one, other, int(one.lead_id), int(other.lead_id)


def at_once(records: list[Cells]) -> dict[tuple[int, int], float]:
    reader = Reader()
    rows = table(reader.row(record) for record in records)
    left, right = pairs(rows)
    bits = Evidence(rows, context(rows), reader.words).bits(left, right, shipped())
    return dict(zip(zip(left.tolist(), right.tolist(), strict=True), bits.tolist(), strict=True))


@settings(max_examples=40)
@given(people, st.randoms())
def test_one_at_a_time_finds_the_pairs_and_scores_of_all_at_once(store: Store, records: list[Cells], dice) -> None:
    with store.rehearse() as unit:
        put(unit, records, dice.sample(range(len(records)), len(records)))
        assert live(unit) == pytest.approx(at_once(records), abs=1e-3)


@settings(max_examples=40)
@given(people, people, st.randoms())
def test_who_changes_or_goes_leaves_no_trace(store: Store, before: list[Cells], after: list[Cells], dice) -> None:
    with store.rehearse() as unit:
        put(unit, before, list(range(len(before))))
        put(unit, after, dice.sample(range(len(after)), len(after)))
        for number in range(len(after), len(before)):
            unit.forget_likeness(str(number))
        assert live(unit) == pytest.approx(at_once(after), abs=1e-3)
        for number in range(len(after)):
            unit.forget_likeness(str(number))
        assert [unit._scalar(sa.select(sa.func.count()).select_from(one)) for one in TABLES] == [0, 0, 0]


TABLES = (t.likeness, t.likeness_key, t.likeness_count)


@settings(max_examples=40)
@given(people)
def test_all_in_one_chunk_are_kept_as_one_by_one(store: Store, records: list[Cells]) -> None:
    with store.rehearse() as unit:
        assert unit.put_likenesses({str(number): like(record) for number, record in enumerate(records)}) == len(records)
        assert live(unit) == pytest.approx(at_once(records), abs=1e-3)
        assert unit.put_likenesses({str(number): like(record) for number, record in enumerate(records)}) == 0


def test_keys_and_counts_of_one_store_tell_nothing_in_another(tmp_path: Path) -> None:
    found = []
    for name in ("one.db", "other.db"):
        other = open_store(f"sqlite:///{tmp_path / name}")
        with other.begin() as unit:
            put(unit, [{"crm": "hubspot", "first_name": "Anna", "last_name": "Berg", "email": "anna.berg@x.se"}], [0])
            unit.file_likenesses()
            keys = {row.key for row in unit._run(sa.select(t.likeness_key))}
            found.append(keys | {row.value for row in unit._run(sa.select(t.likeness_count))})
        other.close()
    assert found[0].isdisjoint(found[1])
    assert len(found[0]) == len(found[1]) > 5


def test_rows_come_back_as_they_were(store: Store) -> None:
    one = Likeness(([*range(-3, WIDTH - 3)],), {hashed("anna lena"): "anna lena"}, frozenset({"hubspot", "import"}))
    with store.rehearse() as unit:
        unit.put_likenesses({"a": one})
        kept = unit.likenesses(["a"])["a"].likeness
    assert np.array_equal(np.array(kept.rows), np.array(one.rows))
    assert (kept.words, kept.crms) == (one.words, one.crms)


def test_another_form_of_what_is_kept_needs_another_version() -> None:
    record = {"first_name": "Anna", "last_name": "Berg", "email": "anna.berg@x.se", "email2": "aberg@gmail.com", "phone": "+46 8 123 45 67"}
    more = {"mobile": "+46 70 1234567", "company": "X AB", "street": "Storgatan 1", "postcode": "21120", "city": "Malmö", "country": "SE"}
    one = likeness_of([{**record, **more, "job_title": "CTO"}], ["hubspot"], Reader())
    text = repr((one.rows, sorted(keys_of([one])[0]), sorted(counted(one).items())))
    form = blake2b(text.encode(), digest_size=6).hexdigest()
    assert (VERSION, form) == ("3", "7dfd620157a3"), "rows, keys or counts have changed: raise VERSION, so that stores are filled anew"


def test_of_a_key_that_is_too_common_nobody_is_found_until_some_have_gone(store: Store) -> None:
    berg: list[Cells] = [{"crm": "hubspot", "phone": "+46 8 123 45 67"}] * (HUB + 2)
    with store.rehearse() as unit:
        put(unit, berg, list(range(len(berg))))
        unit.file_likenesses()
        one = unit.likenesses(["0"])["0"]
        crowded = unit.alike([one])[one.n]
        for number in (1, 2):
            unit.forget_likeness(str(number))
        assert (crowded, len(unit.alike([one])[one.n])) == ([], HUB - 1)
