"""Converters by example."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.model import ABSENT
from mappings.values import UNCLEAR, Figure, Flag, Held, Number, Text, clean, shorten

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
GERMANY, AUSTRIA = "\U0001f1e9\U0001f1ea", "\U0001f1e6\U0001f1f9"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("Anna Berg", 40, "Anna Berg"),
        ("Anna Berg", 5, "Anna"),
        ("Zoe\u0308", 3, "Zo"),
        (f"a{FAMILY}", 4, "a"),
        (f"{GERMANY}{AUSTRIA}", 3, GERMANY),
        ("\U0001f44d\U0001f3fd", 1, "\U0001f44d"),
        ("\u0308\u0308\u0308", 2, "\u0308\u0308"),
    ],
)
def test_a_text_is_cut_between_what_a_person_sees_as_signs(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


def test_a_text_is_the_same_however_it_is_composed() -> None:
    assert clean(" Zoe\u0308\r\nMu\u0308ller\x00 ") == "Zo\u00eb\nM\u00fcller"
    assert Text().fits("Zoe\u0308", "Zo\u00eb")


def test_a_text_longer_than_the_lead_can_hold_is_cut_on_our_side_only() -> None:
    text = Text(most=5)
    assert text.read("Hauptstrasse", ABSENT) == "Haupt"
    assert text.fits("Hauptstrasse", "Haupt")


def test_a_cut_that_the_crm_never_announced_is_known_by_its_length() -> None:
    whole = "x" * 300
    assert Text().read("x" * 255, whole) == whole
    assert Text().read("x" * 100, whole) == "x" * 100


@pytest.mark.parametrize("theirs", [math.inf, math.nan, True, "many", "50-100", [], {}])
def test_what_is_no_number_is_not_taken_for_one(theirs: object) -> None:
    assert Number().read(theirs, 3) is UNCLEAR  # type: ignore[arg-type]  # a CRM may show anything


def test_an_empty_flag_says_no_and_words_are_understood() -> None:
    flag = Flag("7", "8")
    assert flag.fits(None, False)
    assert not flag.fits(None, True)
    assert [flag.read(word, ABSENT) for word in ("7", "8", "Ja", "off", "")] == [True, False, True, False, ABSENT]
    assert isinstance(flag.write(False), Held)


FIGURES = (Figure(), Figure(as_text=True), Figure(as_text=True, in_text=True))
numbers = st.integers(-(10**15), 10**15) | st.decimals(-(10**9), 10**9, places=3).map(float)


@pytest.mark.parametrize("figure", FIGURES)
@given(number=numbers)
def test_a_number_is_read_back_as_it_was_written(figure: Figure, number: float) -> None:
    number = int(number) if number == int(number) else number
    written = figure.write(number)
    assert not isinstance(written, Held)
    assert figure.read(written, ABSENT) == number
    assert figure.fits(written, number)


@pytest.mark.parametrize(
    ("theirs", "number"),
    [("43.0", 43), ("43", 43), (43.0, 43), ("43.50", 43.5), (43.5, 43.5), ("1.250", 1.25), (".5", 0.5), ("1,200", 1200), ("1e3", 1000)],
)
def test_a_number_is_the_same_in_every_spelling(theirs: str | float, number: float) -> None:
    found = Figure().read(theirs, ABSENT)
    assert (type(found), found) == (type(number), number)
    assert Figure().fits(theirs, number)


def test_in_a_text_three_digits_after_a_dot_are_a_group_and_never_written() -> None:
    text = Figure(as_text=True, in_text=True)
    assert text.read("1.250", ABSENT) == 1250
    assert text.write(1.254) == "1.2540"
    assert text.read("43,5", ABSENT) is UNCLEAR


def test_a_number_that_would_be_rounded_is_held_and_one_that_was_rounded_stays() -> None:
    whole = Figure(decimals=0)
    held = whole.write(43.5)
    assert isinstance(held, Held)
    assert held.reason == "too_precise"
    assert (whole.write(43), Figure(decimals=1).write(43.5)) == (43, 43.5)
    assert [whole.read(theirs, 43.5) for theirs in (44, 45, None)] == [43.5, 45, ABSENT]
    assert [whole.read(theirs, 42.5) for theirs in (42, 43)] == [42.5, 42.5]  # CRMs differ in how they round a half
    assert Figure().read(44, 43.5) == 44


@pytest.mark.parametrize("theirs", [math.inf, math.nan, True, "many", "0.1234567890123456789", [], {}])
def test_what_a_number_cannot_keep_exactly_is_not_taken_for_it(theirs: object) -> None:
    assert Figure().read(theirs, 3) is UNCLEAR  # type: ignore[arg-type]  # a CRM may show anything
