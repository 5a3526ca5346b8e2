"""A round begins: its lists go to all parts."""

from __future__ import annotations

from typing import Any

from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run

SIZE = 4


FIRST = 3
"""The first whole round."""


def test_one_status_per_finished_round_is_kept() -> None:
    async def scenario() -> None:
        cluster = Cluster(SIZE, 25)
        await cluster.start_all()
        await cluster.run_until(FIRST + 1, 1)
        node = cluster.hosts[2].node
        assert node is not None
        kept: Any = await node.ports.ledger.get_status(FIRST)
        assert kept["meta"]["round"] == FIRST
        assert await node.ports.ledger.get_status(FIRST + 1) is None
        await cluster.stop_all()

    run(scenario())
