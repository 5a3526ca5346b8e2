"""Taking a better branch from peers: of the present round, or all that we lack.

What peers tell decides only whom to ask.  The branch is fetched from one of its holders, judged in full
and measured by ``Chain.adopt``; a tip that breaks a rule or a promise is ignored for 15 minutes, and
who told it is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypernode.core.errors import Ignore, Reject
from hypernode.core.params import Network
from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView, Support, ToldChain
from hypernode.machine.state import State
from hypernode.net.session import Session
from hypernode.node.asking import ask_block_info, ask_blocks, ask_round_blocks
from hypernode.node.chain import Chain
from hypernode.node.dialling import Dialler
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
    split: str = ""
    """Words for the operator when another chain is older than what heals by itself."""
    _banned: dict[bytes, float] = field(default_factory=dict)
    _needs_catch_up: dict[bytes, float] = field(default_factory=dict)

    def list_banned(self) -> frozenset[bytes]:
        return frozenset(_drop_old(self._banned, self.world.clock.monotonic()))

    def list_needing_catch_up(self) -> frozenset[bytes]:
        return frozenset(_drop_old(self._needs_catch_up, self.world.clock.monotonic()))

    async def sync_round(self, told: ToldChain, jurors: Sequence[str], support: Support) -> bool:
        """Take a better branch of the present round; True when ours was replaced or grew."""
        self.set_state(State.ROUND_SYNC)
        for holder in _order_holders(told, jurors):
            try:
                async with self.dialler.borrow(holder.address) as session:
                    blocks = await ask_round_blocks(session, told.height.round)
                adopted = await self._adopt_round(told, blocks, support)
            except (TransportClosed, TimeoutError, Reject, Ignore, PowNotReady) as error:
                if await self._blame(told, holder, error, catching_up=False):
                    return False
                continue
            if adopted:
                self.split = ""
                await self.reporter.say_synced(holder.address, holder.name, catching_up=False)
            return adopted
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
        if not branch:
            return False
        outcome = await self.chain.adopt(common, branch, told.height, support)
        return outcome.adopted

    async def catch_up(self, told: ToldChain, support: Support) -> bool:
        """Find the last common block by bisection and fetch the rest; True when our chain moved."""
        self.set_state(State.CATCHING_UP_CONNECT1)
        start = self.chain.height
        for holder in _order_holders(told, ()):
            try:
                async with self.dialler.borrow(holder.address) as session:
                    self.progress = SyncProgress(start.height, start.height, told.height.height, holder.name)
                    await self._catch_up_from(session, told, support)
            except (TransportClosed, TimeoutError, Reject, Ignore, PowNotReady) as error:
                moved = self.chain.height.block_hash != start.block_hash
                if await self._blame(told, holder, error, catching_up=True) or moved:
                    return moved
                continue
            self.split = ""
            await self.reporter.say_synced(holder.address, holder.name, catching_up=True)
            return True
        return False

    async def _catch_up_from(self, session: Session, told: ToldChain, support: Support) -> None:
        self.set_state(State.CATCHING_UP_PRESYNC)
        common = await self._find_common(session, min(self.chain.height.height, told.height.height))
        self.set_state(State.CATCHING_UP_SYNC)
        pending: list[Block] = []
        height = common
        while height < told.height.height:
            batch = [b for b in await ask_blocks(session, height + 1) if b.height <= told.height.height]
            if not batch:
                raise Reject("4-ledger", f"promise not kept: no block {height + 1}")
            height = batch[-1].height
            pending += batch
            is_last = height >= told.height.height
            # Blocks of ours go only for a whole branch; what merely follows our tip is taken as it comes.
            if common == self.chain.height.height or is_last or len(pending) >= MAX_BRANCH_BLOCKS:
                target = told.height if is_last else None
                outcome = await self.chain.adopt(common, pending, target, support)
                if not outcome.adopted:
                    raise Reject("4-ledger", "promise not kept: the branch is not better than ours")
                common, pending = height, []
            self.progress.height = height
            self.log(f"catching up from {self.progress.peer}: block {height} of {told.height.height}")

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

    async def _blame(self, told: ToldChain, holder: PeerView, error: Exception, *, catching_up: bool) -> bool:
        """Draw the consequences of a failure; True when no other holder can do better."""
        clock = self.world.clock
        self.log(f"sync from {holder.name} failed: {error}")
        if isinstance(error, Ignore):
            own = self.chain.height
            self.split = f"SPLIT: {error.reason}; ours {own.height} {own.block_hash.hex()}, theirs " + (
                f"{told.height.height} {told.height.block_hash.hex()}"
            )
            # Nobody's fault, and more peers may come to stand behind it: look again soon.
            self._banned[told.height.block_hash] = clock.monotonic() + self.network.delays.grace_s
            return True
        if isinstance(error, PowNotReady):
            return True
        if isinstance(error, Reject):
            self._banned[told.height.block_hash] = clock.monotonic() + BAN_S
        await self.reporter.say_failed(holder.address, holder.name, catching_up=catching_up)
        return isinstance(error, Reject)


def _order_holders(told: ToldChain, jurors: Sequence[str]) -> list[PeerView]:
    """Whom to ask first: jurors, then those we have an outgoing connection to, then by latest word."""
    ordered = sorted(
        told.holders, key=lambda p: (p.address not in jurors, not p.is_outbound, -p.told_at, p.address)
    )
    return ordered[:MAX_HOLDERS_ASKED]


def _drop_old(times: dict[bytes, float], now: float) -> list[bytes]:
    for block_hash in [h for h, until in times.items() if until <= now]:
        del times[block_hash]
    return list(times)
