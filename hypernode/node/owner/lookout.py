"""What is looked at before each decision: the clock, the disk, the companion, messages that grow old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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

MOST_WAITING_ROUNDS: Final = 24
"""A day of main's: so long what became of our slots waits for most of those that count."""


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
        """What became of our slots is final where most who count are on our tip: who is cut off with a few
        does not settle what an operator may have to take back.  Where most are away for a day, those that are
        enough to forge have to do."""
        round_, _ = self.node_state.get_round_slot()
        consensus, needed = self.node_state.consensus, self.tunables.current().min_forge_consensus
        percent = consensus.percent if consensus is not None else 0
        is_late = self.duty_log.count_waiting(round_) > MOST_WAITING_ROUNDS
        is_synced = 2 * percent > 100 or (is_late and percent > needed)
        await self.duty_log.look(round_, is_synced=is_synced and self.sync.progress is None)

    def _expire_messages(self) -> None:
        """Once a slot: what is over the age limit would be refused by whoever got it from us."""
        slot = self.node_state.get_round_slot()
        if slot != self._expired_in:
            self._expired_in = slot
            self.mempool.expire(self.clock.now())
