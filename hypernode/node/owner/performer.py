"""What the owner decided, done: each decision by the part that can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hypernode.machine.decide import (
    CatchUp,
    Decision,
    DeriveRound,
    DropPremature,
    Follow,
    Forge,
    GoOn,
    LookInto,
    NodeView,
    Rest,
    SyncRound,
)
from hypernode.machine.peers import ReportedChain, Support, compute_support
from hypernode.node.base.background import Background
from hypernode.node.chain.chain import Chain
from hypernode.node.owner.fault_notes import FAULTS, FaultNotes
from hypernode.node.owner.forge_task import ForgeTask
from hypernode.node.owner.round_entry import RoundEntry
from hypernode.node.sync.fork_monitor import ForkMonitor
from hypernode.node.sync.sync_task import SyncTask
from hypernode.node.sync.synchroniser import Synchroniser


@dataclass(frozen=True, slots=True)
class Performer:
    """Carries out decisions.  ``perform`` returns when the decision is done, or under way in a task beside
    the owner."""

    background: Background
    chain: Chain
    entry: RoundEntry
    forge_task: ForgeTask
    sync_task: SyncTask
    sync: Synchroniser
    fork_monitor: ForkMonitor
    faults: FaultNotes
    wake: Callable[[], None]

    async def perform(self, decision: Decision, view: NodeView) -> None:
        """Do what was decided by ``view``.  Raises PowNotReady, StorageFault, InvariantBroken."""
        match decision:
            case Rest():
                if view.halted:
                    await self.sync_task.stop()
            case GoOn():
                pass
            case DeriveRound():
                await self.entry.enter(view.round)
                self.wake()
            case DropPremature():
                await self.chain.drop_premature()
            case Forge():
                await self.sync_task.stop()
                if self.chain.height == view.own:
                    await self.forge_task.forge(view.sir)
            case SyncRound() | CatchUp() | Follow() | LookInto():
                if self.background.group is not None:
                    self.sync_task.start(self.background.group, partial(self._sync, decision, view))

    async def _sync(self, decision: SyncRound | CatchUp | Follow | LookInto, view: NodeView) -> None:
        """Perform it, and look at once at what else there is; where nothing came of it and the same would be
        tried again, with the next tick."""
        is_news = False
        try:
            match decision:
                case SyncRound(chain):
                    is_news = await self.sync.sync_round(chain, view.jurors, _find_support(chain, view))
                    is_news |= self.sync.is_put_aside(chain)
                case CatchUp(chain):
                    is_news = await self.sync.catch_up(chain, _find_support(chain, view), view.jurors)
                    is_news |= self.sync.is_put_aside(chain)
                case Follow(order, chains):
                    is_news = await self.sync.follow(order, chains, view.peers)
                case LookInto(chain):
                    await self.fork_monitor.look_into(chain)
        except FAULTS as fault:
            self.faults.note(fault)
        if is_news:
            # When this task is over, or it would still be under way.
            asyncio.get_running_loop().call_soon(self.wake)


def _find_support(chain: ReportedChain, view: NodeView) -> Support:
    return compute_support(chain.height.block_hash, view.peers)
