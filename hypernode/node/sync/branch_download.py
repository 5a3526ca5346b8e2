"""One download of a branch that peers report: fetch its blocks, verify them, and make it our chain.

A branch of the present round is requested as one answer, from one holder after another.  A branch that leaves
our chain in an earlier round, or is too large for one answer, is fetched from the last common block on, from
several holders at once.  Either way the blocks pass through a pipeline: while some are validated and stored,
the next are verified, and those after them fetched.

Blocks that follow our tip are stored as they come, so a download that ends early has lost nothing.  Blocks of
ours are replaced only when the whole branch is here.  For a bad block, whoever is at fault is blamed
(``machine.blame``); what others gave is kept.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height
from hypernode.machine.blame import BadBlock, Culprit, find_culprit
from hypernode.machine.peers import PeerView, ReportedChain, Support
from hypernode.node.chain.block_validation import BlockRejected, Prepared
from hypernode.node.chain.chain import Chain
from hypernode.node.sync.batches import Span
from hypernode.node.sync.block_fetcher import BlockFetcher
from hypernode.node.sync.block_source import BlockSource, Borrow, NoHolderLeft, OnFailure
from hypernode.node.sync.common_block import CommonBlockSearch, count_votes, get_own_hash
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.holder_worker import make_check
from hypernode.node.sync.pending_branch import PendingBranch
from hypernode.node.sync.pipeline import run_ahead
from hypernode.node.sync.round_answer import ask_round
from hypernode.node.sync.sync_progress import SyncProgress
from hypernode.ports.chain import BlockReader
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed
from hypernode.ports.files import Files
from hypernode.ports.signing import Verifier
from hypernode.ports.tunables import CurrentTunables


@dataclass(slots=True)
class BranchDownload:
    """A download, done once by ``run``.

    ``reported`` is the branch, ``holders`` the peers to ask, ``support`` who holds it.  ``borrow`` gives a
    session with a holder.  ``blame`` is called with each holder that failed or lied, ``show`` with the
    progress of a long download.  ``is_round``: the branch differs from ours only in the round of its tip."""

    params: ChainParams
    tunables: CurrentTunables
    clock: Clock
    verifier: Verifier
    ledger: BlockReader
    files: Files
    chain: Chain
    reported: ReportedChain
    support: Support
    holders: Sequence[PeerView]
    borrow: Borrow
    blame: OnFailure
    giant_blocks: GiantBlocks
    show: Callable[[SyncProgress], None]
    is_round: bool = False
    common: Height = 0
    """The height of the last block that is known to be in our chain and in the branch."""
    givers: dict[str, PeerView] = field(default_factory=dict)
    """By address, the holders whose blocks were stored."""
    _failed: set[str] = field(default_factory=set)
    _lower: list[Height] = field(default_factory=list)
    """Lower candidates for ``common``, descending, as other holders gave them; used if ``common`` turns out
    not to be in the branch, and dropped once something was stored."""
    _pending: PendingBranch = field(init=False)
    _first: Height = 0
    _messages: int = 0
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._pending = PendingBranch(self.files, self.verifier.run)
        self._since = self.clock.monotonic()

    async def run(self) -> bool:
        """Whether the branch is our chain now; False if by our own measures it is no better, or if it is part
        of our chain.  Raises Ignore if it may not replace ours, NoHolderLeft, PowNotReady, Reject if it is
        not what was reported, NeedsCatchUp if its last round alone does not follow our chain."""
        return await (self._take_round() if self.is_round else self._take_all())

    async def _take_round(self) -> bool:
        """Take the branch's round from the first holder that gives it."""
        start = self.chain.height
        for holder in self.holders:
            try:
                answer = await ask_round(self.borrow, self.ledger, holder, self.reported.height)
            except (TransportClosed, TimeoutError, Reject) as failure:
                await self._on_failure(holder, failure)
            else:
                self.common = answer.common
                try:
                    return not answer.is_empty and await self._take_above(answer)
                except (NoHolderLeft, Reject):
                    pass  # who was at fault is blamed, and the next is asked
            if self.chain.height.block_hash != start.block_hash:
                return True
        raise NoHolderLeft("no holder gives the round")

    async def _take_all(self) -> bool:
        """Take all blocks above the last common block."""
        search = CommonBlockSearch(self.ledger, self.borrow, self._on_failure)
        self._lower = await search.list_candidates(self.holders, await self._find_highest())
        while True:
            self.common, *self._lower = self._lower
            if self.common == self.reported.height.height:
                return False
            try:
                return await self._fetch_above(search.silent)
            except BlockRejected as fault:
                if not self._may_part_lower(fault):
                    raise

    async def _fetch_above(self, silent: set[str]) -> bool:
        """Take what is above the common block from the holders that did not fail; those that were silent so
        far are asked last."""
        # What may not replace ours is not fetched first.
        await self.chain.check_depth(self.common, self.support)
        left = [holder for holder in self.holders if holder.address not in self._failed]
        fetcher = BlockFetcher(
            sorted(left, key=lambda holder: holder.address in silent),
            Span(self.common + 1, self.reported.height.height),
            self.tunables.current().block_sync_count,
            borrow=self.borrow,
            clock=self.clock,
            on_failure=self._on_failure,
            giant_blocks=self.giant_blocks,
            check=make_check(self.params, self.verifier),
        )
        async with fetcher:
            return await self._take_above(fetcher)

    async def _take_above(self, source: BlockSource) -> bool:
        """Take what a source gives above the common block; a bad block is asked for again elsewhere."""
        self._first = self.common
        self._pending.clear()
        while True:
            try:
                return await self._take(source)
            except BlockRejected as fault:
                await self._on_bad_block(source, fault)

    def list_thanked(self) -> list[PeerView]:
        """The holders whose blocks were stored and who did not fail."""
        return [giver for address, giver in self.givers.items() if address not in self._failed]

    async def _on_failure(self, holder: PeerView, failure: Exception) -> None:
        self._failed.add(holder.address)
        await self.blame(holder, failure)

    async def _find_highest(self) -> Height:
        """The highest block of ours that can be one of the branch."""
        target = self.reported.height.height
        if target > self.chain.height.height:
            return self.chain.height.height
        is_ours = await get_own_hash(self.ledger, target) == self.reported.height.block_hash
        return target if is_ours else max(0, target - 1)

    def _may_part_lower(self, fault: BlockRejected) -> bool:
        """Whether the branch may leave our chain below ``common``, and there is a lower candidate to try."""
        return bool(self._lower) and fault.rule is Rule.B1 and fault.height == self.common + 1

    # --- the blocks ---------------------------------------------------------------------------------------

    async def _take(self, source: BlockSource) -> bool:
        """Fetch, verify, validate and store, to the end of the branch."""
        fetched = run_ahead(source.parts())
        async with aclosing(fetched), aclosing(run_ahead(self._prepare(fetched))) as parts:
            async for part in parts:
                self._pending.extend(part)
                height = self._pending.last
                is_last = height >= self.reported.height.height
                follows = self.common == self.chain.height.height
                is_due = follows or is_last or self._pending.is_much(self.support.order)
                if is_due and not await self._adopt(source):
                    return False
                await self._pending.put_away()
                self._messages += sum(len(prepared.block.messages) for prepared in part)
                if not self.is_round:
                    self.show(self._measure(height, source))
        return True

    async def _prepare(
        self, fetched: AsyncGenerator[list[Block], None]
    ) -> AsyncGenerator[list[Prepared], None]:
        async for blocks in fetched:
            try:
                yield await self.chain.prepare(blocks)
            except Reject as fault:
                raise BlockRejected(fault, blocks[0].height) from fault

    async def _adopt(self, source: BlockSource) -> bool:
        """Make the pending blocks part of our chain; returns whether they are.  At the branch's end its
        measures must be those that were reported."""
        last = self._pending.blocks[-1].block
        reported = self.reported.height if last.height >= self.reported.height.height else None
        try:
            outcome = await self.chain.adopt_prepared(
                self.common, self._pending.blocks, reported, self.support
            )
        except BlockRejected:
            raise
        except Reject as broken:
            giver = source.get_giver(last.height)
            if giver is not None:
                await self._on_failure(giver, broken)
            raise
        # A block of it that was pushed to us meanwhile makes it no better than ours.
        if not outcome.adopted and await get_own_hash(self.ledger, last.height) != last.block_hash:
            return False
        for each in self._pending.blocks:
            if (giver := source.get_giver(each.block.height)) is not None:
                self.givers[giver.address] = giver
        source.forget(last.height)
        self.common, self._lower = last.height, []
        self._pending.clear()
        return True

    def _measure(self, height: Height, source: BlockSource) -> SyncProgress:
        return SyncProgress(
            first=self._first,
            target=self.reported.height.height,
            height=height,
            messages=self._messages,
            seconds=self.clock.monotonic() - self._since,
            peers=tuple(sorted(holder.name for holder, _ in source.list_sessions())),
        )

    # --- who is to blame ----------------------------------------------------------------------------------

    async def _on_bad_block(self, source: BlockSource, fault: BlockRejected) -> None:
        """Blame who is at fault for a bad block, and go on without them.  Raises the fault if a block below
        it is wrong: that needs another download."""
        giver, below = source.get_giver(fault.height), source.get_giver(fault.height - 1)
        if giver is None:
            raise fault
        votes = 1
        if fault.rule is Rule.B1 and below != giver:
            own = self._pending.find_hash(fault.height - 1)
            own = own or await get_own_hash(self.ledger, fault.height - 1)
            votes = await count_votes(source.list_sessions(), fault.height - 1, own, below)
        culprit = find_culprit(BadBlock(votes, below is not None, self._may_part_lower(fault)))
        if culprit is Culprit.GIVER_OF_BELOW and below is not None:
            await self._on_failure(below, fault)
        if culprit in (Culprit.GIVER_OF_BELOW, Culprit.COMMON_BLOCK):
            raise fault
        if culprit is Culprit.GIVER:
            await self._on_failure(giver, fault)
        self._pending.cut(fault.height)
        source.reject(fault.height, giver)
