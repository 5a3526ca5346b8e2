"""How fast a simulated network goes: times real time on one core, and what a large one takes.

Each run has a process of its own, so that the memory is its own.  What counts is processor time: a run is one
thread that never waits, and takes as long on a machine where nothing else runs.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from benchmarks.bounds import Bounds
from benchmarks.figures import Row, say
from hypernode.sim.faults.plan import ALL
from hypernode.sim.play import play
from hypernode.sim.report import Report
from hypernode.sim.scenario import Scenario

TARGET_TIMES: Final = 7.5
"""Times real time, of twenty nodes, for each 1,000 verifications that one core does in a second: 1.6 times
what it was when it was first measured so (70 times at 14,919)."""
TARGET_S: Final = 900.0
TARGET_GB: Final = 4.0
SEED: Final = 1
ENOUGH: Final = "MIN_FORGE_CONSENSUS=0,TESTS_PER_SLOT=50"
"""With these a tenth of the registered fills its slots: they agree, and test enough to have messages."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run took: seconds of one core, real seconds, bytes at most."""

    report: Report
    core_s: float
    real_s: float
    peak_bytes: int

    @property
    def times(self) -> float:
        """Times real time."""
        return self.report.virtual_s / self.core_s

    @property
    def gb(self) -> float:
        return self.peak_bytes / 1e9


async def measure_speed(bounds: Bounds, nodes: int, hours: float) -> list[Row]:
    """Without faults, as main's nodes are connected, and with all kinds of faults."""
    rows = []
    for name, kinds in (("a quiet network", ()), ("a network with all faults", ALL)):
        say(f"simulating {name}")
        before = bounds.measure_one()
        taken = await _take(Scenario(SEED, nodes=nodes, hours=hours, kinds=kinds))
        rate = (before + bounds.measure_one()) / 2
        ratio = taken.times / rate * 1000
        rows.append(
            Row(
                f"{name}, {nodes} nodes, {hours:g} h",
                f"{taken.times:.0f} × real time, {ratio:.1f} for 1,000 verifications a second",
                f"bare verify loop, one core: {rate:,.0f}/s",
                f"≥ {TARGET_TIMES} for 1,000",
                ratio >= TARGET_TIMES,
                {"ratio": ratio, "times": taken.times, "core_s": taken.core_s, "mb": 1000 * taken.gb},
            )
        )
    return rows


async def measure_scale(registered: int, nodes: int, hours: float) -> list[Row]:
    """As main's rules are, by which so few make no block, and tuned so that they do."""
    rows = []
    for name, tuned in (("main's rules", ""), (ENOUGH, ENOUGH)):
        taken = await _take(
            Scenario(SEED, nodes=nodes, registered=registered, hours=hours, kinds=(), tuned=tuned)
        )
        report = taken.report
        rows.append(
            Row(
                f"{nodes:,} of {registered:,} registered run, {hours:g} h, {name}",
                f"{taken.core_s:.0f} s, {taken.gb:.1f} GB, {report.filled} of {report.slots} slots",
                target=f"≤ {TARGET_S / 60:.0f} min, ≤ {TARGET_GB:.0f} GB",
                is_met=taken.core_s <= TARGET_S and taken.gb <= TARGET_GB,
                figures={"core_s": taken.core_s, "real_s": taken.real_s, "gb": taken.gb},
            )
        )
    return rows


async def _take(scenario: Scenario) -> Taken:
    """Raises RuntimeError when an invariant breaks: half a run says nothing."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        taken = await asyncio.get_running_loop().run_in_executor(pool, _play, scenario)
    if taken.report.failure is not None:
        raise RuntimeError(f"{scenario.to_arguments()}: {taken.report.failure}")
    return taken


def _play(scenario: Scenario) -> Taken:
    core, real = time.process_time(), time.perf_counter()
    report = play(scenario)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes where Linux counts KiB
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    return Taken(report, time.process_time() - core, time.perf_counter() - real, peak_bytes)
