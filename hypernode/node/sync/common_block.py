"""Where a peer's chain leaves ours: by bisection over blockinfo, not block by block (spec 6, catching up)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypernode.core.types import Height
from hypernode.net.client_session import ClientSession
from hypernode.node.peers.peer_client import ask_block_info
from hypernode.ports.chain import Ledger

LAST_WORD_S = 2.0
"""For the other holders, once one has told the last common block."""


async def find_common(session: ClientSession, ledger: Ledger, highest: Height) -> Height:
    """The last height, up to ``highest``, at which the peer's block is ours; genesis always is."""
    if await _is_common(session, ledger, highest):
        return highest
    low, high = 0, highest
    while high - low > 1:
        middle = (low + high) // 2
        if await _is_common(session, ledger, middle):
            low = middle
        else:
            high = middle
    return low


async def get_own_hash(ledger: Ledger, height: Height) -> bytes | None:
    """The hash of our block at a height; None when we have none."""
    headers = await ledger.get_headers(height, 1)
    return headers[0].block_hash if headers and headers[0].height == height else None


async def _is_common(session: ClientSession, ledger: Ledger, height: Height) -> bool:
    theirs = await ask_block_info(session, height)
    return theirs is not None and theirs.block_hash == await get_own_hash(ledger, height)


async def gather_answers(asked: Sequence[asyncio.Task[Height | None]]) -> list[Height]:
    """What holders that are asked side by side say, in no order; once one has an answer, the others have some
    seconds more."""
    waiting, answers = set(asked), list[Height]()
    while waiting:
        done, waiting = await asyncio.wait(
            waiting,
            timeout=LAST_WORD_S if answers else None,
            return_when=asyncio.ALL_COMPLETED if answers else asyncio.FIRST_COMPLETED,
        )
        answers += [answer for task in done if (answer := task.result()) is not None]
        if not done:
            break
    return answers
