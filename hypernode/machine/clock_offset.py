"""How far our clock is from the peers' clocks (spec 6, time): slots depend on it.

Every type-0 test that we run tells a peer's clock.  The offset is the median over the last hour's
tellings, one per peer (its latest), of at least five feature peers; one liar moves it little.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Final

from hypernode.core.rules import UNCHECKED, Unchecked

SPAN_S: Final = 3_600.0
MIN_PEERS: Final = 5
WARN_S: Final = 1.0
"""Over this the operator is told to look at NTP."""
NTP_REMEDY: Final = "slots depend on the clock: run an NTP service (chrony, systemd-timesyncd)"


@dataclass(slots=True)
class ClockOffsets:
    """The offsets that peers' answers showed, by peer.  Times are monotonic seconds."""

    _told: dict[str, tuple[float, float]] = field(default_factory=dict)

    def note(self, peer: str, offset_s: float, now: float) -> None:
        """A peer's offset.  ``offset_s``: the peer's clock less ours, with half a round trip taken off."""
        self._told[peer] = (now, offset_s)

    def shift(self, step_s: float) -> None:
        """Our clock was set forward by so many seconds (below 0: back): every noted offset changes by as
        much."""
        self._told = {peer: (at, offset - step_s) for peer, (at, offset) in self._told.items()}

    def get_offset(self, now: float) -> float | Unchecked:
        """How far *our* clock is ahead (below 0: behind), in seconds; UNCHECKED while too few peers
        told."""
        self._told = {peer: reported for peer, reported in self._told.items() if now - reported[0] <= SPAN_S}
        if len(self._told) < MIN_PEERS:
            return UNCHECKED
        return -median(offset for _, offset in self._told.values())


def compute_offset(told_ms: int, now: float, rtt_s: float) -> float:
    """A peer's clock less ours from its answer to a ping test: milliseconds modulo 2^32, received at
    ``now`` (unix s) after ``rtt_s``; the shorter way around."""
    apart = (told_ms - int((now - rtt_s / 2) * 1000)) % (1 << 32)
    return (apart if apart < 1 << 31 else apart - (1 << 32)) / 1000
