"""Mixed clusters on virtual time: run a scenario, look at a node."""

from __future__ import annotations

import asyncio

from hypernode.core.types import Round, Slot
from hypernode.node.owner.runtime import Node
from hypernode.sim.mixed import MixedCluster

AFTER_FORGING_S = 60.0
"""Into a slot: its block is everywhere, and the next one far."""


async def pass_to(cluster: MixedCluster, round_: Round, sir: Slot) -> None:
    """Let the time pass to the quiet part of a slot."""
    await cluster.run_until(round_, sir)
    await asyncio.sleep(AFTER_FORGING_S)


def get_node(cluster: MixedCluster, index: int) -> Node:
    node = cluster.hosts[index].node
    assert node is not None
    return node
