"""Syncing beside the owner: one procedure at a time, stopped when something is more urgent.

While blocks are fetched the owner goes on deciding, so a peer that tells a better chain and then is silent
keeps us neither from forging nor from what we owe the round.  What shows that a procedure is worth waiting
for is that our chain changes: what a peer sends shows nothing, for it may send a little at a time for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypernode.machine.state import State
from hypernode.node.base.activity_tracker import ActivityTracker
from hypernode.node.base.tip_signal import TipSignal
from hypernode.node.chain.chain import Chain
from hypernode.ports.clock import Clock


class SyncTask:
    """Holds the sync that is under way."""

    def __init__(self, clock: Clock, tip: TipSignal, activities: ActivityTracker, chain: Chain) -> None:
        self._clock = clock
        self._tip = tip
        self._activities = activities
        self._chain = chain
        self._task: asyncio.Task[None] | None = None
        self._began_at = 0.0

    @property
    def alive_at(self) -> float | None:
        """When the sync began, or our chain last changed since then (monotonic s); None if none is under
        way."""
        return None if self._task is None else max(self._began_at, self._tip.changed_at)

    def start(self, group: asyncio.TaskGroup, work: Callable[[], Awaitable[object]]) -> None:
        """Begin a sync.  There must be none under way."""

        async def run() -> None:
            await work()

        self._began_at = self._clock.monotonic()
        self._task = group.create_task(run(), name="sync")
        self._task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
            self._activities.end_sync()

    def show(self, state: State, words: str = "") -> None:
        """How far the sync is."""
        self._activities.note_sync(state, words)

    async def stop(self) -> None:
        """Stop the sync, but not in the middle of a change of our chain."""
        task = self._task
        if task is not None:
            async with self._chain.at_rest():
                task.cancel()
            await asyncio.wait({task})

    def cancel(self) -> None:
        """Cancel it, at the end of the node."""
        if self._task is not None:
            self._task.cancel()
