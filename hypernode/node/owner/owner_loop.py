"""The owner of all decisions: one task that looks, decides and performs, whenever something happened or a
tick is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NoReturn

from hypernode.machine.decide import decide
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.base.node_state import NodeState
from hypernode.node.duty.duties import SLOT_EDGE_S, Duties
from hypernode.node.duty.slot_log import SlotLog
from hypernode.node.owner.fault_notes import FAULTS, FaultNotes
from hypernode.node.owner.health_watch import HealthWatch
from hypernode.node.owner.lookout import Lookout
from hypernode.node.owner.performer import Performer
from hypernode.node.owner.view_builder import ViewBuilder
from hypernode.ports.clock import Clock
from hypernode.ports.tunables import CurrentTunables


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner's loop.  Whoever knows of something to look at sets ``woken``."""

    woken: asyncio.Event
    clock: Clock
    node_state: NodeState
    tunables: CurrentTunables
    activities: ActivityTracker
    lookout: Lookout
    view_builder: ViewBuilder
    performer: Performer
    duties: Duties
    slot_log: SlotLog
    health: HealthWatch
    faults: FaultNotes

    async def decide_on(self) -> NoReturn:
        """Look, decide and perform until it is cancelled."""
        while True:
            self.woken.clear()
            try:
                await self._decide_once()
            except FAULTS as fault:
                self.faults.note(fault)
                await self._judge_fault()
            try:
                async with asyncio.timeout(self._next_look()):
                    await self.woken.wait()
            except TimeoutError:
                pass

    async def _decide_once(self) -> None:
        await self.lookout.look()
        view = await self.view_builder.look()
        decision = decide(self.node_state.params, self.tunables.current(), view)
        self.activities.note_decision(decision)
        self.slot_log.note(view, decision)
        await self.health.look(view)
        await self.performer.perform(decision, view)
        await self.duties.publish_what_is_due()

    async def _judge_fault(self) -> None:
        """The judgement where nothing was decided; it goes by the last view."""
        try:
            await self.health.look(None)
        except FAULTS as fault:
            self.faults.note(fault)

    def _next_look(self) -> float:
        """Seconds until the next tick, or the next edge of a slot or of its forging window."""
        now = self.clock.now()
        start, end = self.node_state.get_slot_times()
        delays = self.node_state.params.delays
        edges = [end + SLOT_EDGE_S, start + delays.earliest_forging_s + SLOT_EDGE_S]
        return min(delays.tick_s, *(edge - now for edge in edges if edge > now))
