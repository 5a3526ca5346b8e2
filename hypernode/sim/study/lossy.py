"""Links that lose packets, as streams show it: what is lost is sent again later, and what is behind it waits.

TCP hides loss, doubling and reordering from whoever reads.  What is left is time: a lost packet is sent again
after a time-out that doubles with each loss, and the stream stands still until it is there.  The first packet
of a connection waits a second for the first repetition (Linux), so that a dial with a time-out of its own may
fail.
"""

from __future__ import annotations

from random import Random
from typing import Final

from hypernode.sim.link import Link, LinkQuality
from hypernode.sim.network import MemoryNetwork

PACKET_BYTES: Final = 1_448
"""Payload of a packet on Ethernet."""
RETRY_S: Final = 0.2
"""Linux repeats no sooner; a round trip is added."""
DIAL_RETRY_S: Final = 1.0
MAX_RETRIES: Final = 15
"""Linux gives up then, some 15 minutes later; all time-outs of a node are shorter."""
_DRAW_BITS: Final = 53


class LossyLink(Link):
    """A link that loses the part ``loss`` of its packets."""

    def __init__(self, seed: int, source: str, target: str, quality: LinkQuality, loss: float) -> None:
        super().__init__(seed, source, target, quality)
        self._loss = loss
        self._losses = Random(f"{seed}:loss {source}>{target}")

    def compute_arrival(self, now: float, size: int) -> float:
        arrival = super().compute_arrival(now, size)
        retry_s = RETRY_S + 2 * (arrival - now) if size else DIAL_RETRY_S
        left = max(1, -(-size // PACKET_BYTES))
        for _ in range(MAX_RETRIES):
            left = sum(self._is_lost() for _ in range(left))
            if not left:
                break
            arrival += retry_s
            retry_s *= 2
        return arrival

    def _is_lost(self) -> bool:
        return self._losses.getrandbits(_DRAW_BITS) / (1 << _DRAW_BITS) < self._loss


class LossyNetwork(MemoryNetwork):
    """A network whose links all lose the same part of their packets; 0: none."""

    def __init__(self, seed: int, loss: float) -> None:
        super().__init__(seed)
        self._loss = loss

    def _get_link(self, source: str, target: str) -> Link:
        link = self._links.get((source, target))
        if link is None and self._loss:
            link = LossyLink(self._seed, source, target, self.quality, self._loss)
            self._links[source, target] = link
        return link or super()._get_link(source, target)
