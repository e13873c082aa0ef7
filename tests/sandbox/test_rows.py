"""Rows that are ordered by id, by time and by text: held against plain sorting over random histories."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sandbox.rows import Rows


@dataclass
class Row:
    id: int
    stamp: int = 0
    listed: bool = True
    text: str = ""


steps = st.lists(st.tuples(st.sampled_from(["add", "change", "hide", "show", "remove"]), st.integers(1, 8), st.integers(0, 9)), max_size=40)


@given(steps)
def test_the_orders_are_those_of_the_rows(history: list[tuple[str, int, int]]) -> None:
    rows: Rows[Row] = Rows()
    index = rows.index(lambda row: [row.text])
    index.find("x")
    for step, id, number in history:
        carry_out(rows, step, id, number)
        listed = sorted((row for row in rows.rows.values() if row.listed), key=lambda row: row.id)
        assert rows.ids == [row.id for row in listed]
        assert rows.times == sorted((row.stamp, row.id) for row in listed)
        for text in "0123456789":
            assert sorted(index.find(text)) == [row.id for row in listed if row.text == text]


def carry_out(rows: Rows[Row], step: str, id: int, number: int) -> None:
    held = rows.rows.get(id)
    if step == "add" and held is None:
        rows.add(Row(id, number, text=str(number)))
    elif step == "remove" and held is not None:
        rows.remove(held)
    elif held is not None and step != "add":
        with rows.changing(held) as row:
            row.stamp, row.text = number, str(number)
            row.listed = held.listed if step == "change" else step == "show"


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(0, 6), st.integers(0, 6))
def test_a_window_of_time_is_closed_below_and_open_above(stamps: list[int], low: int, high: int) -> None:
    rows: Rows[Row] = Rows()
    with rows.loading():
        for at, stamp in enumerate(stamps):
            rows.add(Row(at + 1, stamp))
    first, last = rows.between(low, high)
    wanted = [row.id for row in rows.rows.values() if low <= row.stamp < high]
    assert sorted(id for _, id in rows.times[first:last]) == wanted
    narrow = rows.ids_between(low, high)
    assert narrow is None or list(narrow) == wanted


def test_what_is_kept_goes_when_a_row_changes() -> None:
    rows: Rows[Row] = Rows()
    rows.add(Row(1))
    assert [rows.keep("name", lambda: object()) is rows.keep("name", lambda: object())] == [True]
    before = rows.keep("name", lambda: object())
    with rows.changing(rows.rows[1]) as row:
        row.stamp = 5
    assert rows.keep("name", lambda: object()) is not before
