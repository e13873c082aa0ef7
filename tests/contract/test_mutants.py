"""The suite is tested too: each liar must fail the contract tests that name its lie, and an honest connector must pass them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from tests.contract.dialects import DIALECTS
from tests.contract.mutants import MUTANTS, Mutant
from tests.contract.rigs import RIGS, Wrap, rigged

SIXTEEN = [
    "StopsAtFirstEmpty",
    "DropsHeadersOnRetry",
    "RetriesForEver",
    "NullMeansAbsent",
    "FalseMeansNone",
    "StrictGreaterCursor",
    "CursorBeforePage",
    "SwallowsRowErrors",
    "ReceiptWithoutReadback",
    "KeyErrorOnMissing",
    "LeaksToken",
    "RetriesWrites",
    "OneReceiptShort",
    "ReordersReceipts",
    "DeletesOnAbsence",
    "TwoRefreshes",
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_liar_is_caught(mutant: Mutant) -> None:
    _catch(mutant, mutant.at)


@pytest.mark.nightly
@pytest.mark.parametrize("crm", RIGS)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_liar_is_caught_wherever_it_hides(mutant: Mutant, crm: str) -> None:
    if mutant.need is not None and not mutant.need.met(DIALECTS[crm]):
        pytest.skip(f"{crm} does not declare: {mutant.need.what}")
    _catch(mutant, crm)


def test_the_known_faults_have_their_liars() -> None:
    assert set(SIXTEEN) <= {mutant.name for mutant in MUTANTS}


def _catch(mutant: Mutant, crm: str) -> None:
    for named in mutant.killed_by:
        assert failure(named, crm, None) is None, f"{named[0]} fails without any liar"
        caught = failure(named, crm, mutant.wrap)
        assert caught is not None, f"{named[0]} believes {mutant.name}"
        assert not isinstance(caught, (NameError, AttributeError)), f"{mutant.name} does not work: {caught}"


def failure(named: tuple[Any, ...], crm: str, wrap: Wrap | None) -> Exception | None:
    """How a contract test fails with this connector, or None if it passes."""
    chapter, name = str(named[0]).split(".")
    test = getattr(import_module(f"tests.contract.test_{chapter}"), name)
    with rigged(crm, wire="none", wrap=wrap) as rig:
        try:
            test(rig, *named[1:])
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # whatever shows the lie
            return error if isinstance(error, Exception) else AssertionError(str(error))
    return None
