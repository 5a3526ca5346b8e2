"""What a simulation sees of every host: what was stored, replaced and signed, by whom, and when.

``WatchedLedger`` and ``WatchedJournal`` stand before the real ones; every call goes through.  At a write they
can end their host, which is how a crash right before and right after something became durable is tried.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from hypernode.core.types import Block, ChainHeight, Height, Round, Slot
from hypernode.ports.chain import Ledger, Replacement, ToleratedViolation
from hypernode.ports.journal import Journal
from hypernode.ports.storage_faults import StorageFault
from hypernode.sim.signatures import Signatures

T = TypeVar("T")

MAX_GIVERS: Final = 3
"""Of each host, to be told when something breaks."""
WRITE_S: Final = 0.02
"""Before and after a write others get their turns, as they do while a disk works."""


@dataclass(frozen=True, slots=True)
class Reorganisation:
    """A host replaced blocks above ``common``: its chain before and after, the round of the oldest block that
    went, and the present one by its clock."""

    index: int
    at: float
    common: Height
    before: ChainHeight
    after: ChainHeight
    oldest_round: Round | None
    present_round: Round
    is_by_operator: bool
    is_premature: bool = False
    """All that went was of slots that had not begun, by the host's clock."""


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block that a host's ledger took, and when: by its own clock, and by one that is right (unix s)."""

    index: int
    by_clock: float
    at: float
    block: Block


@dataclass(frozen=True, slots=True)
class Loss:
    """A host's ledger was opened, and had not the tip that it had acknowledged."""

    index: int
    acknowledged: ChainHeight
    found: ChainHeight


@dataclass(slots=True)
class Witness:
    """Of the whole run.  ``get_round``: the present round by a host's clock."""

    signatures: Signatures = field(default_factory=Signatures)
    tips: dict[int, ChainHeight] = field(default_factory=dict)
    """The last tip that a host's ledger acknowledged."""
    losses: list[Loss] = field(default_factory=list)
    reorganisations: list[Reorganisation] = field(default_factory=list)
    ordered: dict[int, bytes] = field(default_factory=dict)
    """Hosts that an operator told to follow a block, and its hash, until they have it."""
    operator: Counter[int] = field(default_factory=Counter)
    """How often an operator changed a host's chain."""
    stored: int = 0
    under_way: dict[int, bytes] = field(default_factory=dict)
    """The tip that a host's ledger will have when the write is done at which it is."""
    armed: dict[int, int] = field(default_factory=dict)
    """Hosts that end at a write: how many points before or after writes they still pass."""
    armed_in_signing: dict[int, int] = field(default_factory=dict)
    """The same, counted from the next write of the journal on: 0 is right before it, 1 right after it."""
    on_trap: Callable[[int], None] = lambda index: None
    on_refusal: Callable[[int], None] = lambda index: None
    """Called when a host's disk refuses a write."""
    on_block: Callable[[Block], None] = lambda block: None
    """Called for every block that a host stores."""
    on_stored: Callable[[StoredBlock], None] = lambda stored: None
    """The same, with where and when it was."""
    now: Callable[[], float] = lambda: 0.0
    find_giver: Callable[[int], int | None] = lambda index: None
    """Which host sent a host something large last."""
    slow: set[int] = field(default_factory=set)
    """Hosts whose writes take their time, and go on when who asked for them is cancelled."""
    writing: dict[int, set[asyncio.Task[Any]]] = field(default_factory=dict)
    """What is written on them at present."""
    givers: dict[int, deque[tuple[int, Height]]] = field(default_factory=dict)
    """By host: which hosts gave it the blocks that it stored last, and up to which height."""

    def note_blocks(self, index: int, blocks: Sequence[Block], by_clock: float) -> None:
        """A host stored them, when its clock showed that time (unix s)."""
        for block in blocks:
            self.on_block(block)
            self.on_stored(StoredBlock(index, by_clock, self.now(), block))
        self.stored += len(blocks)
        giver = self.find_giver(index)
        if blocks and giver is not None:
            given = self.givers.setdefault(index, deque(maxlen=MAX_GIVERS))
            given.append((giver, blocks[-1].height))

    def note_opened(self, index: int, tip: ChainHeight) -> None:
        """A ledger is open again: a write in which its host ended is done or not, and either will do."""
        if self.under_way.pop(index, None) == tip.block_hash:
            self.tips[index] = tip
        acknowledged = self.tips.get(index)
        if acknowledged is not None and acknowledged.block_hash != tip.block_hash:
            # Noted at once: what the host fetches again would hide it from a later look.
            self.losses.append(Loss(index, acknowledged, tip))

    def forget(self, index: int) -> None:
        """What the host acknowledged is put back by an operator: nothing is expected of it."""
        self.tips.pop(index, None)
        self.operator[index] += 1

    def take_order(self, index: int, blocks: Sequence[Block]) -> bool:
        """Whether a host's new blocks are what an operator ordered; then the order is done."""
        if self.ordered.get(index) not in {block.block_hash for block in blocks}:
            return False
        del self.ordered[index]
        return True

    @contextmanager
    def noting_refusal(self, index: int) -> Iterator[None]:
        """Of a write of a host."""
        try:
            yield
        except StorageFault:
            self.on_refusal(index)
            raise

    async def finish(self, index: int, work: Coroutine[Any, Any, T]) -> T:
        """A write of a host with all that is noted of it, be its caller cancelled or not, as the disk's part
        of it is."""
        if index not in self.slow:
            return await work
        task = asyncio.get_running_loop().create_task(work, name=f"write of {index}")
        writing = self.writing.setdefault(index, set())
        writing.add(task)
        task.add_done_callback(writing.discard)
        return await asyncio.shield(task)

    def abandon_writes(self, index: int) -> None:
        """The host's process ended."""
        for task in list(self.writing.get(index, ())):
            task.cancel()

    async def pass_point(self, index: int) -> None:
        """Before and after a write; a host whose time has come does not get past it."""
        await asyncio.sleep(WRITE_S)
        left = self.armed.get(index)
        if left is None:
            return
        if left > 0:
            self.armed[index] = left - 1
            return
        del self.armed[index]
        self.on_trap(index)
        await asyncio.get_running_loop().create_future()


