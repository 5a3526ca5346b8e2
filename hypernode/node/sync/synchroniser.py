"""Taking a better branch from peers: of the present round, or all that we lack.

What peers tell decides only whom to ask.  Either is one ``BranchDownload``, judged in full and measured by
``Chain.adopt_prepared``; here is whom it is asked of, and what its end says of the tip: one that broke a rule
or a promise is ignored for 15 minutes, and who told it is reported (``machine.sync_memory``,
``machine.blame``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypernode.core.errors import Ignore, Reject, TooFewHold
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Height
from hypernode.machine.blame import Conduct, compute_pause_s, is_held_against, judge_failure
from hypernode.machine.peers import (
    ForkOverride,
    PeerView,
    ReportedChain,
    Support,
    compute_support,
    order_holders,
)
from hypernode.machine.state import State
from hypernode.machine.sync_memory import BAN_S, Aside, SyncMemory
from hypernode.node.base.error_text import describe_fault
from hypernode.node.chain.chain import Chain
from hypernode.node.duty.reporter import Reporter
from hypernode.node.peers.dialling import Dialler
from hypernode.node.peers.peer_client import ask_block_info
from hypernode.node.sync.branch_download import BranchDownload
from hypernode.node.sync.common_block import get_own_hash
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.partitions import Partitions
from hypernode.node.sync.round_answer import NeedsCatchUp
from hypernode.node.sync.sync_progress import OnProgress, SyncProgress
from hypernode.ports.chain import BlockReader
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed
from hypernode.ports.files import Files
from hypernode.ports.registrations import PowNotReady
from hypernode.ports.signing import Verifier
from hypernode.ports.tunables import CurrentTunables

MAX_HOLDERS_ASKED = 3
"""Holders of a better round that are tried before the next look around."""
MAX_HOLDERS_IN_LINE = 12
"""Holders that catching up may come to, some at once, the others when one fails."""
SAY_EVERY_S = 10.0
"""Between two lines on catching up in the log."""


@dataclass(slots=True)
class Synchroniser:
    """Carries out SyncRound and CatchUp."""

    params: ChainParams
    tunables: CurrentTunables
    clock: Clock
    verifier: Verifier
    ledger: BlockReader
    files: Files
    chain: Chain
    dialler: Dialler
    reporter: Reporter
    partitions: Partitions
    giant_blocks: GiantBlocks
    memory: SyncMemory
    set_state: Callable[..., None]
    """With a state, and words on it."""
    log: Callable[[str], None]
    on_progress: OnProgress
    """Shows how far catching up is to who looks on."""
    progress: SyncProgress | None = None
    """The same for the status; None while we do not catch up."""
    _said_at: float | None = None

    def list_aside(self, reason: Aside) -> frozenset[bytes]:
        """Tips that are put aside for that reason now."""
        return self.memory.list_aside(reason, self.clock.monotonic())

    def is_put_aside(self, reported: ReportedChain) -> bool:
        """Whether the next look will pass over this tip, or catch up with it."""
        tip = reported.height.block_hash
        return tip in self.list_aside(Aside.IGNORED) or tip in self.list_aside(Aside.NEEDS_CATCH_UP)

    async def look_at_order(self) -> None:
        """Read the operator's override again; it is done when our chain has its block."""
        if self.partitions.look():
            # His word is worth a new try, whatever was found before.
            self.memory.forget(Aside.IGNORED, Aside.LACKS_ORDER)
        order = self.partitions.order
        if order is not None and await get_own_hash(self.ledger, order.height) == order.block_hash:
            self.partitions.finish()

    async def follow(
        self, order: ForkOverride, chains: Sequence[ReportedChain], peers: Sequence[PeerView]
    ) -> bool:
        """Take the chain that has the order's block; True when it is ours now.  It is verified in full like
        any other; neither its age nor its measures count."""
        for reported in chains:
            if await self._is_reported_to_have(reported, order):
                support = compute_support(reported.height.block_hash, peers)
                await self.catch_up(reported, replace(support, order=order))
                await self.look_at_order()
            if self.partitions.order is None:
                return True
        return False

    async def _is_reported_to_have(self, reported: ReportedChain, order: ForkOverride) -> bool:
        """Whether one of some holders says that the chain has the order's block: it has to give it then."""
        is_denied = False
        liars = self.memory.list_liars(self.clock.monotonic())
        for holder in order_holders(reported, (), liars)[:MAX_HOLDERS_ASKED]:
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
            self._put_aside(reported, Aside.LACKS_ORDER)
        else:
            self._put_aside(reported, Aside.IGNORED, self.params.delays.peer_retry_s)
        return False

    async def sync_round(self, reported: ReportedChain, jurors: Sequence[str], support: Support) -> bool:
        """Take a better branch of the present round, jurors asked first; True when our chain moved."""
        return await self._take(reported, jurors, support, State.ROUND_SYNC)

    async def catch_up(self, reported: ReportedChain, support: Support, jurors: Sequence[str] = ()) -> bool:
        """Find the last common block and fetch the rest, from several holders at once, jurors first; True
        when our chain moved."""
        try:
            return await self._take(reported, jurors, support, State.CATCHING_UP_PRESYNC)
        finally:
            self._hide()

    async def _take(
        self, reported: ReportedChain, jurors: Sequence[str], support: Support, state: State
    ) -> bool:
        """One download, and what is said of its givers; ``state`` says which of the two it is."""
        if self._lacks_holders(reported, support):
            return False
        self.set_state(state)
        catching_up = state is not State.ROUND_SYNC
        conducts: list[Conduct] = []

        async def blame(holder: PeerView, failure: Exception) -> None:
            conducts.append(judge_failure(failure))
            await self._blame(holder, failure, catching_up=catching_up)

        holders = order_holders(reported, jurors, self.memory.list_liars(self.clock.monotonic()))
        download = BranchDownload(
            self.params,
            self.tunables,
            self.clock,
            self.verifier,
            self.ledger,
            self.files,
            self.chain,
            reported,
            support,
            holders[: MAX_HOLDERS_IN_LINE if catching_up else MAX_HOLDERS_ASKED],
            self.dialler.borrow,
            blame,
            self.giant_blocks,
            self._show,
            is_round=not catching_up,
        )
        is_moved = await self._finish(download, conducts)
        for giver in download.list_thanked():
            await self.reporter.publish_synced(giver.address, giver.name, catching_up=catching_up)
        return is_moved

    async def _finish(self, download: BranchDownload, conducts: Sequence[Conduct]) -> bool:
        """Do the work, and put its tip aside as its end says; True when our chain moved."""
        reported, start = download.reported, self.chain.height
        is_given = True
        try:
            if await download.run():
                await self._end_split()
            else:
                # By our own count it is not better, or it is part of our chain: what is told of uniques and
                # forgers may be stale, and no lie (spec 8).  Looked at again, we would do nothing else.
                self._put_aside(reported, Aside.IGNORED)
        except NeedsCatchUp as reason:
            self.log(f"the round is left to catching up: {reason}")
            self._put_aside(reported, Aside.NEEDS_CATCH_UP)
        except TooFewHold as refusal:
            self._wait_for_holders(reported, refusal)
        except Ignore as refusal:
            self._note_split(reported, download.common, refusal)
        except PowNotReady as problem:
            self.log(f"the branch of block {reported.height.height} has to wait: {problem}")
        except (TransportClosed, Reject) as end:
            self.log(f"the branch of block {reported.height.height} is not taken: {describe_fault(end)}")
            is_given = False
        is_moved = self.chain.height.block_hash != start.block_hash
        if not is_given and not is_moved:
            pause_s = compute_pause_s(conducts, self.params.delays.peer_retry_s)
            self._put_aside(reported, Aside.IGNORED, pause_s)
        return is_moved

    def _show(self, progress: SyncProgress) -> None:
        """Show the progress: in status and bar each time, in the log once in a while."""
        self.progress = progress
        self.set_state(State.CATCHING_UP_SYNC, progress.format())
        self.on_progress(progress)
        now = self.clock.monotonic()
        if self._said_at is None or now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            self.log(f"catching up: {progress.format()}")

    def _hide(self) -> None:
        """Catching up ended, well or not."""
        if self.progress is not None:
            self.log(f"catching up ended: {self.progress.format()}")
        self.progress = self._said_at = None
        self.on_progress(None)

    def _put_aside(self, reported: ReportedChain, reason: Aside, seconds: float = BAN_S) -> None:
        self.memory.put_aside(reported.height.block_hash, reason, self.clock.monotonic(), seconds)

    async def _blame(self, holder: PeerView, failure: Exception, *, catching_up: bool) -> None:
        """A holder lied, or failed us: report it, and if it lied ask it last for a while."""
        self.log(f"sync from {holder.name} failed: {describe_fault(failure)}")
        if not is_held_against(holder):
            return
        if judge_failure(failure) is Conduct.LIED:
            self.memory.note_liar(holder.address, self.clock.monotonic())
        await self.reporter.publish_failed(holder.address, holder.name, catching_up=catching_up)

    async def _end_split(self) -> None:
        """A chain that was reported to have parted from ours may be ours now."""
        other = self.partitions.last
        if other is not None and await get_own_hash(self.ledger, other.height) == other.block_hash:
            self.partitions.end()

    def _note_split(self, reported: ReportedChain, common: Height, refusal: Ignore) -> None:
        """The other chain may not replace ours automatically, which is nobody's fault.  More peers may come
        to hold it, so it is looked at again soon."""
        self.partitions.note(self.chain.height, reported.height, common, refusal.reason)
        self._put_aside(reported, Aside.IGNORED, self.params.delays.grace_s)

    def _wait_for_holders(self, reported: ReportedChain, refusal: TooFewHold) -> None:
        """Nobody's fault either, and soon looked at again; fetched again when most hold it."""
        self.log(f"too few hold the branch of block {reported.height.height} so far: {refusal}")
        self._put_aside(reported, Aside.NEEDS_MAJORITY)
        self._put_aside(reported, Aside.IGNORED, self.params.delays.grace_s)

    def _lacks_holders(self, reported: ReportedChain, support: Support) -> bool:
        """Whether this branch was found to be taken only when most hold it, and they do not."""
        if support.is_majority or reported.height.block_hash not in self.list_aside(Aside.NEEDS_MAJORITY):
            return False
        self._put_aside(reported, Aside.IGNORED, self.params.delays.grace_s)
        return True
