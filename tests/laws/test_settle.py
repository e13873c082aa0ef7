"""Only proof moves a base: what is held to be seen is what the CRM showed, never merely what was sent."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync.settle import refuse, settle, settle_unknown
from sync.state import Base, Cell, Pair, PlannedWrite, Section

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


@given(texts, texts, texts)
def test_an_unknown_outcome_moves_the_base_only_where_the_record_shows_what_was_sent(old: str, new: str, shown: str) -> None:
    before = Pair(old, old)
    pair = settle_unknown(Base({"title": before}), write(old, new), {"Title": shown}, DIALECT, UNTIL).pair("title")
    assert (pair.seen, pair.meant) == ((new, new) if shown == new else (old, old))
    assert pair.is_own(new, UNTIL) is (shown != new)


@given(texts, texts)
def test_a_rejected_write_moves_nothing(old: str, new: str) -> None:
    pair = refuse(Base({"title": Pair(old, old)}), write(old, new), "too_long", "Title").pair("title")
    assert (pair.seen, pair.meant, pair.refused) == (old, old, (new, "too_long"))


def test_an_engine_that_settles_from_what_it_sent_breaks_the_first_law() -> None:
    blind = settle(Base({"title": Pair("x", "x")}), write("x", "ab"), {}, DIALECT).pair("title")
    assert blind.seen != "AB", "without the read-back the CRM's spelling is unknown"
