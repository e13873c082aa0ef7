"""Converters by example."""

from __future__ import annotations

import math

import pytest

from leads.model import ABSENT
from mappings.values import UNCLEAR, Flag, Held, Number, Text, clean, shorten

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
