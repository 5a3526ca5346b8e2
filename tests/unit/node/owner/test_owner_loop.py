"""The owner looks, decides and performs."""

from __future__ import annotations

from typing import Any

from hypernode.core import kinds
from hypernode.machine.state import State
from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run

SIZE = 4


FIRST = 3
"""The first whole round."""


def test_alone_a_node_stays_in_start_and_blames_nobody() -> None:
    async def scenario() -> None:
        cluster = Cluster(SIZE, 23)
        node = await cluster.start(0)
        await cluster.run_until(FIRST, 1)
        assert node.activities.shown.state is State.START
        about_others = {kinds.TEST_KO, kinds.KO_ACTION, kinds.LATE}
        assert about_others.isdisjoint(message.what for message in node.mempool.get_all())
        assert node.chain.height.height == 0
        status: Any = await node.views.get_status()
        assert status["state"]["state"] == "START"
        assert "0 of 2 connections" in status["state"]["reason"]
        await cluster.stop_all()

    run(scenario())
