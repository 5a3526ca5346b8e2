"""A time limit that is cheap to move: streams set one for every frame.

``asyncio.timeout`` makes and cancels a timer each time.  Here one timer stays, and when it fires too early it
is set anew, so that moving the time costs an assignment.  It cannot interrupt a task: it closes what the task
waits for, and who gets that error asks ``is_over``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Deadline:
    """Calls ``on_over`` once, when the time that was set has come.  Times are loop time in seconds."""

    __slots__ = ("_at", "_on_over", "_timer", "is_over")

    def __init__(self, on_over: Callable[[], None]) -> None:
        self._on_over = on_over
        self._at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False

    def set(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        """Move the deadline."""
        self._at = at
        if self._timer is None:
            self._timer = loop.call_at(at, self._fire, loop)
        elif self._timer.when() > at:
            self._timer.cancel()
            self._timer = loop.call_at(at, self._fire, loop)

    def clear(self) -> None:
        """Have no deadline for now; the timer may stay until it fires in vain."""
        self._at = math.inf

    def close(self) -> None:
        """Have no deadline ever again."""
        self._at = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._at == math.inf:
            return
        if loop.time() < self._at:
            self._timer = loop.call_at(self._at, self._fire, loop)
            return
        self._at = math.inf
        self.is_over = True
        self._on_over()
