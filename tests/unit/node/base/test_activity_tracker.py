"""Who begins something ends it, and what was shown before it is seen again."""

from __future__ import annotations

import pytest

from hypernode.machine.decide import DeriveRound, GoOn, Rest
from hypernode.machine.shown_state import ShownState
from hypernode.machine.state import State
from hypernode.node.base.activity_tracker import ActivityTracker


class Bench:
    """A tracker, its clock, and the states that it told."""

    def __init__(self) -> None:
        self.reported: list[ShownState] = []
        self.time = 1_000.0
        self.tracker = ActivityTracker(self, self.reported.append)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def test_it_begins_in_start_and_tells_nothing() -> None:
    bench = Bench()
    assert (bench.tracker.shown, bench.tracker.since, bench.reported) == (
        ShownState(State.START),
        1_000.0,
        [],
    )


def test_a_sync_is_seen_again_after_whatever_hid_it() -> None:
    bench = Bench()
    tracker = bench.tracker
    tracker.note_decision(GoOn())
    tracker.note_sync(State.CATCHING_UP_SYNC, "3 of 9")
    tracker.note_decision(DeriveRound())
    assert tracker.shown == ShownState(State.NEWROUND)
    tracker.note_decision(GoOn())
    assert tracker.shown == ShownState(State.CATCHING_UP_SYNC, "3 of 9")
    with tracker.testing("test 0 of a peer"):
        assert tracker.shown.state is State.CATCHING_UP_SYNC
        tracker.end_sync()
        assert tracker.shown == ShownState(State.TESTING, "test 0 of a peer")
    assert tracker.shown == ShownState(State.SYNCING)


def test_the_reason_of_a_decision_comes_back_after_a_test() -> None:
    bench = Bench()
    bench.tracker.note_decision(Rest(State.SYNCING, "too early in the slot"))
    with bench.tracker.testing("test 0 of a peer"):
        pass
    assert bench.tracker.shown == ShownState(State.SYNCING, "too early in the slot")


def test_what_fails_has_ended_too() -> None:
    bench = Bench()
    bench.tracker.note_decision(Rest(State.SYNCING))
    with pytest.raises(OSError, match="gone"), bench.tracker.sending():
        raise OSError("gone")
    with pytest.raises(OSError, match="gone"), bench.tracker.testing("test 0 of a peer"):
        raise OSError("gone")
    assert bench.tracker.shown == ShownState(State.SYNCING)


def test_a_fault_is_shown_until_the_next_decision() -> None:
    bench = Bench()
    bench.tracker.note_decision(DeriveRound())
    bench.tracker.note_fault(State.POW_NOT_SYNC, "down")
    with bench.tracker.sending():
        assert bench.tracker.shown == ShownState(State.POW_NOT_SYNC, "down")
    bench.tracker.note_decision(DeriveRound())
    assert bench.tracker.shown == ShownState(State.NEWROUND)


def test_only_another_state_is_told_and_dated() -> None:
    bench = Bench()
    tracker = bench.tracker
    tracker.note_decision(Rest(State.SYNCING))
    bench.time += 5
    tracker.note_decision(Rest(State.SYNCING, "another reason"))
    assert tracker.since == 1_000.0
    with tracker.sending():
        assert tracker.since == 1_005.0
    assert bench.reported == [
        ShownState(State.SYNCING),
        ShownState(State.SENDING),
        ShownState(State.SYNCING, "another reason"),
    ]
