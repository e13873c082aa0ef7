"""Where the vendor's behaviour is not confirmed, the contract holds either way; and what is skipped is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

import sandbox
from connectors.base import Outcome
from tests.contract.conftest import deviations
from tests.contract.dialects import DIALECTS
from tests.contract.rigs import RIGS, Rig, rigged
from tests.contract.world import ids_of

CHAPTERS = (
    "reading", "writing", "batches", "changes", "endings", "failure", "manners", "secrets", "schema", "merging", "consent", "history",
)  # fmt: skip
QUIRKS = [(crm, quirk) for crm in RIGS for quirk in DIALECTS[crm].quirks]
NAMES = [f"{crm}-{'-'.join(map(str, next(reversed(quirk.items()))))}" for crm, quirk in QUIRKS]
# Switches that are no open question about the vendor.
SETTLED = {
    "what an account is called and where it is": {
        "portal_id", "org_id", "company_id", "company_domain", "host", "api_domain", "account_name", "account_number",
    },
    "how much a plan allows": {
        "max_filter_groups", "max_filters", "max_filters_total", "url_limit", "burst_limit", "search_limit", "daily_limit", "plan", "seats",
        "daily_budget", "reset_offset_h", "ban_after", "ban_s", "deal_cap", "updated_limit", "others_spent", "crm_plan", "deals_visible",
        "features_off",
    },
    "what an administrator sets up; the connectors' own tests and the chapters use it": {
        "data_privacy", "missing_scopes", "creator_removed", "assignment_rule", "field_level_security", "hidden_fields", "unfilterable",
        "password_expired", "scopes", "closed", "forbidden", "marketing", "inactive_owners", "default_visible_to", "filters",
        "tracked_fields",
    },
    "how much time passes; the chapter on changes moves it": {"search_lag_s", "open_transaction_s", "conversion_s", "import_s"},
    "a fault; the matrix of faults has its like": {"null_bodies", "flaky_403", "truncate_at"},
    "how a test looks on": {"extra_fields", "log_headers", "log_bodies"},
}  # fmt: skip
# Without side-loading each changed contact costs one more request, so the bar of one request a page does not apply.
DEARER = {
    ("activecampaign", "side_loads"): {
        "test_a_walk_costs_one_call_a_page",
        "test_many_changes_cost_no_more_calls_than_one",
        "test_get_costs_one_call_a_batch",
    }
}
SKIPPED = {"hubspot": 12, "salesforce": 28, "salesforce_contact": 30, "pipedrive": 42, "activecampaign": 42}


@pytest.mark.parametrize(("crm", "quirk"), QUIRKS, ids=NAMES)
def test_a_round_of_everything_holds_whatever_the_vendor_does(crm: str, quirk: Mapping[str, Any]) -> None:
    with rigged(crm, wire="none", settings=quirk) as rig:
        ids = _created(rig)
        cursor = rig.quiet_cursor()
        _edited_and_cleared(rig, ids)
        assert set(ids_of(rig.walk(cursor)[0])) >= {ids[0], ids[1]}
        _ended(rig, ids)
        _found(rig, ids)


@pytest.mark.nightly
@pytest.mark.parametrize(("crm", "quirk"), QUIRKS, ids=NAMES)
def test_the_whole_contract_holds_whatever_the_vendor_does(crm: str, quirk: Mapping[str, Any]) -> None:
    broken = {}
    for _, test in contract_tests():
        for arguments in _cases(test) if _need_of(test)[crm] and "rig" in signature(test).parameters else ():
            with rigged(crm, wire="none", settings=quirk) as rig:
                try:
                    test(rig, *arguments)
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # all of them are reported together
                    broken[f"{test.__name__}{arguments}"] = f"{type(error).__name__}: {str(error)[:200]}"
    allowed = DEARER.get((crm, next(iter(quirk))), set())
    assert {name: why for name, why in broken.items() if name.partition("(")[0] not in allowed} == {}


def test_every_open_question_about_a_vendor_is_asked_both_ways() -> None:
    settled = set().union(*SETTLED.values())
    for crm in ("hubspot", "salesforce", "pipedrive", "activecampaign"):
        asked = {name for rig in RIGS if DIALECTS[rig].crm == crm for quirk in DIALECTS[rig].quirks for name in quirk}
        assert asked | settled >= set(sandbox.app(crm).settings)
        assert asked.isdisjoint(settled)


def test_what_is_skipped_is_counted() -> None:
    """A new skip is a decision: it is entered here, with a declared capability as its reason."""
    skipped = Counter(crm for _, test in contract_tests() for crm, met in _need_of(test).items() if not met)
    assert dict(skipped) == SKIPPED


def test_every_deviation_names_a_test_and_says_why() -> None:
    tests = {test.__name__ for _, test in contract_tests()}
    for one in deviations():
        assert one["test"].partition("[")[0] in tests
        assert one["connector"] in RIGS
        assert one["url"].startswith("https://")
        assert one["reason"] != ""


def test_every_chapter_is_there() -> None:
    assert {Path(str(module.__file__)).stem for module, _ in contract_tests()} == {f"test_{chapter}" for chapter in CHAPTERS}


def contract_tests() -> Iterator[tuple[Any, Callable[..., None]]]:
    for chapter in CHAPTERS:
        module = import_module(f"tests.contract.test_{chapter}")
        for name, test in vars(module).items():
            if name.startswith("test_") and callable(test):
                yield module, test


def _cases(test: Callable[..., None]) -> Iterator[tuple[Any, ...]]:
    """The further arguments of a parametrised test, or none."""
    marks = [mark for mark in test.__dict__.get("pytestmark", ()) if mark.name == "parametrize"]
    yield from ((value,) for mark in marks for value in mark.args[1])
    if not marks:
        yield ()


def _need_of(test: Callable[..., None]) -> dict[str, bool]:
    need = test.__dict__.get("need")
    return {crm: need is None or need.met(DIALECTS[crm]) for crm in RIGS}


def _created(rig: Rig) -> list[str]:
    receipts = rig.write(*(rig.create(at, grade="A", score=at, stage="sql", flag=True) for at in range(4)))
    assert [receipt.outcome for receipt in receipts] == [Outcome.CREATED] * 4
    return [str(receipt.id) for receipt in receipts]


def _edited_and_cleared(rig: Rig, ids: list[str]) -> None:
    said = {} if rig.name("flag") in rig.dialect.permissive else {"flag": False}  # a no to contact is never written away
    receipts = rig.write(rig.update(ids[0], grade=None, **said), rig.update(ids[1], score=0))
    assert [receipt.outcome for receipt in receipts] == [Outcome.UPDATED] * 2
    assert rig.truth(ids[0], rig.name("grade")) is None
    assert all(rig.truth(ids[0], rig.name(name)) == rig.value(name, value) for name, value in said.items())


def _ended(rig: Rig, ids: list[str]) -> None:
    rig.world.human_delete(ids[2])
    assert rig.get_one(ids[2]).ending is not None
    assert rig.write_one(rig.update(ids[2], grade="B")).outcome is Outcome.GONE
    survivor = rig.world.human_merge(ids[0], ids[1])
    assert rig.get_one(ids[0]).ending is not None
    assert rig.get_one(survivor).ending is None


def _found(rig: Rig, ids: list[str]) -> None:
    assert ids_of(rig.find("email", "ada3@firma.example")) == [ids[3]]
    assert ids_of(rig.find_key("key-3")) == [ids[3]]
    taken = rig.write_one(rig.create(3, key="another"))
    assert taken.outcome is Outcome.ADOPTED or (not rig.capabilities.unique_email and taken.outcome is Outcome.CREATED)
