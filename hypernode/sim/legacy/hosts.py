"""The hosts of a cluster that run a legacy node: their ports, and how they go down and come up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Endpoint
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Connections
from hypernode.ports.registrations import PowSource
from hypernode.ports.signing import Verifier
from hypernode.sim.cluster import PORT, SimNode
from hypernode.sim.legacy.chain import LegacyChain
from hypernode.sim.legacy.node import LegacyNode
from hypernode.sim.legacy.state import LegacyHabits, LegacyMemory, LegacyState
from hypernode.sim.legacy.traps import SprungTrap, TrapLog
from hypernode.sim.memory.holding import make_context
from hypernode.sim.memory.network import MemoryNetwork


@dataclass(slots=True)
class LegacyHost:
    """What survives a restart of a legacy node, and the node while it runs.  One that stopped itself has a
    task that is done."""

    memory: LegacyMemory
    habits: LegacyHabits
    node: LegacyNode | None = None
    task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self.task is not None and not self.task.done()


@dataclass(frozen=True, slots=True)
class LegacyPorts:
    """What legacy nodes take from their cluster.  ``connect`` gives the connections of an IP that is new, or
    up again; ``clock`` is right, whatever those of hosts show."""

    params: ChainParams
    network: MemoryNetwork
    clock: Clock
    verifier: Verifier
    connect: Callable[[str], Connections]
    make_pow_source: Callable[[SimNode], PowSource]


class LegacyHosts:
    """Those of ``hosts`` at ``indices``.  ``habits``: of single ones."""

    def __init__(
        self,
        ports: LegacyPorts,
        hosts: Sequence[SimNode],
        indices: Collection[int],
        habits: Mapping[int, LegacyHabits] | None = None,
    ) -> None:
        self._ports = ports
        self._hosts = hosts
        self.by_index = {index: self._make(index, habits or {}) for index in sorted(indices)}
        self.restarts = 0
        """How often cron started one that had stopped itself."""

    def _make(self, index: int, habits: Mapping[int, LegacyHabits]) -> LegacyHost:
        traps = TrapLog(self._ports.clock.now)
        return LegacyHost(
            LegacyMemory(LegacyChain(self._ports.params, traps), traps), habits.get(index, LegacyHabits())
        )

    def __contains__(self, index: object) -> bool:
        return index in self.by_index

    @property
    def ips(self) -> list[str]:
        return [self._hosts[index].ip for index in self.by_index]

    @property
    def addresses(self) -> list[str]:
        return [self._hosts[index].signer.address for index in self.by_index]

    def list_traps(self, ips: Collection[str]) -> list[SprungTrap]:
        """Those that somebody of ``ips`` is to blame for."""
        return [trap for host in self.by_index.values() for trap in host.memory.traps.list_by(ips)]

    def list_stopped(self) -> dict[int, str]:
        """Those that stopped themselves, whoever is to blame, with the reason."""
        nodes = {i: host.node for i, host in self.by_index.items() if host.node is not None}
        return {i: node.state.stopped for i, node in nodes.items() if node.state.stopped}

    def start(self, index: int) -> LegacyNode:
        """Start (or restart) a node with the chain that it has."""
        host, legacy, ports = self._hosts[index], self.by_index[index], self._ports
        state = LegacyState(
            params=ports.params,
            signer=host.signer,
            clock=host.clock,
            connections=ports.connect(host.ip),
            verifier=ports.verifier,
            own=Endpoint(host.ip, PORT),
            memory=legacy.memory,
            habits=legacy.habits,
        )
        state.log = host.log
        legacy.node = LegacyNode(state, ports.make_pow_source(host))
        legacy.task = asyncio.get_running_loop().create_task(
            legacy.node.run(), name=f"legacy {index}", context=make_context(host.ip)
        )
        return legacy.node

    def start_stopped(self, is_able: Callable[[int], bool] = lambda index: True) -> None:
        """What cron does: those start again that stopped themselves, where the host is able to."""
        for index in self.list_stopped():
            if not self.by_index[index].is_running and is_able(index):
                self.restarts += 1
                self.start(index)

    def put_back(self, index: int, chain: LegacyChain) -> None:
        """An old copy of a node's file; its disk, and when it ends in a write, are those of now."""
        memory = self.by_index[index].memory
        chain.is_full, chain.cut = memory.chain.is_full, memory.chain.cut
        chain.refused = memory.chain.refused
        memory.chain = chain

    async def crash(self, index: int, *, silent: bool = False) -> None:
        """End a node at once, or with ``silent`` its host."""
        legacy = self.by_index[index]
        self._ports.network.crash(self._hosts[index].ip, silent=silent)
        if legacy.task is not None:
            legacy.task.cancel()
            await asyncio.gather(legacy.task, return_exceptions=True)
        legacy.node = legacy.task = None

    async def crash_all(self) -> None:
        """Those that were started."""
        for index, legacy in self.by_index.items():
            if legacy.task is not None:
                await self.crash(index)

    async def stop_all(self) -> None:
        """Stop every node, and raise what broke one."""
        for legacy in self.by_index.values():
            if legacy.node is not None and legacy.task is not None:
                legacy.node.state.stop.set()
                await legacy.task
            legacy.node = legacy.task = None
