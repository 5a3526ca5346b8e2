"""Who counts of those that are registered, and why the others do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.counting import (
    Uncounted,
    apply_collateral,
    compute_counted,
    find_uncounted,
    is_collateral_kept,
)
from hypernode.core.params import networks
from hypernode.core.rules import UNCHECKED
from hypernode.core.types import Registration


def register(*weights: int) -> list[Registration]:
    return [
        Registration(f"c{n}", f"10.0.0.{n}", "6969", f"pos{n}", f"c{n}", weight)
        for n, weight in enumerate(weights)
    ]


def test_who_counts_has_weight_then_and_now() -> None:
    entries = register(3, 1, 0, -1, 2, 0)
    assert find_uncounted(entries, (3, 0, 3, -1, 1, 0)) == {
        "pos1": Uncounted.MOVED_ON,
        "pos2": Uncounted.WORTHLESS,
        "pos3": Uncounted.WORTHLESS,
        "pos5": Uncounted.WORTHLESS,
    }


def test_where_only_weights_at_registration_can_be_had_those_decide() -> None:
    assert find_uncounted(register(1, 0), UNCHECKED) == {"pos1": Uncounted.WORTHLESS}
    # ... and an empty list is no such case
    assert find_uncounted([], ()) == {}


def test_weights_of_another_list_are_our_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        find_uncounted(register(1, 1), (1,))


def test_who_counted_in_the_round_before_counts_for_one_round_more() -> None:
    now, before = register(1, 1, 0), register(1, 1, 1, 1)
    counted = compute_counted(now, {"pos1": Uncounted.MOVED_ON, "pos2": Uncounted.WORTHLESS}, before, {})
    assert counted.present == {"pos0"}
    assert counted.before == {"pos0", "pos1", "pos2", "pos3"}
    assert counted.addresses == counted.before
    assert list(counted.reasons) == ["pos1", "pos2"]
    later = compute_counted(now, counted.reasons, now, counted.reasons)
    assert later.addresses == {"pos0"}


def test_a_collateral_must_stay_from_the_round_of_the_network_on() -> None:
    main = networks.mainnet()
    assert not is_collateral_kept(main, 10**6)
    assert not is_collateral_kept(replace(main, collateral_from_round=0), 10**6)
    own = replace(main, mixed=False, collateral_from_round=7)
    assert [is_collateral_kept(own, round_) for round_ in (6, 7, 8)] == [False, True, True]


def test_where_collaterals_must_stay_the_lesser_weight_holds() -> None:
    entries, weights = apply_collateral(register(3, 3, 2, 0, 1), (1, 0, 3, 3, 1))
    assert [(entry.pos, entry.weight) for entry in entries] == [("pos0", 1), ("pos2", 2), ("pos4", 1)]
    assert weights == (1, 3, 1)
    assert find_uncounted(entries, weights) == {}
