"""Whose turn it is to send a message for a slot that lacks them."""

from __future__ import annotations

from hypernode.core.fillers import FIRST_PART, LAST_PART, STEP_PART, compute_fillers
from hypernode.core.params.networks import mainnet

NETWORK = mainnet()
EVERYBODY = frozenset(f"pos{n}" for n in range(150))


def count(part: float, sir: int = 5) -> int:
    return len(compute_fillers(NETWORK, EVERYBODY, 9, sir, part))


def test_nobody_before_the_tests_of_the_slot_are_there() -> None:
    assert count(0.0) == count(FIRST_PART - 0.01) == 0


def test_then_twice_as_many_as_a_block_needs_and_ever_twice_as_many() -> None:
    assert [count(FIRST_PART + n * STEP_PART) for n in range(4)] == [8, 16, 32, 64]
    assert count(LAST_PART) == count(0.99) == len(EVERYBODY)


def test_who_comes_first_stays_and_is_another_one_in_each_slot() -> None:
    first, later = (compute_fillers(NETWORK, EVERYBODY, 9, 5, part) for part in (FIRST_PART, 0.5))
    assert first < later
    assert compute_fillers(NETWORK, set(EVERYBODY), 9, 5, FIRST_PART) == first
    assert len({compute_fillers(NETWORK, EVERYBODY, 9, sir, FIRST_PART) for sir in range(19)}) == 19


def test_where_few_count_all_of_them_do() -> None:
    few = frozenset({"a", "b", "c"})
    assert compute_fillers(NETWORK, few, 9, 5, FIRST_PART) == few
    assert compute_fillers(NETWORK, (), 9, 5, FIRST_PART) == frozenset()
