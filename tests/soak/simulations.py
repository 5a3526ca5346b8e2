"""Fresh seeds for as long as it is told: ``python -m tests.soak.simulations --minutes 60 --seed 1``.

Each seed is three networks.  One is under mixed faults, every second time with legacy nodes among ours, and
every third time with main's own numbers (peers, /16s, weights).  A small one has a single kind of fault, the
kinds in turn: more of that kind than in a mixture, and nothing else that hides what it does.  Another small
one is under a swarm: a few kinds, many at a time.  They are played on all cores, and judged by the oracle
too; the first that breaks is shown with its command.
Exit status 0 when all held.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context
from typing import Final

from hypernode.cli.sim.run import format_failure
from hypernode.sim.faults.plan import EVERY, FaultKind
from hypernode.sim.report import Report
from hypernode.sim.scenario import MIN_MAIN_NODES, Scenario
from tests.simulation.oracle_judge import play_judged

LEAST_SEEDS: Final = 20
"""Played however short the time is."""
KINDS: Final = EVERY
"""Those that are drawn; a giant block does nothing where there are no legacy nodes."""
SMALL_NODES: Final = 7
"""Of the network with one kind: whether a clock is wrong is known by five peers."""
SMALL_CONNECT: Final = 6
SWARM_LEGACY: Final = 2
"""Of the seeds whose mixed network has none."""
SMALL_HOURS: Final = 1.6
LONG_HOURS: Final = {FaultKind.LONG_PARTITION: 3.0, FaultKind.POW_LEAVE: 2.5, FaultKind.POW_VOID: 2.5}
"""A long partition would not fit in less, and lists change with the rounds."""


def main(argv: list[str] | None = None) -> int:
    """Play seed after seed."""
    args = parse_arguments(argv)
    return _play_until(time.monotonic() + 60 * args.minutes, args)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Of the command line; those of a network are for the one under mixed faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.simulations", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="real time (default %(default)g)")
    parser.add_argument("--seed", type=int, default=1, help="the first (default %(default)s)")
    parser.add_argument("--nodes", type=int, default=20, help="hypernodes (default %(default)s)")
    parser.add_argument("--hours", type=float, default=2.0, help="of each seed (default %(default)g)")
    parser.add_argument("--connect", type=int, default=4, help="MAX_CONNECT_TO (default %(default)s)")
    parser.add_argument(
        "--legacy", type=int, default=4, help="legacy nodes in every second seed (default %(default)s)"
    )
    return parser.parse_args(argv)


def make_scenarios(seed: int, args: argparse.Namespace) -> tuple[Scenario, Scenario, Scenario]:
    """The networks of a seed: under mixed faults, with one kind of them, and under a swarm."""
    mixed = Scenario(
        seed,
        args.nodes,
        args.hours,
        kinds=KINDS,
        connect=args.connect,
        legacy=0 if seed % 2 else args.legacy,
        has_main_numbers=seed % 3 == 0 and args.nodes >= MIN_MAIN_NODES,
    )
    kind = KINDS[seed % len(KINDS)]
    hours = LONG_HOURS.get(kind, SMALL_HOURS)
    single = Scenario(seed, SMALL_NODES, hours, kinds=(kind,), connect=SMALL_CONNECT)
    legacy = SWARM_LEGACY if seed % 2 else 0
    swarm = Scenario(
        *(seed, SMALL_NODES, SMALL_HOURS, KINDS), connect=SMALL_CONNECT, legacy=legacy, is_swarm=True
    )
    return mixed, single, swarm


def _play_until(end: float, args: argparse.Namespace) -> int:
    """Exit status.  ``end``: of the process's monotonic clock; whole seeds are played."""
    scenarios = _list_until(end, args)
    played = 0
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: set[Future[Report]] = set()
        while True:
            while len(waiting) < workers and (scenario := next(scenarios, None)) is not None:
                waiting.add(pool.submit(play_judged, scenario))
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for report in (future.result() for future in done):
                played += 1
                print(format_line(report), flush=True)
                if report.failure is not None:
                    print(format_failure(report.scenario, report.failure))
                    pool.shutdown(cancel_futures=True)
                    return 1
    print(f"{played} networks, all held")
    return 0


def _list_until(end: float, args: argparse.Namespace) -> Iterator[Scenario]:
    for seed in count(args.seed):
        if time.monotonic() >= end and seed >= args.seed + LEAST_SEEDS:
            return
        yield from make_scenarios(seed, args)


def format_line(report: Report) -> str:
    """What became of one network."""
    scenario, slowest = report.scenario, max(report.agreed_after_s, default=0.0)
    kinds = "mixed" if len(scenario.kinds) > 1 else scenario.kinds[0].value
    kinds = "swarm" if scenario.is_swarm else kinds
    verdict = report.failure.name if report.failure else "held"
    return (
        f"seed {scenario.seed}, {kinds}: {report.faults.total()} faults,"
        f" {report.filled} of {report.slots} slots,"
        f" agreed after {slowest:.0f} s at most: {verdict}"
    )


if __name__ == "__main__":
    sys.exit(main())
