"""Nodes as the daemon composes them, over real files, threads and sockets, without their owner task.

A benchmark calls the parts of a node itself, so that nothing runs but what is measured.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.chains import FIRST_ROUND, Party, make_ip
from hypernode.app.files import FolderFiles
from hypernode.app.system_clock import SystemClock, SystemEntropy
from hypernode.app.verifier import ThreadVerifier
from hypernode.core.types import Endpoint
from hypernode.net.client_session import ClientSession, open_session
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.node.base.node_ports import Ports
from hypernode.node.owner.node_options import NodeOptions
from hypernode.node.owner.runtime import Node
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.storage.database import open_database
from hypernode.storage.journal import open_journal
from hypernode.storage.ledger import open_ledger
from hypernode.wallet.pos_wallet import make_wallet
from hypernode.wire.catalogue import LIMITS, Limits
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello


@asynccontextmanager
async def open_node(
    party: Party, index: int, folder: Path, threads: int | None = None, limits: Limits = LIMITS
) -> AsyncIterator[Node]:
    """The node of a sender, its ledger in ``folder``; it knows all others as registered."""
    async with AsyncExitStack() as stack:
        ledger = await open_ledger(await open_database(folder / "ledger.db"), party.params)
        stack.push_async_callback(ledger.close)
        clock = SystemClock()
        journal = await open_journal(folder / "signed.db", int(clock.now()))
        stack.push_async_callback(journal.close)
        verifier = ThreadVerifier(threads)
        stack.callback(verifier.close)
        pow_source = FixedPowSource(party.params)
        ports = Ports(
            clock=clock,
            entropy=SystemEntropy(),
            connections=TornadoConnections(),
            signer=make_wallet(party.privkeys[index], party.params.address_byte),
            verifier=verifier,
            ledger=ledger,
            journal=journal,
            pow_source=pow_source,
            files=FolderFiles(folder),
        )
        ip, port = make_ip(index), party.params.hypernodes[index].port
        options = NodeOptions(Endpoint(ip, port), port, (ip,), limits)
        log: list[str] = []
        node = Node(party.params, ports, options, metrics=dict, log=log.append, warn=log.append)
        node.peers.set_registered((await pow_source.get_registered(0)).entries)
        node.reporter.enter_round(FIRST_ROUND)
        yield node


@asynccontextmanager
async def open_peer(party: Party, node: Node, ip: str, port: int) -> AsyncIterator[ClientSession]:
    """The node's port open, and a session with it from ``ip``, that says ``port`` in its hello."""
    listener = await node.listening.start(Endpoint(node.options.listen.ip, 0))
    session = await open_session(
        TornadoConnections(),
        listener.endpoint,
        params=party.params,
        limits=Limits(),
        hello=Hello(party.params.posnet, port, party.addresses[2]),
        features=ANNOUNCED_FEATURES,
        clock=SystemClock(),
        connect_timeout_s=5.0,
        hello_timeout_s=10.0,
        source_ip=ip,
    )
    try:
        yield session
    finally:
        session.close()
        await listener.close()
