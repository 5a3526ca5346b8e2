"""Our clock against the others'."""

from __future__ import annotations

import pytest

from hypernode.core.rules import UNCHECKED
from hypernode.machine.clock_offset import MIN_PEERS, SPAN_S, ClockOffsets, compute_offset


def test_the_offset_is_a_median_that_one_liar_moves_little() -> None:
    offsets = ClockOffsets()
    for number in range(MIN_PEERS - 1):
        offsets.note(f"peer{number}", 1.5, 10.0)
    assert offsets.get_offset(10.0) is UNCHECKED
    offsets.note("liar", 1e6, 10.0)
    assert offsets.get_offset(10.0) == -1.5


def test_a_peer_counts_once_and_for_an_hour() -> None:
    offsets = ClockOffsets()
    for number in range(MIN_PEERS):
        offsets.note("peer", float(number), 10.0)
    assert offsets.get_offset(10.0) is UNCHECKED
    for number in range(MIN_PEERS):
        offsets.note(f"peer{number}", 3.0, 20.0)
    assert offsets.get_offset(20.0 + SPAN_S) == -3.0
    assert offsets.get_offset(20.1 + SPAN_S) is UNCHECKED


@pytest.mark.parametrize("ahead_s", [0.0, 2.5, -2.5])
def test_half_the_round_trip_is_taken_off(ahead_s: float) -> None:
    now, rtt = 1_700_000_000.0, 0.5
    reported = int((now - rtt / 2 + ahead_s) * 1000) % (1 << 32)
    assert compute_offset(reported, now, rtt) == pytest.approx(ahead_s, abs=0.002)


def test_the_offset_goes_the_shorter_way_around_the_modulus() -> None:
    now = (1 << 32) / 1000
    assert compute_offset((1 << 32) - 1000, now, 0.0) == pytest.approx(-1.0, abs=0.002)
