"""The chain of a simulated legacy node, in memory: what it checks of a block, and what it reports about its
chain.

Its checks are the column "legacy" of spec 4, which is little: no hash, signature, time or slot.  What the
database of a legacy node does to it is here too: a quote is an error that it stops over, params that read as
a number come back as one and can never be served, and the measures of earlier rounds come from a cache that
nothing refreshes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypernode.core.block import create_genesis
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block, ChainHeight, Height, Message, Round
from hypernode.core.validate_message import reads_as_number
from hypernode.sim.legacy.traps import LegacyCloses, LegacyStops, Trap, TrapLog

MIN_MESSAGES = 4
MIN_SOURCES = 2


@dataclass(frozen=True, slots=True)
class Cut:
    """Its process ends in a write: after ``blocks`` more of them, with this share (0 to 1) of the next one's
    messages stored."""

    blocks: int
    share: float
    on_cut: Callable[[], None]


class LegacyChain:
    """Blocks from genesis on; survives a restart of the node."""

    def __init__(self, params: ChainParams, traps: TrapLog) -> None:
        self._params = params
        self._traps = traps
        self._blocks = [create_genesis(params)]
        self._txids: set[bytes] = set()
        self._unservable: set[Height] = set()
        self._earlier: dict[Round, tuple[int, int]] = {}
        """Round of the tip → uniques and forgers of the rounds before: the cache, stale after a rollback."""
        self._measured: ChainHeight | None = None
        """Until the chain changes: it is asked for at every exchange of heights."""
        self.banned: set[bytes] = set()
        """Hashes that the database refused."""
        self.cut: Cut | None = None
        self.refused = 0
        """Writes for which there was no room."""
        self.is_full = False
        """Its disk has no room: an SQL error, over which it stops itself."""

    def copy(self) -> LegacyChain:
        """Its file, as an operator saves it."""
        other = LegacyChain(self._params, self._traps)
        other._blocks = list(self._blocks)
        other._txids = set(self._txids)
        other._unservable = set(self._unservable)
        return other

    @property
    def tip(self) -> Block:
        return self._blocks[-1]

    @property
    def height(self) -> ChainHeight:
        """What it tells of its chain."""
        measured = self._measured = self._measured or measure(self._blocks)
        uniques, forgers = self._earlier.setdefault(measured.round, (measured.uniques, measured.forgers))
        return replace(measured, uniques=uniques, forgers=forgers)

    # --- changing ----------------------------------------------------------------------------------

    def digest(self, block: Block, by: str, *, is_pushed: bool = False) -> bool:
        """Put a block on the tip; whether it was taken.  Raises LegacyStops for what stops it."""
        tip = self.tip
        if block.height != tip.height + 1:
            known = any(block.block_hash == own.block_hash for own in self._blocks)
            trap = Trap.PUSHED_TWICE if known and is_pushed else Trap.PUSHED_HEIGHT
            self._traps.spring(trap, by, f"{block.height} on {tip.height}")
        if block.previous_hash != tip.block_hash or not _is_count_good(block):
            return False
        for m in block.messages:
            if "'" in m.params or "'" in m.recipient:
                self._traps.spring(Trap.QUOTE, by, f"block {block.height}")
            if "\0" in m.params:
                self._traps.spring(Trap.NUL, by, f"block {block.height}")
        if not self._is_storable(block):
            self.banned.add(block.block_hash)
            return False
        self._write(block)
        if any(reads_as_number(m.params) for m in block.messages):
            self._unservable.add(block.height)
            self._traps.spring(Trap.NUMERIC_PARAMS, by, f"block {block.height}")
        return True

    def _write(self, block: Block) -> None:
        """Raises LegacyStops for a disk that is full, and where its process ends: it commits a block in
        several steps, so that a part of it stays."""
        self._check_room()
        cut = self.cut
        if cut is not None and not cut.blocks:
            self.cut = None
            self._put(replace(block, messages=block.messages[: int(cut.share * (len(block.messages) + 1))]))
            cut.on_cut()
            raise LegacyStops("its process ends in a write")
        if cut is not None:
            self.cut = replace(cut, blocks=cut.blocks - 1)
        self._put(block)

    def _put(self, block: Block) -> None:
        self._measured = None
        self._blocks.append(_as_stored(block))
        self._txids.update(m.txid for m in block.messages)

    def _check_room(self) -> None:
        if self.is_full:
            self.refused += 1
            raise LegacyStops("database or disk is full")

    def drop_last(self) -> Block | None:
        """Delete the last block; None when only genesis is left.  Raises LegacyStops for a full disk, as that
        takes some room too."""
        if len(self._blocks) == 1:
            return None
        self._check_room()
        self._measured = None
        self._unservable.discard(self.tip.height)
        self._txids.difference_update(m.txid for m in self.tip.messages)
        return self._blocks.pop()

    def drop_round(self, round_: Round) -> None:
        """Delete the blocks of a round, and of those after it."""
        while self.tip.round >= round_ and self.drop_last() is not None:
            pass

    # --- looking -----------------------------------------------------------------------------------

    def get_before(self, round_: Round) -> Block:
        """The last block of a round before ``round_``; genesis where there is none."""
        return next((b for b in reversed(self._blocks) if b.round < round_), self._blocks[0])

    def measure_with(self, round_: Round, blocks: Sequence[Block]) -> ChainHeight:
        """The chain as it would be with these blocks for a round (its own count, no cache)."""
        return measure([b for b in self._blocks if b.round < round_] + list(blocks))

    def get_seen(self, round_: Round) -> frozenset[str]:
        """Forgers and senders of the blocks of a round."""
        blocks = [b for b in self._blocks[1:] if b.round == round_]
        return frozenset(address for b in blocks for address in (b.forger, *(m.sender for m in b.messages)))

    def find_message(self, txid: bytes) -> Message | None:
        return next((m for b in self._blocks for m in b.messages if m.txid == txid), None)

    def holds(self, txid: bytes) -> bool:
        """Whether a message is in the chain."""
        return txid in self._txids

    def get_info(self, height: Height) -> ChainHeight:
        """What blockinfo tells: the block without measures of its round; zeros over the tip."""
        if height >= len(self._blocks):
            return ChainHeight(0, 0, 0, b"")
        measured = measure(self._blocks[: height + 1])
        return replace(measured, uniques_round=0, forgers_round=0)

    def get_blocks(self, first: Height, count: int) -> tuple[Block, ...]:
        """Whole blocks, ascending.  Raises LegacyCloses for one that it can not serve."""
        return self._serve(self._blocks[first : first + count])

    def get_round_blocks(self, round_: Round) -> tuple[Block, ...]:
        return self._serve([b for b in self._blocks if b.round == round_])

    def get_headers(self, first: Height | None, count: int) -> tuple[Block, ...]:
        """From ``first`` ascending; None: the newest, descending."""
        found = self._blocks[::-1][:count] if first is None else self._blocks[first : first + count]
        return tuple(replace(b, messages=()) for b in found)

    def _serve(self, blocks: Sequence[Block]) -> tuple[Block, ...]:
        if any(b.height in self._unservable for b in blocks):
            raise LegacyCloses("a block that it can never serve")
        return tuple(blocks)

    def _is_storable(self, block: Block) -> bool:
        """The constraints of its database: one block per slot, no message twice."""
        txids = {m.txid for m in block.messages}
        is_slot_free = all((b.round, b.sir) != (block.round, block.sir) for b in self._blocks)
        return is_slot_free and len(txids) == len(block.messages) and not any(map(self.holds, txids))


def measure(blocks: Sequence[Block]) -> ChainHeight:
    """Height of a chain that begins with genesis (spec 1, height), counted anew."""
    tip = blocks[-1]
    before = [b for b in blocks[1:] if b.round < tip.round]
    now = [b for b in blocks if b.round == tip.round]
    return ChainHeight(
        height=tip.height,
        round=tip.round,
        sir=tip.sir,
        block_hash=tip.block_hash,
        uniques=len({m.sender for b in before for m in b.messages}),
        uniques_round=len({m.sender for b in now for m in b.messages}),
        forgers=len({b.forger for b in before}),
        forgers_round=len({b.forger for b in now}),
    )


def _is_count_good(block: Block) -> bool:
    """As told; only the number of messages is counted.  A block without any is taken."""
    if block.msg_count != len(block.messages):
        return False
    return block.msg_count == 0 or (block.msg_count >= MIN_MESSAGES and block.uniques_sources >= MIN_SOURCES)


def _as_stored(block: Block) -> Block:
    """Messages come back by time, with the block's height."""
    stored = (replace(m, block_height=block.height, received=0) for m in block.messages)
    return replace(block, messages=tuple(sorted(stored, key=lambda m: m.timestamp)))
