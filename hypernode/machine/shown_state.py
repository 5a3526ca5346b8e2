"""The state that a node shows (spec 6, states), computed from what it decided last and what is under way.

Nobody writes the state, so nobody has to put it back: a test of a peer that ends while blocks are fetched
leaves the fetching to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.machine.decide import Decision, DeriveRound, Forge, Rest
from hypernode.machine.state import State


@dataclass(frozen=True, slots=True)
class ShownState:
    """A state, and its reason for people; empty where the state says enough."""

    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Activities:
    """What is under way at one moment."""

    fault: ShownState | None = None
    """What the last decision, or a procedure since then, ended by; until the next decision."""
    sync: ShownState | None = None
    """How far the procedure that takes blocks from peers is; None while there is none."""
    is_sending: bool = False
    """A block of ours is on its way to the others."""
    test: str = ""
    """Which test of a peer runs; empty while none does."""


def compute_shown_state(decision: Decision | None, activities: Activities) -> ShownState:
    """What to show.  A halted node shows that and no more; a fault goes before the decision that it ended, a
    decision that says more than "nothing to do" before what goes on beside it.  ``decision`` is None before
    the first."""
    shown = _get_state_of(decision)
    if shown.state is State.HALTED:
        return shown
    if activities.fault is not None:
        return activities.fault
    if shown.state is not State.SYNCING:
        return shown
    if activities.sync is not None:
        return activities.sync
    if activities.is_sending:
        return ShownState(State.SENDING)
    if activities.test:
        return ShownState(State.TESTING, activities.test)
    return shown


def _get_state_of(decision: Decision | None) -> ShownState:
    match decision:
        case None:
            return ShownState(State.START)
        case Rest(state, reason):
            return ShownState(state, reason)
        case DeriveRound():
            return ShownState(State.NEWROUND)
        case Forge():
            return ShownState(State.FORGING)
        case _:
            # What takes blocks shows itself as an activity, once it is under way.
            return ShownState(State.SYNCING)
