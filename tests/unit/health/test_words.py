"""Numbers and spans of time in words."""

from __future__ import annotations

import pytest

from hypernode.health.words import count, format_age


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "120 min"),
        (7_200, "2 h"),
        (172_799, "48 h"),
        (172_800, "2 days"),
        (1_000_000, "12 days"),
    ],
)
def test_the_largest_unit_of_which_there_are_two(seconds: float, words: str) -> None:
    assert format_age(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 chains"), (1, "1 chain"), (2, "2 chains")])
def test_one_is_one(number: int, words: str) -> None:
    assert count(number, "chain") == words
