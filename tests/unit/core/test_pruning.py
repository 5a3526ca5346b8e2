"""What may be forgotten: never a message that a block to come could seal again (spec 4, storage)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.pruning import compute_replay_window, count_kept_rounds
from hypernode.core.rules import Rule
from hypernode.core.validate_block import find_violations
from tests.unit.core.builders import OWN, make_block, make_context, make_message, make_messages


def test_the_rounds_that_may_be_replaced_are_kept_and_the_present_one() -> None:
    assert count_kept_rounds(mainnet()) == 3
    assert count_kept_rounds(replace(mainnet(), keep_rounds=0)) == 1


def test_on_main_the_window_is_an_hour_a_slot_and_what_the_future_allows() -> None:
    assert compute_replay_window(mainnet()) == 3_600 + 180 + 5


@pytest.mark.parametrize(("beyond", "is_allowed"), [(0, True), (1, False)])
def test_no_message_returns_from_a_block_below_the_replay_window(beyond: int, is_allowed: bool) -> None:
    """Rule 9 takes no message that is older, and lets none be further ahead of the block that sealed it."""
    block = make_block(OWN)
    sealed_at = block.timestamp - compute_replay_window(OWN) - beyond
    old = make_message(OWN, 3, sealed_at + OWN.future_allowed_s)
    again = make_block(OWN, messages=[old, *make_messages(OWN)])
    rules = [broken.rule for broken in find_violations(OWN, again, make_context(OWN, again))]
    assert (Rule.B9 not in rules) is is_allowed
