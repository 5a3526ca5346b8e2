"""A node of a cluster."""

from __future__ import annotations

from hypernode.node.owner.runtime import Node
from hypernode.sim.cluster import SimNode

ROUND = 3


def node_of(host: SimNode) -> Node:
    assert host.node is not None
    return host.node
