"""What not to tell a legacy neighbour (spec 8): a height that makes it ask, and stop over the answer.

A legacy node that hears of a better chain asks for the blocks of the round, and stops itself when the
first of them does not follow its own chain before that round.  So one whose earlier rounds may differ, or
end earlier, is told our last block of before the round, which gives it no reason to ask for this one, until
it agrees or we do.
"""

from __future__ import annotations

from hypernode.core.types import ChainHeight
from hypernode.net.session import Session
from hypernode.node.asking import ask_block_info
from hypernode.node.peers import Peer
from hypernode.ports import Ledger


async def choose_height_to_tell(ledger: Ledger, peer: Peer | None, features: int) -> ChainHeight:
    """Our height; for a legacy neighbour that may differ before this round, the last one before it."""
    own = ledger.get_height()
    # Clients ask for our height and do not follow it.
    if features or peer is None or peer.matches_before >= own.round:
        return own
    before, _ = await ledger.get_reference(own.round)
    if peer.told is not None and peer.told.height >= before and await _is_in_our_chain(ledger, peer.told):
        return own
    return await ledger.get_height_at(before) or own


async def check_earlier_rounds(session: Session, ledger: Ledger, peer: Peer) -> None:
    """Ask a legacy peer for its block at our last height before this round, and remember whether it
    is ours too."""
    own = ledger.get_height()
    if peer.features or peer.matches_before >= own.round:
        return
    before, block_hash = await ledger.get_reference(own.round)
    theirs = await ask_block_info(session, before)
    if theirs is not None and theirs.block_hash == block_hash:
        peer.matches_before = own.round


async def _is_in_our_chain(ledger: Ledger, told: ChainHeight) -> bool:
    headers = await ledger.get_headers(told.height, 1)
    return bool(headers) and headers[0].height == told.height and headers[0].block_hash == told.block_hash
