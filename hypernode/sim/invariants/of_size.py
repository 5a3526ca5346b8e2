"""What nodes hold is bounded: tasks, peers, messages and other named queues; and memory, in units that are
equal in every replay (an object, a place in a container, or 64 bytes).

Bounds are about twice what was seen of 4 to 20 nodes, quiet, under mixed faults and under a flood.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

from hypernode.core.timeline import compute_round_slot
from hypernode.machine.sync_memory import MAX_LIARS
from hypernode.mempool.exchange import MAX_NOTED
from hypernode.node.chain.block_validation import MAX_KEYS
from hypernode.node.chain.rounds import MAX_PLANS
from hypernode.node.owner.runtime import Node
from hypernode.node.sync.partitions import MAX_TIPS
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.watch import Watch

_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque, OrderedDict, Counter)
_OWN: Final = ("hypernode.core", "hypernode.machine", "hypernode.mempool", "hypernode.net", "hypernode.node")
"""Packages whose objects are a node's; what lies behind its ports is not."""
UNIT_BYTES: Final = 64
MAX_UNITS: Final = 500
"""Of a node without peers; 4 nodes with 6 connections each were seen to hold 1,700, 20 with 38 each 8,400."""
MAX_UNITS_PER_PEER: Final = 400
MAX_UNITS_PER_LISTED: Final = 30
"""Of a registered hypernode, in the lists of two rounds: 4 nodes, 400 registered, were seen to hold 7,900."""
MAX_UNITS_PER_TEST: Final = 10
"""Of a place of a test in a round: with 50 tests a slot, 4 nodes were seen to hold 9,100."""
MAX_UNITS_PER_MESSAGE: Final = 20
MAX_UNITS_PER_NOTE: Final = 2
"""Of a message that was had from a peer, or is kept for its time."""
MAX_TASKS: Final = 40
"""A flood's."""
MAX_TASKS_PER_NODE: Final = 10
MAX_TASKS_PER_LINK: Final = 2
"""To each host that is to be dialled (many may not be there), and from each host.  37 tasks were seen of 4
nodes, 118 of 7 under a flood, 821 of 20 of which each dials all, 181 of 4 that dial 36 which are away."""
MAX_TASKS_PER_STRANGER: Final = 3
MAX_UNITS_PER_SESSION: Final = 100
"""Of one that came in, whoever it is."""
QUEUES: Final[Mapping[str, int]] = {
    "sync.memory._liars._until": MAX_LIARS,
    "partitions._tips": MAX_TIPS,
    "rounds._plans": MAX_PLANS,
    "chain._keys._keys": MAX_KEYS,
}
"""Where parts of a node remember things, and how many of them at most."""


async def everything_is_bounded(watch: Watch) -> None:
    """Tasks, peers, mempools and the rest of the queues stay within what the hosts explain."""
    hosts, links = len(watch.cluster.hosts), 0
    for host in watch.list_running():
        assert host.node is not None
        links += len(host.node.node_state.connect_to) + hosts
        for name, held, most in _list_queues(watch, host.node):
            if held > most:
                detail = f"node {host.index}: {held} of {name}, at most {most}"
                raise InvariantFailed("everything_is_bounded", detail, [host.index])
    tasks = len(asyncio.all_tasks())
    crowds = MAX_TASKS_PER_STRANGER * watch.cluster.strangers
    if tasks > MAX_TASKS + MAX_TASKS_PER_NODE * hosts + MAX_TASKS_PER_LINK * links + crowds:
        detail = f"{tasks} tasks for {hosts} nodes with {links} links at most"
        raise InvariantFailed("everything_is_bounded", detail)


def _list_queues(watch: Watch, node: Node) -> list[tuple[str, int, int]]:
    """Name, length and bound."""
    hosts, signatures = len(watch.cluster.hosts), watch.cluster.witness.signatures
    return [
        ("messages", len(node.mempool), node.params.sender_quota * hosts),
        ("peers", len(node.peers.list_all()), 2 * hosts),
        ("cases of evidence", len(node.node_state.evidence), len(signatures.twofold)),
        *(("messages noted of a peer", held, MAX_NOTED) for held in _list_notes(node)),
        *((name, len(attrgetter(name)(node)), most) for name, most in QUEUES.items()),
    ]


def _list_notes(node: Node) -> list[int]:
    """How many messages the mempool has noted of each peer."""
    notes = attrgetter("mempool._peers")(node)
    return [len(one.noted) + len(one.unripe) for one in notes.values()]


async def nodes_stay_small(watch: Watch) -> None:
    """Once a round: a node holds no more than its peers, its lists and its mempool explain."""
    round_, _ = compute_round_slot(watch.cluster.params, watch.cluster.clock.now())
    if round_ == watch.sized_in_round:
        return
    watch.sized_in_round = round_
    for host in watch.list_running():
        assert host.node is not None
        held, most = weigh(host.node), compute_most(host.node)
        if held > most:
            detail = f"node {host.index} holds {held} units, {most} at most are explained"
            raise InvariantFailed("nodes_stay_small", detail, [host.index])


def compute_most(node: Node) -> int:
    """Units that a node may hold."""
    return (
        MAX_UNITS
        + MAX_UNITS_PER_PEER * len(node.peers.list_all())
        + MAX_UNITS_PER_SESSION * node.listening.count
        + MAX_UNITS_PER_LISTED * _count_listed(node)
        + MAX_UNITS_PER_TEST * node.params.slots * node.params.default_tunables.tests_per_slot
        + MAX_UNITS_PER_MESSAGE * len(node.mempool)
        + MAX_UNITS_PER_NOTE * sum(_list_notes(node))
    )


def _count_listed(node: Node) -> int:
    """Registered hypernodes, with those that count for nothing."""
    plan = node.node_state.plan
    return max(len(node.params.hypernodes), len(plan.registered) if plan is not None else 0)


def weigh(node: Any) -> int:
    """Units of all that can be reached from a node."""
    seen: dict[int, Any] = {}
    waiting = [node]
    units = 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        kind = type(thing)
        if kind in (bytes, bytearray, str):
            units += len(thing) // UNIT_BYTES
        elif kind in _CONTAINERS:
            units += 1 + len(thing)
            waiting += gc.get_referents(thing)
        elif kind is not type and kind.__module__.startswith(_OWN):
            units += 1
            waiting += gc.get_referents(thing)
    return units
