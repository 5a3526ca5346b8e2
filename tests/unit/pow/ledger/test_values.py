"""Values of a ledger that anybody may have written, as Python has them."""

from __future__ import annotations

import pytest

from hypernode.core.registrations.registry import COIN
from hypernode.pow.ledger.sql import MAX_COINS
from hypernode.pow.ledger.values import MAX_TIME, to_number, to_text, to_units


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (0, 0),
        (1, COIN),
        (0.00000001, 1),
        (-0.5, -COIN // 2),
        (1.000000004, COIN),
        (1.000000006, COIN + 1),
        (MAX_COINS, int(MAX_COINS) * COIN),
        (MAX_COINS + 1, 0),
        (-MAX_COINS - 1, 0),
        (float("inf"), 0),
        (float("nan"), 0),
        (10**400, 0),
        ("1", 0),
        (b"1", 0),
        (None, 0),
    ],
)
def test_an_amount_that_nobody_can_have_counts_nothing(value: object, units: int) -> None:
    assert to_units(value) == units


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), ("é", "é"), (b"ab", "ab"), (b"a\xff", "a\ufffd"), (7, "7"), (1.5, "1.5")]
)
def test_any_kind_of_value_is_some_text(value: object, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (1.5, 1.5),
        (MAX_TIME, MAX_TIME),
        (MAX_TIME + 1, 0),
        (-MAX_TIME - 1, 0),
        ("5", 0),
        (float("nan"), 0),
    ],
)
def test_a_time_beyond_any_time_is_none(value: object, number: float) -> None:
    assert to_number(value) == number
