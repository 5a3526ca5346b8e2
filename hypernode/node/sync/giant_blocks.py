"""Asking for a block that is known to be larger than any that is pushed (spec 4, rule 15).

Legacy nodes read 100 MiB, so a mixed network may hold such a block, and whoever joins it needs it.  It is
asked for alone, one at a time in the whole node, and goes into a file as it comes.
"""

from __future__ import annotations

import asyncio
from typing import Final

from hypernode.core.errors import OverLimit
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block, Height
from hypernode.net.client_session import ClientSession
from hypernode.node.peers.peer_client import ask_block, check_block
from hypernode.node.sync.batches import Span
from hypernode.wire.catalogue import Limits

AT_ONCE: Final = 1
"""In the whole node: one takes 100 MiB of disk, and one copy of its longest message in memory."""


class GiantBlocks:
    """Asks peers for giant blocks."""

    def __init__(self, params: ChainParams, limits: Limits) -> None:
        self._params = params
        self._limits = limits
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def ask(self, session: ClientSession, height: Height) -> Block | None:
        """The block of a height; None when the peer has none.  Raises as ``ClientSession.request_giant``."""
        async with self._turns:
            answer = await session.request_giant(height, self._get_most(height))
        return check_block(answer, height)

    async def ask_singly(self, session: ClientSession, span: Span, larger: set[Height]) -> tuple[Block, ...]:
        """The blocks of a span one by one, up to one that the peer does not have, or that is too large for
        this, which ``larger`` then has; a first one that is known to be is asked for as a giant, alone.
        Raises OverLimit if it is the first."""
        if span.first in larger:
            giant = await self.ask(session, span.first)
            return () if giant is None else (giant,)
        blocks: list[Block] = []
        for height in range(span.first, span.last + 1):
            if height in larger:
                break
            try:
                block = await ask_block(session, height)
            except OverLimit:
                if not blocks:
                    raise
                larger.add(height)
                break
            if block is None:
                break
            blocks.append(block)
        return tuple(blocks)

    def _get_most(self, height: Height) -> int:
        """Bytes that the answer may have; more for an exception that the operator has named."""
        is_excepted = any(excepted == height for excepted, _ in self._params.exceptions)
        if self._params.mixed or is_excepted:
            return self._limits.mixed_block_bytes
        return self._limits.giant_block_bytes
