"""Pacing under one fake clock: nothing sleeps, time moves when the pacer waits."""

from __future__ import annotations

import pytest

from connectors.pacing import Limit, Pacer


class World:
    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def world() -> World:
    return World()


def pacer(world: World, *limits: Limit) -> Pacer:
    return Pacer(limits, clock=world.clock, sleep=world.sleep)


def test_calls_within_the_limit_do_not_wait(world):
    paced = pacer(world, Limit(3, 10))
    for _ in range(3):
        paced.take("read")
    assert world.slept == []


def test_the_call_beyond_the_limit_waits_until_the_window_has_room(world):
    paced = pacer(world, Limit(3, 10))
    for _ in range(4):
        paced.take("read")
    assert world.slept == [10]


def test_no_window_of_the_limit_s_length_ever_holds_more_calls(world):
    paced, sent = pacer(world, Limit(5, 1)), []
    for step in range(60):
        paced.take("search")
        sent.append(world.now)
        world.now += 0.03 * (step % 7)
    assert all(later - earlier >= 1 - 1e-9 for earlier, later in zip(sent, sent[5:], strict=False))


def test_an_exempt_kind_neither_waits_nor_counts(world):
    paced = pacer(world, Limit(1, 10, exempt=frozenset({"search"})))
    for kind in ("read", "search", "search"):
        paced.take(kind)
    assert world.slept == []


def test_a_limit_for_one_kind_leaves_others_alone(world):
    paced = pacer(world, Limit(1, 10, only=frozenset({"search"})))
    for kind in ("read", "read", "search", "read"):
        paced.take(kind)
    assert world.slept == []


def test_two_limits_hold_together(world):
    paced = pacer(world, Limit(10, 1), Limit(2, 5, only=frozenset({"search"})))
    for _ in range(3):
        paced.take("search")
    assert world.slept == [5]


def test_without_limits_nothing_waits(world):
    paced = pacer(world)
    for _ in range(1000):
        paced.take("read")
    assert world.slept == []


def test_a_clock_that_is_set_back_costs_one_window_at_most(world):
    paced = pacer(world, Limit(1, 10))
    paced.take("read")
    world.now -= 86_400
    paced.take("read")
    assert world.slept[0] <= 10
