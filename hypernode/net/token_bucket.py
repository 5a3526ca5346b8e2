"""How many questions a peer may ask: tokens that come back with time (spec 2, limits: requests)."""

from __future__ import annotations


class TokenBucket:
    """Holds at most ``capacity`` tokens and gains ``rate`` of them a second.  It may go into debt: then
    ``take`` says how long the asker waits for its answer.  Times are seconds of a clock that never steps."""

    __slots__ = ("_capacity", "_rate", "_then", "_tokens")

    def __init__(self, capacity: float, rate: float, now: float) -> None:
        self._capacity = capacity
        self._rate = rate
        self._tokens = capacity
        self._then = now

    def take(self, cost: float, now: float) -> float:
        """Take ``cost`` tokens; returns the seconds until they are there, 0 if they are."""
        self._tokens = self.get_tokens(now) - cost
        self._then = now
        return max(0.0, -self._tokens / self._rate)

    def get_tokens(self, now: float) -> float:
        """The tokens in it at ``now``; negative in debt."""
        return min(self._capacity, self._tokens + max(0.0, now - self._then) * self._rate)

    def is_full(self, now: float) -> bool:
        """Whether it is full.  A full bucket remembers nothing and may be dropped."""
        return self.get_tokens(now) >= self._capacity
