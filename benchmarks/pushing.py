"""A block pushed to many peers at once: how much later than the first the last one has all of it.

The forger of a node pushes as it does in its slot; each peer is a listening socket that reads, all in one
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.chains import Party, load_chain, make_ip
from benchmarks.figures import Row
from benchmarks.nodes import open_node
from hypernode.core.types import Block, ChainHeight, Registration, RoundPlan
from hypernode.node.owner.runtime import Node
from hypernode.node.peers.peer_table import Peer
from hypernode.wire.hello import ANNOUNCED_FEATURES

TARGET: Final = 3.0


async def measure(party: Party, peers: int, messages: int, runs: int) -> list[Row]:
    """One block of ``messages`` messages to ``peers`` peers, ``runs`` times."""
    block = (await load_chain(party, 1, messages))[0]
    spreads, firsts, lasts = [], [], []
    with tempfile.TemporaryDirectory() as name:
        async with open_node(party, 0, Path(name)) as node:
            # what is not in our chain any more is not pushed
            await node.ports.ledger.append(block)
            for _ in range(runs):
                times = await _push(node, party, block, peers)
                firsts.append(times[0])
                lasts.append(times[-1])
                spreads.append(times[-1] / times[0])
    spread, first_ms, last_ms = median(spreads), median(firsts) * 1000, median(lasts) * 1000
    return [
        Row(
            f"block of {messages} messages pushed to {peers} peers",
            f"first after {first_ms:.0f} ms, last after {last_ms:.0f} ms: {spread:.1f} ×",
            "",
            f"≤ {TARGET:.0f} × the first",
            spread <= TARGET,
            {"first_ms": first_ms, "last_ms": last_ms, "spread": spread},
        )
    ]


async def _push(node: Node, party: Party, block: Block, peers: int) -> list[float]:
    """Seconds after which each peer had the block, the first one first."""
    times: list[float] = []
    loop = asyncio.get_running_loop()
    parent = ChainHeight(block.height - 1, 0, 0, block.previous_hash)
    async with AsyncExitStack() as stack:
        entries = []
        for number in range(1, peers + 1):
            port = await stack.enter_async_context(_listen(make_ip(number), times))
            peer = Peer(f"peer {number}", make_ip(number), port, ANNOUNCED_FEATURES, is_outbound=True)
            peer.reported, peer.reported_at = parent, loop.time()
            node.peers.add(peer)
            entries.append(Registration("", make_ip(number), str(port), party.addresses[number], "", 1, 0.0))
        plan = RoundPlan(block.round, 0, b"", tuple(entries))
        start = loop.time()
        # another object each time: nothing is remembered of the run before
        if await node.forger.send(replace(block), plan) != peers:
            raise RuntimeError("a block that was not pushed to every peer")
        async with asyncio.timeout(10.0):
            while len(times) < peers:
                await asyncio.sleep(0.001)
    return sorted(time - start for time in times)


@asynccontextmanager
async def _listen(ip: str, times: list[float]) -> AsyncIterator[int]:
    """A peer that reads one frame and notes when it had all of it; its port."""

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            (length,) = struct.unpack(">i", await reader.readexactly(4))
            await reader.readexactly(length)
            times.append(asyncio.get_running_loop().time())
        writer.close()

    server = await asyncio.start_server(read, ip, 0, limit=1024 * 1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
