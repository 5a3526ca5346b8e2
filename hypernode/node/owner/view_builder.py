"""What the node knows at one moment, gathered for ``machine.decide``."""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.core.block import count_sources
from hypernode.core.forging import find_forging_violation
from hypernode.core.types import ChainHeight, Message, Round
from hypernode.machine.consensus import compute_consensus
from hypernode.machine.decide import NodeView
from hypernode.machine.peers import PeerView, find_better_chains, keep_fresh
from hypernode.machine.sync_memory import Aside
from hypernode.node.base.node_state import NodeState
from hypernode.node.chain.chain import Chain
from hypernode.node.duty.forger import Forger
from hypernode.node.intake.intake import Intake
from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.node.peers.peer_table import Peers
from hypernode.node.sync.fork_monitor import ForkMonitor
from hypernode.node.sync.sync_task import SyncTask
from hypernode.node.sync.synchroniser import Synchroniser
from hypernode.ports.chain import RoundReader
from hypernode.ports.clock import Clock
from hypernode.ports.journal import JournalReader


@dataclass(slots=True)
class ViewBuilder:
    """Builds the view from all parts, and writes the consensus into the node's state."""

    clock: Clock
    own_address: str
    journal: JournalReader
    ledger: RoundReader
    node_state: NodeState
    chain: Chain
    peers: Peers
    intake: Intake
    forger: Forger
    companion: CompanionWatch
    sync: Synchroniser
    sync_task: SyncTask
    fork_monitor: ForkMonitor
    _better_since: float | None = None
    _better_at: bytes = b""

    async def look(self) -> NodeView:
        """What is known now."""
        round_, sir = self.node_state.get_round_slot()
        start, end = self.node_state.get_slot_times()
        own, plan, monotonic = self.chain.height, self.node_state.plan, self.clock.monotonic()
        peers = keep_fresh(self.node_state.params.delays, self.peers.list_views(), monotonic)
        status = self.node_state.pow_status
        jurors = tuple(juror.address for juror in plan.jurors) if plan else ()
        counted = len(self.node_state.counted.addresses)
        self.node_state.note_consensus(compute_consensus(own, peers, counted, frozenset(jurors)))
        banned, ready = self.sync.list_aside(Aside.IGNORED), self._list_ready()
        return NodeView(
            now=self.clock.now(),
            monotonic=monotonic,
            round=round_,
            sir=sir,
            slot_start=start,
            slot_end=end,
            own=own,
            own_address=self.own_address,
            peers=peers,
            connected=self.peers.count_connected(),
            halted=self.node_state.halted,
            pow_problem=status.problem if status else "",
            is_round_new=plan is None or plan.round != round_,
            is_plan_current=await self._is_plan_current(round_),
            counted=counted,
            jurors=jurors,
            juror=self.node_state.get_juror(),
            banned_tips=banned,
            needs_catch_up=self.sync.list_aside(Aside.NEEDS_CATCH_UP),
            order=self.sync.partitions.order,
            tips_without_order=self.sync.list_aside(Aside.LACKS_ORDER),
            strange=await self.fork_monitor.find(peers),
            sync_alive_at=self.sync_task.alive_at,
            better_since=self._note_better(own, peers, banned),
            is_slot_signed=await self.journal.get_hash(round_, sir) is not None,
            can_seal=find_forging_violation(self.node_state.params, ready) is None,
            messages=len(ready),
            senders=count_sources(ready),
            uptime_s=self.clock.now() - self.node_state.start_time,
            forge_from_round=self.node_state.forge_from_round,
            clock_offset_s=self.node_state.clock_offset_s,
        )

    def _note_better(
        self, own: ChainHeight, peers: tuple[PeerView, ...], banned: frozenset[bytes]
    ) -> float | None:
        """Since when a better chain is told while our tip is this one."""
        if not find_better_chains(own, peers, banned):
            self._better_since = None
        elif self._better_since is None or self._better_at != own.block_hash:
            self._better_since = self.clock.monotonic()
        self._better_at = own.block_hash
        return self._better_since

    def _list_ready(self) -> list[Message]:
        """What a block of ours made now would hold; in a slot of others it does not matter."""
        if self.node_state.get_juror() != self.own_address:
            return []
        return self.forger.select(self.intake.senders)

    async def _is_plan_current(self, round_: Round) -> bool:
        plan = self.node_state.plan
        if plan is None or plan.round != round_ or self.companion.is_list_stale:
            return False
        _, reference_hash = await self.ledger.get_reference(round_)
        return plan.reference_hash == reference_hash
