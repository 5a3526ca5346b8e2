"""Taking a better branch from peers: of the present round, or all that we lack.

What peers tell decides only whom to ask.  A round is fetched from one of its holders, all that we lack from
several at once (``node.sync.chain_sync``); either is judged in full and measured by ``Chain.adopt``.  A tip
that breaks a rule or a promise is ignored for 15 minutes, and who told it is reported.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypernode.core.chain_params import ChainParams
from hypernode.core.errors import Ignore, OverLimit, Reject, TooFewHold
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height
from hypernode.machine.peers import ForkOverride, PeerView, Support, ToldChain, compute_support
from hypernode.machine.state import State
from hypernode.node.base.error_text import describe_fault
from hypernode.node.base.node_ports import Ports
from hypernode.node.chain.block_validation import Prepared
from hypernode.node.chain.chain import Chain
from hypernode.node.duty.reporter import Reporter
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.peer_client import ask_block_info, ask_blocks, ask_round_blocks
from hypernode.node.sync.chain_sync import ChainSync
from hypernode.node.sync.common_block import get_own_hash
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.partitions import Partitions
from hypernode.node.sync.sync_progress import OnProgress, SyncProgress
from hypernode.ports.connections import TransportClosed
from hypernode.ports.registrations import PowNotReady

BAN_S = 900.0
"""How long a tip that broke its promise is ignored (spec 4)."""
MAX_HOLDERS_ASKED = 3
"""Holders of a better round that are tried before the next look around."""
MAX_HOLDERS_IN_LINE = 12
"""Holders of a branch that catching up may come to, some at once, the others when one fails: whatever their
number, the next look around is not far."""
SAY_EVERY_S = 10.0
"""Between two lines on catching up in the log."""


@dataclass(slots=True)
class Synchroniser:
    """Performs SyncRound and CatchUp."""

    network: ChainParams
    ports: Ports
    chain: Chain
    dialler: Dialler
    reporter: Reporter
    partitions: Partitions
    giant_blocks: GiantBlocks
    set_state: Callable[..., None]
    """With a state, and words on it."""
    log: Callable[[str], None]
    on_progress: OnProgress
    """Shows how far catching up is to who looks on."""
    progress: SyncProgress | None = None
    """The same for the status; None while we do not catch up."""
    _said_at: float | None = None
    _banned: dict[bytes, float] = field(default_factory=dict)
    _needs_catch_up: dict[bytes, float] = field(default_factory=dict)
    _for_majority: dict[bytes, float] = field(default_factory=dict)
    _liars: dict[str, float] = field(default_factory=dict)
    _without_order: dict[bytes, float] = field(default_factory=dict)
    _common: Height = 0
    """The last block that ours shares with the branch that was looked at last."""

    def list_banned(self) -> frozenset[bytes]:
        """Tips that are not looked at: broken promises, and those that our own count finds no better."""
        return frozenset(_drop_old(self._banned, self.ports.clock.monotonic()))

    def is_put_aside(self, told: ToldChain) -> bool:
        """Whether the next look will pass over this tip, or catch up with it."""
        tip = told.height.block_hash
        return tip in self.list_banned() or tip in self.list_needing_catch_up()

    def list_needing_catch_up(self) -> frozenset[bytes]:
        return frozenset(_drop_old(self._needs_catch_up, self.ports.clock.monotonic()))

    def list_without_order(self) -> frozenset[bytes]:
        """Tips of chains that do not have the block which an operator ordered."""
        return frozenset(_drop_old(self._without_order, self.ports.clock.monotonic()))

    async def look_at_order(self) -> None:
        """Read the operator's word; done is what our chain has."""
        if self.partitions.look():
            # His word is worth a new try, whatever was found before.
            self._banned.clear()
            self._without_order.clear()
        order = self.partitions.order
        if order is not None and await get_own_hash(self.ports.ledger, order.height) == order.block_hash:
            self.partitions.finish()

    async def follow(
        self, order: ForkOverride, chains: Sequence[ToldChain], peers: Sequence[PeerView]
    ) -> bool:
        """Take the chain that has the order's block; True when it is ours now.  It is verified in full like
        any other; neither its age nor its measures count."""
        for told in chains:
            if await self._is_told_to_have(told, order):
                support = compute_support(told.height.block_hash, peers)
                await self.catch_up(told, replace(support, order=order))
                await self.look_at_order()
            if self.partitions.order is None:
                return True
        return False

    async def _is_told_to_have(self, told: ToldChain, order: ForkOverride) -> bool:
        """Whether one of some holders says that the chain has the order's block: it has to give it then."""
        is_denied = False
        for holder in self._order_holders(told, ())[:MAX_HOLDERS_ASKED]:
            try:
                async with self.dialler.borrow(holder.address) as session:
                    there = await ask_block_info(session, order.height)
            except (TransportClosed, TimeoutError, Reject) as error:
                await self._blame(holder, error, catching_up=True)
                continue
            if there is not None and there.block_hash == order.block_hash:
                return True
            is_denied = True
        if is_denied:
            self._without_order[told.height.block_hash] = self.ports.clock.monotonic() + BAN_S
        else:
            self._ban(told, self.network.delays.peer_retry_s)
        return False

    async def sync_round(self, told: ToldChain, jurors: Sequence[str], support: Support) -> bool:
        """Take a better branch of the present round; True when ours was replaced or grew."""
        if self._lacks_holders(told, support):
            return False
        self.set_state(State.ROUND_SYNC)

        async def take(holder: PeerView) -> bool:
            try:
                async with self.dialler.borrow(holder.address) as session:
                    blocks = await ask_round_blocks(session, told.height.round)
                    # an answer of one of ours ends by its bytes: the rest is asked for as any blocks are
                    ends_early = (
                        bool(session.features and blocks)
                        and blocks[-1].height < told.height.height
                        and bool(await ask_blocks(session, blocks[-1].height + 1))
                    )
            except OverLimit as refusal:
                self.log(f"the round is asked of {holder.name} block by block: {refusal.reason}")
                return self._leave_to_catching_up(told)
            if ends_early:
                return self._leave_to_catching_up(told)
            return await self._adopt_round(told, blocks, support)

        return await self._try_holders(told, jurors, take)

    async def catch_up(self, told: ToldChain, support: Support, jurors: Sequence[str] = ()) -> bool:
        """Find the last common block and fetch the rest, from several holders at once, jurors first; True
        when our chain moved."""
        if self._lacks_holders(told, support):
            return False
        start = self.chain.height
        failures: list[Exception] = []

        async def blame(holder: PeerView, failure: Exception) -> None:
            failures.append(failure)
            await self._blame(holder, failure, catching_up=True)

        holders = self._order_holders(told, jurors)[:MAX_HOLDERS_IN_LINE]
        borrow = self.dialler.borrow
        work = ChainSync(
            self.network,
            self.ports,
            self.chain,
            told,
            support,
            holders,
            borrow,
            blame,
            self.giant_blocks,
            self._show,
        )
        self.set_state(State.CATCHING_UP_PRESYNC)
        is_whole = await self._finish(work, told)
        is_moved = self.chain.height.block_hash != start.block_hash
        if not is_whole and not is_moved:
            lied = bool(failures) and all(isinstance(failure, Reject) for failure in failures)
            self._ban(told, BAN_S if lied else self.network.delays.peer_retry_s)
        for giver in work.list_thanked():
            await self.reporter.publish_synced(giver.address, giver.name, catching_up=True)
        return is_moved

    async def _finish(self, work: ChainSync, told: ToldChain) -> bool:
        """Do the work; False when no holder was left to do it with, or the branch is not what was told."""
        try:
            if await work.run():
                await self._end_split()
            else:
                self._leave(told)
        except TooFewHold as refusal:
            self._wait_for_holders(told, refusal)
        except Ignore as refusal:
            self._common = work.common
            self._note_split(told, refusal)
        except PowNotReady as problem:
            self.log(f"catching up has to wait: {problem}")
        except (TransportClosed, Reject) as end:
            self.log(f"catching up ended early: {describe_fault(end)}")
            return False
        finally:
            self._hide()
        return True

    def _show(self, progress: SyncProgress) -> None:
        """Status and bar each time, the log once in a while."""
        self.progress = progress
        self.set_state(State.CATCHING_UP_SYNC, progress.format())
        self.on_progress(progress)
        now = self.ports.clock.monotonic()
        if self._said_at is None or now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            self.log(f"catching up: {progress.format()}")

    def _hide(self) -> None:
        """Catching up ended, well or not."""
        if self.progress is not None:
            self.log(f"catching up ended: {self.progress.format()}")
        self.progress = self._said_at = None
        self.on_progress(None)

    async def _try_holders(
        self, told: ToldChain, jurors: Sequence[str], take: Callable[[PeerView], Awaitable[bool]]
    ) -> bool:
        """Take a branch of the round from the first of its holders that gives it; True when it was taken.
        When none of them does, its tip is left alone: for long when all of them lied."""
        start = self.chain.height
        rejected = asked = 0
        for holder in self._order_holders(told, jurors)[:MAX_HOLDERS_ASKED]:
            asked += 1
            try:
                is_taken = await take(holder)
            except TooFewHold as refusal:
                self._wait_for_holders(told, refusal)
                return False
            except Ignore as refusal:
                self._note_split(told, refusal)
                return False
            except PowNotReady as problem:
                self.log(f"sync from {holder.name} has to wait: {problem}")
                return False
            except (TransportClosed, TimeoutError, Reject) as error:
                rejected += isinstance(error, Reject)
                await self._blame(holder, error, catching_up=False)
                if self.chain.height.block_hash != start.block_hash:
                    return True
                continue
            if is_taken:
                await self._end_split()
                await self.reporter.publish_synced(holder.address, holder.name, catching_up=False)
            return is_taken
        self._ban(told, BAN_S if rejected == asked else self.network.delays.peer_retry_s)
        return False

    async def _adopt_round(self, told: ToldChain, blocks: Sequence[Block], support: Support) -> bool:
        branch = [block for block in blocks if block.height <= told.height.height]
        if not branch or branch[-1].block_hash != told.height.block_hash:
            raise Reject(Rule.PROMISE, "promise not kept: the tip that was told is not in the answer")
        common = branch[0].height - 1
        if await get_own_hash(self.ports.ledger, common) != branch[0].previous_hash:
            return self._leave_to_catching_up(told)
        # What is equal stays: only what differs is replaced.
        while branch and await get_own_hash(self.ports.ledger, common + 1) == branch[0].block_hash:
            common += 1
            branch = branch[1:]
        self._common = common
        if branch and await self._adopt(common, await self.chain.prepare(branch), told, support):
            return True
        return self._leave(told)

    def _leave_to_catching_up(self, told: ToldChain) -> bool:
        """More is needed of this branch than its round, or less at a time."""
        self._needs_catch_up[told.height.block_hash] = self.ports.clock.monotonic() + BAN_S
        return False

    async def _adopt(
        self, common: Height, branch: Sequence[Prepared], told: ToldChain, support: Support
    ) -> bool:
        """Whether our chain goes through the branch now; its promise is measured when it ends in what was
        told."""
        last = branch[-1].block
        told_height = told.height if last.height >= told.height.height else None
        outcome = await self.chain.adopt_prepared(common, branch, told_height, support)
        # A block of it that was pushed to us meanwhile makes it no better than ours.
        return outcome.adopted or await get_own_hash(self.ports.ledger, last.height) == last.block_hash

    def _leave(self, told: ToldChain) -> bool:
        """By our own count it is not better, or it is part of our chain: what is told of uniques and forgers
        may be stale, and no lie (spec 8).  It is not looked at again for a while, or we would do nothing
        else."""
        self._ban(told, BAN_S)
        return False

    def _ban(self, told: ToldChain, seconds: float) -> None:
        self._banned[told.height.block_hash] = self.ports.clock.monotonic() + seconds

    async def _blame(self, holder: PeerView, error: Exception, *, catching_up: bool) -> None:
        """A holder lied, or failed us: it is reported, and for a while asked last when it lied.  What
        somebody told who had its IP, and neither its key nor its endpoint, is not held against it."""
        self.log(f"sync from {holder.name} failed: {describe_fault(error)}")
        if not holder.is_vouched:
            return
        if isinstance(error, Reject):
            self._liars[holder.address] = self.ports.clock.monotonic() + BAN_S
        await self.reporter.publish_failed(holder.address, holder.name, catching_up=catching_up)

    async def _end_split(self) -> None:
        """What was told to have parted from ours may be ours now."""
        other = self.partitions.last
        if other is not None and await get_own_hash(self.ports.ledger, other.height) == other.block_hash:
            self.partitions.end()

    def _note_split(self, told: ToldChain, refusal: Ignore) -> None:
        """The other chain may not replace ours by itself: nobody's fault.  More peers may come to stand
        behind it, so it is looked at again soon."""
        self.partitions.note(self.chain.height, told.height, self._common, refusal.reason)
        self._ban(told, self.network.delays.grace_s)

    def _wait_for_holders(self, told: ToldChain, refusal: TooFewHold) -> None:
        """Nobody's fault either, and soon looked at again; fetched again when most hold it."""
        self.log(f"too few hold the branch of block {told.height.height} so far: {refusal}")
        self._for_majority[told.height.block_hash] = self.ports.clock.monotonic() + BAN_S
        self._ban(told, self.network.delays.grace_s)

    def _lacks_holders(self, told: ToldChain, support: Support) -> bool:
        """Whether this branch was found to be taken only when most hold it, and they do not."""
        waiting = _drop_old(self._for_majority, self.ports.clock.monotonic())
        if told.height.block_hash not in waiting or support.is_majority:
            return False
        self._ban(told, self.network.delays.grace_s)
        return True

    def _order_holders(self, told: ToldChain, jurors: Sequence[str]) -> list[PeerView]:
        """Whom to ask first: jurors, then those we have an outgoing connection to, then by latest word; who
        lied of late comes last."""
        liars = frozenset(_drop_old(self._liars, self.ports.clock.monotonic()))
        return sorted(
            told.holders,
            key=lambda p: (
                p.address in liars,
                p.address not in jurors,
                not p.is_outbound,
                -p.told_at,
                p.address,
            ),
        )


Key = TypeVar("Key", bound=Hashable)


def _drop_old(times: dict[Key, float], now: float) -> list[Key]:
    for key in [key for key, until in times.items() if until <= now]:
        del times[key]
    return list(times)
