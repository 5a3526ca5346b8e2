"""Where a peer's chain leaves ours: by bisection over blockinfo, not block by block (spec 6, catching up)."""

from __future__ import annotations

from hypernode.core.types import Height
from hypernode.net.session import Session
from hypernode.node.asking import ask_block_info
from hypernode.ports import Ledger


async def find_common(session: Session, ledger: Ledger, highest: Height) -> Height:
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


async def _is_common(session: Session, ledger: Ledger, height: Height) -> bool:
    theirs = await ask_block_info(session, height)
    return theirs is not None and theirs.block_hash == await get_own_hash(ledger, height)
