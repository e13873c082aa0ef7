"""After any noise the CRMs fall quiet, and nothing that a person did is lost, doubled or loosened."""

from __future__ import annotations

import re
from itertools import count

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from hypothesis.strategies import integers

from tests.machine.consenting import ConsentMachine
from tests.machine.joining import JoiningMachine
from tests.machine.laws import Broken
from tests.machine.machine import PLAYED, Machine

FEW, MANY = 100, 2_000
CONSENTS = 1_000
BLOCKS = 10
AFTER_A_BREAK = 100_000  # how far the next seed is


def play(number: int, examples: int, steps: int, machine: type[Machine] = Machine) -> None:
    """`examples` sequences of up to `steps` steps that follow from `number`; one that breaks a law tells its story."""
    print(f"sequences of seed {number}")
    chosen = settings(max_examples=examples, stateful_step_count=steps, database=None, derandomize=False, phases=[Phase.generate])
    run_state_machine_as_test(seed(number)(type(machine.__name__, (machine,), {})), settings=chosen)


def play_all(number: int, examples: int, steps: int, machine: type[Machine] = Machine) -> None:
    """As `play`, but goes on with another seed behind a broken sequence; at the end it says how many were whole, and what broke."""
    broken: list[tuple[int, AssertionError]] = []
    before, seeds = PLAYED["whole"], count(number, AFTER_A_BREAK)
    while (played := PLAYED["whole"] - before + len(broken)) < examples:
        seed_now = next(seeds)
        try:
            play(seed_now, examples - played, steps, machine)
        except AssertionError as error:
            broken.append((seed_now, error))
    told = f"seed {number}: {played - len(broken)} of {played} sequences were whole"
    print(told)
    if broken:
        raise ExceptionGroup(f"{told}; seeds that broke: {', '.join(str(one) for one, _ in broken)}", [error for _, error in broken])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_sequences_fall_quiet_and_keep_the_laws(block: int) -> None:
    play(block, FEW // BLOCKS, 16)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(20))
def test_many_long_sequences_fall_quiet_and_keep_the_laws(block: int) -> None:
    play_all(1_000 + block, MANY // 20, 60)


@pytest.mark.timeout(600)
def test_a_no_that_the_ledger_knows_is_shown_wherever_the_person_is() -> None:
    play(5_000, 12, 20, ConsentMachine)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(10))
def test_many_worlds_full_of_consent_show_what_the_ledger_knows(block: int) -> None:
    play_all(6_000 + block, CONSENTS // 10, 40, ConsentMachine)


@pytest.mark.timeout(600)
def test_leads_that_the_evidence_joins_keep_the_laws() -> None:
    play(7_000, 10, 16, JoiningMachine)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(4))
def test_many_worlds_in_which_the_evidence_joins_keep_the_laws(block: int) -> None:
    play_all(7_100 + block, 100, 60, JoiningMachine)


class Brittle(RuleBasedStateMachine):
    """Breaks here and there."""

    def __init__(self) -> None:
        super().__init__()
        self.is_whole = True

    @rule(dice=integers(0, 9))
    def step(self, dice: int) -> None:
        self.is_whole = dice != 3
        if dice == 3:
            raise Broken("a law")

    def teardown(self) -> None:
        PLAYED["whole"] += self.is_whole


def test_a_broken_sequence_does_not_hide_the_others() -> None:
    with pytest.raises(ExceptionGroup, match=r"seed 1: \d+ of \d+ sequences were whole; seeds that broke: 1, 100001") as found:
        play_all(1, 40, 3, Brittle)  # type: ignore[arg-type]  # no world is behind it
    whole, played = (int(number) for number in re.findall(r"\d+", found.value.message)[1:3])
    assert (played - whole, played >= 40, whole > 20) == (len(found.value.exceptions), True, True)
