"""Fresh seeds for as long as it is told: ``python -m tests.soak.simulations --minutes 60 --seed 1``.

Each seed is a network under mixed faults, on every core, every second one with legacy nodes among ours; the
first that breaks is shown with its command.
Exit status 0 when all held.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context
from typing import Final

from hypernode.cli.sim import format_failure
from hypernode.sim.scenario import Report, Scenario, play

LEAST_SEEDS: Final = 30
"""Played however short the time is."""


def main(argv: list[str] | None = None) -> int:
    """Play seed after seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.simulations", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="real time (default %(default)g)")
    parser.add_argument("--seed", type=int, default=1, help="the first (default %(default)s)")
    parser.add_argument("--nodes", type=int, default=20, help="hypernodes (default %(default)s)")
    parser.add_argument("--hours", type=float, default=2.0, help="of each seed (default %(default)g)")
    parser.add_argument("--connect", type=int, default=4, help="MAX_CONNECT_TO (default %(default)s)")
    parser.add_argument(
        "--legacy", type=int, default=4, help="legacy nodes in every second seed (default %(default)s)"
    )
    args = parser.parse_args(argv)
    end = time.monotonic() + 60 * args.minutes
    seeds = count(args.seed)
    played = 0
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: set[Future[Report]] = set()
        while True:
            while len(waiting) < workers and (time.monotonic() < end or played + len(waiting) < LEAST_SEEDS):
                seed = next(seeds)
                legacy = 0 if seed % 2 else args.legacy
                scenario = Scenario(seed, args.nodes, args.hours, connect=args.connect, legacy=legacy)
                waiting.add(pool.submit(play, scenario))
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for report in (future.result() for future in done):
                played += 1
                print(_format_line(report), flush=True)
                if report.failure is not None:
                    print(format_failure(report.scenario, report.failure))
                    pool.shutdown(cancel_futures=True)
                    return 1
    print(f"{played} seeds, all held")
    return 0


def _format_line(report: Report) -> str:
    slowest = max(report.agreed_after_s, default=0.0)
    verdict = report.failure.name if report.failure else "held"
    return (
        f"seed {report.scenario.seed}: {report.faults.total()} faults,"
        f" {report.filled} of {report.slots} slots,"
        f" agreed after {slowest:.0f} s at most: {verdict}"
    )


if __name__ == "__main__":
    sys.exit(main())
