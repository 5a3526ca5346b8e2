"""HALTED: once, with the first reason, and looked at at once."""

from __future__ import annotations

from hypernode.node.base.node_state import NodeState
from hypernode.node.owner.halting import Halting
from tests.unit.node.beds import Bed, play


def test_the_first_reason_stays_and_each_wakes_the_owner() -> None:
    async def scenario() -> None:
        bed = Bed()
        state = NodeState(bed.params, bed.clock, 0.0)
        woken: list[int] = []
        halting = Halting(state, bed.warnings.append, lambda: woken.append(1))
        halting.halt("the disk is damaged")
        halting.halt("and something else")
        assert state.halted == "the disk is damaged"
        assert bed.warnings == ["HALTED: the disk is damaged"]
        assert len(woken) == 2

    play(scenario())
