"""How long a message takes through a network's connections, and what it costs (spec 6, mempool).

The two ends of a connection exchange what is new for them once in every interval, at a moment of its own.  So
the earliest arrival everywhere is a shortest path whose edges open at known times.  A message crosses each
connection once: at the first exchange after either end has it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from hypernode.sim.connectivity import Link

Exits = dict[int, list[tuple[int, float]]]
"""By hypernode: who is at the other end of each connection, and the connection's phase."""


def find_exits(links: Sequence[Link]) -> Exits:
    """The connections by each of their ends."""
    exits: Exits = {}
    for link in links:
        exits.setdefault(link.dialler, []).append((link.peer, link.phase))
        exits.setdefault(link.peer, []).append((link.dialler, link.phase))
    return exits


def compute_arrivals(exits: Exits, origin: int, interval_s: float, latency_s: float) -> dict[int, float]:
    """Seconds after a message was made at ``origin`` until each hypernode has it; those that it never reaches
    are not in it."""
    arrivals: dict[int, float] = {}
    ahead = [(0.0, origin)]
    while ahead:
        now, number = heapq.heappop(ahead)
        if number in arrivals:
            continue
        arrivals[number] = now
        for peer, phase in exits.get(number, ()):
            if peer not in arrivals:
                heapq.heappush(ahead, (_next_exchange(now, phase, interval_s) + latency_s, peer))
    return arrivals


def _next_exchange(now: float, phase: float, interval_s: float) -> float:
    """The first exchange at ``now`` or later: one is at ``phase`` of each interval."""
    return (math.ceil(now / interval_s - phase) + phase) * interval_s