class WatchedLedger:
    """A ledger with a witness; asking goes straight through."""

    def __init__(
        self,
        ledger: Ledger,
        index: int,
        witness: Witness,
        get_present: Callable[[], tuple[Round, Slot]],
        now: Callable[[], float],
    ) -> None:
        """``get_present`` and ``now`` (unix s) are by the host's clock."""
        self._ledger = ledger
        self._index = index
        self._witness = witness
        self._get_present = get_present
        self._now = now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def append(self, block: Block, findings: Sequence[ToleratedViolation] = ()) -> ChainHeight:
        work = self._write(lambda: self._ledger.append(block, findings), (block,))
        return await self._witness.finish(self._index, work)

    async def append_many(
        self, blocks: Sequence[Block], findings: Sequence[ToleratedViolation] = ()
    ) -> ChainHeight:
        work = self._write(lambda: self._ledger.append_many(blocks, findings), blocks)
        return await self._witness.finish(self._index, work)

    async def replace(
        self,
        common: Height,
        blocks: Sequence[Block],
        is_better: Callable[[ChainHeight, ChainHeight], bool],
        findings: Sequence[ToleratedViolation] = (),
    ) -> Replacement:
        return await self._witness.finish(self._index, self._replace(common, blocks, is_better, findings))

    async def _replace(
        self,
        common: Height,
        blocks: Sequence[Block],
        is_better: Callable[[ChainHeight, ChainHeight], bool],
        findings: Sequence[ToleratedViolation],
    ) -> Replacement:
        before, asked_at = self._ledger.get_height(), self._now()
        oldest = await self._ledger.get_headers(common + 1, 1)
        await self._witness.pass_point(self._index)
        self._witness.under_way[self._index] = blocks[-1].block_hash
        with self._witness.noting_refusal(self._index):
            outcome = await self._ledger.replace(common, blocks, is_better, findings)
        self._witness.under_way.pop(self._index, None)
        if outcome.adopted:
            is_by_operator = self._note(blocks, asked_at)
            if common < before.height:
                round_ = oldest[0].round if oldest else None
                self._note_reorganisation(common, before, round_, is_by_operator=is_by_operator)
        await self._witness.pass_point(self._index)
        return outcome

    async def rollback(self, to_height: Height) -> tuple[Block, ...]:
        """By the node itself: operators roll back ledgers of nodes that do not run."""
        return await self._witness.finish(self._index, self._roll_back(to_height))

    async def _roll_back(self, to_height: Height) -> tuple[Block, ...]:
        before = self._ledger.get_height()
        tip = await self._ledger.get_headers(to_height, 1)
        await self._witness.pass_point(self._index)
        present = self._get_present()
        self._witness.under_way[self._index] = tip[0].block_hash
        with self._witness.noting_refusal(self._index):
            dropped = await self._ledger.rollback(to_height)
        self._witness.under_way.pop(self._index, None)
        self._note((), self._now())
        if dropped:
            is_premature = all((block.round, block.sir) > present for block in dropped)
            self._note_reorganisation(to_height, before, dropped[-1].round, is_premature=is_premature)
        await self._witness.pass_point(self._index)
        return dropped

    async def _write(self, work: Callable[[], Awaitable[T]], blocks: Sequence[Block]) -> T:
        """Blocks onto the tip."""
        asked_at = self._now()
        await self._witness.pass_point(self._index)
        if blocks:
            self._witness.under_way[self._index] = blocks[-1].block_hash
        with self._witness.noting_refusal(self._index):
            result = await work()
        self._witness.under_way.pop(self._index, None)
        self._note(blocks, asked_at)
        await self._witness.pass_point(self._index)
        return result

    def _note(self, blocks: Sequence[Block], asked_at: float) -> bool:
        """Whether an operator ordered them."""
        self._witness.note_blocks(self._index, blocks, asked_at)
        self._witness.tips[self._index] = self._ledger.get_height()
        return self._witness.take_order(self._index, blocks)

    def _note_reorganisation(
        self,
        common: Height,
        before: ChainHeight,
        oldest: Round | None,
        *,
        is_by_operator: bool = False,
        is_premature: bool = False,
    ) -> None:
        self._witness.operator[self._index] += is_by_operator
        change = Reorganisation(
            index=self._index,
            at=self._witness.now(),
            common=common,
            before=before,
            after=self._ledger.get_height(),
            oldest_round=oldest,
            present_round=self._get_present()[0],
            is_by_operator=is_by_operator,
            is_premature=is_premature,
        )
        self._witness.reorganisations.append(change)


class WatchedJournal:
    """A journal with a witness."""

    def __init__(self, journal: Journal, index: int, witness: Witness) -> None:
        self._journal = journal
        self._index = index
        self._witness = witness

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def record(self, round_: Round, sir: Slot, block_hash: bytes) -> None:
        points = self._witness.armed_in_signing.pop(self._index, None)
        if points is not None:
            self._witness.armed[self._index] = points
        await self._witness.pass_point(self._index)
        with self._witness.noting_refusal(self._index):
            await self._journal.record(round_, sir, block_hash)
        await self._witness.pass_point(self._index)
