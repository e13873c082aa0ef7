"""What the store promises: private, migrated, one at a time, and every value comes back as what it was."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Record
from leads.model import ABSENT, CLEARED, Item
from store.database import HEAD, NewerStore, StoreError
from store.documents import (
    dump_base,
    dump_cells,
    dump_fields,
    dump_origins,
    dump_revisions,
    load_base,
    load_cells,
    load_fields,
    load_origins,
    load_revisions,
)
from store.lease import LeaseHeld
from store.schema import metadata
from store.store import Store, open_store
from sync.journal import Cell
from sync.state import Base, Late, LeadState, Lost, Origin, Pair, Ref, Revision

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

text = st.text(max_size=12)
json = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), text, st.lists(st.dictionaries(text, text, max_size=2), max_size=2)
)
items = st.lists(st.builds(Item, text, text, text), min_size=1, max_size=3).map(tuple)
values = st.one_of(st.just(ABSENT), st.just(CLEARED), st.booleans(), st.integers(-(10**12), 10**12), text, items)
pairs = st.builds(
    Pair, json, values, st.none() | st.tuples(json, text), st.integers(0, 3), st.none() | st.builds(Late, json, values, st.just(NOW))
)
origins = st.builds(Origin, text, st.none(), text, st.none() | st.just(NOW), st.none() | st.just(NOW))

losers = st.builds(Lost, values, text, st.none() | origins)


def exact(value: object) -> str:
    """True is not 1, and 0 is not nothing."""
    return repr(value)


@given(st.dictionaries(text, pairs, max_size=5))
def test_a_base_comes_back_as_it_was(found: dict[str, Pair]) -> None:
    assert {name: exact(pair) for name, pair in load_base(dump_base(Base(found, NOW)), NOW.timestamp()).pairs.items()} == {
        name: exact(pair) for name, pair in found.items()
    }


@given(st.dictionaries(text, values.filter(lambda value: value is not ABSENT), max_size=5))
def test_the_fields_of_a_lead_come_back_as_they_were(fields: dict[str, object]) -> None:
    assert exact(load_fields(dump_fields(fields))) == exact(fields)  # type: ignore[arg-type]  # drawn from the values of a lead


@given(st.dictionaries(text, origins, max_size=5))
def test_origins_come_back_as_they_were(found: dict[str, Origin]) -> None:
    assert load_origins(dump_origins(found)) == found


lists_of_losers, speakers = st.lists(losers, max_size=2).map(tuple), st.lists(origins, max_size=2).map(tuple)


@given(st.lists(st.builds(Revision, text, values, values, origins, text, lists_of_losers, speakers), max_size=4))
def test_history_comes_back_as_it_was(found: list[Revision]) -> None:
    assert exact(load_revisions(dump_revisions(found))) == exact(found)


def test_a_history_of_an_older_store_does_not_say_who_lost_when() -> None:
    kept = '{"o":[[["hubspot",null,"",null,null],"the only change"]],"c":[["job_title",null,"CTO",0,[["CFO","pipedrive"]]]]}'
    (step,) = load_revisions(kept)
    assert step.lost == (Lost("CFO", "pipedrive", None),)


@given(st.lists(st.builds(Cell, text, text, text, json, json, values, text, text), max_size=4))
def test_planned_cells_come_back_as_they_were(found: list[Cell]) -> None:
    assert exact(load_cells(dump_cells(found))) == exact(tuple(found))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'leads.db'}")


def test_the_file_is_private(store: Store, tmp_path: Path) -> None:
    with store.begin() as unit:
        unit.put_meta("something", "else")
    files = list(tmp_path.iterdir())
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_the_migrations_make_the_schema(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(sa.text("select version_num from alembic_version")).scalar() == HEAD


def test_a_newer_store_is_refused_with_what_to_do(store: Store, tmp_path: Path) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    store.close()
    with pytest.raises(NewerStore, match="Upgrade Leadloom"):
        open_store(f"sqlite:///{tmp_path / 'leads.db'}")


@pytest.mark.parametrize("url", ["not a url", "sqlite:////proc/nowhere/leads.db"])
def test_a_store_that_cannot_be_is_refused_in_words(url: str) -> None:
    with pytest.raises(StoreError):
        open_store(url)


def test_a_file_that_is_no_store_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "leads.db").write_text("this is no database, but long enough to be looked at")
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path / 'leads.db'}")


def test_a_rehearsal_leaves_nothing(store: Store) -> None:
    with store.rehearse() as unit:
        unit.put_meta("rehearsed", "yes")
        assert unit.meta("rehearsed") == "yes"
    with store.begin() as unit:
        assert unit.meta("rehearsed") is None


@pytest.mark.parametrize("crowd", [0, 4, 99])
def test_the_next_leads_are_those_with_news_and_those_that_are_due_in_order(
    store: Store, monkeypatch: pytest.MonkeyPatch, crowd: int
) -> None:
    monkeypatch.setattr("store.leads.CROWD", crowd)
    with store.begin() as unit:
        unit.put_leads([LeadState(f"ld_{n}", due=NOW if n % 2 else LATER) for n in range(9)], NOW)
        unit.put_inbox([(Ref("hubspot", "contacts", "8"), Record("contacts", "8", {}))], "1", NOW)
        unit.give_to_leads({Ref("hubspot", "contacts", "8"): "ld_4"})
        pages = [
            unit.next_leads("", NOW, 2),
            unit.next_leads("ld_3", NOW, 2),
            unit.next_leads("ld_5", NOW, 2),
            unit.next_leads("ld_7", NOW, 2),
        ]
        assert pages == [["ld_1", "ld_3"], ["ld_4", "ld_5"], ["ld_7"], []]
        assert (unit.next_leads("", None, 9), unit.next_leads("ld_4", None, 9)) == (["ld_4"], [])


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def half() -> None:
        with store.begin() as unit:
            unit.put_meta("half", "done")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with store.begin() as unit:
        assert unit.meta("half") is None


def test_one_lease_per_workspace_even_between_processes(store: Store, tmp_path: Path) -> None:
    script = f"from store.store import open_store\nwith open_store('sqlite:///{tmp_path / 'leads.db'}').lease(): pass"
    root = Path(__file__).parents[2]
    with store.lease():
        with pytest.raises(LeaseHeld, match=r"process \d+ on .*, since"), store.lease():
            pass
        other = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
        assert "LeaseHeld" in other.stderr
    assert subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, check=False).returncode == 0


def test_a_merged_away_id_is_answered_with_its_survivor(store: Store) -> None:
    from sync.state import Link

    old, new, newer = (Ref("hs", "contacts", id) for id in ("1", "2", "3"))
    with store.begin() as unit:
        unit.put_links([(Link(newer, "ld_a"), Base())])
        unit.put_alias(old, new)
        unit.put_alias(new, newer)
        assert {id: link.ref for id, (link, _) in unit.links_at("hs", "contacts", ["1", "2", "3"]).items()} == dict.fromkeys("123", newer)
