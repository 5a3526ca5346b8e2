"""The past of a branch: stored blocks up to a common one, and blocks on top that are not stored yet.

A branch is judged by its own history (spec 4): the jurors and the silent ones of a round follow from
*its* last block and messages of the round before, also while it is in memory only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypernode.core.block import to_header
from hypernode.core.errors import InvariantBroken
from hypernode.core.long_messages import LongMessages
from hypernode.core.packed_messages import list_senders, list_txids
from hypernode.core.types import Block, Height, Round, Slot
from hypernode.ports.chain import ChainReader


class History:
    """A chain that ends with ``tip``.  ``push`` adds a block on top, in memory; ``look_up`` asks the ledger
    at once what ``get_known_ids`` and ``get_stored`` will be asked of many blocks."""

    def __init__(self, ledger: ChainReader, common: Block) -> None:
        self._ledger = ledger
        self._common = common
        self._tip = common
        self._ids: set[bytes] = set()
        self._pushed: list[Block] = []
        """Long blocks whose ids are not among these yet: perhaps nobody asks for them."""
        self._slots: set[tuple[Round, Slot]] = set()
        self._last_of_rounds: dict[Round, Block] = {}
        """Header of the highest block of each round that is in memory."""
        self._seen: dict[Round, set[str]] = {}
        self._asked_ids: frozenset[bytes] = frozenset()
        self._stored_ids: frozenset[bytes] = frozenset()
        self._asked_rounds: frozenset[Round] = frozenset()
        self._stored_slots: dict[tuple[Round, Slot], Block] = {}

    @classmethod
    async def at(cls, ledger: ChainReader, height: Height) -> History:
        """The stored chain up to ``height``."""
        headers = await ledger.get_headers(height, 1)
        if not headers or headers[0].height != height:
            raise InvariantBroken(f"the ledger has no block {height}")
        return cls(ledger, headers[0])

    @property
    def tip(self) -> Block:
        """Header of the last block."""
        return self._tip

    @property
    def common_height(self) -> Height:
        return self._common.height

    def push(self, block: Block) -> None:
        """Put a block on top."""
        self._tip = self._last_of_rounds[block.round] = to_header(block)
        if isinstance(block.messages, LongMessages):
            self._pushed.append(block)
        else:
            self._ids.update(list_txids(block.messages))
        self._slots.add((block.round, block.sir))
        seen = self._seen.setdefault(block.round, set())
        seen.add(block.forger)
        seen.update(list_senders(block.messages))

    async def look_up(self, blocks: Sequence[Block]) -> None:
        """Ask the ledger once for all blocks that are held, instead of twice for each of them."""
        held = (block for block in blocks if not isinstance(block.messages, LongMessages))
        txids = frozenset(txid for block in held for txid in list_txids(block.messages))
        self._stored_ids = await self._ledger.get_known_ids(txids, up_to=self._common.height)
        self._asked_ids = txids
        rounds = frozenset(block.round for block in blocks)
        headers = await self._ledger.get_headers_of_rounds(rounds)
        self._stored_slots = {(header.round, header.sir): header for header in headers}
        self._asked_rounds = rounds

    async def get_reference(self, round_: Round) -> tuple[Height, bytes]:
        """Height and hash of the last block of a round before ``round_`` (spec 3, reference hash)."""
        before = [block for last, block in self._last_of_rounds.items() if last < round_]
        if before:
            last = max(before, key=lambda block: block.height)
            return last.height, last.block_hash
        return await self._ledger.get_reference(round_, up_to=self._common.height)

    async def get_seen(self, round_: Round) -> frozenset[str]:
        """Forgers and senders of the blocks of a round."""
        stored = await self._ledger.get_seen(round_, up_to=self._common.height)
        return stored | self._seen.get(round_, set())

    async def get_known_ids(self, txids: Iterable[bytes]) -> frozenset[bytes]:
        """Those of ``txids`` that are in this chain already."""
        asked = frozenset(txids)
        if asked <= self._asked_ids:
            stored = asked & self._stored_ids
        else:
            stored = await self._ledger.get_known_ids(asked, up_to=self._common.height)
        return stored | (asked & self._list_ids())

    def _list_ids(self) -> set[bytes]:
        for block in self._pushed:
            self._ids.update(message.txid for message in block.messages)
        self._pushed.clear()
        return self._ids

    async def get_stored(self, round_: Round, sir: Slot) -> Block | None:
        """Header of the block that the ledger has for a slot, whatever its height."""
        if round_ in self._asked_rounds:
            return self._stored_slots.get((round_, sir))
        return await self._ledger.get_block_of_slot(round_, sir)

    async def is_slot_taken(self, round_: Round, sir: Slot) -> bool:
        if (round_, sir) in self._slots:
            return True
        stored = await self.get_stored(round_, sir)
        return stored is not None and stored.height <= self._common.height
