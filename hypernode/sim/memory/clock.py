"""A host's clock in a simulation: the loop's virtual time, with an error of its own."""

from __future__ import annotations

from asyncio import AbstractEventLoop


class SimClock:
    """Implements ``ports.clock.Clock``.  ``wall_start``: unix time when the loop shows 0; ``skew_s``: how far
    the wall clock goes ahead of the true one (below 0: behind)."""

    def __init__(self, loop: AbstractEventLoop, wall_start: float, skew_s: float = 0.0) -> None:
        self._loop = loop
        self._wall_start = wall_start
        self._skew_s = skew_s
        self._rate, self._since = 0.0, 0.0

    def now(self) -> float:
        return self._wall_start + self._loop.time() + self._skew_s + self._drifted()

    def drift(self, rate: float) -> None:
        """From now on the wall clock gains so many seconds a second (or loses); what it gained stays."""
        self._skew_s += self._drifted()
        self._rate, self._since = rate, self._loop.time()

    def _drifted(self) -> float:
        return self._rate * (self._loop.time() - self._since)

    def monotonic(self) -> float:
        return self._loop.time()

    def step(self, seconds: float) -> None:
        """Set the wall clock forward (or back), as an operator or NTP may; the monotonic one goes on."""
        self._skew_s += seconds
