"""The blocks of a round as one holder gives them in one answer (spec 6, round sync)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from hypernode.core.errors import OverLimit, Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Block, ChainHeight, Height
from hypernode.machine.peers import PeerView
from hypernode.net.client_session import ClientSession
from hypernode.node.peers.peer_client import ask_blocks, ask_round_blocks
from hypernode.node.sync.block_source import Borrow, NoHolderLeft
from hypernode.node.sync.common_block import get_own_hash
from hypernode.ports.chain import BlockReader


class NeedsCatchUp(Exception):
    """The round alone does not do: more is needed of the branch, or less at a time."""


class RoundAnswer:
    """Implements ``BlockSource`` over one holder's answer, of which ``common`` is the block below.  Where one
    of its blocks is bad, there is nobody else to ask."""

    def __init__(self, giver: PeerView, common: Height, blocks: Sequence[Block]) -> None:
        self.common = common
        self._giver = giver
        self._blocks = list(blocks)
        self._is_rejected = False

    @property
    def is_empty(self) -> bool:
        """Whether we have all of it already."""
        return not self._blocks

    async def parts(self) -> AsyncGenerator[list[Block], None]:
        if self._is_rejected:
            raise NoHolderLeft(f"{self._giver.name} gave the round with a bad block")
        yield self._blocks

    def get_giver(self, height: Height) -> PeerView | None:
        is_given = any(block.height == height for block in self._blocks)
        return self._giver if is_given else None

    def forget(self, height: Height) -> None:
        """One answer is little to remember."""

    def reject(self, height: Height, giver: PeerView) -> None:
        self._is_rejected = True

    def list_sessions(self) -> list[tuple[PeerView, ClientSession]]:
        """It gave its answer, and is not asked more."""
        return []


async def ask_round(
    borrow: Borrow, ledger: BlockReader, holder: PeerView, reported: ChainHeight
) -> RoundAnswer:
    """What a holder's round has that ours has not, up to the tip that it told.  Raises NeedsCatchUp, Reject
    for an answer without that tip, TransportClosed, TimeoutError."""
    try:
        async with borrow(holder.address) as session:
            blocks = await ask_round_blocks(session, reported.round)
            ends_early = await _ends_early(session, blocks, reported.height)
    except OverLimit as refusal:
        raise NeedsCatchUp(f"the answer of {holder.name} is over our limits: {refusal.reason}") from refusal
    if ends_early:
        raise NeedsCatchUp(f"{holder.name} has more of the round than one answer holds")
    branch = [block for block in blocks if block.height <= reported.height]
    if not branch or branch[-1].block_hash != reported.block_hash:
        raise Reject(Rule.PROMISE, "promise not kept: the tip that was told is not in the answer")
    common = branch[0].height - 1
    if await get_own_hash(ledger, common) != branch[0].previous_hash:
        raise NeedsCatchUp(f"the round of {holder.name} does not follow our chain before it")
    # What is equal stays: only what differs is replaced.
    while branch and await get_own_hash(ledger, common + 1) == branch[0].block_hash:
        common += 1
        branch = branch[1:]
    return RoundAnswer(holder, common, branch)


async def _ends_early(session: ClientSession, blocks: Sequence[Block], target: Height) -> bool:
    """An answer of one of ours ends by its bytes: the rest is asked for as any blocks are."""
    if not session.features or not blocks or blocks[-1].height >= target:
        return False
    return bool(await ask_blocks(session, blocks[-1].height + 1))
