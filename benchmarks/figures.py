"""A line of the result, and how times become one: interleaved runs, of which the median counts."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

USUAL_NOISE = 0.05
"""Of what was measured once."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line.  ``measured``, ``bound`` and ``target`` are words with units; ``figures`` the bare numbers by
    name, the one that is judged first; ``is_met`` is None for a line that has no target.  ``noise``: by which
    share of itself the judged figure went up and down between runs."""

    work: str
    measured: str
    bound: str = ""
    target: str = ""
    is_met: bool | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    noise: float = USUAL_NOISE

    @property
    def verdict(self) -> str:
        return "" if self.is_met is None else ("met" if self.is_met else "NOT met")


def say(words: str) -> None:
    """What is being done now, for who waits: beside the result, not in it."""
    print(f"  … {words}", file=sys.stderr, flush=True)


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


def list_ratios(times: Mapping[str, Sequence[float]], work: str, bound: str) -> list[float]:
    """Bound / work, run by run: 1 is as fast as the bound, above is faster."""
    return [b / w for w, b in zip(times[work], times[bound], strict=True)]


def compute_median_ratio(times: Mapping[str, Sequence[float]], work: str, bound: str) -> float:
    """The median of these."""
    return median(list_ratios(times, work, bound))


def compute_noise(values: Sequence[float]) -> float:
    """Half of the distance between the quartiles, as a share of the median; never below the usual, as a few
    runs in a row say little about the next hour."""
    if len(values) < 3:
        return USUAL_NOISE
    ordered = sorted(values)
    spread = ordered[-1 - len(ordered) // 4] - ordered[len(ordered) // 4]
    return max(USUAL_NOISE, spread / 2 / median(ordered))
