"""What nodes hold is bounded: messages, peers and tasks; and memory, counted in objects, which replay (bytes
do not)."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, OrderedDict, deque
from typing import Any, Final

from hypernode.core.timeline import compute_round_slot
from hypernode.mempool.pool import MAX_MESSAGES
from hypernode.sim.watch import InvariantFailed, Watch

_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque, OrderedDict, Counter)
_OWN: Final = ("hypernode.core", "hypernode.machine", "hypernode.mempool", "hypernode.net", "hypernode.node")
"""Packages whose objects are a node's; what lies behind its ports is the world's."""
MAX_OBJECTS: Final = 4_000
MAX_OBJECTS_PER_PEER: Final = 150
MAX_OBJECTS_PER_MESSAGE: Final = 12
MAX_TASKS_PER_PEER: Final = 12
MAX_TASKS_PER_NODE: Final = 80


async def everything_is_bounded(watch: Watch) -> None:
    """Mempools, peers and tasks stay within what the number of hosts explains."""
    count = len(watch.cluster.hosts)
    tasks = len(asyncio.all_tasks())
    if tasks > count * (MAX_TASKS_PER_NODE + MAX_TASKS_PER_PEER * count):
        raise InvariantFailed("everything_is_bounded", f"{tasks} tasks for {count} nodes")
    for host in watch.list_running():
        assert host.node is not None
        peers = len(host.node.peers.list_all())
        if len(host.node.mempool) > MAX_MESSAGES or peers > 3 * count:
            detail = f"node {host.index}: {len(host.node.mempool)} messages, {peers} peers"
            raise InvariantFailed("everything_is_bounded", detail, [host.index])


async def nodes_stay_small(watch: Watch) -> None:
    """Once a round: a node holds no more than its peers and its mempool explain."""
    round_, _ = compute_round_slot(watch.cluster.params, watch.cluster.clock.now())
    if round_ == watch.sized_in_round:
        return
    watch.sized_in_round = round_
    for host in watch.list_running():
        assert host.node is not None
        held = count_objects(host.node)
        peers = MAX_OBJECTS_PER_PEER * len(watch.cluster.hosts)
        most = MAX_OBJECTS + peers + MAX_OBJECTS_PER_MESSAGE * len(host.node.mempool)
        if held > most:
            detail = f"node {host.index} holds {held} objects, {most} at most are explained"
            raise InvariantFailed("nodes_stay_small", detail, [host.index])


def count_objects(node: Any) -> int:
    """Containers and objects of our own that can be reached from a node."""
    seen: dict[int, Any] = {}
    waiting = [node]
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and _is_held(thing):
            seen[id(thing)] = thing
            waiting += gc.get_referents(thing)
    return len(seen)


def _is_held(thing: Any) -> bool:
    kind = type(thing)
    return kind in _CONTAINERS or (kind is not type and kind.__module__.startswith(_OWN))
