"""What the simulation found, by name: each keeps the scenario that showed it, and holds now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.cli.sim.run import load_scenarios
from hypernode.node.sync.partitions import Partitions
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

FOUND = {
    # Peers refused it as one of the future, and were not offered it again when its time had come.
    "what was written by a clock that went ahead stays where it is": Scenario(
        8, nodes=7, hours=0.75, kinds=(FaultKind.CLOCK_JUMP,)
    ),
    # Peers refused it before its time; when the clock was set right that time had come, and nobody saw why to
    # offer it again.
    "what was refused before its time is offered again when the clock is set right": Scenario(
        1, nodes=7, hours=0.75, kinds=(FaultKind.CLOCK_JUMP,), until_s=2_519
    ),
    # They were dropped at the start of a round only, and offered until then.
    "messages that are too old stay in the mempool": Scenario(
        2, nodes=6, hours=4.5, kinds=(FaultKind.LONG_PARTITION,), until_s=15_299
    ),
    # By its round it seemed better than the others', who refused it until that round began.
    "a block of a slot that has not begun keeps its forger apart when its clock is set right": Scenario(
        10, nodes=6, hours=1.6, kinds=(FaultKind.CLOCK_JUMP,), until_s=2_900
    ),
    # Of the simulation: it asked for a block with it as soon as the clock was set right.
    "what was written by a clock that went ahead waits for its time": Scenario(
        12, nodes=6, hours=1.6, kinds=(FaultKind.CLOCK_JUMP,), until_s=2_400
    ),
    # Of the simulation: it blamed who had pushed in time; an end came late in the same way.
    "a block is on its way for half a minute, and a legacy node fetched it elsewhere": Scenario(
        2, nodes=7, hours=1.6, kinds=(FaultKind.SPIKES,), connect=6, legacy=2, until_s=3_430
    ),
    # It fetched the block from one of ours that had it, while its forger was on the way to it.
    "a legacy node hears of a pushed block before it is pushed to": Scenario(
        19, nodes=7, hours=1.6, kinds=(FaultKind.SLOW,), connect=6, legacy=2, until_s=920
    ),
    # Its height was asked for between the storing of the block and the note that it is on its way.
    "a legacy node hears of a block in the moment in which it is stored": Scenario(
        710_004, nodes=12, hours=2, legacy=4, until_s=1_079
    ),
    # Of the simulation: it took for a fault what mercy is for.
    "a clock is behind, and its host takes the block that most hold": Scenario(
        16, nodes=7, hours=1.6, kinds=(FaultKind.CLOCK_JUMP,), connect=6, legacy=2, until_s=1_439
    ),
}


FOUND |= load_scenarios(Path(__file__).with_name("found.txt"))


@pytest.mark.parametrize("name", list(FOUND))
def test_what_was_found_once_holds(name: str) -> None:
    report = play(FOUND[name])
    assert report.failure is None, report.failure
    assert report.faults


def test_a_side_that_keeps_silent_after_a_long_partition_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario above has a split that only an operator ends."""
    monkeypatch.setattr(Partitions, "note", lambda *args: None)
    failure = play(replace(FOUND["messages that are too old stay in the mempool"], until_s=13_800)).failure
    assert failure is not None
    assert failure.name == "splits_are_said"
