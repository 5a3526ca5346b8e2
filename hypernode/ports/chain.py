"""The chain in storage: a protocol for each use of it, and the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from hypernode.core.rules import Rule
from hypernode.core.types import (
    Block,
    ChainHeight,
    Equivocation,
    Height,
    Kpis,
    Message,
    Round,
    RoundPlan,
    Slot,
)
from hypernode.ports.duty import DutyStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Replacement:
    """The outcome of ``Ledger.replace``: whether our blocks were replaced, the measured height of the other
    branch, and the messages that our blocks had and the other branch has not."""

    adopted: bool
    measured: ChainHeight
    dropped_messages: tuple[Message, ...] = ()
    dropped_blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class ToleratedViolation:
    """A violation that was tolerated when its block was taken."""

    height: Height
    block_hash: bytes
    rule: Rule
    reason: str


class Lane(Enum):
    """Who asks questions about the chain.  Each lane has readers of its own, apart from those of the node
    itself."""

    PEERS = "of hypernodes that count, and of the operator"
    STRANGERS = "of everybody else"


class BlockReader(Protocol):
    """Stored blocks and measures; each call sees one moment of the chain.  Every call may raise
    StorageFault."""

    async def get_block(self, height: Height) -> Block | None: ...

    async def get_block_of_slot(self, round_: Round, sir: Slot) -> Block | None:
        """The header (no messages) of the block of a slot."""
        ...

    async def get_headers_of_rounds(self, rounds: Iterable[Round]) -> list[Block]:
        """The headers of all blocks of some rounds, ascending."""
        ...

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        """Ascending, whole, as many as there are."""
        ...

    async def get_round_blocks(self, round_: Round) -> list[Block]: ...

    async def get_block_sizes(self, first: Height, count: int) -> list[tuple[Height, int]]:
        """Height and encoded bytes (``core.encoded_size``) of blocks from ``first`` on, ascending, as many as
        there are; reads no message."""
        ...

    async def get_round_block_sizes(self, round_: Round) -> list[tuple[Height, int]]:
        """The same for all blocks of a round."""
        ...

    def read_encoded(self, height: Height) -> AsyncIterator[bytes]:
        """The encoded block of a height (``wire.codec``), as many bytes as ``get_block_sizes`` says, in
        pieces of some 256 KiB, so that a giant block is never held; nothing where there is none.  Raises
        Ignore when it goes meanwhile."""
        ...

    async def get_headers(self, first: Height | None, count: int) -> list[Block]:
        """From ``first`` ascending; None: the newest, descending.  Without messages."""
        ...

    async def get_height_at(self, height: Height) -> ChainHeight | None:
        """The measures as they were with that block as tip."""
        ...

    async def get_forged_count(self, address: str) -> int: ...

    async def make_of_blocks(
        self, first: Height, count: int, most_bytes: int, make: Callable[[Block], T]
    ) -> list[T]:
        """What ``make`` gives for blocks from ``first`` on, ascending: as many as there are of ``count``,
        ending before their encoded sizes are over ``most_bytes`` but with one at least.  No more than one
        block is held at a time; ``make`` is pure and may run in another thread."""
        ...


class MessageIndex(Protocol):
    """Messages of the chain: by txid, by address, by kind.  Every call may raise StorageFault."""

    async def get_message(self, txid: bytes) -> Message | None: ...

    async def get_messages_of(
        self,
        address: str,
        from_height: Height = 0,
        count: int = 100,
        *,
        is_ascending: bool = False,
        first_txid: bytes | None = None,
    ) -> list[Message]:
        """Sent or received, heights ascending; times within one descending, or ascending (spec 2).
        ``first_txid``: what comes before this message in the block at ``from_height`` is left out."""
        ...

    async def get_messages_of_kind(self, what: int, from_height: Height) -> list[Message]:
        """As they came in the blocks from that height on."""
        ...

    async def get_known_ids(self, txids: Iterable[bytes], up_to: Height | None = None) -> frozenset[bytes]:
        """Those of ``txids`` that are in the chain (in blocks of at most ``up_to``, if given)."""
        ...


class RoundReader(Protocol):
    """What the chain says of rounds: references, who took part, plans.  Every call may raise
    StorageFault."""

    async def get_reference(self, round_: Round, up_to: Height | None = None) -> tuple[Height, bytes]:
        """Height and hash of the last block of a round before ``round_`` (spec 3, reference hash)."""
        ...

    async def get_seen(self, round_: Round, up_to: Height | None = None) -> frozenset[str]:
        """Addresses that forged a block of the round or sent a message that is in one."""
        ...

    async def get_kpis(self, first_round: Round, last_round: Round) -> dict[str, Kpis]:
        """Spec 7, both rounds included; those with an entry only."""
        ...

    async def get_first_rounds(self, last_round: Round) -> tuple[dict[str, Round], dict[str, Round]]:
        """By address, the first round up to ``last_round`` in which it sent, and in which it forged."""
        ...

    async def get_plan(self, round_: Round) -> RoundPlan | None: ...


class TipReader(Protocol):
    """Where the chain ends."""

    def get_height(self) -> ChainHeight:
        """The state of the chain, held in memory: costs nothing."""
        ...


class PrunedReader(Protocol):
    """From which height on the chain is whole."""

    def get_pruned_below(self) -> Height:
        """Blocks from 1 to the one before this height have lost their messages; 0: none has."""
        ...


class ChainReader(BlockReader, MessageIndex, RoundReader, Protocol):
    """What can be asked of the chain in storage; each call sees one moment of it.  Every call may raise
    StorageFault."""


class ChainWriter(Protocol):
    """What changes the chain.  One writer; a call is one transaction.  Every call may raise StorageFault;
    then the chain is as it was."""

    async def append(self, block: Block, findings: Sequence[ToleratedViolation] = ()) -> ChainHeight:
        """Store a verified block on the tip.  Raises InvariantBroken when it does not follow it.

        ``findings``, here and below: the tolerated breaks of what is stored, kept to be shown (spec 4,
        classes).  They are there with their blocks or not at all."""
        ...

    async def append_many(
        self, blocks: Sequence[Block], findings: Sequence[ToleratedViolation] = ()
    ) -> ChainHeight:
        """Several whole blocks in one transaction."""
        ...

    async def replace(
        self,
        common: Height,
        blocks: Sequence[Block],
        is_better: Callable[[ChainHeight, ChainHeight], bool],
        findings: Sequence[ToleratedViolation] = (),
    ) -> Replacement:
        """Drop what is above ``common``, store ``blocks``, measure; keep it only if
        ``is_better(measured, ours)``, else leave everything as it was.  One transaction.  Findings of
        blocks that go stay: they were taken once."""
        ...

    async def rollback(self, to_height: Height) -> tuple[Block, ...]:
        """Drop the blocks above ``to_height``, highest first, and return them."""
        ...


class RoundStore(RoundReader, Protocol):
    """Plans and the node's own status of rounds, kept.  Every call may raise StorageFault."""

    async def save_plan(self, plan: RoundPlan) -> None:
        """Keep what was derived for a round; a later one of the same round replaces it."""
        ...

    async def save_status(self, round_: Round, status: Mapping[str, object]) -> None:
        """The node's own status of a finished round."""
        ...

    async def get_status(self, round_: Round) -> Mapping[str, object] | None: ...


class EvidenceStore(Protocol):
    """What is kept of others' faults: two blocks for one slot, and violations that were tolerated."""

    async def save_evidence(self, evidence: Equivocation) -> None: ...

    async def get_evidence(self) -> list[Equivocation]: ...

    async def get_findings(self, first: Height, last: Height) -> list[ToleratedViolation]:
        """Tolerated breaks in blocks of these heights, ascending."""
        ...

    async def count_findings(self) -> dict[str, int]:
        """Tolerated breaks by rule."""
        ...


class LaneReaders(Protocol):
    """Readers for questions of others, apart from the node's own."""

    def get_reader(self, lane: Lane) -> ChainReader:
        """For questions of these."""
        ...


class Ledger(
    ChainReader,
    TipReader,
    PrunedReader,
    LaneReaders,
    RoundStore,
    ChainWriter,
    EvidenceStore,
    DutyStore,
    Protocol,
):
    """The whole chain in storage.  Every call may raise StorageFault.  Questions to the ledger itself are
    those of the node's own validation."""

    async def check_writable(self) -> None:
        """Raises StorageFault when nothing can be stored at present."""
        ...

    async def close(self) -> None: ...
