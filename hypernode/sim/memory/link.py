"""The link between two hosts: how long bytes take, and what may happen to them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

_DRAW_BITS: Final = 53
PACKET_BYTES: Final = 1_460
"""What TCP puts into one on an Ethernet."""
RETRY_S: Final = 0.2
"""After this, doubled each time, TCP sends again what was lost."""
MAX_RETRIES: Final = 8
"""Nearly a minute; what is still missing then comes with the last one."""
MAX_TAIL_S: Final = 30.0
"""A route that hangs for longer is a stream that breaks."""


_OTHER_VALUES: Final = 255
"""That a byte may have."""
HARM_S: Final = 0.1
"""What is held up for longer counts as harmed."""


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """What links are drawn from.  A link's latency is fixed between the bounds; each chunk adds up to
    ``jitter_s`` (what comes too early waits for what was sent before it).  Chances are per chunk written, or
    per packet where said."""

    min_latency_s: float = 0.005
    max_latency_s: float = 0.080
    jitter_s: float = 0.005
    bytes_per_s: float | None = None
    """None: as fast as need be."""
    tail_s: float = 0.0
    """Median of what each chunk takes longer by a heavy tail: one in ten over 9 times that, one in a hundred
    over 99 times (Pareto of shape 1, from zero), ``MAX_TAIL_S`` at most."""
    reset_chance: float = 0.0
    stall_chance: float = 0.0
    """The stream is half open from then on: nothing arrives any more, and nobody is told."""
    loss_chance: float = 0.0
    """Per packet.  A stream hides it: what was lost is sent again, and all that follows waits for it."""
    double_chance: float = 0.0
    """Per packet.  A stream drops what comes twice: it costs bandwidth."""
    corrupt_chance: float = 0.0
    """Per chunk: one of its bytes is another one, which no checksum of the network shows."""


class Fate(Enum):
    """What becomes of a chunk."""

    ARRIVES = "arrives"
    RESETS = "resets"
    STALLS = "stalls"


class Link:
    """One direction between two hosts.  Its draws depend on the seed and its ends alone."""

    def __init__(self, seed: int, source: str, target: str, quality: LinkQuality) -> None:
        self._random = Random(f"{seed}:{source}>{target}")
        self.quality = quality
        """May be replaced; the latency stays."""
        span = quality.max_latency_s - quality.min_latency_s
        self._latency_s = quality.min_latency_s + span * self._draw()
        self.extra_s = 0.0
        """What is added to the latency while the link is slow."""
        self.harmed = 0
        """How often something on it was stopped, lost, or held up by what is wrong with it."""
        self._free_at = 0.0
        """When what was written so far has left, on links of a given bandwidth."""

    def compute_arrival(self, now: float, size: int) -> float:
        """When ``size`` bytes that are written now arrive."""
        left = now
        if self.quality.bytes_per_s is not None:
            left = max(now, self._free_at) + size * self._draw_copies() / self.quality.bytes_per_s
            self._free_at = left
            self.harmed += left - now > HARM_S
        left += self._draw_retries(size)
        self.harmed += self.extra_s > HARM_S
        arrived = left + self._latency_s + self.extra_s + self.quality.jitter_s * self._draw()
        return arrived + self._draw_tail()

    def draw_loss(self) -> bool:
        """Whether one packet is lost."""
        is_lost = self.quality.loss_chance > 0.0 and self._draw() < self.quality.loss_chance
        self.harmed += is_lost
        return is_lost

    def corrupt(self, chunk: bytes) -> bytes:
        """What becomes of a chunk; nothing is drawn on a link that spoils none."""
        if not self.quality.corrupt_chance or self._draw() >= self.quality.corrupt_chance:
            return chunk
        self.harmed += 1
        place = int(self._draw() * len(chunk))
        other = chunk[place] ^ (1 + int(self._draw() * _OTHER_VALUES))
        return chunk[:place] + bytes([other]) + chunk[place + 1 :]

    def _draw_tail(self) -> float:
        """Seconds; nothing is drawn on a link without.  Of shape 1, as a division is the same everywhere."""
        if not self.quality.tail_s:
            return 0.0
        drawn = self._draw()
        tail_s = min(MAX_TAIL_S, self.quality.tail_s * drawn / (1 - drawn))
        self.harmed += tail_s > HARM_S
        return tail_s

    def _draw_copies(self) -> int:
        return 2 if self.quality.double_chance and self._draw() < self.quality.double_chance else 1

    def _draw_retries(self, size: int) -> float:
        """How long it takes until no packet of so many bytes is missing."""
        missing, waited, retry_s = max(1, -(-size // PACKET_BYTES)), 0.0, RETRY_S
        for _ in range(MAX_RETRIES if self.quality.loss_chance else 0):
            missing = sum(self.draw_loss() for _ in range(missing))
            if not missing:
                break
            waited += retry_s
            retry_s *= 2
        return waited

    def draw_fate(self) -> Fate:
        """What becomes of the next chunk; nothing is drawn on a link without faults."""
        resets, stalls = self.quality.reset_chance, self.quality.stall_chance
        if resets + stalls == 0.0:
            return Fate.ARRIVES
        drawn = self._draw()
        if drawn < resets:
            return Fate.RESETS
        return Fate.STALLS if drawn < resets + stalls else Fate.ARRIVES

    def _draw(self) -> float:
        """From 0 to below 1."""
        return self._random.getrandbits(_DRAW_BITS) / (1 << _DRAW_BITS)
