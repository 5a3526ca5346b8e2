"""Clusters on virtual time: run a scenario, look at a chain."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hypernode.core.types import Block
from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run

FIRST_ROUND = 3
"""The first whole round of a cluster's life."""


async def list_blocks(cluster: Cluster, index: int) -> list[Block]:
    """The whole chain of a node."""
    node = cluster.hosts[index].node
    assert node is not None
    return await node.ports.ledger.get_blocks(0, 10_000)


def play(coroutine: Coroutine[Any, Any, None], seed: int) -> None:
    """Run a scenario on virtual time; a failure names its seed."""
    try:
        run(coroutine)
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise
