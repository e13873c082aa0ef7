"""Changes: nothing is ever skipped, at whatever point a walk is left, and little is shown twice."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from connectors.errors import ConnectorError
from tests.contract import declared
from tests.contract.rigs import Rig, needs
from tests.contract.world import HOUR, ids_of

FAR_TOO_MANY = 40


def test_the_first_walk_shows_everybody(rig: Rig) -> None:
    ids = rig.world.crowd(rig.capabilities.read_page + 1)
    records, _ = rig.walk()
    assert sorted(ids_of(records)) == sorted(ids)
    assert all(record.ending is None for record in records)


def test_the_first_walk_shows_the_fields(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A", score=0, stage="sql", flag=False)
    (record,), _ = rig.walk(None, "grade", "score", "stage", "flag", "notes")
    assert record.id == id
    assert record.fields == {**rig.said(grade="A", score=0, stage="sql", flag=False), **dict.fromkeys(rig.names("notes"))}


def test_an_empty_field_does_not_end_a_walk(rig: Rig) -> None:
    ids = rig.world.crowd(5)
    for id in (ids[0], ids[4]):
        rig.world.human_edit(id, grade="A")
    records, _ = rig.walk()
    assert {record.id: record.fields[rig.name("grade")] for record in records} == dict(zip(ids, ("A", None, None, None, "A"), strict=True))


def test_a_walk_through_an_empty_account_ends(rig: Rig) -> None:
    records, cursor = rig.walk()
    assert records == []
    id = rig.world.human_create(family="Byron", email="a@firma.example")
    assert ids_of(rig.walk(cursor)[0]) == [id]


def test_the_second_walk_shows_nothing(rig: Rig) -> None:
    rig.world.crowd(5)
    assert rig.walk(rig.quiet_cursor())[0] == []


def test_an_edit_is_shown_and_then_no_more(rig: Rig) -> None:
    ids = rig.world.crowd(5)
    cursor = rig.quiet_cursor()
    rig.world.human_edit(ids[2], grade="B")
    records, cursor = rig.walk(cursor)
    assert [(record.id, record.fields[rig.name("grade")]) for record in records] == [(ids[2], "B")]
    rig.world.advance_clock(HOUR)
    _, cursor = rig.walk(cursor)
    rig.world.advance_clock(HOUR)
    assert rig.walk(cursor)[0] == []


def test_a_clear_is_shown_as_empty(rig: Rig) -> None:
    id = rig.world.human_create(family="Byron", email="a@firma.example", grade="A")
    cursor = rig.quiet_cursor()
    rig.world.human_clear(id, "grade")
    ((record,), _) = rig.walk(cursor)
    assert record.fields == dict.fromkeys(rig.names("grade"))


def test_an_unsubscription_is_among_the_changes(rig: Rig) -> None:
    ids = rig.world.crowd(3)
    cursor = rig.quiet_cursor()
    rig.world.human_unsubscribe(ids[1])
    records = [record for page in rig.connector.changes(rig.object, cursor, ["opt_out:email"]) for record in page.records]
    assert [(record.id, dict(record.fields)) for record in records] == [(ids[1], {"opt_out:email": True})]


def test_an_edit_in_the_moment_of_the_walk_is_not_lost(rig: Rig) -> None:
    ids = rig.world.crowd(2)
    cursor = rig.quiet_cursor()
    rig.world.human_edit(ids[0], grade="before")
    _, cursor = rig.walk(cursor)
    rig.world.human_edit(ids[0], grade="after")
    rig.world.advance_clock(60)
    assert rig.walk(cursor)[0][0].fields == rig.said(grade="after")


def test_edits_while_paging_are_seen_now_or_next_time(rig: Rig) -> None:
    ids = rig.world.crowd(2 * rig.capabilities.read_page + 1)
    grade, seen = rig.name("grade"), {}
    cursor = None
    for number, page in enumerate(rig.pages()):
        seen.update({record.id: record.fields[grade] for record in page.records})
        cursor = page.cursor
        for id in (ids[0], ids[-1], ids[len(ids) // 2]):
            rig.world.human_edit(id, grade=f"page {number}")
        rig.world.advance_clock(1)
    seen.update({record.id: record.fields[grade] for record in rig.walk(cursor)[0]})
    assert seen == rig.truths("grade")


def test_people_who_come_while_paging_are_seen_now_or_next_time(rig: Rig) -> None:
    ids, seen = rig.world.crowd(rig.capabilities.read_page + 1), []
    for number, page in enumerate(rig.pages()):
        seen += ids_of(page.records)
        cursor = page.cursor
        if number < 3:
            ids += rig.world.crowd(1, first=5000 + number)
        rig.world.advance_clock(1)
    seen += ids_of(rig.walk(cursor)[0])
    assert set(seen) == set(ids)


def test_people_who_go_while_paging_take_nobody_along(rig: Rig) -> None:
    ids, seen, gone = rig.world.crowd(2 * rig.capabilities.read_page), [], list[str]()
    for page in rig.pages():
        seen += ids_of(page.records)
        gone = gone or [ids[0], ids[-1]]
        for id in gone:
            if id in rig.world.records():
                rig.world.human_delete(id)
    assert set(ids) - set(seen) <= set(gone)


def test_equal_times_on_the_edge_of_a_page_lose_nobody(rig: Rig) -> None:
    ids = rig.world.crowd((rig.dialect.search_page or rig.capabilities.read_page) + 1)
    cursor = rig.quiet_cursor()
    for id in ids:
        rig.world.human_edit(id, grade="B")
    records, _ = rig.walk(cursor)
    assert sorted(ids_of(records)) == sorted(ids)


def test_cursors_are_text_and_survive_a_restart(rig: Rig) -> None:
    ids = rig.world.crowd(3)
    cursor = rig.quiet_cursor()
    assert json.loads(json.dumps(cursor)) == cursor
    rig.world.human_edit(ids[1], grade="B")
    pages = list(rig.pages(cursor, connector=rig.open()))
    assert [record.id for page in pages for record in page.records] == [ids[1]]


def test_a_first_walk_can_be_left_after_any_page(rig: Rig) -> None:
    ids = rig.world.crowd(2 * rig.capabilities.read_page + 1)
    assert set(_page_by_page(rig, None)) == set(ids)


def test_a_later_walk_can_be_left_after_any_page(rig: Rig) -> None:
    ids = rig.world.crowd(2 * (rig.dialect.search_page or rig.capabilities.read_page) + 1)
    cursor = rig.quiet_cursor()
    for id in ids:
        rig.world.human_edit(id, grade="B")
    assert set(_page_by_page(rig, cursor)) == set(ids)


def test_a_page_that_was_not_kept_is_shown_again(rig: Rig) -> None:
    ids = rig.world.crowd(rig.capabilities.read_page + 1)
    first = next(iter(rig.pages()))
    del first
    assert set(ids_of(rig.walk(None)[0])) == set(ids)


@needs(declared.token_pages)
def test_an_empty_page_in_the_middle_does_not_end_a_walk(rig: Rig) -> None:
    rows = rig.dialect.rows_of
    ids = rig.world.crowd(3 * rig.capabilities.read_page)
    rig.world.change_pages(lambda number, body: {**body, rows: []} if number == 2 else None)
    seen = ids_of(rig.walk()[0])
    assert len(set(seen) & set(ids)) >= 2 * rig.capabilities.read_page


def test_a_page_that_comes_again_and_again_stops_the_walk(rig: Rig) -> None:
    rig.world.crowd(2 * rig.capabilities.read_page + 1)
    answered: list[object] = []

    def always_the_first(_: int, body: object) -> object:
        answered.append(body)
        return answered[0]

    rig.world.change_pages(always_the_first)
    with pytest.raises(ConnectorError):
        list(islice(rig.pages(), FAR_TOO_MANY))
    assert len(answered) < 10


@needs(declared.lagging_search)
def test_what_becomes_visible_late_is_not_lost(rig: Rig) -> None:
    ids = rig.world.crowd(3)
    cursor = rig.quiet_cursor()
    rig.world.set(**rig.dialect.drowsy)
    rig.world.human_edit(ids[1], grade="B")
    records, cursor = rig.walk(cursor)
    rig.world.advance_clock(rig.capabilities.search_lag_s)
    assert ids[1] in ids_of([*records, *rig.walk(cursor)[0]])


@needs(declared.window)
def test_a_ceiling_of_results_is_crossed(rig: Rig) -> None:
    ids = rig.world.crowd(int(rig.dialect.window or 0) + 1)
    cursor = rig.quiet_cursor()
    rig.world.app.act({"do": "edit", "all": True, "fields": {rig.dialect.names["grade"]: "B"}})
    records, _ = rig.walk(cursor)
    assert len({record.id for record in records}) == len(ids)


def _page_by_page(rig: Rig, cursor: str | None) -> list[str]:
    """A walk that is left after each page, and gone on with by another process."""
    seen: list[str] = []
    for _ in range(FAR_TOO_MANY):
        pages = rig.pages(cursor, connector=rig.open())
        page = next(pages)
        seen += ids_of(page.records)
        cursor = page.cursor
        if next(pages, None) is None:
            return seen
    raise AssertionError("the walk does not end")
