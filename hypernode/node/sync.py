"""Taking a better branch from peers: of the present round, or all that we lack.

What peers tell decides only whom to ask.  The branch is fetched from one of its holders, judged in full
and measured by ``Chain.adopt``; a tip that breaks a rule or a promise is ignored for 15 minutes, and
who told it is reported.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from hypernode.core.errors import Ignore, Reject
from hypernode.core.params import Network
from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView, Support, ToldChain
from hypernode.machine.state import State
from hypernode.net.session import Session
from hypernode.node.asking import ask_block_info, ask_blocks, ask_round_blocks
from hypernode.node.chain import Chain
from hypernode.node.dialling import Dialler
from hypernode.node.judging import MAX_PART_MESSAGES, Prepared, split_blocks
from hypernode.node.pipeline import run_ahead
from hypernode.node.reporter import Reporter
from hypernode.node.world import World
from hypernode.ports import PowNotReady, TransportClosed

BAN_S = 900.0
"""How long a tip that broke its promise is ignored (spec 4)."""
MAX_BRANCH_BLOCKS = 2_000
"""Blocks of a diverging branch held in memory before it is measured: what two of main's rounds and a
long outage need is far below, and 2,000 blocks of usual size are some 100 MB."""
MAX_HOLDERS_ASKED = 3
"""Holders of a branch that are tried before the next look around."""


@dataclass(slots=True)
class SyncProgress:
    """Where catching up stands, for log and status."""

    first: Height = 0
    height: Height = 0
    target: Height = 0
    peer: str = ""


@dataclass(slots=True)
class Synchroniser:
    """Performs SyncRound and CatchUp."""

    network: Network
    world: World
    chain: Chain
    dialler: Dialler
    reporter: Reporter
    set_state: Callable[[State], None]
    log: Callable[[str], None]
    progress: SyncProgress = field(default_factory=SyncProgress)
    _banned: dict[bytes, float] = field(default_factory=dict)
    _needs_catch_up: dict[bytes, float] = field(default_factory=dict)
    _liars: dict[str, float] = field(default_factory=dict)
    _split: str = ""
    _split_until: float = 0.0

    @property
    def split(self) -> str:
        """Words for the operator while another chain is told that may not replace ours by itself."""
        return self._split if self.world.clock.monotonic() < self._split_until else ""

    def list_banned(self) -> frozenset[bytes]:
        """Tips that are not looked at: broken promises, and those that our own count finds no better."""
        return frozenset(_drop_old(self._banned, self.world.clock.monotonic()))

    def list_needing_catch_up(self) -> frozenset[bytes]:
        return frozenset(_drop_old(self._needs_catch_up, self.world.clock.monotonic()))

    async def sync_round(self, told: ToldChain, jurors: Sequence[str], support: Support) -> bool:
        """Take a better branch of the present round; True when ours was replaced or grew."""
        self.set_state(State.ROUND_SYNC)

        async def take(holder: PeerView) -> bool:
            async with self.dialler.borrow(holder.address) as session:
                blocks = await ask_round_blocks(session, told.height.round)
            return await self._adopt_round(told, blocks, support)

        return await self._try_holders(told, jurors, take, catching_up=False)

    async def catch_up(self, told: ToldChain, support: Support) -> bool:
        """Find the last common block by bisection and fetch the rest; True when our chain moved."""
        self.set_state(State.CATCHING_UP_CONNECT1)
        start = self.chain.height

        async def take(holder: PeerView) -> bool:
            async with self.dialler.borrow(holder.address) as session:
                self.progress = SyncProgress(start.height, start.height, told.height.height, holder.name)
                return await self._catch_up_from(session, told, support)

        await self._try_holders(told, (), take, catching_up=True)
        return self.chain.height.block_hash != start.block_hash

    async def _try_holders(
        self,
        told: ToldChain,
        jurors: Sequence[str],
        take: Callable[[PeerView], Awaitable[bool]],
        *,
        catching_up: bool,
    ) -> bool:
        """Take a branch from the first of its holders that gives it; True when it was taken.  When none of
        them does, its tip is left alone: for long when all of them lied."""
        start = self.chain.height
        rejected = asked = 0
        for holder in self._order_holders(told, jurors):
            asked += 1
            try:
                is_taken = await take(holder)
            except Ignore as refusal:
                self._note_split(told, refusal)
                return False
            except PowNotReady as problem:
                self.log(f"sync from {holder.name} has to wait: {problem}")
                return False
            except (TransportClosed, TimeoutError, Reject) as error:
                rejected += isinstance(error, Reject)
                await self._blame(holder, error, catching_up=catching_up)
                if self.chain.height.block_hash != start.block_hash:
                    return True
                continue
            if is_taken:
                self._split = ""
                await self.reporter.say_synced(holder.address, holder.name, catching_up=catching_up)
            return is_taken
        self._ban(told, BAN_S if rejected == asked else self.network.delays.peer_retry_s)
        return False

    async def _adopt_round(self, told: ToldChain, blocks: Sequence[Block], support: Support) -> bool:
        branch = [block for block in blocks if block.height <= told.height.height]
        if not branch or branch[-1].block_hash != told.height.block_hash:
            raise Reject("4-ledger", "promise not kept: the tip that was told is not in the answer")
        common = branch[0].height - 1
        if await self._get_own_hash(common) != branch[0].previous_hash:
            self._needs_catch_up[told.height.block_hash] = self.world.clock.monotonic() + BAN_S
            return False
        # What is equal stays: only what differs is replaced.
        while branch and await self._get_own_hash(common + 1) == branch[0].block_hash:
            common += 1
            branch = branch[1:]
        if branch and await self._adopt(common, await self.chain.prepare(branch), told, support):
            return True
        return self._leave(told)

    async def _catch_up_from(self, session: Session, told: ToldChain, support: Support) -> bool:
        self.set_state(State.CATCHING_UP_PRESYNC)
        common = await self._find_common(session, min(self.chain.height.height, told.height.height))
        if common == told.height.height:
            return self._leave(told)
        # What may not replace ours is not fetched first.
        await self.chain.check_depth(common, support)
        self.set_state(State.CATCHING_UP_SYNC)
        # While blocks are judged and stored, the next are verified, and those after them fetched.
        fetched = run_ahead(self._fetch(session, common + 1, told.height.height))
        async with aclosing(fetched), aclosing(run_ahead(self._prepare(fetched))) as parts:
            pending: list[Prepared] = []
            async for part in parts:
                pending += part
                height = pending[-1].block.height
                is_last = height >= told.height.height
                # Blocks of ours go only for a whole branch; what merely follows our tip is taken as it comes.
                if common == self.chain.height.height or is_last or len(pending) >= MAX_BRANCH_BLOCKS:
                    if not await self._adopt(common, pending, told, support):
                        return self._leave(told)
                    common, pending = height, []
                self.progress.height = height
                self.log(f"catching up from {self.progress.peer}: block {height} of {told.height.height}")
        return True

    async def _fetch(
        self, session: Session, first: Height, last: Height
    ) -> AsyncGenerator[list[Block], None]:
        """Blocks ``first`` to ``last``, an answer of the peer at a time; one with many messages in parts."""
        while first <= last:
            blocks = [block for block in await ask_blocks(session, first) if block.height <= last]
            if not blocks:
                raise Reject("4-ledger", f"promise not kept: no block {first}")
            for part in split_blocks(blocks, MAX_PART_MESSAGES):
                yield part
            first = blocks[-1].height + 1

    async def _prepare(
        self, fetched: AsyncGenerator[list[Block], None]
    ) -> AsyncGenerator[list[Prepared], None]:
        async for blocks in fetched:
            yield await self.chain.prepare(blocks)

    async def _adopt(
        self, common: Height, branch: Sequence[Prepared], told: ToldChain, support: Support
    ) -> bool:
        """Whether our chain goes through the branch now; its promise is measured when it ends in what was
        told."""
        last = branch[-1].block
        told_height = told.height if last.height >= told.height.height else None
        outcome = await self.chain.adopt_prepared(common, branch, told_height, support)
        # A block of it that was pushed to us meanwhile makes it no better than ours.
        return outcome.adopted or await self._get_own_hash(last.height) == last.block_hash

    def _leave(self, told: ToldChain) -> bool:
        """By our own count it is not better, or it is part of our chain: what is told of uniques and forgers
        may be stale, and no lie (spec 8).  It is not looked at again for a while, or we would do nothing
        else."""
        self._ban(told, BAN_S)
        return False

    def _ban(self, told: ToldChain, seconds: float) -> None:
        self._banned[told.height.block_hash] = self.world.clock.monotonic() + seconds

    async def _find_common(self, session: Session, highest: Height) -> Height:
        """The last height at which the peer's block is ours; genesis always is."""
        if await self._is_common(session, highest):
            return highest
        low, high = 0, highest
        while high - low > 1:
            middle = (low + high) // 2
            if await self._is_common(session, middle):
                low = middle
            else:
                high = middle
        return low

    async def _is_common(self, session: Session, height: Height) -> bool:
        theirs = await ask_block_info(session, height)
        return theirs is not None and theirs.block_hash == await self._get_own_hash(height)

    async def _get_own_hash(self, height: Height) -> bytes | None:
        headers = await self.world.ledger.get_headers(height, 1)
        return headers[0].block_hash if headers and headers[0].height == height else None

    async def _blame(self, holder: PeerView, error: Exception, *, catching_up: bool) -> None:
        """A holder lied, or failed us: it is reported, and for a while asked last when it lied."""
        self.log(f"sync from {holder.name} failed: {error}")
        if isinstance(error, Reject):
            self._liars[holder.address] = self.world.clock.monotonic() + BAN_S
        await self.reporter.say_failed(holder.address, holder.name, catching_up=catching_up)

    def _note_split(self, told: ToldChain, refusal: Ignore) -> None:
        """The other chain may not replace ours by itself: nobody's fault.  More peers may come to stand
        behind it, so it is looked at again soon."""
        own, monotonic = self.chain.height, self.world.clock.monotonic()
        self._split = (
            f"SPLIT: {refusal.reason}; ours {own.height} {own.block_hash.hex()}, "
            f"theirs {told.height.height} {told.height.block_hash.hex()}"
        )
        self._split_until = monotonic + BAN_S
        self.log(self._split)
        self._ban(told, self.network.delays.grace_s)

    def _order_holders(self, told: ToldChain, jurors: Sequence[str]) -> list[PeerView]:
        """Whom to ask first: jurors, then those we have an outgoing connection to, then by latest word; who
        lied of late comes last."""
        liars = frozenset(_drop_old(self._liars, self.world.clock.monotonic()))
        ordered = sorted(
            told.holders,
            key=lambda p: (
                p.address in liars,
                p.address not in jurors,
                not p.is_outbound,
                -p.told_at,
                p.address,
            ),
        )
        return ordered[:MAX_HOLDERS_ASKED]


Key = TypeVar("Key", bound=Hashable)


def _drop_old(times: dict[Key, float], now: float) -> list[Key]:
    for key in [key for key, until in times.items() if until <= now]:
        del times[key]
    return list(times)
