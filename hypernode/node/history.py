"""The past of a branch: stored blocks up to a common one, and blocks on top that are not stored yet.

A branch is judged by its own history (spec 4): the jurors and the silent ones of a round follow from
*its* last block and messages of the round before, also while it is in memory only.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypernode.core.block import to_header
from hypernode.core.errors import InvariantBroken
from hypernode.core.types import Block, Height, Round, Slot
from hypernode.ports import Ledger


class History:
    """A chain that ends with ``tip``.  ``push`` adds a block on top, in memory."""

    def __init__(self, ledger: Ledger, common: Block) -> None:
        self._ledger = ledger
        self._common = common
        self._blocks: list[Block] = []
        self._ids: set[bytes] = set()

    @classmethod
    async def at(cls, ledger: Ledger, height: Height) -> History:
        """The stored chain up to ``height``."""
        headers = await ledger.get_headers(height, 1)
        if not headers or headers[0].height != height:
            raise InvariantBroken(f"the ledger has no block {height}")
        return cls(ledger, headers[0])

    @property
    def tip(self) -> Block:
        """Header of the last block."""
        return to_header(self._blocks[-1]) if self._blocks else self._common

    @property
    def common_height(self) -> Height:
        return self._common.height

    def push(self, block: Block) -> None:
        self._blocks.append(block)
        self._ids.update(message.txid for message in block.messages)

    async def get_reference(self, round_: Round) -> tuple[Height, bytes]:
        """Height and hash of the last block of a round before ``round_`` (spec 3, reference hash)."""
        for block in reversed(self._blocks):
            if block.round < round_:
                return block.height, block.block_hash
        return await self._ledger.get_reference(round_, up_to=self._common.height)

    async def get_seen(self, round_: Round) -> frozenset[str]:
        """Forgers and senders of the blocks of a round."""
        seen = set(await self._ledger.get_seen(round_, up_to=self._common.height))
        for block in self._blocks:
            if block.round == round_:
                seen.add(block.forger)
                seen.update(message.sender for message in block.messages)
        return frozenset(seen)

    async def get_known_ids(self, txids: Iterable[bytes]) -> frozenset[bytes]:
        """Those of ``txids`` that are in this chain already."""
        asked = list(txids)
        stored = await self._ledger.get_known_ids(asked, up_to=self._common.height)
        return stored | {txid for txid in asked if txid in self._ids}

    async def is_slot_taken(self, round_: Round, sir: Slot) -> bool:
        if any((block.round, block.sir) == (round_, sir) for block in self._blocks):
            return True
        stored = await self._ledger.get_block_of_slot(round_, sir)
        return stored is not None and stored.height <= self._common.height
