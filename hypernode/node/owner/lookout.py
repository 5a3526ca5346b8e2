"""What is looked at before each decision: the clock, the disk, the companion, messages that grow old."""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.core.types import Round, Slot
from hypernode.mempool.pool import Mempool
from hypernode.node.base.node_state import NodeState
from hypernode.node.base.tunables import TunablesInForce
from hypernode.node.duty.duty_log import DutyLog
from hypernode.node.duty.slot_log import SlotLog
from hypernode.node.owner.clock_watch import ClockWatch
from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.node.owner.storage_watch import StorageWatch
from hypernode.node.sync.synchroniser import Synchroniser
from hypernode.ports.clock import Clock


@dataclass(slots=True)
class Lookout:
    """Runs every watch, in such an order that a fault that one finds spares the others."""

    clock: Clock
    node_state: NodeState
    tunables: TunablesInForce
    mempool: Mempool
    slot_log: SlotLog
    duty_log: DutyLog
    clock_watch: ClockWatch
    storage_watch: StorageWatch
    companion: CompanionWatch
    sync: Synchroniser
    _expired_in: tuple[Round, Slot] | None = None

    async def look(self) -> None:
        """Raises StorageFault, PowNotReady."""
        self.node_state.note_clock_offset(self.clock_watch.look())
        await self.slot_log.end_past()
        await self._settle_duty()
        await self.storage_watch.check()
        self._expire_messages()
        await self.companion.check(self.tunables.colours)
        await self.sync.look_at_order()

    async def _settle_duty(self) -> None:
        """What became of our slots is final where as many are on our tip as forging asks for; many may be
        away, so that it need not be most of all who count."""
        round_, _ = self.node_state.get_round_slot()
        consensus, needed = self.node_state.consensus, self.tunables.current().min_forge_consensus
        is_synced = consensus is not None and consensus.percent > needed and self.sync.progress is None
        await self.duty_log.look(round_, is_synced=is_synced)

    def _expire_messages(self) -> None:
        """Once a slot: what is over the age limit would be refused by whoever got it from us."""
        slot = self.node_state.get_round_slot()
        if slot != self._expired_in:
            self._expired_in = slot
            self.mempool.expire(self.clock.now())
