"""A partition of more than a round: when it is over each side says SPLIT, and an operator makes them one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from hypernode.core.fork_choice import is_better
from hypernode.core.types import ChainHeight
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import OPERATOR_SLOTS, Fault
from hypernode.sim.memory.holding import NOWHERE

NAME: Final = "splits_are_said"


async def schedule_healing(cluster: FaultCluster, fault: Fault, join: Callable[[], None]) -> None:
    """The ways are free again some slots before the fault is over: then the operator comes."""
    parted_s = fault.duration_s - OPERATOR_SLOTS * cluster.params.slot_s

    async def heal() -> None:
        await asyncio.sleep(parted_s)
        join()

    cluster.healing[fault.number] = asyncio.get_running_loop().create_task(
        heal(), name="healing", context=NOWHERE.copy()
    )


async def take_one_side(cluster: FaultCluster, fault: Fault) -> None:
    """Who holds another chain than the rest says so; all go over to the chain that most hold, by an
    operator's word.  Raises InvariantFailed for a host that keeps silent."""
    await cluster.healing.pop(fault.number)
    hosts = [host for host in cluster.hosts[: cluster.count] if host.node is not None]
    chains = {host.index: await _list_hashes(host) for host in hosts}
    target = _choose(hosts, chains)
    holders = [host for host in hosts if target.block_hash in chains[host.index]]
    parted = [host for host in hosts if host not in holders and not _is_behind(host, chains, holders)]
    for host in [*parted, *holders] if parted else ():
        if host.node is not None and not host.node.partitions.words:
            detail = f"node {host.index} is at {_tell(host.height)}, some are elsewhere, and it keeps silent"
            raise InvariantFailed(NAME, detail, [host.index])
    for host in parted:
        assert host.node is not None
        cluster.witness.ordered[host.index] = target.block_hash
        host.node.follow(target.block_hash.hex(), target.height)


async def _list_hashes(host: SimNode) -> frozenset[bytes]:
    """Of the host's chain."""
    assert host.node is not None
    headers = await host.node.ports.ledger.get_headers(0, host.height.height + 1)
    return frozenset(header.block_hash for header in headers)


def _choose(hosts: Sequence[SimNode], chains: dict[int, frozenset[bytes]]) -> ChainHeight:
    """The tip that most hosts hold, of equal ones the better."""
    best, most = hosts[0].height, 0
    for host in hosts:
        held = sum(host.height.block_hash in hashes for hashes in chains.values())
        if held > most or (held == most and is_better(host.height, best)):
            best, most = host.height, held
    return best


def _is_behind(host: SimNode, chains: dict[int, frozenset[bytes]], holders: Sequence[SimNode]) -> bool:
    """Whether the host's tip is a block of the chosen chain, the rest of which it has yet to fetch."""
    return any(host.height.block_hash in chains[holder.index] for holder in holders)


def _tell(height: ChainHeight) -> str:
    return f"{height.height} {height.block_hash.hex()[:8]}"
