"""The benchmarks by name, and how large each is in a full run, with ``--large``, and in the short form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from benchmarks import (
    answering,
    catching_up,
    checking,
    conversing,
    digesting,
    growing,
    pow_ledger,
    pushing,
    registering,
    simulating,
    spreading,
    starting,
    verifying,
)
from benchmarks.bounds import Bounds
from benchmarks.chains import SENDERS, Party
from benchmarks.figures import Row


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything; the fields of a full run are its defaults."""

    senders: int = SENDERS
    verify_messages: int = 1_500
    bound_messages: int = 1_500
    verify_runs: int = 15
    cores_runs: int = 7
    digest_blocks: int = 12
    digest_messages: int = 1_500
    answer_blocks: int = 6
    answer_messages: int = 3_000
    catch_up_blocks: int = 400
    catch_up_messages: int = 200
    catch_up_runs: int = 5
    check_runs: int = 3
    growth_blocks: int = 20_000
    growth_runs: int = 40
    disk_blocks: int = starting.DISK_BLOCKS
    disk_messages: int = starting.DISK_MESSAGES
    start_blocks: int = 20_000
    start_messages: int = 20
    idle_s: float = 5.0
    status_questions: int = 9
    questions: int = 3_000
    sessions: int = 300
    push_peers: int = 40
    push_messages: int = 1_500
    push_runs: int = 9
    spread_nodes: int = 50
    spread_connect: int = 40
    spread_messages: int = 12
    pow_rows: int = 1_000_000
    pow_addresses: int = 100_000
    pow_registrants: int = 500
    registry_rows: int = 4_000
    sim_nodes: int = 20
    sim_hours: float = 0.5
    sim_registered: int = 0
    """Of which ``sim_running`` run for ``sim_long_hours``; 0: not measured."""
    sim_running: int = 100
    sim_long_hours: float = 3.0


FULL: Final = Sizes()
LARGE: Final = Sizes(
    start_blocks=200_000,
    growth_blocks=200_000,
    pow_rows=5_000_000,
    registry_rows=100_000,
    sim_hours=2.0,
    sim_registered=1_000,
)
SHORT: Final = Sizes(
    senders=6,
    verify_messages=30,
    bound_messages=30,
    verify_runs=1,
    cores_runs=1,
    digest_blocks=2,
    digest_messages=12,
    answer_blocks=1,
    answer_messages=12,
    catch_up_blocks=25,
    catch_up_messages=6,
    catch_up_runs=1,
    check_runs=1,
    growth_blocks=40,
    growth_runs=2,
    disk_blocks=10,
    disk_messages=20,
    start_blocks=20,
    start_messages=6,
    idle_s=0.0,
    status_questions=1,
    questions=50,
    sessions=12,
    push_peers=3,
    push_messages=6,
    push_runs=1,
    spread_nodes=4,
    spread_connect=3,
    spread_messages=1,
    pow_rows=4_000,
    pow_addresses=50,
    pow_registrants=5,
    registry_rows=20,
    sim_nodes=4,
    sim_hours=0.05,
    sim_registered=20,
    sim_running=4,
    sim_long_hours=0.05,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every benchmark is given: who signs, how much of everything, and what the processor gives."""

    party: Party
    sizes: Sizes
    bounds: Bounds


async def _verify(bench: Bench) -> list[Row]:
    return verifying.measure_one_core(bench.party, bench.sizes.verify_messages, bench.sizes.verify_runs)


async def _cores(bench: Bench) -> list[Row]:
    return await verifying.measure_cores(bench.party, bench.sizes.verify_messages, bench.sizes.cores_runs)


async def _digest(bench: Bench) -> list[Row]:
    sizes = bench.sizes
    return await digesting.measure(bench.party, bench.bounds, sizes.digest_blocks, sizes.digest_messages)


async def _answer(bench: Bench) -> list[Row]:
    sizes = bench.sizes
    return await answering.measure(bench.party, bench.bounds, sizes.answer_blocks, sizes.answer_messages)


async def _catch_up(bench: Bench) -> list[Row]:
    s = bench.sizes
    shape = (s.catch_up_blocks, s.catch_up_messages, s.catch_up_runs)
    return await catching_up.measure(bench.party, bench.bounds, *shape)


async def _check(bench: Bench) -> list[Row]:
    s = bench.sizes
    return await checking.measure(
        bench.party, bench.bounds, s.catch_up_blocks, s.catch_up_messages, s.check_runs
    )


async def _growth(bench: Bench) -> list[Row]:
    return await growing.measure(bench.party, bench.sizes.growth_blocks, bench.sizes.growth_runs)


async def _disk(bench: Bench) -> list[Row]:
    return await starting.measure_disk(bench.party, bench.sizes.disk_blocks, bench.sizes.disk_messages)


async def _start(bench: Bench) -> list[Row]:
    s = bench.sizes
    return await starting.measure_start(
        bench.party, s.start_blocks, s.start_messages, s.idle_s, s.status_questions
    )


async def _pow(bench: Bench) -> list[Row]:
    sizes = bench.sizes
    shape = pow_ledger.Shape(sizes.pow_rows, sizes.pow_addresses, sizes.pow_registrants)
    return await asyncio.to_thread(pow_ledger.measure, shape)


async def _registry(bench: Bench) -> list[Row]:
    return await asyncio.to_thread(registering.measure, bench.sizes.registry_rows)


async def _converse(bench: Bench) -> list[Row]:
    return await conversing.measure_answers(bench.party, bench.sizes.questions)


async def _sessions(bench: Bench) -> list[Row]:
    return await conversing.measure_sessions(bench.party, bench.sizes.sessions)


async def _push(bench: Bench) -> list[Row]:
    s = bench.sizes
    return await pushing.measure(bench.party, s.push_peers, s.push_messages, s.push_runs)


async def _spread(bench: Bench) -> list[Row]:
    s = bench.sizes
    return await asyncio.to_thread(spreading.measure, s.spread_nodes, s.spread_connect, s.spread_messages)


async def _simulate(bench: Bench) -> list[Row]:
    return await simulating.measure_speed(bench.bounds, bench.sizes.sim_nodes, bench.sizes.sim_hours)


async def _scale(bench: Bench) -> list[Row]:
    s = bench.sizes
    if not s.sim_registered:
        return []
    return await simulating.measure_scale(s.sim_registered, s.sim_running, s.sim_long_hours)


Measure: TypeAlias = Callable[[Bench], Coroutine[Any, Any, list[Row]]]

BENCHMARKS: Final[Mapping[str, tuple[str, Measure]]] = {
    "verify": ("messages decoded and verified on one core", _verify),
    "cores": ("the same on one core and on all", _cores),
    "digest": ("pushed blocks judged and stored", _digest),
    "answer": ("what a peer waits while blocks are judged", _answer),
    "catch-up": ("a chain fetched, verified and stored", _catch_up),
    "check": ("a chain checked, imported and packed", _check),
    "converse": ("questions and answers on one session", _converse),
    "sessions": ("memory of sessions", _sessions),
    "start": ("the daemon started, asked for its status, and left idle", _start),
    "disk": ("bytes of a message on disk", _disk),
    "growth": ("what a long chain costs against a short one", _growth),
    "push": ("a block pushed to peers", _push),
    "spread": ("a message on its way into all mempools, simulated", _spread),
    "pow": ("lists out of the companion's ledger", _pow),
    "registry": ("lists out of hostile registrations", _registry),
    "simulate": ("a simulated network", _simulate),
    "scale": ("a large simulated network, with --large only", _scale),
}
"""By name: what it does, for who waits, and the work."""
