"""After any noise the CRMs fall quiet, and nothing that a person did is lost, doubled or loosened."""

from __future__ import annotations

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.consenting import ConsentMachine
from tests.machine.joining import JoiningMachine
from tests.machine.machine import Machine

FEW, MANY = 100, 2_000
CONSENTS = 1_000
BLOCKS = 10


def play(number: int, examples: int, steps: int, machine: type[Machine] = Machine) -> None:
    """`examples` sequences of up to `steps` steps that follow from `number`; one that breaks a law tells its story."""
    print(f"sequences of seed {number}")
    chosen = settings(max_examples=examples, stateful_step_count=steps, database=None, derandomize=False, phases=[Phase.generate])
    run_state_machine_as_test(seed(number)(type(machine.__name__, (machine,), {})), settings=chosen)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_sequences_fall_quiet_and_keep_the_laws(block: int) -> None:
    play(block, FEW // BLOCKS, 16)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(20))
def test_many_long_sequences_fall_quiet_and_keep_the_laws(block: int) -> None:
    play(1_000 + block, MANY // 20, 60)


@pytest.mark.timeout(600)
def test_a_no_that_the_ledger_knows_is_shown_wherever_the_person_is() -> None:
    play(5_000, 12, 20, ConsentMachine)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(10))
def test_many_worlds_full_of_consent_show_what_the_ledger_knows(block: int) -> None:
    play(6_000 + block, CONSENTS // 10, 40, ConsentMachine)


@pytest.mark.timeout(600)
def test_leads_that_the_evidence_joins_keep_the_laws() -> None:
    play(7_000, 10, 16, JoiningMachine)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(4))
def test_many_worlds_in_which_the_evidence_joins_keep_the_laws(block: int) -> None:
    play(7_100 + block, 100, 60, JoiningMachine)
