"""Asking for a block that is known to be larger than any that is pushed (spec 4, rule 15).

Legacy nodes read 100 MiB, so a mixed network may hold such a block, and whoever joins it needs it.  It is
asked for alone, one at a time in the whole node, and goes into a file as it comes.
"""

from __future__ import annotations

import asyncio
from typing import Final

from hypernode.core.chain_params import ChainParams
from hypernode.core.types import Block, Height
from hypernode.net.client_session import ClientSession
from hypernode.node.peers.peer_client import check_block
from hypernode.wire.catalogue import Limits

AT_ONCE: Final = 1
"""In the whole node: one takes 100 MiB of disk, and one copy of its longest message in memory."""


class GiantBlocks:
    """Asks peers for giant blocks."""

    def __init__(self, network: ChainParams, limits: Limits) -> None:
        self._network = network
        self._limits = limits
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(self, session: ClientSession, height: Height) -> Block | None:
        """The block of a height; None when the peer has none.  Raises as ``ClientSession.request_giant``."""
        async with self._turns:
            answer = await session.request_giant(height, self._get_most(height))
        return check_block(answer, height)

    def _get_most(self, height: Height) -> int:
        """Bytes that the answer may have; more for an exception that the operator has named."""
        is_excepted = any(excepted == height for excepted, _ in self._network.exceptions)
        if self._network.mixed or is_excepted:
            return self._limits.mixed_block_bytes
        return self._limits.giant_block_bytes
