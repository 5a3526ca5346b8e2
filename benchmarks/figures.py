"""A line of the result, and how times become one: interleaved runs, of which the median counts."""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One line.  ``measured``, ``bound`` and ``target`` are words with units; ``figures`` the bare numbers by
    name; ``is_met`` is None for a line that has no target."""

    work: str
    measured: str
    bound: str = ""
    target: str = ""
    is_met: bool | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return "" if self.is_met is None else ("met" if self.is_met else "NOT met")


def time_call(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that one call takes, without a collection of garbage in between."""
    gc.collect()
    gc.disable()
    try:
        start = clock()
        work()
        return clock() - start
    finally:
        gc.enable()


def time_thread(work: Callable[[], object]) -> float:
    """Seconds of one core that one call in this thread takes: what else runs is not counted."""
    return time_call(work, time.thread_time)


async def time_await(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds until the work is done, the collector running as it does in a node."""
    gc.collect()
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


def interleave(works: Mapping[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """Each work in turn, ``runs`` times over: whatever else the machine does, all of them feel it."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(work())
    return times


def compute_medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in times.items()}


def compute_median_ratio(times: Mapping[str, list[float]], work: str, bound: str) -> float:
    """Median of bound / work, run by run: 1 is as fast as the bound, above is faster."""
    return median(b / w for w, b in zip(times[work], times[bound], strict=True))
