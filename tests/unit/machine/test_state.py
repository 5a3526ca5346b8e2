"""States have the names that legacy tools know (spec 6, states)."""

from __future__ import annotations

import pytest

from hypernode.machine.state import State


@pytest.mark.parametrize(
    "name",
    [
        "START",
        "SYNCING",
        "STRONG_CONSENSUS",
        "MINIMAL_CONSENSUS",
        "FORGING",
        "SENDING",
        "ROUND_SYNC",
        "NEWROUND",
    ]
    + [f"CATCHING_UP_{part}" for part in ("CONNECT1", "CONNECT2", "ELECT", "PRESYNC", "SYNC")]
    + ["TESTING", "POW_NOT_SYNC", "HALTED"],
)
def test_a_state_that_operators_know_is_told_by_its_name(name: str) -> None:
    assert State[name].value == name


def test_no_two_states_have_one_name() -> None:
    assert len({state.value for state in State}) == len(State.__members__) == len(list(State))
