"""A network on which legacy nodes and ours forge side by side, as they do on main.

A ``MixedCluster`` is a cluster some of whose hosts run a ``LegacyNode``.  Its network has main's parameters
(its slots, its rules of three classes, its mercy), a fixed list of hypernodes, and a genesis of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from hypernode.core.address import compute_address
from hypernode.core.params.chain_params import ChainParams, FixedHypernode
from hypernode.core.params.networks import mainnet
from hypernode.core.signing import compute_pubkey
from hypernode.core.types import Block, ChainHeight
from hypernode.node.owner.runtime import Node
from hypernode.sim.cluster import ORIGIN, PORT, Cluster, make_privkey
from hypernode.sim.legacy.hosts import LegacyHost, LegacyHosts, LegacyPorts
from hypernode.sim.legacy.node import LegacyNode
from hypernode.sim.legacy.state import LegacyHabits
from hypernode.sim.legacy.traps import SprungTrap


def make_mixed_network(count: int, seed: int) -> ChainParams:
    """Main's parameters for ``count`` hypernodes with a fixed list, each in a /16 of its own."""
    base = mainnet()
    keys = [compute_pubkey(make_privkey(seed, f"node {n}")) for n in range(count)]
    listed = tuple(
        FixedHypernode(pos=compute_address(key, base.address_byte), ip=f"10.{n + 1}.0.1", port=PORT)
        for n, key in enumerate(keys)
    )
    control = compute_pubkey(make_privkey(seed, "control"))
    return replace(
        base,
        name=f"mixed{count}",
        origin_of_time=ORIGIN,
        control_pow="0" * 56,
        control_pos=compute_address(control, base.address_byte),
        genesis="derived",
        hypernodes=listed,
        first_pow_height=1,
        min_active=2,
        min_connections=2,
        lenient_below=0,
        dead_tips=(),
    )


class MixedCluster(Cluster):
    """Hosts of which those of ``legacy`` run a legacy node.  ``habits``: of single ones."""

    def __init__(
        self,
        count: int,
        seed: int,
        *,
        legacy: Collection[int],
        habits: Mapping[int, LegacyHabits] | None = None,
        params: ChainParams | None = None,
    ) -> None:
        super().__init__(count, seed, params=params or make_mixed_network(count, seed))
        ports = LegacyPorts(
            self.params, self.network, self.clock, self._verifier, self._connect, self._make_pow_source
        )
        self.legacy_hosts = LegacyHosts(ports, self.hosts, legacy, habits)

    @property
    def legacy(self) -> dict[int, LegacyHost]:
        return self.legacy_hosts.by_index

    @property
    def our_ips(self) -> list[str]:
        return [host.ip for host in self.hosts if host.index not in self.legacy]

    def list_traps(self) -> list[SprungTrap]:
        """Those that our nodes are to blame for."""
        return self.legacy_hosts.list_traps(self.our_ips)

    def list_stopped(self) -> dict[int, str]:
        """Legacy nodes that stopped themselves, whoever is to blame, with the reason."""
        return self.legacy_hosts.list_stopped()

    async def start_legacy(self, index: int) -> LegacyNode:
        """Start (or restart) a legacy node with the chain that it has."""
        return self.legacy_hosts.start(index)

    async def start_all(self) -> None:
        for host in self.hosts:
            await self.start_any(host.index)

    async def start_any(self, index: int) -> Node | LegacyNode:
        """Start what the host runs."""
        return await (self.start_legacy(index) if index in self.legacy else self.start(index))

    async def crash(self, index: int) -> None:
        await (self.legacy_hosts.crash(index) if index in self.legacy else super().crash(index))

    async def stop_all(self) -> None:
        """Stop every node, and raise what broke one."""
        await self.legacy_hosts.stop_all()
        await super().stop_all()

    def list_heights(self) -> list[ChainHeight]:
        """Of all nodes that run, ours first."""
        nodes = [legacy.node for legacy in self.legacy.values() if legacy.node is not None]
        running = [node.state.chain.height for node in nodes if not node.state.stopped]
        return [*super().list_heights(), *running]

    async def list_blocks(self, index: int) -> tuple[Block, ...]:
        """The whole chain of a node."""
        if index in self.legacy:
            return self.legacy[index].memory.chain.get_blocks(0, 1_000_000)
        node = self.hosts[index].node
        if node is None:
            raise RuntimeError(f"node {index} does not run")
        return tuple(await node.ports.ledger.get_blocks(0, 1_000_000))
