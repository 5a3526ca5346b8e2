"""Whether what is asked and done all the time costs the same on a long chain as on a short one.

Two nodes, one with a chain 200 times as long, are asked in turn, over sessions; blocks are the smallest there
are.  What counts is the ratio of the lower quartiles: disks and other processes only ever add to a time.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.chains import PORT, Party, fill_blocks, make_ip
from benchmarks.figures import Row, time_await
from benchmarks.ledgers import copy_ledger, load_ledger
from benchmarks.nodes import open_node, open_peer
from hypernode.core.types import Block
from hypernode.net.client_session import ClientSession
from hypernode.node.owner.runtime import Node
from hypernode.storage.interface import StorageError
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command

TARGET = 1.2
SMALL = 1_000
MESSAGES = 4
"""A block: the fewest that a block may have."""
SETTLE_S = 0.02
"""Between two: the checkpoint that follows a write is no part of the next one."""
FREE = Limits(session_burst=1e9, ip_burst=1e9)


class Grown:
    """A node with a chain, and a session with it."""

    def __init__(self, party: Party, node: Node, session: ClientSession, blocks: list[Block]) -> None:
        self._session = session
        self._ledger = node.ports.ledger
        self._blocks = iter(blocks)
        self._last = node.chain.height.height
        self.works: dict[str, Callable[[], Awaitable[object]]] = {
            "append": self._append,
            "rollback": self._rollback,
            "height": lambda: self._ask(Command(CommandId.HEIGHT, height=node.chain.height)),
            "status": lambda: self._ask(Command(CommandId.STATUS)),
            "blockinfo": lambda: self._ask(Command(CommandId.BLOCKINFO, int32=self._last // 2)),
        }

    async def _append(self) -> None:
        await self._ledger.append(next(self._blocks))

    async def _rollback(self) -> None:
        await self._ledger.rollback(self._ledger.get_height().height - 1)

    async def _ask(self, command: Command) -> None:
        if (await self._session.request(command, 10.0)).id is not command.id:
            raise StorageError(f"{command.id.name} was not answered")


async def measure(party: Party, large: int, runs: int) -> list[Row]:
    """Chains of 1,000 and of ``large`` blocks."""
    times: dict[str, tuple[list[float], list[float]]] = {}
    ledgers = {size: await load_ledger(party, size, MESSAGES) for size in (min(SMALL, large), large)}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        grown = [
            await _open(stack, party, folder / f"{place}", ledgers[size], runs)
            for place, size in enumerate((min(SMALL, large), large))
        ]
        for name in ("height", "blockinfo", "status", "append", "rollback"):
            times[name] = ([], [])
            for run in range(runs):
                # First the one, then the other: what comes second finds the processor warm.
                for place in (0, 1) if run % 2 else (1, 0):
                    await asyncio.sleep(SETTLE_S)
                    times[name][place].append(await time_await(grown[place].works[name]))
    return [_make_row(name, large, small, big) for name, (small, big) in times.items()]


async def _open(stack: AsyncExitStack, party: Party, folder: Path, ledger: Path, runs: int) -> Grown:
    copy_ledger(ledger, folder)
    node = await stack.enter_async_context(open_node(party, 0, folder, limits=FREE))
    session = await stack.enter_async_context(open_peer(party, node, make_ip(2), PORT))
    tip = (await node.ports.ledger.get_headers(None, 1))[0]
    return Grown(party, node, session, list(fill_blocks(party, tip, runs, MESSAGES)))


def _make_row(name: str, large: int, small: list[float], big: list[float]) -> Row:
    took, before = _find_quartile(big), _find_quartile(small)
    ratio = took / before
    return Row(
        f"{name} at {large:,} blocks against {min(SMALL, large):,}",
        f"{took * 1000:.2f} ms, {ratio:.2f} ×",
        f"at {min(SMALL, large):,}: {before * 1000:.2f} ms",
        f"≤ {TARGET} ×",
        ratio <= TARGET,
        {"ms": took * 1000, "ratio": ratio},
    )


def _find_quartile(times: list[float]) -> float:
    return sorted(times)[len(times) // 4]
