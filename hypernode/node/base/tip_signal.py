"""Changes of our tip, for those who wait for one and those who ask when the last one was."""

from __future__ import annotations

import asyncio

from hypernode.ports.clock import Clock


class TipSignal:
    """Raised at each change of our chain's tip."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = asyncio.Event()
        self._changed_at = float("-inf")

    @property
    def changed_at(self) -> float:
        """When our chain last changed, monotonic s; minus infinity before the first change."""
        return self._changed_at

    @property
    def next_change(self) -> asyncio.Event:
        """An event that is set at the next change of the tip, and stays set."""
        return self._next

    def note_change(self) -> None:
        """The tip changed now."""
        self._changed_at = self._clock.monotonic()
        self._next.set()
        self._next = asyncio.Event()
