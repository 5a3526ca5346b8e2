"""The shown state over every decision and everything that may be under way."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from hypernode.machine.consensus import Consensus
from hypernode.machine.decide import (
    CatchUp,
    Decision,
    DeriveRound,
    DropPremature,
    Follow,
    Forge,
    GoOn,
    LookInto,
    Rest,
    SyncRound,
)
from hypernode.machine.peers import ForkOverride, ReportedChain
from hypernode.machine.shown_state import Activities, ShownState, compute_shown_state
from hypernode.machine.state import State
from tests.unit.machine.samples import make_height

CHAIN = ReportedChain(make_height(), ())
FAULT = ShownState(State.POW_NOT_SYNC, "20 min late")
SYNC = ShownState(State.CATCHING_UP_SYNC, "block 7 of 9")
SENDING = ShownState(State.SENDING)
TESTING = ShownState(State.TESTING, "test 0 of a peer")
SETS = [
    Activities(fault, sync, is_sending, test)
    for fault, sync, is_sending, test in product(
        (None, FAULT), (None, SYNC), (False, True), ("", "test 0 of a peer")
    )
]
QUIET: dict[str, Decision] = {
    "rest": Rest(State.SYNCING),
    "rest with a reason": Rest(State.SYNCING, "too early in the slot"),
    "go on": GoOn(),
    "drop premature": DropPremature(),
    "sync round": SyncRound(CHAIN),
    "catch up": CatchUp(CHAIN),
    "follow": Follow(ForkOverride(3, b"\1" * 20), (CHAIN,)),
    "look into": LookInto(CHAIN),
}
"""Beside these, what is under way is shown."""
LOUD: dict[str, tuple[Decision | None, ShownState]] = {
    "none yet": (None, ShownState(State.START)),
    "too few connections": (Rest(State.START, "0 of 2"), ShownState(State.START, "0 of 2")),
    "companion": (Rest(State.POW_NOT_SYNC, "down"), ShownState(State.POW_NOT_SYNC, "down")),
    "early half": (Rest(State.STRONG_CONSENSUS, "7 %"), ShownState(State.STRONG_CONSENSUS, "7 %")),
    "late half": (Rest(State.MINIMAL_CONSENSUS, "9 %"), ShownState(State.MINIMAL_CONSENSUS, "9 %")),
    "new round": (DeriveRound(), ShownState(State.NEWROUND)),
    "forge": (Forge(Consensus(90, 100, 90, 1, 1, 1)), ShownState(State.FORGING)),
}
"""These are shown themselves; only their failing goes before them."""


def test_no_decision_is_left_out() -> None:
    tried = {type(decision) for decision in QUIET.values()} | {
        type(decision) for decision, _ in LOUD.values()
    }
    assert tried - {type(None)} == set(get_args(Decision))


@pytest.mark.parametrize("activities", SETS, ids=str)
@pytest.mark.parametrize("name", QUIET)
def test_what_is_under_way_is_shown_while_nothing_else_is_to_be_said(
    name: str, activities: Activities
) -> None:
    decision = QUIET[name]
    own = ShownState(State.SYNCING, decision.reason if isinstance(decision, Rest) else "")
    ranked = (
        (activities.fault is not None, FAULT),
        (activities.sync is not None, SYNC),
        (activities.is_sending, SENDING),
        (activities.test != "", TESTING),
        (True, own),
    )
    assert compute_shown_state(decision, activities) == next(shown for holds, shown in ranked if holds)


@pytest.mark.parametrize("activities", SETS, ids=str)
@pytest.mark.parametrize("name", LOUD)
def test_a_decision_with_a_state_of_its_own_is_hidden_by_a_fault_only(
    name: str, activities: Activities
) -> None:
    decision, own = LOUD[name]
    assert compute_shown_state(decision, activities) == (own if activities.fault is None else FAULT)


@pytest.mark.parametrize("activities", SETS, ids=str)
def test_a_halted_node_shows_nothing_else(activities: Activities) -> None:
    shown = compute_shown_state(Rest(State.HALTED, "key elsewhere"), activities)
    assert shown == ShownState(State.HALTED, "key elsewhere")
