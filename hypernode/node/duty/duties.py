"""What a node owes the round: the words that are due at a time of it, and the tests of the plan.

Both need an audience: a node without the network's minimum of connections says nothing (nobody would
hear it) and judges nobody (it would be its own line that failed).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypernode.core.errors import InvariantBroken
from hypernode.core.fillers import compute_fillers
from hypernode.core.forging import find_forging_violation
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import PeerTest, Round, RoundPlan, Slot
from hypernode.machine.state import State
from hypernode.mempool.pool import Mempool
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.base.node_events import NodeEvents
from hypernode.node.base.node_state import NodeState
from hypernode.node.duty.reporter import Reporter
from hypernode.node.duty.tester import Tester
from hypernode.node.peers.peer_table import Peers
from hypernode.ports.chain import TipReader
from hypernode.ports.clock import Clock
from hypernode.ports.storage_faults import StorageFault

SLOT_EDGE_S = 0.02
"""How long after the edge of a slot we look, so that rounding does not put us before it."""


@dataclass(slots=True)
class Duties:
    """Publishes and tests what is due."""

    params: ChainParams
    clock: Clock
    node_state: NodeState
    activities: ActivityTracker
    peers: Peers
    reporter: Reporter
    tester: Tester
    ledger: TipReader
    mempool: Mempool
    events: NodeEvents

    def is_able(self) -> bool:
        """Whether somebody hears us, and nothing keeps us from judging."""
        idle = (State.START, State.HALTED, State.POW_NOT_SYNC)
        enough = self.peers.count_connected() >= self.params.min_connections
        return enough and self.activities.shown.state not in idle

    async def publish_what_is_due(self) -> None:
        """Publish the messages that belong to a time of the round."""
        plan = self.node_state.plan
        round_, sir = self.node_state.get_round_slot()
        if plan is None or plan.round != round_ or not self.is_able():
            return
        await self.reporter.publish_start()
        await self.reporter.publish_config()
        await self.reporter.publish_no_test(plan, sir)
        if sir >= self.params.slots:
            await self.reporter.publish_late()
        elif self._is_our_turn_to_fill(round_, sir):
            await self.reporter.publish_config_again(sir)

    def _is_our_turn_to_fill(self, round_: Round, sir: Slot) -> bool:
        """Whether the slot would stay empty, because hypernodes that do not count have its tests, and we are
        one of those that send it a message."""
        counted, height = self.node_state.counted, self.ledger.get_height()
        if not counted.reasons or (height.round, height.sir) >= (round_, sir):
            return False
        start, end = self.node_state.get_slot_times()
        part = (self.clock.now() - start) / (end - start)
        own = self.reporter.own_address
        if own not in compute_fillers(self.params, counted.present, round_, sir, part):
            return False
        return find_forging_violation(self.params, self.mempool.get_all()) is not None

    async def test_peers(self) -> None:
        """Run the plan's tests of every slot, one at a time, for as long as the node lives."""
        while True:
            plan = self.node_state.plan
            round_, sir = self.node_state.get_round_slot()
            if plan is not None and plan.round == round_ and self.is_able():
                for test in self.tester.list_own(plan, sir):
                    if self.node_state.get_round_slot() != (round_, sir):
                        break
                    await self._run_test(test, plan, sir)
            _, end = self.node_state.get_slot_times()
            if plan is None or plan.round != round_:
                end = self.clock.now() + self.params.delays.tick_s
            await asyncio.sleep(max(SLOT_EDGE_S, end + SLOT_EDGE_S - self.clock.now()))

    async def _run_test(self, test: PeerTest, plan: RoundPlan, sir: Slot) -> None:
        try:
            with self.activities.testing(f"test {test.kind} of {test.tested}"):
                await self.tester.run(test, plan, sir)
        except StorageFault:
            pass  # the owner meets it too, and says so
        except InvariantBroken as bug:
            self.events.on_bug(bug)
