"""What questions cost, among whom turns are shared, and whose turns they are."""

from __future__ import annotations

import pytest

from hypernode.net.budgets import (
    BYTES_PER_S,
    MESSAGE_S,
    QUESTION_S,
    ROW_S,
    Budgets,
    compute_cost,
    get_key,
    get_wait,
)
from hypernode.net.standing import Standing
from hypernode.wire.catalogue import CommandId
from tests.unit.net.harness import LIMITS, SessionHarness, in_harness


@pytest.mark.parametrize(
    ("rows", "size", "told", "seconds"),
    [
        (0, 0, 0, QUESTION_S),
        (1_000, 0, 0, QUESTION_S + 1_000 * ROW_S),
        (0, BYTES_PER_S, 0, QUESTION_S + 1.0),
        (1, BYTES_PER_S, 0, QUESTION_S + 1.0),
        (0, 0, 200, QUESTION_S + 200 * MESSAGE_S),
        (1_000, BYTES_PER_S, 200, QUESTION_S + 1.0 + 200 * MESSAGE_S),
    ],
)
def test_rows_or_bytes_whichever_is_dearer_and_what_was_told(
    rows: int, size: int, told: int, seconds: float
) -> None:
    assert compute_cost(rows, size, told) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("standing", "is_shared"),
    [
        (Standing.OPERATOR, True),
        (Standing.COUNTED, False),
        (Standing.REGISTERED, True),
        (Standing.STRANGER, True),
    ],
)
def test_neighbours_share_turns_unless_they_count(standing: Standing, is_shared: bool) -> None:
    keys = {get_key(standing, ip, f"{ip}:06969") for ip in ("10.0.0.1", "10.0.0.2")}
    assert (len(keys) == 1) is is_shared
    assert get_key(standing, "10.0.1.1", "a") != get_key(standing, "10.0.0.1", "b")


def test_turns_have_classes_and_whole_rounds_do_not_wait() -> None:
    async def look(harness: SessionHarness) -> None:
        budgets: Budgets = harness.budgets
        assert budgets.get_turns(Standing.COUNTED) is budgets.get_turns(Standing.OPERATOR) is budgets.peers
        assert (
            budgets.get_turns(Standing.STRANGER)
            is budgets.get_turns(Standing.REGISTERED)
            is budgets.strangers
        )
        assert budgets.get_whole_round(is_listed=True) is not budgets.get_whole_round(is_listed=False)
        assert budgets.get_whole_round(is_listed=True) is budgets.get_whole_round(is_listed=True)
        assert budgets.bytes_held == 0

    in_harness(look)


def test_a_whole_round_has_a_wait_of_its_own() -> None:
    assert get_wait(LIMITS, CommandId.ROUNDBLOCKS) == LIMITS.round_wait_s
    others = [command_id for command_id in CommandId if command_id is not CommandId.ROUNDBLOCKS]
    assert {get_wait(LIMITS, command_id) for command_id in others} == {LIMITS.question_wait_s}
