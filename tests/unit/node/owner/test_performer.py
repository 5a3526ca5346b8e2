"""What was decided is done."""

from __future__ import annotations

from typing import Any

from hypernode.machine.state import State
from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run

SIZE = 4


FIRST = 3
"""The first whole round."""


def test_a_halted_node_answers_and_does_not_forge() -> None:
    async def scenario() -> None:
        cluster = Cluster(SIZE, 24)
        await cluster.start_all()
        node = cluster.hosts[1].node
        assert node is not None
        await cluster.run_until(FIRST, 1)
        forged = node.forger.forged_count
        node.halt("a fault")
        await cluster.run_until(FIRST, 18)
        assert node.activities.shown.state is State.HALTED
        assert node.forger.forged_count == forged
        assert cluster.hosts[0].height.height > 10
        status: Any = await node.views.get_status()
        assert status["state"]["reason"] == "a fault"
        await cluster.stop_all()

    run(scenario())
