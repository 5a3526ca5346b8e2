"""What the processor gives right now: libsecp256k1's bare verify loop on one core, and on all of them at
once.

Every speed with a target is held against one of these, taken right before and right after it.  The loops run
in processes of their own, one per core, that are started once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import mean

from benchmarks.chains import ORIGIN, make_messages, make_party

MESSAGES = 1_500
"""A turn of the loop: 40 to 100 ms."""


@dataclass(slots=True)
class Bounds:
    """``one`` and ``all`` are verifications a second: what was measured, latest last."""

    loops: list[Connection]
    messages: int
    one: list[float]
    all: list[float]

    @property
    def cores(self) -> int:
        return len(self.loops)

    def measure_one(self) -> float:
        """On one core, in time of its process: what else runs is not counted."""
        [(_, core_s)] = self._run(self.loops[:1])
        self.one.append(self.messages / core_s)
        return self.one[-1]

    def measure_all(self) -> float:
        """On all cores at once, in real time: what else runs takes from it, as it does from what is
        measured."""
        start = time.perf_counter()
        self._run(self.loops)
        self.all.append(self.messages * self.cores / (time.perf_counter() - start))
        return self.all[-1]

    def _run(self, loops: list[Connection]) -> list[tuple[float, float]]:
        for loop in loops:
            loop.send(True)
        return [loop.recv() for loop in loops]

    def mean_all(self, *measured: float) -> float:
        """That of now, and those before."""
        return mean((*measured, self.measure_all()))


@contextmanager
def open_bounds(senders: int, messages: int = MESSAGES) -> Iterator[Bounds]:
    """The loops, while the block lasts."""
    context = get_context("spawn")
    pairs = [context.Pipe() for _ in range(count_cores())]
    processes = [
        context.Process(target=_loop, args=(theirs, senders, messages), daemon=True) for _, theirs in pairs
    ]
    for process in processes:
        process.start()
    try:
        for ours, theirs in pairs:
            theirs.close()
            ours.recv()
        yield Bounds([ours for ours, _ in pairs], messages, [], [])
    finally:
        for ours, _ in pairs:
            ours.close()
        for process in processes:
            process.join()


def count_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _loop(connection: Connection, senders: int, messages: int) -> None:
    """One core's: seconds, real ones and its own, for each word that comes."""
    from benchmarks.verifying import BareLoop

    bare = BareLoop(make_messages(make_party(senders), messages, ORIGIN + 100_000))
    connection.send(True)
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        real, core = time.perf_counter(), time.process_time()
        bare.run()
        connection.send((time.perf_counter() - real, time.process_time() - core))
