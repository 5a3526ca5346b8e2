"""Chains that are told, no better than ours and no part of it: have they parted from ours for good?

A fork of the present round heals itself: who has the worse branch takes the better one.  What stays is a
network that fell apart.  The side whose chain is better would never look at the other, so its operator would
not hear of it: therefore such a chain is looked into, one at a time and seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from hypernode.core.errors import Ignore, Reject
from hypernode.core.fork_choice import is_better
from hypernode.core.params.chain_params import ChainParams
from hypernode.machine.peers import PeerView, ReportedChain, Support, group_chains
from hypernode.machine.sync_memory import Aside, SyncMemory
from hypernode.node.chain.chain import Chain
from hypernode.node.peers.dialling import Dialler
from hypernode.node.sync.common_block import find_common, get_own_hash
from hypernode.node.sync.partitions import SHOWN_S, Partitions
from hypernode.ports.chain import BlockReader
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed

MAX_CHAINS: Final = 8
"""Told chains that are compared with ours at a look, most held first: each is a question to the ledger."""
LOOK_AGAIN_S: Final = SHOWN_S / 2
"""A tip that stays is looked into again before its split would be forgotten."""
PAUSE: Final = 3
"""Between two looks, in units of ``peer_retry_s``: a minute on main."""
_EVERYBODY: Final = Support(1, 1)
"""Only the age of what would go counts here, not who holds the other chain."""


class ForkMonitor:
    """Finds such chains among the heights that peers report, and looks into them."""

    def __init__(
        self,
        params: ChainParams,
        clock: Clock,
        ledger: BlockReader,
        chain: Chain,
        dialler: Dialler,
        partitions: Partitions,
        memory: SyncMemory,
    ) -> None:
        self._params = params
        self._clock = clock
        self._ledger = ledger
        self._chain = chain
        self._dialler = dialler
        self._partitions = partitions
        self._memory = memory
        self._since: float | None = None
        self._quiet_until = 0.0

    async def find(self, peers: Sequence[PeerView]) -> ReportedChain | None:
        """A chain to look into now: it has been reported for longer than a fork of the present round
        lives."""
        now = self._clock.monotonic()
        strange = [
            reported for reported in group_chains(peers)[:MAX_CHAINS] if await self._is_strange(reported)
        ]
        if not strange:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now < max(self._since + self._params.delays.peer_retry_s, self._quiet_until):
            return None
        compared = self._memory.list_aside(Aside.COMPARED, now)
        return next((reported for reported in strange if reported.height.block_hash not in compared), None)

    async def look_into(self, reported: ReportedChain) -> None:
        """Find the last common block.  The network has split if our block above it is too old to be replaced
        automatically."""
        now = self._clock.monotonic()
        self._quiet_until = now + PAUSE * self._params.delays.peer_retry_s
        self._memory.put_aside(reported.height.block_hash, Aside.COMPARED, now, LOOK_AGAIN_S)
        holder = max(reported.holders, key=lambda peer: (peer.is_outbound, peer.reported_at, peer.address))
        own = self._chain.height
        try:
            async with (
                asyncio.timeout(self._params.delays.peer_retry_s),
                self._dialler.borrow(holder.address) as session,
            ):
                common = await find_common(session, self._ledger, min(own.height, reported.height.height))
        except (TransportClosed, TimeoutError, Reject):
            return  # nothing hangs on it: the next tip is looked into
        try:
            await self._chain.check_depth(common, _EVERYBODY)
        except Ignore as refusal:
            self._partitions.note(own, reported.height, common, refusal.reason)

    async def _is_strange(self, reported: ReportedChain) -> bool:
        own, other = self._chain.height, reported.height
        if other.block_hash == own.block_hash or is_better(other, own):
            return False
        return other.height > own.height or (
            await get_own_hash(self._ledger, other.height) != other.block_hash
        )
