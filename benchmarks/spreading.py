"""Messages put into single nodes of a simulated network: in how many exchanges all mempools have them.

The time is virtual: this figure follows from its seed, whatever else the machine does.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from benchmarks.figures import Row
from hypernode.sim.mempool_spread import measure_spread

LATENCY_S: Final = 0.1
SEED: Final = 1
TARGET_EXCHANGES: Final = 2.0


def measure(nodes: int, connect: int, messages: int) -> list[Row]:
    """``messages`` of as many nodes, each of which dials ``connect`` others."""
    spread = measure_spread(nodes, connect, messages, seed=SEED, latency_s=LATENCY_S)
    slowest, usual = max(spread.seconds), median(spread.seconds)
    return [
        Row(
            f"message of one in all {nodes} mempools, {connect} connections, links of 100 ms, simulated",
            f"{usual:.1f} s, the slowest of {messages} {slowest:.1f} s: {spread.exchanges:.2f} exchanges",
            f"an exchange every {spread.exchange_s:.0f} s",
            f"≤ {TARGET_EXCHANGES:.0f} exchanges",
            spread.exchanges <= TARGET_EXCHANGES,
            {"median_s": usual, "slowest_s": slowest, "exchanges": spread.exchanges},
        )
    ]
