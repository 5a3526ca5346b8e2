"""One catching up: the last common block, then all blocks above it from several holders at once.

The common block is looked for with several holders side by side; the highest that half of them have counts,
so one that denies what it has, or claims what it has not, changes nothing; where no block follows it, the
next lower that was told does.  Then, while blocks are judged and stored, the next are verified, and those
after them fetched (``node.sync.fetching``).  What merely follows our tip is stored as it comes, so whatever
ends the work, it goes on from there; blocks of ours go only for a whole branch.  A bad block costs its giver,
not the others' work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from hypernode.core.chain_params import ChainParams
from hypernode.core.errors import Reject
from hypernode.core.long_messages import LongMessages
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView, Support, ToldChain
from hypernode.net.stream import UnparsedAnswer
from hypernode.node.base.node_ports import Ports
from hypernode.node.chain.block_validation import BlockRejected, Prepared
from hypernode.node.chain.chain import Chain
from hypernode.node.chain.spooled_blocks import put_away
from hypernode.node.peers.peer_client import ask_block_info
from hypernode.node.sync.batches import Span
from hypernode.node.sync.common_block import find_common, gather_answers, get_own_hash
from hypernode.node.sync.fetching import MAX_SOURCES, Borrow, CheckAnswer, Fetcher, OnFailure
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.pipeline import run_ahead
from hypernode.node.sync.sync_progress import SyncProgress
from hypernode.ports.connections import TransportClosed
from hypernode.ports.trouble import StorageTrouble

MAX_BRANCH_BLOCKS = 2_000
"""Blocks of a diverging branch that are kept before it is measured: what two of main's rounds and a long
outage need is far below."""
MAX_BRANCH_MESSAGES = 200_000
"""Messages of these blocks: three of main's rounds with blocks of 3,000, more than may go by itself.  Blocks
are judged when the branch is, so a liar may fill them as it likes."""
MAX_BRANCH_BYTES = 256 * 1024 * 1024
"""Of these messages, in files: as many of the longest that policy takes, and two giant blocks."""


@dataclass(slots=True)
class ChainSync:
    """``run`` does it once.  ``blame`` is told which holders failed or lied, ``show`` how far it
    is."""

    network: ChainParams
    ports: Ports
    chain: Chain
    told: ToldChain
    support: Support
    holders: Sequence[PeerView]
    borrow: Borrow
    blame: OnFailure
    giant_blocks: GiantBlocks
    show: Callable[[SyncProgress], None]
    common: Height = 0
    """The last block that is known to be of ours and of the branch."""
    givers: dict[str, PeerView] = field(default_factory=dict)
    """By address, those of whom blocks were stored."""
    _failed: set[str] = field(default_factory=set)
    _silent: set[str] = field(default_factory=set)
    _lower: list[Height] = field(default_factory=list)
    """Should ``common`` be none: what other holders told, descending, until something was stored."""
    _pending: list[Prepared] = field(default_factory=list)
    _first: Height = 0
    _messages: int = 0
    _since: float = 0.0

    async def run(self) -> bool:
        """Whether our chain goes through the told branch now; False where our own count finds it no better,
        or it is part of our chain.  Raises Ignore when it may not replace ours, PowNotReady, TransportClosed
        when no holder is left, Reject when the branch is not what was told."""
        self._since = self.ports.clock.monotonic()
        self._lower = await self._list_common(await self._find_highest())
        while True:
            self.common, *self._lower = self._lower
            try:
                return await self._take_above()
            except BlockRejected as fault:
                if not self._may_lie_lower(fault):
                    raise

    async def _take_above(self) -> bool:
        """What is above the common block."""
        target = self.told.height.height
        if self.common == target:
            return False
        # What may not replace ours is not fetched first.
        await self.chain.check_depth(self.common, self.support)
        self._first, self._pending = self.common, []
        fetcher = Fetcher(
            self._order_holders(),
            Span(self.common + 1, target),
            self.network.block_sync_count,
            borrow=self.borrow,
            clock=self.ports.clock,
            on_failure=self._on_failure,
            giant_blocks=self.giant_blocks,
            check=self._make_check(),
        )
        async with fetcher:
            while True:
                try:
                    return await self._take(fetcher)
                except BlockRejected as fault:
                    await self._on_bad_block(fetcher, fault)

    def _make_check(self) -> CheckAnswer | None:
        """Decodes and verifies long answers elsewhere, where there is such a place."""
        checker = self.ports.verifier.get_checker()
        if checker is None:
            return None

        async def check(answer: UnparsedAnswer) -> tuple[Block, ...]:
            return await checker(self.network, answer.payload, answer.received)

        return check

    def _order_holders(self) -> list[PeerView]:
        """Those that did not fail; who had no answer so far comes last."""
        left = [holder for holder in self.holders if holder.address not in self._failed]
        return sorted(left, key=lambda holder: holder.address in self._silent)

    def list_thanked(self) -> list[PeerView]:
        """Of whom blocks were stored, and who did not fail us."""
        return [giver for address, giver in self.givers.items() if address not in self._failed]

    async def _on_failure(self, holder: PeerView, failure: Exception) -> None:
        self._silent.discard(holder.address)
        self._failed.add(holder.address)
        await self.blame(holder, failure)

    # --- the last common block ----------------------------------------------------------------------------

    async def _find_highest(self) -> Height:
        """The highest block of ours that can be one of the branch."""
        target = self.told.height.height
        if target > self.chain.height.height:
            return self.chain.height.height
        is_ours = await get_own_hash(self.ports.ledger, target) == self.told.height.block_hash
        return target if is_ours else max(0, target - 1)

    def _may_lie_lower(self, fault: BlockRejected) -> bool:
        """Whether what was taken for the last common block may be none, and another holder has told a lower
        one."""
        return bool(self._lower) and fault.rule is Rule.B1 and fault.height == self.common + 1

    async def _list_common(self, highest: Height) -> list[Height]:
        """The highest block of ours that half of the holders have too, and what others say, descending.
        Raises TransportClosed when none of them answers."""
        asked = [
            asyncio.create_task(self._ask_common(holder, highest), name=f"bisects with {holder.name}")
            for holder in self.holders[:MAX_SOURCES]
        ]
        try:
            answers = await gather_answers(asked)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        if answers:
            likely = sorted(answers, reverse=True)[(len(answers) - 1) // 2]
            return sorted({answer for answer in answers if answer <= likely}, reverse=True)
        for holder in self.holders[MAX_SOURCES:]:
            if (answer := await self._ask_common(holder, highest)) is not None:
                return [answer]
        raise TransportClosed("no holder of the branch answers")

    async def _ask_common(self, holder: PeerView, highest: Height) -> Height | None:
        """By bisection with one holder; None where it fails."""
        self._silent.add(holder.address)
        try:
            async with self.borrow(holder.address) as session:
                common = await find_common(session, self.ports.ledger, highest)
            self._silent.discard(holder.address)
            return common
        except (TransportClosed, TimeoutError, Reject) as failure:
            await self._on_failure(holder, failure)
            return None

    # --- the blocks ---------------------------------------------------------------------------------------

    async def _take(self, fetcher: Fetcher) -> bool:
        """Fetch, verify, judge and store, to the end of the branch."""
        fetched = run_ahead(fetcher.parts())
        async with aclosing(fetched), aclosing(run_ahead(self._prepare(fetched))) as parts:
            async for part in parts:
                self._pending += part
                height = self._pending[-1].block.height
                is_last = height >= self.told.height.height
                follows = self.common == self.chain.height.height
                # Blocks of ours go only for a whole branch; what merely follows our tip is taken as it comes.
                if (follows or is_last or self._is_much(height)) and not await self._adopt(fetcher):
                    return False
                await self._put_away()
                self._messages += sum(len(prepared.block.messages) for prepared in part)
                self.show(self._measure(height, fetcher))
        return True

    def _is_much(self, height: Height) -> bool:
        """Too much is pending to wait for the rest; an operator's order needs its block, however far."""
        order = self.support.order
        if order is not None and height < order.height:
            return False
        messages = sum(len(prepared.block.messages) for prepared in self._pending)
        if len(self._pending) >= MAX_BRANCH_BLOCKS or messages >= MAX_BRANCH_MESSAGES:
            return True
        long = (p.block.messages for p in self._pending if isinstance(p.block.messages, LongMessages))
        return sum(each.encoded_bytes for each in long) >= MAX_BRANCH_BYTES

    async def _put_away(self) -> None:
        """What is pending goes into a file: it may be much, and it is not judged before the branch is whole.
        Raises StorageTrouble."""
        held = [p for p in self._pending if not isinstance(p.block.messages, LongMessages)]
        if not held:
            return
        work = partial(put_away, [prepared.block for prepared in held], self.ports.files)
        try:
            blocks = iter(await self.ports.verifier.run(work))
        except OSError as trouble:
            raise StorageTrouble(f"a branch cannot be put away: {trouble}") from trouble
        self._pending = [
            p if isinstance(p.block.messages, LongMessages) else replace(p, block=next(blocks))
            for p in self._pending
        ]

    async def _prepare(
        self, fetched: AsyncGenerator[list[Block], None]
    ) -> AsyncGenerator[list[Prepared], None]:
        async for blocks in fetched:
            try:
                yield await self.chain.prepare(blocks)
            except Reject as fault:
                raise BlockRejected(fault, blocks[0].height) from fault

    async def _adopt(self, fetcher: Fetcher) -> bool:
        """Whether our chain goes through what is pending now; its promise is measured when it ends in what
        was told."""
        last = self._pending[-1].block
        told = self.told.height if last.height >= self.told.height.height else None
        try:
            outcome = await self.chain.adopt_prepared(self.common, self._pending, told, self.support)
        except BlockRejected:
            raise
        except Reject as broken:
            giver = fetcher.get_giver(last.height)
            if giver is not None:
                await self._on_failure(giver, broken)
            raise
        # A block of it that was pushed to us meanwhile makes it no better than ours.
        if not outcome.adopted and await get_own_hash(self.ports.ledger, last.height) != last.block_hash:
            return False
        for each in self._pending:
            if (giver := fetcher.get_giver(each.block.height)) is not None:
                self.givers[giver.address] = giver
        fetcher.forget(last.height)
        self.common, self._pending, self._lower = last.height, [], []
        return True

    def _measure(self, height: Height, fetcher: Fetcher) -> SyncProgress:
        return SyncProgress(
            first=self._first,
            target=self.told.height.height,
            height=height,
            messages=self._messages,
            seconds=self.ports.clock.monotonic() - self._since,
            peers=tuple(sorted(holder.name for holder, _ in fetcher.list_sessions())),
        )

    # --- who is to blame ----------------------------------------------------------------------------------

    async def _on_bad_block(self, fetcher: Fetcher, fault: BlockRejected) -> None:
        """Leave its giver out, reported where it lied, and go on from there.  Raises the fault where it is
        the block before that most holders do not have: that is ours by now, and another catching up takes
        it back."""
        giver = fetcher.get_giver(fault.height)
        before = fetcher.get_giver(fault.height - 1)
        if giver is None:
            raise fault
        votes = 1
        if fault.rule is Rule.B1 and before != giver:
            votes = await self._count_votes(fetcher, fault.height - 1, before)
        if votes < 0 or (votes == 0 and before is None and self._may_lie_lower(fault)):
            if before is not None:
                await self._on_failure(before, fault)
            raise fault
        if votes > 0:
            await self._on_failure(giver, fault)
        self._pending = [each for each in self._pending if each.block.height < fault.height]
        fetcher.reject(fault.height, giver)

    async def _count_votes(self, fetcher: Fetcher, height: Height, giver: PeerView | None) -> int:
        """How many more holders have a block than deny it; who gave it, if it was not ours, speaks for it."""
        pending = [each.block.block_hash for each in self._pending if each.block.height == height]
        taken = pending[0] if pending else await get_own_hash(self.ports.ledger, height)
        votes = 0 if giver is None else 1
        for holder, session in fetcher.list_sessions():
            if holder == giver:
                continue
            try:
                theirs = await ask_block_info(session, height)
            except (TransportClosed, TimeoutError, Reject):
                continue  # its worker finds the session closed, and tells
            votes += 1 if theirs is not None and theirs.block_hash == taken else -1
        return votes
