"""One line at each change of the state, and not too many."""

from __future__ import annotations

import asyncio

from hypernode.machine.decide import Rest
from hypernode.machine.shown_state import ShownState
from hypernode.machine.state import State
from hypernode.node.owner.state_log import MAX_LINES, StateLog, format_seconds
from tests.unit.node.beds import Bed, play


def test_a_change_of_state_is_logged_with_reason_and_the_last_ones_time() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.log.clear()
        node.activities.note_decision(Rest(State.SYNCING))
        await asyncio.sleep(125.0)
        node.activities.note_decision(Rest(State.SYNCING, "none of 4 connected has said anything of late"))
        node.activities.note_decision(Rest(State.POW_NOT_SYNC, "20 min late"))
        await asyncio.sleep(3.0)
        node.activities.note_decision(Rest(State.SYNCING))
        assert bed.log == [
            "state SYNCING, after 0.0 s of START",
            "state POW_NOT_SYNC: 20 min late, after 2 min 5 s of SYNCING",
            "state SYNCING, after 3.0 s of POW_NOT_SYNC",
        ]

    play(scenario())


def test_tests_of_peers_are_no_change_of_state() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.activities.note_decision(Rest(State.SYNCING))
        bed.log.clear()
        for _ in range(3):
            with node.activities.testing("test 0 of a peer"):
                assert node.activities.shown.state is State.TESTING
        node.activities.note_decision(Rest(State.HALTED, "a bug of ours"))
        await asyncio.sleep(4)
        with node.activities.testing("test 0 of a peer"):
            node.activities.note_decision(Rest(State.SYNCING))
        assert bed.log == [
            "state HALTED: a bug of ours, after 0.0 s of SYNCING",
            "state SYNCING, after 4.0 s of HALTED",
        ]

    play(scenario())


def test_who_flaps_our_state_does_not_fill_the_log() -> None:
    async def scenario() -> None:
        bed = Bed()
        lines: list[str] = []
        log = StateLog(bed.clock, lines.append)
        for _ in range(100):
            log.note(ShownState(State.ROUND_SYNC))
            log.note(ShownState(State.SYNCING))
        assert len(lines) == MAX_LINES
        await asyncio.sleep(60.0)
        log.note(ShownState(State.HALTED))
        assert lines[MAX_LINES:] == [
            f"state HALTED, after 1 min 0 s of SYNCING ({200 - MAX_LINES} changes before it are not told)"
        ]

    play(scenario())


def test_seconds_read_like_a_clock() -> None:
    shown = {0.04: "0.0 s", 59.94: "59.9 s", 60: "1 min 0 s", 3_725: "1 h 2 min", 90_061: "1 d 1 h"}
    assert {seconds: format_seconds(seconds) for seconds in shown} == shown
