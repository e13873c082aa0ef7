"""Only proof moves a base: what is held to be seen is what the CRM showed, never merely what was sent."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync.journal import Cell, PlannedWrite, Section
from sync.outcome import Became
from sync.settle import refuse, set_back, settle, settle_unknown
from sync.state import Base, Pair

ROW = SimpleNamespace(id="title", lead="job_title", remote="Title", fits=lambda shown, meant: shown == meant)
DIALECT: Any = SimpleNamespace(rows=(ROW,), sets={"emails": (), "phones": ()}, row=lambda _id: ROW)
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
texts = st.text(alphabet="ab ", min_size=1, max_size=4)


def write(old: str, new: str) -> PlannedWrite:
    return PlannedWrite("crm", "Lead", "ld", Section.UPDATE, (Cell("title", "Title", "job_title", old, new, new, ""),), "1")


@given(texts, texts, st.sampled_from([str.upper, str.strip, str]))
def test_a_confirmed_write_is_seen_as_the_crm_spells_it(old: str, new: str, spell: Any) -> None:
    pair = settle(Base({"title": Pair(old, old)}), write(old, new), {"Title": spell(new)}, DIALECT).pair("title")
    assert (pair.seen, pair.meant) == (spell(new), new)


@given(texts, texts, texts)
def test_a_third_value_in_the_answer_is_left_for_the_next_read(old: str, new: str, third: str) -> None:
    pair = settle(Base({"title": Pair(old, old)}), write(old, new), {"Title": third}, DIALECT).pair("title")
    assert pair.seen in (third, new)
    assert pair.meant in (new, old)


def pair_after(old: str, new: str, shown: str, became: Became) -> Pair:
    base = Base({"title": Pair(old, old)})
    return settle_unknown(base, write(old, new), {"Title": shown}, DIALECT, UNTIL, {"title": became}).pair("title")


@given(texts, texts)
def test_a_write_that_landed_or_was_set_back_moves_the_base_to_what_was_sent(old: str, new: str) -> None:
    assert pair_after(old, new, new, Became.LANDED) == pair_after(old, new, old, Became.SET_BACK) == Pair(new, new)


@given(texts, texts, texts, st.sampled_from([Became.NEVER_LANDED, Became.EDITED]))
def test_a_write_that_did_not_land_is_owed_and_known_as_ours_should_it_land_late(old: str, new: str, shown: str, became: Became) -> None:
    pair = pair_after(old, new, shown, became)
    assert (pair.seen, pair.meant, pair.refused, pair.is_own(new, UNTIL)) == (old, old, None, True)


@given(texts, texts)
def test_what_nobody_knows_waits_and_a_person_can_say_that_it_was_set_back(old: str, new: str) -> None:
    pair = pair_after(old, new, old, Became.UNKNOWN)
    assert (pair.seen, pair.refused, pair.is_own(new, UNTIL)) == (old, (new, "unknown_outcome"), True)
    assert set_back(pair) == Pair(new, new)
    assert set_back(Pair(old, old)) == Pair(old, old)


@given(texts, texts)
def test_a_rejected_write_moves_nothing(old: str, new: str) -> None:
    pair = refuse(Base({"title": Pair(old, old)}), write(old, new), "too_long", "Title").pair("title")
    assert (pair.seen, pair.meant, pair.refused) == (old, old, (new, "too_long"))


def test_an_engine_that_settles_from_what_it_sent_breaks_the_first_law() -> None:
    blind = settle(Base({"title": Pair("x", "x")}), write("x", "ab"), {}, DIALECT).pair("title")
    assert blind.seen != "AB", "without the read-back the CRM's spelling is unknown"
