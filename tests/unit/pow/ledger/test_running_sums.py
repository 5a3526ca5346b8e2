"""Sums by height."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.pow.ledger.running_sums import NOTHING, sum_up

SUMS = sum_up({5: 10, 2: 1, 9: -4})


@pytest.mark.parametrize(("height", "total"), [(1, None), (2, 1), (4, 1), (5, 11), (8, 11), (9, 7), (99, 7)])
def test_a_sum_is_of_all_up_to_a_height(height: int, total: int | None) -> None:
    assert SUMS.get(height) == total


@pytest.mark.parametrize(
    ("first", "last", "total"),
    [(2, 9, 7), (3, 9, 6), (2, 2, 1), (3, 4, 0), (5, 5, 10), (6, 99, -4), (9, 5, 0)],
)
def test_between_two_heights_both_count(first: int, last: int, total: int) -> None:
    assert SUMS.get_between(first, last) == (
        total if first <= last else -(SUMS.get_between(last + 1, first - 1))
    )


def test_of_nothing_there_is_nothing() -> None:
    assert NOTHING.get(5) is None
    assert (NOTHING.get_above(0), NOTHING.get_between(0, 9)) == (0, 0)


@given(st.dictionaries(st.integers(-20, 20), st.integers(-(10**18), 10**18)), st.integers(-25, 25))
def test_what_is_above_and_up_to_a_height_is_the_whole(units: dict[int, int], height: int) -> None:
    sums = sum_up(units)
    assert (sums.get(height) or 0) + sums.get_above(height) == sum(units.values())
