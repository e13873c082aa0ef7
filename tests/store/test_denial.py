"""What is denied is a view of the ledger: equal to the fold of its events after anything, and made anew from them at will."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st

from leads.consent import chain
from leads.consent.denial import denials
from leads.consent.document import addressed
from leads.consent.fold import fold
from leads.consent.policy import Policy
from leads.consent.reading import read_events
from store import schema
from store.ledger import _row
from store.store import Store, open_store
from store.trail import act_of, linked
from store.unit import Unit
from tests.leads.consent.acts import A, no
from tests.leads.consent.worlds import ADDRESSES, PERSONS, ledgers

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BATCHES = ("run:1", "run:2")
Deed = tuple[str, Any]

batched = st.builds(
    lambda events, batch: [{**one, "refs": {**one.get("refs", {}), "batch": batch}} for one in events], ledgers, st.sampled_from(BATCHES)
)
deeds = st.one_of(
    st.tuples(st.just("add"), batched),
    st.tuples(st.just("add"), ledgers),
    st.tuples(st.just("take back"), st.sampled_from(BATCHES)),
    st.tuples(st.just("forget"), st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(PERSONS), st.sampled_from(ADDRESSES))),
    st.tuples(st.just("rebuild"), st.none()),
)


def taking_back(batch: str) -> Mapping[str, Any]:
    when = {"lo": NOW.isoformat(), "hi": NOW.isoformat()}
    return {"kind": "invalidate", "occurred": when, "clock": "hub", "provenance": "operator", "refs": {"batch": batch}}


def happen(unit: Unit, deed: Deed) -> None:
    match deed:
        case ("add", events):
            plain = [{name: value for name, value in one.items() if name != "id"} for one in events]
            unit.add_events(addressed(plain), "anna", NOW)
        case ("take back", batch):
            unit.add_events(addressed([taking_back(batch)]), "anna", NOW)
        case ("forget", (address, person, shared)):
            unit.forget_events([address], [person], [shared], actor="erase:1", at=NOW)
        case _:
            unit.deny_anew()


def kept(unit: Unit) -> set[tuple[str, str]]:
    return {(row.channel, row.address) for row in unit._run(sa.select(schema.restriction))}


def said(unit: Unit) -> set[tuple[str, str]]:
    """The fold of all events there are."""
    events = read_events([document for _, document in unit.every_event()])
    return {one for event in fold(events, Policy()).restrictions for one in denials(event)}


@contextmanager
def a_store() -> Iterator[Store]:
    with TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/leads.db")
        try:
            yield store
        finally:
            store.close()


@pytest.fixture(scope="module")
def empty() -> Iterator[Store]:
    with a_store() as store:
        yield store


@given(done=st.lists(deeds, max_size=6))
def test_what_is_denied_is_the_fold_of_the_events_after_anything(empty: Store, done: list[Deed]) -> None:
    with empty.rehearse() as unit:
        for deed in done:
            happen(unit, deed)
            assert kept(unit) == said(unit)
            assert list(unit.misread()) == []


@pytest.mark.parametrize(
    "wrong",
    [sa.delete(schema.restriction), sa.update(schema.restriction).values(channel="fax"), sa.update(schema.restriction).values(event="x")],
)
def test_a_view_that_is_wrong_is_found_and_made_anew(empty: Store, wrong: sa.Executable) -> None:
    with empty.rehearse() as unit:
        happen(unit, ("add", [no("w", A, 1)]))
        before = kept(unit)
        unit._run(wrong)
        assert list(unit.misread()) != []
        unit.deny_anew()
        assert kept(unit) == before
        assert list(unit.misread()) == []


def test_an_observation_of_a_batch_that_was_taken_back_denies_nothing_when_it_comes_late(empty: Store) -> None:
    with empty.rehearse() as unit:
        happen(unit, ("take back", "run:1"))
        happen(unit, ("add", [no("w", A, 1, provenance="sync", refs={"batch": "run:1"})]))
        assert kept(unit) == set()


# Older stores

OLD = (
    ("email", "email:anna@example.com", "hubspot"),
    ("email", "email:not an address", "pipedrive"),
    ("phone", "phone:+493023125000", "salesforce"),
    ("email", "lead:ld_1", "pipedrive"),
    ("phone", "lead:ld_2", "hub"),
    ("email/marketing.newsletter", "email:bea@example.com", "activecampaign"),
    ("profiling", "email:cid@example.com", "hub"),
)


def older(folder: Path, rows: Iterable[tuple[str, str, str]]) -> sa.Engine:
    """A store as the release before left it."""
    engine = sa.create_engine(f"sqlite:///{folder / 'leads.db'}")
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0016")
        for channel, address, account in rows:
            values = {"channel": channel, "address": address, "account": account, "object": "x", "id": "1", "run": "7"}
            seen = None if account == "hub" else NOW.timestamp()
            table = sa.table("restriction", *(sa.column(name) for name in (*values, "seen_at")))
            connection.execute(sa.insert(table), {**values, "seen_at": seen})
    return engine


def test_a_migration_keeps_every_restriction_and_accounts_for_it(tmp_path: Path) -> None:
    older(tmp_path, OLD).dispose()
    store = open_store(f"sqlite:///{tmp_path / 'leads.db'}")
    with store.begin() as unit:
        assert kept(unit) >= {(channel, place) for channel, place, _ in OLD}
        assert kept(unit) == said(unit)
        assert list(unit.misread()) == []
        assert list(unit.tampered()) == []
        assert unit.head()[0] == len(OLD)
    store.close()


def test_a_migration_puts_older_objections_in_force_and_tells_nothing_twice(tmp_path: Path) -> None:
    engine = older(tmp_path, [("email", "email:a@x.de", "hub"), ("phone", "phone:+493023125000", "salesforce")])
    event, document = addressed([{name: value for name, value in no("o", A, 1, "object").items() if name != "id"}])[0]
    with engine.begin() as connection:
        row = _row(1, event, document)
        connection.execute(sa.insert(schema.consent_event), row)
        connection.execute(sa.insert(schema.audit), list(linked([act_of(row)], 0, chain.START, "anna", NOW)))
    engine.dispose()
    store = open_store(f"sqlite:///{tmp_path / 'leads.db'}")
    with store.begin() as unit:
        assert ("profiling", "email:a@x.de") in kept(unit)
        assert len(list(unit.every_event())) == 2
        assert list(unit.tampered()) == []
        assert kept(unit) == said(unit)
    store.close()


def test_a_migration_notes_what_was_erased_before_and_from_then_on_a_missing_event_shows(tmp_path: Path) -> None:
    engine = older(tmp_path, [])
    told = [addressed([{name: value for name, value in no(id, A, day).items() if name != "id"}])[0] for id, day in (("o", 1), ("p", 2))]
    with engine.begin() as connection:
        rows = [_row(seq, event, document) for seq, (event, document) in enumerate(told, 1)]
        connection.execute(sa.insert(schema.consent_event), rows[1:])
        connection.execute(sa.insert(schema.audit), list(linked(map(act_of, rows), 0, chain.START, "anna", NOW)))
    engine.dispose()
    store = open_store(f"sqlite:///{tmp_path / 'leads.db'}")
    with store.begin() as unit:
        assert [(one.actor, one.payload_hash) for one in unit.trail()][2:] == [("migration:0018", act_of(rows[0])["payload_hash"])]
        assert list(unit.tampered()) == []
        unit._run(sa.delete(schema.consent_event))
        assert list(unit.tampered()) == [("audit row 2", "its event is missing, and no erasure is recorded for it")]
    store.close()
