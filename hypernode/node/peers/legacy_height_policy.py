"""Which heights a legacy peer must not be told (spec 8): those that make it ask, and stop over the answer.

A legacy node that hears of a better chain of its round asks for the blocks of that round, and stops itself
when the first of them does not follow its own chain before it; one that is a round behind looks for the
common block.  So one whose earlier rounds may differ, or end earlier, is told our last block of before the
round; or where that is of its own round and better than what it has, of the round before that, and so on: it
has no reason to ask then, until it agrees or we do.
"""

from __future__ import annotations

from typing import Protocol

from hypernode.core.fork_choice import is_better
from hypernode.core.types import ChainHeight, Height, Round
from hypernode.net.client_session import ClientSession
from hypernode.node.peers.peer_client import ask_block_info
from hypernode.node.peers.peer_table import Peer
from hypernode.ports.chain import BlockReader, RoundReader, TipReader


class OwnChain(TipReader, BlockReader, RoundReader, Protocol):
    """Our chain, as far as heights are told of it."""


async def choose_height_to_tell(
    ledger: OwnChain, peer: Peer | None, features: int, *, awaits_push: bool = False
) -> ChainHeight:
    """Our height; for a legacy peer that may be on another chain before this round, one that does not harm
    it.  ``awaits_push``: our last block is on its way to it, so that it hears of the one below."""
    own = ledger.get_height()
    if awaits_push and not features:
        own = await ledger.get_height_at(own.height - 1) or own
    # Clients ask for our height and do not follow it.
    if features or peer is None or peer.matches_before >= own.round:
        return own
    if peer.reported is None:
        return await ledger.get_height_at(0) or own
    before, _ = await ledger.get_reference(own.round)
    if await _is_in_our_chain(ledger, peer.reported):
        return own if peer.reported.height >= before else await ledger.get_height_at(before) or own
    return await _choose_harmless(ledger, before, peer.reported, peer.matches_before)


async def _choose_harmless(
    ledger: OwnChain, height: Height, reported: ChainHeight, matches_before: Round
) -> ChainHeight:
    """Our block at ``height``, or an earlier one: what a legacy node on another chain does not ask for the
    blocks of its own round over, unless they follow its chain."""
    while True:
        candidate = await ledger.get_height_at(height) or ledger.get_height()
        is_safe = candidate.round > reported.round or candidate.round <= matches_before
        if height == 0 or is_safe or not is_better(candidate, reported):
            return candidate
        height, _ = await ledger.get_reference(candidate.round)


async def check_earlier_rounds(session: ClientSession, ledger: OwnChain, peer: Peer) -> None:
    """Ask a legacy peer for its block at our last height before this round, and remember whether it is ours
    too, with a block of this round on top: it may have more blocks of earlier rounds than we do."""
    own = ledger.get_height()
    if peer.features or peer.matches_before >= own.round:
        return
    before, block_hash = await ledger.get_reference(own.round)
    theirs = await ask_block_info(session, before)
    if theirs is None or theirs.block_hash != block_hash:
        return
    following = await ask_block_info(session, before + 1)
    if following is not None and following.round >= own.round:
        peer.matches_before = own.round


async def _is_in_our_chain(ledger: OwnChain, reported: ChainHeight) -> bool:
    headers = await ledger.get_headers(reported.height, 1)
    return (
        bool(headers)
        and headers[0].height == reported.height
        and headers[0].block_hash == reported.block_hash
    )
