"""Whom to hold a failed download against."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import Ignore, OverLimit, Reject
from hypernode.core.rules import Rule
from hypernode.core.types import ChainHeight
from hypernode.machine.blame import (
    BadBlock,
    Conduct,
    Culprit,
    compute_pause_s,
    find_culprit,
    is_held_against,
    judge_failure,
)
from hypernode.machine.peers import PeerView
from hypernode.machine.sync_memory import BAN_S

HOLDER = PeerView("n", "10.0.0.1", "a", ChainHeight(1, 1, 1, b"t" * 20), 0.0, True, True)


@pytest.mark.parametrize(
    ("failure", "conduct"),
    [
        (Reject(Rule.PROMISE, "x"), Conduct.LIED),
        (OverLimit(Rule.WIRE, "x"), Conduct.LIED),
        (Ignore(Rule.WIRE, "x"), Conduct.FAILED),
        (TimeoutError(), Conduct.FAILED),
        (ConnectionError(), Conduct.FAILED),
    ],
)
def test_who_breaks_a_rule_lied_and_who_says_nothing_failed(failure: Exception, conduct: Conduct) -> None:
    assert judge_failure(failure) is conduct


def test_what_nobody_vouches_for_is_held_against_nobody() -> None:
    assert is_held_against(HOLDER)
    assert not is_held_against(replace(HOLDER, is_vouched=False))


@pytest.mark.parametrize(
    ("conducts", "seconds"),
    [
        ((Conduct.LIED,), BAN_S),
        ((Conduct.LIED, Conduct.LIED), BAN_S),
        ((Conduct.LIED, Conduct.FAILED), 20.0),
        ((Conduct.FAILED,), 20.0),
        ((), 20.0),
    ],
)
def test_a_tip_is_ignored_for_long_only_where_all_lied(conducts: tuple[Conduct, ...], seconds: float) -> None:
    assert compute_pause_s(iter(conducts), 20.0) == seconds


@pytest.mark.parametrize(
    ("votes", "is_below_given", "may_part_lower", "culprit"),
    [
        (1, True, False, Culprit.GIVER),
        (1, False, True, Culprit.GIVER),
        (0, True, False, Culprit.UNKNOWN),
        (0, True, True, Culprit.UNKNOWN),
        (0, False, False, Culprit.UNKNOWN),
        (0, False, True, Culprit.COMMON_BLOCK),
        (-1, True, False, Culprit.GIVER_OF_BELOW),
        (-1, False, False, Culprit.COMMON_BLOCK),
        (-1, False, True, Culprit.COMMON_BLOCK),
    ],
)
def test_the_others_votes_say_whose_fault_a_bad_block_is(
    votes: int, is_below_given: bool, may_part_lower: bool, culprit: Culprit
) -> None:
    assert find_culprit(BadBlock(votes, is_below_given, may_part_lower)) is culprit
