"""Log lines about what peers do wrong: few enough to read, however much there is (spec 6, logging).

A peer is spoken of once a minute, all of them so many times a minute.  The next line says how many there
were that had none.  Time is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hypernode.net.token_bucket import TokenBucket

INTERVAL_S: Final = 60.0
"""Between two lines about one peer."""
LINES: Final = 10
"""At once, and then a minute: a page an hour would hide what else happens."""
MAX_PEERS: Final = 1_000
"""Peers remembered; the one spoken of longest ago gives way."""


@dataclass(slots=True)
class PeerLogLimiter:
    """Speaks with ``log``; ``monotonic`` gives the time in seconds."""

    log: Callable[[str], None]
    monotonic: Callable[[], float]
    total: int = 0
    _silent: int = 0
    _spoken_at: dict[str, float] = field(default_factory=dict)
    _budget: TokenBucket = field(init=False)

    def __post_init__(self) -> None:
        self._budget = TokenBucket(LINES, LINES / INTERVAL_S, self.monotonic())

    def note(self, peer: str, text: str) -> None:
        """``peer`` (an IP) did something; ``text`` says what."""
        now = self.monotonic()
        self.total += 1
        if now - self._spoken_at.get(peer, -INTERVAL_S) < INTERVAL_S or self._budget.get_tokens(now) < 1:
            self._silent += 1
            return
        self._budget.take(1, now)
        self._spoken_at.pop(peer, None)
        if len(self._spoken_at) >= MAX_PEERS:
            self._spoken_at.pop(next(iter(self._spoken_at)))
        self._spoken_at[peer] = now
        more = f" ({self._silent} more offences since the last line)" if self._silent else ""
        self._silent = 0
        self.log(f"{text}{more}")
