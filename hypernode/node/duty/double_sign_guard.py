"""Watches our own key: finds blocks with its signature that we do not know of (spec 4, storage of what was
signed).

A valid block of ours that the journal does not know means that somebody else signs with our key, or that the
journal is an old one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import compute_round_start, compute_slot_start
from hypernode.core.types import Block, Round
from hypernode.node.base.node_state import NodeState
from hypernode.ports.chain import BlockReader, RoundReader, TipReader
from hypernode.ports.clock import Clock
from hypernode.ports.journal import Journal

MAX_OWN_BLOCKS: Final = 64
"""Blocks looked through at start: more than the two rounds of any network that we know have."""


class OwnBlocks(TipReader, BlockReader, RoundReader, Protocol):
    """The chain as far as our own blocks are looked for in it."""


@dataclass(slots=True)
class DoubleSignGuard:
    """Keeps us from forging, or halts the node, if the journal does not know what we signed."""

    params: ChainParams
    clock: Clock
    own_address: str
    journal: Journal
    ledger: OwnBlocks
    node_state: NodeState
    halt: Callable[[str], None]
    warn: Callable[[str], None]
    log: Callable[[str], None]
    _is_waiting: bool = False

    async def check_journal(self) -> None:
        """Whether the journal knows our own blocks of the last rounds: an old one (a restored backup) must
        not let us sign again for what it has forgotten.  And whether the ledger ends before what the
        journal holds: then it is the ledger that is an old one, and until it has caught up we do not know
        what became of our blocks."""
        ledger = self.ledger
        tip = ledger.get_height()
        last = await self.journal.get_last()
        if last is not None and last > (tip.round, tip.sir):
            round_, sir = last
            self.wait_for_next_round(f"the ledger is older than what we signed for slot {sir} of {round_}")
        first, _ = await ledger.get_reference(tip.round - 1)
        for header in await ledger.get_headers(first + 1, MAX_OWN_BLOCKS):
            known = await self.journal.get_hash(header.round, header.sir)
            if header.forger == self.own_address and known != header.block_hash:
                await self.on_own_block(header)

    async def on_own_block(self, block: Block) -> None:
        """A block with our signature that the journal does not know.  One from before our start is
        written into it: it is spoken of once, and nothing else is signed for its slot."""
        journalled = await self.journal.get_hash(block.round, block.sir)
        is_late = compute_slot_start(self.params, block.round, block.sir) >= self.node_state.start_time
        if is_late or journalled is not None:
            self.halt(
                f"our key signed block {block.height} elsewhere: is this wallet in use on another host?"
            )
            return
        await self.journal.record(block.round, block.sir, block.block_hash)
        self.wait_for_next_round(f"the journal is older than our block {block.height}")

    def wait_for_next_round(self, reason: str) -> None:
        """Do not forge in this round.  Logged once, however many reasons there are; ``note_round`` ends
        it."""
        next_round = self.node_state.get_round_slot()[0] + 1
        if self.node_state.forge_from_round < next_round:
            self.node_state.forbid_forging_before(next_round)
            starts_at = compute_round_start(self.params, next_round)
            wait_s = max(0.0, starts_at - self.clock.now())
            self.warn(f"{reason}: no forging before round {next_round}, in {wait_s / 60:.0f} min")
            self._is_waiting = True

    def note_round(self, round_: Round) -> None:
        """We entered a round: the wait may be over."""
        if self._is_waiting and round_ >= self.node_state.forge_from_round:
            self._is_waiting = False
            self.log(f"round {round_} has begun: the wait is over, and we forge again")
