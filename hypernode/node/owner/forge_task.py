"""Forging in our slot, and the pushing of our block beside the owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hypernode.core.errors import Verdict
from hypernode.core.types import Block, RoundPlan, Slot
from hypernode.machine.state import State
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.base.background import Background
from hypernode.node.base.node_state import NodeState
from hypernode.node.duty.forger import Forger
from hypernode.node.duty.slot_log import SlotLog
from hypernode.node.owner.fault_notes import FAULTS, FaultNotes
from hypernode.node.peers.peer_table import Peers
from hypernode.ports.journal import AlreadySigned


@dataclass(slots=True)
class ForgeTask:
    """Performs Forge."""

    background: Background
    node_state: NodeState
    activities: ActivityTracker
    peers: Peers
    forger: Forger
    slot_log: SlotLog
    faults: FaultNotes
    wake: Callable[[], None]
    log: Callable[[str], None]
    _sending: asyncio.Task[None] | None = None

    async def forge(self, sir: Slot) -> None:
        """A block for the slot ``sir`` of the plan's round.  What stands in its way is shown and said."""
        plan = self.node_state.plan
        if plan is None:
            return
        await self._end_sending()
        try:
            block = await self.forger.forge(plan, sir)
        except (Verdict, AlreadySigned) as obstacle:
            self.log(f"did not forge for slot {sir}: {obstacle}")
            self.slot_log.note_fault(obstacle)
            self.activities.note_fault(State.SYNCING, str(obstacle))
            return
        self.slot_log.note_forged(block.round, block.sir)
        self._sending = self.background.start(
            partial(self._send, block, plan), name=f"push block {block.height}"
        )

    def cancel(self) -> None:
        """At the end of the node."""
        if self._sending is not None:
            self._sending.cancel()

    async def _send(self, block: Block, plan: RoundPlan) -> None:
        """Push our block beside the owner, who has a round to look after meanwhile."""
        try:
            with self.activities.sending():
                sent = await self.forger.send(block, plan)
                targets = self.forger.count_targets(plan)
            await self.slot_log.note_pushed((block.round, block.sir), sent, targets)
        except FAULTS as fault:
            self.faults.note(fault)
        self.wake()

    async def _end_sending(self) -> None:
        """One block is on its way at a time: who has not got the last one by now fetches it."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
            self._sending = None
            # where it had not begun, nothing of it cleaned up
            self.peers.end_all_pushes()
