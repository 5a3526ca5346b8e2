"""Warnings about the clock: when, how often, and what to do."""

from __future__ import annotations

import pytest

from hypernode.machine.clock_offset import MIN_PEERS, ClockOffsets
from hypernode.node.owner.clock_watch import WARN_EVERY_S, ClockWatch


class HandClock:
    """Two clocks, set by hand."""

    def __init__(self) -> None:
        self.wall = 1_000.0
        self.steady = 5.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def test_a_clock_that_was_set_is_noticed_once() -> None:
    clock, said = HandClock(), list[str]()
    steps: list[float] = []
    watch = ClockWatch(clock, ClockOffsets(), said.append, lambda: steps.append(clock.now()))
    clock.pass_time(100.0)
    watch.look()
    assert said == []
    assert steps == []
    clock.wall -= 30.0
    watch.look()
    watch.look()
    assert len(said) == 1
    assert "-30.0 s" in said[0]
    assert steps == [1_070.0]
    assert "NTP" in said[0]


def test_a_clock_set_wrong_is_off_at_once_and_right_when_set_back() -> None:
    clock, offsets = HandClock(), ClockOffsets()
    watch = ClockWatch(clock, offsets, lambda text: None, lambda: None)
    for number in range(MIN_PEERS):
        offsets.note(f"peer{number}", 0.1, clock.monotonic())
    clock.wall += 600.0
    assert watch.look() == 600.0 - 0.1
    assert watch.look() == 600.0 - 0.1
    clock.wall -= 600.0
    assert watch.look() == pytest.approx(0.0, abs=0.2)


def test_a_clock_that_drifts_is_right_when_it_is_set_right() -> None:
    """Peers told theirs before it drifted, and none does for an hour."""
    clock, offsets, said = HandClock(), ClockOffsets(), list[str]()
    steps: list[float] = []
    watch = ClockWatch(clock, offsets, said.append, lambda: steps.append(clock.now()))
    for number in range(MIN_PEERS):
        offsets.note(f"peer{number}", 0.0, clock.monotonic())
    for _ in range(1_200):
        clock.pass_time(1.0)
        clock.wall += 0.01
        watch.look()
    assert watch.look() == pytest.approx(12.0, abs=0.1)
    assert steps == []
    clock.wall -= 12.0
    assert watch.look() == pytest.approx(0.0, abs=0.1)
    assert len(steps) == 1
    assert "-12.0 s" in said[-1]


def test_an_offset_over_a_second_is_said_once_a_minute_with_what_to_do() -> None:
    clock, said = HandClock(), list[str]()
    offsets = ClockOffsets()
    watch = ClockWatch(clock, offsets, said.append, lambda: None)
    for number in range(MIN_PEERS):
        offsets.note(f"peer{number}", -1.2, clock.monotonic())
    assert watch.look() == 1.2
    clock.pass_time(WARN_EVERY_S - 1)
    watch.look()
    assert len(said) == 1
    assert "NTP" in said[0]
    clock.pass_time(1.0)
    watch.look()
    assert len(said) == 2
