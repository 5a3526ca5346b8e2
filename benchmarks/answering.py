"""Whether the node answers while it works: how late its loop is, and how long a peer waits for a height.

A block of new messages is pushed over a connection, and another connection asks for heights all the time; a
call that is due every few milliseconds tells by how much it comes late.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.bounds import Bounds
from benchmarks.chains import PORT, Party, load_chain, make_ip
from benchmarks.figures import Row
from benchmarks.nodes import open_node, open_peer
from hypernode.core.types import Block, ChainHeight, Endpoint
from hypernode.net.client_session import ClientSession, encode_without_hello, send_without_hello
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.node.owner.runtime import Node
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command

LATE_TARGET = 1.0
"""Of the time in which all cores verify what a block has, and do nothing else."""
BEAT_S = 0.002
SETTLE_S = 0.2
GIVE_UP_S = 60.0


@dataclass(slots=True)
class Lateness:
    """By how much the calls of a loop come late, in seconds."""

    seen: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            self.seen.append(loop.time() - due)


async def measure(party: Party, bounds: Bounds, blocks: int, messages: int) -> list[Row]:
    """Push ``blocks`` blocks of ``messages`` new messages to a node, one after the other."""
    chain = await load_chain(party, blocks, messages)
    late = Lateness()
    waits: list[float] = []
    # Many heights are asked for: no bucket is to slow them down.
    limits = Limits(session_burst=1e9, ip_burst=1e9)
    with tempfile.TemporaryDirectory() as name:
        async with (
            open_node(party, 0, Path(name), limits=limits) as node,
            open_peer(party, node, make_ip(2), PORT) as session,
        ):
            for block in chain:
                await asyncio.sleep(SETTLE_S)
                tasks = [
                    asyncio.create_task(late.watch()),
                    asyncio.create_task(_ask_heights(session, node.chain.height, waits)),
                ]
                await _push(party, session.remote, block)
                await _wait_for(node, block)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    worst_ms, bound_ms = max(late.seen) * 1000, messages / bounds.measure_all() * 1000
    ratio = worst_ms / bound_ms
    return [
        Row(
            f"latest call of the loop while {len(chain)} blocks of {messages} new messages come",
            f"{worst_ms:.0f} ms late; heights in {median(waits) * 1000:.1f} ms, at most "
            f"{max(waits) * 1000:.0f} ms, {len(waits)} answered",
            f"bare verify on all cores: {bound_ms:.0f} ms a block",
            f"≤ {LATE_TARGET:.0f} × the bound",
            ratio <= LATE_TARGET,
            {
                "ratio": ratio,
                "late_ms": worst_ms,
                "height_ms": median(waits) * 1000,
                "height_max_ms": max(waits) * 1000,
            },
        )
    ]


async def _push(party: Party, remote: Endpoint, block: Block) -> None:
    """As a juror does: a connection for the block alone, from a registered address."""
    await send_without_hello(
        TornadoConnections(),
        remote,
        encode_without_hello(Command(CommandId.BLOCK, blocks=(block,))),
        connect_timeout_s=5.0,
        timeout_s=10.0,
        source_ip=make_ip(1),
    )


async def _ask_heights(session: ClientSession, own: ChainHeight, waits: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        start = loop.time()
        await session.request(Command(CommandId.HEIGHT, height=own), 10.0)
        waits.append(loop.time() - start)
        await asyncio.sleep(BEAT_S)


async def _wait_for(node: Node, block: Block) -> None:
    async with asyncio.timeout(GIVE_UP_S):
        while node.chain.height.block_hash != block.block_hash:
            await asyncio.sleep(BEAT_S)
