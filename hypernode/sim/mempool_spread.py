"""How fast messages get into all mempools of a network of real nodes on virtual time (spec 6, mempool).

Every node connects as it does on main; the links have one latency.  Messages are put into one node after the
other, each at another moment between two exchanges, and every half second it is looked who has them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from hypernode.core import kinds
from hypernode.core.params.chain_params import replace_fields
from hypernode.core.types import Message
from hypernode.sim.cluster import Cluster, make_network
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork

SLOT_S: Final = 180
LOOK_EVERY_S: Final = 0.5
STEP_S: Final = 7.0
"""Between two messages: no divisor of the time between exchanges, so each meets another moment of it."""
NEVER_SO_MANY: Final = 9_999
MAX_EXCHANGES: Final = 10
"""When it is given up."""


@dataclass(frozen=True, slots=True)
class Spread:
    """``seconds``: by message, from when it was put into its node until all had it; ``exchange_s``: between
    two exchanges of a connection."""

    seconds: tuple[float, ...]
    exchange_s: float

    @property
    def exchanges(self) -> float:
        """Of the slowest message."""
        return max(self.seconds) / self.exchange_s


def measure_spread(nodes: int, connect: int, messages: int, *, seed: int, latency_s: float) -> Spread:
    """Play it.  Raises RuntimeError when a message does not get everywhere."""
    return run(_play(nodes, connect, messages, seed, latency_s))


async def _play(nodes: int, connect: int, messages: int, seed: int, latency_s: float) -> Spread:
    # Nobody seals what is to be looked for in mempools.
    params = replace_fields(
        make_network(nodes, seed, SLOT_S), max_connect_to=connect, min_block_messages=NEVER_SO_MANY
    )
    cluster = Cluster(nodes, seed, params=params)
    quality = LinkQuality(min_latency_s=latency_s, max_latency_s=latency_s, jitter_s=0.0)
    cluster.network = MemoryNetwork(seed, quality)
    await cluster.run_until(3)
    for host in cluster.hosts:
        await cluster.start(host.index)
        # Or all connections would exchange at the same moment.
        await asyncio.sleep(params.delays.mempool_exchange_s / nodes)
    # All connections stand, and what the nodes have to say of their start and round is out.
    await cluster.run_until(3, 1)
    try:
        seconds = await asyncio.gather(*(_follow_one(cluster, number) for number in range(messages)))
        return Spread(tuple(seconds), params.delays.mempool_exchange_s)
    finally:
        await cluster.stop_all()


async def _follow_one(cluster: Cluster, number: int) -> float:
    """Put one message into a node; seconds until all nodes have it."""
    await asyncio.sleep(number * STEP_S)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    message = await _publish(cluster, number)
    while not _is_everywhere(cluster, message):
        await asyncio.sleep(LOOK_EVERY_S)
        if loop.time() - begun > MAX_EXCHANGES * cluster.params.delays.mempool_exchange_s:
            raise RuntimeError(f"message {number} is not in all mempools after {loop.time() - begun:.0f} s")
    return loop.time() - begun


async def _publish(cluster: Cluster, number: int) -> Message:
    node = cluster.hosts[number % len(cluster.hosts)].node
    if node is None:
        raise RuntimeError("a node does not run")
    own = node.ports.signer.address
    message = await node.intake.publish(kinds.START_OR_TEST_OK, own, "SPREAD", number)
    if message is None:
        raise RuntimeError("a node refuses its own message")
    return message


def _is_everywhere(cluster: Cluster, message: Message) -> bool:
    return all(host.node is not None and host.node.mempool.holds(message) for host in cluster.hosts)
