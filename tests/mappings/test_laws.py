"""Reading and writing undo each other, in every dialect, for any value a person or a CRM may come up with."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.model import ABSENT, CLEARED, FIELDS, Kind, Value
from leads.normal import country, language
from mappings.apply import Dialect, Row
from mappings.values import FILLER, Held, Json, View, clean, shorten

USERS = ("anna@firma.example", "ben@firma.example", "hub@firma.example", "nobody@elsewhere.example")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.text("aé\u0301 👨‍👩‍👧🇩🇪\n\r.", max_size=400)
laws = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


@cache
def values(name: str) -> st.SearchStrategy[Value]:
    """Canonical values, in the form the lead holds them."""
    spec = FIELDS[name]
    texts = WORDS.map(lambda text: shorten(clean(text) or "", spec.max_length)).filter(lambda text: text not in ("", FILLER))
    by_kind: dict[Kind, st.SearchStrategy[Value]] = {
        Kind.TEXT: texts,
        Kind.NUMBER: st.integers(-1000, 10**9),
        Kind.FLAG: st.booleans(),
        Kind.EMAIL: st.sampled_from(USERS),
        Kind.OPTION: st.sampled_from(spec.options or ("none",)),
        Kind.COUNTRY: st.sampled_from(("DE", "AT", "US", "GB")) | texts.filter(lambda text: not isinstance(country(text), str)),
        Kind.LANGUAGE: st.sampled_from(("de", "en", "de-at")) | texts.filter(lambda text: not isinstance(language(text), str)),
    }
    return by_kind[spec.kind] | st.sampled_from((ABSENT, CLEARED))


SHOWN: st.SearchStrategy[Json] = (
    st.none()
    | WORDS
    | st.integers(-5, 3000)
    | st.floats()
    | st.booleans()
    | st.lists(st.text(max_size=3), max_size=2)
    | st.sampled_from(
        ("101", "103", "104", "105", "999", FILLER, "true", "No", "1.200", "1200.0", "Germany", "lead", "12345", " hot ", "HOT")
    )
)


def rows(dialect: Dialect) -> st.SearchStrategy[Row]:
    return st.sampled_from([row for row in dialect.rows if row.written])


def coarse(row: Row, value: Value) -> bool:
    """What a dialect declares it cannot show exactly."""
    return isinstance(row.convert, View) and not row.convert.speaks_of(value)


def alike(a: Value, b: Value) -> bool:
    nothing = (ABSENT, CLEARED, False)
    return a == b or (a in nothing and b in nothing)


@laws
@given(st.data())
def test_writing_what_was_read_changes_nothing(dialect: Dialect, data: st.DataObject) -> None:
    row, theirs = data.draw(rows(dialect)), data.draw(SHOWN)
    if row.filler is None or theirs is not None:
        assert row.format(row.parse(theirs), theirs) is theirs


@laws
@given(st.data())
def test_what_was_written_is_read_again(dialect: Dialect, data: st.DataObject) -> None:
    row, seen = data.draw(rows(dialect)), data.draw(SHOWN)
    value = data.draw(values(row.lead))
    written = row.format(value, seen)
    if not isinstance(written, Held) and not coarse(row, value):
        assert row.fits(written, value)
        assert written is seen or alike(row.parse(written, value), value)


@laws
@given(st.data())
def test_the_second_write_counts_as_if_it_were_the_only_one(dialect: Dialect, data: st.DataObject) -> None:
    row, seen = data.draw(rows(dialect)), data.draw(SHOWN)
    first, second = data.draw(values(row.lead)), data.draw(values(row.lead))
    between = row.format(first, seen)
    if not isinstance(between, Held):
        twice, once = row.format(second, between), row.format(second, seen)
        assert isinstance(twice, Held) or isinstance(once, Held) or alike(row.parse(twice, second), row.parse(once, second))


@laws
@given(st.data())
def test_a_value_that_fits_is_never_written_again(dialect: Dialect, data: st.DataObject) -> None:
    row, seen = data.draw(rows(dialect)), data.draw(SHOWN)
    value = data.draw(values(row.lead))
    written = row.format(value, seen)
    if not isinstance(written, Held):
        assert row.format(value, written) is written


@laws
@given(st.data())
def test_no_value_ping_pongs_between_the_dialects(dialects: dict[tuple[str, str], Dialect], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in FIELDS if FIELDS[name].kind not in (Kind.EMAILS, Kind.PHONES)]))
    value = data.draw(values(name))
    for dialect in dialects.values():
        for row in [row for row in dialect.rows_of(name) if row.written and not coarse(row, value)]:
            written = row.format(value, None)
            if not isinstance(written, Held):
                assert alike(row.parse(written, value), value)


@pytest.mark.parametrize("value", ["raw", "lost", ABSENT, CLEARED])
def test_a_foreign_stage_is_left_alone(dialects: dict[tuple[str, str], Dialect], value: Value) -> None:
    row = dialects["hubspot", "contacts"].row("lifecyclestage")
    assert isinstance(row, Row)
    assert row.format(value, "12345") == "12345"
