"""A network of real nodes in one process: the shipped node code on a virtual clock and a network of memory.

Everything that a node lives on is real but for the outermost edge: real frames over in-memory streams,
real signatures, a ledger and a journal in SQLite.  A run follows from its seed alone: the trace of the
network (``Cluster.trace``) is equal for equal seeds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypernode.core.address import compute_address
from hypernode.core.params.chain_params import ChainParams, FixedHypernode
from hypernode.core.params.networks import devnet
from hypernode.core.signing import compute_pubkey
from hypernode.core.timeline import compute_round_start, compute_slot_start
from hypernode.core.types import ChainHeight, Endpoint, Round, Slot
from hypernode.node.base.node_ports import Ports
from hypernode.node.owner.node_options import Makers, NodeOptions
from hypernode.node.owner.runtime import Node
from hypernode.ports.chain import Ledger
from hypernode.ports.journal import Journal
from hypernode.ports.registrations import PowSource
from hypernode.ports.signing import Signer
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.sim.corruptible import CORRUPTIBLE
from hypernode.sim.memory.adapters import InlineVerifier, KeySigner, MemoryFiles, no_metrics
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.sim.memory.holding import make_context
from hypernode.sim.memory.host import MemoryConnections
from hypernode.sim.memory.network import MemoryNetwork
from hypernode.storage.database import InlineDatabase
from hypernode.storage.journal import open_journal_in
from hypernode.storage.ledger import open_ledger
from hypernode.wire.catalogue import Limits

ORIGIN = 1_700_000_000
PORT = 6969
_SUBNETS = 255
"""Networks of 16 bits that are used of one of 8 bits."""


def make_privkey(seed: int, name: str) -> bytes:
    """A private key that follows from the seed."""
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def make_network(
    count: int, seed: int, slot_s: int, weights: tuple[int, ...] = (1,), subnet_hosts: int = 1
) -> ChainParams:
    """A private network of ``count`` hypernodes with a fixed list, ``subnet_hosts`` of them in each /16."""
    control = compute_pubkey(make_privkey(seed, "control"))
    base = devnet(
        origin_of_time=ORIGIN,
        slot_s=slot_s,
        control_pow="0" * 56,
        control_pos=compute_address(control, 0x55),
    )
    listed = tuple(
        FixedHypernode(
            pos=compute_address(compute_pubkey(make_privkey(seed, f"node {n}")), base.address_byte),
            ip=_make_ip(n, subnet_hosts),
            port=PORT,
            weight=weights[n % len(weights)],
        )
        for n in range(count)
    )
    return replace(base, name=f"sim{count}", hypernodes=listed, min_connections=min(2, count - 1))


def _make_ip(number: int, subnet_hosts: int) -> str:
    """Of the hypernode with this place on the list.  Those of one /16 have a /24 for each two."""
    subnet, place = divmod(number, subnet_hosts)
    return f"{10 + subnet // _SUBNETS}.{subnet % _SUBNETS + 1}.{place // 2}.{place % 2 + 1}"


@dataclass(slots=True)
class SimNode:
    """One machine: what survives a crash of its node, and the node while it runs."""

    index: int
    ip: str
    signer: Signer
    clock: SimClock
    entropy: SeededEntropy
    ledger_db: InlineDatabase
    journal_db: InlineDatabase
    files: MemoryFiles
    node: Node | None = None
    task: asyncio.Task[None] | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    is_journal_new: bool = False
    log: list[str] = field(default_factory=list)

    @property
    def height(self) -> ChainHeight:
        if self.node is None:
            raise RuntimeError(f"node {self.index} does not run")
        return self.node.chain.height


class Cluster:
    """Hosts on one in-memory network.  Use inside a virtual-time loop."""

    makers: Makers = CORRUPTIBLE
    """Of every node's parts."""

    def __init__(
        self,
        count: int,
        seed: int,
        *,
        slot_s: int = 180,
        weights: tuple[int, ...] = (1,),
        params: ChainParams | None = None,
    ) -> None:
        """``params``: a network with ``count`` hypernodes or more, of which the first ones run; else
        ``make_network``."""
        loop = asyncio.get_running_loop()
        self.seed = seed
        self.params = params or make_network(count, seed, slot_s, weights)
        # A round starts soon after the nodes do.
        self.wall_start = compute_round_start(self.params, 3) - 2.0 * slot_s - loop.time()
        self.network = MemoryNetwork(seed)
        self._verifier = InlineVerifier()
        self.clock = SimClock(loop, self.wall_start)
        self.hosts = [self._make_host(n) for n in range(count)]

    def _make_host(self, index: int) -> SimNode:
        loop = asyncio.get_running_loop()
        return SimNode(
            index=index,
            ip=self.params.hypernodes[index].ip,
            signer=self.make_signer(index, index),
            clock=SimClock(loop, self.wall_start),
            entropy=SeededEntropy(self.seed, f"node {index}"),
            ledger_db=InlineDatabase(),
            journal_db=InlineDatabase(),
            files=MemoryFiles(),
        )

    def make_signer(self, owner: int, index: int) -> Signer:
        """With the key of the host ``owner``, for the host at ``index``."""
        return KeySigner(make_privkey(self.seed, f"node {owner}"), self.params.address_byte)

    @property
    def trace(self) -> str:
        """Hash over all that happened on the network so far."""
        return self.network.trace.hexdigest()

    async def start(self, index: int) -> Node:
        """Start (or restart) the node of a host from what is stored there."""
        host = self.hosts[index]
        ports = Ports(
            clock=host.clock,
            entropy=host.entropy,
            connections=self._connect(host.ip),
            signer=host.signer,
            verifier=self._verifier,
            ledger=await self._open_ledger(host),
            journal=await self._open_journal(host),
            pow_source=self._make_pow_source(host),
            files=host.files,
        )
        options = NodeOptions(
            listen=Endpoint(host.ip, PORT),
            own_port=PORT,
            source_ips=(host.ip,),
            limits=Limits(),
            is_journal_new=host.is_journal_new,
        )
        log = self._make_log(host)
        host.node = Node(
            self.params, ports, options, metrics=no_metrics, log=log, warn=log, makers=self.makers
        )
        host.stop = asyncio.Event()
        host.task = asyncio.get_running_loop().create_task(
            host.node.run(host.stop), name=f"node {index}", context=make_context(host.ip)
        )
        return host.node

    async def _open_ledger(self, host: SimNode) -> Ledger:
        return await open_ledger(host.ledger_db, self.params)

    async def _open_journal(self, host: SimNode) -> Journal:
        return await open_journal_in(host.journal_db, int(host.clock.now()))

    def _make_pow_source(self, host: SimNode) -> PowSource:
        return FixedPowSource(self.params)

    def _connect(self, ip: str) -> MemoryConnections:
        """Connections of a host: of a new one, or of one that is up again."""
        known = self.network.find_host(ip) is not None
        return self.network.restart(ip) if known else self.network.get_connections(ip)

    async def start_all(self) -> None:
        for host in self.hosts:
            await self.start(host.index)

    async def crash(self, index: int) -> None:
        """End a node at once: nothing is saved, its streams break."""
        host = self.hosts[index]
        self.network.crash(host.ip)
        await self._end(host)

    async def stop(self, index: int) -> None:
        """Stop a node cleanly."""
        host = self.hosts[index]
        host.stop.set()
        if host.task is not None:
            await host.task
        host.node = host.task = None

    async def stop_all(self) -> None:
        """Stop every node, and raise what broke one."""
        for host in self.hosts:
            if host.task is not None:
                await self.stop(host.index)

    async def _end(self, host: SimNode) -> None:
        if host.task is not None:
            host.task.cancel()
            await asyncio.gather(host.task, return_exceptions=True)
        host.node = host.task = None

    async def run_until(self, round_: Round, sir: Slot = 0) -> None:
        """Let the time pass up to a slot's start."""
        end = compute_slot_start(self.params, round_, sir)
        await asyncio.sleep(max(0.0, end - self.clock.now()))
        for host in self.hosts:
            if host.task is not None and host.task.done():
                host.task.result()

    def list_heights(self) -> list[ChainHeight]:
        """Of all nodes that run."""
        return [host.height for host in self.hosts if host.node is not None]

    def is_agreed(self) -> bool:
        """All that run are on one tip."""
        return len({height.block_hash for height in self.list_heights()}) == 1

    def _make_log(self, host: SimNode) -> Callable[[str], None]:
        def log(text: str) -> None:
            host.log.append(f"{self.clock.now() - ORIGIN:.3f} {text}")

        return log
