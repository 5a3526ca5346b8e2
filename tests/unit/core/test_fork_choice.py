from dataclasses import replace
from itertools import pairwise

import pytest

from hypernode.core.fork_choice import (
    find_replacement_violation,
    heights_match,
    is_better,
    is_promise_kept,
    is_same_height,
)
from hypernode.core.rules import Rule
from hypernode.core.types import ChainHeight
from tests.unit.core.builders import MIXED

BASE = ChainHeight(100, 50, 3, b"h" * 20, uniques=20, uniques_round=10, forgers=9, forgers_round=4)
ORDER = ("forgers", "uniques", "round", "height", "forgers_round", "uniques_round")


def with_more(field: str) -> ChainHeight:
    """Another chain with more of one measure."""
    return replace(BASE, block_hash=b"a" * 20, **{field: getattr(BASE, field) + 1})


@pytest.mark.parametrize("field", ORDER)
def test_more_of_a_measure_is_better(field: str) -> None:
    assert is_better(with_more(field), BASE)
    assert not is_better(BASE, with_more(field))


@pytest.mark.parametrize(("first", "second"), list(pairwise(ORDER)))
def test_an_earlier_measure_outweighs_the_next(first: str, second: str) -> None:
    assert is_better(with_more(first), replace(with_more(second), block_hash=b"z" * 20))


def test_the_larger_hash_decides_last() -> None:
    assert is_better(replace(BASE, block_hash=b"z" * 20), BASE)
    assert not is_better(replace(BASE, block_hash=b"a" * 20), BASE)


def test_the_same_tip_is_the_same_chain_whatever_is_told() -> None:
    assert not is_better(replace(BASE, forgers=99), BASE)


@pytest.mark.parametrize("field", ["height", "round", "sir", "uniques_round", "forgers_round"])
def test_a_promise_is_broken_by_what_is_fresh(field: str) -> None:
    other = replace(BASE, **{field: getattr(BASE, field) + 1})
    assert not is_promise_kept(BASE, other)
    assert not heights_match(BASE, other)


def test_a_promise_is_not_broken_by_what_may_be_stale() -> None:
    assert is_promise_kept(replace(BASE, uniques=1, forgers=1), BASE)


def test_a_promise_is_broken_by_another_hash() -> None:
    other = replace(BASE, block_hash=b"z" * 20)
    assert not is_promise_kept(other, BASE)
    assert not is_same_height(other, BASE)


def test_measures_do_not_make_another_height() -> None:
    assert is_same_height(BASE, replace(BASE, uniques_round=1, forgers=3))


@pytest.mark.parametrize(
    ("oldest", "behind", "allowed"),
    [(50, 0, True), (49, 3, True), (49, 2, False), (48, 3, True), (48, 2, False), (47, 4, False)],
)
def test_past_rounds_give_way_to_a_majority_and_old_ones_never(
    oldest: int, behind: int, allowed: bool
) -> None:
    verdict = find_replacement_violation(MIXED, oldest, 50, behind, connected=4)
    assert (verdict is None) is allowed
    if verdict is not None:
        assert verdict.rule is Rule.DEPTH


def test_without_anybody_in_sight_no_past_block_is_replaced() -> None:
    assert find_replacement_violation(MIXED, 49, 50, 0, 0) is not None
    assert find_replacement_violation(MIXED, 50, 50, 0, 0) is None
